from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.lda.config import LDAConfig
from engine.lnm.config import LNMConfig
from engine.results import AnyFit, Fit, TopicFit
from engine.summaries import methods_text
from tests.dashboard.synthetic import make_fit, make_topic_fit

REPORT = {
    "cells_found": 320,
    "genes_found": 90,
    "n_dropped_cells": 3,
    "n_dropped_genes": 1,
    "genes_reason": "The 60 most variable of 89 expressed genes are modelled (variance of Pearson "
    "residuals). The other 29 are pooled into _other.",
}
DATA = {"name": "pbmc3k", "layer": "counts", "report": REPORT}
VERSIONS = {"logratio": "0.1.0", "jax": "0.8.1", "numpyro": "0.20", "python": "3.12.3"}
SCORE = {
    "perplexity": 394.25,
    "log_likelihood_per_count": -5.977,
    "standard_error": 0.012,
    "log_marginal_per_cell": -1234.5,
    "n_cells": 70,
    "n_left_out": 2,
}
CHECK = {
    "mode": "laplace",
    "n_draws": 100,
    "misfits": {"zero_fraction": 12, "mean": 0},
    "findings": ["Zeros are too many <b>"],
}


def lnm(**config: Any) -> Fit:
    capture = config.get("capture", False)
    fit = make_fit(capture=capture)
    made = LNMConfig(n_factors=5, **config)
    return replace(fit, config=made, data=DATA, versions=VERSIONS)


def lda(**config: Any) -> TopicFit:
    fit = make_topic_fit()
    return replace(fit, config=LDAConfig(n_topics=5, **config), data=DATA, versions=VERSIONS)


FITS = {"lnm": lnm(), "lnmvcp": lnm(capture=True), "lda": lda()}


@pytest.mark.parametrize("model", FITS)
def test_every_model_tells_data_status_software_and_seed(model: str) -> None:
    text = methods_text(FITS[model])
    for said in (
        "Raw counts of 300 cells of pbmc3k (layer counts) were analysed over 60 genes and one "
        "pooled feature of all others.",
        "The 60 most variable of 89 expressed genes",
        "(variance of Pearson residuals, Lause et al., 2021)",
        "Left out were 3 cells without counts and 1 gene never expressed.",
        "17 cells were set aside and not fitted.",
        "The fit converged after 12 passes",
        "Logratio 0.1.0, JAX 0.8.1 and Python 3.12.3 were used, with seed 0.",
        "Genome Biol. 22, 258.",
    ):
        assert said in text
    assert "NumPyro" not in text
    assert "held-out" not in text
    assert "predictive check" not in text
    assert "None" not in text
    assert "  " not in text


def changed(before: AnyFit, after: AnyFit) -> tuple[set[str], set[str]]:
    """Sentences that only one of them has."""
    old, new = (set(methods_text(fit).replace("\n", ". ").split(". ")) for fit in (before, after))
    return old - new, new - old


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"d_mode": "low_rank"}, "y_c = μ + W z_c, z_c"),
        ({"loadings_scale": 0.5}, "had the prior N(0, 0.5² I)"),
        ({"noise_location": -2.5}, "mean −2.5 and"),
        ({"noise_scale": 0.7}, "standard deviation 0.7"),
        ({"tolerance": 0.01}, "tolerance of 0.01 nats"),
        ({"precision": "float64"}, "computed in float64"),
        ({"seed": 7}, "with seed 7"),
        ({"inference": "vae", "hidden": 32}, "two layers of 32 units"),
        ({"inference": "vae", "batch_cells": 99}, "minibatches of 99 cells"),
        ({"inference": "vae"}, "NumPyro 0.20"),
        ({"inference": "vae", "refine": False}, "a lower bound on the log marginal"),
        ({"inference": "vae", "validation": 0.1}, "10 % of the cells decided"),
    ],
)
def test_settings_of_factors_change_their_sentence(changes: dict[str, Any], words: str) -> None:
    lost, gained = changed(FITS["lnm"], lnm(**changes))
    assert lost
    assert any(words in sentence for sentence in gained), gained


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "shared by all cells and estimated;"),
        ({"molecules": 6e4}, "M_0 = 60,000 mRNA molecules"),
        (
            {"capture_prior": "anchored"},
            "TruncatedNormal(log M_0 − log L_c, 0.5²; η_c ≥ 0)",
        ),
        ({"capture_prior": "anchored", "capture_sd": 0.3}, "0.3²"),
    ],
)
def test_settings_of_capture_change_their_sentence(changes: dict[str, Any], words: str) -> None:
    lost, gained = changed(FITS["lnm"], lnm(capture=True, **changes))
    assert lost
    assert any(words in sentence for sentence in gained), gained


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"topic_prior": 0.1}, "α = 0.1 and η = 1/5"),
        ({"feature_prior": 0.02}, "α = 1/5 and η = 0.02"),
        ({"topic_prior": (0.1, 0.2, 0.3, 0.4, 0.5)}, "one value a topic from 0.1 to 0.5"),
        ({"n_starts": 1}, "the best of 1 start,"),
        ({"tolerance": 0.5}, "tolerance of 0.5 nats"),
        ({"inference": "vae"}, "Srivastava & Sutton, 2017"),
        ({"inference": "vae"}, "an evidence lower bound"),
    ],
)
def test_settings_of_topics_change_their_sentence(changes: dict[str, Any], words: str) -> None:
    lost, gained = changed(FITS["lda"], lda(**changes))
    assert lost
    assert any(words in sentence for sentence in gained), gained


