"""AppState: what one session reads, runs, has chosen and shows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd
import param

from dashboard.gene_ids import called, ids_of
from dashboard.model_settings import ModelSettings
from dashboard.state.data_state import DataState
from dashboard.state.run_state import RunState
from dashboard.state.selection_state import SelectionState
from dashboard.state.view_state import MOST_MARKED, ChoiceState, LookState
from engine.results import OTHER, AnyFit

FACTOR, TOTAL_COUNTS, CAPTURE = "factor", "total_counts", "capture_efficiency"
FACTOR_SD, CAPTURE_SD = "factor_sd", "capture_efficiency_sd"
LABEL, CLR, COUNTS = "label:", "clr:", "counts:"


class AppState(DataState, ModelSettings, RunState, ChoiceState, SelectionState, LookState):
    """All that controls and views of one session share, and actions that change several parts."""

    _ids: Mapping[str, str] = MappingProxyType({})

    def colours(self) -> dict[str, str]:
        """Colourings of the cells of the shown fit: words -> key."""
        bare = self.fit is not None and not self.fit.n_factors
        options = ({} if bare else {f"Chosen {self.kind}": FACTOR}) | {"Total counts": TOTAL_COUNTS}
        if self.fit is None:
            return options
        if self.fit.can("weight_sd") and not bare:
            options["Sd of chosen factor"] = FACTOR_SD
        if self.fit.can("capture"):
            options["Capture efficiency"] = CAPTURE
            options["Sd of capture efficiency"] = CAPTURE_SD
        for gene in dict.fromkeys((*self.marked, *(self.pair or ()))):
            options[f"{gene} (CLR)"] = f"{CLR}{gene}"
            if self.fit_counts is not None:
                options[f"{gene} (counts)"] = f"{COUNTS}{gene}"
        for name in self.fit.obs.columns:
            words = f"{name} (label)" if name in options else str(name)
            options[words] = f"{LABEL}{name}"
        return options

    def choose_factor(self, factor: int | None) -> None:
        """Choose a factor, or none; the heatmap follows, and the cells unless coloured by hand."""
        if self.fit is None or (factor is not None and not 0 <= factor < self.fit.n_factors):
            return
        if factor is None:
            heat = "top" if self.heat == "factor" else self.heat
            colour = default_colour(self.fit) if self.colour == FACTOR else self.colour
            self.param.update(factor=None, colour=colour, heat=heat)
        else:
            colour = (self.colour == self.own_label and self.colour) or FACTOR
            self.param.update(factor=factor, colour=colour, heat="factor")

    def choose_named(self, name: str) -> None:
        """Choose the factor or topic with a name, unless it is already shown."""
        if name in self.names and (factor := self.names.index(name)) != self.shown_factor:
            self.choose_factor(factor)

    def step_factor(self, by: int) -> None:
        """Choose the next factor, or the one before."""
        if self.fit is not None and self.fit.n_factors:
            here = -1 if self.factor is None and by > 0 else self.shown_factor
            self.choose_factor((here + by) % self.fit.n_factors)

    def choose_gene(self, gene: str, *, near: bool = False) -> None:
        """Mark a gene, by id or name, everywhere; ``near`` shows its neighbours in the heatmap."""
        if (gene := called(self.fit, gene) or OTHER) == OTHER:
            return
        marked = (gene, *(name for name in self.marked if name != gene))[:MOST_MARKED]
        self.param.update(marked=marked, detail="gene", heat="gene" if near else self.heat)

    def drop_gene(self, gene: str) -> None:
        """Unmark a gene."""
        marked = tuple(name for name in self.marked if name != gene)
        changes: dict[str, Any] = {"marked": marked}
        if not marked and self.heat == "gene":
            changes["heat"] = "top"
        if self.colour in (f"{CLR}{gene}", f"{COUNTS}{gene}") and gene not in (self.pair or ()):
            changes["colour"] = default_colour(self.fit) if self.fit is not None else ""
        self.param.update(**changes)

    def choose_pair(self, first: str, second: str) -> None:
        """Compare two genes; a gene with itself is only marked."""
        if first == second:
            self.choose_gene(first)
        elif self.has_gene(first) and self.has_gene(second):
            self.param.update(pair=(first, second), detail="pair")

    def show_run(self, run: str | None) -> None:
        """Show another run, and clear what was shown of the last one."""
        self.param.update(
            run=run,
            # Cells that stay selected were not chosen by this run.
            led_by=None,
            status=None,
            fit=None,
            names=[],
            fit_counts=None,
            embedding=None,
            partial="",
            placing="",
            uncertainty=None,
            uncertainty_progress="",
        )

    def show_fit(self, fit: AnyFit, **more: Any) -> None:
        """Show a (newer) snapshot, keeping the choices that still make sense."""
        more = {"names": fit.factor_names} | more
        # Another run may name genes by ids where the last one used symbols, or the reverse.
        genes = (*self.marked, *(self.pair or ()))
        now = {gene: called(fit, self._ids.get(gene, gene)) or called(fit, gene) for gene in genes}
        marked = tuple(name for gene in self.marked if (name := now[gene]) is not None)
        pair = tuple(now[gene] for gene in self.pair) if self.pair else (None,)
        self._ids = ids_of(fit)
        changes: dict[str, Any] = {"marked": marked, "pair": None if None in pair else pair}
        if self.factor is not None:
            changes["factor"] = min(self.factor, fit.n_factors - 1) if fit.n_factors else None
        if self.selected is not None and not _same(self._selected_of, fit.cells):
            changes["selected"] = None
        if not {"gene": marked, "factor": fit.n_factors}.get(self.heat, True):
            changes["heat"] = "top"
        with param.parameterized.batch_call_watchers(self):
            self.param.update(fit=fit, uncertainty=None, **changes, **more)
            if self.colour not in self.colours().values():
                self.colour = default_colour(fit)


def _same(before: pd.Index | None, after: pd.Index) -> bool:
    return before is after or (before is not None and before.equals(after))


def default_colour(fit: AnyFit) -> str:
    """The first label with 2 to 40 distinct values, else the factor, else the total counts."""
    for name in fit.obs.columns:
        column = fit.obs[name]
        if column.dtype.kind not in "fiu" and 1 < column.nunique() <= 40:
            return f"{LABEL}{name}"
    return FACTOR if fit.n_factors else TOTAL_COUNTS
