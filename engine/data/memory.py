"""Memory that is available for counts."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

UNKNOWN = 4 * 2**30
SHARE = 1 / 3


def memory_budget() -> int:
    """Bytes that the counts of one data set may take: a third of what is available.

    The other two thirds are for the projected copy, and for the fit itself.
    """
    return int(available_memory() * SHARE)


def available_memory() -> int:
    """Bytes of memory available to this process: of the machine, or of its container."""
    limits = []
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        entry = next(line for line in [*lines, ""] if line.startswith("MemAvailable") or not line)
        limits.append(int(entry.split()[1]) * 1024)
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        limits.append(max(limit - int((group / "memory.current").read_text()), 0))
    if not limits:
        with suppress(OSError, ValueError, AttributeError):
            limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    return min(limits, default=UNKNOWN)
