"""ResampledClassifier: which weights are passed, what is corrected and recorded."""

import pickle
import re
from itertools import product

import numpy as np
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from resampled_models import down, guided, wrapped
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

import skstrat
from skstrat import ClassWeight, ResampledClassifier, UnusedWeightsError, make_pipeline

RNG = np.random.default_rng(0)
Y = RNG.permutation(np.repeat([0, 1], [2000, 100]))
X = RNG.normal(size=(2100, 3)) + np.outer(Y, [1, 0, 0])
INCOMING = RNG.lognormal(size=2100)
TREES = HistGradientBoostingClassifier(max_iter=3)
NEIGHBOURS = KNeighborsClassifier(50)


class Recording(ClassifierMixin, BaseEstimator):
    """Writes down the rows and weights of its fit; predicts their class shares."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.weights_ = X, sample_weight
        self.classes_ = np.unique(y)
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        totals = [weights[y == label].sum() for label in self.classes_]
        self.shares_ = np.array(totals) / weights.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def over(**params):
    return skstrat.RandomOversample(random_state=0, **params)


def scaled(estimator):
    return make_stock_pipeline(StandardScaler(), estimator)


# Weights


@pytest.mark.parametrize("given", [None, INCOMING], ids=["ones", "weights"])
def test_true_forces_the_weights_and_false_withholds_the_class_factor(given):
    X_kept, _, weights = down(20).fit_resample(X, Y, sample_weight=given)
    forced = wrapped(Recording(), down(20), use_weights=True).fit(X, Y, given)
    np.testing.assert_array_equal(forced.estimator_.X_, X_kept)
    np.testing.assert_array_equal(forced.estimator_.weights_, weights)
    with sklearn.config_context(enable_metadata_routing=given is None):
        piped = wrapped(scaled(Recording()), down(20), use_weights=True).fit(
            X, Y, given
        )
    np.testing.assert_array_equal(piped.estimator_[-1].weights_, weights)
    seen = piped.estimator_[0].n_samples_seen_
    assert seen == pytest.approx(weights.sum(), rel=1e-12)
    withheld = wrapped(Recording(), down(20), use_weights=False).fit(X, Y, given)
    if given is None:
        assert withheld.estimator_.weights_ is None
    else:
        kept = given[withheld.resampler_.sample_indices_]
        np.testing.assert_allclose(withheld.estimator_.weights_, kept, rtol=1e-12)


@pytest.mark.parametrize(
    ("estimator", "passed"),
    [
        (scaled(LogisticRegression()), True),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2), True),
        (CalibratedClassifierCV(LinearSVC(), cv=2), True),
        (SVC(), True),  # no probabilities to correct
        (TREES, False),
        (scaled(RandomForestClassifier(5)), False),
        (NEIGHBOURS, False),
    ],
    ids=repr,
)
def test_auto_knows_who_makes_good_use_of_weights(estimator, passed):
    model = wrapped(estimator, down(20)).fit(X, Y)
    seen = model.target_prior_ if passed else [100, 100]
    trained = list(model.decision_.train_prior.values())
    np.testing.assert_allclose(trained, seen, rtol=1e-12)
    np.testing.assert_array_equal(model.target_prior_, [2000, 100])
    assert model.n_samples_fit_ == 200


RESAMPLERS = [
    "none",
    down(20, weighting={0: 0.5, 1: 0.5}),
    over(weighting="uniform"),
    skstrat.CombinedResample(random_state=0),
    ClassWeight(),
    RandomUnderSampler(random_state=0),
    SMOTE(random_state=0),
]


@pytest.mark.parametrize("resampler", RESAMPLERS, ids=repr)
def test_a_model_of_class_shares_predicts_the_original_ones(resampler):
    # The witness is arithmetic: a model that knows only the shares it was trained on
    # must predict the original shares, whatever was resampled and passed.
    zeros = np.where(np.arange(2100) % 3, INCOMING, 0.0)
    given = [None] if isinstance(resampler, SMOTE) else [None, INCOMING, zeros]
    for use_weights, weight in product(["auto", True, False], given):
        model = wrapped(Recording(), resampler, use_weights=use_weights)
        model.set_params(resampler=None if resampler == "none" else resampler)
        p = model.fit(X, Y, sample_weight=weight).predict_proba(X[:1])
        shares = np.bincount(Y, weight)
        exact = 1e-12 if weight is None else 1e-9
        np.testing.assert_allclose(p[0], shares / shares.sum(), rtol=exact)
        assert model.predict(X[:1]).tolist() == [0]


# Predictions


@pytest.mark.parametrize("n_classes", [2, 3])
def test_all_ways_to_predict_agree(n_classes):
    y = np.array(["no", "yes", "maybe"])[np.where(X[:, 1] > 3 - n_classes / 2, 2, Y)]
    model = wrapped(LogisticRegression(), down(20), use_weights=False).fit(X, y)
    p, raw = model.predict_proba(X), model.estimator_.predict_proba(X)
    given = {"train_prior": model.train_prior_, "target_prior": model.target_prior_}
    np.testing.assert_allclose(p, skstrat.correct_prior(raw, **given))
    shares = [(y == label).mean() for label in model.classes_]
    np.testing.assert_allclose(p.mean(axis=0), shares, rtol=0.3)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-9)
    scores = model.decision_function(X)
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros(len(X)), scores])
    np.testing.assert_allclose(softmax(scores, axis=1), p, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])
    # Restored totals leave predictions as they are, to the last bit.
    for use_weights, corrected in (("auto", True), (False, False)):
        model.set_params(use_weights=use_weights, prior_correction=corrected).fit(X, y)
        own = model.estimator_.predict_log_proba(X)
        np.testing.assert_array_equal(model.predict_log_proba(X), own)


# Refused

PAIRS, THREE = SVC(decision_function_shape="ovo"), np.arange(2100) % 4 % 3
FORCED, UNUSED = wrapped(NEIGHBOURS, use_weights=True), UnusedWeightsError
NAN = np.where(np.arange(2100) == 5, np.nan, Y)
UNIFORM, TRIPLE = over(weighting="uniform"), ClassWeight({2: 5.0})


@pytest.mark.parametrize(
    ("model", "y", "weight", "error", "message"),
    [
        (wrapped(NEIGHBOURS), Y, INCOMING, UNUSED, "weight was given to"),
        (FORCED, Y, None, UNUSED, "use_weights=True"),
        (wrapped(NEIGHBOURS, ClassWeight()), Y, None, UNUSED, "does nothing but wei"),
        (wrapped(RidgeClassifier(), UNIFORM), Y, None, UNUSED, "wrap the .* Calibrat"),
        (wrapped(PAIRS, TRIPLE), THREE, None, UNUSED, "has no predict_proba"),
        (wrapped(TREES), NAN, None, skstrat.MissingLabelsError, "1 of 2100 labels are"),
        (wrapped(TREES), Y * 0, None, ValueError, "at least two classes"),
        (wrapped(TREES), Y, -INCOMING, ValueError, "not negative; got -"),
        (wrapped(TREES, "balanced"), Y, None, ValueError, "'resampler' parameter"),
    ],
    ids=range(9),
)
def test_what_is_refused(model, y, weight, error, message):
    with pytest.raises(error, match=message):
        model.fit(X, y, sample_weight=weight)


def test_what_is_not_refused():
    wrapped(NEIGHBOURS).fit(X, Y, sample_weight=np.full(2100, 2.0))
    model = wrapped(RidgeClassifier(), UNIFORM, prior_correction=False).fit(X, Y)
    assert not hasattr(model, "predict_proba")
    assert wrapped(RidgeClassifier()).fit(X, Y).predict(X).shape == Y.shape
    pairs = wrapped(PAIRS, TRIPLE, prior_correction=False).fit(X, THREE)
    assert pairs.decision_function(X).shape == (2100, 3)


# Around and inside


PRIOR, BAYES = "so the prior is corrected", GaussianNB()


TWICE, GUIDED = np.full(2100, 2.0), guided()


# The record

SGD = skstrat.PartialFitClassifier(SGDClassifier(loss="log_loss"), random_state=0)
BATCHES = skstrat.PartialFitClassifier(BAYES, epochs=1, random_state=0)
# Classifier, incoming weights; weights given, reason, correction.
CASES = [
    (wrapped(LogisticRegression()), None, "all", "linear", "none"),
    (wrapped(TREES), INCOMING, "incoming", PRIOR, "prior"),
    (wrapped(TREES, use_weights=True), None, "all", "use_weights=True", "none"),
    (wrapped(NEIGHBOURS), None, "none", f"no sample_weight .*{PRIOR}", "prior"),
    (wrapped(NEIGHBOURS), TWICE, "none", "Classifier takes none in fit", "prior"),
    (wrapped(BAYES, ClassWeight()), None, "all", "does nothing but weight", "prior"),
    (wrapped(TREES, GUIDED), None, "none", "so each row is", "row by row"),
    (
        wrapped(BAYES, RandomUnderSampler(random_state=0)),
        None,
        "none",
        "none were given or made",
        "prior",
    ),
    (ResampledClassifier(BAYES), INCOMING, "incoming", "those of the rows", "none"),
    (wrapped(TREES, prior_correction=False), None, "none", PRIOR, "none"),
    (SGD, None, "all", "linear", "none"),
    (BATCHES, INCOMING, "incoming", PRIOR, "prior"),
]


@pytest.mark.parametrize("case", CASES, ids=range(12))
def test_the_record_says_what_was_done(case):
    model, weight, given, reason, correction = case
    decision = model.fit(X, Y, sample_weight=weight).decision_
    assert (decision.weights, decision.correction) == (given, correction)
    assert re.search(reason, decision.reason)
    assert decision.rows_before == {0: 2000, 1: 100}
    assert list(decision.train_prior.values()) == model.train_prior_.tolist()
    totals = np.bincount(Y, weight)
    np.testing.assert_allclose(list(decision.target_prior.values()), totals, rtol=1e-12)
    if isinstance(model, ResampledClassifier):
        assert sum(decision.rows_trained.values()) == model.n_samples_fit_
    assert pickle.loads(pickle.dumps(model)).decision_ == decision


def test_the_record_reads_as_text_and_holds_the_check():
    model = ResampledClassifier(LogisticRegression(), down()).fit(X, Y)
    assert str(model.decision_).startswith(
        "class 0: 400 of 2,000 rows, total weight trained on 2,000, original 2,000\n"
    )
    assert model.decision_.check.ratio == model.calibration_check_
    assert 0 < model.decision_.check.standard_error < 0.2


# What models make of the weights


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "resampler", [down(20), skstrat.CombinedResample(random_state=2)], ids=str
)
def test_on_the_rows_drawn_the_weighted_mean_prediction_is_the_prevalence(
    rare_events, resampler, weighted
):
    X, y, _ = rare_events()
    incoming = np.random.default_rng(0).lognormal(size=len(y)) if weighted else None
    line = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
    X_drawn, y_drawn, weights = resampler.fit_resample(X, y, sample_weight=incoming)
    assert y_drawn.mean() > 4 * y.mean()
    expected = pytest.approx(np.average(y, weights=incoming), rel=0, abs=1e-9)
    for model in (
        make_pipeline(resampler, StandardScaler(), line),
        make_pipeline(StandardScaler(), resampler, line),
        wrapped(line, resampler),
    ):
        p = model.fit(X, y, sample_weight=incoming).predict_proba(X_drawn)[:, 1]
        assert np.average(p, weights=weights) == expected
