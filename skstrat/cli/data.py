"""The data of a comparison: a file or a generated table, with typed columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_datetime64_any_dtype,
    is_numeric_dtype,
    is_timedelta64_dtype,
)
from skrub import ApplyToCols, Cleaner, DatetimeEncoder

from skstrat.cli._errors import InputError, explained
from skstrat.cli._terminal import doubted_label
from skstrat.io import CsvFormat, scan_file
from skstrat.io._scan import Roles, check_columns
from skstrat.io._scan import explained as of_file
from skstrat.metrics import imbalance_degree

_MOST_CLASSES = 1000
# Models refuse infinite numbers, or numbers with infinite squares.
_LARGEST = 1e18
_SECOND = pd.Timedelta("1s")
_READING_CODE = """\
import numpy
from skstrat.cli.data import type_columns
from skstrat.io import CsvFormat, scan_file

X, y, sample_weight = scan_file({arguments})
X = X.take_rows(numpy.arange(len(y)))
"""
_DEMO_CODE = """\
from skstrat.cli.data import make_payments, type_columns

X, y = make_payments()
"""
_TYPING_CODE = "X = type_columns(X)\n"


@dataclass(frozen=True)
class Data:
    """Features, labels, weights and groups of the same rows."""

    # Source, size, classes with counts and shares, degree of imbalance.
    summary: dict[str, Any]
    code: str  # Python source that creates X and y.
    X: Any  # A table from type_columns.
    y: Any  # Labels, as categories.
    sample_weight: Any = None
    groups: Any = None


def read_data(
    file: Path,
    target: str,
    sample_weight: str | None,
    groups: str | None,
    csv: CsvFormat,
) -> Data:
    """Read a file into memory; weights and groups are no features."""
    members = None
    roles = Roles(target, sample_weight, None)
    with explained():
        rows, y, weights = scan_file(
            file, target=target, sample_weight=sample_weight, csv=csv
        )
        if groups is not None:
            check_columns(rows.source, [*roles.named.items(), ("groups", groups)])
        with of_file(rows.source, roles):
            degree = imbalance_degree(y)
        # Without columns no rows can be taken.
        frame = rows.take_rows(np.arange(len(y) if rows.columns else 0))
    # Readers of the page must not see the folders of a server.
    arguments = f"{file.name!r}, target={target!r}"
    if sample_weight is not None:
        arguments += f", sample_weight={sample_weight!r}"
    if csv != CsvFormat():
        arguments += f", csv={csv!r}"
    code = _READING_CODE.format(arguments=arguments)
    if groups is not None:
        members = frame.pop(groups).to_numpy()
        code += f"groups = X.pop({groups!r}).to_numpy()\n"
    return _typed(str(file), target, code, degree, frame, y, weights, members)


def demo_data() -> Data:
    """Return the generated payments."""
    frame, y = make_payments()
    degree = imbalance_degree(y)
    return _typed("generated card payments", "is_fraud", _DEMO_CODE, degree, frame, y)


def _typed(
    source: str, target: str, code: str, degree: Any, frame: Any, y: Any, *more: Any
) -> Data:
    counts = y.value_counts(sort=False)
    names = counts.index.tolist()
    if doubt := doubted_label(f"target {target!r}", len(names), _MOST_CLASSES):
        raise InputError(f"{doubt} At most {_MOST_CLASSES:,} classes are compared.")
    X = type_columns(frame) if frame.size else frame
    if X.isna().to_numpy().all():
        raise InputError(f"{source} must have a column with values besides {target!r}.")
    classes = pd.DataFrame(
        {"label": names, "rows": counts.array, "share": counts.array / len(y)}
    )
    summary = {
        "source": source,
        "rows": len(X),
        "features": list(frame),
        "target": target,
        "classes": classes.to_dict("records"),
        "smallest_class": names[counts.argmin()],
        "degree_of_imbalance": degree,
    }
    return Data(summary, code + _TYPING_CODE, X, y, *more)


def type_columns(frame: Any) -> Any:
    """Turn numbers and dates into float64, and all else into categories."""
    # The result for a cell depends only on the type of its column, so nothing is
    # learned across folds. Durations are in seconds, dates in seconds since 1970 with
    # their parts in further columns. Values that are missing, infinite or beyond 1e18
    # become NaN. skrub would round numbers to float32, too coarse for dates such as
    # 20240131.
    X = Cleaner(cast_to_str=True).fit_transform(frame.apply(_as_plain))
    dates = list(X.select_dtypes(["datetime", "datetimetz"]))
    parts = DatetimeEncoder(add_total_seconds=False)
    X = ApplyToCols(parts, cols=dates, keep_original=True).fit_transform(X)
    X = X.apply(_as_number_or_category)
    numbers = X.select_dtypes("number")
    X[numbers.columns] = numbers.where(numbers.abs() < _LARGEST)
    return X


def _as_plain(column: Any) -> Any:
    if column.dtype == object:
        column = column.convert_dtypes()
    if is_timedelta64_dtype(column):
        return column / _SECOND
    if is_numeric_dtype(column):
        return column.astype("float64")
    is_object = column.dtype == object
    return column.map(str, na_action="ignore") if is_object else column


def _as_number_or_category(column: Any) -> Any:
    if is_datetime64_any_dtype(column):
        return (column - pd.Timestamp(0, tz=column.dt.tz)) / _SECOND
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    is_number = numbers.notna().equals(column.notna())
    return numbers if is_number else column.astype("category")


def make_payments() -> tuple[Any, Any]:
    """Return generated features and labels with 150 frauds, always the same."""
    # Fraud follows a logistic model with a night-time and an amount-by-shop effect that
    # are not linear.
    rng = np.random.default_rng(0)
    n_frauds, n_rows = 150, 150 * 201
    shop = rng.choice(6, n_rows, p=[0.36, 0.22, 0.08, 0.12, 0.04, 0.18])
    country = rng.choice(3, n_rows, p=[0.86, 0.1, 0.04])
    shop_risk = np.array([-0.8, -0.4, 0.2, 0.9, 0.7, 0.5])[shop]
    log_amount = rng.normal(3.2 + 0.3 * shop_risk, 1.0)
    busy = 1.05 - np.cos((np.arange(24) - 3) * np.pi / 12)
    hour = rng.choice(24, n_rows, p=busy / busy.sum())
    account_age = rng.gamma(1.5, 900, n_rows)
    payments_today = rng.poisson(0.8 + 0.6 * (country == 2))
    score = 1.5 * (
        shop_risk * np.maximum(log_amount - 3, 0)
        + np.array([-0.3, 0.3, 1.3])[country]
        + 1.2 * (hour < 6)
        + 0.4 * payments_today
        - 0.5 * np.log1p(account_age / 100)
        + 0.4 * log_amount
    )
    # A threshold on score plus logistic noise is exactly a logistic model.
    latent = score + rng.logistic(size=n_rows)
    gaps = rng.random((2, n_rows)) < 0.05
    shops = np.array(["grocery", "fuel", "travel", "games", "jewellery", "electronics"])
    countries = np.array(["home", "neighbour", "overseas", None])
    frame = pd.DataFrame(
        {
            # In whole units: the binning of weighted rows by trees is slow for columns
            # with many different values.
            "amount": np.exp(log_amount).round(),
            "hour": hour,
            "account_age_months": np.where(gaps[0], np.nan, (account_age / 30).round()),
            "payments_today": payments_today,
            "shop": shops[shop],
            "country": countries[np.where(gaps[1], 3, country)],
            "card_present": rng.random(n_rows) < 0.7 - 0.25 * (latent > 3),
        }
    )
    y = (latent.argsort().argsort() >= n_rows - n_frauds).astype(int)
    return frame, pd.Series(y, dtype="category")
