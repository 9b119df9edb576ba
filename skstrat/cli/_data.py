"""The data of a comparison: a file or a generated table, with typed columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from skrub import TableVectorizer, ToCategorical

from skstrat.cli._errors import InputError, explained
from skstrat.cli._terminal import doubted_label
from skstrat.io import CsvFormat, scan_file
from skstrat.io._scan import check_columns
from skstrat.metrics import imbalance_degree

_MOST_CLASSES = 1000
# Models refuse infinite numbers, or those whose squares are.
_LARGEST = 1e18
# What a cell becomes depends on the type of its column alone, so nothing is learned
# that a fold should not know; and a fold has less to do.
_TYPING = TableVectorizer(
    low_cardinality=ToCategorical(), high_cardinality=ToCategorical()
)
_READING_CODE = """\
import numpy
from skrub import TableVectorizer, ToCategorical
from skstrat.io import CsvFormat, scan_file

X, y, sample_weight = scan_file(
    {source!r}, target={target!r}, sample_weight={sample_weight!r}, csv={csv!r}
)
X = X.take_rows(numpy.arange(len(y)))
"""
_DEMO_CODE = """\
from skrub import TableVectorizer, ToCategorical
from skstrat.cli._data import make_payments

X, y = make_payments()
"""
_TYPING_CODE = f"""\
X = {_TYPING!r}.fit_transform(X)
numbers = X.select_dtypes("number")
X[numbers.columns] = numbers.where(numbers.abs() < {_LARGEST:g})
"""


@dataclass(frozen=True)
class Data:
    """Features, labels, weights and groups of the same rows.

    Attributes
    ----------
    summary : dict
        Source, size, classes with counts and shares, degree of imbalance.
    code : str
        Python source that makes X and y.
    X : DataFrame of shape (n_rows, n_columns)
        float32 for numbers and for the parts of dates, with NaN where one is missing,
        infinite or too large; categories for text.
    y : Series of shape (n_rows,)
        Labels, as categories.
    sample_weight, groups : array-like of shape (n_rows,), default=None
        Weights and groups.
    """

    summary: dict[str, Any]
    code: str
    X: Any
    y: Any
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
    code = _READING_CODE.format(
        source=str(file), target=target, sample_weight=sample_weight, csv=csv
    )
    members = None
    with explained():
        rows, y, weights = scan_file(
            file, target=target, sample_weight=sample_weight, csv=csv
        )
        if groups is not None:
            check_columns(rows.source, [("target", target), ("groups", groups)])
        # Without a column there is no row to take.
        frame = rows.take_rows(np.arange(len(y) if rows.columns else 0))
    if groups is not None:
        members = frame.pop(groups).to_numpy()
        code += f"groups = X.pop({groups!r}).to_numpy()\n"
    return _typed(str(file), target, code, frame, y, weights, members)


def demo_data() -> Data:
    """Give the generated payments."""
    return _typed("generated card payments", "is_fraud", _DEMO_CODE, *make_payments())


def _typed(source: str, target: str, code: str, frame: Any, y: Any, *more: Any) -> Data:
    with explained():
        degree = imbalance_degree(y)
    counts = y.value_counts(sort=False)
    names = counts.index.tolist()
    if doubt := doubted_label(f"target {target!r}", len(names), _MOST_CLASSES):
        raise InputError(f"{doubt} At most {_MOST_CLASSES:,} classes are compared.")
    # Large numbers become infinite first.
    with np.errstate(over="ignore"):
        X = _TYPING.fit_transform(frame) if frame.size else frame
    numbers = X.select_dtypes("number")
    X[numbers.columns] = numbers.where(numbers.abs() < _LARGEST)
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


def make_payments() -> tuple[Any, Any]:
    """Make fraud-like features and labels, the same ones every time.

    150 are frauds and 200 times as many are not. Fraud follows a logistic model with a
    night-time and an amount-by-shop effect that are not linear.
    """
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
            # As whole units: the trees' binning of weighted rows is slow where a
            # column has many different values.
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
