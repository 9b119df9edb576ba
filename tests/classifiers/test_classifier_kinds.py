"""ResampledClassifier on every kind of classifier: routed to what works for it."""

from inspect import signature

import numpy as np
import pytest
from sklearn.base import ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PassiveAggressiveClassifier,
    Ridge,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import all_estimators
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    PartialFitClassifier,
    Pipeline,
    RandomOversample,
    ResampledClassifier,
    UnusedWeightsError,
    make_pipeline,
)
from skstrat._core.estimators import final_estimator

CLASSIFIERS = dict(all_estimators(type_filter="classifier"))
FACTOR = 8

# Those that cannot be made without arguments, or not of this data without.
SPECIAL = {
    "FixedThresholdClassifier": {"estimator": KNeighborsClassifier()},
    "LabelPropagation": {"max_iter": 5000},
    # The defaults are about to change, which is a warning.
    "LogisticRegressionCV": {
        "scoring": "neg_log_loss",
    },
    "MLPClassifier": {"max_iter": 2000, "random_state": 0},
    "OneVsRestClassifier": {"estimator": KNeighborsClassifier()},
    "RadiusNeighborsClassifier": {"radius": 3.0},
    "StackingClassifier": {
        "estimators": [("nearest", KNeighborsClassifier())],
        "final_estimator": LogisticRegression(),
    },
    "TunedThresholdClassifierCV": {"estimator": KNeighborsClassifier()},
    "VotingClassifier": {
        "estimators": [("nearest", KNeighborsClassifier())],
        "voting": "soft",
    },
}
if "use_legacy_attributes" in CLASSIFIERS["LogisticRegressionCV"]().get_params():
    SPECIAL["LogisticRegressionCV"] |= {
        "l1_ratios": (0,),
        "use_legacy_attributes": False,
    }
# Some versions of scikit-learn have weights in the signature of their fit.
WEIGHTS_BY_VERSION = {"MLPClassifier", "StackingClassifier", "VotingClassifier"}
WITHOUT_CORRECTION = {
    "ClassifierChain": "several labels per row",
    "FixedThresholdClassifier": "refused: a threshold would be lost",
    "OneVsOneClassifier": "no predict_proba",
    "OutputCodeClassifier": "no predict_proba",
    "PassiveAggressiveClassifier": "no predict_proba",
    "SelfTrainingClassifier": "wants rows without labels and warns when all have one",
    "TunedThresholdClassifierCV": "refused: a threshold would be lost",
}


def make(name, **arguments):
    return CLASSIFIERS[name](**SPECIAL.get(name, {}), **arguments)


def names_of(condition):
    return sorted(name for name in CLASSIFIERS if condition(name))


def takes_weights(name):
    return has_fit_parameter(CLASSIFIERS[name], "sample_weight")


def has_class_weight(name):
    return "class_weight" in signature(CLASSIFIERS[name]).parameters


WEIGHTLESS = names_of(lambda name: not takes_weights(name))
CORRECTED = [name for name in WEIGHTLESS if name not in WITHOUT_CORRECTION]
CLASS_WEIGHTED = names_of(lambda name: takes_weights(name) and has_class_weight(name))
CLASS_WEIGHTED_WITH_PROBA = [
    name for name in CLASS_WEIGHTED if hasattr(make(name), "predict_proba")
]


def down(factor=FACTOR):
    return DownsampleUpweight(factor=factor, random_state=0)


@pytest.fixture
def data(rare_events):
    X, y, _ = rare_events(1500, 0.04, signal=1.5)
    return X, y


def dal_pozzolo(q, beta):
    return beta * q / (beta * q - q + 1)


# Without sample_weight: the prior is corrected


def test_the_lists_are_complete():
    assert set(WITHOUT_CORRECTION) < set(WEIGHTLESS)
    assert {"KNeighborsClassifier", "LinearDiscriminantAnalysis"} < set(CORRECTED)
    assert {"QuadraticDiscriminantAnalysis", "GaussianProcessClassifier"} < set(
        CORRECTED
    )
    assert len(set(WEIGHTLESS) - WEIGHTS_BY_VERSION) == 16
    assert len(set(CORRECTED) - WEIGHTS_BY_VERSION) == 9
    assert {"RandomForestClassifier", "LogisticRegression", "SVC"} < set(CLASS_WEIGHTED)


@pytest.mark.parametrize("name", CORRECTED)
def test_classifiers_without_weights_get_the_prior_corrected(data, name):
    X, y = data
    estimator = make(name)
    model = ResampledClassifier(estimator, down(), calibration_check=False).fit(X, y)
    X_kept, y_kept, _ = down().fit_resample(X, y)
    plain = clone(estimator).fit(X_kept, y_kept)
    n_kept, n_original = np.bincount(y_kept), np.bincount(y)
    # Nearest centroids take all classes for equally frequent.
    equal = estimator.get_params().get("priors") == "uniform"
    believed = np.full(2, n_kept.sum() / 2) if equal else n_kept
    np.testing.assert_array_equal(model.train_prior_, believed)
    np.testing.assert_array_equal(model.target_prior_, n_original)
    q = plain.predict_proba(X)[:, 1]
    odds = believed / n_original
    expected = dal_pozzolo(q, odds[0] / odds[1])
    found = model.predict_proba(X)[:, 1]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-300)
    assert found.mean() < 0.7 * q.mean()
    np.testing.assert_array_equal(model.predict(X), (found > 0.5).astype(int))


