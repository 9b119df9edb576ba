"""Models take any table, and learn in the fold what is to learn of its columns."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import LabelEncoder
from threadpoolctl import threadpool_limits

from skstrat.cli._models import MODELS
from skstrat.cli.data import type_columns

NAN = np.nan


@pytest.fixture(autouse=True)
def one_thread():
    # Small fits in several threads take ten times as long on a busy machine.
    with threadpool_limits(1):
        yield


@pytest.fixture(params=MODELS)
def make(request):
    if request.param in ("lightgbm", "xgboost"):
        pytest.importorskip(request.param)
    return partial(MODELS[request.param], 0)


def codes(y):
    return LabelEncoder().fit_transform(y)


def odd_columns(n_rows=120):
    """Make training columns that are hard, and test columns that are strange."""
    rng = np.random.default_rng(0)
    y = codes(np.arange(n_rows) % 4 == 0)
    train = pd.DataFrame(
        {
            "[signal], {<": 3 * y + rng.normal(size=n_rows),
            "gaps": np.where(rng.random(n_rows) < 0.3, NAN, rng.normal(size=n_rows)),
            "empty_here": NAN,
            "constant": 1.0,
            "text": pd.Categorical(rng.choice(["a", "b"], n_rows), list("abc")),
            "id": pd.Series(map(str, range(n_rows))).add(" row").astype("category"),
            "empty_text": pd.Categorical([None] * n_rows, ["a"]),
        }
    )
    text = {
        name: pd.Categorical(["c"] * 10)
        for name in train.select_dtypes("category").columns
    }
    test = train.head(10).assign(empty_here=5.0, constant=NAN, **text)
    test["[signal], {<"] = NAN
    return train, y, test


def test_columns_empty_in_the_fold_and_values_never_seen(make):
    X, y, X_test = odd_columns()
    fitted = make(X).fit(X, y)
    assert np.isfinite(fitted.predict_proba(X_test)).all()
    assert fitted.score(X, y) > 0.85


def test_more_categories_than_bins(make):
    y = codes(np.arange(1000) % 10 == 0)
    words = pd.Series([f"word {row // 2}" for row in range(1000)], dtype="category")
    X = pd.DataFrame({"text": words, "x": np.float32(y + np.arange(1000) % 3)})
    assert make(X).fit(X, y).predict_proba(X).shape == (1000, 2)


def test_categories_matter_and_the_seed_decides(make):
    rng = np.random.default_rng(0)
    text = rng.choice(list("abcdef"), 2000)
    y = codes(np.isin(text, ["b", "e"]))
    X = pd.DataFrame({"noise": rng.normal(size=2000), "text": pd.Categorical(text)})
    first, again = (make(X).fit(X, y).predict_proba(X) for _ in range(2))
    assert (first.argmax(axis=1) == y).all()
    np.testing.assert_array_equal(first, again)


def test_a_class_of_one_row(make):
    y = codes(["b"] * 59 + ["a"])
    X = pd.DataFrame({"x": np.arange(60.0)})
    assert make(X).fit(X, y).predict_proba(X).shape == (60, 2)


DAYS = pd.date_range("2024-01-01", periods=60)
SECONDS = pd.date_range("2024-01-01 12:00", periods=60, freq="s")


@pytest.mark.parametrize(
    "ticks",
    [
        1_700_000_000 + np.arange(60),
        DAYS.strftime("%Y%m%d").astype(int),
        SECONDS,
        SECONDS.tz_localize("UTC"),
    ],
    ids=["epoch", "yyyymmdd", "time", "time with zone"],
)
def test_numbers_too_long_for_32_bits_are_told_apart(make, ticks):
    at = np.arange(1200) % 60
    X = type_columns(pd.DataFrame({"x": ticks[at]}))
    y = codes(at > 50)
    score = make(X).fit(X, y).predict_proba(X)[:, 1]
    assert roc_auc_score(y, score) == 1
