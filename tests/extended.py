"""What docs/contributing.md shows how to add, added to a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ROOT


def shown(title: str) -> list[str]:
    """The Python code below a heading of docs/contributing.md, block by block."""
    section = (ROOT / "docs" / "contributing.md").read_text("utf-8").split(f"\n## {title}\n")[1]
    return re.findall(r"^```python\n(.*?)^```$", section.split("\n## ")[0], re.M | re.S)


def run_extended(folder: Path, script: Path, extend: Callable[[Path], None]) -> None:
    """Run a script in a copy of the project; what it does not find as it expects, it asserts.

    Parameters
    ----------
    extend
        Changes the copy, which lies in a folder.
    """
    for part in ("engine", "dashboard", "assets"):
        shutil.copytree(ROOT / part, folder / part)
    extend(folder)
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