@pytest.mark.parametrize("name", CORRECTED)
def test_classifiers_without_weights_refuse_weights(data, name):
    X, y = data
    estimator = make(name)
    model = ResampledClassifier(estimator, down())
    weights = np.linspace(1, 2, len(y))
    message = "cannot take sample_weight in fit, and sample_weight was given to fit"
    with pytest.raises(UnusedWeightsError, match=message):
        model.fit(X, y, sample_weight=weights)
    model.set_params(use_weights=True)
    with pytest.raises(UnusedWeightsError, match="in fit, and use_weights=True"):
        model.fit(X, y)
    model.set_params(use_weights="auto", resampler=ClassWeight())
    with pytest.raises(UnusedWeightsError, match="ClassWeight does nothing but weight"):
        model.fit(X, y)
    pipeline = make_pipeline(down(), estimator)
    with pytest.raises(UnusedWeightsError, match=r"last step cannot take .* Resampled"):
        pipeline.fit(X, y)


@pytest.mark.parametrize(
    "estimator",
    [PassiveAggressiveClassifier, lambda: OneVsOneClassifier(LogisticRegression())],
    ids=["PassiveAggressive", "OneVsOne"],
)
@pytest.mark.filterwarnings("ignore:Class PassiveAggressiveClassifier:FutureWarning")
def test_neither_weights_nor_probabilities_is_an_error(data, estimator):
    X, y = data
    model = ResampledClassifier(estimator(), down())
    with pytest.raises(UnusedWeightsError, match="no predict_proba that could"):
        model.fit(X, y)
    model.set_params(prior_correction=False).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), model.estimator_.predict(X))


# With sample_weight: to linear models, not to others


@pytest.mark.parametrize(
    ("estimator", "passed"),
    [
        (LogisticRegression(), True),
        (make_stock_pipeline(StandardScaler(), LogisticRegression()), True),
        (BaggingClassifier(LogisticRegression(), random_state=0), True),
        (HistGradientBoostingClassifier(max_iter=5), False),
        (RandomForestClassifier(n_estimators=5), False),
        (make_stock_pipeline(StandardScaler(), RandomForestClassifier()), False),
        (make("GaussianNB"), False),
        (make("DummyClassifier"), False),
        (make("LinearSVC"), True),  # nothing else could be corrected
        (make("SVC"), True),
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_who_gets_the_weights(data, estimator, passed, weighted):
    X, y = data
    incoming = None
    if weighted:
        incoming = np.random.default_rng(0).lognormal(size=len(y))
    model = ResampledClassifier(estimator, down(), calibration_check=False)
    model.fit(X, y, sample_weight=incoming)
    original = np.bincount(y, incoming)
    rows = down().fit(X, y).sample_indices_
    kept = np.bincount(y[rows], None if incoming is None else incoming[rows])
    np.testing.assert_allclose(model.target_prior_, original, rtol=1e-12)
    np.testing.assert_allclose(
        model.train_prior_, original if passed else kept, rtol=1e-12
    )


# Regressors


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeRegressor(),
        make_stock_pipeline(StandardScaler(), Ridge()),
        GridSearchCV(SGDRegressor(), {"alpha": [1e-4]}),
    ],
    ids=["tree", "pipeline", "search"],
)
@pytest.mark.parametrize("resampler", [down(), "auto", None], ids=["down", "auto", ""])
def test_a_regressor_is_an_error(data, estimator, resampler):
    name = type(final_estimator(estimator)).__name__
    model = ResampledClassifier(estimator, resampler)
    message = f"estimator must be a classifier.*regressor {name}. .*use Pipeline"
    with pytest.raises(ValueError, match=message):
        model.fit(*data)


def test_a_regressor_on_batches_is_an_error(data):
    model = PartialFitClassifier(SGDRegressor())
    with pytest.raises(ValueError, match="got the regressor SGDRegressor"):
        model.fit(*data)


class Mixed(ClassifierMixin):
    """A classifier that has a mixin of scikit-learn, but not its base."""

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares = counts / len(y)
        return self

    def predict_proba(self, X):
        return np.tile(self.shares, (len(X), 1))


# scikit-learn 1.6 warns where later ones raise.
@pytest.mark.filterwarnings("ignore:The following error was raised")
def test_classifiers_without_tags_and_classifiers_of_regressors_are_none(data):
    X, y = data
    model = ResampledClassifier(Mixed()).fit(X, y)
    assert model.decision_.rows_trained == model.decision_.rows_before
    over = OneVsRestClassifier(LinearRegression())
    assert ResampledClassifier(over).fit(X, y).predict(X).shape == y.shape


