"""to_sklearn: the same predictions from a plain model, in scikit-learn and in ONNX."""

import pickle
import re
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    PartialFitClassifier,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    correct_prior,
    make_pipeline,
)
from skstrat.classifiers._plain_model import _FOLDS, plain_model
from skstrat.classifiers._prior_corrected import PriorCorrectedClassifier

# Both go through float64, and 1 - p leaves 1e-16 of the small one.
CLOSE = {"rtol": 1e-9, "atol": 1e-14}
# How well these models are calibrated is not the matter here.
pytestmark = pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")

FACTOR = 5


class Halved(LogisticRegression):
    """Has probabilities of its own."""

    def predict_proba(self, X):
        return (super().predict_proba(X) + 1 / len(self.classes_)) / 2


def sgd(**params):
    return SGDClassifier(random_state=0, **{"loss": "log_loss", "alpha": 0.5, **params})


def boosting(**params):
    return GradientBoostingClassifier(n_estimators=4, random_state=0, **params)


def histogram():
    return HistGradientBoostingClassifier(max_iter=4, random_state=0)


def forest():
    return RandomForestClassifier(5, min_samples_leaf=5, random_state=0)


def network():
    # A tolerance that stops it early without a warning.
    return MLPClassifier((3,), tol=1.0, n_iter_no_change=3, random_state=0)


# scikit-learn 1.8 warns of defaults that will change.
NEW_DEFAULTS = {"l1_ratios": (0,), "use_legacy_attributes": False}
if "use_legacy_attributes" not in LogisticRegressionCV().get_params():
    NEW_DEFAULTS = {}
FOLDED = {
    "logistic": LogisticRegression(),
    "no intercept": LogisticRegression(fit_intercept=False),
    "logistic cv": LogisticRegressionCV(
        Cs=2, cv=2, scoring="neg_log_loss", **NEW_DEFAULTS
    ),
    "discriminant": LinearDiscriminantAnalysis(),
    "sgd": sgd(),
    "network": network(),
    "gaussian": GaussianNB(),
    "given priors": GaussianNB(priors=[0.5, 0.5]),
    "bernoulli": BernoulliNB(binarize=1),
    "categorical": CategoricalNB(min_categories=7),
    "multinomial": MultinomialNB(),
    "histogram": histogram(),
    "boosting": boosting(),
    "boosting from zero": boosting(init="zero"),
}
ONLY_TWO = {"sgd", "given priors", "exponential"}
WRAPPED = {
    "forest": forest(),
    "neighbors": KNeighborsClassifier(),
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
    "quadratic": QuadraticDiscriminantAnalysis(),
    "vote": VotingClassifier(
        [("tree", DecisionTreeClassifier(max_depth=3)), ("bayes", GaussianNB())],
        voting="soft",
        flatten_transform=False,
    ),
    "calibrated": CalibratedClassifierCV(GaussianNB(), cv=2),
    "rest": sgd(),
    "huber": sgd(loss="modified_huber"),
    "exponential": boosting(loss="exponential"),
    "complement": ComplementNB(),
    "subclass": Halved(),
}
ONLY_THREE = {"rest"}


def cases(table):
    return [
        pytest.param(name, n_classes, id=f"{name}-{n_classes}")
        for name in table
        for n_classes in (2, 3)
        if not (name in ONLY_TWO and n_classes == 3)
        and not (name in ONLY_THREE and n_classes == 2)
    ]


@cache
def table(n_classes, n_rows=1500):
    """Counts, so that every kind of naive Bayes learns from them, without ties."""
    rng = np.random.default_rng(n_classes)
    shares = {2: [0.9, 0.1], 3: [0.8, 0.12, 0.08]}[n_classes]
    codes = rng.choice(n_classes, n_rows, p=shares)
    means = 1 + 0.7 * rng.random((n_classes, 4)) * (1 + np.arange(n_classes)[:, None])
    X = np.minimum(rng.poisson(means[codes]), 6) + 0.9 * rng.random((n_rows, 4))
    return X.astype(np.float32).astype(np.float64), codes


def down():
    return DownsampleUpweight(factor=FACTOR, random_state=0)


@cache
def fitted(name, n_classes=2, labels=None, **params):
    X, codes = table(n_classes)
    y = codes if labels is None else np.array(labels)[codes]
    params.setdefault("use_weights", False)
    estimator = {**FOLDED, **WRAPPED}[name]
    return ResampledClassifier(clone(estimator), down(), **params).fit(X, y)


