"""Samplers of two results before a classifier in a Pipeline: warned of, or not."""

import warnings

import numpy as np
import pytest
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import NearMiss, RandomUnderSampler, TomekLinks
from resampled_models import down, wrapped
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler

import skstrat
from skstrat import ClassWeight, ResampledClassifier, Weighted, make_pipeline

LINE = LogisticRegression()
RNG = np.random.default_rng(0)
Y = (RNG.random(3000) < 0.1).astype(int)
X = RNG.normal(size=(3000, 2)) + Y[:, None]


def under(**params):
    return RandomUnderSampler(random_state=0, **params)


def messages(model, X=X, y=Y, **params):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, **params)
    calibration = [
        each for each in caught if each.category is skstrat.CalibrationWarning
    ]
    return [str(each.message) for each in calibration]


def ratio_of(model):
    return model.predict_proba(X)[:, 1].mean() / Y.mean()


@pytest.mark.parametrize("sampler", [under(), SMOTE(random_state=0)], ids=str)
def test_one_warning_names_cause_remedies_and_the_way_to_say_on_purpose(sampler):
    kind = type(sampler).__name__
    model = make_pipeline(StandardScaler(), sampler, LINE)
    (message,) = messages(model)
    assert message.startswith(
        f"{kind} before LogisticRegression: the shares of the cla"
    )
    assert ratio_of(model) > 1.5
    # The remedies are silent and right.
    uniform = Weighted(sampler, weighting="uniform")
    remedies = {
        f"Weighted({kind}(...)) for weights": make_pipeline(Weighted(sampler), LINE),
        f"ResampledClassifier(classifier, {kind}(...))": wrapped(LINE, sampler),
        f'Weighted({kind}(...), weighting="uniform")': make_pipeline(uniform, LINE),
    }
    for text, remedy in remedies.items():
        assert text in message
        assert messages(remedy) == []
        assert "uniform" in text or 0.8 < ratio_of(remedy) < 1.25


@pytest.mark.parametrize("sampler", [NearMiss(), SMOTEENN(random_state=0)], ids=str)
def test_rows_chosen_by_their_values_stand_for_no_class(sampler):
    kind = type(sampler).__name__
    for step in (sampler, make_pipeline(Weighted(sampler))):
        model = make_pipeline(step, LINE)
        (message,) = messages(model)
        assert message.startswith(f"{kind} before LogisticRegression: the sampler may")
        assert "Use a sampler that draws at random, DownsampleUpweight" in message
        assert not 0.8 < ratio_of(model) < 1.25
    # The check by dropped rows does not blame the model.
    (message,) = messages(ResampledClassifier(LINE, Weighted(sampler)))
    assert f"trained on rows that {kind} may have chosen by" in message


@pytest.mark.parametrize(
    ("last", "warns"),
    [
        (RidgeClassifier(), True),
        (GridSearchCV(make_sklearn_pipeline(LINE), {"memory": [None]}, cv=2), True),
        (ResampledClassifier(LINE, down(2)), True),
        (LinearRegression(), False),
        (SelectKBest(k=1), False),
        ("passthrough", False),
    ],
    ids=range(6),
)
def test_every_kind_of_last_step(last, warns):
    assert len(messages(make_pipeline(under(), last))) == warns


def test_with_memory_nested_and_in_a_search(tmp_path):
    cache = {"memory": str(tmp_path)}
    nested = make_pipeline(make_pipeline(down(), under()), LINE, **cache)
    for _ in range(2):
        (message,) = messages(nested)
        assert message.startswith("RandomUnderSampler before LogisticRegression")
    two = under(sampling_strategy=0.5), SMOTE(random_state=0)
    (message,) = messages(make_pipeline(*two, LINE, **cache))
    assert message.startswith("RandomUnderSampler and SMOTE before")
    grid = {"logisticregression__C": [0.1, 1]}
    said = messages(GridSearchCV(make_pipeline(under(), LINE, **cache), grid, cv=2))
    assert (len(said), len(set(said))) == (5, 1)


def test_weights_that_come_in_and_several_classes():
    weights = np.where(Y == 1, 9.0, 1.0)
    # One weight for both classes keeps the change, balanced rows or not.
    assert len(messages(make_pipeline(under(), LINE), sample_weight=weights)) == 1
    halves = dict(enumerate((np.bincount(Y) // 2).tolist()))
    halved = make_pipeline(under(sampling_strategy=halves), LINE)
    assert messages(halved, sample_weight=weights) == []
    names = np.random.default_rng(0).choice(list("abc"), 3000, p=[0.8, 0.15, 0.05])
    for strategy, n_messages in (({"b": 20}, 1), ({"a": 2300}, 0)):
        model = make_pipeline(under(sampling_strategy=strategy), LINE)
        assert len(messages(model, y=names)) == n_messages


@pytest.mark.parametrize(
    "sampler",
    [
        down(weighting="uniform"),
        skstrat.RandomOversample(weighting={0: 1.0, 1: 1.0}, random_state=0),
        ClassWeight({1: 5.0}),
        TomekLinks(),
        Weighted(TomekLinks()),
        Weighted(NearMiss(), weighting="uniform"),
    ],
    ids=str,
)
def test_on_purpose_and_cleaning_are_silent(sampler):
    assert messages(make_pipeline(sampler, LINE)) == []


def test_what_else_a_pipeline_does_with_its_classifier():
    # The rows its classifier was fitted with are not kept.
    assert make_pipeline(down(), LINE).fit(X, Y)._trained_on is None
    fitted = make_pipeline(FrozenEstimator(LogisticRegression().fit(X, Y)))
    assert messages(fitted) == []
