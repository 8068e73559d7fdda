"""Asked: the settings of the sidebar, as a data request and a configuration. Knows no Panel."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import param

from dashboard.cut import shorten
from engine.data import DataRequest
from engine.data.choices import ASKED, COLUMNS, ROWS
from engine.errors import ConfigError
from engine.lda.config import Inference
from engine.lnm.config import FEWEST_DRAWS, CapturePrior, DMode, LNMInference, Precision
from engine.registry import FAMILIES, MODELS, Config
from engine.validation import AUTO

CHOICES = tuple(ASKED)
REQUEST = ("source", "layer", "genes", "reference", "library_size", "gene_names", *CHOICES)
# Settings that only an encoder or a sampler has.
TRAINING = (
    "max_epochs",
    "refine",
    "hidden",
    "dropout",
    "batch_cells",
    "learning_rate",
    "schedule",
    "warm_up",
    "validation",
)
SAMPLING = ("n_warmup", "n_draws", "n_chains")
# Settings that become floats, though a person may type them without a point.
REAL = ("molecules", "capture_sd")
# Bounds of the numbers of factors and of topics.
SIZES = {kind.config.size_name(): (kind.config.fewest, kind.config.most) for kind in FAMILIES}


def read_size(text: str) -> int | str:
    """Parse a number of factors or topics; text that is no such number is returned unchanged."""
    said = text.strip()
    if said.lower() == AUTO:
        return AUTO
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 7 else said


def size_error(name: str, value: int | str) -> ConfigError | None:
    """Why a number of factors or topics cannot be used; None if it can."""
    low, high = SIZES[name]
    if value == AUTO or (isinstance(value, int) and low <= value <= high):
        return None
    what = name.removeprefix("n_")
    found = repr(shorten(str(value), 24)) if value != "" else "nothing"
    return ConfigError(
        f"auto or a whole number of {what} from {low} to {high}", found, "Type one of these."
    )


class Asked(param.Parameterized):
    """Values of the controls, those of the models that are not chosen included."""

    # what to read
    source = param.String(doc="Path of the counts, or 'demo'.")
    layer = param.String(default=None, allow_None=True, doc="Layer of counts; None guesses.")
    genes = param.Parameter(default=2000, doc="n most variable, 'all', or a tuple of names.")
    reference = param.String(default=None, allow_None=True, doc="ALR reference; None chooses.")
    library_size = param.String(default=None, allow_None=True, doc="Column of obs; None sums.")
    gene_names = param.String(
        default=None, allow_None=True, doc="Column of var, or 'index'; None looks for symbols."
    )
    sample = param.String(default=None, allow_None=True, doc="Of several samples of a folder.")
    genome = param.String(default=None, allow_None=True, doc="Of several; None joins them.")
    feature_type = param.String(default=None, allow_None=True, doc="None takes Gene Expression.")
    cells_in: Any = param.Selector(default=None, objects=[None, ROWS, COLUMNS])
    round = param.Boolean(default=False, doc="Whether to round corrected counts.")

    # what to fit
    model: Any = param.Selector(default="lnmvcp", objects=list(MODELS))
    seed = param.Integer(default=0, bounds=(0, 2**32 - 1))
    max_seconds = param.Number(default=None, allow_None=True, bounds=(1, None))
    block_cells = param.Integer(default=None, allow_None=True, bounds=(1, 1_000_000))

    scored = param.Boolean(default=False, doc="Hold cells out and score the fit on them.")
    held_out = param.Integer(default=10, bounds=(1, 50), doc="Per cent of the cells.")

    tried = param.String(default="5, 10, 20", doc="Numbers of topics or factors to compare.")
    tried_seeds = param.Integer(default=1, bounds=(1, 10))

    # LNM and LNMVCP
    n_factors: Any = param.Parameter(default=AUTO, doc="What `read_size` gives.")
    d_mode: Any = param.Selector(default="learned", objects=list(get_args(DMode)))
    capture_prior: Any = param.Selector(default="population", objects=list(get_args(CapturePrior)))
    molecules = param.Number(default=2e5, bounds=(1, None))
    capture_sd = param.Number(default=0.5, bounds=(0.01, 5))
    max_passes = param.Integer(default=200, bounds=(1, 100_000))
    tolerance = param.Number(default=3e-3, bounds=(1e-9, None))
    loadings_scale = param.Number(default=None, allow_None=True, bounds=(1e-3, None))
    noise_location = param.Number(default=None, allow_None=True)
    noise_scale = param.Number(default=None, allow_None=True, bounds=(1e-3, None))
    precision: Any = param.Selector(default="float32", objects=list(get_args(Precision)))
    factor_inference: Any = param.Selector(default="laplace", objects=list(get_args(LNMInference)))

    n_warmup = param.Integer(default=500, bounds=(20, 100_000))
    n_draws = param.Integer(default=1000, bounds=(FEWEST_DRAWS, 100_000))
    n_chains = param.Integer(default=4, bounds=(2, 16))

    # LDA
    n_topics: Any = param.Parameter(default=AUTO, doc="What `read_size` gives.")
    topic_inference: Any = param.Selector(default="em", objects=list(get_args(Inference)))
    topic_prior = param.Number(default=None, allow_None=True, bounds=(1e-6, None))
    feature_prior = param.Number(default=None, allow_None=True, bounds=(1e-6, None))
    n_starts = param.Integer(default=3, bounds=(1, 1000))
    topic_passes = param.Integer(default=500, bounds=(1, 100_000), doc="max_passes of LDA.")
    topic_tolerance = param.Number(default=1e-3, bounds=(1e-9, None), doc="tolerance of LDA.")

    # an encoder, of either model
    max_epochs = param.Integer(default=None, allow_None=True, bounds=(1, 100_000))
    refine = param.Boolean(default=True)
    hidden = param.Integer(default=64, bounds=(1, 10_000))
    dropout = param.Number(default=0.0, bounds=(0, 0.95))
    batch_cells = param.Integer(default=256, bounds=(1, 1_000_000))
    learning_rate = param.Number(default=None, allow_None=True, bounds=(1e-6, 1))
    schedule: Any = param.Selector(default="cosine", objects=["cosine", "constant"])
    warm_up = param.Number(default=0.2, bounds=(0, 0.95))
    validation = param.Number(default=0.0, bounds=(0, 0.5))

    @property
    def _inference(self) -> str:
        return str(getattr(self, parameters(self.model)["inference"]))

    @property
    def by_vae(self) -> bool:
        """Whether the chosen model is fitted with an encoder."""
        return self._inference == "vae"

    @property
    def by_nuts(self) -> bool:
        """Whether the chosen model is fitted by NUTS."""
        return self._inference == "nuts"

    @property
    def holdout(self) -> float:
        """Share of the cells to hold out, 0 to 1."""
        return self.held_out / 100 if self.scored else 0.0

    def request(self) -> DataRequest:
        """The data request of these settings."""
        return DataRequest(**self._values(*REQUEST))

    def config(self) -> Config:
        """The configuration of the chosen model.

        Raises
        ------
        ConfigError
            If a setting is out of range.
        """
        family = MODELS[self.model]
        size = family.config.size_name()
        if (wrong := size_error(size, getattr(self, size))) is not None:
            raise wrong
        idle = (*(() if self.by_vae else TRAINING), *(() if self.by_nuts else SAMPLING))
        settings = {
            setting: getattr(self, name)
            for setting, name in parameters(self.model).items()
            if setting not in idle
        }
        settings |= {name: float(settings[name]) for name in REAL if name in settings}
        if settings.get("learning_rate", 0) is None:
            # Each model has its own.
            del settings["learning_rate"]
        return family.configured(self.model, **settings)

    def _values(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}


def parameters(model: str) -> dict[str, str]:
    """Settings of a model, and the parameters of `Asked` that hold them.

    Where the defaults of models differ, each has a parameter of its own: "topic_passes" holds the
    ``max_passes`` of topics.
    """
    config = MODELS[model].config
    found = {}
    for setting in (field.name for field in dataclasses.fields(config)):
        own = f"{config.latent}_{setting.removeprefix('max_')}"
        name = own if own in Asked.param else setting
        if name in Asked.param:
            found[setting] = name
    return found
