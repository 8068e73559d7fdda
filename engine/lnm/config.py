"""Settings of the logistic-normal multinomial models."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from engine.errors import ConfigError
from engine.fitting.training_config import Training
from engine.fitting.vocabulary import between, option
from engine.validation import AUTO, finite, one_of, positive

DMode = Literal["learned", "low_rank"]
CapturePrior = Literal["population", "anchored"]
LNMInference = Literal["laplace", "vae", "nuts"]
Precision = Literal["float32", "float64"]

MAX_FACTORS = 200
# Draws of a chain below which nothing can be said of its posterior.
FEWEST_DRAWS = 50


@dataclass(frozen=True)
class LNMConfig(Training):
    """Settings of a logistic-normal multinomial fit.

    Parameters
    ----------
    capture
        Model each cell's capture efficiency (LNMVCP) instead of plain
        negative-binomial totals (LNM).
    n_factors
        Number of gene programmes k. ``"auto"``: chosen from the counts by `engine.fit`, which
        tells why, see `engine.results.Selection`. 0: residual variances alone.
    inference
        ``"laplace"``: nested Laplace, the more exact and, up to some 10^5 cells, the quicker.
        ``"vae"``: amortized, by stochastic variational inference with an encoder network, in
        minibatches. ``"nuts"``: draws from the posterior of parameters and latents by the No-U-Turn
        sampler, an exact reference for small data.
    d_mode
        ``"learned"`` gives every gene its own residual variance d,
        ``"low_rank"`` fixes d = 0.
    seed
        Seed of the randomized start.
    max_passes, max_seconds
        Budget: passes of ``"laplace"`` over the cells, and wall-clock seconds (None: no limit).
    max_epochs
        Budget of ``"vae"``: times that every cell is drawn. None: 60 for a few thousand cells,
        fewer for more, see `epochs`.
    tolerance
        ``"laplace"`` ends when a further pass is expected to gain less than this many nats
        per cell and the last passes gained no more; ``"vae"`` when the smoothed bound gains
        less than this in each of eight epochs in a row.
    refine
        ``"vae"``: after training, move each cell's latents to the mode of its own posterior,
        parameters fixed, as ``"laplace"`` does.
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
    n_warmup, n_draws, n_chains
        Of ``"nuts"``: iterations of each chain that adapt the sampler and are thrown away, those
        that are kept, and the number of chains.
    capture_prior
        ``"population"``: location and scale of eta estimated from all cells, and what they cannot
        tell integrated over. ``"anchored"``: eta_c ~ TruncNormal(log M_0 - log L_c, capture_sd^2,
        low=0), as published; it uses each total twice, so that efficiencies restate the totals
        and their standard deviations are too small.
    molecules
        M_0, expected mRNA molecules per cell (human, mouse 2e5; yeast 6e4; E. coli 3e3).
    capture_sd
        sigma_M, the prior standard deviation of eta (nats).
    loadings_scale
        Prior standard deviation of every loading in W; None learns the covariance of the
        loadings of a gene from all genes.
    noise_location, noise_scale
        Prior mean and standard deviation of log d; None estimates them.
    precision
        Floating-point type of the passes over the cells; an encoder is trained in float32.
    block_cells
        Cells per block; None chooses by the number of genes.

    Raises
    ------
    ConfigError
        If a value is of the wrong type or out of range.
    """

    capture: bool = False
    n_factors: int | Literal["auto"] = field(
        default=AUTO,
        metadata=option(
            "--factors",
            "number of gene programmes; auto chooses it from the counts",
            "N",
            bounds=(0, MAX_FACTORS),
        ),
    )
    inference: LNMInference = field(
        default="laplace", metadata=option("--inference", "how the model is fitted")
    )
    d_mode: DMode = field(default="learned", metadata=option("--d-mode", "residual variance"))
    seed: int = field(
        default=0, metadata=option("--seed", "seed of the start", bounds=(0, 2**32 - 1))
    )
    max_passes: int = field(
        default=200,
        metadata=option(
            "--max-passes",
            "passes over the cells",
            "N",
            inferences=("laplace",),
            bounds=(1, 100_000),
        ),
    )
    max_seconds: float | None = field(
        default=None, metadata=option("--max-seconds", "time budget of the fit", "SECONDS")
    )
    tolerance: float = field(
        default=3e-3,
        metadata=option(
            "--tolerance",
            "gain below which the fit ends, nats per cell",
            "NATS",
            inferences=("laplace", "vae"),
        ),
    )
    capture_prior: CapturePrior = field(
        default="population",
        metadata=option("--capture-prior", "prior of capture efficiencies", models=("lnmvcp",)),
    )
    molecules: float = field(
        default=2e5,
        metadata=option("--molecules", "expected mRNA per cell", "MOLECULES", models=("lnmvcp",)),
    )
    capture_sd: float = 0.5
    loadings_scale: float | None = None
    noise_location: float | None = None
    noise_scale: float | None = None
    precision: Precision = field(
        default="float32",
        metadata=option("--precision", "floating-point type of the passes over the cells"),
    )
    block_cells: int | None = field(default=None, metadata=between(1, 1_000_000))

    learning_rate: float = field(default=0.03, kw_only=True)
    n_warmup: int = field(
        default=500,
        kw_only=True,
        metadata=option(
            "--warmup",
            "iterations that adapt each chain",
            "N",
            inferences=("nuts",),
            bounds=(20, 100_000),
        ),
    )
    n_draws: int = field(
        default=1000,
        kw_only=True,
        metadata=option(
            "--draws",
            "draws kept of each chain",
            "N",
            inferences=("nuts",),
            bounds=(FEWEST_DRAWS, 100_000),
        ),
    )
    n_chains: int = field(
        default=4,
        kw_only=True,
        metadata=option("--chains", "number of chains", "N", inferences=("nuts",), bounds=(2, 16)),
    )

    full_epochs: ClassVar[int] = 60
    latent: ClassVar[str] = "factor"
    fewest: ClassVar[int] = 0
    most: ClassVar[int] = MAX_FACTORS

    def __post_init__(self) -> None:
        self._plain_numbers()
        self._check_whole_numbers()
        one_of("capture", self.capture, (True, False))
        one_of("inference", self.inference, get_args(LNMInference))
        if self.n_factors == 0 and self.inference != "laplace":
            raise ConfigError(
                "inference='laplace' without factors, which leave nothing to encode or to draw",
                repr(self.inference),
                "Take one factor or more, or inference='laplace'.",
            )
        one_of("d_mode", self.d_mode, ("learned", "low_rank"))
        one_of("capture_prior", self.capture_prior, ("population", "anchored"))
        one_of("precision", self.precision, ("float32", "float64"))
        for name in ("tolerance", "molecules", "capture_sd"):
            positive(name, getattr(self, name))
        for name in ("max_seconds", "loadings_scale", "noise_scale"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        if self.noise_location is not None:
            finite("noise_location", self.noise_location)
        self._check_training()

    @property
    def model(self) -> str:
        """Short name of the model: ``"lnm"`` or ``"lnmvcp"``."""
        return "lnmvcp" if self.capture else "lnm"

    def coarse(self, **budget: Any) -> LNMConfig:
        """By nested Laplace, with this budget."""
        return dataclasses.replace(self, inference="laplace", **budget)

    def without_latents(self) -> LNMConfig:
        """By nested Laplace: without factors there is nothing to encode or to draw."""
        return dataclasses.replace(self, inference="laplace")
