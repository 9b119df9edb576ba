"""Situations that users of other libraries reported, tried with this package."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from skstrat import (
    BalancedBatches,
    DownsampleUpweight,
    GuidedDownsample,
    ImbalancedSampler,
    PartialFitClassifier,
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


class RawScores(HistGradientBoostingClassifier):
    """Predicts one raw score a row, as LightGBM with a function as objective."""

    def predict_proba(self, X):
        return np.log(super().predict_proba(X)[:, 1])


class FourClasses(GaussianNB):
    """Has a class that the data lack, as networks of a fixed size do."""

    def fit(self, X, y):
        super().fit(X, y).classes_ = np.arange(4)
        return self


class OneVersusAll(GaussianNB):
    """Predicts columns that do not sum to 1, as one-versus-all objectives do."""

    def predict_proba(self, X):
        return np.sqrt(super().predict_proba(X))


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("resampler", [DOWN, GUIDED], ids=["uniform", "guided"])
@pytest.mark.parametrize(
    ("estimator", "rule"),
    [(RawScores(max_iter=2), "give one column"), (OneVersusAll(), "sum to 1 in")],
    ids=["raw scores", "one versus all"],
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


def test_a_pipeline_passes_raw_scores_on():
    X, y = rows()
    model = make_pipeline(DOWN, RawScores(max_iter=2)).fit(X, y)
    assert model.predict_proba(X).shape == (len(y),)


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
    "inside", [None, make_pipeline(StandardScaler(), Ridge(alpha=0))]
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


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("estimator", "learned"),
    [(SelfTrainingClassifier(GaussianNB()), "0, 1"), (FourClasses(), "0, 1, 2, 3")],
)
def test_an_estimator_learns_the_classes_of_y(estimator, learned, check):
    X, y = rows()
    y[::2] = -1
    model = ResampledClassifier(estimator, DOWN, calibration_check=check)
    text = (
        rf"{type(estimator).__name__} must learn the classes of y, \[-1, 0, 1\]; its "
        rf"classes_ are \[{learned}\]. If a label marks rows without a class"
    )
    with pytest.raises(ValueError, match=text):
        model.fit(X, y)


def test_trees_with_one_weight_for_each_class_are_warned_of():
    X, y = rows(40_000)
    kept = (y == 1) | (np.arange(len(y)) % 20 == 0)
    X, y = X[kept], y[kept]
    totals = np.bincount(y) * [20, 1]
    model = ResampledClassifier(HistGradientBoostingClassifier(random_state=0))
    with pytest.warns(TreeWeightsWarning, match="one value for each class.*target_pri"):
        model.fit(X, y, sample_weight=np.where(y == 1, 1, 20))
    new, share = rows(40_000, seed=1)[0], totals[1] / totals.sum()
    assert model.predict_proba(new)[:, 1].mean() / share > 1.25
    remedy = ResampledClassifier(model.estimator, target_prior=totals).fit(X, y)
    assert 0.8 < remedy.predict_proba(new)[:, 1].mean() / share < 1.25


@pytest.mark.parametrize(
    ("estimator", "weight", "use_weights"),
    [
        (LogisticRegression(), 20, "auto"),
        (HistGradientBoostingClassifier(), 3, "auto"),
        (HistGradientBoostingClassifier(), 20, True),
    ],
    ids=["linear", "small weights", "asked for"],
)
def test_other_given_weights_are_not_warned_of(estimator, weight, use_weights):
    X, y = rows()
    model = ResampledClassifier(estimator, use_weights=use_weights)
    model.fit(X, y, sample_weight=np.where(y == 1, 1, weight))
    assert model.decision_.weights == "incoming"


@pytest.mark.parametrize("n_rows", [1_000, 10_000])
def test_labels_of_several_parts_are_refused(n_rows):
    X, y = rows(n_rows)
    with pytest.raises(ValueError, match="Unknown label type: y must hold"):
        DOWN.fit(X, np.rec.fromarrays([y, y]))


@pytest.mark.parametrize("pipeline", [False, True])
@pytest.mark.parametrize(
    ("weights", "error", "text"),
    [
        ({0: 1, 1: 5}, TypeError, "one number for each row of X; got dict"),
        (np.ma.masked_less(np.arange(4_000), 3), ValueError, ".*nan in row 0 and 3"),
    ],
    ids=["dict", "masked"],
)
def test_what_is_no_weight_is_refused(pipeline, weights, error, text):
    fit = make_pipeline(DOWN, LogisticRegression()).fit if pipeline else DOWN.fit
    X, y = rows()
    with pytest.raises(error, match=f"sample_weight must be {text}"):
        fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("columns", [[0, 1], [0] * 60], ids=["two", "sixty"])
@pytest.mark.parametrize("scale", [0, 1], ids=["constant", "signal"])
def test_sgd_predicts_the_share_of_few_rows(scale, columns, seed):
    X, y = rows(220, seed)
    X = scale * X[:, columns]
    sgd = SGDClassifier(loss="log_loss", random_state=seed)
    model = PartialFitClassifier(sgd, early_stopping=True, random_state=seed).fit(X, y)
    # 20 to 22 of the rows are held out, so the shares differ a little.
    assert model.predict_proba(X)[:, 1].mean() / y.mean() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("place", [-1, 0.5, 10**6])
def test_no_epoch_starts_at_a_place_it_does_not_have(place):
    y = rows()[1]
    for items in (BalancedBatches(y, batch_size=64), ImbalancedSampler(y)):
        with pytest.raises(ValueError, match=r"^place must be a"):
            items.set_epoch(0, place=place)
        items.set_epoch(0, place=len(items))
        assert len(list(items)) == 0
