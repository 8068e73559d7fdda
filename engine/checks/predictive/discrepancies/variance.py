"""The variance of counts."""

from __future__ import annotations

from engine.checks.predictive.discrepancy import Chart, Discrepancy, Subject, log_scale, spread


def advice(under: bool, subject: Subject) -> str:
    """More latents if it is too small, fewer if it is too large."""
    if not under:
        latents = subject.fit.vocabulary.latents
        return f"the fit spreads cells too far; lower the number of {latents}."
    if not subject.fit.can("residuals"):
        return f"{subject.more}, or fit an LNM, whose genes vary beside their programmes."
    return f"{subject.more}."


DISCREPANCY = Discrepancy(
    name="variance",
    words="Variance",
    short="variance",
    value=lambda sums: spread(sums.square, sums.count, sums.n_cells),
    scale=log_scale,
    grain=lambda sums, v: 1 / (sums.n_cells * v.mean(0) + 1),
    least_ratio=1.25,
    advice=advice,
    chart=Chart("Variance", "mean count", "variance of counts", True, (True, True)),
    place=2,
)
