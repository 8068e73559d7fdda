"""Compilation: a cache on disk for later processes, and a clock apart from the fit's."""

from __future__ import annotations

import os
from pathlib import Path

import jax
import jax.monitoring
import platformdirs

# Regions of memory that a process may have mapped on Linux are 65,530 by default, and each compiled
# program takes some; LLVM crashes if it gets no more.
_MOST_REGIONS = 40_000
_REGIONS = Path("/proc/self/maps")
# Programs (of about two regions each) compiled between two counts: counting regions is slow.
_BETWEEN = 500
_spent = 0.0
_programs = 0
_looked = 0


def keep_compilations() -> None:
    """Cache compilations on disk for later processes, unless JAX has a cache folder already."""
    if jax.config.jax_compilation_cache_dir is None:
        folder = Path(platformdirs.user_cache_dir("logratio")) / "jax"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return
        if os.access(folder, os.W_OK):
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def make_room(most: int = _MOST_REGIONS, between: int = _BETWEEN) -> bool:
    """Clear JAX's compilations if the process has mapped more than ``most`` regions of memory.

    A server that fits data of hundreds of shapes would crash otherwise. Programs still needed are
    compiled again, or read from disk. Does nothing outside Linux.

    Parameters
    ----------
    between
        Regions are counted only after this many more programs were compiled.

    Returns
    -------
    Whether the compilations were cleared.
    """
    global _looked
    if _programs - _looked < between:
        return False
    _looked = _programs
    try:
        crowded = _REGIONS.read_bytes().count(b"\n") > most
    except OSError:
        return False
    if crowded:
        jax.clear_caches()
    return crowded


def seconds_compiling() -> float:
    """Seconds this process has spent tracing and compiling so far, all threads."""
    return _spent


def _listen(event: str, duration_secs: float, **_: str | int) -> None:
    global _spent, _programs
    if event.startswith("/jax/core/compile/"):
        _spent += duration_secs
        _programs += event.endswith("/backend_compile_duration")


jax.monitoring.register_event_duration_secs_listener(_listen)
