"""HTML from the templates in ``assets/templates``: all that is put into one is escaped there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).resolve().parent.parent / "assets" / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


class Html(Markup):
    """What a template made. It can be put into another, and is not escaped again."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        # What a pane asks for: it would escape this, a string that escapes what it is joined with.
        return str(self)


def render(name: str, /, *values: Any, **named: Any) -> Html:
    """HTML of a macro of a template.

    Parameters
    ----------
    name
        Of the template and of the macro: ``pieces.badge``.
    """
    # Not checked again: the environment escapes.
    return str.__new__(Html, _macro(name)(*values, **named))


@cache
def _macro(name: str) -> Callable[..., str]:
    template, _, macro = name.partition(".")
    found: Callable[..., str] = getattr(_environment.get_template(f"{template}.html").module, macro)
    return found
