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


def table(dtype=float):
    return np.arange(N_ROWS * 4, dtype=dtype).reshape(N_ROWS, 4)


class Ascending:
    """Storage like an HDF5 file: only ascending row numbers, none of them twice."""

    shape = (N_ROWS, 4)

    def __len__(self):
        return N_ROWS

    def __getitem__(self, rows):
        if (np.diff(rows) <= 0).any():
            raise TypeError("Indexing elements must be in increasing order")
        return table()[rows]


def frame():
    values = pd.DataFrame(table(np.float32), columns=list("pqrs"))
    return values.assign(word=[f"w{row}" for row in range(N_ROWS)])


CONTAINERS = {
    "C": (table(), np.asarray),
    "Fortran": (np.asfortranarray(table()), np.asarray),
    "float32": (table(np.float32), np.asarray),
    "images": (table().reshape(N_ROWS, 2, 2), np.asarray),
    "view": (np.repeat(table(), 2, axis=0)[::2], np.asarray),
    "csr": (sparse.csr_array(table()), lambda X: X.toarray()),
    "csc": (sparse.csc_matrix(table()), lambda X: X.toarray()),
    "coo": (sparse.coo_array(table()), lambda X: X.toarray()),
    "pandas": (frame(), lambda X: X.to_numpy()),
    "polars": (pl.from_pandas(frame()), lambda X: X.to_numpy()),
    "arrow": (
        pa.Table.from_pandas(frame(), preserve_index=False),
        lambda X: X.to_pandas().to_numpy(),
    ),
    "list": (table().tolist(), np.asarray),
    "series": (pd.Series(range(N_ROWS), name="x"), np.asarray),
}


@pytest.mark.parametrize(("X", "values"), CONTAINERS.values(), ids=list(CONTAINERS))
def test_rows_are_those_of_the_batches(X, values):
    batches = BalancedBatches(LABELS, **SETTINGS)
    wanted = list(batches)
    everything = values(X)
    served = list(iter_batches(X, LABELS, **SETTINGS))
    assert len(served) == len(wanted) == 10
    for (X_batch, y_batch, weight), rows in zip(served, wanted, strict=True):
        assert type(X_batch) is type(X)
        assert values(X_batch).tolist() == everything[rows].tolist()
        assert y_batch.tolist() == LABELS[rows].tolist()
        assert weight.tolist() == batches.sample_weight(rows).tolist()
        assert getattr(X_batch, "dtype", None) == getattr(X, "dtype", None)


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_tables_keep_names_and_types(library):
    X, _ = CONTAINERS[library]
    for X_batch, _, _ in iter_batches(X, LABELS, **SETTINGS):
        names = X_batch.column_names if library == "arrow" else list(X_batch.columns)
        assert names == ["p", "q", "r", "s", "word"]
        kinds = {
            "pandas": lambda each: each.dtypes.tolist(),
            "polars": lambda each: each.dtypes,
            "arrow": lambda each: each.schema.types,
        }[library]
        assert kinds(X_batch) == kinds(X)


def test_a_data_frame_keeps_its_index():
    X = frame().set_index("word")
    rows = next(iter(BalancedBatches(LABELS, **SETTINGS)))
    X_batch, _, _ = next(iter_batches(X, LABELS, **SETTINGS))
    assert X_batch.index.tolist() == [f"w{row}" for row in rows]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("large", [False, True])
def test_a_file_on_disk(tmp_path, monkeypatch, order, large):
    if large:
        monkeypatch.setattr("skstrat.batches._iterate._LARGE_FILE", 8)
    (table() if order == "C" else table().T).tofile(tmp_path / "X.dat")
    X = np.memmap(
        tmp_path / "X.dat", dtype=float, mode="r", shape=(N_ROWS, 4), order=order
    )
    wanted = list(BalancedBatches(LABELS, **SETTINGS))
    served = [each[0] for each in iter_batches(X, LABELS, **SETTINGS)]
    for X_batch, rows in zip(served, wanted, strict=True):
        assert np.asarray(X_batch).tolist() == table()[rows].tolist()


def test_a_large_file_is_not_read_ahead(tmp_path, monkeypatch):
    if not hasattr(mmap, "MADV_RANDOM"):
        pytest.skip("this operating system takes no advice on mapped memory")
    table().tofile(tmp_path / "X.dat")
    told = []

    class Told(mmap.mmap):
        def madvise(self, advice):
            told.append(advice)

    with (tmp_path / "X.dat").open("rb") as file:
        mapped = Told(file.fileno(), 0, access=mmap.ACCESS_READ)
    X = np.ndarray.__new__(np.memmap, (N_ROWS, 4), float, buffer=mapped)
    list(iter_batches(X, LABELS, **SETTINGS))
    assert told == []
    monkeypatch.setattr("skstrat.batches._iterate._LARGE_FILE", 8)
    started = iter_batches(X, LABELS, **SETTINGS)
    next(started)
    assert told == [mmap.MADV_RANDOM]
    started.close()
    assert told == [mmap.MADV_RANDOM, mmap.MADV_NORMAL]


def test_storage_that_wants_ascending_rows():
    batches = BalancedBatches([0] * 50 + [1] * 10, batch_size=30, random_state=0)
    y = np.repeat([0, 1], [50, 10])
    wanted = list(BalancedBatches(y, batch_size=30, random_state=0))
    # Fifteen of ten rows a batch: some come twice.
    assert len(set(wanted[0])) < 30
    for (X_batch, _, _), rows in zip(
        iter_batches(Ascending(), y, batches), wanted, strict=True
    ):
        assert isinstance(X_batch, np.ndarray)
        assert X_batch.tolist() == table()[rows].tolist()


