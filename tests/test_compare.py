"""The comparison: same folds for all, only training parts resampled, honest numbers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from skstrat._compare import (
    choose_factors,
    list_strategies,
    make_scoring,
    measure_strategies,
)
from skstrat._preprocessing import MODELS, plain_columns
from skstrat._tables import make_table

FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.fixture(autouse=True)
def one_thread():
    # Small fits in several threads take ten times as long on a busy machine.
    with threadpool_limits(1):
        yield


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that writes down which rows it was fitted with and asked for."""

    fitted: list = []
    asked: list = []

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        Recorder.fitted.append(X[:, 0].astype(int))
        return self

    def predict(self, X):
        raise AssertionError("no measure is of labels")

    def predict_proba(self, X):
        Recorder.asked.append(X[:, 0].astype(int))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def test_same_folds_for_all_and_no_validation_row_is_resampled(rare_events):
    _, y, _ = rare_events(600, 0.1)
    X = np.arange(600.0).reshape(-1, 1)
    Recorder.fitted, Recorder.asked = [], []
    strategies = list_strategies([3], random_state=0)
    # Folds drawn by chance: asked for again, they would be others.
    chance = StratifiedKFold(3, shuffle=True, random_state=np.random.RandomState(0))
    outcomes = measure_strategies(
        Recorder(), X, y, strategies, cv=chance, scoring=make_scoring()
    )
    rows = np.concatenate([outcome.folds["rows"] for outcome in outcomes])
    assert len(Recorder.asked) == len(Recorder.fitted) == 3 * len(strategies)
    for number, (fitted, asked) in enumerate(
        zip(Recorder.fitted, Recorder.asked, strict=True)
    ):
        np.testing.assert_array_equal(asked, Recorder.asked[number % 3])
        assert len(set(asked)) == len(asked) == 200
        assert not set(fitted) & set(asked)
        assert rows[number] == len(fitted)
    assert sorted(np.concatenate(Recorder.asked[:3])) == list(range(600))


def test_true_distribution_is_first_and_names_differ():
    strategies = list_strategies([5, 20])
    assert strategies[0].name == "true distribution"
    assert strategies[0].resampler is None
    names = [strategy.name for strategy in strategies]
    assert len(set(names)) == len(names)
    assert {"downsample 5 + upweight", "downsample 20 + correction"} < set(names)


@pytest.mark.parametrize(
    ("counts", "factors"),
    [
        ([20_000, 100], [5, 20, 100]),
        ([1000, 50], [5, 20]),
        ([900, 100, 300], [5]),
        ([400, 100], [2]),
        ([150, 100], [1.5]),
        ([100, 100], []),
    ],
)
def test_factors_leave_the_majority_as_big_as_the_smallest(counts, factors):
    assert choose_factors(counts) == factors


def test_measures_agree_with_arithmetic_on_cross_val_predict(rare_events):
    X, y, _ = rare_events(3000, 0.05)
    strategy = list_strategies([4], random_state=1)[6]
    (outcome,) = measure_strategies(
        LogisticRegression(), X, y, [strategy], cv=FOLDS, scoring=make_scoring()
    )
    p = cross_val_predict(
        strategy.classifier(LogisticRegression()),
        X,
        y,
        cv=FOLDS,
        method="predict_proba",
    )[:, 1]
    for fold, (_, test) in enumerate(FOLDS.split(X, y)):
        measured = {name: values[fold] for name, values in outcome.folds.items()}
        assert measured["roc_auc"] == pytest.approx(roc_auc_score(y[test], p[test]))
        assert measured["log_loss"] == pytest.approx(log_loss(y[test], p[test]))
        assert measured["brier"] == pytest.approx(np.mean((y[test] - p[test]) ** 2))
        assert measured["mean_probability_ratio"] == pytest.approx(
            p[test].mean() / y[test].mean()
        )
    values = outcome.folds["brier"]
    assert outcome.mean("brier") == pytest.approx(sum(values) / 3)
    assert outcome.sd("brier") == pytest.approx(np.std(values) * np.sqrt(3 / 2))


