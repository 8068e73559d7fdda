"""LOG_RATIO: the family of LNM and LNMVCP. Imports JAX inside methods only."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from engine.fitting.family import FamilyBase
from engine.lnm.config import LNMConfig
from engine.lnm.fit import Fit

if TYPE_CHECKING:
    from engine.data import Counts
    from engine.fitting.levels import Level
    from engine.fitting.predictive import Block, DrawnTotals, Latents, Mode, Residuals
    from engine.fitting.progress import Progress


class LogRatio(FamilyBase):
    """See `engine.fitting.family.Family`."""

    models = ("lnm", "lnmvcp")
    titles = (
        ("LNM", "Logistic-normal multinomial; totals are negative binomial."),
        ("LNMVCP", "LNM with a capture efficiency for each cell."),
    )
    config = LNMConfig
    fit = Fit
    has_log_marginal = True

    def configured(self, model: str, **settings: Any) -> LNMConfig:
        """The configuration of a model by its name."""
        return LNMConfig(capture=model == "lnmvcp", **settings)

    def fit_iter(
        self, counts: Counts, config: LNMConfig, start: Fit | None
    ) -> Iterator[Progress[Fit]]:
        """Fit by the inference of the configuration."""
        if config.inference == "vae":
            # NumPyro takes a second to import, which most fits need not spend.
            from engine.lnm.fit_vae import fit_vae

            return fit_vae(counts, config, start=start)
        if config.inference == "nuts":
            from engine.lnm.nuts import fit_nuts

            return fit_nuts(counts, config, start=start)
        from engine.lnm import fit_laplace

        return fit_laplace.fit_iter(counts, config, start=start)

    def extended(self, fit: Fit, counts: Counts, size: int, seed: int) -> Fit | None:
        """The fit with more factors, from its residuals."""
        from engine.lnm.extension import extended

        return extended(fit, counts, size, seed)

    def prepared(self, counts: Counts, config: LNMConfig) -> Counts:
        """Check the covariates against the cells; return the counts with all levels of labels."""
        if not config.formula:
            return counts
        from engine.lnm.design_checks import check_design

        obs, notes = check_design(config.formula, counts.obs)
        counts = replace(counts, obs=obs)
        if config.capture:
            from engine.lnm.totals import depth_note

            notes = (*notes, *depth_note(counts, config.formula))
        warnings = tuple(dict.fromkeys((*counts.report.warnings, *notes)))
        return replace(counts, report=replace(counts.report, warnings=warnings))

    def of_parts(self, fit: Fit, parts: list[pd.DataFrame]) -> tuple[LNMConfig, tuple[str, ...]]:
        """With the priors of the fit, and without covariates that some part does not support.

        Loadings have one scale, the root of their mean variance, as parts have other axes. Older
        fits lack some of the priors.
        """
        config, prior = fit.config, fit.prior
        if config.loadings_scale is None and fit.n_factors and "loadings_covariance" in prior:
            scale = np.sqrt(np.diag(np.asarray(prior["loadings_covariance"])).mean())
            config = replace(config, loadings_scale=float(scale))
        if config.d_mode == "learned" and "noise_location" in prior:
            location, spread = float(prior["noise_location"]), float(prior["noise_scale"])
            config = replace(config, noise_location=location, noise_scale=spread)
        if not config.formula:
            return config, ()
        from engine.lnm.design_checks import formula_of_parts

        formula, notes = formula_of_parts(config.formula, parts)
        return replace(config, formula=formula), notes

    def check_size(self, counts: Counts, config: LNMConfig) -> None:
        """Raise an error for counts that NUTS cannot fit, before ``"auto"`` is resolved."""
        if config.inference == "nuts":
            from engine.lnm.nuts import check_size

            check_size(counts)

    def proportions(self, fit: Fit, counts: Counts) -> Iterator[tuple[slice, np.ndarray]]:
        """Means over the posterior of z, lambda and the residuals."""
        from engine.lnm import amortized, expected

        if fit.encoder and not fit.config.refine:
            return amortized.proportions(fit, counts)
        return expected.proportions(fit, counts)

    def marginal(self, fit: Fit, counts: Counts) -> tuple[float, bool]:
        """Mean log-marginal likelihood of cells with counts, and whether it is a lower bound."""
        from engine.lnm.transform import transform

        is_bound = fit.config.inference == "vae" and not fit.config.refine
        return float(np.mean(transform(fit, counts).log_marginal)), is_bound

    def new_cells(self, fit: Fit, obs: pd.DataFrame) -> Latents:
        """Latents from the fitted prior, of cells with these labels."""
        from engine.lnm.predictive import new_cells

        return new_cells(fit, obs)

    def replicated(self, fit: Fit, counts: Counts, mode: Mode) -> Iterator[Block]:
        """Latents of cells given their counts, block by block."""
        from engine.lnm.predictive import replicated

        return replicated(fit, counts, mode)

    def drawn_totals(self, fit: Fit, counts: Counts, mode: Mode) -> DrawnTotals | None:
        """Negative binomial totals."""
        from engine.lnm.drawn_totals import drawn_totals

        return drawn_totals(fit, counts, mode)

    def residuals(
        self, fit: Fit, observed: np.ndarray, genes: np.ndarray, obs: pd.DataFrame
    ) -> Residuals:
        """Standardised scores of some genes."""
        from engine.lnm.some_genes import GeneResiduals

        return GeneResiduals(fit, observed, genes, obs)

    def levels(self, fit: Fit, sets: list[Counts]) -> Generator[float, None, list[Level]]:
        """Levels of genes in sets of cells."""
        from engine.lnm.levels import levels

        return levels(fit, sets)


LOG_RATIO = LogRatio()
