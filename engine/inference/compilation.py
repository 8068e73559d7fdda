"""Compilation: kept on disk between processes, and timed apart from the fit."""

from __future__ import annotations

import os
from pathlib import Path

import jax
import jax.monitoring
import platformdirs

_spent = 0.0


def keep_compilations() -> None:
    """Let a second process start without compiling, unless JAX was told where to keep them."""
    if jax.config.jax_compilation_cache_dir is None:
        folder = Path(platformdirs.user_cache_dir("logratio")) / "jax"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return
        if os.access(folder, os.W_OK):
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def seconds_compiling() -> float:
    """Seconds this process has spent tracing and compiling so far, all threads."""
    return _spent


def _listen(event: str, duration_secs: float, **_: str | int) -> None:
    global _spent
    if event.startswith("/jax/core/compile/"):
        _spent += duration_secs


jax.monitoring.register_event_duration_secs_listener(_listen)
