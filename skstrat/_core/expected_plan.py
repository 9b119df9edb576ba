"""A plan from row counts alone: expected rows first, counted rows afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np

from skstrat._core.factorize import is_missing
from skstrat._core.labels import Labels, sorted_classes
from skstrat._core.plan_format import refuse_odd_labels
from skstrat._core.targets import refuse_both, targets_of_downsampling
from skstrat._core.weights import CellSums, cell_weights
from skstrat.exceptions import MissingLabelsError

# A double holds every whole number up to here.
_MOST_ROWS = 2**53


def expected_fields(
    counts: Any, factor: Any, sampling_strategy: Any, weighting: Any, seed: Any
) -> dict[str, Any]:
    """Find rows, thresholds and nominal weights of each class."""
    if not (isinstance(seed, Integral) and 0 <= int(seed) < 2**64):
        raise ValueError(
            f"seed must be a whole number from 0 to 2**64 - 1; got {seed!r}."
        )
    labels = _labels_of(counts)
    refuse_both("factor", factor, "sampling_strategy", sampling_strategy)
    if callable(sampling_strategy):
        raise TypeError(
            "sampling_strategy must not be a callable, which needs every label; give "
            "the dict that it would return."
        )
    if isinstance(factor, str):
        raise TypeError(
            f"factor must be a number or a dict; got {factor!r}. A recommendation "
            "needs X: call recommend_factor on a part of the rows, and give its factor."
        )
    targets = targets_of_downsampling(labels, None, factor, sampling_strategy)
    seen, rows = labels.counts, targets.rows
    totals = seen.astype(np.float64)
    sums = CellSums.of_classes(seen / rows, totals, rows.astype(np.float64))
    pairs = list(zip(seen.tolist(), rows.tolist(), strict=True))
    return {
        "classes": tuple(labels.classes.tolist()),
        "rows_seen": tuple(seen.tolist()),
        "rows": tuple(rows.tolist()),
        "class_total": tuple(totals.tolist()),
        "class_weight": tuple(cell_weights(weighting, labels, sums).tolist()),
        # In integers, because a double has only 53 bits.
        "threshold": tuple(drawn % n * 2**64 // n for n, drawn in pairs),
        "seed": int(seed),
    }


def realised_fields(plan: Any, kept_counts: Any) -> dict[str, Any]:
    """Replace expected rows by counted rows, and adjust the weights."""
    kept = _counts_of(kept_counts, "kept_counts")
    if plan.exact:
        raise ValueError(
            "realised must be called on a plan whose rows are expected, as from_counts "
            "makes it; the rows of this plan are exact. Use it as it is."
        )
    _check_kept(plan, kept)
    rows = [kept[label] for label in plan.classes]
    # Only "uniform" gives weights of 1 where rows are dropped, and keeps no total. With
    # all others the weights of the rows add up to the number of all rows.
    weight = plan.class_weight
    if any(each != 1 for each in weight):
        pairs = zip(weight, plan.rows, rows, strict=True)
        weight = tuple(each * expected / own for each, expected, own in pairs)
    # A class of which all rows happened to be kept counts as kept whole.
    limits = zip(rows, plan.rows_seen, plan.threshold, strict=True)
    threshold = tuple(limit if own < seen else 0 for own, seen, limit in limits)
    return {
        "rows": tuple(rows),
        "class_weight": weight,
        "threshold": threshold,
        "exact": True,
    }


def _labels_of(counts: Any) -> Labels:
    """Make Labels of {label: rows}, without codes of rows."""
    by_label = _counts_of(counts, "counts")
    missing = sum(rows for label, rows in by_label.items() if is_missing(label))
    if missing:
        raise MissingLabelsError(missing, sum(by_label.values()))
    if len(by_label) < 2:
        raise ValueError(
            f"counts must name at least two classes; got {list(by_label)!r}."
        )
    refuse_odd_labels(tuple(by_label))
    classes = sorted_classes(list(by_label))
    in_order = [by_label[label] for label in classes.tolist()]
    no_codes = np.empty(0, dtype=np.intp)
    return Labels(no_codes, classes, np.array(in_order, dtype=np.int64))


def _counts_of(counts: Any, argument: str) -> dict[Any, int]:
    """Read {label: rows} as Python values."""
    if not isinstance(counts, Mapping):
        raise TypeError(
            f"{argument} must be a dict of rows by label; got "
            f"{type(counts).__name__}. A Series has to_dict."
        )
    for label, rows in counts.items():
        if not (isinstance(rows, Integral) and 1 <= int(rows) <= _MOST_ROWS):
            raise ValueError(
                f"{argument} must give a whole number of rows from 1 to 2**53 for "
                f"every class; got {rows!r} for class {label!r}. " + _ADVICE[argument]
            )
    return {_python(label): int(rows) for label, rows in counts.items()}


_ADVICE = {
    "counts": "Leave out labels that no row has.",
    "kept_counts": "If none was kept, use another seed or a smaller factor.",
}


def _python(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _check_kept(plan: Any, kept: dict[Any, int]) -> None:
    known = list(plan.classes)
    if set(kept) != set(known):
        raise ValueError(
            f"kept_counts must name the classes of the plan, {known!r}; got "
            f"{list(kept)!r}. Count the rows that the plan kept of every class; if "
            "none was kept of one, use another seed or a smaller factor."
        )
    limits = zip(known, plan.rows_seen, plan.threshold, strict=True)
    for label, seen, threshold in limits:
        if kept[label] > seen or (kept[label] < seen and not threshold):
            rule = "no more rows than were seen" if threshold else "every row"
            raise ValueError(
                f"kept_counts must hold {rule} of class {label!r}, {seen}; got "
                f"{kept[label]}. Count what the plan kept of the rows in counts."
            )
