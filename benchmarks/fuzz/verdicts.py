"""What is right and what is a fault in what came out of a damaged file."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.fuzz.makers import CANARY, CANARY_NUMBER
from benchmarks.fuzz.saved import DAMAGED, SOUND
from engine.data import Counts
from engine.errors import EngineError
from engine.jobs import JobStatus
from engine.results import Fit, TopicFit

# Seconds, and bytes of resident memory, beyond which anything is a fault.
SECONDS, BYTES = 20.0, 1e9
MOST_TEXT = 100_000
# What bytes of somebody else's text become when they are read as numbers of 4 or 8 bytes.
_BYTES = (CANARY * 16).encode()
_AS_NUMBERS = {
    kind: np.unique(
        np.concatenate([np.frombuffer(_BYTES[shift : shift + 64], kind) for shift in range(8)])
    ).astype(float)
    for kind in ("<f4", "<f8", "<u4", "<i8")
}


def judge(steps: Iterator[tuple[str, Callable[[], Any]]]) -> dict[str, Any]:
    """Take all steps: how each ended, and what is wrong with that."""
    ended: dict[str, str] = {}
    faults: list[str] = []
    for name, call in _guarded(steps, faults):
        try:
            value = call()
        except EngineError as error:
            ended[name] = f"refused: {error}"
            if not all(isinstance(part, str) and part.strip() for part in _parts(error)):
                faults.append(f"{name}: a part of the message is empty: {_parts(error)}")
            if leaked(str(error)):
                faults.append(f"{name}: the message tells of another file: {error}")
            # An error is kept and shown: all that it was raised in would be kept with it.
            continue
        except BaseException as error:
            ended[name] = "raised"
            faults.append(f"{name}: raised {_where(error)}")
            continue
        ended[name] = "read"
        try:
            faults += [f"{name}: {wrong}" for wrong in wrongs(value)]
            if any(leaked(part) for part in parts(value)):
                faults.append(f"{name}: shows something of another file")
        except Exception as error:
            faults.append(f"{name}: what was read cannot be looked at: {_where(error)}")
        faults += _of_runs(name, value, ended)
    return {"ended": ended, "faults": faults}


def outcome(ended: Mapping[str, str]) -> str:
    """One word for a case."""
    if any(how == "raised" for how in ended.values()):
        return "raised"
    status = ended.get("damaged")
    if status is not None:
        return status
    return "refused" if any(how.startswith("refused") for how in ended.values()) else "read"


def _guarded(steps: Iterator[Any], faults: list[str]) -> Iterator[Any]:
    """The steps; what is wrong before the first of them is a fault too."""
    while True:
        try:
            step = next(steps)
        except StopIteration:
            return
        except EngineError as error:
            yield "begin", lambda error=error: _raise(error)
            return
        except Exception as error:
            faults.append(f"begin: raised {_where(error)}")
            return
        yield step


def _raise(error: Exception) -> None:
    raise error


def _parts(error: EngineError) -> tuple[Any, Any, Any]:
    return error.expected, error.got, error.remedy


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/engine/" in f.filename or "/dashboard/" in f.filename]
    last = (own or frames)[-1]
    text = (str(error).splitlines() or [""])[0][:120]
    return f"{type(error).__name__}: {text} ({Path(last.filename).name}:{last.lineno})"


def _of_runs(name: str, value: Any, ended: dict[str, str]) -> list[str]:
    """A list of runs has both, as long as both are there; the sound one is sound."""
    if name == "status":
        ended["damaged"] = "read" if value.state != "failed" else "listed as damaged"
    if name not in ("list", "after"):
        return ["sound: no fit any more"] if name == "sound" and value is None else []
    states = {status.id: status.state for status in value}
    faults = (
        [] if states.get(SOUND) == "done" else [f"{name}: the sound run is {states.get(SOUND)}"]
    )
    if name == "after" and DAMAGED in states:
        faults.append(f"after: the damaged run cannot be deleted ({ended.get('delete')})")
    return faults


def wrongs(value: Any) -> list[str]:
    """What contradicts itself in what was read."""
    if isinstance(value, Counts):
        return _wrong_counts(value)
    if isinstance(value, Fit | TopicFit):
        return _wrong_fit(value)
    if isinstance(value, JobStatus):
        try:
            value.to_parts()
        except Exception as error:
            return [f"a status that cannot be written: {_where(error)}"]
    if sparse.issparse(value) and not np.isfinite(value.data).all():
        return ["counts that are not finite"]
    return []


def _wrong_counts(counts: Counts) -> list[str]:
    values = counts.block(0, counts.n_cells)
    sums = values.sum(1, dtype=float)
    names = [*counts.cells, *counts.genes]
    held = {
        "shape": values.shape == (counts.n_cells, counts.n_genes) and min(values.shape) > 0,
        "finite": bool(np.isfinite(values).all()),
        "not negative": bool((values >= 0).all()),
        "whole": bool((values == np.rint(values)).all()),
        "totals": bool(np.allclose(sums, counts.totals, rtol=1e-6) and (counts.totals > 0).all()),
        "library size": bool((counts.library_size >= counts.totals - 0.5).all()),
        "distinct names": bool(counts.cells.is_unique and counts.genes.is_unique),
        "names of text": all(isinstance(name, str) for name in names),
        "a reference": 0 <= counts.reference < counts.n_genes,
        "labels of the cells": list(counts.obs.index) == list(counts.cells),
    }
    return [f"counts without: {name}" for name, holds in held.items() if not holds]


def _wrong_fit(fit: Fit | TopicFit) -> list[str]:
    found = []
    for field in dataclasses.fields(fit):
        value = getattr(fit, field.name)
        arrays = {field.name: value} if isinstance(value, np.ndarray) else {}
        if field.name in ("draws", "encoder"):
            arrays = {f"{field.name}/{key}": array for key, array in value.items()}
        if field.name == "capture" and value is not None:
            arrays = vars(value)
        for name, array in arrays.items():
            if array.dtype.kind not in "buif" or not np.isfinite(array).all():
                found.append(f"a fit whose {name} is not finite")
    lengths = len(fit.obs) == len(fit.cells) and fit.cells.is_unique and fit.genes.is_unique
    if not lengths:
        found.append("a fit whose names are not those of its tables, or not distinct")
    if isinstance(fit, Fit) and not 0 <= fit.reference < len(fit.genes):
        found.append("a fit without a reference")
    return found


def parts(value: Any, depth: int = 0) -> Iterator[Any]:
    """All texts and arrays in what was read."""
    if depth > 8:
        return
    if isinstance(value, str | bytes | np.ndarray):
        yield value
    elif isinstance(value, pd.DataFrame):
        yield from (str(value.columns.tolist()), *parts(value.index))
        for place in range(value.shape[1]):
            yield from parts(value.iloc[:, place])
    elif isinstance(value, pd.Series | pd.Index):
        yield np.asarray(value)
        if isinstance(getattr(value, "dtype", None), pd.CategoricalDtype):
            yield str(list(value.astype(object)))
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from parts(one, depth + 1)
    elif isinstance(value, list | tuple):
        for one in value[:1000]:
            yield from parts(one, depth + 1)
    elif sparse.issparse(value):
        yield value.data
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from parts(getattr(value, field.name), depth + 1)
        if isinstance(value, Counts):
            yield value.block(0, min(value.n_cells, 1000))
    elif value is not None:
        yield str(value)[:MOST_TEXT]


def leaked(part: Any) -> bool:
    """Whether a text or an array has something of the files outside."""
    if isinstance(part, bytes):
        return CANARY.encode() in part
    if isinstance(part, str):
        return CANARY in part
    if part.dtype.itemsize == 1 and CANARY.encode() in part.tobytes():
        return True
    if part.dtype.kind in "fiu":
        numbers = part.astype(float).ravel()[:MOST_TEXT]
        outside = [np.array([float(CANARY_NUMBER)]), *_AS_NUMBERS.values()]
        return any(np.isin(numbers, others[np.isfinite(others)]).any() for others in outside)
    return CANARY in str(part.ravel()[:MOST_TEXT].tolist())
