"""Dask collections give the rows, weights and plan of the same data in memory."""

import warnings
from itertools import accumulate, pairwise, product
from uuid import uuid4

import numpy as np
import pytest
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


def down(**settings):
    return DownsampleUpweight(random_state=3, **settings)


FACTOR = down(factor=7)
RESAMPLERS = [
    FACTOR,
    down(factor={0: 5.5, 1: 2}, weighting="factor"),
    down(factor=7, weighting={0: 0.5, 1: 0.3, 2: 0.2}),
    down(sampling_strategy="auto", weighting="balanced"),
    RandomOversample(times=2.7, weighting="uniform", random_state=3),
    CombinedResample(weighting="balanced", random_state=3),
    ClassWeight(),
    down(factor=1),
]
KINDS = ["frame", "loose frame", "array", "loose array", "frame and array"]
LENGTHS = [[900], [1, 700, 3, 40, 156], [0, 0, 500, 0, 390, 10, 0], [300, 100, 500]]


@pytest.fixture(autouse=True)
def _in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def table(n_rows=900):
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"amount": rng.normal(size=n_rows)})
    data["row"] = np.arange(n_rows, dtype=np.int32)
    codes = rng.integers(0, 3, n_rows)
    data["country"] = pd.Categorical.from_codes(codes, list("abc"))
    data["y"] = rng.choice(3, n_rows, p=[0.85, 0.1, 0.05])
    data["w"] = rng.choice([0.0, 0.5, 1.0, 3.0], n_rows)
    data.loc[200:500, "w"] = 0.0
    return data


def as_frame(data, lengths, *, known=True):
    """Cut into partitions, of which some may be empty, with gaps in the index."""
    edges = [0, *accumulate(lengths)]
    part_of = np.repeat(np.arange(len(lengths)), lengths)
    data = data.set_axis(np.arange(len(data)) + part_of)
    parts = [data.iloc[start:end] for start, end in pairwise(edges)]
    divisions = tuple(edge + number for number, edge in enumerate(edges))
    settings = {"meta": data.iloc[:0], "divisions": divisions if known else None}
    return dd.from_map(type(data), parts, **settings)


def as_array(values, lengths, *, known=True):
    """Cut into blocks of rows, and of columns."""
    chunks = (tuple(lengths), *((1,) * size for size in values.shape[1:]))
    array = da.from_array(values, chunks=chunks)
    if not known:
        array._chunks = ((np.nan,) * len(lengths), *chunks[1:])
    return array


def collections(data, lengths, kind):
    """Give X, y and weights as Dask collections."""
    known = not kind.startswith("loose")
    frame = as_frame(data, lengths, known=known)
    features = ["amount", "row", "country"]
    if kind.endswith("frame"):
        return frame[features], frame["y"], frame["w"]
    X, y, w = (
        as_array(data[names].to_numpy(), lengths, known=known)
        for names in (features[:2], "y", "w")
    )
    return (frame[features], y, frame["w"]) if kind == "frame and array" else (X, y, w)


def partitions(*collections):
    """Compute the partitions of each, with all columns, in one run."""
    whole = [
        each.rechunk({1: -1}) if getattr(each, "chunks", ()) and each.ndim > 1 else each
        for each in collections
    ]
    return dask.compute([np.ravel(each.to_delayed()).tolist() for each in whole])[0]


def assert_equal(computed, wanted, **settings):
    assert type(computed) is type(wanted)
    if isinstance(wanted, np.ndarray):
        assert computed.dtype == wanted.dtype
        np.testing.assert_allclose(computed, wanted, **{"rtol": 0, **settings})
    else:
        compare = pd.testing.assert_frame_equal
        if isinstance(wanted, pd.Series):
            compare = pd.testing.assert_series_equal
        compare(computed, wanted, check_freq=False, **settings)


