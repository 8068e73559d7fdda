"""coefficients: what each covariate of a fit does to each gene."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.comparing.effects_table import effects_table, largest_first
from engine.errors import ConfigError
from engine.results import AnyFit


def coefficients(fit: AnyFit) -> pd.DataFrame:
    """CLR effects of the fixed covariates of a fit.

    One row a gene and column of the design: ``column``, ``term``, ``gene``, ``effect`` (nats for
    one unit of a numeric covariate, or for a level against the reference), ``standard_error``,
    ``shrunken`` with its 90 % interval, ``lfsr``, ``s_value``, ``p_value``; the largest at least
    first in each column. Where a random effect lets the covariate's effect vary between donors,
    these are the units of its error. Errors are those of groups that nobody chose by these counts.

    Raises
    ------
    ConfigError
        If the fit has no covariates.
    """
    if not fit.can("covariates"):
        raise ConfigError(
            "a fit with covariates",
            "one without",
            'Fit with a formula: LNMConfig(formula="~ batch").',
        )
    names, parts = np.asarray(fit.genes[fit.is_gene]), []
    for label, term, found in fit.covariate_effects():
        own = found._replace(value=found.value[fit.is_gene], error=found.error[fit.is_gene])
        table = effects_table(own, called="effect")
        table.insert(0, "column", label)
        table.insert(1, "term", term)
        table.insert(2, "gene", names)
        parts.append(largest_first(table, "effect"))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
