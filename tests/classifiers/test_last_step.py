"""A pipeline's last step and its weights: each message names what works."""

import numpy as np
import pytest
from resampled_models import down, wrapped
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsRegressor

from skstrat import TreeWeightsWarning, UnusedWeightsError, make_pipeline

pytestmark = pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.slow)]
)


def test_several_labels_a_row(trees, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(12_000, 3))
    chance = 1 / (1 + np.exp([0.5, 2, 3] - X))
    labels = (rng.random(chance.shape) < chance).astype(int)
    trees, linear = trees("histogram"), LogisticRegression()
    for_trees = r"MultiOutputClassifier\(ResampledClassifier\(classifier, resampler\)\)"
    both = rf"Use MultiOutputClassifier\(classifier\) for linear .* {for_trees}"
    with pytest.raises(UnusedWeightsError, match=both):
        make_pipeline(down(20), OneVsRestClassifier(linear)).fit(X, labels)
    with pytest.warns(TreeWeightsWarning, match=for_trees):
        make_pipeline(down(20), MultiOutputClassifier(trees)).fit(X, labels)
    # Warnings are errors here, so what is advised is silent.
    for works in (
        make_pipeline(down(20), MultiOutputClassifier(linear)),
        MultiOutputClassifier(wrapped(trees, down(20), calibration_check=True)),
    ):
        columns = works.fit(X[:6000], labels[:6000]).predict_proba(X[6000:])
        ratios = [each[:, 1].mean() for each in columns] / labels[6000:].mean(axis=0)
        assert ((ratios > 0.8) & (ratios < 1.25)).all()


def amounts(seed):
    """Gamma amounts, of which a resampler keeps the few large ones."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20_000, 4))
    return X, rng.gamma(1, np.exp(3 + X @ [0.5, 0.4, 0.3, 0.2]))


def by_amount(factor):
    return down(factor, strata=lambda X, y: np.digitize(y, [50, 200]))


def test_trees_of_numbers_predict_too_much_and_a_pipeline_says_so(seed):
    train, (X, y) = amounts(seed), amounts(seed + 10)
    forest = RandomForestRegressor(10, random_state=0)
    trees = make_pipeline(by_amount(10), forest)
    with pytest.warns(TreeWeightsWarning, match="^RandomForestRegressor.*smaller fact"):
        trees.fit(*train)
    excess = trees.predict(X).mean() / y.mean() - 1
    assert excess > 0.2
    # Warnings are errors here, so both remedies are silent.
    linear = make_pipeline(by_amount(10), LinearRegression()).fit(*train)
    assert linear.predict(X).mean() == pytest.approx(y.mean(), rel=0.2)
    # How much trees predict too much differs between versions of scikit-learn.
    fewer_dropped = make_pipeline(by_amount(2), forest).fit(*train)
    assert fewer_dropped.predict(X).mean() / y.mean() - 1 < excess / 2
    nearest = make_pipeline(by_amount(10), KNeighborsRegressor())
    with pytest.raises(UnusedWeightsError, match="a regressor whose fit takes"):
        nearest.fit(*train)
