"""Taking rows: the kind of the container kept, and no more memory than the result."""

import tracemalloc
from collections import UserDict

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from skstrat._core.containers import read_column
from skstrat._core.rows import count_rows, gather_rows, take_rows

N_ROWS = 20_000
ROWS = np.arange(0, N_ROWS, 100)
WITH_COPIES = np.array([0, 0, 3, 3, 3, 7])


def peak_bytes(X, rows):
    """Give the most memory that taking rows asked numpy for at any time."""
    tracemalloc.start()
    try:
        take_rows(X, rows)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def table():
    return np.arange(N_ROWS * 40, dtype=float).reshape(N_ROWS, 40)


VIEWS = {
    "C": table(),
    "Fortran": np.asfortranarray(table()),
    "images": table().reshape(N_ROWS, 8, 5),
    "Fortran images": np.asfortranarray(table().reshape(N_ROWS, 8, 5)),
    "some columns": np.tile(table(), 2)[:, :40],
    "every other column": np.repeat(table(), 2, axis=1)[:, ::2],
    "every other row": np.repeat(table(), 2, axis=0)[::2],
    "reversed": table()[::-1],
    "some columns of Fortran": np.asfortranarray(np.repeat(table(), 2, axis=0))[::2],
    "moved axes": np.moveaxis(table().reshape(N_ROWS, 8, 5), 2, 1),
    "big-endian": table().astype(">f8"),
}


@pytest.mark.parametrize("X", VIEWS.values(), ids=VIEWS)
def test_a_hundredth_of_the_rows_costs_a_hundredth_of_the_memory(X):
    taken = take_rows(X, ROWS)
    np.testing.assert_array_equal(taken, X[ROWS])
    assert taken.dtype == X.dtype
    assert peak_bytes(X, ROWS) < 3 * taken.nbytes


@pytest.mark.parametrize("name", ["Fortran", "Fortran images"])
def test_fortran_order_is_kept(name):
    taken = take_rows(VIEWS[name], ROWS)
    assert taken.flags.f_contiguous
    assert not taken.flags.c_contiguous


@pytest.mark.parametrize("name", ["C", "images"])
def test_c_order_is_kept(name):
    assert take_rows(VIEWS[name], ROWS).flags.c_contiguous


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_memmap_is_read_where_its_rows_are(tmp_path, order):
    (table() if order == "C" else table().T).tofile(tmp_path / "X.dat")
    X = np.memmap(
        tmp_path / "X.dat", dtype=float, mode="r", shape=(N_ROWS, 40), order=order
    )
    taken = take_rows(X, ROWS)
    assert np.asarray(taken).tolist() == table()[ROWS].tolist()
    assert peak_bytes(X, ROWS) < 3 * taken.nbytes
    taken[0, 0] = -1.0
    assert X[0, 0] == 0.0


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize(
    "rows", [np.array([1, 4, 5]), WITH_COPIES], ids=["few", "more"]
)
def test_sparse_formats(form, kind, rows):
    dense = np.random.default_rng(0).integers(0, 2, size=(8, 6)).astype(np.float32)
    X = getattr(sparse, f"{form}_{kind}")(dense)
    taken = take_rows(X, rows)
    assert count_rows(X) == 8
    assert type(taken) is type(X)
    assert taken.dtype == np.float32
    assert taken.toarray().tolist() == dense[rows].tolist()
    assert X.toarray().tolist() == dense.tolist()


CONTAINERS = {
    "list": list("abcdefgh"),
    "tuple": tuple(range(8)),
    "list of lists": [[row, "x"] for row in range(8)],
    "pandas series": pd.Series(range(8), index=list("aabbccdd")),
    "pandas index": pd.Index([5, 3, 9, 1, 5, 3, 9, 1]),
    "pandas array": pd.array([1, None] * 4, dtype="Int64"),
    "pandas category": pd.Categorical(list("abababab"), categories=["z", "b", "a"]),
    "polars": pl.Series(range(8)),
    "arrow": pa.array(range(8)),
    "arrow chunks": pa.chunked_array([[0, 1, 2, 3], [4, 5], [6, 7]]),
    "objects": np.array([{"row": row} for row in range(8)]),
}


@pytest.mark.parametrize("X", CONTAINERS.values(), ids=CONTAINERS)
def test_one_dimensional_containers(X):
    taken = take_rows(X, WITH_COPIES)
    assert count_rows(X) == 8
    assert type(taken) is type(X)
    found = [str(value) for value in taken]
    assert found == [str(list(X)[row]) for row in WITH_COPIES]


@pytest.mark.parametrize("X", [table()[:9], list(range(9)), pl.Series(range(9))])
def test_no_rows(X):
    taken = take_rows(X, np.empty(0, dtype=np.intp))
    assert type(taken) is type(X)
    assert len(taken) == 0


