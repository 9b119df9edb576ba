"""What the estimator says of its columns, and predicts, through the correction."""

import numpy as np
import pytest
from resampled_models import averaged, down, guided, wrapped
from sklearn import discriminant_analysis, ensemble, linear_model
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    StratifiedKFold,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    PartialFitClassifier,
    PriorCorrectedClassifier,
    ResampledClassifier,
)

# How well these models are calibrated is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
INFORMATIVE = [1, 4]
PRIORS = {"train_prior": [1, 1], "target_prior": [9, 1]}
FOLDS = StratifiedKFold(2, shuffle=True, random_state=0)


def rows(n_rows=4000, n_classes=2, labels=None):
    """Six columns, two of which tell the classes apart."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 6))
    scores = np.zeros((n_rows, n_classes))
    scores[:, 0] = 4
    scores[:, 1] += 2 * X[:, 1]
    scores[:, -1] += 2 * X[:, 4]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    codes = (rng.random((n_rows, 1)) > p.cumsum(axis=1)).sum(axis=1)
    return X, codes if labels is None else np.array(labels)[codes]


def resampled(estimator, **params):
    return wrapped(estimator, **{"use_weights": False} | params)


SGD = linear_model.SGDClassifier(loss="log_loss", alpha=0.1, random_state=0)
FOREST = ensemble.RandomForestClassifier(10, min_samples_leaf=5, random_state=0)
LINEAR = {
    "logistic": LogisticRegression(),
    "no intercept": LogisticRegression(fit_intercept=False),
    "discriminant": discriminant_analysis.LinearDiscriminantAnalysis(),
    "nested": ResampledClassifier(LogisticRegression(), use_weights=False),
    "sgd": SGD,
}


# One class against the rest, as with three of SGD, is not log-linear.
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", LINEAR)
def test_the_intercept_makes_the_log_probabilities(name, n_classes):
    X, y = rows(n_classes=n_classes)
    model = resampled(LINEAR[name]).fit(X, y)
    if name == "sgd" and n_classes == 3:
        assert not hasattr(model, "intercept_")
        return
    scores = X @ model.coef_.T + model.intercept_
    if n_classes == 2:
        scores = np.column_stack([np.zeros(len(X)), scores])
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), p, rtol=1e-9, atol=1e-13)
    np.testing.assert_array_equal(model.intercept_, model.to_sklearn().intercept_)
    moved = model.intercept_ - model.estimator_.intercept_
    ratio = np.log(model.target_prior_ / model.train_prior_)
    by_hand = ratio[1:] - ratio[0] if n_classes == 2 else ratio - ratio[0]
    np.testing.assert_allclose(moved, by_hand, rtol=1e-9)
    assert np.abs(moved).max() > 1


def test_without_a_correction_it_is_the_estimators_own():
    X, y = rows()
    for estimator in (
        LogisticRegression(),
        linear_model.RidgeClassifier(),
        LinearSVC(),
    ):
        model = resampled(estimator, use_weights=True).fit(X, y)
        assert model.intercept_ is model.estimator_.intercept_
        assert model.coef_ is model.estimator_.coef_
    model = resampled(LogisticRegression(), prior_correction=False).fit(X, y)
    assert model.intercept_ is model.estimator_.intercept_


def test_other_classifiers_with_a_correction():
    X, y = rows()
    inner = LogisticRegression().fit(X, y)
    for estimator, classes in ((inner, None), (FrozenEstimator(inner), ["no", "yes"])):
        model = PriorCorrectedClassifier(estimator, **PRIORS, classes=classes)
        np.testing.assert_array_equal(model.coef_, inner.coef_)
        moved = model.intercept_ - inner.intercept_
        np.testing.assert_allclose(moved, -np.log(9), rtol=1e-12)
    model = PartialFitClassifier(SGD, epochs=1, use_weights=False, random_state=0)
    log_odds = X @ model.fit(X, y).coef_[0] + model.intercept_
    np.testing.assert_allclose(model.decision_function(X), log_odds, rtol=1e-9)
    assert np.abs(model.intercept_ - model.estimator_.intercept_) > 1


# scikit-learn 1.9 warns of the parameter.
@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
def test_attributes_that_are_missing():
    X, y = rows(600)
    names = ("coef_", "intercept_", "feature_importances_")
    for estimator in (
        clone(SGD).set_params(loss="modified_huber"),
        SVC(kernel="linear", probability=True, random_state=0),
    ):
        model = resampled(estimator).fit(X, y)
        np.testing.assert_array_equal(model.coef_, model.estimator_.coef_)
        text = f"log probabilities of {type(estimator).__name__} are not"
        with pytest.raises(AttributeError, match=text):
            model.intercept_  # noqa: B018
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    for model in (GaussianNB(), pipeline):
        fitted = resampled(model).fit(X, y)
        for name in names:
            with pytest.raises(
                AttributeError, match=f"object has no attribute '{name}"
            ):
                getattr(fitted, name)
    for unfitted in (
        resampled(LogisticRegression()),
        PartialFitClassifier(SGD),
        PriorCorrectedClassifier(LogisticRegression(), **PRIORS),
    ):
        for name in names:
            assert not hasattr(unfitted, name)
            with pytest.raises(NotFittedError, match="is not fitted yet"):
                getattr(unfitted, name)


@pytest.mark.parametrize("library", ["forest", "lightgbm", "xgboost", "catboost"])
def test_importances_are_those_of_the_trees(trees, library):
    X, y = rows()
    model = resampled(FOREST if library == "forest" else trees(library, 5)).fit(X, y)
    own = model.estimator_.feature_importances_
    np.testing.assert_array_equal(model.feature_importances_, own)
    assert set(np.argsort(own)[-2:].tolist()) == set(INFORMATIVE)
    # XGBoost has an intercept of its trees, which is where boosting starts from.
    assert hasattr(model, "intercept_") == (library == "xgboost")
    if library == "xgboost":
        np.testing.assert_array_equal(model.intercept_, model.to_sklearn().intercept_)
    else:
        with pytest.raises(AttributeError, match="object has no attribute 'coef_'"):
            model.coef_  # noqa: B018


@pytest.mark.parametrize("name", ["coef_", "intercept_", "feature_importances_"])
def test_a_correction_by_row_is_part_of_what_a_column_does(name):
    X, y = rows(10_000)
    estimator = FOREST if name == "feature_importances_" else LogisticRegression()
    sampler = guided(10, pilot=LogisticRegression())
    model = wrapped(estimator, sampler, use_weights=False).fit(X, y)
    with pytest.raises(AttributeError, match=f"{name} is not known: predictions are"):
        getattr(model, name)
    if name != "intercept_":
        # In the rows kept the columns that the pilot knows tell less than in rows of
        # which none is kept for its columns.
        evenly = clone(model).set_params(resampler=down(10)).fit(X, y)
        kept, others = (
            abs(np.ravel(getattr(each.estimator_, name))[1]) for each in (model, evenly)
        )
        assert kept < others
    weighted = model.set_params(use_weights=True).fit(X, y)
    own = getattr(weighted.estimator_, name)
    np.testing.assert_array_equal(getattr(weighted, name), own)


SELECTORS = {
    "RFE": lambda model: RFE(model, n_features_to_select=2, step=2),
    "SelectFromModel": SelectFromModel,
    "RFECV": lambda model: RFECV(
        model, step=2, cv=FOLDS, scoring="neg_log_loss", min_features_to_select=2
    ),
}


@pytest.mark.parametrize(
    ("kind", "estimator"),
    [("RFE", FOREST), ("SelectFromModel", FOREST), ("RFECV", LogisticRegression())],
)
def test_selectors_need_no_getter(kind, estimator):
    X, y = rows(labels=["no", "yes"] if kind == "RFE" else None)
    weights = "auto" if estimator is FOREST else False
    model = resampled(estimator, use_weights=weights)
    selector = SELECTORS[kind](model).fit(X, y)
    assert set(INFORMATIVE) <= set(selector.get_support(indices=True).tolist())
    assert kind == "RFECV" or selector.get_support().sum() == 2
    pipeline = make_pipeline(clone(selector), clone(model)).fit(X, y)
    # 800 rows are positive, or nearly so many.
    share = (y == pipeline.classes_[1]).mean()
    assert 0.85 < pipeline.predict_proba(X)[:, 1].mean() / share < 1.15


def test_fitted_models_and_weights_in_a_selector():
    X, y = rows()
    selector = SelectFromModel(resampled(LogisticRegression()).fit(X, y), prefit=True)
    assert selector.transform(X).tolist() == X[:, INFORMATIVE].tolist()
    weights = np.random.default_rng(0).lognormal(size=len(y))
    selector = RFE(resampled(LogisticRegression(), use_weights="auto"), step=4)
    model = selector.fit(X, y, sample_weight=weights).estimator_
    np.testing.assert_allclose(model.target_prior_, np.bincount(y, weights), rtol=1e-12)
    np.testing.assert_allclose(model.train_prior_, model.target_prior_, rtol=1e-9)


class ColumnOfLabels(DecisionTreeClassifier):
    """Predicts labels in a column, as CatBoost does for three classes."""

    def predict(self, X):
        return super().predict(X).reshape(-1, 1)


@pytest.mark.parametrize("labels", [None, ["b", "a", "c"]], ids=["codes", "text"])
@pytest.mark.parametrize("library", ["tree", "catboost"])
def test_a_column_of_labels_is_a_row_of_them(trees, library, labels):
    X, y = rows(2000, 3, labels=labels)
    tree = ColumnOfLabels(max_depth=3)
    estimator = tree if library == "tree" else trees("catboost", 3)
    models = [resampled(estimator), averaged(estimator)]
    models += [ResampledClassifier(estimator)]
    models += [resampled(estimator, use_weights=True)]
    models += [resampled(estimator, prior_correction=False)]
    for model in models:
        predicted = model.fit(X, y).predict(X)
        assert predicted.shape == (2000,)
        best = model.classes_[model.predict_proba(X).argmax(axis=1)]
        np.testing.assert_array_equal(predicted, best)
        assert model.score(X, y) > 0.5
    for model in models[:2]:
        # A booster that is right by itself comes back as it is.
        predicted = np.ravel(model.to_sklearn().predict(X))
        np.testing.assert_array_equal(predicted, model.predict(X))
    own = clone(estimator).fit(X, y)
    assert own.predict(X).shape == (2000, 1)
    for target in ([1, 1, 1], [5, 1, 1]):
        priors = {"train_prior": [1, 1, 1], "target_prior": target}
        assert PriorCorrectedClassifier(own, **priors).predict(X).shape == (2000,)
