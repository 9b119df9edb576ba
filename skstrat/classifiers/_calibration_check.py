r"""Check a fitted model by the rows that were dropped, and warn with the cause."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.pipeline import Pipeline as SklearnPipeline

from skstrat._core.cells import Cells
from skstrat._core.estimators import final_estimator, inner_estimator, is_linear
from skstrat._core.prior import NotProbabilitiesError
from skstrat._core.rows import take_rows
from skstrat._core.samples import CheckedSamples
from skstrat._core.weights import Floats
from skstrat.classifiers._causes import Cause
from skstrat.classifiers._fitting import Fitting
from skstrat.classifiers._hold_out import (
    CheckResult,
    HoldOut,
    hold_out,
    nearest_to_one,
    rows_to_check,
)
from skstrat.classifiers._own_prior import weighs_itself
from skstrat.classifiers._parts import Part
from skstrat.classifiers._policy import (
    WeightKind,
    is_near_one,
    weighs_classes,
)
from skstrat.exceptions import CalibrationWarning
from skstrat.resamplers._resampled import Resampled

# Rows that are always scored, and the most that are scored if these do not decide.
FEW_ROWS, MOST_SCORED = 2_000, 20_000
# Boosting and forests are refitted on this many rows within about a second.
_MOST_CROSS_FITTED = 5_000
_FOLDS = 3
NAIVE_BAYES = (BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB)

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]
Predict = Callable[[Indices], Floats]


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions of rows kept."""

    rows: Indices
    proba: Floats  # corrected, of shape (n_rows, n_classes)

    def of(self, wanted: Indices) -> Floats:
        order = np.argsort(self.rows)
        place = order[np.searchsorted(self.rows, wanted, sorter=order)]
        found: Floats = self.proba[place]
        return found


def hold_out_of(resampled: Resampled) -> HoldOut | None:
    """Find rows to check by; None if none was dropped."""
    samples, rows = resampled.samples, resampled.rows
    # In Dask collections rows of zero weight are kept and count as positions.
    if samples is None or samples.positions is not None:
        return None
    codes = samples.labels.codes
    if rows is not None:
        trained_on = rows_trained_on(rows, len(codes))
    elif resampled.class_change is None:
        return None
    else:
        # If it is not known which rows of a class were kept, all represent it.
        trained_on = (resampled.class_change[0] >= 1)[codes]
    cells = cells_of(resampled, samples)
    return hold_out(samples, cells, trained_on, seed_of(resampled))


def rows_trained_on(rows: Indices, n_rows: int) -> Mask:
    """Tell which rows were drawn."""
    trained_on = np.zeros(n_rows, dtype=bool)
    trained_on[rows[rows >= 0]] = True
    return trained_on


def cells_of(resampled: Resampled, samples: CheckedSamples) -> Cells | None:
    """Return the cells in which rows were kept at random; None for another draw."""
    if not resampled.at_random:
        return None
    return resampled.cells or Cells.of_classes(samples.labels)


def seed_of(resampled: Resampled) -> int:
    """Return the seed of the draw; 0 if it is not known."""
    return 0 if resampled.plan is None else resampled.plan.seed


def places_of(columns: NDArray[Any], classes: NDArray[Any]) -> list[int]:
    """Find the columns of classes."""
    known = np.asarray(columns).tolist()
    return [known.index(label) for label in classes.tolist()]


def check_by_rows(
    held: HoldOut,
    predict: Predict,
    cross_fit: Callable[[], OutOfFold | None],
    *,
    at_once: bool,
    n_fitted: int,
) -> CheckResult:
    """Check a model; predict its rows out of fold ``at_once`` or where it fails."""
    predict = _explained(predict)
    out_of_fold = cross_fit() if at_once and held.has_rows_trained_on else None
    result = _score(held, predict, out_of_fold, n_fitted)
    if at_once or not (result.in_training and is_off(result)):
        return result
    out_of_fold = cross_fit()
    if out_of_fold is None:
        return result
    # Models fitted on fewer rows are too uncertain; predictions of training rows are
    # too certain. The biases are opposite.
    return nearest_to_one(result, _score(held, predict, out_of_fold, n_fitted))


