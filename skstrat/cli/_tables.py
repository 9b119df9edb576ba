"""A table from a file: its features, its labels, and how imbalanced they are."""

from __future__ import annotations

import csv
import stat
import zlib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skstrat._core.labels import Labels, encode_labels
from skstrat.exceptions import MissingLabelsError
from skstrat.io import CsvFormat
from skstrat.io._csv import CsvSource
from skstrat.io._source_files import CSV, PARQUET
from skstrat.metrics._imbalance import degree_of_share

MOST_NAMED = 12
MANY_CLASSES = 20
_MOST_CLASSES = 1000


class TableError(ValueError):
    """A file, column or set of labels cannot be used; the text is one line."""


@dataclass(frozen=True)
class Table:
    """Features and labels of the same rows.

    Attributes
    ----------
    source : str
        Where the rows come from, for people.
    target : str
        Name of the label column.
    features : DataFrame of shape (n_rows, n_columns)
        All other columns, as they were read.
    labels : Labels
        Class codes, classes and counts.
    """

    source: str
    target: str
    features: Any
    labels: Labels

    @property
    def smallest(self) -> int:
        """Code of the smallest class, the first of them if several are as small."""
        return int(self.labels.counts.argmin())

    @property
    def shares(self) -> list[float]:
        """Share of the rows, one per class."""
        return (self.labels.counts / self.labels.counts.sum()).tolist()

    @property
    def degree(self) -> str:
        """Degree of imbalance of the smallest class."""
        return degree_of_share(min(self.shares), len(self.shares))

    def codes(self) -> Any:
        """Give the label of every row as a number.

        Returns
        -------
        ndarray of shape (n_rows,)
            1 for the smaller and 0 for the larger of two classes; with more classes
            their positions in ``labels.classes``.
        """
        if len(self.labels.classes) > 2:
            return self.labels.codes.astype(np.int64)
        return (self.labels.codes == self.smallest).astype(np.int64)

    def code_names(self) -> list[str]:
        """Name the codes of :meth:`codes`.

        Returns
        -------
        list of str
            The text of each label, by code.
        """
        names = [str(label) for label in self.labels.classes.tolist()]
        if len(names) > 2:
            return names
        return [names[1 - self.smallest], names[self.smallest]]

    def to_dict(self) -> dict[str, Any]:
        """Describe the table in types that JSON knows.

        Returns
        -------
        dict
            Source, size, classes with counts and shares, degree of imbalance.
        """
        names = [plain_label(label) for label in self.labels.classes.tolist()]
        counts = self.labels.counts.tolist()
        return {
            "source": self.source,
            "rows": len(self.features),
            "features": list(self.features.columns),
            "target": self.target,
            "classes": [
                {"label": name, "rows": count, "share": share}
                for name, count, share in zip(names, counts, self.shares, strict=True)
            ],
            "smallest_class": names[self.smallest],
            "degree_of_imbalance": self.degree,
        }


def plain_label(label: Any) -> Any:
    """Give a label as JSON can hold it."""
    return label if isinstance(label, (bool, int, float, str)) else str(label)


def read_table(
    path: str | Path, target: str, csv_format: CsvFormat | None = None
) -> Table:
    """Read a CSV or Parquet file.

    Parameters
    ----------
    path : str or Path
        The file; its ending tells the format.
    target : str
        Name of the label column.
    csv_format : CsvFormat, default=None
        How a CSV file is written; None to find out.

    Returns
    -------
    Table
        Features and labels. Labels of CSV files are text, also where they read None
        or NA, unless all are plain integers.

    Raises
    ------
    TableError
        If the file is absent, of an unknown kind or unreadable, or its column cannot
        be the target.
    """
    frame = _read_frame(Path(path), target, csv_format or CsvFormat())
    return make_table(frame, target, source=str(path))