def test_rare_events_need_weights_or_correction(rare_events):
    X, y, _ = rare_events(20_000, 0.01)
    outcomes = {
        outcome.strategy.name: outcome
        for outcome in measure_strategies(
            LogisticRegression(),
            X,
            y,
            list_strategies([10], random_state=0),
            cv=FOLDS,
            scoring=make_scoring(),
        )
    }
    ratio = {
        name: outcome.mean("mean_probability_ratio")
        for name, outcome in outcomes.items()
    }
    uncorrected = ["under-sampling 1:1", "class weights", "oversample 1:1", "combined"]
    for name in uncorrected:
        assert ratio[name] > 10
        assert ratio[f"{name} + correction"] == pytest.approx(1, abs=0.35)
    for name in ("upweight", "correction"):
        assert ratio[f"downsample 10 + {name}"] == pytest.approx(1, abs=0.15)
        assert outcomes[f"downsample 10 + {name}"].mean("rows") < 2000
    assert ratio["true distribution"] == pytest.approx(1, abs=0.1)
    # A correction is a monotone change of two-class probabilities: ranks stay.
    for name in uncorrected:
        assert outcomes[name].mean("roc_auc") == pytest.approx(
            outcomes[f"{name} + correction"].mean("roc_auc"), abs=1e-12
        )


def three_classes(n_rows=900):
    rng = np.random.default_rng(0)
    y = rng.choice(["common", "rare", "some"], n_rows, p=[0.8, 0.04, 0.16])
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n_rows) + 2 * (y == "rare"),
            "text": np.where(rng.random(n_rows) < 0.5, y, "?"),
            "y": y,
        }
    )
    return make_table(frame, "y", source="here")


@pytest.mark.parametrize("name", MODELS)
def test_three_classes(name):
    table = three_classes()
    X, y = plain_columns(table.features), table.codes()
    estimator = MODELS[name](X, 0)
    strategies = list_strategies([3], random_state=0)[:3]
    outcomes = list(
        measure_strategies(
            estimator, X, y, strategies, cv=FOLDS, scoring=make_scoring(table.smallest)
        )
    )
    assert [outcome.strategy for outcome in outcomes] == strategies
    first = outcomes[0]
    p = cross_val_predict(estimator, X, y, cv=FOLDS, method="predict_proba")
    one_hot = np.eye(3)[y]
    for fold, (_, test) in enumerate(FOLDS.split(X, y)):
        aucs = [roc_auc_score(one_hot[test, c], p[test, c]) for c in range(3)]
        assert first.folds["roc_auc"][fold] == pytest.approx(np.mean(aucs))
        brier = ((p[test] - one_hot[test]) ** 2).sum(axis=1).mean()
        assert first.folds["brier"][fold] == pytest.approx(brier)
        assert first.folds["mean_probability_ratio"][fold] == pytest.approx(
            p[test, 1].sum() / one_hot[test, 1].sum()
        )
    assert outcomes[1].mean("mean_probability_ratio") > 2


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_same_numbers(rare_events, name):
    X, y, _ = rare_events(600, 0.1)
    X = plain_columns(pd.DataFrame(X, columns=list("abc")))

    def numbers(n_jobs=None):
        outcomes = measure_strategies(
            MODELS[name](X, 0),
            X,
            y,
            list_strategies([3], random_state=7)[1:5],
            cv=FOLDS,
            scoring=make_scoring(),
            n_jobs=n_jobs,
        )
        return [
            {
                key: outcome.folds[key].tolist()
                for key in outcome.folds.keys() - {"fit_time"}
            }
            for outcome in outcomes
        ]

    assert numbers() == numbers()


def test_mammography_keeps_its_prevalence(real_data):
    X, y = real_data("mammography")
    table = make_table(X.assign(target=y), "target", source="mammography")
    assert table.degree == "moderate"
    X, y = plain_columns(table.features), table.codes()
    strategies = {
        strategy.name: strategy for strategy in list_strategies([5], random_state=0)
    }
    wanted = ["true distribution", "under-sampling 1:1", "downsample 5 + upweight"]
    true, plain, weighted = measure_strategies(
        MODELS["logistic"](X, 0),
        X,
        y,
        [strategies[name] for name in wanted],
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
        scoring=make_scoring(),
    )
    assert plain.mean("mean_probability_ratio") > 5
    assert weighted.mean("mean_probability_ratio") == pytest.approx(1, abs=0.15)
    assert weighted.mean("log_loss") < 1.1 * true.mean("log_loss")
    assert plain.mean("log_loss") > 3 * true.mean("log_loss")
