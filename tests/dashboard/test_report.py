from __future__ import annotations

import io
import re
import shlex
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboard.export import Export
from dashboard.report import Subject, document, report_tables, write_bundle
from dashboard.report.figures import Figure, as_they_stand, complete
from dashboard.report.inline import inline_svg
from dashboard.state import AppState
from engine import coefficients
from engine.checks import ResidualStructure, with_structure
from engine.data import DataRequest
from engine.fitting.estimates import Estimates
from engine.jobs import JobStatus
from engine.lnm.config import LNMConfig
from engine.lnm.design import Design
from engine.results import AnyFit
from engine.shell import common
from tests.dashboard.synthetic import at_bound, make_fit, make_topic_fit
from tests.engine.shell.typed import values

EVIL = "<img src=x onerror=alert(1)>&\"'"
SCORE = {"perplexity": 123.5, "n_cells": 33, "standard_error": 0.5, "coherence": None}
NO_MISFIT = "No misfit that is both significant and large."
NOT_CHECKED = "The fit was not checked against replicates drawn from it."
CHECKED = {"mode": "map", "n_draws": 20, "misfits": {"mean": 7}, "findings": [f"Bad {EVIL}"]}


def evil(fit: AnyFit) -> AnyFit:
    """A fit in which every name from a person or a file looks like markup."""
    obs = pd.DataFrame({EVIL: np.where(np.arange(len(fit.cells)) % 2, EVIL, "b")}, fit.cells)
    genes = pd.Index([f"{EVIL}{j}" for j in range(len(fit.genes) - 1)] + [fit.genes[-1]])
    names = tuple(f"{EVIL}{j}" for j in range(fit.n_factors))
    report = {"genes_reason": EVIL, "warnings": [EVIL], "cells_found": 400, "genes_found": 70}
    data = {"name": EVIL, "source": f"/{EVIL}.h5ad", "layer": EVIL, "report": report}
    return replace(fit, obs=obs, genes=genes, names=names, data=data)


def status(**changes: Any) -> JobStatus:
    made: dict[str, Any] = {"id": "1", "name": EVIL, "kind": "fit", "state": "done", "created": 0.0}
    return JobStatus(**made | {"score": SCORE} | changes)


