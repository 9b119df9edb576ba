"""Balanced batches in Keras: every epoch of training has its own, exactly."""

import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skstrat import BalancedBatches

keras = pytest.importorskip("keras", reason="keras is not installed")
if keras.backend.backend() == "torch":
    import torch

    torch.set_num_threads(1)

from skstrat.batches.keras import BalancedDataset  # noqa: E402

SMALL = np.random.default_rng(1).permutation(np.repeat([0, 1], [60, 9]))
NUMBERS = np.arange(69, dtype=np.float32)


class Recorder(keras.Model):
    """A logistic model that notes the batches it is trained on."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, activation="sigmoid")
        self.batches = []

    def call(self, inputs):
        return self.dense(inputs / 100)

    def train_step(self, data):
        rows, labels, weights = (np.asarray(each) for each in data)
        self.batches.append((rows[:, 0].astype(int).tolist(), labels, weights))
        return super().train_step(data)


def make(y=SMALL):
    """Make a dataset, a model, and the batches of four epochs."""
    batches, other = (
        BalancedBatches(y, batch_size=8, random_state=0) for _ in range(2)
    )
    model = Recorder()
    model.compile(optimizer="sgd", loss="binary_crossentropy")
    X = np.arange(len(y), dtype=np.float32)[:, None]
    return BalancedDataset(X, y, batches), model, [list(other) for _ in range(4)]


def fit(model, dataset, **arguments):
    arguments.setdefault("callbacks", [dataset.callback])
    return model.fit(dataset, **({"shuffle": False, "verbose": 0} | arguments))


def trained_on(model, n_batches=15):
    rows = [batch[0] for batch in model.batches]
    return [rows[i : i + n_batches] for i in range(0, len(rows), n_batches)]


def test_each_epoch_serves_its_batches():
    dataset, model, wanted = make()
    history = fit(model, dataset, epochs=3)
    assert len(dataset) == 15
    assert trained_on(model) == wanted[:3]
    for rows, labels, weights in model.batches:
        assert labels.tolist() == SMALL[rows].tolist()
        expected = dataset.batches.sample_weight(np.array(rows))
        np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert np.isfinite(history.history["loss"]).all()
    model.batches.clear()
    fit(model, dataset, epochs=4, initial_epoch=2)
    assert trained_on(model) == wanted[2:]
    model.batches.clear()
    fit(model, dataset, epochs=2, shuffle=True)
    assert trained_on(model) != wanted[:2]
    assert list(map(sorted, trained_on(model))) == list(map(sorted, wanted[:2]))
    for epoch in (2, 0, 0, 1):
        dataset.set_epoch(epoch)
        assert dataset.epoch == epoch
        served = [batch[0][:, 0].astype(int).tolist() for batch in dataset]
        assert served == wanted[epoch]


def test_a_short_last_batch():
    dataset, model, wanted = make(np.repeat([0, 1], [62, 9]))
    fit(model, dataset)
    assert trained_on(model, 16) == wanted[:1]
    assert len(model.batches[-1][0]) == 4


@pytest.mark.parametrize("is_built", [False, True])
def test_without_the_callback_no_epoch_comes_again(is_built):
    dataset, model, wanted = make()
    if is_built:
        model.train_on_batch(*dataset[0])
        model.batches.clear()
    fit(model, dataset, epochs=3, callbacks=[])
    first = 0 if is_built else 1
    assert trained_on(model) == wanted[first : first + 3]


def data_set(columns):
    return pytest.importorskip("datasets").Dataset.from_dict(columns)


CONTAINERS = {
    "list": lambda X: X["a"].tolist(),
    "Fortran": lambda X: np.asfortranarray(np.column_stack([*X.values()])),
    "pandas": pd.DataFrame,
    "sparse": lambda X: sparse.csr_array(np.column_stack([*X.values()])),
    "dict": dict,
    "Hugging Face": data_set,
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_rows_of_any_container_become_arrays(kind):
    X = CONTAINERS[kind]({"a": NUMBERS, "b": NUMBERS * 2})
    y = data_set({"y": SMALL})["y"] if kind == "Hugging Face" else pd.Series(SMALL)
    batches = BalancedBatches(SMALL, batch_size=8, random_state=0)
    for (X_batch, y_batch, weight), rows in zip(
        BalancedDataset(X, y, batches), list(batches.arrays()), strict=True
    ):
        if kind in {"dict", "Hugging Face"}:
            assert {type(each) for each in X_batch.values()} == {np.ndarray}
            assert X_batch["a"].tolist() == rows.tolist()
            assert X_batch["b"].tolist() == (2 * rows).tolist()
        else:
            wanted = rows if kind == "list" else np.column_stack([rows, 2 * rows])
            assert type(X_batch) is np.ndarray
            assert X_batch.tolist() == wanted.tolist()
        assert type(y_batch) is np.ndarray
        assert y_batch.tolist() == SMALL[rows].tolist()
        assert weight.tolist() == batches.sample_weight(rows).tolist()


@pytest.mark.parametrize(
    ("n_X", "n_y", "text"),
    [
        (68, 69, r"numbers of samples: 68 in X and 69 in y\."),
        (69, 70, r"numbers of samples: 69 in X and 70 in y\."),
        (70, 70, r"of the rows of X and y, 70; got batches of 69 rows\."),
    ],
)
def test_what_is_refused(n_X, n_y, text):
    batches = BalancedBatches(SMALL, batch_size=8)
    with pytest.raises(ValueError, match=text):
        BalancedDataset(np.zeros((n_X, 1)), np.zeros(n_y), batches)


@pytest.mark.slow
def test_a_backend_that_is_not_installed_is_named_with_the_remedy():
    code = """
import sys
sys.modules["tensorflow"] = None
try:
    import skstrat.batches.keras
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=True,
    )
    text = r"skstrat\.batches\.keras needs tensorflow, .* set .* KERAS_BACKEND to one"
    assert re.match(text, done.stdout)
