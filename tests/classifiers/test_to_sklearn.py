"""to_sklearn: the same predictions from a plain model, in scikit-learn and in ONNX."""

import pickle
from functools import cache, partial

import numpy as np
import pytest
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from resampled_models import assert_same_predictions as compare_predictions
from resampled_models import averaged, down, guided, wrapped
from sklearn import discriminant_analysis, ensemble, linear_model, naive_bayes
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import has_fit_parameter

from skstrat import (
    PartialFitClassifier,
    PriorCorrectedClassifier,
    correct_prior,
    make_pipeline,
)
from skstrat.classifiers._plain_model import _FOLDS, plain_model

# How well these models are calibrated is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
# Both go through float64, and 1 - p leaves 1e-16 of the small one.
CLOSE = {"rtol": 1e-9, "atol": 1e-14}
# Scores are rounded to float32, and so is 1 - p.
ONNX = {"rtol": 1e-4, "atol": 3e-7}


class Halved(LogisticRegression):
    """Has probabilities of its own."""

    def predict_proba(self, X):
        return (super().predict_proba(X) + 1 / len(self.classes_)) / 2


def vote_of(*models):
    named = [(type(model).__name__, model) for model in models]
    return ensemble.VotingClassifier(named, voting="soft", flatten_transform=False)


# scikit-learn 1.8 warns of defaults that will change.
NEW_DEFAULTS = {"l1_ratios": (0,), "use_legacy_attributes": False}
if "use_legacy_attributes" not in linear_model.LogisticRegressionCV().get_params():
    NEW_DEFAULTS = {}
SGD = linear_model.SGDClassifier(loss="log_loss", alpha=0.5, random_state=0)
BOOSTING = ensemble.GradientBoostingClassifier(n_estimators=4, random_state=0)
FOREST = ensemble.RandomForestClassifier(5, min_samples_leaf=5, random_state=0)
HISTOGRAM = ensemble.HistGradientBoostingClassifier(max_iter=4, random_state=0)
TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
FOLDED = {
    "logistic": LogisticRegression(),
    "no intercept": LogisticRegression(fit_intercept=False),
    "logistic cv": linear_model.LogisticRegressionCV(
        Cs=2, cv=2, scoring="neg_log_loss", **NEW_DEFAULTS
    ),
    "discriminant": discriminant_analysis.LinearDiscriminantAnalysis(),
    "sgd": SGD,
    # A tolerance that stops it early without a warning.
    "network": MLPClassifier((3,), tol=1.0, n_iter_no_change=3, random_state=0),
    "gaussian": GaussianNB(),
    "given priors": GaussianNB(priors=[0.5, 0.5]),
    "bernoulli": naive_bayes.BernoulliNB(binarize=1),
    "categorical": naive_bayes.CategoricalNB(min_categories=7),
    "multinomial": naive_bayes.MultinomialNB(),
    "histogram": HISTOGRAM,
    "boosting": BOOSTING,
    "boosting from zero": clone(BOOSTING).set_params(init="zero"),
}
WRAPPED = {
    "forest": FOREST,
    "tree": TREE,
    "vote": vote_of(TREE, GaussianNB()),
    "rest": SGD,
    "huber": clone(SGD).set_params(loss="modified_huber"),
    "exponential": clone(BOOSTING).set_params(loss="exponential"),
    "subclass": Halved(),
}
MODELS = FOLDED | WRAPPED
ONLY = {"sgd": 2, "given priors": 2, "exponential": 2, "rest": 3}
TEXT = ["ham", "spam", "eggs"]


def cases(names):
    every = [(name, n_classes) for name in names for n_classes in (2, 3)]
    return [case for case in every if ONLY.get(case[0], case[1]) == case[1]]


@cache
def table(n_classes, n_rows=1500):
    """Counts, so that every kind of naive Bayes learns from them, without ties."""
    rng = np.random.default_rng(n_classes)
    shares = {2: [0.9, 0.1], 3: [0.8, 0.12, 0.08]}[n_classes]
    codes = rng.choice(n_classes, n_rows, p=shares)
    means = 1 + 0.7 * rng.random((n_classes, 4)) * (1 + np.arange(n_classes)[:, None])
    X = np.minimum(rng.poisson(means[codes]), 6) + 0.9 * rng.random((n_rows, 4))
    return X.astype(np.float32).astype(np.float64), codes


