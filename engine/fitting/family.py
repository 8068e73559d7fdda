"""The protocol of a family: one or more models that share a type of fit."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from engine.errors import ConfigError
from engine.fitting.fit_protocol import FittedModel
from engine.fitting.model_config import ModelConfig

if TYPE_CHECKING:
    from engine.data import Counts
    from engine.fitting.levels import Level
    from engine.fitting.predictive import Block, DrawnTotals, Latents, Mode, Residuals
    from engine.fitting.progress import Progress


@runtime_checkable
class Family(Protocol):
    """A family of models, one line of `engine.registry`; it takes its own fits and configurations.

    Modules that use JAX are imported inside the methods: many callers need only a name.
    """

    @property
    def models(self) -> tuple[str, ...]:
        """Short names, as configurations and files have them."""
        ...

    @property
    def titles(self) -> tuple[tuple[str, str], ...]:
        """Name and one-line description of each model, for the list to choose from."""
        ...

    @property
    def config(self) -> type[ModelConfig]:
        """The type of its configurations."""
        ...

    @property
    def fit(self) -> type[FittedModel]:
        """The type of its fits."""
        ...

    @property
    def has_log_marginal(self) -> bool:
        """Whether its files have the log-marginal likelihoods of cells."""
        ...

    @property
    def slowness(self) -> int:
        """Time to place a cell, relative to the quickest family."""
        ...

    def configured(self, model: str, **settings: Any) -> ModelConfig:
        """The configuration of one of its models; ConfigError if a setting is wrong."""
        ...

    def fit_iter(self, counts: Counts, config: Any, start: Any) -> Iterator[Progress[Any]]:
        """Fit by the inference of the configuration, see `engine.fit_iter`."""
        ...

    def extended(self, fit: Any, counts: Counts, size: int, seed: int) -> Any:
        """A start with ``size`` latents, made from a fit of fewer; None if it would not help."""
        ...

    def prepared(self, counts: Counts, config: Any) -> Counts:
        """Check the counts against the configuration; return the counts that fits should use."""
        ...

    def of_parts(self, fit: Any, parts: list[pd.DataFrame]) -> tuple[Any, tuple[str, ...]]:
        """Configuration for fits of parts of the cells, with the settings and priors of a fit.

        The second value names the settings that it had to drop, in words.

        Parameters
        ----------
        parts
            Labels of the cells of each part.
        """
        ...

    def check_size(self, counts: Counts, config: Any) -> None:
        """Raise an error if this inference cannot fit the counts, before ``"auto"`` is resolved."""
        ...

    def proportions(self, fit: Any, counts: Counts) -> Iterator[tuple[slice, np.ndarray]]:
        """Expected proportions (B, G) of cells, block by block.

        The counts have the features of the fit, and each cell has one at least.
        """
        ...

    def marginal(self, fit: Any, counts: Counts) -> tuple[float, bool]:
        """Mean log-marginal likelihood of cells with counts, and whether it is a lower bound.

        Called only for a fit with the capability "log_marginal".
        """
        ...

    def new_cells(self, fit: Any, obs: pd.DataFrame) -> Latents:
        """Latents of cells with these labels, but unlike any other, from the fitted prior."""
        ...

    def replicated(self, fit: Any, counts: Counts, mode: Mode) -> Iterator[Block]:
        """Latents of cells given their counts, block by block; not of mode "population"."""
        ...

    def drawn_totals(self, fit: Any, counts: Counts, mode: Mode) -> DrawnTotals | None:
        """Sampler of the totals of cells; None for a model without totals."""
        ...

    def levels(self, fit: Any, sets: list[Counts]) -> Generator[float, None, list[Level]]:
        """Levels of genes in sets of cells, for a fit with "differences"."""
        ...

    def mixtures(self, fit: Any, counts: Counts) -> np.ndarray:
        """(C, k) weights of cells given these counts, for a fit with "mixtures"."""
        ...

    def residuals(
        self, fit: Any, observed: np.ndarray, genes: np.ndarray, obs: pd.DataFrame
    ) -> Residuals:
        """Residuals of some genes (positions), from counts (C, G) and labels of the C cells."""
        ...


class FamilyBase:
    """Base of a family: defaults, and the answers of a model that lacks a capability."""

    models: tuple[str, ...]
    titles: tuple[tuple[str, str], ...]
    config: type[ModelConfig]
    fit: type[FittedModel]
    has_log_marginal = False
    slowness = 1

    def configured(self, model: str, **settings: Any) -> Any:
        """The configuration of a family of one model."""
        return self.config(**settings)

    def extended(self, fit: Any, counts: Counts, size: int, seed: int) -> Any:
        """None: each number of latents starts afresh."""
        return None

    def prepared(self, counts: Counts, config: Any) -> Counts:
        """The counts as they are."""
        return counts

    def of_parts(self, fit: Any, parts: list[pd.DataFrame]) -> tuple[Any, tuple[str, ...]]:
        """The configuration of the fit; nothing is dropped."""
        return fit.config, ()

    def check_size(self, counts: Counts, config: Any) -> None:
        """Any counts can be fitted."""

    def marginal(self, fit: Any, counts: Counts) -> tuple[float, bool]:
        """Raise: there is none."""
        raise NotImplementedError(f"{fit.model} has no log-marginal likelihood")

    def drawn_totals(self, fit: Any, counts: Counts, mode: Mode) -> DrawnTotals | None:
        """None: there is no model of the totals."""
        return None

    def levels(self, fit: Any, sets: list[Counts]) -> Generator[float, None, list[Level]]:
        """Raise: there are none."""
        raise ConfigError("a fit of factors", fit.model, "Compare groups under an LNM.")

    def mixtures(self, fit: Any, counts: Counts) -> np.ndarray:
        """Raise: the fit has weights for its own counts only."""
        raise ConfigError("the counts that were fitted", "others", "Use those of the fit.")


class PointFamily(FamilyBase):
    """Base of a family whose fits have point estimates of the cells' weights, and no posterior.

    Replicated cells have these weights, whatever the mode; new cells have the weights of cells of
    the fit, drawn at random.
    """

    def place(self, fit: Any, counts: np.ndarray) -> np.ndarray:
        """Weights (B, k) of the cells of dense counts (B, G)."""
        raise NotImplementedError

    def chances(self, fit: Any, weights: np.ndarray) -> np.ndarray:
        """Proportions (B, G) of the features at weights (B, k); rows sum to one."""
        raise NotImplementedError

    def proportions(self, fit: Any, counts: Counts) -> Iterator[tuple[slice, np.ndarray]]:
        """Proportions at the weights of the cells."""
        from engine.fitting.point_replicates import dense_blocks

        for start, dense in dense_blocks(counts):
            yield slice(start, start + len(dense)), self.chances(fit, self.place(fit, dense))

    def new_cells(self, fit: Any, obs: pd.DataFrame) -> Latents:
        """Weights of cells of the fit."""
        from engine.fitting.point_replicates import OtherCells

        return OtherCells(fit.cell_weights(), partial(self.chances, fit))

    def replicated(self, fit: Any, counts: Counts, mode: Mode) -> Iterator[Block]:
        """Cells at their weights, block by block."""
        from engine.fitting.point_replicates import at_points

        return at_points(counts, lambda dense: self.chances(fit, self.place(fit, dense)))

    def residuals(
        self, fit: Any, observed: np.ndarray, genes: np.ndarray, obs: pd.DataFrame
    ) -> Residuals:
        """Pearson residuals of some genes."""
        from engine.fitting.predictive import PearsonResiduals

        return PearsonResiduals(
            observed, genes, partial(self.place, fit), lambda weights, _: self.chances(fit, weights)
        )
