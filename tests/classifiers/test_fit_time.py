"""The predicted time of fits: arithmetic of rows, columns, trees and classes."""

import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat.classifiers._fit_time import predict_seconds

KNOWN = [
    LogisticRegression(),
    SGDClassifier(),
    GaussianNB(),
    HistGradientBoostingClassifier(),
    GradientBoostingClassifier(),
    RandomForestClassifier(),
    ExtraTreesClassifier(),
]


@pytest.mark.parametrize("estimator", KNOWN, ids=lambda each: type(each).__name__)
def test_more_rows_and_columns_take_longer_and_rows_at_least_in_proportion(estimator):
    small = predict_seconds(estimator, 1_000_000, 20, 2)
    large = predict_seconds(estimator, 2_000_000, 20, 2)
    assert 1.98 < large / small < 2.2
    assert small < predict_seconds(estimator, 1_000_000, 80, 2) <= 4 * small
    assert predict_seconds(estimator, 1_000_000, 20, 4) >= small


def test_trees_and_classes_of_boosting_multiply():
    def seconds(n_classes=2, **params):
        trees = HistGradientBoostingClassifier(**params)
        return predict_seconds(trees, 50_000, 20, n_classes)

    assert seconds(max_iter=300) == pytest.approx(3 * seconds())
    assert seconds(3) == pytest.approx(3 * seconds())
    # A tree has a price without rows: 1.5 ms for 31 leaves.
    fixed = predict_seconds(HistGradientBoostingClassifier(), 0, 20, 2)
    assert fixed == pytest.approx(0.15, rel=0.01)
    small = HistGradientBoostingClassifier(max_leaf_nodes=7)
    assert predict_seconds(small, 0, 20, 2) == pytest.approx(fixed * 7 / 31)


def test_forests_go_with_rows_times_their_logarithm_and_the_root_of_columns():
    forest = RandomForestClassifier(n_estimators=50)
    seconds = predict_seconds(forest, 2**16, 25, 5)
    assert predict_seconds(forest, 2**17, 25, 2) == pytest.approx(seconds * 2 * 17 / 16)
    assert predict_seconds(forest, 2**16, 100, 2) == pytest.approx(2 * seconds)
    assert predict_seconds(RandomForestClassifier(), 2**16, 25, 2) == pytest.approx(
        2 * seconds
    )


@pytest.mark.parametrize(
    ("library", "name", "params", "trees"),
    [
        ("lightgbm", "LGBMClassifier", {"n_estimators": 200}, 2),
        ("xgboost", "XGBClassifier", {"n_estimators": 200}, 2),
        ("catboost", "CatBoostClassifier", {"allow_writing_files": False}, 10),
        ("catboost", "CatBoostClassifier", {"n_estimators": 200}, 2),
    ],
)
def test_boosters_of_other_libraries_are_known(library, name, params, trees):
    booster = getattr(pytest.importorskip(library), name)
    least = predict_seconds(booster(**params), 0, 20, 2)
    whole = predict_seconds(booster(**params), 2_000_000, 20, 2)
    # Two million rows of 20 columns were measured at 19 to 36 s for 100 trees.
    assert 15 * trees < whole < 45 * trees
    assert 0.1 * trees < least < 0.4 * trees


def test_depth_stands_for_leaves():
    booster = pytest.importorskip("xgboost").XGBClassifier
    fixed = predict_seconds(booster(), 0, 20, 2)
    assert predict_seconds(booster(max_depth=6), 0, 20, 2) == fixed
    assert predict_seconds(booster(max_depth=5), 0, 20, 2) == fixed / 2
    assert predict_seconds(booster(max_depth=0), 0, 20, 2) == fixed


def test_a_pipeline_takes_the_time_of_its_last_step():
    model = LogisticRegression()
    pipeline = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), model))
    assert predict_seconds(pipeline, 1000, 5, 2) == predict_seconds(model, 1000, 5, 2)


@pytest.mark.parametrize(
    "estimator",
    [
        KNeighborsClassifier(),
        GridSearchCV(LogisticRegression(), {"C": [1, 10]}),
        VotingClassifier([("linear", LogisticRegression())]),
    ],
    ids=lambda each: type(each).__name__,
)
def test_learners_that_are_not_known_have_no_time(estimator):
    assert predict_seconds(estimator, 1000, 5, 2) is None
