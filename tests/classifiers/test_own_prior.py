"""Estimators that set or change their prior: counted in, refused or warned of."""

import re
import warnings

import numpy as np
import pytest
from imblearn.ensemble import BalancedRandomForestClassifier, EasyEnsembleClassifier
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from scipy.stats import randint
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    HistGradientBoostingClassifier,
    StackingClassifier,
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

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    PartialFitClassifier,
    PriorCorrectedClassifier,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    TreeWeightsWarning,
    compare_strategies,
    make_pipeline,
    recommend_factor,
)

PREVALENCE = 0.05
GIVEN = [1 - PREVALENCE, PREVALENCE]
CANCELS, MULTIPLIES = "reweights the classes and silently cancels", "multiplies"
LINE = LogisticRegression(class_weight="balanced")
TREES = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=5)
DOUBLE, DRAWN = {"class_weight": {0: 1, 1: 2}}, {"scale_pos_weight": randint(3, 4)}
SQUARE_ROOT = {"auto_class_weights": "SqrtBalanced"}
FAST = {"n_estimators": 30, "n_jobs": 1}
SILENT = {"verbose": 0, "thread_count": 1, "allow_writing_files": False}
KINDS = {
    "lightgbm": ("LGBMClassifier", {"num_leaves": 5, "verbose": -1} | FAST),
    "xgboost": ("XGBClassifier", {"max_depth": 2} | FAST),
    "catboost": ("CatBoostClassifier", {"iterations": 40, "depth": 3} | SILENT),
}


def booster(library, **parameters):
    name, settings = KINDS[library]
    return getattr(pytest.importorskip(library), name)(**settings | parameters)


def search(estimator, **grid):
    return GridSearchCV(estimator, grid, cv=2, scoring="neg_log_loss")


def vote(*estimators):
    voters = [(f"voter_{at}", each) for at, each in enumerate(estimators)]
    return VotingClassifier(voters, voting="soft")


def down(factor=6):
    return DownsampleUpweight(factor=factor, random_state=0)


def under():
    return RandomUnderSampler(random_state=0)


def sampled():
    return make_imblearn_pipeline(under(), GaussianNB())


def triple():
    return booster("xgboost", scale_pos_weight=3)


# Made when they are needed, for not every library is there.
REFUSED = {
    "forest": lambda: BalancedRandomForestClassifier(5),
    "ensemble": lambda: EasyEnsembleClassifier(2),
    "sampler": sampled,
    "our pipeline": lambda: make_pipeline(under(), GaussianNB()),
    "our weights": lambda: make_pipeline(ClassWeight(), LogisticRegression()),
    "voter": lambda: vote(sampled()),
    "searched": lambda: search(sampled(), gaussiannb__var_smoothing=[1e-9]),
}
HOSTS = {
    "none": ResampledClassifier,
    "down": lambda inner: ResampledClassifier(inner, down(), calibration_check=False),
    "under": lambda inner: ResampledClassifier(inner, under(), calibration_check=False),
    "ensemble": lambda inner: ResampledEnsembleClassifier(
        inner, down(), n_estimators=2, random_state=0
    ),
    "pipeline": lambda inner: make_pipeline(down(), inner),
}


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
        if issubclass(each.category, (CalibrationWarning, TreeWeightsWarning))
    ]


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("host", ["none", "ensemble", "pipeline"])
def test_samplers_inside_are_refused(data, name, host):
    if host == "pipeline" and name.startswith("our"):
        pytest.skip("weights go through a pipeline in a pipeline")
    model = HOSTS[host](REFUSED[name]())
    message = r"draws other rows inside.* Give the sampler to ResampledClassifier"
    with pytest.raises(ValueError, match=message):
        model.fit(*data)


TWO, THREE = [300, 100], [500, 80, 20]


TWO, THREE, EQUAL = [300, 100], [500, 80, 20], GaussianNB(priors=[0.5, 0.5])


