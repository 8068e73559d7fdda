"""Cases in processes of their own, so that a crash, a hang or a full memory is only counted."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fuzz import makers
from benchmarks.fuzz.mutations import copied, mutate
from benchmarks.fuzz.target import PEAKS, TARGETS
from benchmarks.fuzz.verdicts import BYTES, SECONDS, judge, outcome

# Address space of a case, beyond what this process has: far more than it may have resident.
ROOM = 6 * 2**30
# Seconds that damaging a file may take.
MAKING = 120.0
KINDS = {"counts": 5, "fit": 3, "run": 3}


@dataclass
class Verdict:
    """How a case ended."""

    number: int
    template: str
    outcome: str
    seconds: float
    megabytes: float
    done: str = ""
    said: str = ""
    faults: list[str] = field(default_factory=list)


@dataclass
class _Running:
    number: int
    template: str
    folder: Path
    began: float
    damaged: bool = False


class Campaign:
    """Cases of one seed, each determined by the seed and its number alone."""

    def __init__(
        self, work: Path, seed: int, *, keep: Path | None = None, workers: int = 1
    ) -> None:
        self.work, self.seed, self.keep, self.workers = work, seed, keep, workers
        self._neighbours = work / "neighbours"
        self._running: dict[int, _Running] = {}
        # In a child: libraries start threads as they write, and no process with threads is forked.
        if _apart(lambda: (makers.make_templates(work), makers.make_neighbours(self._neighbours))):
            raise RuntimeError("the sound files could not be made")
        self._templates = makers.templates(work)
        self._sizes = self._outside()

    def template(self, number: int) -> str:
        """What the case of a number begins with; below 0 are the sound files, undamaged."""
        if number < 0:
            return sorted(self._templates)[-number - 1]
        draw = random.Random(f"{self.seed} {number}")
        kind = draw.choices(list(KINDS), list(KINDS.values()))[0]
        return draw.choice([name for name in self._templates if name.startswith(f"{kind}/")])

    def sound(self) -> range:
        """Numbers of the sound files."""
        return range(-1, -len(self._templates) - 1, -1)

    def run(self, numbers: Iterable[int]) -> Iterator[Verdict]:
        """The verdicts, as they come."""
        for number in numbers:
            while len(self._running) >= self.workers:
                yield from self._wait()
            self._start(number)
        while self._running:
            yield from self._wait()

    def _start(self, number: int) -> None:
        folder = self.work / f"case-{number}"
        template = self.template(number)
        folder.mkdir()
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            try:
                self._in_child(number, template, folder)
            finally:
                os._exit(1)
        self._running[pid] = _Running(number, template, folder, time.monotonic())

    def _in_child(self, number: int, template: str, folder: Path) -> None:
        os.setsid()
        output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        own = resource.getrlimit(resource.RLIMIT_AS)[1]
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, own))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        draw = random.Random(f"{self.seed} {number} damage")
        box = copied(self.work / template, folder / "box")
        source = box / self._templates[template]
        if number >= 0:
            self._damage(box, source, draw, folder / "damage.txt")
        if not os.path.lexists(source):
            # It has another name now.
            source = next(iter(sorted(box.iterdir())), source)
        done = folder / "damage.txt"
        done.replace(folder / "done.txt") if done.exists() else done.with_stem("done").touch()
        found = judge(TARGETS[template.split("/")[0]](source))
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        found["peak"] = max(own, *PEAKS) if PEAKS else own
        (folder / "verdict.json").write_text(json.dumps(found), errors="backslashreplace")
        sys.stdout.flush()
        os._exit(0)

    def _damage(self, box: Path, source: Path, draw: random.Random, told: Path) -> None:
        """Damage a case's files, apart, so that the memory this takes does not count."""

        def damage() -> None:
            told.write_text(mutate(box, source, draw, self._neighbours), errors="backslashreplace")

        # A library that ends over what was damaged before leaves a file half written: a case, too.
        if code := _apart(damage):
            told.write_text(f"half written: what damaged it ended ({code})")

    def _wait(self) -> Iterator[Verdict]:
        for pid, case in list(self._running.items()):
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if not case.damaged and (case.folder / "done.txt").exists():
                case.damaged, case.began = True, time.monotonic()
            late = time.monotonic() - case.began > (SECONDS if case.damaged else MAKING)
            if not ended and not late:
                continue
            if not ended:
                os.killpg(pid, signal.SIGKILL)
                _, status, usage = os.wait4(pid, 0)
            del self._running[pid]
            yield self._verdict(case, status, usage.ru_maxrss * 1024, late=late)
            return
        time.sleep(0.01)

    def _verdict(self, case: _Running, status: int, resident: int, *, late: bool) -> Verdict:
        folder, seconds = case.folder, time.monotonic() - case.began
        found = Verdict(case.number, case.template, "", seconds, resident / 1e6)
        found.done = _text(folder / "done.txt") or "not damaged yet"
        output = _text(folder / "output.txt")
        told = _text(folder / "verdict.json")
        if told:
            judged = json.loads(told)
            found.outcome, found.faults = outcome(judged["ended"]), judged["faults"]
            resident = judged["peak"]
            found.megabytes = resident / 1e6
            found.said = "; ".join(f"{k}: {v}" for k, v in judged["ended"].items())
        elif late:
            found.outcome = "hang"
            limit = SECONDS if case.damaged else MAKING
            found.faults = [f"not {'done' if case.damaged else 'damaged'} after {limit:g} s"]
        else:
            found.outcome = "crash"
            how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "an exit"
            last = (output.strip().splitlines() or [""])[-1]
            found.faults = [f"ended by {how}: {last[:200]}"]
        if "Traceback (most recent call last)" in output:
            found.faults.append(f"a traceback was printed: {output.strip().splitlines()[-1][:200]}")
        if resident > BYTES:
            found.faults.append(f"{resident / 1e9:.2f} GB of memory")
        if self._outside() != self._sizes:
            found.faults.append("a file outside was changed")
            self._sizes = self._outside()
        if self.keep is not None and found.faults:
            shutil.rmtree(self.keep / folder.name, ignore_errors=True)
            shutil.copytree(folder, self.keep / folder.name, symlinks=True, copy_function=_copy)
        shutil.rmtree(folder, ignore_errors=True)
        return found

    def _outside(self) -> list[tuple[str, int]]:
        files = sorted(path for path in self._neighbours.rglob("*") if path.is_file())
        return [(str(path), zlib.crc32(path.read_bytes())) for path in files]


def _apart(work: Callable[[], object]) -> int:
    """Work in a child; its exit code, or the signal that ended it as a negative number."""
    pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(0)
        finally:
            import traceback

            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _copy(source: str, target: str) -> None:
    """Of a case that is kept: no pipes, and no gigabytes of nothing."""
    if os.path.isfile(source) and os.path.getsize(source) < 2**28:
        shutil.copy2(source, target)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
