"""The rows that an estimator is trained on, and those for early stopping."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.containers import is_lazy
from skstrat._core.dask import is_dask
from skstrat._core.rows import count_rows, take_rows
from skstrat._core.samples import check_samples
from skstrat._core.weights import Floats, class_totals, totals_of
from skstrat.classifiers._calibration_check import cells_of, rows_trained_on, seed_of
from skstrat.classifiers._eval_correction import EvalRows, is_corrected
from skstrat.classifiers._eval_sets import (
    EVAL_VALUES,
    check_eval_values,
    read_eval_sets,
)
from skstrat.classifiers._pipeline_steps import (
    addressed,
    last_model,
    model_params,
    transforms,
)
from skstrat.classifiers._policy import weighs_classes
from skstrat.resamplers._any_sampler import resample
from skstrat.resamplers._base import BaseResampler
from skstrat.resamplers._fit_params import resample_fit_params
from skstrat.resamplers._resampled import Resampled

Indices = NDArray[np.intp]

# Twice the share that scikit-learn's boosting sets aside, because classes without
# dropped rows are small.
_SHARE_SET_ASIDE = 0.2
_DROPPED = "dropped"


@dataclass(frozen=True)
class TrainingRows:
    """Rows and fit parameters of an estimator."""

    X: Any  # the rows before resampling that have a weight
    drawn: Resampled
    resampled: Resampled  # drawn without the rows set aside
    params: dict[str, Any]  # values per row are for the rows of resampled
    eval_rows: list[EvalRows]
    set_aside: Indices  # rows of X that are used for early stopping
    share_left: Floats  # weight of each class in resampled over that in drawn


def training_rows(
    estimator: Any,
    resampler: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    fit_params: dict[str, Any],
) -> TrainingRows:
    """Resample the rows and the fit parameters with a value per row."""
    X, y, sample_weight, params = counted_rows(X, y, sample_weight, fit_params)
    params = addressed(estimator, params)
    drawn = draw_rows(resampler, X, y, sample_weight)
    nothing = np.empty(0, dtype=np.intp)
    share_left = np.ones(len(drawn.original[0]))
    if not params:
        return TrainingRows(X, drawn, drawn, {}, [], nothing, share_left)
    resampled, set_aside, weights = drawn, nothing, None
    (name,) = addressed(estimator, {"eval_set": None})
    asked = params.pop(name) if isinstance(params.get(name), str) else None
    own = model_params(estimator, params)
    given = read_eval_sets(own if asked is None else {**own, "eval_set": asked})
    if asked is not None:
        _check_asked(asked, last_model(estimator), own)
        _refuse_dask(X, y)
        set_aside, weights = _choose(drawn)
        resampled, share_left = _without(drawn, set_aside)
        given = [(take_rows(X, set_aside), take_rows(y, set_aside))]
    params = resample_fit_params(params, resampled, count_rows(y))
    sets = [EvalRows(*each, weights=weights) for each in given]
    _refuse_unread(sets, estimator)
    check_eval_values(own, [each.n_rows for each in sets])
    return TrainingRows(X, drawn, resampled, params, sets, set_aside, share_left)


def asks_for_dropped(fit_params: dict[str, Any]) -> bool:
    """Tell whether ``eval_set`` asks for dropped rows."""
    return any(
        name.rpartition("__")[2] == "eval_set" and isinstance(value, str)
        for name, value in fit_params.items()
    )


def counted_rows(
    X: Any, y: Any, sample_weight: Any, fit_params: dict[str, Any]
) -> tuple[Any, Any, Floats | None, dict[str, Any]]:
    """Remove rows of zero weight, which samplers without weights would use."""
    _refuse_addressed_weights(fit_params)
    if sample_weight is None or is_dask(X) or is_dask(y):
        return X, y, sample_weight, fit_params
    samples = check_samples(X, y, sample_weight)
    params = fit_params
    if samples.positions is not None:
        counted = Resampled(X, y, samples=samples)
        params = resample_fit_params(fit_params, counted, count_rows(y))
    return samples.take(X), samples.y, samples.sample_weight, params


def draw_rows(resampler: Any, X: Any, y: Any, sample_weight: Any) -> Resampled:
    """Resample, and read the rows drawn into memory."""
    if is_dask(X) or is_dask(y):
        if not isinstance(resampler, BaseResampler):
            raise TypeError(
                "resampler must be one of skstrat's that picks rows by their "
                f"labels for Dask collections; got {resampler!r}."
            )
        return resample(resampler, X, y, sample_weight).in_memory()
    if is_lazy(X) and resampler is None:
        raise TypeError(
            "resampler must pick rows of files, because only rows drawn are read into "
            "memory; got None. Give one, such as DownsampleUpweight(factor=20), or "
            "take all rows into memory: X.take_rows(numpy.arange(len(X)))."
        )
    resampled = resample(resampler, X, y, sample_weight)
    if is_lazy(X):
        # If all rows were kept, X is unchanged. Labels in categories are for data in
        # memory.
        X = resampled.X
        X = take_rows(X, np.arange(count_rows(X))) if is_lazy(X) else X
        resampled = replace(resampled, X=X, y=np.asarray(resampled.y))
    if resampled.by_row and not isinstance(resampler, BaseResampler):
        raise ValueError(
            "resampler must be GuidedDownsample alone, not in a pipeline, because its "
            "inclusion probabilities must hold for the data; got "
            f"{resampler!r}."
        )
    kept, classes = resampled.labels.classes, resampled.original[0]
    if len(kept) != len(classes):
        raise ValueError(
            "resampler must keep rows of every class; it kept "
            f"{kept.tolist()!r} of {classes.tolist()!r}."
        )
    return resampled


def _refuse_addressed_weights(fit_params: dict[str, Any]) -> None:
    for name in fit_params:
        if name.rpartition("__")[2] == "sample_weight":
            raise ValueError(
                f"{name} cannot be given to the estimator: its rows are resampled, and "
                "which weights it gets is decided here. Give fit(X, y, "
                "sample_weight=...): the weights follow the rows."
            )


def _refuse_unread(sets: list[EvalRows], estimator: Any) -> None:
    for each in sets:
        if isinstance(each.X, (str, PathLike)):
            remedy = "Read the file, and give its rows."
        elif each.y is None and transforms(estimator):
            remedy = "Give X and y, for the steps before the model do not take a Pool."
        else:
            continue
        raise ValueError(
            "eval_set must hold rows with their labels, which are corrected; got "
            f"{type(each.X).__name__}. {remedy}"
        )


def _refuse_dask(X: Any, y: Any) -> None:
    if is_dask(X) or is_dask(y):
        raise ValueError(
            f'eval_set="{_DROPPED}" needs data in memory: of Dask collections only '
            "the rows drawn are; got one. Give rows as eval set."
        )


def _check_asked(asked: str, model: Any, params: dict[str, Any]) -> None:
    if asked != _DROPPED:
        raise ValueError(
            f'eval_set must be "{_DROPPED}" or rows with their labels; got {asked!r}.'
        )
    if not is_corrected(model):
        raise ValueError(
            f'eval_set="{_DROPPED}" is for LightGBM, XGBoost, CatBoost and '
            "HistGradientBoostingClassifier, alone or as last step of a pipeline; got "
            f"{type(model).__name__}. Put searches and calibrators around this "
            "classifier, or give rows as eval set."
        )
    if beside := [name for name in EVAL_VALUES if params.get(name) is not None]:
        raise ValueError(
            f'{beside[0]} must not be given beside eval_set="{_DROPPED}", whose rows '
            "are yet to be chosen and have weights of their own; got "
            f"{type(params[beside[0]]).__name__}. Leave it out."
        )


def _choose(drawn: Resampled) -> tuple[Indices, Floats]:
    """Set dropped rows and some kept rows aside; return their weights, too."""
    samples, kept = drawn.samples, drawn.rows
    weighs = weighs_classes(drawn) and not drawn.moves_rows
    if samples is None or kept is None or (kept < 0).any() or weighs:
        does = ", which weighs classes and dropped no row here" if weighs else ""
        raise ValueError(
            f'eval_set="{_DROPPED}" needs a resampler that drops rows and says which '
            f"it kept; got {drawn.made_by or 'none'}{does}. Give rows as eval set."
        )
    cells = cells_of(drawn, samples)
    labels = samples.labels
    trained_on = rows_trained_on(kept, len(labels.codes))
    if cells is None:
        # Kept rows and dropped rows each represent themselves.
        pool = 2 * labels.codes.astype(np.intp) + trained_on
        class_of = np.repeat(np.arange(len(labels.classes)), 2)
    else:
        pool, class_of = cells.cells.codes, cells.class_of
    n_pools = len(class_of)
    dropped_of = np.bincount(pool[~trained_on], minlength=n_pools)
    generator = np.random.default_rng(seed_of(drawn))
    chosen = []
    for code in range(len(labels.classes)):
        own = labels.codes == code
        dropped = np.flatnonzero(own & ~trained_on)
        most = min(len(dropped) // 2, len(kept))
        chosen.append(generator.choice(dropped, most, replace=False))
        # Pools without dropped rows are represented by their kept rows only.
        if len(dropped) < 2 or (dropped_of[class_of == code] == 0).any():
            rest = np.flatnonzero(own & trained_on)
            chosen.append(_some_of(rest, labels.classes.tolist()[code], generator))
    rows = np.sort(np.concatenate(chosen))
    return rows, _weigh(rows, pool, class_of, samples.sample_weight)


def _some_of(rows: Indices, label: Any, generator: np.random.Generator) -> Indices:
    if len(rows) < 2:
        raise ValueError(
            f'eval_set="{_DROPPED}" sets aside some of the rows kept of a class, so '
            f"two must be kept; got {len(rows)} of class {label!r}. Give rows as eval "
            "set, or keep more."
        )
    n_chosen = max(1, round(_SHARE_SET_ASIDE * len(rows)))
    return generator.choice(rows, n_chosen, replace=False)


def _weigh(
    rows: Indices, pool: NDArray[Any], class_of: Indices, incoming: Floats | None
) -> Floats:
    """Weight rows to represent their pool, or their class if a pool has none."""
    n_pools = len(class_of)
    weights = np.ones(len(rows)) if incoming is None else incoming[rows]
    totals = totals_of(pool, incoming, n_pools)
    there = np.bincount(pool[rows], weights, minlength=n_pools)
    weights = weights * (totals / np.where(there > 0, there, 1))[pool[rows]]
    classes = class_of[pool[rows]]
    reached = np.bincount(classes, weights)
    return weights * (np.bincount(class_of, totals) / reached)[classes]


def _without(drawn: Resampled, set_aside: Indices) -> tuple[Resampled, Floats]:
    """Remove rows; the others get the whole weight of their class."""
    left = np.flatnonzero(~np.isin(drawn.rows, set_aside))
    labels = drawn.labels
    n_classes = len(labels.classes)
    part: dict[str, Any] = {
        name: None if (value := getattr(drawn, name)) is None else value[left]
        for name in ("weights", "incoming", "within_class", "rows")
    }
    codes = labels.codes[left]
    before = class_totals(labels, drawn.incoming)
    after = totals_of(codes, part["incoming"], n_classes)
    if part["weights"] is not None:
        whole = totals_of(codes, part["weights"], n_classes)
        part["weights"] *= (class_totals(labels, drawn.weights) / whole)[codes]
    by_class = drawn.class_weight
    if by_class is not None:
        by_class = by_class * before / after
    part |= {"codes": codes, "classes": labels.classes, "class_weight": by_class}
    part["moves_rows"] = True
    part |= {"X": take_rows(drawn.X, left), "y": take_rows(drawn.y, left)}
    return replace(drawn, **part), after / before
