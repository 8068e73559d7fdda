"""Everything a person sees; holds no mathematics."""

from dashboard.shell import build

__all__ = ["build"]
