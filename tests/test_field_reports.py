"""Situations that users of other libraries reported, tried with this package."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
    TreeWeightsWarning,
    make_pipeline,
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
@pytest.mark.parametrize("resampler", [DOWN, GUIDED], ids=["uniform", "guided"])
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


@pytest.mark.parametrize("columns", [["a", "a", "b"], ["a", 1, 2]])
@pytest.mark.parametrize("resampler", [DOWN, GUIDED], ids=["uniform", "guided"])
def test_column_names_are_not_read_where_rows_are_picked(resampler, columns):
    X, y = rows()
    drawn, _, weights = resampler.fit_resample(pd.DataFrame(X, columns=columns), y)
    expected, _, _ = resampler.fit_resample(X, y)
    assert drawn.columns.tolist() == columns
    assert_allclose(drawn, expected)
    assert weights.sum() == pytest.approx(len(y))


@pytest.mark.parametrize(
    "inside",
    [
        None,
        Ridge(alpha=0),
        make_pipeline(StandardScaler(), Ridge(alpha=0)),
        GridSearchCV(Ridge(), {"alpha": [0]}),
    ],
    ids=["default", "regressor", "pipeline", "search"],
)
def test_a_transformed_target_gets_the_weights(inside):
    X, _ = rows()
    y = np.exp(X[:, 0])
    large = X[:, 0] > 1
    down = DownsampleUpweight(
        factor={False: 10, True: 1}, strata=large, y_numeric=True, random_state=0
    )
    model = TransformedTargetRegressor(inside, func=np.sqrt, inverse_func=np.square)
    fitted = make_pipeline(down, model).fit(X, y)[-1]
    picked, target, weights = down.fit_resample(X, y)
    design = np.column_stack([np.ones(len(picked)), picked])
    scaled = design.T * weights
    beta = np.linalg.solve(scaled @ design, scaled @ np.sqrt(target))
    assert_allclose(fitted.regressor_.predict(X), beta[0] + X @ beta[1:], atol=1e-6)


def test_weighted_trees_behind_a_transformed_target_are_warned_of():
    X, y = rows()
    down = DownsampleUpweight(factor=20, random_state=0)
    trees = TransformedTargetRegressor(RandomForestRegressor(2, random_state=0))
    with pytest.warns(TreeWeightsWarning, match="RandomForestRegressor"):
        make_pipeline(down, trees).fit(X, y)
