"""Sentences of a methods section on a log-ratio model, with its numbers.

The formulas are those of `engine.lnm.equations`, and the priors those of the fit.
"""

from __future__ import annotations

from engine.fitting.words import Methods, encoder, refined
from engine.lnm.arrays import FactorArrays
from engine.lnm.config import LNMConfig
from engine.lnm.design import Design
from engine.text import count, number

SHUN = (
    "Shun, Z. & McCullagh, P. (1995). Laplace approximation of high dimensional integrals. "
    "J. R. Stat. Soc. B 57."
)
HOFFMAN = (
    "Hoffman, M. D. & Gelman, A. (2014). The No-U-Turn Sampler: adaptively setting path lengths in "
    "Hamiltonian Monte Carlo. Journal of Machine Learning Research 15, 1593–1623."
)

# Most levels of a covariate to list.
_MOST_LEVELS = 6


def methods(fit: FactorArrays) -> Methods:
    """Sentences of a methods section on a fit."""
    config = fit.config
    return Methods(_model(fit), _inference(config), _objective(config), _cited(config))


def _model(fit: FactorArrays) -> list[str]:
    config = fit.config
    name = "logistic-normal multinomial model"
    if config.capture:
        name += " with variable capture"
    residual = config.d_mode == "learned"
    terms, priors = ["μ"], []
    if fit.design is not None:
        terms.append("B x_c")
    if fit.n_factors:
        terms.append("W z_c")
        priors.append("z_c ~ N(0, I)")
    if residual:
        terms.append("ε_c")
        priors.append("ε_c ~ N(0, diag(d))")
    distributed = f", {' and '.join(priors)}" if priors else ""
    size = f"of {count(fit.n_factors, 'factor')}" if fit.n_factors else "without factors"
    said = [
        f"The counts u_c of a cell c were modelled by a {name} ({fit.model.upper()}) {size}: "
        f"given their total N_c, u_c ~ Multinomial(N_c, softmax(y_c)), y_c = {' + '.join(terms)}"
        f"{distributed}.",
        *([_covariates(fit.design)] if fit.design is not None else []),
        _totals(fit),
        *([_loadings_prior(fit)] if fit.n_factors else []),
    ]
    return [*said, _noise_prior(fit)] if residual else said


def _covariates(design: Design) -> str:
    random = list(dict.fromkeys(column.term for column in design.columns if column.group))
    fixed = {name for column in design.columns for name in column.names}
    levels = ", ".join(
        f"{one.levels[0]} for {one.name}"
        for one in design.variables
        if one.levels and one.name in fixed
    )
    return (
        f"The covariates x_c were those of the formula {design.formula}"
        f"{f' (reference levels: {levels})' if levels else ''}, each centred; factors and "
        "correlations are those within their levels. What the loadings do not explain of an "
        "effect had the prior N(0, τ²), with τ learned from all genes for each column"
        f"{f' and for each gene of {" and ".join(random)}' if random else ''}."
    )


def _totals(fit: FactorArrays) -> str:
    config, totals = fit.config, fit.totals
    if totals.levels:
        return _totals_by_level(fit)
    mean, concentration = number(totals.mean), number(totals.concentration, 3)
    if not config.capture:
        return (
            f"Totals were negative binomial with mean {mean} and concentration {concentration}, "
            "both estimated."
        )
    form = (
        "Totals were modelled as N_c ~ NB(mean M exp(−η_c), concentration r), exp(−η_c) being the "
        f"capture efficiency of the cell, M = {mean} and r = {concentration} (estimated), with "
    )
    molecules = f"M_0 = {config.molecules:,.0f} mRNA molecules per cell"
    if config.capture_prior == "anchored":
        return (
            f"{form}η_c ~ TruncatedNormal(log M_0 − log L_c, {number(config.capture_sd)}²; η_c ≥ "
            f"0), L_c being the cell's library size and {molecules}."
        )
    shared = ""
    if totals.eta_location is not None and totals.eta_scale is not None:
        location, scale = number(totals.eta_location, 3), number(totals.eta_scale, 3)
        shared = f" (location {location}, scale {scale})"
    open_ = ", averaged over what totals leave open of both and of r" if totals.alternatives else ""
    return (
        f"{form}η_c ~ TruncatedNormal(η_c ≥ 0), whose location and scale were shared by all cells "
        f"and estimated{shared}{open_}; {molecules}."
    )


