r"""Rows of several labels each: which are drawn, and what each counts.

A row is drawn at the highest rate of the labels it has, so that its inclusion
probability depends on its labels alone and :math:`1 / \pi_i` is unbiased for the total
of every label (Horvitz and Thompson, 1952). The weights are then raked, label by label,
to the exact totals (Deming and Stephan, 1940; Deville and Sarndal, 1992).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skstrat._labels import Labels
from skstrat._plan import Plan
from skstrat._strategy import Targets
from skstrat._weights import Floats

Indices = NDArray[np.intp]

_TOLERANCE = 1e-10
_MOST_ROUNDS = 1000


@dataclass(frozen=True)
class LabelSets:
    """The labels of every row, none, one or several.

    Attributes
    ----------
    members : csc_array of shape (n_rows, n_labels)
        Which rows have a label; the last column stands for rows without any, if there
        are such.
    labels : Labels
        The labels that occur, None last for rows without any, and how many rows have
        each; its codes are those of the label that decides over a row.
    """

    members: sparse.csc_array
    labels: Labels

    def rows_with(self, code: int) -> Indices:
        """List the rows that have a label.

        Parameters
        ----------
        code : int
            Position of the label.

        Returns
        -------
        ndarray of shape (n_members,)
            Positions, ascending.
        """
        start, stop = self.members.indptr[code : code + 2]
        return self.members.indices[start:stop]

    def totals(self, weights: Floats | None) -> Floats:
        """Add up the weights of the rows of each label.

        Parameters
        ----------
        weights : ndarray of shape (n_rows,) or None
            Weights, 1 if None.

        Returns
        -------
        ndarray of shape (n_labels,)
            Totals. A row counts for each of its labels.
        """
        if weights is None:
            return self.labels.counts.astype(np.float64)
        return np.asarray(self.members.T @ weights, dtype=np.float64)

    def take(self, rows: Indices) -> LabelSets:
        """Take some rows.

        Parameters
        ----------
        rows : ndarray of shape (n_taken,)
            Positions, ascending.

        Returns
        -------
        LabelSets
            Of those rows, with the same labels.
        """
        members = self.members.tocsr()[rows].tocsc()
        members.sort_indices()
        counts = np.diff(members.indptr).astype(np.int64)
        codes = self.labels.codes[rows]
        return LabelSets(members, Labels(codes, self.labels.classes, counts))


def is_label_matrix(y: Any) -> bool:
    """Tell whether y says of every row which of several labels it has.

    Parameters
    ----------
    y : array-like
        Target.

    Returns
    -------
    bool
        Whether it is a table of zeros and ones with two columns or more.
    """
    if sparse.issparse(y):
        values = y.data
    else:
        values = np.asarray(y)
        if values.ndim != 2:
            return False
    return y_width(y) > 1 and bool(np.isin(values, (0, 1)).all())


def y_width(y: Any) -> int:
    """Count the columns of a target.

    Parameters
    ----------
    y : array-like of shape (n_rows, n_labels)
        Target.

    Returns
    -------
    int
        Columns.
    """
    shape = getattr(y, "shape", None)
    return int(np.shape(y)[1] if shape is None else shape[1])


def read_label_sets(y: Any) -> LabelSets:
    """Read an indicator matrix.

    Parameters
    ----------
    y : array-like or sparse matrix of shape (n_rows, n_labels)
        1 where a row has a label, else 0.

    Returns
    -------
    LabelSets
        Labels that no row has are left out.
    """
    names = getattr(y, "columns", None)
    matrix = sparse.csc_array(y if sparse.issparse(y) else np.asarray(y, dtype=bool))
    matrix.eliminate_zeros()
    matrix.sort_indices()
    matrix = matrix.astype(np.float64)
    counts = np.diff(matrix.indptr)
    found = np.flatnonzero(counts)
    names = list(range(matrix.shape[1])) if names is None else list(names)
    names = [names[column] for column in found.tolist()]
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


def draw_label_sets(
    sets: LabelSets, targets: Targets, seed: int, key: Indices | None
) -> tuple[Indices, Floats, Floats]:
    r"""Draw each row at the highest rate of its labels.

    Parameters
    ----------
    sets : LabelSets
        Labels of the rows.
    targets : Targets
        Rows wanted of each label, were it alone; its rate is ``rows / counts``.
    seed : int
        64-bit seed.
    key : ndarray of shape (n_rows,) or None
        Identities of the rows; their positions if None.

    Returns
    -------
    indices : ndarray of shape (n_drawn,)
        The rows drawn, ascending: of the :math:`m_l` rows over which label *l*
        decides, ``max(1, round(m_l * rate_l))``.
    inverse_chance : ndarray of shape (n_drawn,)
        :math:`1 / \pi_i` of each.
    factor : ndarray of shape (n_drawn,)
        The nominal number of rows that each stands for.
    """
    rate = targets.rows / sets.labels.counts
    codes = np.empty(len(sets.labels.codes), dtype=sets.labels.codes.dtype)
    # The last to write decides: the label of the highest rate.
    for code in np.argsort(rate, kind="stable").tolist():
        codes[sets.rows_with(code)] = code
    deciding = np.unique(codes)
    counts = np.bincount(codes, minlength=len(rate))[deciding]
    position = np.zeros(len(rate), dtype=codes.dtype)
    position[deciding] = np.arange(len(deciding))
    wanted = np.maximum(1, np.rint(counts * rate[deciding])).astype(np.int64)
    own = position[codes]
    _, indices = Plan.draw(
        Labels(own, sets.labels.classes[deciding], counts), wanted, seed, key
    )
    drawn = own[indices]
    inverse_chance = (counts / wanted)[drawn]
    return indices, inverse_chance, targets.factor[deciding][drawn]


def rake(
    weights: Floats, sets: LabelSets, totals: Floats, grand_total: float
) -> Floats:
    """Scale weights so that the rows of every label, and all rows, have given totals.

    Iterative proportional fitting: label after label, the rows that have it and those
    that have not are each scaled to their totals, until all hold.

    Parameters
    ----------
    weights : ndarray of shape (n_rows,)
        Positive weights.
    sets : LabelSets
        Labels of the rows.
    totals : ndarray of shape (n_labels,)
        Wanted of each label.
    grand_total : float
        Wanted of all rows.

    Returns
    -------
    ndarray of shape (n_rows,)
        Positive weights; within a set of labels each is multiplied by the same.

    Raises
    ------
    ValueError
        If a label has no row.

    Warns
    -----
    ConvergenceWarning
        If the totals contradict each other in these rows.
    """
    lost = sets.labels.counts == 0
    if lost.any():
        raise ValueError(
            f"No row that has label {sets.labels.classes[lost].tolist()[0]!r} is "
            "kept. Keep more of it with factor or sampling_strategy as a dict, or use "
            "another random_state."
        )
    members = [sets.rows_with(code) for code in range(len(totals))]
    weights = weights * (grand_total / weights.sum())
    for _ in range(_MOST_ROUNDS):
        held = np.array([weights[rows].sum() for rows in members])
        error = np.abs(held / totals - 1).max()
        if error <= _TOLERANCE:
            return weights
        # Rows without the label are scaled by one number, kept aside until the end.
        scale = 1.0
        for rows, total in zip(members, totals.tolist(), strict=True):
            own = scale * float(weights[rows].sum())
            others, wanted_of_others = grand_total - own, grand_total - total
            if len(rows) == len(weights) or min(others, wanted_of_others) <= 0:
                continue
            of_others = wanted_of_others / others
            weights[rows] *= total / own / of_others
            scale *= of_others
        weights *= grand_total / weights.sum()
    worst = sets.labels.classes.tolist()[int(np.abs(held / totals - 1).argmax())]
    warnings.warn(
        f"The weights could not be raked to the totals of all labels: that of "
        f"{worst!r} is off by a share of {error:.3g}. Its rows and those of another "
        "label cannot be told apart among the rows kept; keep more of them.",
        ConvergenceWarning,
        stacklevel=2,
    )
    return weights
