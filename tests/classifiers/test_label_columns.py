"""Labels in several columns: every host of a classifier refuses them, in one way."""

from itertools import cycle, product

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    DownsampleUpweight,
    FocalLossClassifier,
    PartialFitClassifier,
    Pipeline,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    compare_strategies,
    make_pipeline,
)

N_ROWS = 300
X = np.random.default_rng(0).normal(size=(N_ROWS, 2))
DOWN = DownsampleUpweight(factor=2, random_state=0)

LEARNERS = {
    "forest": RandomForestClassifier(5, random_state=0),
    "tree": DecisionTreeClassifier(max_depth=2, random_state=0),
    "neighbours": KNeighborsClassifier(),
    "network": MLPClassifier(max_iter=20, random_state=0),
    "logistic": LogisticRegression(),
    "boosting": HistGradientBoostingClassifier(max_iter=3),
}


def compare(learner):
    """Give what has a ``fit`` that compares."""

    class Comparing:
        def fit(self, X, y):
            return compare_strategies(learner, X, y, cv=2)

    return Comparing()


# Hosts that take any learner.
HOSTS = {
    "downsampled": lambda learner: ResampledClassifier(learner, DOWN),
    "undersampled": lambda learner: ResampledClassifier(learner, RandomUnderSampler()),
    "not resampled": ResampledClassifier,
    "ensemble": lambda learner: ResampledEnsembleClassifier(learner, DOWN),
    "pipeline": lambda learner: make_pipeline(StandardScaler(), DOWN, learner),
    "stock sampler": lambda learner: make_pipeline(RandomUnderSampler(), learner),
    "passthrough": lambda learner: Pipeline(
        [("down", DOWN), ("nothing", "passthrough"), ("learn", learner)]
    ),
    "comparison": compare,
}

HOSTS["batches"] = lambda _: PartialFitClassifier(SGDClassifier(loss="log_loss"))


def named(table):
    return dict(zip("abc", table.T, strict=False))


CONTAINERS = {
    "array": np.asarray,
    "booleans": lambda table: table.astype(bool),
    "floats": lambda table: table.astype(float),
    "objects": lambda table: table.astype(object),
    "list": np.ndarray.tolist,
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "pandas": lambda table: pd.DataFrame(named(table)),
    "pandas booleans": lambda table: pd.DataFrame(named(table.astype(bool))),
    "polars": lambda table: pl.DataFrame(named(table)),
    "arrow": lambda table: pa.table(named(table)),
    "xarray": lambda table: pytest.importorskip("xarray").DataArray(table),
}


def one_hot(n_classes):
    codes = np.random.default_rng(1).choice(3, N_ROWS, p=[0.8, 0.15, 0.05])
    return np.eye(n_classes, dtype=int)[codes.clip(0, n_classes - 1)]


def all_pairs():
    """Pair hosts with containers, and each of both with learners, turn by turn."""
    cells = list(product(HOSTS, CONTAINERS, [2, 3]))
    learners = cycle([*LEARNERS, *reversed(LEARNERS), "logistic"])
    return [(host, *rest, next(learners)) for host, *rest in cells]


def test_all_pairs_occur():
    for one, other in ((0, 3), (1, 3), (0, 1)):
        found = {(cell[one], cell[other]) for cell in all_pairs()}
        values = [{cell[place] for cell in all_pairs()} for place in (one, other)]
        assert found == set(product(*values))


@pytest.mark.parametrize(("host", "container", "n_classes", "learner"), all_pairs())
def test_one_hot_labels_are_refused_alike(host, container, n_classes, learner):
    model = HOSTS[host](LEARNERS[learner])
    y = CONTAINERS[container](one_hot(n_classes))
    with pytest.raises(
        ValueError,
        match=rf"^One-hot, .* y must have one label per row; got .*{N_ROWS}, "
        rf"{n_classes}\).*argmax",
    ):
        model.fit(X, y)


@pytest.mark.parametrize("host", [host for host in HOSTS if host != "batches"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_pipeline_alone_takes_rows_of_several_labels(host, n_classes):
    y = one_hot(n_classes)
    y[:9] = 1
    model = HOSTS[host](MultiOutputClassifier(LogisticRegression()))
    if host in ("pipeline", "passthrough"):
        assert model.fit(X, y).predict(X).shape == y.shape
        return
    with pytest.raises(ValueError, match=r"[Mm]ultilabel.*not supported"):
        model.fit(X, y)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_one_hot_labels_have_no_focal_loss(library):
    module = pytest.importorskip(library)
    learner = getattr(
        module, {"lightgbm": "LGBMClassifier"}.get(library, "XGBClassifier")
    )
    model = FocalLossClassifier(learner())
    y = one_hot(2)
    with pytest.raises(ValueError, match=r"^One-hot, .* y must have one label per"):
        model.fit(X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_place_of_the_one_is_a_label(n_classes):
    y = one_hot(n_classes).argmax(axis=1)
    model = ResampledClassifier(LogisticRegression(), DOWN).fit(X, y)
    assert model.classes_.tolist() == list(range(n_classes))
    expected = y.mean() if n_classes == 2 else np.bincount(y) / N_ROWS
    found = model.predict_proba(X).mean(axis=0)
    # Draws of 120 of 240 rows, of 15 parameters at most.
    np.testing.assert_allclose(
        found[1 if n_classes == 2 else slice(None)], expected, atol=0.03
    )


def test_steps_without_a_sampler_are_scikit_learns():
    y = one_hot(3)
    model = make_pipeline(StandardScaler(), LEARNERS["forest"]).fit(X, y)
    assert model.predict(X).shape == y.shape


@pytest.mark.parametrize("y", [None, 5], ids=repr)
@pytest.mark.parametrize("host", [host for host in HOSTS if host != "batches"])
def test_what_holds_no_labels_is_refused_by_the_name_of_y(host, y):
    model = HOSTS[host](LogisticRegression())
    with pytest.raises((TypeError, ValueError), match=r"\by\b") as caught:
        model.fit(X, y)
    assert "X must" not in str(caught.value)
