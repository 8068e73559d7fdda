"""Notice: an error as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import EngineError


@dataclass(frozen=True)
class Notice:
    """An error in three parts."""

    expected: str
    got: str
    remedy: str

    @classmethod
    def of(cls, error: BaseException) -> Notice:
        """An engine error keeps its parts; any other is reported as unexpected."""
        if isinstance(error, EngineError):
            return cls(error.expected, error.got, error.remedy)
        return cls(
            "no error inside the program",
            f"{type(error).__name__}: {error}",
            "The rest of the page still works. Please report this.",
        )
