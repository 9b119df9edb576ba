"""Dask collections give the rows, weights and plan of the same data in memory."""

import warnings
from itertools import accumulate, pairwise
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from skstrat import (
    AbsentClassWarning,
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    GuidedDownsample,
    RandomOversample,
)

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")

NAMES = {"numbers": [0, 1, 2], "strings": ["ok", "rare", "fraud"]}
RESAMPLERS = {
    "factor": lambda names: DownsampleUpweight(factor=7, random_state=3),
    "factors": lambda names: DownsampleUpweight(
        factor={names[0]: 5.5, names[1]: 2}, random_state=3
    ),
    "literal": lambda names: DownsampleUpweight(
        factor=7, weighting="factor", random_state=3
    ),
    "prior": lambda names: DownsampleUpweight(
        factor=7, weighting=dict(zip(names, (0.5, 0.3, 0.2), strict=True))
    ),
    "ratio": lambda names: DownsampleUpweight(sampling_strategy=0.5, random_state=3),
    "one to one": lambda names: DownsampleUpweight(
        sampling_strategy="auto", weighting="balanced", random_state=3
    ),
    "over": lambda names: RandomOversample(random_state=3),
    "over by times": lambda names: RandomOversample(
        times=2.7, weighting="uniform", random_state=3
    ),
    "both ways": lambda names: CombinedResample(weighting="balanced", random_state=3),
    "weights": lambda names: ClassWeight(),
    "no factor": lambda names: DownsampleUpweight(factor=1, random_state=3),
}
KINDS = ["frame", "loose frame", "array", "loose array", "frame and array"]


@pytest.fixture(autouse=True)
def _in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def table(n_rows, kind="numbers", seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.choice(3, n_rows, p=[0.85, 0.1, 0.05])
    y = np.array(NAMES[kind])[codes] if n_rows else np.empty(0, int)
    return pd.DataFrame(
        {
            "amount": rng.normal(size=n_rows),
            "row": np.arange(n_rows, dtype=np.int32),
            "country": pd.Categorical.from_codes(
                rng.integers(0, 3, n_rows), list("abc")
            ),
            "y": y,
            "w": rng.choice([0.0, 0.5, 1.0, 3.0], n_rows),
        }
    )


def as_frame(data, lengths, *, known=True):
    """Cut into partitions, of which some may be empty, with gaps in the index."""
    edges = [0, *accumulate(lengths)]
    part_of = np.repeat(np.arange(len(lengths)), lengths)
    data = data.set_axis(np.arange(len(data)) + part_of)
    parts = [data.iloc[start:end] for start, end in pairwise(edges)]
    divisions = [edge + number for number, edge in enumerate(edges)]
    return dd.from_map(
        pd.DataFrame,
        parts,
        meta=data.iloc[:0],
        divisions=tuple(divisions) if known else None,
    )


def as_array(values, lengths, *, known=True):
    """Cut into blocks of rows, and of columns."""
    chunks = (tuple(lengths), *((1,) * size for size in values.shape[1:]))
    array = da.from_array(values, chunks=chunks)
    if not known:
        array._chunks = ((np.nan,) * len(lengths), *chunks[1:])
    return array


def collections(data, lengths, kind):
    """Give X, y and weights as Dask collections."""
    frame = as_frame(data, lengths, known=kind != "loose frame")
    features = ["amount", "row", "country"]
    if kind.endswith("frame"):
        return frame[features], frame["y"], frame["w"]
    known = kind != "loose array"
    y = as_array(data["y"].to_numpy(), lengths, known=known)
    if kind == "frame and array":
        return frame[features], y, frame["w"]
    X = as_array(data[["amount", "row"]].to_numpy(), lengths, known=known)
    return X, y, as_array(data["w"].to_numpy(), lengths, known=known)


def partitions(*collections):
    """Compute the partitions of each, with all columns, in one run."""
    whole = [
        each.rechunk({1: -1})
        if getattr(each, "chunks", None) and each.ndim > 1
        else each
        for each in collections
    ]
    return dask.compute([np.ravel(each.to_delayed()).tolist() for each in whole])[0]


def lengths_of(*collections):
    return [[len(part) for part in own] for own in partitions(*collections)]


def assert_equal(computed, wanted):
    assert type(computed) is type(wanted)
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(computed, wanted, check_freq=False)
    elif isinstance(wanted, pd.Series):
        pd.testing.assert_series_equal(computed, wanted, check_freq=False)
    else:
        assert computed.dtype == wanted.dtype
        np.testing.assert_array_equal(computed, wanted)


def assert_same_plan(lazy, wanted):
    exact = ("classes", "rows_seen", "rows", "threshold", "seed")
    for name in exact:
        assert getattr(lazy, name) == getattr(wanted, name), name
    # Masses are added up in another order.
    np.testing.assert_allclose(lazy.class_total, wanted.class_total, rtol=1e-12)
    np.testing.assert_allclose(lazy.class_weight, wanted.class_weight, rtol=1e-12)


def assert_as_in_memory(resampler, X, y, sample_weight=None):
    """Compare rows, order, index, types, weights, plan and positions."""
    own = clone(resampler)
    given_weights = None if sample_weight is None else sample_weight.compute()
    X_memory, y_memory = X.compute(), y.compute()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AbsentClassWarning)
        X2, y2, w2 = own.fit_resample(X, y, sample_weight=sample_weight)
        if getattr(resampler, "random_state", 0) is None:
            resampler = clone(resampler).set_params(random_state=own.plan_.seed)
        resampler.fit(X_memory, y_memory, sample_weight=given_weights)
        X3, y3, w3 = resampler.fit_resample(
            X_memory, y_memory, sample_weight=given_weights
        )
    assert_equal(X2.compute(), X3)
    assert_equal(y2.compute(), y3)
    weights = w2.compute()
    assert weights.dtype == np.float64
    np.testing.assert_allclose(weights, w3, rtol=1e-12)
    if isinstance(y3, (pd.Series, pd.DataFrame)):
        assert weights.index.equals(y3.index)
        assert weights.name == w2.name == "sample_weight"
    assert own.sample_indices_.tolist() == resampler.sample_indices_.tolist()
    assert own.classes_.tolist() == resampler.classes_.tolist()
    assert own.sampling_strategy_ == resampler.sampling_strategy_
    assert getattr(own, "n_features_in_", 0) == getattr(resampler, "n_features_in_", 0)
    assert hasattr(own, "plan_") == hasattr(resampler, "plan_")
    if hasattr(own, "plan_"):
        assert_same_plan(own.plan_, resampler.plan_)
    return X2, y2, w2