def resampled(estimator, n_classes=2, labels=None, weight=None, by=None, **params):
    """Fit to the table, with weights withheld and a correction due."""
    X, codes = table(n_classes)
    y = codes if labels is None else np.array(labels)[codes]
    model = wrapped(clone(estimator), by, **{"use_weights": False} | params)
    return model.fit(X, y, sample_weight=weight)


@cache
def fitted(name, n_classes=2):
    """Fit with three classes to text and, if the model takes them, with weights."""
    if n_classes == 2:
        return resampled(MODELS[name])
    weight = np.random.default_rng(0).lognormal(size=1500)
    takes = has_fit_parameter(MODELS[name], "sample_weight")
    return resampled(MODELS[name], 3, TEXT, weight if takes else None)


assert_same_predictions = partial(compare_predictions, **CLOSE)


@pytest.mark.parametrize(("name", "n_classes"), cases(MODELS))
def test_the_correction_goes_into_the_model_or_a_wrapper(name, n_classes):
    X, _ = table(n_classes)
    model = fitted(name, n_classes)
    before = pickle.dumps(model)
    plain = model.to_sklearn()
    assert_same_predictions(plain, model, X)
    assert_same_predictions(pickle.loads(pickle.dumps(plain)), model, X)
    if name in WRAPPED:
        assert type(plain) is PriorCorrectedClassifier
        assert plain.estimator is model.estimator_
        return
    assert type(plain) is type(model.estimator_)
    assert b"skstrat" not in pickle.dumps(plain)
    # Without the correction it would be another model: the shift is no rounding.
    own = model.estimator_.predict_proba(X)
    assert np.abs(own - plain.predict_proba(X)).max() > 0.05
    assert clone(plain).get_params().keys() == plain.get_params().keys()
    assert pickle.dumps(model) == before


def test_every_fold_is_tried():
    assert {type(each) for each in FOLDED.values()} == set(_FOLDS)


def test_the_correction_by_hand():
    _, y = table(2)
    model = fitted("logistic")
    moved = model.to_sklearn().intercept_ - model.estimator_.intercept_
    # King and Zeng (2001): log of the odds in the data over those in the sample.
    kept = -(-(y == 0).sum() // 5)
    np.testing.assert_allclose(moved, np.log(kept / (y == 0).sum()), rtol=2e-3)
    shares = np.bincount(table(3)[1]) / 1500
    bayes = resampled(MODELS["gaussian"], 3).to_sklearn()
    np.testing.assert_allclose(bayes.class_prior_, shares, rtol=1e-12)


def test_without_a_correction_due_it_is_the_model_itself():
    pipeline = make_sklearn_pipeline(StandardScaler(), LogisticRegression())
    for model in (
        resampled(pipeline, prior_correction=False),
        resampled(linear_model.RidgeClassifier(), use_weights=True),
    ):
        assert model.to_sklearn() is model.estimator_


INNER = {
    "sklearn": lambda last: make_sklearn_pipeline(StandardScaler(), last),
    "imblearn": lambda last: make_imblearn_pipeline(StandardScaler(), last),
    "skstrat": lambda last: make_pipeline(StandardScaler(), down(2), last),
    "nested": lambda last: INNER["sklearn"](make_pipeline(down(2), last)),
}


@pytest.mark.parametrize("kind", INNER)
@pytest.mark.parametrize("last", [LogisticRegression(), FOREST])
def test_last_step_of_a_pipeline(kind, last):
    X, _ = table(2)
    model = resampled(INNER[kind](last))
    before = model.predict_proba(X)
    plain = model.to_sklearn()
    assert type(plain) is SklearnPipeline
    assert (b"skstrat" in pickle.dumps(plain)) == (last is FOREST)
    assert not any(hasattr(step, "fit_resample") for _, step in plain.steps)
    assert_same_predictions(plain, model, X)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert plain.steps[0][1] is model.estimator_.named_steps["standardscaler"]


def test_the_model_inside_is_taken_out():
    X, y = table(2)
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, cv=2)
    network = MLPClassifier((3,), random_state=0)
    network = PartialFitClassifier(network, epochs=1, use_weights=False, random_state=0)
    frozen = FrozenEstimator(GaussianNB().fit(X, y))
    for model, kind in (
        (wrapped(search, use_weights=False), LogisticRegression),
        (wrapped(wrapped(GaussianNB(), down(2)), use_weights=False), GaussianNB),
        (network, MLPClassifier),
        (make_pipeline(StandardScaler(), down(), SGD), SklearnPipeline),
        (make_pipeline(StandardScaler(), wrapped(GaussianNB())), SklearnPipeline),
        (make_pipeline(StandardScaler(), frozen), SklearnPipeline),
    ):
        plain = model.fit(X, y).to_sklearn()
        assert type(plain) is kind
        assert b"skstrat" not in pickle.dumps(plain)
        assert_same_predictions(plain, model, X)


