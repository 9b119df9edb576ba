"""Predict the time of a fit on one core from sizes and parameters alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, sqrt
from typing import Any

from skstrat.classifiers._pipeline_steps import last_model


@dataclass(frozen=True)
class _Cost:
    """The cost of a row and of a tree for a learner."""

    # Nanoseconds for each row, column and tree.
    per_cell: float
    # Parameters that may hold the number of trees, and the default.
    trees: tuple[str, ...] = ()
    n_trees: int = 1
    # The same for the leaves of a tree; a depth means 2 to its power.
    leaves: tuple[str, ...] = ()
    n_leaves: int = 0
    # Nanoseconds for each leaf.
    per_leaf: float = 0
    # The work of a row before its first column, in columns.
    extra_columns: int = 0
    # Rows are sorted, so time is proportional to rows times their logarithm.
    sorts: bool = False
    # A split tries the square root of the columns.
    tries_root: bool = False
    # Each of more than two classes has its own model.
    by_class: bool = True


# Measured on one core: 2,000 to 2,000,000 rows of 5 to 60 columns, 2 and 4 classes.
# Predictions were within a factor of 2 of those fits.
_COSTS = {
    "sklearn.LogisticRegression": _Cost(11, extra_columns=15),
    "sklearn.SGDClassifier": _Cost(90, extra_columns=10),
    "sklearn.GaussianNB": _Cost(9, extra_columns=10, by_class=False),
    "sklearn.HistGradientBoostingClassifier": _Cost(
        5.5, ("max_iter",), 100, ("max_leaf_nodes",), 31, 48_000
    ),
    "lightgbm.LGBMClassifier": _Cost(
        5.5, ("n_estimators",), 100, ("num_leaves",), 31, 48_000
    ),
    "xgboost.XGBClassifier": _Cost(
        5.5, ("n_estimators",), 100, ("max_depth",), 64, 24_000
    ),
    "catboost.CatBoostClassifier": _Cost(
        8,
        ("iterations", "n_estimators", "num_boost_round", "num_trees"),
        1000,
        ("depth", "max_depth"),
        64,
        48_000,
    ),
    "sklearn.GradientBoostingClassifier": _Cost(
        22, ("n_estimators",), 100, ("max_depth",), 8, sorts=True
    ),
    "sklearn.RandomForestClassifier": _Cost(
        65, ("n_estimators",), 100, sorts=True, tries_root=True, by_class=False
    ),
    "sklearn.ExtraTreesClassifier": _Cost(
        13, ("n_estimators",), 100, sorts=True, tries_root=True, by_class=False
    ),
}
# Trees without a limit of depth are not deeper than this in practice.
_DEEPEST = 12


def predict_seconds(
    estimator: Any, n_rows: int, n_columns: float, n_classes: int
) -> float | None:
    """Predict the seconds of a fit on one core; None for an unknown learner."""
    # Nothing is timed, so that decisions are the same on every machine. Columns are
    # those of the last step of a pipeline; for sparse rows the mean of stored values.
    model = last_model(estimator)
    cost = _COSTS.get(_name(model))
    if cost is None:
        return None
    given = model.get_params(deep=False)
    trees = _given(given, cost.trees, cost.n_trees)
    leaves = _leaves(given, cost)
    columns = sqrt(n_columns) if cost.tries_root else n_columns + cost.extra_columns
    levels = log2(max(2, n_rows)) if cost.sorts else 1
    one_tree = cost.per_cell * n_rows * columns * levels + cost.per_leaf * leaves
    models = n_classes if cost.by_class and n_classes > 2 else 1
    return 1e-9 * trees * models * one_tree


def _name(model: Any) -> str:
    return f"{type(model).__module__.partition('.')[0]}.{type(model).__name__}"


def _given(params: dict[str, Any], names: tuple[str, ...], default: int) -> int:
    values = (params.get(name) for name in names)
    return next((int(value) for value in values if value is not None), default)


def _leaves(params: dict[str, Any], cost: _Cost) -> int:
    by_depth = any("depth" in name for name in cost.leaves)
    found = _given(params, cost.leaves, 0)
    if not by_depth:
        return found or cost.n_leaves
    # XGBoost writes 0 for no limit.
    return 2 ** min(found, _DEEPEST) if found else cost.n_leaves
