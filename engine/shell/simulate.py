"""What ``python -m engine simulate`` does."""

from __future__ import annotations

import argparse
import os
import sys
import uuid

from engine.files.writing import write_portable
from engine.shell.common import writable


def simulate(options: argparse.Namespace) -> None:
    """Draw counts and save them with their truth."""
    out = writable(options.out)

    from engine.data import simulate as draw

    data = draw(
        options.model,
        cells=options.cells,
        genes=options.genes,
        factors=options.factors,
        seed=options.seed,
    )
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}.part")
    try:
        write_portable(data, temporary, "gzip")
        os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)
    print(f"Saved {out}: {data.n_obs:,} cells × {data.n_vars:,} genes", file=sys.stderr)
