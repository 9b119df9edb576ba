"""Batches of the data itself: every container, the same rows, nothing converted."""

import mmap

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from skstrat import BalancedBatches, ImbalancedSampler, iter_batches

N_ROWS = 60
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [40, 14, 6]))
SETTINGS = {"batch_size": 12, "random_state": 4}
TABLE = np.arange(N_ROWS * 4.0).reshape(N_ROWS, 4)
WANTED = list(BalancedBatches(LABELS, **SETTINGS).arrays())
FRAME = pd.DataFrame(TABLE.astype("f4"), columns=list("pqrs")).assign(
    word=[f"w{row}" for row in range(N_ROWS)]
)


class Ascending:
    """Storage like an HDF5 file: only ascending row numbers, none of them twice."""

    shape = (N_ROWS, 4)

    def __len__(self):
        return N_ROWS

    def __getitem__(self, rows):
        if (np.diff(rows) <= 0).any():
            raise TypeError("Indexing elements must be in increasing order")
        return TABLE[rows]


def served(X, y=LABELS):
    return list(iter_batches(X, y, BalancedBatches(LABELS, **SETTINGS)))


def plain(data):
    for name in ("toarray", "to_pandas", "to_numpy"):
        data = getattr(data, name)() if hasattr(data, name) else data
    return np.asarray(data)


CONTAINERS = {
    "Fortran": np.asfortranarray(TABLE),
    "float32": TABLE.astype("f4"),
    "images": TABLE.reshape(N_ROWS, 2, 2),
    "view": np.repeat(TABLE, 2, axis=0)[::2],
    "csr": sparse.csr_array(TABLE),
    "csc": sparse.csc_matrix(TABLE),
    "coo": sparse.coo_array(TABLE),
    "pandas": FRAME.set_index("word", drop=False),
    "polars": pl.from_pandas(FRAME),
    "arrow": pa.Table.from_pandas(FRAME, preserve_index=False),
    "list": TABLE.tolist(),
    "series": pd.Series(range(N_ROWS), name="x"),
}


@pytest.mark.parametrize("X", CONTAINERS.values(), ids=list(CONTAINERS))
def test_rows_are_those_of_the_batches(X):
    batches = BalancedBatches(LABELS, **SETTINGS)
    found = list(iter_batches(X, LABELS, **SETTINGS))
    for (X_batch, y_batch, weight), rows in zip(found, WANTED, strict=True):
        assert type(X_batch) is type(X)
        assert plain(X_batch).tolist() == plain(X)[rows].tolist()
        for kind in ("dtype", "dtypes", "schema"):
            kept = getattr(X_batch, kind, None) == getattr(X, kind, None)
            assert np.all(kept)
        assert y_batch.tolist() == LABELS[rows].tolist()
        assert weight.tolist() == batches.sample_weight(rows).tolist()
        if isinstance(X, pd.DataFrame):
            assert X_batch.index.tolist() == [f"w{row}" for row in rows]


def test_a_file_on_disk(tmp_path, monkeypatch):
    for large, order in ((False, "C"), (False, "F"), (True, "C"), (True, "F")):
        if large:
            monkeypatch.setattr("skstrat.batches._iterate._LARGE_FILE", 8)
        path = tmp_path / f"{large}{order}.dat"
        (TABLE if order == "C" else TABLE.T).tofile(path)
        X = np.memmap(path, dtype=float, mode="r", shape=(N_ROWS, 4), order=order)
        for (X_batch, _, _), rows in zip(served(X), WANTED, strict=True):
            assert np.asarray(X_batch).tolist() == TABLE[rows].tolist()


def test_a_large_file_is_not_read_ahead(tmp_path, monkeypatch):
    if not hasattr(mmap, "MADV_RANDOM"):
        pytest.skip("this operating system takes no advice on mapped memory")
    TABLE.tofile(tmp_path / "X.dat")
    advised = []

    class Advised(mmap.mmap):
        def madvise(self, advice):
            advised.append(advice)

    with (tmp_path / "X.dat").open("rb") as file:
        mapped = Advised(file.fileno(), 0, access=mmap.ACCESS_READ)
    X = np.ndarray.__new__(np.memmap, (N_ROWS, 4), float, buffer=mapped)
    served(X)
    assert advised == []
    monkeypatch.setattr("skstrat.batches._iterate._LARGE_FILE", 8)
    started = iter_batches(X, LABELS, **SETTINGS)
    next(started)
    assert advised == [mmap.MADV_RANDOM]
    started.close()
    assert advised == [mmap.MADV_RANDOM, mmap.MADV_NORMAL]


