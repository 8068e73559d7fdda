from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from dashboard import model_settings
from dashboard.model_settings import parameters
from engine.fitting.settings import again
from engine.lnm.config import LNMConfig
from engine.registry import FAMILIES, MODELS


def test_two_families_with_latents_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Other(LNMConfig):
        tolerance: float = again(LNMConfig, "tolerance", 1.0)

    family: Any = SimpleNamespace(models=("other",), config=Other)
    monkeypatch.setattr(model_settings, "FAMILIES", (*FAMILIES, family))
    monkeypatch.setitem(MODELS, "other", family)
    names = {model: parameters(model)["tolerance"] for model in ("lnm", "other")}
    assert names == {"lnm": "factor_tolerance", "other": "other_tolerance"}