def assert_same_predictions(plain, model, X):
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))
    np.testing.assert_array_equal(plain.classes_, model.classes_)
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        assert hasattr(plain, method) == hasattr(model, method), method
        if hasattr(model, method):
            with np.errstate(divide="ignore"):  # trees and neighbors give zeros
                given, expected = (getattr(each, method)(X) for each in (plain, model))
            assert given.shape == expected.shape
            np.testing.assert_allclose(given, expected, **CLOSE, err_msg=method)


@pytest.mark.parametrize(("name", "n_classes"), cases(FOLDED))
def test_the_correction_goes_into_the_model(name, n_classes):
    X, _ = table(n_classes)
    model = fitted(name, n_classes)
    plain = model.to_sklearn()
    assert type(plain) is type(model.estimator_) is not PriorCorrectedClassifier
    assert b"skstrat" not in pickle.dumps(plain)
    assert_same_predictions(plain, model, X)
    # Without the correction it would be another model: the shift is no rounding.
    own = model.estimator_.predict_proba(X)
    assert np.abs(own - plain.predict_proba(X)).max() > 0.05
    assert clone(plain).get_params().keys() == plain.get_params().keys()


@pytest.mark.parametrize(("name", "n_classes"), cases(WRAPPED))
def test_other_models_are_wrapped(name, n_classes):
    X, _ = table(n_classes)
    model = fitted(name, n_classes)
    plain = model.to_sklearn()
    assert type(plain) is PriorCorrectedClassifier
    assert plain.estimator is model.estimator_
    assert_same_predictions(plain, model, X)
    again = pickle.loads(pickle.dumps(plain))
    np.testing.assert_array_equal(again.predict_proba(X), plain.predict_proba(X))


def test_every_fold_is_tried():
    assert {type(each) for each in FOLDED.values()} == set(_FOLDS)


def scribble(plain):
    """Overwrite, in place, all that a fold changes."""
    arrays = [
        vars(plain)[name]
        for name in (
            "coef_",
            "intercept_",
            "class_prior_",
            "class_log_prior_",
            "_baseline_prediction",
        )
        if name in vars(plain)
    ]
    if hasattr(plain, "coefs_"):
        arrays += [plain.coefs_[-1], plain.intercepts_[-1]]
        plain.coefs_[0] = plain.intercepts_[0] = None
    if isinstance(plain, GradientBoostingClassifier):
        arrays += [tree.tree_.value for tree in plain.estimators_[0]]
        plain.estimators_[1:] = None
    assert arrays
    for array in arrays:
        array[...] = -7


@pytest.mark.parametrize(("name", "n_classes"), cases(FOLDED))
def test_what_is_changed_is_not_shared(name, n_classes):
    X, _ = table(n_classes)
    model = fitted(name, n_classes)
    before = pickle.dumps(model), model.predict_proba(X)
    scribble(model.to_sklearn())
    assert pickle.dumps(model) == before[0]
    np.testing.assert_array_equal(model.predict_proba(X), before[1])


