"""Requirements of a configuration on the counts."""

from __future__ import annotations

from engine.data import Counts
from engine.errors import ConfigError
from engine.lnm.config import LNMConfig


def check_config(counts: Counts, config: LNMConfig) -> None:
    """Raise an error if the counts do not support the configuration.

    Raises
    ------
    ConfigError
        If there are not fewer factors than cells and than genes.
    """
    limit = min(counts.n_cells, counts.n_genes)
    if config.size >= limit:
        raise ConfigError(
            f"fewer factors than cells ({counts.n_cells:,}) and genes ({counts.n_genes:,})",
            f"{config.size} factors",
            f"Choose at most {limit - 1} factors, or more cells or genes."
            if limit > 1
            else "Use data with more cells and genes.",
        )