def _explained(predict: Predict) -> Predict:
    """Explain an error in the prediction of rows that were dropped."""

    def explained(rows: Indices) -> Floats:
        try:
            return predict(rows)
        except NotProbabilitiesError:
            raise
        except ValueError as error:
            raise ValueError(
                "The model cannot predict rows that the resampler dropped: "
                f"{error}. It is checked by these rows. If they hold a category that "
                "no kept row has, put the encoder before the resampler. Or let it take "
                'unknown categories: OneHotEncoder(handle_unknown="ignore").'
            ) from error

    return explained


def _score(
    held: HoldOut, predict: Predict, out_of_fold: OutOfFold | None, n_fitted: int
) -> CheckResult:
    """Score few rows, and as many as were fitted where these are not enough."""
    # The limit is a number of rows, not a time, so that two runs agree.
    for most in (FEW_ROWS, min(n_fitted, MOST_SCORED)):
        sample = held.sample(most)
        if out_of_fold is not None:
            known = np.isin(sample.rows, out_of_fold.rows)
            sample = sample.take(known | ~sample.trained_on)
        trained_on = sample.trained_on
        in_training = out_of_fold is None and bool(trained_on.any())
        if out_of_fold is None or not trained_on.any():
            proba = predict(sample.rows)
        else:
            proba = np.empty((len(trained_on), len(held.classes)))
            proba[trained_on] = out_of_fold.of(sample.rows[trained_on])
            proba[~trained_on] = predict(sample.rows[~trained_on])
        result = sample.check(proba, in_training=in_training)
        if sample.is_all or most >= n_fitted or _leaves_no_doubt(result):
            break
    return result


def _leaves_no_doubt(result: CheckResult) -> bool:
    inside = all(
        is_near_one(ratio, -result.margin_of(label))
        for label, ratio in result.ratios.items()
    )
    return inside or is_off(result)


def is_off(result: CheckResult) -> bool:
    """Tell whether a class is predicted far too often or too rarely."""
    return not is_near_one(result.ratio, result.margin_of(result.worst))


def leaves_cause_open(result: CheckResult | None) -> bool:
    """Tell whether a check decides neither that a model is right nor wrong."""
    if result is None:
        return True
    return not is_off(result) and (result.in_training or not _leaves_no_doubt(result))


def is_quickly_fitted(resampled: Resampled) -> bool:
    """Tell whether an estimator is cross-fitted before its check fails."""
    return len(resampled.labels.codes) <= _MOST_CROSS_FITTED


def pays_to_cross_fit(estimator: Any) -> bool:
    """Tell whether training rows bias the check and no inner fits are made."""
    return is_flexible(estimator) and inner_estimator(_last_step(estimator)) is None


def is_flexible(estimator: Any) -> bool:
    """Tell whether an estimator may memorise its rows."""
    return not (
        is_linear(estimator) or isinstance(final_estimator(estimator), NAIVE_BAYES)
    )


