"""Settings of a configuration: each is declared once, in the metadata of its field.

The checks of the configuration, the options of the shell, the form and the address of the page and
the rows of a report are made from `Setting`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from engine.errors import ConfigError
from engine.validation import AUTO

Kind = Literal["size", "whole", "number", "choice", "switch", "text"]
# Sections of a form that settings of several configurations share.
REFERENCE = "Reference and capture prior"
LIMITS = "Limits and precision"

_KEY = "setting"
_NO_WORDS: Mapping[str, str] = MappingProxyType({})
_TYPES: dict[Kind, tuple[type, ...]] = {
    "size": (int,),
    "whole": (int,),
    "number": (int, float),
    "switch": (bool,),
    "text": (str,),
}
_YES, _NO = "yes", "no"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a field of a configuration is shown to the user and checked.

    Attributes
    ----------
    label, help
        Its name in a form, and a line that explains it.
    unit
        Word for its value in the help of the shell, such as ``N`` or ``SECONDS``.
    low, high
        Least and largest value.
    above, below
        Bounds that a value must stay strictly within.
    step
        Change of the value by one press of a form's arrows; 0: one.
    section
        Collapsed section of the form that holds it; empty: none, it is in sight.
    models, inferences
        Models and inferences that use it; empty: all that have the setting.
    needs
        Another setting, and the value that it must have for this one to be used.
    words, helps
        Of a choice: for each value its name in a form, and a line that explains it.
    empty
        Words of a form for no value.
    names_columns
        Whether its text names columns of the cells' labels.
    typed_as
        Its name in a shell; by default that of the field.
    name, kind, default, choices, optional, several
        Of the field: its name, the kind of its values, its default, the values that it may take,
        whether it may be None, and whether it may be a sequence of such values.
    """

    label: str
    help: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    step: float = 0
    section: str = ""
    models: tuple[str, ...] = ()
    inferences: tuple[str, ...] = ()
    needs: tuple[str, Any] | None = None
    words: Mapping[str, str] = field(default_factory=lambda: _NO_WORDS)
    helps: Mapping[str, str] = field(default_factory=lambda: _NO_WORDS)
    empty: str = ""
    names_columns: bool = False
    typed_as: str = ""
    name: str = ""
    kind: Kind = "text"
    default: Any = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    several: bool = False

    @property
    def flag(self) -> str:
        """The option of the shell; a number of factors is ``--factors``."""
        return f"--{self.typed_as or self.name.removeprefix('n_').replace('_', '-')}"

    @property
    def bounds(self) -> str:
        """Its bounds in words; empty if it has none."""
        ends = {"from": self.low, "above": self.above, "to": self.high, "to below": self.below}
        return " ".join(f"{word} {end}" for word, end in ends.items() if end is not None)

    def is_of(self, model: str) -> bool:
        """Whether a model uses it; without ``models`` all models of the family do."""
        return not self.models or model in self.models

    def means_anything(self, values: Mapping[str, Any], model: str) -> bool:
        """Whether it affects a fit of a model with these settings."""
        return (
            self.is_of(model)
            and (not self.inferences or values["inference"] in self.inferences)
            and (self.needs is None or values[self.needs[0]] == self.needs[1])
        )

    def check(self, value: Any, called: str = "") -> None:
        """Raise an error for a value that it cannot have.

        Parameters
        ----------
        called
            What the error calls the setting; by default its name.

        Raises
        ------
        ConfigError
            If the value is of the wrong type or out of range.
        """
        if self.several and isinstance(value, tuple):
            for one in value:
                self.check(one, called)
        elif not self._fits(value):
            wanted = self._wanted("empty" if called else "None")
            called = called or self.name
            shown = "nothing" if isinstance(value, str | None) and not value else repr(value)[:60]
            raise ConfigError(f"{called} to be {wanted}", shown, f"Change {called}.")

    def _fits(self, value: Any) -> bool:
        if value is None:
            return self.optional
        if self.kind == "choice" or (self.kind == "size" and isinstance(value, str)):
            return isinstance(value, str) and value in self.choices
        right = isinstance(value, _TYPES[self.kind])
        if not right or (isinstance(value, bool) and self.kind != "switch"):
            return False
        if self.kind in ("switch", "text"):
            return True
        return (
            math.isfinite(value)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def _wanted(self, none: str) -> str:
        whole = f"a whole number {self.bounds}".strip()
        number = f"a number {self.bounds}" if self.bounds else "a finite number"
        wanted = {
            "size": f"{AUTO} or {whole}",
            "whole": whole,
            "number": number,
            "choice": f"one of {', '.join(map(repr, self.choices))}",
            "switch": "True or False",
            "text": "text",
        }[self.kind]
        wanted += " or a sequence of them" if self.several else ""
        return f"{none}, or {wanted}" if self.optional else wanted

    def read(self, text: str) -> Any:
        """The value of a text that `write` returned or the user typed.

        Raises
        ------
        ConfigError
            If the setting cannot have the value.
        """
        value = self.typed(text)
        self.check(value)
        return value

    def typed(self, text: str) -> Any:
        """The value of a text; text of another kind is returned as it is."""
        said = text.strip()
        if self.optional and not said:
            return None
        try:
            if self.kind == "number":
                return float(said)
            if self.kind in ("whole", "size") and said.isascii() and len(said) < 20:
                return int(said)
        except ValueError:
            pass
        if self.kind == "size" and said.lower() in self.choices:
            return said.lower()
        return {_YES: True, _NO: False}.get(said, text) if self.kind == "switch" else text

    def write(self, value: Any) -> str:
        """The value as text; empty if there is none."""
        if value is None:
            return ""
        return (_YES if value else _NO) if self.kind == "switch" else str(value)

    def in_words(self, value: Any) -> str:
        """The label and the value in words, as in a form."""
        if value is None:
            said = self.empty or "not set"
        elif isinstance(value, tuple):
            said = f"{len(value):,} values"
        elif self.kind == "number":
            said = f"{value:,.6g}"
        else:
            said = self.words.get(value) or self.write(value)
        return f"{self.label} {said}"


def setting(label: str, help: str = "", **more: Any) -> dict[str, Any]:
    """Metadata of a field that is a setting, see `Setting`."""
    return {_KEY: Setting(label=label, help=help, **more)}


def again(config: type, name: str, default: Any) -> Any:
    """Field of a configuration whose base declares it with another default."""
    declared = next(one for one in dataclasses.fields(config) if one.name == name)
    return field(default=default, metadata=declared.metadata, kw_only=True)


@functools.cache
def settings_of(config: type) -> Mapping[str, Setting]:
    """The settings of a configuration by their names, its own before those of its bases."""
    hints = get_type_hints(config)
    fields = [one for one in dataclasses.fields(config) if _KEY in one.metadata]
    fields.sort(key=lambda one: _depth(config, one.name))
    return {one.name: _complete(one, hints[one.name]) for one in fields}


def _depth(config: type, name: str) -> int:
    """How many bases below the configuration a field is declared first."""
    bases = enumerate(config.__mro__)
    return max(depth for depth, base in bases if name in vars(base).get("__annotations__", {}))


def _complete(one: dataclasses.Field[Any], hint: Any) -> Setting:
    """The declared setting, completed with the field's name, default and type."""
    parts = _parts(hint)
    choices = tuple(part for part in parts if isinstance(part, str))
    kind: Kind = "choice"
    if not choices or int in parts:
        kinds: tuple[tuple[type, Kind], ...] = (
            (bool, "switch"),
            (float, "number"),
            (int, "size" if choices else "whole"),
        )
        kind = next((kind for type_, kind in kinds if type_ in parts), "text")
    return dataclasses.replace(
        one.metadata[_KEY],
        name=one.name,
        kind=kind,
        default=one.default,
        choices=choices,
        optional=type(None) in parts,
        several=any(get_origin(part) is tuple for part in parts),
    )


def _parts(hint: Any) -> list[Any]:
    """Types and literal texts that an annotation allows."""
    if get_origin(hint) in (Union, UnionType):
        return [part for one in get_args(hint) for part in _parts(one)]
    return list(get_args(hint)) if get_origin(hint) is Literal else [hint]
