from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.lnm.canonical import principal_axes


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    genes, factors = draw(st.integers(2, 12)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    is_gene = np.ones(genes, bool)
    is_gene[-1] = draw(st.booleans())
    return rng.normal(size=(genes, factors)), rng.normal(size=(6, factors)), is_gene


@given(cases())
def test_turned_loadings_say_the_same_of_the_cells(case: tuple) -> None:
    loadings, scores, is_gene = case
    rotated, rotation = principal_axes(loadings, is_gene)
    centred = loadings - loadings.mean(0)
    np.testing.assert_allclose(rotated @ (scores @ rotation).T, centred @ scores.T, atol=1e-10)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(scores.shape[1]), atol=1e-10)


@given(cases())
def test_axes_are_ordered_uncorrelated_and_signed(case: tuple) -> None:
    loadings, _, is_gene = case
    rotated, _ = principal_axes(loadings, is_gene)
    np.testing.assert_allclose(rotated.sum(0), 0, atol=1e-10)
    gram = rotated.T @ rotated
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-10)
    assert (np.diff(np.diag(gram)) <= 1e-10).all()
    real = rotated[is_gene]
    peak = real[np.abs(real).argmax(0), np.arange(real.shape[1])]
    assert (peak >= 0).all()


@given(cases(), st.integers(0, 2**32 - 1))
def test_neither_gauge_nor_rotation_of_the_start_matters(case: tuple, seed: int) -> None:
    loadings, _, is_gene = case
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(loadings.shape[1],) * 2))[0]
    one, _ = principal_axes(loadings, is_gene)
    other, _ = principal_axes((loadings + rng.normal(size=loadings.shape[1])) @ turn, is_gene)
    # The axes, too, wherever they are told apart; their products always.
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-8)


def test_the_pooled_rest_does_not_choose_the_sign() -> None:
    loadings = np.array([[1.0], [-2.0], [9.0]])
    rotated, rotation = principal_axes(loadings, np.array([True, True, False]))
    # Centred: -5/3, -14/3, 19/3; the largest gene is the second.
    np.testing.assert_allclose(rotated[:, 0], [5 / 3, 14 / 3, -19 / 3])
    assert rotation[0, 0] == -1


def test_no_loadings_at_all() -> None:
    rotated, rotation = principal_axes(np.zeros((5, 2)), np.ones(5, bool))
    assert not rotated.any()
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(2), atol=1e-12)
