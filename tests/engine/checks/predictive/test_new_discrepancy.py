"""To add a discrepancy is to add one file, as docs/contributing.md shows."""

from __future__ import annotations

from pathlib import Path

from tests.extended import run_extended, shown


def test_a_discrepancy_is_one_file(tmp_path: Path) -> None:
    def extend(folder: Path) -> None:
        (code,) = shown("Add a discrepancy to the checks")
        place = folder / "engine" / "checks" / "predictive" / "discrepancies"
        (place / "single.py").write_text(code, "utf-8")

    run_extended(tmp_path, Path(__file__).with_name("new_discrepancy.py"), extend)
