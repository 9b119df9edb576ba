"""Containers that scikit-learn does not read, and labels in several columns."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.under_sampling import RandomUnderSampler
from pairwise import pairs
from resampled_models import averaged, down, wrapped
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler

import skstrat
from skstrat import ResampledClassifier, compare_strategies, make_pipeline

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1500, 2))
Y = (RNG.random(1500) < 0.1 * np.exp(X[:, 0] / 2)).astype(int)
WEIGHT = np.where(np.arange(1500) % 7, RNG.lognormal(size=1500), 0.0)
COLUMNS = {"a": X[:, 0], "b": X[:, 1], "y": Y, "weight": WEIGHT}
UNDER = RandomUnderSampler(random_state=0)
LINE = LogisticRegression()


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


class Reader(TransformerMixin, BaseEstimator):
    """Make numbers of a container."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        if isinstance(X, np.ndarray):
            return X
        return np.column_stack([np.asarray(X["a"][:]), np.asarray(X["b"][:])])


READER = make_stock_pipeline(Reader(), LINE)
HOSTS = {
    "checked": ResampledClassifier(READER, down(), calibration_check="cv"),
    "not resampled": ResampledClassifier(READER),
    "ensemble": averaged(READER),
    "pipeline": make_pipeline(down(), Reader(), LINE),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("host", HOSTS)
def test_models_are_those_of_the_matrix(host, container):
    # Half of the pairs have weights.
    weighted = (list(HOSTS).index(host) + len(container)) % 2
    model, found = HOSTS[host], []
    for data, y, weight in ((X, Y, WEIGHT), CONTAINERS[container]()):
        model.fit(data, y, **({"sample_weight": weight} if weighted else {}))
        p = model.predict_proba(data).tolist()
        found.append((p, getattr(model, "calibration_check_", None)))
    assert found[0] == found[1]


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_stock_tools_make_of_a_container(container):
    rows, y, _ = CONTAINERS[container]()
    with pytest.raises(TypeError, match=r"X must be .* of which folds can take rows"):
        compare_strategies(READER, rows, Y, cv=2)
    # A stock sampler is given the labels of a column.
    model = ResampledClassifier(LINE, UNDER)
    expected = model.fit(X, Y).predict_proba(X).tolist()
    assert model.fit(X, y).predict_proba(X).tolist() == expected


# Labels in several columns

FITS = {
    "undersampled": lambda learner: wrapped(learner, UNDER).fit,
    "not resampled": lambda learner: ResampledClassifier(learner).fit,
    "ensemble": lambda learner: averaged(learner).fit,
    "pipeline": lambda learner: make_pipeline(StandardScaler(), down(), learner).fit,
    "stock sampler": lambda learner: make_pipeline(UNDER, learner).fit,
    "comparison": lambda learner: lambda X, y: compare_strategies(learner, X, y, cv=2),
    "batches": lambda _: (
        skstrat.PartialFitClassifier(SGDClassifier(loss="log_loss")).fit
    ),
}
TABLES = {
    "array": np.asarray,
    "list": np.ndarray.tolist,
    "csr": sparse.csr_array,
    "pandas": lambda table: pd.DataFrame(table.astype(bool)),
    "polars": pl.DataFrame,
}
ONE_HOT = np.eye(3, dtype=int)[RNG.choice(3, 300, p=[0.8, 0.15, 0.05])]


@pytest.mark.parametrize(("host", "container"), pairs(FITS, TABLES))
def test_one_hot_labels_are_refused_alike(host, container):
    fit, y = FITS[host](LINE), TABLES[container](ONE_HOT)
    message = r"^One-hot, .* y must have one label per row; got .*300, 3\).*argmax"
    with pytest.raises(ValueError, match=message):
        fit(X[:300], y)


@pytest.mark.parametrize("host", [host for host in FITS if host != "batches"])
def test_several_labels_and_none(host):
    y = np.where(np.arange(300)[:, None] < 9, 1, ONE_HOT)
    fit = FITS[host](MultiOutputClassifier(LINE))
    if host == "pipeline":
        # Which alone takes them.
        assert fit(X[:300], y).predict(X[:300]).shape == y.shape
    else:
        with pytest.raises(ValueError, match=r"[Mm]ultilabel.*not supported"):
            fit(X[:300], y)
    fit = FITS[host](LINE)
    for nothing in (None, 5):
        with pytest.raises((TypeError, ValueError), match=r"\by\b") as caught:
            fit(X[:300], nothing)
        assert "X must" not in str(caught.value)
