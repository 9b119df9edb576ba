"""Eval sets among fit parameters, in any of the forms that libraries take them in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EvalSet = tuple[Any, Any]

# LightGBM's newer pair of arguments, and scikit-learn's.
_PAIRS = (("eval_X", "eval_y"), ("X_val", "y_val"))


def read_eval_sets(params: Mapping[str, Any]) -> list[EvalSet]:
    """List the eval sets; y is None of a set that is one object, a CatBoost Pool."""
    sets = params.get("eval_set")
    if sets is not None:
        return [
            each if isinstance(each, tuple) else (each, None)
            for each in (sets if isinstance(sets, list) else [sets])
        ]
    for name_X, name_y in _PAIRS:
        X, y = params.get(name_X), params.get(name_y)
        if X is not None and y is not None:
            return list(zip(X, y, strict=True)) if isinstance(X, tuple) else [(X, y)]
    return []


def with_eval_sets(params: Mapping[str, Any], sets: list[EvalSet]) -> dict[str, Any]:
    """Write eval sets back in the form in which they came."""
    written = dict(params)
    if params.get("eval_set") is not None:
        written["eval_set"] = [X if y is None else (X, y) for X, y in sets]
        return written
    for name_X, name_y in _PAIRS:
        if params.get(name_X) is None:
            continue
        X, y = [each for each, _ in sets], [each for _, each in sets]
        several = isinstance(params[name_X], tuple)
        written[name_X] = tuple(X) if several else X[0]
        written[name_y] = tuple(y) if several else y[0]
    return written
