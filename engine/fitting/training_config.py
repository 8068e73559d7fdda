"""Settings of what is trained in minibatches with an encoder network, whatever the model."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from engine.fitting.settings import LIMITS, Setting, setting, settings_of
from engine.validation import AUTO, check_names, settled

Schedule = Literal["cosine", "constant"]

# Steps of an epoch beyond which there are fewer epochs.
_FULL_STEPS = 12
_FEWEST_EPOCHS = 5


def _encoder(label: str, help: str, **more: Any) -> dict[str, Any]:
    """Metadata of a setting that only an encoder has."""
    section = "Training of the encoder"
    return setting(label, help, section=section, inferences=("vae",), **more)


def _share(label: str, help: str, **more: Any) -> dict[str, Any]:
    return _encoder(label, help, low=0, below=1, step=0.05, **more)


@dataclass(frozen=True, kw_only=True)
class Training:
    """Settings of every model.

    Parameters
    ----------
    seed
        Seed of the start and of everything that is drawn.
    max_seconds
        Wall-clock budget, seconds; None: no limit.
    max_epochs
        Budget of ``"vae"``: times that every cell is drawn. None: `full_epochs` for a few thousand
        cells, fewer for more, see `epochs`.
    refine
        ``"vae"``: after training, move each cell's latents to the mode of its own posterior,
        parameters fixed.
    hidden
        Units of each of the encoder's two layers.
    dropout
        Share of hidden units left out at random in training.
    batch_cells
        Cells of a minibatch.
    learning_rate, schedule
        Largest step of Adam, and whether it falls to a hundredth along a cosine or is kept.
    warm_up
        Share of the epochs over which the weight of the prior's divergence rises to one.
    validation
        Share of the cells set aside to decide when to end; they are not trained on. The default
        sets none aside and decides by the training bound.
    block_cells
        Cells per block; None chooses by the number of genes.
    """

    max_epochs: int | None = field(
        default=None,
        metadata=_encoder(
            "Most epochs",
            "By the number of cells if not given",
            unit="N",
            low=1,
            high=100_000,
            empty="automatic",
        ),
    )
    learning_rate: float = field(
        default=0.01, metadata=_encoder("Learning rate", "Largest step of Adam", above=0, step=1e-3)
    )
    schedule: Schedule = field(
        default="cosine",
        metadata=_encoder(
            "Schedule", "Of the learning rate", words={"cosine": "cosine, to a hundredth"}
        ),
    )
    batch_cells: int = field(
        default=256,
        metadata=_encoder("Batch size", "Cells of a minibatch", unit="N", low=1, high=1_000_000),
    )
    hidden: int = field(
        default=64,
        metadata=_encoder(
            "Hidden units", "In each of the encoder's two layers", unit="N", low=1, high=10_000
        ),
    )
    dropout: float = field(
        default=0.0, metadata=_share("Dropout", "Share of hidden units left out at random")
    )
    warm_up: float = field(
        default=0.2,
        # `--warmup` is of chains.
        metadata=_share(
            "KL warm-up", "Share of the epochs until the prior counts", typed_as="kl-warm-up"
        ),
    )
    validation: float = field(
        default=0.0, metadata=_share("Validation", "Share of cells kept back to end by")
    )
    refine: bool = field(
        default=True,
        metadata=_encoder(
            "Refine each cell after training", "Move its latents to the mode of their posterior"
        ),
    )
    max_seconds: float | None = field(
        default=None,
        metadata=setting(
            "Most seconds",
            "Of fitting; no limit if not given",
            unit="SECONDS",
            above=0,
            section=LIMITS,
            empty="no limit",
        ),
    )
    seed: int = field(
        default=0,
        metadata=setting(
            "Seed", "Of the randomised start", unit="N", low=0, high=2**32 - 1, section=LIMITS
        ),
    )
    block_cells: int | None = field(
        default=None,
        metadata=setting(
            "Cells per block",
            "Fewer take less memory; chosen if not given",
            unit="N",
            low=1,
            high=1_000_000,
            section=LIMITS,
            empty="automatic",
        ),
    )

    if TYPE_CHECKING:
        # Fields of every model, each with its own default.
        tolerance: float
        max_passes: int

        @property
        def inference(self) -> str:
            """How the model is fitted."""
            ...

    # Epochs by default, for a few thousand cells.
    full_epochs: ClassVar[int] = 36
    # What latents are called.
    latent: ClassVar[str]

    @property
    def model(self) -> str:
        """Short name of the model."""
        raise NotImplementedError

    @classmethod
    def size_name(cls) -> str:
        """Name of the setting that is the number of latents."""
        return f"n_{cls.latent}s"

    @classmethod
    def settings(cls) -> Mapping[str, Setting]:
        """The settings by their names, in the order in which a form has them."""
        return settings_of(cls)  # type: ignore[arg-type]

    @classmethod
    def size_bounds(cls) -> tuple[int, int]:
        """The fewest and the most latents."""
        size = cls.settings()[cls.size_name()]
        return int(size.low or 0), int(size.high or 0)

    def in_use(self) -> dict[str, Setting]:
        """The settings that mean anything to a fit with these values."""
        values = vars(self)
        found = self.settings().items()
        return {name: one for name, one in found if one.means_anything(values, self.model)}

    def differences(self, other: Training) -> dict[str, str]:
        """Settings in words that differ from those of another configuration, by their names.

        One that the other does not declare alike, or that means nothing to it, is compared with its
        default.
        """
        there = other.in_use()
        found = {}
        for name, one in self.in_use().items():
            value = getattr(self, name)
            same = getattr(other, name) if there.get(name) == one else one.default
            if value != same:
                found[name] = one.in_words(value)
        return found

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

    def _check_settings(self) -> None:
        """Refuse values that the declarations exclude."""
        for name, one in self.settings().items():
            one.check(getattr(self, name))

    def epochs(self, n_cells: int) -> int:
        """``max_epochs`` if given; else as many as leave steps growing with the root of the cells.

        An epoch of many cells has many steps, and it is these that train.
        """
        if self.max_epochs is not None:
            return self.max_epochs
        steps = math.ceil(n_cells / self.batch_cells)
        wanted = round(self.full_epochs * math.sqrt(_FULL_STEPS / steps))
        return min(max(wanted, _FEWEST_EPOCHS), self.full_epochs)
