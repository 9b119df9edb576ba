"""Copies of a row on both sides of a split that an estimator makes inside its fit."""

import warnings

import numpy as np
import pytest
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.multioutput import ClassifierChain
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    RandomOversample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    Weighted,
    make_pipeline,
)
from skstrat.classifiers._inner_validation import warn_of_split_copies
from skstrat.resamplers._any_sampler import resample

LINEAR = LogisticRegression()
SPLITTING = [
    (GradientBoostingClassifier(n_iter_no_change=3), "Set n_iter_no_change=None"),
    (HistGradientBoostingClassifier(early_stopping=True), "Set early_stopping=False"),
    (MLPClassifier(early_stopping=True), "Set early_stopping=False"),
    (SGDClassifier(early_stopping=True), "Set early_stopping=False"),
    (Perceptron(early_stopping=True), "Set early_stopping=False"),
    (SVC(probability=True), "put CalibratedClassifierCV around"),
    (LogisticRegressionCV(), "put GridSearchCV around the resampling"),
    (RidgeClassifierCV(), "put GridSearchCV around the resampling"),
    (GridSearchCV(LINEAR, {"C": [1, 2]}), "Put GridSearchCV around the resampling"),
    (RandomizedSearchCV(LINEAR, {"C": [1]}), "Put RandomizedSearchCV around"),
    (StackingClassifier([("nb", GaussianNB())]), "Put StackingClassifier around"),
    (CalibratedClassifierCV(LINEAR, cv=3), "Put CalibratedClassifierCV around"),
    (TunedThresholdClassifierCV(LINEAR), "Put TunedThresholdClassifierCV around"),
    (RFECV(LINEAR), "Put RFECV around the resampling"),
    (SequentialFeatureSelector(LINEAR), "Put SequentialFeatureSelector around"),
    (TargetEncoder(), "Put TargetEncoder before the resampling"),
]
NESTED = [
    (make_sklearn_pipeline(StandardScaler(), LogisticRegressionCV()), "RegressionCV"),
    (BaggingClassifier(SGDClassifier(early_stopping=True)), "SGDClassifier"),
    (VotingClassifier([("a", LINEAR), ("b", RidgeClassifierCV())]), "RidgeClassifier"),
    (SelectFromModel(LogisticRegressionCV()), "LogisticRegressionCV"),
]
SILENT = [
    LINEAR,
    GaussianNB(),
    RandomForestClassifier(oob_score=True),
    GradientBoostingClassifier(),
    HistGradientBoostingClassifier(),
    HistGradientBoostingClassifier(early_stopping=True, validation_fraction=None),
    MLPClassifier(),
    MLPClassifier(early_stopping=True, solver="lbfgs"),
    SGDClassifier(),
    SVC(),
    VotingClassifier([("a", LINEAR), ("b", GaussianNB())]),
    StackingClassifier([("nb", GaussianNB())], cv="prefit"),
    ClassifierChain(LINEAR),
]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.2).astype(int)
    return rng.normal(size=(600, 3)) + y[:, None], y


ADDING = {
    "RandomOversample": RandomOversample(random_state=0),
    "CombinedResample": CombinedResample(random_state=0),
    "RandomOverSampler": RandomOverSampler(random_state=0),
    "SMOTE": SMOTE(random_state=0),
    "ADASYN": ADASYN(random_state=0),
    "Weighted": Weighted(SMOTE(random_state=0)),
    "DownsampleUpweight and RandomOversample": make_pipeline(
        DownsampleUpweight(factor=2, random_state=0), RandomOversample(random_state=0)
    ),
}


def messages(function, *args):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args)
    texts = [
        str(each.message)
        for each in caught
        if issubclass(each.category, CalibrationWarning)
    ]
    return [text for text in texts if "splits rows inside its fit" in text]


@pytest.mark.parametrize("sampler", ADDING)
@pytest.mark.parametrize(
    ("estimator", "remedy"), SPLITTING, ids=lambda value: type(value).__name__
)
def test_each_estimator_that_splits_is_named_with_its_remedy(
    table, sampler, estimator, remedy
):
    resampled = resample(ADDING[sampler], *table, None)
    (message,) = messages(warn_of_split_copies, estimator, [resampled])
    assert message.startswith(f"{sampler} repeats or makes rows, and ")
    assert f" {type(estimator).__name__} splits rows inside its fit" in message
    assert remedy in message
    assert "DownsampleUpweight, or ClassWeight" in message


@pytest.mark.parametrize(
    ("estimator", "name"), NESTED, ids=lambda value: type(value).__name__
)
def test_wherever_it_is_inside(table, estimator, name):
    resampled = resample(ADDING["SMOTE"], *table, None)
    (message,) = messages(warn_of_split_copies, estimator, [resampled])
    assert name in message