def check_as_in_memory(resampler, X, y, sample_weight=None):
    """Compare rows, order, index, types, weights, plan, positions and partitions."""
    given = None if sample_weight is None else sample_weight.compute()
    lazy, own = clone(resampler), clone(resampler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AbsentClassWarning)
        drawn = lazy.fit_resample(X, y, sample_weight=sample_weight)
        fitted = clone(resampler).fit(X, y, sample_weight=sample_weight)
        wanted = own.fit_resample(X.compute(), y.compute(), sample_weight=given)
    computed = [each.compute() for each in drawn]
    assert_equal(computed[0], wanted[0])
    assert_equal(computed[1], wanted[1])
    np.testing.assert_allclose(computed[2], wanted[2], rtol=1e-12)
    if hasattr(wanted[1], "index"):
        assert computed[2].index.equals(wanted[1].index)
        assert computed[2].name == drawn[2].name == "sample_weight"
    for each in (lazy, fitted):
        assert each.sample_indices_.tolist() == own.sample_indices_.tolist()
        assert each.classes_.tolist() == own.classes_.tolist()
        assert each.classes_.dtype == own.classes_.dtype
        assert each.sampling_strategy_ == own.sampling_strategy_
        for name in ("n_features_in_", "feature_names_in_"):
            found, expected = (getattr(own, name, None) for own in (each, own))
            assert np.array_equal(found, expected)
        check_same_plan(getattr(each, "plan_", None), getattr(own, "plan_", None))
    check_partitions(drawn)
    return drawn


def check_same_plan(lazy, wanted):
    assert (lazy is None) == (wanted is None)
    if wanted is not None:
        for name in ("classes", "rows_seen", "rows", "threshold", "seed"):
            assert getattr(lazy, name) == getattr(wanted, name), name
        # Masses are added up in another order.
        np.testing.assert_allclose(lazy.class_total, wanted.class_total, rtol=1e-12)
        np.testing.assert_allclose(lazy.class_weight, wanted.class_weight, rtol=1e-12)


def check_partitions(drawn):
    """Compare lengths, chunks and divisions with what is there."""
    computed = partitions(*drawn)
    lengths = [len(part) for part in computed[0]]
    assert min(lengths) > 0
    for each, parts in zip(drawn, computed, strict=True):
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


@pytest.mark.parametrize(
    ("number", "kind", "lengths", "weighted"),
    [
        (i, KINDS[(i + j) % 5], LENGTHS[(2 * i + j) % 4], (i + j) % 2 == 0)
        for i, j in product(range(len(RESAMPLERS)), range(2))
    ],
)
def test_every_layout_gives_the_rows_of_the_whole(number, kind, lengths, weighted):
    X, y, weights = collections(table(sum(lengths)), lengths, kind)
    weights = weights if weighted else None
    drawn = check_as_in_memory(RESAMPLERS[number], X, y, weights)
    if isinstance(RESAMPLERS[number], ClassWeight) and not weighted:
        assert list(map(len, partitions(drawn[0])[0])) == list(filter(None, lengths))
    if hasattr(X, "divisions"):
        assert drawn[0].known_divisions == X.known_divisions


CROSSED = {"sampling_strategy": lambda y: {0: int((y == 1).sum())}}
CROSSED["strata"] = lambda X, y: X["country"] if hasattr(X, "iloc") else X[:, 1] < 90


