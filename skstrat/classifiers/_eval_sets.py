"""Eval sets among fit parameters, in any form that boosting libraries take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import factorize, one_label_per_row

EVAL_PAIRS = (("eval_X", "eval_y"), ("X_val", "y_val"))

# LightGBM, XGBoost and CatBoost take eval_set: a pair of X and y, or a list of pairs;
# CatBoost also a Pool or a file. LightGBM takes eval_X and eval_y since 4.7,
# HistGradientBoostingClassifier X_val and y_val: two tables, or two tuples.

# Initial scores and weights of eval rows: lists with an array for each set.
EVAL_VALUES = (
    "eval_init_score",
    "eval_sample_weight",
    "base_margin_eval_set",
    "sample_weight_eval_set",
    "sample_weight_val",
)

# X and y; y is None where X is a Pool or a file of CatBoost, which holds both.
EvalSet = tuple[Any, Any]


def read_eval_sets(params: Mapping[str, Any]) -> list[EvalSet]:
    """List the eval sets among fit parameters; empty if there are none."""
    form = _form(params)
    if form is None:
        return []
    given = params[form[0]]
    if len(form) == 1:
        several = not _is_one(given)
        return [_pair(each) for each in (given if several else [given])]
    X, y = given, params[form[1]]
    if not (isinstance(X, tuple) or isinstance(y, tuple)):
        return [(X, y)]
    if not (isinstance(X, tuple) and isinstance(y, tuple) and len(X) == len(y)):
        raise ValueError(
            f"{form[0]} and {form[1]} must both be tuples of one length, or neither; "
            f"got {_describe(X)} and {_describe(y)}."
        )
    return list(zip(X, y, strict=True))


def with_eval_sets(
    params: Mapping[str, Any], sets: Sequence[EvalSet]
) -> dict[str, Any]:
    """Replace the eval sets among fit parameters by as many others."""
    form = _form(params)
    if form is None:
        return dict(params)
    if len(form) == 1:
        # All libraries take a list; XGBoost takes only a list.
        own = [X if y is None else (X, y) for X, y in sets]
        return {**params, form[0]: own}
    if isinstance(params[form[0]], tuple):
        new = (tuple(X for X, _ in sets), tuple(y for _, y in sets))
    else:
        (new,) = sets
    return {**params, **dict(zip(form, new, strict=True))}


def check_eval_values(params: Mapping[str, Any], n_rows: list[int]) -> None:
    """Refuse values per eval row whose number differs from that of the eval rows."""
    for name in EVAL_VALUES:
        given = params.get(name)
        if given is None:
            continue
        if name == "sample_weight_val":
            given = [given]
        lengths = None
        if isinstance(given, (list, tuple)):
            lengths = [None if own is None else np.shape(own)[:1] for own in given]
        wanted = [(n,) for n in n_rows]
        if lengths is None or len(lengths) != len(wanted):
            raise ValueError(
                f"{name} must be a list with an array for each eval set, of {n_rows} "
                f"rows; got {_describe(given)}."
            )
        for own, n in zip(lengths, wanted, strict=True):
            if own not in (None, n):
                raise ValueError(
                    f"{name} must hold a value for each row of the eval sets, of "
                    f"{n_rows} rows; got shape {own} for {n[0]} rows."
                )


def encode_eval_labels(y: Any, classes: NDArray[Any]) -> NDArray[np.intp]:
    """Return the class codes of an eval set, by the classes of the training data."""
    codes, own = factorize(one_label_per_row(y))
    known = {label: code for code, label in enumerate(classes.tolist())}
    if unknown := [label for label in own.tolist() if label not in known]:
        raise ValueError(
            "The labels of an eval set must be among those of y, "
            f"{classes.tolist()!r}; got {unknown!r}. Leave these rows out, or write "
            "labels as in y."
        )
    return np.array([known[label] for label in own.tolist()], dtype=np.intp)[codes]


def _form(params: Mapping[str, Any]) -> tuple[str, ...] | None:
    # For a step of a pipeline or search, the last part of the name decides.
    named = {
        name.rpartition("__")[2]: name for name in params if params[name] is not None
    }
    forms: list[tuple[str, ...]] = [("eval_set",), *EVAL_PAIRS]
    given = [form for form in forms if named.keys() & set(form)]
    if not given:
        return None
    if len(given) > 1:
        written = " and ".join("/".join(form) for form in given)
        raise ValueError(f"Eval sets must be given once; got {written}. Leave one out.")
    (form,) = given
    if absent := [name for name in form if name not in named]:
        raise ValueError(
            f"{form[0]} and {form[1]} must be given together; got no {absent[0]}."
        )
    return tuple(named[name] for name in form)


def _is_one(given: Any) -> bool:
    """Tell whether it is one eval set, not a sequence of eval sets."""
    if not isinstance(given, (tuple, list)):
        return True
    # XGBoost takes a tuple of pairs; elsewhere a tuple is one pair.
    pairs = all(isinstance(each, tuple) and len(each) == 2 for each in given)
    return isinstance(given, tuple) and bool(given) and not pairs


def _pair(given: Any) -> EvalSet:
    if isinstance(given, (tuple, list)) and len(given) == 2:
        return given[0], given[1]
    is_pool = type(given).__module__.partition(".")[0] == "catboost"
    if is_pool or isinstance(given, (str, PathLike)):
        return given, None
    raise ValueError(
        "eval_set must be a pair (X, y) or a list of such pairs, in CatBoost also of "
        f"Pools; got {_describe(given)} for a pair."
    )


def _describe(value: Any) -> str:
    size = f" of {len(value)}" if isinstance(value, (tuple, list)) else ""
    return f"{type(value).__name__}{size}"
