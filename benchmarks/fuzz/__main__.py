"""Damage files of every kind by chance, and see what comes of opening them.

Counts in every format, saved fits and the folders of runs are damaged (`benchmarks.fuzz.hdf5`,
``mutations``, ``odd``), and opened as the product opens them (``target``), each case in a process
of its own. Right is a sound result, or a refusal in three parts; all else is a fault: a signal,
any other exception, a traceback that is printed, something of another file that is shown, more
than 20 s or 1 GB. Case i of a seed is the same whenever it is run.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fuzz.campaign import Campaign, Verdict


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first")
    parser.add_argument("--case", type=int, default=None, help="this one alone, told in full")
    parser.add_argument("--only", default="", help="counts, fit or run, or one such as counts/csr")
    parser.add_argument("--minutes", type=float, default=None, help="stop after so many")
    parser.add_argument("--keep", type=Path, default=None, help="folder for those with faults")
    parser.add_argument("--workers", type=int, default=1, help="how many at once")
    asked = parser.parse_args(given)
    began, found = time.monotonic(), list[Verdict]()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as work:
        campaign = Campaign(Path(work), asked.seed, keep=asked.keep, workers=asked.workers)
        for verdict in campaign.run(_numbers(campaign, asked, began)):
            found.append(verdict)
            for fault in verdict.faults:
                print(f"case {verdict.number} ({verdict.template}): {fault}", flush=True)
            if verdict.faults or asked.case is not None:
                print(f"    {verdict.done[:400]}", flush=True)
            if asked.case is not None:
                print(f"    {verdict.outcome}: {verdict.said[:3000]}", flush=True)
    report(found, time.monotonic() - began)
    return int(any(verdict.faults for verdict in found))


def _numbers(campaign: Campaign, asked: argparse.Namespace, began: float) -> Iterator[int]:
    """Numbers of the cases that are wanted, until enough are done or the time is up."""
    if asked.case is not None:
        yield asked.case
        return
    wanted = (
        number
        for number in itertools.count(asked.first)
        if campaign.template(number).startswith(asked.only)
    )
    for number in itertools.islice(wanted, asked.cases):
        if asked.minutes is not None and time.monotonic() - began > 60 * asked.minutes:
            print(f"stopped before case {number}: go on by --from {number}")
            return
        yield number


def report(found: list[Verdict], seconds: float) -> None:
    """Counts by kind and verdict, and what was largest."""
    counted = Counter((v.template.split("/")[0], v.outcome) for v in found)
    for (kind, outcome), times in sorted(counted.items()):
        print(f"{kind}: {times:,} {outcome}")
    faulty = [verdict for verdict in found if verdict.faults]
    print(f"{len(found):,} cases in {seconds / 60:.1f} minutes, {len(faulty):,} with faults")
    if found:
        print(
            f"slowest {max(v.seconds for v in found):.1f} s, "
            f"largest {max(v.megabytes for v in found):,.0f} MB resident"
        )
    if faulty:
        print("cases with faults:", ", ".join(str(verdict.number) for verdict in faulty))


if __name__ == "__main__":
    sys.exit(main())