def test_logistic_intercept_moves_by_the_log_ratio_of_the_masses():
    _, y = table(2)
    model = fitted("logistic")
    plain = model.to_sklearn()
    kept = -(-(y == 0).sum() // FACTOR)
    # King and Zeng (2001): log of the odds in the data over those in the sample.
    by_hand = np.log(kept / (y == 0).sum())
    moved = plain.intercept_ - model.estimator_.intercept_
    np.testing.assert_allclose(moved, by_hand, rtol=2e-3)
    exact = np.log(model.train_prior_[0] / model.target_prior_[0])
    np.testing.assert_allclose(moved, exact, rtol=1e-12)
    np.testing.assert_array_equal(plain.coef_, model.estimator_.coef_)


def test_priors_of_naive_bayes_are_those_of_the_data():
    _, y = table(3)
    shares = np.bincount(y) / len(y)
    priors = fitted("gaussian", 3).to_sklearn().class_prior_
    np.testing.assert_allclose(priors, shares, rtol=1e-12)
    log_priors = fitted("multinomial", 3).to_sklearn().class_log_prior_
    np.testing.assert_allclose(np.exp(log_priors), shares, rtol=1e-12)


@pytest.mark.parametrize("name", ["logistic", "gaussian", "histogram", "forest"])
def test_string_labels_and_weights(name):
    X, codes = table(3)
    y = np.array(["ham", "spam", "eggs"])[codes]
    weights = np.random.default_rng(0).lognormal(size=len(y))
    estimator = clone({**FOLDED, **WRAPPED}[name])
    model = ResampledClassifier(estimator, down(), use_weights=False)
    model.fit(X, y, sample_weight=weights)
    assert_same_predictions(model.to_sklearn(), model, X)


@pytest.mark.parametrize("name", ["logistic", "forest"])
def test_without_a_correction_due_it_is_the_model_itself(name):
    X, _ = table(2)
    untouched = fitted(name, prior_correction=False)
    assert untouched.to_sklearn() is untouched.estimator_
    assert_same_predictions(untouched.to_sklearn(), untouched, X)
    weighted = fitted("logistic", use_weights=True)
    assert weighted.to_sklearn() is weighted.estimator_


def test_a_model_without_probabilities_comes_back():
    X, y = table(2)
    model = ResampledClassifier(RidgeClassifier(), down()).fit(X, y)
    assert model.to_sklearn() is model.estimator_


def test_float32_stays_close():
    X, y = table(2)
    X = X.astype(np.float32)
    for estimator in (LogisticRegression(), network()):
        model = ResampledClassifier(estimator, down(), use_weights=False).fit(X, y)
        proba = model.to_sklearn().predict_proba(X)
        np.testing.assert_allclose(proba, model.predict_proba(X), rtol=1e-5)


PIPELINES = {
    "sklearn": lambda last: make_sklearn_pipeline(StandardScaler(), last),
    "imblearn": lambda last: make_imblearn_pipeline(StandardScaler(), last),
    "skstrat": lambda last: make_pipeline(
        StandardScaler(), DownsampleUpweight(factor=2, random_state=1), last
    ),
    "nested": lambda last: make_sklearn_pipeline(
        StandardScaler(),
        make_pipeline(DownsampleUpweight(factor=2, random_state=1), last),
    ),
}


@pytest.mark.parametrize("kind", PIPELINES)
@pytest.mark.parametrize("last", [LogisticRegression(), forest()])
def test_last_step_of_a_pipeline(kind, last):
    X, y = table(2)
    inner = PIPELINES[kind](last)
    model = ResampledClassifier(inner, down(), use_weights=False).fit(X, y)
    before = model.predict_proba(X)
    plain = model.to_sklearn()
    assert type(plain) is SklearnPipeline
    folds = isinstance(last, LogisticRegression)
    assert (b"skstrat" not in pickle.dumps(plain)) == folds
    assert not any(hasattr(step, "fit_resample") for _, step in plain.steps)
    assert_same_predictions(plain, model, X)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert plain.steps[0][1] is model.estimator_.named_steps["standardscaler"]


def test_samplers_go_even_if_no_correction_is_due():
    X, y = table(2)
    inner = make_pipeline(
        StandardScaler(), DownsampleUpweight(factor=2, random_state=1), sgd()
    )
    model = ResampledClassifier(inner).fit(X, y)
    plain = model.to_sklearn()
    assert type(plain) is SklearnPipeline
    assert list(plain.named_steps) == ["standardscaler", "sgdclassifier"]
    assert_same_predictions(plain, model, X)


def test_stock_pipeline_without_samplers_comes_back_as_it_is():
    X, y = table(2)
    inner = make_sklearn_pipeline(StandardScaler(), LogisticRegression())
    model = ResampledClassifier(inner, prior_correction=False).fit(X, y)
    assert model.to_sklearn() is model.estimator_


def test_pipelines_of_others_become_plain_even_without_samplers():
    X, y = table(2)
    for make in (make_imblearn_pipeline, make_pipeline):
        model = make(StandardScaler(), LogisticRegression()).fit(X, y)
        plain = ResampledClassifier(model, prior_correction=False).fit(X, y)
        assert type(plain.to_sklearn()) is SklearnPipeline
    assert type(model.to_sklearn()) is SklearnPipeline


def test_pipeline_of_this_package():
    X, y = table(2)
    model = make_pipeline(StandardScaler(), down(), LogisticRegression()).fit(X, y)
    plain = model.to_sklearn()
    assert type(plain) is SklearnPipeline
    assert plain.steps == [model.steps[0], model.steps[2]]
    assert_same_predictions(plain, model, X)

    model = make_pipeline(
        "passthrough",
        StandardScaler(),
        ResampledClassifier(GaussianNB(), down()),
        memory=None,
        verbose=False,
    ).fit(X, y)
    plain = model.to_sklearn()
    assert b"skstrat" not in pickle.dumps(plain)
    assert_same_predictions(plain, model, X)

    transformers = make_pipeline(StandardScaler(), down()).fit(X, y)
    scaled = transformers.to_sklearn().transform(X)
    np.testing.assert_array_equal(scaled, transformers.steps[0][1].transform(X))


def test_pipeline_of_samplers_alone_is_refused():
    X, y = table(2)
    samplers = make_pipeline(down(), DownsampleUpweight(factor=2, random_state=0)).fit(
        X, y
    )
    message = (
        "to_sklearn needs a step that is not a sampler; got ['downsampleupweight-1', "
        "'downsampleupweight-2'], all samplers."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        samplers.to_sklearn()


def test_pipeline_keeps_its_settings():
    X, y = table(2)
    model = make_pipeline(StandardScaler(), down(), GaussianNB(), verbose=True)
    plain = model.set_params(transform_input=None).fit(X, y).to_sklearn()
    assert plain.verbose is True


def test_search_is_its_best_estimator():
    X, y = table(2)
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, cv=2)
    model = ResampledClassifier(search, down(), use_weights=False).fit(X, y)
    plain = model.to_sklearn()
    assert type(plain) is LogisticRegression
    assert plain.get_params()["C"] == model.estimator_.best_params_["C"]
    assert_same_predictions(plain, model, X)


def test_frozen_estimator_is_unwrapped():
    X, y = table(2)
    inside = FrozenEstimator(GaussianNB().fit(X, y))
    model = make_pipeline(StandardScaler(), inside).fit(X, y)
    plain = model.to_sklearn()
    assert type(plain.steps[-1][1]) is GaussianNB
    assert_same_predictions(plain, model, X)


def test_classifier_in_a_classifier():
    X, y = table(2)
    inner = ResampledClassifier(
        GaussianNB(), DownsampleUpweight(factor=2, random_state=0)
    )
    model = ResampledClassifier(inner, down(), use_weights=False).fit(X, y)
    plain = model.to_sklearn()
    assert type(plain) is GaussianNB
    assert_same_predictions(plain, model, X)


class WithoutClasses(ClassifierMixin, BaseEstimator):
    """Knows its labels, but does not say so."""

    def fit(self, X, y):
        self.model_ = GaussianNB().fit(X, y)
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def predict(self, X):
        return self.model_.predict(X)


def test_labels_that_the_estimator_does_not_tell():
    X, codes = table(2)
    y = np.array(["no", "yes"])[codes]
    model = ResampledClassifier(WithoutClasses(), down(), use_weights=False)
    plain = model.fit(X, y).to_sklearn()
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))
    np.testing.assert_array_equal(plain.classes_, ["no", "yes"])


