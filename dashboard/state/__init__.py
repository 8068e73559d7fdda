"""The state of one session: data, run, choice and look. Does not import Panel."""

from dashboard.state.app_state import (
    CAPTURE,
    CAPTURE_SD,
    CLR,
    COUNTS,
    FACTOR,
    FACTOR_SD,
    LABEL,
    TOTAL_COUNTS,
    AppState,
    default_colour,
)
from dashboard.state.data_state import CHOICES, REQUEST
from dashboard.state.notice import Notice
from dashboard.state.run_state import LONGEST_NAME, REPLICATES, Embedding
from dashboard.state.view_state import MOST_MARKED

__all__ = [
    "CAPTURE",
    "CAPTURE_SD",
    "CHOICES",
    "CLR",
    "COUNTS",
    "FACTOR",
    "FACTOR_SD",
    "LABEL",
    "LONGEST_NAME",
    "MOST_MARKED",
    "REPLICATES",
    "REQUEST",
    "TOTAL_COUNTS",
    "AppState",
    "Embedding",
    "Notice",
    "default_colour",
]
