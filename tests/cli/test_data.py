"""Reading data: typed columns of any table, and one line where there is no way."""

from datetime import date
from decimal import Decimal

import click
import numpy as np
import pandas as pd
import pytest

from skstrat.cli.data import demo_data, read_data
from skstrat.io import CsvFormat

NAN = np.nan
DAY = 86_400


def read(path, target="y", sample_weight=None, groups=None, csv=None):
    return read_data(path, target, sample_weight, groups, csv or CsvFormat())


def read_column(column, folder):
    """Give a column as it is read from Parquet next to labels."""
    frame = pd.DataFrame({"a": column, "ok": 1.0})
    frame["y"] = np.arange(len(frame)) % 2
    frame.to_parquet(folder / "t.parquet")
    return read(folder / "t.parquet").X


def small_frame():
    return pd.DataFrame(
        {
            "amount": [1.5, NAN, 3.0, 4.0, 5.0, 6.0],
            "shop": ["a", "b", None, "a", "b", "a"],
            "day": pd.date_range("2024-01-01", periods=6),
            "w": [1.0, 2, 3, 4, 5, 6],
            "g": list("aabbcc"),
            "y": ["no", "no", "yes", "no", "no", "yes"],
        }
    )


def write(path):
    if path.suffix == ".parquet":
        small_frame().to_parquet(path)
    else:
        sep = {".tsv": "\t", ".csv": ";"}.get(path.suffix, ",")
        small_frame().to_csv(path, index=False, sep=sep)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.zip", "t.tsv", "t.parquet"])
def test_every_format_gives_the_same_data(tmp_path, name):
    data = read(write(tmp_path / name), sample_weight="w", groups="g")
    names = data.X.columns.tolist()
    assert names[:3] == ["amount", "shop", "day"]
    assert not {"w", "g", "y"} & set(names)
    np.testing.assert_array_equal(data.X["amount"], [1.5, NAN, 3, 4, 5, 6])
    assert data.X["shop"].cat.categories.tolist() == ["a", "b"]
    assert data.X["shop"].isna().tolist() == [False, False, True, False, False, False]
    assert data.X["day_day"].tolist() == [1, 2, 3, 4, 5, 6]
    assert data.y.tolist() == small_frame()["y"].tolist()
    assert data.sample_weight.tolist() == [1, 2, 3, 4, 5, 6]
    assert data.groups.tolist() == list("aabbcc")
    assert data.summary == {
        "source": str(tmp_path / name),
        "rows": 6,
        "features": ["amount", "shop", "day"],
        "target": "y",
        "classes": [
            {"label": "no", "rows": 4, "share": pytest.approx(2 / 3)},
            {"label": "yes", "rows": 2, "share": pytest.approx(1 / 3)},
        ],
        "smallest_class": "yes",
        "degree_of_imbalance": "mild",
    }


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "demo"])
def test_the_code_makes_the_same_data(tmp_path, monkeypatch, name):
    # The page names no folder.
    monkeypatch.chdir(tmp_path)
    if name == "demo":
        data = demo_data()
    else:
        csv = CsvFormat(separator=";", missing=("", "6.0"))
        data = read(write(tmp_path / name), sample_weight="w", groups="g", csv=csv)
    made = {}
    exec(data.code, made)
    pd.testing.assert_frame_equal(made["X"], data.X)
    pd.testing.assert_series_equal(made["y"], data.y)
    np.testing.assert_array_equal(made.get("sample_weight"), data.sample_weight)
    np.testing.assert_array_equal(made.get("groups"), data.groups)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, None], dtype="Int64"), [1, NAN]),
        (pd.Series([True, None], dtype="boolean"), [1, NAN]),
        (pd.Series([True, None], dtype=object), [1, NAN]),
        (pd.Series([2**24 + 1, 2**53 - 1]), [2**24 + 1, 2**53 - 1]),
        (pd.Series([str(2**24 + 1)] * 2), [2**24 + 1] * 2),
        (pd.Series([Decimal("1.5"), None], dtype=object), [1.5, NAN]),
        (pd.Series([1.0, np.inf, -np.inf, 1e300, 1e30]), [1, NAN, NAN, NAN, NAN]),
        (pd.Series(["1", "NA", "2.5"]), [1, NAN, 2.5]),
        (pd.to_timedelta(pd.Series([90, None]), unit="s"), [90, NAN]),
    ],
)
def test_numbers(column, expected, tmp_path):
    read = read_column(column, tmp_path)["a"]
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize(
    "column",
    [
        pd.to_datetime(pd.Series(["1970-01-02 12:00", None])),
        pd.to_datetime(pd.Series(["1970-01-02 12:00", None]), utc=True),
        pd.Series(["1970-01-02 12:00:00", None]),
        pd.Series([date(1970, 1, 2), None]),
    ],
)
def test_dates(column, tmp_path):
    read = read_column(column, tmp_path)
    assert read["a_month"].tolist()[0] == 1
    assert read["a"][0] in (DAY, 1.5 * DAY)
    assert np.isnan(read["a"][1])


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["a", None, "b", "a"]),
        pd.Series(["a", None, "b", "a"], dtype="category"),
        pd.Series([[1], None, [2], [1]], dtype=object),
        pd.Series([[1], None, [2, 3], [1]], dtype=object),
        pd.Series([{"k": 1}, None, {"k": 2}, {"k": 1}], dtype=object),
        pd.Series([b"a", None, b"b", b"a"], dtype=object),
        pd.Series(["2020-13-45", None, "2020-01-01", "2020-13-45"]),
    ],
)
def test_all_else_is_text(column, tmp_path):
    codes = read_column(column, tmp_path)["a"].cat.codes
    assert codes.tolist() == [codes[0], -1, 1 - codes[0], codes[0]]


@pytest.mark.parametrize("features", [{}, {"x": [NAN] * 4}, {"x": [np.inf] * 4}])
def test_nothing_to_learn_from(features, tmp_path):
    pd.DataFrame({**features, "y": [0, 0, 1, 1]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(
        click.ClickException, match="must have a column with values besides"
    ):
        read(tmp_path / "t.parquet")


def test_too_many_classes(tmp_path):
    frame = pd.DataFrame({"x": range(3000), "y": np.arange(3000) % 1500})
    frame.to_parquet(tmp_path / "t.parquet")
    text = r"^target 'y' has 1,500 different values: is it the label\? At most 1,000"
    with pytest.raises(click.ClickException, match=text):
        read(tmp_path / "t.parquet")


def test_demo_is_what_it_says():
    data = demo_data()
    negatives, positives = (each["rows"] for each in data.summary["classes"])
    assert negatives == 200 * positives
    assert data.summary["degree_of_imbalance"] == "extreme"
    assert data.X.isna().any().sum() == 2
    assert data.X.select_dtypes("category").columns.tolist() == ["shop", "country"]
    # The same payments in every version, so that results can be told of.
    assert data.X["amount"].astype(float).sum() == 1_192_131
