"""The query of a page's address: writes what the page shows, reads it back and checks it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import param

from dashboard.cards import catalogue
from dashboard.cut import shorten
from dashboard.gene_ids import called
from dashboard.model_settings import error_of, parameters
from dashboard.state import COUNTS, MOST_MARKED, AppState, default_colour
from engine.errors import ConfigError
from engine.registry import MODELS

LONGEST = 8000
LONGEST_VALUE = 300
RUN = re.compile(r"[\w.-]{1,200}", re.ASCII)
CELLS = re.compile(r"[0-9a-f]{16}")
CHOICES: tuple[str, ...] = (
    "tab",
    "colour",
    "factor",
    "marked",
    "pair",
    "heat",
    "top_genes",
    "detail",
    "selected",
    "other",
    "against",
)
# Keys of the query whose field of Link has another name.
NAMED = {"gene": "genes", "with": "other"}
REPEATED = {"gene": MOST_MARKED, "pair": 2}
# The choice of which card is in front at the lower right of Explore.
FRONT = "state.detail"


@dataclass(frozen=True)
class Link:
    """The parts of an address; None stands for the default of a new page.

    ``factor`` is a position, counted from 0; in the address it is counted from 1.
    ``cells`` is the id of a saved selection, ``form`` the parameters of the form with their values.
    """

    run: str | None = None
    tab: str | None = None
    colour: str | None = None
    factor: int | None = None
    genes: tuple[str, ...] = ()
    pair: tuple[str, str] | None = None
    heat: str | None = None
    top: int | None = None
    detail: str | None = None
    cells: str | None = None
    other: str | None = None
    against: str | None = None
    form: tuple[tuple[str, Any], ...] = ()


def read(search: str) -> tuple[Link, list[str]]:
    """Parse a query, which is not trusted: the link, and its errors in words."""
    if len(search) > LONGEST:
        return Link(), [f"an address of {len(search):,} characters"]
    try:
        pairs = parse_qsl(search.removeprefix("?"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return Link(), ["an address with too many parts"]
    given: dict[str, list[str]] = {}
    for key, text in pairs:
        given.setdefault(key, []).append(text)
    values: dict[str, Any] = {}
    problems = []
    for key, parse in PARTS.items():
        texts = [text for text in given.get(key, ()) if text]
        if not texts:
            continue
        fits = len(texts) <= REPEATED.get(key, 1) and max(map(len, texts)) <= LONGEST_VALUE
        value: Any = parse(texts) if fits else None
        if value is None:
            problems.append(f"{key} {_short(' '.join(texts))}")
        else:
            values[NAMED.get(key, key)] = value
    form, wrong = _read_form({key: " ".join(texts) for key, texts in given.items()})
    return Link(**values, form=form), [*problems, *wrong]


def _read_form(given: dict[str, str]) -> tuple[tuple[tuple[str, Any], ...], list[str]]:
    """Parse the settings of the form, each by its declaration."""
    model = given.get("model") or AppState.param["model"].default
    if model not in MODELS:
        return (), [f"model {_short(model)}"]
    declared, own = MODELS[model].config.settings(), parameters(model)
    form: list[tuple[str, Any]] = [("model", model)] if "model" in given else []
    problems = []
    for key in dict.fromkeys(name for model in MODELS for name in parameters(model)):
        text = given.get(key, "")
        if text and key not in declared:
            problems.append(f"{key} {_short(text)}, which {model} does not have")
        elif text:
            try:
                form.append((own[key], declared[key].read(text)))
            except ConfigError as error:
                wanted = error.expected.removeprefix(f"{key} to be ")
                problems.append(f"{key} {_short(text)}, not {wanted}")
    return tuple(form), problems


def _write_form(state: AppState) -> list[tuple[str, object]]:
    """The model and its settings, where they differ from those of a new page."""
    own = parameters(state.model)

    def changed(name: str) -> bool:
        return getattr(state, name) not in (state.param[name].default, None)

    differ: list[tuple[str, object]] = [
        (name, one.write(getattr(state, own[name])))
        for name, one in MODELS[state.model].config.settings().items()
        if changed(own[name]) and error_of(one, getattr(state, own[name])) is None
    ]
    return [*[("model", state.model)] * changed("model"), *differ]


def write(state: AppState, cells: str | None) -> str:
    """The query of a page that shows a fit; ``cells`` is the id of the saved selection, or None."""
    pairs: list[tuple[str, object]] = [] if state.run is None else [("run", state.run)]
    if state.run is not None or state.tab != "data":
        pairs.append(("tab", state.tab))
    if state.run is not None and state.fit is not None:
        if state.factor is not None:
            pairs.append(("factor", state.factor + 1))
        if state.colour != default_colour(state.fit):
            pairs.append(("colour", state.colour))
        pairs += [("gene", gene) for gene in state.marked]
        pairs += [("pair", gene) for gene in state.pair or ()]
        for key, name in (("heat", "heat"), ("top", "top_genes"), ("detail", "detail")):
            if getattr(state, name) != state.param[name].default:
                pairs.append((key, getattr(state, name)))
        if cells is not None and state.selected is not None:
            pairs.append(("cells", cells))
        if state.other is not None and state.other != state.run:
            pairs.append(("with", state.other))
        if state.against not in ("", state.run):
            pairs.append(("against", state.against))
    pairs += _write_form(state)
    return f"?{urlencode(pairs)}" if pairs else ""


def apply(link: Link, state: AppState, mask: Any) -> list[str]:
    """Apply the choices of a link to the shown fit; return those that it cannot apply, in words.

    Parameters
    ----------
    mask
        (C,) the selection ``link.cells``, or None.
    """
    fit, problems = state.fit, []
    if fit is None:
        return []
    genes = dict.fromkeys((*link.genes, *(link.pair or ())))
    known = {gene: name for gene in genes if (name := called(fit, gene)) is not None}
    problems += [f"gene {_short(gene)}" for gene in genes if gene not in known]
    pair = link.pair
    if pair is not None:
        pair = (known[pair[0]], known[pair[1]]) if set(pair) <= set(known) else None
    if pair is not None and pair[0] == pair[1]:
        problems.append(f"pair {_short(' '.join(pair))}")
        pair = None
    factor = link.factor
    if factor is not None and factor >= fit.n_factors:
        problems.append(f"factor {factor + 1} of {fit.n_factors}")
        factor = None
    if mask is not None and len(mask) != len(fit.cells):
        mask = None
    if link.cells is not None and mask is None:
        problems.append(f"selected cells {link.cells}")
    marked = tuple(dict.fromkeys(known[gene] for gene in link.genes if gene in known))
    there = {run.id for run in state.runs}
    gone = dict.fromkeys(run for run in (link.other, link.against) if run and run not in there)
    problems += [f"run {_short(run)} to compare with" for run in gone]
    other, against = (run if run in there else None for run in (link.other, link.against))
    heat, detail = link.heat or "top", link.detail or "gene"
    if heat == "gene" and not marked:
        heat = "top"
    # If the named pair or cells are missing, show the gene; a link that names none keeps its tab.
    lost = {"pair": link.pair and pair is None, "cells": link.cells and mask is None}
    if lost.get(detail):
        detail = "gene"
    with param.parameterized.batch_call_watchers(state):
        state.select(mask)
        top = link.top or state.param["top_genes"].default
        changes = {"factor": factor, "marked": marked, "pair": pair, "heat": heat}
        state.param.update(
            detail=detail, top_genes=top, other=other, against=against or "", **changes
        )
        state.colour = default_colour(fit)
        if link.colour in state.colours().values():
            state.colour = link.colour
        elif link.colour is not None and not awaits_counts(link, state):
            problems.append(f"colour {_short(link.colour)}")
    return problems


def awaits_counts(link: Link, state: AppState) -> bool:
    """Whether the colour of a link only waits for the counts of the fit to be read."""
    gene = (link.colour or "").removeprefix(COUNTS)
    return (
        state.fit_counts is None
        and link.colour == f"{COUNTS}{gene}"
        and gene in (*state.marked, *(state.pair or ()))
    )


def _whole(low: int, high: int) -> Callable[[list[str]], int | None]:
    def parse(texts: list[str]) -> int | None:
        text = texts[0]
        digits = len(text) < 7 and text.isascii() and text.isdecimal()
        return int(text) if digits and low <= int(text) <= high else None

    return parse


def _one_of(name: str) -> Callable[[list[str]], str | None]:
    known = AppState.param[name].objects
    return lambda texts: texts[0] if texts[0] in known else None


def _matching(pattern: re.Pattern[str]) -> Callable[[list[str]], str | None]:
    return lambda texts: texts[0] if pattern.fullmatch(texts[0]) else None


def _factor(texts: list[str]) -> int | None:
    number = _whole(1, 999_999)(texts)
    return None if number is None else number - 1


def _short(text: str) -> str:
    return repr(shorten(text, 41))


PARTS: dict[str, Callable[[list[str]], Any]] = {
    "run": _matching(RUN),
    "tab": _one_of("tab"),
    "factor": _factor,
    "colour": lambda texts: texts[0],
    "gene": tuple,
    "pair": lambda texts: (texts[0], texts[1]) if len(texts) == 2 else None,
    "heat": _one_of("heat"),
    "top": _whole(*AppState.param["top_genes"].bounds),
    "detail": lambda texts: texts[0] if texts[0] in catalogue.keys("explore", FRONT) else None,
    "cells": _matching(CELLS),
    "with": _matching(RUN),
    "against": _matching(RUN),
}