def test_partial_fit_classifier():
    X, y = table(2)
    for estimator in (MLPClassifier((3,), random_state=0), GaussianNB()):
        model = PartialFitClassifier(
            estimator, epochs=1, batch_size=64, use_weights=False, random_state=0
        ).fit(X, y)
        plain = model.to_sklearn()
        assert type(plain) is type(estimator)
        assert_same_predictions(plain, model, X)


def test_not_fitted():
    for model in (
        ResampledClassifier(LogisticRegression()),
        PartialFitClassifier(GaussianNB()),
        make_pipeline(down(), LogisticRegression()),
    ):
        with pytest.raises(NotFittedError):
            model.to_sklearn()


def test_histogram_boosting_of_another_form_is_wrapped():
    X, _ = table(2)
    model = pickle.loads(pickle.dumps(fitted("histogram")))
    start = model.estimator_._baseline_prediction
    model.estimator_._baseline_prediction = start.ravel()
    assert_same_predictions(model.to_sklearn(), model, X)
    assert type(model.to_sklearn()) is PriorCorrectedClassifier


def test_other_labels_than_the_model_has_are_kept():
    X, y = table(2)
    model = wrapper(classes=["no", "yes"]).set_params(estimator=GaussianNB().fit(X, y))
    np.testing.assert_array_equal(plain_model(model).classes_, ["no", "yes"])
    assert_same_predictions(plain_model(model), model, X)
    assert type(plain_model(model.set_params(classes=None))) is GaussianNB
    same = model.set_params(classes=["no", "yes"], target_prior=[1, 1])
    codes = same.predict_proba(X).argmax(axis=1)
    np.testing.assert_array_equal(same.predict(X), np.array(["no", "yes"])[codes])


