"""Estimators that set or change their prior: counted in, refused or warned of."""

import re
import warnings

import numpy as np
import pytest
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from resampled_models import averaged, booster, down, wrapped
from scipy.stats import randint
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import skstrat
from skstrat import CalibrationWarning, ResampledClassifier, make_pipeline

PREVALENCE = 0.05
GIVEN = [1 - PREVALENCE, PREVALENCE]
CANCELS, MULTIPLIES = "reweights the classes and silently cancels", "multiplies"
LINE = LogisticRegression(class_weight="balanced")
TREES = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=5)
DOUBLE, DRAWN = {"class_weight": {0: 1, 1: 2}}, {"scale_pos_weight": randint(3, 4)}
SQUARE_ROOT = {"auto_class_weights": "SqrtBalanced"}


def search(estimator, **grid):
    return GridSearchCV(estimator, grid, cv=2, scoring="neg_log_loss")


def vote(*estimators):
    voters = [(f"voter_{at}", each) for at, each in enumerate(estimators)]
    return VotingClassifier(voters, voting="soft")


def under():
    return RandomUnderSampler(random_state=0)


def triple():
    return booster("xgboost", 30, scale_pos_weight=3)


SAMPLED = make_imblearn_pipeline(under(), GaussianNB())
FROZEN = FrozenEstimator(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
FIXED = FixedThresholdClassifier(GaussianNB(), threshold=0.1)
TUNED = TunedThresholdClassifierCV(GaussianNB(), scoring="f1", cv=2)
DRAWS = r"draws other rows inside.* Give the sampler to ResampledClassifier"
FITTED = r"FrozenEstimator is fitted already.* PriorCorrectedClassifier\(fitted"
HOLDS = r"^(\w+) holds a .* lost inside.* put \1 around "
INSIDE = [
    (BalancedRandomForestClassifier(5), DRAWS),
    (SAMPLED, DRAWS),
    (vote(SAMPLED), DRAWS),
    (search(SAMPLED, gaussiannb__var_smoothing=[1e-9]), DRAWS),
    (make_stock_pipeline(StandardScaler(), FROZEN), FITTED),
    (vote(GaussianNB(), FROZEN), FITTED),
    (search(make_stock_pipeline(GaussianNB()), gaussiannb=[FROZEN]), FITTED),
    (make_stock_pipeline(StandardScaler(), FIXED), HOLDS),
    (search(TUNED, estimator__var_smoothing=[1e-9]), HOLDS),
    (CalibratedClassifierCV(FIXED), HOLDS),
]


HOSTS = {
    "none": ResampledClassifier,
    "down": lambda inner: wrapped(inner, down(6)),
    "under": lambda inner: wrapped(inner, under()),
    "ensemble": lambda inner: averaged(inner, down(6)),
    "pipeline": lambda inner: make_pipeline(down(6), inner),
}


@pytest.mark.parametrize("host", ["none", "ensemble", "pipeline"])
@pytest.mark.parametrize("case", range(10))
def test_what_is_refused_inside(data, case, host):
    inner, message = INSIDE[case]
    model = HOSTS[host](inner)
    if message is HOLDS:
        message += "the pipeline" if host == "pipeline" else "this classifier"
    with pytest.raises(ValueError, match=message):
        model.fit(*data)


@pytest.fixture
def data(rare_events):
    return rare_events(8000, PREVALENCE)[:2]


@pytest.fixture
def ratio(rare_events):
    fresh = rare_events(20_000, PREVALENCE, seed=1)[0]
    return lambda model: model.predict_proba(fresh)[:, 1].mean() / PREVALENCE


def heard_from(model, X, y):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        model.fit(X, y)
    return [
        str(each.message)
        for each in heard
        if issubclass(each.category, (CalibrationWarning, skstrat.TreeWeightsWarning))
    ]


TWO, THREE, EQUAL = [300, 100], [500, 80, 20], GaussianNB(priors=[0.5, 0.5])


@pytest.mark.filterwarnings("ignore::skstrat.TreeWeightsWarning")
@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
@pytest.mark.parametrize(
    ("make", "counts", "shares"),
    [
        (lambda: LinearDiscriminantAnalysis(priors=GIVEN), TWO, GIVEN),
        (lambda: BernoulliNB(fit_prior=False), TWO, (1, 1)),
        (ComplementNB, TWO, (1, 1)),
        (lambda: DummyClassifier(strategy="uniform"), TWO, (1, 1)),
        (lambda: booster("xgboost", base_score=0.9), TWO, (3, 1)),
        (lambda: booster("lightgbm", 30, unbalanced_sets=True), TWO, (1, 1)),
        (lambda: booster("lightgbm", scale_pos_weight=2, **DOUBLE), TWO, (3, 4)),
        (lambda: booster("catboost", class_weights=(2, 5)), TWO, (6, 5)),
        (lambda: booster("catboost", **SQUARE_ROOT), TWO, (3**0.5, 1)),
        (lambda: search(EQUAL, priors=[np.array(GIVEN)]), TWO, GIVEN),
        (lambda: vote(triple(), booster("lightgbm", scale_pos_weight=3)), TWO, (1, 1)),
        (lambda: BaggingClassifier(GaussianNB(priors=GIVEN), 3), TWO, GIVEN),
        (lambda: OneVsRestClassifier(triple()), TWO, (1, 1)),
        (lambda: ResampledClassifier(LINE), TWO, (3, 1)),
        # Platt's sigmoid is fitted without class weights.
        (lambda: SVC(probability=True, class_weight="balanced"), TWO, (3, 1)),
        (lambda: GaussianNB(priors=[0.6, 0.3, 0.1]), THREE, (6, 3, 1)),
        (lambda: booster("catboost", auto_class_weights="Balanced"), THREE, (1, 1, 1)),
        # Of more classes than two LightGBM ignores it.
        (lambda: booster("lightgbm", is_unbalance=True), THREE, THREE),
    ],
    ids=range(18),
)
def test_the_prior_by_hand(make, counts, shares):
    # A third of the big class of two is kept.
    resampler = down(3) if counts is TWO else None
    y = np.repeat(np.arange(len(counts)), counts * np.array([3, 1] if resampler else 1))
    X = np.random.default_rng(0).random((len(y), 2)) + y[:, None]
    model = ResampledClassifier(make(), resampler, calibration_check=False)
    model.set_params(use_weights="auto" if resampler is None else False).fit(X, y)
    trained = np.array(list(model.decision_.train_prior.values()))
    expected = np.array(shares) / sum(shares)
    np.testing.assert_allclose(trained / trained.sum(), expected, rtol=1e-12)


OUTCOMES = {
    "trees": lambda: clone(TREES).set_params(class_weight={0: 1, 1: 3}),
    "lightgbm": lambda: vote(booster("lightgbm", 30, is_unbalance=True)),
    "catboost": lambda: booster("catboost", 40, learning_rate=0.3, **SQUARE_ROOT),
    "calibrated": lambda: CalibratedClassifierCV(triple(), cv=2),
    "nested": lambda: ResampledClassifier(LINE),
}


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("host", ["none", "under"])
def test_predictions_are_for_the_original_prior(data, ratio, kind, host):
    assert 0.8 < ratio(HOSTS[host](OUTCOMES[kind]()).fit(*data)) < 1.25


def test_given_priors_go_before_weights(data):
    X, y = data
    weights = np.where(y == 1, 2.0, 1.0)
    model, other = (
        ResampledClassifier(each, down(6), use_weights=True).fit(X, y, weights)
        for each in (GaussianNB(priors=[0.3, 0.7]), GaussianNB())
    )
    believed = model.train_prior_ / model.train_prior_.sum()
    np.testing.assert_allclose(believed, [0.3, 0.7], rtol=1e-12)
    # An independent witness: the same rows, and the prior learned from them.
    p = model.predict_proba(X)
    np.testing.assert_allclose(p, other.predict_proba(X), rtol=1e-9, atol=1e-12)


def test_voters_see_codes_for_labels(data):
    """The keys of a voter's class weights mean the codes that it is fitted with."""
    X, y = data
    labels = np.array(["usual", "rare"])[y]
    voter = vote(LogisticRegression(class_weight={0: 4, 1: 1}))
    model = ResampledClassifier(voter, under()).fit(X, labels)
    assert model.classes_.tolist() == ["rare", "usual"]
    np.testing.assert_allclose(model.train_prior_[0] / model.train_prior_[1], 4)
    assert 0.8 < model.predict_proba(X)[:, 0].mean() / PREVALENCE < 1.25


@pytest.mark.parametrize(
    ("make", "effect"),
    [
        (triple, MULTIPLIES),
        (lambda: booster("lightgbm", unbalance=True), CANCELS),
        (lambda: RandomizedSearchCV(triple(), DRAWN), MULTIPLIES),
        (lambda: search(make_stock_pipeline(LINE), logisticregression=[LINE]), CANCELS),
    ],
    ids=["xgboost", "lightgbm", "distribution", "models"],
)
@pytest.mark.parametrize("host", ["pipeline", "forced"])
def test_weights_of_its_own_change_those_passed(data, make, effect, host):
    model = make_pipeline(down(), make())
    if host == "forced":
        model = ResampledClassifier(make(), down(), use_weights=True)
    with pytest.raises(ValueError, match=rf"\(\w+=.*\) {effect} the weights"):
        model.fit(*data)


PRIORS = {"train_prior": [1, 1], "target_prior": [9, 1]}


MARGINAL, VOTE = BernoulliNB(fit_prior=False), vote(LINE, BernoulliNB())
CERTAIN, PER_CLASS = GaussianNB(priors=[1.0, 0.0]), OneVsRestClassifier(LINE)
REFUSALS = {
    "sets a prior of its own.*, which takes": make_pipeline(down(), MARGINAL),
    r"must learn one prior.*LogisticRegression\(class_w": wrapped(VOTE),
    r"\(priors=\[1.0, 0.0\]\) must hold a positive": wrapped(CERTAIN),
    "pilot must learn the prior of the rows": skstrat.GuidedDownsample(EQUAL),
    "Set prior_correction=True there": wrapped(wrapped(LINE, prior_correction=False)),
    "inside OneVsRestClassifier gives each class": wrapped(PER_CLASS),
}


@pytest.mark.parametrize("message", REFUSALS)
def test_what_is_refused(data, message):
    X, y = data
    y = y + (X[:, 0] > 1) if "OneVsRest" in message else y
    with pytest.raises(ValueError, match=message):
        REFUSALS[message].fit(X, y)


def test_what_comparisons_and_fitted_models_refuse(data):
    around = r"^FixedThresholdC.* around this class"
    fixed = skstrat.PriorCorrectedClassifier(clone(FIXED).fit(*data), **PRIORS)
    for use, message in (
        (
            lambda: skstrat.compare_strategies(SAMPLED, *data, cv=2),
            "inside.* a strategy",
        ),
        (lambda: skstrat.compare_strategies(FIXED, *data, cv=2), around),
        (lambda: fixed.predict(data[0]), around),
        (lambda: skstrat.recommend_factor(*data, triple()), "must learn the prior of"),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize("use_weights", ["auto", True])
def test_partial_fit(data, ratio, use_weights):
    bayes = BernoulliNB(class_prior=[0.4, 0.6])
    model = skstrat.PartialFitClassifier(
        bayes, epochs=1, use_weights=use_weights, random_state=0
    ).fit(*data)
    believed = model.train_prior_ / model.train_prior_.sum()
    np.testing.assert_allclose(believed, [0.4, 0.6], rtol=1e-12)
    assert 0.8 < ratio(model) < 1.25


# A parameter that nobody knows of


class Boosted(LogisticRegression):
    """Weighs the second class by a parameter of its own."""

    def __init__(self, boost=1.0):
        super().__init__()
        self.boost = boost

    def fit(self, X, y, sample_weight=None):
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        return super().fit(X, y, weights * np.where(y == 1, self.boost, 1.0))


UNKNOWN = {
    "search": lambda boost: search(make_stock_pipeline(Boosted(boost))),
    "vote": lambda boost: vote(Boosted(boost), LogisticRegression()),
}
ANOTHER = "predicts another share of a class, on the rows that it was fitted with"


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("host", ["none", "down", "under", "ensemble"])
def test_a_parameter_that_nobody_knows_of_is_caught(rare_events, data, kind, host):
    assert ANOTHER in heard_from(HOSTS[host](UNKNOWN[kind](10)), *data)[0]
    for seed in (0, 1):
        X, y, _ = rare_events(8000, PREVALENCE, seed=seed)
        assert heard_from(HOSTS[host](UNKNOWN[kind](1)), X, y) == []


def test_the_shares_of_weighted_rows_and_of_many_classes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 3))
    y = np.where(X[:, 0] > 2, 2, (X[:, 1] + rng.normal(size=3000) > 1.5).astype(int))
    weights = rng.lognormal(size=3000)
    for resampler in (None, down()):
        ResampledClassifier(Boosted(), resampler).fit(X, y, sample_weight=weights)
    with pytest.warns(CalibrationWarning, match="Boosted predicts another share"):
        ResampledClassifier(Boosted(5)).fit(X, y, sample_weight=weights)


