from __future__ import annotations

import copy
import pickle

import pytest

from engine import ConfigError, DataError, EngineError, FitError

ALL = [EngineError, DataError, ConfigError, FitError]


@pytest.mark.parametrize("kind", ALL)
def test_three_parts_make_the_message(kind: type[EngineError]) -> None:
    error = kind("whole numbers", "0.5 in layer 'X'", "Choose a layer of counts.")
    assert str(error) == (
        "Expected whole numbers; found 0.5 in layer 'X'. Choose a layer of counts."
    )
    assert (error.expected, error.got) == ("whole numbers", "0.5 in layer 'X'")
    assert error.remedy == "Choose a layer of counts."


@pytest.mark.parametrize("kind", ALL)
def test_it_travels_between_processes(kind: type[EngineError]) -> None:
    """A reader in a process of its own hands its refusal back."""
    error = kind("a", "b", "Do c.")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert again.args == error.args
        assert (again.expected, again.got, again.remedy) == ("a", "b", "Do c.")


@pytest.mark.parametrize("kind", ALL[1:])
def test_one_except_catches_all(kind: type[EngineError]) -> None:
    with pytest.raises(EngineError, match="Do c"):
        raise kind("a", "b", "Do c.")
