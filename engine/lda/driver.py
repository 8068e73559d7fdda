"""Fit topics, one step at a time: budget, trace, clock and snapshots around the optimisation."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from engine.data import Counts
from engine.errors import ConfigError
from engine.fitting.compilation import keep_compilations
from engine.fitting.learning import LearningRun
from engine.fitting.progress import Progress
from engine.fitting.steps import End
from engine.genes import same_genes
from engine.lda import em
from engine.lda.config import LDAConfig
from engine.lda.fit import TopicFit
from engine.lda.learned import Event, Learned
from engine.lda.snapshot import TopicSnapshot

# Least alpha of a refined posterior: below it the normal of a topic that a cell hardly has is too
# wide for exponentials in float32; its mean is meaningless, and below some 5e-6 not finite.
_LEAST_PRIOR = 1e-4


def fit_topics(
    counts: Counts, config: LDAConfig, *, start: TopicFit | None = None
) -> Iterator[Progress[TopicFit]]:
    """`engine.fit_iter` for latent Dirichlet allocation.

    Raises
    ------
    ConfigError
        If the configuration does not suit the counts, or ``start`` does not match them.
    FitError
        If the objective stops being finite.
    """
    keep_compilations()
    _check(counts, config, start)
    data = counts.provenance()
    planned = config.inference == "vae"
    run = LearningRun[Learned, TopicFit](
        start,
        budget=config.epochs(counts.n_cells) if planned else config.max_passes,
        planned=planned,
        max_seconds=config.max_seconds,
        snapshot=lambda step, trace, status: TopicSnapshot(
            step.counts, config, step.learn, trace, status, data
        ),
    )
    yield from run.follow(_events(counts, config, start))


def _events(
    counts: Counts, config: LDAConfig, start: TopicFit | None
) -> Generator[Event, None, End]:
    if config.inference == "vae":
        # NumPyro takes a second to import, which most fits need not spend.
        from engine.lda import vae

        return vae.maximise(counts, config, start)
    return em.maximise(counts, config, start)


def _check(counts: Counts, config: LDAConfig, start: TopicFit | None) -> None:
    config.eta(counts.n_genes)
    least = float(config.alpha.min())
    if config.inference == "vae" and config.refine and least < _LEAST_PRIOR:
        raise ConfigError(
            f"a topic_prior of {_LEAST_PRIOR:g} or more to refine posteriors of inference='vae', "
            "which are too wide for float32 with less",
            f"{least:g}",
            "Raise topic_prior, set refine=False, or use inference='em'.",
        )
    if config.size > counts.n_cells:
        raise ConfigError(
            f"no more topics than cells ({counts.n_cells:,})",
            f"{config.size} topics",
            f"Choose at most {counts.n_cells} topics, or more cells.",
        )
    if start is not None and (not same_genes(start, counts) or start.n_topics != config.size):
        raise ConfigError(
            f"a fit of these {counts.n_genes:,} genes with {config.size} topics",
            f"one of {len(start.genes):,} genes with {start.n_topics} topics",
            "Start a new fit, or go on with the genes and topics of the earlier one.",
        )
