from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

# Before anything imports JAX or Numba. Child processes (shell, server) inherit all of it.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
# With a size JAX locks the cache, which several processes share; without, it does not.
os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(4 * 1024**3))
# Each worker of pytest-xdist is one of as many as there are processors.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("NPROC", "1")
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".cache" / "numba"))

# No deadline: the first example of a shape pays its compilation.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the checks of the project first and the browser last."""
    items.sort(
        key=lambda item: (
            item.path.name != "test_project.py",
            item.get_closest_marker("browser") is not None,
        )
    )


@pytest.fixture(scope="session", autouse=True)
def _session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures wider than a test must not write to the user's runs either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOGRATIO_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty LOGRATIO_HOME of the test's own."""
    path = tmp_path / "home"
    monkeypatch.setenv("LOGRATIO_HOME", str(path))
    return path


@pytest.fixture(autouse=True, scope="module")
def _room_for_programs() -> Iterator[None]:
    """All tests are one process, and a process can hold so many compiled programs only."""
    yield
    if "jax" in sys.modules:
        from engine.inference.compilation import make_room

        make_room()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of larger real data sets that are kept beside the project, not in it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no {SHARED_DATA.relative_to(ROOT.parent)} beside the project")
    return SHARED_DATA
