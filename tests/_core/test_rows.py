"""Taking rows: the kind of the container kept, and no more memory than the result."""

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from skstrat._core.rows import count_rows, take_rows

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


class Rows:
    def __getitem__(self, rows):
        return f"rows {rows.tolist()}"


class Table:
    """A table of an unknown library that indexes as pandas does."""

    iloc = Rows()


def test_anything_with_iloc():
    assert take_rows(Table(), np.array([1, 2])) == "rows [1, 2]"


@pytest.mark.parametrize("X", [{1, 2}, {"a": [1, 2]}, "text", 5, None], ids=repr)
def test_things_without_rows(X):
    with pytest.raises(TypeError, match=f"X must be a list, .*got {type(X).__name__}"):
        take_rows(X, np.array([0]))


@pytest.mark.parametrize(
    "X", [5, None, (row for row in range(3))], ids=["int", "None", "generator"]
)
def test_things_without_a_length(X):
    with pytest.raises(TypeError, match="Expected sequence or array-like"):
        count_rows(X)
