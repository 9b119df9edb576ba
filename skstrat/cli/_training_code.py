"""Code that trains from the small file, for linear models and for trees."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from skstrat.io import CsvFormat
from skstrat.io._source_files import kind_of

_DATA = """
frame = pandas.{read}
y, weight = frame[{target!r}], frame[{weight!r}]
X = frame.drop(columns={others!r})
"""
_CLASSIFIERS = f"""\
import pandas
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from skstrat import PriorCorrectedClassifier
{_DATA}\
# Linear models take the weights.
linear = LogisticRegression(max_iter=1000).fit(X, y, sample_weight=weight)
# Trees do not follow those of classes: fit without, then correct by class totals.
{{fit}}
trees = PriorCorrectedClassifier(
    trees, train_prior={{rows}}, target_prior={{totals}}
)
# Trees may predict too much where few rows are kept: check their mean on fresh rows."""
_REGRESSOR = f"""\
import pandas
from sklearn.ensemble import HistGradientBoostingRegressor
{_DATA}\
model = HistGradientBoostingRegressor().fit(X, y, sample_weight=weight)"""
_FIT = "trees = HistGradientBoostingClassifier().fit(X, y)"
# Where the rows of a class stand for different numbers of rows.
_FIT_WITHIN = """\
within = weight / weight.groupby(y).transform('mean')
trees = HistGradientBoostingClassifier().fit(X, y, sample_weight=within)"""


def training_code(
    dest: str,
    classes: Sequence[dict[str, Any]],
    *,
    target: str,
    weight: str,
    identifiers: list[str],
    uneven: bool,
    numeric: bool,
    csv_format: CsvFormat,
) -> str:
    """Write code that reads a file and fits a model of each kind to it.

    Parameters
    ----------
    dest : str
        The small file.
    classes : sequence of dict
        Label, rows and total weight of each class.
    target : str
        The label column.
    weight : str
        The column of weights.
    identifiers : list of str
        Columns that tell rows or groups apart, so nothing to learn from.
    uneven : bool
        Whether the weights of a class may differ.
    numeric : bool
        Whether the target holds numbers, and the classes are strata.
    csv_format : CsvFormat
        What was told of CSV files.

    Returns
    -------
    str
        Lines of Python.
    """
    labels = [] if numeric else [each["label"] for each in classes]
    return (_REGRESSOR if numeric else _CLASSIFIERS).format(
        read=_reading(dest, target, labels, csv_format),
        target=target,
        weight=weight,
        others=list(dict.fromkeys([*identifiers, target, weight])),
        fit=_FIT_WITHIN if uneven else _FIT,
        rows=_by_label(classes, "rows"),
        totals=_by_label(classes, "weight_before"),
    )


def _reading(dest: str, target: str, labels: list[Any], csv_format: CsvFormat) -> str:
    """Write the call that reads the file, with labels as they are."""
    if kind_of(Path(dest), "dest") == "parquet":
        return f"read_parquet({dest!r})"
    written = csv_format.detected(Path(dest))
    options: dict[str, Any] = {
        "sep": written.separator,
        "encoding": written.encoding,
        "decimal": written.decimal,
        "quotechar": written.quote,
    }
    if written.quote is None:
        options |= {"quotechar": '"', "quoting": csv.QUOTE_NONE}
    if any(isinstance(label, str) for label in labels):
        # pandas would make numbers of texts such as 007.
        options["dtype"] = {target: "str"}
        if _some_missing(labels):
            options |= {"keep_default_na": False, "na_values": [""]}
    usual = {"sep": ",", "encoding": "utf-8", "decimal": ".", "quotechar": '"'}
    named = (
        f", {name}={value!r}"
        for name, value in options.items()
        if value != usual.get(name)
    )
    return f"read_csv({dest!r}{''.join(named)})"


def _some_missing(labels: list[Any]) -> bool:
    """Whether pandas would take one of the labels for a missing value."""
    text = pd.Series(labels, name="label").to_csv(index=False)
    return bool(pd.read_csv(StringIO(text), dtype=str)["label"].isna().any())


def _by_label(classes: Sequence[dict[str, Any]], name: str) -> str:
    """Write a dict with numbers of as many digits as sums have."""
    entries = (f"{each['label']!r}: {each[name]:.12g}" for each in classes)
    return "{" + ", ".join(entries) + "}"
