"""Situations that users of other libraries reported, tried with this package."""

from functools import partial

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
)

DOWN = DownsampleUpweight(factor=4, random_state=0)
GUIDED = GuidedDownsample(factor=4, random_state=0)


def rows(n_rows=4_000, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    return X, (rng.random(n_rows) < 1 / (1 + np.exp(2.5 - X[:, 0]))).astype(int)


class RawScores(GaussianNB):
    """Predicts one raw score a row, as LightGBM with a function as objective."""

    def predict_proba(self, X):
        return np.log(super().predict_proba(X)[:, 1])


class OneVersusAll(GaussianNB):
    """Predicts columns that do not sum to 1, as one-versus-all objectives do."""

    def predict_proba(self, X):
        return np.sqrt(super().predict_proba(X))


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("resampler", [DOWN, GUIDED])
@pytest.mark.parametrize(
    ("estimator", "rule"),
    [(RawScores(), "give one column for each of 2"), (OneVersusAll(), "sum to 1 in")],
)
def test_scores_that_are_no_probabilities_are_refused(
    estimator, rule, resampler, check
):
    X, y = rows()
    model = ResampledClassifier(estimator, resampler, calibration_check=check)
    name = type(estimator).__name__
    text = rf"^{name}.predict_proba must {rule}.*objective that predict probabilities"
    call = (
        partial(model.fit, X, y) if check else partial(model.fit(X, y).predict_proba, X)
    )
    with pytest.raises(ValueError, match=text):
        call()