@pytest.mark.filterwarnings("ignore::skstrat.TreeWeightsWarning")
@pytest.mark.parametrize(
    ("make", "counts", "shares"),
    [
        (lambda: GaussianNB(priors=GIVEN), TWO, GIVEN),
        (lambda: LinearDiscriminantAnalysis(priors=GIVEN), TWO, GIVEN),
        (lambda: BernoulliNB(class_prior=GIVEN, fit_prior=False), TWO, GIVEN),
        (lambda: BernoulliNB(fit_prior=False), TWO, (1, 1)),
        (ComplementNB, TWO, (1, 1)),
        (lambda: DummyClassifier(strategy="uniform"), TWO, (1, 1)),
        (lambda: LogisticRegression(class_weight={0: 1, 1: 9}), TWO, (3, 9)),
        (lambda: clone(TREES).set_params(class_weight="balanced"), TWO, (1, 1)),
        (lambda: booster("xgboost", base_score=0.9), TWO, (3, 1)),
        (lambda: booster("lightgbm", unbalanced_sets=True), TWO, (1, 1)),
        (lambda: booster("lightgbm", scale_pos_weight=2, **DOUBLE), TWO, (3, 4)),
        (lambda: booster("catboost", class_weights=(2, 5)), TWO, (6, 5)),
        (lambda: booster("catboost", **SQUARE_ROOT), TWO, (3**0.5, 1)),
        (lambda: CalibratedClassifierCV(triple(), cv=2), TWO, (3, 1)),
        (lambda: search(EQUAL, priors=[np.array(GIVEN)]), TWO, GIVEN),
        (lambda: search(triple(), scale_pos_weight=[5]), TWO, (3, 5)),
        (lambda: vote(triple(), booster("lightgbm", scale_pos_weight=3)), TWO, (1, 1)),
        (lambda: StackingClassifier([("nb", EQUAL)], triple(), cv=2), TWO, (1, 1)),
        (lambda: BaggingClassifier(GaussianNB(priors=GIVEN), 3), TWO, GIVEN),
        (lambda: OneVsRestClassifier(triple()), TWO, (1, 1)),
        (lambda: make_stock_pipeline(StandardScaler(), triple()), TWO, (1, 1)),
        (lambda: ResampledClassifier(LINE), TWO, (3, 1)),
        (lambda: make_pipeline(down(2), LogisticRegression()), TWO, (3, 1)),
        (lambda: GaussianNB(priors=[0.6, 0.3, 0.1]), THREE, (6, 3, 1)),
        (lambda: booster("catboost", auto_class_weights="Balanced"), THREE, (1, 1, 1)),
        # Of more classes than two LightGBM ignores it.
        (lambda: booster("lightgbm", is_unbalance=True), THREE, THREE),
    ],
    ids=range(26),
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
    "priors": lambda: BaggingClassifier(GaussianNB(priors=GIVEN), 3, random_state=0),
    "trees": lambda: clone(TREES).set_params(class_weight={0: 1, 1: 3}),
    "lightgbm": lambda: vote(booster("lightgbm", is_unbalance=True)),
    "xgboost": lambda: search(triple(), scale_pos_weight=[3]),
    "catboost": lambda: booster("catboost", learning_rate=0.3, **SQUARE_ROOT),
    "calibrated": lambda: CalibratedClassifierCV(triple(), cv=2),
    "nested": lambda: ResampledClassifier(LINE),
}


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("host", ["none", "under"])
def test_predictions_are_for_the_original_prior(data, ratio, kind, host):
    assert 0.8 < ratio(HOSTS[host](OUTCOMES[kind]()).fit(*data)) < 1.25