def _totals_by_level(fit: FactorArrays) -> str:
    config, totals = fit.config, fit.totals
    each = []
    for name, one in totals.levels[:_MOST_LEVELS]:
        values = f"{name}: {number(one.mean)}, {number(one.concentration, 3)}"
        if one.eta_location is not None and one.eta_scale is not None:
            values += f", {number(one.eta_location, 3)}, {number(one.eta_scale, 3)}"
        each.append(values)
    listed = "; ".join(each) + ("; and so on" if len(totals.levels) > _MOST_LEVELS else "")
    if not config.capture:
        return (
            "Totals were negative binomial, mean and concentration estimated for each level of "
            f"{totals.by} ({listed})."
        )
    prior = "TruncatedNormal(η_c ≥ 0)"
    if config.capture_prior == "anchored":
        prior = f"TruncatedNormal(log M_0 − log L_c, {number(config.capture_sd)}²; η_c ≥ 0)"
    return (
        "Totals were modelled as N_c ~ NB(mean M exp(−η_c), concentration r), exp(−η_c) being the "
        f"capture efficiency of the cell, with η_c ~ {prior}; M, r and location and scale of η "
        f"were estimated for each level of {totals.by} ({listed})."
    )


def _loadings_prior(fit: FactorArrays) -> str:
    scale = fit.config.loadings_scale
    if scale is not None:
        return f"The loadings of a gene had the prior N(0, {number(scale)}² I)."
    return "The loadings of a gene had the prior N(0, S), with S learned from all genes."


def _noise_prior(fit: FactorArrays) -> str:
    config, prior = fit.config, fit.prior
    given = [
        ("mean", config.noise_location, "noise_location"),
        ("standard deviation", config.noise_scale, "noise_scale"),
    ]
    parts = []
    for words, value, key in given:
        if value is not None:
            parts.append(f"{words} {number(value, 3)}")
        elif key in prior:
            parts.append(f"{words} {number(float(prior[key]), 3)} (learned)")
        else:
            parts.append(f"a learned {words}")
    return f"The prior of log d was normal with {' and '.join(parts)}."


def _inference(config: LNMConfig) -> str:
    say = {"laplace": _laplace, "vae": _amortised, "nuts": _nuts}[config.inference]
    return say(config)


def _cited(config: LNMConfig) -> list[str]:
    if config.inference == "nuts":
        return [HOFFMAN]
    return [SHUN] if config.inference == "laplace" and config.d_mode == "learned" else []


def _objective(config: LNMConfig) -> str:
    if config.inference == "vae" and not config.refine:
        return "a lower bound on the log marginal likelihood"
    return "a log marginal likelihood of the counts given their totals"


def _laplace(config: LNMConfig) -> str:
    treated = (
        "z_c and the intensity of the cell were" if config.size else "the intensity of the cell was"
    )
    residuals = (
        "the residuals ε were integrated gene by gene (expansion of Shun & McCullagh, 1995) and "
        if config.d_mode == "learned"
        else ""
    )
    return (
        "Parameters were estimated by maximising, under these priors, a nested Laplace "
        f"approximation of the marginal likelihood, in which {residuals}{treated} "
        f"treated by Laplace's method; computed in {config.precision}, to a tolerance of "
        f"{number(config.tolerance)} nats per cell."
    )


def _nuts(config: LNMConfig) -> str:
    return (
        "It was fitted by the No-U-Turn sampler (Hoffman & Gelman, 2014), with "
        f"{count(config.n_chains, 'chain')} of {config.n_warmup:,} iterations of warm-up and "
        f"{config.n_draws:,} draws; the scales of the priors were held at their estimates by a "
        "nested Laplace approximation. Reported are posterior means."
    )


def _amortised(config: LNMConfig) -> str:
    effects = ""
    if config.formula:
        effects = (
            " The encoder saw the covariates too. The part of the effects that the loadings do not "
            "explain had a mean-field posterior, and effects and their errors are those of the "
            "curvature at the parameters."
        )
    return (
        f"It was fitted by amortised variational inference {encoder(config)}.{effects}"
        f"{refined(config, 'Factor scores')}"
    )
