"""Causes that are known are said where no check rules them out, and nowhere else."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import ClusterCentroids, NearMiss, TomekLinks
from sklearn.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    CalibrationWarning,
    CombinedResample,
    DownsampleUpweight,
    GuidedDownsample,
    Pipeline,
    RandomOversample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    TreeWeightsWarning,
    Weighted,
    make_pipeline,
)

PREVALENCE = 0.04
FOREST = RandomForestClassifier(30, random_state=0)
BOOSTING = HistGradientBoostingClassifier(max_iter=30, random_state=0)


def two_normals(n_rows, seed):
    """Two normal classes, for which linear models and naive Bayes are right."""
    rng = np.random.default_rng(seed)
    y = np.zeros(n_rows, dtype=int)
    y[: round(PREVALENCE * n_rows)] = 1
    rng.shuffle(y)
    return rng.normal(size=(n_rows, 4)) + 0.9 * y[:, np.newaxis], y


TRAIN, FRESH = two_normals(4000, 0), two_normals(20_000, 1)


def ratio_of(model):
    X, y = FRESH
    return model.predict_proba(X)[:, 1].mean() / y.mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    "resampler",
    [
        RandomOversample(random_state=0),
        RandomOverSampler(random_state=0),
        SMOTE(random_state=0),
        Weighted(SMOTE(random_state=0)),
        CombinedResample(random_state=0),
        make_pipeline(
            DownsampleUpweight(factor=4, random_state=0),
            RandomOversample(sampling_strategy=0.5, random_state=0),
        ),
    ],
    ids=lambda resampler: type(resampler).__name__,
)
@pytest.mark.parametrize(
    "estimator",
    [FOREST, VotingClassifier([("a", BOOSTING), ("b", FOREST)], voting="soft")],
    ids=["forest", "vote"],
)
def test_trees_memorise_copies(resampler, estimator):
    model = ResampledClassifier(estimator, resampler)
    text = "memorises rows that .* Use DownsampleUpweight"
    with pytest.warns(CalibrationWarning, match=text):
        model.fit(*TRAIN)
    assert ratio_of(model) < 0.8


def test_neighbours_see_copies_alone_where_there_are_as_many():
    over = RandomOverSampler(random_state=0)
    model = ResampledClassifier(KNeighborsClassifier(15), over)
    with pytest.warns(CalibrationWarning, match="KNeighborsClassifier memorises"):
        model.fit(*TRAIN)
    assert ratio_of(model) > 1.25
    few = ResampledClassifier(
        KNeighborsClassifier(15), RandomOverSampler(sampling_strategy=0.2)
    )
    assert 0.8 < ratio_of(few.fit(*TRAIN)) < 1.25


@pytest.mark.parametrize("words", [{"use_weights": True}, {"prior_correction": False}])
def test_weights_make_up_for_copies_and_a_wish_is_none_of_our_business(words):
    model = ResampledClassifier(BOOSTING, RandomOversample(random_state=0), **words)
    ratio = ratio_of(model.fit(*TRAIN))
    assert 0.8 < ratio < 1.25 or "prior_correction" in words


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), GaussianNB(), MLPClassifier((8,), random_state=0)],
    ids=["linear", "naive Bayes", "network"],
)
def test_other_models_are_not_suspected_of_copies(estimator):
    over = RandomOversample(random_state=0)
    estimator.set_params(**{"max_iter": 1000} if hasattr(estimator, "max_iter") else {})
    model = ResampledClassifier(estimator, over)
    assert 0.8 < ratio_of(model.fit(*TRAIN)) < 1.25


def test_ensembles_say_it_of_their_members():
    model = ResampledEnsembleClassifier(FOREST, SMOTE(), n_estimators=2, random_state=0)
    with pytest.warns(CalibrationWarning, match="ForestClassifier memorises"):
        model.fit(*TRAIN)
    assert ratio_of(model) < 0.8


@pytest.mark.parametrize(
    "sampler",
    [
        NearMiss(sampling_strategy=0.2),
        ClusterCentroids(sampling_strategy=0.5, random_state=0),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_rows_chosen_or_made_by_their_values(sampler):
    tree = DecisionTreeClassifier(random_state=0)
    model = ResampledClassifier(tree, sampler)
    with pytest.warns(CalibrationWarning, match="may have chosen by their values"):
        model.fit(*TRAIN)
    assert ratio_of(model) > 1.25
    assert model.calibration_check_ > 1.25
    # Whoever switches the check off is told nothing.
    model.set_params(calibration_check=False).fit(*TRAIN)
    assert model.calibration_check_ is None


def test_a_few_rows_cleaned_away_are_no_cause():
    model = ResampledClassifier(LogisticRegression(), TomekLinks()).fit(*TRAIN)
    assert 0.8 < ratio_of(model) < 1.25


def regularised(**words):
    return HistGradientBoostingClassifier(
        max_iter=30, l2_regularization=10, random_state=0, **words
    )


@pytest.mark.parametrize(
    ("estimator", "plain"),
    [
        (BernoulliNB(class_prior=[0.5, 0.5]), BernoulliNB()),
        (GaussianNB(priors=[0.9, 0.1]), GaussianNB()),
        (regularised(class_weight={0: 1, 1: 3}), regularised()),
    ],
    ids=["class_prior", "priors", "class_weight"],
)
def test_guided_rows_and_a_prior_of_the_estimators_own(estimator, plain):
    guided = GuidedDownsample(factor=10, random_state=0)
    with_own, without = (
        ResampledClassifier(each, guided, calibration_check=False).fit(*TRAIN)
        for each in (estimator, plain)
    )
    assert ratio_of(with_own) == pytest.approx(ratio_of(without), rel=0.1)
    if isinstance(estimator, GaussianNB | BernoulliNB):
        # Bayes' rule: another prior in, the same odds out.
        np.testing.assert_allclose(
            with_own.predict_proba(FRESH[0]), without.predict_proba(FRESH[0]), rtol=1e-9
        )


def under(weighting="original"):
    return DownsampleUpweight(factor=10, weighting=weighting, random_state=0)


@pytest.mark.parametrize(
    "steps",
    [
        [under(weighting="uniform"), GaussianNB(priors=[0.5, 0.5])],
        [TomekLinks(), HistGradientBoostingClassifier(class_weight="balanced")],
        [LogisticRegression(class_weight="balanced")],
    ],
    ids=["uniform", "cleaned", "alone"],
)
def test_a_pipeline_says_that_its_classifier_has_a_prior_of_its_own(steps):
    pipeline = make_pipeline(*steps)
    with pytest.warns(CalibrationWarning, match="changes the prior.*Leave .* out, or"):
        pipeline.fit(*TRAIN)
    assert ratio_of(pipeline) > 1.25


class Reweighing(LogisticRegression):
    """Weighs positives by a parameter of its own."""

    def __init__(self, boost=10.0):
        super().__init__()
        self.boost = boost

    def fit(self, X, y, sample_weight=None):
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        return super().fit(X, y, weights * np.where(y == 1, self.boost, 1.0))


@pytest.mark.parametrize(
    "estimator", [Reweighing(), AdaBoostClassifier(n_estimators=5)]
)
@pytest.mark.parametrize("host", [make_pipeline, ResampledClassifier])
def test_a_share_that_nobody_can_explain_is_said(estimator, host):
    steps = [under(), estimator] if host is make_pipeline else [estimator]
    model = host(*steps)
    with pytest.warns() as caught:
        model.fit(*TRAIN)
    said = [str(each.message) for each in caught]
    assert any("predicts another share of a class" in text for text in said)
    assert ratio_of(model) > 1.25


def test_a_pipeline_forgets_the_rows_its_classifier_was_fitted_with():
    pipeline = make_pipeline(under(), LogisticRegression()).fit(*TRAIN)
    assert pipeline._trained_on is None
    broken = make_pipeline(under(), LogisticRegression(C=-1))
    with pytest.raises(ValueError, match="'C' parameter"):
        broken.fit(*TRAIN)
    assert broken._trained_on is None


def test_a_fitted_model_after_a_sampler_is_refused():
    frozen = FrozenEstimator(LogisticRegression().fit(*TRAIN))
    for sampler in (RandomOverSampler(), under(weighting="uniform")):
        pipeline = Pipeline([("sampler", sampler), ("frozen", frozen)])
        with pytest.raises(ValueError, match="PriorCorrectedClassifier"):
            pipeline.fit(*TRAIN)
    alone = Pipeline([("frozen", frozen)]).fit(*TRAIN)
    assert 0.8 < ratio_of(alone) < 1.25


def test_guided_weights_before_trees_are_warned_of_in_a_pipeline():
    pipeline = make_pipeline(GuidedDownsample(factor=10, random_state=0), BOOSTING)
    with pytest.warns(TreeWeightsWarning, match="rows dropped or repeated"):
        pipeline.fit(*TRAIN)
