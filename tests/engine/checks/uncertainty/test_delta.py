"""The delta method against finite differences, and what the cells are said to tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import engine
from engine import checks
from engine.checks.uncertainty.delta_method import delta, widened
from engine.checks.uncertainty.gene_blocks import GeneBlocks
from engine.checks.uncertainty.replicates import Replicates
from engine.data import Counts, simulate, true_clr_correlation
from engine.errors import ConfigError, DataError
from engine.lnm.packing import unpack
from tests.engine.checks.uncertainty.conftest import Simulated, Topics
from tests.engine.problems import counts_of, dense

pytestmark = pytest.mark.fit

GENES, FACTORS = 7, 2
PAIRS = FACTORS * (FACTORS + 1) // 2


def clr_correlation(loadings: np.ndarray, log_noise: np.ndarray) -> np.ndarray:
    """Of all genes, with all matrices written out; loadings in any gauge."""
    centre = np.eye(GENES) - 1 / GENES
    covariance = centre @ (loadings @ loadings.T + np.diag(np.exp(log_noise))) @ centre
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


def test_the_delta_method_is_that_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(GENES, FACTORS))
    loadings -= loadings.mean(0)
    log_noise = rng.normal(-1, 0.5, GENES)
    # So small that what is of second order in them is lost in the comparison.
    half = 1e-4 * rng.normal(size=(GENES, FACTORS, FACTORS))
    common = 1e-4 * rng.normal(size=(PAIRS, PAIRS))
    blocks = GeneBlocks(
        half @ np.swapaxes(half, 1, 2), 1e-8 * rng.uniform(0.5, 2, GENES), common @ common.T
    )
    expected = np.zeros((GENES, GENES))

    def slope(loadings_by: np.ndarray, log_noise_by: np.ndarray) -> np.ndarray:
        ends = [
            clr_correlation(loadings + sign * loadings_by, log_noise + sign * log_noise_by)
            for sign in (1e-5, -1e-5)
        ]
        return (ends[0] - ends[1]) / 2e-5

    nothing = np.zeros(GENES)
    for gene in range(GENES):
        root = np.linalg.cholesky(blocks.loadings[gene])
        for column in root.T:
            moved = np.zeros_like(loadings)
            moved[gene] = column
            expected += slope(moved, nothing) ** 2
        moved = nothing.copy()
        moved[gene] = np.sqrt(blocks.log_noise[gene])
        expected += slope(np.zeros_like(loadings), moved) ** 2
    for column in np.linalg.cholesky(blocks.common).T:
        expected += slope(loadings @ unpack(column), nothing) ** 2
    for genes in (np.arange(GENES), np.array([5, 0, 3])):
        found = delta(loadings, np.exp(log_noise), blocks, genes)
        own = np.ix_(genes, genes)
        np.testing.assert_allclose(
            found.correlation, clr_correlation(loadings, log_noise)[own], rtol=1e-10
        )
        np.testing.assert_allclose(
            found.standard_error, np.sqrt(expected)[own], rtol=1e-5, atol=1e-9
        )


def test_the_product_of_two_small_loadings_varies() -> None:
    """Where both are zero the sign is anybody's guess, and the error not zero."""
    rng = np.random.default_rng(1)
    count, noise = 400, 0.2
    covariance = np.array([[0.05, 0.02], [0.02, 0.03]])
    blocks = GeneBlocks(np.tile(covariance, (count, 1, 1)), np.zeros(count), np.zeros((3, 3)))
    loadings = np.zeros((count, 2))
    found = delta(loadings, np.full(count, noise), blocks, np.arange(2))
    drawn = rng.multivariate_normal(np.zeros(2), covariance, size=(200_000, 2))
    # Over the variance at the estimate, as the delta method has it.
    spread = (drawn[:, 0] * drawn[:, 1]).sum(1).std() / noise
    assert found.standard_error[0, 1] == pytest.approx(spread, rel=0.02)
    assert found.tail[0, 1] == pytest.approx(0.5, abs=0.02)


def test_one_factor_alone_leaves_nothing_but_the_sign() -> None:
    """All correlations are 1 or -1, whatever the loadings; small ones have either sign."""
    count, covariance = 400, 0.01
    blocks = GeneBlocks(np.full((count, 1, 1), covariance), np.zeros(count), np.zeros((1, 1)))
    loadings = np.zeros((count, 1))
    loadings[:4, 0] = [1.0, -1.0, 0.05, 0.0]
    found = delta(loadings, np.zeros(count), blocks, np.arange(3))
    np.testing.assert_allclose(np.abs(found.correlation), 1, rtol=1e-9)
    assert found.tail[0, 1] < 1e-6
    assert found.high[0, 1] < -0.99
    # Half a standard error from zero: P(Z < -1/2).
    assert found.tail[0, 2] == pytest.approx(0.3085, abs=0.005)
    assert (found.low[0, 2], found.high[0, 2]) == pytest.approx((-1, 1), abs=1e-6)
    assert found.standard_error[0, 2] == pytest.approx(2 * np.sqrt(0.3085 * 0.6915), abs=0.01)