def assert_partitioned_alike(X2, y2, w2):
    """Compare lengths, chunks and divisions with what is there."""
    computed = partitions(X2, y2, w2)
    lengths = [len(part) for part in computed[0]]
    assert min(lengths) > 0
    for each, parts in zip((X2, y2, w2), computed, strict=True):
        assert [len(part) for part in parts] == lengths
        if hasattr(each, "chunks"):
            assert each.chunks[0] == tuple(lengths)
            assert each.shape[1:] == parts[0].shape[1:]
            continue
        assert each.npartitions == len(lengths)
        if each.known_divisions:
            low, high = np.array(each.divisions[:-1]), np.array(each.divisions[1:])
            high[-1] += 1
            assert (low <= [part.index.min() for part in parts]).all()
            assert ([part.index.max() for part in parts] < high).all()


NAMED = {
    "strata": ("frame", DownsampleUpweight(factor=7, strata="country")),
    "several": ("frame", DownsampleUpweight(factor=7, strata=["row", "country"])),
    "groups of several": (
        "frame and array",
        RandomOversample(groups=["country", "row"]),
    ),
    "strata, loose": ("loose frame", RandomOversample(strata="country")),
    "groups": (
        "frame and array",
        DownsampleUpweight(factor=3, groups="row"),
    ),
    "position": ("loose array", DownsampleUpweight(factor=4, strata=1)),
    "array": ("array", DownsampleUpweight(factor=4, strata=np.arange(2000) % 7)),
    "callable": (
        "array",
        DownsampleUpweight(
            sampling_strategy=lambda y: {0: int((y == 1).sum())},
            strata=lambda X, y: X["country"] if hasattr(X, "iloc") else X[:, 1] < 90,
        ),
    ),
    "pilot": ("frame", GuidedDownsample(factor=5)),
    "pilot of an array": ("array", GuidedDownsample(factor=5, pilot_folds=2)),
    "auto": ("loose frame", DownsampleUpweight(factor="auto")),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", NAMED)
@pytest.mark.filterwarnings("ignore:Some strata hold few")
def test_columns_that_decide_are_those_of_memory(name, weighted):
    kind, resampler = NAMED[name]
    data = table(2000).assign(row=lambda own: own["row"] // 9)
    # A row that is not there needs no label.
    data = data.astype({"y": float})
    data.loc[data.index[data["w"] == 0][:3], "y"] = np.nan if weighted else 0.0
    X, y, weights = collections(data, [700, 0, 900, 400], kind)
    resampler = clone(resampler).set_params(random_state=5)
    drawn = assert_as_in_memory(resampler, X, y, weights if weighted else None)
    assert_partitioned_alike(*drawn)


@pytest.mark.parametrize("numeric", [False, True])
def test_targets_that_are_no_classes(numeric):
    rng = np.random.default_rng(0)
    y = rng.random((900, 3)) < (0.02, 0.1, 0.3)
    y = rng.lognormal(size=900) if numeric else y.astype(int)
    # Whole numbers in one partition are none in all.
    y[300:600] = np.round(y[300:600])
    strata = np.arange(900) % 3 if numeric else None
    resampler = DownsampleUpweight(factor=3, strata=strata, random_state=0)
    X = as_array(np.arange(900), [300, 300, 300])
    drawn = assert_as_in_memory(resampler, X, as_array(y, [300, 300, 300]))
    assert_partitioned_alike(*drawn)


@st.composite
def layouts(draw):
    lengths = draw(st.lists(st.integers(0, 60), min_size=1, max_size=9))
    lengths.insert(draw(st.integers(0, len(lengths))), 60)
    return lengths, draw(st.sampled_from(KINDS)), draw(st.integers(0, 9))


@pytest.mark.parametrize("name", RESAMPLERS)
@settings(max_examples=3, deadline=None)
@given(layouts(), st.sampled_from(["numbers", "strings"]), st.booleans())
def test_every_layout_gives_the_rows_of_the_whole(name, layout, labels, weighted):
    lengths, kind, seed = layout
    data = table(sum(lengths), labels, seed)
    if data.loc[data["w"] > 0, "y"].nunique() < 3:
        return
    X, y, weights = collections(data, lengths, kind)
    resampler = RESAMPLERS[name](NAMES[labels])
    drawn = assert_as_in_memory(resampler, X, y, weights if weighted else None)
    assert_partitioned_alike(*drawn)


LENGTHS = {
    "one": ([900], KINDS[:1]),
    "five": ([180] * 5, KINDS[:1]),
    "uneven": ([1, 700, 3, 40, 156], KINDS[2:3]),
    "thirty-one": ([9] * 31, KINDS),
    "empty": ([0, 0, 500, 0, 390, 10, 0], KINDS),
}


@pytest.mark.parametrize(
    ("lengths", "kind"),
    [
        pytest.param(lengths, kind, id=f"{name}, {kind}")
        for name, (lengths, kinds) in LENGTHS.items()
        for kind in kinds
    ],
)
def test_partitions_of_every_number_and_length(lengths, kind):
    X, y, weights = collections(table(sum(lengths)), lengths, kind)
    resampler = RESAMPLERS["factor"]([0, 1, 2])
    drawn = assert_as_in_memory(resampler, X, y, weights)
    assert_partitioned_alike(*drawn)
    if hasattr(X, "divisions"):
        assert drawn[0].known_divisions == X.known_divisions


def test_partitions_of_one_class_and_partitions_that_give_no_row():
    y = np.repeat([0, 1, 0, 1], [400, 7, 593, 5])
    data = pd.DataFrame({"row": np.arange(1005), "y": y})
    frame = as_frame(data, [400, 7, 10, 10, 10, 563, 5])
    resampler = DownsampleUpweight(factor=100, random_state=0)
    drawn = assert_as_in_memory(resampler, frame[["row"]], frame["y"])
    assert_partitioned_alike(*drawn)
    assert drawn[0].npartitions < frame.npartitions
    assert drawn[0].known_divisions


@pytest.mark.parametrize("labels", ["numbers", "strings"])
@pytest.mark.parametrize("shape", ["series", "one column", "category", "unknown"])
def test_labels_of_every_kind(shape, labels):
    data = table(900, labels)
    frame = as_frame(data, [100, 0, 350, 450])
    make = {
        "series": lambda: frame["y"],
        "one column": lambda: frame[["y"]],
        "category": lambda: frame["y"].astype("category").cat.as_known(),
        # Each partition knows its own categories.
        "unknown": lambda: frame["y"].astype("category"),
    }
    resampler = RESAMPLERS["factor"](NAMES[labels])
    drawn = assert_as_in_memory(resampler, frame[["row"]], make[shape]())
    assert_partitioned_alike(*drawn)


@pytest.mark.parametrize("dtype", ["bool", "bool[pyarrow]", "Int64", "int64[pyarrow]"])
def test_types_of_pandas_own(dtype):
    frame = as_frame(table(900).assign(y=lambda data: data["y"] % 2), [400, 500])
    y = frame["y"].astype(dtype)
    assert_as_in_memory(RESAMPLERS["factor"]([0]), frame[["row"]], y)


def test_categories_that_no_row_has():
    data = table(900)
    data["y"] = pd.Categorical(data["y"] * 2, categories=[4, 3, 2, 1, 0])
    frame = as_frame(data, [300, 600])
    assert_as_in_memory(RESAMPLERS["factor"]([0]), frame[["row"]], frame["y"])


@pytest.mark.parametrize("width", [1, 3])
def test_labels_in_the_columns_of_an_array(width):
    codes = table(900)["y"].to_numpy()
    values = codes.reshape(-1, 1) if width == 1 else np.eye(3, dtype=int)[codes]
    y, X = as_array(values, [400, 500]), as_array(np.arange(900), [400, 500])
    drawn = assert_as_in_memory(RESAMPLERS["factor"]([0]), X, y)
    assert_partitioned_alike(*drawn)


def test_rows_that_are_images_and_rows_that_are_numbers():
    values = np.random.default_rng(0).normal(size=(900, 4, 3)).astype(np.float32)
    lengths, y = [500, 400], table(900)["y"].to_numpy()
    resampler = RESAMPLERS["both ways"]([0])
    for X in (values, values[:, 0, 0]):
        lazy = resampler.fit_resample(as_array(X, lengths), as_array(y, lengths))
        wanted = resampler.fit_resample(X, y)
        for one, other in zip(lazy, wanted, strict=True):
            assert_equal(one.compute(), other)
            assert one.chunks[0] == lazy[2].chunks[0]


@pytest.mark.parametrize("kind", KINDS)
def test_partitions_without_weight_and_without_rows(kind):
    data = table(900)
    data.loc[200:500, "w"] = 0.0
    lengths = [200, 0, 301, 200, 199]
    X, y, weights = collections(data, lengths, kind)
    for name in ("factor", "over", "weights"):
        drawn = assert_as_in_memory(RESAMPLERS[name]([0]), X, y, weights)
        assert_partitioned_alike(*drawn)
        assert drawn[2].npartitions == 3


@pytest.mark.parametrize("kind", KINDS)
def test_weights_alone_leave_the_rows_as_they_are(kind):
    X, y, _ = collections(table(900), [300, 100, 500], kind)
    drawn = assert_as_in_memory(ClassWeight(), X, y)
    assert_partitioned_alike(*drawn)
    assert lengths_of(*drawn) == [[300, 100, 500]] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_weights_alone_leave_out_partitions_without_rows(kind):
    X, y, _ = collections(table(900), [300, 0, 600], kind)
    drawn = assert_as_in_memory(ClassWeight(), X, y)
    assert_partitioned_alike(*drawn)
    assert lengths_of(*drawn) == [[300, 600]] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_fit_learns_what_fit_resample_does(kind):
    X, y, _ = collections(table(900), [400, 500], kind)
    one, other = (RESAMPLERS["ratio"]([0]) for _ in range(2))
    drawn, _, _ = one.fit_resample(X, y)
    assert other.fit(X, y) is other
    assert one.plan_ == other.plan_
    positions = other.sample_indices_
    assert positions.tolist() == one.sample_indices_.tolist()
    assert len(positions) == len(drawn.compute())
    if hasattr(X, "columns"):
        assert other.feature_names_in_.tolist() == list(X.columns)


def test_the_plan_draws_each_partition_as_the_collections_are():
    lengths = [300, 0, 250, 350]
    data = table(900)
    X, y, weights = collections(data, lengths, "frame")
    resampler = RESAMPLERS["both ways"]([0])
    _, _, w2 = resampler.fit_resample(X, y, sample_weight=weights)
    codes = np.searchsorted(resampler.plan_.classes, data["y"])
    totals = np.bincount(codes, data["w"])
    np.testing.assert_allclose(resampler.plan_.class_total, totals, rtol=1e-12)
    drawn = data["y"].to_numpy()[resampler.sample_indices_]
    assert np.bincount(drawn).tolist() == list(resampler.plan_.rows)
    # Balanced: each class weighs a third of all.
    np.testing.assert_allclose(
        np.bincount(drawn, w2.compute()), totals.sum() / 3, rtol=1e-12
    )


def test_without_a_seed_the_collections_agree_and_calls_differ():
    data = table(900)
    frame = as_frame(data, [450, 450])
    resampler, drawn = DownsampleUpweight(factor=7), []
    for _ in range(2):
        X2, y2, _ = resampler.fit_resample(frame[["row"]], frame["y"])
        rows = X2["row"].compute().to_numpy()
        again = X2["row"].compute().to_numpy()
        assert rows.tolist() == again.tolist()
        assert y2.compute().tolist() == data["y"][rows].tolist()
        drawn.append(rows.tolist())
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.float32, bool])
def test_classes_keep_the_type_of_the_labels(dtype):
    y = (table(900)["y"] > 0).to_numpy().astype(dtype)
    lazy, resampler = as_array(y, [400, 500]), RESAMPLERS["factor"]([0])
    learned = clone(resampler).fit(lazy, lazy).classes_
    assert learned.dtype == resampler.fit(y, y).classes_.dtype


