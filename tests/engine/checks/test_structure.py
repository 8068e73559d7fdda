"""What genes share beyond the factors of a fit, on counts whose factors are known."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import engine
from engine import checks
from engine.checks.structure_finding import ResidualStructure
from engine.data import Counts, simulate, true_clr_correlation
from engine.errors import ConfigError, DataError
from engine.results import Fit

pytestmark = pytest.mark.fit

NOTHING = ResidualStructure(2, 300, 0.9, 0.9, 0.04, ("A",), ())


def drawn() -> ad.AnnData:
    return simulate("lnm", cells=300, genes=60, factors=2, seed=0, counts_per_gene=5.0)


@pytest.fixture(scope="module")
def counts() -> Counts:
    return engine.read_counts(drawn(), genes="all")


@pytest.fixture(scope="module")
def fit(counts: Counts) -> Fit:
    return engine.fit(counts, engine.LNMConfig(n_factors=2))


def test_nothing_is_found_beyond_the_right_factors(fit: Fit, counts: Counts) -> None:
    found = checks.residual_structure(fit, counts)
    assert not found.significant
    assert found.words == ""
    assert not found.nothing
    assert not found.pairs
    assert (found.n_cells, found.n_factors) == (300, 2)
    assert found.expected == pytest.approx(1, abs=0.3)
    assert found.missed < 0.05


@pytest.fixture(scope="module")
def independent() -> tuple[Fit, Counts]:
    """Genes that have nothing to do with each other, and a fit that gives them factors."""
    rng = np.random.default_rng(5)
    rates = rng.gamma(2.0, rng.lognormal(0, 1, 60) / 2.0, (300, 60))
    data = drawn()
    data.X = rng.poisson(rates).astype(np.float32)
    counts = engine.read_counts(data, genes="all")
    return engine.fit(counts, engine.LNMConfig(n_factors=2)), counts


def test_there_may_be_nothing_to_find(independent: tuple[Fit, Counts]) -> None:
    found = checks.residual_structure(*independent)
    assert found.nothing
    assert not found.significant
    assert found.words.startswith("There is nothing to find")


def test_nothing_to_find_is_found_among_the_most_frequent_genes(
    independent: tuple[Fit, Counts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Genes chosen by factors of noise follow the noise that made the factors."""
    monkeypatch.setattr("engine.checks.beyond_factors._MOST_GENES", 20)
    assert checks.residual_structure(*independent).nothing


def test_a_factor_that_is_left_out_is_found(fit: Fit, counts: Counts) -> None:
    """Its genes are among those with the largest loadings on it, those opposed on its other end."""
    without = replace(fit, loadings=fit.loadings * [1, 0])
    found = checks.residual_structure(without, counts)
    assert found.significant
    assert found.largest > found.expected + 20 * found.spread
    lost = pd.Series(fit.loadings[:, 1], fit.genes)
    named = lost[[*found.genes, *found.opposed]]
    assert (named.abs() > lost.abs().median()).all()
    one, other = named[list(found.genes)], named[list(found.opposed)]
    assert (np.sign(one) == np.sign(one.iloc[0])).all()
    assert (np.sign(other) == -np.sign(one.iloc[0])).all()
    assert "Take more factors" in found.words
    assert found.words.startswith("Genes vary together beyond the 2 factors: most of all")


def test_errors_contain_what_a_factor_that_is_left_out_held(counts: Counts) -> None:
    """As large as what it held; intervals without it hold half of the true correlations."""
    fit = engine.fit(counts, engine.LNMConfig(n_factors=1))
    with pytest.warns(UserWarning, match="their errors contain how large it is"):
        told = checks.uncertainty(fit, counts)
    assert told.structure is not None
    genes = np.flatnonzero(fit.is_gene)
    names, upper = fit.genes[genes], np.triu_indices(len(genes), 1)
    true = true_clr_correlation(drawn()).loc[names, names].to_numpy()[upper]
    own = told.estimates(genes)
    away = own.correlation[upper] - true
    assert told.structure.missed == pytest.approx(np.sqrt((away**2).mean()), rel=0.3)

    def share(kept: checks.Uncertainty) -> float:
        found = kept.estimates(genes)
        inside = (found.low[upper] <= true) & (true <= found.high[upper])
        return float(inside.mean())

    assert share(told) > 0.85
    assert share(replace(told, structure=None)) < 0.6
    with pytest.warns(UserWarning, match="their errors contain how large it is"):
        refits = checks.bootstrap(fit, counts, n_boot=4)
    assert refits.structure == told.structure
    assert share(refits) > 0.85
    given_all = told.correlation(genes)
    low, high = given_all.shrunken_low[upper], given_all.shrunken_high[upper]
    assert ((low <= true) & (true <= high)).mean() > 0.75
    wrong = np.sign(own.correlation[upper]) * true <= 0
    assert given_all.lfsr[upper].mean() == pytest.approx(wrong.mean(), abs=0.1)
    claimed = given_all.fsos[upper] < 0.05
    assert claimed.any()
    assert (wrong | (np.abs(true) < 0.1))[claimed].mean() < 0.02


def test_without_residuals_nothing_is_claimed(counts: Counts) -> None:
    """What a gene has by itself is taken for factors, whatever their number."""
    fit = engine.fit(counts, engine.LNMConfig(n_factors=1, d_mode="low_rank"))
    with pytest.warns(UserWarning, match="no correlation is claimed. Learn d"):
        told = checks.uncertainty(fit, counts)
    assert told.structure is not None
    assert told.structure.rigid
    claimed = told.correlation(np.arange(10)).fsos[~np.eye(10, dtype=bool)]
    assert (claimed == 1).all()
    without = replace(told, structure=None).correlation(np.arange(10)).fsos
    assert (without < 0.05).any()


