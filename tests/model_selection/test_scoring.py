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
SPREAD = make_scorer(lambda y_true, y_pred: float(np.std(y_pred)))


@pytest.fixture
def compare(rare_events):
    X, y, _ = rare_events(200, 0.2)

    def compared(scoring, **words):
        words = {"strategies": [ClassWeight()], "cv": FOLDS} | words
        return compare_strategies(LogisticRegression(), X, y, scoring=scoring, **words)

    return compared


def gain(estimator, X, y, **kwargs):
    return float(np.average(estimator.predict(X) == y, weights=kwargs["sample_weight"]))


@pytest.mark.parametrize(
    ("scoring", "name", "function", "words"),
    [
        (GAIN, "score", accuracy_score, {}),
        (LOSS, "score", mean_absolute_error, {}),
        ({"neg_predictive_value": GAIN}, "neg_predictive_value", accuracy_score, {}),
        ({"cost": LOSS}, "cost", mean_absolute_error, {}),
        ({"neg_cost": LOSS}, "cost", mean_absolute_error, {}),
        ({"gain": GAIN, "neg_b": LOSS}, "b", mean_absolute_error, {"best_by": "b"}),
        ({"gain": GAIN, "neg_b": LOSS}, "b", mean_absolute_error, {"best_by": "neg_b"}),
        (["accuracy"], "accuracy", accuracy_score, {}),
        ("neg_brier_score", "brier_score", brier_score_loss, {}),
        ({"brier_score": "neg_brier_score"}, "brier_score", brier_score_loss, {}),
        ({"brier": "neg_brier_score"}, "brier", brier_score_loss, {}),
        (scorers(), "log_loss", log_loss, {}),
        (gain, "score", accuracy_score, {"sample_weight": np.arange(1.0, 201)}),
    ],
    ids=range(13),
)
def test_names_are_as_given_and_losses_have_their_own_sign(
    compare, scoring, name, function, words
):
    comparison = compare(scoring, **words)
    y, given = comparison.y_true_, comparison.y_pred("true distribution")
    if function in (log_loss, brier_score_loss):
        given = comparison.y_prob("true distribution")
    weights = words.get("sample_weight", np.ones(200))
    expected = [
        function(y[test], given[test], sample_weight=weights[test])
        for _, test in FOLDS.split(y, y)
    ]
    np.testing.assert_allclose(comparison.outcomes[0].folds[name], expected)
    is_loss = function is not accuracy_score
    assert (comparison.best_by, comparison.loss_) == (name, is_loss)


REFUSED = {
    r"scoring must be a scorer or its name.*got \[make_scorer": [GAIN],
    "scoring must be a scorer or its name.*got 3": 3,
    "scoring must be a scorer or its name.*'a': None": {"a": None},
    "no other column of the table.*'threshold'": {"threshold": GAIN},
    "no other column.*got 'fit_time_sd'": {"fit_time_sd": GAIN},
    "no other column.*got 'a_sd'": {"a": GAIN, "a_sd": GAIN},
    "no other column.*got 'neg_a'": {"a": LOSS, "neg_a": LOSS},
    "no name of skstrat.*'log_loss' for make_sc": {"log_loss": WRONG},
    "for another scorer; got 'f2' for 'accuracy'": {"f2": "accuracy"},
    r"scoring\['score'\] must give one number; ": lambda *_: {"a": 1.0},
    "scoring must have a measure whose best value is high or low": "calibration_slope",
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_the_table_cannot_show_is_refused(compare, message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        compare(REFUSED[message])
    assert isinstance(caught.value, TypeError) == ("or its name" in message)


def test_weights_that_a_scorer_would_drop_are_refused(compare):
    text = r"scoring\['spread'\] takes no sample"
    with pytest.raises(UnusedWeightsError, match=text):
        compare({"spread": SPREAD}, sample_weight=np.ones(200))
