"""Models take any table, and learn in the fold what is to learn of its columns."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from skstrat.cli._models import MODELS
from skstrat.cli.data import type_columns


@pytest.fixture(params=MODELS)
def make(request):
    if request.param in ("lightgbm", "xgboost"):
        pytest.importorskip(request.param)
    # Small fits in several threads take ten times as long on a busy machine.
    with threadpool_limits(1):
        yield partial(MODELS[request.param], 0)


def test_columns_empty_in_the_fold_and_values_never_seen(make):
    rng, rows = np.random.default_rng(0), np.arange(120)
    y = (rows % 4 == 0).astype(int)
    columns = {
        "[signal], {<": 3 * y + rng.normal(size=120),
        "empty_here": np.nan,
        "constant": 1.0,
        "id": pd.Categorical([f"{row} row" for row in rows]),
        "empty_text": pd.Categorical([None] * 120, ["a"]),
    }
    X = pd.DataFrame(columns)
    text = dict.fromkeys(["id", "empty_text"], pd.Categorical(["c"] * 10))
    X_test = X.head(10).assign(empty_here=5.0, constant=np.nan, **text)
    X_test["[signal], {<"] = np.nan
    fitted = make(X).fit(X, y)
    assert np.isfinite(fitted.predict_proba(X_test)).all()
    assert fitted.score(X, y) > 0.85


def test_more_categories_than_bins_and_a_class_of_one_row(make):
    rows = np.arange(600)
    y = (rows == 7).astype(int)
    words = pd.Series([f"word {row // 2}" for row in rows], dtype="category")
    X = pd.DataFrame({"text": words, "x": np.float32(rows % 3)})
    assert make(X).fit(X, y).predict_proba(X).shape == (600, 2)


def test_categories_matter_and_the_seed_decides(make):
    rng = np.random.default_rng(0)
    text = rng.choice(list("abcdef"), 2000)
    y = np.isin(text, ["b", "e"]).astype(int)
    X = pd.DataFrame({"noise": rng.normal(size=2000), "text": pd.Categorical(text)})
    first, again = (make(X).fit(X, y).predict_proba(X) for _ in range(2))
    assert (first.argmax(axis=1) == y).all()
    np.testing.assert_array_equal(first, again)


def test_numbers_too_long_for_32_bits_are_told_apart(make):
    ticks, at = pd.date_range("2024", periods=60, freq="s", tz="UTC"), np.arange(600)
    X, y = type_columns(pd.DataFrame({"x": ticks[at % 60]})), (at % 60 > 50).astype(int)
    score = make(X).fit(X, y).predict_proba(X)[:, 1]
    assert roc_auc_score(y, score) == 1
