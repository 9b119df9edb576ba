"""Dask collections give the rows, weights and plan of the same data in memory."""

from itertools import accumulate, pairwise, product
from uuid import uuid4

import numpy as np
import pytest
from sklearn.base import clone

from skstrat import (
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


def assert_equal(computed, wanted):
    assert type(computed) is type(wanted)
    if isinstance(wanted, np.ndarray):
        assert computed.dtype == wanted.dtype
        np.testing.assert_array_equal(computed, wanted)
    else:
        pd.testing.assert_frame_equal(*map(pd.DataFrame, (computed, wanted)))


def check_as_in_memory(resampler, X, y, sample_weight=None):
    """Compare rows, order, index, types, weights, plan, positions and partitions."""
    given = None if sample_weight is None else sample_weight.compute()
    lazy, own = clone(resampler), clone(resampler)
    drawn = lazy.fit_resample(X, y, sample_weight=sample_weight)
    wanted = own.fit_resample(X.compute(), y.compute(), sample_weight=given)
    computed = [each.compute() for each in drawn]
    assert_equal(computed[0], wanted[0])
    assert_equal(computed[1], wanted[1])
    np.testing.assert_allclose(computed[2], wanted[2], rtol=1e-12)
    if hasattr(wanted[1], "index"):
        assert computed[2].index.equals(wanted[1].index)
        assert computed[2].name == drawn[2].name == "sample_weight"
    assert lazy.sample_indices_.tolist() == own.sample_indices_.tolist()
    assert lazy.classes_.tolist() == own.classes_.tolist()
    assert lazy.classes_.dtype == own.classes_.dtype
    assert lazy.sampling_strategy_ == own.sampling_strategy_
    widths = [getattr(each, "n_features_in_", None) for each in (lazy, own)]
    assert widths[0] == widths[1]
    if hasattr(own, "plan_"):
        for name in ("rows_seen", "rows", "threshold", "seed"):
            assert getattr(lazy.plan_, name) == getattr(own.plan_, name), name
        # Masses are added up in another order.
        for name in ("class_total", "class_weight"):
            masses = [getattr(each.plan_, name) for each in (lazy, own)]
            np.testing.assert_allclose(*masses, rtol=1e-12)
    check_partitions(drawn)
    return drawn


def check_partitions(drawn):
    """Compare lengths, chunks and divisions with what is there."""
    whole = [
        each.rechunk({1: -1}) if getattr(each, "chunks", ()) and each.ndim > 1 else each
        for each in drawn
    ]
    parts_of = [np.ravel(each.to_delayed()).tolist() for each in whole]
    lengths = None
    for each, parts in zip(drawn, dask.compute(parts_of)[0], strict=True):
        lengths = lengths or [len(part) for part in parts]
        assert [len(part) for part in parts] == lengths
        assert min(lengths) > 0
        if hasattr(each, "chunks"):
            assert each.chunks[0] == tuple(lengths)
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
        ("loose array", down(factor=4, strata=1), True),
        ("array", RandomOversample(strata=np.arange(900) % 7), False),
        ("array", down(**CROSSED), True),
        ("frame", GuidedDownsample(factor=5), True),
        ("loose frame", down(factor="auto"), True),
    ],
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
    "array of bool": CODES > 0,
    "label sets": np.eye(3, dtype=int)[CODES],
    "numbers": AMOUNTS,
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind(kind):
    y, lengths = LABELS[kind], [100, 300, 500]
    strata = {"factor": 3, "strata": np.arange(900) % 3}
    resampler = down(**strata) if kind == "numbers" else FACTOR
    array = isinstance(y, np.ndarray)
    make = as_array if array else as_frame
    X = DATA["row"].to_numpy() if array else DATA[["row"]]
    X, y = make(X, lengths), make(y, lengths)
    check_as_in_memory(resampler, X, y)
    if kind == "strings":
        # Each partition knows its own categories.
        check_as_in_memory(resampler, X, y.astype("category"))


def counted(data):
    """Give a collection, its partitions, and a list of the columns that are read."""
    parts, read = [data.iloc[start : start + 150] for start in range(0, 900, 150)], []

    def part(number, unique, columns=None):
        read.extend((number, name) for name in columns)
        return parts[number][columns]

    # Dask takes readers that look the same for one and the same.
    settings = {"unique": uuid4().hex, "meta": data.iloc[:0]}
    return dd.from_map(part, range(6), **settings), parts, read


def test_partitions_that_give_no_row_are_left_out_and_not_read():
    y = np.repeat([0, 1, 0, 1], [400, 7, 593, 5])
    data = pd.DataFrame({"row": np.arange(1005), "y": y})
    frame = as_frame(data, [400, 7, 10, 10, 10, 563, 5])
    drawn = check_as_in_memory(down(factor=100), frame[["row"]], frame["y"])
    assert drawn[0].npartitions < frame.npartitions
    assert drawn[0].known_divisions
    frame, _, read = counted(DATA.assign(y=([0] * 140 + [1] * 10) + [0] * 750))
    drawn = down(factor=400).fit_resample(frame[["amount"]], frame["y"])
    dask.compute(*drawn)
    with_rows = {number for number, name in read if name == "amount"}
    assert drawn[0].npartitions == len(with_rows) < 6


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


def test_labels_and_weights_are_read_once_and_then_the_rows():
    frame, _, read = counted(DATA[["amount", "y"]].assign(w=2.5))
    X, y, w = (frame[name] for name in (["amount"], "y", "w"))
    drawn = FACTOR.fit_resample(X, y, sample_weight=w)
    assert sorted(read) == list(product(range(6), ["w", "y"]))
    read.clear()
    # One run for the rows and the labels; the weights are known by then.
    dask.compute(*drawn)
    assert sorted(read) == list(product(range(6), ["amount", "y"]))


CHANGES = {
    "a row less": (lambda part: part.iloc[1:], "has 149 rows in X and 149 in y"),
    "another class": (lambda part: part.assign(y=9), ".* 150, or they were others"),
    "another order": (lambda part: part.iloc[::-1], ".* 150, or they were others"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_data_that_changes_between_the_labels_and_the_rows(change):
    frame, parts, _ = counted(DATA)
    drawn = FACTOR.fit_resample(frame[["amount"]], frame["y"])
    make, text = CHANGES[change]
    parts[2] = make(parts[2])
    for collection in drawn:
        with pytest.raises(ValueError, match=f"Partition 2 {text}"):
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
    (arguments(X=[900]), ValueError, r"alike; .*arrays: .'X': 1, 'y': .400, 500."),
    (arguments(y=[300] * 3), ValueError, r"'y': .300, 300, 300., .* repartition"),
    (arguments(bad={"y": np.nan}), ValueError, f"1 of {N_COUNTED} labels are missing"),
    (
        arguments(bad={"w": -1.0}),
        ValueError,
        "Partition 1: sample_weight .*got -1.0 in",
    ),
    ((NONE[["row"]], NONE["y"]), ValueError, "Found array with 0 sample"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_collections_that_are_refused(case):
    (X, y, *weights), error, text = REFUSED[case]
    for resampler in (FACTOR, ClassWeight()):
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
