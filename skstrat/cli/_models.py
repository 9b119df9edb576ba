"""Models by name: pipelines for the typed columns of any table."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, RobustScaler
from skrub import ApplyToCols, DropUninformative, SquashingScaler

from skstrat.cli._errors import InputError

# HistGradientBoostingClassifier takes no more categories than it has bins.
_BINS = 255
_ONE_HOT = OneHotEncoder(
    max_categories=50, handle_unknown="infrequent_if_exist", sparse_output=False
)
_ORDINAL = OrdinalEncoder(
    max_categories=_BINS, handle_unknown="use_encoded_value", unknown_value=-1
)
# Class, and the verbosity without output on standard output.
_BOOSTERS = {"lightgbm": ("LGBMClassifier", -1), "xgboost": ("XGBClassifier", 0)}


def _make(name: str, random_state: int, X: Any) -> Any:
    text = X.select_dtypes("category")
    many = [column for column in text if text[column].nunique() > _BINS]
    if name == "logistic":
        return make_pipeline(
            ApplyToCols(_ONE_HOT, cols=list(text)),
            # Columns that are empty in a fold.
            ApplyToCols(DropUninformative()),
            SimpleImputer(add_indicator=True),
            SquashingScaler(max_absolute_value=5),
            LogisticRegression(max_iter=1000),
        )
    if name == "hgb":
        trees = HistGradientBoostingClassifier(
            # Without a penalty, a leaf with one positive of a rare class changes by
            # tens of logits, and any resampling would seem better than that.
            l2_regularization=1.0,
            # "auto" depends on the number of rows, so it would differ between
            # strategies.
            early_stopping=False,
            categorical_features="from_dtype",
            random_state=random_state,
        )
        return make_pipeline(
            ApplyToCols(_ORDINAL, cols=many), ApplyToCols(DropUninformative()), trees
        )
    return make_pipeline(
        ApplyToCols(_ORDINAL, cols=list(text)),
        ApplyToCols(DropUninformative()),
        # The forest and XGBoost round to float32, which is most precise near 0. The
        # result is an array: LightGBM and XGBoost refuse names with brackets.
        RobustScaler(with_scaling=False),
        _make_trees(name, random_state),
    )


def _make_trees(name: str, random_state: int) -> Any:
    if name == "forest":
        # Full trees predict 0 for one positive of three, and any resampling would seem
        # better than that.
        return RandomForestClassifier(min_samples_leaf=10, random_state=random_state)
    kind, verbosity = _BOOSTERS[name]
    try:
        booster = getattr(import_module(name), kind)
    except ModuleNotFoundError:
        raise InputError(
            f"model {name} is not installed. Run: pip install {name}"
        ) from None
    return booster(random_state=random_state, n_jobs=1, verbosity=verbosity)


DEFAULT_MODELS = ("logistic", "hgb")
# Each returns an unfitted pipeline, given a random state and typed columns.
MODELS = {
    name: partial(_make, name) for name in (*DEFAULT_MODELS, "forest", *_BOOSTERS)
}
