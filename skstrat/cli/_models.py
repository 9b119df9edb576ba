"""Models that take any table: what they learn from columns is learned in the fold.

First, :func:`plain_columns` rewrites each cell by itself and learns nothing. Then
each model is a scikit-learn pipeline whose medians, scales and categories come from
the rows it is fitted on, so from the resampled part of a training fold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from skstrat._core.hashing import hash_bytes

_DATE = r"\d{4}-\d{2}-\d{2}(?:[ T]|$)"
_DATES = frozenset({"date", "datetime", "datetime64"})
_NUMBERS = frozenset(
    {"boolean", "decimal", "floating", "integer", "mixed-integer-float"}
)
_ONE_HOT_COLUMNS = 50
# Scaling squares the numbers; beyond this they are as good as infinite.
_LARGEST = 1e100
# HistGradientBoostingClassifier takes no more categories than it has bins.
_BINS = 255


def plain_columns(frame: Any) -> Any:
    """Rewrite every column as numbers or as codes of text.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Columns of any type.

    Returns
    -------
    DataFrame of shape (n_rows, n_columns)
        float64 for numbers, booleans, dates (days since 1970) and durations
        (seconds), with NaN where a value is missing, infinite or
        beyond 1e100. int64 for everything else: a hash of the text (XXH64), with one
        for missing values. The codes are names, the same in every table; which of them
        exist is left for the encoder in the fold to learn.
    """
    return pd.DataFrame({name: _plain_column(frame[name]) for name in frame.columns})


def _plain_column(column: Any) -> Any:
    column = _by_content(column)
    types = pd.api.types
    if types.is_datetime64_any_dtype(column.dtype):
        moments = column if column.dt.tz is None else column.dt.tz_convert(None)
        since = moments - pd.Timestamp(0)
        return since.dt.total_seconds().to_numpy() / 86_400
    if types.is_timedelta64_dtype(column.dtype):
        return column.dt.total_seconds().to_numpy()
    if types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.abs(numbers) < _LARGEST, numbers, np.nan)
    codes, values = pd.factorize(column)
    names = [f"={value}".encode("utf-8", "surrogatepass") for value in values]
    # The code of a missing value, -1, stands for the last name.
    return hash_bytes([*names, b""], seed=0).astype(np.int64)[codes]


def _by_content(column: Any) -> Any:
    """Give a column of objects or text the type of what is written in it."""
    if column.dtype != object and not isinstance(column.dtype, pd.StringDtype):
        return column
    if not column.notna().any():
        return column.astype(np.float64)
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in _NUMBERS:
        return column.map(float, na_action="ignore").astype(np.float64)
    if kind in _DATES:
        return pd.to_datetime(column, utc=True, errors="coerce")
    text = column.map(str, na_action="ignore")
    written = text.dropna()
    if written.str.match(_DATE).all():
        dates = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")
        if dates.notna().sum() == len(written):
            return dates
    return text


def _numbers(frame: Any) -> list[str]:
    """Choose the numbers; a column without a value in this fold is left out."""
    numbers = frame.select_dtypes("floating")
    return list(numbers.columns[numbers.notna().any()])


def _text(frame: Any) -> list[str]:
    return list(frame.select_dtypes("integer").columns)


def make_logistic(features: Any, random_state: int) -> Any:
    """Make a logistic regression on scaled numbers and one-hot text.

    Parameters
    ----------
    features : DataFrame
        The columns of :func:`plain_columns`.
    random_state : int
        Not used: the fit has no chance in it.

    Returns
    -------
    Pipeline
        The unfitted model.
    """
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
    )
    text = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=_ONE_HOT_COLUMNS
    )
    columns = ColumnTransformer([("numbers", numbers, _numbers), ("text", text, _text)])
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def make_hgb(features: Any, random_state: int) -> Any:
    """Make gradient-boosted trees on numbers as they are and categories.

    Parameters
    ----------
    features : DataFrame
        The columns of :func:`plain_columns`.
    random_state : int
        Seed of the trees.

    Returns
    -------
    Pipeline
        The unfitted model.
    """
    text = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        max_categories=_BINS,
    )
    # Text comes first and is never left out, so its positions hold in every fold.
    columns = ColumnTransformer(
        [("text", text, _text), ("numbers", "passthrough", _numbers)]
    )
    trees = HistGradientBoostingClassifier(
        categorical_features=list(range(len(_text(features)))) or None,
        # Without a penalty, a leaf with one positive of a rare class jumps by tens of
        # logits, and any resampling would compare well with it.
        l2_regularization=1.0,
        # "auto" depends on the number of rows, so it would differ between strategies.
        early_stopping=False,
        max_bins=_BINS,
        random_state=random_state,
    )
    return make_pipeline(columns, trees)


MODELS: dict[str, Callable[[Any, int], Any]] = {
    "logistic": make_logistic,
    "hgb": make_hgb,
}