def test_a_class_that_is_not_there():
    frame = as_frame(table(900), [400, 500])
    resampler = DownsampleUpweight(factor={0: 3, 7: 2}, random_state=0)
    with pytest.warns(AbsentClassWarning, match=r"names \[7\]"):
        _, _, w2 = resampler.fit_resample(frame[["row"]], frame["y"])
    assert w2.compute().sum() == pytest.approx(900)


def test_a_class_that_is_not_there_is_told_once():
    frame = as_frame(table(900), [400, 500])
    resampler = DownsampleUpweight(factor={0: 3, 7: 2}, random_state=0)
    with pytest.warns(AbsentClassWarning, match=r"names \[7\]") as told:
        resampler.fit(frame[["row"]], frame["y"])
    assert len(told) == 1


class Source:
    """Reads partitions of a table, and writes down what it was asked for."""

    def __init__(self):
        data = table(900)
        self.parts = [data.iloc[start : start + 150] for start in range(0, 900, 150)]
        self.meta, self.read = data.iloc[:0], []
        # Dask takes readers that look the same for one and the same.
        self.name = uuid4().hex

    def whole(self):
        def read_file(number):
            self.read.append(number)
            return self.parts[number]

        return dd.from_map(read_file, range(6), meta=self.meta)

    def by_column(self):
        def read_columns(number, columns=None):
            self.read.extend((number, name) for name in columns)
            return self.parts[number][columns]

        return dd.from_map(read_columns, range(6), meta=self.meta)

    def delayed(self):
        def read_later(number):
            self.read.append(number)
            return self.parts[number]

        parts = [dask.delayed(read_later)(number) for number in range(6)]
        return dd.from_delayed(parts, meta=self.meta)

    def arrays(self):
        def read_block(number, name):
            self.read.append((number, name))
            return self.parts[number][name].to_numpy()

        blocks = {
            name: [
                da.from_delayed(dask.delayed(read_block)(number, name), (150,), dtype)
                for number in range(6)
            ]
            for name, dtype in (("row", np.int32), ("y", np.int64))
        }
        return {name: da.concatenate(own) for name, own in blocks.items()}

    def forget(self):
        read, self.read = sorted(self.read), []
        return read


