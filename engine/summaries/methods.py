"""methods_text: a paragraph for a methods section, from the numbers of a fit.

Every sentence follows from the fit, its score and its check; what is unknown is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.genes import OTHER
from engine.results import AnyFit, selection_of
from engine.text import count, number

LAUSE = (
    "Lause, J., Berens, P. & Kobak, D. (2021). Analytic Pearson residuals for normalization of "
    "single-cell RNA-seq UMI data. Genome Biol. 22, 258."
)
_TOOLS = {
    "logratio": "Logratio",
    "jax": "JAX",
    "numpyro": "NumPyro",
    "anndata": "anndata",
    "python": "Python",
}
_LATENTS = {
    "laplace": "cells' latents drawn from their Laplace posterior",
    "map": "cells' latents at their posterior mode",
    "population": "new cells drawn from the prior",
}


def methods_text(
    fit: AnyFit,
    *,
    score: Mapping[str, Any] | None = None,
    check: Mapping[str, Any] | None = None,
    structure: str = "",
    versions: Mapping[str, str] | None = None,
) -> str:
    """A paragraph for the methods section of a paper, and the references that it cites.

    Parameters
    ----------
    score
        Score of held-out cells, as by `engine.checks.Score.to_dict`.
    check
        Summary of a predictive check: ``misfits`` (discrepancy: number of genes), ``mode``,
        ``n_draws``, ``findings`` (sentences) and ``laplace`` (a warning, or None).
    structure
        What the test for structure beyond the factors found, in sentences.
    versions
        Of the software, by default those that the fit was made with.

    Returns
    -------
    Plain text; the references, if any, are a second paragraph of one line each.
    """
    report, own = _report(fit), fit.methods()
    said = [
        *_data(fit, report),
        *own.model,
        *_selection(fit),
        own.inference,
        *_status(fit),
        *_score(score),
        *([structure] if structure else []),
        *_check(check),
        _software(fit, fit.versions if versions is None else versions),
    ]
    text = " ".join(said)
    cited = _references(own.references, str(report.get("genes_reason", "")))
    return "\n".join([text, "", "References", *cited]) if cited else text


def _report(fit: AnyFit) -> Mapping[str, Any]:
    report = fit.data.get("report")
    return report if isinstance(report, Mapping) else {}


def _data(fit: AnyFit, report: Mapping[str, Any]) -> list[str]:
    name, layer = fit.data.get("name"), fit.data.get("layer")
    of = f" of {name}" if name else ""
    where = f" (layer {layer})" if layer else ""
    said = [
        f"Raw counts of {count(len(fit.cells), 'cell')}{of}{where} were analysed over "
        f"{_features(fit)}."
    ]
    if reason := str(report.get("genes_reason", "")):
        cite = "(variance of Pearson residuals"
        said.append(reason.replace(cite, f"{cite}, Lause et al., 2021"))
    cells, genes = int(report.get("n_dropped_cells", 0)), int(report.get("n_dropped_genes", 0))
    if cells or genes:
        parts = [count(cells, "cell") + " without counts"] if cells else []
        parts += [count(genes, "gene") + " never expressed"] if genes else []
        said.append(f"Left out were {' and '.join(parts)}.")
    if subset := fit.data.get("subset"):
        of = count(int(subset["of"]), "cell")
        said.append(f"Of the {of}, {subset['words']} alone were taken.")
    if aside := n_set_aside(fit):
        verb = "was" if aside == 1 else "were"
        said.append(f"{count(aside, 'cell')} {verb} set aside and not fitted.")
    if fit.data.get("split"):
        said.append(
            "Every count was split in two by a binomial draw (Neufeld et al., 2022); one half was "
            "fitted, the other kept to test groups of cells."
        )
    return said


def n_set_aside(fit: AnyFit) -> int:
    """Number of cells with counts that were set aside instead of fitted."""
    report = _report(fit)
    if subset := fit.data.get("subset"):
        return max(int(subset["cells"]) - len(fit.cells), 0)
    if "cells_found" not in report:
        return 0
    n_retained = int(report["cells_found"]) - int(report.get("n_dropped_cells", 0))
    return max(n_retained - len(fit.cells), 0)


def _selection(fit: AnyFit) -> list[str]:
    selection = selection_of(fit)
    if selection is None:
        return []
    sizes = ", ".join(str(one.size) for one in selection.tried)
    return [
        f"The number of {fit.config.latent}s was chosen among {sizes}, each fitted to "
        f"{count(selection.n_fitted, 'cell')} and scored by document completion on "
        f"{count(selection.n_held_out, 'cell')}. {selection.reason}"
    ]


def _status(fit: AnyFit) -> list[str]:
    status = fit.status
    one, many = ("epoch", "epochs") if fit.config.inference == "vae" else ("pass", "passes")
    after = f"after {count(status.passes, one, many)}"
    why = f" ({status.reason})" if status.reason else ""
    if status.state == "converged":
        said = f"The fit converged {after}{why}"
    elif status.state == "completed":
        said = f"The fit ended {after}{why}"
    elif status.state == "stopped":
        said = f"The fit had not converged when it ended {after}{why}"
    else:
        said = f"The fit was still running and had not converged {after}{why}"
    value = fit.log_marginal_per_cell
    if math.isfinite(value):
        said += f", at {fit.methods().objective} of {number(value, 6)} nats per cell"
    sentences = [f"{said}."]
    if failed := status.n_failed_cells:
        verb = "was" if failed == 1 else "were"
        sentences.append(f"The posterior mode of {count(failed, 'cell')} {verb} not found.")
    return sentences


def _references(cited: list[str], genes_reason: str) -> list[str]:
    """Full references of what the sentences cite."""
    return sorted([*cited, LAUSE] if "Pearson residuals" in genes_reason else cited)


def _features(fit: AnyFit) -> str:
    """How many genes were modelled, and whether the others were pooled."""
    genes = count(int(fit.is_gene.sum()), "gene")
    return f"{genes} and one pooled feature of all others" if OTHER in fit.genes else genes


def _score(score: Mapping[str, Any] | None) -> list[str]:
    if not score or score.get("perplexity") is None or score.get("n_cells") is None:
        return []
    n_left_out = int(score.get("n_left_out") or 0)
    left = f" ({n_left_out:,} more had too few counts)" if n_left_out else ""
    cells = count(int(score["n_cells"]), "held-out cell")
    said = (
        f"On {cells}{left}, one half of the counts predicted the other with a perplexity of "
        f"{number(float(score['perplexity']), 5)}"
    )
    per_count, error = score.get("log_likelihood_per_count"), score.get("standard_error")
    if per_count is not None and error is not None:
        said += f" (log likelihood {number(float(per_count), 5)} ± {number(float(error), 2)} "
        said += "nats per count, standard error over cells)"
    marginal = score.get("log_marginal_per_cell")
    if marginal is not None:
        what = "lower bound on the log" if score.get("is_bound") else "log"
        said += f" and a {what} marginal likelihood of {number(float(marginal), 6)} nats per cell"
    return [f"{said}."]


def _check(check: Mapping[str, Any] | None) -> list[str]:
    if not check:
        return []
    mode = str(check.get("mode", ""))
    how = _LATENTS.get(mode, f"mode {mode}" if mode else "")
    draws = f" of {count(int(check['n_draws']), 'replicate')}" if check.get("n_draws") else ""
    said = f"A predictive check{draws}" + (f" ({how})" if how else "")
    misfits = check.get("misfits") or {}
    counted = [(str(name).replace("_", " "), int(n)) for name, n in misfits.items() if int(n)]
    if counted:
        parts = [f"{count(n, 'gene')} by {name}" for name, n in counted]
        said += f" found misfits, both significant and large, of {_listed(parts)}."
    else:
        said += " found no gene whose misfit was both significant and large."
    laplace = check.get("laplace")
    lines = [*([laplace] if laplace else []), *(check.get("findings") or ())]
    return [said, *(_sentence(str(line)) for line in lines)]


def _software(fit: AnyFit, versions: Mapping[str, str]) -> str:
    # An encoder and NUTS need NumPyro.
    idle = () if fit.config.inference in ("vae", "nuts") else ("numpyro",)
    # Older fits do not have the version of Logratio that made them.
    tools = [
        f"{words} {versions.get(key, '')}".strip()
        for key, words in _TOOLS.items()
        if key == "logratio" or (versions.get(key) and key not in idle)
    ]
    verb = "was" if len(tools) == 1 else "were"
    return f"{_listed(tools)} {verb} used, with seed {fit.config.seed}."


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _sentence(line: str) -> str:
    text = " ".join(line.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
