"""encode_labels against numpy.unique, for every container and type of labels."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat import MissingLabelsError
from skstrat._core.labels import encode_labels

SIZES = {"few": 1500, "many": 9000}  # below and above the pivot path's 4096


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def array_of(dtype):
    return lambda values: np.array(values, dtype=dtype)


def series_of(dtype):
    """Give a maker of pandas Series whose index is not a range."""
    return lambda values: pd.Series(
        values, dtype=dtype, index=np.arange(len(values), 0, -1) // 2, name="y"
    )


def cut(arrow):
    half = len(arrow) // 2
    return pa.chunked_array([arrow.slice(0, half), arrow.slice(half)])


def two_dictionaries(values):
    half = len(values) // 2
    parts = values[:half], values[half:]
    return pa.chunked_array([pa.array(part).dictionary_encode() for part in parts])


ANY_TYPE = {
    "list": list,
    "tuple": tuple,
    "ndarray": np.array,
    "objects": objects,
    "column": lambda values: np.array(values).reshape(-1, 1),
    "strided": lambda values: np.repeat(np.array(values), 2)[::2],
    "pandas": series_of(None),
    "pandas objects": series_of(object),
    "pandas category": series_of("category"),
    "pandas index": pd.Index,
    "pandas frame": lambda values: pd.DataFrame({"y": values}),
    "pandas category frame": lambda v: pd.DataFrame({"y": v}, dtype="category"),
    "polars": pl.Series,
    "polars frame": lambda values: pl.DataFrame({"y": values}),
    "arrow": pa.array,
    "arrow chunks": lambda values: cut(pa.array(values)),
    "arrow dictionary": lambda values: pa.array(values).dictionary_encode(),
    "arrow dictionary chunks": lambda v: cut(pa.array(v).dictionary_encode()),
    "arrow two dictionaries": two_dictionaries,
    "arrow table": lambda values: pa.table({"y": values}),
}
INTEGERS = {
    **{dtype: array_of(dtype) for dtype in ("i2", "i4", "i8", ">i4", "f4", "f8")},
    **{f"pandas {d}": series_of(d) for d in ("Int64", "Int16", "Float64")},
    "pandas arrow": series_of("int64[pyarrow]"),
    "pandas sparse": series_of("Sparse[int]"),
    "polars narrow": lambda values: pl.Series(values, dtype=pl.Int16),
    "polars float": lambda values: pl.Series(values, dtype=pl.Float64),
    "arrow narrow": lambda values: pa.array(values, pa.int16()),
}
STRINGS = {
    **{
        f"pandas {dtype}": series_of(dtype)
        for dtype in ("string[python]", "string[pyarrow]", "str")
    },
    "polars category": lambda values: pl.Series(values, dtype=pl.Categorical),
    "polars enum": lambda v: pl.Series(v, dtype=pl.Enum(sorted(set(v))[::-1])),
    "arrow large": lambda values: pa.array(values, pa.large_string()),
    "arrow view": lambda values: pa.array(values, pa.string_view()),
}
BOOLEANS = {
    "pandas boolean": series_of("boolean"),
    "pandas arrow": series_of("bool[pyarrow]"),
}
LABEL_OF = {
    "int": lambda code: 7 * code - 300,
    "whole float": lambda code: 2.0 * code - 11,
    "str": lambda code: f"klasse {code} é",
    "bytes": lambda code: b"class %d" % code,
    "bool": bool,
}
CASES = [
    pytest.param(kind, make, id=f"{kind}-{name}")
    for kind, own in [
        ("int", INTEGERS),
        ("whole float", {}),
        ("str", STRINGS),
        ("bytes", {}),
        ("bool", BOOLEANS),
    ]
    for name, make in {**ANY_TYPE, **own}.items()
]


def plain_labels(kind, n_classes, n_rows, seed=0):
    """Give skewed labels as Python values, each class at least once."""
    rng = np.random.default_rng(seed)
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
    return labels


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n_classes", [2, 3, 30, 1000])
@pytest.mark.parametrize(("kind", "make"), CASES)
def test_agrees_with_numpy_unique(kind, make, n_classes, size):
    values = plain_labels(kind, 2 if kind == "bool" else n_classes, SIZES[size])
    assert_encoded(make(values), values)


@pytest.mark.parametrize("kind", ["int", "str", "bool"])
@pytest.mark.parametrize("n_rows", [2, 3, 4096, 4097, 4098])
def test_sizes_around_the_limits(kind, n_rows):
    values = plain_labels(kind, 2, n_rows)
    assert_encoded(np.array(values), values)
    assert_encoded(objects(values), values)


def test_more_classes_than_pivots_in_equal_shares():
    values = np.random.default_rng(0).permutation(np.arange(40_000) % 1000).tolist()
    assert_encoded(np.array(values), values)
    assert_encoded([f"{value}" for value in values], [f"{value}" for value in values])


def test_labels_that_are_all_different():
    values = np.random.default_rng(0).permutation(6000).tolist()
    assert_encoded(np.array(values), values)
    assert_encoded([str(value) for value in values], [str(value) for value in values])


@pytest.mark.parametrize("repeats", [1, 40])
@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_integers_at_the_limits_of_their_type(dtype, repeats):
    limits = np.iinfo(dtype)
    step = (int(limits.max) - int(limits.min)) // 255
    values = [int(limits.min) + step * k for k in range(256)] * repeats
    labels = assert_encoded(np.array(values, dtype=dtype), values)
    assert labels.classes.dtype == dtype


@pytest.mark.parametrize("n_rows", [60, 9000])
def test_unsigned_integers_beyond_the_signed_range(n_rows):
    values = [[2**63 + 5, 2**64 - 1, 2**63 + 6][k % 3] for k in range(n_rows)]
    labels = assert_encoded(np.array(values, dtype=np.uint64), values)
    assert labels.classes.dtype == np.uint64
    assert_encoded(pl.Series(values, dtype=pl.UInt64), values)
    assert_encoded(pd.Series(values, dtype="UInt64"), values)


@pytest.mark.parametrize(
    ("make", "smallest"),
    [
        (lambda values: pa.array(values, pa.uint64()).dictionary_encode(), 1),
        (series_of("category"), 1),
        (series_of("category"), -7),
        (list, 1),
        (list, -7),
    ],
    ids=["dictionary", "category", "category with negative", "list", "list of both"],
)
def test_integers_on_both_sides_of_the_signed_range(make, smallest):
    values = [[2**63 + 5, smallest, 2**63 + 6][k % 3] for k in range(60)]
    labels = encode_labels(make(values))
    assert labels.classes.tolist() == sorted(set(values))
    assert labels.classes[labels.codes].tolist() == values


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
    values = values * repeats
    assert_encoded(np.array(values, dtype=np.int64), values)


@pytest.mark.parametrize("n_rows", [50, 9000])
def test_category_order_and_unused_categories_do_not_matter(n_rows):
    values = [["low", "high", "middle"][k * k % 3] for k in range(n_rows)]
    values[0] = "middle"
    order = ["unused", "middle", "low", "never", "high"]
    assert_encoded(
        pd.Series(pd.Categorical(values, categories=order, ordered=True)), values
    )
    assert_encoded(pd.Categorical(values, categories=order), values)
    assert_encoded(pl.Series(values, dtype=pl.Enum(order)), values)
    codes = pa.array([order.index(value) for value in values])
    assert_encoded(pa.DictionaryArray.from_arrays(codes, pa.array(order)), values)


def test_integer_categories_that_are_not_sorted():
    values = [3, 20, 3, 100, 20, 3]
    y = pd.Series(pd.Categorical(values, categories=[100, 5, 3, 20]))
    labels = assert_encoded(y, values)
    assert labels.classes.dtype.kind == "i"


def test_an_arrow_dictionary_may_name_a_label_twice():
    codes, names = pa.array([0, 1, 2, 1]), pa.array(["a", "b", "a"])
    assert_encoded(pa.DictionaryArray.from_arrays(codes, names), ["a", "b", "a", "b"])


@pytest.mark.parametrize("n_classes", [2, 3, 30])
@pytest.mark.parametrize(
    "make",
    [
        np.array,
        array_of(bool),
        array_of(float),
        np.ndarray.tolist,
        pd.DataFrame,
        pl.DataFrame,
        lambda one_hot: pa.table({f"{k}": col for k, col in enumerate(one_hot.T)}),
    ],
    ids=["ndarray", "bool", "float", "lists", "pandas", "polars", "arrow"],
)
def test_one_hot(make, n_classes):
    values = plain_labels("int", n_classes, 200)
    classes, codes = np.unique(values, return_inverse=True)
    assert_encoded(make(np.eye(len(classes), dtype=int)[codes]), codes.tolist())


def test_one_hot_without_rows_of_a_class():
    assert_encoded(np.eye(4, dtype=int)[[3, 1, 1, 3]], [3, 1, 1, 3])


@pytest.mark.parametrize("values", [[0, 1, 0], ["a", "b", "a"]])
def test_a_list_of_one_label_lists_is_a_column(values):
    assert_encoded([[value] for value in values], values)


def test_booleans_in_many_rows():
    values = plain_labels("bool", 2, 100_000)
    labels = assert_encoded(np.array(values), values)
    assert labels.classes.dtype == bool


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
    """Give a maker of object arrays with another missing value than None."""
    return lambda values: objects([missing if v is None else v for v in values])


def nan_floats(values):
    return np.array([np.nan if v is None else float(v) for v in values])


STRINGS_WITH_MISSING = {
    "list": list,
    "objects None": objects,
    "objects NaN": filled(float("nan")),
    "objects NA": filled(pd.NA),
    "objects NaT": filled(pd.NaT),
    "list NaN": lambda values: filled(np.nan)(values).tolist(),
    "column": lambda values: objects(values).reshape(-1, 1),
    **{
        f"pandas {dtype}": series_of(dtype)
        for dtype in ("object", "str", "string[python]", "string[pyarrow]", "category")
    },
    "pandas frame": lambda values: pd.DataFrame({"y": values}),
    "polars": pl.Series,
    "polars category": lambda values: pl.Series(values, dtype=pl.Categorical),
    "polars frame": lambda values: pl.DataFrame({"y": values}),
    "arrow": pa.array,
    "arrow chunks": lambda values: cut(pa.array(values)),
    "arrow dictionary": lambda values: pa.array(values).dictionary_encode(),
    "arrow null in dictionary": with_null_in_dictionary,
    "arrow table": lambda values: pa.table({"y": values}),
}
NUMBERS_WITH_MISSING = {
    "list": list,
    "floats": nan_floats,
    "narrow floats": lambda values: nan_floats(values).astype(np.float32),
    "objects None": objects,
    "objects NA": filled(pd.NA),
    **{
        f"pandas {dtype}": series_of(dtype)
        for dtype in ("float", "Int64", "Float64", "int64[pyarrow]", "category")
    },
    "pandas arrow NaN": lambda values: pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(nan_floats(values), from_pandas=False))
    ),
    "polars": pl.Series,
    "polars NaN": lambda values: pl.Series(nan_floats(values)),
    "arrow": pa.array,
    "arrow NaN": lambda values: pa.array(nan_floats(values), from_pandas=False),
    "arrow dictionary": lambda values: pa.array(values).dictionary_encode(),
}
BOOLEANS_WITH_MISSING = {
    "list": list,
    "pandas boolean": series_of("boolean"),
    "pandas arrow": series_of("bool[pyarrow]"),
    "polars": pl.Series,
    "arrow": pa.array,
}
MISSING_CASES = [
    pytest.param(kind, make, id=f"{kind}-{name}")
    for kind, makers in [
        ("str", STRINGS_WITH_MISSING),
        ("int", NUMBERS_WITH_MISSING),
        ("bool", BOOLEANS_WITH_MISSING),
    ]
    for name, make in makers.items()
]


@pytest.mark.parametrize("share", ["one", "most", "all but one"])
@pytest.mark.parametrize("n_rows", [200, 9000])
@pytest.mark.parametrize(("kind", "make"), MISSING_CASES)
def test_missing_labels_are_counted(kind, make, n_rows, share):
    n_missing = {"one": 1, "most": n_rows * 2 // 3, "all but one": n_rows - 1}[share]
    values = plain_labels(kind, 2, n_rows)
    for row in np.random.default_rng(1).permutation(n_rows)[:n_missing]:
        values[row] = None
    y = make(values)
    with pytest.raises(
        MissingLabelsError, match=f"{n_missing} of {n_rows} labels"
    ) as e:
        encode_labels(y)
    assert (e.value.n_missing, e.value.n_labels) == (n_missing, n_rows)


def test_missing_labels_among_many_classes():
    values = plain_labels("str", 1000, 20_000)
    values[17] = None
    with pytest.raises(MissingLabelsError, match="1 of 20000 labels"):
        encode_labels(values)


def test_masked_labels_are_missing():
    y = np.ma.array([0, 1, 0, 1], mask=[False, True, False, False])
    with pytest.raises(MissingLabelsError, match="1 of 4 labels"):
        encode_labels(y)


def test_the_error_pickles_with_its_counts():
    error = pickle.loads(pickle.dumps(MissingLabelsError(3, 10)))
    assert isinstance(error, ValueError)
    assert (error.n_missing, error.n_labels) == (3, 10)
    assert str(error) == str(MissingLabelsError(3, 10))


# Other refusals --------------------------------------------------------------------

EMPTY = {
    "list": [],
    "ndarray": np.array([], dtype=int),
    "objects": objects([]),
    "bool": np.array([], dtype=bool),
    "column": np.empty((0, 1)),
    "pandas": pd.Series([], dtype="str"),
    "category": pd.Series([], dtype="category"),
    "polars": pl.Series([], dtype=pl.String),
    "polars null": pl.Series([]),
    "arrow": pa.array([], pa.string()),
    "arrow chunks": pa.chunked_array([], pa.string()),
}
ONE_CLASS = {
    "ndarray": np.full(9, 5),
    "many": np.full(9000, 5),
    "str": ["x"] * 9,
    "bool": np.zeros(9, dtype=bool),
    "many bool": np.ones(9000, dtype=bool),
    "category": pd.Series(pd.Categorical(["x"] * 9, categories=["w", "x"])),
    "polars": pl.Series(["x"] * 9),
    "arrow": pa.array(["x"] * 9),
    "one-hot": np.eye(3, dtype=int)[[1] * 9],
}
NOT_LABELS = {
    "continuous": (np.linspace(0, 1, 9), "continuous"),
    "many continuous": (np.linspace(0, 1, 9000), "continuous"),
    "one fraction": (np.r_[np.zeros(9000), np.ones(99), 0.5], "continuous"),
    "infinite": (np.array([1.0, np.inf]), "continuous"),
    "objects": (objects([0.5, 1.0]), "continuous"),
    "arrow": (pa.array([0.5, 1.0]), "continuous"),
    "polars": (pl.Series([0.5, 1.0]), "continuous"),
    "nullable": (pd.Series([0.5, 1.0], dtype="Float64"), "continuous"),
    "multilabel": (np.array([[0, 1, 1], [1, 0, 0]]), "Multilabel"),
    "no label": (np.array([[0, 0, 0], [1, 0, 0]]), "Multilabel"),
    "multioutput": (np.array([[0, 2], [1, 3]]), "Multilabel"),
    "text table": (np.array([["a", "b"], ["c", "d"]]), "Multilabel"),
    "3-D": (np.zeros((3, 2, 2)), r"one label per row; got an array of shape \(3, 2, 2"),
    "scalar": (5, "one label per row"),
    "dict": ({"y": [0, 1]}, "one label per row; got dict"),
    "None": (None, "y"),
    "mixed": ([1, "a", 1], "sorted; got int, str"),
    "many mixed": (objects([1, "a"] * 4500), "sorted; got int, str"),
    "mixed category": (pd.Series([1, "a"], dtype="category"), "sorted; got int, str"),
    "str and bytes": (objects(["a", b"a"]), "sorted; got bytes, str"),
    "unhashable": (objects([[1], [2], [1]]), "hashed"),
    "many unhashable": (objects([[1], [2]] * 4500), "hashed"),
    "dates": (np.array(["2020", "2021"], dtype="datetime64[D]"), "Unknown label type"),
    "many nanoseconds": (
        np.tile(np.array(["2020", "2021"], dtype="datetime64[ns]"), 4500),
        "Unknown label type",
    ),
    "many dates": (
        pd.Series(pd.to_datetime(["2020-01-01", "2021-01-01"] * 4500)),
        "Unknown label type",
    ),
    "records": (np.array([(1, 2), (3, 4)], dtype="i4,i4"), "Unknown label type"),
}


@pytest.mark.parametrize("y", EMPTY.values(), ids=EMPTY)
def test_empty(y):
    with pytest.raises(ValueError, match="0 sample"):
        encode_labels(y)


@pytest.mark.parametrize("y", ONE_CLASS.values(), ids=ONE_CLASS)
def test_one_class(y):
    with pytest.raises(
        ValueError, match=r"at least two classes; got one class, .*rows"
    ):
        encode_labels(y)


@pytest.mark.parametrize(("y", "text"), NOT_LABELS.values(), ids=NOT_LABELS)
def test_not_labels(y, text):
    with pytest.raises(ValueError, match=text):
        encode_labels(y)
