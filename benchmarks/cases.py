"""What is measured: each case is one fit in a process of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One fit. ``counts`` is "CELLSxGENES" (simulated) or a file in the data folder or "demo".

    ``repeats`` fits again in the same process: the second shows what compilation cost.
    ``streamed`` writes the simulated counts to disk and fits from there.
    """

    name: str
    counts: str
    config: dict[str, Any]
    genes: int | str = 2000
    repeats: int = 1
    streamed: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _pbmc(k: int, seed: int, **more: Any) -> Case:
    name = f"PBMC 3k x 2000, k={k}, seed {seed}" + "".join(f", {v}" for v in more.values())
    return Case(name, "pbmc3k.h5ad", {"n_factors": k, "seed": seed, **more})


GROUPS: dict[str, list[Case]] = {
    "speed": [
        Case("simulated 2000 x 500, k=5", "2000x500", {"n_factors": 5}, "all", repeats=2),
        Case("simulated 5000 x 2000, k=5", "5000x2000", {"n_factors": 5}, "all", repeats=2),
        Case("PBMC 3k x 2000, k=10", "pbmc3k.h5ad", {"n_factors": 10}, repeats=2),
        Case("demo, LNMVCP, k=10", "demo", {"n_factors": 10, "capture": True}, repeats=2),
    ],
    "settling": [
        *(_pbmc(10, seed) for seed in range(3)),
        *(_pbmc(30, seed) for seed in range(3)),
        _pbmc(2, 0),
        _pbmc(50, 0),
        _pbmc(10, 0, d_mode="low_rank"),
        Case("American Gut x 500, k=10", "agp_otu.h5ad", {"n_factors": 10}, 500),
        Case("sc_mixology 500, k=5", "sc_mixology_500.h5ad", {"n_factors": 5}, "all"),
    ],
    "memory": [
        Case(
            f"streamed {cells} x 1000, k=5, 12 passes",
            f"{cells}x1000",
            {"n_factors": 5, "max_passes": 12},
            "all",
            streamed=True,
        )
        for cells in (5_000, 20_000)
    ],
}
