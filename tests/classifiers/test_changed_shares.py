"""Samplers of two results before a classifier in a Pipeline: warned of, or not."""

import warnings

import numpy as np
import pytest
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import (
    InstanceHardnessThreshold,
    NearMiss,
    RandomUnderSampler,
    RepeatedEditedNearestNeighbours,
    TomekLinks,
)
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    Pipeline,
    RandomOversample,
    ResampledClassifier,
    Weighted,
    make_pipeline,
)

SAMPLERS = {
    "under": lambda: RandomUnderSampler(random_state=0),
    "over": lambda: RandomOverSampler(random_state=0),
    "smote": lambda: SMOTE(random_state=0),
}


@pytest.fixture(params=[0, 1])
def table(request):
    rng = np.random.default_rng(request.param)
    y = (rng.random(3000) < 0.1).astype(int)
    return rng.normal(size=(3000, 2)) + y[:, None], y


def messages(model, X, y, **params):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, **params)
    return [
        str(each.message)
        for each in caught
        if issubclass(each.category, CalibrationWarning)
    ]


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_warning_names_cause_remedies_and_the_way_to_say_on_purpose(table, name):
    X, y = table
    sampler = SAMPLERS[name]()
    kind = type(sampler).__name__
    model = make_pipeline(StandardScaler(), sampler, LogisticRegression())
    (message,) = messages(model, X, y)
    assert message.startswith(f"{kind} before LogisticRegression: the shares")
    for remedy in (
        f"Weighted({kind}(...)) for weights",
        f"ResampledClassifier(classifier, {kind}(...))",
        f'Weighted({kind}(...), weighting="uniform")',
    ):
        assert remedy in message
    with pytest.warns(CalibrationWarning, match="shares of the classes change"):
        model.fit(X, y)
    # What it warns of is true, and the remedies are silent and right.
    assert model.predict_proba(X)[:, 1].mean() > 1.5 * y.mean()
    for remedy in (
        make_pipeline(Weighted(SAMPLERS[name]()), LogisticRegression()),
        ResampledClassifier(
            LogisticRegression(), SAMPLERS[name](), calibration_check=False
        ),
        make_pipeline(
            Weighted(SAMPLERS[name](), weighting="uniform"), LogisticRegression()
        ),
    ):
        assert messages(remedy, X, y) == []


@pytest.mark.parametrize(
    "sampler",
    [
        RepeatedEditedNearestNeighbours(),
        NearMiss(),
        InstanceHardnessThreshold(estimator=LogisticRegression(), random_state=0),
        SMOTEENN(random_state=0),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_rows_chosen_by_their_values_stand_for_no_class(table, sampler):
    X, y = table
    kind = type(sampler).__name__
    for step in (sampler, Weighted(sampler), make_pipeline(Weighted(sampler))):
        model = make_pipeline(step, LogisticRegression())
        (message,) = messages(model, X, y)
        assert message.startswith(f"{kind} before LogisticRegression: the sampler may")
        assert "Use a sampler that draws at random, DownsampleUpweight" in message
        ratio = model.predict_proba(X)[:, 1].mean() / y.mean()
        assert not 0.8 < ratio < 1.25
    # The check by dropped rows does not blame the model.
    corrected = ResampledClassifier(LogisticRegression(), Weighted(sampler))
    (message,) = messages(corrected, X, y)
    assert f"trained on rows that {kind} may have chosen by" in message
    on_purpose = Weighted(sampler, weighting="uniform")
    assert messages(make_pipeline(on_purpose, LogisticRegression()), X, y) == []


@pytest.mark.parametrize(
    "last",
    [
        LogisticRegression(),
        RidgeClassifier(),
        GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2),
        make_sklearn_pipeline(StandardScaler(), LogisticRegression()),
        ResampledClassifier(LogisticRegression(), DownsampleUpweight(factor=2)),
    ],
    ids=lambda last: type(last).__name__,
)
def test_before_every_kind_of_classifier(table, last):
    X, y = table
    model = make_pipeline(RandomUnderSampler(random_state=0), last)
    assert len(messages(model, X, y)) == 1


@pytest.mark.parametrize("memory", [False, True])
def test_with_memory_nested_and_in_a_search(table, tmp_path, memory):
    X, y = table
    under = RandomUnderSampler(random_state=0)
    cache = str(tmp_path) if memory else None
    inner = make_pipeline(DownsampleUpweight(factor=2, random_state=0), under)
    nested = Pipeline([("in", inner), ("lr", LogisticRegression())], memory=cache)
    for _ in range(2):
        (message,) = messages(nested, X, y)
        assert message.startswith("RandomUnderSampler before LogisticRegression")
    both = make_pipeline(under, SMOTE(), LogisticRegression(), memory=cache)
    both.set_params(randomundersampler__sampling_strategy=0.5)
    (message,) = messages(both, X, y)
    assert message.startswith("RandomUnderSampler and SMOTE before")
    search = GridSearchCV(
        make_pipeline(under, LogisticRegression(), memory=cache),
        {"logisticregression__C": [0.1, 1]},
        cv=2,
    )
    assert len(messages(search, X, y)) == 5
    assert len(set(messages(search, X, y))) == 1


def test_with_weights_under_way(table):
    X, y = table
    model = make_pipeline(RandomUnderSampler(random_state=0), LogisticRegression())
    weights = np.where(y == 1, 9.0, 1.0)
    assert len(messages(model, X, y)) == 1
    # One weight for both classes keeps the change, balanced rows or not.
    assert len(messages(model, X, y, sample_weight=weights)) == 1
    keeps_shares = RandomUnderSampler(
        sampling_strategy={0: int(0.5 * (y == 0).sum()), 1: int(0.5 * (y == 1).sum())},
        random_state=0,
    )
    halved = make_pipeline(keeps_shares, LogisticRegression())
    assert messages(halved, X, y, sample_weight=weights) == []


@pytest.mark.parametrize(
    "sampler",
    [
        DownsampleUpweight(factor=5, random_state=0),
        DownsampleUpweight(factor=5, weighting="balanced", random_state=0),
        DownsampleUpweight(factor=5, weighting="uniform", random_state=0),
        RandomOversample(weighting="uniform", random_state=0),
        RandomOversample(weighting={0: 1.0, 1: 1.0}, random_state=0),
        CombinedResample(weighting="uniform", random_state=0),
        ClassWeight(),
        ClassWeight({1: 5.0}),
        TomekLinks(),
        Weighted(TomekLinks()),
    ],
    ids=str,
)
def test_on_purpose_and_cleaning_are_silent(table, sampler):
    X, y = table
    assert messages(make_pipeline(sampler, LogisticRegression()), X, y) == []


@pytest.mark.parametrize(
    "last", [LinearRegression(), SelectKBest(k=1), "passthrough"], ids=str
)
def test_other_last_steps_are_silent(table, last):
    X, y = table
    model = make_pipeline(RandomUnderSampler(random_state=0), last)
    assert messages(model, X, y) == []


def test_strings_and_several_classes():
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], 2000, p=[0.8, 0.15, 0.05])
    X = rng.normal(size=(2000, 2))
    all_but_a = RandomUnderSampler(sampling_strategy={"b": 20}, random_state=0)
    assert len(messages(make_pipeline(all_but_a, LogisticRegression()), X, y)) == 1
    hardly = RandomUnderSampler(sampling_strategy={"a": 1500}, random_state=0)
    assert messages(make_pipeline(hardly, LogisticRegression()), X, y) == []
