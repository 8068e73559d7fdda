"""The share of cells without a count."""

from __future__ import annotations

from engine.checks.predictive.discrepancy import Chart, Discrepancy, Subject


def _advice(under: bool, subject: Subject) -> str:
    if under:
        return (
            "more zeros than counts of that mean allow; "
            f"look for drop-out, batches or hidden groups of cells, or {subject.more}."
        )
    return "the fit takes these genes for burstier than they are; do not trust their variance."


DISCREPANCY = Discrepancy(
    name="zero_fraction",
    words="Share of zeros",
    short="zeros",
    value=lambda sums: 1 - sums.present / sums.n_cells,
    least_difference=0.02,
    advice=_advice,
    chart=Chart("Zeros", "mean count", "share of zeros", True, (True, False), key="zeros"),
    place=3,
)
