"""The mean count."""

from __future__ import annotations

from engine.checks.predictive.discrepancy import Discrepancy, Subject


def _advice(under: bool, subject: Subject) -> str:
    if subject.settings.mode == "population":
        latents = subject.fit.vocabulary.latents
        return f"cells are not spread as the prior of the {latents} has it; {subject.more}."
    return "let the fit go on, or check the cells that it was made for."


DISCREPANCY = Discrepancy(
    name="mean",
    words="Mean",
    short="mean",
    value=lambda sums: sums.count / sums.n_cells,
    least_ratio=1.1,
    of_spread=False,
    advice=_advice,
    place=1,
)
