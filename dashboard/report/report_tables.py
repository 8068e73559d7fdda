"""Tables of a report."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.report.figures import pass_word
from dashboard.report.subject import Subject
from engine import coefficients, summaries
from engine.results import AnyFit, selection_of

TOP = 12
# Column of labels that explain factors, where any do.
LABELS = "explained by labels"
# Note on a number that was chosen.
FROM_COUNTS = "chosen from the counts"
SCORES = {
    "perplexity": "Perplexity by document completion (lower is better)",
    "log_likelihood_per_count": "Log likelihood, nats per count",
    "standard_error": "Its standard error over cells",
    "log_marginal_per_cell": "Log marginal likelihood, nats per cell",
    "n_cells": "Held-out cells",
    "n_left_out": "Cells with too few counts, left out",
    "n_counts": "Counts predicted",
    "coherence": "Coherence (NPMI of the 15 leading genes)",
    "diversity": "Diversity (distinct genes among the 25 leading)",
    "effective": "Effective number",
}

_REASONS = ("source", "layer", "names", "genes", "reference")
Rows = list[tuple[str, str]]


def plain(value: Any) -> str:
    """A value in words, numbers to six digits."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.6g}".replace("-", "−")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple):
        return ", ".join(plain(one) for one in value)
    return str(value)


def summary(subject: Subject) -> Rows:
    """Model, data, score and checks in a few rows."""
    fit = subject.fit
    status = fit.status
    word = pass_word(fit)
    rows = [
        ("Model", fit.model.upper()),
        (f"{subject.kind.capitalize()}s", plain(fit.n_factors)),
        ("Inference", fit.config.inference),
        ("Cells", plain(len(fit.cells))),
        ("Genes modelled", plain(int(fit.is_gene.sum()))),
        ("State", status.state),
        ("Passes" if word == "pass" else "Epochs", plain(status.passes)),
        ("Nats per cell", plain(float(fit.log_marginal_per_cell))),
    ]
    perplexity = subject.score.get("perplexity")
    if perplexity is not None:
        rows.append(("Held-out perplexity", plain(float(perplexity))))
    return rows


def data(subject: Subject) -> Rows:
    """Where the counts came from."""
    fit, known = subject.fit, subject.fit.data
    named = {"Name": "name", "Source": "source", "Layer": "layer", "Fingerprint": "fingerprint"}
    rows = [(words, str(known[key])) for words, key in named.items() if known.get(key)]
    if fit.reference is not None:
        rows.append(("Reference", str(fit.genes[fit.reference])))
    totals = pd.Series(fit.total_counts)
    rows.append(("Median counts of a cell, modelled genes", f"{totals.median():,.0f}"))
    return rows


def account(subject: Subject) -> list[str]:
    """How the counts were read, a sentence each."""
    report = subject.fit.data.get("report") or {}
    said = [str(report.get(f"{part}_reason") or "") for part in _REASONS]
    if "cells_found" in report:
        size = f"Found {report['cells_found']:,} cells and {report['genes_found']:,} genes."
        said.insert(0, size)
    for kind, why in (("cells", "without counts"), ("genes", "never expressed")):
        if count := report.get(f"n_dropped_{kind}"):
            said.append(f"{kind.capitalize()} left out, {why}: {count:,}.")
    said += [f"Warning: {line}" for line in report.get("warnings", ())]
    return [line for line in said if line]


def configuration(subject: Subject) -> pd.DataFrame:
    """All settings that the fit uses: meaning, value, and whether it is the default."""
    config = subject.fit.config
    notes = {} if selection_of(subject.fit) is None else {config.size_name(): FROM_COUNTS}
    rows = []
    for name, one in config.in_use().items():
        value = getattr(config, name)
        default = "" if value == one.default else "not the default"
        rows.append((name, one.label, plain(value), notes.get(name, default)))
    return pd.DataFrame(rows, columns=["setting", "meaning", "value", "note"]).set_index("setting")


