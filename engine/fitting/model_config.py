"""ModelConfig: settings of every model, and the interface of any configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from engine.errors import ConfigError
from engine.fitting.settings import LIMITS, Setting, setting, settings_of
from engine.validation import AUTO, check_names, settled


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Base of the configuration of a model.

    Parameters
    ----------
    seed
        Seed of the start and of all random draws.
    max_seconds
        Wall-clock budget, seconds; None: no limit.
    block_cells
        Cells per block; None: chosen by the number of genes.
    """

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

    # Word for one latent.
    latent: ClassVar[str]

    def __post_init__(self) -> None:
        self._plain_numbers()
        self._check_settings()

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
        """The settings by name, in the order of a form."""
        return settings_of(cls)  # type: ignore[arg-type]

    @classmethod
    def size_bounds(cls) -> tuple[int, int]:
        """The fewest and the most latents."""
        size = cls.settings()[cls.size_name()]
        return int(size.low or 0), int(size.high or 0)

    def in_use(self) -> dict[str, Setting]:
        """The settings that affect a fit with these values."""
        values = vars(self)
        declared = self.settings().items()
        return {name: one for name, one in declared if one.means_anything(values, self.model)}

    def differences(self, other: ModelConfig) -> dict[str, str]:
        """Settings that differ from those of another configuration, in words, by name.

        If the other declares a setting differently or does not use it, the value is compared with
        the default.
        """
        there = other.in_use()
        different = {}
        for name, one in self.in_use().items():
            value = getattr(self, name)
            same = getattr(other, name) if there.get(name) == one else one.default
            if value != same:
                different[name] = one.in_words(value)
        return different

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, with the name of the model under ``model``."""
        return {"model": self.model, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; unknown keys raise ConfigError."""
        # Older files do not name the model.
        given = {name: value for name, value in values.items() if name != "model"}
        check_names(cls, given)
        made = cls(**given)
        if (named := values.get("model", made.model)) != made.model:
            raise ConfigError(
                f"settings of {named!r}", f"those of {made.model}", "Correct or remove the model."
            )
        return made

    def coarse(self, **budget: Any) -> Self:
        """A copy with this budget that is quick to fit, to compare numbers of latents."""
        return dataclasses.replace(self, **budget)

    def without_latents(self) -> Self:
        """A configuration that can be fitted without latents; this one if it has any."""
        return self

    @property
    def requested_size(self) -> int | str:
        """The requested number of factors or topics, or ``"auto"``."""
        value: int | str = getattr(self, self.size_name())
        return value

    @property
    def size(self) -> int:
        """Number of factors or topics; ConfigError if it is still to be chosen."""
        return settled(self.size_name(), self.requested_size)

    @property
    def automatic(self) -> bool:
        """Whether the number of factors or topics is to be chosen."""
        return self.requested_size == AUTO

    @property
    def label(self) -> str:
        """Model and number of factors or topics, if it is known."""
        return self.model if self.automatic else f"{self.model} k{self.size}"

    def sized(self, size: int | Literal["auto"]) -> Self:
        """A copy with this number of factors or topics; ConfigError if it is out of range."""
        changed: dict[str, Any] = {self.size_name(): size}
        return dataclasses.replace(self, **changed)

    def _plain_numbers(self) -> None:
        """Convert NumPy's scalars to Python's, so that equal settings hash and print alike."""
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, one.name, value.item())

    def _check_settings(self) -> None:
        """Raise an error for values that the declarations exclude."""
        for name, one in self.settings().items():
            one.check(getattr(self, name))
