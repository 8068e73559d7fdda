"""Labels are cut in the middle, and stay different from one another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.cards.other_run import cut_runs
from dashboard.cut import SHORTEST, cut
from dashboard.figures.sheet import cleaned, wide

# Few characters, so that beginnings and ends are often the same; some from right to left.
NAMES = st.lists(st.text("aAb…1 \u202e\u05d0\u6f22<&", max_size=40), max_size=12)


@given(NAMES, st.integers(0, 30))
def test_different_names_stay_different(names, longest):
    shown = cut(names, longest)
    assert len(shown) == len(names)
    assert len(set(shown)) == len(set(names))


@given(NAMES, st.integers(SHORTEST, 30))
def test_what_fits_is_left_alone_unless_it_would_be_taken_for_another(names, longest):
    for name, label in zip(names, cut(names, longest), strict=True):
        assert label == name or "…" in label
        if len(name) <= longest:
            assert label == name


@given(st.text(min_size=1, max_size=60), st.integers(SHORTEST, 30))
def test_one_name_is_as_short_as_asked(name, longest):
    (label,) = cut([name], longest)
    assert len(label) <= longest
    if label != name:
        assert name.startswith(label[: label.index("…")])


def test_ensembl_ids_of_one_family():
    ids = [f"ENSG000002847{j}.15" for j in range(10, 30)]
    assert len(set(cut(ids, 13))) == 20
    assert max(map(len, cut(ids, 13))) <= 17


def test_runs_keep_the_beginnings_that_tell_them_apart() -> None:
    whole = "odd2 · lnm k3"
    two = "condition ill · unstimulated odd2 · lnm k3"
    names = [whole, "other than drug 2 and 3 · odd · lnmvcp k3", two, f"{two} (2)"]
    first, other, *alike = cut_runs(names)
    assert (first, other) == (whole, "other than drug 2 and 3 · odd…")
    assert alike[0].startswith("condition ill")
    assert alike[0].endswith("lnm k3")
    assert alike[1].endswith("(2)")


@given(NAMES)
def test_runs_stay_different(names: list[str]) -> None:
    assert len(set(cut_runs(names))) == len(set(names))


@given(st.lists(st.text("ab1 \t…", max_size=20), max_size=6))
def test_names_in_figures_stay_different(names):
    names_shown = cleaned(names, 6.0)
    # A tab is written as a space is, between letters.
    assert len(set(names_shown)) >= len({name.replace("\t", " ") for name in names})


@pytest.mark.parametrize("name", ["ENSG00000284770.15_PAR_Y_and_more", "x" * 200])
def test_a_name_in_a_figure_keeps_its_end(name):
    (label,) = cleaned([name], 20)
    assert wide(label) <= 20
    assert "…" in label
    assert name.endswith(label[label.index("…") + 1 :])
    assert name.startswith(label[: label.index("…")])
