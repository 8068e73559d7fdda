"""Starts of topics: cells far apart in a spectral projection."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from engine.data import Counts

_OVERSAMPLING = 10
_POWER_STEPS = 3
# Cells whose counts are pooled into the start of a topic.
_NEIGHBOURS = 10
# Candidates of which k-means++ takes the one that reduces the distances most.
_CANDIDATES = 8
# Share of the mean composition in every topic; log spread of a random factor on probabilities.
_COMMON = 0.1
_JITTER = 0.01


class Starts:
    """Starts for K topics from cells held in memory.

    Cells are placed by the K leading right singular vectors of the square roots of their
    compositions (Hellinger distances). Where some cells have hardly more than one topic, these
    are the corners of the cloud.

    Parameters
    ----------
    counts
        Held in memory: a subsample of cells if they are many.
    """

    def __init__(self, counts: Counts, n_topics: int, seed: int) -> None:
        matrix = counts.matrix()
        if matrix is None:
            raise ValueError("starts are made from cells held in memory")
        self._matrix = matrix
        self._count = n_topics
        self._rng = np.random.default_rng(seed)
        self._coordinates = _project(matrix, counts.totals, n_topics, self._rng)
        totals = np.asarray(matrix.sum(0), dtype=float).ravel()
        self._mean = totals / totals.sum()

    def corners(self) -> np.ndarray:
        """(K, F) topics at the corners, by successive projection.

        The cell farthest from the origin is taken, its direction projected out, and so on
        (Gillis and Vavasis 2014, IEEE Trans. Pattern Anal. 36).
        """
        left = self._coordinates.copy()
        corners = []
        for _ in range(self._count):
            lengths = (left**2).sum(1)
            corners.append(int(lengths.argmax()))
            direction = left[corners[-1]] / np.sqrt(max(lengths.max(), 1e-30))
            left -= np.outer(left @ direction, direction)
        return self._topics(corners)

    def scattered(self) -> np.ndarray:
        """(K, F) topics at cells far from each other, drawn by greedy k-means++."""
        coordinates, rng = self._coordinates, self._rng
        centres = [int(rng.integers(len(coordinates)))]
        nearest = _squared_distances(coordinates, centres[0])
        while len(centres) < self._count:
            weights = nearest + 1e-12 * (nearest.max() + 1)
            tried = rng.choice(len(coordinates), _CANDIDATES, p=weights / weights.sum())
            left = [
                np.minimum(nearest, _squared_distances(coordinates, int(cell))) for cell in tried
            ]
            best = int(np.argmin([distances.sum() for distances in left]))
            nearest = left[best]
            centres.append(int(tried[best]))
        return self._topics(centres)

    def _topics(self, centres: list[int]) -> np.ndarray:
        rows = []
        size = min(_NEIGHBOURS, len(self._coordinates))
        for cell in centres:
            near = np.argpartition(_squared_distances(self._coordinates, cell), size - 1)[:size]
            rows.append(np.asarray(self._matrix[near].sum(0), dtype=float).ravel())
        return topics_from(np.stack(rows), self._mean, self._rng)


def topics_from(pooled: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(K, F) topics from pooled counts: mixed with the mean, and no two of them alike."""
    topics = pooled / pooled.sum(1, keepdims=True)
    topics = (1 - _COMMON) * topics + _COMMON * mean
    # A feature without counts keeps a probability, which EM and its prior then adapt.
    topics += 1e-3 / topics.shape[1]
    topics *= np.exp(rng.normal(0, _JITTER, topics.shape))
    return (topics / topics.sum(1, keepdims=True)).astype(np.float32)


def _project(
    matrix: sparse.csr_matrix, totals: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """(C, k) coordinates of sqrt(composition), by a randomized range finder."""
    roots = sparse.csr_matrix(matrix, copy=True)
    roots.data = np.sqrt(roots.data / np.repeat(totals, np.diff(matrix.indptr)))
    size = min(size, *roots.shape)
    width = min(size + _OVERSAMPLING, *roots.shape)
    basis = rng.normal(size=(roots.shape[1], width)).astype(np.float32)
    for _ in range(_POWER_STEPS + 1):
        basis = np.linalg.qr(roots.T @ (roots @ basis))[0]
    projected = roots @ basis
    directions = np.linalg.svd(projected, full_matrices=False)[2]
    return np.asarray(projected @ directions[:size].T, dtype=np.float64)


def _squared_distances(coordinates: np.ndarray, cell: int) -> np.ndarray:
    return np.asarray(((coordinates - coordinates[cell]) ** 2).sum(1))