class Loader:
    """Rows on demand: a length, a shape and an integer index, nothing else."""

    shape = (50, 2)

    def __len__(self):
        return 50

    def __getitem__(self, rows):
        return np.stack([rows, rows * 10], axis=1)


def test_anything_that_an_integer_array_can_index():
    assert take_rows(Loader(), np.array([3, 3, 9])).tolist() == [
        [3, 30],
        [3, 30],
        [9, 90],
    ]


class Table:
    """A table of an unknown library that indexes as pandas does."""

    def __init__(self, n_rows):
        self.iloc = np.arange(n_rows) * 10

    def __len__(self):
        return len(self.iloc)


def test_anything_with_iloc():
    assert take_rows(Table(8), np.array([1, 2])).tolist() == [10, 20]


# Containers of unknown libraries that do not index by row --------------------------


class Unknown:
    """A container of ten rows that gives what it is told to give."""

    shape = (10, 3)

    def __init__(self, give):
        self.give = give

    def __len__(self):
        return 10

    def __getitem__(self, rows):
        return self.give(rows)


def no_such_column(rows):
    raise KeyError(rows)


NOT_BY_ROW = {
    "columns of a dict": lambda rows: {"a": np.zeros(len(rows))},
    "columns": lambda rows: np.zeros((10, len(rows))),
    "everything": lambda rows: np.zeros((10, 3)),
    "a number": lambda rows: 5,
    "text": lambda rows: f"rows {rows}",
    "an error": no_such_column,
}


@pytest.mark.parametrize("n_taken", [1, 4, 10, 13])
@pytest.mark.parametrize("give", NOT_BY_ROW.values(), ids=NOT_BY_ROW)
def test_what_does_not_give_the_rows_asked_for_is_refused(give, n_taken):
    rows = np.arange(n_taken) % 10
    with pytest.raises(TypeError, match=r"strata must be .* by position; got Unk"):
        take_rows(Unknown(give), rows, "strata")


# Containers that index by column ---------------------------------------------------


def test_a_dict_of_columns():
    columns = {
        "array": np.arange(16).reshape(8, 2),
        "list": list("abcdefgh"),
        "sparse": sparse.csr_array(np.eye(8)),
        "polars": pl.Series(range(8)),
    }
    taken = take_rows(columns, WITH_COPIES)
    assert count_rows(columns) == 8
    assert type(taken) is dict
    assert list(taken) == list(columns)
    for name, column in columns.items():
        assert type(taken[name]) is type(column)
        expected = take_rows(column, WITH_COPIES)
        if sparse.issparse(column):
            expected, taken[name] = expected.toarray(), taken[name].toarray()
        np.testing.assert_array_equal(taken[name], expected)


@pytest.mark.parametrize("columns", [{}, {"a": [1, 2], "b": [1, 2, 3]}], ids=repr)
def test_a_dict_of_columns_that_differ_in_length(columns):
    for call in (count_rows, lambda X: take_rows(X, np.array([0]))):
        with pytest.raises(ValueError, match=r"X must hold columns of one length"):
            call(columns)


@pytest.mark.parametrize("columns", [{"a": 5}, {"a": None}], ids=repr)
def test_a_dict_of_other_things_than_columns(columns):
    with pytest.raises(TypeError, match=r"X\['a'\] must be a list, an array"):
        count_rows(columns)


def test_a_dict_of_texts():
    with pytest.raises(TypeError, match=r"X\['a'\] must be .*; got str"):
        take_rows({"a": "text"}, np.array([0]))


def test_another_mapping_is_refused():
    columns = UserDict(a=[1, 2], b=[3, 4])
    for call in (count_rows, lambda X: take_rows(X, np.array([0]))):
        with pytest.raises(TypeError, match=r"X must .*got UserDict.*dict\(X\)"):
            call(columns)


def test_columns_that_read_ascending_rows_alone_are_gathered():
    class Ascending(Loader):
        def __getitem__(self, rows):
            assert (np.diff(rows) > 0).all()
            return super().__getitem__(rows)

    rows = np.array([9, 3, 3, 40])
    taken = gather_rows({"a": Ascending(), "b": list(range(50))}, rows)
    assert taken["a"].tolist() == [[row, row * 10] for row in rows]
    assert taken["b"] == rows.tolist()


# Hugging Face's data sets ----------------------------------------------------------


def data_set(format_=None):
    datasets = pytest.importorskip("datasets")
    columns = {
        "number": np.arange(8) / 7,
        "text": [f"t{row}" for row in range(8)],
        "label": [0, 1] * 4,
        "nested": [{"deep": row} for row in range(8)],
    }
    return datasets.Dataset.from_dict(columns).with_format(format_)


