from __future__ import annotations

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dashboard.cards.colouring import MOST_CACHED, colouring
from dashboard.plots.colours import colour_labels, colour_numbers
from dashboard.plots.style import CATEGORICAL, MISSING
from dashboard.state import CAPTURE, FACTOR, LABEL, TOTAL_COUNTS
from engine import summaries
from tests.dashboard.synthetic import make_fit


class TestLabels:
    def test_a_label_keeps_its_colour_when_others_are_absent(self) -> None:
        categories = ["a", "b", "c"]
        whole = colour_labels(pd.Series(pd.Categorical(["a", "b", "c"], categories)), "x")
        part = colour_labels(pd.Series(pd.Categorical(["c", "c"], categories)), "x")
        assert part.colours()[0] == whole.colours()[2] == CATEGORICAL[2]
        assert part.labels == (("c", CATEGORICAL[2], 2),)

    def test_missing_labels_are_named_and_counted(self) -> None:
        shown = colour_labels(pd.Series(["a", None, "a"]), "x")
        assert list(shown.words()) == ["a", "missing", "a"]
        assert shown.labels[-1] == ("missing", MISSING, 1)
        assert shown.colours()[1] == MISSING
        assert shown.counts(np.array([False, True, True])) == [1, 1]

    def test_no_label_is_grey_nor_goes_under_on_either_page(self) -> None:
        """Else its cells look like those without a label, or like unselected ones."""
        assert len(set(CATEGORICAL)) == len(CATEGORICAL) > 100
        for colour in CATEGORICAL:
            red, green, blue = (int(colour[j : j + 2], 16) for j in (1, 3, 5))
            assert max(red, green, blue) - min(red, green, blue) > 40, colour
            assert 50 < (red + 2 * green + blue) / 4 < 225, colour

    @pytest.mark.parametrize("kind", [float, object])
    def test_a_column_without_any_value_has_no_scale(self, kind: type) -> None:
        fit = make_fit(cells=3, genes=8)
        fit.obs["empty"] = np.full(3, np.nan).astype(kind)
        shown = colouring(fit, f"{LABEL}empty", 0)
        assert shown.limits is None
        assert shown.labels == (("missing", MISSING, 3),)
        assert set(shown.words()) == {"missing"}
        assert set(shown.colours()) == {MISSING}

    def test_more_labels_than_colours(self) -> None:
        shown = colour_labels(pd.Series([f"l{j:03}" for j in range(300)]), "x")
        assert len(shown.labels) == 300
        assert shown.words()[299] == "l299"

    def test_some_of_the_cells_keep_their_colours(self) -> None:
        shown = colour_labels(pd.Series(["a", "b", None, "b"]), "x")
        part = shown.take(np.array([3, 2]))
        assert list(part.colours()) == [CATEGORICAL[1], MISSING]
        assert part.labels == (("b", CATEGORICAL[1], 1), ("missing", MISSING, 1))


