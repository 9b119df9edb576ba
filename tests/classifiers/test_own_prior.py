"""Estimators that set or change their prior: counted in, refused or warned of."""

import re
import warnings

import numpy as np
import pytest
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

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
LOW, HIGH = 0.8, 1.25


def lightgbm(**parameters):
    return pytest.importorskip("lightgbm").LGBMClassifier(
        n_estimators=30, num_leaves=5, verbose=-1, n_jobs=1, **parameters
    )


def xgboost(**parameters):
    return pytest.importorskip("xgboost").XGBClassifier(
        n_estimators=30, max_depth=2, n_jobs=1, **parameters
    )


def catboost(**parameters):
    return pytest.importorskip("catboost").CatBoostClassifier(
        iterations=40,
        depth=3,
        learning_rate=0.3,
        verbose=0,
        thread_count=1,
        allow_writing_files=False,
        **parameters,
    )


def histogram(**parameters):
    return HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=5, **parameters)


def positive(estimator):
    return make_stock_pipeline(MinMaxScaler(clip=True), estimator)


def search(estimator, **grid):
    return GridSearchCV(estimator, grid, cv=2, scoring="neg_log_loss")


def vote(*estimators):
    return VotingClassifier(
        [(f"voter_{at}", each) for at, each in enumerate(estimators)], voting="soft"
    )


def stack(final):
    return StackingClassifier([("bayes", GaussianNB())], final_estimator=final, cv=2)


# Made when they are needed, for not every library is there.
COUNTED = {
    "class_weight": lambda: LogisticRegression(class_weight={0: 1, 1: 9}),
    "class_weight balanced": lambda: LogisticRegression(class_weight="balanced"),
    "class_weight of trees": lambda: histogram(class_weight={0: 1, 1: 3}),
    "priors": lambda: GaussianNB(priors=GIVEN),
    "equal priors": lambda: GaussianNB(priors=[0.5, 0.5]),
    "priors, linear": lambda: LinearDiscriminantAnalysis(priors=GIVEN),
    "priors, quadratic": lambda: QuadraticDiscriminantAnalysis(priors=GIVEN),
    "class_prior": lambda: BernoulliNB(class_prior=GIVEN),
    "class_prior before fit_prior": lambda: BernoulliNB(
        class_prior=GIVEN, fit_prior=False
    ),
    "fit_prior": lambda: BernoulliNB(fit_prior=False),
    "multinomial": lambda: positive(MultinomialNB(fit_prior=False)),
    "complement": lambda: positive(ComplementNB()),
    "uniform": lambda: DummyClassifier(strategy="uniform"),
    "lightgbm scale_pos_weight": lambda: lightgbm(scale_pos_weight=3),
    "lightgbm class_weight too": lambda: lightgbm(
        scale_pos_weight=2, class_weight={0: 1, 1: 2}
    ),
    "lightgbm is_unbalance": lambda: lightgbm(is_unbalance=True),
    "lightgbm unbalance": lambda: lightgbm(unbalance=True),
    "lightgbm unbalanced_sets": lambda: lightgbm(unbalanced_sets=True),
    "xgboost scale_pos_weight": lambda: xgboost(scale_pos_weight=3),
    "xgboost large": lambda: xgboost(scale_pos_weight=30),
    "xgboost base_score": lambda: xgboost(base_score=0.9),
    "catboost scale_pos_weight": lambda: catboost(scale_pos_weight=3),
    "catboost class_weights": lambda: catboost(class_weights=(1, 3)),
    "catboost balanced": lambda: catboost(auto_class_weights="Balanced"),
    "catboost square root": lambda: catboost(auto_class_weights="SqrtBalanced"),
    "search": lambda: search(xgboost(), scale_pos_weight=[3]),
    "search for an array": lambda: search(
        GaussianNB(), priors=[np.array(GIVEN), np.array([0.5, 0.5])]
    ),
    "voters": lambda: vote(xgboost(scale_pos_weight=3), lightgbm(scale_pos_weight=3)),
    "voters, equal": lambda: vote(
        LogisticRegression(class_weight="balanced"), GaussianNB(priors=[0.5, 0.5])
    ),
    "stacked": lambda: stack(xgboost(scale_pos_weight=3)),
    "calibrated": lambda: CalibratedClassifierCV(xgboost(scale_pos_weight=3), cv=2),
    "bagged": lambda: BaggingClassifier(
        GaussianNB(priors=GIVEN), n_estimators=3, random_state=0
    ),
    "one against the rest": lambda: OneVsRestClassifier(xgboost(scale_pos_weight=3)),
    "pipeline": lambda: make_stock_pipeline(
        StandardScaler(), xgboost(scale_pos_weight=3)
    ),
    "pipeline of this package": lambda: make_pipeline(
        DownsampleUpweight(factor=2, random_state=0), LogisticRegression()
    ),
}
REFUSED = {
    "balanced forest": lambda: BalancedRandomForestClassifier(5),
    "balanced bagging": lambda: BalancedBaggingClassifier(n_estimators=5),
    "easy ensemble": lambda: EasyEnsembleClassifier(2),
    "boosting": lambda: RUSBoostClassifier(n_estimators=5),
    "sampler": lambda: make_imblearn_pipeline(
        RandomUnderSampler(random_state=0), GaussianNB()
    ),
    "sampler of this package's pipeline": lambda: make_pipeline(
        RandomUnderSampler(random_state=0), GaussianNB()
    ),
    "weights of this package's pipeline": lambda: make_pipeline(
        ClassWeight(), LogisticRegression()
    ),
    "voting sampler": lambda: vote(
        make_imblearn_pipeline(RandomUnderSampler(random_state=0), GaussianNB())
    ),
    "searched sampler": lambda: search(
        make_imblearn_pipeline(RandomUnderSampler(random_state=0), GaussianNB()),
        gaussiannb__var_smoothing=[1e-9],
    ),
}


