"""Predictions for another prevalence than that of the training data; its estimate."""

import re

import numpy as np
import pytest
from resampled_models import averaged, down, wrapped
from scipy.special import ndtri, softmax
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import skstrat
from skstrat import CalibrationWarning, correct_prior, estimate_prior, make_pipeline

LABELS = {2: ["ok", "fraud"], 3: ["ok", "fraud", "error"]}
# In the order of classes_, which is that of the alphabet.
TARGETS = {2: [0.2, 0.8], 3: [2, 3, 5]}
GUIDED = skstrat.GuidedDownsample(factor=5, random_state=0)


def table(n_classes=2, n_rows=6_000, seed=0):
    rng = np.random.default_rng(seed)
    shares = {2: [0.95, 0.05], 3: [0.85, 0.05, 0.1]}[n_classes]
    codes = rng.choice(n_classes, size=n_rows, p=shares)
    X = rng.normal(size=(n_rows, 3))
    X[:, :2] += 1.5 * np.eye(3)[codes][:, 1:]
    return X, np.array(LABELS[n_classes])[codes]


def ensemble(estimator, **params):
    params = {"n_estimators": 3, "calibration_check": False} | params
    return averaged(estimator, **params)


HOSTS = {
    "weights passed": wrapped(LogisticRegression()),
    "weights withheld": wrapped(GaussianNB()),
    "boosting": wrapped(HistGradientBoostingClassifier(max_iter=5)),
    "pipeline": wrapped(make_pipeline(down(), LogisticRegression())),
    "true distribution": skstrat.ResampledClassifier(GaussianNB()),
    "guided": wrapped(GaussianNB(), GUIDED, use_weights=False),
}


def by_label(model, prior):
    """Give the values as a dict, in another order than that of the classes."""
    pairs = list(zip(model.classes_.tolist(), prior, strict=True))
    return dict(reversed(pairs))


def by_hand(model, X, prior):
    """Turn what a model predicts for the training data."""
    assert model.target_prior is None
    p = model.predict_proba(X)
    return correct_prior(p, train_prior=model.original_prior_, target_prior=prior)


def assert_predicts(model, X, expected):
    """Compare every way to predict with the probabilities expected."""
    guided = "Guided" in str(model)
    for each in [model] if guided else [model, model.to_sklearn()]:
        p = each.predict_proba(X)
        np.testing.assert_allclose(p, expected, rtol=1e-9, atol=1e-14)
        most = model.classes_[expected.argmax(axis=1)]
        np.testing.assert_array_equal(each.predict(X), most)
    if hasattr(model, "predict_log_proba"):
        p = np.exp(model.predict_log_proba(X))
        np.testing.assert_allclose(p, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    ("host", "n_classes"), [(host, 2 + at % 2) for at, host in enumerate(HOSTS)]
)
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
    model.target_prior = None
    np.testing.assert_array_equal(model.predict_proba(X), before)
    np.testing.assert_array_equal(model.target_prior_, model.original_prior_)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_and_the_intercept_make_the_probabilities(n_classes):
    X, y = table(n_classes)
    model = wrapped(LogisticRegression()).fit(X, y)
    expected = by_hand(model, X, TARGETS[n_classes])
    model.target_prior = TARGETS[n_classes]
    for scores in (model.decision_function(X), X @ model.coef_.T + model.intercept_):
        if n_classes == 2:
            scores = np.column_stack([np.zeros(len(X)), np.ravel(scores)])
        np.testing.assert_allclose(softmax(scores, axis=1), expected, rtol=1e-9)
    assert type(model.to_sklearn()) is LogisticRegression


def test_an_ensemble_is_the_mean_of_models_turned():
    X, y = table(3, 3_000)
    model = ensemble(DecisionTreeClassifier(max_depth=3)).fit(X, y)
    own, prior = model.target_prior_, TARGETS[3]
    np.testing.assert_array_equal(own, model.estimators_[0].original_prior_)
    p = model.predict_proba(X)
    mean_turned = correct_prior(p, train_prior=own, target_prior=prior)
    expected = np.mean([by_hand(each, X, prior) for each in model.estimators_], axis=0)
    assert np.abs(mean_turned - expected).max() > 1e-3
    model.target_prior = by_label(model, prior)
    assert_predicts(model, X, expected)
    assert_predicts(clone(model).fit(X, y), X, expected)


