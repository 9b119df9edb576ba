"""A measure is one row of the table: everything that shows measures reads it."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from rich.console import Console
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, mean_absolute_error

from skstrat import ClassWeight, compare_strategies
from skstrat.cli._terminal import print_comparison
from skstrat.displays import TradeOffDisplay
from skstrat.metrics import scorers
from skstrat.metrics._measures import (
    HIGHER,
    LOWER,
    MEASURES,
    MeasureInfo,
    describe_measure,
)


def mean_error(y_true, y_prob, sample_weight=None):
    return float(np.average(np.abs(y_true - y_prob), weights=sample_weight))


@pytest.fixture
def new_measure(monkeypatch):
    info = MeasureInfo(
        "mean_error",
        LOWER,
        "mean distance of label and probability",
        mean_error,
        digits=3,
        name="Mean distance",
    )
    monkeypatch.setitem(MEASURES, info.key, info)
    return info


@pytest.fixture
def pooled_measure(monkeypatch):
    def largest(y_true, y_prob, sample_weight=None):
        return y_prob.max()

    words = "largest out-of-fold probability"
    info = MeasureInfo("largest", None, words, pooled=largest)
    monkeypatch.setitem(MEASURES, info.key, info)


@pytest.fixture
def compared(new_measure, pooled_measure, rare_events):
    X, y, _ = rare_events(600, 0.1)
    return compare_strategies(
        LogisticRegression(),
        X,
        y,
        cv=2,
        strategies=[ClassWeight()],
        random_state=0,
        best_by="mean_error",
    )


def test_one_new_row_is_enough_to_score(new_measure, rare_events):
    X, y, _ = rare_events(600, 0.1)
    prior = DummyClassifier(strategy="prior").fit(X, y)
    share = y.mean()
    found = scorers()["neg_mean_error"](prior, X, y)
    assert found == pytest.approx(-2 * share * (1 - share))


def test_one_new_row_is_enough_to_compare(compared):
    assert compared.loss_
    table = compared.table_
    assert "mean_error_se" in table
    largest = [compared.y_prob(name).max() for name in table.index]
    assert table["largest"].tolist() == largest
    assert "<th>Mean distance</th>" in compared._repr_html_()
    display = TradeOffDisplay.from_comparison(compared)
    assert display.ax_.get_ylabel().startswith("Mean distance, lower is better")
    plt.close(display.figure_)
    printed = io.StringIO()
    print_comparison(Console(file=printed, width=150), "logistic", compared)
    mean = compared.outcomes[0].mean("mean_error")
    assert "distance" in printed.getvalue()
    assert f"{mean:.3f} ±" in printed.getvalue()


@pytest.mark.slow
def test_one_new_row_is_enough_for_the_page(compared, tmp_path):
    compared.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Mean distance<small>lower is better</small>" in page
    assert "mean distance of label and probability; lower is better." in page
    assert "<dt>Largest</dt><dd>largest out-of-fold probability.</dd>" in page


@pytest.mark.parametrize("three", [False, True])
def test_a_new_row_is_scored_with_more_classes(three, new_measure, rare_events):
    X, y, _ = rare_events(600, 0.1)
    labels = np.where((X[:, 0] > 0.5) & (y == 0), 2, y) if three else y
    comparison = compare_strategies(
        LogisticRegression(), X, labels, cv=2, strategies=[], random_state=0
    )
    smallest = np.bincount(labels).argmin()
    assert comparison.positive_ == smallest
    (outcome,) = comparison.outcomes
    by_fold = [
        mean_error((labels == smallest)[test], outcome.proba[test, smallest])
        for _, test in comparison.cross_validation.splits
    ]
    np.testing.assert_allclose(outcome.folds["mean_error"], by_fold)


def test_a_scorer_of_the_users_own_says_which_direction_is_better():
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    loss = describe_measure("own_cost", {"own_cost": scorer})
    assert (loss.label, loss.best, loss.better) == (
        "Own cost",
        LOWER,
        "lower is better",
    )
    assert describe_measure("own_gain", {"own_gain": None}).best == HIGHER


def test_words_say_which_value_is_best():
    assert MEASURES["calibration_slope"].better == "1 is right"
    assert MEASURES["calibration_in_the_large"].better == "0 is right"
    assert MEASURES["roc_auc"].better == "higher is better"
    assert MEASURES["rows"].better == ""


@pytest.mark.parametrize("key", [key for key, each in MEASURES.items() if each.loss])
def test_the_mean_loss_of_the_rows_is_the_measure(key):
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(500), [0.0, 1.0, 0.0, 1.0]])
    positive = np.concatenate([rng.random(500) < 0.3, [True, True, False, False]])
    weight = rng.lognormal(size=504)
    losses = MEASURES[key].loss(positive, p)
    expected = MEASURES[key].score(positive, p, sample_weight=weight)
    assert np.average(losses, weights=weight) == pytest.approx(expected, rel=1e-12)
