"""Taking rows: the kind of the container kept, and no more memory than the result."""

import tracemalloc
from collections import UserDict

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pairwise import pairs
from scipy import sparse

from skstrat._core.containers import read_column
from skstrat._core.rows import count_rows, gather_rows, take_rows

N_ROWS = 20_000
ROWS = np.arange(0, N_ROWS, 100)
FIRST = np.array([0])
WITH_COPIES = np.array([0, 0, 3, 3, 3, 7])


def peak_bytes(X, rows):
    """Measure the most memory that taking rows asked numpy for at any time."""
    tracemalloc.start()
    try:
        take_rows(X, rows)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


TABLE = np.arange(N_ROWS * 40, dtype=float).reshape(N_ROWS, 40)
IMAGES = TABLE.reshape(N_ROWS, 8, 5)
VIEWS = {
    "C": TABLE,
    "Fortran": np.asfortranarray(TABLE),
    "images": IMAGES,
    "Fortran images": np.asfortranarray(IMAGES),
    "some columns": np.tile(TABLE, 2)[:, :40],
    "reversed": TABLE[::-1],
    "some columns of Fortran": np.asfortranarray(np.repeat(TABLE, 2, axis=0))[::2],
    "moved axes": np.moveaxis(IMAGES, 2, 1),
    "big-endian": TABLE.astype(">f8"),
}


@pytest.mark.parametrize("X", VIEWS.values(), ids=VIEWS)
def test_a_hundredth_of_the_rows_costs_a_hundredth_of_the_memory(X):
    taken = take_rows(X, ROWS)
    np.testing.assert_array_equal(taken, X[ROWS])
    assert taken.dtype == X.dtype
    assert peak_bytes(X, ROWS) < 3 * taken.nbytes
    for order in ("c_contiguous", "f_contiguous"):
        assert getattr(taken.flags, order) >= getattr(X.flags, order)


FORMATS = ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"]


@pytest.mark.parametrize(("kind", "form"), pairs(["array", "matrix"], FORMATS))
def test_sparse_formats(form, kind):
    dense = np.random.default_rng(0).integers(0, 2, size=(8, 6)).astype(np.float32)
    X = getattr(sparse, f"{form}_{kind}")(dense)
    for rows in (np.array([1, 4, 5]), WITH_COPIES):
        taken = take_rows(X, rows)
        assert type(taken) is type(X)
        assert taken.dtype == np.float32
        assert taken.toarray().tolist() == dense[rows].tolist()
    assert count_rows(X) == 8
    assert X.toarray().tolist() == dense.tolist()


def data_set(format_=None):
    columns = {
        "number": np.arange(8) / 7,
        "text": [f"t{row}" for row in range(8)],
        "label": [0, 1] * 4,
        "nested": [{"deep": row} for row in range(8)],
    }
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_dict(columns).with_format(format_)


