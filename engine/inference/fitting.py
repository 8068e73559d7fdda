"""fit_iter: the model that a configuration asks for."""

from __future__ import annotations

from collections.abc import Iterator

from engine.data import Counts
from engine.errors import ConfigError
from engine.fitting.entry import expect
from engine.fitting.progress import Progress
from engine.lda.config import LDAConfig
from engine.lda.driver import fit_topics
from engine.lnm import fit_laplace
from engine.lnm.config import LNMConfig
from engine.registry import Config
from engine.results import AnyFit, Fit, TopicFit


def fit_iter(
    counts: Counts, config: Config, *, start: AnyFit | None = None
) -> Iterator[Progress[AnyFit]]:
    """Fit, yielding a `Progress` after every pass over the cells, and between blocks of long ones.

    To stop, cease pulling: the last ``snapshot()`` is a usable fit. The last Progress has a
    status other than "running".

    Parameters
    ----------
    config
        Its kind chooses the model.
    start
        An earlier fit of the same genes and number of factors or topics, to go on from:
        passes, seconds and trace continue its own, the budget begins anew.

    Raises
    ------
    ConfigError
        If the configuration does not suit the counts, or ``start`` does not match them.
    DataError
        If the counts are not those of `engine.read_counts`, or of no cells.
    FitError
        If the objective is not finite.
    """
    expect(counts=counts)
    if isinstance(config, LDAConfig) and (start is None or isinstance(start, TopicFit)):
        return fit_topics(counts, config, start=start)
    if isinstance(config, LNMConfig) and (start is None or isinstance(start, Fit)):
        if config.inference == "vae":
            # NumPyro takes a second to import, which most fits need not spend.
            from engine.lnm.fit_vae import fit_vae

            return fit_vae(counts, config, start=start)
        if config.inference == "nuts":
            from engine.lnm.nuts import fit_nuts

            return fit_nuts(counts, config, start=start)
        return fit_laplace.fit_iter(counts, config, start=start)
    raise ConfigError(
        "an LNMConfig or an LDAConfig, and a start by the same model if any",
        f"{type(config).__name__} and {'no start' if start is None else type(start).__name__}",
        "Change the configuration, or start anew.",
    )
