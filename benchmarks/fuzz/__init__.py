"""A seeded fuzzer of everything that is read from disk: ``python -m benchmarks.fuzz``."""

import os

# Before anything imports them: a process with threads is not to be forked.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
