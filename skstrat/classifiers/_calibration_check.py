r"""The rows that were dropped are a hold-out that costs nothing.

The estimator has not seen them, and they are a random sample of their class. With the
rows of the small class, all of which it has seen, they estimate how many of that class
it predicts in all the data.
"""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from skstrat._core.labels import Labels, encode_labels
from skstrat._core.plan import Plan
from skstrat._core.rows import take_rows
from skstrat._core.weights import Floats, class_totals
from skstrat.exceptions import CalibrationWarning

_FOLDS = 3
_LEAST, _MOST = 0.8, 1.25
_MOST_SCORED = 20_000
# A ratio outside by chance alone is no reason to warn.
_STANDARD_ERRORS = 2.0

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class _HoldOut:
    """Rows by which predictions are judged.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,)
        Positions: dropped rows of the classes that were cut down, all rows of others.
    seen : ndarray of shape (n_rows,)
        Whether the estimator was trained on a row.
    weight : ndarray of shape (n_rows,)
        What each stands for; the total of each class is its mass.
    codes : ndarray of shape (n_rows,)
        Class codes.
    smallest : int
        Code of the class of the least mass.
    mass : float
        Its mass.
    """

    rows: Indices
    seen: NDArray[np.bool_]
    weight: Floats
    codes: NDArray[Any]
    smallest: int
    mass: float

    def ratio(self, proba: Floats) -> tuple[float, float]:
        """Divide the mass of the smallest class that is predicted by what there is."""
        ratio = float((self.weight * proba).sum()) / self.mass
        variance = 0.0
        for code in np.unique(self.codes[~self.seen]):
            own = self.codes == code
            share = self.weight[own] / self.weight[own].sum()
            deviation = proba[own] - (share * proba[own]).sum()
            total = self.weight[own].sum()
            variance += float(((total * share * deviation) ** 2).sum())
        return ratio, float(np.sqrt(variance)) / self.mass


def _hold_out(
    codes: NDArray[Any],
    incoming: Floats | None,
    mass: Floats,
    kept: Indices,
    seed: int,
    most: int,
) -> _HoldOut | None:
    """Find rows to judge by."""
    seen = np.zeros(len(codes), dtype=bool)
    seen[kept] = True
    dropped = np.flatnonzero(~seen)
    if not len(dropped):
        return None
    if len(dropped) > most:
        generator = np.random.default_rng(seed)
        dropped = np.sort(generator.choice(dropped, most, replace=False))
    cut = np.zeros(len(mass), dtype=bool)
    cut[codes[dropped]] = True
    whole = np.flatnonzero(seen & ~cut[codes])
    rows = np.sort(np.concatenate([dropped, whole]))
    weight = np.ones(len(rows)) if incoming is None else incoming[rows]
    total = np.bincount(codes[rows], weight, minlength=len(mass))
    weight = weight * (mass / total)[codes[rows]]
    smallest = int(mass.argmin())
    return _HoldOut(
        rows, seen[rows], weight, codes[rows], smallest, float(mass[smallest])
    )


def _dropped_at_random(
    model: Any, labels: Labels, incoming: Floats | None, most: int | None
) -> _HoldOut | None:
    """Find rows to judge a fitted model by, if there are any."""
    resampler = model.resampler_
    plan = getattr(resampler, "plan_", None)
    # Only a plan drops rows at random, and not where it drops whole groups.
    at_random = isinstance(plan, Plan) and getattr(resampler, "groups", None) is None
    if plan is None or not at_random or not hasattr(model.estimator_, "predict_proba"):
        return None
    kept = resampler.sample_indices_
    kept = kept[kept >= 0]
    most = len(kept) if most is None else min(len(kept), most)
    mass = class_totals(labels, incoming)
    return _hold_out(labels.codes, incoming, mass, kept, plan.seed, most)


def _out_of_fold(
    fitted: Any, X: Any, y: Any, arguments: dict[str, Any]
) -> NDArray[np.float64]:
    """Predict the rows kept by models that have not seen them."""
    labels = encode_labels(y)
    if labels.counts.min() < _FOLDS:
        raise ValueError(
            f'calibration_check="cv" needs {_FOLDS} rows of every class; got '
            f"{labels.counts.min()} of class "
            f"{labels.classes.tolist()[labels.counts.argmin()]!r}. Set it to True or "
            "keep more rows."
        )
    proba = np.empty((len(labels.codes), len(labels.classes)))
    # Copies of a row must not be on both sides.
    groups = fitted.resampler_.sample_indices_
    # Data in an order, of time for one, would give each fold another distribution.
    shuffled = {"shuffle": True, "random_state": fitted.resampler_.plan_.seed % 2**32}
    if len(np.unique(groups)) < len(groups):
        splitter = StratifiedGroupKFold(_FOLDS, **shuffled)
        folds = splitter.split(labels.codes, labels.codes, groups)
    else:
        folds = StratifiedKFold(_FOLDS, **shuffled).split(labels.codes, labels.codes)
    for train, test in folds:
        judge = copy(fitted)
        part = {name: values[train] for name, values in arguments.items()}
        judge.estimator_ = clone(fitted.estimator).fit(
            take_rows(X, train), take_rows(y, train), **part
        )
        proba[test] = judge.predict_proba(take_rows(X, test))
    return proba


def _warn_of_ratio(ratio: float, standard_error: float, name: str) -> None:
    """Warn where a model predicts far too many or too few of the smallest class."""
    margin = _STANDARD_ERRORS * standard_error
    if _LEAST - margin <= ratio <= _MOST + margin:
        return
    warnings.warn(
        f"{name} predicts {ratio:.3g} times as much of the smallest class as there is, "
        "by the rows that were dropped. Regularise it more, lower the factor, leave "
        'use_weights="auto", or wrap this classifier in CalibratedClassifierCV(model, '
        'cv=StratifiedKFold(3, shuffle=True)); calibration_check="cv" gives an '
        "estimate that no row seen in training distorts.",
        CalibrationWarning,
        stacklevel=4,
    )


def check_by_dropped_rows(
    model: Any,
    X: Any,
    labels: Labels,
    incoming: Floats | None,
    trained_on: tuple[Any, Any, dict[str, Any]],
) -> float | None:
    """Judge a fitted model by the rows that were dropped."""
    if not model.calibration_check:
        return None
    out_of_fold = model.calibration_check == "cv"
    held = _dropped_at_random(
        model, labels, incoming, None if out_of_fold else _MOST_SCORED
    )
    if held is None:
        return None
    smallest = labels.classes.tolist()[held.smallest]
    place = np.asarray(model.classes_).tolist().index(smallest)
    proba = np.array(model.predict_proba(take_rows(X, held.rows))[:, place])
    if out_of_fold:
        kept = model.resampler_.sample_indices_
        own = np.searchsorted(kept, held.rows[held.seen])
        proba[held.seen] = _out_of_fold(model, *trained_on)[own, place]
    ratio, standard_error = held.ratio(proba)
    # Whoever switches the correction off wants the predictions to be off.
    if model.prior_correction:
        _warn_of_ratio(ratio, standard_error, type(model.estimator_).__name__)
    return ratio
