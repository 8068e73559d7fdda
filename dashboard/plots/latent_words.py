"""Words that plots and figures use for the latents of a model and their quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from engine.registry import FAMILIES
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
    def of(cls, fit: AnyFit | None) -> Words:
        """Those of the model of a fit, without one of the first model there is."""
        own = cast("AnyFit", FAMILIES[0].fit if fit is None else fit).vocabulary
        return cls(own.latent, own.loading, own.share)

    @property
    def latents(self) -> str:
        """Several of them."""
        return f"{self.latent}s"

    def labels(self, names: Sequence[str]) -> list[str]:
        """The names; of those that are "factor 1" and the like, the numbers."""
        default = (f"{self.latent} {j + 1}" for j in range(len(names)))
        return [
            str(j + 1) if name == plain else name
            for j, (name, plain) in enumerate(zip(names, default, strict=True))
        ]


FIRST = Words.of(None)
