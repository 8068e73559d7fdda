from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine.data import Counts

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"


def pytest_itemcollected(item: pytest.Item) -> None:
    # Taking a part of an AnnData sets an option that pandas 3 has deprecated.
    item.add_marker(
        pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option is deprecated")
    )


@pytest.fixture
def counts_adata() -> ad.AnnData:
    """Thirty cells by twelve genes: every cell and gene has counts."""
    rng = np.random.default_rng(7)
    matrix = rng.poisson(1.5, (30, 12)).astype(np.float32)
    matrix[:, 0] += 1
    matrix[0] += 1
    obs = pd.DataFrame(
        {"label": pd.Categorical(["a", "b", "c"] * 10), "depth": matrix.sum(1)},
        index=[f"cell{i}" for i in range(30)],
    )
    var = pd.DataFrame(index=[f"gene{j}" for j in range(12)])
    return ad.AnnData(X=sparse.csr_matrix(matrix), obs=obs, var=var)


@pytest.fixture
def shared_file() -> Callable[[str], Path]:
    """Path of a real data set beside the project; skips where there is none."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"no {name} beside the project")
        return path

    return find


@pytest.fixture
def dense() -> Callable[[Counts], np.ndarray]:
    """All counts as one dense array."""
    return lambda counts: counts.block(0, counts.n_cells)


@pytest.fixture
def check_invariants() -> Callable[[Counts], None]:
    """Assert everything that a fit relies on."""

    def check(counts: Counts) -> None:
        values = counts.block(0, counts.n_cells)
        assert values.dtype == np.float32
        assert values.shape == (counts.n_cells, counts.n_genes)
        assert counts.n_cells > 0
        assert counts.n_genes > 1
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert (values == np.rint(values)).all()
        np.testing.assert_allclose(values.sum(1, dtype=float), counts.totals, rtol=1e-6)
        assert (counts.totals > 0).all()
        assert (counts.library_size >= counts.totals - 0.5).all()
        assert counts.cells.is_unique
        assert counts.genes.is_unique
        assert all(isinstance(name, str) for name in [*counts.cells, *counts.genes])
        assert 0 <= counts.reference < counts.n_genes
        assert list(counts.obs.index) == list(counts.cells)

    return check
