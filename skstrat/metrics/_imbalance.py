"""Names for the degree of imbalance."""

from __future__ import annotations

from typing import Any

from skstrat._core.labels import encode_labels
from skstrat._core.weights import check_sample_weight, class_totals


def degree_of_share(share: float, n_classes: int) -> str:
    """Name the degree of imbalance of a class by its share of all rows."""
    if share >= 0.8 / n_classes:
        return "none"
    if share >= 0.2:
        return "mild"
    return "moderate" if share >= 0.01 else "extreme"


def imbalance_degree(
    y: Any, sample_weight: Any = None, *, per_class: bool = False
) -> str | dict[Any, str]:
    """Name how imbalanced the classes are.

    The degrees are those of Google's Machine Learning Crash Course. A class is
    ``"extreme"`` below 1 % of the rows, ``"moderate"`` below 20 % and ``"mild"`` below
    40 %, else ``"none"``. It is also ``"none"`` from 80 % of an equal share on, because
    several classes of about equal size are not imbalanced.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels: a list, ndarray, pandas, polars or pyarrow container.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights, 1 if None. Rows with zero weight are ignored.
    per_class : bool, default=False
        Whether to return the degree of each class, not only of the smallest.

    Returns
    -------
    str or dict of label to str
        ``"none"``, ``"mild"``, ``"moderate"`` or ``"extreme"``.

    Raises
    ------
    MissingLabelsError
        If a label is NaN, None or null.
    ValueError
        If ``y`` holds no class labels or fewer than two classes with a weight, or a
        weight is impossible.

    Examples
    --------
    >>> from skstrat.metrics import imbalance_degree
    >>> y = ["ok"] * 95 + ["late"] * 4 + ["lost"]
    >>> imbalance_degree(y)
    'moderate'
    >>> imbalance_degree(y, per_class=True)
    {'late': 'moderate', 'lost': 'moderate', 'ok': 'none'}
    """
    labels = encode_labels(y)
    totals = class_totals(labels, check_sample_weight(sample_weight, len(labels.codes)))
    classes, totals = labels.classes[totals > 0].tolist(), totals[totals > 0]
    if len(classes) < 2:
        raise ValueError(
            "y must have at least two classes with a positive sample_weight; got one, "
            f"{classes[0]!r}. Give weights to rows of another class too."
        )
    shares = (totals / totals.sum()).tolist()
    degrees = [degree_of_share(share, len(shares)) for share in [min(shares), *shares]]
    return dict(zip(classes, degrees[1:], strict=True)) if per_class else degrees[0]