def make_table(frame: Any, target: str, *, source: str) -> Table:
    """Split a frame into features and labels.

    Parameters
    ----------
    frame : DataFrame
        All columns.
    target : str
        Name of the label column.
    source : str
        Where the frame comes from, for people.

    Returns
    -------
    Table
        Features and labels.

    Raises
    ------
    TableError
        If there is no such column, no other column with a value, or the column does
        not hold at least two classes with a label in every row.
    """
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()].tolist()
        raise TableError(f"column names must differ; {source} has {twice} twice")
    if target not in frame.columns:
        raise TableError(
            f"no column {target!r} in {source}; {_name_columns(target, frame)}"
        )
    features = frame.drop(columns=target)
    if not features.notna().to_numpy().any():
        raise TableError(
            f"{source} has no column with values besides the target {target!r}; there "
            "is nothing to learn from"
        )
    return Table(source, target, features, _encode_target(frame[target], target))


def check_folds(table: Table, folds: int) -> None:
    """Refuse too many classes, or one that cannot have a row in every fold."""
    rows = int(table.labels.counts.min())
    n_classes = len(table.labels.classes)
    doubt = doubted_label(f"column {table.target!r}", n_classes)
    if n_classes > _MOST_CLASSES:
        raise TableError(f"{doubt} At most {_MOST_CLASSES:,} classes are compared")
    if rows >= folds:
        return
    label = plain_label(table.labels.classes.tolist()[table.smallest])
    advice = f"use --folds {rows} or fewer" if rows > 1 else "leave that class out"
    raise TableError(
        f"class {label!r} of {table.target!r} has {rows} "
        f"{'row' if rows == 1 else 'rows'}, fewer than the {folds} folds; "
        f"{doubt or advice}"
    )


def doubted_label(column: str, n_classes: int) -> str | None:
    """Ask whether a column of so many values is the label, if there is reason to."""
    if n_classes <= MANY_CLASSES:
        return None
    return f"{column} has {n_classes:,} different values: is it the label?"