def _last_step(estimator: Any) -> Any:
    while isinstance(estimator, SklearnPipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def cross_fitted(
    fitting: Fitting,
    resampled: Resampled,
    predict: Callable[[Any, Any], Floats],
    *,
    whole: bool,
) -> OutOfFold:
    """Predict rows kept, all if ``whole``, by models not trained on them."""
    labels, rows = resampled.labels, resampled.rows
    if labels.counts.min() < _FOLDS:
        raise ValueError(
            f'calibration_check="cv" needs {_FOLDS} rows of every class; got '
            f"{labels.counts.min()} of class "
            f"{labels.classes.tolist()[labels.counts.argmin()]!r}. Set it to True or "
            "keep more rows."
        )
    # Data in an order, of time for one, would give each fold another distribution.
    shuffled = {"shuffle": True, "random_state": seed_of(resampled) % 2**32}
    chosen, codes = np.arange(len(rows)), labels.codes
    if len(rows) > _MOST_CROSS_FITTED and not whole:
        splitter = StratifiedShuffleSplit(
            1, train_size=_MOST_CROSS_FITTED, random_state=shuffled["random_state"]
        )
        chosen = np.sort(next(splitter.split(codes, codes))[0])
        rows, codes = rows[chosen], codes[chosen]
    # Copies of a row must not be on both sides; rows that were made are no copies.
    groups = np.where(rows < 0, -1 - np.arange(len(rows)), rows)
    if len(np.unique(groups)) < len(groups):
        folds = StratifiedGroupKFold(_FOLDS, **shuffled).split(codes, codes, groups)
    else:
        folds = StratifiedKFold(_FOLDS, **shuffled).split(codes, codes)
    proba = np.empty((len(rows), len(labels.classes)))
    for train, test in folds:
        kept = chosen[train]
        fitted = fitting.fit_part(
            take_rows(resampled.X, kept), take_rows(resampled.y, kept), kept
        )
        proba[test] = predict(fitted, take_rows(resampled.X, chosen[test]))
    return OutOfFold(rows, proba)


def warn_of_ratio(
    result: CheckResult,
    estimator: Any,
    resampled: Resampled,
    given: WeightKind,
    known: Cause | None,
    more: str = "",
) -> None:
    """Warn where a model predicts far too many or too few rows of a class."""
    # The text holds no number, so that Python shows it once for all folds of a search.
    if not is_off(result):
        return
    cause, remedy = _explain(result.ratio > 1, estimator, resampled, given, known)
    amount = "many" if result.ratio > 1 else "few"
    unseen = ""
    if result.in_training and is_flexible(estimator):
        unseen = (
            " Some scored rows were training rows, so classes of which no row was "
            f"dropped seem more frequent, and others rarer{more}."
        )
    warnings.warn(
        f"{cause}, so it predicts far too {amount} rows of a class, by the rows that "
        f"were dropped. {remedy}, or wrap this classifier in "
        "CalibratedClassifierCV(model, cv=StratifiedKFold(3, shuffle=True)). "
        "decision_.check has the ratio of each class." + unseen,
        CalibrationWarning,
        stacklevel=4,
    )


def check_by_part(
    model: Any, part: Part, seed: int, *, trained_on: bool
) -> CheckResult:
    """Check a fitted model by all rows of a part, which may be trained on."""
    labels = part.labels
    in_training = np.full(len(labels.codes), trained_on)
    held = rows_to_check(labels, part.weights, None, in_training, seed)
    places = places_of(model.classes_, labels.classes)
    # A small part has not quite the shares of the data.
    original = np.repeat(model.original_prior_[places], 2)
    held = replace(held, totals=original * (held.totals > 0))

    def predict(rows: Indices) -> Floats:
        return part.predict(model.predict_proba, rows)[:, places]

    return check_by_rows(
        held, predict, lambda: None, at_once=False, n_fitted=len(labels.codes)
    )


def warn_of_batches(result: CheckResult, estimator: Any) -> None:
    """Warn where a model trained on batches predicts far too many or few of a class."""
    # The text holds no number, so that Python shows it once for all folds of a search.
    if not is_off(result):
        return
    name, amount = type(estimator).__name__, "many" if result.ratio > 1 else "few"
    if isinstance(estimator, NAIVE_BAYES):
        cause, remedy = f"{name} does not fit these data", "Use an estimator that can"
    elif getattr(estimator, "fit_intercept", True):
        cause = f"{name} has not converged"
        remedy = "Train for more epochs, scale the columns or change the step size"
    else:
        cause = f"{name}(fit_intercept=False) cannot learn the shares of the classes"
        remedy = "Leave fit_intercept out"
    warnings.warn(
        f"{cause}, so it predicts far too {amount} rows of a class. {remedy}, or wrap "
        "this classifier in CalibratedClassifierCV(model, cv=StratifiedKFold(3, "
        "shuffle=True)). decision_.check has the ratio of each class.",
        CalibrationWarning,
        stacklevel=3,
    )


def _explain(
    too_many: bool,
    estimator: Any,
    resampled: Resampled,
    given: WeightKind,
    known: Cause | None,
) -> Cause:
    name = type(final_estimator(estimator)).__name__
    if own := weighs_itself(estimator):
        return f"{own} reweighs the classes", "Leave that parameter out"
    forced = given == "all" and weighs_classes(resampled)
    if forced and not is_linear(estimator):
        return (
            f"{name} does not learn weights that represent dropped rows",
            'Set use_weights="auto", which withholds them and corrects the prior',
        )
    if known:
        return known
    if not is_flexible(estimator):
        return f"{name} does not fit these data", "Use an estimator that can"
    if too_many:
        return (
            f"{name} memorises the rows kept and predicts dropped rows like the kept "
            "rows near them",
            "Regularise it more, keep more rows",
        )
    return (
        f"{name} does not recognise a class in rows that it was not trained on",
        "Regularise it more, give it more rows of that class",
    )