def test_only_the_labels_are_read_and_that_once():
    source = Source()
    frame = source.by_column()
    resampler = RESAMPLERS["ratio"]([0])
    drawn = resampler.fit_resample(frame[["amount", "row"]], frame["y"])
    assert source.forget() == [(number, "y") for number in range(6)]
    # One run for the rows and the labels, the weights, and the positions.
    dask.compute(*drawn)
    columns = ("amount", "row", "y")
    wanted = sorted((number, name) for number in range(6) for name in columns)
    assert source.forget() == wanted
    drawn[1].compute()
    assert len(source.forget()) in (6, 18)


def test_weights_are_read_once_too():
    source = Source()
    frame = source.by_column()
    resampler = RESAMPLERS["factor"]([0])
    drawn = resampler.fit_resample(
        frame[["amount"]], frame["y"], sample_weight=frame["w"]
    )
    wanted = [(number, name) for number in range(6) for name in ("w", "y")]
    assert source.forget() == wanted
    dask.compute(*drawn)
    # The weights are known by then.
    names = ("amount", "y")
    assert source.forget() == [(number, name) for number in range(6) for name in names]


def test_blocks_of_arrays_are_read_once():
    source = Source()
    arrays = source.arrays()
    resampler = RESAMPLERS["both ways"]([0])
    X2, y2, w2 = resampler.fit_resample(arrays["row"], arrays["y"])
    assert source.forget() == [(number, "y") for number in range(6)]
    dask.compute(X2, y2, w2)
    wanted = [(number, name) for number in range(6) for name in ("row", "y")]
    assert source.forget() == wanted


