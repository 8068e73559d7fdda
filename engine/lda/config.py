"""Settings of latent Dirichlet allocation."""

from __future__ import annotations

import contextlib
import dataclasses
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from engine.errors import ConfigError
from engine.fitting.settings import LIMITS, setting
from engine.fitting.training_config import Training
from engine.validation import AUTO

Inference = Literal["em", "vae"]
Prior = float | tuple[float, ...] | None

MAX_TOPICS = 500
# Passes of fits that compare numbers of topics: most settle within these.
_MOST_COARSE = 100


def _prior(label: str, help: str, unit: str) -> dict[str, Any]:
    return setting(label, help, unit=unit, above=0, step=0.01, section="Priors", empty="1 / topics")


@dataclass(frozen=True)
class LDAConfig(Training):
    """Settings of a latent Dirichlet allocation fit.

    Parameters
    ----------
    n_topics
        Number of topics K. ``"auto"``: chosen from the counts by `engine.fit`, which says why,
        see `engine.results.Selection`.
    inference
        ``"em"``: accelerated EM for topics and proportions, without an encoder; the more
        exact and, up to some 10^5 cells, the quicker. ``"vae"``: see `engine.Training`.
    topic_prior, feature_prior
        Dirichlet concentrations: alpha of a cell's topic proportions, eta of a topic's feature
        probabilities. None: 1/K. A number of any kind, or one value per topic or feature.
        ``"vae"`` refines with an alpha of 1e-4 or more only.
    n_starts
        Starts that ``"em"`` tries for a few passes; it continues from the best.
    max_passes
        Budget of ``"em"``: passes over the cells.
    tolerance
        ``"em"`` ends when a pass gains less than this, nats per cell, on average over the
        last passes; ``"vae"`` as `engine.Training` says.
    **training
        Settings of the encoder and of every model, see `engine.Training`.

    Raises
    ------
    ConfigError
        If a value is of the wrong type or out of range.
    """

    n_topics: int | Literal["auto"] = field(
        default=AUTO,
        metadata=setting("Topics", "auto: as the counts tell", unit="N", low=1, high=MAX_TOPICS),
    )
    inference: Inference = field(
        default="em",
        metadata=setting(
            "Inference",
            "How it is fitted",
            words={"em": "EM", "vae": "VAE"},
            helps={
                "em": "The more exact, and the quicker up to some 100,000 cells",
                "vae": "An encoder, trained in minibatches; it places new cells at once",
            },
        ),
    )
    topic_prior: Prior = field(
        default=None,
        metadata=_prior(
            "Prior of topics α",
            "Dirichlet, of a cell's proportions; below 1 favours few topics",
            unit="ALPHA",
        ),
    )
    feature_prior: Prior = field(
        default=None,
        metadata=_prior(
            "Prior of genes η",
            "Dirichlet, of a topic's probabilities; below 1 favours few genes",
            unit="ETA",
        ),
    )
    max_passes: int = field(
        default=500,
        metadata=setting(
            "Most passes of EM",
            "Over all cells",
            unit="N",
            low=1,
            high=100_000,
            section=LIMITS,
            inferences=("em",),
        ),
    )
    n_starts: int = field(
        default=3,
        metadata=setting(
            "Starts",
            "Tried for a few passes; the best goes on",
            unit="N",
            low=1,
            high=1000,
            section=LIMITS,
            inferences=("em",),
        ),
    )
    tolerance: float = field(
        default=1e-3,
        metadata=setting(
            "Least gain",
            "Nats per cell; ends when passes gain less",
            unit="NATS",
            above=0,
            step=1e-3,
            section=LIMITS,
        ),
    )

    latent: ClassVar[str] = "topic"

    def __post_init__(self) -> None:
        self._plain_numbers()
        for name in ("topic_prior", "feature_prior"):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        self._check_settings()
        if isinstance(self.topic_prior, tuple) and len(self.topic_prior) != self.n_topics:
            several = "" if self.n_topics == AUTO else f" or {self.n_topics}, one per topic"
            raise ConfigError(
                f"topic_prior to be one number{several}",
                f"{len(self.topic_prior)} numbers",
                "Change topic_prior or n_topics.",
            )

    @property
    def model(self) -> str:
        """Short name of the model: ``"lda"``."""
        return "lda"

    @property
    def alpha(self) -> np.ndarray:
        """(K,) concentrations of the prior of a cell's topic proportions."""
        return self._prior(self.topic_prior, self.size)

    def eta(self, n_features: int) -> np.ndarray:
        """(F,) concentrations of the prior of a topic's feature probabilities.

        Raises
        ------
        ConfigError
            If ``feature_prior`` has another length.
        """
        if isinstance(self.feature_prior, tuple) and len(self.feature_prior) != n_features:
            raise ConfigError(
                f"feature_prior to be one number or {n_features:,}, one per feature of the counts",
                f"{len(self.feature_prior):,} numbers",
                "Change feature_prior, or read the genes it was made for.",
            )
        return self._prior(self.feature_prior, n_features)

    def _prior(self, value: Prior, size: int) -> np.ndarray:
        filled = 1 / self.size if value is None else value
        return np.broadcast_to(np.asarray(filled, float), (size,)).copy()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = super().to_dict()
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }

    def coarse(self, **budget: Any) -> LDAConfig:
        """By EM from one start, with this budget but for the passes.

        Topics that have not settled fit the cells less closely: too many would score best.
        """
        budget["max_passes"] = min(self.max_passes, _MOST_COARSE)
        return dataclasses.replace(self, inference="em", n_starts=1, **budget)


def _plain(value: Any) -> Any:
    """Numbers of any kind as floats, and sequences of them as tuples; others as they are."""
    if isinstance(value, bool | str | bytes | Mapping):
        return value
    if isinstance(value, Iterable):
        values = np.asarray(value, object)
        if values.ndim == 0:
            return _plain(values.item())
        return tuple(map(_plain, values.ravel())) if values.size else value
    if isinstance(value, numbers.Real):
        with contextlib.suppress(OverflowError, ValueError):
            return float(value)
    return value
