"""UMAP of factor scores, as a program that runs in a process of its own.

In a thread of the server it would block the pages. Each line of standard input names a folder
with ``scores.npy``; the program writes ``progress.json`` there, and at the end ``xy.npy`` or
``error.txt``. It imports nothing of the dashboard, so that it starts quickly.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import platformdirs

SCORES, PROGRESS, RESULT, ERROR = "scores.npy", "progress.json", "xy.npy", "error.txt"
SEED = 0
NEIGHBOURS = 15
MOST_FITTED = 30_000
BLOCK = 25_000
NICE = 10
_VARIABLE = "NUMBA_CACHE_DIR"

OnProgress = Callable[[float, str], None]


def _silent(_fraction: float, _words: str) -> None:
    pass


def umap_layout(
    scores: np.ndarray, on_progress: OnProgress = _silent, *, seed: int = SEED
) -> np.ndarray:
    """(C, 2) float32 UMAP coordinates of (C, k) factor scores.

    With more than 30,000 cells, a random sample is laid out and the others are placed among it by
    UMAP's own transform, block by block: a kind of cell with few members in the sample may
    not form a group of its own. ``on_progress`` is called with the progress, and may raise to stop.

    Source: McInnes, Healy, Melville (2018), arXiv:1802.03426; one thread, so that the
    same scores give the same picture.
    """
    with _keep_compilations():
        import umap

    count = len(scores)
    fitted = np.arange(count)
    if count > MOST_FITTED:
        fitted = np.sort(np.random.default_rng(seed).choice(count, MOST_FITTED, replace=False))
    on_progress(0.0, f"laying out {len(fitted):,} cells")
    model = umap.UMAP(
        n_neighbors=min(NEIGHBOURS, len(fitted) - 1),
        init="pca" if scores.shape[1] > 1 else "random",
        random_state=seed,
        n_jobs=1,
    )
    xy = np.empty((count, 2), np.float32)
    xy[fitted] = model.fit_transform(np.asarray(scores[fitted], np.float32))
    others = np.setdiff1d(np.arange(count), fitted, assume_unique=True)
    # One layout costs about as much as five blocks.
    whole = len(others) + 5 * BLOCK
    for start in range(0, len(others), BLOCK):
        on_progress((5 * BLOCK + start) / whole, f"placing cells: {start:,} of {len(others):,}")
        block = others[start : start + BLOCK]
        xy[block] = model.transform(np.asarray(scores[block], np.float32))
    return xy


def compilations() -> Path:
    """Folder of Numba's compiled code of UMAP, one for each release of its packages.

    Below ``NUMBA_CACHE_DIR`` if that is set, else below the user's cache.
    """
    given = os.environ.get(_VARIABLE)
    base = Path(given) if given else Path(platformdirs.user_cache_dir("logratio")) / "numba"
    packages = ("umap-learn", "pynndescent", "numba")
    return base / "-".join(f"{name}-{version(name)}" for name in packages)


@contextmanager
def _keep_compilations() -> Iterator[None]:
    """Let Numba keep on disk the compiled code of modules imported in this block.

    UMAP and pynndescent compile for half a minute in every process, and ask Numba to keep a
    small part of it only. Numba notices when the file of a function changes, but not when a
    function that it calls in another file does: so each release has a folder of its own.
    """
    import numba

    folder = compilations()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        yield
        return
    njit = numba.njit

    def cached(*arguments: Any, **options: Any) -> Any:
        options = {"cache": True, **options}
        if not arguments or isinstance(arguments[0], FunctionType):
            return njit(*arguments, **options)

        def compiled(function: FunctionType) -> Any:
            return njit(*(() if _not_for_scores(function) else arguments), **options)(function)

        return compiled

    before = os.environ.get(_VARIABLE)
    try:
        numba.njit = cached
        _let_numba_know(str(folder))
        yield
    finally:
        numba.njit = njit
        _let_numba_know(before)


def _not_for_scores(function: FunctionType) -> bool:
    """Whether neighbours of dense scores by their Euclidean distance have no use for a function.

    pynndescent compiles distances of all kinds as it is imported: 20 s of the first UMAP of an
    installation. Without their types these are compiled if they are called.
    """
    module, name = function.__module__, function.__name__
    if not module.startswith("pynndescent"):
        return False
    if module.endswith(".distances"):
        return "euclidean" not in name or "quantized" in name
    return "sparse" in module or "angular" in name or "bit" in name


def _let_numba_know(folder: str | None) -> None:
    """Set the folder in the environment: Numba reads its settings from there again on a change."""
    import numba

    if folder is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = folder
    numba.config.reload_config()


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file that appears all at once.

    Not by `engine.files.atomic`: this program runs where ``engine`` need not be importable, and
    NumPy adds to a name that does not end in ``.npy``.
    """
    part = path.with_name(f"part-{path.name}")
    write(part)
    os.replace(part, path)


def _work(folder: Path) -> None:
    parent = os.getppid()

    def on_progress(fraction: float, words: str) -> None:
        if os.getppid() != parent:
            sys.exit("The server has gone.")
        news = json.dumps([fraction, words])
        write_whole(folder / PROGRESS, lambda path: path.write_text(news, "utf-8"))

    try:
        xy = umap_layout(np.load(folder / SCORES, allow_pickle=False), on_progress)
        write_whole(folder / RESULT, lambda path: np.save(path, xy, allow_pickle=False))
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        # If the folder is gone, nobody waits for the error.
        with suppress(OSError):
            write_whole(folder / ERROR, lambda path: path.write_text(message, "utf-8"))


def main() -> None:
    """Compute a UMAP for each line of standard input, until it ends."""
    # Give way to the server, which answers pages. Windows has no `os.nice`.
    if hasattr(os, "nice"):
        os.nice(int(os.environ.get("LOGRATIO_NICE") or NICE))
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        _work(Path(line.rstrip("\n")))


if __name__ == "__main__":
    main()