def shares(subject: Subject, space: str = " ") -> pd.DataFrame:
    """The share of each factor or topic, and its leading genes with their numbers.

    Parameters
    ----------
    space
        Text between a gene and its number.
    """
    fit, rows = subject.fit, []
    taken = summaries.factor_shares(fit)
    topics = fit.can("mixtures")
    for position, name in enumerate(fit.factor_names):
        if topics:
            ranked = summaries.ranking(fit, position, "relevance").head(TOP)["probability"]
            genes = [f"{gene}{space}{100 * value:.2g}{space}%" for gene, value in ranked.items()]
        else:
            ranked = summaries.ranking(fit, position).head(TOP)["loading"]
            genes = [f"{gene}{space}{_signed(value)}" for gene, value in ranked.items()]
        rows.append((name, f"{100 * float(taken.iloc[position]):.1f} %", ", ".join(genes)))
    what = "genes by relevance (probability)" if topics else "genes by |loading| (CLR, nats)"
    table = pd.DataFrame(rows, columns=[subject.kind, fit.vocabulary.share, what]).set_index(
        subject.kind
    )
    if fit.can("label_shares") and (said := _labels(fit)):
        table.insert(1, LABELS, [said.get(position, "") for position in range(fit.n_factors)])
    return table


def _labels(fit: AnyFit) -> dict[int, str]:
    """The labels that explain each factor, in words."""
    return {position: ", ".join(parts) for position, parts in summaries.label_parts(fit).items()}


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def score(subject: Subject) -> Rows:
    """Table of the score on held-out cells."""
    known = {words: subject.score.get(key) for key, words in SCORES.items()}
    texts = {words: plain(value) for words, value in known.items() if value is not None}
    marginal = SCORES["log_marginal_per_cell"]
    if marginal in texts and subject.score.get("is_bound"):
        texts[marginal] = f"≥ {texts[marginal]}"
    return list(texts.items())


def check(subject: Subject) -> Rows:
    """Number of genes that misfit in a check, by discrepancy."""
    misfits = subject.check.get("misfits", {})
    return [(str(name).replace("_", " "), f"{count:,} genes") for name, count in misfits.items()]


def files(subject: Subject) -> dict[str, tuple[str, pd.DataFrame]]:
    """Tables for other programs: stem of the file -> description and table."""
    fit = subject.fit
    latent = subject.kind
    tables = {
        f"genes_by_{latent}": _genes(subject),
        f"{latent}s": (
            f"What each {latent} takes, and its leading genes.",
            shares(subject).assign(share=summaries.factor_shares(fit).to_numpy()),
        ),
        "cells": (
            "Labels of the cells, their counts and their "
            + (f"proportions of {latent}s." if subject.is_topics else f"{latent} scores."),
            _cells(subject),
        ),
        "trace": ("The objective, pass by pass.", fit.trace.set_index("pass")),
        "settings": ("All settings of the fit.", configuration(subject)),
    }
    if fit.can("covariates") and fit.covariate_effects():
        words = "CLR effects of the covariates on every gene, with their errors, nats."
        tables["coefficients"] = (words, coefficients(fit).set_index(["column", "gene"]))
    if subject.score:
        rows = {name: value for name, value in subject.score.items() if value is not None}
        table = pd.Series(rows, name="value", dtype=object).rename_axis("measure").to_frame()
        tables["score"] = ("What held-out cells say of the fit.", table)
    return tables


def _genes(subject: Subject) -> tuple[str, pd.DataFrame]:
    fit = subject.fit
    if subject.is_topics:
        table = pd.DataFrame(fit.programmes(), index=fit.genes, columns=fit.factor_names)
        words = f"Probabilities of all features in each {fit.latent}."
        return words, table.rename_axis("gene")
    table, own = summaries.loadings(fit).rename_axis("gene"), fit.residual_variance()
    words = f"{fit.vocabulary.loading}s of all genes, nats"
    if own is None:
        return f"{words}.", table
    noise = pd.Series(own, index=fit.genes)[fit.is_gene]
    return f"{words}, and their residual variance d.", table.assign(residual_variance=noise)


def _cells(subject: Subject) -> pd.DataFrame:
    fit = subject.fit
    own = pd.DataFrame({"total_counts": fit.total_counts}, index=fit.cells)
    if (efficiency := fit.cell_quantity("capture")) is not None:
        own["capture_efficiency"] = efficiency
    labels = fit.obs.set_axis(fit.cells)
    scores = summaries.factor_scores(fit)
    return pd.concat([labels, own, scores], axis=1).rename_axis("cell")
