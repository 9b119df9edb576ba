"""What a comparison is asked to measure, in every form, is what its table shows."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    log_loss,
    make_scorer,
    mean_absolute_error,
)
from sklearn.model_selection import StratifiedKFold

from skstrat import ClassWeight, UnusedWeightsError, compare_strategies
from skstrat.metrics import scorers

FOLDS = StratifiedKFold(2)
GAIN = make_scorer(accuracy_score)
LOSS = make_scorer(mean_absolute_error, greater_is_better=False)
WRONG = make_scorer(log_loss, response_method="predict_proba")


def compare(rare_events, scoring, **options):
    X, y, _ = rare_events(200, 0.2)
    return compare_strategies(
        LogisticRegression(),
        X,
        y,
        **{"strategies": [ClassWeight()], "cv": FOLDS, "scoring": scoring} | options,
    )


def gain(estimator, X, y, **kwargs):
    return float(np.average(estimator.predict(X) == y, weights=kwargs["sample_weight"]))


@pytest.mark.parametrize(
    ("scoring", "name", "is_loss"),
    [
        (GAIN, "score", False),
        (LOSS, "score", True),
        ({"neg_predictive_value": GAIN}, "neg_predictive_value", False),
        ({"cost": LOSS}, "cost", True),
        ({"neg_cost": LOSS}, "cost", True),
        (["accuracy"], "accuracy", False),
        ("neg_brier_score", "brier_score", True),
        ({"brier_score": "neg_brier_score"}, "brier_score", True),
        ({"brier": "neg_brier_score"}, "brier", True),
        (scorers(), "log_loss", True),
    ],
    ids=range(10),
)
def test_names_are_as_given_and_losses_have_their_own_sign(
    rare_events, scoring, name, is_loss
):
    comparison = compare(rare_events, scoring)
    best = comparison.outcomes[0]
    p, y = comparison.y_prob("true distribution"), comparison.y_true_
    function, given = accuracy_score, comparison.y_pred("true distribution")
    if scoring is LOSS or "cost" in name:
        function = mean_absolute_error
    elif "brier" in name or "log" in name:
        function, given = (log_loss if "log" in name else brier_score_loss), p
    expected = [function(y[test], given[test]) for _, test in FOLDS.split(p, y)]
    np.testing.assert_allclose(best.folds[name], expected)
    assert (comparison.best_by, comparison.loss_) == (name, is_loss)


@pytest.mark.parametrize(
    ("scoring", "error", "message"),
    [
        ([GAIN], TypeError, r"scoring must be a scorer or its name.*got \[make_scorer"),
        (3, TypeError, "scoring must be a scorer or its name.*got 3"),
        ({"a": None}, TypeError, "scoring must be a scorer or its name.*'a': None"),
        ({"threshold": GAIN}, ValueError, "no other column of the table.*'threshold'"),
        ({"fit_time_sd": GAIN}, ValueError, "no other column.*got 'fit_time_sd'"),
        ({"a": GAIN, "a_sd": GAIN}, ValueError, "no other column.*got 'a_sd'"),
        ({"a": LOSS, "neg_a": LOSS}, ValueError, "no other column.*got 'neg_a'"),
        ({"log_loss": WRONG}, ValueError, "no name of skstrat.*'log_loss' for make_sc"),
        ({"f2": "accuracy"}, ValueError, "for another scorer; got 'f2' for 'accuracy'"),
        (
            lambda *_: {"a": 1.0},
            ValueError,
            r"scoring\['score'\] must give one number; ",
        ),
        (
            {"calibration_slope": "calibration_slope"},
            ValueError,
            "scoring must have a measure whose best value is high or low",
        ),
    ],
    ids=range(11),
)
def test_what_the_table_cannot_show_is_refused(rare_events, scoring, error, message):
    with pytest.raises(error, match=message):
        compare(rare_events, scoring)


@pytest.mark.parametrize("best_by", ["cost", "neg_cost"])
def test_a_loss_is_chosen_by_under_both_its_names(rare_events, best_by):
    scoring = {"accuracy": "accuracy", "neg_cost": LOSS}
    assert compare(rare_events, scoring, best_by=best_by).best_by == "cost"


def test_weights_reach_a_scorer_that_takes_any_argument(rare_events):
    weights = np.random.default_rng(0).uniform(0.5, 2, size=200)
    comparison = compare(rare_events, gain, sample_weight=weights, strategies=[])
    right = comparison.y_pred("true distribution") == comparison.y_true_
    expected = [
        np.average(right[test], weights=weights[test])
        for _, test in FOLDS.split(right, comparison.y_true_)
    ]
    np.testing.assert_allclose(comparison.outcomes[0].folds["score"], expected)


def test_weights_that_a_scorer_would_drop_are_refused(rare_events):
    scoring = {"spread": make_scorer(lambda y_true, y_pred: float(np.std(y_pred)))}
    with pytest.raises(
        UnusedWeightsError, match=r"scoring\['spread'\] takes no sample"
    ):
        compare(rare_events, scoring, sample_weight=np.ones(200))
