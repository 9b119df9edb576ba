"""The same folds for all, only training parts resampled, honest numbers."""

from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.under_sampling import RandomUnderSampler
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    Strategy,
    compare_strategies,
    strategy_grid,
)
from skstrat.metrics import expected_calibration_error
from skstrat.metrics._measures import MEASURES
from skstrat.model_selection._strategies import (
    as_strategies,
    choose_factors,
    list_strategies,
)

FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)
INNER_FOLDS = 3


@pytest.fixture(autouse=True)
def one_thread():
    # Small fits in several threads take ten times as long on a busy machine.
    with threadpool_limits(1):
        yield


def compare(X, y, estimator=None, **words):
    estimator = LogisticRegression() if estimator is None else estimator
    words = {"cv": FOLDS, "strategies": [None], "random_state": 0} | words
    return compare_strategies(estimator, X, y, **words)


def table_of(*data, **words):
    table = compare(*data, **words).table_
    return table[[name for name in table if not name.startswith("fit_time")]]


class Recorder(ClassifierMixin, BaseEstimator):
    """Record the rows that it is fitted with and asked for."""

    events: list = []

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        Recorder.events.append(("fit", X[:, 0].astype(int), sample_weight))
        return self

    def predict_proba(self, X):
        Recorder.events.append(("ask", X[:, 0].astype(int), None))
        p = 0.1 + 0.8 * (X[:, 0] * 0.618 % 1)
        return np.column_stack([1 - p, p])


@pytest.mark.slow
def test_same_folds_for_all_and_no_validation_row_is_resampled(rare_events):
    _, y, _ = rare_events(600, 0.1)
    X = np.arange(600.0).reshape(-1, 1)
    Recorder.events = []
    # Folds drawn by chance: asked for again, they would be others.
    chance = StratifiedKFold(3, shuffle=True, random_state=np.random.RandomState(0))
    comparison = compare(X, y, Recorder(), cv=chance, strategies=None)
    tests = [set(test) for _, test in comparison.cross_validation.splits]
    assert set.union(*tests) == set(range(600))
    # Strategies with and without a correction share the fits of the one without.
    names = comparison.measured_
    fitted = [
        comparison.outcome(name)
        for name in names
        if name.removesuffix(" + correction") not in {*names} - {name}
    ]
    assert len(fitted) < len(names)
    fits = [rows for kind, rows, _ in Recorder.events if kind == "fit"]
    fits_of_a_fold = 1 + INNER_FOLDS
    assert len(fits) == fits_of_a_fold * 3 * len(fitted)
    rows_used = [len(rows) for rows in fits[::fits_of_a_fold]]
    np.testing.assert_array_equal(
        rows_used, np.concatenate([outcome.folds["rows"] for outcome in fitted])
    )
    for number, rows in enumerate(fits):
        # Neither training nor tuning the threshold sees a row of the test part.
        assert not set(rows) & tests[number // fits_of_a_fold % 3]
    whole_tests = 0
    for kind, rows, _ in Recorder.events:
        if kind == "fit":
            seen = set(rows)
            continue
        # All are asked for once, as they are, and after training on others.
        assert len(set(rows)) == len(rows)
        whole_tests += set(rows) in tests
        assert not set(rows) & seen
    # Predicted once a fold, for all scorers and strategies that share the fit.
    assert whole_tests == len(rows_used)


@pytest.mark.slow
def test_measures_agree_with_arithmetic_on_cross_val_predict(rare_events):
    X, y, _ = rare_events(3000, 0.05)
    strategy = list_strategies([4], random_state=1)[6]
    model = strategy.classifier(LogisticRegression())
    comparison = compare(X, y, strategies=[strategy], random_state=5)

    def out_of_fold(X, y, cv):
        return cross_val_predict(model, X, y, cv=cv, method="predict_proba")[:, 1]

    p = out_of_fold(X, y, FOLDS)
    np.testing.assert_array_equal(comparison.y_prob(strategy.name), p)
    folds = comparison.outcome(strategy.name).folds
    for fold, (train, test) in enumerate(FOLDS.split(X, y)):
        measured = {name: values[fold] for name, values in folds.items()}
        threshold, brier = measured["threshold"], np.mean((y[test] - p[test]) ** 2)
        predicted = p[test] >= threshold
        expected = {
            "roc_auc": roc_auc_score(y[test], p[test]),
            "log_loss": log_loss(y[test], p[test]),
            "brier_score": brier,
            "d2_brier_score": 1 - brier / np.var(y[test]),
            "mean_probability_ratio": p[test].mean() / y[test].mean(),
            "f2": fbeta_score(y[test], predicted, beta=2),
        }
        found = {name: measured[name] for name in expected}
        assert found == pytest.approx(expected, abs=1e-12)
        np.testing.assert_array_equal(comparison.y_pred(strategy.name)[test], predicted)
        inner = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=5)
        inner = out_of_fold(X[train], y[train], inner)
        assert threshold in inner
        f2, *others = (
            fbeta_score(y[train], inner >= each, beta=2)
            for each in (threshold, *np.unique(inner)[::50])
        )
        assert f2 >= max(others)
    row, values = comparison.table_.loc[strategy.name], folds["brier_score"]
    paired = values - comparison.outcomes[0].folds["brier_score"]
    expected = {
        "brier_score": np.mean(values),
        "brier_score_sd": np.std(values, ddof=1),
        "brier_score_difference": paired.mean(),
        # Nadeau and Bengio (2003): a third, and half as many test as training rows.
        "brier_score_se": np.sqrt(1 / 3 + 1 / 2) * np.std(paired, ddof=1),
        "relative_calibration_error": expected_calibration_error(y, p) / y.mean(),
    }
    assert row[list(expected)].to_dict() == pytest.approx(expected)
    assert 0 < row["relative_calibration_error_floor"] < 1
    table = comparison.table_
    assert (table.index[0], table.index.name) == ("true distribution", "strategy")
    assert table.notna().all(axis=None)
    assert (table.iloc[0].filter(like="_difference") == 0).all()


