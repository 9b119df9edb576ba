"""Copies of a row on both sides of a split that an estimator makes inside its fit."""

import warnings

import numpy as np
import pytest
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from resampled_models import averaged, down, wrapped
from sklearn import ensemble, feature_selection, linear_model, model_selection
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import ClassifierChain
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    CombinedResample,
    RandomOversample,
    Weighted,
    make_pipeline,
)
from skstrat.classifiers._inner_validation import warn_of_split_copies
from skstrat.resamplers._any_sampler import resample

LINEAR = LogisticRegression()
EARLY, STOPS = {"early_stopping": True}, "Set early_stopping=False"
SEARCH = GridSearchCV(LINEAR, {"C": [0.1, 1]}, cv=2)
CV, AROUND = linear_model.LogisticRegressionCV(), "around the resampling"
FITTED = LogisticRegression().fit([[0], [1]], [0, 1])
HISTOGRAM = ensemble.HistGradientBoostingClassifier
BOOSTING = ensemble.GradientBoostingClassifier
# Estimators that split rows; the name and the remedy in the warning.
SPLITTING = [
    (BOOSTING(n_iter_no_change=3), "Gradient", "Set n_iter_no_change=None"),
    (HISTOGRAM(early_stopping=True), "Hist", STOPS),
    (MLPClassifier(**EARLY), "MLPClassifier", STOPS),
    (SGDClassifier(**EARLY), "SGDClassifier", STOPS),
    (linear_model.Perceptron(**EARLY), "Perceptron", STOPS),
    (SVC(probability=True), "SVC", "put CalibratedClassifierCV around"),
    (CV, "LogisticRegressionCV", f"put GridSearchCV {AROUND}"),
    (
        linear_model.RidgeClassifierCV(),
        "RidgeClassifierCV",
        f"put GridSearchCV {AROUND}",
    ),
    (SEARCH, "GridSearchCV", f"Put GridSearchCV {AROUND}"),
    (
        ensemble.StackingClassifier([("a", LINEAR)]),
        "Stacking",
        "Put StackingClassifier",
    ),
    (CalibratedClassifierCV(LINEAR, cv=3), "Calibrated", f"ClassifierCV {AROUND}"),
    (model_selection.TunedThresholdClassifierCV(LINEAR), "Tuned", f"CV {AROUND}"),
    (feature_selection.RFECV(LINEAR), "RFECV", f"Put RFECV {AROUND}"),
    (TargetEncoder(), "TargetEncoder", "Put TargetEncoder before the resampling"),
    # Wherever it is inside.
    (make_sklearn_pipeline(StandardScaler(), CV), "LogisticRegressionCV", AROUND),
    (ensemble.BaggingClassifier(SGDClassifier(**EARLY)), "SGDClassifier", STOPS),
    (ensemble.VotingClassifier([("a", LINEAR), ("b", CV)]), "Logistic", AROUND),
    (feature_selection.SelectFromModel(CV), "LogisticRegressionCV", AROUND),
]
SILENT = [LINEAR, BOOSTING(), HISTOGRAM(), MLPClassifier(), SGDClassifier(), SVC()]
SILENT += [ensemble.RandomForestClassifier(oob_score=True), ClassifierChain(LINEAR)]
SILENT += [HISTOGRAM(early_stopping=True, validation_fraction=None)]
SILENT += [MLPClassifier(early_stopping=True, solver="lbfgs")]
SILENT += [ensemble.VotingClassifier([("a", LINEAR), ("b", SVC())])]
SILENT += [ensemble.StackingClassifier([("a", LINEAR)], cv="prefit")]
SILENT += [CalibratedClassifierCV(FrozenEstimator(FITTED))]
OVER = RandomOversample(random_state=0)
ADDING = {
    "RandomOversample": OVER,
    "CombinedResample": CombinedResample(random_state=0),
    "RandomOverSampler": RandomOverSampler(random_state=0),
    "SMOTE": SMOTE(random_state=0),
    "ADASYN": ADASYN(random_state=0),
    "Weighted": Weighted(SMOTE(random_state=0)),
    "DownsampleUpweight and RandomOversample": make_pipeline(down(2), OVER),
}
OTHERS = [None, down(2), ClassWeight(), RandomUnderSampler(random_state=0)]
OTHERS += [RandomOversample(sampling_strategy={1: 1}, random_state=0)]


def table(n_rows=600):
    rng = np.random.default_rng(0)
    y = (rng.random(n_rows) < 0.2).astype(int)
    return rng.normal(size=(n_rows, 3)) + y[:, None], y


