"""Classifiers on Dask collections, and resampling on processes that may die."""

import os
import signal
import threading
import time
from contextlib import nullcontext

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    PartialFitClassifier,
    PriorCorrectedClassifier,
    RandomOversample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    UnusedWeightsError,
)

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")
pd = pytest.importorskip("pandas")

FEATURES = ["amount", "age"]
DOWN = DownsampleUpweight(factor=5, random_state=0)


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
            dashboard_address=":0",  # two tests may have a cluster each
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
        ResampledClassifier(
            HistGradientBoostingClassifier(max_iter=5),
            GuidedDownsample(factor=5, random_state=0),
        ),
    ],
    ids=["weights", "no weights", "trees", "over", "class weight", "guided"],
)
def test_estimators_in_memory(model, kind, weighted):
    data = table(1500)
    X, y, weights = collections(data, kind)
    model.fit(X, y, sample_weight=weights if weighted else None)
    mass, trained = model.target_prior_, model.train_prior_
    drawn, estimator = model.n_samples_fit_, model.estimator_
    X, y, weights = in_memory(data, kind)
    predicted, proba = model.predict(X), model.predict_proba(X)
    model.fit(X, y, sample_weight=weights if weighted else None)
    assert model.estimator_ is not estimator
    np.testing.assert_allclose(mass, model.target_prior_, rtol=1e-12)
    np.testing.assert_allclose(trained, model.train_prior_, rtol=1e-12)
    assert drawn == model.n_samples_fit_
    # The data are those of the other fit, to the last digit of the weights.
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=1e-6)
    assert (predicted == model.predict(X)).mean() > 0.999
    assert predicted.dtype == y.dtype


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
PREDICTS = {
    "resampled": lambda: ResampledClassifier(LogisticRegression(), DOWN),
    "uncorrected": lambda: ResampledClassifier(
        LogisticRegression(), DOWN, prior_correction=False
    ),
    "batches": lambda: PartialFitClassifier(
        SGDClassifier(loss="log_loss"), epochs=1, random_state=0
    ),
    "prior": lambda: PriorCorrectedClassifier(
        LogisticRegression(), train_prior=[1, 1], target_prior=[9, 1]
    ),
    "ensemble": lambda: ResampledEnsembleClassifier(
        LogisticRegression(), DOWN, n_estimators=2, random_state=0
    ),
}


def fitted(name, labels, kind):
    data = table(1500)
    y = data["y"].to_numpy().copy()
    y[:100:2] = len(labels) - 1
    X, y = in_memory(data, kind)[0], np.array(labels)[y]
    model = PREDICTS[name]()
    if name == "prior":
        model.estimator.fit(X, y)
        mass = np.ones(len(labels))
        return model.set_params(
            train_prior=mass, target_prior=mass + np.arange(2, 2 + len(mass))
        ), X
    return model.fit(X, y), X


@pytest.mark.usefixtures("this_thread")
@pytest.mark.parametrize("kind", ["frame", "array"])
@pytest.mark.parametrize("labels", [["no", "yes"], [10, 3, 5]], ids=str)
@pytest.mark.parametrize("name", PREDICTS)
def test_lazy_predictions_are_refused_with_what_dask_does(name, labels, kind):
    model, X = fitted(name, labels, kind)
    lazy = collections(table(1500), kind)[0]
    methods = [method for method in METHODS if hasattr(model, method)]
    assert methods == METHODS[: 2 if name == "ensemble" else 4]
    for method in methods:
        asked = f"for {type(model).__name__}.{method}; got a Dask collection"
        with pytest.raises(TypeError, match=asked) as refused:
            getattr(model, method)(lazy)
        call = str(refused.value).partition("where it is: ")[2].rstrip(".")
        way = "map_partitions" if kind == "frame" else "map_blocks"
        assert call.startswith(f"X.{way}(model.{method}")
        predicted, wanted = (
            eval(call, {"X": lazy, "model": model}),
            getattr(model, method)(X),
        )
        assert predicted.shape[1:] == wanted.shape[1:]
        assert predicted.dtype == wanted.dtype or wanted.dtype.kind == "U"
        if method == "predict":
            np.testing.assert_array_equal(predicted.compute(), wanted)
        else:
            # Products of matrices differ in the last digit with the number of rows.
            np.testing.assert_allclose(
                predicted.compute(), wanted, rtol=1e-9, atol=1e-12
            )