# class_weight


@pytest.mark.parametrize("name", CLASS_WEIGHTED)
@pytest.mark.parametrize(
    ("class_weight", "effect"),
    [("balanced", "silently cancels the"), ({0: 1, 1: 5}, "multiplies the")],
    ids=["balanced", "dict"],
)
def test_class_weight_with_weights_is_an_error(data, name, class_weight, effect):
    X, y = data
    estimator = make(name, class_weight=class_weight)
    message = rf"{name}\(class_weight=.*{effect} weights passed to it"
    models = [
        ResampledClassifier(estimator, down(), use_weights=True),
        make_pipeline(down(), estimator),
        Pipeline([("d", down()), ("s", StandardScaler()), ("c", estimator)]),
        make_pipeline(down(), make_stock_pipeline(StandardScaler(), estimator)),
    ]
    for model in models:
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
    incoming = np.linspace(1, 2, len(y))
    model = ResampledClassifier(estimator)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, sample_weight=incoming)


def test_class_weight_with_weights_is_an_error_for_linear_models_by_default(data):
    model = ResampledClassifier(LogisticRegression(class_weight="balanced"), down())
    with pytest.raises(ValueError, match=r"LogisticRegression\(class_weight='balanced"):
        model.fit(*data)


@pytest.mark.parametrize(
    "estimator",
    [
        VotingClassifier(
            [("weighted", LogisticRegression(class_weight="balanced"))], voting="soft"
        ),
        GridSearchCV(LogisticRegression(), {"class_weight": ["balanced"]}, cv=2),
        BaggingClassifier(LogisticRegression(class_weight="balanced")),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda estimator: ResampledClassifier(estimator, down(), use_weights=True),
        lambda estimator: make_pipeline(down(), estimator),
    ],
    ids=["ResampledClassifier", "Pipeline"],
)
def test_class_weight_inside_an_ensemble_with_weights_is_an_error(
    data, estimator, wrap
):
    model = wrap(estimator)
    with pytest.raises(ValueError, match="silently cancels"):
        model.fit(*data)


@pytest.mark.parametrize("name", CLASS_WEIGHTED_WITH_PROBA)
@pytest.mark.parametrize("class_weight", ["balanced", {0: 1, 1: 5}, {1: 0.25}], ids=str)
@pytest.mark.parametrize("resampled", [False, True])
def test_class_weight_without_weights_is_accounted_for(
    data, name, class_weight, resampled
):
    X, y = data
    estimator = make(name, class_weight=class_weight)
    resampler = down() if resampled else None
    model = ResampledClassifier(
        estimator, resampler, use_weights=False, calibration_check=False
    )
    y_kept = down().fit_resample(X, y)[1] if resampled else y
    expected = np.bincount(y_kept, compute_sample_weight(class_weight, y_kept))
    model.fit(X, y)
    found = model.train_prior_
    np.testing.assert_allclose(
        found / found.sum(), expected / expected.sum(), rtol=1e-12
    )
    np.testing.assert_array_equal(model.target_prior_, np.bincount(y))


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(class_weight="balanced"),
        LogisticRegression(class_weight={0: 1, 1: 40}),
        make_stock_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced")
        ),
        BaggingClassifier(LogisticRegression(class_weight="balanced"), random_state=0),
        VotingClassifier(
            [("weighted", LogisticRegression(class_weight="balanced"))], voting="soft"
        ),
        GridSearchCV(LogisticRegression(), {"class_weight": ["balanced"]}, cv=2),
        # Calibrated on rows without class weights: nothing is left to correct.
        CalibratedClassifierCV(LogisticRegression(class_weight="balanced"), cv=3),
    ],
    ids=lambda estimator: " ".join(str(estimator).split()),
)
@pytest.mark.parametrize("resampled", [False, True])
def test_class_weight_does_not_spoil_the_mean_prediction(
    rare_events, estimator, resampled
):
    X, y, _ = rare_events(20_000, 0.04)
    model = ResampledClassifier(
        estimator, down() if resampled else None, use_weights=False
    ).fit(X, y)
    # A model without class weights is within 2 % here, the uncorrected at 5 to 10.
    assert model.predict_proba(X)[:, 1].mean() / y.mean() == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize(
    "resampler", [RandomOversample(weighting="uniform"), None], ids=str
)
def test_class_weight_is_fine_where_no_weight_is_passed(data, resampler):
    estimator = LogisticRegression(class_weight={0: 1, 1: 2})
    model = ResampledClassifier(estimator, resampler).fit(*data)
    counts = np.bincount(data[1])
    drawn = counts if resampler is None else np.full(2, counts.max())
    np.testing.assert_allclose(model.train_prior_, drawn * [1, 2], rtol=1e-12)
