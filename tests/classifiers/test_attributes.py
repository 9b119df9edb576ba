"""What the estimator says of its columns, and predicts, through the correction."""

import numpy as np
import pytest
from resampled_models import averaged, generated, guided, wrapped
from sklearn import discriminant_analysis, ensemble, linear_model
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skstrat import PartialFitClassifier, PriorCorrectedClassifier, ResampledClassifier

# How well these models are calibrated is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
PRIORS = {"train_prior": [1, 1], "target_prior": [9, 1]}


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
    X, y = generated(4000, n_classes)
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
    X, y = generated(4000)
    for params in ({"use_weights": True}, {"prior_correction": False}):
        model = resampled(LogisticRegression(), **params).fit(X, y)
        assert model.intercept_ is model.estimator_.intercept_
        assert model.coef_ is model.estimator_.coef_


def test_other_classifiers_with_a_correction():
    X, y = generated(4000)
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


def test_attributes_that_are_missing():
    X, y = generated(600)
    names = ("coef_", "intercept_", "feature_importances_")
    model = resampled(clone(SGD).set_params(loss="modified_huber")).fit(X, y)
    np.testing.assert_array_equal(model.coef_, model.estimator_.coef_)
    with pytest.raises(AttributeError, match="log probabilities of SGDClassifier are"):
        model.intercept_  # noqa: B018
    fitted = resampled(GaussianNB()).fit(X, y)
    for name in names:
        with pytest.raises(AttributeError, match=f"object has no attribute '{name}"):
            getattr(fitted, name)
    prior = PriorCorrectedClassifier(LogisticRegression(), **PRIORS)
    for unfitted in (resampled(LogisticRegression()), prior):
        for name in names:
            with pytest.raises(NotFittedError, match="is not fitted yet"):
                getattr(unfitted, name)


@pytest.mark.parametrize("library", ["forest", "xgboost"])
def test_importances_are_those_of_the_trees(trees, library):
    X, y = generated(4000)
    model = resampled(FOREST if library == "forest" else trees(library, 5))
    own = model.fit(X, y).estimator_.feature_importances_
    np.testing.assert_array_equal(model.feature_importances_, own)
    # Selectors of columns find them without a getter.
    selector = RFE(model, n_features_to_select=1).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0]
    # XGBoost has an intercept of its trees, which is where boosting starts from.
    assert hasattr(model, "intercept_") == (library == "xgboost")
    if library == "xgboost":
        np.testing.assert_array_equal(model.intercept_, model.to_sklearn().intercept_)


@pytest.mark.parametrize("name", ["coef_", "intercept_", "feature_importances_"])
def test_a_correction_by_row_is_part_of_what_a_column_does(name):
    X, y = generated(10_000)
    estimator = FOREST if name == "feature_importances_" else LogisticRegression()
    sampler = guided(10, pilot=LogisticRegression())
    model = wrapped(estimator, sampler, use_weights=False).fit(X, y)
    with pytest.raises(AttributeError, match=f"{name} is not known: predictions are"):
        getattr(model, name)
    weighted = model.set_params(use_weights=True).fit(X, y)
    own = getattr(weighted.estimator_, name)
    np.testing.assert_array_equal(getattr(weighted, name), own)


@pytest.mark.parametrize("labels", [None, ["b", "a", "c"]], ids=["codes", "text"])
def test_a_column_of_labels_is_a_row_of_them(trees, labels):
    X, y = generated(2000, 3, labels=labels)
    estimator = trees("catboost", 3)
    models = [resampled(estimator), averaged(estimator), ResampledClassifier(estimator)]
    models += [resampled(estimator, use_weights=True)]
    models += [resampled(estimator, prior_correction=False)]
    for model in models:
        predicted = model.fit(X, y).predict(X)
        best = model.classes_[model.predict_proba(X).argmax(axis=1)]
        np.testing.assert_array_equal(predicted, best)
    own = clone(estimator).fit(X, y)
    assert own.predict(X).shape == (2000, 1)
    for target in ([1, 1, 1], [5, 1, 1]):
        priors = {"train_prior": [1, 1, 1], "target_prior": target}
        assert PriorCorrectedClassifier(own, **priors).predict(X).shape == (2000,)