@pytest.mark.parametrize("host", ["weights passed", "weights withheld", "guided"])
@pytest.mark.parametrize("share", [0.01, 0.3])
def test_calibrated_where_the_prevalence_is_another(host, share):
    """Test rows weighted to the prevalence are rows of the place of use.

    There are ten times as many rows to train on, so that the error of the test rows
    is nearly all of it.
    """
    for seed in range(3):
        X, y = table(2, 44_000, seed)
        target = {"fraud": share, "ok": 1 - share}
        model = clone(HOSTS[host]).set_params(target_prior=target)
        p = model.fit(X[4_000:], y[4_000:]).predict_proba(X[:4_000])[:, 0]
        fraud = y[:4_000] == "fraud"
        weight = np.where(fraud, share / fraud.mean(), (1 - share) / (~fraud).mean())
        off = weight * (p - fraud)
        standard_error = np.sqrt((off**2).sum()) / weight.sum()
        assert standard_error < 0.1 * share
        assert abs(off.sum() / weight.sum()) < 3.5 * standard_error


@pytest.mark.parametrize(
    "host",
    [
        skstrat.ResampledClassifier(GaussianNB(), down(), calibration_check="cv"),
        skstrat.ResampledClassifier(GaussianNB(), GUIDED),
        ensemble(GaussianNB(), calibration_check=True),
    ],
    ids=["out of fold", "guided", "ensemble"],
)
def test_the_record_and_the_check_are_of_the_training_data(host):
    X, y = table()
    plain = clone(host).fit(X, y)
    assert 0.8 < plain.calibration_check_ < 1.25
    # Warnings are errors here: nothing looks off.
    model = clone(host).set_params(target_prior=[1, 1]).fit(X, y)
    assert model.decision_ == plain.decision_


# What is refused

