"""coefficients: what each covariate of a fit does to each gene."""

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
    spread the errors have; the largest at least first in each column. Errors are those of groups
    that nobody chose by these counts.

    Effects are relative to their own plain mean over all modelled genes (CLR; a pooled rest is none
    of them): an effect of 0.3 is 0.3 more than that of the genes on average, not more in absolute
    terms. The mean is estimated from the genes whose counts tell of it (`engine.fitting.centre`),
    and its error is in ``standard_error``. A gene that nothing happens to lies as far from zero as
    the mean is from it: ``lfsr`` takes that for no sign, and the interval has it. To be compared
    with a truth, that is to be centred alike: less its plain mean over the same genes.

    The unit is a random effect's group if the covariate is the same in all cells of a level of it,
    or with ``(covariate | group)``; else it is the cell, and what cells of a donor share is not in
    the errors. With fewer than three levels on a side nothing is tested.

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
        # By so much the mean of as many effects varies: a gene without one is as far from it.
        between = variance_between(own.value, own.error**2)
        table = effects_table(own, "effect", centre=np.sqrt(between / len(names)))
        table.insert(0, "column", label)
        table.insert(1, "term", term)
        table.insert(2, "gene", names)
        table["unit"] = unit
        parts.append(largest_first(table, "effect"))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
