"""Code that trains from the small file, for linear models and for trees."""

from __future__ import annotations

from pathlib import Path

from skstrat.io import CsvFormat
from skstrat.io._source_files import kind_of

_PARQUET = """\
import pandas

X = pandas.read_parquet({dest!r})
y, weight = X.pop({target!r}), X.pop({weight!r})
"""
# pandas would make numbers and missing values of labels such as 007 and NA.
_CSV = """\
import pandas
import skstrat.io

X, y, weight = skstrat.io.scan_file(
    {dest!r}, target={target!r}, sample_weight={weight!r}{told}
)
X, weight = X.take_rows(range(len(y))), pandas.Series(weight)
"""
_DROP = "X = X.drop(columns={identifiers!r})\n"
_CLASSIFIERS = """
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from skstrat import PriorCorrectedClassifier

# Linear models take the weights.
linear = LogisticRegression(max_iter=1000).fit(X, y, sample_weight=weight)
# Trees do not follow those of classes: fit without, then correct by class totals.
by_class = weight.groupby(y, observed=True)
within = weight / by_class.transform('mean')
trees = HistGradientBoostingClassifier().fit(X, y, sample_weight=within)
trees = PriorCorrectedClassifier(
    trees, train_prior=by_class.count(), target_prior=by_class.sum()
)
# Trees may predict too much where few rows are kept: check their mean on fresh rows."""
_REGRESSOR = """
from sklearn.ensemble import HistGradientBoostingRegressor

model = HistGradientBoostingRegressor().fit(X, y, sample_weight=weight)"""


def training_code(
    dest: str,
    *,
    target: str,
    weight: str,
    identifiers: list[str],
    numeric: bool,
    csv_format: CsvFormat,
) -> str:
    """Write code that reads the file and fits a model of each kind to it.

    Columns that only tell rows or groups apart are nothing to learn from.
    """
    data = _PARQUET if kind_of(Path(dest), "dest") == "parquet" else _CSV
    data += _DROP if identifiers else ""
    told = "" if csv_format == CsvFormat() else f", csv=skstrat.io.{csv_format!r}"
    data = data.format(
        dest=dest, target=target, weight=weight, identifiers=identifiers, told=told
    )
    return data + (_REGRESSOR if numeric else _CLASSIFIERS)
