"""Options of the shell for the settings of models, as the configurations declare these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import click

from engine.errors import ConfigError
from engine.fitting.family import Family
from engine.fitting.settings import Setting
from engine.registry import FAMILIES, MODELS, Config
from engine.shell.click_command import options


class _Size(click.ParamType[int | str]):
    """A number of factors or topics, or "auto"."""

    name = "number"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Parse a value; click calls this."""
        size: int | str = self.setting.typed(str(value))
        if isinstance(size, str) and size not in self.setting.choices:
            auto = " or ".join(map(repr, self.setting.choices))
            self.fail(f"{value!r} is neither a whole number nor {auto}.", param, ctx)
        return size


class _Several(NamedTuple):
    """A setting of one family or several, and how each of them declares it."""

    declared: tuple[tuple[Family, Setting], ...]

    @property
    def first(self) -> Setting:
        """As the first family declares it."""
        return self.declared[0][1]

    @property
    def models(self) -> tuple[str, ...]:
        """The models that use it."""
        return tuple(m for family, own in self.declared for m in own.models or family.models)

    @property
    def inferences(self) -> tuple[str, ...]:
        """The inferences that use it; empty if all inferences of these models do."""
        if not any(own.inferences for _, own in self.declared):
            return ()
        several = [
            own.inferences or family.config.settings()["inference"].choices
            for family, own in self.declared
        ]
        return tuple(dict.fromkeys(one for own in several for one in own))

    def option(self) -> Callable[[Any], Any]:
        """Its option of click, which has no value unless it is typed."""
        first = self.first
        of = self.inferences or (() if set(self.models) == set(MODELS) else self.models)
        words = f"of {', '.join(of)}: " if of else ""
        words += f"{first.label}. {first.help}{self._brackets()}"
        if first.kind == "switch":
            flags = f"{first.flag}/--no-{first.flag.removeprefix('--')}"
            return click.option(flags, first.name, default=None, help=words)
        return click.option(
            first.flag, first.name, type=self._type(), metavar=first.unit or None, help=words
        )

    def _type(self) -> Any:
        match self.first.kind:
            case "size":
                return _Size(self.first)
            case "choice":
                several = (choice for _, own in self.declared for choice in own.choices)
                return click.Choice(list(dict.fromkeys(several)))
        return {"whole": int, "number": float, "text": str}[self.first.kind]

    def _brackets(self) -> str:
        """Its default and its bounds, in brackets."""
        defaults: dict[Any, list[str]] = {}
        for family, own in self.declared:
            defaults.setdefault(own.default, []).extend(own.models or family.models)
        words = [f"{value} of {', '.join(of)}" for value, of in defaults.items()]
        if len(defaults) == 1:
            words = [_default(self.first)]
        parts = [f"default: {'; '.join(words)}"]
        parts += dict.fromkeys(own.bounds for _, own in self.declared if own.bounds)
        return f"  [{'; '.join(parts)}]"


def _default(one: Setting) -> str:
    return one.empty or "not set" if one.default is None else one.write(one.default)


# The settings that are numbers of factors or topics.
SIZES = {family.config.size_name() for family in FAMILIES}
_NAMES = dict.fromkeys(name for family in FAMILIES for name in family.config.settings())
_DECLARED = [(family, family.config.settings()) for family in FAMILIES]
_SETTINGS = {
    name: _Several(tuple((family, own[name]) for family, own in _DECLARED if name in own))
    # Numbers of factors and topics first.
    for name in sorted(_NAMES, key=lambda name: name not in SIZES)
}


def settings(*, sizes: bool) -> Callable[[Any], Any]:
    """Options of the settings of all models, with those of their sizes or without."""
    named = [one for name, one in _SETTINGS.items() if sizes or name not in SIZES]
    return options(*(one.option() for one in named))


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were typed."""
    return {name: values[name] for name in _SETTINGS if values.get(name) is not None}


def check_given(names: Iterable[str], config: Config) -> None:
    """Refuse settings that would have no effect.

    Raises
    ------
    ConfigError
        If one is of another model or inference.
    """
    used = config.in_use()
    for name in names:
        if name in used:
            continue
        several = _SETTINGS[name]
        flag, needs = several.first.flag, several.first.needs
        declared = config.settings().get(name)
        own, by, fitting = config.model, "model", several.models
        if several.inferences and config.inference not in several.inferences:
            own, by, fitting = config.inference, "inference", several.inferences
        elif needs is not None and declared is not None and declared.is_of(config.model):
            other = config.settings()[needs[0]]
            own, by = str(getattr(config, other.name)), other.flag.removeprefix("--")
            fitting = (str(needs[1]),)
        raise ConfigError(
            f"options of --{by} {own}",
            f"{flag}, which is of {' and '.join(fitting)}",
            f"Leave {flag} out, or choose another {by}.",
        )