@pytest.mark.parametrize("weighted", [False, True])
def test_given_priors_go_before_weights(data, weighted):
    X, y = data
    weights = np.where(y == 1, 2.0, 1.0) if weighted else None
    model, other = (
        ResampledClassifier(each, down(), use_weights=True).fit(X, y, weights)
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
def test_a_support_vector_machine_calibrates_itself(rare_events, ratio):
    """Platt's sigmoid is fitted without class weights."""
    X, y, _ = rare_events(2000, PREVALENCE)
    machine = SVC(probability=True, class_weight="balanced", random_state=0)
    model = ResampledClassifier(machine).fit(X, y)
    np.testing.assert_array_equal(model.train_prior_, np.bincount(y))
    assert 0.8 < ratio(model) < 1.25


@pytest.mark.parametrize(
    ("make", "effect"),
    [
        (triple, MULTIPLIES),
        (lambda: booster("lightgbm", unbalance=True), CANCELS),
        (lambda: booster("catboost", auto_class_weights="Balanced"), CANCELS),
        (lambda: search(triple(), scale_pos_weight=np.array([1.0, 3.0])), MULTIPLIES),
        (lambda: RandomizedSearchCV(triple(), DRAWN), MULTIPLIES),
        (lambda: search(make_stock_pipeline(LINE), logisticregression=[LINE]), CANCELS),
    ],
    ids=["xgboost", "lightgbm", "catboost", "grid", "distribution", "models"],
)
@pytest.mark.parametrize("host", ["pipeline", "forced"])
def test_weights_of_its_own_change_those_passed(data, make, effect, host):
    model = make_pipeline(down(), make())
    if host == "forced":
        model = ResampledClassifier(make(), down(), use_weights=True)
    with pytest.raises(ValueError, match=rf"\(\w+=.*\) {effect} the weights"):
        model.fit(*data)


def uncorrected():
    return ResampledClassifier(LINE, prior_correction=False)


def resample(estimator):
    return ResampledClassifier(estimator).fit


def compare(X, y):
    return compare_strategies(sampled(), X, y, strategies=[down()], cv=2)


NO_SHARE = r"\(priors=\[1.0, 0.0\]\) must hold a positive share of each of the 2"


REFUSALS = {
    "sets a prior of its own.*ResampledClassifier, which takes": make_pipeline(
        down(), BernoulliNB(fit_prior=False)
    ).fit,
    r"must learn one prior.*LogisticRegression\(class_weight='balanced'\)": resample(
        vote(LINE, GaussianNB())
    ),
    NO_SHARE: resample(GaussianNB(priors=[1.0, 0.0])),
    "pilot must learn the prior of the rows": GuidedDownsample(EQUAL).fit,
    "Set prior_correction=True there": resample(uncorrected()),
    "inside OneVsRestClassifier gives each class": lambda X, y: resample(
        OneVsRestClassifier(LINE)
    )(X, y + (X[:, 0] > 1)),
    "estimator must learn the prior of": lambda X, y: recommend_factor(X, y, triple()),
    r"inside.* make the sampler a strategy": compare,
}


@pytest.mark.parametrize("message", REFUSALS)
def test_what_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        REFUSALS[message](*data)


@pytest.mark.parametrize("use_weights", ["auto", True])
@pytest.mark.parametrize("share", [0.5, 0.6])
def test_partial_fit(data, ratio, share, use_weights):
    prior = {"class_prior": [0.4, 0.6]} if share == 0.6 else {"fit_prior": False}
    model = PartialFitClassifier(
        BernoulliNB(**prior), epochs=1, use_weights=use_weights
    )
    model.set_params(random_state=0).fit(*data)
    believed = model.train_prior_ / model.train_prior_.sum()
    np.testing.assert_allclose(believed, [1 - share, share], rtol=1e-12)
    assert 0.8 < ratio(model) < 1.25


FROZEN = {
    "last step": lambda frozen: make_stock_pipeline(StandardScaler(), frozen),
    "calibrated": CalibratedClassifierCV,
    "voter": lambda frozen: vote(GaussianNB(), frozen),
    "searched": lambda frozen: search(
        make_stock_pipeline(GaussianNB()), gaussiannb=[frozen]
    ),
}


@pytest.mark.parametrize("kind", FROZEN)
def test_frozen_estimators_are_refused(data, kind):
    frozen = FrozenEstimator(LogisticRegression().fit(*data))
    hosts = [HOSTS[host](FROZEN[kind](frozen)) for host in ("none", "ensemble")]
    hosts += [make_pipeline(sampler, frozen) for sampler in (under(), down())]
    message = r"FrozenEstimator is fitted already.* PriorCorrectedClassifier\(fitted"
    for model in hosts:
        with pytest.raises(ValueError, match=message):
            model.fit(*data)


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
    "logistic": Boosted,
    "pipeline": lambda boost: make_stock_pipeline(StandardScaler(), Boosted(boost)),
    "search": lambda boost: search(Boosted(), boost=[boost]),
    "vote": lambda boost: vote(Boosted(boost), LogisticRegression()),
}
ANOTHER = "predicts another share of a class, on the rows that it was fitted with"


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("host", ["none", "down", "under", "ensemble"])
def test_a_parameter_that_nobody_knows_of_is_caught(rare_events, data, kind, host):
    said = heard_from(HOSTS[host](UNKNOWN[kind](10)), *data)
    assert ANOTHER in said[0]
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


