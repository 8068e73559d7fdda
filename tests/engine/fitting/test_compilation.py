from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

COMPILE = """
from pathlib import Path
import jax, jax.numpy as jnp, numpy as np
from engine.fitting.compilation import make_room

def regions():
    return Path("/proc/self/maps").read_bytes().count(b"\\n")

program = jax.jit(lambda x: jnp.sin(x @ x.T).sum())
for size in range(2, 42):
    program(np.ones((size, size), np.float32))
many = regions()
print(make_room(most=many + 100, between=40), regions() == many)
print(make_room(most=many - 100, between=40), make_room(most=many - 100, between=0))
print(regions() < many - 100, float(program(np.ones((2, 2), np.float32))))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="regions are counted there only")
@pytest.mark.slow
def test_programs_are_forgotten_when_there_are_too_many() -> None:
    command = [sys.executable, "-c", COMPILE]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.split()[:5] == ["False", "True", "False", "True", "True"]
    assert float(done.stdout.split()[5]) == pytest.approx(3.637, abs=1e-3)
