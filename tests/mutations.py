"""Break the engine and the page in one place at a time, and see whether the tests notice.

    python -m tests.mutations [--tests REVISION] [NAME ...]

Each mutation is made in a copy of the working tree, where the tests of its folders run until the
first failure.  ``--tests`` takes the tests from another revision, to compare two of them: a
revision that catches fewer has lost a check.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT


class Mutation(NamedTuple):
    """Text of a file to be replaced, and the tests (paths or options of pytest) that may fail."""

    file: str
    before: str
    after: str
    tests: tuple[str, ...]


UNCERTAINTY = ("tests/engine/checks/uncertainty",)
JOBS = ("tests/engine/jobs",)
PAGE = ("tests/dashboard",)

MUTATIONS = {
    "residual: the integral loses part of its width": Mutation(
        "engine/lnm/residual.py",
        "log_joint(mode) - 0.5 * jnp.log(1 + mode.t)",
        "log_joint(mode) - 0.49 * jnp.log(1 + mode.t)",
        ("tests/engine/lnm/test_residual.py",),
    ),
    "topics: the prior of a cell's proportions pulls nothing": Mutation(
        "engine/lda/cell_posterior.py",
        "gradient = delta + prior.pseudo_counts - total * shares - pull",
        "gradient = delta + prior.pseudo_counts - total * shares",
        ("tests/engine/lda/test_equations.py",),
    ),
    "encoder: the scale of z does not follow a change of basis": Mutation(
        "engine/lnm/amortized.py",
        '"scale_bias": params["scale_bias"] - np.log(sd)',
        '"scale_bias": params["scale_bias"]',
        ("tests/engine/lnm/test_encoder.py",),
    ),
    "L-BFGS: a step is corrected in the wrong direction": Mutation(
        "engine/fitting/lbfgs.py",
        "ascent += (share - inverse",
        "ascent += (share + inverse",
        ("tests/engine/fitting",),
    ),
    "delta method: covariances of closure are left out": Mutation(
        "engine/checks/uncertainty/delta_method.py",
        "variance += 2 / count * mixed",
        "variance += 0 / count * mixed",
        UNCERTAINTY,
    ),
    "bootstrap: replicates do not sample from the prior": Mutation(
        "engine/checks/uncertainty/bootstrap.py",
        "theta[:, : point.n_factors] += np.einsum",
        "theta[:, : point.n_factors] += 0 * np.einsum",
        UNCERTAINTY,
    ),
    "checks: a p-value leaves out the observed value": Mutation(
        "engine/checks/predictive/significance.py",
        "share = (1 + beyond) / (n_draws + 1)",
        "share = beyond / n_draws",
        ("tests/engine/checks/predictive",),
    ),
    "held-out score: proportions are predicted from the half that is scored": Mutation(
        "engine/checks/completion.py",
        "predicted_proportions(fit, halves.first)",
        "predicted_proportions(fit, halves.second)",
        ("tests/engine/checks",),
    ),
    "sweep: the best number is suggested, not the smallest as good": Mutation(
        "engine/checks/sweep.py",
        'if row["excess"] <= row["excess_se"])',
        'if row["excess"] <= 0)',
        ("tests/engine/checks",),
    ),
    "sweep: one seed serves all repetitions": Mutation(
        "engine/jobs/sweeps.py", "seed=config.seed + seed)", "seed=config.seed)", JOBS
    ),
    "jobs: other cells are set aside than the seed of the run says": Mutation(
        "engine/jobs/scoring.py",
        'status.holdout, status.config["seed"])',
        'status.holdout, status.config["seed"] + 1)',
        JOBS,
    ),
    "jobs: a run goes on with counts that have changed": Mutation(
        "engine/jobs/fits.py", "if before != counts.fingerprint:", "if False:", JOBS
    ),
    "jobs: a bootstrap that was stopped keeps a few replicates": Mutation(
        "engine/jobs/uncertainties.py", ">= _FEWEST_KEPT", ">= 2", JOBS
    ),
    "jobs: the uncertainty of an earlier fit is given": Mutation(
        "engine/jobs/uncertainties.py",
        "return saved if saved.passes == passes else None",
        "return saved",
        JOBS,
    ),
    "jobs: a fit has the priority of the page": Mutation(
        "engine/jobs/job_queue.py",
        "lower = max(os.getpriority(os.PRIO_PROCESS, thread), nice)",
        "lower = os.getpriority(os.PRIO_PROCESS, thread)",
        JOBS,
    ),
    "page: cells are taken out of a selection the wrong way": Mutation(
        "dashboard/cell_mask.py", "before & ~drawn", "before & drawn", PAGE
    ),
    "page: the factor of an address is off by one": Mutation(
        "dashboard/link.py", "number - 1", "number", PAGE
    ),
    "page: UMAP places other cells than it was asked for": Mutation(
        "dashboard/umap_layout.py",
        "model.transform(np.asarray(scores[block], np.float32))",
        "model.transform(np.asarray(scores[block[::-1]], np.float32))",
        PAGE,
    ),
    "browser: keys act while somebody types": Mutation(
        "assets/browser.js",
        'if (event.key !== "Escape" && busy(event.key, event.composedPath())) return',
        'if (event.key === "?") return',
        ("tests/browser",),
    ),
}


def tree(folder: Path, tests: str | None) -> None:
    """Copy what git knows or could know of the working tree, with the tests of a revision."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in _output(*listing).decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    if tests is not None:
        shutil.rmtree(folder / "tests")
        archive = _output("git", "archive", tests, "tests", "pyproject.toml")
        subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)


def caught(folder: Path, mutation: Mutation) -> str | None:
    """The test that fails first; None if none does."""
    path = folder / mutation.file
    sound = path.read_text()
    assert sound.count(mutation.before) == 1, f"{mutation.before!r} not once in {mutation.file}"
    path.write_text(sound.replace(mutation.before, mutation.after))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-rfE", *mutation.tests],
            cwd=folder,
            env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "mutations")},
            capture_output=True,
            text=True,
        )
    finally:
        path.write_text(sound)
    if done.returncode == 0:
        return None
    failures = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode != 1 or not failures:
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return failures[0].split(" - ")[0]


def _output(*command: str) -> bytes:
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", metavar="REVISION", help="take the tests from there")
    parser.add_argument("names", nargs="*", help="parts of names of mutations; all by default")
    options = parser.parse_args()
    chosen = {
        name: mutation
        for name, mutation in MUTATIONS.items()
        if not options.names or any(part in name for part in options.names)
    }
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="logratio-mutations-") as name:
        folder = Path(name) / "tree"
        tree(folder, options.tests)
        for title, mutation in chosen.items():
            began = time.monotonic()
            found = caught(folder, mutation)
            survivors += found is None
            seconds = time.monotonic() - began
            print(f"{title}: {found or 'NOT CAUGHT'} ({seconds:.0f} s)", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} caught")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
