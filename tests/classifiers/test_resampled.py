"""ResampledClassifier: which weights are passed, what is corrected and recorded."""

import pickle
import re
from itertools import product

import numpy as np
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skstrat import (
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    GuidedDownsample,
    MissingLabelsError,
    PartialFitClassifier,
    RandomOversample,
    ResampledClassifier,
    TreeWeightsWarning,
    UnusedWeightsError,
    correct_prior,
    make_pipeline,
    strategy_grid,
)
from skstrat._core.labels import encode_labels

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


def down(factor=20, **params):
    return DownsampleUpweight(factor=factor, random_state=0, **params)


def over(**params):
    return RandomOversample(random_state=0, **params)


def guided():
    return GuidedDownsample(factor=5, random_state=0)


def wrapped(estimator, resampler=None, **params):
    return ResampledClassifier(estimator, resampler, **params)


def unchecked(estimator, resampler=None, **params):
    return wrapped(estimator, resampler, calibration_check=False, **params)


def scaled(estimator):
    return make_stock_pipeline(StandardScaler(), estimator)


# Weights


@pytest.mark.parametrize("given", [None, INCOMING], ids=["ones", "weights"])
def test_true_forces_the_weights_and_false_withholds_the_class_factor(given):
    X_kept, _, weights = down().fit_resample(X, Y, sample_weight=given)
    forced = wrapped(Recording(), down(), use_weights=True).fit(X, Y, given)
    np.testing.assert_array_equal(forced.estimator_.X_, X_kept)
    np.testing.assert_array_equal(forced.estimator_.weights_, weights)
    with sklearn.config_context(enable_metadata_routing=given is None):
        piped = wrapped(scaled(Recording()), down(), use_weights=True).fit(X, Y, given)
    np.testing.assert_array_equal(piped.estimator_[-1].weights_, weights)
    seen = piped.estimator_[0].n_samples_seen_
    assert seen == pytest.approx(weights.sum(), rel=1e-12)
    withheld = wrapped(Recording(), down(), use_weights=False).fit(X, Y, given)
    if given is None:
        assert withheld.estimator_.weights_ is None
    else:
        kept = given[withheld.resampler_.sample_indices_]
        np.testing.assert_allclose(withheld.estimator_.weights_, kept, rtol=1e-12)


@pytest.mark.parametrize(
    ("estimator", "passed"),
    [
        (LinearSVC(), True),
        (scaled(LogisticRegression()), True),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2), True),
        (CalibratedClassifierCV(LinearSVC(), cv=2), True),
        (SVC(), True),  # no probabilities to correct
        (TREES, False),
        (BaggingClassifier(n_estimators=3), False),
        (scaled(RandomForestClassifier(5)), False),
        (NEIGHBOURS, False),
    ],
    ids=repr,
)
def test_auto_knows_who_makes_good_use_of_weights(estimator, passed):
    model = unchecked(estimator, down()).fit(X, Y)
    seen = model.target_prior_ if passed else [100, 100]
    trained = list(model.decision_.train_prior.values())
    np.testing.assert_allclose(trained, seen, rtol=1e-12)
    np.testing.assert_array_equal(model.target_prior_, [2000, 100])
    assert model.n_samples_fit_ == 200


RESAMPLERS = [
    None,
    down(),
    down(weighting="balanced"),
    down(weighting={0: 0.5, 1: 0.5}),
    over(weighting="uniform"),
    CombinedResample(random_state=0),
    ClassWeight(),
    RandomUnderSampler(random_state=0),
    SMOTE(random_state=0),
]


@pytest.mark.parametrize("resampler", RESAMPLERS, ids=repr)
def test_a_model_of_class_shares_predicts_the_original_ones(resampler):
    # The witness is arithmetic: a model that knows only the shares it was trained on
    # must predict the original shares, whatever was resampled and passed.
    given = [None] if isinstance(resampler, SMOTE) else [None, INCOMING]
    for use_weights, weight in product(["auto", True, False], given):
        model = unchecked(Recording(), resampler, use_weights=use_weights)
        p = model.fit(X, Y, sample_weight=weight).predict_proba(X[:1])
        shares = np.bincount(Y, weight)
        exact = 1e-12 if weight is None else 1e-9
        np.testing.assert_allclose(p[0], shares / shares.sum(), rtol=exact)
        assert model.predict(X[:1]).tolist() == [0]