@pytest.mark.parametrize("factors", [1, 2])
def test_signs_are_as_sure_as_told_without_residuals(factors: int) -> None:
    data = simulate(
        "lnm", cells=400, genes=60, factors=factors, seed=1, counts_per_gene=10.0, noise=0.0
    )
    counts = engine.read_counts(data, genes="all")
    # In blocks of as many cells as other files fit of so many genes: one compilation serves.
    config = engine.LNMConfig(n_factors=factors, d_mode="low_rank", block_cells=300)
    fit = engine.fit(counts, config)
    genes = np.flatnonzero(fit.is_gene)
    names = fit.genes[genes]
    truth = true_clr_correlation(data).loc[names, names].to_numpy()
    uncertainty = checks.uncertainty(fit, counts)
    found = uncertainty.correlation(genes)
    upper = np.triu_indices(len(genes), 1)
    wrong = (np.sign(found.correlation) != np.sign(truth))[upper]
    assert found.lfsr[upper].mean() > wrong.mean() - 0.02
    assert wrong[found.lfsr[upper] < 0.05].mean() < 0.02
    said = uncertainty.estimates(genes).tail[upper]
    assert said.mean() == pytest.approx(wrong.mean(), abs=0.04)
    assert wrong[said < 0.05].mean() < 0.02
    assert (said < 0.05).mean() > 0.5


def test_what_factors_leave_out_is_an_error_more(
    one: Simulated, by_delta: checks.Uncertainty
) -> None:
    own = by_delta.estimates(one.genes)
    assert widened(own, 0.0) is own
    more = widened(own, 0.2)
    upper = np.triu_indices(len(one.genes), 1)
    z, before = np.arctanh(own.correlation[upper]), own.fisher_error[upper]
    np.testing.assert_array_equal(more.correlation, own.correlation)
    # As many times smaller than z as 0.2 is than the correlation.
    error = np.sqrt(before**2 + (0.2 * z / np.tanh(z)) ** 2)
    np.testing.assert_allclose(more.fisher_error[upper], error)
    np.testing.assert_allclose(more.low[upper], np.tanh(z - 1.645 * error), atol=1e-3)
    np.testing.assert_allclose(more.high[upper], np.tanh(z + 1.645 * error), atol=1e-3)
    # A sign by the covariance may be surer or less sure than z; a large error rules both.
    assert (more.tail[upper] >= own.tail[upper]).all()
    assert (widened(own, 1.0).tail[upper] > 0.15).all()
    # Nor are correlations of 1 sure, which a fit has of one factor and nothing beside it.
    same = own._replace(correlation=np.ones_like(own.correlation), tail=np.zeros_like(own.tail))
    assert (widened(same, 0.7).tail[upper] > 0.05).all()
    assert (widened(same, 0.3).tail[upper] < 0.05).all()
    for table, of_itself in zip(more, (1, 0, 0, 1, 1, 0), strict=True):
        np.testing.assert_array_equal(np.diag(table), of_itself)
        np.testing.assert_allclose(table, table.T, rtol=1e-12)


def test_a_gene_that_does_not_vary() -> None:
    loadings = np.zeros((3, 1))
    loadings[0] = 1.0
    blocks = GeneBlocks(np.full((3, 1, 1), 0.01), np.zeros(3), np.zeros((1, 1)))
    found = delta(loadings, np.zeros(3), blocks, np.arange(3))
    assert found.correlation[0, 1] == 0
    assert found.standard_error[0, 1] == np.inf
    for one in (found, widened(found, 0.1)):
        assert one.standard_error[0, 1] == np.inf
        assert (one.low[0, 1], one.high[0, 1], one.tail[0, 1]) == (-1, 1, 0.5)
    np.testing.assert_array_equal(np.diag(found.correlation), 1)
    np.testing.assert_array_equal(np.diag(found.standard_error), 0)


def test_no_genes_have_no_correlations() -> None:
    loadings, noise = np.ones((3, 1)), np.ones(3)
    for spread in (
        GeneBlocks(np.full((3, 1, 1), 0.01), np.zeros(3), np.zeros((1, 1))),
        Replicates(np.ones((2, 3, 1)), np.ones((2, 3)), np.ones((2, 1))),
    ):
        found = checks.Uncertainty(loadings, noise, spread, 1).correlation(np.array([]))
        assert {array.shape for array in found} == {(0, 0)}