def test_a_dict_of_columns_and_storage_that_wants_ascending_rows():
    y = np.repeat([0, 1], [50, 10])
    batches = BalancedBatches(y, batch_size=30, random_state=0)
    X = {"image": TABLE.reshape(N_ROWS, 2, 2), "stored": Ascending(), "word": FRAME}
    for (X_batch, _, _), rows in zip(
        iter_batches(X, y, batches), [batches.batch(i) for i in range(4)], strict=True
    ):
        # Fifteen of ten rows a batch: some come twice.
        assert len(set(rows)) < 30
        assert list(X_batch) == ["image", "stored", "word"]
        assert X_batch["image"].tolist() == X["image"][rows].tolist()
        assert X_batch["stored"].tolist() == TABLE[rows].tolist()
        assert X_batch["word"].equals(FRAME.iloc[rows])


def test_a_real_hdf5_file(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        X = file.create_dataset("X", data=TABLE.astype("f4"))
        y = file.create_dataset("y", data=LABELS)
        for (X_batch, y_batch, _), rows in zip(served(X, y), WANTED, strict=True):
            assert X_batch.dtype == np.float32
            assert X_batch.tolist() == TABLE[rows].tolist()
            assert y_batch.tolist() == LABELS[rows].tolist()


def test_a_data_set_its_column_and_an_array_with_names():
    datasets = pytest.importorskip("datasets")
    X = datasets.Dataset.from_dict({"x": TABLE, "word": FRAME["word"], "y": LABELS})
    for (X_batch, y_batch, _), rows in zip(
        iter_batches(X, X["y"], **SETTINGS), WANTED, strict=True
    ):
        assert type(X_batch) is type(X)
        assert X_batch["word"][:] == [f"w{row}" for row in rows]
        assert np.array_equal(X_batch["x"][:], TABLE[rows])
        assert type(y_batch) is type(X["y"])
        assert list(y_batch) == LABELS[rows].tolist()
    draws, others = (
        list(ImbalancedSampler(y, indices=range(0, N_ROWS, 2), random_state=0))
        for y in (X["y"], LABELS)
    )
    assert draws == others
    xarray = pytest.importorskip("xarray")
    X = xarray.DataArray(TABLE, dims=("row", "name"), coords={"name": list("pqrs")})
    for (X_batch, _, _), rows in zip(served(X), WANTED, strict=True):
        assert X_batch.identical(X[rows])


LABEL_KINDS = [list, pd.Series, lambda y: pl.Series(list(y)), pa.array, pd.Categorical]


@pytest.mark.parametrize(
    "convert", LABEL_KINDS, ids=["list", "pandas", "polars", "arrow", "categories"]
)
def test_labels_keep_their_kind(convert):
    words = np.array(["no", "yes", "maybe"])[LABELS]
    y, wanted = convert(words), BalancedBatches(words, **SETTINGS)
    found = list(iter_batches(TABLE, y, **SETTINGS))
    for (_, y_batch, _), rows in zip(found, wanted, strict=True):
        assert type(y_batch) is type(y)
        assert [str(label) for label in y_batch] == words[rows].tolist()


def test_batches_that_are_given_continue_with_their_next_epoch():
    batches, other = (BalancedBatches(LABELS, **SETTINGS) for _ in range(2))
    for epoch in [list(other) for _ in range(3)]:
        found = iter_batches(np.arange(N_ROWS), LABELS, batches)
        assert [each[0].tolist() for each in found] == epoch


BATCHES = BalancedBatches(LABELS, **SETTINGS)


@pytest.mark.parametrize(
    ("X", "y", "settings", "text"),
    [
        (TABLE, LABELS[1:], SETTINGS, "of samples: 60 in X and 59 in y"),
        (TABLE[1:], LABELS[1:], {"batches": BATCHES}, "59; got batches of 60 rows"),
        (TABLE, LABELS, {"batches": BATCHES, "epoch": 1}, r"batches and \['epoch'\]"),
        (TABLE, LABELS, {"batch_size": 1}, "batch_size must be"),
    ],
    ids=["lengths", "other rows", "both", "settings"],
)
def test_what_is_refused_at_once(X, y, settings, text):
    with pytest.raises(ValueError, match=text):
        iter_batches(X, y, **settings)