def test_rows_of_zero_weight_are_ignored():
    incoming = np.where(np.arange(2100) % 3, INCOMING, 0.0)
    model = wrapped(Recording(), down(2), use_weights=True).fit(X, Y, incoming)
    assert (model.estimator_.weights_ > 0).all()
    totals = np.bincount(Y, incoming)
    np.testing.assert_allclose(model.target_prior_, totals, rtol=1e-12)


# Predictions


@pytest.mark.parametrize("n_classes", [2, 3])
def test_all_ways_to_predict_agree(n_classes):
    y = np.array(["no", "yes", "maybe"])[np.where(X[:, 1] > 3 - n_classes / 2, 2, Y)]
    line = LogisticRegression()
    # Restored totals leave predictions as they are, to the last bit.
    plain = wrapped(line, down()).fit(X, y, INCOMING)
    np.testing.assert_array_equal(
        plain.predict_log_proba(X), plain.estimator_.predict_log_proba(X)
    )
    model = unchecked(line, down(), use_weights=False).fit(X, y)
    p, raw = model.predict_proba(X), model.estimator_.predict_proba(X)
    given = {"train_prior": model.train_prior_, "target_prior": model.target_prior_}
    np.testing.assert_allclose(p, correct_prior(raw, **given))
    shares = [(y == label).mean() for label in model.classes_]
    np.testing.assert_allclose(p.mean(axis=0), shares, rtol=0.3)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-9)
    scores = model.decision_function(X)
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros(len(X)), scores])
    np.testing.assert_allclose(softmax(scores, axis=1), p, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])
    assert model.score(X, y) == (model.predict(X) == y).mean()
    # Without a correction the estimator's own are predicted.
    model.set_params(prior_correction=False).fit(X, y)
    np.testing.assert_array_equal(
        model.predict_proba(X), model.estimator_.predict_proba(X)
    )


# Refused

PAIRS, THREE = SVC(decision_function_shape="ovo"), np.arange(2100) % 4 % 3
BALANCED = LogisticRegression(class_weight="balanced")
OWN = re.escape("LogisticRegression(class_weight='balanced')")
FORCED = wrapped(NEIGHBOURS, down(), use_weights=True)
UNIFORM, TRIPLE = over(weighting="uniform"), ClassWeight({2: 5.0})
NAN = np.where(np.arange(2100) == 5, np.nan, Y)
UNUSED = UnusedWeightsError


@pytest.mark.parametrize(
    ("model", "y", "weight", "error", "message"),
    [
        (wrapped(BALANCED, down()), Y, None, ValueError, OWN),
        (wrapped(BALANCED), Y, INCOMING, ValueError, OWN),
        (wrapped(NEIGHBOURS, down()), Y, INCOMING, UNUSED, "weight was given to"),
        (FORCED, Y, None, UNUSED, "use_weights=True"),
        (wrapped(NEIGHBOURS, ClassWeight()), Y, None, UNUSED, "does nothing but wei"),
        (wrapped(RidgeClassifier(), UNIFORM), Y, None, UNUSED, "wrap the .* Calibrat"),
        (wrapped(PAIRS, TRIPLE), THREE, None, UNUSED, "has no predict_proba"),
        (wrapped(TREES, down()), NAN, None, MissingLabelsError, "1 of 2100 labels are"),
        (wrapped(TREES, down()), Y * 0, None, ValueError, "at least two classes"),
        (wrapped(TREES), Y, -INCOMING, ValueError, "not negative; got -"),
        (wrapped(TREES, use_weights="no"), Y, None, ValueError, "'use_weights' param"),
        (wrapped(TREES, "balanced"), Y, None, ValueError, "'resampler' parameter"),
    ],
    ids=range(12),
)
def test_what_is_refused(model, y, weight, error, message):
    with pytest.raises(error, match=message):
        model.fit(X, y, sample_weight=weight)