@pytest.mark.parametrize(
    ("kind", "resampler", "weighted"),
    [
        ("loose frame", RandomOversample(strata="country"), True),
        ("frame", down(factor=7, strata=["row", "country"]), False),
        ("frame and array", down(factor=3, groups="row"), True),
        ("frame", RandomOversample(groups=["country", "row"]), False),
        ("loose array", down(factor=4, strata=1), True),
        ("array", RandomOversample(strata=np.arange(900) % 7), False),
        ("array", down(**CROSSED), True),
        ("frame", GuidedDownsample(factor=5), True),
        ("array", GuidedDownsample(factor=5, pilot_folds=2), False),
        ("loose frame", down(factor="auto"), True),
    ],
    ids=lambda own: own if isinstance(own, str) else type(own).__name__,
)
@pytest.mark.filterwarnings("ignore:Some strata hold few")
def test_columns_that_decide_are_those_of_memory(kind, resampler, weighted):
    data = table().assign(row=lambda own: own["row"] // 9)
    # A row of zero weight needs no label.
    data = data.astype({"y": float})
    data.loc[data.index[data["w"] == 0][:3], "y"] = np.nan if weighted else 0.0
    X, y, weights = collections(data, [300, 0, 400, 200], kind)
    resampler = clone(resampler).set_params(random_state=5)
    check_as_in_memory(resampler, X, y, weights if weighted else None)


DATA = table()
CODES = DATA["y"].to_numpy()
AMOUNTS = np.random.default_rng(0).lognormal(size=900)
# Whole numbers in one partition are none in all.
AMOUNTS[400:] = np.round(AMOUNTS[400:])
WORDS = pd.Series(np.array(["ok", "rare", "fraud"])[CODES])
LABELS = {
    "strings": WORDS,
    "category": WORDS.astype("category"),
    "unused category": pd.Series(pd.Categorical(CODES * 2, [4, 3, 2, 1, 0])),
    "bool[pyarrow]": pd.Series(CODES > 0).astype("bool[pyarrow]"),
    "array of bool": CODES > 0,
    "array of a column": CODES.reshape(-1, 1),
    "label sets": np.eye(3, dtype=int)[CODES],
    "numbers": AMOUNTS,
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind(kind):
    y, lengths = LABELS[kind], [100, 300, 500]
    strata = {"factor": 3, "strata": np.arange(900) % 3}
    resampler = down(**strata) if kind == "numbers" else FACTOR
    array = isinstance(y, np.ndarray)
    X, make = (CODES, as_array) if array else (DATA[["row"]], as_frame)
    X, y = make(X, lengths), make(y, lengths)
    check_as_in_memory(resampler, X, y)
    if kind == "strings":
        # Each partition knows its own categories.
        check_as_in_memory(resampler, X, y.astype("category"))


@pytest.mark.parametrize("shape", [(900, 4, 3), (900,)])
def test_rows_that_are_images_and_rows_that_are_numbers(shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    X, y = as_array(values, [500, 400]), as_array(CODES, [500, 400])
    lazy, wanted = FACTOR.fit_resample(X, y), FACTOR.fit_resample(values, CODES)
    for one, other in zip(lazy, wanted, strict=True):
        assert_equal(one.compute(), other, rtol=1e-12)
        assert one.chunks[0] == lazy[2].chunks[0]


def test_partitions_that_give_no_row_are_left_out_and_not_read():
    y = np.repeat([0, 1, 0, 1], [400, 7, 593, 5])
    data = pd.DataFrame({"row": np.arange(1005), "y": y})
    frame = as_frame(data, [400, 7, 10, 10, 10, 563, 5])
    drawn = check_as_in_memory(down(factor=100), frame[["row"]], frame["y"])
    assert drawn[0].npartitions < frame.npartitions
    assert drawn[0].known_divisions
    source = Source("by column", DATA.assign(y=([0] * 140 + [1] * 10) + [0] * 750))
    drawn = down(factor=400).fit_resample(source.frame[["amount"]], source.frame["y"])
    source.read.clear()
    dask.compute(*drawn)
    read = {number for number, name in source.read if name == "amount"}
    assert drawn[0].npartitions == len(read) < 6


def test_without_a_seed_the_collections_agree_and_calls_differ():
    frame, drawn = as_frame(DATA, [450, 450]), []
    for _ in range(2):
        resampler = DownsampleUpweight(factor=7)
        X, y, _ = resampler.fit_resample(frame[["row"]], frame["y"])
        rows, again = (X["row"].compute().tolist() for _ in range(2))
        assert rows == again == resampler.sample_indices_.tolist()
        assert y.compute().tolist() == CODES[rows].tolist()
        drawn.append(rows)
    assert drawn[0] != drawn[1]


def test_an_absent_class_is_warned_of_once():
    frame = as_frame(table(), [400, 500])
    with pytest.warns(AbsentClassWarning, match=r"names \[7\]") as told:
        down(factor={0: 3, 7: 2}).fit(frame[["row"]], frame["y"])
    assert len(told) == 1


class Source:
    """Reads partitions of a table, and writes down what it was asked for."""

    def __init__(self, kind, data):
        self.parts = [data.iloc[start : start + 150] for start in range(0, 900, 150)]
        self.read, self.by_column = [], kind == "by column"

        def by_column(number, columns=None):
            self.read += [(number, name) for name in columns]
            return self.parts[number][columns]

        def whole(number):
            self.read.append((number, "whole"))
            return self.parts[number]

        # Dask takes readers that look the same for one and the same.
        self.name = uuid4().hex
        if self.by_column:
            self.frame = dd.from_map(by_column, range(6), meta=data.iloc[:0])
        else:
            later = [dask.delayed(whole)(number) for number in range(6)]
            self.frame = dd.from_delayed(later, meta=data.iloc[:0])

    def names_read(self):
        """Give the columns read of all six partitions, each once."""
        read, self.read = sorted(self.read), []
        names = sorted({name for _, name in read})
        assert read == sorted(product(range(6), names))
        return names


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["by column", "delayed"])
def test_labels_and_weights_are_read_once_and_then_the_rows(kind, weighted):
    source = Source(kind, DATA[["amount", "y"]].assign(w=2.5))
    X, y, w = (source.frame[name] for name in (["amount"], "y", "w"))
    drawn = FACTOR.fit_resample(X, y, sample_weight=w if weighted else None)
    wanted = ["w", "y"][not weighted :] if source.by_column else ["whole"]
    assert source.names_read() == wanted
    # One run for the rows and the labels; the weights are known by then.
    dask.compute(*drawn)
    assert source.names_read() == (["amount", "y"] if source.by_column else ["whole"])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda part: part.iloc[1:], "Partition 2 has 149 rows in X and 149 in y"),
        (lambda part: part.assign(y=9), "Partition 2 .* 150, or they were others"),
        (lambda part: part.iloc[::-1], "Partition 2 .* 150, or they were others"),
    ],
    ids=["a row less", "an unknown class", "another order"],
)
@pytest.mark.parametrize("kind", ["by column", "delayed"])
def test_data_that_changes_between_the_labels_and_the_rows(kind, change, text):
    source = Source(kind, DATA)
    drawn = FACTOR.fit_resample(source.frame[["amount"]], source.frame["y"])
    source.parts[2] = change(source.parts[2])
    for collection in drawn:
        with pytest.raises(ValueError, match=text):
            collection.compute()
    # What did not change is still what it was.
    assert len(drawn[0].partitions[1].compute()) > 0