PRIORS = {"train_prior": [1, 1], "target_prior": [9, 1]}


def wrapper(inside=None, **params):
    inside = (inside or KNeighborsClassifier(20)).fit(*table(2))
    return PriorCorrectedClassifier(inside, **PRIORS | params)


def test_wrapper_is_correct_prior_and_frozen():
    X, y = table(2)
    model = wrapper(classes=["no", "yes"])
    X = X[model.estimator.predict_proba(X).min(axis=1) > 0]
    expected = correct_prior(model.estimator.predict_proba(X), **PRIORS)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    twin = clone(model)
    assert twin.estimator is model.estimator
    assert twin.fit(X, y) is twin
    np.testing.assert_array_equal(twin.predict_proba(X), expected)
    # Labels are not lost that were given another name.
    assert_same_predictions(plain_model(model), model, X)


def run_onnx(plain, X, dtype=np.float32, options=None, **params):
    onnx_of = pytest.importorskip("skl2onnx").to_onnx
    runtime = pytest.importorskip("onnxruntime")
    given = {"zipmap": False} if options is None else options
    onnx = onnx_of(plain, X[:1].astype(dtype), options=given, **params)
    providers = ["CPUExecutionProvider"]
    session = runtime.InferenceSession(onnx.SerializeToString(), providers=providers)
    names = [output.name for output in session.get_outputs()]
    return names, *session.run(None, {"X": X.astype(dtype)})


def assert_onnx_agrees(plain, model, X, *, in_float64=False, **params):
    names, labels, proba = run_onnx(plain, X, **params)
    assert names == ["label", "probabilities"]
    assert proba.dtype == np.float32
    expected = model.predict_proba(X)
    np.testing.assert_allclose(proba, expected, **ONNX)
    assert proba.min() >= 0
    second, first = np.sort(expected, axis=1)[:, -2:].T
    sure = first - second > 2e-4
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(labels[sure], model.predict(X)[sure])
    if in_float64:
        _, _, exact = run_onnx(plain, X, np.float64)
        assert exact.dtype == np.float64
        np.testing.assert_allclose(exact, expected, **ONNX)
        assert exact.min() >= 0
    return proba


# skl2onnx 1.20 converts no discriminant analysis of two classes rightly.
EXPORTED = [("logistic", 2), ("discriminant", 3), ("network", 3), ("gaussian", 2)]
EXPORTED += [("histogram", 2), ("histogram", 3), ("boosting", 3), ("forest", 3)]
EXPORTED += [("tree", 2), ("vote", 3)]


@pytest.mark.parametrize(("name", "n_classes"), EXPORTED)
def test_onnx_predicts_the_same(name, n_classes):
    X, _ = table(n_classes)
    model = fitted(name, n_classes)
    plain = model.to_sklearn()
    proba = assert_onnx_agrees(plain, model, X, in_float64=name in ("tree", "forest"))
    assert np.abs(model.estimator_.predict_proba(X) - proba).max() > 0.05
    if name in ("logistic", "forest"):
        # Maps are what skl2onnx gives by default.
        for options in ({}, {"zipmap": True}):
            names, labels, maps = run_onnx(plain, X, options=options)
            assert names == ["output_label", "output_probability"]
            given = [[row[label] for label in model.classes_.tolist()] for row in maps]
            np.testing.assert_array_equal(given, proba)
            np.testing.assert_array_equal(labels, model.classes_[proba.argmax(axis=1)])


