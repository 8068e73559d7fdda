"""Settings of the logistic-normal multinomial models."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from engine.errors import ConfigError
from engine.fitting.settings import LIMITS, REFERENCE, again, setting
from engine.fitting.training_config import Training
from engine.validation import AUTO, one_of

DMode = Literal["learned", "low_rank"]
CapturePrior = Literal["population", "anchored"]
LNMInference = Literal["laplace", "vae", "nuts"]
Precision = Literal["float32", "float64"]

MAX_FACTORS = 200
# Fewest draws of a chain that say anything about its posterior.
FEWEST_DRAWS = 50


def _capture(label: str, help: str, **more: Any) -> dict[str, Any]:
    return setting(label, help, section=REFERENCE, models=("lnmvcp",), **more)


def _prior(label: str, help: str, **more: Any) -> dict[str, Any]:
    return setting(label, help, section="Advanced priors", step=0.1, empty="learned", **more)


def _chains(label: str, help: str, **more: Any) -> dict[str, Any]:
    return setting(label, help, section="Chains of NUTS", inferences=("nuts",), unit="N", **more)


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
        says why, see `engine.results.Selection`. 0: residual variances alone.
    inference
        ``"laplace"``: nested Laplace, the more exact and, up to some 10^5 cells, the quicker.
        ``"vae"``: see `engine.Training`. ``"nuts"``: draws from the posterior of parameters and
        latents by the No-U-Turn sampler, an exact reference for small data.
    formula
        Covariates of the cells, as terms of columns of their labels: ``"~ batch + (1 | donor)"``,
        see `engine.lnm.formula`. Factors and correlations are then those within their levels.
        None: no covariates.
    d_mode
        ``"learned"`` gives every gene its own residual variance d,
        ``"low_rank"`` fixes d = 0.
    max_passes
        Budget of ``"laplace"``: passes over the cells.
    tolerance
        ``"laplace"`` ends when a further pass is expected to gain less than this many nats
        per cell and the last passes gained no more; ``"vae"`` as `engine.Training` says.
    n_warmup, n_draws, n_chains
        Of ``"nuts"``: iterations of each chain that adapt the sampler and are thrown away, those
        that are kept, and the number of chains.
    capture_prior
        ``"population"``: location and scale of eta estimated from all cells, the rest of their
        uncertainty integrated. ``"anchored"``: eta_c ~ TruncNormal(log M_0 - log L_c, capture_sd^2,
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
    **training
        Settings of the encoder and of every model, see `engine.Training`.

    Raises
    ------
    ConfigError
        If a value is of the wrong type or out of range.
    """

    capture: bool = False
    n_factors: int | Literal["auto"] = field(
        default=AUTO,
        metadata=setting("Factors", "auto: as the counts tell", unit="N", low=0, high=MAX_FACTORS),
    )
    d_mode: DMode = field(
        default="learned",
        metadata=setting(
            "Residual d", "Variance left per gene", words={"low_rank": "zero (low rank)"}
        ),
    )
    inference: LNMInference = field(
        default="laplace",
        metadata=setting(
            "Inference",
            "How the model is fitted",
            words={"laplace": "nested Laplace", "vae": "VAE", "nuts": "NUTS"},
            helps={
                "laplace": "Quick, and close to exact",
                "vae": "An encoder, for very many cells",
                "nuts": "Exact draws, for up to 100,000 counts (cells × genes)",
            },
        ),
    )
    formula: str | None = field(
        default=None,
        kw_only=True,
        metadata=setting(
            "Covariates",
            "Columns of the cells' labels, as in ~ batch + (1 | donor)",
            unit="FORMULA",
            empty="none",
            names_columns=True,
        ),
    )
    capture_prior: CapturePrior = field(
        default="population",
        metadata=_capture(
            "Capture prior",
            "Of capture efficiencies",
            words={"population": "shared by all cells", "anchored": "anchored to library size"},
            helps={
                "population": "Estimated from all cells",
                "anchored": "As published; uses each total twice",
            },
        ),
    )
    molecules: float = field(
        default=2e5,
        metadata=_capture(
            "Molecules per cell M₀",
            "Human, mouse 200,000; yeast 60,000; E. coli 3,000",
            unit="MOLECULES",
            above=0,
        ),
    )
    capture_sd: float = field(
        default=0.5,
        metadata=_capture(
            "Prior sd of −log efficiency",
            "Nats; larger trusts the library size less",
            unit="NATS",
            above=0,
            step=0.1,
            needs=("capture_prior", "anchored"),
        ),
    )
    loadings_scale: float | None = field(
        default=None,
        metadata=_prior(
            "Prior sd of loadings W", "Nats; learned from all genes if not given", above=0
        ),
    )
    noise_location: float | None = field(
        default=None,
        metadata=_prior(
            "Prior mean of log d", "Estimated if not given", needs=("d_mode", "learned")
        ),
    )
    noise_scale: float | None = field(
        default=None,
        metadata=_prior(
            "Prior sd of log d", "Estimated if not given", above=0, needs=("d_mode", "learned")
        ),
    )
    max_passes: int = field(
        default=200,
        metadata=setting(
            "Most passes",
            "Over all cells, before it ends",
            unit="N",
            low=1,
            high=100_000,
            section=LIMITS,
            inferences=("laplace",),
        ),
    )
    tolerance: float = field(
        default=3e-3,
        metadata=setting(
            "Tolerance",
            "Nats per cell; stops when a pass gains less",
            unit="NATS",
            above=0,
            step=1e-3,
            section=LIMITS,
            inferences=("laplace", "vae"),
        ),
    )
    precision: Precision = field(
        default="float32",
        metadata=setting(
            "Precision",
            "Double takes twice the memory",
            words={"float32": "single (32 bit)", "float64": "double (64 bit)"},
            section=LIMITS,
        ),
    )
    learning_rate: float = again(Training, "learning_rate", 0.03)
    n_warmup: int = field(
        default=500,
        kw_only=True,
        metadata=_chains(
            "Warm-up", "Iterations that adapt each chain, thrown away", low=20, high=100_000
        ),
    )
    n_draws: int = field(
        default=1000,
        kw_only=True,
        metadata=_chains("Draws", "Kept of each chain", low=FEWEST_DRAWS, high=100_000),
    )
    n_chains: int = field(
        default=4,
        kw_only=True,
        metadata=_chains("Chains", "Told apart to see whether they agree", low=2, high=16),
    )

    full_epochs: ClassVar[int] = 60
    latent: ClassVar[str] = "factor"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("capture", self.capture, (True, False))
        if self.n_factors == 0 and self.inference != "laplace":
            raise ConfigError(
                "inference='laplace' without factors, which leave nothing to encode or to draw",
                repr(self.inference),
                "Take one factor or more, or inference='laplace'.",
            )
        self._check_formula()

    def _check_formula(self) -> None:
        if self.formula is None:
            return
        if not self.formula.strip(" ~"):
            raise ConfigError(
                'a formula as text, like "~ batch + (1 | donor)"',
                repr(self.formula),
                "Name columns of the cells' labels, or leave the formula out.",
            )

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
