"""LNM and LNMVCP by the No-U-Turn sampler: draws from the exact posterior, for small data."""

from engine.inference.nuts.driver import fit_nuts

__all__ = ["fit_nuts"]
