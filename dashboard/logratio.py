"""The command ``logratio``: commands of ``python -m engine``, and ``serve``, to open the page."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from engine.errors import ConfigError
from engine.shell.click_command import ShellCommand, run
from engine.shell.parser import COMMANDS

APP = Path(__file__).with_name("app.py")


@click.command(cls=ShellCommand)
@click.argument(
    "data", required=False, help="Counts that the page opens: .h5ad, .zarr, 10x; else the demo."
)
@click.option("--port", type=click.IntRange(1, 65535), default=5006, help="where the page listens")
def serve(data: str | None, port: int) -> None:
    """Open the page on this machine."""
    _check_free(port)
    if data is not None:
        os.environ["DATA"] = data
    print(f"Logratio at http://localhost:{port}/{APP.stem} (Ctrl-C to stop)", file=sys.stderr)
    hosts = [f"localhost:{port}", f"127.0.0.1:{port}"]
    allowed = [word for host in hosts for word in ("--allow-websocket-origin", host)]
    where = ["--port", str(port), "--address", "localhost"]
    # The command of Panel reads sys.argv; it takes no arguments.
    sys.argv = ["panel", "serve", str(APP), "--warm", *where, *allowed]

    from panel.command import main as panel

    panel()


def _check_free(port: int) -> None:
    """Refuse a port on which another server listens."""
    with socket.socket() as tried:
        # Accept a port that a server has just left. On Windows this would share it with a server.
        if os.name == "posix":
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                "a free port",
                f"{port}, which is not ({error.strerror})",
                f"Choose another: logratio serve --port {min(port + 1, 65535)}",
            ) from error


LOGRATIO = click.Group(
    "logratio", commands=[serve, *COMMANDS.commands.values()], help=COMMANDS.help
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status, as `engine.shell.parser.main` does."""
    return run(LOGRATIO, arguments, "logratio")
