"""Score topic models side by side: ``python -m benchmarks.topics --data FOLDER --peers PYTHON``.

All models see the same training cells, are given the same half of the counts of the same held-out
cells, and are scored on the other half (document completion, as `engine.checks.score` does): what
they are given and the score are computed here, once, and each model only predicts proportions.
Every case runs in a process of its own, with an empty compilation cache; "fit s" is the training
alone, without imports and reading, and includes compilation. Peers are installed apart
(``make bench-topics``); a missing one is told.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import scanpy as sc
from scipy import sparse

from benchmarks.topics_peers import read_sparse, write_sparse
from engine.checks import set_aside
from engine.checks.quality import matched_cosines
from engine.data import Counts, simulate
from engine.data.thinning import thin

DATA = Path(__file__).parents[1].parent / "shared" / "data"
ROOT = Path(__file__).parents[1]
HELD_OUT, SPLIT_SEED = 0.1, 0
# Of the mean composition of the training cells, in every prediction: a probability of zero, as NMF
# gives, does not decide the score.
MIXED_IN = 1e-6
COLUMNS = ["data", "k", "model", "seed", "fit s", "of it compiling s", "perplexity"]
COLUMNS += ["cosine with the truth: lowest", "mean", "load before", "note"]


@dataclass(frozen=True)
class Method:
    """A model with its settings; of ours, ``settings`` are those of the configuration."""

    label: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: int = 1


OURS = [
    Method("logratio LDA em", "lda", {"inference": "em"}, 3),
    Method("logratio LDA vae", "lda", {"inference": "vae"}, 3),
    Method("logratio LNM", "lnm"),
]
PEERS = [
    Method("scikit-learn NMF, KL, 200 iterations", "nmf", {"max_iter": 200}, 2),
    Method("scikit-learn LDA", "sklearn", {}, 2),
    Method("scikit-learn LDA, 50 iterations", "sklearn", {"max_iter": 50}, 1),
    Method("tomotopy LDA, 200 iterations", "tomotopy", {"iterations": 200}, 2),
    Method("AmortizedLDA, lr 0.01, 100 epochs", "scvi", {"lr": 0.01, "max_epochs": 100}),
    Method("AmortizedLDA", "scvi"),
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.topics", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=DATA, help="folder of pbmc3k.h5ad")
    add("--peers", default=sys.executable, help="the Python that has the peers")
    add("--k", default="10,20", help="numbers of topics")
    add("--only", default="", help="words of which the label of a model must hold one, with commas")
    add("--cap", type=float, default=900, help="seconds that AmortizedLDA may train")
    add("--sets", default="pbmc3k,simulated", help="what is fitted")
    options = parser.parse_args()
    words = [word for word in options.only.split(",") if word]
    print(f"{os.cpu_count()} cores, {platform.machine()}; AmortizedLDA stops at {options.cap:g} s")
    print(f"\n{_line(COLUMNS)}\n{_line(['---'] * len(COLUMNS))}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.sets.split(","):
            for k in map(int, options.k.split(",")):
                folder = Path(scratch) / f"{name}-{k}"
                if not _prepare(folder, name, k, options.data):
                    print(_line([name, str(k), "not run: no pbmc3k.h5ad in the data folder"]))
                    continue
                for method in OURS + PEERS:
                    if not words or any(word in method.label for word in words):
                        _measure(folder, name, k, method, options)


def _measure(folder: Path, name: str, k: int, method: Method, options: Any) -> None:
    own = method in OURS
    module = "topics_ours" if own else "topics_peers"
    python = sys.executable if own else options.peers
    for seed in range(method.seeds):
        case = asdict(method) | {"k": k, "seed": seed, "cap": options.cap}
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as cache:
            done = subprocess.run(
                [python, "-m", f"benchmarks.{module}", json.dumps(case), str(folder)],
                env=os.environ | {"JAX_COMPILATION_CACHE_DIR": cache},
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        start = [name, str(k), method.label, str(seed)]
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            row = [*start, "", "", "", "", "", f"{load:.1f}", f"not run: {last[:80]}"]
            print(_line(row), flush=True)
            return
        found = json.loads(done.stdout.splitlines()[-1])
        cells = [
            *start,
            f"{found['seconds']:.1f}",
            f"{found['seconds_compiling']:.1f}" if own else "",
            f"{_perplexity(folder):.1f}",
            *_recovery(folder),
            f"{load:.1f}",
            found["note"],
        ]
        print(_line(cells), flush=True)


def _prepare(folder: Path, name: str, k: int, data: Path) -> bool:
    """Write what every model is given, and what it is scored on."""
    truth = None
    if name == "simulated":
        # Sparse: a hundred genes have four fifths of the mass of a topic.
        adata = simulate("lda", cells=3000, genes=2000, factors=k, seed=k, topic_concentration=0.05)
        truth = np.asarray(adata.varm["true_topics"])
    elif (data / "pbmc3k.h5ad").exists():
        adata = _most_variable(ad.read_h5ad(data / "pbmc3k.h5ad"), 2000)
    else:
        return False
    matrix = sparse.csr_matrix(adata.X)
    matrix = matrix[np.asarray(matrix.sum(1)).ravel() > 0]
    cells = [f"cell {i}" for i in range(matrix.shape[0])]
    train, held_out = set_aside(
        Counts.from_arrays(matrix, adata.var_names, cells), HELD_OUT, SPLIT_SEED
    )
    # A gene that no training cell has can be predicted by no model.
    seen = np.flatnonzero(np.asarray(_matrix(train).sum(0)).ravel())
    halves = thin(held_out, SPLIT_SEED)
    folder.mkdir()
    write_sparse(folder / "train.npz", _matrix(train)[:, seen])
    write_sparse(folder / "first.npz", _matrix(halves.first)[:, seen])
    write_sparse(folder / "second.npz", _matrix(halves.second)[:, seen])
    if truth is not None:
        np.save(folder / "truth.npy", truth[seen])
    return True


def _most_variable(adata: ad.AnnData, n: int) -> ad.AnnData:
    """The genes whose log1p-normalised counts vary most."""
    other = sc.pp.log1p(sc.pp.normalize_total(adata, copy=True), copy=True)
    matrix = sparse.csr_matrix(other.X, dtype=float)
    mean = np.asarray(matrix.mean(0)).ravel()
    variance = np.asarray(matrix.multiply(matrix).mean(0)).ravel() - mean**2
    return adata[:, np.sort(np.argsort(-variance)[:n])].copy()


def _matrix(counts: Counts) -> sparse.csr_matrix:
    matrix = counts.matrix()
    assert matrix is not None
    return matrix


def _perplexity(folder: Path) -> float:
    train, second = read_sparse(folder / "train.npz"), read_sparse(folder / "second.npz")
    predicted = np.load(folder / "predicted.npy").astype(float)
    mean = np.asarray(train.sum(0), float).ravel()
    predicted = (1 - MIXED_IN) * predicted / predicted.sum(1, keepdims=True)
    predicted += MIXED_IN * mean / mean.sum()
    return float(np.exp(-second.multiply(np.log(predicted)).sum() / second.sum()))


def _recovery(folder: Path) -> list[str]:
    """Cosines of the true topics with the found ones that they are best paired with."""
    if not (folder / "truth.npy").exists():
        return ["", ""]
    topics = np.load(folder / "topics.npy")
    if not topics.size:
        return ["", ""]
    cosines = matched_cosines(topics, np.load(folder / "truth.npy"))
    return [f"{cosines.min():.3f}", f"{cosines.mean():.3f}"]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