@pytest.mark.parametrize("kind", ["delayed", "whole"])
def test_files_that_cannot_be_read_by_column_are_read_once(kind):
    source = Source()
    frame = getattr(source, kind)()
    resampler = RESAMPLERS["factor"]([0])
    drawn = resampler.fit_resample(frame[["amount"]], frame["y"])
    assert source.forget() == list(range(6))
    dask.compute(*drawn)
    assert source.forget() == list(range(6))


def test_partitions_that_give_no_row_are_read_for_their_labels_alone():
    source = Source()
    source.parts = [part.assign(y=0) for part in source.parts]
    source.parts[2] = source.parts[2].assign(y=[1] * 10 + [0] * 140)
    frame = source.by_column()
    resampler = DownsampleUpweight(factor=400, random_state=0)
    drawn = resampler.fit_resample(frame[["amount"]], frame["y"])
    source.forget()
    dask.compute(*drawn)
    read = {number for number, name in source.forget() if name == "amount"}
    assert drawn[0].npartitions == len(read) < 6


def test_small_files_that_dask_would_put_together(tmp_path):
    pytest.importorskip("pyarrow")
    data = table(2500)
    data["text"] = [f"payment {number} " * 5 for number in range(2500)]
    for number in range(25):
        part = data.iloc[number * 100 : (number + 1) * 100]
        part.to_parquet(tmp_path / f"{number:02}.parquet")
    frame = dd.read_parquet(tmp_path)
    X, y, weights = frame[["amount", "row", "text"]], frame["y"], frame["w"]
    # The trap: of the labels alone Dask would make fewer partitions.
    assert y.optimize().npartitions < frame.npartitions == 25
    drawn = assert_as_in_memory(RESAMPLERS["both ways"]([0]), X, y, weights)
    assert_partitioned_alike(*drawn)
    assert [each.npartitions for each in drawn] == [25] * 3


