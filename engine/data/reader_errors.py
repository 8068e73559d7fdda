"""Turns errors of third-party readers into DataErrors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engine.data.quiet import quiet
from engine.distinct_labels import apart
from engine.errors import DataError, EngineError

MAX_MESSAGE = 200
MAX_NAME = 60


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn anything that goes wrong while reading the file ``name`` into a DataError."""
    try:
        with quiet():
            yield
    except EngineError:
        raise
    except MemoryError as error:
        raise DataError(
            "a file that fits into memory",
            f"{name}, for which memory ran out",
            "Save it as .h5ad with a CSR matrix, which is streamed from disk.",
        ) from error
    # Readers of damaged files raise anything at all, so no narrower class will do.
    except Exception as error:
        raise DataError(
            "a whole, readable file",
            f"{name} to be damaged or of another kind ({_first_line(error)})",
            "Check that the file was copied completely and opens in scanpy.",
        ) from error


def shorten(name: object, limit: int = MAX_NAME) -> str:
    """A name for a message: control characters shown as escapes, long ones cut in the middle."""
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(name))
    if len(text) <= limit:
        return text
    # Names of one kind often differ at their ends alone.
    tail = (limit - 1) // 3
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def shortened(names: Sequence[str], longest: int = 10 * MAX_NAME) -> list[str]:
    """Names for one message, shortened, but so that different names stay different."""
    return apart(names, lambda name, size: shorten(name, int(min(size, longest))), MAX_NAME)


def _first_line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [""])[0]
    # Our own checks speak plainly; a foreign error is easier to look up with its type.
    named = text if type(error) is ValueError and text else f"{type(error).__name__}: {text}"
    return shorten(named, MAX_MESSAGE)