def test_intervals_hold_the_truth(simulated: list[Simulated]) -> None:
    covered, wrong, said = [], [], []
    for one in simulated:
        found = checks.uncertainty(one.fit, one.counts).correlation(one.genes)
        upper = np.triu_indices(len(one.genes), 1)
        covered.append(((found.low <= one.truth) & (one.truth <= found.high))[upper].mean())
        wrong.append((np.sign(found.correlation) != np.sign(one.truth))[upper].mean())
        said.append(found.lfsr[upper].mean())
    assert 0.82 < np.mean(covered) < 0.97
    assert np.mean(said) == pytest.approx(np.mean(wrong), abs=0.04)


def test_correlations_are_those_of_the_summaries(
    one: Simulated, by_delta: checks.Uncertainty, by_bootstrap: checks.Uncertainty
) -> None:
    genes = one.genes[::3]
    expected = engine.summaries.clr_correlation(one.fit, one.fit.genes[genes])
    for found in (by_delta.correlation(genes), by_bootstrap.correlation(genes)):
        np.testing.assert_allclose(found.correlation, expected, atol=1e-12)
        assert (found.low <= found.correlation).all()
        assert (found.correlation <= found.high).all()
        for array in found:
            np.testing.assert_allclose(array, array.T, rtol=1e-6, atol=1e-12)


def in_blocks(one: Simulated) -> engine.Fit:
    return replace(one.fit, config=replace(one.fit.config, block_cells=64))


def told(fit: engine.Fit, counts: Counts) -> checks.Uncertainty:
    """By one pass alone, without a test of what the factors leave."""
    *_, last = checks.uncertainty_iter(fit, counts)
    assert last.uncertainty is not None
    return last.uncertainty


def test_more_cells_are_surer(one: Simulated) -> None:
    half = one.counts.take(np.arange(0, one.counts.n_cells, 2))
    errors = [
        told(in_blocks(one), counts).correlation(one.genes).standard_error
        for counts in (one.counts, half)
    ]
    upper = np.triu_indices(len(one.genes), 1)
    assert np.median(errors[1][upper] / errors[0][upper]) == pytest.approx(np.sqrt(2), rel=0.1)


def test_blocks_of_cells_do_not_matter(one: Simulated, by_delta: checks.Uncertainty) -> None:
    found = checks.uncertainty(in_blocks(one), one.counts)
    for array, expected in zip(found.spread, by_delta.spread, strict=True):
        np.testing.assert_allclose(array, expected, rtol=2e-3, atol=1e-6)


def test_cells_without_counts_say_nothing(one: Simulated, by_delta: checks.Uncertainty) -> None:
    matrix = np.vstack([dense(one.counts), np.zeros((5, one.counts.n_genes))])
    names = [*one.counts.cells, *"abcde"]
    counts = Counts.from_arrays(matrix, one.fit.genes, names)
    found = checks.uncertainty(one.fit, counts)
    np.testing.assert_allclose(found.spread[0], by_delta.spread[0], rtol=2e-3, atol=1e-6)
    with pytest.raises(DataError, match="none in these cells"):
        checks.uncertainty(one.fit, counts.take(np.arange(300, 305)))


def test_it_tells_how_far_it_is(one: Simulated) -> None:
    steps = list(checks.uncertainty_iter(in_blocks(one), one.counts))
    shares = [step.fraction for step in steps]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert [step.uncertainty is None for step in steps] == [True] * (len(steps) - 1) + [False]


def test_not_of_topics(topics: Topics) -> None:
    with pytest.raises(ConfigError, match="delta method"):
        checks.uncertainty(topics.fit, topics.counts)


def test_nothing_is_claimed_where_there_is_said_to_be_nothing(
    one: Simulated, by_delta: checks.Uncertainty
) -> None:
    none = checks.ResidualStructure(2, 300, 0.9, 0.9, 0.04, ("A",), (), nothing=True)
    with pytest.warns(UserWarning, match="nothing to find"):
        told = checks.uncertainty(checks.with_structure(one.fit, none), one.counts)
    assert told.structure == none
    assert (by_delta.correlation(one.genes).fsos < 0.05).any()
    apart = ~np.eye(len(one.genes), dtype=bool)
    assert (told.correlation(one.genes).fsos[apart] == 1).all()


def test_a_fit_by_hand_claims_nothing_of_unrelated_genes() -> None:
    rng = np.random.default_rng(0)
    rates = rng.gamma(2.0, rng.lognormal(0, 1, 5), (300, 5))
    counts = counts_of(rng.poisson(rates))
    fit = engine.fit(counts, engine.LNMConfig(n_factors=1))
    genes, pairs = np.arange(5), np.triu_indices(5, 1)
    assert (told(fit, counts).correlation(genes).fsos[pairs] < 0.5).any()
    with pytest.warns(UserWarning, match="nothing to find"):
        found = checks.uncertainty(fit, counts)
    assert (found.correlation(genes).fsos[pairs] == 1).all()
