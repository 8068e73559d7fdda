"""Words that plots and figures use for the latents of a model and their quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from engine.registry import FAMILIES
from engine.results import AnyFit


@dataclass(frozen=True)
class Words:
    """Words for one kind of model.

    Attributes
    ----------
    latent
        Word for one latent.
    loading
        Word for the loading of a gene, in ``unit``.
    share
        Words for the share that each latent takes; also the title of its bars.
    """

    latent: str
    loading: str
    share: str
    unit: str = "nats"

    @classmethod
    def of(cls, fit: AnyFit | None) -> Words:
        """The words of the model of a fit; without a fit, of the first model."""
        own = cast("AnyFit", FAMILIES[0].fit if fit is None else fit).vocabulary
        return cls(own.latent, own.loading, own.share)

    @property
    def latents(self) -> str:
        """Word for several latents."""
        return f"{self.latent}s"

    def labels(self, names: Sequence[str]) -> list[str]:
        """The names; of default names such as "factor 1", only the number."""
        default = (f"{self.latent} {j + 1}" for j in range(len(names)))
        return [
            str(j + 1) if name == plain else name
            for j, (name, plain) in enumerate(zip(names, default, strict=True))
        ]


FIRST = Words.of(None)
