"""What a methods section says of a model, its priors and its inference: sentences by the numbers.

The formulas are those of `engine.lnm.equations` and `engine.lda.equations`, and the priors those
that a fit was made with.
"""

from __future__ import annotations

from typing import Any

from engine.lda.config import LDAConfig
from engine.lnm.config import LNMConfig
from engine.registry import Config
from engine.results import OTHER, AnyFit, Fit, TopicFit

BLEI = (
    "Blei, D. M., Ng, A. Y. & Jordan, M. I. (2003). Latent Dirichlet allocation. "
    "J. Mach. Learn. Res. 3."
)
MACKAY = "MacKay, D. J. C. (1998). Choice of basis for Laplace approximation. Mach. Learn. 33."
SRIVASTAVA = (
    "Srivastava, A. & Sutton, C. (2017). Autoencoding variational inference for topic models. ICLR."
)
SHUN = (
    "Shun, Z. & McCullagh, P. (1995). Laplace approximation of high dimensional integrals. "
    "J. R. Stat. Soc. B 57."
)
HOFFMAN = (
    "Hoffman, M. D. & Gelman, A. (2014). The No-U-Turn Sampler: adaptively setting path lengths in "
    "Hamiltonian Monte Carlo. Journal of Machine Learning Research 15, 1593–1623."
)
LAUSE = (
    "Lause, J., Berens, P. & Kobak, D. (2021). Analytic Pearson residuals for normalization of "
    "single-cell RNA-seq UMI data. Genome Biol. 22, 258."
)


def number(value: float, digits: int = 4) -> str:
    """A number to so many digits or to the unit, with separators and a true minus sign."""
    form = ",.0f" if abs(value) >= 10**digits else f",.{digits}g"
    return format(value, form).replace("-", "−")


def count(value: int, one: str, many: str = "") -> str:
    """A number of things: "1 cell", "2,000 cells"."""
    return f"{value:,} {one if value == 1 else many or f'{one}s'}"


def model(fit: AnyFit) -> list[str]:
    """The model, its formula and its priors."""
    return _topics(fit) if isinstance(fit, TopicFit) else _factors(fit)


def _factors(fit: Fit) -> list[str]:
    config = fit.config
    name = "logistic-normal multinomial model"
    if config.capture:
        name += " with variable capture"
    residual = config.d_mode == "learned"
    terms, priors = ["μ"], []
    if fit.n_factors:
        terms.append("W z_c")
        priors.append("z_c ~ N(0, I)")
    if residual:
        reference = str(fit.genes[fit.reference])
        terms.append("ε_c")
        held = f", d being 0 for the reference, {reference}" if fit.n_factors else ""
        priors.append(f"ε_c ~ N(0, diag(d)){held}")
    distributed = f", {' and '.join(priors)}" if priors else ""
    size = f"of {count(fit.n_factors, 'factor')}" if fit.n_factors else "without factors"
    said = [
        f"The counts u_c of a cell c were modelled by a {name} ({fit.model.upper()}) {size}: "
        f"given their total N_c, u_c ~ Multinomial(N_c, softmax(y_c)), y_c = {' + '.join(terms)}"
        f"{distributed}.",
        _totals(fit),
        *([_loadings_prior(fit)] if fit.n_factors else []),
    ]
    return [*said, _noise_prior(fit)] if residual else said


def _totals(fit: Fit) -> str:
    config, totals = fit.config, fit.totals
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


def _loadings_prior(fit: Fit) -> str:
    scale = fit.config.loadings_scale
    if scale is not None:
        return f"The loadings of a gene had the prior N(0, {number(scale)}² I)."
    return "The loadings of a gene had the prior N(0, S), with S learned from all genes."


def _noise_prior(fit: Fit) -> str:
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


def _topics(fit: TopicFit) -> list[str]:
    config = fit.config
    topics = count(fit.n_topics, "topic")
    alpha, eta = _concentration(config, "topic"), _concentration(config, "feature")
    return [
        f"The counts u_c of a cell c were modelled by latent Dirichlet allocation (LDA; Blei et "
        f"al., 2003) with {topics}: each count of the cell is of feature g with probability "
        f"Σ_k θ_ck β_kg, with θ_c ~ Dirichlet(α) and β_k ~ Dirichlet(η), {alpha} and {eta}."
    ]


def _concentration(config: LDAConfig, of: str) -> str:
    letter, given = ("α", config.topic_prior) if of == "topic" else ("η", config.feature_prior)
    if given is None:
        return f"{letter} = 1/{config.size}"
    if isinstance(given, tuple):
        low, high = number(min(given)), number(max(given))
        return f"{letter} one value a {of} from {low} to {high}"
    return f"{letter} = {number(given)}"


def inference(config: Config) -> str:
    """How the model was fitted, with the settings that matter."""
    known = {
        ("lda", "em"): _em,
        ("lda", "vae"): _topic_encoder,
        ("lnm", "laplace"): _laplace,
        ("lnm", "vae"): _factor_encoder,
        ("lnm", "nuts"): _nuts,
    }
    say = known.get(("lda" if isinstance(config, LDAConfig) else "lnm", config.inference))
    return say(config) if say else f"It was fitted with inference = {config.inference!r}."


def _laplace(config: Any) -> str:
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


def _encoder(config: Any) -> str:
    validation = ""
    if config.validation:
        validation = f"; {100 * config.validation:.3g} % of the cells decided when to end"
    return (
        f"with an encoder of two layers of {config.hidden:,} units, trained by Adam in minibatches "
        f"of {count(config.batch_cells, 'cell')} (largest step {number(config.learning_rate)}, "
        f"{config.schedule} schedule, dropout {number(config.dropout)}{validation})"
    )


def _refined(config: Any, what: str) -> str:
    return f" {what} were then moved to the mode of each cell's posterior." if config.refine else ""


def _factor_encoder(config: LNMConfig) -> str:
    return (
        f"It was fitted by amortised variational inference {_encoder(config)}."
        f"{_refined(config, 'Factor scores')}"
    )


def _em(config: LDAConfig) -> str:
    return (
        "Topics and proportions were estimated by accelerated EM in the softmax basis (MacKay, "
        f"1998), from the best of {count(config.n_starts, 'start')}, to a tolerance of "
        f"{number(config.tolerance)} nats per cell."
    )


def _topic_encoder(config: LDAConfig) -> str:
    return (
        "It was fitted by amortised variational inference with logistic-normal approximations "
        f"of the Dirichlet distributions (Srivastava & Sutton, 2017) {_encoder(config)}."
        f"{_refined(config, 'Proportions')}"
    )


def references(fit: AnyFit, genes_reason: str) -> list[str]:
    """Full references of what the sentences cite."""
    config = fit.config
    cited = []
    if isinstance(config, LDAConfig):
        cited.append(BLEI)
        cited.append(MACKAY if config.inference == "em" else SRIVASTAVA)
    elif config.inference == "nuts":
        cited.append(HOFFMAN)
    elif config.inference == "laplace" and config.d_mode == "learned":
        cited.append(SHUN)
    if "Pearson residuals" in genes_reason:
        cited.append(LAUSE)
    return sorted(cited)


def features(fit: AnyFit) -> str:
    """How many genes were modelled, and whether the others were pooled."""
    genes = count(int(fit.is_gene.sum()), "gene")
    return f"{genes} and one pooled feature of all others" if OTHER in fit.genes else genes