CONTAINERS = {
    "pandas series": lambda: pd.Series(range(8), index=list("aabbccdd")),
    "pandas array": lambda: pd.array([1, None] * 4, dtype="Int64"),
    "pandas category": lambda: pd.Categorical(list("abababab"), list("zba")),
    "arrow chunks": lambda: pa.chunked_array([[0, 1, 2, 3], [4, 5], [6, 7]]),
    "objects": lambda: np.array([{"row": row} for row in range(8)]),
    "data set": data_set,
    "data set, selected": lambda: data_set().select([7, 6, 4, 3, 2, 1, 0, 5]),
    "column": lambda: data_set()["text"],
    "column within a column": lambda: data_set()["nested"]["deep"],
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_stay_what_they_are(name):
    X = CONTAINERS[name]()
    assert count_rows(X) == 8
    for rows in (WITH_COPIES, np.empty(0, dtype=np.intp)):
        taken = take_rows(X, rows)
        assert type(taken) is type(X)
        found = [str(value) for value in taken]
        assert found == [str(list(X)[row]) for row in rows]


def test_a_column_is_read_at_once():
    assert read_column(data_set()["number"]) == (np.arange(8) / 7).tolist()
    assert read_column(data_set().select_columns("label")) == [0, 1] * 4
    for other in (data_set(), [1, 2], TABLE, None):
        assert read_column(other) is other


# Containers of unknown libraries ---------------------------------------------------


class Unknown:
    """A container of ten rows that returns what it is told to."""

    shape = (10, 3)

    def __init__(self, give):
        self.give = give

    def __len__(self):
        return 10

    def __getitem__(self, rows):
        return self.give(rows)


class Table:
    """A table of an unknown library that indexes as pandas does."""

    iloc = np.arange(8) * 10

    def __len__(self):
        return 8


def ascending(rows):
    assert (np.diff(rows) > 0).all()
    return np.stack([rows, rows * 10], axis=1)


def test_anything_that_an_integer_array_can_index():
    rows = np.array([9, 3, 3, 7])
    by_row = Unknown(lambda rows: rows * 10)
    assert take_rows(by_row, rows).tolist() == [90, 30, 30, 70]
    assert take_rows(Table(), np.array([1, 2])).tolist() == [10, 20]
    taken = gather_rows({"a": Unknown(ascending), "b": list(range(10))}, rows)
    assert taken["a"].tolist() == [[row, row * 10] for row in rows]
    assert taken["b"] == rows.tolist()


NOT_BY_ROW = {
    "columns of a dict": lambda rows: {"a": np.zeros(len(rows))},
    "everything": lambda rows: np.zeros((10, 3)),
    "a number": lambda rows: 5,
    "an error": {}.__getitem__,
}


@pytest.mark.parametrize("n_taken", [1, 4, 10, 13])
@pytest.mark.parametrize("give", NOT_BY_ROW.values(), ids=NOT_BY_ROW)
def test_what_does_not_give_the_rows_asked_for_is_refused(give, n_taken):
    rows = np.arange(n_taken) % 10
    with pytest.raises(TypeError, match=r"strata must be .* by position; got Unk"):
        take_rows(Unknown(give), rows, "strata")


# Containers that index by column ---------------------------------------------------


# Errors ----------------------------------------------------------------------------


LENGTH = "X must hold columns of one length"
REFUSED = {
    "dict without columns": (dict, ValueError, LENGTH),
    "unequal columns": (lambda: {"a": [1, 2], "b": [1]}, ValueError, LENGTH),
    "mapping": (
        lambda: UserDict(a=[1, 2]),
        TypeError,
        r"X must .*got UserDict.*dict\(X\)",
    ),
}
DIMENSIONS = {
    "other dimension": lambda X: X.assign(height=("station", [1, 2, 3])),
    "other first": lambda X: X.assign(turned=X["rain"].T),
    "scalar": lambda X: X.assign(number=5),
}


def assert_refused(X, error, text):
    for call in (count_rows, lambda X: take_rows(X, FIRST)):
        with pytest.raises(error, match=text):
            call(X)


@pytest.mark.parametrize(("make", "error", "text"), REFUSED.values(), ids=REFUSED)
def test_columns_without_rows_in_common(make, error, text):
    assert_refused(make(), error, text)


@pytest.mark.parametrize("change", DIMENSIONS.values(), ids=DIMENSIONS)
def test_variables_without_rows_in_common(change):
    xarray = pytest.importorskip("xarray")
    X = xarray.DataArray(np.ones((8, 3)), dims=("day", "station"), name="rain")
    assert_refused(change(X.to_dataset()), ValueError, "whose first dimension is that")


@pytest.mark.parametrize("argument", ["X", "y", "groups"])
@pytest.mark.parametrize("X", [{1, 2}, "text", b"text", 5, None], ids=repr)
def test_things_without_rows(X, argument):
    text = f"^{argument} must be a list, .*got {type(X).__name__}"
    for take in (take_rows, gather_rows):
        with pytest.raises(TypeError, match=text):
            take(X, FIRST, argument)
    for uncounted in (5, None, iter(())):
        with pytest.raises(
            TypeError, match=f"^{argument} must be .* can be counted; got"
        ):
            count_rows(uncounted, argument)
    with pytest.raises(TypeError, match=rf"{argument}\['a'\] must be .*; got str"):
        take_rows({"a": "text"}, FIRST, argument)