@pytest.mark.slow
def test_same_seed_same_table_in_two_processes_and_for_any_labels(rare_events):
    X, y, _ = rare_events(600, 0.1)
    fraud, first = np.where(y == 1, "fraud", "regular"), np.where(y == 1, "b", "a")
    learner = HistGradientBoostingClassifier(max_iter=5, random_state=0)
    words = {"estimator": learner, "cv": 2}
    words["strategies"] = list_strategies([3], random_state=0)[1:4:2]
    numbers = table_of(X, y, **words)
    assert not numbers.equals(table_of(X, y, **words | {"random_state": 1}))
    # The positive class is the smallest, wherever its name is in the alphabet.
    for labels in (y, fraud, first, pd.Series(fraud, dtype="category")):
        named = table_of(X, labels, **words)
        pd.testing.assert_frame_equal(named, numbers, rtol=1e-6)
        again = table_of(X, labels, n_jobs=2, **words)
        pd.testing.assert_frame_equal(again, named, check_exact=True)
    assert compare(X, fraud).positive_ == "fraud"


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), HistGradientBoostingClassifier(max_iter=10, random_state=0)],
    ids=["logistic", "hgb"],
)
def test_three_classes(estimator):
    rng = np.random.default_rng(0)
    y = rng.choice(3, 900, p=[0.8, 0.04, 0.16])
    X = rng.normal(size=(900, 2)) + [2, 0] * (y[:, None] == 1)
    strategies = list_strategies([3], random_state=0)[:3]
    comparison = compare(X, y, estimator, strategies=strategies)
    first, second, _ = comparison.outcomes
    p = cross_val_predict(estimator, X, y, cv=FOLDS, method="predict_proba")
    np.testing.assert_array_equal(first.proba, p)
    one_hot = np.eye(3)[y]
    for fold, (_, test) in enumerate(FOLDS.split(X, y)):
        expected = {
            "roc_auc": roc_auc_score(one_hot[test], p[test]),
            "brier_score": ((p[test] - one_hot[test]) ** 2).sum(axis=1).mean(),
            "log_loss": log_loss(y[test], p[test]),
            "mean_probability_ratio": p[test, 1].sum() / one_hot[test, 1].sum(),
        }
        found = {name: first.folds[name][fold] for name in expected}
        assert found == pytest.approx(expected)
    assert second.mean("mean_probability_ratio") > 2
    assert comparison.positive_ == 1
    assert "threshold" not in first.folds
    assert comparison.table_.notna().all(axis=None)
    labels = cross_val_predict(estimator, X, y, cv=FOLDS)
    np.testing.assert_array_equal(first.predicted, labels)


