"""Any column becomes numbers or codes, and what is learned is learned in the fold."""

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from skstrat.cli._models import MODELS, plain_columns

NAN = np.nan


@pytest.fixture(autouse=True)
def one_thread():
    # Small fits in several threads take ten times as long on a busy machine.
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, 2]), [1, 2]),
        (pd.Series([1, None], dtype="Int64"), [1, NAN]),
        (pd.Series([True, False]), [1, 0]),
        (pd.Series([True, None], dtype="boolean"), [1, NAN]),
        (pd.Series([True, None], dtype=object), [1, NAN]),
        (pd.Series([Decimal("1.5"), None], dtype=object), [1.5, NAN]),
        (pd.Series([1.0, np.inf, -np.inf, 1e300]), [1, NAN, NAN, NAN]),
        (pd.Series([None, None], dtype=object), [NAN, NAN]),
        (pd.to_datetime(pd.Series(["1970-01-02 12:00", None])), [1.5, NAN]),
        (pd.to_datetime(pd.Series(["1970-01-02"]), utc=True), [1]),
        (pd.Series(["1970-01-02", None, "1970-01-02T12:00:00Z"]), [1, NAN, 1.5]),
        (pd.Series([date(1970, 1, 3), None], dtype=object), [2, NAN]),
        (pd.to_timedelta(pd.Series([90, None]), unit="s"), [90, NAN]),
    ],
)
def test_numbers(column, expected):
    plain = plain_columns(column.to_frame("a"))["a"]
    assert plain.dtype == np.float64
    np.testing.assert_array_equal(plain, expected)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["a", None, "b", "a"]),
        pd.Series(["a", None, "b", "a"], dtype=object),
        pd.Series(["a", None, "b", "a"], dtype="category"),
        pd.Series([3, None, 7, 3], dtype="category"),
        pd.Series([[1], None, [2], [1]], dtype=object),
        pd.Series(["a", None, 5, "a"], dtype=object),
        pd.Series(["2020-13-45", None, "2020-01-01", "2020-13-45"]),
    ],
)
def test_text_becomes_one_code_per_value(column):
    plain = plain_columns(column.to_frame("a"))["a"]
    assert plain.dtype == np.int64
    assert plain[0] == plain[3]
    assert plain.nunique() == 3


def test_a_text_has_the_same_code_in_every_table():
    first = plain_columns(pd.DataFrame({"a": ["x", "y", None, "nan", "y"]}))["a"]
    second = plain_columns(pd.DataFrame({"a": pd.Series(["nan", None, "y"])}))["a"]
    assert [*first.tolist()[3:0:-1], first[4]] == [*second, second[2]]
    assert first.nunique() == 4


def odd_columns(n_rows=120):
    """Make training columns that are hard, and test columns that are strange."""
    rng = np.random.default_rng(0)
    y = (np.arange(n_rows) % 4 == 0).astype(int)
    train = pd.DataFrame(
        {
            "signal": y + rng.normal(size=n_rows),
            "gaps": np.where(rng.random(n_rows) < 0.3, NAN, rng.normal(size=n_rows)),
            "empty_here": NAN,
            "constant": 1.0,
            "text": rng.choice(["a", "b"], n_rows),
            "id": [f"row {row}" for row in range(n_rows)],
            "empty_text": pd.Series([None] * n_rows, dtype="str"),
        }
    )
    test = train.head(10).assign(
        signal=NAN, empty_here=5.0, constant=NAN, text="new", id="new", empty_text="new"
    )
    both = plain_columns(pd.concat([train, test], ignore_index=True))
    return both.head(n_rows), y, both.tail(10)


@pytest.mark.parametrize("name", MODELS)
def test_models_take_columns_empty_in_the_fold_and_values_never_seen(name):
    X, y, X_test = odd_columns()
    model = MODELS[name](X, 0).fit(X, y)
    proba = model.predict_proba(X_test)
    assert np.isfinite(proba).all()
    # The rows of the test differ in nothing but a column that was empty in training
    # and in gaps, so they cannot all be as sure as rows whose signal is known.
    assert model.score(X, y) > 0.75


@pytest.mark.parametrize("name", MODELS)
def test_more_categories_than_bins(name):
    n_rows = 1000
    y = (np.arange(n_rows) % 10 == 0).astype(int)
    text = [f"word {row // 2}" for row in range(n_rows)]
    X = plain_columns(pd.DataFrame({"text": text, "x": y + np.arange(n_rows) % 3}))
    assert MODELS[name](X, 0).fit(X, y).predict_proba(X).shape == (n_rows, 2)


@pytest.mark.parametrize("name", MODELS)
def test_categories_matter(name):
    rng = np.random.default_rng(0)
    text = rng.choice(list("abcdef"), 2000)
    y = np.isin(text, ["b", "e"]).astype(int)
    X = plain_columns(pd.DataFrame({"noise": rng.normal(size=2000), "text": text}))
    assert MODELS[name](X, 0).fit(X, y).score(X, y) == 1.0