def test_what_is_not_refused():
    unchecked(NEIGHBOURS, down()).fit(X, Y, sample_weight=np.full(2100, 2.0))
    model = wrapped(RidgeClassifier(), UNIFORM, prior_correction=False).fit(X, Y)
    assert not hasattr(model, "predict_proba")
    assert wrapped(RidgeClassifier(), down()).fit(X, Y).predict(X).shape == Y.shape
    pairs = wrapped(PAIRS, TRIPLE, prior_correction=False).fit(X, THREE)
    assert pairs.decision_function(X).shape == (2100, 3)


# Around and inside


@pytest.mark.slow
def test_an_ordinary_classifier_in_searches_and_meta_estimators():
    # Folds of so few rows leave some models off by more than a quarter.
    model = unchecked(LogisticRegression(), down())
    grid = {"resampler": strategy_grid(factors=[5, 20])}
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=3)
    scores = search.fit(X, Y, sample_weight=INCOMING).cv_results_["mean_test_score"]
    assert len(scores) == 7
    assert search.cv_results_["params"][0] == {"resampler": None}
    # Every strategy predicts the original distribution, so none is far off.
    assert scores.min() > 1.2 * scores[0]
    nested = {"resampler__factor": [2, 20], "estimator__C": [0.1, 1]}
    for meta in (
        RandomizedSearchCV(model, nested, n_iter=3, cv=2, random_state=0),
        CalibratedClassifierCV(model, cv=2),
        TunedThresholdClassifierCV(model, scoring="f1", cv=2),
        BaggingClassifier(model, n_estimators=3, random_state=0),
        VotingClassifier([("a", model), ("b", wrapped(LogisticRegression()))]),
        scaled(model),
    ):
        assert meta.fit(X, Y).predict(X).shape == Y.shape


def test_trees_with_class_weights_that_were_made_warn():
    message = "HistGradientBoostingClassifier after ClassWeight weighs one.*too rare"
    with pytest.warns(TreeWeightsWarning, match=message):
        unchecked(TREES, ClassWeight()).fit(X, Y, sample_weight=INCOMING)
    # Warnings are errors here, so these say that there is none.
    unchecked(TREES, ClassWeight(), use_weights=True).fit(X, Y)
    unchecked(TREES, ClassWeight(), prior_correction=False).fit(X, Y)
    unchecked(TREES, ClassWeight({1: 2.0})).fit(X, Y)