def test_constant_predictions_have_no_slope_and_no_warning():
    outcome = compare(np.zeros((72, 1)), np.repeat([0, 1], [60, 12])).outcomes[0]
    assert np.isnan(outcome.mean("calibration_slope"))
    assert outcome.to_dict()["measures"]["calibration_slope"]["mean"] is None
    entropy = -(np.log(5 / 6) * 5 + np.log(1 / 6)) / 6
    assert outcome.mean("log_loss") == pytest.approx(entropy)


def test_weights_are_used_in_training_tuning_and_scoring(rare_events):
    _, y, _ = rare_events(300, 0.2)
    X, weights = np.arange(300.0).reshape(-1, 1), 1.0 + np.arange(300) % 3
    Recorder.events = []
    comparison = compare(X, y, Recorder(), sample_weight=weights)
    fits = [event for event in Recorder.events if event[0] == "fit"]
    assert len(fits) == 3 * (1 + INNER_FOLDS)
    for _, rows, passed in fits:
        np.testing.assert_array_equal(passed, weights[rows])
    folds = comparison.outcomes[0].folds
    p = comparison.y_prob("true distribution")
    for fold, (_, test) in enumerate(FOLDS.split(X, y)):
        given = {"sample_weight": weights[test]}
        assert folds["log_loss"][fold] == log_loss(y[test], p[test], **given)
        assert folds["roc_auc"][fold] == roc_auc_score(y[test], p[test], **given)
        predicted = p[test] >= folds["threshold"][fold]
        f2 = fbeta_score(y[test], predicted, beta=2, **given)
        assert folds["f2"][fold] == pytest.approx(f2)


TRUE = "true distribution"


@pytest.mark.parametrize(
    ("strategies", "names"),
    [
        ([None], [TRUE]),
        ([ClassWeight(), None], [TRUE, "ClassWeight()"]),
        ({"few": DownsampleUpweight(), "all": None}, ["all", "few"]),
        ({"renamed": Strategy("old", ClassWeight())}, [TRUE, "renamed"]),
        ([RandomUnderSampler()], [TRUE, "RandomUnderSampler()"]),
        ("auto", [TRUE, "auto"]),
        (ClassWeight(), [TRUE, "ClassWeight()"]),
    ],
)
def test_strategies_in_the_words_of_users(strategies, names):
    named = as_strategies(strategies)
    assert [strategy.name for strategy in named] == names
    assert named[0].resampler is None


def test_the_ready_lists_are_strategies_that_differ():
    grid = strategy_grid()
    assert as_strategies(grid)[0] == Strategy(TRUE)
    assert len(as_strategies(grid)) == len(grid)
    listed = list_strategies([5, 20])
    assert as_strategies(listed) == listed
    assert listed[0].name == TRUE
    names = {strategy.name for strategy in listed}
    assert {"downsample 5 + upweight", "downsample 20 + correction"} < names
    made = [repr(each.classifier(LogisticRegression())) for each in listed]
    assert all(one != other for one, other in combinations(made, 2))


