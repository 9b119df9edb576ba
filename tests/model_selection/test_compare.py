"""The same folds for all, only training parts resampled, honest numbers."""

import itertools

import numpy as np
import pandas as pd
import pytest
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, log_loss, roc_auc_score
from sklearn.model_selection import (
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
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


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that writes down which rows it was fitted with and asked for."""

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
    comparison = compare_strategies(Recorder(), X, y, cv=chance, random_state=0)
    tests = [set(test) for _, test in comparison.cross_validation.splits]
    assert set.union(*tests) == set(range(600))
    fits_of_a_fold = 1 + INNER_FOLDS
    fits = [rows for kind, rows, _ in Recorder.events if kind == "fit"]
    # Strategies with and without a correction share the fits of the one without.
    names = comparison.measured_
    fitted = [
        outcome
        for outcome in comparison.outcomes
        if outcome.strategy.name.removesuffix(" + correction")
        not in {*names} - {outcome.strategy.name}
    ]
    assert len(fitted) < len(names)
    assert len(fits) == fits_of_a_fold * 3 * len(fitted)
    fold = -1
    rows_used = []
    for number, rows in enumerate(fits):
        if number % fits_of_a_fold == 0:
            fold += 1
            rows_used.append(len(rows))
        # Neither training nor tuning the threshold sees a row of the test part.
        assert not set(rows) & tests[fold % 3]
    used = [outcome.folds["rows"] for outcome in fitted]
    np.testing.assert_array_equal(rows_used, np.concatenate(used))
    whole_tests = 0
    for kind, rows, _ in Recorder.events:
        if kind == "fit":
            fitted = set(rows)
        elif set(rows) in tests:
            whole_tests += 1
            assert len(rows) == len(set(rows)) == 200
        else:
            # Thresholds are tuned on rows as they are: each once, and none of those
            # that were just trained on.
            assert len(set(rows)) == len(rows)
            assert not set(rows) & fitted
    # Predicted once a fold, for all scorers and strategies that share the fit.
    assert whole_tests == len(rows_used)


@pytest.mark.slow
def test_measures_agree_with_arithmetic_on_cross_val_predict(rare_events):
    X, y, _ = rare_events(3000, 0.05)
    strategy = list_strategies([4], random_state=1)[6]
    comparison = compare_strategies(
        LogisticRegression(), X, y, strategies=[strategy], cv=FOLDS, random_state=5
    )
    p = cross_val_predict(
        strategy.classifier(LogisticRegression()),
        X,
        y,
        cv=FOLDS,
        method="predict_proba",
    )[:, 1]
    np.testing.assert_array_equal(comparison.y_prob(strategy.name), p)
    folds = comparison.outcome(strategy.name).folds
    for fold, (train, test) in enumerate(FOLDS.split(X, y)):
        measured = {name: values[fold] for name, values in folds.items()}
        assert measured["roc_auc"] == pytest.approx(roc_auc_score(y[test], p[test]))
        assert measured["log_loss"] == pytest.approx(log_loss(y[test], p[test]))
        brier = np.mean((y[test] - p[test]) ** 2)
        assert measured["brier_score"] == pytest.approx(brier)
        assert measured["d2_brier_score"] == pytest.approx(
            1 - brier / np.var(y[test]), abs=1e-12
        )
        assert measured["mean_probability_ratio"] == pytest.approx(
            p[test].mean() / y[test].mean()
        )
        predicted = p[test] >= measured["threshold"]
        np.testing.assert_array_equal(comparison.y_pred(strategy.name)[test], predicted)
        assert measured["f2"] == pytest.approx(fbeta_score(y[test], predicted, beta=2))
        inner = cross_val_predict(
            strategy.classifier(LogisticRegression()),
            X[train],
            y[train],
            cv=StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=5),
            method="predict_proba",
        )[:, 1]
        f2 = [
            fbeta_score(y[train], inner >= each, beta=2)
            for each in (measured["threshold"], *np.unique(inner)[::50])
        ]
        assert measured["threshold"] in inner
        assert f2[0] == max(f2)
    row = comparison.table_.loc[strategy.name]
    values = folds["brier_score"]
    true = comparison.outcomes[0].folds["brier_score"]
    assert row["brier_score"] == pytest.approx(sum(values) / 3)
    assert row["brier_score_sd"] == pytest.approx(np.std(values) * np.sqrt(3 / 2))
    paired = values - true
    assert row["brier_score_difference"] == pytest.approx(paired.mean())
    # Nadeau and Bengio (2003): a third, and half as many test rows as training rows.
    error = np.sqrt(1 / 3 + 1 / 2) * np.std(paired, ddof=1)
    assert row["brier_score_se"] == pytest.approx(error)
    assert row["relative_calibration_error"] == pytest.approx(
        expected_calibration_error(y, p) / y.mean()
    )
    assert 0 < row["relative_calibration_error_floor"] < 1


@pytest.mark.slow
def test_every_column_of_the_table_is_there_and_known(rare_events):
    X, y, _ = rare_events(800, 0.1)
    table = compare_strategies(LogisticRegression(), X, y, random_state=0).table_
    assert table.index[0] == "true distribution"
    assert table.index.name == "strategy"
    assert table.notna().all(axis=None)
    for name in ("roc_auc", "average_precision", "log_loss", "d2_log_loss_score"):
        assert {name, f"{name}_sd", f"{name}_difference", f"{name}_se"} < set(table)
    assert {"rows", "fit_time", "f2", "threshold", "calibration_slope"} < set(table)
    assert (table.loc["true distribution"].filter(like="_difference") == 0).all()


def without_times(table):
    return table[[name for name in table if not name.startswith("fit_time")]]


@pytest.mark.slow
@pytest.mark.parametrize("labels", ["numbers", "text", "categories"])
def test_same_seed_same_table_in_one_process_or_two(rare_events, labels):
    X, y, _ = rare_events(600, 0.1)
    if labels != "numbers":
        y = np.where(y == 1, "fraud", "regular")
    if labels == "categories":
        y = pd.Series(y, dtype="category")

    def table(seed=0, **settings):
        return without_times(
            compare_strategies(
                HistGradientBoostingClassifier(max_iter=5, random_state=0),
                X,
                y,
                strategies=list_strategies([3], random_state=0)[1:4:2],
                cv=2,
                random_state=seed,
                **settings,
            ).table_
        )

    first = table()
    pd.testing.assert_frame_equal(first, table(), check_exact=True)
    pd.testing.assert_frame_equal(first, table(n_jobs=2), check_exact=True)
    assert not first.equals(table(seed=1))


@pytest.mark.slow
def test_names_of_labels_change_nothing(rare_events):
    X, y, _ = rare_events(600, 0.1)

    def table(labels):
        strategies = list_strategies([3], random_state=0)[1:4]
        comparison = compare_strategies(
            LogisticRegression(),
            X,
            labels,
            strategies=strategies,
            cv=FOLDS,
            random_state=0,
        )
        return comparison.positive_, without_times(comparison.table_)

    positive, numbers = table(y)
    assert positive == 1
    # The positive class is the smallest, wherever its name is in the alphabet.
    for names in (("regular", "fraud"), ("a", "b")):
        positive, named = table(np.where(y == 1, names[1], names[0]))
        assert positive == names[1]
        pd.testing.assert_frame_equal(named, numbers, rtol=1e-6)


@pytest.mark.slow
def test_rare_events_need_weights_or_correction(rare_events):
    X, y, _ = rare_events(20_000, 0.01)
    comparison = compare_strategies(
        LogisticRegression(),
        X,
        y,
        strategies=list_strategies([10], random_state=0),
        cv=FOLDS,
        scoring=["neg_log_loss", "roc_auc"],
        random_state=0,
    )
    outcomes = {each.strategy.name: each for each in comparison.outcomes}
    ratio = {name: comparison.y_prob(name).mean() / y.mean() for name in outcomes}
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


@pytest.mark.slow
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
    comparison = compare_strategies(
        estimator, X, y, strategies=strategies, cv=FOLDS, random_state=0
    )
    first, second, _ = comparison.outcomes
    p = cross_val_predict(estimator, X, y, cv=FOLDS, method="predict_proba")
    np.testing.assert_array_equal(first.proba, p)
    one_hot = np.eye(3)[y]
    for fold, (_, test) in enumerate(FOLDS.split(X, y)):
        aucs = [roc_auc_score(one_hot[test, c], p[test, c]) for c in range(3)]
        assert first.folds["roc_auc"][fold] == pytest.approx(np.mean(aucs))
        brier = ((p[test] - one_hot[test]) ** 2).sum(axis=1).mean()
        assert first.folds["brier_score"][fold] == pytest.approx(brier)
        assert first.folds["log_loss"][fold] == pytest.approx(
            log_loss(y[test], p[test])
        )
        assert first.folds["mean_probability_ratio"][fold] == pytest.approx(
            p[test, 1].sum() / one_hot[test, 1].sum()
        )
    assert second.mean("mean_probability_ratio") > 2
    assert comparison.positive_ == 1
    assert "threshold" not in first.folds
    assert comparison.table_.notna().all(axis=None)
    labels = cross_val_predict(estimator, X, y, cv=FOLDS)
    np.testing.assert_array_equal(first.predicted, labels)


@pytest.mark.slow
def test_constant_predictions_have_no_slope_and_no_warning():
    X, y = np.zeros((72, 1)), np.repeat([0, 1], [60, 12])
    for n_jobs in (1, 2):
        comparison = compare_strategies(
            LogisticRegression(), X, y, cv=FOLDS, strategies=[None], n_jobs=n_jobs
        )
        outcome = comparison.outcomes[0]
        assert np.isnan(outcome.mean("calibration_slope"))
        assert outcome.to_dict()["measures"]["calibration_slope"]["mean"] is None
        assert outcome.mean("log_loss") == pytest.approx(log_loss(y, [1 / 6] * 72))


def test_weights_are_used_in_training_tuning_and_scoring(rare_events):
    _, y, _ = rare_events(300, 0.2)
    X = np.arange(300.0).reshape(-1, 1)
    weights = 1.0 + np.arange(300) % 3
    Recorder.events = []
    comparison = compare_strategies(
        Recorder(), X, y, cv=FOLDS, sample_weight=weights, strategies=[None]
    )
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


@pytest.mark.parametrize(
    ("strategies", "names"),
    [
        ([None], ["true distribution"]),
        ([], ["true distribution"]),
        (
            [ClassWeight(), None],
            ["true distribution", "ClassWeight()"],
        ),
        (
            {"few": DownsampleUpweight(), "all": None},
            ["all", "few"],
        ),
        (
            {"renamed": Strategy("old", ClassWeight(), use_weights=True)},
            ["true distribution", "renamed"],
        ),
        (
            [RandomUnderSampler(random_state=0)],
            ["true distribution", "RandomUnderSampler(random_state=0)"],
        ),
        ("auto", ["true distribution", "auto"]),
        (ClassWeight(), ["true distribution", "ClassWeight()"]),
        (Strategy("one", ClassWeight()), ["true distribution", "one"]),
    ],
)
def test_strategies_in_the_words_of_users(strategies, names):
    named = as_strategies(strategies)
    assert [strategy.name for strategy in named] == names
    assert named[0].resampler is None


def test_the_ready_lists_are_strategies():
    named = as_strategies(strategy_grid())
    assert len(named) == len(strategy_grid())
    assert named[0] == Strategy("true distribution")
    listed = list_strategies([5])
    assert as_strategies(listed) == listed


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


BAD = [
    (
        {"strategies": [3]},
        TypeError,
        r"must hold Strategy objects, resamplers .* got 3",
    ),
    ({"strategies": 3}, TypeError, r"must hold Strategy objects, .* got 3"),
    ({"strategies": "awto"}, TypeError, r"must hold Strategy objects, .* got 'awto'"),
    ({"strategies": [ClassWeight]}, TypeError, r"must hold .* got <class"),
    ({"strategies": [Strategy("a", 3)]}, TypeError, r"must hold .* got Strategy"),
    (
        {"strategies": [ClassWeight(), ClassWeight()]},
        ValueError,
        r"different names; got \['ClassWeight\(\)'\] more than once",
    ),
    ({"best_by": "rows"}, ValueError, r"best_by must be one of \['roc_auc'.* 'rows'"),
    ({"sample_weight": [1.0]}, ValueError, r"shape \(60,\)"),
    (
        {"cv": [(np.r_[0:41, 50], np.arange(51, 60))]},
        ValueError,
        "cv must give at least two splits.*got 1",
    ),
    (
        {"cv": [(np.r_[0:41, 50], np.arange(51, 60))] * 2},
        ValueError,
        r"cv must leave 2 or more rows .* cv=list .*\{0: 41, 1: 1\} to train",
    ),
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
        (
            {"learning_curve_by_rows": each},
            ValueError,
            "learning_curve_by_rows must be True, False or factors of 1 or more; got",
        )
        for each in (0.5, [2, 0.5], [np.inf])
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_arguments(arguments, error, message):
    X, y = np.arange(60.0).reshape(-1, 1), np.repeat([0, 1], [50, 10])
    with pytest.raises(error, match=message):
        compare_strategies(LogisticRegression(), X, y, **arguments)


def test_an_estimator_without_probabilities_is_refused():
    from sklearn.svm import LinearSVC

    X, y = np.arange(60.0).reshape(-1, 1), np.repeat([0, 1], [50, 10])
    with pytest.raises(TypeError, match=r"got the class LogisticRegression. Give Log"):
        compare_strategies(LogisticRegression, X, y)
    with pytest.raises(TypeError, match=r"must have predict_proba.*LinearSVC\(\)"):
        compare_strategies(LinearSVC(), X, y)


def test_progress_is_told_how_many_fits_there_are(rare_events):
    X, y, _ = rare_events(500, 0.1)
    seen = []

    def progress(results, total):
        for result in results:
            seen.append(total)
            yield result

    compare_strategies(
        LogisticRegression(),
        X,
        y,
        strategies=[None, ClassWeight()],
        cv=FOLDS,
        learning_curve_by_rows=[1, 4],
        progress=progress,
        random_state=0,
    )
    assert seen == [12] * 12


def test_all_else_is_the_same_without_thresholds(rare_events):
    X, y, _ = rare_events(600, 0.1)
    with_them, without = (
        compare_strategies(
            LogisticRegression(),
            X,
            y,
            strategies=list_strategies([3], random_state=0)[1:3],
            cv=FOLDS,
            random_state=0,
            tune_threshold=tune,
        )
        for tune in (True, False)
    )
    tables = [without_times(each.table_) for each in (with_them, without)]
    missing = set(tables[0]) - set(tables[1])
    by_threshold = {key for key, each in MEASURES.items() if each.needs_threshold}
    ends = ("", "_sd", "_difference", "_se")
    assert missing == {
        f"{key}{end}" for key in {*by_threshold, "threshold"} for end in ends
    }
    assert missing < set(tables[0])
    pd.testing.assert_frame_equal(tables[0][list(tables[1])], tables[1])
    assert without.cross_validation.positive is None


def test_learning_curve_by_rows(rare_events):
    X, y, _ = rare_events(4000, 0.02)
    comparison = compare_strategies(
        LogisticRegression(),
        X,
        y,
        strategies=[None],
        cv=FOLDS,
        learning_curve_by_rows=True,
        random_state=0,
    )
    curve = comparison.learning_curve_
    assert curve["factor"].tolist() == [1, 2, 5, 10, 20]
    kept = [
        np.mean([(y[train] == 0).sum() / factor for train, _ in FOLDS.split(X, y)])
        for factor in curve["factor"]
    ]
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
    splits = [
        (order[:200], order[200:300])
        for order in (rng.permutation(400) for _ in range(3))
    ]
    comparison = compare_strategies(
        LogisticRegression(), X, y, strategies=[None], cv=splits
    )
    tested = np.unique(np.concatenate([test for _, test in splits]))
    np.testing.assert_array_equal(comparison.tested_, tested)
    assert len(tested) < 400
    p = comparison.y_prob("true distribution")
    last = LogisticRegression().fit(X[splits[2][0]], y[splits[2][0]])
    at = np.isin(tested, splits[2][1])
    np.testing.assert_allclose(p[at], last.predict_proba(X[tested[at]])[:, 1])
    assert np.isfinite(p).all()
    np.testing.assert_array_equal(comparison.y_true_, y[tested] == 1)


def masks(n):
    return [(np.arange(n) % 3 != k, (np.arange(n) % 3 == k).tolist()) for k in range(3)]


@pytest.mark.parametrize(
    ("cv", "same"),
    [
        (None, 5),
        (np.int64(3), 3),
        (masks(300), [(np.flatnonzero(a), np.flatnonzero(b)) for a, b in masks(300)]),
        (((a, b) for a, b in masks(300)), masks(300)),
        (
            [(np.flatnonzero(a).tolist(), np.flatnonzero(b)) for a, b in masks(300)],
            masks(300),
        ),
    ],
    ids=range(5),
)
def test_folds_in_any_form_are_the_same(rare_events, cv, same):
    X, y, _ = rare_events(300, 0.2)
    first, second = (
        compare_strategies(
            LogisticRegression(), X, y, cv=each, strategies=[], random_state=0
        )
        for each in (cv, same)
    )
    pd.testing.assert_frame_equal(
        without_times(first.table_), without_times(second.table_)
    )


@pytest.mark.parametrize("seed", range(4))
def test_rows_without_weight_are_spread_over_the_folds(rare_events, seed):
    X, y, _ = rare_events(300, 0.2)
    weights = np.ones(300)
    # Six of the positive rows count, so two in each fold.
    weights[np.flatnonzero(y)[6:]] = 0
    comparison = compare_strategies(
        LogisticRegression(),
        X,
        y,
        cv=3,
        sample_weight=weights,
        strategies=[],
        tune_threshold=False,
        random_state=seed,
    )
    counting = (weights > 0) & (y == 1)
    in_folds = [counting[test].sum() for _, test in comparison.cross_validation.splits]
    assert in_folds == [2, 2, 2]


def texts():
    X = np.where(np.arange(300) % 4, "few words", "other words")
    return make_pipeline(TfidfVectorizer(), LogisticRegression()), X


def polars_frame():
    polars = pytest.importorskip("polars")
    X = np.random.default_rng(0).normal(size=(300, 2))
    return LogisticRegression(), polars.DataFrame(X)


@pytest.mark.parametrize(
    "make",
    [texts, lambda: (texts()[0], texts()[1].tolist()), polars_frame],
    ids=["1-D", "list", "polars"],
)
def test_all_common_strategies_take_any_rows(make):
    (estimator, X), y = make(), np.repeat([0, 1], [240, 60])
    strategies = list_strategies([2], random_state=0)
    comparison = compare_strategies(
        estimator, X, y, cv=2, strategies=strategies, tune_threshold=False
    )
    assert comparison.measured_ == [each.name for each in strategies]
    rows = comparison.outcome("under-sampling 1:1").folds["rows"]
    np.testing.assert_array_equal(rows, [60, 60])


@pytest.mark.parametrize("kind", ["frame", "sparse"])
def test_containers(rare_events, kind):
    from scipy.sparse import csr_array

    X, y, _ = rare_events(400, 0.2)
    made = pd.DataFrame(X, columns=list("abc")) if kind == "frame" else csr_array(X)
    same = [
        without_times(
            compare_strategies(
                LogisticRegression(),
                each,
                y,
                strategies=[DownsampleUpweight(factor=2, random_state=0)],
                cv=FOLDS,
                random_state=0,
            ).table_
        )
        for each in (X, made)
    ]
    pd.testing.assert_frame_equal(*same, rtol=1e-6)


@pytest.mark.slow
def test_mammography_keeps_its_prevalence(real_data):
    X, y = real_data("mammography")
    strategies = {
        strategy.name: strategy for strategy in list_strategies([5], random_state=0)
    }
    wanted = ["true distribution", "under-sampling 1:1", "downsample 5 + upweight"]
    comparison = compare_strategies(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        X,
        y,
        strategies=[strategies[name] for name in wanted],
        random_state=0,
    )
    true, plain, weighted = comparison.outcomes
    assert comparison.degree_ == "moderate"
    assert plain.mean("mean_probability_ratio") > 5
    assert weighted.mean("mean_probability_ratio") == pytest.approx(1, abs=0.15)
    assert weighted.mean("log_loss") < 1.1 * true.mean("log_loss")
    assert plain.mean("log_loss") > 3 * true.mean("log_loss")
    assert comparison.best_ == "true distribution"


def test_strategies_differ_in_nothing_but_themselves():
    """Every two listed strategies have another classifier."""
    made = [
        repr(strategy.classifier(LogisticRegression()))
        for strategy in list_strategies([5, 20])
    ]
    assert all(one != other for one, other in itertools.combinations(made, 2))
