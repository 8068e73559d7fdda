"""DataRequest: the arguments with which counts were read, and can be read again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.data.choices import OPTIONS as CHOICES
from engine.data.choices import Choices
from engine.data.counts import Counts
from engine.data.demo import DEMO
from engine.data.gene_choice import check_gene_choice
from engine.data.gene_names import INDEX
from engine.data.read import read_counts
from engine.errors import ConfigError


@dataclass(frozen=True)
class DataRequest:
    """Arguments of `engine.read_counts` as hashable, JSON-able values.

    Parameters
    ----------
    source
        A path, or "demo".
    layer, genes, reference, library_size, gene_names
        As in `engine.read_counts`; names of genes as a tuple.
    sample, genome, feature_type, cells_in, round
        As in `engine.data.Choices`.

    Raises
    ------
    ConfigError
        If ``source`` is no path or ``genes`` not a valid choice.
    """

    source: str
    layer: str | None = None
    genes: int | str | tuple[str, ...] = 2000
    reference: str | None = None
    library_size: str | None = None
    gene_names: str | None = None
    sample: str | None = None
    genome: str | None = None
    feature_type: str | None = None
    cells_in: str | None = None
    round: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.source, str | os.PathLike):
            raise ConfigError(
                "source to be a path or 'demo'",
                type(self.source).__name__,
                "Pass an AnnData in memory to engine.read_counts.",
            )
        # A run may be resumed from another working directory.
        source = os.fspath(self.source)
        object.__setattr__(self, "source", source if source == DEMO else os.path.abspath(source))
        genes = check_gene_choice(self.genes)
        object.__setattr__(self, "genes", genes if isinstance(genes, int | str) else tuple(genes))

    @property
    def choices(self) -> Choices:
        """Choices for a source that can be read in several ways."""
        return Choices(**{name: getattr(self, name) for name in CHOICES})

    def load(self) -> Counts:
        """Read the counts; errors as in `engine.read_counts`."""
        return read_counts(**dataclasses.asdict(self))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = dataclasses.asdict(self)
        return values | {"genes": list(self.genes)} if isinstance(self.genes, tuple) else values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataRequest:
        """The inverse of `to_dict`; missing or unknown keys raise ConfigError.

        A request without ``gene_names`` is older than that setting and means "index".
        """
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown or "source" not in values:
            raise ConfigError(
                f"source, and perhaps {', '.join(known[1:])}",
                f"{', '.join(map(str, values)) or 'nothing'}",
                "Correct the names of these settings.",
            )
        return cls(**({"gene_names": INDEX} | dict(values)))