@pytest.mark.parametrize(
    ("counts", "factors"),
    [
        ([20_000, 100], [5, 20, 100]),
        ([900, 100, 300], [5]),
        ([150, 100], [1.5]),
        ([100, 100], []),
    ],
)
def test_factors_leave_the_majority_as_big_as_the_smallest(counts, factors):
    assert choose_factors(counts) == factors


SPLIT = (np.r_[0:41, 50], np.arange(51, 60))
MUST_HOLD = "must hold Strategy objects, resamplers .* got "
BAD = [
    *(
        ({"strategies": given}, TypeError, MUST_HOLD + got)
        for given, got in [([3], "3"), ([ClassWeight], "<class")]
    ),
    ({"strategies": [ClassWeight()] * 2}, ValueError, r"got \['ClassW.* more than onc"),
    ({"best_by": "rows"}, ValueError, r"best_by must be one of \['roc_auc'.* 'rows'"),
    ({"sample_weight": [1.0]}, ValueError, r"shape \(60,\)"),
    ({"cv": [SPLIT]}, ValueError, "cv must give at least two splits.*got 1"),
    ({"cv": [SPLIT] * 2}, ValueError, r"cv must leave .*list .*\{0: 41, 1: 1\} to tra"),
    *(
        ({"cv": cv}, ValueError, rf"cv must be a number of folds, 2 or .* got {cv!r}")
        for cv in (1, 0, True, 2.5, "5", {1: 2}, type(FOLDS))
    ),
    (
        {"cv": [([0, 1], [60])] * 2},
        ValueError,
        r"got \[\(\[0, 1\], \[60\].* size 60.* numbers from 0 to 59 or masks of 60",
    ),
    ({"cv": [1, 2]}, ValueError, r"pairs of training and test .* got \[1, 2\]: cannot"),
    *(
        ({"error_score": each}, ValueError, 'error_score must be "raise" or nan')
        for each in ("rasie", 0, None)
    ),
    *(
        ({"learning_curve_by_rows": each}, ValueError, "_rows must be True, False or f")
        for each in (0.5, [2, 0.5], [np.inf])
    ),
    ({"estimator": LogisticRegression}, TypeError, "got the class Logi.*. Give Logis"),
    ({"estimator": LinearSVC()}, TypeError, r"must have predict_proba.*LinearSVC\(\)"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_arguments(arguments, error, message):
    X, y = np.arange(60.0).reshape(-1, 1), np.repeat([0, 1], [50, 10])
    words = {"estimator": LogisticRegression(), "X": X, "y": y} | arguments
    with pytest.raises(error, match=message):
        compare_strategies(**words)


def test_all_else_is_the_same_without_thresholds(rare_events):
    X, y, _ = rare_events(600, 0.1)
    strategies = list_strategies([3], random_state=0)[1:3]
    with_them, without = (
        table_of(X, y, strategies=strategies, tune_threshold=tune)
        for tune in (True, False)
    )
    by_threshold = {key for key, each in MEASURES.items() if each.needs_threshold}
    assert set(with_them) - set(without) == {
        f"{key}{end}"
        for key in {*by_threshold, "threshold"}
        for end in ("", "_sd", "_difference", "_se")
    }
    pd.testing.assert_frame_equal(with_them[list(without)], without)


def test_learning_curve_by_rows_and_progress(rare_events):
    X, y, _ = rare_events(4000, 0.02)
    seen = []

    def progress(results, total):
        for result in results:
            seen.append(total)
            yield result

    comparison = compare(X, y, learning_curve_by_rows=True, progress=progress)
    curve = comparison.learning_curve_
    assert curve["factor"].tolist() == [1, 2, 5, 10, 20]
    assert seen == [18] * 18
    majority = np.mean([(y[train] == 0).sum() for train, _ in FOLDS.split(X, y)])
    kept = majority / curve["factor"]
    np.testing.assert_allclose(curve["majority_rows"], kept, atol=0.5)
    positives = (y == 1).sum() * 2 / 3
    np.testing.assert_allclose(curve["rows"], curve["majority_rows"] + positives)
    assert curve["log_loss"][0] == comparison.table_["log_loss"].iloc[0]
    assert (curve["fit_time"] > 0).all()
    assert not {"threshold", "f2"} & set(curve)


def test_any_splits(rare_events):
    X, y, _ = rare_events(400, 0.2)
    rng = np.random.default_rng(0)
    # Shuffled, overlapping, and some rows in no test part.
    orders = (rng.permutation(400) for _ in range(3))
    splits = [(order[:200], order[200:300]) for order in orders]
    comparison = compare(X, y, cv=splits)
    tested = np.unique(np.concatenate([test for _, test in splits]))
    np.testing.assert_array_equal(comparison.tested_, tested)
    assert len(tested) < 400
    p = comparison.y_prob(TRUE)
    train, test = splits[2]
    last = LogisticRegression().fit(X[train], y[train]).predict_proba(X)[:, 1]
    at = np.isin(tested, test)
    np.testing.assert_allclose(p[at], last[tested[at]])
    assert np.isfinite(p).all()
    np.testing.assert_array_equal(comparison.y_true_, y[tested] == 1)


MASKS = [
    (np.arange(300) % 3 != k, (np.arange(300) % 3 == k).tolist()) for k in range(3)
]
PLACES = [(np.flatnonzero(a), np.flatnonzero(b).tolist()) for a, b in MASKS]


@pytest.mark.parametrize(
    ("cv", "same"),
    [(None, 5), (np.int64(3), 3), (MASKS, PLACES), (iter(MASKS), MASKS)],
    ids=["none", "integer", "masks", "iterator"],
)
def test_folds_in_any_form_are_the_same(rare_events, cv, same):
    X, y, _ = rare_events(300, 0.2)
    pd.testing.assert_frame_equal(table_of(X, y, cv=cv), table_of(X, y, cv=same))


@pytest.mark.parametrize("seed", range(4))
def test_rows_without_weight_are_spread_over_the_folds(rare_events, seed):
    X, y, _ = rare_events(300, 0.2)
    weights = np.ones(300)
    # Six of the positive rows count, so two in each fold.
    weights[np.flatnonzero(y)[6:]] = 0
    words = {"sample_weight": weights, "tune_threshold": False, "random_state": seed}
    splits = compare(X, y, cv=3, **words).cross_validation.splits
    assert [((weights > 0) & (y == 1))[test].sum() for _, test in splits] == [2, 2, 2]


TEXTS = np.where(np.arange(300) % 4, "few words", "other words")
NUMBERS = np.random.default_rng(0).normal(size=(300, 2))


@cache
def table_of_numbers():
    words = {"strategies": list_strategies([2], random_state=0), "cv": 2}
    return table_of(
        NUMBERS, np.repeat([0, 1], [240, 60]), tune_threshold=False, **words
    )


@pytest.mark.parametrize(
    "X",
    [TEXTS, TEXTS.tolist(), pl.DataFrame(NUMBERS), csr_array(NUMBERS)],
    ids=["1-D", "list", "polars", "sparse"],
)
def test_all_common_strategies_take_any_rows(X):
    estimator, y = LogisticRegression(), np.repeat([0, 1], [240, 60])
    if len(np.shape(X)) == 1:
        estimator = make_pipeline(TfidfVectorizer(), estimator)
    words = {"strategies": list_strategies([2], random_state=0), "cv": 2}
    comparison = compare(X, y, estimator, tune_threshold=False, **words)
    assert comparison.measured_ == [each.name for each in words["strategies"]]
    rows = comparison.outcome("under-sampling 1:1").folds["rows"]
    np.testing.assert_array_equal(rows, [60, 60])
    if len(np.shape(X)) == 2:
        same = table_of_numbers()
        found = comparison.table_[list(same)]
        pd.testing.assert_frame_equal(found, same, rtol=1e-6)