def down(factor=6):
    return DownsampleUpweight(factor=factor, random_state=0)


def under():
    return RandomUnderSampler(random_state=0)


HOSTS = {
    "down": lambda inner: ResampledClassifier(inner, down(), calibration_check=False),
    "under": lambda inner: ResampledClassifier(inner, under(), calibration_check=False),
    "none": lambda inner: ResampledClassifier(inner),
    "ensemble": lambda inner: ResampledEnsembleClassifier(
        inner, down(), n_estimators=2, random_state=0
    ),
    "ensemble, under": lambda inner: ResampledEnsembleClassifier(
        inner, under(), n_estimators=2, random_state=0
    ),
    "pipeline": lambda inner: make_pipeline(down(), inner),
}


@pytest.fixture
def data(rare_events):
    X, y, _ = rare_events(8000, PREVALENCE)
    return X, y


@pytest.fixture
def fresh(rare_events):
    return rare_events(20_000, PREVALENCE, seed=1)[0]


def outcome(model, X, y, fresh):
    """Fit; give the ratio, and what was said."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            model.fit(X, y)
        except ValueError as error:
            return None, str(error)
    said = [
        str(each.message)
        for each in heard
        if issubclass(each.category, (CalibrationWarning, TreeWeightsWarning))
    ]
    ratio = model.predict_proba(fresh)[:, 1].mean() / PREVALENCE
    return ratio, " ".join(said)


NAMED = re.compile(
    r"class_weight|class_weights|auto_class_weights|scale_pos_weight|is_unbalance|"
    r"unbalance|unbalanced_sets|priors|class_prior|fit_prior|ComplementNB|strategy|"
    r"ResampledClassifier"
)


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("host", HOSTS)
def test_every_own_prior_in_every_host(data, fresh, name, host):
    ratio, said = outcome(HOSTS[host](COUNTED[name]()), *data, fresh)
    if ratio is None or not LOW < ratio < HIGH:
        assert NAMED.search(said)
    # Without weights of a resampler nothing stands in the way of counting it in.
    if host in ("under", "none"):
        assert ratio is not None


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("host", HOSTS)
def test_samplers_inside_are_refused(data, name, host):
    model = HOSTS[host](REFUSED[name]())
    if host == "pipeline" and "this package" in name:
        pytest.skip("weights go through a pipeline in a pipeline")
    message = r"draws other rows inside.* Give the sampler to ResampledClassifier"
    with pytest.raises(ValueError, match=message):
        model.fit(*data)


def believed(estimator, y, resampler=None, **settings):
    """Give the shares that a fitted estimator is believed to have learned."""
    X = np.random.default_rng(0).random((len(y), 2)) + y[:, None]
    settings = {"calibration_check": False, **settings}
    model = ResampledClassifier(estimator, resampler, **settings).fit(X, y)
    trained = np.array(list(model.decision_.train_prior.values()))
    return trained / trained.sum()


@pytest.mark.filterwarnings("ignore::skstrat.TreeWeightsWarning")
@pytest.mark.parametrize(
    ("make", "shares"),
    [
        (lambda: GaussianNB(priors=GIVEN), (0.95, 0.05)),
        (lambda: BernoulliNB(fit_prior=False), (1, 1)),
        (lambda: xgboost(scale_pos_weight=4), (3, 4)),
        (lambda: lightgbm(scale_pos_weight=4), (3, 4)),
        (lambda: lightgbm(is_unbalance=True), (1, 1)),
        (lambda: lightgbm(class_weight={0: 1, 1: 3}, scale_pos_weight=2), (3, 6)),
        (lambda: catboost(class_weights=(2, 5)), (6, 5)),
        (lambda: catboost(auto_class_weights="Balanced"), (1, 1)),
        (lambda: catboost(auto_class_weights="SqrtBalanced"), (3**0.5, 1)),
        (lambda: CalibratedClassifierCV(xgboost(scale_pos_weight=3), cv=2), (3, 1)),
    ],
)
def test_the_prior_by_hand(make, shares):
    # Of 900 rows of the big class 300 are kept, of the other all 100.
    y = np.repeat([0, 1], [900, 100])
    found = believed(make(), y, down(3))
    np.testing.assert_allclose(found, np.array(shares) / sum(shares), rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_given_priors_go_before_weights(data, fresh, weighted):
    X, y = data
    weights = np.where(y == 1, 2.0, 1.0) if weighted else None
    model = ResampledClassifier(GaussianNB(priors=[0.3, 0.7]), down(), use_weights=True)
    model.fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(
        model.train_prior_ / model.train_prior_.sum(), [0.3, 0.7], rtol=1e-12
    )
    # An independent witness: the same rows, and the prior learned from them.
    other = ResampledClassifier(GaussianNB(), down(), use_weights=True)
    other.fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(
        model.predict_proba(fresh), other.predict_proba(fresh), rtol=1e-9, atol=1e-12
    )


@pytest.mark.filterwarnings("ignore::skstrat.TreeWeightsWarning")
def test_three_classes():
    y = np.repeat([0, 1, 2], [500, 80, 20])
    shares = [0.6, 0.3, 0.1]
    found = believed(GaussianNB(priors=shares), y)
    np.testing.assert_allclose(found, shares, rtol=1e-12)
    found = believed(catboost(auto_class_weights="Balanced"), y)
    np.testing.assert_allclose(found, np.full(3, 1 / 3), rtol=1e-12)
    # Of more classes than two LightGBM ignores it.
    found = believed(lightgbm(is_unbalance=True), y)
    np.testing.assert_allclose(found, np.array([500, 80, 20]) / 600, rtol=1e-12)
    balanced = OneVsRestClassifier(LogisticRegression(class_weight="balanced"))
    with pytest.raises(ValueError, match="inside OneVsRestClassifier gives each class"):
        believed(balanced, y)


def test_voters_see_codes_for_labels(data, fresh):
    """The keys of a voter's class weights mean the codes that it is fitted with."""
    X, y = data
    labels = np.array(["usual", "rare"])[y]
    voter = vote(LogisticRegression(class_weight={0: 4, 1: 1}))
    model = ResampledClassifier(voter, under()).fit(X, labels)
    assert model.classes_.tolist() == ["rare", "usual"]
    np.testing.assert_allclose(model.train_prior_[0] / model.train_prior_[1], 4)
    p = model.predict_proba(fresh)[:, 0]
    assert LOW < p.mean() / PREVALENCE < HIGH


