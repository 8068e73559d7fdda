"""How the tests are laid out, and what to use for what.

- A folder for each of the project, and `browser/`, which drives the page in a real Chromium.
  `make test` runs all, a file a worker; `make test-quick` what needs no browser, no fit
  and less than half a second.
- What a fit finds is tested on data of the test's own (`engine/problems.py`, a conftest.py). All
  else (files, queue, shell, page) shares one small problem of one shape, `tiny.py`: compiled once.
- What several tests only read (a fit, real data, a result) is a fixture of the module or session.
- Queue and page take fits that nobody computed: `engine/jobs/fakes.py` (steps that a test lets
  through), `dashboard/synthetic.py` (made up), `runs.py`, `engine/jobs/real_runs.py` (on disk).
- A test that makes a real fit is marked `fit`, or fails. Mathematics is evaluated under `jax.jit`.
- To wait is `waiting.wait_for`, never a sleep or some seconds: a busy machine must not fail.
- `mutations.py` breaks the engine and the page on purpose: for a change of many tests.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

# What is imported stays: to look for garbage in it costs a tenth of the collection.
gc.disable()

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

# Before anything imports JAX or Numba. Child processes (shell, server) inherit all of it.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.02")
# With a size JAX locks the cache, which several processes share; without, it does not.
os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(4 * 1024**3))
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".cache" / "numba"))
# Work in the background gives way to nobody: beside other workers it would wait for minutes. XLA's
# threads would also keep the priority of the queue that asks for a device first.
os.environ["LOGRATIO_NICE"] = "0"

# No deadline: the first example of a shape pays its compilation.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


# Files to begin with: those that take longest, for begun last, one would hold up the end. The first
# compiles UMAP, which the servers of the browser's tests then find compiled.
FIRST = (
    "dashboard/test_umap_layout.py",
    "test_project.py",
    "engine/lnm/test_nuts.py",
    "browser",
    "lab",
    "engine/lnm/test_fit_vae.py",
    "engine/lda/test_vae.py",
    "browser/test_sessions.py",
    "engine/lnm/test_real_data.py",
    "engine/checks/predictive/test_check.py",
    "engine/lnm/test_fit.py",
    "engine/lda/test_real_data.py",
    "engine/selection/test_growth.py",
    "engine/lda/test_em.py",
    "test_fuzz.py",
    "test_docs.py",
    "engine/lnm/test_encoder.py",
    "engine/lnm/test_fit_vae_capture.py",
)
# Tests that have another server than the other tests of the browser, and its name.
SERVERS = {
    "browser/test_people.py": "lab",
    "browser/test_walkthrough.py": "lab",
    "browser/test_sessions.py": "browser/test_sessions.py",
}
# Tests whose programs are compiled as a user's are (see `pytest_runtest_setup`).
AS_A_USER = (
    "browser/",
    "engine/lnm/test_fit.py",
    "engine/lnm/test_nuts.py",
    "engine/lnm/test_nuts_covariates.py",
    "engine/lnm/test_real_data.py",
    "engine/lnm/test_fit_vae.py",
    "engine/lda/test_em.py",
    "engine/lda/test_real_data.py",
    "test_project",
)
# Files most of whose tests are slow, as pytest.mark.slow says of single ones.
SLOW = (
    "dashboard/test_check_views.py",
    "dashboard/test_compare.py",
    "dashboard/test_figures.py",
    "dashboard/test_uncertainty.py",
    "engine/lnm/test_encoder.py",
    "engine/store/test_counts_store.py",
    "engine/test_damaged_fits.py",
)


def share(nodeid: str) -> str:
    """What one worker does, fixtures and all: a file, or the tests that share a server."""
    file = nodeid.split("::")[0].removeprefix("tests/")
    return SERVERS.get(file, "browser" if file.startswith("browser/") else file)


class Shares(LoadFileScheduling):
    """Gives each worker one share after another."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:
    return Shares(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the shares that come first to the front, and in them whoever needs a new page."""
    places = {name: place for place, name in enumerate(FIRST)}

    def order(item: pytest.Item) -> tuple[int, bool]:
        fresh = "fresh_page" in getattr(item, "fixturenames", ())
        return places.get(share(item.nodeid), len(places)), not fresh

    items.sort(key=order)
    for item in items:
        if item.nodeid.removeprefix("tests/").startswith(SLOW):
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """From here on garbage is looked for among what the tests make."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Compile quickly for most tests, before their widest fixtures are made.

    How well and how precisely fits find what they should is tested on programs as a user's are,
    and so are those that compute for long.
    """
    quick = not item.nodeid.removeprefix("tests/").startswith(AS_A_USER)
    if quick or "jax" in sys.modules:
        from tests.compiling import compile_quickly

        compile_quickly(quick)


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


@pytest.fixture(autouse=True)
def _marked_if_it_fits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that makes a real fit says so, that `make test-quick` can leave it out."""
    if request.node.get_closest_marker("fit") is None:

        def follow(*_: object) -> NoReturn:
            pytest.fail("makes a real fit: mark it with pytest.mark.fit, or use a made-up one")

        monkeypatch.setattr("engine.fitting.running.Running.follow", follow)


@pytest.fixture(autouse=True, scope="module")
def _room_for_programs() -> Iterator[None]:
    """All tests are one process, and a process can hold so many compiled programs only."""
    yield
    if "jax" in sys.modules:
        from engine.fitting.compilation import make_room

        make_room()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of larger real data sets that are kept beside the project, not in it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no {SHARED_DATA.relative_to(ROOT.parent)} beside the project")
    return SHARED_DATA
