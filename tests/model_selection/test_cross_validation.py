"""What a fold does: failures in words, shared fits, thresholds, groups, few rows."""

import os

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, KMeansSMOTE
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, log_loss, make_scorer, roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    RandomOversample,
    Strategy,
    compare_strategies,
)
from skstrat.model_selection._strategies import list_strategies

HALF = DownsampleUpweight(factor=2, random_state=0)
OVER = RandomOversample(weighting="uniform", random_state=0)


def rows_of(*counts):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(y), 2)) + y[:, None], y


def compare(data, estimator=None, **words):
    estimator = GaussianNB() if estimator is None else estimator
    words = {"cv": 2, "strategies": [None], "random_state": 0} | words
    return compare_strategies(estimator, *data, **words)


class FewRowsFail(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        if len(X) < 200:
            raise ValueError("too\n few rows")
        return super().fit(X, y, sample_weight)


TEXTS = pd.DataFrame({"text": np.where(np.arange(60) % 3, "a", "b")})
ONE_HOT = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
NO_CLUSTER = KMeansSMOTE(cluster_balance_threshold=0.99, random_state=0)
FAILURES = {
    "ValueError: Expected n_neighbors <= n_samples_fit": (
        LogisticRegression(),
        rows_of(300, 9),
        SMOTE(random_state=0),
    ),
    "RuntimeError: No clusters found": (
        LogisticRegression(),
        rows_of(300, 60),
        NO_CLUSTER,
    ),
    "ValueError: could not convert string to float": (
        ONE_HOT,
        (TEXTS, np.repeat([0, 1], [40, 20])),
        SMOTE(random_state=0),
    ),
}


@pytest.mark.parametrize("message", FAILURES)
def test_a_strategy_that_fails_says_why_and_the_others_go_on(message):
    estimator, data, sampler = FAILURES[message]
    comparison = compare(data, estimator, strategies={"made": sampler, "half": HALF})
    assert comparison.measured_ == ["true distribution", "half"]
    made = comparison.outcome("made")
    assert message in made.error
    assert "\n" not in made.error
    assert made.to_dict()["error"] == made.error
    assert np.isnan(list(made.folds.values())).all()
    assert set(made.folds) == set(comparison.outcomes[0].folds)
    table = comparison.table_
    assert table.columns[-1] == "error"
    assert table["error"].tolist() == ["", made.error, ""]
    assert table.drop(columns="error").isna().loc["made"].all()
    assert table["log_loss"].notna().tolist() == [True, False, True]
    assert comparison.best_ in comparison.measured_
    with pytest.raises((ValueError, RuntimeError), match=message.partition(": ")[2]):
        compare(data, estimator, strategies=[sampler], error_score="raise")


def test_what_fails_on_few_rows():
    words = {"learning_curve_by_rows": [1, 4], "tune_threshold": False, "cv": 5}
    curve = compare(rows_of(300, 60), FewRowsFail(), **words).learning_curve_
    assert curve["log_loss"].notna().tolist() == [True, False]
    assert curve["error"].tolist() == ["", "ValueError: too few rows"]
    # Without a true distribution there is nothing to compare with.
    text = r"estimator must work on the rows as they .* too few rows"
    with pytest.raises(ValueError, match=text) as caught:
        compare(rows_of(100, 40), FewRowsFail(), strategies=[HALF])
    assert str(caught.value.__cause__) == "too\n few rows"


TREE = DecisionTreeClassifier(max_leaf_nodes=8, random_state=0)


@pytest.mark.parametrize(
    ("estimator", "weighted", "several"),
    [
        (LogisticRegression(), True, True),
        (TREE, True, False),
        (TREE, False, True),
        (HistGradientBoostingClassifier(max_iter=5, random_state=0), True, False),
    ],
    ids=range(4),
)
def test_a_shared_fit_predicts_what_separate_fits_do(estimator, weighted, several):
    data = rows_of(200, 40, *[60] * several)
    n_rows = len(data[1])
    weights = np.random.default_rng(1).uniform(0.5, 2, n_rows) if weighted else None
    kept = Strategy("with", OVER), Strategy("without", OVER, prior_correction=False)
    both = compare(data, estimator, strategies=kept, sample_weight=weights)
    times = [both.outcome(each.name).folds.pop("fit_time") for each in kept]
    np.testing.assert_array_equal(*times)
    for each in kept:
        alone = compare(data, estimator, strategies=[each], sample_weight=weights)
        expected, found = (its.outcome(each.name) for its in (alone, both))
        np.testing.assert_allclose(found.proba, expected.proba, rtol=0, atol=1e-12)
        for measure, values in found.folds.items():
            its = expected.folds[measure]
            np.testing.assert_allclose(values, its, rtol=1e-9, atol=1e-9)


def part(X):
    return X[X[:, 0] > 0.5]


SCORERS = {
    "loss of some rows": lambda model, X, y: log_loss(
        y[X[:, 0] > 0.5], model.predict_proba(part(X)), labels=[0, 1]
    ),
    "log probability": lambda model, X, y: model.predict_log_proba(X)[:, 1].mean(),
    "labels of some rows": lambda model, X, y: model.predict(part(X)).mean(),
    "log odds": lambda model, X, y: np.mean(model.decision_function(part(X))),
    "score": lambda model, X, y: model.score(X, y),
    "ranking": make_scorer(roc_auc_score, response_method="decision_function"),
}


@pytest.mark.parametrize("library", ["sklearn", "lightgbm"])
def test_scorers_meet_the_model_of_their_strategy_whatever_they_ask(library):
    estimator = LogisticRegression()
    if library == "lightgbm":
        # The correction is in its scores.
        lightgbm = pytest.importorskip("lightgbm")
        estimator = lightgbm.LGBMClassifier(n_estimators=9, verbose=-1, n_jobs=1)
    X, y = rows_of(300, 60)
    raw = Strategy("raw", OVER, use_weights=False, prior_correction=False)
    strategies = raw, Strategy("corrected", OVER, use_weights=False)
    comparison = compare((X, y), estimator, strategies=strategies, scoring=SCORERS)
    for strategy in strategies:
        outcome = comparison.outcome(strategy.name)
        for fold, (train, test) in enumerate(comparison.cross_validation.splits):
            model = strategy.classifier(estimator).set_params(calibration_check=False)
            model.fit(X[train], y[train])
            p, some = model.predict_proba(X[test])[:, 1], X[test, 0] > 0.5
            predicted = p >= outcome.folds["threshold"][fold]
            expected = [
                log_loss(y[test][some], p[some], labels=[0, 1]),
                np.log(p).mean(),
                predicted[some].mean(),
                np.log(p / (1 - p))[some].mean(),
                (predicted == y[test]).mean(),
                # Rounding breaks ties of trees.
                roc_auc_score(y[test], outcome.proba[test, 1]),
            ]
            found = [outcome.folds[name][fold] for name in SCORERS]
            np.testing.assert_allclose(found, expected, rtol=1e-9)
    # So the check can fail.
    apart = [comparison.table_.loc[each, "log odds"] for each in ("raw", "corrected")]
    assert apart[0] > apart[1] + 1


class Halved(GaussianNB):
    """Its probabilities do not sum to 1, which a correction refuses."""

    def predict_proba(self, X):
        return super().predict_proba(X) / 2


def fails_for_raw(model, X, y):
    if model.predict_proba(X)[:, 1].mean() > 0.25:
        raise RuntimeError("predicted too often")
    return 0.5


@pytest.mark.parametrize(
    ("estimator", "lost", "message"),
    [
        (GaussianNB(), "raw", "RuntimeError: predicted too often"),
        (Halved(), "corrected", "NotProbabilitiesError: Halved.predict_proba must sum"),
    ],
    ids=["scoring", "correction"],
)
def test_a_strategy_is_not_lost_with_what_shares_its_fit(estimator, lost, message):
    strategies = {"raw": Strategy("", OVER, prior_correction=False), "corrected": OVER}
    scoring = {"score": fails_for_raw}
    comparison = compare(
        rows_of(300, 60), estimator, strategies=strategies, scoring=scoring
    )
    error = comparison.table_["error"]
    assert error[lost].startswith(message)
    assert (error.drop(lost) == "").all()


def raises(error):
    raise error


ERRORS = [
    (AssertionError(), "AssertionError"),
    (ValueError("of\n \x1b[31m many\tlines"), r"ValueError: of \x1b[31m many lines"),
    (ValueError("secret " * 999), f"ValueError: {('secret ' * 29)[:199]}…"),
]


@pytest.mark.parametrize(("error", "told"), ERRORS, ids=["empty", "controls", "long"])
def test_errors_are_told_in_one_short_line(error, told):
    def score(model, X, y):
        return 0.5 if model.n_samples_fit_ == 70 else raises(error)

    comparison = compare(rows_of(100, 40), strategies=[HALF], scoring={"score": score})
    assert comparison.table_["error"].tolist() == ["", told]


class DiesElsewhere(GaussianNB):
    def __init__(self, home=None):
        super().__init__()
        self.home = home

    def fit(self, X, y, sample_weight=None):
        if os.getpid() != self.home:
            os._exit(3)
        return super().fit(X, y, sample_weight)


@pytest.mark.slow
def test_a_process_that_dies_is_told_of():
    estimator = DiesElsewhere(os.getpid())
    with pytest.raises(RuntimeError, match=r"n_jobs must .* got n_jobs=2: .*EXIT\(3\)"):
        compare(rows_of(100, 40), estimator, n_jobs=2)


@pytest.mark.parametrize(("given", "used"), [(None, 1), (2, 2)])
def test_boosters_start_no_threads_that_nobody_asked_for(given, used):
    lightgbm = pytest.importorskip("lightgbm")

    class Witness(lightgbm.LGBMClassifier):
        jobs: list = []

        def fit(self, X, y, sample_weight=None):
            self.jobs.append(self.n_jobs)
            self.set_params(n_jobs=1)
            return super().fit(X, y, sample_weight)

    booster = Witness(n_estimators=1, verbose=-1, n_jobs=given)
    # scikit-learn's own warn of an n_jobs that is not None.
    estimator = make_pipeline(SelectFromModel(LogisticRegression()), booster)
    compare(rows_of(100, 40), estimator, scoring="roc_auc")
    assert set(Witness.jobs) == {used}
    assert booster.n_jobs == given


# Thresholds ------------------------------------------------------------------------


class Scripted(ClassifierMixin, BaseEstimator):
    """Predicts the first column."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])


@pytest.mark.parametrize(("low", "high"), [(1e-9, 1e-7), (1 - 1e-7, 1 - 1e-9)])
def test_thresholds_are_found_at_both_ends(low, high):
    y = np.repeat([0, 1], [90, 30])
    p = np.where(y, high, low)
    comparison = compare((p[:, None], y), Scripted(), scoring="roc_auc")
    found = comparison.outcomes[0].folds["threshold"]
    assert ((found > low) & (found <= high)).all()
    np.testing.assert_array_equal(comparison.y_pred("true distribution"), y == 1)


@pytest.mark.parametrize("seed", range(3))
def test_no_threshold_is_better_on_the_training_part(seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], [270, 30]))
    p = np.round(np.clip(rng.normal(0.1 + 0.1 * y, 0.05), 0.001, 0.999), 3)
    comparison = compare((p[:, None], y), Scripted(), cv=3, scoring="roc_auc")
    thresholds = comparison.outcomes[0].folds["threshold"]
    splits = comparison.cross_validation.splits
    for (train, _), found in zip(splits, thresholds, strict=True):
        f2, *others = (
            fbeta_score(y[train], p[train] >= each, beta=2)
            for each in (found, *np.unique(p)[::8])
        )
        assert f2 >= max(others)


@pytest.mark.parametrize("seed", range(4))
def test_rows_without_weight_are_no_rows_to_tune_with(seed):
    y = np.repeat([0, 1], [80, 40])
    weights = np.where(np.arange(120) % 40 < 8, 1.0, 0.0)
    # Two of the positive rows with weight are in each part, so folds could miss them.
    weights[80:] = np.arange(40) < 4
    X = np.random.default_rng(seed).normal(size=(120, 2)) + y[:, None]
    cv = list(StratifiedKFold(2).split(X, y + 2 * (weights == 0)))
    words = {"cv": cv, "sample_weight": weights, "random_state": seed}
    comparison = compare((X, y), **words, scoring="neg_log_loss")
    assert np.isfinite(comparison.outcomes[0].folds["threshold"]).all()


# Groups and few rows ---------------------------------------------------------------


class Witness(ClassifierMixin, BaseEstimator):
    """Record the rows that it was fitted with, and asked for afterwards."""

    events: list = []

    def fit(self, X, y, sample_weight=None):
        self.classes_, self.seen_ = np.unique(y), X[:, 0].astype(int)
        return self

    def predict_proba(self, X):
        Witness.events.append((self.seen_, X[:, 0].astype(int)))
        return np.tile([0.8, 0.2], (len(X), 1))


@pytest.mark.parametrize("cv", [3, GroupKFold(3)], ids=["int", "splitter"])
def test_no_group_is_on_both_sides_of_a_split(cv):
    rng = np.random.default_rng(0)
    groups = rng.integers(60, size=600)
    y = (rng.random(600) < 0.1 + 0.4 * (groups % 3 == 0)).astype(int)
    X = np.column_stack([np.arange(600), rng.normal(size=600)])
    Witness.events = []
    guided = GuidedDownsample(factor=2, random_state=0)
    strategies = [None, *list_strategies([2])[1:3], guided, "auto"]
    named = [f"user {each}" for each in groups]
    words = {"cv": cv, "groups": named, "strategies": strategies}
    comparison = compare((X, y), Witness(), **words)
    assert len(comparison.measured_) == 5
    # Two strategies share their fits: one of a fold, three to tune the threshold.
    assert len(Witness.events) == 4 * 3 * (1 + 3)
    for fitted, asked in Witness.events:
        assert not set(groups[fitted]) & set(groups[asked])
    np.testing.assert_array_equal(comparison.tested_, np.arange(600))


REFUSED = {
    r"one side of each split; got KFold, which": (
        (60, 30),
        {"cv": KFold(3, shuffle=True), "groups": np.arange(90) // 2},
    ),
    r"2 or more groups .* leaves \{0: 30, 1: 0\}": (
        (60, 30),
        {"groups": np.minimum(np.arange(90), 60)},
    ),
    r"got cv=2 for .*1\}. It leaves \{0: 2, 1: 0\} to": ((4, 1), {}),
    r"2 or more rows .* cv=2 .*2\}. It leaves \{0: 1, 1: 1\}": ((3, 2), {}),
    r"1 or more rows .* cv=5 for .* and \{0: 10, 1: 0\} to test": (
        (50, 4),
        {"cv": 5, "tune_threshold": False},
    ),
    r"cv=5 for .* and \{0: 10, 1: 1, 2: 0\} to test": ((50, 9, 4), {"cv": 5}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_folds_that_divide_groups_or_have_too_few_rows(message):
    counts, words = REFUSED[message]
    with pytest.raises(ValueError, match=message):
        compare(rows_of(*counts), **words)


@pytest.mark.parametrize("name", ["X", "y", "sample_weight", "groups"])
def test_dask_collections_are_refused(name):
    array = pytest.importorskip("dask.array")
    X, y = rows_of(40, 20)
    data = {"X": X, "y": y, "sample_weight": np.ones(60), "groups": np.arange(60)}
    data[name] = array.from_array(data[name])
    with pytest.raises(TypeError, match=rf"{name} must be .* Call {name}.compute\(\)"):
        compare_strategies(GaussianNB(), **data)


def test_rows_of_files_are_refused(tmp_path):
    pytest.importorskip("pyarrow")
    from skstrat.io import scan_file

    path = tmp_path / "rows.parquet"
    pd.DataFrame({"x": range(60), "y": np.arange(60) % 3 == 0}).to_parquet(path)
    X, y, _ = scan_file(path, target="y")
    with pytest.raises(TypeError, match=r"got rows of files. Call X.take_rows\(rows\)"):
        compare((X, y))


# What is listed --------------------------------------------------------------------

LISTED = {"guided 5", "downsample 5 + full fit", "auto"}


@pytest.mark.parametrize(
    ("estimator", "listed"),
    [
        (LogisticRegression(), LISTED),
        (ONE_HOT, LISTED - {"downsample 5 + full fit"}),
        (LogisticRegression(class_weight="balanced"), {"guided 5"}),
        (TREE, {"guided 5", "auto"}),
        (GaussianNB(), {"auto"}),
        (None, set()),
    ],
    ids=range(6),
)
def test_what_suits_the_estimator_is_listed(estimator, listed):
    common = {each.name for each in list_strategies([5])}
    names = {each.name for each in list_strategies([5], estimator=estimator)}
    assert names - common == listed
    # Pilots read columns.
    texts = list_strategies([5], estimator=estimator, has_columns=False)
    assert {each.name for each in texts} - common == listed - {"guided 5"}
    assert common <= names


def test_all_that_is_listed_works():
    words = {"strategies": None, "tune_threshold": False}
    comparison = compare(rows_of(1200, 100), LogisticRegression(), **words)
    assert comparison.measured_ == [each.strategy.name for each in comparison.outcomes]
    assert set(comparison.measured_) > LISTED
    full = comparison.outcome("downsample 5 + full fit").proba
    np.testing.assert_allclose(full, comparison.outcomes[0].proba, atol=0.01)