def test_voters_of_several_priors_are_refused(data):
    voters = vote(LogisticRegression(class_weight="balanced"), GaussianNB())
    message = r"must learn one prior.*LogisticRegression\(class_weight='balanced'\)"
    with pytest.raises(ValueError, match=message):
        ResampledClassifier(voters).fit(*data)


def test_priors_that_cannot_be_turned_are_refused(data):
    message = r"\(priors=\[1.0, 0.0\]\) must hold a positive share of each of the 2"
    with pytest.raises(ValueError, match=message):
        ResampledClassifier(GaussianNB(priors=[1.0, 0.0])).fit(*data)


@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
def test_a_support_vector_machine_calibrates_itself(rare_events, fresh):
    """Platt's sigmoid is fitted without class weights."""
    X, y, _ = rare_events(2000, PREVALENCE)
    machine = SVC(probability=True, class_weight="balanced", random_state=0)
    model = ResampledClassifier(machine).fit(X, y)
    np.testing.assert_array_equal(model.train_prior_, np.bincount(y))
    assert LOW < model.predict_proba(fresh)[:, 1].mean() / PREVALENCE < HIGH


@pytest.mark.parametrize(
    "make",
    [
        lambda: lightgbm(scale_pos_weight=30),
        lambda: xgboost(scale_pos_weight=30),
        lambda: catboost(scale_pos_weight=30),
        lambda: histogram(class_weight={0: 1, 1: 30}),
    ],
    ids=["lightgbm", "xgboost", "catboost", "histogram"],
)
def test_trees_that_weigh_much_warn_with_the_parameter(data, make):
    model = ResampledClassifier(make(), down(), calibration_check=False)
    message = (
        r"\((scale_pos_weight=30|class_weight=.*)\) weighs one class .* Leave that"
    )
    with pytest.warns(TreeWeightsWarning, match=message) as heard:
        model.fit(*data)
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("make", "effect"),
    [
        (lambda: xgboost(scale_pos_weight=3), MULTIPLIES),
        (lambda: lightgbm(unbalance=True), CANCELS),
        (lambda: catboost(auto_class_weights="Balanced"), CANCELS),
        (
            lambda: search(xgboost(), scale_pos_weight=np.array([1.0, 3.0])),
            MULTIPLIES,
        ),
        (
            lambda: RandomizedSearchCV(
                xgboost(), {"scale_pos_weight": Ints()}, n_iter=1
            ),
            MULTIPLIES,
        ),
        (
            lambda: search(
                make_stock_pipeline(LogisticRegression()),
                logisticregression=[LogisticRegression(class_weight="balanced")],
            ),
            CANCELS,
        ),
    ],
    ids=["xgboost", "lightgbm", "catboost", "grid", "distribution", "models"],
)
@pytest.mark.parametrize("host", ["pipeline", "forced"])
def test_weights_of_its_own_change_those_passed(data, make, effect, host):
    inner = make()
    if host == "pipeline":
        model = make_pipeline(down(), inner)
    else:
        model = ResampledClassifier(inner, down(), use_weights=True)
    with pytest.raises(ValueError, match=rf"\(\w+=.*\) {effect} the weights"):
        model.fit(*data)


