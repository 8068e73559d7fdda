"""The genes of the chosen topic, best first."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place, same
from dashboard.cards.frame import figure, waiting
from dashboard.cards.table import Table
from dashboard.cards.topics.gene_columns import COLUMNS, FACTOR, TOPIC, UNITS, bars, values
from dashboard.cards.topics.tab_choices import TopicChoices
from dashboard.cards.uncertainty import gene_intervals, line, stability
from dashboard.cards.wording import heading
from dashboard.export import Export
from dashboard.gene_ids import ids_of
from dashboard.lists import percent
from dashboard.one_message import one_message
from dashboard.plots.loadings import ON_PAPER
from dashboard.plots.topic_bars import TopicBars
from dashboard.plots.topic_colours import topic_colours
from dashboard.select import Select
from dashboard.state import AppState
from engine import summaries
from engine.results import AnyFit

TOPICS = html.heading(
    "Genes of the topic",
    "Best first; grey: in all cells. Click to mark, ↗ to explore.",
    "relevance λ log p(w|t) + (1 − λ) log p(w|t)/p(w); "
    "distinctiveness log₂ p(w|t)/max p(w|s), s ≠ t",
    "λ = 1 ranks by probability, where genes that are frequent everywhere come first, and λ = 0 by "
    "lift, where rare ones do; 0.6 is the choice of Sievert & Shirley (2014). Distinctiveness adds "
    "one count to either side, so that rare genes do not win by chance; it is low where two topics "
    "are alike. A false sign rate is the probability that the gene is truly no more frequent in "
    "the topic than in the other topics together, or no less: by the refits, shrunk by what all "
    "genes of the topic tell (Stephens 2017).",
)
FACTORS = html.heading(
    "Genes of the factor",
    "Red: raised, blue: lowered. Click to mark, ↗ to explore.",
    "W_clr[w, j] on the principal axes; distinctiveness (|w_j| − max |w_i|)/log 2, i ≠ j",
    "Distinctiveness is the log₂ fold change, for one standard deviation of the score, beyond that "
    "of the factor which moves the gene most besides. Loadings are known up to rotation.",
)
WORDS = {
    "probability": "Probability",
    "relevance": "Relevance",
    "distinctiveness": "Distinctiveness",
    "loading": "Loading ±",
}


SURE = ["tab", "fit", "factor", "uncertainty", "uncertainty_progress", "partial"]


class RankingView(Card):
    """Bars beside a table of all genes."""

    tab, entry, place = "topics", "ranking", Place(0, 1)
    follows = (
        *("fit", "names", "factor", "marked", "uncertainty"),
        *("choices.measure", "choices.weight"),
    )
    factors = True

    def __init__(self, state: AppState, choices: TopicChoices, browser: Browser) -> None:
        self.begin(state)
        self.choices = choices
        self.bars = TopicBars()
        self._of: tuple[Any, ...] = ()
        self._uncertainty: Any = None
        self._ranked = pd.DataFrame()
        self._tables = {
            kind: Table(columns, on_row=self._mark, act=("Show in Explore", self._explore))
            for kind, columns in COLUMNS.items()
        }
        self._body = pn.Column(sizing_mode="stretch_both", margin=0)
        self.measure = Select(
            label="Rank by",
            options={"Probability": "probability"},
            size="small",
            width=130,
            margin=0,
        )
        self.weight = pmui.FloatSlider(
            label="λ",
            start=0,
            end=1,
            step=0.05,
            value=choices.weight,
            size="small",
            width=110,
            # Fixed: plots below do not notice if they are pushed down later.
            height=48,
            margin=0,
            disabled=True,
        )
        self.bars.on_gene(one_message(state.choose_gene))
        self.measure.param.watch(self._pick, "value")
        self.weight.param.watch(self._weigh, "value")
        self.build(
            heading(state, FACTORS, TOPICS),
            html.pane(html.bound(self._sure, *(state.param[name] for name in SURE))),
            pn.Row(
                figure(self.bars.figure, message=waiting(state, factors=True)),
                self._body,
                sizing_mode="stretch_both",
                margin=0,
            ),
            browser=browser,
            tools=(self.measure, self.weight),
        )

    @property
    def table(self) -> Table:
        """The table of the kind of fit that is shown."""
        return self._tables[TOPIC if self.state.is_topics else FACTOR]

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        fit = self.state.fit
        if fit is not None and event.new != self.choices.measure_of(fit):
            self.choices.measure = event.new

    @one_message
    def _weigh(self, event: param.parameterized.Event) -> None:
        self.choices.weight = event.new

    def _mark(self, rows: list[int]) -> None:
        if rows:
            self.state.choose_gene(str(self._ranked.index[rows[0]]))

    def _explore(self, row: int) -> None:
        self.state.choose_gene(str(self._ranked.index[row]), near=True)
        self.state.tab = "explore"

    def refresh(self, *_events: object) -> None:
        fit = self.fit
        if fit is None:
            return
        measure = self.choices.measure_of(fit)
        known = {WORDS[name]: name for name in summaries.measures(fit)}
        self.measure.param.update(options=known, value=measure)
        self.weight.disabled = measure != "relevance"
        weight = self.choices.weight if measure == "relevance" else summaries.RELEVANCE
        of = (fit, self.state.shown_factor, measure, weight, tuple(self.state.names))
        uncertainty = self.state.uncertainty
        if not same((*of, uncertainty), (*self._of, self._uncertainty)):
            self._of, self._uncertainty = of, uncertainty
            self._show(fit, measure, weight)
        self.bars.mark(self.state.marked)

    def _show(self, fit: AnyFit, measure: summaries.Measure, weight: float) -> None:
        topic = self.state.shown_factor
        self._ranked = ranked = summaries.ranking(fit, topic, measure, weight)
        drawn, ends = bars(ranked, measure), gene_intervals(fit, self._uncertainty, topic)
        if ends is not None:
            self._ranked = ranked.join(ends.rename(columns={"low": "low_90", "high": "high_90"}))
            if measure in ("probability", "loading"):
                drawn = drawn.join(ends[["low", "high"]])
            drawn = drawn.join(ends["lfsr"])
        share = percent(float(summaries.factor_shares(fit).iloc[topic]), 1)
        of = "of counts" if self.state.is_topics else "of the CLR variance"
        self.bars.ids = ids_of(fit)
        self.bars.rank(
            drawn,
            # Beside a table there is no room for both on one line.
            f"{self.state.names[topic]}\n{share} {of}",
            UNITS[measure],
            colour=topic_colours(topic + 1)[topic] if self.state.is_topics else None,
            ends=measure == "loading",
        )
        if list(self._body) != [self.table.widget]:
            # Columns have least widths, and the table of topics has more columns.
            wide = 1.35 if self.state.is_topics else 1
            self._body.param.update(objects=[self.table.widget], styles={"flex": f"{wide} 1 0"})
        self.table.fill(values(self._ranked))

    def _sure(self, *_values: object) -> str:
        """HTML of the uncertainty of the ranking, or of the button that computes it."""
        state = self.state
        if not self.is_visible or self.fit is None or state.partial:
            return ""
        more = stability(state.uncertainty, state.shown_factor)
        words = line(state.uncertainty, state.uncertainty_progress, state.fit, more=more)
        return html.how_to_read(words)

    def export(self) -> Export | None:
        if not self._of:
            return None
        fit, topic, measure, _weight, names = self._of
        ranked, drawn, unit = self._ranked, self.bars.best(ON_PAPER), UNITS[measure]
        colour = topic_colours(topic + 1)[topic] if self.state.is_topics else None
        title = self.bars.figure.title.text.replace("\n", " · ")
        marked = self.state.marked

        def draw() -> Any:
            from dashboard import figures

            return figures.topic_bars(drawn, title=title, xlabel=unit, colour=colour, marked=marked)

        return Export(f"genes of {names[topic]}", draw, lambda: ranked, of=fit)
