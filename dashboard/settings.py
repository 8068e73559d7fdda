"""What the environment says about this server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

DEMO = "demo"


@dataclass(frozen=True)
class Settings:
    """Settings of one server.

    Attributes
    ----------
    source
        Counts that every new page opens with: a path, or ``"demo"``. Environment: ``DATA``.
    home
        Folder of the runs; None leaves the choice to the engine. Environment: ``LOGRATIO_HOME``.
    poll_milliseconds
        How often a page asks the jobs for news.
    """

    source: str = field(default_factory=lambda: os.environ.get("DATA", "").strip() or DEMO)
    home: Path | None = field(
        default_factory=lambda: Path(value) if (value := os.environ.get("LOGRATIO_HOME")) else None
    )
    poll_milliseconds: int = 300
