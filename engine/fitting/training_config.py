"""Training: settings of models that an encoder network is trained for, in minibatches."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from engine.fitting.model_config import ModelConfig
from engine.fitting.settings import setting

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
class Training(ModelConfig):
    """Settings of models that may have an encoder, which ``inference="vae"`` trains.

    It is amortized: stochastic variational inference with an encoder network, in minibatches. It
    ends when the smoothed bound gains less than ``tolerance``, nats per cell, in each of eight
    epochs in a row.

    Parameters
    ----------
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
    **settings
        Of every model, see `ModelConfig`.
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
        # `--warmup` belongs to chains.
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

    # Default number of epochs for a few thousand cells.
    full_epochs: ClassVar[int] = 36

    def epochs(self, n_cells: int) -> int:
        """``max_epochs`` if given; else steps grow with the square root of the number of cells.

        Progress depends on the number of steps, and an epoch of many cells has many.
        """
        if self.max_epochs is not None:
            return self.max_epochs
        steps = math.ceil(n_cells / self.batch_cells)
        wanted = round(self.full_epochs * math.sqrt(_FULL_STEPS / steps))
        return min(max(wanted, _FEWEST_EPOCHS), self.full_epochs)