def test_each_of_several_is_named(table):
    resampled = resample(ADDING["SMOTE"], *table, None)
    search = GridSearchCV(SGDClassifier(early_stopping=True), {"alpha": [1, 2]})
    said = messages(warn_of_split_copies, search, [resampled])
    assert [text.partition(" and ")[2].split()[0] for text in said] == [
        "GridSearchCV",
        "SGDClassifier",
    ]


@pytest.mark.parametrize("estimator", SILENT, ids=str)
def test_what_does_not_split_is_silent(table, estimator):
    resampled = resample(ADDING["RandomOversample"], *table, None)
    assert messages(warn_of_split_copies, estimator, [resampled]) == []


def test_a_fitted_model_that_is_calibrated_is_silent(table):
    resampled = resample(ADDING["RandomOversample"], *table, None)
    frozen = FrozenEstimator(LogisticRegression().fit(*table))
    calibrated = CalibratedClassifierCV(frozen)
    assert messages(warn_of_split_copies, calibrated, [resampled]) == []


@pytest.mark.parametrize("rows", [10_000, 10_001])
def test_boosting_stops_early_by_itself_above_ten_thousand_rows(rows):
    # Of each class the same number, so oversampling the one row less repeats one.
    y = np.arange(rows) % 2
    y[0] = 1
    X = np.zeros((rows, 1))
    sampler = RandomOversample(random_state=0)
    resampled = resample(sampler, X[:-2], y[:-2], None)
    trained = len(resampled.y)
    said = messages(warn_of_split_copies, HistGradientBoostingClassifier(), [resampled])
    assert resampled.adds_rows
    assert len(said) == (trained > 10_000)


@pytest.mark.parametrize(
    "sampler",
    [
        None,
        DownsampleUpweight(factor=2, random_state=0),
        ClassWeight(),
        RandomUnderSampler(random_state=0),
        RandomOversample(sampling_strategy={1: 1}, random_state=0),
    ],
    ids=str,
)
def test_rows_that_are_neither_repeated_nor_made_are_silent(table, sampler):
    resampled = resample(sampler, *table, None)
    assert messages(warn_of_split_copies, LogisticRegressionCV(), [resampled]) == []


def hosts(sampler, estimator):
    return {
        "pipeline": make_pipeline(sampler, estimator),
        "with steps between": make_pipeline(sampler, StandardScaler(), estimator),
        "nested": make_pipeline(
            make_pipeline(sampler, ClassWeight({1: 2.0})), estimator
        ),
        "classifier": ResampledClassifier(estimator, sampler, calibration_check=False),
        "ensemble": ResampledEnsembleClassifier(estimator, sampler, n_estimators=1),
    }


@pytest.mark.parametrize("host", hosts(None, None))
@pytest.mark.parametrize("sampler", ["RandomOversample", "Weighted"])
def test_every_host_warns(table, host, sampler):
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)
    model = hosts(ADDING[sampler], search)[host]
    (message,) = messages(model.fit, *table)
    assert "GridSearchCV splits rows inside its fit" in message
    plain = hosts(ADDING[sampler], LogisticRegression())[host]
    assert messages(plain.fit, *table) == []


def test_a_step_between_that_splits_is_named(table):
    selector = RFECV(LogisticRegression(), cv=2)
    after = make_pipeline(ADDING["SMOTE"], selector, LogisticRegression())
    (message,) = messages(after.fit, *table)
    assert "RFECV" in message
    before = make_pipeline(selector, ADDING["RandomOversample"], LogisticRegression())
    assert messages(before.fit, *table) == []


def test_the_remedy_around_is_silent(table):
    model = ResampledClassifier(
        LogisticRegression(), ADDING["RandomOversample"], calibration_check=False
    )
    search = GridSearchCV(model, {"estimator__C": [0.1, 1]}, cv=2)
    assert messages(search.fit, *table) == []


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_warned_of_is_true(table, seed):
    """Labels are noise here, and a tree memorises the copies of a row."""
    X, y = np.random.default_rng(seed).normal(size=(600, 3)), table[1]
    tree = DecisionTreeClassifier(random_state=0)
    sampler = RandomOversample(random_state=seed)
    X_drawn, y_drawn, _ = sampler.fit_resample(X, y)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    inside = GridSearchCV(tree, {"max_depth": [None]}, cv=folds, scoring="roc_auc")
    assert inside.fit(X_drawn, y_drawn).best_score_ > 0.8
    around = GridSearchCV(
        ResampledClassifier(
            tree, sampler, prior_correction=False, calibration_check=False
        ),
        {"estimator__max_depth": [None]},
        cv=folds,
        scoring="roc_auc",
    )
    # Of about 120 positives and 480 negatives the area's standard error is 0.03.
    assert around.fit(X, y).best_score_ == pytest.approx(0.5, abs=0.09)
