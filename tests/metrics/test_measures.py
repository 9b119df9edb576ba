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


def largest(y_true, y_prob, sample_weight=None):
    return y_prob.max()


NEW = [
    MeasureInfo("mean_error", LOWER, "mean |y - p|", mean_error, digits=3, name="Mean"),
    MeasureInfo("largest", None, "largest out-of-fold probability", pooled=largest),
]


@pytest.fixture
def compare(monkeypatch, rare_events):
    for info in NEW:
        monkeypatch.setitem(MEASURES, info.key, info)
    X, y, _ = rare_events(600, 0.1)

    def compared(y=y, **words):
        options = {"cv": 2, "random_state": 0, "best_by": "mean_error"} | words
        return compare_strategies(LogisticRegression(), X, y, **options)

    return compared


def test_one_new_row_is_enough_to_score_and_compare(compare, rare_events):
    X, y, _ = rare_events(600, 0.1)
    prior, share = DummyClassifier(strategy="prior").fit(X, y), y.mean()
    found = scorers()["neg_mean_error"](prior, X, y)
    assert found == pytest.approx(-2 * share * (1 - share))
    compared = compare(strategies=[ClassWeight()])
    assert compared.loss_
    table = compared.table_
    assert "mean_error_se" in table
    most = [compared.y_prob(name).max() for name in table.index]
    assert table["largest"].tolist() == most
    assert "<th>Mean</th>" in compared._repr_html_()
    display = TradeOffDisplay.from_comparison(compared)
    assert display.ax_.get_ylabel().startswith("Mean, lower is better")
    plt.close(display.figure_)
    printed = io.StringIO()
    print_comparison(Console(file=printed, width=150), "logistic", compared)
    assert f"{compared.outcomes[0].mean('mean_error'):.3f} ±" in printed.getvalue()


@pytest.mark.parametrize("three", [False, True])
def test_a_new_row_is_scored_with_more_classes(three, compare, rare_events):
    X, y, _ = rare_events(600, 0.1)
    labels = np.where((X[:, 0] > 0.5) & (y == 0), 2, y) if three else y
    comparison = compare(labels, strategies=[])
    smallest = np.bincount(labels).argmin()
    assert comparison.positive_ == smallest
    (outcome,) = comparison.outcomes
    by_fold = [
        mean_error((labels == smallest)[test], outcome.proba[test, smallest])
        for _, test in comparison.cross_validation.splits
    ]
    np.testing.assert_allclose(outcome.folds["mean_error"], by_fold)


def test_words_say_which_value_is_best():
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    own = describe_measure("own_cost", {"own_cost": scorer})
    assert (own.label, own.best, own.better) == ("Own cost", LOWER, "lower is better")
    assert describe_measure("own_gain", {"own_gain": None}).best == HIGHER
    better = {key: each.better for key, each in MEASURES.items()}
    assert better["calibration_slope"] == "1 is right"
    assert better["calibration_in_the_large"] == "0 is right"
    assert (better["roc_auc"], better["rows"]) == ("higher is better", "")


@pytest.mark.parametrize("key", [key for key, each in MEASURES.items() if each.loss])
def test_the_mean_loss_of_the_rows_is_the_measure(key):
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(500), [0.0, 1.0, 0.0, 1.0]])
    positive = np.concatenate([rng.random(500) < 0.3, [True, True, False, False]])
    weight = rng.lognormal(size=504)
    losses = MEASURES[key].loss(positive, p)
    expected = MEASURES[key].score(positive, p, sample_weight=weight)
    assert np.average(losses, weights=weight) == pytest.approx(expected, rel=1e-12)