OWN = "changes the prior.*Leave .* out, or"
UNIFORM = DownsampleUpweight(factor=10, weighting="uniform")
# Models without an optimum in which the shares are right are not judged.
UNJUDGED = [
    LogisticRegression(C=1e-4),
    LogisticRegression(solver="liblinear", intercept_scaling=0.1),
    SGDClassifier(loss="log_loss", max_iter=5, tol=None, random_state=0),
    NearestCentroid(),
]


@pytest.mark.parametrize(
    ("model", "text"),
    [
        *[
            (ResampledClassifier(each, calibration_check=False), "")
            for each in UNJUDGED
        ],
        (ResampledClassifier(Boosted(10), prior_correction=False), ""),
        (ResampledClassifier(AdaBoostClassifier(n_estimators=5)), ANOTHER),
        (make_pipeline(down(), Boosted(10)), ANOTHER),
        (make_pipeline(UNIFORM, GaussianNB(priors=[0.5, 0.5])), OWN),
        (
            make_pipeline(
                TomekLinks(), clone(TREES).set_params(class_weight="balanced")
            ),
            OWN,
        ),
        (make_pipeline(LINE), OWN),
    ],
    ids=range(10),
)
def test_what_is_warned_of(data, model, text):
    said = " ".join(heard_from(model, *data))
    assert re.search(text, said) if text else not said


def test_trees_that_weigh_much_warn_with_the_parameter(data):
    trees = clone(TREES).set_params(class_weight={0: 1, 1: 30})
    message = r"\(class_weight=.*\) weighs one class .* Leave that"
    with pytest.warns(TreeWeightsWarning, match=message) as heard:
        ResampledClassifier(trees, down(), calibration_check=False).fit(*data)
    assert len(heard) == 1


def test_boosting_that_stopped_too_early_is_caught(data):
    short = booster("catboost", iterations=2, learning_rate=0.05)
    with pytest.warns(CalibrationWarning, match="training stopped too early"):
        ResampledClassifier(short).fit(*data)


# Thresholds go around, never inside

BAYES = GaussianNB()
FIXED = FixedThresholdClassifier(BAYES, threshold=0.1)
TUNED = TunedThresholdClassifierCV(BAYES, scoring="f1", cv=2)
SCALED = make_stock_pipeline(StandardScaler(), FIXED)


@pytest.mark.parametrize(
    "model",
    [
        ResampledClassifier(FIXED),
        ResampledClassifier(SCALED, down(), prior_correction=False),
        ResampledClassifier(search(TUNED, estimator__var_smoothing=[1e-9]), down()),
        HOSTS["ensemble"](search(make_stock_pipeline(BAYES), gaussiannb=[TUNED])),
        ResampledClassifier(CalibratedClassifierCV(FIXED), down()),
        ResampledClassifier(vote(TUNED), under()),
        make_pipeline(down(), SCALED),
        make_pipeline(down(), TunedThresholdClassifierCV(LogisticRegression())),
    ],
    ids=range(8),
)
def test_thresholds_inside_are_refused(data, model):
    around = "this classifier" if hasattr(model, "resampler") else "the pipeline"
    message = rf"^(\w+) holds a .* lost inside.* put \1 around {around}"
    with pytest.raises(ValueError, match=message) as caught:
        model.fit(*data)
    assert "ResampledClassifier" not in str(caught.value)


def test_thresholds_of_fitted_models_and_comparisons(data):
    inside = FixedThresholdClassifier(BAYES, threshold=0.1).fit(*data)
    model = PriorCorrectedClassifier(inside, train_prior=[1, 1], target_prior=[9, 1])
    for use in (model.fit, model.predict, lambda X: compare_strategies(FIXED, *data)):
        with pytest.raises(ValueError, match=r"^FixedThresholdC.* around this class"):
            use(data[0])


@pytest.mark.parametrize("host", ["down", "ensemble", "pipeline"])
def test_a_threshold_around_is_obeyed(data, host):
    (X, y), inner = data, HOSTS[host](BAYES)
    model = FixedThresholdClassifier(inner, threshold=0.1).fit(X, y)
    p = model.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(model.predict(X), (p >= 0.1).astype(int))
    plain = make_stock_pipeline(StandardScaler(), model).fit(X, y)
    again = make_pipeline(StandardScaler(), model).fit(X, y).to_sklearn()
    np.testing.assert_array_equal(again.predict(X), plain.predict(X))
    assert plain.predict(X).sum() > inner.fit(X, y).predict(X).sum()
