"""Settings of what is trained in minibatches with an encoder network, whatever the model."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from engine.fitting.vocabulary import Option, between, option
from engine.validation import AUTO, check_names, number, one_of, positive, settled, share, whole

Schedule = Literal["cosine", "constant"]

# Steps of an epoch beyond which there are fewer epochs.
_FULL_STEPS = 12
_FEWEST_EPOCHS = 5


@dataclass(frozen=True, kw_only=True)
class Training:
    """Settings of ``inference="vae"``; what each means is told where a model takes them up."""

    max_epochs: int | None = field(
        default=None,
        metadata=option(
            "--max-epochs",
            "times that every cell is drawn; by default by their number",
            "N",
            inferences=("vae",),
            bounds=(1, 100_000),
        ),
    )
    refine: bool = True
    hidden: int = field(default=64, metadata=between(1, 10_000))
    dropout: float = 0.0
    batch_cells: int = field(default=256, metadata=between(1, 1_000_000))
    learning_rate: float = 0.01
    schedule: Schedule = "cosine"
    warm_up: float = 0.2
    validation: float = 0.0

    if TYPE_CHECKING:
        # Fields of every model, each with its own default.
        seed: int
        tolerance: float
        max_passes: int
        max_seconds: float | None
        block_cells: int | None

        @property
        def inference(self) -> str:
            """How the model is fitted."""
            ...

    # Epochs by default, for a few thousand cells.
    full_epochs: ClassVar[int] = 36
    # What latents are called, and the fewest and the most of them.
    latent: ClassVar[str]
    fewest: ClassVar[int]
    most: ClassVar[int]

    @property
    def model(self) -> str:
        """Short name of the model."""
        raise NotImplementedError

    @classmethod
    def size_name(cls) -> str:
        """Name of the setting that is the number of latents."""
        return f"n_{cls.latent}s"

    @classmethod
    def options(cls) -> dict[str, Option]:
        """The settings that a shell offers by options of their own: name -> option."""
        fields = dataclasses.fields(cls)
        return {one.name: one.metadata["option"] for one in fields if "option" in one.metadata}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; unknown keys raise ConfigError."""
        check_names(cls, values)
        return cls(**values)

    def coarse(self, **budget: Any) -> Self:
        """One that is quick to fit, for a comparison of numbers of latents."""
        raise NotImplementedError

    def without_latents(self) -> Self:
        """One that can be fitted without any."""
        raise NotImplementedError

    @property
    def asked_size(self) -> int | str:
        """Number of factors or topics as it was asked for: a number, or ``"auto"``."""
        value: int | str = getattr(self, self.size_name())
        return value

    @property
    def size(self) -> int:
        """Number of factors or topics; ConfigError if it is still to be chosen."""
        return settled(self.size_name(), self.asked_size)

    @property
    def automatic(self) -> bool:
        """Whether the number of factors or topics is to be chosen."""
        return self.asked_size == AUTO

    @property
    def label(self) -> str:
        """Model and number of factors or topics, if it is known."""
        return self.model if self.automatic else f"{self.model} k{self.size}"

    def sized(self, size: int | Literal["auto"]) -> Self:
        """The same with this number of factors or topics; ConfigError if it is out of range."""
        changed: dict[str, Any] = {self.size_name(): size}
        return dataclasses.replace(self, **changed)

    def _plain_numbers(self) -> None:
        """NumPy's scalars become Python's, so that equal settings hash and print alike."""
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, one.name, value.item())

    def _check_whole_numbers(self) -> None:
        """All that are declared with bounds."""
        for one in dataclasses.fields(self):
            value, bounds = getattr(self, one.name), one.metadata.get("bounds")
            if bounds is not None and not (value is None and one.default is None):
                check = number if one.name == self.size_name() else whole
                check(one.name, value, *bounds)

    def _check_training(self) -> None:
        one_of("schedule", self.schedule, ("cosine", "constant"))
        one_of("refine", self.refine, (True, False))
        positive("learning_rate", self.learning_rate)
        for name in ("dropout", "warm_up", "validation"):
            share(name, getattr(self, name))

    def epochs(self, n_cells: int) -> int:
        """``max_epochs`` if given; else as many as leave steps growing with the root of the cells.

        An epoch of many cells has many steps, and it is these that train.
        """
        if self.max_epochs is not None:
            return self.max_epochs
        steps = math.ceil(n_cells / self.batch_cells)
        wanted = round(self.full_epochs * math.sqrt(_FULL_STEPS / steps))
        return min(max(wanted, _FEWEST_EPOCHS), self.full_epochs)
