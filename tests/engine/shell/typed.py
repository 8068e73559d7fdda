"""What the shell makes of what is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.shell.parser import COMMANDS


def values(arguments: Sequence[str]) -> dict[str, Any]:
    """The values of the options of a command that is not run."""
    name, *rest = arguments
    return COMMANDS.commands[name].make_context(name, rest).params
