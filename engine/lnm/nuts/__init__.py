"""LNM and LNMVCP by the No-U-Turn sampler: draws from the exact posterior, for small data."""

from engine.lnm.nuts.driver import fit_nuts
from engine.lnm.nuts.start import check_size

__all__ = ["check_size", "fit_nuts"]
