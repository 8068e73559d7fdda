"""Fits that a disk or an interrupted copy has damaged: refused in words, and never shown."""

from __future__ import annotations

import os
import resource
import signal
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy import sparse

from engine.errors import EngineError, FitError
from engine.files import probing, walking
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
        attributes = dict(file.pop(name).attrs)
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


@pytest.mark.parametrize("name", ["obs/log_marginal", "obs/total_counts"])
def test_an_outline_of_numbers_that_are_none(saved: Path, name: str) -> None:
    spoil(saved, name, np.nan)
    with pytest.raises(FitError, match="finite numbers"):
        outline(saved)


def test_an_outline_whose_names_are_not_distinct(saved: Path) -> None:
    with h5py.File(saved, "r+") as file:
        repeated(file)
    with pytest.raises(FitError, match="a name of its own for each of the genes"):
        outline(saved)


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


@pytest.mark.parametrize("wrong", ['{"a": 1}', "NaN", '"x"', "true"])
def test_totals_of_impossible_values(saved: Path, wrong: str) -> None:
    change(saved, "uns/logratio/totals", f'{{"mean": {wrong}, "concentration": 3.0}}')
    with pytest.raises(FitError, match="numbers for the totals of cells"):
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


def deep(file: h5py.File) -> None:
    place = file["uns/logratio"]
    for _ in range(2000):
        place = place.create_group("g")


def bomb(file: h5py.File) -> None:
    """A chunk of a thousand numbers that unpacks to a gigabyte and more."""
    attributes = dict(file["obsm/X_lnm"].attrs)
    del file["obsm/X_lnm"]
    made = file.create_dataset("obsm/X_lnm", (1000,), "f8", chunks=(1000,), compression="gzip")
    packer = zlib.compressobj(9)
    piece = packer.compress(bytes(2**22)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(2**22)) + packer.flush(zlib.Z_FULL_FLUSH)
    made.id.write_direct_chunk((0,), piece + again * 300)
    made.attrs.update(attributes)


def claimed(file: h5py.File) -> None:
    """One long text that thousands of names are said to be."""
    kind = h5py.string_dtype()
    file.create_dataset("obs/long", (200_000,), dtype=kind, fillvalue=b"x" * 10_000)
    file["obs/long"].attrs.update(file["obs/_index"].attrs)
    file["obs"].attrs["column-order"] = [*file["obs"].attrs["column-order"], "long"]


def repeated(file: h5py.File) -> None:
    file["var/_index"][1] = file["var/_index"][0]


def foreign_draws(file: h5py.File) -> None:
    file["uns/logratio/draws/more"] = np.array([b"text"])


def test_a_hole_lets_a_file_hold_no_more(saved: Path) -> None:
    with h5py.File(saved, "r+") as file:
        file.create_dataset("uns/more", (60_000_000,), "f8", chunks=(10**6,))
    os.truncate(saved, 2**32)
    with pytest.raises(FitError, match=r"0\.5 GB of them in a file of 0"):
        load(saved)


@pytest.mark.parametrize(
    "damage",
    [external, encoded, nested, huge, deep, bomb, claimed, repeated, foreign_draws],
    ids=lambda f: f.__name__,
)
def test_structures_that_are_none(saved: Path, damage: Callable[[h5py.File], None]) -> None:
    saved.with_name("neighbour.h5ad").write_bytes(saved.read_bytes())
    with h5py.File(saved, "r+") as file:
        damage(file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FitError) as caught:
        load(saved)
    # Nothing of it was unpacked here.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    assert all((caught.value.expected, caught.value.got, caught.value.remedy))


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "fit.h5ad")
    for read in (load, outline, load_counts):
        with pytest.raises(FitError, match="which is no file"):
            read(tmp_path / "fit.h5ad")


@pytest.mark.parametrize(
    ("ending", "said"),
    [("os.kill(os.getpid(), 11)", probing.CRASHED), ("time.sleep(60)", probing.LATE)],
)
def test_files_that_crash_or_hang_the_library(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, said: str
) -> None:
    """It is a helper that they end; the next file is read by another, and they are not again."""
    script = tmp_path / "helper.py"
    script.write_text(
        "import os, signal, sys, time\nsys.stdin.readline()\n"
        "print('begun', flush=True)\n"
        f"signal.setitimer(signal.ITIMER_REAL, 0.05)\n{ending}\n"
    )
    for other in probing._idle:
        other.end()
    probing._idle.clear()
    os.utime(saved, (1, 1))
    with monkeypatch.context() as patch:
        patch.setattr(walking, "__file__", str(script))
        with pytest.raises(FitError, match=said):
            load(saved)
    for read in (load, outline, load_counts):
        with pytest.raises(FitError, match=said):
            read(saved)
    os.utime(saved, (2, 2))
    assert load(saved).n_factors == 2


def test_a_helper_that_ended_for_want_of_work_is_replaced(saved: Path) -> None:
    os.utime(saved, (3, 3))
    load(saved)
    (idle,) = probing._idle
    os.kill(idle._process.pid, signal.SIGALRM)
    idle._process.wait()
    os.utime(saved, (4, 4))
    assert load(saved).n_factors == 2


def test_what_was_written_here_is_not_read_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*asked: object) -> str:
        raise AssertionError(asked)

    monkeypatch.setattr(probing, "_find_problem", refuse)
    path = make_fit(CELLS, GENES, 2).save(tmp_path / "fit.h5ad")
    assert load(path).n_factors == 2
    os.utime(path, (1, 1))
    with pytest.raises(FitError):
        load(path)


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
