"""Classifiers on Dask collections, and resampling on processes that may die."""

import os
import re
import signal
import time

import numpy as np
import pytest
from resampled_models import averaged
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    PartialFitClassifier,
    RandomOversample,
    ResampledClassifier,
)

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")
pd = pytest.importorskip("pandas")

FEATURES = ["amount", "age"]
DOWN = DownsampleUpweight(factor=5, random_state=0)
LOGISTIC, TREES = LogisticRegression(), HistGradientBoostingClassifier(max_iter=5)
SGD = SGDClassifier(loss="log_loss", random_state=0)


def table(n_rows=2000):
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=FEATURES)
    data["y"] = (rng.random(n_rows) < 1 / (1 + np.exp(3 - data["amount"]))).astype(int)
    return data.assign(w=rng.choice([0.5, 1.0, 3.0], n_rows))


DATA = table()


def collections(data=DATA, kind="frame"):
    frame = dd.from_pandas(data, npartitions=6)
    X, y, weights = frame[FEATURES], frame["y"], frame["w"]
    if kind == "frame":
        return X, y, weights
    arrays = [each.to_dask_array(lengths=True) for each in (X, y, weights)]
    return (X, *arrays[1:]) if kind == "mixed" else tuple(arrays)


@pytest.fixture
def this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.mark.usefixtures("this_thread")
@pytest.mark.parametrize(
    ("estimator", "resampler", "kind", "weighted"),
    [
        (LOGISTIC, DOWN, "frame", True),
        (LOGISTIC, ClassWeight(), "array", True),
        (TREES, GuidedDownsample(factor=5, random_state=0), "mixed", True),
        (LOGISTIC, RandomOversample(random_state=0), "array", False),
        (PartialFitClassifier(SGD, epochs=3, random_state=0), DOWN, "mixed", False),
    ],
    ids=["weights", "class weight", "guided", "over", "batches"],
)
def test_estimators_are_those_of_memory(estimator, resampler, kind, weighted):
    X, y, weights = collections(kind=kind)
    model = ResampledClassifier(estimator, resampler)
    memory = clone(model)
    model.fit(X, y, sample_weight=weights if weighted else None)
    X = DATA[FEATURES].to_numpy() if kind == "array" else DATA[FEATURES]
    memory.fit(X, DATA["y"], sample_weight=DATA["w"] if weighted else None)
    for name in ("target_prior_", "train_prior_"):
        found, expected = (getattr(each, name) for each in (model, memory))
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert model.n_samples_fit_ == memory.n_samples_fit_
    assert model.calibration_check_ == pytest.approx(memory.calibration_check_)
    # The data are those of the other fit, to the last digit of the weights.
    proba, expected = (each.predict_proba(X) for each in (model, memory))
    np.testing.assert_allclose(proba, expected, rtol=1e-6)
    assert model.predict(X).dtype == DATA["y"].dtype


@pytest.mark.usefixtures("this_thread")
def test_rows_of_zero_weight_are_ignored_but_keep_their_positions():
    data = DATA.assign(w=DATA["w"].where(DATA.index % 3 > 0, 0.0))
    X, y, weights = collections(data)
    model = ResampledClassifier(LOGISTIC, DOWN).fit(X, y, sample_weight=weights)
    down = clone(DOWN).fit(data[FEATURES], data["y"], sample_weight=data["w"])
    rows = model.resampler_.sample_indices_
    assert rows.tolist() == down.sample_indices_.tolist()
    totals = data["w"].groupby(data["y"]).sum()
    np.testing.assert_allclose(model.target_prior_, totals, rtol=1e-12)


@pytest.mark.usefixtures("this_thread")
@pytest.mark.parametrize(
    ("model", "labels", "kind"),
    [
        (ResampledClassifier(LOGISTIC, DOWN), ["no", "yes", "maybe"], "frame"),
        (PartialFitClassifier(SGD, epochs=1, random_state=0), [0, 1], "array"),
        (averaged(LOGISTIC, DOWN), [10, 3, 5], "frame"),
    ],
    ids=["resampled", "batches", "ensemble"],
)
def test_lazy_predictions_are_refused_with_what_dask_does(model, labels, kind):
    model, lazy = clone(model), collections(kind=kind)[0]
    X = DATA[FEATURES].to_numpy() if kind == "array" else DATA[FEATURES]
    y = np.array(labels)[np.where(DATA.index < 300, len(labels) - 1, DATA["y"])]
    model.fit(X, y)
    methods = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
    for method in [each for each in methods if hasattr(model, each)]:
        asked = f"for {type(model).__name__}.{method}; got a Dask collection"
        with pytest.raises(TypeError, match=asked) as refused:
            getattr(model, method)(lazy)
        way = "map_partitions" if kind == "frame" else "map_blocks"
        call = re.search(rf"X\.{way}\(model\.{method}.*\)", str(refused.value))[0]
        predicted = eval(call, {"X": lazy, "model": model})
        wanted = getattr(model, method)(X)
        assert predicted.shape[1:] == wanted.shape[1:]
        assert predicted.dtype == wanted.dtype or wanted.dtype.kind == "U"
        if method == "predict":
            np.testing.assert_array_equal(predicted.compute(), wanted)
        else:
            # Products of matrices differ in the last digit with the number of rows.
            settings = {"rtol": 1e-9, "atol": 1e-12}
            np.testing.assert_allclose(predicted.compute(), wanted, **settings)


def slowly(part):
    time.sleep(0.5)
    return part


@pytest.mark.slow
def test_a_worker_that_dies():
    settings = {"n_workers": 2, "threads_per_worker": 1, "silence_logs": 50}
    # Two tests may have a cluster each.
    cluster = distributed.LocalCluster(dashboard_address=":0", **settings)
    (X, y, _), own = collections(), clone(DOWN)
    X = X.map_partitions(slowly, meta=X._meta)
    with cluster, distributed.Client(cluster) as client:
        drawn = [each.persist() for each in own.fit_resample(X, y)]
        time.sleep(1)
        states = {each.status for each in distributed.futures_of(drawn)}
        assert "pending" in states
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        computed = [each.compute() for each in drawn]
    X, y, weights = own.fit_resample(DATA[FEATURES], DATA["y"])
    pd.testing.assert_frame_equal(computed[0], X)
    pd.testing.assert_series_equal(computed[1], y)
    np.testing.assert_array_equal(computed[2], weights)