@pytest.mark.parametrize("name", ["histogram", "forest"])
def test_refitting_the_result_leaves_the_model_alone(name):
    X, y = table(2)
    model = fitted(name)
    before = model.predict_proba(X)
    model.to_sklearn().fit(X, 1 - y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def wrapper(**params):
    X, y = table(2)
    defaults = {"train_prior": [1, 1], "target_prior": [9, 1]}
    inside = KNeighborsClassifier(20).fit(X, y)
    return PriorCorrectedClassifier(inside, **{**defaults, **params})


def test_wrapper_is_correct_prior():
    X, _ = table(2)
    model = wrapper()
    X = X[model.estimator.predict_proba(X).min(axis=1) > 0]
    expected = correct_prior(
        model.estimator.predict_proba(X), train_prior=[1, 1], target_prior=[9, 1]
    )
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    np.testing.assert_array_equal(model.predict(X), expected.argmax(axis=1))


def test_wrapper_clones_with_its_fitted_model():
    X, y = table(2)
    model = wrapper(classes=["no", "yes"])
    twin = clone(model)
    assert twin is not model
    assert twin.estimator is model.estimator
    assert twin.fit(X, y) is twin
    np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
    assert twin.set_params(target_prior=[3, 1]).target_prior == [3, 1]
    assert model.target_prior == [9, 1]
    assert set(model.get_params(deep=False)) == {
        "classes",
        "estimator",
        "target_prior",
        "train_prior",
    }
    np.testing.assert_array_equal(model.classes_, ["no", "yes"])
    assert model.n_features_in_ == 4


def test_wrapper_of_a_model_that_is_not_fitted():
    model = PriorCorrectedClassifier(
        KNeighborsClassifier(), train_prior=[1, 1], target_prior=[9, 1]
    )
    for use in (model.fit, lambda: model.predict_proba([[0]])):
        with pytest.raises(NotFittedError):
            use()


# Scores are rounded to float32, and so is 1 - p.
ONNX = {"rtol": 1e-4, "atol": 3e-7}


def run_onnx(plain, X, dtype=np.float32, options=None, **params):
    onnx_of = pytest.importorskip("skl2onnx").to_onnx
    runtime = pytest.importorskip("onnxruntime")
    given = {"zipmap": False} if options is None else options
    onnx = onnx_of(plain, X[:1].astype(dtype), options=given, **params)
    session = runtime.InferenceSession(
        onnx.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return names, *session.run(None, {"X": X.astype(dtype)})


def assert_onnx_agrees(plain, model, X, **params):
    names, labels, proba = run_onnx(plain, X, **params)
    assert names == ["label", "probabilities"]
    expected = model.predict_proba(X)
    np.testing.assert_allclose(proba, expected, **ONNX)
    assert proba.min() >= 0
    second, first = np.sort(expected, axis=1)[:, -2:].T
    sure = first - second > 2e-4
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(labels[sure], model.predict(X)[sure])
    return proba


# Not what skl2onnx 1.20 gets wrong without any correction: discriminant analysis of
# two classes, boosting of three from init="zero".
EXPORTED = [
    "logistic",
    "sgd",
    "network",
    "gaussian",
    "bernoulli",
    "categorical",
    "multinomial",
    "histogram",
    "boosting",
    "forest",
    "neighbors",
    "tree",
    "quadratic",
    "vote",
    "calibrated",
]
LABELS = [None, ["ham", "spam", "eggs"]]


@pytest.mark.parametrize(("name", "n_classes"), cases(dict.fromkeys(EXPORTED)))
def test_onnx_predicts_the_same(name, n_classes):
    X, _ = table(n_classes)
    model = fitted(name, n_classes, {2: None, 3: ("ham", "spam", "eggs")}[n_classes])
    proba = assert_onnx_agrees(model.to_sklearn(), model, X)
    assert proba.dtype == np.float32
    own = model.estimator_.predict_proba(X)
    assert np.abs(own - proba).max() > 0.05


def test_onnx_of_what_skl2onnx_gets_right_in_part():
    for name, n_classes in (("discriminant", 3), ("boosting from zero", 2)):
        X, _ = table(n_classes)
        model = fitted(name, n_classes)
        assert_onnx_agrees(model.to_sklearn(), model, X)


@pytest.mark.parametrize("name", ["logistic", "forest"])
@pytest.mark.parametrize("labels", LABELS, ids=["numbers", "text"])
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_onnx_with_and_without_zipmap(name, labels, in_pipeline):
    X, codes = table(3)
    y = codes if labels is None else np.array(labels)[codes]
    inner = clone({**FOLDED, **WRAPPED}[name])
    if in_pipeline:
        inner = make_sklearn_pipeline(StandardScaler(), inner)
    model = ResampledClassifier(inner, down(), use_weights=False).fit(X, y)
    plain = model.to_sklearn()
    proba = assert_onnx_agrees(plain, model, X)
    # Maps are what skl2onnx gives by default.
    for options in ({}, {"zipmap": True}):
        names, labels_given, maps = run_onnx(plain, X, options=options)
        assert names == ["output_label", "output_probability"]
        given = [[row[label] for label in model.classes_.tolist()] for row in maps]
        np.testing.assert_array_equal(given, proba)
        np.testing.assert_array_equal(
            labels_given, model.classes_[proba.argmax(axis=1)]
        )


def test_onnx_refuses_other_forms_of_zipmap():
    X, _ = table(2)
    with pytest.raises(ValueError, match=r"Unexpected value \['columns'\]"):
        run_onnx(wrapper(), X, options={"zipmap": "columns"})


def test_onnx_in_float64_and_of_older_opsets():
    X, _ = table(2)
    forest_model = fitted("forest", 2)
    plain = forest_model.to_sklearn()
    _, _, proba = run_onnx(plain, X, np.float64)
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba, forest_model.predict_proba(X), **ONNX)
    assert proba.min() >= 0
    assert_onnx_agrees(plain, forest_model, X, target_opset=15)
    tree_model = fitted("tree", 2)
    _, _, proba = run_onnx(tree_model.to_sklearn(), X, np.float64)
    np.testing.assert_allclose(proba, tree_model.predict_proba(X), **ONNX)


def test_onnx_of_a_pipeline_in_the_wrapper():
    X, y = table(2)
    inner = make_sklearn_pipeline(StandardScaler(), GaussianNB()).fit(X, y)
    model = PriorCorrectedClassifier(inner, train_prior=[1, 1], target_prior=[9, 1])
    assert_onnx_agrees(model, model, X)
    same = PriorCorrectedClassifier(inner, train_prior=[1, 1], target_prior=[2, 2])
    assert_onnx_agrees(same, inner, X)
    for each in (model, same):
        each.classes = ["no", "yes"]
        assert run_onnx(each, X)[1].tolist() == each.predict(X).tolist()


@pytest.mark.parametrize("mass", [[1e12, 1], [1, 1e12], [1e-30, 1], [1, 1e60]])
def test_onnx_of_certain_predictions_and_large_ratios(mass):
    X = np.array([[0.0], [1], [2]]).repeat([2, 4, 2], axis=0)
    y = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    np.testing.assert_array_equal(
        tree.predict_proba([[0], [1], [2]])[:, 1], [0, 0.5, 1]
    )
    model = PriorCorrectedClassifier(
        tree,
        train_prior=[1, 1],
        target_prior=mass,
    )
    expected = model.predict_proba(X)
    _, _, proba = run_onnx(model, X)
    np.testing.assert_allclose(proba, expected, rtol=1e-5, atol=1e-37)
    assert set(expected[[0, -1], 1]) == {0, 1}


@pytest.mark.parametrize("classes", [[False, True], [1.0, 2.0], [-5, 70]])
def test_onnx_labels_are_whole_numbers(classes):
    X, codes = table(2)
    model = ResampledClassifier(forest(), down(), use_weights=False)
    model.fit(X, np.array(classes)[codes])
    assert_onnx_agrees(model.to_sklearn(), model, X)


def test_onnx_refuses_labels_that_it_cannot_hold():
    X, _ = table(2)
    message = "classes must be text or whole numbers for ONNX; got [0.5, 1.5]."
    with pytest.raises(ValueError, match=re.escape(message)):
        run_onnx(wrapper(classes=[0.5, 1.5]), X)


def vote_of(*models):
    named = [(type(model).__name__, model) for model in models]
    return VotingClassifier(named, voting="soft", flatten_transform=False)


def by_row(pilot, n_classes=2, labels=None, estimator=None, **params):
    """Fit a model that is corrected row by row."""
    X, codes = table(n_classes)
    y = codes if labels is None else np.array(labels)[codes]
    guided = GuidedDownsample(pilot, factor=FACTOR, random_state=0, **params)
    return ResampledClassifier(
        estimator or forest(), guided, use_weights=False, calibration_check=False
    ).fit(X, y)


BY_ROW = {
    "default-3": (None, 3, ["ham", "spam", "eggs"]),
    "logistic-2": (LogisticRegression(), 2, ["no", "yes"]),
    "folds-3": (LogisticRegression(), 3, None, 2),
    "vote-2": (vote_of(LogisticRegression(), histogram()), 2, None, 3),
    "boosting-3": (boosting(), 3, None),
    "forest-2": (forest(), 2, None),
    "bayes-2": (GaussianNB(), 2, None),
}


@pytest.mark.parametrize("case", BY_ROW)
def test_onnx_of_a_correction_by_row(case):
    pilot, n_classes, labels, *folds = BY_ROW[case]
    model = by_row(pilot, n_classes, labels, pilot_folds=folds[0] if folds else None)
    X, _ = table(n_classes)
    frozen = model.to_sklearn()
    proba = assert_onnx_agrees(frozen, model, X)
    # Neither the forest alone nor one correction for all rows is the same.
    own = model.estimator_.predict_proba(X)
    alike = correct_prior(
        own, train_prior=model.train_prior_, target_prior=model.target_prior_
    )
    assert min(np.abs(each - proba).max() for each in (own, alike)) > 0.05
    names, _, maps = run_onnx(frozen, X, options={})
    assert names == ["output_label", "output_probability"]
    given = [[row[label] for label in model.classes_.tolist()] for row in maps]
    np.testing.assert_array_equal(given, proba)


def test_onnx_of_a_correction_by_row_for_another_prior():
    X, _ = table(2)
    model = by_row(LogisticRegression())
    frozen = model.to_sklearn().set_params(target_prior=[1, 1])
    model.target_prior = [1, 1]
    assert_onnx_agrees(frozen, model, X)
    _, _, proba = run_onnx(frozen, X, np.float64)
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba, model.predict_proba(X), **ONNX)
    inside = make_sklearn_pipeline(StandardScaler().fit(X), frozen)
    assert_onnx_agrees(inside, inside, X)


