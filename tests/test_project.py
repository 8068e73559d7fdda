"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.mutations import MUTATIONS

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = [Requirement(line) for line in PYPROJECT["project"]["dependencies"]]
CUDA = [Requirement(line) for line in PYPROJECT["project"]["optional-dependencies"]["cuda"]]
DEVELOPMENT = [Requirement(line) for line in PYPROJECT["dependency-groups"]["dev"]]
DOCUMENTATION = [Requirement(line) for line in PYPROJECT["dependency-groups"]["docs"]]
LOCKS = {
    "requirements.lock": [*RUNTIME, *DEVELOPMENT],
    "requirements-cuda.lock": [*RUNTIME, *CUDA],
    "requirements-docs.lock": DOCUMENTATION,
}

OWN = {"engine", "dashboard"}

# The full package of this name brings Qt along on conda-forge.
CONDA_NAMES = {"matplotlib": "matplotlib-base"}

# Written so that no pattern matches its own source.
TRACES = {
    "path of a machine": r"(?<![\w.])/(?:home|root|Users|work|opt)/\w",
    "path of a Windows machine": r"\b[C-Z]:\\\\?(?:Users|home)",
    "package index": r"--(?:extra-)?index-url|-{2}find-links|\bregistry *= *\S|pypi[.]org",
}

# Folders whose files of one name are the same room: of the models and of what they share, of the
# tabs, of the page and the paper. A command of the shell is named as what it calls.
ROOMS = (
    r"engine/(fitting|lda|lnm|lnm/nuts)",
    r"dashboard/cards/\w+",
    r"dashboard/(plots|figures)",
)
COMMANDS = "engine/shell/commands"
# Words that name anything, and so nothing.
VAGUE = {
    "asked",
    "kept",
    "seen",
    "believed",
    "together",
    "places",
    "chosen",
    "lane",
    "border",
    "told",
}
# As whole names of values too; what somebody chose may be called so.
VAGUE_VALUES = {"found"} | {
    name for word in VAGUE - {"chosen", "border"} for name in (word, f"_{word}")
}

