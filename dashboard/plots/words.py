"""Words that plots and figures use for the latents of a model and their quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.results import AnyFit


@dataclass(frozen=True)
class Words:
    """Of one kind of model.

    Attributes
    ----------
    latent
        One of its latents.
    loading
        What genes have for it, in ``unit``.
    share
        What the bars above the image are a share of; their title too.
    """

    latent: str
    loading: str
    share: str
    unit: str = "nats"

    @classmethod
    def of(cls, fit: AnyFit) -> Words:
        """Those of the model of a fit."""
        own = fit.vocabulary
        return cls(own.latent, own.loading, own.share)

    def labels(self, names: Sequence[str]) -> list[str]:
        """The names; of those that are "factor 1" and the like, the numbers."""
        default = (f"{self.latent} {j + 1}" for j in range(len(names)))
        return [
            str(j + 1) if name == plain else name
            for j, (name, plain) in enumerate(zip(names, default, strict=True))
        ]


FACTORS = Words("factor", "CLR loading", "CLR variance")
TOPICS = Words("topic", "log fold change", "share of counts")
