"""To add a setting is to add one field, as docs/contributing.md shows."""

from __future__ import annotations

import textwrap
from pathlib import Path

from tests.extended import run_extended, shown

LAST = "    full_epochs: ClassVar[int] = 60\n"


def test_a_setting_is_one_field(tmp_path: Path) -> None:
    def extend(folder: Path) -> None:
        (code,) = shown("Add a setting of a model")
        field = textwrap.indent(code[code.index("shrinkage:") :], "    ")
        config = folder / "engine" / "lnm" / "config.py"
        before = config.read_text("utf-8")
        assert before.count(LAST) == 1
        config.write_text(before.replace(LAST, field + LAST), "utf-8")

    run_extended(tmp_path, Path(__file__).with_name("new_setting.py"), extend)
