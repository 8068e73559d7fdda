"""Options of the shell that are settings of models, made from what the configurations declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import click

from engine.errors import ConfigError
from engine.fitting.family import Family
from engine.fitting.vocabulary import Option
from engine.registry import FAMILIES, MODELS, Config
from engine.shell.running import options
from engine.validation import AUTO


class _Size(click.ParamType[int | str]):
    """A number of factors or topics, or that it is to be chosen."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """As click asks for it."""
        if value == AUTO:
            return AUTO
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor {AUTO!r}.", param, ctx)


class _Setting(NamedTuple):
    """A setting of one family or several, and how each of them declares it."""

    name: str
    declared: tuple[tuple[Family, Option], ...]

    @property
    def flag(self) -> str:
        """As it is typed."""
        return self.declared[0][1].flag

    @property
    def models(self) -> tuple[str, ...]:
        """Those to which it means anything."""
        return tuple(m for family, own in self.declared for m in own.models or family.models)

    @property
    def inferences(self) -> tuple[str, ...]:
        """Those to which it means anything; none: to all of these models."""
        return tuple(dict.fromkeys(one for _, own in self.declared for one in own.inferences))

    def option(self) -> Callable[[Any], Any]:
        """What declares it to click; it has no value unless it is typed."""
        of = self.inferences or (() if set(self.models) == set(MODELS) else self.models)
        _, first = self.declared[0]
        words = (f"of {', '.join(of)}: " if of else "") + first.words + self._brackets()
        kind, unit = self._type(), first.unit or None
        return click.option(first.flag, self.name, type=kind, metavar=unit, help=words)

    def _type(self) -> Any:
        hints = (get_type_hints(family.config)[self.name] for family, _ in self.declared)
        parts = [part for hint in hints for part in _parts(hint)]
        texts = list(dict.fromkeys(part for part in parts if isinstance(part, str)))
        if texts:
            return _Size() if int in parts else click.Choice(texts)
        return float if float in parts else int

    def _brackets(self) -> str:
        """What it is by default, and its bounds."""
        fields = [family.config.__dataclass_fields__[self.name] for family, _ in self.declared]
        defaults: dict[Any, list[str]] = {}
        for field, (family, own) in zip(fields, self.declared, strict=True):
            defaults.setdefault(field.default, []).extend(own.models or family.models)
        told = [f"{value} of {', '.join(of)}" for value, of in defaults.items()]
        told = (
            told if len(defaults) > 1 else [str(value) for value in defaults if value is not None]
        )
        parts = [f"default: {'; '.join(told)}"] if told else []
        bounds = {field.metadata["bounds"] for field in fields if "bounds" in field.metadata}
        parts += [f"from {low} to {high}" for low, high in bounds]
        return f"  [{'; '.join(parts)}]" if parts else ""


def _parts(hint: Any) -> list[Any]:
    """What a value may be by its annotation: types and texts."""
    if get_origin(hint) in (Union, UnionType):
        return [part for one in get_args(hint) for part in _parts(one)]
    return list(get_args(hint)) if get_origin(hint) is Literal else [hint]


def _settings() -> Iterator[_Setting]:
    """Numbers of factors and topics first, as they stand in the configurations."""
    names = dict.fromkeys(name for family in FAMILIES for name in family.config.options())
    for name in sorted(names, key=lambda name: name not in SIZES):
        declared = [(family, family.config.options().get(name)) for family in FAMILIES]
        yield _Setting(name, tuple((family, own) for family, own in declared if own is not None))


# The settings that are numbers of factors or topics.
SIZES = {family.config.size_name() for family in FAMILIES}
_SETTINGS = {setting.name: setting for setting in _settings()}


def settings(*, sizes: bool) -> Callable[[Any], Any]:
    """Options of the settings of all models, with those of their sizes or without."""
    named = [one for name, one in _SETTINGS.items() if sizes or name not in SIZES]
    return options(*(one.option() for one in named))


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were typed."""
    return {name: values[name] for name in _SETTINGS if values.get(name) is not None}


def belongs(name: str, config: Config) -> bool:
    """Whether a setting has an option that means anything to a fit with these settings."""
    option = config.options().get(name)
    return (
        option is not None
        and (not option.models or config.model in option.models)
        and (not option.inferences or config.inference in option.inferences)
    )


def check_given(names: Iterable[str], config: Config) -> None:
    """Refuse settings that would go unheard.

    Raises
    ------
    ConfigError
        If one is of another model or inference.
    """
    for name in names:
        if belongs(name, config):
            continue
        setting = _SETTINGS[name]
        own, by, fitting = config.model, "model", setting.models
        if setting.inferences and config.inference not in setting.inferences:
            own, by, fitting = config.inference, "inference", setting.inferences
        raise ConfigError(
            f"options of --{by} {own}",
            f"{setting.flag}, which is of {' and '.join(fitting)}",
            f"Leave {setting.flag} out, or choose another {by}.",
        )
