"""Classifiers on Dask collections, and resampling on processes that may die."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    PartialFitClassifier,
    RandomOversample,
    ResampledClassifier,
    UnusedWeightsError,
)
from skstrat._lazy_predictions import without_class_weight

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")
pd = pytest.importorskip("pandas")

FEATURES = ["amount", "age"]
DOWN = DownsampleUpweight(factor=5, random_state=0)
# LightGBM tells of an own parameter that it does not use on a cluster.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter n_jobs will be ignored")


def table(n_rows=4000, seed=0):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=FEATURES)
    data["y"] = (rng.random(n_rows) < 1 / (1 + np.exp(3 - data["amount"]))).astype(int)
    data["w"] = rng.choice([0.5, 1.0, 3.0], n_rows)
    return data


def collections(data, kind="frame", n_parts=6):
    frame = dd.from_pandas(data, npartitions=n_parts)
    X, y, weights = frame[FEATURES], frame["y"], frame["w"]
    if kind == "frame":
        return X, y, weights
    arrays = [each.to_dask_array(lengths=True) for each in (X, y, weights)]
    return (X, *arrays[1:]) if kind == "mixed" else tuple(arrays)


def in_memory(data, kind):
    X, y, weights = data[FEATURES], data["y"], data["w"]
    if kind == "array":
        X = X.to_numpy()
    return X, y, weights


@pytest.fixture
def this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.usefixtures("this_thread")
@pytest.mark.parametrize(
    ("kind", "weighted"), [("frame", False), ("array", True), ("mixed", True)]
)
@pytest.mark.parametrize(
    "model",
    [
        ResampledClassifier(LogisticRegression(), DOWN),
        ResampledClassifier(LogisticRegression(), DOWN, use_weights=False),
        ResampledClassifier(HistGradientBoostingClassifier(max_iter=5), DOWN),
        ResampledClassifier(LogisticRegression(), RandomOversample(random_state=0)),
        ResampledClassifier(LogisticRegression(class_weight=None), ClassWeight()),
    ],
    ids=["weights", "no weights", "trees", "over", "class weight"],
)
def test_estimators_in_memory(model, kind, weighted):
    data = table(1500)
    X, y, weights = collections(data, kind)
    model.fit(X, y, sample_weight=weights if weighted else None)
    mass, trained = model.original_mass_, model.trained_mass_
    drawn, estimator = model.n_samples_fit_, model.estimator_
    lazy = [getattr(model, name)(X) for name in ("predict", "predict_proba")]
    X, y, weights = in_memory(data, kind)
    model.fit(X, y, sample_weight=weights if weighted else None)
    assert model.estimator_ is not estimator
    np.testing.assert_allclose(mass, model.original_mass_, rtol=1e-12)
    np.testing.assert_allclose(trained, model.trained_mass_, rtol=1e-12)
    assert drawn == model.n_samples_fit_
    predicted, proba = dask.compute(*lazy)
    # The data are those of the other fit, to the last digit of the weights.
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=1e-6)
    assert (predicted == model.predict(X)).mean() > 0.999
    assert predicted.dtype == lazy[0].dtype == y.dtype
    assert proba.dtype == lazy[1].dtype


@pytest.mark.usefixtures("this_thread")
@pytest.mark.parametrize("labels", [["no", "yes"], [10, 3]])
def test_predictions_are_lazy_and_by_partition(labels):
    data = table(1500).assign(y=lambda data: np.array(labels)[data["y"]])
    model = ResampledClassifier(LogisticRegression(), DOWN, use_weights=False)
    model.fit(data[FEATURES], data["y"])
    rows = []

    def read(part):
        rows.append(len(part))
        return part

    frame = dd.from_map(read, [data[:700], data[:0], data[700:]], meta=data[:0])
    X = frame[FEATURES]
    methods = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
    lazy = [getattr(model, name)(X) for name in methods]
    assert rows == []
    for name, each in zip(methods, lazy, strict=True):
        own = getattr(model, name)(data[FEATURES])
        assert each.dtype == own.dtype
        assert [len(part) for part in dask.compute(*each.to_delayed().ravel())] == [
            700,
            0,
            800,
        ]
        if name == "predict":
            assert each.compute().tolist() == own.tolist()
        else:
            np.testing.assert_allclose(each.compute(), own, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("this_thread")
@pytest.mark.parametrize(
    "lengths",
    [(700, 800), (700, 0, 800)],
)
def test_predictions_have_the_chunks_of_the_rows(lengths):
    data = table(1500)
    X = data[FEATURES].to_numpy()
    model = ResampledClassifier(LogisticRegression(), DOWN).fit(X, data["y"])
    blocks = da.from_array(X, chunks=(lengths, (1, 1)))
    proba = model.predict_proba(blocks)
    # Products of matrices differ in the last digit with the number of rows.
    np.testing.assert_allclose(proba.compute(), model.predict_proba(X), rtol=1e-12)
    np.testing.assert_array_equal(model.predict(blocks).compute(), model.predict(X))
    assert proba.chunks == (lengths, (2,))


@pytest.mark.usefixtures("this_thread")
def test_rows_without_weight_are_not_there_but_keep_their_positions():
    data = table(1500)
    data.loc[::3, "w"] = 0.0
    X, y, weights = collections(data)
    model = ResampledClassifier(LogisticRegression(), DOWN, use_weights=False)
    model.fit(X, y, sample_weight=weights)
    down = clone(DOWN).fit(data[FEATURES], data["y"], sample_weight=data["w"])
    assert model.resampler_.plan_ == down.plan_
    drawn = model.resampler_.sample_indices_.compute()
    assert drawn.tolist() == down.sample_indices_.tolist()
    mass = data["w"].groupby(data["y"]).sum()
    np.testing.assert_allclose(model.original_mass_, mass, rtol=1e-12)


@pytest.mark.usefixtures("this_thread")
def test_batches_of_the_rows_drawn():
    X, y, _ = collections(table())
    sgd = PartialFitClassifier(
        SGDClassifier(loss="log_loss", random_state=0), epochs=3, random_state=0
    )
    model = ResampledClassifier(sgd, DOWN, calibration_check=False)
    lazy = model.fit(X, y).predict_proba(X).compute()
    data = table()
    wanted = model.fit(data[FEATURES], data["y"]).predict_proba(data[FEATURES])
    np.testing.assert_allclose(lazy, wanted, rtol=1e-9)


@pytest.mark.usefixtures("this_thread")
def test_estimators_that_take_no_weights():
    X, y, weights = collections(table(600))
    model = ResampledClassifier(KNeighborsClassifier(), DOWN).fit(X, y)
    assert model.trained_mass_.tolist() == list(model.resampler_.plan_.rows)
    with pytest.raises(UnusedWeightsError, match="sample_weight was given to fit"):
        model.fit(X, y, sample_weight=weights)


@pytest.mark.usefixtures("this_thread")
def test_resamplers_that_need_more_than_labels():
    under_sampling = pytest.importorskip("imblearn.under_sampling")
    X, y, _ = collections(table(600))
    sampler = under_sampling.RandomUnderSampler()
    with pytest.raises(TypeError, match=r"by their labels for .*RandomUnderSampler"):
        ResampledClassifier(LogisticRegression(), sampler).fit(X, y)
    with pytest.raises(TypeError, match=r"resampler must be one of .* got None"):
        ResampledClassifier(LogisticRegression()).fit(X, y)
    weighted = LogisticRegression(class_weight="balanced")
    with pytest.raises(ValueError, match="reweights the classes and silently cancels"):
        ResampledClassifier(weighted, DOWN).fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("use_weights", ["auto", False, True])
@pytest.mark.parametrize("kind", ["frame", "array", "mixed"])
@pytest.mark.usefixtures("client")
def test_lightgbm_on_the_cluster(kind, use_weights, weighted):
    lightgbm = pytest.importorskip("lightgbm")
    data = table(20_000)
    X, y, weights = collections(data, kind)
    boosting = lightgbm.DaskLGBMClassifier(n_estimators=30, num_leaves=4, verbosity=-1)
    model = ResampledClassifier(boosting, DOWN, use_weights=use_weights)
    model.fit(X, y, sample_weight=weights if weighted else None)
    w = data["w"].to_numpy() if weighted else np.ones(len(data))
    totals = np.bincount(data["y"], w)
    np.testing.assert_allclose(model.original_mass_, totals, rtol=1e-12)
    rows = model.resampler_.sample_indices_.compute()
    drawn = np.bincount(data["y"][rows], w[rows])
    # With the resampler's weights the classes are as in the data.
    wanted = totals if use_weights is True else drawn
    np.testing.assert_allclose(model.trained_mass_, wanted, rtol=1e-12)
    assert model.n_samples_fit_ == len(rows)
    lazy = model.predict_proba(X)
    proba, predicted = lazy.compute(), model.predict(X).compute()
    assert (predicted == proba.argmax(axis=1)).all()
    rate = np.average(data["y"], weights=w)
    effective = w.sum() ** 2 / (w**2).sum()
    error = np.sqrt(rate * (1 - rate) / effective)
    # Trees overpredict with weights of 5; without the correction it would be 4 times.
    allowed = 5 * error + (0.1 * rate if use_weights is True else 0)
    assert abs(np.average(proba[:, 1], weights=w) - rate) < allowed
    assert log_loss(data["y"], proba) < log_loss(data["y"], np.full(len(data), rate))


@pytest.mark.usefixtures("this_thread")
@pytest.mark.parametrize(
    "kind",
    [
        "series",
        "one column",
        "array",
        "loose",
        "matrix",
    ],
)
def test_class_weights_are_taken_out_of_lazy_weights(kind):
    data = table(1500)
    X, y, weights = collections(data, "array" if kind == "matrix" else "frame")
    if kind == "one column":
        y = y.to_frame()
    elif kind == "array":
        y, weights = y.to_dask_array(lengths=True), weights.values
    elif kind == "loose":
        X, y, weights = (each.clear_divisions() for each in (X, y, weights))
    elif kind == "matrix":
        y = y.reshape(-1, 1)
    resampler = DownsampleUpweight(factor=5, random_state=0)
    _, y2, w2 = resampler.fit_resample(X, y, sample_weight=weights)
    incoming = without_class_weight(w2, y2, resampler.plan_)
    assert incoming.npartitions == w2.npartitions
    rows = resampler.sample_indices_.compute()
    np.testing.assert_allclose(incoming.compute(), data["w"].to_numpy()[rows])


@pytest.mark.slow
@pytest.mark.usefixtures("client")
def test_what_lightgbm_on_the_cluster_refuses():
    lightgbm = pytest.importorskip("lightgbm")
    X, y, _ = collections(table(600))
    boosting = lightgbm.DaskLGBMClassifier(class_weight="balanced")
    with pytest.raises(ValueError, match=r"class_weight=.balanced.. reweights"):
        ResampledClassifier(boosting, DOWN).fit(X, y)


def alive(client):
    """Wait for two workers, and give the process of each."""
    client.wait_for_workers(2, timeout=60)
    return client.run(os.getpid)


def kill_one(client):
    before = alive(client)
    os.kill(next(iter(before.values())), signal.SIGKILL)
    return before


def assert_as_planned(drawn, resampler, data):
    X, y, weights = dask.compute(*drawn)
    X2, y2, w2 = resampler.fit_resample(data[FEATURES], data["y"])
    pd.testing.assert_frame_equal(X, X2)
    pd.testing.assert_series_equal(y, y2)
    np.testing.assert_array_equal(weights, w2)


@pytest.mark.slow
def test_processes_give_the_rows_of_the_data_in_memory(client):
    alive(client)
    data = table()
    for resampler in (DOWN, RandomOversample(random_state=1)):
        own = resampler.__class__(**resampler.get_params())
        X, y, _ = collections(data)
        drawn = own.fit_resample(X, y)
        plan = own.plan_
        assert_as_planned(drawn, own, data)
        assert own.plan_ == plan
        # Nothing stays on the workers.
        del drawn


@pytest.mark.slow
def test_another_scheduler_gives_the_same_rows(client):
    alive(client)
    data = table()
    X, y, _ = collections(data)
    own = DownsampleUpweight(factor=5, random_state=3)
    drawn = own.fit_resample(X, y)
    wanted = [each.compute() for each in drawn]
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            computed = [each.compute() for each in drawn]
            plan = DownsampleUpweight(factor=5, random_state=3).fit(X, y).plan_
        assert plan == own.plan_
        for one, other in zip(computed, wanted, strict=True):
            assert one.equals(other)
    with distributed.Client(client.scheduler.address) as other:
        futures = other.compute(list(drawn))
        for one, each in zip(other.gather(futures), wanted, strict=True):
            assert one.equals(each)


@pytest.mark.slow
def test_a_worker_that_dies_before_the_rows_are_taken(client):
    data = table()
    X, y, _ = collections(data)
    own = DownsampleUpweight(factor=5, random_state=0)
    drawn = own.fit_resample(X, y)
    before = kill_one(client)
    assert_as_planned(drawn, own, data)
    assert alive(client) != before


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["labels", "rows"])
def test_a_worker_that_dies_at_work(client, stage):
    data = table()
    X, y, _ = collections(data)
    own = DownsampleUpweight(factor=5, random_state=0)
    if stage == "labels":
        y = y.map_partitions(slowly, meta=y._meta)
        before = alive(client)
        with killing(before, after=1.0):
            drawn = own.fit_resample(X, y)
    else:
        X = X.map_partitions(slowly, meta=X._meta)
        drawn = own.fit_resample(X, y)
        drawn = [each.persist() for each in drawn]
        time.sleep(1)
        states = {each.status for each in distributed.futures_of(drawn)}
        assert "pending" in states
        before = kill_one(client)
    assert_as_planned(drawn, own, data)
    assert alive(client) != before


def slowly(part):
    time.sleep(0.5)
    return part


class killing:  # noqa: N801
    """Kill a process while something is under way."""

    def __init__(self, processes, after):
        self.process = next(iter(processes.values()))
        self.timer = threading.Timer(after, os.kill, (self.process, signal.SIGKILL))

    def __enter__(self):
        self.timer.start()

    def __exit__(self, *_):
        # It was killed while this went on, not later.
        assert not self.timer.is_alive()
        self.timer.join()
