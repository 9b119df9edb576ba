"""Containers that scikit-learn does not read, up to the estimator that does."""

import numpy as np
import pytest
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline as make_stock_pipeline

from skstrat import (
    DownsampleUpweight,
    PartialFitClassifier,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    compare_strategies,
    make_pipeline,
)

N_ROWS = 1500
DOWN = DownsampleUpweight(factor=4, random_state=0)


def values():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(N_ROWS, 2))
    y = (rng.random(N_ROWS) < 0.1 * np.exp(columns[:, 0] / 2)).astype(int)
    return columns, y, np.where(np.arange(N_ROWS) % 7, rng.lognormal(size=N_ROWS), 0.0)


def data_set():
    datasets = pytest.importorskip("datasets")
    (a, b), y, weight = values()[0].T, *values()[1:]
    X = datasets.Dataset.from_dict({"a": a, "b": b, "y": y, "weight": weight})
    return X, X["y"], X["weight"]


def data_arrays():
    xarray = pytest.importorskip("xarray")
    (a, b), y, weight = values()[0].T, *values()[1:]
    named = {"a": a, "b": b, "y": y, "weight": weight}
    X = xarray.Dataset({name: ("row", each) for name, each in named.items()})
    return X, X["y"], X["weight"]


def columns():
    (a, b), y, weight = values()[0].T, *values()[1:]
    return {"a": a, "b": b.tolist()}, y, weight


CONTAINERS = {"Hugging Face": data_set, "xarray": data_arrays, "dict": columns}


def as_matrix(X):
    """Make of a container what scikit-learn reads, of a matrix itself."""
    if isinstance(X, np.ndarray):
        return X
    return np.column_stack([np.asarray(X["a"][:]), np.asarray(X["b"][:])])


class Reader(TransformerMixin, BaseEstimator):
    """Make numbers of a container."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return as_matrix(X)


class ReadingSGD(ClassifierMixin, BaseEstimator):
    """A linear model that reads a batch of any kind."""

    def __init__(self, loss="log_loss"):
        self.loss = loss

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        if not hasattr(self, "model_"):
            self.model_ = SGDClassifier(loss=self.loss, random_state=0)
            self.classes_ = np.asarray(classes)
        self.model_.partial_fit(as_matrix(X), y, self.classes_, sample_weight)
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(as_matrix(X))

    def predict(self, X):
        return self.model_.predict(as_matrix(X))


READER = make_stock_pipeline(Reader(), LogisticRegression())
HOSTS = {
    "downsampled": ResampledClassifier(READER, DOWN),
    "checked": ResampledClassifier(READER, DOWN, calibration_check="cv"),
    "not resampled": ResampledClassifier(READER),
    "ensemble": ResampledEnsembleClassifier(
        READER, DOWN, n_estimators=2, random_state=0
    ),
    "pipeline": make_pipeline(DOWN, Reader(), LogisticRegression()),
    "batches": PartialFitClassifier(ReadingSGD(), epochs=1, random_state=0),
    "early stopping": PartialFitClassifier(
        ReadingSGD(), epochs=2, early_stopping=True, random_state=0
    ),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["ones", "weights"])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("host", HOSTS)
def test_models_are_those_of_the_matrix(host, container, weighted):
    X, y, weight = CONTAINERS[container]()
    matrix, labels, numbers = values()
    model, given = HOSTS[host], ({}, {})
    if weighted:
        given = {"sample_weight": weight}, {"sample_weight": numbers}
    expected = model.fit(matrix, labels, **given[1])
    proba, check = expected.predict_proba(matrix), checked(expected)
    found = model.fit(X, y, **given[0])
    assert found.classes_.tolist() == [0, 1]
    assert found.predict_proba(X).tolist() == proba.tolist()
    assert checked(found) == check
    assert found.predict(X).shape == (N_ROWS,)


def checked(model):
    return getattr(model, "calibration_check_", None)


def test_a_stock_sampler_is_given_the_labels_of_a_column():
    _, y, _ = data_set()
    matrix, labels, _ = values()
    sampler = RandomUnderSampler(random_state=0)
    model = ResampledClassifier(LogisticRegression(), sampler)
    expected = model.fit(matrix, labels).predict_proba(matrix).tolist()
    assert model.fit(matrix, y).predict_proba(matrix).tolist() == expected


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_scikit_learn_cannot_split_is_not_compared(container):
    X, _, _ = CONTAINERS[container]()
    labels = values()[1]
    with pytest.raises(TypeError, match=r"X must be .* of which folds can take rows"):
        compare_strategies(READER, X, labels, cv=2)