def messages(function, *args):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args)
    calibration = [w for w in caught if issubclass(w.category, CalibrationWarning)]
    return [
        text for w in calibration if "splits rows inside" in (text := str(w.message))
    ]


@pytest.mark.parametrize("sampler", ADDING)
def test_each_estimator_that_splits_is_named_with_its_remedy(sampler):
    resampled = resample(ADDING[sampler], *table(), None)
    for estimator, name, remedy in SPLITTING:
        (message,) = messages(warn_of_split_copies, estimator, [resampled])
        assert message.startswith(f"{sampler} repeats or makes rows, and {name}")
        assert " splits rows inside its fit" in message
        assert remedy in message
        assert "DownsampleUpweight, or ClassWeight" in message
    several = GridSearchCV(SGDClassifier(early_stopping=True), {"alpha": [1, 2]})
    said = messages(warn_of_split_copies, several, [resampled])
    names = [text.partition(" rows, and ")[2].split()[0] for text in said]
    assert names == ["GridSearchCV", "SGDClassifier"]
    for estimator in SILENT:
        assert messages(warn_of_split_copies, estimator, [resampled]) == []


@pytest.mark.parametrize("sampler", OTHERS, ids=str)
def test_rows_that_are_neither_repeated_nor_made_are_silent(sampler):
    resampled = resample(sampler, *table(), None)
    assert messages(warn_of_split_copies, CV, [resampled]) == []


@pytest.mark.parametrize("rows", [10_000, 10_001])
def test_boosting_stops_early_by_itself_above_ten_thousand_rows(rows):
    # Of each class the same number, so oversampling the one row less repeats one.
    y = np.arange(rows) % 2
    y[0] = 1
    resampled = resample(OVER, np.zeros((rows - 2, 1)), y[:-2], None)
    said = messages(warn_of_split_copies, HISTOGRAM(), [resampled])
    assert resampled.adds_rows
    assert len(said) == (len(resampled.y) > 10_000)


HOSTS = {
    "pipeline": make_pipeline,
    "steps between": lambda *steps: make_pipeline(steps[0], StandardScaler(), steps[1]),
    "nested": lambda *steps: make_pipeline(
        make_pipeline(steps[0], ClassWeight({1: 2.0})), steps[1]
    ),
    "classifier": lambda sampler, estimator: wrapped(estimator, sampler),
    "ensemble": lambda sampler, estimator: averaged(estimator, sampler, 1),
}


@pytest.mark.parametrize("sampler", ["RandomOversample", "Weighted"])
@pytest.mark.parametrize("host", HOSTS)
def test_every_host_warns(host, sampler):
    (message,) = messages(HOSTS[host](ADDING[sampler], SEARCH).fit, *table())
    assert "GridSearchCV splits rows inside its fit" in message
    assert messages(HOSTS[host](ADDING[sampler], LINEAR).fit, *table()) == []


def test_steps_between_are_named_and_remedies_are_silent():
    selector = feature_selection.RFECV(LINEAR, cv=2)
    after = make_pipeline(ADDING["SMOTE"], selector, LINEAR)
    (message,) = messages(after.fit, *table())
    assert "RFECV" in message
    assert messages(make_pipeline(selector, OVER, LINEAR).fit, *table()) == []
    search = GridSearchCV(wrapped(LINEAR, OVER), {"estimator__C": [0.1, 1]}, cv=2)
    assert messages(search.fit, *table()) == []


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_warned_of_is_true(seed):
    """Labels are noise here, and a tree memorises the copies of a row."""
    X, y = np.random.default_rng(seed).normal(size=(600, 3)), table()[1]
    tree = DecisionTreeClassifier(random_state=0)
    sampler = RandomOversample(random_state=seed)
    folds = model_selection.StratifiedKFold(3, shuffle=True, random_state=seed)
    words = {"cv": folds, "scoring": "roc_auc"}
    inside = GridSearchCV(tree, {"max_depth": [None]}, **words)
    assert inside.fit(*sampler.fit_resample(X, y)[:2]).best_score_ > 0.8
    resampled = wrapped(tree, sampler, prior_correction=False)
    around = GridSearchCV(resampled, {"estimator__max_depth": [None]}, **words)
    # Of about 120 positives and 480 negatives the area's standard error is 0.03.
    assert around.fit(X, y).best_score_ == pytest.approx(0.5, abs=0.09)
