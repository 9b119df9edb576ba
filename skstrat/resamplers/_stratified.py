"""Rows picked within strata, and by whole groups."""

from __future__ import annotations

from typing import Any

from skstrat._core.parameters import RANDOM_STATE, WEIGHTING
from skstrat._core.samples import CheckedSamples
from skstrat._core.strata import ROW_LABELS, find_cells, read_row_labels
from skstrat.resamplers._base import BaseResampler


class StratifiedResampler(BaseResampler):
    """Base of the resamplers that pick rows, within strata and by groups if given."""

    _parameter_constraints: dict[str, list[Any]] = {
        "weighting": WEIGHTING,
        "strata": ROW_LABELS,
        "groups": ROW_LABELS,
        "y_numeric": ["boolean"],
        "random_state": RANDOM_STATE,
    }
    strata: Any
    groups: Any
    y_numeric: bool

    def _cells(self, samples: CheckedSamples, X: Any, y: Any) -> Any:
        strata, groups = (
            None
            if named is None
            else read_row_labels(named, X, y, samples.positions, argument)
            for named, argument in ((self.strata, "strata"), (self.groups, "groups"))
        )
        return find_cells(samples, strata, groups, y_numeric=self.y_numeric)
