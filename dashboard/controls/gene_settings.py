"""Which genes are modelled, and the reference of their log-ratios."""

from __future__ import annotations

import re

import panel_material_ui as pmui

from dashboard.controls.form import WIDE, Later, select
from dashboard.state import AppState

VARIABLE, ALL, NAMED = "variable", "all", "named"
KINDS = {"most variable": VARIABLE, "all": ALL, "by name": NAMED}


class GenesControl:
    """Widgets that set `AppState.genes` and `AppState.reference`.

    The caller places ``kind``, ``count``, the column of ``names`` and ``reference`` on the page.
    """

    def __init__(self, state: AppState) -> None:
        self.state = state
        self._following = False
        self.kind = select("Genes", "Others are pooled", KINDS, value=VARIABLE)
        self.count = pmui.IntInput(
            label="How many",
            value=2000,
            start=2,
            step=100,
            helper_text="Most variable",
            **WIDE,
        )
        self._field = pmui.TextAreaInput(
            label="Names",
            placeholder="CD3E, CD8A, NKG7",
            rows=3,
            helper_text="Separated by commas or spaces",
            **WIDE,
        )
        self.names = Later(lambda: [self._field])
        # The search runs on the server: the browser never holds all names.
        self.reference = pmui.AutocompleteInput(
            label="Reference",
            placeholder="automatic",
            helper_text="Gene that log-ratios refer to; empty takes the pooled rest",
            options=[],
            value="",
            restrict=False,
            case_sensitive=False,
            lazy_search=True,
            min_characters=1,
            **WIDE,
        )
        for widget, name in (
            (self.kind, "value"),
            (self.count, "value_throttled"),
            (self._field, "value"),
            (self.reference, "value"),
        ):
            widget.param.watch(self._choose, name)
        self.state.param.watch(self._follow, ["genes", "reference"])
        self.state.param.watch(self._offer, "counts")
        self._offer()
        self._follow()

    def _show(self) -> None:
        self.count.visible = self.kind.value == VARIABLE
        self.names.show(self.kind.value == NAMED)

    def _choose(self, *_events: object) -> None:
        self._show()
        if self._following:
            return
        names = _names(self._field.value)
        genes = {VARIABLE: self.count.value or 2000, ALL: ALL, NAMED: names}[self.kind.value]
        if genes == ():
            return
        reference = (self.reference.value or "").strip() or None
        if (genes, reference) != (self.state.genes, self.state.reference):
            self.state.param.update(genes=genes, reference=reference)

    def _offer(self, *_events: object) -> None:
        """Offer the genes of the open data; others may be typed."""
        counts = self.state.counts
        names = [] if counts is None else [str(gene) for gene in counts.genes]
        self._following = True
        self.reference.options = sorted(names)
        self._following = False

    def _follow(self, *_events: object) -> None:
        """Show the choices in the state: data may have been opened, perhaps by a run."""
        genes = self.state.genes
        self._following = True
        self.reference.value = self.state.reference or ""
        if isinstance(genes, tuple):
            self.kind.value = NAMED
            if genes != _names(self._field.value):
                self._field.value = ", ".join(genes)
        elif genes == ALL:
            self.kind.value = ALL
        elif isinstance(genes, int):
            self.kind.value = VARIABLE
            self.count.value = genes
        self._following = False
        self._show()


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, re.split(r"[\s,;]+", text or "")))
