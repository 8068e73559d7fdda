from __future__ import annotations

import pytest

from engine import LNMConfig
from engine.errors import ConfigError
from engine.lnm.formula import Term, taken_for_granted, terms_of

KNOWN = {"batch", "cell type", "age", "donor", "condition", "n.genes", "__class__"}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("~ batch", ["batch"]),
        ("batch", ["batch"]),
        ("~1+batch+batch", ["batch"]),
        ("~ cell type + n.genes", ["cell type", "n.genes"]),
        ("~ batch + age + batch : age", ["batch", "age", "batch:age"]),
        ("~ (1 | donor)", ["(1 | donor)"]),
        ("~ age+(1|cell type)", ["age", "(1 | cell type)"]),
        ("~ (condition | donor)", ["(1 | donor)", "(condition | donor)"]),
        ("~ (1 + condition | donor)", ["(1 | donor)", "(condition | donor)"]),
        ("~ (0 + condition + age | donor)", ["(condition | donor)", "(age | donor)"]),
        ("~ (batch:age | donor)", ["(1 | donor)", "(batch:age | donor)"]),
        # A name is a name, whatever it is elsewhere.
        ("~ __class__", ["__class__"]),
    ],
)
def test_terms(formula: str, expected: list[str]) -> None:
    assert [str(term) for term in terms_of(formula, KNOWN)] == expected


def test_names_may_have_blanks_and_parentheses() -> None:
    known = {"age (years)", "RIN > 7", "T/NK", "1"}
    assert terms_of("~ age (years) + RIN > 7 + T/NK + (1 | 1)", known)[0] == Term(("age (years)",))


def test_0_and_1_are_never_columns() -> None:
    known = {"1", "0", "batch", "donor"}
    assert terms_of("~ 1 + batch", known) == (Term(("batch",)),)
    for formula in ("~ 1 + batch", "~ batch+1", "~ batch + (1 | donor)", "~ (1 + batch | donor)"):
        assert "1 in the formula is the intercept" in taken_for_granted(formula, known)[0]
        assert not taken_for_granted(formula, known - {"1"})
    for formula in ("~ batch + (1 | 1)", "~ batch", "~ day 1 + batch"):
        assert bool(taken_for_granted(formula, known)) == ("(1 |" in formula)
    for formula in ("~ 0 + batch", "~ batch + 1:batch", "~ (0:batch | donor)"):
        with pytest.raises(ConfigError, match="other names than 0 and 1"):
            terms_of(formula, known)


def test_a_term() -> None:
    assert terms_of("~ batch:age", KNOWN) == (Term(("batch", "age")),)
    assert terms_of("~ (0 + age | donor)", KNOWN) == (Term(("age",), "donor"),)


@pytest.mark.parametrize(
    "formula",
    [
        "",
        "~",
        "~ 1",
        "~ 0",
        "~ batch +",
        "~ + batch",
        "~ batch:",
        "~ batch:batch",
        "~ batch * age",
        "~ batch - 1",
        "~ batch / age",
        "~ age**2",
        "y ~ batch",
        "~ ~ batch",
        "~ no such",
        "~ np.log(age)",
        "~ C(batch)",
        "~ log(age)",
        "~ bs(age, df=3)",
        "~ I(age + 1)",
        "~ {age + 1}",
        "~ `batch`",
        "~ Q('batch')",
        "~ __import__('os').system('true')",
        "~ batch.__class__",
        "~ [x for x in ().__class__.__bases__]",
        "~ batch; import os",
        "~ batch\n+ __import__('os')",
        "~ lambda: 1",
        "~ (batch)",
        "~ (batch + age)",
        "~ ((1 | donor))",
        "~ (1 | donor",
        "~ 1 | donor)",
        "~ (1 | )",
        "~ ( | donor)",
        "~ (0 | donor)",
        "~ (0 + 1 + age | donor)",
        "~ (1 | donor:batch)",
        "~ (1 | donor | batch)",
        "~ (1 || donor)",
        "~ (donor | donor)",
        "~ (__import__('os') | donor)",
        "~ (1 | __import__('os'))",
        "~ (0)",
        "~ (1 | donor) + (0)",
        "~ (1 | donor) + |0|",
        "~ " + "batch + " * 200_000 + "batch",
        "(" * 10_000,
        "~ " + "(1 | donor) + " * 1000,
        "~ bat\0ch",
        "~ ｂatch",
    ],
)
def test_all_else_is_refused(formula: str) -> None:
    with pytest.raises(ConfigError) as caught:
        terms_of(formula, KNOWN)
    # Nor does the message repeat all of it.
    assert len(str(caught.value)) < 1000


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        terms_of("~ batch + sex", {"batch", "age"})
    assert caught.value.got == "'sex'"
    assert "age, batch" in caught.value.expected
    with pytest.raises(ConfigError, match="c19, … and 5 more; found"):
        terms_of("~ sex", {f"c{j:02}" for j in range(25)})


@pytest.mark.parametrize("formula", ["", "~", "  ", 3, True])
def test_a_formula_is_text(formula: object) -> None:
    with pytest.raises(ConfigError):
        LNMConfig(n_factors=2, formula=formula)  # type: ignore[arg-type]
