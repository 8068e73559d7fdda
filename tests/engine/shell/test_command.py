from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

import numpy as np
import pytest

from engine import checks
from engine.data import DataRequest
from engine.errors import ConfigError, DataError
from engine.lda.config import LDAConfig
from engine.lnm.config import LNMConfig
from engine.registry import Config
from engine.shell import common
from engine.shell.command import Command, fit_command, holdout_of, request_of
from tests.dashboard.synthetic import make_counts, make_fit, make_topic_fit
from tests.engine.shell.typed import values

PLAIN = DataRequest("demo")


def parsed(command: Command) -> tuple[Config, DataRequest, float]:
    """What a shell would make of the printed command."""
    words = shlex.split(str(command))
    assert words[:3] == ["python", "-m", "engine"]
    options = values(words[3:])
    return common.configuration(options), common.request(options), options["holdout"]


@pytest.mark.parametrize(
    "config",
    [
        LNMConfig(),
        LNMConfig(n_factors=3, seed=9),
        LNMConfig(capture=True, capture_prior="population", molecules=6e4, capture_sd=0.25),
        LNMConfig(loadings_scale=0.3, noise_location=-2.5, noise_scale=0.1, block_cells=100),
        LNMConfig(d_mode="low_rank", precision="float64", max_seconds=5, max_passes=9),
        LNMConfig(inference="vae", refine=False, hidden=32, schedule="constant", max_epochs=4),
        LNMConfig(learning_rate=0.01, tolerance=1e-5, warm_up=0.0, validation=0.1, dropout=0.2),
        LNMConfig(molecules=6e4, max_epochs=4, n_draws=99),
        LNMConfig(inference="vae", max_passes=9),
        LDAConfig(),
        LDAConfig(max_epochs=4),
        LDAConfig(n_topics=3, topic_prior=0.1, feature_prior=(0.1, 0.2, 1e-3), n_starts=1),
        LDAConfig(inference="vae", learning_rate=0.03, batch_cells=8, seed=2**32 - 1),
    ],
)
def test_the_printed_command_gives_the_configuration_back(config: Config) -> None:
    again, request, holdout = parsed(fit_command(config, PLAIN))
    assert again == config
    assert (request, holdout) == (PLAIN, 0.0)


@pytest.mark.parametrize(
    "request_",
    [
        DataRequest("/tmp/a b/'counts'.h5ad"),
        DataRequest("demo", layer="-odd", genes="all", reference="--set", library_size="n counts"),
        DataRequest("demo", genes=500),
        DataRequest("demo", gene_names="feature name"),
        DataRequest("demo", gene_names="index"),
        DataRequest("geo", sample="-A b", genome="mm10", feature_type="Antibody Capture"),
        DataRequest("t.csv", layer="spliced + unspliced", cells_in="rows", round=True),
        DataRequest("demo", genes=("CD3E", "LYZ")),
        DataRequest("demo", genes=("-A", "B C", "$(ls)")),
        DataRequest("demo", genes=("all",)),
        DataRequest("demo", genes=("17",)),
        DataRequest("demo", genes=("a,b", "c/d")),
        DataRequest("demo", genes=tuple(f"GENE{j}" for j in range(900))),
    ],
)
def test_the_printed_command_gives_the_data_back(
    request_: DataRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = fit_command(LNMConfig(), request_, holdout=0.1)
    for name, text in command.files.items():
        (tmp_path / name).write_text(text, "utf-8")
    assert parsed(command)[1:] == (request_, 0.1)


def test_some_cells_are_named_in_a_file_that_reads_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts, path = make_counts(), tmp_path / "cells.txt"
    command = fit_command(LNMConfig(), PLAIN, cells=counts.cells[[7, 3]])
    assert command.arguments[-4:-2] == ("--cells", "cells.txt")
    path.write_text(command.files["cells.txt"], "utf-8")
    names = common.names_in(path, "cell names")
    found, subset = common.cells_named(counts, names, path.name)
    assert list(found.cells) == ["cell3", "cell7"]
    assert (subset["cells"], subset["of"]) == (2, counts.n_cells)
    told = f"Fitting 2 of {counts.n_cells} cells, those named in cells.txt."
    assert capsys.readouterr().err == f"{told}\n"
    # a mark of the encoding, as spreadsheets write it, is no part of a name
    path.write_text("cell3\ncell7\ncell3\n", "utf-8-sig")
    names = common.names_in(path, "cell names")
    assert common.cells_named(counts, names, path.name)[1]["cells"] == 2
    assert capsys.readouterr().err == f"{told} Names that it repeats were left out: 1.\n"
    with pytest.raises(DataError, match="1 of 2 that are none, the first 'nobody'"):
        common.cells_named(counts, ("cell3", "nobody"), path.name)
    path.write_text("\n \n", "utf-8")
    with pytest.raises(ConfigError, match="cell names"):
        common.names_in(path, "cell names")


def test_only_what_differs_is_printed() -> None:
    assert str(fit_command(LNMConfig(), PLAIN)) == (
        "python -m engine fit demo --model lnm --factors auto --out fit.h5ad"
    )


def test_settings_by_name_are_checked() -> None:
    options = values(["fit", "demo", "--out", "x", "--set", "wings=2"])
    with pytest.raises(ConfigError, match="wings"):
        common.configuration(options)


def test_a_fit_tells_how_to_read_its_counts_again() -> None:
    data = {"name": "x", "source": "/data/x.h5ad", "layer": "raw"}
    fit = dataclasses.replace(make_fit(), data=data)
    request = request_of(fit)
    assert request is not None
    assert (request.source, request.layer, request.reference) == ("/data/x.h5ad", "raw", None)
    assert request.genes == tuple(fit.genes[:-1])
    moved = request_of(dataclasses.replace(fit, reference=3), "/elsewhere.h5ad")
    assert moved is not None
    assert (moved.source, moved.reference) == ("/elsewhere.h5ad", "GENE3")
    for lost in ({}, {"source": "memory", "layer": "X"}):
        assert request_of(dataclasses.replace(make_topic_fit(), data=lost)) is None


def test_the_share_that_was_set_aside_is_found_again() -> None:
    counts = make_counts()
    for share in (0.1, 0.25, 1 / 3):
        left, aside = checks.set_aside(counts, share, 0)
        report = {"cells_found": counts.n_cells, "n_dropped_cells": 0}
        fit = dataclasses.replace(make_fit(cells=left.n_cells), data={"report": report})
        found = holdout_of(fit)
        assert checks.set_aside(counts, found, 0)[1].n_cells == aside.n_cells
        np.testing.assert_array_equal(checks.set_aside(counts, found, 0)[0].cells, left.cells)
    assert holdout_of(make_fit()) == 0.0
