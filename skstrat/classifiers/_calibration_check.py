r"""The rows that were dropped are a hold-out that costs nothing.

The estimator has not seen them, and they are a random sample of their class. With the
rows of the small class, all of which it has seen, they estimate how many of that class
it predicts in all the data.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from skstrat._core.rows import take_rows
from skstrat._core.weights import Floats
from skstrat.classifiers._policy import CheckResult, is_near_one
from skstrat.exceptions import CalibrationWarning
from skstrat.resamplers._resampled import Resampled

MOST_SCORED = 20_000
_FOLDS = 3
# A ratio outside by chance alone is no reason to warn.
_STANDARD_ERRORS = 2.0
_TINY = np.finfo(np.float64).tiny

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class HoldOut:
    """Rows by which predictions are checked.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,)
        Positions: dropped rows of the classes that were cut down, all rows of others.
    trained_on : ndarray of shape (n_rows,)
        Whether the estimator was trained on a row.
    weight : ndarray of shape (n_rows,)
        What each stands for; those of each class add up to its total.
    codes : ndarray of shape (n_rows,)
        Class codes.
    smallest : int
        Code of the class of the least total.
    total : float
        Its total.
    """

    rows: Indices
    trained_on: NDArray[np.bool_]
    weight: Floats
    codes: NDArray[Any]
    smallest: int
    total: float

    def check(self, proba: Floats) -> CheckResult:
        """Divide what is predicted of the smallest class by what there is of it."""
        ratio = float((self.weight * proba).sum()) / self.total
        # What was trained on is all there is of its classes, so it has no variance.
        fresh = ~self.trained_on
        codes, weight, p = self.codes[fresh], self.weight[fresh], proba[fresh]
        mean = np.bincount(codes, weight * p) / np.bincount(codes, weight).clip(_TINY)
        error = np.sqrt(((weight * (p - mean[codes])) ** 2).sum())
        return CheckResult(ratio, float(error) / self.total)


def hold_out(resampled: Resampled, most: int | None) -> HoldOut | None:
    """Find rows to check by; None if no row was dropped at random.

    Of the dropped rows as many are looked at as were kept, and ``most`` at the most.
    """
    samples, plan = resampled.samples, resampled.plan
    if samples is None or plan is None or not resampled.at_random:
        return None
    codes, incoming = samples.labels.codes, samples.sample_weight
    totals, kept = resampled.original[2], resampled.rows
    trained_on = np.zeros(len(codes), dtype=bool)
    trained_on[kept] = True
    dropped = np.flatnonzero(~trained_on)
    if not len(dropped):
        return None
    most = len(kept) if most is None else min(len(kept), most)
    if len(dropped) > most:
        generator = np.random.default_rng(plan.seed)
        dropped = np.sort(generator.choice(dropped, most, replace=False))
    cut = np.zeros(len(totals), dtype=bool)
    cut[codes[dropped]] = True
    whole = np.flatnonzero(trained_on & ~cut[codes])
    rows = np.sort(np.concatenate([dropped, whole]))
    weight = np.ones(len(rows)) if incoming is None else incoming[rows]
    held = np.bincount(codes[rows], weight, minlength=len(totals))
    smallest = int(totals.argmin())
    return HoldOut(
        rows,
        trained_on[rows],
        weight * (totals / held)[codes[rows]],
        codes[rows],
        smallest,
        float(totals[smallest]),
    )


def cross_fitted(
    estimator: Any,
    resampled: Resampled,
    arguments: dict[str, Any],
    predict: Callable[[Any, Any], Floats],
) -> Floats:
    """Predict the rows kept by models that have not seen them.

    ``predict`` takes a fitted estimator and rows, and gives corrected probabilities.
    """
    labels, groups, plan = resampled.labels, resampled.rows, resampled.plan
    if labels.counts.min() < _FOLDS:
        raise ValueError(
            f'calibration_check="cv" needs {_FOLDS} rows of every class; got '
            f"{labels.counts.min()} of class "
            f"{labels.classes.tolist()[labels.counts.argmin()]!r}. Set it to True or "
            "keep more rows."
        )
    seed = 0 if plan is None else plan.seed
    # Data in an order, of time for one, would give each fold another distribution.
    shuffled = {"shuffle": True, "random_state": seed % 2**32}
    # Copies of a row must not be on both sides.
    repeated = len(np.unique(groups)) < len(groups)
    if repeated:
        splitter = StratifiedGroupKFold(_FOLDS, **shuffled)
        folds = splitter.split(labels.codes, labels.codes, groups)
    else:
        folds = StratifiedKFold(_FOLDS, **shuffled).split(labels.codes, labels.codes)
    proba = np.empty((len(labels.codes), len(labels.classes)))
    for train, test in folds:
        part = {name: values[train] for name, values in arguments.items()}
        fitted = clone(estimator).fit(
            take_rows(resampled.X, train), take_rows(resampled.y, train), **part
        )
        proba[test] = predict(fitted, take_rows(resampled.X, test))
    return proba


def warn_of_ratio(result: CheckResult, name: str) -> None:
    """Warn where a model predicts far too many or too few of the smallest class."""
    if is_near_one(result.ratio, _STANDARD_ERRORS * result.standard_error):
        return
    warnings.warn(
        f"{name} predicts {result.ratio:.3g} times as much of the smallest class as "
        "there is, by the rows that were dropped. Regularise it more, lower the "
        'factor, leave use_weights="auto", or wrap this classifier in '
        "CalibratedClassifierCV(model, cv=StratifiedKFold(3, shuffle=True)); "
        'calibration_check="cv" gives an estimate that no row seen in training '
        "distorts.",
        CalibrationWarning,
        stacklevel=4,
    )
