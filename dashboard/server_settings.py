"""Settings of this server, from environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import ConfigError

DEMO = "demo"
_GIGABYTE = 10**9
_UPLOAD_GIGABYTES, _COUNTS_GIGABYTES = 4, 20


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
        Bytes of all uploads and runs of one person, where people log in; None: no limit.
        Environment: ``LOGRATIO_QUOTA_GB``.
    counts_bytes
        Bytes of imported counts to keep in the home; the least recently used are removed first.
        Environment: ``LOGRATIO_COUNTS_GB``.
    poll_milliseconds
        Interval at which a page polls the jobs.
    """

    source: str = field(default_factory=lambda: os.environ.get("DATA", "").strip() or DEMO)
    home: Path | None = field(default_factory=lambda: _folder("LOGRATIO_HOME"))
    data: Path | None = field(default_factory=lambda: _folder("LOGRATIO_DATA"))
    upload_bytes: int = field(
        default_factory=lambda: _bytes("LOGRATIO_UPLOAD_GB", _UPLOAD_GIGABYTES * _GIGABYTE)
    )
    quota_bytes: int | None = field(default_factory=lambda: _bytes("LOGRATIO_QUOTA_GB", None))
    counts_bytes: int = field(
        default_factory=lambda: _bytes("LOGRATIO_COUNTS_GB", _COUNTS_GIGABYTES * _GIGABYTE)
    )
    poll_milliseconds: int = 300


def _bytes[Unset: (int, None)](name: str, unset: Unset) -> int | Unset:
    """The bytes that a variable gives in gigabytes; ``unset`` if it is not set.

    Raises
    ------
    ConfigError
        If it is not a number from 0.
    """
    given = os.environ.get(name, "").strip()
    if not given:
        return unset
    try:
        size = int(float(given) * _GIGABYTE)
    except (ValueError, OverflowError):
        size = -1
    if size < 0:
        raise ConfigError(
            f"a number of gigabytes in {name}",
            repr(given[:80]),
            "Set it to one such as 1.5, or leave it unset, and start the server again.",
        )
    return size


def _folder(name: str) -> Path | None:
    value = os.environ.get(name, "").strip()
    return Path(value).expanduser() if value else None
