"""encode_labels against numpy.unique, for every container and type of labels."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairwise import pairs

from skstrat import MissingLabelsError
from skstrat._core.labels import encode_labels

SIZES = [1500, 9000]  # below and above the pivot path's 4096


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def array_of(dtype):
    return lambda values: np.array(values, dtype=dtype)


def series_of(dtype):
    """Return a maker of pandas Series whose index is not a range."""
    return lambda values: pd.Series(
        values, dtype=dtype, index=np.arange(len(values), 0, -1) // 2, name="y"
    )


def polars_of(dtype):
    return lambda values: pl.Series(values, dtype=dtype)


def arrow_of(dtype):
    return lambda values: pa.array(values, dtype)


def in_halves(make):
    def cut(values):
        half = len(values) // 2
        return pa.chunked_array([make(values[:half]), make(values[half:])])

    return cut


def dictionary(values):
    return pa.array(values).dictionary_encode()


ANY_TYPE = {
    "list": list,
    "ndarray": np.array,
    "objects": objects,
    "column": lambda values: np.array(values).reshape(-1, 1),
    "strided": lambda values: np.repeat(np.array(values), 2)[::2],
    "pandas": series_of(None),
    "pandas objects": series_of(object),
    "pandas category": series_of("category"),
    "pandas frame": lambda values: pd.DataFrame({"y": values}),
    "pandas category frame": lambda v: pd.DataFrame({"y": v}, dtype="category"),
    "polars": pl.Series,
    "polars frame": lambda values: pl.DataFrame({"y": values}),
    "arrow": pa.array,
    "arrow dictionary": dictionary,
    "arrow two dictionaries": in_halves(dictionary),
}
OWN_TYPES = {
    "int": {
        **{dtype: array_of(dtype) for dtype in ("i2", "i4", "i8", ">i4", "f4", "f8")},
        **{f"pandas {d}": series_of(d) for d in ("Int64", "Int16", "Float64")},
        "pandas arrow": series_of("int64[pyarrow]"),
        "pandas sparse": series_of("Sparse[int]"),
        "polars narrow": polars_of(pl.Int16),
        "polars float": polars_of(pl.Float64),
        "arrow narrow": arrow_of(pa.int16()),
    },
    "str": {
        "pandas python": series_of("string[python]"),
        "pandas pyarrow": series_of("string[pyarrow]"),
        "pandas str": series_of("str"),
        "polars category": polars_of(pl.Categorical),
        "polars enum": lambda v: pl.Series(
            v, dtype=pl.Enum(sorted({*v} - {None})[::-1])
        ),
        "arrow large": arrow_of(pa.large_string()),
        "arrow view": arrow_of(pa.string_view()),
    },
    "bool": {
        "pandas boolean": series_of("boolean"),
        "pandas arrow bool": series_of("bool[pyarrow]"),
    },
}
MAKERS = ANY_TYPE | {n: make for own in OWN_TYPES.values() for n, make in own.items()}
LABEL_OF = {
    "int": lambda code: 7 * code - 300,
    "whole float": lambda code: 2.0 * code - 11,
    "str": lambda code: f"klasse {code} é",
    "bytes": lambda code: b"class %d" % code,
    "bool": bool,
}
N_CLASSES = [2, 3, 30, 1000]
CASES = pairs(ANY_TYPE, LABEL_OF, N_CLASSES, SIZES) + [
    case
    for kind, own in OWN_TYPES.items()
    for case in pairs(own, [kind], N_CLASSES, SIZES)
]


def plain_labels(kind, n_classes, n_rows, seed=0):
    """Return skewed labels as Python values, each class at least once."""
    rng = np.random.default_rng(seed)
    n_classes = 2 if kind == "bool" else n_classes
    share = 1 / np.arange(1, n_classes + 1) ** 1.5
    codes = rng.choice(n_classes, size=n_rows, p=share / share.sum())
    codes[:n_classes] = np.arange(n_classes)
    return [LABEL_OF[kind](code) for code in rng.permutation(codes).tolist()]


def assert_encoded(y, values):
    labels = encode_labels(y)
    classes, codes, counts = np.unique(
        objects(values), return_inverse=True, return_counts=True
    )
    assert labels.classes.tolist() == classes.tolist()
    assert np.asarray(labels.codes).dtype.kind in "iu"
    assert (labels.codes == codes).all()
    assert labels.counts.dtype == np.int64
    assert labels.counts.tolist() == counts.tolist()
    if isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "iub":
        assert labels.classes.dtype == y.dtype


@pytest.mark.parametrize(("name", "kind", "n_classes", "n_rows"), CASES)
def test_agrees_with_numpy_unique(name, kind, n_classes, n_rows):
    values = plain_labels(kind, n_classes, n_rows)
    assert_encoded(MAKERS[name](values), values)


def limits_of(dtype):
    limits = np.iinfo(dtype)
    step = (int(limits.max) - int(limits.min)) // 255
    return [int(limits.min) + step * k for k in range(256)]


def repeated(values, n_rows):
    return [values[k * k % len(values)] for k in range(n_rows)]


SHUFFLED = np.random.default_rng(0).permutation(40_000).tolist()
BEYOND = [2**63 + 5, 2**64 - 1, 2**63 + 6]
ONE_SIDE, BOTH_SIDES = [2**63 + 5, 1, 2**63 + 6] * 20, [2**63 + 5, -7, 2**63 + 6] * 20
ORDER = ["unused", "middle", "low", "never", "high"]
LEVELS = ["middle", *repeated(["low", "high", "middle"], 9000)]
EDGES = {
    **{
        f"{kind} {n_rows} {make.__name__}": (make, plain_labels(kind, 2, n_rows))
        for kind in ("int", "str", "bool")
        for n_rows in (2, 3, 4096, 4097, 4098)
        for make in (np.array, objects)
    },
    **{
        f"{dtype} limits x {times}": (array_of(dtype), limits_of(dtype) * times)
        for dtype in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
        for times in (1, 40)
    },
    "1000 equal classes": (np.array, [value % 1000 for value in SHUFFLED]),
    "all different strings": (list, list(map(str, SHUFFLED[:6000]))),
    "beyond signed, many": (array_of("u8"), BEYOND * 3000),
    "beyond signed, polars": (polars_of(pl.UInt64), BEYOND * 20),
    "beyond signed, pandas": (series_of("UInt64"), BEYOND * 20),
    "both sides, arrow": (
        lambda values: pa.array(values, pa.uint64()).dictionary_encode(),
        ONE_SIDE,
    ),
    "both sides, negative category": (series_of("category"), BOTH_SIDES),
    "ordered category": (series_of(pd.CategoricalDtype(ORDER, ordered=True)), LEVELS),
    "enum": (polars_of(pl.Enum(ORDER)), LEVELS),
    "arrow dictionary order": (
        lambda values: pa.DictionaryArray.from_arrays(
            pa.array(map(ORDER.index, values)), pa.array(ORDER)
        ),
        LEVELS,
    ),
    "unsorted integer category": (
        series_of(pd.CategoricalDtype([100, 5, 3, 20])),
        [3, 20, 3, 100, 20, 3],
    ),
    "a dictionary that names a label twice": (
        lambda values: pa.DictionaryArray.from_arrays(
            pa.array([0, 1, 2, 1]), pa.array(["a", "b", "a"])
        ),
        list("abab"),
    ),
    "one-label lists": (lambda values: [[value] for value in values], list("aba")),
    "one-hot, a class without rows": (np.eye(4, dtype=int).__getitem__, [3, 1, 1, 3]),
    "100,000 booleans": (np.array, plain_labels("bool", 2, 100_000)),
}


@pytest.mark.parametrize(("make", "values"), EDGES.values(), ids=EDGES)
def test_edges(make, values):
    assert_encoded(make(values), values)


@given(
    st.lists(
        st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3)),
        min_size=2,
        max_size=30,
    ).filter(lambda values: len(set(values)) > 1),
    st.sampled_from([1, 300]),
)
@settings(max_examples=80, deadline=None)
def test_any_integers(values, repeats):
    assert_encoded(np.array(values * repeats, dtype=np.int64), values * repeats)


ONE_HOT = {
    "ndarray": np.array,
    "float": array_of(float),
    "lists": np.ndarray.tolist,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "arrow": lambda one_hot: pa.table({f"{k}": col for k, col in enumerate(one_hot.T)}),
}


@pytest.mark.parametrize(("make", "n_classes"), pairs(ONE_HOT, [2, 3, 30]))
def test_one_hot(make, n_classes):
    values = plain_labels("int", n_classes, 200)
    classes, codes = np.unique(values, return_inverse=True)
    one_hot = np.eye(len(classes), dtype=int)[codes]
    assert_encoded(ONE_HOT[make](one_hot), codes.tolist())


def test_labels_may_be_read_only_and_are_left_alone():
    values = plain_labels("int", 30, 9000)
    y = np.array(values)
    y.flags.writeable = False
    assert_encoded(y, values)
    assert y.tolist() == values


# Missing labels --------------------------------------------------------------------


def with_null_in_dictionary(values):
    names = sorted({value for value in values if value is not None})
    codes = [len(names) if value is None else names.index(value) for value in values]
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array([*names, None]))


def filled(missing):
    """Return a maker of object arrays with another missing value than None."""
    return lambda values: objects([missing if v is None else v for v in values])


def nan_floats(values):
    return np.array([np.nan if v is None else float(v) for v in values])


def arrow_nan(values):
    return pa.array(nan_floats(values), from_pandas=False)


ANY_MISSING = {
    name: ANY_TYPE[name]
    for name in ("list", "objects", "pandas category", "polars", "arrow")
}
WITH_MISSING = {
    "str": {
        **{name: ANY_TYPE[name] for name in ANY_TYPE if "frame" in name},
        "arrow chunks": lambda v: pa.chunked_array([pa.array(v), pa.array(["a"])])[:-1],
        **OWN_TYPES["str"],
        "objects NaN": filled(float("nan")),
        "list NaN": lambda values: filled(np.nan)(values).tolist(),
        "column": lambda values: objects(values).reshape(-1, 1),
        "null in dictionary": with_null_in_dictionary,
    },
    "int": {
        "floats": nan_floats,
        "objects NA": filled(pd.NA),
        **{d: series_of(d) for d in ("float", "Int64", "Float64", "int64[pyarrow]")},
        "pandas arrow NaN": lambda values: pd.Series(
            pd.arrays.ArrowExtensionArray(arrow_nan(values))
        ),
        "polars NaN": lambda values: pl.Series(nan_floats(values)),
        "arrow NaN": arrow_nan,
        "arrow dictionary": dictionary,
    },
    "bool": OWN_TYPES["bool"],
}
MISSING_CASES = [
    (kind, *case)
    for kind, own in WITH_MISSING.items()
    for case in pairs(ANY_MISSING | own, [200, 9000], ["one", "most", "all but one"])
]


@pytest.mark.parametrize(("kind", "name", "n_rows", "share"), MISSING_CASES)
def test_missing_labels_are_counted(kind, name, n_rows, share):
    n_missing = {"one": 1, "most": n_rows * 2 // 3, "all but one": n_rows - 1}[share]
    values = plain_labels(kind, 2, n_rows)
    for row in np.random.default_rng(1).permutation(n_rows)[:n_missing]:
        values[row] = None
    y = (ANY_MISSING | WITH_MISSING[kind])[name](values)
    text = f"{n_missing} of {n_rows} labels"
    with pytest.raises(MissingLabelsError, match=text) as caught:
        encode_labels(y)
    copy = pickle.loads(pickle.dumps(caught.value))
    for error in (caught.value, copy):
        assert (error.n_missing, error.n_labels) == (n_missing, n_rows)
    assert isinstance(copy, ValueError)
    assert str(copy) == str(caught.value)


# Other refusals --------------------------------------------------------------------

ONE_CLASS = r"at least two classes; got one class, .*rows"
DAYS = np.array(["2020", "2021"], dtype="datetime64[D]")
REFUSED = {
    "many classes, one missing": (
        [*plain_labels("str", 1000, 20_000), None],
        "1 of 20001 labels",
    ),
    "masked": (np.ma.array([0, 1, 0, 1], mask=[0, 1, 0, 0]), "1 of 4 labels"),
    "empty list": ([], "0 sample"),
    "empty column": (np.empty((0, 1)), "0 sample"),
    "empty category": (pd.Series([], dtype="category"), "0 sample"),
    "empty polars": (pl.Series([], dtype=pl.String), "0 sample"),
    "empty arrow": (pa.array([], pa.string()), "0 sample"),
    "empty arrow chunks": (pa.chunked_array([], pa.string()), "0 sample"),
    "one class": (np.full(9, 5), ONE_CLASS),
    "one bool": (np.zeros(9, dtype=bool), ONE_CLASS),
    "one used category": (pd.Categorical(["x"] * 9, categories=["w", "x"]), ONE_CLASS),
    "one class one-hot": (np.eye(3, dtype=int)[[1] * 9], ONE_CLASS),
    "continuous": (np.linspace(0, 1, 9), "continuous"),
    "one fraction": (np.r_[np.zeros(9000), np.ones(99), 0.5], "continuous"),
    "continuous arrow": (pa.array([0.5, 1.0]), "continuous"),
    "continuous polars": (pl.Series([0.5, 1.0]), "continuous"),
    "multilabel": (np.array([[0, 1, 1], [1, 0, 0]]), "Multilabel"),
    "multioutput": (np.array([[0, 2], [1, 3]]), "Multilabel"),
    "3-D": (np.zeros((3, 2, 2)), r"one label per row; got an array of shape \(3, 2, 2"),
    "dict": ({"y": [0, 1]}, "one label per row; got dict"),
    "None": (None, "requires y to be passed"),
    "mixed": ([1, "a", 1], "sorted; got int, str"),
    "mixed category": (pd.Series([1, "a"], dtype="category"), "sorted; got int, str"),
    "str and bytes": (objects(["a", b"a"]), "sorted; got bytes, str"),
    "unhashable": (objects([[1], [2], [1]]), "hashed"),
    "many nanoseconds": (np.tile(DAYS, 4500).astype("M8[ns]"), "Unknown label type"),
    "many pandas dates": (pd.Series(np.tile(DAYS, 4500)), "Unknown label type"),
    "records": (np.array([(1, 2), (3, 4)], dtype="i4,i4"), "Unknown label type"),
}


@pytest.mark.parametrize(("y", "text"), REFUSED.values(), ids=REFUSED)
def test_not_labels(y, text):
    with pytest.raises(ValueError, match=text):
        encode_labels(y)