def test_an_estimator_of_dask_is_given_rows_in_memory():
    given = []

    class OnCluster(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            given.extend([X, y, sample_weight])
            return super().fit(X, y, sample_weight)

    OnCluster.__module__ = "somewhere.dask"
    X, y, weights = collections(table(600))
    with dask.config.set(scheduler="synchronous"):
        ResampledClassifier(OnCluster(), DOWN).fit(X, y, sample_weight=weights)
    assert [type(each) for each in given] == [pd.DataFrame, pd.Series, np.ndarray]


@pytest.mark.usefixtures("this_thread")
def test_rows_without_weight_are_not_there_but_keep_their_positions():
    data = table(1500)
    data.loc[::3, "w"] = 0.0
    X, y, weights = collections(data)
    model = ResampledClassifier(LogisticRegression(), DOWN, use_weights=False)
    model.fit(X, y, sample_weight=weights)
    down = clone(DOWN).fit(data[FEATURES], data["y"], sample_weight=data["w"])
    assert model.resampler_.plan_ == down.plan_
    drawn = model.resampler_.sample_indices_
    assert drawn.tolist() == down.sample_indices_.tolist()
    mass = data["w"].groupby(data["y"]).sum()
    np.testing.assert_allclose(model.target_prior_, mass, rtol=1e-12)


@pytest.mark.usefixtures("this_thread")
def test_dropped_rows_of_partitions_check_the_model_as_in_memory():
    data = table()
    X, y, _ = collections(data)
    model = ResampledClassifier(LogisticRegression(), DOWN)
    lazy = model.fit(X, y).calibration_check_
    memory = model.fit(data[FEATURES], data["y"]).calibration_check_
    assert lazy == pytest.approx(memory)


@pytest.mark.usefixtures("this_thread")
def test_batches_of_the_rows_drawn():
    X, y, _ = collections(table())
    sgd = PartialFitClassifier(
        SGDClassifier(loss="log_loss", random_state=0), epochs=3, random_state=0
    )
    model = ResampledClassifier(sgd, DOWN, calibration_check=False)
    data = table()
    proba = model.fit(X, y).predict_proba(data[FEATURES])
    wanted = model.fit(data[FEATURES], data["y"]).predict_proba(data[FEATURES])
    np.testing.assert_allclose(proba, wanted, rtol=1e-9)


@pytest.mark.usefixtures("this_thread")
def test_estimators_that_take_no_weights():
    X, y, weights = collections(table(600))
    model = ResampledClassifier(KNeighborsClassifier(), DOWN).fit(X, y)
    assert model.train_prior_.tolist() == list(model.resampler_.plan_.rows)
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


USES = [
    lambda X, y, w: (X.values, y.values, w.values),
    lambda X, y, w: [each.to_dask_array(lengths=True) for each in (X, y, w)],
    lambda X, y, w: (X.persist().values, w.persist()),
    lambda X, y, w: (X["amount"] + X["age"], X.assign(y=y, w=w)),
    lambda X, y, w: (X.merge(y.to_frame(), left_index=True, right_index=True), w),
]
WANTED = [
    lambda X, y, w: (X, y, w),
    lambda X, y, w: (X, y, w),
    lambda X, y, w: (X, w),
    lambda X, y, w: (X["amount"] + X["age"], X.assign(y=y, w=w)),
    lambda X, y, w: (X.assign(y=y), w),
]


@pytest.mark.parametrize(
    "scheduler", ["threads", pytest.param("processes", marks=pytest.mark.slow)]
)
def test_what_comes_out_is_used_like_other_collections(scheduler, request):
    if scheduler == "processes":
        alive(request.getfixturevalue("client"))
    data = table()
    own, (X, y, _) = clone(DOWN), collections(data)
    wanted = own.fit_resample(data[FEATURES], data["y"])
    with (
        nullcontext()
        if scheduler == "processes"
        else dask.config.set(scheduler=scheduler)
    ):
        drawn = own.fit_resample(X, y)
        assert len(drawn[0]) == len(wanted[0])
        for use, plain in zip(USES, WANTED, strict=True):
            for lazy, expected in zip(use(*drawn), plain(*wanted), strict=True):
                np.testing.assert_array_equal(lazy.compute(), expected)


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
