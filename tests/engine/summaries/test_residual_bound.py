from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine import summaries
from engine.results import OTHER, Fit
from tests.dashboard.synthetic import make_fit


def with_noise(largest: dict[int, float], **settings: Any) -> Fit:
    """A fit of 20 genes, the reference being the pooled rest, with these residual variances."""
    fit = make_fit(cells=30, genes=20, factors=2, capture=False)
    noise = fit.noise.copy()
    for place, value in largest.items():
        noise[place] = value
    return replace(fit, noise=noise, config=replace(fit.config, **settings))


@pytest.mark.parametrize(
    ("noise", "settings", "held", "bound"),
    [
        ({2: 3.0, 5: 2.998, 7: 2.996}, {}, ["GENE2", "GENE5"], 3),
        ({2: 3.0, 5: 9.995, 7: 10.0}, {}, ["GENE5", "GENE7"], 10),
        ({2: 3.0, 5: 2.9}, {"inference": "vae"}, ["GENE2"], 3),
        ({2: 3.0, 5: 2.9}, {"inference": "nuts"}, [], 10),
        ({2: 2.9}, {}, [], 3),
        ({}, {"d_mode": "low_rank"}, [], 3),
    ],
)
def test_genes_within_a_thousandth_of_the_bound(
    noise: dict[int, float], settings: dict[str, Any], held: list[str], bound: float
) -> None:
    fit = with_noise(noise, **settings)
    found = summaries.genes_at_bound(fit)
    assert list(found.genes) == held
    assert found.bound == bound
    assert bool(summaries.bound_words(fit)) == bool(held)


def test_the_pooled_rest_is_not_counted_and_a_reference_is() -> None:
    fit = replace(with_noise({20: 3.0, 4: 3.0}), reference=4)
    assert fit.genes[20] == OTHER
    found = summaries.genes_at_bound(fit)
    assert list(found.genes) == ["GENE4"]
    assert found.n_genes == 20


def test_words_count_all_and_name_some() -> None:
    said = summaries.bound_words(with_noise(dict.fromkeys(range(12), 3.0)))
    assert said.startswith("12 of 20 genes have the largest residual variance")
    assert "(d = 3): GENE0, " in said
    assert "GENE9 and 2 more." in said
    assert "GENE10" not in said
    one = summaries.bound_words(with_noise({3: 3.0}))
    assert one.startswith("1 of 20 genes has the largest")
    assert "(d = 3): GENE3." in one


def test_what_a_fit_cuts_is_found() -> None:
    from engine.lnm.point import within
    from engine.lnm.residual import NARROW

    theta = np.zeros((21, 4))
    theta[4, -1] = 2.0
    learned = np.arange(21) < 20
    noise = np.exp(within(theta, learned, NARROW.max_noise)[:, -1]) * learned
    fit = with_noise({place: float(value) for place, value in enumerate(noise)})
    assert list(summaries.genes_at_bound(fit).genes) == ["GENE4"]