def test_a_real_hdf5_file(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        X = file.create_dataset("X", data=table(np.float32))
        y = file.create_dataset("y", data=LABELS)
        wanted = list(BalancedBatches(LABELS, **SETTINGS))
        served = list(iter_batches(X, y, BalancedBatches(LABELS, **SETTINGS)))
        for (X_batch, y_batch, _), rows in zip(served, wanted, strict=True):
            assert X_batch.dtype == np.float32
            assert X_batch.tolist() == table()[rows].tolist()
            assert y_batch.tolist() == LABELS[rows].tolist()


def data_set():
    datasets = pytest.importorskip("datasets")
    words = [f"w{row}" for row in range(N_ROWS)]
    return datasets.Dataset.from_dict({"x": table(), "word": words, "y": LABELS})


def test_a_data_set_and_its_column():
    X = data_set()
    wanted = list(BalancedBatches(LABELS, **SETTINGS))
    served = list(iter_batches(X, X["y"], **SETTINGS))
    for (X_batch, y_batch, _), rows in zip(served, wanted, strict=True):
        assert type(X_batch) is type(X)
        assert X_batch["word"][:] == [f"w{row}" for row in rows]
        assert np.array_equal(X_batch["x"][:], table()[rows])
        assert type(y_batch) is type(X["y"])
        assert list(y_batch) == LABELS[rows].tolist()


def test_batches_and_draws_go_by_a_column():
    column = data_set()["y"]
    batches = zip(
        BalancedBatches(column, **SETTINGS),
        BalancedBatches(LABELS, **SETTINGS),
        strict=True,
    )
    assert all(rows == others for rows, others in batches)
    for indices in (None, np.arange(0, N_ROWS, 2)):
        draws, others = (
            list(ImbalancedSampler(y, indices=indices, random_state=0))
            for y in (column, LABELS)
        )
        assert draws == others


def test_names_of_an_array_are_kept():
    xarray = pytest.importorskip("xarray")
    X = xarray.DataArray(table(), dims=("row", "name"), coords={"name": list("pqrs")})
    wanted = list(BalancedBatches(LABELS, **SETTINGS))
    for X_batch, rows in zip(
        (each[0] for each in iter_batches(X, LABELS, **SETTINGS)), wanted, strict=True
    ):
        assert X_batch.identical(X[rows])


def test_a_dict_of_columns():
    X = {"image": table().reshape(N_ROWS, 2, 2), "stored": Ascending(), "word": frame()}
    wanted = list(BalancedBatches(LABELS, **SETTINGS))
    for X_batch, rows in zip(
        (each[0] for each in iter_batches(X, LABELS, **SETTINGS)), wanted, strict=True
    ):
        assert list(X_batch) == ["image", "stored", "word"]
        assert X_batch["image"].tolist() == X["image"][rows].tolist()
        assert X_batch["stored"].tolist() == table()[rows].tolist()
        assert X_batch["word"].equals(X["word"].iloc[rows])


LABEL_KINDS = {
    "list": list,
    "pandas": pd.Series,
    "polars": lambda y: pl.Series(list(y)),
    "arrow": lambda y: pa.array(list(y)),
    "categories": pd.Categorical,
}


@pytest.mark.parametrize("convert", LABEL_KINDS.values(), ids=LABEL_KINDS)
def test_labels_keep_their_kind(convert):
    words = np.array(["no", "yes", "maybe"])[LABELS]
    y = convert(words)
    wanted = list(BalancedBatches(words, **SETTINGS))
    served = list(iter_batches(table(), y, **SETTINGS))
    for (_, y_batch, _), rows in zip(served, wanted, strict=True):
        assert type(y_batch) is type(y)
        assert [str(label) for label in y_batch] == words[rows].tolist()


def test_batches_that_are_given_go_on_with_their_next_epoch():
    batches = BalancedBatches(LABELS, **SETTINGS)
    wanted = [list(batches) for _ in range(3)]
    batches.set_epoch(0)
    X = np.arange(N_ROWS)
    for epoch in wanted:
        served = [each[0].tolist() for each in iter_batches(X, LABELS, batches)]
        assert served == epoch


def test_lengths_must_agree():
    text = r"inconsistent numbers of samples: 60 in X and 59 in y\."
    with pytest.raises(ValueError, match=text):
        iter_batches(table(), LABELS[:-1], **SETTINGS)


def test_batches_and_settings_exclude_each_other():
    batches = BalancedBatches(LABELS, **SETTINGS)
    text = r"exclude each other; got batches and \['batch_size'\]\. Give one"
    with pytest.raises(ValueError, match=text):
        iter_batches(table(), LABELS, batches, batch_size=12)


def test_batches_must_be_of_these_rows():
    batches = BalancedBatches(LABELS, **SETTINGS)
    text = r"batches must be of the rows of X and y, 59; got batches of 60 rows\."
    with pytest.raises(ValueError, match=text):
        iter_batches(table()[1:], LABELS[1:], batches)


def test_settings_are_checked_at_once():
    with pytest.raises(ValueError, match=r"batch_size must be"):
        iter_batches(table(), LABELS, batch_size=1)