def test_onnx_of_histogram_boosting_corrected_by_row():
    """The columns of the offset are in any order of the classes."""
    X, _ = table(3)
    frozen = by_row(LogisticRegression(), 3, estimator=histogram()).to_sklearn()
    before = frozen.predict_proba(X)
    frozen.set_params(row_offset=frozen.row_offset.in_order(np.array([2, 0, 1])))
    assert np.abs(frozen.predict_proba(X) - before).max() > 0.05
    assert_onnx_agrees(frozen, frozen, X)


def test_onnx_refuses_pilots_that_skl2onnx_does_not_convert():
    X, _ = table(2)
    message = (
        r"pilot must be a model that skl2onnx converts, for ONNX; got Halved\(\), of "
        r"which it says: Unable to find .*Halved.*GuidedDownsample\(pilot=make_pipeline"
    )
    frozen = by_row(Halved()).to_sklearn()
    with pytest.raises(ValueError, match=message):
        run_onnx(frozen, X)


def test_onnx_refuses_names_in_columns_of_the_default_pilot():
    X, y = table(2)
    named = np.column_stack([X.astype(object), np.array(["a", "b"])[y]])
    first = ColumnTransformer([("numbers", "passthrough", [0, 1, 2, 3])])
    guided = GuidedDownsample(factor=FACTOR, random_state=0)
    model = ResampledClassifier(
        make_sklearn_pipeline(first, forest()), guided, use_weights=False
    ).fit(named, y)
    frozen = model.to_sklearn()
    with pytest.raises(ValueError, match="pilot must take columns of numbers for ONNX"):
        run_onnx(frozen, X)


