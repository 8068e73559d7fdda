"""Settings of the next fit, made from the configurations of the models.

Does not import Panel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import param

from engine.errors import ConfigError
from engine.fitting.family import Family
from engine.fitting.settings import Setting
from engine.registry import FAMILIES, MODELS, Config


class ModelSettings(param.Parameterized):
    """Values of the form, including those of models that are not chosen.

    It has a parameter for each setting of each model, see `parameters`.
    """

    model: Any = param.Selector(default="lnmvcp", objects=list(MODELS))

    scored = param.Boolean(default=False, doc="Hold cells out and score the fit on them.")
    held_out = param.Integer(default=10, bounds=(1, 50), doc="Per cent of the cells.")

    split = param.Boolean(default=False, doc="Fit half of each count, keep half to test groups.")

    tried = param.String(default="5, 10, 20", doc="Numbers of topics or factors to compare.")
    tried_seeds = param.Integer(default=1, bounds=(1, 10))

    @property
    def holdout(self) -> float:
        """Share of the cells to hold out, 0 to 1."""
        return self.held_out / 100 if self.scored else 0.0

    def settings(self, model: str = "") -> dict[str, Any]:
        """The values of the settings of a model, by default of the chosen one."""
        named = parameters(model or self.model)
        return {setting: getattr(self, name) for setting, name in named.items()}

    def in_use(self) -> Mapping[str, Setting]:
        """The settings that the chosen model uses with these values."""
        values, declared = self.settings(), MODELS[self.model].config.settings()
        return {n: one for n, one in declared.items() if one.means_anything(values, self.model)}

    def config(self) -> Config:
        """The configuration of the chosen model.

        Raises
        ------
        ConfigError
            If a setting is out of range.
        """
        values, used = self.settings(), self.in_use()
        for name, one in used.items():
            if (wrong := error_of(one, values[name])) is not None:
                raise wrong
        # A browser sends an integer for a number that is typed without a decimal point.
        given = {
            name: float(values[name])
            if one.kind == "number" and values[name] is not None
            else values[name]
            for name, one in used.items()
        }
        return MODELS[self.model].configured(self.model, **given)


def error_of(one: Setting, value: Any) -> ConfigError | None:
    """The error of an invalid value, with the label of the form; None if it is valid."""
    try:
        one.check(value, called=one.label)
    except ConfigError as error:
        return error
    return None


def parameters(model: str) -> dict[str, str]:
    """Map the settings of a model to the parameters of `ModelSettings` that hold them.

    Models that declare a setting alike share its parameter, named as the setting. Otherwise each
    has a parameter of its own: "topic_tolerance" holds the ``tolerance`` of topics. Where two
    families have latents of one name, those of the second are named after its first model.
    """
    family = MODELS[model]
    return {name: _parameter(family, one) for name, one in family.config.settings().items()}


def _parameter(family: Family, one: Setting) -> str:
    shared = all(other.config.settings().get(one.name, one) == one for other in FAMILIES)
    if shared:
        return one.name
    latent = family.config.latent
    first = next(other for other in FAMILIES if other.config.latent == latent)
    return f"{latent if first is family else family.models[0]}_{one.name}"


for _family in FAMILIES:
    for _one in _family.config.settings().values():
        if (_name := _parameter(_family, _one)) not in ModelSettings.param:
            ModelSettings.param.add_parameter(
                _name, param.Parameter(default=_one.default, doc=_one.label)
            )
# The choice of the model, and the parameters of all models.
PARAMETERS = tuple(dict.fromkeys(["model", *(n for m in MODELS for n in parameters(m).values())]))
