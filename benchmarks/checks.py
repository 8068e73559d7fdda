"""Measure predictive checks of a real data set: ``python -m benchmarks.checks [--data FOLDER]``.

PBMC 3k x 2000 genes, a fit of ten factors (not measured), 100 draws in each mode. "First" includes
compilation, from an empty cache; "job" is what the page waits for: a first look that chooses the
genes in detail, the draws, and the first time a test of the approximation. "Processor" adds the
seconds of all threads up, which the load of the machine changes less than the clock's.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.__main__ import DATA

if TYPE_CHECKING:
    from engine.jobs import Jobs

MODES = ("laplace", "map", "population")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real counts")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--passes", type=int, default=200, help="of the fit that is checked")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = cache
        _measure(arguments, Path(cache) / "home")


def _measure(arguments: argparse.Namespace, home: Path) -> None:
    import engine
    from engine.checks import predictive_check
    from engine.data import DataRequest
    from engine.jobs import CheckRequest, Checks, Jobs

    request = DataRequest(str(arguments.data / "pbmc3k.h5ad"), genes=2000)
    counts, jobs = request.load(), Jobs(home)
    checks = Checks(jobs)
    run = jobs.submit_fit(request, engine.LNMConfig(n_factors=10, max_passes=arguments.passes))
    fit = _ended(jobs, run)
    print(f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}")
    print(f"{counts.n_cells:,} cells x {counts.n_genes:,} features, {arguments.draws} draws\n")
    print("| mode | run | s | processor s | peak MB (before) | misfits |")
    print("| --- | --- | --- | --- | --- | --- |")
    for mode in MODES:
        for kind in ("first", "again", "job"):
            before = _peak_memory()
            clock, used = time.perf_counter(), time.process_time()
            if kind == "job":
                request = CheckRequest(mode=mode, n_draws=arguments.draws)
                found = _ended(jobs, checks.submit(run, fit, request)).check
            else:
                found = predictive_check(fit, counts, mode=mode, n_draws=arguments.draws)
            seconds, used = time.perf_counter() - clock, time.process_time() - used
            times = f"{seconds:.1f} | {used:.1f}"
            memory = f"{_peak_memory():.0f} ({before:.0f})"
            print(f"| {mode} | {kind} | {times} | {memory} | {len(found.misfits)} |", flush=True)
    jobs.close()


def _ended(jobs: Jobs, id: str) -> Any:
    """The result of a job, once it is there."""
    while jobs.status(id).active:
        time.sleep(0.02)
    return jobs.result(id)


def _peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
