"""Run where the shell has one more command, ``cells``: see `test_additions`."""

from __future__ import annotations

import contextlib
import io
import os

import pytest

from engine.__main__ import main
from tests.dashboard.synthetic import make_fit


def said(*arguments: str, status: int) -> str:
    """All that a command prints."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        assert main(arguments) == status
    return told.getvalue()


fit = make_fit()
fit.save("fit.h5ad")
least = float(sorted(fit.total_counts)[-3])
assert len(said("cells", "fit.h5ad", "--least", str(least), status=0).splitlines()) == 3
assert "Expected " in said("cells", f"{os.sep}no{os.sep}fit.h5ad", status=2)
for arguments, part in (
    (["--help"], "List the cells of a saved fit."),
    (["cells", "--help"], "1.0"),
):
    told = io.StringIO()
    with contextlib.redirect_stdout(told), pytest.raises(SystemExit):
        main(arguments)
    assert part in told.getvalue()
