"""Run where checks have one more discrepancy, ``single``: see `test_additions`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.cards.check import misfits as view
from dashboard.cards.check.tab_choices import CheckChoices
from dashboard.plots.check_bins import SHORT, WORDS
from dashboard.plots.check_points import CHARTS, drawn
from engine.checks import gene_points
from engine.checks.predictive import check_tables, discrepancy, interpretation, statistics
from engine.checks.predictive.check_settings import CheckSettings
from tests.dashboard.synthetic import make_fit

CELLS, DRAWS, GENES = 60, 20, 8

fit = make_fit()
rng = np.random.default_rng(0)
counts = rng.poisson(3.0, (CELLS, DRAWS + 1, GENES)).astype(np.float32)
# No observed count is one.
counts[:, 0] += counts[:, 0] == 1
plan = statistics.Plan(np.arange(2), 10.0)
parts = [
    statistics.summed(statistics.Replicates(part, None, rng.uniform(size=(len(part), 2))), plan)
    for part in np.array_split(counts, 3)
]
start = statistics.zero(plan, DRAWS, GENES, has_totals=False)
sums = statistics.merged([start, *parts])
ones = (counts == 1).sum(0)
np.testing.assert_array_equal(sums.own["single"], ones)

names = pd.Index([f"GENE{g}" for g in range(GENES)])
table = check_tables.genes_table(sums, names, np.ones(GENES, bool)).assign(group="all cells")
rows = table[table["discrepancy"] == "single"].set_index("gene")
assert (rows["observed"] == 0).all()
np.testing.assert_allclose(rows.loc[names, "predicted"], ones[1:].mean(0) / CELLS)
assert set(interpretation.misfits(table).query("discrepancy == 'single'")["gene"]) == set(names)
near = table.assign(observed=table["predicted"] + 0.049, q_value=0.0)
assert "single" not in set(interpretation.misfits(near)["discrepancy"])

settings = CheckSettings(mode="laplace", totals="observed", n_draws=DRAWS)
pairs = pd.DataFrame(columns=["gene", "other", "observed", "predicted", "q_value"], dtype=float)
said = interpretation.findings(table, pairs, None, discrepancy.Subject(fit, settings))
told = [
    line for line in said if line.startswith("Share of single counts overpredicted for 8 genes")
]
assert len(told) == 1, said
assert "look at these counts, or raise the number of factors" in told[0]

assert (WORDS["single"], SHORT["single"]) == ("single counts", "single counts")
assert "single counts 0.05" in str(view.HEAD)
choices = CheckChoices()
choices.param.update(discrepancy="single", chart="single")
chart = CHARTS["single"]
assert (chart.words, chart.y) == ("Single counts", "share of ones")
points = drawn(gene_points(table, chart.of, "all cells"), chart)
assert len(points) == GENES
assert (points["observed"] == 0).all()
