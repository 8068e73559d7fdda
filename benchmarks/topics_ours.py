"""Fit a model of ours for `benchmarks.topics`: ``python -m benchmarks.topics_ours CASE FOLDER``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

import engine
from benchmarks.topics_peers import read_sparse
from engine.data import Counts
from engine.inference.predict import predicted_proportions


def main() -> None:
    case, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
    train, first = (_counts(folder / f"{name}.npz") for name in ("train", "first"))
    settings = case["settings"] | {"seed": case["seed"]}
    began = time.perf_counter()
    fit: engine.Fit | engine.TopicFit
    if case["kind"] == "lda":
        fit = engine.fit(train, engine.LDAConfig(n_topics=case["k"], **settings))
    else:
        fit = engine.fit(train, engine.LNMConfig(n_factors=case["k"], **settings))
    seconds = time.perf_counter() - began
    parts = [block for _, block in predicted_proportions(fit, first)]
    np.save(folder / "predicted.npy", np.concatenate(parts).astype(np.float32))
    topics = fit.topics if isinstance(fit, engine.TopicFit) else np.zeros((0, 0))
    np.save(folder / "topics.npy", topics)
    status = fit.status
    note = f"{status.state}, {status.passes} passes"
    compiling = status.seconds_compiling
    print(json.dumps({"seconds": seconds, "seconds_compiling": compiling, "note": note}))


def _counts(path: Path) -> Counts:
    matrix = read_sparse(path)
    genes = [f"gene {g}" for g in range(matrix.shape[1])]
    return Counts.from_arrays(matrix, genes, [f"{path.stem} {c}" for c in range(matrix.shape[0])])


if __name__ == "__main__":
    main()
