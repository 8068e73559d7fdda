"""Refuses sources without cells or with too many, and shapes that do not fit the names."""

from __future__ import annotations

from engine.errors import DataError

MAX_CELLS = 100_000_000
MAX_GENES = 2_000_000


def check_shape(shape: tuple[int, int], expected: tuple[int, int], layer: str, file: str) -> None:
    """Refuse a matrix that does not fit its names."""
    if tuple(shape) != expected:
        raise DataError(
            f"{expected[0]:,} cells x {expected[1]:,} genes in {layer}, as obs and var say",
            f"{shape[0]:,} x {shape[1]:,} in {file}",
            "The file is inconsistent: write it again from the original data.",
        )


def check_sizes(cells: int, genes: int, file: str) -> None:
    """Refuse no cells, no genes, or more than any experiment has."""
    if cells == 0 or genes == 0:
        raise DataError(
            "at least one cell and one gene",
            f"{cells:,} cells and {genes:,} genes in {file}",
            "Check the filters that made this file.",
        )
    if cells > MAX_CELLS or genes > MAX_GENES:
        raise DataError(
            f"at most {MAX_CELLS:,} cells and {MAX_GENES:,} genes",
            f"{cells:,} cells and {genes:,} genes in {file}",
            "Read a part of it, and check that cells are rows and genes columns.",
        )
