"""Predictions for another prevalence than that of the training data."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    PartialFitClassifier,
    PriorCorrectedClassifier,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    UnusedWeightsError,
    correct_prior,
    make_pipeline,
)

LABELS = {2: ["ok", "fraud"], 3: ["ok", "fraud", "error"]}
# In the order of classes_, which is that of the alphabet.
TARGETS = {2: [0.2, 0.8], 3: [2, 3, 5]}


def table(n_classes=2, n_rows=6_000, seed=0):
    rng = np.random.default_rng(seed)
    shares = {2: [0.95, 0.05], 3: [0.85, 0.05, 0.1]}[n_classes]
    codes = rng.choice(n_classes, size=n_rows, p=shares)
    X = rng.normal(size=(n_rows, 3))
    X[:, :2] += 1.5 * np.eye(3)[codes][:, 1:]
    return X, np.array(LABELS[n_classes])[codes]


def down():
    return DownsampleUpweight(factor=5, random_state=0)


def ensemble(estimator, **params):
    defaults = {"n_estimators": 3, "random_state": 0, "calibration_check": False}
    return ResampledEnsembleClassifier(estimator, down(), **{**defaults, **params})


def resampled(estimator, resampler=None, **params):
    return ResampledClassifier(
        estimator, resampler or down(), calibration_check=False, **params
    )


HOSTS = {
    "weights passed": resampled(LogisticRegression()),
    "weights withheld": resampled(GaussianNB()),
    "boosting": resampled(HistGradientBoostingClassifier(max_iter=5)),
    "forest": resampled(RandomForestClassifier(5, max_depth=4, random_state=0)),
    "pipeline": resampled(make_pipeline(down(), LogisticRegression())),
    "true distribution": ResampledClassifier(GaussianNB()),
}
HOST_CASES = [(host, 2 + number % 2) for number, host in enumerate(HOSTS)]


def by_label(model, prior):
    """Give the values as a dict, in another order than that of the classes."""
    pairs = list(zip(model.classes_.tolist(), prior, strict=True))
    return dict(reversed(pairs))


def by_hand(model, X, prior):
    """Turn what a model predicts for the training data."""
    assert model.target_prior is None
    return correct_prior(
        model.predict_proba(X), train_prior=model.original_prior_, target_prior=prior
    )


def assert_predicts(model, X, expected):
    """Compare every way to predict with the probabilities expected."""
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-9, atol=1e-14)
    most = model.classes_[expected.argmax(axis=1)]
    np.testing.assert_array_equal(model.predict(X), most)
    plain = model.to_sklearn()
    np.testing.assert_allclose(plain.predict_proba(X), expected, rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(plain.predict(X), most)
    if hasattr(model, "predict_log_proba"):
        np.testing.assert_allclose(
            np.exp(model.predict_log_proba(X)), expected, rtol=1e-9, atol=1e-14
        )


@pytest.mark.parametrize(("host", "n_classes"), HOST_CASES)
def test_it_is_the_closed_form_and_may_be_set_after_fit(host, n_classes):
    X, y = table(n_classes)
    model = clone(HOSTS[host]).fit(X, y)
    before, prior = model.predict_proba(X), TARGETS[n_classes]
    expected = by_hand(model, X, prior)
    assert np.abs(expected - before).max() > 0.3
    given = clone(HOSTS[host]).set_params(target_prior=prior).fit(X, y)
    assert_predicts(given, X, expected)
    assert_predicts(model.set_params(target_prior=by_label(model, prior)), X, expected)
    np.testing.assert_array_equal(model.target_prior_, prior)
    model.target_prior = np.multiply(prior, 1000)
    assert_predicts(model, X, expected)
    model.target_prior = model.original_prior_
    np.testing.assert_allclose(model.predict_proba(X), before, rtol=1e-12)
    model.target_prior = None
    np.testing.assert_array_equal(model.predict_proba(X), before)
    np.testing.assert_array_equal(model.target_prior_, model.original_prior_)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_and_the_intercept_make_the_probabilities(n_classes):
    X, y = table(n_classes)
    model = resampled(LogisticRegression()).fit(X, y)
    expected = by_hand(model, X, TARGETS[n_classes])
    model.target_prior = TARGETS[n_classes]
    for scores in (model.decision_function(X), X @ model.coef_.T + model.intercept_):
        if n_classes == 2:
            odds = expected[:, 1] / expected[:, 0]
            np.testing.assert_allclose(np.ravel(scores), np.log(odds), rtol=1e-9)
        else:
            p = np.exp(scores)
            p /= p.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(p, expected, rtol=1e-9)
    assert type(model.to_sklearn()) is LogisticRegression


def test_a_series_is_read_by_its_index():
    pandas = pytest.importorskip("pandas")
    X, y = table(3)
    model = resampled(GaussianNB()).fit(X, y)
    # By frequency, as users get it, which is not the order of the classes.
    prior = pandas.Series(y).value_counts(normalize=True)
    assert prior.index.tolist() != model.classes_.tolist()
    model.target_prior = prior
    np.testing.assert_allclose(
        model.target_prior_ * len(y), model.original_prior_, rtol=1e-12
    )


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), DecisionTreeClassifier(max_depth=3)],
    ids=["linear", "tree"],
)
def test_an_ensemble_is_the_mean_of_models_turned(estimator):
    X, y = table(3, 3_000)
    model, prior = ensemble(estimator).fit(X, y), TARGETS[3]
    own = model.target_prior_
    np.testing.assert_array_equal(own, model.estimators_[0].original_prior_)
    mean_turned = correct_prior(
        model.predict_proba(X), train_prior=own, target_prior=prior
    )
    expected = np.mean([by_hand(each, X, prior) for each in model.estimators_], axis=0)
    assert np.abs(mean_turned - expected).max() > 1e-3
    model.target_prior = by_label(model, prior)
    assert_predicts(model, X, expected)
    np.testing.assert_array_equal(model.target_prior_, prior)
    assert [each.target_prior for each in model.estimators_] == [None] * 3
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_guided_rows_are_shifted_on_top(n_classes):
    X, y = table(n_classes)
    guided = GuidedDownsample(factor=5, random_state=0)
    model = resampled(GaussianNB(), guided, use_weights=False).fit(X, y)
    assert model.decision_.correction == "row by row"
    expected = by_hand(model, X, TARGETS[n_classes])
    model.target_prior = TARGETS[n_classes]
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-9, atol=1e-14)
    log_proba = model.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(log_proba), expected, rtol=1e-9, atol=1e-14)
    most = model.classes_[expected.argmax(axis=1)]
    np.testing.assert_array_equal(model.predict(X), most)


WITNESSED = {
    "weights": resampled(LogisticRegression()),
    "no weights": resampled(GaussianNB()),
    "guided": resampled(
        LogisticRegression(),
        GuidedDownsample(factor=5, random_state=0),
        use_weights=False,
    ),
    "ensemble": ensemble(GaussianNB()),
}


@pytest.mark.parametrize("host", WITNESSED)
@pytest.mark.parametrize("share", [0.01, 0.3])
def test_calibrated_where_the_prevalence_is_another(host, share):
    """Test rows weighted to the prevalence are rows of the place of use.

    There are ten times as many rows to train on, so that the error of the test rows
    is nearly all of it.
    """
    for seed in range(3):
        X, y = table(2, 44_000, seed)
        target = {"fraud": share, "ok": 1 - share}
        model = clone(WITNESSED[host]).set_params(target_prior=target)
        p = model.fit(X[4_000:], y[4_000:]).predict_proba(X[:4_000])[:, 0]
        fraud = y[:4_000] == "fraud"
        weight = np.where(fraud, share / fraud.mean(), (1 - share) / (~fraud).mean())
        off = weight * (p - fraud)
        standard_error = np.sqrt((off**2).sum()) / weight.sum()
        assert np.average(fraud, weights=weight) == pytest.approx(share)
        assert standard_error < 0.1 * share
        assert abs(off.sum() / weight.sum()) < 3.5 * standard_error


CHECKED = {
    "no correction": ResampledClassifier(LogisticRegression(), down()),
    "dropped rows": ResampledClassifier(GaussianNB(), down()),
    "out of fold": ResampledClassifier(
        DecisionTreeClassifier(max_depth=3), down(), calibration_check="cv"
    ),
    "guided": ResampledClassifier(
        GaussianNB(), GuidedDownsample(factor=5, random_state=0)
    ),
    "ensemble": ensemble(GaussianNB(), calibration_check=True),
}


@pytest.mark.parametrize("host", CHECKED)
def test_the_record_and_the_check_are_of_the_training_data(host):
    X, y = table()
    plain = clone(CHECKED[host]).fit(X, y)
    assert 0.8 < plain.calibration_check_ < 1.25
    # Warnings are errors here: nothing looks off.
    model = clone(CHECKED[host]).set_params(target_prior=[1, 1]).fit(X, y)
    assert model.decision_ == plain.decision_
    assert model.decision_.check is not None
    assert list(model.decision_.target_prior.values()) == [
        (y == "fraud").sum(),
        (y == "ok").sum(),
    ]


REFUSED = {
    "unknown label": (
        {"ok": 0.9, "scam": 0.1},
        "target_prior must name every class of ['fraud', 'ok'], and no other; got "
        "['ok', 'scam']. Give shares",
    ),
    "missing label": ({"ok": 0.9}, "and no other; got ['ok']"),
    "more classes": (
        [1, 2, 3],
        "target_prior must hold one value for each class of ['fraud', 'ok'], in this "
        "order; got 3 values: [1, 2, 3]",
    ),
    "zero": ([0, 1], "target_prior must be positive and finite; got [0, 1]. Give a"),
    "negative": ({"ok": 1, "fraud": -1}, "target_prior must be positive and finite"),
    "nan": ([np.nan, 1], "target_prior must be positive and finite; got [nan, 1]"),
    "a table": ([[1, 1]], "must have shape (n_classes,)"),
    "text": (["a", "b"], "target_prior must hold a number for each class; got ['a'"),
}


class Untrained(GaussianNB):
    """Is not reached by a fit that refuses its arguments first."""

    def fit(self, X, y):
        raise AssertionError("trained")


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_prior_is_refused_at_fit_and_at_prediction(case):
    X, y = table(2, 500)
    prior, message = REFUSED[case]
    match = re.escape(message)
    inside = GaussianNB().fit(X, y)
    wrapper = PriorCorrectedClassifier(inside, train_prior=[1, 1], target_prior=prior)
    uses = [wrapper.fit, wrapper.predict_proba, wrapper.predict]
    for host in (resampled(GaussianNB()), ensemble(GaussianNB())):
        fitted = host.fit(X, y).set_params(target_prior=prior)
        unfitted = clone(fitted).set_params(estimator=Untrained())
        uses += [lambda X, model=unfitted: model.fit(X, y)]
        uses += [fitted.predict_proba, fitted.predict]
        uses += [lambda _, model=fitted: model.to_sklearn()]
    for use in uses:
        with pytest.raises(ValueError, match=match):
            use(X)


def test_attributes_that_are_not_known_do_not_break_a_look_at_a_model():
    X, y = table(2, 500)
    wrapper = PriorCorrectedClassifier(
        LogisticRegression().fit(X, y), train_prior=[1, 1], target_prior=[1, 2, 3]
    )
    for host in (resampled(LogisticRegression()), ensemble(GaussianNB())):
        model = host.fit(X, y).set_params(target_prior=[1, 2, 3])
        for unknown in (model, wrapper):
            # From 1.9 on scikit-learn asks for every attribute here.
            assert "predict_proba" in dir(unknown)
            assert "estimator" in unknown._repr_html_()
            with pytest.raises(AttributeError, match="one value for each class"):
                unknown.target_prior_  # noqa: B018
            assert not hasattr(unknown, "intercept_")


@pytest.mark.parametrize("prior", [0.5, "balanced"])
def test_other_types_are_refused(prior):
    X, y = table(2, 500)
    model = resampled(GaussianNB()).fit(X, y)
    model.target_prior = prior
    with pytest.raises(ValueError, match="target_prior must"):
        model.predict_proba(X)
    for host in (model, ensemble(GaussianNB(), target_prior=prior)):
        with pytest.raises(ValueError, match=r"'target_prior' parameter .* must be"):
            host.fit(X, y)


def test_without_a_correction_there_is_no_target():
    X, y = table(2, 500)
    message = re.escape(
        "target_prior needs prior_correction=True, because predictions are "
        "corrected to that prior; got prior_correction=False and "
        "target_prior=[1, 1]. Leave one of them out."
    )
    model = resampled(GaussianNB(), prior_correction=False).fit(X, y)
    np.testing.assert_array_equal(model.target_prior_, model.train_prior_)
    model.target_prior = [1, 1]
    for use in (model.predict_proba, model.predict, lambda X: model.fit(X, y)):
        with pytest.raises(ValueError, match=message):
            use(X)


def test_what_has_no_probabilities_cannot_be_turned():
    X, y = table(2, 500)
    match = "has no predict_proba that could be corrected. Wrap.*leave target_prior out"
    model = resampled(LinearSVC()).fit(X, y)
    model.predict(X)
    model.target_prior = [1, 1]
    uses = (model.predict, model.decision_function, lambda X: model.fit(X, y))
    for use in (*uses, lambda _: model.to_sklearn()):
        with pytest.raises(UnusedWeightsError, match=match):
            use(X)


def test_a_model_inside_another_has_no_target_of_its_own():
    X, y = table(2, 500)
    inside = resampled(GaussianNB(), target_prior=[1, 1])
    match = re.escape(
        "ResampledClassifier(target_prior=[1, 1]) inside predicts for another prior "
        "than that of the rows it is given. Leave target_prior out there, and set it "
        "on the classifier around."
    )
    with pytest.raises(ValueError, match=match):
        resampled(inside).fit(X, y)
    with pytest.raises(ValueError, match=match):
        ensemble(inside).fit(X, y)
    # A pipeline corrects nothing itself.
    model = make_pipeline(down(), inside).fit(X, y)
    np.testing.assert_array_equal(model[-1].target_prior_, [1, 1])
    name = f"{model.steps[-1][0]}__target_prior"
    expected = by_hand(clone(model).set_params(**{name: None}).fit(X, y)[-1], X, [1, 1])
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-9)


def test_a_fitted_model_takes_priors_by_label():
    X, y = table(3)
    inside = KNeighborsClassifier(20).fit(X, y)
    trained, prior = [1, 2, 3], TARGETS[3]
    arrays = PriorCorrectedClassifier(inside, train_prior=trained, target_prior=prior)
    model = PriorCorrectedClassifier(
        inside,
        train_prior=by_label(inside, trained),
        target_prior=by_label(inside, prior),
    )
    expected = arrays.predict_proba(X)
    np.testing.assert_array_equal(model.fit().predict_proba(X), expected)
    np.testing.assert_array_equal(model.train_prior_, trained)
    renamed = clone(model).set_params(
        classes=["c", "a", "b"],
        train_prior={"a": 2, "b": 3, "c": 1},
        target_prior={"a": 3, "b": 5, "c": 2},
    )
    np.testing.assert_array_equal(renamed.predict_proba(X), expected)
    model.target_prior = by_label(inside, trained)
    np.testing.assert_array_equal(model.predict_proba(X), inside.predict_proba(X))


def test_onnx_is_for_the_target():
    onnx_of = pytest.importorskip("skl2onnx").to_onnx
    runtime = pytest.importorskip("onnxruntime")
    X, y = table(3, 3_000)
    X = X.astype(np.float32)
    forest = RandomForestClassifier(5, max_depth=4, random_state=0)
    model = resampled(forest).fit(X, y)
    before = model.predict_proba(X)
    prior = by_label(model, TARGETS[3])
    wrapper = model.to_sklearn().set_params(target_prior=prior)
    model.target_prior = prior
    expected = model.predict_proba(X)
    assert np.abs(expected - before).max() > 0.3
    for exported in (model.to_sklearn(), wrapper):
        onnx = onnx_of(exported, X[:1], options={"zipmap": False})
        session = runtime.InferenceSession(
            onnx.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        labels, proba = session.run(None, {"X": X})
        # In float32, an error of the forest grows with the ratio of the factors.
        np.testing.assert_allclose(proba, expected, rtol=1e-4, atol=3e-6)
        assert (labels == model.predict(X)).mean() > 0.999


def booster(library):
    module = pytest.importorskip(library)
    if library == "lightgbm":
        return module.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1)
    if library == "xgboost":
        return module.XGBClassifier(n_estimators=5, n_jobs=1)
    return module.CatBoostClassifier(
        iterations=5, thread_count=1, verbose=False, allow_writing_files=False
    )


@pytest.mark.parametrize(
    ("library", "n_classes"), [("lightgbm", 2), ("xgboost", 2), ("catboost", 3)]
)
def test_boosters(library, n_classes):
    X, _ = table(n_classes, 2_000)
    y = np.searchsorted(np.sort(LABELS[n_classes]), table(n_classes, 2_000)[1])
    model = resampled(booster(library)).fit(X, y)
    expected = by_hand(model, X, TARGETS[n_classes])
    model.target_prior = by_label(model, TARGETS[n_classes])
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-6)
    plain = model.to_sklearn()
    assert type(plain) is type(model.estimator)
    # XGBoost's probabilities, which are the witness, are of single precision.
    np.testing.assert_allclose(plain.predict_proba(X), expected, rtol=0, atol=1e-6)
    most = model.classes_[expected.argmax(axis=1)]
    assert (model.predict(X) == most).mean() > 0.999


def test_batches_have_no_target():
    X, y = table(2, 500)
    model = PartialFitClassifier(GaussianNB(), epochs=1, random_state=0).fit(X, y)
    assert "target_prior" not in model.get_params()
    totals = [(y == label).sum() for label in model.classes_]
    np.testing.assert_array_equal(model.original_prior_, totals)
    np.testing.assert_array_equal(model.target_prior_, totals)
