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
    data
        Folder that typed paths are restricted to; None, the default, allows all files that the
        server can read. Environment: ``LOGRATIO_DATA``.
    upload_bytes
        Largest file that can be uploaded. Environment: ``LOGRATIO_UPLOAD_GB``.
    quota_bytes
        Uploads and runs of one person together, where people log in; None: no limit.
        Environment: ``LOGRATIO_QUOTA_GB``.
    poll_milliseconds
        How often a page asks the jobs for news.
    """

    source: str = field(default_factory=lambda: os.environ.get("DATA", "").strip() or DEMO)
    home: Path | None = field(default_factory=lambda: _folder("LOGRATIO_HOME"))
    data: Path | None = field(default_factory=lambda: _folder("LOGRATIO_DATA"))
    upload_bytes: int = field(
        default_factory=lambda: int(float(os.environ.get("LOGRATIO_UPLOAD_GB") or 4) * 1e9)
    )
    quota_bytes: int | None = field(
        default_factory=lambda: (
            int(float(given) * 1e9) if (given := os.environ.get("LOGRATIO_QUOTA_GB")) else None
        )
    )
    poll_milliseconds: int = 300


def _folder(name: str) -> Path | None:
    value = os.environ.get(name, "").strip()
    return Path(value).expanduser() if value else None