def test_learned_numbers_are_told() -> None:
    fit = replace(FITS["lnm"], prior={"noise_location": -1.75, "noise_scale": 0.5})
    assert "mean −1.75 (learned) and standard deviation 0.5 (learned)" in methods_text(fit)
    totals = replace(fit.totals, mean=4321.0, concentration=2.5)
    assert "mean 4,321 and concentration 2.5, both" in methods_text(replace(fit, totals=totals))


@pytest.mark.parametrize("model", FITS)
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("stopped", "The fit had not converged when it ended after 1 pass (no more time)"),
        ("completed", "The fit ended after 1 pass (no more time)"),
        ("running", "The fit was still running and had not converged after 1 pass"),
    ],
)
def test_a_fit_says_how_it_ended(model: str, state: Any, words: str) -> None:
    status = replace(
        FITS[model].status, state=state, passes=1, reason="no more time", n_failed_cells=4
    )
    text = methods_text(replace(FITS[model], status=status))
    assert words in text
    assert "converged after" not in text.replace("not converged after", "")
    assert "The posterior mode of 4 cells was not found." in text.replace("cells were", "cells was")


@pytest.mark.parametrize("model", FITS)
def test_scores_and_checks_are_told_if_there_are_any(model: str) -> None:
    text = methods_text(FITS[model], score=SCORE, check=CHECK)
    assert "On 70 held-out cells (2 more had too few counts)" in text
    assert "perplexity of 394.25 (log likelihood −5.977 ± 0.012 nats per count" in text
    assert "−1,234.5 nats per cell" in text
    assert "check of 100 replicates (cells' latents drawn from their Laplace posterior)" in text
    assert "of 12 genes by zero fraction." in text
    assert "Zeros are too many <b>." in text
    assert "mean" not in text.split("found misfits")[1].split(".")[0]
    quiet = methods_text(
        FITS[model],
        score=SCORE | {"perplexity": None},
        check={"mode": "map", "n_draws": 10, "misfits": {}, "findings": []},
    )
    assert "held-out" not in quiet
    assert "found no gene whose misfit" in quiet
    other = methods_text(FITS[model], score=SCORE | {"log_marginal_per_cell": None})
    assert "1,234.5" not in other
    assert "lower bound on the log marginal likelihood of −1,234.5" not in text
    bound = methods_text(FITS[model], score=SCORE | {"is_bound": True})
    assert "lower bound on the log marginal likelihood of −1,234.5" in bound


def test_a_laplace_approximation_not_to_be_trusted_is_told() -> None:
    quiet = {"mode": "laplace", "n_draws": 10, "misfits": {}, "findings": ["Zeros"]}
    warned = methods_text(FITS["lnm"], check=quiet | {"laplace": "Laplace should not be trusted"})
    assert " large. Laplace should not be trusted. Zeros. " in warned
    for known in (quiet, quiet | {"laplace": None}):
        assert " large. Zeros. " in methods_text(FITS["lnm"], check=known)


def test_what_is_not_known_is_not_said() -> None:
    fit = replace(make_fit(), data={}, versions={})
    text = methods_text(fit)
    assert text.startswith("Raw counts of 300 cells were analysed over 60 genes and")
    assert "Left out" not in text
    assert "Lause" not in text
    assert "Logratio was used" in text
    low_rank = replace(fit, config=LNMConfig(n_factors=5, d_mode="low_rank"))
    assert "References" not in methods_text(low_rank)


def test_nuts_tells_its_chains() -> None:
    text = methods_text(lnm(inference="nuts", n_warmup=1200, n_draws=300, n_chains=3))
    assert "3 chains of 1,200 iterations of warm-up and 300 draws" in text
    assert "Hoffman, M. D." in text
    assert "Hoffman" not in methods_text(lnm())
