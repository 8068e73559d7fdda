"""Limits of one reading: memory, processor time and wall time."""

from __future__ import annotations

import os
from dataclasses import dataclass

from engine.data.memory import available_memory

# Counts of a packed file take about twenty times its bytes in memory, for a while more. The limit
# is at most this share of the free memory.
LEAST_BYTES, BYTES_PER_BYTE, SHARE = 640 * 2**20, 40, 2 / 3
# Text is parsed at a few MB a second on a slow processor, and may be packed ten times.
SECONDS, BYTES_PER_SECOND = 8.0, 400_000
# Wall time per processor time: disks are slow, and the machine has other work.
PATIENCE = 4.0
MOST = 1e9


@dataclass(frozen=True)
class Limits:
    """Bytes of memory, seconds of processor time and seconds of wall time."""

    memory: int
    processor: float
    wall: float

    @classmethod
    def of(cls, size: int) -> Limits:
        """Limits for a source of ``size`` bytes; LOGRATIO_READER_GB and _SECONDS override them."""
        most = max(LEAST_BYTES, int(available_memory() * SHARE))
        memory = min(LEAST_BYTES + BYTES_PER_BYTE * size, most)
        memory = int(_number("LOGRATIO_READER_GB", memory / 1e9) * 1e9)
        seconds = _number("LOGRATIO_READER_SECONDS", SECONDS + size / BYTES_PER_SECOND)
        return cls(memory, seconds, PATIENCE * seconds)


def _number(name: str, default: float) -> float:
    try:
        value = float(os.environ.get(name, ""))
    except ValueError:
        return default
    # The system cannot count beyond this.
    return value if 0 < value < MOST else default