class Ints:
    """A distribution of whole numbers."""

    def rvs(self, random_state=None):
        return 3


@pytest.mark.parametrize(
    "inner",
    [GaussianNB(priors=GIVEN), positive(ComplementNB()), BernoulliNB(fit_prior=False)],
    ids=str,
)
def test_a_prior_of_its_own_as_last_step_is_refused(data, inner):
    message = "sets a prior of its own.*ResampledClassifier, which takes"
    with pytest.raises(ValueError, match=message):
        make_pipeline(down(), inner).fit(*data)


def test_pilots_have_no_prior_of_their_own(data):
    for pilot in (GaussianNB(priors=GIVEN), BalancedRandomForestClassifier(5)):
        message = "pilot must learn the prior of the rows"
        with pytest.raises(ValueError, match=message):
            GuidedDownsample(pilot).fit(*data)
    with pytest.raises(ValueError, match="estimator must learn the prior of the rows"):
        recommend_factor(*data, xgboost(scale_pos_weight=3))


@pytest.mark.parametrize(
    ("inner", "share"),
    [
        (GaussianNB(priors=[0.3, 0.7]), 0.7),
        (BernoulliNB(fit_prior=False), 0.5),
        (BernoulliNB(class_prior=[0.4, 0.6]), 0.6),
    ],
    ids=str,
)
@pytest.mark.parametrize("use_weights", ["auto", True])
def test_partial_fit(data, fresh, inner, share, use_weights):
    model = PartialFitClassifier(
        inner, epochs=1, use_weights=use_weights, random_state=0
    ).fit(*data)
    believed = model.train_prior_ / model.train_prior_.sum()
    np.testing.assert_allclose(believed, [1 - share, share], rtol=1e-12)
    assert LOW < model.predict_proba(fresh)[:, 1].mean() / PREVALENCE < HIGH