TOOLS = {
    "ruff check": ["ruff", "check", "--no-fix", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "import contracts": ["lint-imports"],
}


def tracked_files() -> list[Path]:
    """Files that are or could be committed."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def pins(name: str) -> dict[str, Version]:
    """Version of every package in a lock."""
    lines = re.findall(r"^([\w.\[\],-]+)==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {
        canonicalize_name(package.split("[")[0]): Version(version) for package, version in lines
    }


@pytest.mark.parametrize("name", TOOLS)
def test_tool_has_no_complaint(name: str) -> None:
    tool, *arguments = TOOLS[name]
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{name}:\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize("trace", TRACES)
def test_no_trace_of_a_machine_or_package_index(trace: str) -> None:
    pattern = re.compile(TRACES[trace])
    found = []
    for path in tracked_files():
        lines = path.read_bytes().decode(errors="replace").splitlines()
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(lines, 1)
            if pattern.search(line)
        ]
    assert not found, f"{trace} in\n" + "\n".join(found)


def test_modules_stay_short() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in tracked_files()
        if path.suffix == ".py"
    }
    assert any(name.startswith("engine/") for name in lengths)
    long = {name: length for name, length in lengths.items() if length >= 300}
    assert not long, f"300 lines or more: {long}"


def own_modules() -> list[Path]:
    """The modules of the engine and the page."""
    own = [path.relative_to(ROOT) for path in tracked_files() if path.suffix == ".py"]
    return [path for path in own if path.parts[0] in OWN]


def test_benchmarks_import_what_there_is() -> None:
    """They are run by hand, and mypy does not read them."""
    for path in sorted((ROOT / "benchmarks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OWN:
                exec(compile(ast.Module([node], []), path, "exec"), {})


def test_no_file_name_twice_but_of_one_room() -> None:
    rooms: dict[str, set[str]] = {}
    for path in own_modules():
        folder = path.parent.as_posix()
        if not path.stem.startswith("__") and folder != COMMANDS:
            room = next((room for room in ROOMS if re.fullmatch(room, folder)), folder)
            rooms.setdefault(path.name, set()).add(room)
    assert rooms["tab.py"] == {ROOMS[1]}
    twice = {name: own for name, own in rooms.items() if len(own) > 1}
    assert not twice, f"one name for different things: {twice}"


def test_names_say_what_things_are() -> None:
    vague = []
    for path in own_modules():
        names = [path.stem] + [
            node.name
            for node in ast.walk(ast.parse((ROOT / path).read_text()))
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
        words = {name: re.findall(r"[A-Z]?[a-z]+", name) for name in names}
        vague += [
            f"{path}: {name}"
            for name, parts in words.items()
            if VAGUE & {part.lower() for part in parts}
        ]
    assert not vague, f"name them by what they are: {vague}"


def test_values_are_called_by_what_they_hold() -> None:
    vague = set()
    for path in own_modules():
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            names = [getattr(node, field, None) for field in ("id", "arg", "attr")]
            vague |= {f"{path}: {name}" for name in names if name in VAGUE_VALUES}
    assert not vague, f"call them by what they hold: {vague}"


def test_mutations_have_their_text() -> None:
    """They are run by hand, for a change of many tests."""
    for title, (file, before, after, _) in MUTATIONS.items():
        assert (ROOT / file).read_text().count(before) == 1, title
        assert before != after, title


def test_environment_yml_mirrors_pyproject() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    entries = environment["dependencies"]
    conda = [entry for entry in entries if isinstance(entry, str) and entry != "pip"]
    by_pip = [line for entry in entries if isinstance(entry, dict) for line in entry["pip"]]
    found = {Requirement(line).name: Requirement(line).specifier for line in [*conda, *by_pip]}
    wanted = {CONDA_NAMES.get(item.name, item.name): item.specifier for item in RUNTIME}
    wanted["python"] = Requirement("python" + PYPROJECT["project"]["requires-python"]).specifier
    assert found == wanted
    assert environment["name"] == PYPROJECT["project"]["name"]
    assert environment["channels"] == ["conda-forge"]


def test_imports_are_declared() -> None:
    imported = set()
    for path in tracked_files():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in {"app.py", *OWN}:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    imported |= {name.name.split(".")[0] for name in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    imported.add(node.module.split(".")[0])
    foreign = imported - OWN - sys.stdlib_module_names
    assert "numpy" in foreign
    providers = importlib.metadata.packages_distributions()
    declared = {canonicalize_name(item.name) for item in RUNTIME}
    undeclared = [
        name
        for name in sorted(foreign)
        if declared.isdisjoint(map(canonicalize_name, providers.get(name, [])))
    ]
    assert not undeclared, f"imported but not in pyproject's dependencies: {undeclared}"


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_satisfies_pyproject(lock: str) -> None:
    pinned = pins(lock)
    unmet = [
        str(item)
        for item in LOCKS[lock]
        if (name := canonicalize_name(item.name)) not in pinned
        or not item.specifier.contains(pinned[name], prereleases=True)
    ]
    assert not unmet, f"{lock} is out of step (make lock): {unmet}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_of_a_lock_has_a_hash(lock: str) -> None:
    blocks = re.split(r"^(?=\S+==)", (ROOT / lock).read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) > len(LOCKS[lock])
    bare = [block.split()[0] for block in blocks if "--hash=sha256:" not in block]
    assert not bare, f"without a hash in {lock}: {bare}"
    assert "://" not in (ROOT / lock).read_text()


def test_gpu_lock_differs_only_by_additions() -> None:
    missing = set(pins("requirements.lock")) - set(pins("requirements-cuda.lock"))
    assert not missing, f"make lock; requirements-cuda.lock lacks {missing}"


@pytest.mark.parametrize("lock", ["requirements-cuda.lock", "requirements-docs.lock"])
def test_locks_of_one_environment_agree(lock: str) -> None:
    base, added = pins("requirements.lock"), pins(lock)
    changed = {
        name: (version, added[name])
        for name, version in base.items()
        if name in added and added[name] != version
    }
    assert not changed, f"make lock; {lock} changes {changed}"


def test_one_kind_of_lock_only() -> None:
    strays = {path.name for path in tracked_files()} & {"uv.lock", "poetry.lock", "Pipfile.lock"}
    assert not strays