def test_everything_must_be_of_dask():
    data = table(900)
    frame = as_frame(data, [400, 500])
    X, y, weights = frame[["row"]], frame["y"], frame["w"]
    resampler = RESAMPLERS["factor"]([0])
    with pytest.raises(TypeError, match=r"y is a Series\. Make it one with"):
        resampler.fit_resample(X, data["y"])
    with pytest.raises(TypeError, match="if one is; X is a DataFrame"):
        resampler.fit(data[["row"]], y)
    with pytest.raises(TypeError, match="if one is; sample_weight is a ndarray"):
        resampler.fit(X, y, sample_weight=data["w"].to_numpy())
    assert resampler.fit(X, y, sample_weight=weights).plan_.rows[1] > 0


@pytest.mark.parametrize(
    ("cut", "text"),
    [
        (
            {"X": [900]},
            r"partitioned alike; .* arrays: .'X': 1, 'y': .400, 500.",
        ),
        ({"y": [300, 300, 300]}, r"'X': 2, 'y': .300, 300, 300., .* repartition"),
        ({"w": [100] * 9}, r"'sample_weight': .100, 100, .*rechunk"),
    ],
)
def test_different_numbers_of_partitions(cut, text):
    lengths = {"X": [400, 500], "y": [400, 500], "w": [400, 500], **cut}
    data = table(900)
    X = as_frame(data, lengths["X"])[["row"]]
    y = as_array(data["y"].to_numpy(), lengths["y"])
    weights = as_array(data["w"].to_numpy(), lengths["w"])
    with pytest.raises(ValueError, match=text):
        RESAMPLERS["factor"]([0]).fit(X, y, sample_weight=weights)


