"""Models by name: pipelines that learn from the typed columns of any table."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, OrdinalEncoder
from skrub import ToCategorical, tabular_pipeline

from skstrat.cli._errors import InputError

# HistGradientBoostingClassifier takes no more categories than it has bins.
_BINS = 255
_ONE_HOT = OneHotEncoder(
    max_categories=50, handle_unknown="infrequent_if_exist", sparse_output=False
)
_ORDINAL = OrdinalEncoder(
    max_categories=_BINS, handle_unknown="use_encoded_value", unknown_value=-1
)
# Class, and the verbosity that leaves standard output to the results.
_BOOSTERS = {"lightgbm": ("LGBMClassifier", -1), "xgboost": ("XGBClassifier", 0)}


def _make(name: str, random_state: int) -> Any:
    if name == "logistic":
        return _on_table(LogisticRegression(max_iter=1000), _ONE_HOT, _ONE_HOT)
    if name == "forest":
        # Full trees give one positive of three the probability 0, and any resampling
        # would compare well with that.
        forest = RandomForestClassifier(min_samples_leaf=10, random_state=random_state)
        return _on_table(forest)
    if name == "hgb":
        trees = HistGradientBoostingClassifier(
            # Without a penalty, a leaf with one positive of a rare class jumps by tens
            # of logits, and any resampling would compare well with it.
            l2_regularization=1.0,
            # "auto" depends on the number of rows, so it would differ between
            # strategies.
            early_stopping=False,
            categorical_features="from_dtype",
            random_state=random_state,
        )
        return _on_table(trees, ToCategorical())
    kind, verbosity = _BOOSTERS[name]
    try:
        booster = getattr(import_module(name), kind)
    except ModuleNotFoundError:
        raise InputError(
            f"model {name} is not installed. Run: pip install {name}"
        ) from None
    trees = booster(random_state=random_state, n_jobs=1, verbosity=verbosity)
    # It gives an array; these libraries refuse names of columns that hold brackets.
    return _on_table(make_pipeline(MaxAbsScaler(), trees))


def _on_table(model: Any, few: Any = _ORDINAL, many: Any = _ORDINAL) -> Any:
    # skrub's own encoder of texts with many values draws from a random state, and takes
    # ten times as long in every fit.
    return tabular_pipeline(model).set_params(
        tablevectorizer__low_cardinality=few,
        tablevectorizer__high_cardinality=many,
        tablevectorizer__cardinality_threshold=_BINS,
    )


DEFAULT_MODELS = ("logistic", "hgb")
# Each makes an unfitted pipeline, given a random state.
MODELS = {
    name: partial(_make, name) for name in (*DEFAULT_MODELS, "forest", *_BOOSTERS)
}
