"""Errors of the engine: each says what was expected, what was found and what to do."""

from __future__ import annotations


class EngineError(Exception):
    """Base of the engine's errors, each in three parts.

    Parameters
    ----------
    expected
        What the engine needs, as a noun phrase ("non-negative integer counts").
    got
        What it found instead ("17 negative values in layer 'X'").
    remedy
        What the user can do about it, a full sentence.
    """

    def __init__(self, expected: str, got: str, remedy: str) -> None:
        self.expected, self.got, self.remedy = expected, got, remedy
        super().__init__(f"Expected {expected}; found {got}. {remedy}")

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str, str]]:
        return type(self), (self.expected, self.got, self.remedy)


class DataError(EngineError):
    """The counts cannot be read or cannot be modelled."""


class NoRoom(DataError):
    """The disk of the server is full: the counts themselves may be sound."""


class ConfigError(EngineError):
    """A setting is out of range or does not fit the data."""


class FitError(EngineError):
    """A fit could not go on (diverged, out of memory) or a fit file is not one."""
