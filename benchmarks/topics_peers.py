"""Fit a peer for `benchmarks.topics`: ``PYTHON -m benchmarks.topics_peers CASE FOLDER``.

Runs where the peers are installed, without the rest of this project. Each infers the proportions of
the held-out cells by its own means.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse


class Found(NamedTuple):
    """(n, K) proportions of the held-out cells, (F, K) topics, what fitting took, and a remark."""

    shares: np.ndarray
    topics: np.ndarray
    seconds: float
    note: str = ""


def main() -> None:
    case, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
    train, first = (read_sparse(folder / f"{name}.npz") for name in ("train", "first"))
    found = FITTERS[case["kind"]](train, first, case)
    topics = found.topics / found.topics.sum(0)
    np.save(folder / "predicted.npy", (found.shares @ topics.T).astype(np.float32))
    np.save(folder / "topics.npy", topics)
    print(json.dumps({"seconds": found.seconds, "note": found.note}))


def write_sparse(path: Path, matrix: sparse.csr_matrix) -> None:
    sparse.save_npz(path, sparse.csr_matrix(matrix))


def read_sparse(path: Path) -> sparse.csr_matrix:
    return sparse.csr_matrix(sparse.load_npz(path))


def _nmf(train: sparse.csr_matrix, first: sparse.csr_matrix, case: dict[str, Any]) -> Found:
    decomposition = importlib.import_module("sklearn.decomposition")
    began = time.perf_counter()
    model = decomposition.NMF(
        case["k"],
        init="random",
        solver="mu",
        beta_loss="kullback-leibler",
        random_state=case["seed"],
        tol=0,
        **case["settings"],
    )
    model.fit(train)
    seconds = time.perf_counter() - began
    sizes = model.components_.sum(1)
    return Found(model.transform(first) * sizes, model.components_.T, seconds)


def _sklearn(train: sparse.csr_matrix, first: sparse.csr_matrix, case: dict[str, Any]) -> Found:
    decomposition = importlib.import_module("sklearn.decomposition")
    began = time.perf_counter()
    model = decomposition.LatentDirichletAllocation(
        case["k"], random_state=case["seed"], n_jobs=-1, **case["settings"]
    )
    model.fit(train)
    seconds = time.perf_counter() - began
    return Found(
        model.transform(first), model.components_.T, seconds, f"{model.n_iter_} iterations"
    )


def _tomotopy(train: sparse.csr_matrix, first: sparse.csr_matrix, case: dict[str, Any]) -> Found:
    tomotopy = importlib.import_module("tomotopy")
    words = np.arange(train.shape[1]).astype(str)

    def document(row: int, matrix: sparse.csr_matrix) -> list[str]:
        own = slice(*matrix.indptr[row : row + 2])
        return np.repeat(words[matrix.indices[own]], matrix.data[own].astype(int)).tolist()

    began = time.perf_counter()
    model = tomotopy.LDAModel(k=case["k"], seed=case["seed"])
    for row in range(train.shape[0]):
        model.add_doc(document(row, train))
    model.train(case["settings"]["iterations"], workers=0)
    seconds = time.perf_counter() - began
    topics = np.zeros((train.shape[1], case["k"]))
    order = np.array([int(word) for word in model.used_vocabs])
    for k in range(case["k"]):
        topics[order, k] = model.get_topic_word_dist(k)
    documents = [model.make_doc(document(row, first)) for row in range(first.shape[0])]
    shares, _ = model.infer(documents)
    return Found(np.array(shares), topics, seconds)


def _scvi(train: sparse.csr_matrix, first: sparse.csr_matrix, case: dict[str, Any]) -> Found:
    scvi = importlib.import_module("scvi")
    anndata = importlib.import_module("anndata")
    scvi.settings.seed = case["seed"]
    settings = dict(case["settings"])
    rate = settings.pop("lr", None)
    if rate is not None:
        settings["plan_kwargs"] = {"optim_kwargs": {"lr": rate}}
    data, held_out = (anndata.AnnData(sparse.csr_matrix(part)) for part in (train, first))
    scvi.model.AmortizedLDA.setup_anndata(data)
    began = time.perf_counter()
    model = scvi.model.AmortizedLDA(data, n_topics=case["k"])
    model.train(
        accelerator="cpu",
        max_time={"seconds": case["cap"]},
        enable_progress_bar=False,
        **settings,
    )
    seconds = time.perf_counter() - began
    scvi.model.AmortizedLDA.setup_anndata(held_out)
    shares = model.get_latent_representation(held_out).to_numpy()
    topics = model.get_feature_by_topic().to_numpy()
    made, planned = model.trainer.current_epoch, model.trainer.max_epochs
    cut = "" if made >= planned else f" of {planned}: cut off"
    return Found(shares, topics, seconds, f"{made} epochs{cut}")


FITTERS: dict[str, Callable[..., Found]] = {
    "nmf": _nmf,
    "sklearn": _sklearn,
    "tomotopy": _tomotopy,
    "scvi": _scvi,
}

if __name__ == "__main__":
    main()
