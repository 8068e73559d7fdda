"""Subject: what a report is about, and all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.export import Provenance
from engine import summaries
from engine.checks import structure_of
from engine.data import DataRequest
from engine.errors import EngineError
from engine.jobs import JobStatus
from engine.results import AnyFit, requested_config
from engine.shell.command import Command, fit_command, holdout_of, request_of


@dataclass(frozen=True)
class Subject:
    """A fit, with its run's name, request, score and check, as far as known.

    Attributes
    ----------
    fit
        With the names that were given to its factors or topics.
    request
        How its counts were read; None if unknown.
    request_known
        Whether the request was recorded; else it is inferred from the fit.
    holdout
        Share of the cells that were set aside.
    split
        Whether one half of each count was fitted.
    score, check
        As `engine.summaries.methods_text` takes them.
    """

    fit: AnyFit
    provenance: Provenance
    request: DataRequest | None = None
    request_known: bool = False
    holdout: float = 0.0
    split: bool = False
    score: Mapping[str, Any] = field(default_factory=dict)
    check: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        fit: AnyFit,
        status: JobStatus | None = None,
        *,
        names: Sequence[str] = (),
        check: Mapping[str, Any] | None = None,
        source: str | None = None,
    ) -> Subject:
        """The subject of a report on a fit, and on its run if it has one.

        A fit from a shell holds its own request and score.

        Parameters
        ----------
        names
            Names of the factors or topics, in order.
        source
            Present path of the data, if they were moved.
        """
        if len(names) == fit.n_factors:
            fit = fit.changed(names=tuple(names))
        known: dict[str, Any] = dict(fit.data)
        if status is not None:
            known["score"] = status.score
            if status.request:
                known |= {"request": status.request, "holdout": status.holdout}
        request = _parse_request(known.get("request"))
        if request is not None and source is not None:
            request = replace(request, source=source)
        return cls(
            fit,
            Provenance.of_fit(fit, status.name if status is not None else ""),
            request or request_of(fit, source),
            request is not None,
            holdout_of(fit) if request is None else known.get("holdout", 0.0),
            bool(fit.data.get("split")),
            known.get("score") or {},
            check or {},
        )

    @property
    def is_topics(self) -> bool:
        """Whether cells mix the latents of the fit."""
        return self.fit.can("mixtures")

    @property
    def kind(self) -> str:
        """Word for a latent: ``factor`` or ``topic``."""
        return self.fit.latent

    @property
    def methods(self) -> str:
        """The text for a methods section."""
        structure = structure_of(self.fit)
        finding = "" if structure is None else structure.finding
        check = dict(self.check)
        if check and structure is not None:
            # A check begins with the same, and advice.
            check["findings"] = [one for one in check.get("findings", ()) if one != structure.words]
        return summaries.methods_text(self.fit, score=self.score, check=check, structure=finding)

    @property
    def command(self) -> Command | None:
        """The command that repeats the fit; None if its data request or cells are not known."""
        some = bool(self.fit.data.get("subset"))
        # A fit of some of the cells does not record which were set aside.
        if self.request is None or (some and self.holdout):
            return None
        return fit_command(
            requested_config(self.fit),
            self.request,
            holdout=self.holdout,
            split=self.split,
            cells=self.fit.cells if some else None,
        )


def _parse_request(request: Mapping[str, Any] | None) -> DataRequest | None:
    """Parse a data request; None for older fits and damaged runs."""
    if not request:
        return None
    try:
        return DataRequest.from_dict(request)
    except EngineError:
        return None
