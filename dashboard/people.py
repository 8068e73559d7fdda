"""The services of the server as a person who is logged in may use them."""

from __future__ import annotations

import copy
import hashlib
import re
from dataclasses import replace
from functools import partial

from dashboard import audit
from dashboard.folders import size_words
from dashboard.services import Services
from engine.errors import DataError
from engine.jobs import OwnJobs, size_of


def services_of(shared: Services, name: str | None, quota: int | None = None) -> Services:
    """The services of a server for one person: own uploads, own runs and what others share.

    Parameters
    ----------
    shared
        Services of the server; returned unchanged if ``name`` is None.
    name
        The person, as `logins.who` returns it.
    quota
        Bytes that the uploads and runs of one person may take; None: no limit.
    """
    if name is None:
        return shared
    own, home = copy.copy(shared), shared.jobs.home
    record = partial(audit.record, home, name)
    uploads = shared.folders.uploads / _folder(name)

    def room(more: int = 0) -> None:
        used = jobs.used() + size_of(uploads)
        if quota is None or used + max(more, 1) <= quota:
            return
        raise DataError(
            f"at most {size_words(quota)} of uploads and runs of one person",
            f"{size_words(used)} of yours" + (f", and {size_words(more)} more" if more else ""),
            "Delete runs or uploads of yours, or ask whoever runs this server (LOGRATIO_QUOTA_GB).",
        )

    own.jobs = jobs = OwnJobs(shared.jobs, name, record, room)
    own.folders = replace(
        shared.folders,
        uploads=uploads,
        closed=home,
        common=shared.folders.uploads,
        room=room,
        record=record,
    )
    own.who, own.record, own.aside = name, record, home / "viewers" / _folder(name)
    return own


def _folder(name: str) -> str:
    """Name of a person's folder: legible, and different for different people."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{re.sub(r'[^a-zA-Z0-9]+', '-', name)[:40].strip('-') or 'guest'}-{digest}"
