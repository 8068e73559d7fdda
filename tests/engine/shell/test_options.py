"""Options of the shell are what the configurations declare."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engine.__main__ import main
from engine.errors import ConfigError
from engine.registry import FAMILIES, MODELS
from engine.shell import common
from tests.conftest import ROOT
from tests.engine.shell.typed import values

DECLARED = [
    (model, setting)
    for family in FAMILIES
    for model in family.models
    for setting, one in family.config.settings().items()
    if model in (one.models or family.models)
]


@pytest.mark.parametrize(("model", "setting"), DECLARED)
def test_every_declared_setting_can_be_typed(model: str, setting: str) -> None:
    one = MODELS[model].config.settings()[setting]
    how = ["--inference", one.inferences[-1]] if one.inferences else []
    how += [f"--{one.needs[0].replace('_', '-')}", one.needs[1]] if one.needs else []
    typed, value = [one.flag, "0.5"], 0.5
    if one.kind == "choice":
        value = one.choices[-1]
        typed = [one.flag, value]
    elif one.kind == "switch":
        typed, value = [f"--no-{one.flag[2:]}"], False
    elif one.kind == "text":
        typed, value = [one.flag, "~ batch"], "~ batch"
    elif one.kind != "number":
        value = int(one.low or 0) + 3
        typed = [one.flag, str(value)]
    elif value == one.default:
        typed, value = [one.flag, "0.25"], 0.25
    command = ["fit", "demo", "--out", "x", "--model", model, *how]
    config = common.configuration(values([*command, *typed]))
    assert getattr(config, setting) == value
    assert getattr(common.configuration(values(command)), setting) != value


def test_no_two_options_differ_by_a_hyphen_alone() -> None:
    named = {(MODELS[model].config.settings()[name].flag, name) for model, name in DECLARED}
    assert len({flag.replace("-", "") for flag, _ in named}) == len({name for _, name in named})
    assert ("--kl-warm-up", "warm_up") in named


@pytest.mark.parametrize(
    "typed",
    [["--factors", "some"], ["--molecules", "many"], ["--d-mode", "none"], ["--max-passes", "1.5"]],
)
def test_values_of_another_type_are_wrong_usage(
    typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        main(["fit", "demo", "--out", "x", *typed])
    assert error.value.code == 2
    printed = capsys.readouterr()
    assert f"'{typed[0]}'" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("flag", ["--out", "--layer", "--seed", "--set"])
def test_an_option_is_no_value_of_another(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    for value in ("--json", "--jsn", "-x", "--"):
        with pytest.raises(SystemExit) as error:
            main(["fit", "demo", "--out", "x", flag, value])
        assert error.value.code == 2
        assert f"Option '{flag}' requires a value" in capsys.readouterr().err


def test_values_may_begin_with_a_dash() -> None:
    typed = values(["fit", "--out=-x", "--layer", "-a b", "--set", "-1", "--json", "--", "--seed"])
    assert (str(typed["out"]), typed["layer"], typed["set_"]) == ("-x", "-a b", ("-1",))
    assert (typed["as_json"], typed["data"]) == (True, "--seed")


def test_a_size_is_a_number_or_auto() -> None:
    for text, size in (("auto", "auto"), ("7", 7)):
        typed = values(["fit", "demo", "--out", "x", "--factors", text])
        assert common.configuration(typed).requested_size == size


def test_a_sweep_has_its_numbers_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--factors", "--topics"):
        with pytest.raises(SystemExit):
            main(["sweep", "demo", "--values", "2", flag, "3"])
        assert flag in capsys.readouterr().err
    given = ["--model", "lda", "--set", "topic_prior=[0.1, 0.2]"]
    typed = values(["sweep", "demo", "--values", "2,3", *given])
    assert common.configuration(typed, 2).topic_prior == (0.1, 0.2)  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="topic_prior"):
        common.configuration(typed, 3)


def test_help_tells_the_defaults_of_each_model(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["fit", "--help"])
    assert end.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    first = FAMILIES[0].config.settings()
    for model, setting in DECLARED:
        one = MODELS[model].config.settings()[setting]
        flag = f"{one.flag} / --no-{one.flag[2:]}" if one.kind == "switch" else one.flag
        row = told.split(f"{flag} ")[1].split(" --")[0]
        assert first.get(setting, one).label in row
        assert one.bounds in row
        assert one.default is None or one.write(one.default) in row.split("[default: ")[1]


@pytest.mark.slow
@pytest.mark.parametrize("module", ["engine.__main__", "dashboard.logratio"])
def test_help_does_not_wait_for_what_a_command_needs(module: str) -> None:
    code = f"""
import sys
from {module} import main
try:
    main(["fit", "--help"])
finally:
    slow = {{"jax", "numpyro", "scanpy", "panel", "holoviews"}}
    print(*(slow & set(sys.modules)), file=sys.stderr)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--factors" in done.stdout
    assert not done.stderr.strip()