@pytest.mark.filterwarnings("ignore:.*dask.*")
def test_dask(data, fresh):
    dask_array = pytest.importorskip("dask.array")
    X, y = data
    lazy = dask_array.from_array(X, (2000, 3)), dask_array.from_array(y, 2000)
    model = ResampledClassifier(GaussianNB(priors=GIVEN), down()).fit(*lazy)
    assert LOW < model.predict_proba(fresh)[:, 1].mean() / PREVALENCE < HIGH
    with pytest.raises(ValueError, match="draws other rows inside"):
        ResampledClassifier(BalancedRandomForestClassifier(5), down()).fit(*lazy)


def test_nested_classifiers(data, fresh):
    inner = ResampledClassifier(LogisticRegression(class_weight="balanced"))
    model = ResampledClassifier(inner, under(), calibration_check=False).fit(*data)
    assert LOW < model.predict_proba(fresh)[:, 1].mean() / PREVALENCE < HIGH
    uncorrected = clone(inner).set_params(prior_correction=False)
    with pytest.raises(ValueError, match="Set prior_correction=True there"):
        ResampledClassifier(uncorrected, under()).fit(*data)


# A comparison


def test_a_comparison_refuses_what_resamples_inside(data):
    X, y = data
    inner = make_imblearn_pipeline(under(), LogisticRegression())
    message = "draws other rows inside.* make the sampler a strategy"
    with pytest.raises(ValueError, match=message):
        compare_strategies(inner, X, y, strategies=[down()], cv=2)


def test_a_comparison_counts_an_own_prior_in(data):
    X, y = data
    for inner in (GaussianNB(priors=[0.5, 0.5]), GaussianNB()):
        comparison = compare_strategies(
            inner, X, y, strategies=[down()], cv=2, random_state=0, tune_threshold=False
        )
        ratio = comparison.outcome("true distribution").mean("mean_probability_ratio")
        assert LOW < ratio < HIGH


# Frozen estimators


def fitted(data):
    return LogisticRegression().fit(*data)


FROZEN = {
    "alone": lambda frozen: frozen,
    "last step": lambda frozen: make_stock_pipeline(StandardScaler(), frozen),
    "calibrated": lambda frozen: CalibratedClassifierCV(frozen),
    "voter": lambda frozen: vote(GaussianNB(), frozen),
    "searched": lambda frozen: search(
        make_stock_pipeline(GaussianNB()), gaussiannb=[frozen]
    ),
    "bagged": lambda frozen: BaggingClassifier(frozen),
}


@pytest.mark.parametrize("kind", FROZEN)
@pytest.mark.parametrize("host", HOSTS)
def test_frozen_estimators_are_refused(data, kind, host):
    if host == "pipeline" and kind not in ("alone", "last step"):
        pytest.skip("takes weights, and what is frozen needs none")
    inner = FROZEN[kind](FrozenEstimator(fitted(data)))
    message = r"FrozenEstimator is fitted already.* PriorCorrectedClassifier\(fitted"
    with pytest.raises(ValueError, match=message):
        HOSTS[host](inner).fit(*data)


