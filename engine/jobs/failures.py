"""Describes an exception to a person in one plain line."""

from __future__ import annotations

import errno
from pathlib import Path

from engine.errors import EngineError

OUT_OF_MEMORY = (
    "Ran out of memory. Choose fewer genes or fewer factors, or a smaller block_cells in the "
    "settings."
)
_LONGEST = 300
# The disk is full or read-only.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether host or device memory ran out."""
    # By name: jaxlib has moved and renamed its error, and a failing shell should not import JAX.
    from_xla = type(error).__name__ in ("XlaRuntimeError", "JaxRuntimeError")
    return isinstance(error, MemoryError) or (from_xla and "RESOURCE_EXHAUSTED" in str(error))


def is_expected(error: BaseException) -> bool:
    """Whether the message of `describe` is enough, without a traceback."""
    no_room = isinstance(error, OSError) and error.errno in _NO_ROOM
    return isinstance(error, EngineError) or no_room or is_out_of_memory(error)


def describe(error: BaseException) -> str:
    """One line, no traceback: what went wrong and, where it is known, what to do."""
    if isinstance(error, EngineError):
        return str(error)
    if is_out_of_memory(error):
        return OUT_OF_MEMORY
    if isinstance(error, OSError) and error.strerror:
        where = f" ({Path(error.filename).name})" if isinstance(error.filename, str) else ""
        return f"The disk could not be read or written: {error.strerror}{where}."
    text = str(error).strip()
    first = text.splitlines()[0][:_LONGEST] if text else "no further details"
    return f"Unexpected {type(error).__name__}: {first}"