def _read_frame(path: Path, target: str, csv_format: CsvFormat) -> Any:
    name = path.name.lower()
    if not name.endswith(CSV + PARQUET):
        raise TableError(
            f"{path} is of an unknown kind; its name must end in one of "
            f"{', '.join(CSV + PARQUET)}"
        )
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise TableError(f"{path} does not exist") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise TableError(f"{path} is not a file")
    try:
        if name.endswith(PARQUET):
            return pd.read_parquet(path)
        return _read_csv(path, target, csv_format)
    except ImportError:
        raise TableError(
            f'reading {path} needs pyarrow; install it with: pip install "skstrat[cli]"'
        ) from None
    # What the readers raise for a broken file, pyarrow's own errors among them.
    except (OSError, ValueError, EOFError, NotImplementedError, zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if not reason.startswith((str(path), "Column names")):
            reason = f"{path} cannot be read: {reason}"
        raise TableError(reason) from error


def _read_csv(path: Path, target: str, csv_format: CsvFormat) -> Any:
    # Labels, header and number of fields as when a file is made smaller.
    source = CsvSource([path], csv_format)
    names = source.schema.names
    labels = _read_labels(source, target) if target in names else None
    csv_format = source.csv
    frame = pd.read_csv(
        path,
        names=names,
        header=0,
        sep=csv_format.separator,
        encoding=csv_format.encoding,
        decimal=csv_format.decimal,
        quotechar=csv_format.quote or '"',
        quoting=csv.QUOTE_NONE if csv_format.quote is None else csv.QUOTE_MINIMAL,
        na_values=list(csv_format.missing),
        # In one piece: in pieces, the type of a column may change half-way.
        low_memory=False,
    )
    return frame if labels is None else frame.assign(**{target: labels})


def _read_labels(source: CsvSource, target: str) -> Any:
    """Read labels: integers, other numbers or texts, among them None and NA."""
    from pyarrow import concat_tables

    empty = source.schema.empty_table().select([target])
    labels = concat_tables([empty, *source.batches([target])]).column(target)
    found = labels.unique().drop_null().to_pylist()
    typed = dict(zip(found, source.typed_labels(found), strict=True))
    return labels.to_pandas().map(typed).to_numpy()


def _name_columns(wanted: str, frame: Any) -> str:
    columns = list(frame.columns)
    close = get_close_matches(wanted, columns, n=3)
    if close:
        return "the closest: " + ", ".join(map(repr, close))
    return f"there are: {shortened(columns)}"


def shortened(names: list[Any]) -> str:
    """Name the first of a list and count the rest."""
    more = len(names) - MOST_NAMED
    named = ", ".join(map(repr, names[:MOST_NAMED]))
    return named + (f" and {more} more" if more > 0 else "")


def _encode_target(column: Any, target: str) -> Labels:
    try:
        return encode_labels(column)
    except MissingLabelsError as error:
        raise TableError(
            f"column {target!r} must have a label in every row; {error.n_missing} of "
            f"{error.n_labels} are missing. Remove those rows first"
        ) from None
    except ValueError as error:
        raise TableError(f"column {target!r} cannot be the target: {error}") from None


TARGET = "is_fraud"
_POSITIVES = 150
_NEGATIVES_PER_POSITIVE = 200
_SHOPS = np.array(["grocery", "fuel", "travel", "games", "jewellery", "electronics"])
_SHOP_RISK = np.array([-0.8, -0.4, 0.2, 0.9, 0.7, 0.5])
_COUNTRIES = np.array(["home", "neighbour", "overseas"])
_COUNTRY_RISK = np.array([-0.3, 0.3, 1.3])


def demo_table() -> Table:
    """Make a fraud-like table, the same one every time.

    Returns
    -------
    Table
        150 frauds and 200 times as many other payments. Fraud follows a logistic
        model with a night-time and an amount-by-shop effect that are not linear.
    """
    rng = np.random.default_rng(0)
    n_rows = _POSITIVES * (1 + _NEGATIVES_PER_POSITIVE)
    shop = rng.choice(len(_SHOPS), n_rows, p=[0.36, 0.22, 0.08, 0.12, 0.04, 0.18])
    country = rng.choice(len(_COUNTRIES), n_rows, p=[0.86, 0.1, 0.04])
    log_amount = rng.normal(3.2 + 0.3 * _SHOP_RISK[shop], 1.0)
    hour = rng.choice(24, n_rows, p=_hours())
    account_age = rng.gamma(1.5, 900, n_rows)
    payments_today = rng.poisson(0.8 + 0.6 * (country == 2))
    score = 1.5 * (
        _SHOP_RISK[shop] * np.maximum(log_amount - 3, 0)
        + _COUNTRY_RISK[country]
        + 1.2 * (hour < 6)
        + 0.4 * payments_today
        - 0.5 * np.log1p(account_age / 100)
        + 0.4 * log_amount
    )
    # A threshold on score plus logistic noise is exactly a logistic model.
    latent = score + rng.logistic(size=n_rows)
    frame = pd.DataFrame(
        {
            # As whole units: the trees' binning of weighted rows is slow where a
            # column has many different values.
            "amount": np.exp(log_amount).round(),
            "hour": hour,
            "account_age_months": _with_gaps((account_age / 30).round(), rng),
            "payments_today": payments_today,
            "shop": _SHOPS[shop],
            "country": _with_gaps(_COUNTRIES[country].astype(object), rng),
            "card_present": rng.random(n_rows) < 0.7 - 0.25 * (latent > 3),
        }
    )
    frame[TARGET] = (latent.argsort().argsort() >= n_rows - _POSITIVES).astype(int)
    return make_table(frame, TARGET, source="generated card payments")


def _hours() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    busy = 1.05 - np.cos((np.arange(24) - 3) * np.pi / 12)
    return busy / busy.sum()


def _with_gaps(values: object, rng: np.random.Generator) -> pd.Series:
    """Leave out one value in twenty."""
    column = pd.Series(values)
    return column.mask(rng.random(len(column)) < 0.05)
