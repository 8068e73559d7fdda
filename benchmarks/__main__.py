"""Measure speed and scale: ``python -m benchmarks [speed settling memory] [--data FOLDER]``.

Every case runs in a process of its own with an empty compilation cache, so that "first" includes
all compilation; "again" is a second fit in the same process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import jax

from benchmarks.cases import GROUPS, Case

DATA = Path(__file__).parents[1].parent / "shared" / "data"
COLUMNS = [
    "case",
    "first s",
    "of it compiling s",
    "again s",
    "passes",
    "nats per cell",
    "r with truth",
    "status",
    "failed cells",
    "peak MB (before the fit)",
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", default=list(GROUPS), help=", ".join(GROUPS))
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real counts")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.groups) - set(GROUPS))
    if unknown:
        parser.error(f"groups are {', '.join(GROUPS)}; found {', '.join(unknown)}")
    device = jax.devices()[0]
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, JAX {jax.__version__} on {device.platform}"
    )
    for group in arguments.groups:
        print(f"\n## {group}\n\n{_line(COLUMNS)}\n{_line(['---'] * len(COLUMNS))}", flush=True)
        for case in GROUPS[group]:
            print(_row(case, arguments.data), flush=True)


def _row(case: Case, folder: Path) -> str:
    if case.counts.endswith(".h5ad") and not (folder / case.counts).exists():
        return f"| {case.name} | not run: no {case.counts} in the data folder |"
    with tempfile.TemporaryDirectory() as cache:
        finished = subprocess.run(
            [sys.executable, "-m", "benchmarks.one", json.dumps(case.to_dict()), str(folder)],
            env=os.environ | {"JAX_COMPILATION_CACHE_DIR": cache},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if finished.returncode:
        return f"| {case.name} | failed with exit status {finished.returncode} |"
    found = json.loads(finished.stdout.splitlines()[-1])
    first, again = found["runs"][0], found["runs"][1:]
    cells = [
        case.name,
        f"{first['seconds']:.1f}",
        f"{first['seconds_compiling']:.1f}",
        f"{again[0]['seconds']:.1f}" if again else "",
        str(first["passes"]),
        f"{first['log_marginal_per_cell']:.3f}",
        f"{first['r_truth']:.4f}" if "r_truth" in first else "",
        first["state"],
        str(first["n_failed_cells"]),
        f"{found['memory_mb']:.0f} ({found['before_mb']:.0f})",
    ]
    return _line(cells)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
