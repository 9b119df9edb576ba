"""Containers that scikit-learn does not read, and labels in several columns."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    DownsampleUpweight,
    PartialFitClassifier,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    compare_strategies,
    make_pipeline,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1500, 2))
Y = (RNG.random(1500) < 0.1 * np.exp(X[:, 0] / 2)).astype(int)
WEIGHT = np.where(np.arange(1500) % 7, RNG.lognormal(size=1500), 0.0)
COLUMNS = {"a": X[:, 0], "b": X[:, 1], "y": Y, "weight": WEIGHT}
DOWN = DownsampleUpweight(factor=4, random_state=0)
UNDER = RandomUnderSampler(random_state=0)


def data_set():
    X = pytest.importorskip("datasets").Dataset.from_dict(COLUMNS)
    return X, X["y"], X["weight"]


def data_arrays():
    named = {name: ("row", each) for name, each in COLUMNS.items()}
    X = pytest.importorskip("xarray").Dataset(named)
    return X, X["y"], X["weight"]


CONTAINERS = {
    "Hugging Face": data_set,
    "xarray": data_arrays,
    "dict": lambda: ({"a": X[:, 0], "b": X[:, 1].tolist()}, Y, WEIGHT),
}


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

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        if not hasattr(self, "model_"):
            self.model_ = SGDClassifier(loss="log_loss", random_state=0)
            self.classes_ = np.asarray(classes)
        self.model_.partial_fit(as_matrix(X), y, self.classes_, sample_weight)
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(as_matrix(X))

    def predict(self, X):
        return self.model_.predict(as_matrix(X))


def batches(**params):
    return PartialFitClassifier(ReadingSGD(), random_state=0, **params)


READER = make_stock_pipeline(Reader(), LogisticRegression())
HOSTS = {
    "checked": ResampledClassifier(READER, DOWN, calibration_check="cv"),
    "not resampled": ResampledClassifier(READER),
    "ensemble": ResampledEnsembleClassifier(READER, DOWN, random_state=0),
    "pipeline": make_pipeline(DOWN, Reader(), LogisticRegression()),
    "batches": batches(epochs=1),
    "early stopping": batches(epochs=2, early_stopping=True),
}


# One or two epochs are too few for the shares.
@pytest.mark.filterwarnings("ignore:.*has not converged:skstrat.CalibrationWarning")
@pytest.mark.filterwarnings("ignore:ReadingSGD has not converged")
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("host", HOSTS)
def test_models_are_those_of_the_matrix(host, container):
    rows, y, weight = CONTAINERS[container]()
    # Half of the pairs have weights.
    weighted = (list(HOSTS).index(host) + len(container)) % 2
    model, found = HOSTS[host], []
    for data, *given in ((X, Y, WEIGHT), (rows, y, weight)):
        params = {"sample_weight": given[1]} if weighted else {}
        model.fit(data, given[0], **params)
        p = model.predict_proba(data).tolist()
        found.append((p, getattr(model, "calibration_check_", None)))
        assert model.predict(data).shape == (1500,)
    assert found[0] == found[1]


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_stock_tools_make_of_a_container(container):
    rows, y, _ = CONTAINERS[container]()
    with pytest.raises(TypeError, match=r"X must be .* of which folds can take rows"):
        compare_strategies(READER, rows, Y, cv=2)
    # A stock sampler is given the labels of a column.
    model = ResampledClassifier(LogisticRegression(), UNDER)
    expected = model.fit(X, Y).predict_proba(X).tolist()
    assert model.fit(X, y).predict_proba(X).tolist() == expected


# Labels in several columns


class Comparing:
    """Compare in ``fit``."""

    def __init__(self, learner):
        self.learner = learner

    def fit(self, X, y):
        return compare_strategies(self.learner, X, y, cv=2)


LABEL_HOSTS = {
    "downsampled": lambda learner: ResampledClassifier(learner, DOWN),
    "undersampled": lambda learner: ResampledClassifier(learner, UNDER),
    "not resampled": ResampledClassifier,
    "ensemble": lambda learner: ResampledEnsembleClassifier(learner, DOWN),
    "pipeline": lambda learner: make_pipeline(StandardScaler(), DOWN, learner),
    "stock sampler": lambda learner: make_pipeline(UNDER, learner),
    "comparison": Comparing,
    "batches": lambda _: PartialFitClassifier(SGDClassifier(loss="log_loss")),
}


def named(table):
    return dict(zip("abc", table.T, strict=False))


TABLES = {
    "array": np.asarray,
    "objects": lambda table: table.astype(object),
    "list": np.ndarray.tolist,
    "csr": sparse.csr_array,
    "pandas": lambda table: pd.DataFrame(named(table.astype(bool))),
    "polars": lambda table: pl.DataFrame(named(table)),
    "arrow": lambda table: pa.table(named(table)),
    "xarray": lambda table: pytest.importorskip("xarray").DataArray(table),
}


def one_hot(n_classes):
    codes = np.random.default_rng(1).choice(3, 300, p=[0.8, 0.15, 0.05])
    return np.eye(n_classes, dtype=int)[codes.clip(0, n_classes - 1)]


@pytest.mark.parametrize("container", TABLES)
@pytest.mark.parametrize("host", LABEL_HOSTS)
def test_one_hot_labels_are_refused_alike(host, container):
    odd = (list(TABLES).index(container) + list(LABEL_HOSTS).index(host)) % 2
    learner = RandomForestClassifier(5) if odd else LogisticRegression()
    model, y = LABEL_HOSTS[host](learner), TABLES[container](one_hot(2 + odd))
    message = (
        rf"^One-hot, .* y must have one label per row; got .*300, {2 + odd}\).*argmax"
    )
    with pytest.raises(ValueError, match=message):
        model.fit(X[:300], y)


@pytest.mark.parametrize("host", [host for host in LABEL_HOSTS if host != "batches"])
def test_several_labels_and_none(host):
    y = one_hot(3)
    y[:9] = 1
    model = LABEL_HOSTS[host](MultiOutputClassifier(LogisticRegression()))
    if host == "pipeline":
        # Which alone takes them.
        assert model.fit(X[:300], y).predict(X[:300]).shape == y.shape
    else:
        with pytest.raises(ValueError, match=r"[Mm]ultilabel.*not supported"):
            model.fit(X[:300], y)
    model = LABEL_HOSTS[host](LogisticRegression())
    for nothing in (None, 5):
        with pytest.raises((TypeError, ValueError), match=r"\by\b") as caught:
            model.fit(X[:300], nothing)
        assert "X must" not in str(caught.value)


def test_steps_without_a_sampler_are_scikit_learns():
    model = make_pipeline(StandardScaler(), RandomForestClassifier(5))
    assert model.fit(X[:300], one_hot(3)).predict(X[:300]).shape == (300, 3)
