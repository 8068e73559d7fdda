"""The parser of ``python -m engine``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from engine.shell.click_command import run
from engine.shell.commands import commands

COMMANDS = click.Group(
    "engine", commands=commands(), help="Log-ratio models of single-cell counts."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0, 2 after an error, 130 after Ctrl-C with no fit."""
    return run(COMMANDS, arguments, "python -m engine")