@pytest.mark.parametrize(
    "resampler", [None, down(), down(groups=lambda X, y: np.arange(len(y)) // 2)]
)
@pytest.mark.parametrize("host", [wrapped, make_pipeline])
def test_labels_are_encoded_once_a_fit(monkeypatch, resampler, host):
    encoded = []

    def encode(labels):
        encoded.append(labels)
        return encode_labels(labels)

    monkeypatch.setattr("skstrat._core.samples.encode_labels", encode)
    monkeypatch.setattr("skstrat.resamplers._resampled.encode_labels", encode)
    steps = LogisticRegression(), resampler
    model = host(
        *(steps if host is wrapped else (resampler or "passthrough", steps[0]))
    )
    model.fit(X, Y, sample_weight=np.ones(2100) if resampler else None)
    assert len(encoded) == (host is wrapped or resampler is not None)


# The record

FIVE, BAYES = down(5), GaussianNB()
PRIOR, NOTHING = "so the prior is corrected", "ClassWeight does nothing but weight"
NONE_IN_FIT = "KNeighborsClassifier takes none in fit"
BY_ROW = wrapped(TREES, guided(), use_weights=False)
SGD = PartialFitClassifier(SGDClassifier(loss="log_loss"), random_state=0)
BATCHES = PartialFitClassifier(BAYES, epochs=1, random_state=0)
FORCED_TREES = unchecked(TREES, FIVE, use_weights=True)
UNCORRECTED = wrapped(TREES, FIVE, prior_correction=False)
UNDER = RandomUnderSampler(random_state=0)
# Classifier, incoming weights; weights given, reason, correction.
CASES = [
    (wrapped(LogisticRegression(), FIVE), None, "all", "linear", "none"),
    (wrapped(TREES, FIVE), None, "none", PRIOR, "prior"),
    (wrapped(TREES, FIVE), INCOMING, "incoming", PRIOR, "prior"),
    (FORCED_TREES, None, "all", "use_weights=True", "none"),
    (unchecked(NEIGHBOURS, FIVE), None, "none", f"no sample_weight .*{PRIOR}", "prior"),
    (unchecked(NEIGHBOURS, FIVE), np.full(2100, 2.0), "none", NONE_IN_FIT, "prior"),
    (wrapped(BAYES, ClassWeight()), None, "all", NOTHING, "prior"),
    (wrapped(TREES, guided()), None, "none", "so each row is", "row by row"),
    (BY_ROW, None, "none", "use_weights=False", "row by row"),
    (wrapped(BAYES, UNDER), None, "none", "none were given or made", "prior"),
    (wrapped(BAYES), INCOMING, "incoming", "those of the rows", "none"),
    (UNCORRECTED, None, "none", PRIOR, "none"),
    (SGD, None, "all", "linear", "none"),
    (BATCHES, INCOMING, "incoming", PRIOR, "prior"),
]


@pytest.mark.parametrize("case", CASES, ids=range(14))
def test_the_record_says_what_was_done(case):
    model, weight, given, reason, correction = case
    decision = model.fit(X, Y, sample_weight=weight).decision_
    assert (decision.weights, decision.correction) == (given, correction)
    assert re.search(reason, decision.reason)
    assert decision.rows_before == {0: 2000, 1: 100}
    assert list(decision.train_prior.values()) == model.train_prior_.tolist()
    assert list(decision.target_prior.values()) == model.original_prior_.tolist()
    totals = np.bincount(Y, weight)
    np.testing.assert_allclose(list(decision.target_prior.values()), totals, rtol=1e-12)
    if isinstance(model, ResampledClassifier):
        assert sum(decision.rows_trained.values()) == model.n_samples_fit_
    assert pickle.loads(pickle.dumps(model)).decision_ == decision


def test_the_record_reads_as_text_and_holds_the_check():
    model = unchecked(TREES, down(5))
    decision = model.fit(X, Y).decision_
    assert str(decision).splitlines() == [
        "class 0: 400 of 2,000 rows, total weight trained on 400, original 2,000",
        "class 1: 100 of 100 rows, total weight trained on 100, original 100",
        "weights given: none (only linear models follow class weights, so the prior is "
        "corrected)",
        "correction: prior",
        "check by dropped rows: none",
    ]
    checked = wrapped(LogisticRegression(), down(5)).fit(X, Y)
    assert checked.decision_.check.ratio == checked.calibration_check_
    assert 0 < checked.decision_.check.standard_error < 0.2
    assert "of class 1, some of the rows scored" in str(checked.decision_)
    array = pytest.importorskip("dask.array")
    lazy = array.from_array(X, chunks=(700, 3)), array.from_array(Y, 700)
    assert model.fit(*lazy).decision_ == decision


# What models make of the weights


def positive(model, X):
    return model.predict_proba(X)[:, 1]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "resampler",
    [
        DownsampleUpweight(factor=20, random_state=0),
        DownsampleUpweight(sampling_strategy=0.1, random_state=1),
        CombinedResample(random_state=2),
    ],
    ids=str,
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
        unchecked(line, resampler),
    ):
        p = positive(model.fit(X, y, sample_weight=incoming), X_drawn)
        assert np.average(p, weights=weights) == expected