def test_small_files_that_dask_would_put_together(tmp_path):
    pytest.importorskip("pyarrow")
    data = DATA.assign(text=[f"payment {number} " * 5 for number in range(900)])
    for start in range(0, 900, 90):
        data[start : start + 90].to_parquet(tmp_path / f"{start:03}.parquet")
    frame = dd.read_parquet(tmp_path)
    # The trap: of the labels alone Dask would make fewer partitions.
    assert frame["y"].optimize().npartitions < frame.npartitions == 10
    X = frame[["amount", "row", "text"]]
    drawn = check_as_in_memory(RESAMPLERS[-3], X, frame["y"])
    assert [each.npartitions for each in drawn] == [10] * 3


def arguments(X=(400, 500), y=(400, 500), w=(400, 500), bad=()):
    """Give X as a frame, and y and weights as arrays; row 600 may be spoiled."""
    data = table().astype({"y": float})
    data.loc[600, "w"] = 1.0
    for name in bad:
        data.loc[600, name] = bad[name]
    arrays = (
        as_array(data[name].to_numpy(), own) for name, own in (("y", y), ("w", w))
    )
    return as_frame(data, X)[["row"]], *arrays


NONE = as_frame(DATA[:0], [0, 0])
N_COUNTED = np.count_nonzero(DATA["w"]) + (DATA["w"][600] == 0)
REFUSED = [
    ((arguments()[0], DATA["y"]), TypeError, r"y is a Series\. Make it one with"),
    ((DATA[["row"]], arguments()[1]), TypeError, "if one is; X is a DataFrame"),
    ((*arguments()[:2], CODES), TypeError, "sample_weight is a ndarray"),
    (arguments(X=[900]), ValueError, r"alike; .*arrays: .'X': 1, 'y': .400, 500."),
    (arguments(y=[300] * 3), ValueError, r"'y': .300, 300, 300., .* repartition"),
    (arguments(w=[100] * 9), ValueError, r"'sample_weight': .100, 100, .*rechunk"),
    (arguments(bad={"y": np.nan}), ValueError, f"1 of {N_COUNTED} labels are missing"),
    (
        arguments(bad={"w": -1.0}),
        ValueError,
        "Partition 1: sample_weight .*got -1.0 in",
    ),
    ((NONE[["row"]], NONE["y"]), ValueError, "Found array with 0 sample"),
]


@pytest.mark.parametrize(
    "resampler", [FACTOR, ClassWeight()], ids=["factor", "weights"]
)
@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_collections_that_are_refused(case, resampler):
    (X, y, *weights), error, text = REFUSED[case]
    with pytest.raises(error, match=text):
        resampler.fit_resample(X, y, sample_weight=weights[0] if weights else None)


def test_partitions_of_different_lengths_are_found_when_the_rows_are_read():
    X = as_frame(DATA[["row"]], [300] * 3)
    y, weights = (as_frame(DATA[c], [300, 350, 250], known=False) for c in "yw")
    drawn = FACTOR.fit_resample(X, y)
    for each in drawn:
        with pytest.raises(ValueError, match=r"Partition [12] has 300 rows in X and "):
            each.compute()
    first = drawn[0].partitions[0].compute()
    assert len(first) == (FACTOR.sample_indices_ < 300).sum()
    with pytest.raises(ValueError, match=r"Partition [12]: .* must have shape .300,."):
        FACTOR.fit(X, X["row"] % 2, sample_weight=weights)
