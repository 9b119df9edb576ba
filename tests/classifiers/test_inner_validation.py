"""Copies of a row on both sides of a split that an estimator makes inside its fit."""

import warnings

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from resampled_models import averaged, down, wrapped
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

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

KINDS = dict(all_estimators())
LINEAR = LogisticRegression()
EARLY, STOPS = {"early_stopping": True}, "Set early_stopping=False"
SEARCH = GridSearchCV(LINEAR, {"C": [0.1, 1]}, cv=2)
CV, AROUND = KINDS["LogisticRegressionCV"](), "around the resampling"
OF_LINEAR, STACKED = {"estimator": LINEAR}, {"estimators": [("a", LINEAR)]}
HISTOGRAM, BOOSTING = "HistGradientBoostingClassifier", "GradientBoostingClassifier"
# Estimators that split rows, and the remedy in the warning.
SPLITTING = [
    (BOOSTING, {"n_iter_no_change": 3}, "Set n_iter_no_change=None"),
    (HISTOGRAM, EARLY, STOPS),
    ("MLPClassifier", EARLY, STOPS),
    ("SGDClassifier", EARLY, STOPS),
    ("SVC", {"probability": True}, "put CalibratedClassifierCV around"),
    ("LogisticRegressionCV", {}, f"put GridSearchCV {AROUND}"),
    ("StackingClassifier", STACKED, f"Put StackingClassifier {AROUND}"),
    ("CalibratedClassifierCV", OF_LINEAR, f"ClassifierCV {AROUND}"),
    ("TunedThresholdClassifierCV", OF_LINEAR, f"CV {AROUND}"),
    ("RFECV", OF_LINEAR, f"Put RFECV {AROUND}"),
    ("TargetEncoder", {}, "Put TargetEncoder before the resampling"),
]
SILENT = [
    *(("SVC", {}), (BOOSTING, {}), (HISTOGRAM, {}), ("OneVsRestClassifier", OF_LINEAR)),
    ("RandomForestClassifier", {"oob_score": True}),
    (HISTOGRAM, EARLY | {"validation_fraction": None}),
    ("MLPClassifier", EARLY | {"solver": "lbfgs"}),
    ("StackingClassifier", STACKED | {"cv": "prefit"}),
]
OVER = RandomOversample(random_state=0)
ADDING = {
    "RandomOversample": OVER,
    "CombinedResample": CombinedResample(random_state=0),
    "SMOTE": SMOTE(random_state=0),
    "Weighted": Weighted(SMOTE(random_state=0)),
    "DownsampleUpweight and RandomOversample": make_pipeline(down(2), OVER),
}


def table(n_rows=600):
    rng = np.random.default_rng(0)
    y = (rng.random(n_rows) < 0.2).astype(int)
    return rng.normal(size=(n_rows, 3)) + y[:, None], y


def messages(function, *args):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args)
    texts = [str(w.message) for w in caught if w.category is CalibrationWarning]
    return [text for text in texts if "splits rows inside" in text]


@pytest.mark.parametrize("sampler", ADDING)
def test_each_estimator_that_splits_is_named_with_its_remedy(sampler):
    resampled = resample(ADDING[sampler], *table(), None)
    splitting = [(name, KINDS[name](**args), said) for name, args, said in SPLITTING]
    # Wherever it is inside.
    nested = make_sklearn_pipeline(StandardScaler(), CV)
    splitting += [("LogisticRegressionCV", nested, AROUND)]
    for name, estimator, remedy in splitting:
        (message,) = messages(warn_of_split_copies, estimator, [resampled])
        assert message.startswith(f"{sampler} repeats or makes rows, and {name} splits")
        assert remedy in message
        assert "DownsampleUpweight, or ClassWeight" in message
    for name, args in SILENT:
        assert messages(warn_of_split_copies, KINDS[name](**args), [resampled]) == []


def test_rows_that_are_neither_repeated_nor_made_are_silent():
    once = RandomOversample(sampling_strategy={1: 1}, random_state=0)
    for sampler in (None, down(2), ClassWeight(), RandomUnderSampler(), once):
        resampled = resample(sampler, *table(), None)
        assert messages(warn_of_split_copies, CV, [resampled]) == []


@pytest.mark.parametrize("common", [5000, 5001])
def test_boosting_stops_early_by_itself_above_ten_thousand_rows(common):
    y = np.repeat([0, 1], [common, 4000])
    resampled = resample(OVER, np.zeros((len(y), 1)), y, None)
    assert len(resampled.y) == 2 * common
    said = messages(warn_of_split_copies, KINDS[HISTOGRAM](), [resampled])
    assert len(said) == (common > 5000)


HOSTS = {
    "pipeline": make_pipeline,
    "steps between": lambda *steps: make_pipeline(steps[0], StandardScaler(), steps[1]),
    "classifier": lambda sampler, estimator: wrapped(estimator, sampler),
    "ensemble": lambda sampler, estimator: averaged(estimator, sampler, 1),
}


@pytest.mark.parametrize("host", HOSTS)
def test_every_host_warns(host):
    (message,) = messages(HOSTS[host](OVER, SEARCH).fit, *table())
    assert "GridSearchCV splits rows inside its fit" in message
    assert messages(HOSTS[host](OVER, LINEAR).fit, *table()) == []


def test_steps_between_are_named_and_remedies_are_silent():
    selector = KINDS["RFECV"](LINEAR, cv=2)
    (message,) = messages(make_pipeline(OVER, selector, LINEAR).fit, *table())
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
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    words = {"cv": folds, "scoring": "roc_auc"}
    inside = GridSearchCV(tree, {"max_depth": [None]}, **words)
    assert inside.fit(*sampler.fit_resample(X, y)[:2]).best_score_ > 0.8
    resampled = wrapped(tree, sampler, prior_correction=False)
    around = GridSearchCV(resampled, {"estimator__max_depth": [None]}, **words)
    # Of about 120 positives and 480 negatives the area's standard error is 0.03.
    assert around.fit(X, y).best_score_ == pytest.approx(0.5, abs=0.09)
