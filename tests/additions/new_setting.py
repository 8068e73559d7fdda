"""Run where LNM has one more setting, ``shrinkage``: every place that has settings has it.

It is declared in docs/contributing.md, and `test_additions` adds it.
"""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from typing import Any

import panel_material_ui as pmui
import pytest

from dashboard import link
from dashboard.controls.model_form import ModelControl
from dashboard.report import report_tables
from dashboard.report.subject import Subject
from dashboard.state import AppState
from engine.__main__ import main
from engine.data import DataRequest
from engine.errors import ConfigError
from engine.lda.config import LDAConfig
from engine.lnm.config import LNMConfig
from engine.registry import config_from_dict
from engine.shell import common
from engine.shell.command import fit_command
from tests.dashboard.synthetic import make_fit
from tests.dashboard.widgets import find
from tests.engine.shell.typed import values

BOUNDS = "from 0 to 2"
TYPED = ["fit", "demo", "--out", "x"]


def refused(act: Any) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        act()
    assert error.value.remedy.startswith("Change ")
    return error.value


def said(*arguments: str) -> str:
    """All that a command prints."""
    told = io.StringIO()
    with (
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(told),
        contextlib.suppress(SystemExit),
    ):
        assert main(arguments) == 2
    return " ".join(told.getvalue().split())


config = LNMConfig(n_factors=2, shrinkage=1.5)
assert config_from_dict(json.loads(json.dumps(config.to_dict()))) == config
assert config_from_dict({"n_factors": 2}).shrinkage == 0.5, "a run of before is still read"
assert "shrinkage" not in LDAConfig.settings()
for wrong in (3.0, -1e-9, "much", None, True, float("nan")):
    assert BOUNDS in refused(lambda value=wrong: LNMConfig(shrinkage=value)).expected

row = said("fit", "--help").split("--shrinkage NATS ")[1].split(" --")[0]
for part in ("of laplace", "Shrinkage. Of an example, towards zero", "default: 0.5", BOUNDS):
    assert part in row, row
assert common.configuration(values([*TYPED, "--shrinkage", "1.5"])).shrinkage == 1.5
told = said(*TYPED, "--shrinkage", "3")
assert f"Expected shrinkage to be a number {BOUNDS}; found 3.0. Change shrinkage." in told, told
assert "found --shrinkage" in said(*TYPED, "--shrinkage", "1", "--inference", "vae")
printed = fit_command(config, DataRequest("demo")).arguments
assert printed[printed.index("--shrinkage") + 1] == "1.5"

state = AppState()
control = ModelControl(state)
field = find(control, pmui.FloatInput, "Shrinkage")
assert (field.value, field.helper_text, field.visible) == (0.5, "Of an example, towards zero", True)
field.value = 3
assert field.error_state
assert f"Expected Shrinkage to be a number {BOUNDS}; found 3" in field.helper_text
assert "Shrinkage" in refused(state.config).expected
field.value = 1
assert not field.error_state
assert (state.config().shrinkage, type(state.config().shrinkage)) == (1.0, float)
state.factor_inference = "vae"
assert not field.visible
assert state.config().shrinkage == 0.5, "what is out of sight has no say"
state.factor_inference = "laplace"

assert link.write(state, None) == "?shrinkage=1"
asked, problems = link.read("?shrinkage=1.5")
assert (dict(asked.form), problems) == ({"shrinkage": 1.5}, [])
for search in ("?shrinkage=3", "?shrinkage=-1", "?shrinkage=nan", "?shrinkage=x"):
    asked, problems = link.read(search)
    assert asked.form == ()
    assert len(problems) == 1
    assert problems[0].startswith("shrinkage ")
    assert BOUNDS in problems[0]
assert "does not have" in link.read("?model=lda&shrinkage=1")[1][0]

fit = replace(make_fit(), config=config)
rows = report_tables.configuration(Subject.of(fit))
assert rows.loc["shrinkage"].tolist() == ["Shrinkage", "1.5", "not the default"]
assert config.differences(LNMConfig(n_factors=2)) == {"shrinkage": "Shrinkage 1.5"}
