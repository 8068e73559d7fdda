"""The command ``logratio``."""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import socket
import sys
import tomllib
from pathlib import Path

import panel.command
import pytest

from dashboard import logratio
from engine.shell.parser import COMMANDS
from tests.conftest import ROOT


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[argparse.Namespace]:
    """Arguments that `panel serve` parsed; nothing is served."""
    served: list[argparse.Namespace] = []

    def serve() -> None:
        assert sys.argv[:2] == ["panel", "serve"]
        parser = argparse.ArgumentParser()
        panel.command.Serve(parser=parser)
        served.append(parser.parse_args(sys.argv[2:]))

    monkeypatch.setattr(panel.command, "main", serve)
    monkeypatch.setattr(sys, "argv", ["logratio"])
    # monkeypatch restores it at the end.
    monkeypatch.setenv("DATA", "from the environment")
    return served


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


def test_the_script_has_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["logratio"].partition(":")
    main = getattr(importlib.import_module(module), name)
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    listed = capsys.readouterr().out.partition("Commands:")[2].splitlines()
    assert {line.split()[0] for line in listed if line} == {"serve", *COMMANDS.commands}
    assert main(["info", "no_such_file.h5ad"]) == 2
    assert "no_such_file.h5ad" in capsys.readouterr().err


def test_serve_opens_the_page_on_this_machine_alone(
    started: list[argparse.Namespace], port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert logratio.main(["serve", "my counts.h5ad", "--port", str(port)]) == 0
    (arguments,) = started
    assert (arguments.port, arguments.address, arguments.warm) == (port, "localhost", True)
    assert arguments.allow_websocket_origin == [f"localhost:{port}", f"127.0.0.1:{port}"]
    assert os.environ["DATA"] == "my counts.h5ad"
    assert f"http://localhost:{port}" in capsys.readouterr().err


def test_without_data_the_environment_is_heard(
    started: list[argparse.Namespace], port: int
) -> None:
    assert logratio.main(["serve", "--port", str(port)]) == 0
    assert os.environ["DATA"] == "from the environment"


def test_the_page_that_is_served_is_that_of_app_py(
    started: list[argparse.Namespace], port: int
) -> None:
    logratio.main(["serve", "--port", str(port)])
    served, beside = (
        [ast.dump(part) for part in ast.parse(path.read_text("utf-8")).body[1:]]
        for path in (Path(started[0].files[0]), ROOT / "app.py")
    )
    assert served == beside


def test_a_port_that_is_taken_is_refused(
    started: list[argparse.Namespace], capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert logratio.main(["serve", "--port", str(port)]) == 2
    message = capsys.readouterr().err
    assert f"Expected a free port; found {port}" in message
    assert "logratio serve --port" in message
    assert not started


def test_ports_that_are_none_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for port in ("0", "65536", "http"):
        with pytest.raises(SystemExit) as error:
            logratio.main(["serve", "--port", port])
        assert error.value.code == 2
        assert "--port" in capsys.readouterr().err
