"""Balanced batches for Keras; needs Keras 3."""

from __future__ import annotations

from typing import Any

import numpy as np

from skstrat._core.containers import is_hugging_face
from skstrat._core.rows import gather_rows
from skstrat._core.weights import Floats
from skstrat.batches._balanced import BalancedBatches
from skstrat.batches._iterate import check_batches

__all__ = ["BalancedDataset"]

_REMEDIES = {
    "keras": 'Run: pip install "skstrat[keras]"',
    **dict.fromkeys(
        ("jax", "openvino", "tensorflow", "torch"),
        "It is the backend of Keras. Install it, or set the environment variable "
        'KERAS_BACKEND to one that is installed, such as "torch", before Keras is '
        "imported.",
    ),
}
try:
    import keras
except ModuleNotFoundError as error:
    missing = (error.name or "").partition(".")[0]
    if missing not in _REMEDIES:
        raise
    raise ModuleNotFoundError(
        f"skstrat.batches.keras needs {missing}, which is not installed. "
        f"{_REMEDIES[missing]}",
        name=missing,
    ) from error


class BalancedDataset(keras.utils.PyDataset):
    """Balanced batches as a dataset for ``fit`` of a Keras model.

    Each epoch of training serves the same epoch of the batches, with the loss weights
    as ``sample_weight``. Only rows of the current batch are read.

    Parameters
    ----------
    X : array-like of shape (n_rows, ...)
        Data in any container that :func:`skstrat.iter_batches` reads. The rows of a
        batch become an ndarray. Those of a dict or a Hugging Face ``Dataset`` become a
        dict of arrays.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Targets of the model, row by row. The batches have the labels.
    batches : BalancedBatches
        Batches of row numbers.

    Attributes
    ----------
    callback : keras.callbacks.Callback
        Sets the epoch of the dataset; give it to ``fit``.
    epoch : int
        The epoch served, from 0.

    Raises
    ------
    ValueError
        If X, y and batches differ in their number of rows.

    Notes
    -----
    Without the callback each epoch is also a new one. Their numbers then depend on
    whether the model was built before, because Keras reads a batch to build it.
    ``fit(shuffle=True)``, its default, serves the batches of an epoch in another order.

    Workers of Keras are not used. Batches that they read ahead to build the model would
    replace other batches of the first epoch (Keras 3.15).

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> from skstrat import BalancedBatches
    >>> from skstrat.batches.keras import BalancedDataset
    >>> X, y = np.arange(80, dtype="float32").reshape(40, 2), np.repeat([0, 1], [32, 8])
    >>> batches = BalancedBatches(y, batch_size=16, random_state=0)
    >>> dataset = BalancedDataset(X, y, batches)
    >>> X_batch, y_batch, weight = dataset[0]
    >>> X_batch.shape, np.bincount(y_batch).tolist(), float(weight.sum())
    ((16, 2), [8, 8], 16.0)
    >>> model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
    >>> model.compile(loss="binary_crossentropy")
    >>> history = model.fit(
    ...     dataset, epochs=2, callbacks=[dataset.callback], shuffle=False, verbose=0
    ... )
    >>> len(history.epoch), dataset.epoch
    (2, 1)
    """

    def __init__(self, X: Any, y: Any, batches: BalancedBatches) -> None:
        super().__init__()
        check_batches(X, y, batches)
        self.X, self.y, self.batches = X, y, batches
        self.epoch = 0
        self._is_chosen = True
        self.callback = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _logs: self.set_epoch(epoch)
        )

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple[Any, Any, Floats]:
        """Return a batch of the epoch: rows of X, of y, and their loss weights."""
        rows = self.batches.batch(number, self.epoch)
        X = _as_arrays(gather_rows(self.X, rows))
        y = _as_arrays(gather_rows(self.y, rows, "y"))
        return X, y, self.batches.sample_weight(rows)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is served next; the callback does it.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        """
        self.epoch, self._is_chosen = epoch, True

    def on_epoch_begin(self) -> None:
        """Continue with the next epoch if none was chosen; Keras calls it."""
        if not self._is_chosen:
            self.epoch += 1
        self._is_chosen = False


def _as_arrays(data: Any) -> Any:
    """Turn a batch into an array, or into a dict of arrays if columns have names."""
    if is_hugging_face(data, "Dataset") or is_hugging_face(data, "Column"):
        data = data[:]
    if isinstance(data, dict):
        return {name: _as_arrays(column) for name, column in data.items()}
    return data.toarray() if hasattr(data, "toarray") else np.asarray(data)
