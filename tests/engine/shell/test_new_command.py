"""To add a command is to add one file, as docs/contributing.md shows."""

from __future__ import annotations

from pathlib import Path

from tests.extended import run_extended, shown


def test_a_command_is_one_file(tmp_path: Path) -> None:
    def extend(folder: Path) -> None:
        (code,) = shown("Add a command of the shell")
        (folder / "engine" / "shell" / "commands" / "cells.py").write_text(code, "utf-8")

    run_extended(tmp_path, Path(__file__).with_name("new_command.py"), extend)
