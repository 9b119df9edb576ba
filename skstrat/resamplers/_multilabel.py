"""Rows of several labels each: which are drawn, and their weights."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skstrat._core.cells import Draw
from skstrat._core.labels import Labels, column_names
from skstrat._core.plan import Plan
from skstrat._core.samples import CheckedSamples
from skstrat._core.targets import Targets
from skstrat._core.weights import Floats, Weighting, multiply_weights

Indices = NDArray[np.intp]

_TOLERANCE = 1e-11
_MOST_STEPS = 60
_SMALLEST_STEP = 1e-6
_SINGULAR = 1e-13
# Penalty: if totals contradict each other, one may be off by about 1 % before weights
# change by a factor of e.
_GIVE = 0.01


@dataclass(frozen=True)
class LabelSets:
    """The labels of every row: none, one or several."""

    # Of shape (n_rows, n_labels). The last column stands for rows without any label, if
    # there are such rows.
    members: sparse.csc_array
    # The labels that occur, None last for rows without any. The codes are those of the
    # label that decides over a row.
    labels: Labels
    kept: Any = None  # LabelSets of the rows drawn; None before the draw.

    def rows_with(self, code: int) -> Indices:
        """List the rows that have a label."""
        start, stop = self.members.indptr[code : code + 2]
        return self.members.indices[start:stop]

    def totals(self, weights: Floats | None) -> Floats:
        """Add up the weights of the rows of each label."""
        if weights is None:
            return self.labels.counts.astype(np.float64)
        return np.asarray(self.members.T @ weights, dtype=np.float64)

    def take(self, rows: Indices) -> LabelSets:
        """Take some rows."""
        members = self.members.tocsr()[rows].tocsc()
        members.sort_indices()
        counts = np.diff(members.indptr).astype(np.int64)
        codes = self.labels.codes[rows]
        return LabelSets(members, Labels(codes, self.labels.classes, counts))

    def draw(self, targets: Targets, samples: CheckedSamples, seed: int) -> Draw:
        """Draw each row at the highest rate of its labels."""
        # Label l decides over m_l rows, of which max(1, round(m_l * rate_l)) are drawn.
        # The rate is that of the label if it were alone. So the inclusion probability
        # of a row depends on its labels alone, and its inverse is unbiased for the
        # total of every label (Horvitz and Thompson, 1952).
        rate = targets.rows / self.labels.counts
        codes = np.empty(len(self.labels.codes), dtype=self.labels.codes.dtype)
        # The last to write decides: the label of the highest rate.
        for code in np.argsort(rate, kind="stable").tolist():
            codes[self.rows_with(code)] = code
        counts = np.bincount(codes, minlength=len(rate))
        deciding = np.flatnonzero(counts)
        counts = counts[deciding]
        position = np.zeros(len(rate), dtype=codes.dtype)
        position[deciding] = np.arange(len(deciding))
        wanted = np.maximum(1, np.rint(counts * rate[deciding])).astype(np.int64)
        own = Labels(position[codes], self.labels.classes[deciding], counts)
        _, indices = Plan.draw(own, wanted, seed, samples.positions)
        drawn, kept = own.codes[indices], self.take(indices)
        kept.check_no_label_is_lost()
        return Draw(
            indices,
            replace(self, kept=kept),
            deciding[drawn],
            kept.labels.counts,
            targets.factor,
            incoming=samples.weights_of(indices),
            moves_rows=len(indices) < len(codes),
            inverse_chance=(counts / wanted)[drawn],
        )

    def rows_of_class(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of each label unchanged: labels have no cells."""
        return rows

    def classes_of(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Return the deciding labels unchanged."""
        return codes

    @property
    def cells(self) -> Labels:
        """The labels, which are their own cells."""
        return self.labels

    def check_no_label_is_lost(self) -> None:
        """Refuse rows in which a label does not occur."""
        lost = self.labels.counts == 0
        if lost.any():
            raise ValueError(
                f"No row that has label {self.labels.classes[lost].tolist()[0]!r} is "
                "kept. Keep more of it with factor or sampling_strategy as a dict, or "
                "use another random_state."
            )


def is_label_matrix(y: Any) -> bool:
    """Return whether y is a table of zeros and ones, a column for each label."""
    if sparse.issparse(y):
        values = y.data
    else:
        values = np.asarray(y)
        if values.ndim != 2:
            return False
    return y_width(y) > 1 and bool(np.isin(values, (0, 1)).all())


def y_width(y: Any) -> int:
    """Count the columns of a target."""
    shape = getattr(y, "shape", None)
    return int(np.shape(y)[1] if shape is None else shape[1])


def read_label_sets(y: Any) -> LabelSets:
    """Read an indicator matrix."""
    names = column_names(y)
    matrix = sparse.csc_array(y if sparse.issparse(y) else np.asarray(y, dtype=bool))
    matrix.eliminate_zeros()
    matrix.sort_indices()
    matrix = matrix.astype(np.float64)
    counts = np.diff(matrix.indptr)
    found = np.flatnonzero(counts)
    names = [column if names is None else names[column] for column in found.tolist()]
    if not names:
        raise ValueError("y must have a label in some row; got only zeros.")
    matrix, counts = matrix[:, found], counts[found]
    without = np.ones(matrix.shape[0], dtype=bool)
    without[matrix.indices] = False
    if without.any():
        matrix = sparse.hstack([matrix, without[:, None]], format="csc")
        names.append(None)
        counts = np.append(counts, np.count_nonzero(without))
    classes = np.empty(len(names), dtype=object)
    classes[:] = names
    matrix.sort_indices()
    codes = np.zeros(matrix.shape[0], dtype=np.min_scalar_type(len(names)))
    return LabelSets(matrix, Labels(codes, classes, counts.astype(np.int64)))


def weigh_label_sets(
    draw: Draw, samples: CheckedSamples, weighting: Weighting
) -> Floats:
    """Compute weights of rows of several labels that keep the totals of all labels."""
    own = np.ones(len(draw.indices)) if draw.incoming is None else draw.incoming
    if weighting == "uniform":
        return own
    start = multiply_weights(np.asarray(draw.inverse_chance), own)
    if weighting == "factor":
        return start
    if weighting != "original":
        raise ValueError(
            'weighting must be "original", "factor" or "uniform" where rows have '
            f"several labels, whose totals overlap; got {weighting!r}."
        )
    sets, incoming = draw.cells, samples.sample_weight
    everything = len(sets.labels.codes) if incoming is None else incoming.sum()
    return rake(start, sets.kept, sets.totals(incoming), float(everything))


def rake(
    weights: Floats, sets: LabelSets, totals: Floats, grand_total: float
) -> Floats:
    """Scale weights so that rows of every label, and all rows, have given totals."""
    # Of all weights with those totals, w_i exp(sum of the multipliers of its labels)
    # are the nearest in Kullback-Leibler divergence. Scaling label by label has the
    # same limit (Deming and Stephan, 1940); Newton's method needs a few steps (Deville
    # and Sarndal, 1992). Where too few rows have one label and not another, no weights
    # may have those totals. Then the divergence plus sum_l (t_l' - t_l)^2 / (2 eps t_l)
    # is minimised (Rao and Singh, 1997).
    members = sparse.hstack([sets.members, np.ones((len(weights), 1))], format="csr")
    wanted = np.append(totals, grand_total)
    start = weights * (grand_total / weights.sum())
    raked, solved = _solve(members, start, wanted, np.zeros(len(wanted)))
    if solved:
        return raked
    raked, _ = _solve(members, start, wanted, np.append(_GIVE * totals, 0))
    raked *= grand_total / raked.sum()
    error = np.abs(sets.totals(raked) / totals - 1)
    names = sets.labels.classes[error > error.max() / 2].tolist()
    warnings.warn(
        "No weights of the rows kept have the totals of all labels: too few of them "
        f"have one label and not another. The totals of {names!r} differ; the grand "
        "total is kept. Keep more rows of these labels, with factor or "
        "sampling_strategy as a dict.",
        ConvergenceWarning,
        stacklevel=2,
    )
    return raked


def _solve(
    members: Any, start: Floats, wanted: Floats, give: Floats
) -> tuple[Floats, bool]:
    """Find the adjusted weights; False if some totals do not hold."""
    raked, multiplier = start, np.zeros(len(wanted))
    for _ in range(_MOST_STEPS):
        gap = wanted - members.T @ raked - give * multiplier
        if np.abs(gap / wanted).max() <= _TOLERANCE:
            return raked, True
        direction = _newton_direction(members, raked, wanted, gap, give)
        step, raked = _descend(members, start, wanted, give, multiplier, direction)
        if step == 0:
            break
        multiplier = multiplier + step * direction
    return raked, False


def _newton_direction(
    members: Any, weights: Floats, wanted: Floats, gap: Floats, give: Floats
) -> Floats:
    # Scaled, so that rare labels are not lost in rounding; labels that always come
    # together make the matrix singular.
    scale = 1 / np.sqrt(wanted)
    hessian = (members.multiply(weights[:, None]).T @ members).toarray()
    scaled = scale[:, None] * (hessian + np.diag(give)) * scale
    step = np.linalg.lstsq(scaled, scale * gap, rcond=_SINGULAR)[0]
    direction: Floats = scale * step
    return direction


def _descend(
    members: Any,
    start: Floats,
    wanted: Floats,
    give: Floats,
    at: Floats,
    direction: Floats,
) -> tuple[float, Floats]:
    """Halve the step until the dual function is no larger; 0 if none is."""

    def weigh(multiplier: Floats) -> tuple[Floats, float]:
        with np.errstate(over="ignore"):
            weights: Floats = start * np.exp(members @ multiplier)
        penalty = give @ multiplier**2 / 2
        return weights, float(weights.sum() - multiplier @ wanted + penalty)

    raked, value = weigh(at)
    step = 1.0
    while step > _SMALLEST_STEP:
        moved, new = weigh(at + step * direction)
        if new <= value + _TOLERANCE * abs(value):
            return step, moved
        step /= 2
    return 0.0, raked
