"""Rows picked within strata, and by whole groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from skstrat._base import BaseResampler, Drawn
from skstrat._cells import CellDraw, draw_groups, draw_rows
from skstrat._counted import weights_of_rows
from skstrat._labels import Labels
from skstrat._rows import count_rows, take_rows
from skstrat._seed import seed_of
from skstrat._strata import labels_or_strata, read_row_labels
from skstrat._strategy import Targets
from skstrat._weights import (
    Floats,
    cell_weights,
    class_totals,
    class_weights,
    multiply_weights,
    wanted_totals,
)


class StratifiedResampler(BaseResampler):
    """Base of the resamplers that pick rows, within strata and by groups if given."""

    strata: Any
    groups: Any

    def _check_needs_labels_alone(self) -> None:
        super()._check_needs_labels_alone()
        for argument in ("strata", "groups"):
            if getattr(self, argument) is not None:
                raise ValueError(
                    f"{argument} must be None for data in partitions, which are drawn "
                    "by their labels alone; got "
                    f"{type(getattr(self, argument)).__name__}. Write classes crossed "
                    "with strata into one column of labels."
                )

    def _learn(self, X: Any, y: Any, sample_weight: Any) -> Drawn:
        if self.strata is None and self.groups is None:
            return super()._learn(X, y, sample_weight)
        self._validate_params()
        incoming, counted = weights_of_rows(X, count_rows(y), sample_weight)
        strata, groups = (
            None if named is None else read_row_labels(named, X, y, counted, argument)
            for named, argument in ((self.strata, "strata"), (self.groups, "groups"))
        )
        if incoming is not None and counted is not None:
            y, incoming = take_rows(y, counted), incoming[counted]
        self._learn_columns(X)
        labels, strata = labels_or_strata(y, strata)
        targets = self._targets(labels, y)
        seed = seed_of(self.random_state)
        if groups is None:
            draw = draw_rows(labels, strata, targets, seed, counted)
        else:
            draw = draw_groups(labels, strata, groups, targets, seed)
        multiplier = self._learn_cells(labels, targets, draw, incoming)
        indices = draw.indices
        rows = indices if counted is None else counted[indices]
        self.sample_indices_ = rows
        weights = multiplier[draw.cells.codes[indices]]
        if incoming is not None:
            weights = multiply_weights(weights, incoming[indices])
        untouched = counted is None and not draw.plan.moves_rows
        return Drawn(rows, weights, untouched)

    def _learn_cells(
        self,
        labels: Labels,
        targets: Targets,
        draw: CellDraw,
        incoming: Floats | None,
    ) -> Floats:
        """Weight each cell so that its total is kept, and each class's is as wanted."""
        indices, cells = draw.indices, draw.cells
        taken = None if incoming is None else incoming[indices]
        mass = class_totals(labels, incoming)
        cell_mass = class_totals(cells, incoming)
        drawn = _totals(cells.codes[indices], taken, len(cells.classes))
        wanted = np.ones(len(mass))
        if self.weighting not in ("uniform", "factor"):
            wanted = wanted_totals(labels, self.weighting, mass) / mass
        multiplier = cell_weights(
            self.weighting, draw.factor, draw.class_of, wanted, cell_mass, drawn
        )
        self.plan_ = draw.plan.weighted(cell_mass, multiplier)
        self.classes_ = labels.classes
        names = labels.classes.tolist()
        drawn_of_class = _totals(draw.class_of, drawn, len(mass))
        rows_of_class = np.bincount(labels.codes[indices], minlength=len(mass))
        self.sampling_strategy_ = dict(zip(names, rows_of_class.tolist(), strict=True))
        weight_of_class = class_weights(
            labels, targets.factor, self.weighting, mass, drawn_of_class
        )
        self.class_weight_ = dict(zip(names, weight_of_class.tolist(), strict=True))
        return multiplier


def _totals(codes: Any, weights: Floats | None, n_cells: int) -> Floats:
    return np.bincount(codes, weights, minlength=n_cells).astype(np.float64)