def ensemble(estimator):
    return ResampledEnsembleClassifier(
        estimator, down(), n_estimators=3, use_weights=False, random_state=0
    )


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), DecisionTreeClassifier(max_depth=3)]
)
@pytest.mark.parametrize("labels", [["no", "yes"], [0, 1]], ids=str)
def test_an_ensemble_is_a_plain_vote(estimator, labels):
    X, codes = table(2)
    model = ensemble(estimator).fit(X, np.array(labels)[codes])
    before = model.predict_proba(X)
    plain = model.to_sklearn()
    assert type(plain) is VotingClassifier
    np.testing.assert_allclose(plain.predict_proba(X), before, rtol=1e-9)
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))
    # A vote of models whose prior is not corrected says something else.
    for each in plain.estimators_:
        if isinstance(each, SklearnPipeline):
            each[-1].target_prior = each[-1].train_prior
        else:
            each.intercept_[:] += 1
    assert np.abs(plain.predict_proba(X) - before).max() > 0.05
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("labels", LABELS, ids=["numbers", "text"])
@pytest.mark.parametrize("name", ["logistic", "histogram", "forest", "tree"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_onnx_of_an_ensemble(n_classes, name, labels):
    X, codes = table(n_classes)
    y = codes if labels is None else np.array(labels)[codes]
    model = ensemble(clone({**FOLDED, **WRAPPED}[name])).fit(X, y)
    plain = model.to_sklearn()
    proba = assert_onnx_agrees(plain, model, X)
    own = np.mean([each.estimator_.predict_proba(X) for each in model.estimators_], 0)
    assert np.abs(own - proba).max() > 0.05
    if name != "histogram":  # which skl2onnx 1.20 does not convert in float64
        _, _, proba = run_onnx(plain, X, np.float64)
        assert proba.dtype == np.float64
        np.testing.assert_allclose(proba, model.predict_proba(X), **ONNX)


@pytest.mark.parametrize("last", [LogisticRegression(), forest()])
def test_onnx_of_an_ensemble_of_pipelines(last):
    X, codes = table(3)
    y = np.array(LABELS[1])[codes]
    model = ensemble(make_sklearn_pipeline(StandardScaler(), last)).fit(X, y)
    assert_onnx_agrees(model.to_sklearn(), model, X)
    np.testing.assert_array_equal(model.estimators_[0].classes_, np.unique(y))


@pytest.mark.slow
def test_folded_models_need_nothing_of_this_package(tmp_path):
    """Load them where it cannot be imported."""
    saved = []
    for case in cases(FOLDED):
        name, n_classes = case.values
        X, _ = table(n_classes)
        model = fitted(name, n_classes)
        saved.append((model.to_sklearn(), X, model.predict_proba(X)))
    X, y = table(2)
    nested = PIPELINES["nested"](LogisticRegression())
    model = ResampledClassifier(nested, down(), use_weights=False).fit(X, y)
    saved.append((model.to_sklearn(), X, model.predict_proba(X)))
    model = ensemble(LogisticRegression()).fit(X, y)
    saved.append((model.to_sklearn(), X, model.predict_proba(X)))
    path = tmp_path / "models.pickle"
    path.write_bytes(pickle.dumps(saved))
    code = f"""
import pickle, sys
sys.modules["skstrat"] = None
import numpy as np
with open({str(path)!r}, "rb") as file:
    models = pickle.load(file)
for model, X, proba in models:
    np.testing.assert_allclose(model.predict_proba(X), proba, rtol=1e-9, atol=1e-14)
print(len(models))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == f"{len(saved)}\n"


@pytest.mark.slow
@pytest.mark.parametrize("library", ["lightgbm", "xgboost", "sklearn"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_shap_sums_to_the_corrected_log_odds(library, n_classes):
    shap = pytest.importorskip("shap")
    X, y = table(n_classes)
    if library == "sklearn":
        estimator = histogram()
    elif library == "lightgbm":
        module = pytest.importorskip(library)
        estimator = module.LGBMClassifier(n_estimators=4, n_jobs=1, verbose=-1)
    else:
        module = pytest.importorskip(library)
        estimator = module.XGBClassifier(n_estimators=4, n_jobs=1)
    model = ResampledClassifier(estimator, down(), use_weights=False).fit(X, y)
    explained = shap.TreeExplainer(model.to_sklearn())(X)
    margin = explained.values.sum(axis=1) + explained.base_values
    if n_classes == 2:
        margin = np.column_stack([np.zeros(len(X)), margin])
    # Of each margin only differences between classes count.
    expected = np.log(model.predict_proba(X))
    moved, wanted = (each - each[:, :1] for each in (margin, expected))
    np.testing.assert_allclose(moved, wanted, atol=1e-5)


@pytest.mark.parametrize("kind", ["plain", "wrapped", "by row"])
def test_skops_asks_for_the_wrapper_alone(kind):
    io = pytest.importorskip("skops.io")
    X, _ = table(2)
    model = by_row(LogisticRegression()) if kind == "by row" else None
    model = model or fitted("logistic" if kind == "plain" else "forest")
    saved = io.dumps(model.to_sklearn())
    types = io.get_untrusted_types(data=saved)
    ours = {each.rpartition(".")[2] for each in types if each.startswith("skstrat")}
    assert (
        ours
        == {
            "plain": set(),
            "wrapped": {"PriorCorrectedClassifier"},
            "by row": {"RowCorrectedClassifier", "RowOffset"},
        }[kind]
    )
    again = io.loads(saved, trusted=types)
    np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), **CLOSE)
