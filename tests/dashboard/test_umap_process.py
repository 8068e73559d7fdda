from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dashboard.umap_process import UmapProcess

# Stands in for the real program: returns its scores, or does what they say.
PROGRAM = """
import json, os, sys
from pathlib import Path
import numpy as np

for line in sys.stdin:
    folder = Path(line.rstrip())
    scores = np.load(folder / "scores.npy")
    if scores[0, 0] == 1:
        os._exit(3)
    elif scores[0, 0] == 2:
        (folder / "error.txt").write_text("ValueError: no neighbours")
    elif scores[0, 0] == 3:
        (folder / "progress.json").write_text(json.dumps([0.5, "half way"]))
    else:
        np.save(folder / "part.npy", np.c_[scores[:, 0], np.full(len(scores), os.getpid())])
        os.replace(folder / "part.npy", folder / "xy.npy")
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[UmapProcess]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    process = UmapProcess(program)
    yield process
    process.close()


def test_one_process_does_one_after_another(process: UmapProcess) -> None:
    first, second = process(np.zeros((4, 3))), process(np.full((2, 3), 7.0))
    np.testing.assert_array_equal(first[:, 0], np.zeros(4))
    np.testing.assert_array_equal(second[:, 0], [7, 7])
    assert set(first[:, 1]) == set(second[:, 1])


def test_a_failure_is_told_and_the_process_goes_on(process: UmapProcess) -> None:
    before = process(np.zeros((1, 2)))[0, 1]
    with pytest.raises(RuntimeError, match="ValueError: no neighbours"):
        process(np.full((1, 2), 2.0))
    assert process(np.zeros((1, 2)))[0, 1] == before


def test_a_process_that_ends_is_told_and_started_again(process: UmapProcess) -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        process(np.ones((1, 2)))
    assert process(np.zeros((1, 2))).shape == (1, 2)


@pytest.mark.slow
def test_whoever_hears_how_far_it_is_may_end_it(process: UmapProcess) -> None:
    reports: list[tuple[float, str]] = []

    def on_progress(fraction: float, words: str) -> None:
        reports.append((fraction, words))
        if fraction:
            raise KeyboardInterrupt

    before = process(np.zeros((1, 2)))[0, 1]
    with pytest.raises(KeyboardInterrupt):
        process(np.full((1, 2), 3.0), on_progress)
    assert reports[-1] == (0.5, "half way")
    assert process(np.zeros((1, 2)))[0, 1] != before
