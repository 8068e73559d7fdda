"""Base of the commands of the shell: each ends with a message and a status, whatever happens."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import click

from engine.jobs.failures import describe, is_expected

_FAILED = 2
_INTERRUPTED = 130


class ShellCommand(click.Command):
    """A command whose status is 0, 2 after an error, or 130 after Ctrl-C with nothing saved."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        # Defaults are shown with every option that has one.
        settings.setdefault("context_settings", {"show_default": True, "max_content_width": 100})
        super().__init__(*arguments, **settings)
        words = "show where an error arose"
        self.params.append(click.Option(["--traceback"], is_flag=True, help=words))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse an option in the place of a value: ``--out --json`` would save as ``--json``."""
        taking = {
            flag
            for one in self.params
            if isinstance(one, click.Option) and not one.is_flag
            for flag in one.opts
        }
        typed = args[: args.index("--") + 1] if "--" in args else args
        follows = False
        for one, value in pairwise(typed):
            # The value of an option is not itself an option.
            follows = one in taking and not follows
            if follows and _like_an_option(value):
                raise click.BadOptionUsage(
                    one, f"Option {one!r} requires a value; one like {value!r} is typed after '='."
                )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> int:
        """Run the command; return its status."""
        with_traceback = ctx.params.pop("traceback")
        try:
            super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            print("Interrupted; nothing was saved.", file=sys.stderr)
            return _INTERRUPTED
        except Exception as error:
            if with_traceback:
                traceback.print_exc()
            more = "" if is_expected(error) else " (--traceback shows where)"
            print(f"{describe(error)}{more}", file=sys.stderr)
            return _FAILED
        return 0


def _like_an_option(text: str) -> bool:
    """Whether a text begins like an option and is no number."""
    try:
        float(text)
    except ValueError:
        return len(text) > 1 and text.startswith("-") and " " not in text
    return False


def options(*several: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator; ``--help`` lists them in this order."""
    return lambda command: reduce(lambda made, option: option(made), reversed(several), command)


def run(commands: click.Group, arguments: Sequence[str] | None, program: str) -> int:
    """Run one of the commands; return its status.

    Raises
    ------
    SystemExit
        After ``--help``, and if the arguments are not those of a command.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with commands.make_context(program, typed) as context:
            status: int = commands.invoke(context)
    except click.exceptions.Exit as end:
        raise SystemExit(end.exit_code) from None
    except click.ClickException as wrong:
        wrong.show()
        raise SystemExit(wrong.exit_code) from None
    return status
