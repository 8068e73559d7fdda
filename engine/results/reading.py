"""Read what `Fit.save` wrote."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
from scipy import sparse

from engine.errors import EngineError, FitError
from engine.files.elements import check_compressed, check_elements
from engine.files.probing import State, probe, state_of
from engine.fitting.checked import check_arrays
from engine.fitting.saved import FORMAT
from engine.registry import MODELS, AnyFit

_EXPECTED = "an .h5ad written by Fit.save"
_REMEDY = "Check the path and the file, or make the fit again."
# Read into memory at once; the counts in X are not.
_WHOLE = ("obs", "var", "obsm", "varm", "uns")
_COUNTS = ("X",)
_checked: set[tuple[State, tuple[str, ...]]] = set()
_MOST_CHECKED = 1000


def load(path: str | os.PathLike[str]) -> AnyFit:
    """Read a fit written by `Fit.save` or `TopicFit.save`. The counts in ``X`` stay on disk.

    Raises
    ------
    FitError
        If the file is missing, damaged or not a fit.
    """
    with opened(path) as file:
        _check_ours(file, path)
        names = ("obs", "var", "obsm", "varm", "uns/logratio")
        fit = _from_parts({name: ad.io.read_elem(file[name]) for name in names})
        fit.check()
        return fit


def load_counts(path: str | os.PathLike[str]) -> sparse.csc_matrix | None:
    """The (C, G) counts of a fit written by `Fit.save`, by columns; None if it has none.

    Raises
    ------
    FitError
        If the file is missing, damaged or not a fit.
    """
    with opened(path, _COUNTS) as file:
        _check_ours(file, path)
        if not file["X/data"].shape[0]:
            return None
        arrays = tuple(np.asarray(file[f"X/{name}"][:]) for name in ("data", "indices", "indptr"))
        cells, genes = (int(length) for length in file["X"].attrs["shape"])
        check_compressed(arrays, (cells, genes))
        check_arrays({"counts": arrays[0]}, {"counts": arrays[0].shape}, {"counts": 0.0})
        return sparse.csc_matrix(sparse.csr_matrix(arrays, shape=(cells, genes)))


def _check_ours(file: h5py.File, path: str | os.PathLike[str]) -> None:
    if "uns/logratio" not in file:
        raise FitError(
            _EXPECTED,
            f"no uns['logratio'] in {Path(path).name}",
            "Open a file that Logratio saved, or read it as counts.",
        )


@contextmanager
def opened(path: str | os.PathLike[str], parts: Sequence[str] = _WHOLE) -> Iterator[h5py.File]:
    """Open the file of a fit; any error of reading becomes a FitError.

    Parameters
    ----------
    parts
        Names at the top of the file that will be read. Another process reads them first.
    """
    name = Path(path).name
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FitError(_EXPECTED, f"{name}, which is no file", _REMEDY)
        probe(Path(path), parts)
        with h5py.File(path, "r") as file:
            _check_once(file, Path(path), parts)
            yield file
    except FitError:
        raise
    except EngineError as error:
        raise FitError(error.expected, f"{error.got} ({name})", error.remedy) from error
    except MemoryError as error:
        raise FitError(_EXPECTED, f"{name}, for which memory ran out", _REMEDY) from error
    # Readers of damaged files raise anything at all, so no narrower class will do.
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        # Our own checks speak plainly.
        kind = "" if type(error) is ValueError and lines[0] else f"{type(error).__name__}: "
        raise FitError(_EXPECTED, f"{name}: {kind}{lines[0][:200]}", _REMEDY) from error


def _check_once(file: h5py.File, path: Path, parts: Sequence[str]) -> None:
    """Apply `check_elements`, unless the file has passed it in its present state."""
    key = state_of(path), tuple(parts)
    if key in _checked:
        return
    check_elements(file, set(file), {*_WHOLE, *parts}, key[0][2])
    if len(_checked) >= _MOST_CHECKED:
        _checked.clear()
    _checked.add(key)


def _from_parts(parts: dict[str, Any]) -> AnyFit:
    meta = parts["uns/logratio"]
    if int(meta["format"]) > FORMAT:
        raise FitError(
            f"a fit of format {FORMAT} or older",
            f"format {meta['format']}",
            "Update Logratio to open this file.",
        )
    family = MODELS.get(str(meta["model"]))
    if family is None:
        raise FitError(
            f"a fit of {', '.join(MODELS)}",
            f"one of {str(meta['model'])[:60]!r}",
            "Update Logratio to open this file.",
        )
    return family.fit.from_parts(parts)
