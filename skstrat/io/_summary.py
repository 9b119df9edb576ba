"""Summary of a resampled file: rows, weights and bytes before and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from skstrat._core.plan import Plan
from skstrat._core.plan_format import plain_label
from skstrat._core.weights import class_totals
from skstrat.resamplers._resampled import Resampled


@dataclass(frozen=True)
class Summary:
    """Result of resampling a file.

    Parameters
    ----------
    source : list of str
        The files read.
    dest : str
        The file written.
    classes : tuple of dict
        For each class: label, rows before and after, total weight before and after. For
        each stratum where the target is no class labels.
    by_strata : bool
        Whether ``classes`` are strata.
    plan : Plan or None
        The rows drawn and their class weights, as used for SQL. None where the values
        of the rows decided.
    notes : tuple of str
        Messages about columns, and the factor that was recommended.
    bytes_before : int
        Size of the files read.
    bytes_after : int
        Size of the file written.
    seconds : float
        Time in seconds.
    """

    source: list[str]
    dest: str
    classes: tuple[dict[str, Any], ...]
    by_strata: bool
    plan: Plan | None
    notes: tuple[str, ...]
    bytes_before: int
    bytes_after: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the summary in types that JSON has.

        Returns
        -------
        dict
            Files, bytes, time, and rows and weight of each class before and after.
            Dates, times and intervals are text, several strata a list. The plan is
            None where other labels are no plain values.
        """
        plan = None
        with suppress(TypeError):
            plan = self.plan and self.plan.to_dict()
        return {
            "source": self.source,
            "dest": self.dest,
            "bytes_before": self.bytes_before,
            "bytes": self.bytes_after,
            "seconds": self.seconds,
            "classes": [
                each | {"label": _plain(each["label"])} for each in self.classes
            ],
            "notes": list(self.notes),
            "plan": plan,
        }


def _plain(label: Any) -> Any:
    label = plain_label(label)
    if isinstance(label, tuple):
        return list(map(_plain, label))
    return label if isinstance(label, (str, int, float)) else str(label)


def class_entries(resampled: Resampled) -> Iterator[dict[str, Any]]:
    """Describe each class before and after."""
    codes: Any = resampled.codes
    if resampled.strata is None:
        names, rows_before, weight_before = resampled.original
    else:
        codes, labels = resampled.strata
        names, rows_before = labels.classes, labels.counts
        samples: Any = resampled.samples
        weight_before = class_totals(labels, samples.sample_weight)
    columns = {
        "label": names,
        "rows_before": rows_before,
        "rows": np.bincount(codes, minlength=len(names)),
        "weight_before": weight_before,
        "weight": np.bincount(codes, resampled.weights, minlength=len(names)),
    }
    for values in zip(*(each.tolist() for each in columns.values()), strict=True):
        yield dict(zip(columns, values, strict=True))
