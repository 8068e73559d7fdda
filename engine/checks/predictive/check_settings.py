"""Settings of a predictive check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from engine.errors import ConfigError
from engine.fitting.predictive import Mode
from engine.results import AnyFit
from engine.validation import one_of, whole

CheckTotals = Literal["observed", "model"]

# Fewer draws do not resolve 5 % tails; more hold too many numbers per gene.
FEWEST_DRAWS, MOST_DRAWS = 20, 2000
# Genes shown in detail: every pair of them is correlated in every draw.
MOST_GENES = 200
# Each group holds its own statistics of every gene and draw.
MOST_GROUPS = 50
# Correlations of genes over fewer cells are not judged: near 0 or 1 in most draws, they have no
# usable tail. With true parameters, up to 45 % of checks of three cells found a misfit, 12 % of
# six, 1 of 1,000 of 8 to 20; the margin is for data with rarer genes.
FEWEST_CELLS = 20


@dataclass(frozen=True)
class CheckSettings:
    """Settings of `engine.checks.predictive_check`.

    Parameters
    ----------
    mode
        ``"laplace"``: each cell's latents are drawn from their posterior; ``"map"``: they stay
        at their mode; ``"population"``: new cells, latents drawn from the fitted prior.
    totals
        ``"observed"``: every draw of a cell has the total that was observed; ``"model"``: totals
        are drawn as well.
    n_draws, seed
        Replicates of the data, and the seed of all of them.

    Raises
    ------
    ConfigError
        If a value is of the wrong type or out of range.
    """

    mode: Mode = "laplace"
    totals: CheckTotals = "observed"
    n_draws: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("mode", self.mode, get_args(Mode))
        one_of("totals", self.totals, get_args(CheckTotals))
        whole("n_draws", self.n_draws, FEWEST_DRAWS, MOST_DRAWS)
        whole("seed", self.seed, 0, 2**32 - 1)

    @classmethod
    def for_fit(
        cls, fit: AnyFit, mode: Mode, totals: CheckTotals | None, n_draws: int, seed: int
    ) -> CheckSettings:
        """Settings for a model, with the default totals of the mode.

        Raises
        ------
        ConfigError
            If a value is out of range, or totals are asked of a model that has none.
        """
        modelled = fit.can("totals")
        if totals is None:
            totals = "model" if mode == "population" and modelled else "observed"
        if totals == "model" and not modelled:
            raise ConfigError(
                f"totals='observed' for {fit.vocabulary.model}, "
                "which has no model of the total counts",
                "totals='model'",
                "Check with the observed totals.",
            )
        return cls(mode, totals, n_draws, seed)