@pytest.mark.parametrize(
    ("name", "n_classes", "in_pipeline"),
    [("logistic", 2, True), ("histogram", 3, False), ("forest", 3, True)],
)
def test_an_ensemble_is_a_plain_vote(name, n_classes, in_pipeline):
    X, codes = table(n_classes)
    y = np.array(TEXT)[codes] if in_pipeline else codes
    estimator = INNER["sklearn"](MODELS[name]) if in_pipeline else MODELS[name]
    model = averaged(estimator, n_estimators=3, use_weights=False).fit(X, y)
    plain, expected = model.to_sklearn(), model.predict_proba(X)
    assert type(plain) is ensemble.VotingClassifier
    assert (b"skstrat" in pickle.dumps(plain)) == (name in WRAPPED)
    np.testing.assert_allclose(plain.predict_proba(X), expected, rtol=1e-9)
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))
    own = np.mean([each.estimator_.predict_proba(X) for each in model.estimators_], 0)
    assert np.abs(own - expected).max() > 0.05
    # skl2onnx 1.20 does not convert histogram boosting in float64.
    assert_onnx_agrees(plain, model, X, in_float64=name != "histogram")


def test_onnx_of_the_wrapper():
    X, _ = table(2)
    inner = INNER["sklearn"](GaussianNB())
    model = wrapper(inner, classes=["no", "yes"])
    assert_onnx_agrees(model, model, X, target_opset=15)
    assert_onnx_agrees(wrapper(inner, target_prior=[2, 2]), inner, X)
    for classes in ([False, True], [1.0, 2.0], [-5, 70]):
        model = resampled(FOREST, labels=classes)
        assert_onnx_agrees(model.to_sklearn(), model, X, target_opset=15)


@pytest.mark.parametrize("mass", [[1e12, 1], [1e-30, 1], [1, 1e60]])
def test_onnx_of_certain_predictions_and_large_ratios(mass):
    X = np.array([[0.0], [1], [2]]).repeat([2, 4, 2], axis=0)
    tree = DecisionTreeClassifier(random_state=0).fit(X, [0, 0, 0, 1, 0, 1, 1, 1])
    assert tree.predict_proba([[0], [1], [2]])[:, 1].tolist() == [0, 0.5, 1]
    model = PriorCorrectedClassifier(tree, train_prior=[1, 1], target_prior=mass)
    expected = model.predict_proba(X)
    np.testing.assert_allclose(run_onnx(model, X)[2], expected, rtol=1e-5, atol=1e-37)
    assert set(expected[[0, -1], 1]) == {0, 1}


def by_row(pilot=None, n_classes=2, labels=None, estimator=FOREST, folds=None):
    """Fit a model that is corrected row by row."""
    sampler = guided(pilot=pilot, pilot_folds=folds)
    return resampled(estimator, n_classes, labels, by=sampler)


BY_ROW = {
    "default": (None, 3, TEXT),
    "logistic": (LogisticRegression(), 2, ["no", "yes"]),
    "vote": (vote_of(LogisticRegression(), HISTOGRAM), 2, None, FOREST, 3),
}


@pytest.mark.parametrize("case", BY_ROW)
def test_onnx_of_a_correction_by_row(case):
    model = by_row(*BY_ROW[case])
    X, _ = table(len(model.classes_))
    frozen = model.to_sklearn()
    proba = assert_onnx_agrees(frozen, model, X, in_float64=case == "logistic")
    # Neither the forest alone nor one correction for all rows is the same.
    own = model.estimator_.predict_proba(X)
    priors = {"train_prior": model.train_prior_, "target_prior": model.target_prior_}
    for other in (own, correct_prior(own, **priors)):
        assert np.abs(other - proba).max() > 0.05


def test_onnx_refuses():
    X, _ = table(2)
    for plain, text in (
        (wrapper(classes=[0.5, 1.5]), r"text or whole .* got \[0\.5, 1\.5\]\."),
        (
            by_row(Halved()).to_sklearn(),
            r"pilot must be a model that skl2onnx converts, for ONNX; got Halved\(\), "
            r"whose error is: Unable to find .*GuidedDownsample\(pilot=make_pipeline",
        ),
    ):
        with pytest.raises(ValueError, match=text):
            run_onnx(plain, X)