def test_a_label_that_explains_it_is_named(fit: Fit) -> None:
    """A batch that lowers ten genes, of which the fit knows nothing."""
    data, rng = drawn(), np.random.default_rng(0)
    batch = np.arange(300) % 2 == 1
    matrix = sparse.csr_matrix(data.X).toarray().astype(int)
    lowered = np.ix_(batch, np.arange(10))
    matrix[lowered] = rng.binomial(matrix[lowered], 0.15)
    data.X = matrix.astype(np.float32)
    labels = {"batch": batch.astype(str), "other": rng.choice(["x", "y"], 300)}
    labelled = replace(fit, obs=pd.DataFrame(labels, index=fit.cells))
    found = checks.residual_structure(labelled, engine.read_counts(data, genes="all"))
    assert found.significant
    assert found.label == "batch"
    assert found.share > 0.5
    assert "% is batch. If that is technical" in found.words


def test_the_same_seed_finds_the_same(fit: Fit, counts: Counts) -> None:
    one, same, other = (checks.residual_structure(fit, counts, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_a_pair_that_factors_take_for_noise_is_named(fit: Fit) -> None:
    """One gene is a noisy copy of another, of which the fit knows nothing."""
    data, rng = drawn(), np.random.default_rng(0)
    matrix = sparse.csr_matrix(data.X).toarray()
    one, other = np.argsort(-matrix.sum(0))[[3, 4]]
    matrix[:, other] = rng.poisson(matrix[:, other].sum() / matrix[:, one].sum() * matrix[:, one])
    data.X = matrix.astype(np.float32)
    found = checks.residual_structure(fit, engine.read_counts(data, genes="all"))
    assert set(found.pairs[0]) == set(fit.genes[[one, other]])


def test_rare_genes_prove_nothing(fit: Fit) -> None:
    """A single count of each in one cell would correlate perfectly."""
    data = drawn()
    matrix = sparse.csr_matrix(data.X).toarray()
    matrix[:, :8] = 0
    matrix[7, :8] = 1
    data.X = matrix
    assert not checks.residual_structure(fit, engine.read_counts(data, genes="all")).significant


def test_what_cannot_be_tested(fit: Fit, counts: Counts) -> None:
    with pytest.raises(ConfigError, match="seed"):
        checks.residual_structure(fit, counts, seed=-1)
    with pytest.raises(DataError, match="two genes that 20 cells have"):
        checks.residual_structure(fit, counts.take(np.arange(10)))


def test_it_goes_to_plain_values_and_back() -> None:
    found = replace(
        NOTHING, largest=2.0, genes=("A", "B"), opposed=("C",), label="batch", share=0.7
    )
    assert ResidualStructure.of(found.to_dict()) == found
    assert found.words == (
        "Genes vary together beyond the 2 factors: most of all A, B against C. Of that, 70 % is "
        "batch. If that is technical, make it a covariate. Take more factors. Intervals and claims "
        "leave out what these miss."
    )
    assert found.finding == (
        "Genes vary together beyond the 2 factors: most of all A, B against C. Of that, 70 % is "
        "batch. Intervals and claims leave out what these miss."
    )
    assert "Type a number" not in replace(found, nothing=True, none_chosen=True).finding
    assert "beyond the factor:" in replace(found, n_factors=1).words
    assert "no factor" in replace(found, n_factors=0).words
    assert replace(found, missed=0.123).words.endswith(
        "Correlations leave out what these miss; their errors contain how large it is for each "
        "gene, 0.12 for a pair on average and up to 0.12."
    )
    sized = replace(found, missed=0.123, sizes=((3, 0.4, -0.01), (5, 0.0, 0.02)))
    assert ResidualStructure.of(sized.to_dict()) == sized
    assert sized.words.endswith("and up to 0.4.")
    assert sized.is_of(6)
    assert not sized.is_of(5)
    assert replace(found, missed=0.123).unmeasured
    assert not sized.unmeasured
    for damaged in ((-1, 0.4, 0.0), (3, 1.4, 0.0), (3, 0.4, np.nan), (3, 0.4, 1e300)):
        with pytest.raises(ValueError, match="is no"):
            ResidualStructure.of(sized.to_dict() | {"sizes": [damaged]})
    chosen = replace(found, chosen=True)
    assert ResidualStructure.of(chosen.to_dict()).chosen
    assert "More factors predict counts of held-out cells no better" in chosen.words
    assert "Take more" not in chosen.words
    with pytest.raises(KeyError):
        ResidualStructure.of({"largest": 1.0})


def test_of_pairs_is_told_where_nothing_else_is_found() -> None:
    one = replace(NOTHING, pairs=(("A", "B"),))
    assert ResidualStructure.of(one.to_dict()) == one
    assert one.words == (
        "A and B are correlated beyond the 2 factors. Factors carry what many genes share, and "
        "take what two share for noise of each: what this fit says of this pair does not hold."
    )
    two = replace(one, pairs=(("A", "B"), ("C", "D")))
    assert two.words.startswith("Pairs of genes are correlated beyond the 2 factors: A and B, C")
    assert "Take more factors" in replace(two, largest=2.0).words


def test_no_factor_is_said_once() -> None:
    """A second draw of the test that chose none is at the border, or finds what is plain."""
    none = replace(NOTHING, n_factors=0, chosen=True, none_chosen=True, nothing=True)
    near = replace(none, largest=1.15)
    assert replace(near, none_chosen=False).significant
    assert near.near_chance
    assert not near.significant
    assert ResidualStructure.of(near.to_dict()) == near
    assert near.words.startswith(none.words)
    assert "a little more than by chance" in near.words
    plain = replace(near, largest=3.0)
    assert plain.significant
    assert not plain.near_chance