def test_partitions_of_different_lengths_are_found_when_the_rows_are_read():
    data, resampler = table(900), RESAMPLERS["factor"]([0])
    X = as_frame(data, [300, 300, 300], known=False)[["row"]]
    y = as_frame(data, [300, 350, 250], known=False)["y"]
    drawn = resampler.fit_resample(X, y)
    with pytest.raises(
        ValueError, match=r"Partition [12] has 300 rows in X and [23]50"
    ):
        dask.compute(*drawn)
    first = drawn[0].partitions[0].compute()
    rows = resampler.sample_indices_
    assert first.index.tolist() == rows[rows < 300].tolist()
    weights = as_frame(data, [300, 350, 250], known=False)["w"]
    with pytest.raises(ValueError, match=r"Partition [12]: .* must have shape .300,."):
        resampler.fit(X, X["row"] % 2, sample_weight=weights)


@pytest.mark.parametrize("weights_alone", [False, True])
def test_chunks_of_different_lengths_are_found_at_once(weights_alone):
    data = table(900)
    X = as_array(data["row"].to_numpy(), [300, 300, 300])
    y = as_array(data["y"].to_numpy(), [300, 350, 250])
    resampler = ClassWeight() if weights_alone else DownsampleUpweight()
    with pytest.raises(ValueError, match=r"'y': .300, 350, 250.* rechunk"):
        resampler.fit(X, y)
    unknown = as_array(data["y"].to_numpy(), [300, 350, 250], known=False)
    drawn = resampler.fit_resample(X, unknown)
    for each in drawn:
        with pytest.raises(ValueError, match=r"Partition [12] has 300 rows in X"):
            each.compute()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda part: part.iloc[1:], "Partition 2 has 149 rows in X and 149 in y"),
        (lambda part: part.assign(y=1), "Partition 2 .* 150, or they were others"),
        (lambda part: part.assign(y=9), "Partition 2 .* 150, or they were others"),
        (lambda part: part.iloc[::-1], "Partition 2 .* 150, or they were others"),
    ],
    ids=["a row less", "another class", "an unknown class", "another order"],
)
@pytest.mark.parametrize("kind", ["whole", "by_column", "delayed"])
def test_data_that_changes_between_the_labels_and_the_rows(kind, change, text):
    source = Source()
    frame = getattr(source, kind)()
    drawn = RESAMPLERS["factor"]([0]).fit_resample(frame[["amount"]], frame["y"])
    source.parts[2] = change(source.parts[2])
    for collection in drawn:
        with pytest.raises(ValueError, match=text):
            collection.compute()
    # What did not change is still what it was.
    assert len(drawn[0].partitions[1].compute()) > 0


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (
            "y",
            np.nan,
            "y must have a label in every row; 1 of {} labels are missing",
        ),
        ("w", -1.0, "Partition 1: sample_weight must be finite and not .*got -1.0 in"),
        ("w", np.nan, "Partition 1: sample_weight must be finite"),
    ],
)
@pytest.mark.parametrize("kind", ["frame", "array"])
def test_labels_and_weights_that_cannot_be_used(kind, column, value, text):
    data = table(900).astype({"y": float})
    data.loc[600, "w"] = 1.0
    data.loc[600, column] = value
    X, y, weights = collections(data, [400, 500], kind)
    text = text.format(np.count_nonzero(data["w"]))
    with pytest.raises(ValueError, match=text):
        RESAMPLERS["factor"]([0]).fit(X, y, sample_weight=weights)


@pytest.mark.parametrize(
    ("resampler", "column", "error", "text"),
    [
        (
            ClassWeight(),
            "same",
            ValueError,
            "two classes; got one class, 5, in all 900",
        ),
        (DownsampleUpweight(factor=0.5), "y", ValueError, "'factor' parameter"),
    ],
)
def test_what_cannot_be_decided(resampler, column, error, text):
    frame = as_frame(table(900).assign(same=5), [400, 500])
    with pytest.raises(error, match=text):
        resampler.fit_resample(frame[["row"]], frame[column])


def test_no_row_at_all():
    frame = as_frame(table(900), [400, 500])
    frame = frame[frame["row"] < 0]
    with pytest.raises(ValueError, match=r"Found array with 0 sample"):
        ClassWeight().fit(frame[["row"]], frame["y"])
