from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.__main__ import main
from tests.engine.jobs.fakes import make_fit, make_progress
from tests.tiny import tiny_file


@pytest.mark.parametrize("noise", [3.0, 0.2])
def test_genes_at_the_limit_of_d_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    noise: float,
) -> None:
    fit = make_fit(3, "converged")
    fit = replace(fit, noise=np.where(fit.is_gene, noise, fit.noise))
    progress = replace(make_progress(3, "converged"), snapshot=lambda: fit)
    monkeypatch.setattr(engine, "fit_iter", lambda counts, config: iter([progress]))
    monkeypatch.setattr("engine.data.Counts.matrix", lambda counts: None)
    source = tiny_file(tmp_path).source
    assert main(["fit", source, "--factors", "1", "--out", str(tmp_path / "a.h5ad")]) == 0
    assert ("the largest residual variance" in capsys.readouterr().err) is (noise == 3.0)
