"""HTML from the templates in ``assets/templates``, which escape all values."""

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
    """HTML from a template; other templates do not escape it again."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        # For panes: a plain string, since Markup would escape the pieces that they join to it.
        return str(self)


def render(name: str, /, *values: Any, **named: Any) -> Html:
    """HTML of a macro of a template.

    Parameters
    ----------
    name
        Names of the template and of the macro, such as ``pieces.badge``.
    """
    # Not checked again: the environment escapes.
    return str.__new__(Html, _macro(name)(*values, **named))


@cache
def _macro(name: str) -> Callable[..., str]:
    template, _, macro = name.partition(".")
    function: Callable[..., str] = getattr(
        _environment.get_template(f"{template}.html").module, macro
    )
    return function