REFUSED = {
    "name every class of ['fraud', 'ok'], and no other; got ['ok']": {"ok": 0.9},
    "hold one value for each class of ['fraud', 'ok'], in this order; got": [1, 2, 3],
    "target_prior must be positive and finite; got [0, 1]. Give a": [0, 1],
    "target_prior must be positive and finite; got [nan, 1]": [np.nan, 1],
    "must have shape (n_classes,)": [[1, 1]],
    "target_prior must hold a number for each class; got ['a'": ["a", "b"],
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_no_prior_is_refused_at_fit_and_at_prediction(message):
    prior = {"target_prior": REFUSED[message]}
    X, y = table(2, 500)
    inside = GaussianNB().fit(X, y)
    wrapper = skstrat.PriorCorrectedClassifier(inside, train_prior=[1, 1], **prior)
    uses = [wrapper.fit, wrapper.predict]
    for host in (wrapped(GaussianNB()), ensemble(GaussianNB())):
        again = clone(host).set_params(**prior)
        fitted = host.fit(X, y).set_params(**prior)
        uses += [lambda X, model=again: model.fit(X, y), fitted.predict]
        uses += [lambda _, model=fitted: model.to_sklearn()]
    for use in uses:
        with pytest.raises(ValueError, match=re.escape(message)):
            use(X)


OTHER = r"inside predicts for another prior than .* set it on the classifier around"


@pytest.mark.parametrize(
    ("model", "prior", "message"),
    [
        (wrapped(GaussianNB()), 0.5, "'target_prior' parameter .* must be"),
        (wrapped(GaussianNB(), prior_correction=False), [1, 1], "needs prior_corr"),
        (wrapped(LinearSVC()), [1, 1], "no predict_proba .*leave target_prior out"),
        (wrapped(wrapped(GaussianNB(), target_prior=[1, 1])), None, OTHER),
        (ensemble(wrapped(GaussianNB(), target_prior=[1, 1])), None, OTHER),
    ],
    ids=range(5),
)
def test_what_has_no_target_is_refused(model, prior, message):
    X, y = table(2, 500)
    uses = [lambda X: clone(model).set_params(target_prior=prior).fit(X, y)]
    if prior == [1, 1]:
        fitted = clone(model).fit(X, y).set_params(target_prior=prior)
        uses += [fitted.predict]
    for use in uses:
        with pytest.raises((ValueError, skstrat.UnusedWeightsError), match=message):
            use(X)


def test_a_pipeline_corrects_nothing_itself():
    X, y = table(2, 500)
    model = make_pipeline(down(), wrapped(GaussianNB(), target_prior=[1, 1]))
    name = f"{model.steps[-1][0]}__target_prior"
    plain = clone(model).set_params(**{name: None}).fit(X, y)
    expected = by_hand(plain[-1], X, [1, 1])
    np.testing.assert_allclose(model.fit(X, y).predict_proba(X), expected, rtol=1e-9)


def test_a_fitted_model_takes_priors_by_label():
    X, y = table(3)
    inside = KNeighborsClassifier(20).fit(X, y)
    trained, prior = [1, 2, 3], TARGETS[3]
    arrays = skstrat.PriorCorrectedClassifier(
        inside, train_prior=trained, target_prior=prior
    )
    expected = arrays.predict_proba(X)
    model = skstrat.PriorCorrectedClassifier(
        inside,
        classes=["c", "a", "b"],
        train_prior={"a": 2, "b": 3, "c": 1},
        target_prior={"a": 3, "b": 5, "c": 2},
    )
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    np.testing.assert_array_equal(model.fit().train_prior_, trained)
    model.target_prior = model.train_prior
    np.testing.assert_array_equal(model.predict_proba(X), inside.predict_proba(X))


# The estimate

TOO_MUCH = "classes overlap too much for p_unlabelled to tell how frequent each is"
TWO = [0.98, 0.02]


def gaussian(n, rate, auc, seed):
    """Give what a perfect model says of two Gaussians, trained with 2 %."""
    rng = np.random.default_rng([seed, n])
    distance = np.sqrt(2) * ndtri(auc)
    x = distance * (rng.random(n) < rate) + rng.normal(size=n)
    logit = distance * (x - distance / 2) + np.log(TWO[1] / TWO[0])
    return 1 / (1 + np.exp(-logit))


# Two resamples are too few to tell what is uncertain.
@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
@pytest.mark.parametrize("seed", range(10))
def test_a_hard_likelihood_is_maximised(seed):
    # There EM would multiply each share by 1, and what is 0 by less (Lindsay, 1983).
    rng = np.random.default_rng(seed)
    n_classes = 2 + seed % 7
    trained = rng.dirichlet(np.full(n_classes, 0.3)) + 1e-6
    trained /= trained.sum()
    y = rng.choice(n_classes, p=rng.dirichlet(np.full(n_classes, 0.3)), size=500)
    sharpness = 10 ** rng.uniform(-2, 2)
    logits = rng.normal(size=(500, n_classes)) * min(sharpness, 5)
    p = softmax(logits + sharpness * np.eye(n_classes)[y] + np.log(trained), axis=1)
    prior = estimate_prior(p, trained, n_bootstraps=2).prior
    assert prior.sum() == pytest.approx(1, abs=1e-12)
    ratios = p / trained
    gain = (ratios / (ratios @ prior)[:, None]).mean(axis=0)
    assert gain.max() <= 1 + 1e-8
    np.testing.assert_allclose(gain[prior > 1e-6], 1, atol=1e-6)


@pytest.mark.parametrize(
    ("n_high", "n_rows"), [(1000, 4000), (25_000, 100_000), (3990, 4000)]
)
def test_of_two_values_it_is_arithmetic(n_high, n_rows):
    low, high, trained = 0.01, 0.8, 0.1
    p = np.repeat([high, low], [n_high, n_rows - n_high])
    # How often either class gets the high value, if the probabilities are calibrated.
    predicted_high = (trained - low) / (high - low)
    of_second = high * predicted_high / trained
    of_first = (1 - high) * predicted_high / (1 - trained)
    observed = n_high / n_rows
    expected = min((observed - of_first) / (of_second - of_first), 1.0)
    error = np.sqrt(observed * (1 - observed) / n_rows) / (of_second - of_first)
    found = estimate_prior(p, [1 - trained, trained], random_state=0)
    exact = {"rtol": 1e-8, "atol": 1e-8 * (expected == 1)}
    np.testing.assert_allclose(found.prior, [1 - expected, expected], **exact)
    # Of 200 resamples the standard error is known to 5 %: three of these.
    error *= expected < 1
    np.testing.assert_allclose(found.standard_error, error, rtol=0.15, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_it_warns_where_classes_overlap_and_only_there(seed):
    settings = {"n_bootstraps": 50, "random_state": seed}
    # Too few rows of a class, with labels as without, are no overlap.
    known = np.repeat([1.0, 0.0], [2, 98])
    rare = estimate_prior(known, [0.5, 0.5], random_state=seed)
    assert rare.standard_error[1] > rare.prior[1] / 2
    p = gaussian(20_000, 0.02, 0.6, seed)
    with pytest.warns(CalibrationWarning, match=TOO_MUCH):
        found = estimate_prior(p, TWO, **settings)
    assert found.standard_error[1] > found.prior[1] / 4


def test_what_no_row_tells():
    p = np.repeat([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], 500, axis=0)
    found = estimate_prior(p, [0.5, 0.4, 0.1], random_state=0)
    assert found.prior[2] == found.standard_error[2] == 0
    with pytest.warns(CalibrationWarning, match=TOO_MUCH):
        found = estimate_prior([0.02] * 1000, TWO)
    np.testing.assert_array_equal(found.standard_error, np.inf)
    # Two classes that no row tells apart.
    p = gaussian(5000, 0.3, 0.9, 0)
    p = np.column_stack([1 - p, 0.7 * p, 0.3 * p])
    with pytest.warns(CalibrationWarning, match=TOO_MUCH):
        found = estimate_prior(p, [0.98, 0.014, 0.006], random_state=0)
    np.testing.assert_array_equal(found.standard_error[1:], np.inf)
    assert abs(found.prior[0] - 0.7) < 4 * found.standard_error[0] < 0.1


@pytest.mark.parametrize(
    ("p", "trained", "options", "message"),
    [
        ([], [1, 1], {}, "p_unlabelled must hold at least one row"),
        ([0.5], [1, 1, 1], {}, r"p_unlabelled must have shape .* for 3 classes"),
        ([0.5, 1.1], [1, 1], {}, r"p_unlabelled must lie in \[0, 1\]"),
        ([[0.5, 0.1]], [1, 1], {}, "p_unlabelled must sum to 1 in every row"),
        ([0.5], [1, 0], {}, "train_prior must be positive and finite"),
        ([0.5], [1, 1], {"n_bootstraps": 1}, "n_bootstraps must be .*2 on; got 1"),
    ],
)
def test_errors_say_what_is_wrong(p, trained, options, message):
    with pytest.raises(ValueError, match=message):
        estimate_prior(p, trained, **options)


@pytest.mark.parametrize("seed", range(3))
def test_a_rate_that_drifted_is_found_and_predicted(seed):
    rng = np.random.default_rng([seed, 5])
    y, y_new = rng.random(40_000) < 0.02, rng.random(20_000) < 0.06
    X, X_new = (rng.normal(size=(len(b), 3)) + 0.9 * b[:, None] for b in (y, y_new))
    model = wrapped(LogisticRegression(), down()).fit(X, y)
    p, known = model.predict_proba(X_new), model.target_prior_
    found, again = (
        estimate_prior(p, known, n_bootstraps=50, random_state=each)
        for each in (seed, np.random.default_rng(seed))
    )
    np.testing.assert_array_equal(found.standard_error, again.standard_error)
    assert p[:, 1].mean() < 0.8 * y_new.mean()
    # The model has its error, too, as large as that of the rows.
    assert abs(found.prior[1] - y_new.mean()) < 4 * found.standard_error[1] < 0.02
    there = correct_prior(p, train_prior=known, target_prior=found.prior)
    assert there[:, 1].mean() == pytest.approx(found.prior[1], rel=1e-6)
    assert 0.8 < there[:, 1].mean() / y_new.mean() < 1.25
