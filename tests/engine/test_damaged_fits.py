"""Fits that a disk or an interrupted copy has damaged: refused in words, and never shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy import sparse

from engine.errors import EngineError, FitError
from engine.results import load, load_counts, outline
from tests.conftest import ROOT
from tests.dashboard.synthetic import make_fit, make_topic_fit

CASES = ROOT.parent / "shared" / "cases" / "damaged"
CELLS, GENES = 12, 8


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(2.0, (CELLS, GENES)), dtype="f4")
    return make_fit(CELLS, GENES, 2).save(tmp_path / "fit.h5ad", counts=counts)


@pytest.fixture
def topics(tmp_path: Path) -> Path:
    return make_topic_fit(CELLS, GENES, 3).save(tmp_path / "topics.h5ad")


def change(path: Path, name: str, values: Any) -> None:
    """Put other values in place of an array."""
    with h5py.File(path, "r+") as file:
        attributes = dict(file[name].attrs)
        del file[name]
        file[name] = values
        file[name].attrs.update(attributes)


def spoil(path: Path, name: str, value: float) -> None:
    with h5py.File(path, "r+") as file:
        array = file[name][:]
        array.reshape(-1)[1] = value
        file[name][...] = array


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name",
    [
        "var/lnm_mean_clr",
        "var/lnm_noise",
        "varm/lnm_loadings",
        "obsm/X_lnm",
        "obsm/X_lnm_sd",
        "obs/log_marginal",
        "obs/total_counts",
        "obs/capture_efficiency",
    ],
)
def test_numbers_that_are_none(saved: Path, name: str, value: float) -> None:
    load(saved)
    spoil(saved, name, value)
    with pytest.raises(FitError, match=r"finite numbers .*in \w+; found 1 others"):
        load(saved)


@pytest.mark.parametrize("name", ["varm/lda_topics", "obsm/X_lda", "obs/log_bound"])
def test_numbers_of_topics_that_are_none(topics: Path, name: str) -> None:
    load(topics)
    spoil(topics, name, np.nan)
    with pytest.raises(FitError, match=r"finite numbers .*in \w+; found 1 others"):
        load(topics)


@pytest.mark.parametrize("name", ["var/lnm_noise", "obsm/X_lnm_sd", "obs/total_counts"])
def test_numbers_below_zero(saved: Path, name: str) -> None:
    spoil(saved, name, -1.0)
    with pytest.raises(FitError, match="of at least 0"):
        load(saved)


@pytest.mark.parametrize(
    ("name", "shape"), [("varm/lnm_loadings", (GENES, 3)), ("obsm/X_lnm", (CELLS, 1))]
)
def test_shapes_that_disagree(saved: Path, name: str, shape: tuple[int, int]) -> None:
    change(saved, name, np.zeros(shape))
    with pytest.raises(FitError, match="as names and factors say"):
        load(saved)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("state", '"gone"'), ("passes", "-3"), ("seconds", "NaN"), ("passes", '"x"')],
)
def test_a_status_of_impossible_values(saved: Path, field: str, wrong: str) -> None:
    with h5py.File(saved, "r+") as file:
        text = file["uns/logratio/status"][()].decode()
    head, _, rest = text.partition(f'"{field}": ')
    cut = min(place for place in (rest.find(", "), rest.find("}")) if place >= 0)
    change(saved, "uns/logratio/status", f'{head}"{field}": {wrong}{rest[cut:]}')
    with pytest.raises(FitError, match="a status with a state"):
        load(saved)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("X/indptr", np.r_[0, 2**31 - 1, np.zeros(CELLS - 1)].astype(np.int32)),
        ("X/indptr", np.r_[np.arange(CELLS), 2**30].astype(np.int32)),
        ("X/indices", np.full(1, 2**31 - 1, np.int32)),
        ("X/indices", np.full(1, -1, np.int32)),
    ],
)
def test_counts_whose_indices_lead_outside(saved: Path, name: str, values: np.ndarray) -> None:
    assert load_counts(saved) is not None
    with h5py.File(saved) as file:
        values = np.resize(values, len(file[name]))
    change(saved, name, values)
    with pytest.raises(FitError, match="do not fit together"):
        load_counts(saved)


def external(file: h5py.File) -> None:
    del file["obs/log_marginal"]
    file["obs/log_marginal"] = h5py.ExternalLink("neighbour.h5ad", "/obs/log_marginal")


def encoded(file: h5py.File) -> None:
    file["var/lnm_noise"].attrs["encoding-type"] = "a foreign one"


def nested(file: h5py.File) -> None:
    file["uns/logratio/encoder/again"] = file["uns"]


def huge(file: h5py.File) -> None:
    del file["obsm/X_lnm"]
    file.create_dataset("obsm/X_lnm", (2**40, 2), dtype="f4", chunks=(1024, 2))


@pytest.mark.parametrize("damage", [external, encoded, nested, huge], ids=lambda f: f.__name__)
def test_structures_that_are_none(saved: Path, damage: Callable[[h5py.File], None]) -> None:
    saved.with_name("neighbour.h5ad").write_bytes(saved.read_bytes())
    with h5py.File(saved, "r+") as file:
        damage(file)
    with pytest.raises(FitError) as caught:
        load(saved)
    for part in (caught.value.expected, caught.value.got, caught.value.remedy):
        assert part


@pytest.mark.parametrize("path", sorted(CASES.glob("fit_*")), ids=lambda path: path.stem)
def test_cases_of_damaged_fits(path: Path) -> None:
    """Each is refused by at least one of the readers, and ends none of them otherwise."""
    refused = 0
    for read in (load, outline, load_counts):
        try:
            read(path)
        except EngineError:
            refused += 1
    assert refused
