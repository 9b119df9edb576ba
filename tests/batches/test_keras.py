"""Balanced batches in Keras: every epoch of training has its own, exactly."""

import os
import re
import subprocess
import sys

os.environ.setdefault("KERAS_BACKEND", "torch")

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

N_EPOCHS = 3


def small(n_common=60):
    return np.random.default_rng(1).permutation(np.repeat([0, 1], [n_common, 9]))


def numbers(y):
    return np.arange(len(y), dtype=np.float32)[:, None]


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


def make(y):
    batches = BalancedBatches(y, batch_size=8, random_state=0)
    dataset = BalancedDataset(numbers(y), y, batches)
    model = Recorder()
    model.compile(optimizer="sgd", loss="binary_crossentropy")
    return dataset, model


def fit(model, dataset, **arguments):
    defaults = {"epochs": N_EPOCHS, "shuffle": False, "verbose": 0}
    defaults["callbacks"] = [dataset.callback]
    return model.fit(dataset, **(defaults | arguments))


def epochs_of(y, n_epochs=N_EPOCHS):
    batches = BalancedBatches(y, batch_size=8, random_state=0)
    return [list(batches) for _ in range(n_epochs)]


def trained_on(model, n_batches):
    rows = [batch[0] for batch in model.batches]
    return [rows[i : i + n_batches] for i in range(0, len(rows), n_batches)]


def test_each_epoch_serves_its_batches():
    y = small()
    dataset, model = make(y)
    history = fit(model, dataset)
    assert len(dataset) == 15
    assert trained_on(model, 15) == epochs_of(y)
    for rows, labels, weights in model.batches:
        assert labels.tolist() == y[rows].tolist()
        expected = dataset.batches.sample_weight(np.array(rows))
        np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert np.isfinite(history.history["loss"]).all()


def test_shuffling_keeps_the_batches_of_an_epoch():
    y = small()
    dataset, model = make(y)
    fit(model, dataset, shuffle=True)
    wanted = epochs_of(y)
    found = trained_on(model, 15)
    assert found != wanted
    assert [sorted(epoch) for epoch in found] == [sorted(epoch) for epoch in wanted]


def test_training_goes_on_in_a_later_epoch():
    y = small()
    dataset, model = make(y)
    fit(model, dataset, epochs=4, initial_epoch=2)
    assert trained_on(model, 15) == epochs_of(y, 4)[2:]


def test_a_short_last_batch():
    y = small(62)
    dataset, model = make(y)
    fit(model, dataset, epochs=1)
    assert trained_on(model, 16) == epochs_of(y, 1)
    assert len(model.batches[-1][0]) == 4


@pytest.mark.parametrize("is_built", [False, True])
def test_without_the_callback_no_epoch_comes_again(is_built):
    y = small()
    dataset, model = make(y)
    if is_built:
        model.train_on_batch(*dataset[0])
        model.batches.clear()
    fit(model, dataset, callbacks=[])
    first = 0 if is_built else 1
    assert trained_on(model, 15) == epochs_of(y, 4)[first : first + 3]


def test_the_epoch_can_be_chosen():
    y = small()
    dataset, _ = make(y)
    wanted = epochs_of(y)
    for epoch in (2, 0, 0, 1):
        dataset.set_epoch(epoch)
        assert dataset.epoch == epoch
        served = [batch[0][:, 0].astype(int).tolist() for batch in dataset]
        assert served == wanted[epoch]


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.tolist(),
        pd.DataFrame,
        sparse.csr_array,
        np.asfortranarray,
    ],
    ids=["list", "pandas", "sparse", "Fortran"],
)
def test_rows_of_any_container_become_arrays(convert):
    y = small()
    X = np.random.default_rng(0).normal(size=(69, 3))
    batches = BalancedBatches(y, batch_size=8, random_state=0)
    dataset = BalancedDataset(convert(X), pd.Series(y), batches)
    for (X_batch, y_batch, weight), rows in zip(dataset, batches, strict=True):
        assert type(X_batch) is type(y_batch) is np.ndarray
        assert X_batch.tolist() == X[rows].tolist()
        assert y_batch.tolist() == y[rows].tolist()
        assert weight.tolist() == batches.sample_weight(rows).tolist()


@pytest.mark.parametrize("container", ["dict", "Hugging Face"])
def test_columns_with_names_become_a_dict_of_arrays(container):
    y = small()
    columns = {"a": numbers(y)[:, 0], "b": numbers(y)[:, 0] * 2}
    X, target = columns, y
    if container == "Hugging Face":
        datasets = pytest.importorskip("datasets")
        table = datasets.Dataset.from_dict({**columns, "y": y})
        X, target = table.select_columns(["a", "b"]), table["y"]
    batches = BalancedBatches(y, batch_size=8, random_state=0)
    rows = batches.batch(0, 0)
    X_batch, y_batch, weight = BalancedDataset(X, target, batches)[0]
    assert list(X_batch) == ["a", "b"]
    assert all(type(each) is np.ndarray for each in (*X_batch.values(), y_batch))
    assert X_batch["a"].tolist() == rows.tolist()
    assert X_batch["b"].tolist() == (2 * rows).tolist()
    assert y_batch.tolist() == y[rows].tolist()
    assert weight.tolist() == batches.sample_weight(rows).tolist()


# Keras 3.15 makes arrays of tensors of torch 2.13, which do not know numpy's keyword,
# for any data; Python hides it outside tests.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_weights_keep_predictions_calibrated():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 2)).astype(np.float32)
    y = (rng.random(20_000) < 1 / (1 + np.exp(4.6 - X @ [1.0, -0.5]))).astype(int)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
    optimiser = keras.optimizers.Adam(0.2)
    model.compile(optimizer=optimiser, loss="binary_crossentropy")
    batches = BalancedBatches(y, batch_size=400, random_state=0)
    dataset = BalancedDataset(X, y, batches)
    for rate in (0.2, 0.05, 0.01):
        optimiser.learning_rate = rate
        fit(model, dataset, epochs=1)
    # 15 % is for the noise of the last steps; half a batch is positive.
    predicted = model.predict(X, batch_size=20_000, verbose=0).mean()
    assert predicted == pytest.approx(y.mean(), rel=0.15)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"X": np.zeros((68, 1))}, r"numbers of samples: 68 in X and 69 in y\."),
        ({"y": np.zeros(70)}, r"numbers of samples: 69 in X and 70 in y\."),
        (
            {"X": np.zeros((70, 1)), "y": np.zeros(70)},
            r"batches must be of the rows of X and y, 70; got batches of 69 rows\.",
        ),
    ],
    ids=["X", "y", "batches"],
)
def test_what_is_refused(change, text):
    y = small()
    batches = BalancedBatches(y, batch_size=8)
    arguments = {"X": numbers(y), "y": y, "batches": batches} | change
    with pytest.raises(ValueError, match=text):
        BalancedDataset(**arguments)


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
    assert re.match(
        r"skstrat\.batches\.keras needs tensorflow, .* set .* KERAS_BACKEND to one",
        done.stdout,
    )