class Read(HTMLParser):
    """Parts of a report as a browser parses it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, name: str) -> list[str]:
        return [value for known, value in self.attributes if known == name]

    @property
    def text(self) -> str:
        return "\n".join(self.words)


@pytest.fixture(scope="module", params=["lnmvcp", "lda"])
def subject(request: Any) -> Subject:
    fit = make_topic_fit(60, 24, 3) if request.param == "lda" else make_fit(60, 24, 3)
    return Subject.of(evil(fit), status(), check=CHECKED)


@pytest.fixture(scope="module")
def written(subject: Subject) -> str:
    return document(subject, complete(subject.fit, {})).decode("utf-8")


@pytest.fixture(scope="module")
def read(written: str) -> Read:
    return Read(written)


class TestDocument:
    @pytest.mark.slow
    def test_names_are_never_markup(self, read: Read) -> None:
        assert "img" not in read.tags
        assert "script" not in read.tags
        assert not [name for name, _ in read.attributes if name.startswith("on")]
        assert read.text.count(EVIL) > 20

    def test_refers_to_nothing_outside(self, written: str, read: Read) -> None:
        assert "://" not in written
        linked = [*read.of("src"), *read.of("href"), *read.of("xlink:href")]
        linked += re.findall(r"url\(([^)]*)\)", written)
        assert linked
        assert all(re.match(r"#|data:image/png;base64,", link) for link in linked)
        assert "default-src 'none'" in read.of("content")[0]

    def test_ids_are_unique_and_all_that_are_used_are_there(self, written: str, read: Read) -> None:
        ids = read.of("id")
        assert len(set(ids)) == len(ids)
        used = re.findall(r"url\(#([^)]*)\)", written)
        used += [link[1:] for link in read.of("href") if link.startswith("#")]
        assert set(used) <= set(ids)

    def test_figures_stand_in_the_page(self, read: Read, subject: Subject) -> None:
        wanted = {"Cells", "Gene correlations", "Objective"} if not subject.is_topics else set()
        wanted |= {"Topics", "Topic map", "Structure"} if subject.is_topics else {"Loadings"}
        assert wanted <= set(read.of("aria-label"))
        assert read.tags.count("svg") == read.tags.count("figure") >= 4

    def test_everything_known_is_told(self, read: Read, subject: Subject) -> None:
        assert subject.methods.partition("\n\n")[0] in read.text
        assert str(subject.command) in read.text
        assert "123.5" in read.text
        assert f"Bad {EVIL}" in read.text
        assert "7 genes" in read.text
        assert f"Warning: {EVIL}" in read.text
        assert f"{EVIL}2" in read.text
        assert "not converged" not in read.text

    def test_what_is_not_known_is_left_out(self) -> None:
        subject = Subject.of(make_fit(cells=20, state="stopped"))
        read = Read(document(subject, []).decode())
        assert "This fit has not converged: synthetic." in read.text
        assert "Held-out cells" not in read.words
        assert NOT_CHECKED in read.words
        assert "does not tell which file" in read.text

    def test_a_warning_of_the_approximation_comes_before_what_was_found(self) -> None:
        warning = f"Laplace should not be trusted {EVIL}"
        check = CHECKED | {"misfits": {}, "findings": [], "laplace": warning}
        fit = make_fit(cells=20)
        read = Read(document(Subject.of(fit, check=check), []).decode())
        # Its first occurrence is the link to the section.
        positions = [at for at, words in enumerate(read.words) if words == "Predictive check"]
        assert read.words[positions[1] + 1] == warning
        assert NO_MISFIT in read.words
        assert "warning" in read.of("class")
        assert "img" not in read.tags
        sure = Read(document(Subject.of(fit, check=check | {"laplace": None}), []).decode())
        assert "warning" not in sure.of("class")

    def test_labels_that_explain_and_genes_at_the_limit_are_told_if_there_are_any(self) -> None:
        fit = at_bound(make_fit(cells=60, genes=20), "GENE4")
        rng = np.random.default_rng(0)
        plain = replace(fit, scores=rng.normal(size=fit.scores.shape), noise=0.5 * (fit.noise > 0))
        for shown, known in ((fit, True), (plain, False)):
            text = Read(document(Subject.of(shown, status()), []).decode()).text
            assert ("% cell_type" in text) is known
            assert ("the factor may be that rather than biology" in text) is known
            assert ("1 of 20 genes has the largest residual variance" in text) is known

    def test_a_figure_that_fails_costs_no_other(self, subject: Subject) -> None:
        def fail() -> Any:
            raise ValueError(EVIL)

        bad = Figure("Bad", "", Export("bad", fail, fail))
        good = complete(subject.fit, {})[0]
        heard: list[str] = []
        read = Read(document(subject, [bad, good], heard.append).decode())
        assert f"could not be drawn (ValueError: {EVIL})" in read.text
        assert "Cells" in read.of("aria-label")
        assert heard[-1] == "Drawing 2 of 2: Cells"


def test_points_of_many_cells_are_an_image() -> None:
    fit = make_fit(cells=60_000)
    subject = Subject.of(fit)
    svg = inline_svg(complete(fit, {})[0].export, subject.provenance, "a", "Cells")
    assert svg.count("data:image/png;base64,") == 1
    assert len(svg) < 2_000_000


class TestSubject:
    def test_what_was_asked_for_makes_the_command(self) -> None:
        config = LNMConfig(capture=True, n_factors=5, capture_sd=0.25)
        request = DataRequest("demo", genes=50)
        run = status(request=request.to_dict(), holdout=0.2)
        subject = Subject.of(replace(make_fit(cells=20), config=config), run)
        assert subject.request_known
        words = shlex.split(str(subject.command))
        options = values(words[3:])
        assert common.configuration(options) == config
        assert (common.request(options), options["holdout"]) == (request, 0.2)
        moved = Subject.of(make_fit(cells=20), run, source="demo2")
        assert moved.request is not None
        assert moved.request.source.endswith("demo2")


class TestAsTheyStand:
    def test_views_of_another_fit_and_of_other_data_stay_away(self, state: AppState) -> None:
        fit, other = make_fit(cells=20), make_fit(cells=20)
        state.show_fit(fit)
        offers = {
            "cells": Export("cells", list, list, of=fit),
            "structure": Export("structure", list, list, of=other),
            "anything": Export("anything", list, list),
            "histograms": Export("histograms", list, list),
            "nothing": None,
        }
        state.exports.update({name: lambda own=own: own for name, own in offers.items()})
        assert list(as_they_stand(state)) == ["cells", "anything"]
        state.status = SimpleNamespace(request=DataRequest("demo").to_dict())
        state.loaded = DataRequest("demo")
        assert set(as_they_stand(state)) == {"cells", "anything", "histograms"}

    def test_what_is_shown_comes_before_what_is_made_up(self) -> None:
        fit = make_topic_fit(cells=20)
        names = {"extra": "", "histograms": "Total counts and detected genes", "cells": "Cells"}
        shown = {name: Export(name, list, list, title=own) for name, own in names.items()}
        titles = [figure.title for figure in complete(fit, shown)]
        assert titles == [
            "Total counts and detected genes",
            "Cells",
            "Gene correlations",
            "Topics",
            "Topic map",
            "Structure",
            "Extra",
        ]
        assert complete(fit, shown)[1].export is shown["cells"]


def test_what_factors_miss_is_told_in_the_zip(tmp_path: Path) -> None:
    structure = ResidualStructure(3, 60, 9.0, 1.0, 0.1, ("GENE1", "GENE2"), ())
    subject = Subject.of(with_structure(make_fit(cells=60), structure))
    write_bundle(tmp_path / "all.zip", subject, [])
    with zipfile.ZipFile(tmp_path / "all.zip") as file:
        assert "Take more factors." in file.read("README.txt").decode()
        methods = file.read("methods.txt").decode()
    assert "Genes vary together beyond the 3 factors: most of all GENE1, GENE2. " in methods
    assert "Take more" not in methods


def test_the_zip_says_what_each_file_is(subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "figures.zip"
    write_bundle(path, subject, complete(subject.fit, {})[:1])
    with zipfile.ZipFile(path) as file:
        names = [name for name in file.namelist() if name != "README.txt"]
        listed = file.read("README.txt").decode().splitlines()
        assert [name for name in names if name not in listed] == []
        assert all(listed[listed.index(name) + 1].strip() for name in names)
        assert file.read("figures/01_cells.svg").startswith(b"<?xml")
        assert file.read("figures/01_cells.pdf").startswith(b"%PDF")
        kind = subject.kind
        genes = pd.read_csv(io.BytesIO(file.read(f"tables/genes_by_{kind}.csv")), index_col="gene")
        cells = pd.read_csv(io.BytesIO(file.read("tables/cells.csv")), index_col="cell")
        assert file.read("methods.txt").decode() == subject.methods
        assert file.read("command.txt").decode().strip() == str(subject.command)
        assert file.read("genes.txt").decode().splitlines() == list(subject.fit.genes[:-1])
    assert list(genes.columns)[: subject.fit.n_factors] == subject.fit.factor_names
    assert len(cells) == len(subject.fit.cells)
    np.testing.assert_allclose(cells["total_counts"], subject.fit.total_counts)


def test_tables_have_the_effects_of_covariates() -> None:
    plain = make_fit(cells=40)
    design = Design.of("~ cell_type", plain.obs)
    effects = np.zeros((len(plain.genes), 2))
    effects[3] = 2.0
    error = np.full(len(plain.genes), 0.1)
    estimates = tuple(Estimates(column, error, np.inf) for column in effects.T)
    fit = plain.changed(design=design, effects=effects, coefficients=estimates, units=("cell",) * 2)
    _, table = report_tables.files(Subject.of(fit, status()))["coefficients"]
    pd.testing.assert_frame_equal(table, coefficients(fit).set_index(["column", "gene"]))
    assert list(table.index[0]) == ["cell_type[T cell]", "GENE3"]
    assert "coefficients" not in report_tables.files(Subject.of(plain, status()))


@pytest.mark.parametrize(("changes", "sign"), [({}, ""), ({"is_bound": True}, "≥ ")])
def test_a_bound_is_told_from_a_marginal(changes: dict[str, Any], sign: str) -> None:
    score = SCORE | {"log_marginal_per_cell": -1234.5} | changes
    rows = dict(report_tables.score(Subject.of(make_fit(cells=20), replace(status(), score=score))))
    assert rows["Log marginal likelihood, nats per cell"] == f"{sign}−1,234.5"
