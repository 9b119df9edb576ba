"""Code that trains from the small file, for linear models and for trees."""

from __future__ import annotations

from pathlib import Path

from skstrat.io import CsvFormat
from skstrat.io._source_files import kind_of
from skstrat.io._summary import Summary

_PARQUET = """
X = pandas.read_parquet({dest!r})
y, weight = X.pop({target!r}), X.pop({weight!r})
"""
# pandas would make numbers and missing values of labels such as 007 and NA.
_CSV = """\
import skstrat.io

X, y, weight = skstrat.io.scan_file(
    {dest!r}, target={target!r}, sample_weight={weight!r}{told}
)
X, weight = X.take_rows(range(len(y))), pandas.Series(weight)
"""
# Of a Parquet file; a CSV file holds text.
_TYPED = "y = y.map({labels!r})\n"
_DROP = "X = X.drop(columns={identifiers!r})\n"
_CLASSIFIERS = """\
import pandas
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from skstrat import PriorCorrectedClassifier
{data}
# Encode text as numbers first, for example by skrub.TableVectorizer.
# Linear models take the weights.
linear = LogisticRegression(max_iter=1000).fit(X, y, sample_weight=weight)
# Trees do not learn class weights well: fit without them, correct by totals.
by_class = weight.groupby(y, observed=True)
within = weight / by_class.transform('mean')
trees = PriorCorrectedClassifier(
    HistGradientBoostingClassifier().fit(X, y, sample_weight=within),
    train_prior=by_class.count(),
    target_prior=by_class.sum(),
)
# With few rows trees may predict too high: check their mean on new rows."""
_REGRESSOR = """\
import pandas
from sklearn.ensemble import HistGradientBoostingRegressor
{data}
# Encode text as numbers first, for example by skrub.TableVectorizer.
model = HistGradientBoostingRegressor().fit(X, y, sample_weight=weight)"""


def training_code(
    summary: Summary, target: str, weight: str, identifiers: list[str], csv: CsvFormat
) -> str:
    """Write code that reads the small file and fits a model of each kind to it."""
    data, labels = _PARQUET, {}
    if kind_of(Path(summary.dest), "dest") == "csv":
        data = _CSV
        for label in (each["label"] for each in summary.classes):
            if isinstance(label, (bool, float)) and not summary.by_strata:
                labels[str(label).lower().replace(".", csv.decimal)] = label
    data += (_TYPED if labels else "") + (_DROP if identifiers else "")
    data = data.format(
        dest=summary.dest,
        target=target,
        weight=weight,
        told="" if csv == CsvFormat() else f",\n    csv=skstrat.io.{csv!r}",
        labels=labels,
        identifiers=identifiers,
    )
    return (_REGRESSOR if summary.by_strata else _CLASSIFIERS).format(data=data)
