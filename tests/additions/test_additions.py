"""What docs/contributing.md shows how to add: each is one field, or one file, and that is all.

A copy of the project has all of it, and one process finds it there: see the scripts beside this.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPTS = {path.stem: path for path in sorted(Path(__file__).parent.glob("new_*.py"))}
LAST = "    full_epochs: ClassVar[int] = 60\n"
END, IMPORT = ")\nMODELS:", "from engine.lnm.family import LOG_RATIO\n"
pytestmark = [pytest.mark.slow, pytest.mark.fit]


def shown(title: str) -> list[str]:
    """The Python code below a heading of docs/contributing.md, block by block."""
    section = (ROOT / "docs" / "contributing.md").read_text("utf-8").split(f"\n## {title}\n")[1]
    return re.findall(r"^```python\n(.*?)^```$", section.split("\n## ")[0], re.M | re.S)


def insert(path: Path, before: str, text: str) -> None:
    """Insert text before a line, of which there is one."""
    found = path.read_text("utf-8")
    assert found.count(before) == 1
    path.write_text(found.replace(before, text + before), "utf-8")


def extend(project: Path) -> None:
    """Add all of it to a copy of the project."""
    (code,) = shown("Add a setting of a model")
    field = textwrap.indent(code[code.index("shrinkage:") :], "    ")
    engine, data = project / "engine", project / "dashboard" / "cards" / "data"
    insert(engine / "lnm" / "config.py", LAST, field)
    insert(engine / "registry.py", END, "    SVD(),\n")
    insert(engine / "registry.py", IMPORT, "from engine.svd.family import SVD\n")
    (engine / "svd").mkdir()
    (engine / "svd" / "__init__.py").touch()
    files = {
        "Add a command of the shell": [engine / "shell" / "commands" / "cells.py"],
        "Add a discrepancy to the checks": [
            engine / "checks" / "predictive" / "discrepancies" / "single.py"
        ],
        "Add an artefact of a run": [engine / "jobs" / "zeros.py", data / "zero_counts.py"],
        "Add a model": [engine / "svd" / name for name in ("config.py", "fit.py", "family.py")],
    }
    for title, places in files.items():
        for place, text in zip(places, shown(title), strict=True):
            assert not place.exists()
            place.write_text(text, "utf-8")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How each script failed; empty if it did not."""
    project = tmp_path_factory.mktemp("project")
    for part in ("engine", "dashboard", "assets"):
        shutil.copytree(ROOT / part, project / part)
    extend(project)
    done = subprocess.run(
        [sys.executable, "-m", "tests.additions.test_additions", str(project / "told.json")],
        # Numba caches what it compiles by its place, where this copy is for the first time: to
        # draw the few counts of these scripts in Python takes less.
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(project), str(ROOT)]), "NUMBA_DISABLE_JIT": "1"},
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    failed: dict[str, str] = json.loads((project / "told.json").read_text("utf-8"))
    return failed


@pytest.mark.parametrize("script", SCRIPTS)
def test_nothing_else_is_to_be_changed(told: dict[str, str], script: str) -> None:
    assert told[script] == ""


def main(out: Path) -> None:
    """Run every script."""
    failed = dict.fromkeys(SCRIPTS, "")
    for name, path in SCRIPTS.items():
        try:
            runpy.run_path(str(path), run_name=name)
        except (Exception, SystemExit):
            failed[name] = traceback.format_exc()
    out.write_text(json.dumps(failed), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
