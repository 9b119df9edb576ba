"""Reading data: typed columns of any table, and one line where there is no way."""

from datetime import date

import click
import numpy as np
import pandas as pd
import pytest

from skstrat.cli.data import demo_data, read_data
from skstrat.io import CsvFormat

NAN = np.nan
DAYS = pd.Series(["1970-01-02 12:00", None])
ROLES = {"sample_weight": "w", "groups": "g"}


def read(path, target="y", sample_weight=None, groups=None, csv=None):
    return read_data(path, target, sample_weight, groups, csv or CsvFormat())


def write(path):
    columns = {
        "amount": [1.5, NAN, 3.0, 4.0, 5.0, 6.0],
        "shop": ["a", "b", None, "a", "b", "a"],
        "day": pd.date_range("2024-01-01", periods=6),
        "w": [1.0, 2, 3, 4, 5, 6],
        "g": list("aabbcc"),
        "y": ["no", "no", "yes", "no", "no", "yes"],
    }
    frame = pd.DataFrame(columns)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        sep = {".tsv": "\t", ".csv": ";"}.get(path.suffix, ",")
        frame.to_csv(path, index=False, sep=sep)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.zip", "t.tsv", "t.parquet"])
def test_every_format_gives_the_same_data(tmp_path, name):
    data = read(write(tmp_path / name), **ROLES)
    assert data.X.columns.tolist()[:3] == ["amount", "shop", "day"]
    assert not {"w", "g", "y"} & set(data.X)
    np.testing.assert_array_equal(data.X["amount"], [1.5, NAN, 3, 4, 5, 6])
    assert data.X["shop"].cat.codes.tolist() == [0, 1, -1, 0, 1, 0]
    assert data.X["day_day"].tolist() == [1, 2, 3, 4, 5, 6]
    assert data.y.tolist() == ["no", "no", "yes", "no", "no", "yes"]
    assert data.sample_weight.tolist() == [1, 2, 3, 4, 5, 6]
    assert data.groups.tolist() == list("aabbcc")
    shares = [("no", 4, pytest.approx(2 / 3)), ("yes", 2, pytest.approx(1 / 3))]
    names = ("label", "rows", "share")
    assert data.summary["classes"] == [dict(zip(names, s, strict=True)) for s in shares]
    names = ("source", "rows", "features", "target", "smallest_class")
    told = [str(tmp_path / name), 6, ["amount", "shop", "day"], "y", "yes"]
    assert [data.summary[each] for each in names] == told


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "demo"])
def test_the_code_makes_the_same_data(tmp_path, monkeypatch, name):
    # The page names no folder.
    monkeypatch.chdir(tmp_path)
    csv, made = CsvFormat(separator=";", missing=("", "6.0")), {}
    demo = name == "demo"
    data = demo_data() if demo else read(write(tmp_path / name), csv=csv, **ROLES)
    exec(data.code, made)
    pd.testing.assert_frame_equal(made["X"], data.X)
    pd.testing.assert_series_equal(made["y"], data.y)
    for role in ("sample_weight", "groups"):
        np.testing.assert_array_equal(made.get(role), getattr(data, role))
    if demo:
        # The same payments in every version, so that results can be told of.
        assert data.X["amount"].astype(float).sum() == 1_192_131


CODES = [0, -1, 1, 0]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([2**24 + 1, 2**53 - 1]), [2**24 + 1, 2**53 - 1]),
        (pd.Series([1.0, np.inf, -np.inf, 1e300, 1e30]), [1, NAN, NAN, NAN, NAN]),
        (pd.Series(["1", "NA", "2.5"]), [1, NAN, 2.5]),
        (DAYS + ":00", [129_600, NAN]),
        (pd.Series([date(1970, 1, 2), None]), [86_400, NAN]),
        # All else is text.
        (pd.Series(["a", None, "b", "a"]), CODES),
        (pd.Series(["2020-13-45", None, "2021-01-01", "2020-13-45"]), CODES),
    ],
)
def test_columns_of_every_type(column, expected, tmp_path):
    frame = pd.DataFrame({"a": column, "ok": 1.0, "y": np.arange(len(column)) % 2})
    frame.to_parquet(tmp_path / "t.parquet")
    X = read(tmp_path / "t.parquet").X
    if expected is CODES:
        assert X["a"].cat.codes.tolist() == CODES
        return
    assert X["a"].dtype == np.float64
    np.testing.assert_array_equal(X["a"], expected)
    is_day = expected[0] in (86_400, 129_600)
    assert ("a_month" in X) == is_day
    assert not is_day or X["a_month"][0] == 1


@pytest.mark.parametrize(
    ("features", "n_classes", "text"),
    [
        ({}, 2, "must have a column with values besides"),
        ({"x": np.inf}, 2, "must have a column with values besides"),
        ({"x": 1}, 1500, "^target 'y' has 1,500 different .*: is it .* At most 1,000"),
    ],
)
def test_nothing_to_learn_from_and_too_many_classes(
    features, n_classes, text, tmp_path
):
    frame = pd.DataFrame({"y": np.arange(3000) % n_classes}).assign(**features)
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(click.ClickException, match=text):
        read(tmp_path / "t.parquet")