def test_a_corrected_model_inside_is_frozen_too(data):
    inner = PriorCorrectedClassifier(
        fitted(data), train_prior=[1, 1], target_prior=GIVEN
    )
    message = "PriorCorrectedClassifier is fitted already"
    with pytest.raises(ValueError, match=message):
        ResampledClassifier(inner, under()).fit(*data)


def test_frozen_transformers_are_fine(data, fresh):
    scaler = FrozenEstimator(StandardScaler().fit(data[0]))
    inner = make_stock_pipeline(scaler, LogisticRegression())
    model = ResampledClassifier(inner, under(), calibration_check=False).fit(*data)
    assert LOW < model.predict_proba(fresh)[:, 1].mean() / PREVALENCE < HIGH


# A parameter that nobody knows of


class Boosted(LogisticRegression):
    """Weighs the second class by a parameter of its own."""

    def __init__(self, boost=1.0):
        super().__init__()
        self.boost = boost

    def fit(self, X, y, sample_weight=None):
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        return super().fit(X, y, weights * np.where(y == 1, self.boost, 1.0))


class BoostedTrees(HistGradientBoostingClassifier):
    """Repeats the second class by a parameter of its own."""

    def __init__(self, boost=1.0, max_iter=30):
        super().__init__(max_iter=max_iter)
        self.boost = boost

    def fit(self, X, y):
        rows = np.repeat(np.arange(len(y)), np.where(y == 1, self.boost, 1))
        return super().fit(X[rows], y[rows])


UNKNOWN = {
    "logistic": lambda boost: Boosted(boost),
    "trees": lambda boost: BoostedTrees(boost),
    "pipeline": lambda boost: make_stock_pipeline(StandardScaler(), Boosted(boost)),
    "search": lambda boost: search(Boosted(), boost=[boost]),
    "vote": lambda boost: vote(Boosted(boost), LogisticRegression()),
}


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("host", ["down", "under", "none", "ensemble"])
def test_a_parameter_that_nobody_knows_of_is_caught(data, kind, host):
    model = HOSTS[host](UNKNOWN[kind](10))
    message = "predicts another share of a class, on the rows that it was fitted with"
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        model.fit(*data)
    said = [str(each.message) for each in heard if each.category is CalibrationWarning]
    assert message in said[0]


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("host", ["down", "under", "none"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_without_it_is_no_reason_to_warn(rare_events, kind, host, seed):
    X, y, _ = rare_events(8000, PREVALENCE, seed=seed)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        HOSTS[host](UNKNOWN[kind](1)).fit(X, y)
    assert heard == []


def test_the_shares_of_weighted_rows_and_of_many_classes(data):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 3))
    y = np.where(X[:, 0] > 2, 2, (X[:, 1] + rng.normal(size=3000) > 1.5).astype(int))
    weights = rng.lognormal(size=3000)
    for resampler in (None, down()):
        ResampledClassifier(Boosted(), resampler).fit(X, y, sample_weight=weights)
    with pytest.warns(CalibrationWarning, match="Boosted predicts another share"):
        ResampledClassifier(Boosted(5)).fit(X, y, sample_weight=weights)


def test_whoever_wants_no_correction_hears_nothing(data):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        ResampledClassifier(Boosted(10), prior_correction=False).fit(*data)
    assert heard == []


@pytest.mark.parametrize(
    "inner",
    [
        LogisticRegression(C=1e-4),
        LogisticRegression(solver="liblinear", intercept_scaling=0.1),
        SGDClassifier(loss="log_loss", max_iter=5, tol=None, random_state=0),
        DecisionTreeClassifier(max_depth=3),
        NearestCentroid(),
    ],
    ids=str,
)
def test_models_without_such_an_optimum_are_left_to_the_check(data, inner):
    ResampledClassifier(inner, calibration_check=False).fit(*data)


def test_boosting_that_stopped_too_early_is_caught(data):
    short = catboost()
    short.set_params(iterations=2, learning_rate=0.05)
    with pytest.warns(CalibrationWarning, match="training stopped too early"):
        ResampledClassifier(short).fit(*data)