SHORT = SGDClassifier("log_loss", max_iter=5, tol=None, random_state=0)


def unchecked(estimator):
    return ResampledClassifier(estimator, calibration_check=False)


OWN = "changes the prior.*Leave .* out, or"


@pytest.mark.parametrize(
    ("model", "text"),
    [
        # Models without an optimum in which the shares are right are not judged.
        (unchecked(LogisticRegression(C=1e-4)), ""),
        (unchecked(LogisticRegression(solver="liblinear", intercept_scaling=0.1)), ""),
        (unchecked(SHORT), ""),
        (unchecked(NearestCentroid()), ""),
        (ResampledClassifier(Boosted(10), prior_correction=False), ""),
        (ResampledClassifier(AdaBoostClassifier(n_estimators=5)), ANOTHER),
        (make_pipeline(down(), Boosted(10)), ANOTHER),
        (make_pipeline(down(10, weighting="uniform"), EQUAL), OWN),
        (make_pipeline(LINE), OWN),
    ],
    ids=range(9),
)
def test_what_is_warned_of(data, model, text):
    said = " ".join(heard_from(model, *data))
    assert re.search(text, said) if text else not said


def test_a_warning_names_the_line_of_the_user(data):
    with pytest.warns(CalibrationWarning, match=OWN) as heard:
        make_pipeline(LINE).fit(*data)
    assert heard[0].filename == __file__


def test_trees_that_weigh_much_warn_with_the_parameter(data):
    trees = clone(TREES).set_params(class_weight={0: 1, 1: 30})
    message = r"\(class_weight=.*\) weighs one class .* Leave that"
    with pytest.warns(skstrat.TreeWeightsWarning, match=message) as heard:
        ResampledClassifier(trees, down(), calibration_check=False).fit(*data)
    assert len(heard) == 1


def test_boosting_that_stopped_too_early_is_caught(data):
    short = booster("catboost", 2, learning_rate=0.05)
    with pytest.warns(CalibrationWarning, match="training stopped too early"):
        ResampledClassifier(short).fit(*data)
