"""One plan for data that is never in memory at once.

The labels are read part by part, and the tallies of the parts are merged. The plan is
the one that the resampler would make of the whole: the threshold of each class is among
the hashes near it that were kept (bottom-k sampling; Cohen and Kaplan, 2007).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from skstrat._core.labels import Labels, by_label, sorted_classes
from skstrat._core.plan import Plan
from skstrat._core.targets import seed_of
from skstrat._core.weights import CellSums
from skstrat.exceptions import AbsentClassWarning
from skstrat.io._tally import Tally
from skstrat.resamplers._base import BaseResampler


def check_decides_by_labels(resampler: Any) -> int:
    """Refuse resamplers that need more than labels, and give the seed of the others."""
    if not hasattr(resampler, "_draw_shares"):
        raise TypeError(
            "resampler must be one of skstrat's that picks rows by their labels, as "
            "DownsampleUpweight, RandomOversample, CombinedResample and ClassWeight "
            f"do; got {resampler!r}."
        )
    resampler._validate_params()
    resampler._check_needs_labels_alone()
    return seed_of(getattr(resampler, "random_state", None))


def labels_of(tally: Tally) -> Labels:
    """Give classes and counts, without the codes of rows."""
    classes = sorted_classes(list(tally.classes)) if tally.classes else np.empty(0)
    names = classes.tolist()
    if len(names) < 2:
        raise ValueError(
            "y must have at least two classes, of rows that weigh anything; got "
            f"{names!r} in {tally.n_rows} rows."
        )
    counts = np.array([tally.classes[name].rows for name in names], dtype=np.int64)
    return Labels(np.empty(0, dtype=np.intp), classes, counts)


def rows_by_label(tally: Tally) -> dict[Any, int]:
    """Give the rows of each class."""
    return {label: own.rows for label, own in tally.classes.items()}


def shares_wanted(resampler: BaseResampler, tally: Tally) -> dict[Any, float]:
    """Find what share of each class is drawn beyond whole copies."""
    labels = labels_of(tally)
    with warnings.catch_warnings():
        # The warning is given when the plan is made.
        warnings.simplefilter("ignore", AbsentClassWarning)
        rows = resampler._targets(labels, None).rows
    shares = (rows % labels.counts) / labels.counts
    return by_label(labels.classes, shares)


def make_plan(resampler: BaseResampler, tally: Tally, seed: int) -> Plan:
    """Make the plan from the tally of all labels."""
    labels = labels_of(tally)
    names = labels.classes.tolist()
    targets = resampler._targets(labels, None)
    copies, remainder = np.divmod(targets.rows, labels.counts)
    tallies = [tally.classes[name] for name in names]
    threshold, rows, drawn = [], [], []
    for name, own, whole, wanted in zip(
        names, tallies, copies.tolist(), remainder.tolist(), strict=True
    ):
        limit, extra, extra_total = own.draw(wanted)
        if extra != wanted:
            raise ValueError(
                "key must be different in every row to draw an exact number of rows; "
                f"rows of equal keys stand together, and {wanted} of class {name!r} "
                "cannot be told from others. Name a column that tells the rows apart, "
                "or leave key out to draw by position."
            )
        threshold.append(limit)
        rows.append(whole * own.rows + extra)
        drawn.append(whole * own.total + extra_total)
    totals = np.array([own.total for own in tallies])
    sums = CellSums.of_classes(
        labels.counts / targets.rows, totals, np.array(drawn, dtype=np.float64)
    )
    multiplier = resampler._multiplier(labels, sums)
    return Plan(
        classes=tuple(names),
        rows_seen=tuple(labels.counts.tolist()),
        rows=tuple(rows),
        class_total=tuple(totals.tolist()),
        class_weight=tuple(multiplier.tolist()),
        threshold=tuple(threshold),
        seed=seed,
    )


def check_unchanged(first: Tally, second: Tally) -> None:
    """Refuse data whose labels differ between two passes."""
    before, after = rows_by_label(first), rows_by_label(second)
    if first.n_rows != second.n_rows or before != after:
        raise ValueError(
            "The data changed while it was read: the first reading of labels found "
            f"{before!r} in {first.n_rows} rows, the second {after!r} in "
            f"{second.n_rows}. Run again when nothing writes to it."
        )
