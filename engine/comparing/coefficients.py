"""coefficients: the effect of each covariate of a fit on each gene."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.comparing.effects_table import effects_table, largest_first
from engine.errors import ConfigError
from engine.fitting.centre import variance_between
from engine.results import AnyFit


def coefficients(fit: AnyFit) -> pd.DataFrame:
    """CLR effects of the fixed covariates of a fit.

    One row a gene and column of the design: ``column``, ``term``, ``gene``, ``effect`` (nats for
    one unit of a numeric covariate, or for a level against the reference), ``standard_error``,
    ``shrunken`` with its 90 % interval, ``lfsr``, ``s_value``, ``p_value``, and ``unit``, whose
    spread gives the errors; sorted in each column by the least size in the interval. Errors assume
    that groups were not chosen by these counts.

    Effects are relative to their own plain mean over all modelled genes (CLR; without a pooled
    rest): an effect of 0.3 is 0.3 above the mean over genes, not 0.3 in absolute terms. The mean is
    estimated from the genes whose counts inform it (`engine.fitting.centre`), and its error is in
    ``standard_error``. An unaffected gene lies as far from zero as the mean does: ``lfsr`` does not
    count that as a sign, and the interval includes it. To compare with true effects, subtract their
    plain mean over the same genes.

    The unit is a random effect's group if the covariate is the same in all cells of each of its
    levels, or with ``(covariate | group)``; else it is the cell, and errors leave out what cells of
    a donor share. With fewer than three levels on a side nothing is tested.

    Raises
    ------
    ConfigError
        If the fit has no covariates, or none with a fixed effect.
    """
    if not fit.can("covariates"):
        raise ConfigError(
            "a fit with covariates",
            "one without",
            'Fit with a formula: LNMConfig(formula="~ batch").',
        )
    effects = fit.covariate_effects()
    if not effects:
        raise ConfigError(
            "a covariate with a fixed effect in the formula",
            "random effects alone",
            "Fit with a column outside of parentheses: ~ condition + (1 | donor).",
        )
    names, parts = np.asarray(fit.genes[fit.is_gene]), []
    for label, term, unit, estimates in effects:
        own = estimates._replace(
            value=estimates.value[fit.is_gene], error=estimates.error[fit.is_gene]
        )
        # Error of the mean of so many effects, about which an unaffected gene varies.
        between = variance_between(own.value, own.error**2)
        table = effects_table(own, "effect", centre=np.sqrt(between / len(names)))
        table.insert(0, "column", label)
        table.insert(1, "term", term)
        table.insert(2, "gene", names)
        table["unit"] = unit
        parts.append(largest_first(table, "effect"))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
