"""scikit-learn's and imbalanced-learn's own checks, on every public estimator."""

import pytest
from imblearn.under_sampling import RandomUnderSampler
from imblearn.utils.estimator_checks import estimator_checks_generator
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

import skstrat
from skstrat import (
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    FocalLossClassifier,
    GuidedDownsample,
    PartialFitClassifier,
    Pipeline,
    PriorCorrectedClassifier,
    RandomOversample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    Weighted,
)
from skstrat.classifiers._row_corrected import RowCorrectedClassifier

RESAMPLERS = [
    DownsampleUpweight(),
    DownsampleUpweight(factor=3, weighting="balanced"),
    RandomOversample(),
    CombinedResample(),
    ClassWeight(),
    GuidedDownsample(random_state=0),
    Weighted(RandomUnderSampler(random_state=0)),
]
SAMPLER_FAILURES = {
    "check_estimators_empty_data_messages": "X is not read, so it may have no column",
    "check_fit1d": "X is not read, so it may have one dimension",
}
IN_PLACE = "steps are fitted in place, as in imbalanced-learn's and scikit-learn's own"
PIPELINE_FAILURES = {
    "check_estimators_overwrite_params": IN_PLACE,
    "check_dont_overwrite_parameters": IN_PLACE,
}
EQUIVALENCE = [
    f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")
]
UNUSED = "weights that the estimator cannot take are refused, not dropped"
KNN_FAILURES = dict.fromkeys(
    [*EQUIVALENCE, "check_sample_weights_not_overwritten"], UNUSED
)
BY_POSITION = "a row of weight 2 has one position in the draw, a row twice has two"
IN_STEPS = "steps depend on the order of the rows, and a row of weight 2 is one step"
CLASSIFIERS = {
    ResampledClassifier(LogisticRegression(), DownsampleUpweight(random_state=0)): {},
    ResampledClassifier(
        LogisticRegression(), RandomOversample(random_state=0)
    ): dict.fromkeys(EQUIVALENCE, BY_POSITION),
    ResampledClassifier(
        KNeighborsClassifier(), DownsampleUpweight(random_state=0)
    ): KNN_FAILURES,
    ResampledClassifier(LogisticRegression()): {},
    PartialFitClassifier(
        SGDClassifier(loss="log_loss", random_state=0), random_state=0
    ): dict.fromkeys(EQUIVALENCE, IN_STEPS),
    PartialFitClassifier(GaussianNB(), random_state=0): {},
    Pipeline(
        [("down", DownsampleUpweight()), ("model", LogisticRegression())]
    ): PIPELINE_FAILURES,
}
READ_X = (GuidedDownsample, Weighted)
EXPECTED = {repr(each): failures for each, failures in CLASSIFIERS.items()}
EXPECTED |= {
    repr(each): {} if isinstance(each, READ_X) else SAMPLER_FAILURES
    for each in RESAMPLERS
}


@parametrize_with_checks(
    [*RESAMPLERS, *CLASSIFIERS],
    expected_failed_checks=lambda estimator: EXPECTED[repr(estimator)],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
# Of so few rows, ten epochs are too few.
@pytest.mark.filterwarnings("ignore:SGDClassifier has not converged")
def test_scikit_learn_check(estimator, check):
    check(estimator)


class TwoValues(BaseEstimator):
    """A resampler as imbalanced-learn's checks want it: the weights left out."""

    def __init__(self, resampler):
        self.resampler = resampler

    def fit(self, X, y):
        return self._take_attributes(self.resampler.fit(X, y))

    def fit_resample(self, X, y):
        X, y, _ = self.resampler.fit_resample(X, y)
        self._take_attributes(self.resampler)
        return X, y

    def _take_attributes(self, resampler):
        for name, value in vars(resampler).items():
            if name.endswith("_"):
                setattr(self, name, value)
        return self

    def get_feature_names_out(self, input_features=None):
        return self.resampler.get_feature_names_out(input_features)

    def set_params(self, **params):
        self.resampler.set_params(**params)
        return self

    def __sklearn_tags__(self):
        return self.resampler.__sklearn_tags__()


OTHER_PILOT = "sparse data has another pilot, and so other rows"
IMBLEARN_FAILURES = {
    ("DownsampleUpweight()", "check_target_type"): "rows of several labels are drawn",
    ("GuidedDownsample(random_state=0)", "check_samplers_sparse"): OTHER_PILOT,
    ("GuidedDownsample(random_state=0)", "check_samplers_pandas_sparse"): OTHER_PILOT,
}


def imblearn_checks():
    for resampler in RESAMPLERS:
        seeded = clone(resampler)
        if "random_state" in seeded.get_params():
            seeded.set_params(random_state=0)
        for adapter, check in estimator_checks_generator(TwoValues(seeded)):
            name = check.func.__name__
            reason = IMBLEARN_FAILURES.get((repr(resampler), name))
            marks = pytest.mark.xfail(reason=reason, strict=True) if reason else []
            yield pytest.param(adapter, check, marks=marks, id=f"{resampler}-{name}")


@pytest.mark.parametrize(("adapter", "check"), list(imblearn_checks()))
def test_imbalanced_learn_check(adapter, check):
    check(adapter)


def test_every_public_estimator_is_checked_and_links_to_its_page():
    everything = (getattr(skstrat, name) for name in skstrat.__all__)
    public = {
        each
        for each in everything
        if isinstance(each, type) and issubclass(each, BaseEstimator)
    }
    model = GaussianNB().fit([[0], [1]], [0, 1])
    prior = {"train_prior": [1, 1], "target_prior": [1, 1]}
    checked_elsewhere = [
        FocalLossClassifier(model),
        ResampledEnsembleClassifier(model, ClassWeight()),
        # Holds a fitted model and learns nothing, as scikit-learn's FrozenEstimator.
        PriorCorrectedClassifier(model, **prior),
    ]
    made = [*RESAMPLERS, *CLASSIFIERS, *checked_elsewhere]
    assert {type(each) for each in made} == public
    site = "https://skstrat.github.io/skstrat/reference/generated/skstrat."
    for each in made:
        name = type(each).__name__
        assert f'href="{site}{name}.html"' in each._repr_html_()
        # Its own, and not that of a class of the same name elsewhere.
        assert "imbalanced-learn.org" not in each._repr_html_()

    class Mine(DownsampleUpweight):
        """A subclass of a user has no page."""

    for each in (Mine(), RowCorrectedClassifier(model, row_offset=None, **prior)):
        assert "skstrat.github.io" not in each._repr_html_()
