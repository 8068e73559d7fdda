"""The sets of cells whose levels are compared: two groups, or the donors of each."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from engine.data import Counts
from engine.errors import ConfigError
from engine.text import some

# Fewest cells of a group, and of a donor in a group.
FEWEST_CELLS, FEWEST_OF_DONOR = 10, 5
# With fewer donors in a group, or in both, nothing is tested.
FEWEST_DONORS = 3


class Groups(NamedTuple):
    """Groups A and B.

    Attributes
    ----------
    sets
        Positions of the cells of each set.
    of_a, of_b
        Indices of the sets of each group; paired sets are in the same order.
    paired
        Whether the sets of A and B are of the same donors.
    by_donor, tested
        Whether each set is a donor, and whether groups can be tested.
    notes
        What was left out, in words.
    donors
        Donor of each set, if sets are donors.
    """

    sets: list[np.ndarray]
    of_a: list[int]
    of_b: list[int]
    paired: bool
    by_donor: bool
    tested: bool
    notes: tuple[str, ...]
    donors: tuple[str, ...] = ()

    @property
    def unit(self) -> Literal["cell", "donor"]:
        """Whose spread gives the errors."""
        return "donor" if self.by_donor else "cell"

    @property
    def sizes(self) -> tuple[int, int]:
        """Units of each group."""
        if self.by_donor:
            return len(self.of_a), len(self.of_b)
        return len(self.sets[0]), len(self.sets[1])


FOUND_HERE = (
    "Effects only: groups that were found in these counts differ by how they were found, which no "
    "test knows."
)


def groups_of(
    counts: Counts,
    a: np.ndarray,
    b: np.ndarray | None,
    donor: str | None,
    *,
    data_driven: bool = False,
    fewest: tuple[int, int] = (FEWEST_CELLS, FEWEST_OF_DONOR),
) -> Groups:
    """The sets of two groups of cells, those without counts left out.

    Parameters
    ----------
    data_driven
        Whether the groups were found in the counts: then nothing is tested.
    fewest
        Fewest cells of a group, and of a donor in a group.

    Raises
    ------
    ConfigError
        If the groups share cells or have too few, or there is no such column.
    """
    one = _mask(counts, a, "a")
    other = ~one if b is None else _mask(counts, b, "b")
    both = int((one & other).sum())
    if both:
        raise ConfigError(
            "groups without a cell in common", f"{both:,} cells in both", "Choose other groups."
        )
    able = counts.totals > 0
    first, second = np.flatnonzero(one & able), np.flatnonzero(other & able)
    for name, cells in (("a", first), ("b", second)):
        if len(cells) < fewest[0]:
            raise ConfigError(
                f"at least {fewest[0]} cells with counts in group {name}",
                f"{len(cells)}",
                "Choose a larger group.",
            )
    if donor is None:
        groups = Groups([first, second], [0], [1], False, False, True, ())
    else:
        groups = _by_donor(counts, first, second, donor, fewest[1])
    return (
        groups._replace(tested=False, notes=(*groups.notes, FOUND_HERE)) if data_driven else groups
    )


def _mask(counts: Counts, mask: np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(mask)
    if values.dtype != bool or values.shape != (counts.n_cells,):
        raise ConfigError(
            f"a mask of {counts.n_cells:,} cells for {name}",
            f"{values.dtype} of shape {values.shape}",
            'Give one like counts.obs["cell_type"] == "NK".',
        )
    return values


def _by_donor(
    counts: Counts, first: np.ndarray, second: np.ndarray, donor: str, fewest: int
) -> Groups:
    if donor not in counts.obs:
        known = some(counts.obs.columns)
        raise ConfigError(f"a column of the cells for donors: {known}", repr(donor), "Name one.")
    column = counts.obs[donor]
    missing = int(column.isna().sum())
    if missing:
        raise ConfigError(
            f"a value of {donor} for every cell", f"{missing:,} cells without", "Leave them out."
        )
    of = np.asarray(column.astype(str))
    own = [
        {name: cells[of[cells] == name] for name in np.unique(of[cells])}
        for cells in (first, second)
    ]
    few = sum(len(cells) < fewest for sets in own for cells in sets.values())
    notes = (
        []
        if not few
        else [f"{few} of a {donor} in a group with fewer than {fewest} cells were left out."]
    )
    own = [{k: c for k, c in sets.items() if len(c) >= fewest} for sets in own]
    common = sorted(own[0].keys() & own[1].keys())
    crossed = len(common) >= min(len(own[0]), len(own[1])) or len(common) >= FEWEST_DONORS
    if crossed and common:
        left = len(own[0].keys() ^ own[1].keys())
        if left:
            notes.append(f"{left} of {donor} that only one group has were left out.")
        own = [{name: sets[name] for name in common} for sets in own]
    elif common:
        # Neither paired nor apart: a donor in both groups would count as two.
        raise ConfigError(
            f"each {donor} in one group, or {FEWEST_DONORS} or more in both",
            f"{len(common)} in both ({', '.join(common)}), others in one",
            f"Leave out cells of these, or compare cells without {donor} as the unit.",
        )
    sizes = [len(sets) for sets in own]
    if min(sizes) == 0:
        raise ConfigError(
            f"a {donor} with {fewest} cells in each group", "none", "Choose larger groups."
        )
    tested = min(sizes) >= FEWEST_DONORS
    if not tested:
        notes.append(
            f"Nothing is tested: that takes {FEWEST_DONORS} of {donor} in each group, and there "
            f"are {sizes[0]} and {sizes[1]}."
        )
    sets = [*own[0].values(), *own[1].values()]
    of_a, of_b = list(range(sizes[0])), list(range(sizes[0], sum(sizes)))
    donors = (*own[0], *own[1])
    return Groups(sets, of_a, of_b, bool(common), True, tested, tuple(notes), donors)
