"""Groups of rows that are drawn whole, and the weights of their rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.cells import Cells, Draw, cross, share_out
from skstrat._core.labels import Labels, count_codes
from skstrat._core.plan import Plan
from skstrat._core.plan_format import plain_label
from skstrat._core.samples import CheckedSamples
from skstrat._core.targets import Targets
from skstrat._core.weights import join_small

Indices = NDArray[np.intp]
Array = NDArray[Any]


@dataclass(frozen=True)
class GroupCells:
    """Groups of rows that are drawn whole; each lies in one stratum."""

    labels: Labels  # Classes of the rows, or strata in their place.
    strata: Labels
    groups: Labels  # Integers or strings.

    def draw(self, targets: Targets, samples: CheckedSamples, seed: int) -> Draw:
        """Draw whole groups, each at the highest rate of the classes in it."""
        # A cell is a pair: the class of the row, and the class of the highest rate in
        # its group. The stratum of the group is third if there are several.
        labels, groups = self.labels, self.groups
        kinds, own, stratum = _kinds_of_groups(labels, self.strata, groups, targets)
        wanted = share_out(kinds.counts, targets.rows, labels, own)
        keys = _identities(groups.classes)
        units, drawn = Plan.draw(kinds, wanted, seed, keys)
        copies = np.bincount(drawn, minlength=len(groups.classes))[groups.codes]
        indices = np.flatnonzero(copies)
        if len(indices) and copies.max() > 1:
            indices = np.repeat(indices, copies[indices])
        kind_of_row = kinds.codes[groups.codes]
        cells, class_of, kind = cross(labels, replace(kinds, codes=kind_of_row))
        codes = cells.codes[indices]
        rows = count_codes(codes, len(cells.classes))
        _check_every_class_is_kept(labels, rows, class_of)
        whole = wanted // kinds.counts
        threshold = np.array(units.threshold, dtype=np.uint64)[kind]
        # A cell of which every row was drawn once more is drawn whole.
        threshold[rows == (whole[kind] + 1) * cells.counts] = 0
        plan = replace(
            units,
            classes=tuple((own, *deciding) for own, deciding in cells.classes.tolist()),
            rows_seen=tuple(cells.counts.tolist()),
            rows=tuple(rows.tolist()),
            class_total=tuple(cells.counts.astype(float).tolist()),
            class_weight=(1.0,) * len(rows),
            threshold=tuple(threshold.tolist()),
        )
        return Draw(
            indices,
            Cells(labels, cells, class_of),
            codes,
            rows,
            (kinds.counts / wanted)[kind],
            incoming=samples.weights_of(indices),
            moves_rows=plan.moves_rows,
            margins=(*_strata_kept(wanted, stratum, kind), class_of),
            plan=plan,
        )


def _strata_kept(wanted: Array, stratum: Indices, kind: Indices) -> tuple[Indices, ...]:
    """Join cells by stratum, small strata as one; return nothing for one stratum."""
    drawn = np.bincount(stratum, wanted).astype(np.int64)
    if len(drawn) == 1:
        return ()
    one_class, sampled = np.zeros(len(drawn), np.intp), np.zeros(len(drawn), np.bool_)
    return (join_small(drawn, one_class, sampled)[stratum[kind]],)


def _kinds_of_groups(
    labels: Labels, strata: Labels, groups: Labels, targets: Targets
) -> tuple[Labels, Indices, Indices]:
    """Cross the class that decides over each group with its stratum."""
    n_groups, n_classes = len(groups.classes), len(labels.classes)
    by_rate = np.argsort(-(targets.rows / labels.counts), kind="stable")
    rank = np.empty(n_classes, dtype=np.intp)
    rank[by_rate] = np.arange(n_classes)
    best = np.full(n_groups, n_classes)
    np.minimum.at(best, groups.codes, rank[labels.codes])
    stratum = np.empty(n_groups, dtype=np.intp)
    stratum[groups.codes] = strata.codes
    stray = stratum[groups.codes] != strata.codes
    if stray.any():
        name = groups.classes.tolist()[groups.codes[stray.argmax()]]
        raise ValueError(
            "groups must lie within one stratum each, to be kept or dropped whole; "
            f"group {name!r} has rows of several. Cross the strata with the groups, "
            "or leave one of the two out."
        )
    deciding = by_rate[best]
    kinds, own, of_stratum = cross(
        Labels(deciding, labels.classes, count_codes(deciding, n_classes)),
        Labels(stratum, strata.classes, count_codes(stratum, len(strata.classes))),
    )
    if len(strata.classes) == 1:
        kinds.classes[:] = [(name,) for name, _ in kinds.classes]
    return kinds, own, of_stratum


def _identities(groups: Array) -> Array:
    """Return the values that are hashed: integers or text, JSON for tuples."""
    if groups.dtype.kind in "iuU":
        return groups
    values = list(map(plain_label, groups.tolist()))
    tuples = isinstance(values[0], tuple)
    kinds = set(map(type, chain.from_iterable(values) if tuples else values))
    whole = kinds == {int} and not tuples
    if all(kind is int or issubclass(kind, str) for kind in kinds):
        texts = map(json.dumps, values) if tuples else values
        found = np.array(list(texts), dtype=None if whole else object)
        if not whole or found.dtype.kind in "iu":
            return found
    kind = type(groups.tolist()[0]).__name__
    raise ValueError(
        "groups must hold integers of 64 bits at most, strings, dates, intervals or "
        f"tuples of these; got {kind} in dtype {groups.dtype}. Convert them, for "
        "example with astype(int) or astype(str)."
    )


def _check_every_class_is_kept(labels: Labels, rows: Array, class_of: Indices) -> None:
    """Raise an error if no row of a class is kept."""
    kept = np.bincount(class_of, rows, minlength=len(labels.classes))
    if (kept == 0).any():
        lost = labels.classes[kept == 0].tolist()
        raise ValueError(
            f"groups leave no row of class {lost[0]!r}: all groups that hold one were "
            "dropped. Keep more of it with factor or sampling_strategy as a dict, or "
            "use another random_state."
        )