class TestNumbers:
    def test_diverging_is_symmetric_about_its_centre(self) -> None:
        values = np.linspace(-1, 3, 401)
        for centre, place in ((0.0, 100), (2.0, 300)):
            shown = colour_numbers(values, "x", diverging=True, centre=centre)
            low, high = shown.limits or (0, 0)
            assert low + high == pytest.approx(2 * centre)
            assert shown.colours()[place] == shown.palette[round((len(shown.palette) - 1) / 2)]

    def test_outliers_and_missing_values_do_not_spoil_the_scale(self) -> None:
        values = np.r_[np.linspace(0, 1, 1000), 1e9, np.nan]
        shown = colour_numbers(values, "x")
        assert (shown.limits or (0, 0))[1] < 2
        assert shown.colours()[-2] == shown.palette[-1]
        assert shown.colours()[-1] == MISSING
        assert shown.words()[-1] == "missing"

    @pytest.mark.parametrize("values", [np.array([np.nan, 1.0]), np.full(5, 2.0)])
    def test_degenerate_values(self, values: np.ndarray) -> None:
        shown = colour_numbers(values, "x")
        low, high = shown.limits or (0, 0)
        assert low < high
        assert len(shown.colours()) == len(values)

    @pytest.mark.parametrize("diverging", [True, False])
    @pytest.mark.parametrize("values", [np.zeros(0), np.full(3, np.nan), np.full(3, np.inf)])
    def test_without_any_value_there_is_no_scale(self, values: np.ndarray, diverging: bool) -> None:
        shown = colour_numbers(values, "x", diverging=diverging)
        assert shown.limits is None
        assert shown.labels == ((("missing", MISSING, 3),) if len(values) else ())
        assert shown.rgb().shape == (len(values), 3)

    def test_bytes_and_texts_are_the_same_colours(self) -> None:
        shown = colour_numbers(np.array([0.0, 0.3, np.nan, 1.0]), "x")
        index = np.array([3, 2, 0])
        as_text = ["#{:02x}{:02x}{:02x}".format(*rgb) for rgb in shown.rgb(index)]
        assert as_text == [colour.lower() for colour in shown.colours(index)]
        assert list(shown.words(index)) == ["1", "missing", "0"]
        part = shown.take(index)
        assert part.limits == shown.limits
        assert list(part.colours()) == list(shown.colours(index))


class TestColouring:
    @pytest.mark.parametrize(
        "key",
        [FACTOR, TOTAL_COUNTS, CAPTURE, f"{LABEL}cell_type", "clr:GENE3", "counts:GENE3", "gone"],
    )
    def test_every_colour_covers_every_cell(self, key: str) -> None:
        assert len(colouring(make_fit(cells=40), key, 0).colours()) == 40

    def test_numbers_are_not_labels_but_booleans_are(self) -> None:
        fit = make_fit(cells=40)
        fit.obs["depth"] = np.arange(40.0)
        fit.obs["doublet"] = np.arange(40) % 2 == 0
        assert colouring(fit, f"{LABEL}depth", 0).limits is not None
        assert [name for name, _, _ in colouring(fit, f"{LABEL}doublet", 0).labels] == [
            "False",
            "True",
        ]

    def test_a_gene_is_shown_about_its_mean_or_as_counts(self) -> None:
        fit = make_fit(cells=40)
        clr = summaries.cell_clr(fit, ["GENE3"]).to_numpy()[:, 0]
        shown = colouring(fit, "clr:GENE3", 0)
        np.testing.assert_array_equal(shown.values, clr)
        assert shown.title.startswith("GENE3 CLR (nats")
        assert sum(shown.limits or ()) / 2 == pytest.approx(clr.mean(), rel=1e-5)
        counts = np.zeros((40, 61))
        counts[:, 3] = np.arange(40)
        shown = colouring(fit, "counts:GENE3", 0, sparse.csc_matrix(counts))
        np.testing.assert_allclose(shown.values, np.log10(1 + np.arange(40)))
        assert "GENE3 counts" in shown.title

    def test_counts_that_come_later_are_shown(self) -> None:
        fit = make_fit(cells=40)
        assert "factor" in colouring(fit, "counts:GENE3", 0).title
        assert "counts" in colouring(fit, "counts:GENE3", 0, sparse.csc_matrix((40, 61))).title

    def test_the_last_few_are_kept_as_long_as_their_fit(self) -> None:
        fit = make_fit(cells=40)
        first = colouring(fit, FACTOR, 0)
        assert colouring(fit, FACTOR, 0) is first
        for factor in range(1, 5):
            colouring(fit, FACTOR, factor)
        colouring(fit, CAPTURE, 0)
        assert colouring(fit, FACTOR, 0) is first
        for j in range(MOST_CACHED):
            colouring(fit, f"clr:GENE{j}", 0)
        assert colouring(fit, FACTOR, 0) is not first
        assert colouring(make_fit(cells=40), FACTOR, 0) is not colouring(fit, FACTOR, 0)
        freed = weakref.ref(colouring(fit, FACTOR, 0))
        del fit, first
        gc.collect()
        assert freed() is None
