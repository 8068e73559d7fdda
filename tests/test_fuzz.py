"""Some of the cases of `benchmarks.fuzz`, of each kind, as damaged by one seed.

They run in a process of their own: this one has threads, and is not to be forked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow
SEED, CASES = 11, 12
KINDS = ("counts", "fit", "run")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Verdicts by what was tried."""
    place = tmp_path_factory.mktemp("fuzz")
    command = [sys.executable, "-W", "ignore", "-m", "tests.test_fuzz", str(place / "work")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


def test_sound_files_are_read(told: dict[str, list[dict[str, Any]]]) -> None:
    found = told["sound"]
    assert [verdict for verdict in found if verdict["faults"]] == []
    assert {verdict["outcome"] for verdict in found} == {"read"}
    assert len(found) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_right_or_refused(
    told: dict[str, list[dict[str, Any]]], kind: str
) -> None:
    found = told[kind]
    assert [verdict for verdict in found if verdict["faults"]] == []
    assert len(found) == CASES
    assert len({verdict["outcome"] for verdict in found}) > 1


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("crash", ["ended by signal 11"]),
        ("leak", ["shows something of another file"]),
        ("wrong", ["a part of the message is empty", "raised ZeroDivisionError"]),
    ],
)
def test_faults_are_found(told: dict[str, list[dict[str, Any]]], way: str, said: list[str]) -> None:
    (verdict,) = told[way]
    assert len(verdict["faults"]) == len(said)
    for one, fault in zip(said, verdict["faults"], strict=True):
        assert one in fault


def main(place: Path) -> None:
    """Try everything, and print the verdicts as JSON."""
    import itertools
    import os

    from benchmarks.fuzz.campaign import Campaign
    from benchmarks.fuzz.target import TARGETS
    from engine.errors import EngineError

    place.mkdir()
    campaign = Campaign(place, SEED, workers=2)
    found = {"sound": list(campaign.run(campaign.sound()[::2]))}
    for kind in KINDS:
        numbers = (n for n in itertools.count() if campaign.template(n).startswith(f"{kind}/"))
        found[kind] = list(campaign.run(itertools.islice(numbers, CASES)))

    def refuse() -> None:
        raise EngineError("something", "", "Do something.")

    other = (place / "neighbours" / "other.tsv").read_text
    ways = {
        "crash": [("read", lambda: os.kill(os.getpid(), 11))],
        "leak": [("read", other)],
        "wrong": [("refuse", refuse), ("raise", lambda: 1 / 0)],
    }
    for way, steps in ways.items():
        TARGETS.update({kind: lambda _, steps=steps: iter(steps) for kind in KINDS})
        found[way] = list(campaign.run([-3]))
    verdicts = {way: [asdict(one) for one in some] for way, some in found.items()}
    print(json.dumps(verdicts, default=str))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