@pytest.mark.parametrize("format_", [None, "numpy", "pandas", "arrow"])
@pytest.mark.parametrize("take", [take_rows, gather_rows])
def test_a_data_set_is_a_data_set_with_its_format(format_, take):
    X = data_set(format_)
    rows = np.array([7, 2, 2]) if take is gather_rows else WITH_COPIES
    taken = take(X, rows)
    assert count_rows(X) == 8
    assert type(taken) is type(X)
    assert taken.features == X.features
    assert taken.format == X.format
    plain = taken.with_format(None)
    assert list(plain) == [X.with_format(None)[int(row)] for row in rows]


def test_a_data_set_of_selected_rows():
    X = data_set().select([6, 4, 2, 0])
    assert take_rows(X, np.array([1, 1, 3]))["text"][:] == ["t4", "t4", "t0"]


@pytest.mark.parametrize("format_", [None, "numpy"])
def test_a_column_of_a_data_set(format_):
    column = data_set(format_)["text"]
    taken = take_rows(column, WITH_COPIES)
    assert count_rows(column) == 8
    assert type(taken) is type(column)
    assert list(taken) == ["t0", "t0", "t3", "t3", "t3", "t7"]


def test_a_column_within_a_column():
    column = data_set()["nested"]["deep"]
    assert list(take_rows(column, WITH_COPIES)) == WITH_COPIES.tolist()


def test_a_column_is_read_at_once():
    column = data_set()["number"]
    assert read_column(column) == (np.arange(8) / 7).tolist()
    assert read_column(data_set().select_columns("label")) == [0, 1] * 4
    for other in (data_set(), [1, 2], table(), None):
        assert read_column(other) is other


def test_splits_and_streams_are_refused():
    datasets = pytest.importorskip("datasets")
    splits = datasets.DatasetDict(train=data_set(), test=data_set())
    with pytest.raises(TypeError, match=r"X must be .*got DatasetDict"):
        count_rows(splits)
    with pytest.raises(TypeError, match=r"X must be .*got IterableDataset"):
        count_rows(data_set().to_iterable_dataset())


# xarray ----------------------------------------------------------------------------


def data_array():
    xarray = pytest.importorskip("xarray")
    return xarray.DataArray(
        np.arange(24).reshape(8, 3),
        dims=("day", "station"),
        coords={
            "day": np.arange("2024-01-01", "2024-01-09", dtype="datetime64[D]"),
            "kind": ("day", list("aabbccdd")),
            "station": list("xyz"),
        },
        attrs={"unit": "mm"},
        name="rain",
    )


@pytest.mark.parametrize("take", [take_rows, gather_rows])
def test_an_array_with_names_keeps_them(take):
    X = data_array()
    taken = take(X, WITH_COPIES)
    assert count_rows(X) == 8
    assert type(taken) is type(X)
    assert taken.identical(X.isel(day=WITH_COPIES))
    assert (taken.values == X.values[WITH_COPIES]).all()


@pytest.mark.parametrize("take", [take_rows, gather_rows])
def test_a_set_of_arrays_is_one_with_all_of_them_cut(take):
    X = data_array().to_dataset().assign(wind=("day", np.arange(8.0)))
    taken = take(X, WITH_COPIES)
    assert count_rows(X) == 8
    assert type(taken) is type(X)
    assert taken.identical(X.isel(day=WITH_COPIES))
    assert taken["wind"].values.tolist() == WITH_COPIES.tolist()


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X.assign(height=("station", [1, 2, 3])),
        lambda X: X.assign(turned=X["rain"].T),
        lambda X: X.assign(number=5),
        lambda X: X.drop_vars("rain"),
    ],
    ids=["other dimension", "second", "scalar", "nothing"],
)
def test_a_set_of_arrays_without_rows_in_common(change):
    X = change(data_array().to_dataset())
    for call in (count_rows, lambda X: take_rows(X, np.array([0]))):
        with pytest.raises(ValueError, match="variables whose first dimension is that"):
            call(X)


# Errors ----------------------------------------------------------------------------

ROWLESS = [{1, 2}, "text", b"text", 5, None]


@pytest.mark.parametrize("X", ROWLESS, ids=repr)
@pytest.mark.parametrize("take", [take_rows, gather_rows])
@pytest.mark.parametrize("argument", ["X", "y", "groups"])
def test_things_without_rows(X, take, argument):
    name = type(X).__name__
    with pytest.raises(TypeError, match=f"^{argument} must be a list, .*got {name}"):
        take(X, np.array([0]), argument)


@pytest.mark.parametrize(
    "X", [5, None, (row for row in range(3))], ids=["int", "None", "generator"]
)
@pytest.mark.parametrize("argument", ["X", "y", "groups"])
def test_things_without_a_length(X, argument):
    with pytest.raises(TypeError, match=f"^{argument} must be .* can be counted; got"):
        count_rows(X, argument)
