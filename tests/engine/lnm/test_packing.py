from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lnm.packing import pack, pair_products, pair_weights, product, unpack

# Compiled once for each size: other operations than these are NumPy's.
information = jax.jit(lambda weights, design: unpack(product(weights, pair_products(design))))

sizes = st.integers(1, 7)
seeds = st.integers(0, 2**32 - 1)


def symmetric(size: int, seed: int, count: int = 3) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, size, size)).astype(np.float32)
    return values + np.swapaxes(values, 1, 2)


@given(sizes, seeds)
def test_pack_and_unpack_are_inverse(size: int, seed: int) -> None:
    matrix = symmetric(size, seed)
    packed = np.asarray(pack(matrix))
    assert packed.shape == (3, size * (size + 1) // 2)
    np.testing.assert_array_equal(np.asarray(unpack(packed)), matrix)
    np.testing.assert_array_equal(np.asarray(pack(unpack(packed))), packed)


@given(sizes, seeds)
def test_weighted_pairs_pack_the_information(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(5, size)).astype(np.float32)
    weights = rng.uniform(size=(4, 5)).astype(np.float32)
    found = information(weights, design)
    expected = np.einsum("bg,gi,gj->bij", weights, design, design)
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-5)


@given(sizes, seeds)
def test_pair_weights_make_a_quadratic_form(size: int, seed: int) -> None:
    matrix = symmetric(size, seed)
    design = np.random.default_rng(seed).normal(size=(5, size)).astype(np.float32)
    found = (np.asarray(pack(matrix)) * pair_weights(size)) @ np.asarray(pair_products(design)).T
    expected = np.einsum("gi,bij,gj->bg", design, matrix, design)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("size", [51, 201])
def test_unpack_knows_the_size_of_many_factors(size: int) -> None:
    packed = np.arange(size * (size + 1) // 2)
    matrix = unpack(packed)
    assert matrix.shape == (size, size)
    np.testing.assert_array_equal(matrix[np.triu_indices(size)], packed)


def test_packing_keeps_the_precision() -> None:
    assert np.asarray(pair_weights(3)).dtype == np.float32
    assert pack(symmetric(3, 0)).dtype == np.float32
