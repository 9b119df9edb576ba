"""Run a sampler of two results and find which of its rows are original."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import (
    InstanceHardnessThreshold,
    NeighbourhoodCleaningRule,
    RandomUnderSampler,
)
from numpy.typing import NDArray
from scipy import sparse

from skstrat._core.labels import Labels, count_codes, factorize
from skstrat._core.rows import count_rows, gather_rows, take_rows
from skstrat.resamplers._sampler_tables import readable_table, table_like

# These keep or repeat rows of a class at random. All others read X.
AT_RANDOM = (RandomOverSampler, RandomUnderSampler)
# One uses labels as indices of columns of probabilities, one computes their mode. Both
# only drop rows.
_COMPUTES_WITH_LABELS = (InstanceHardnessThreshold, NeighbourhoodCleaningRule)

Array = NDArray[Any]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]

# Attributes of the combined samplers with their last, cleaning step.
_CLEANING = ("enn_", "tomek_")


@dataclass(frozen=True)
class Output:
    """Rows that a sampler returned, and their origin."""

    X: Any
    labels: Labels  # Class codes among the classes of the data.
    indices: Indices  # Positions of original rows, -1 for others.
    known: Mask  # Whether it is known which rows of a class are original.


def reads_values(sampler: Any) -> str:
    """Return the class of a sampler that may choose rows by values; "" for others."""
    return "" if isinstance(sampler, AT_RANDOM) else type(sampler).__name__


def call_sampler(sampler: Any, X: Any, y: Any, **params: Any) -> Any:
    """Call a sampler with a table that it reads, and return rows in the kind of X."""
    table = readable_table(sampler, X)
    results = _call_with_labels(sampler, table, y, params)
    if table is X or not isinstance(results, tuple):
        return results
    made = results[0]
    rows = np.asarray(getattr(sampler, "sample_indices_", ()), dtype=np.intp)
    picked = rows.shape == (len(made),)
    picked = picked and bool(_equal_rows(take_rows(table, rows), made).all())
    return (_in_kind(X, table, made, rows if picked else None), *results[1:])


def _in_kind(X: Any, table: Any, made: Any, rows: Indices | None) -> Any:
    """Return rows of a sampler in the kind of X; ``rows`` are their positions in it."""
    if table is X:
        return made
    # Rows of X itself have their missing values and types as they were.
    return table_like(X, made) if rows is None else gather_rows(X, rows)


def _call_with_labels(sampler: Any, X: Any, y: Any, params: dict[str, Any]) -> Any:
    """Call a sampler; one that computes with labels gets integer codes."""
    if not isinstance(sampler, _COMPUTES_WITH_LABELS) or getattr(y, "ndim", 1) > 1:
        return sampler.fit_resample(X, y, **params)
    codes, classes = factorize(y)
    wanted = sampler.sampling_strategy
    sampler.sampling_strategy = _of_codes(wanted, classes)
    try:
        X_made, _ = sampler.fit_resample(X, codes.astype(np.intp), **params)
    finally:
        sampler.sampling_strategy = wanted
    rows = sampler.sampling_strategy_.items()
    sampler.sampling_strategy_ = {classes[code]: count for code, count in rows}
    y_made = take_rows(y, sampler.sample_indices_, "y")
    return X_made, y_made.reset_index(drop=True) if hasattr(y, "iloc") else y_made


def _of_codes(wanted: Any, classes: Array) -> Any:
    """Name the classes of a sampling strategy by their codes."""
    code_of = {label: code for code, label in enumerate(classes.tolist())}
    if isinstance(wanted, dict):
        return {
            code_of.get(label, str(label)): count for label, count in wanted.items()
        }
    if isinstance(wanted, (list, tuple)):
        return [code_of.get(label, str(label)) for label in wanted]
    if callable(wanted):
        return lambda codes: _of_codes(wanted(classes[codes]), classes)
    return wanted


def run_sampler(sampler: Any, X: Any, labels: Labels) -> Output:
    """Fit a sampler of two results and find the origin of its rows."""
    table = readable_table(sampler, X)
    given = _call_with_labels(sampler, table, labels.classes[labels.codes], {})
    if not (isinstance(given, tuple) and len(given) == 2):
        number = len(given) if isinstance(given, tuple) else 1
        raise TypeError(
            "sampler must return X and y from fit_resample; "
            f"{type(sampler).__name__} returned {number} result(s). One that returns "
            "weights, too, needs no Weighted."
        )
    X_made, y_made = given
    made = _encode_made(sampler, count_rows(X_made), np.asarray(y_made), labels.classes)
    found = _claimed_rows(sampler, table, X_made, labels, made)
    if found is None:
        found = _searched_rows(sampler, table, X_made, labels, made)
    indices, known = found
    picked = indices if (indices >= 0).all() else None
    return Output(_in_kind(X, table, X_made, picked), made, indices, known)


def _searched_rows(
    sampler: Any, X: Any, X_made: Any, labels: Labels, made: Labels
) -> tuple[Indices, Mask]:
    """Find original rows of each class by their order or values."""
    # Rows picked by hard votes are not in order.
    search = getattr(sampler, "voting_", None) == "hard"
    indices = np.full(len(made.codes), -1)
    known = np.zeros(len(made.classes), dtype=bool)
    for code in range(len(made.classes)):
        own, new = (np.flatnonzero(each.codes == code) for each in (labels, made))
        found = _found_rows(take_rows(X, own), take_rows(X_made, new), search=search)
        known[code] = found is not None
        if found is not None:
            indices[new] = np.where(found >= 0, own[found], -1)
    return indices, known


def _encode_made(sampler: Any, n_rows: int, y: Array, classes: Array) -> Labels:
    """Encode the labels returned by a sampler with the classes of the data."""
    name = type(sampler).__name__
    codes = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    if n_rows != len(y) or (classes[codes] != y).any():
        raise ValueError(
            "sampler must return a row of X for each label of y, and labels among "
            f"those given. {name} returned {n_rows} rows of X and {len(y)} of y, with "
            f"labels {np.unique(y).tolist()!r} for {classes.tolist()!r}."
        )
    counts = count_codes(codes, len(classes))
    if not counts.all():
        raise ValueError(
            f"sampler must keep rows of every class; {name} dropped all of "
            f"{classes[counts == 0].tolist()!r}. Exclude such classes from its "
            "sampling_strategy, or use a sampler that drops fewer rows."
        )
    return Labels(codes, classes, counts)


def _claimed_rows(
    sampler: Any, X: Any, X_made: Any, labels: Labels, made: Labels
) -> tuple[Indices, Mask] | None:
    """Read from a sampler which rows it kept, and check that this is so."""
    # Only rows that are equal count as original, so rows moved by noise are not. A
    # class without such a row is unknown.
    parts = [sampler, *(getattr(sampler, name, None) for name in _CLEANING)]
    claims = [getattr(part, "sample_indices_", None) for part in parts]
    claim = next((each for each in claims if each is not None), None)
    if claim is None or np.shape(claim) != made.codes.shape:
        return None
    indices = np.asarray(claim).astype(np.intp)
    # The cleaning step of a combined sampler numbers synthetic rows after original
    # ones.
    real = np.flatnonzero((indices >= 0) & (indices < len(labels.codes)))
    kept = indices[real]
    same = labels.codes[kept] == made.codes[real]
    same &= _equal_rows(take_rows(X, kept), take_rows(X_made, real))
    found = np.full(len(indices), -1)
    found[real[same]] = kept[same]
    claimed, true = (
        count_codes(made.codes[rows], len(made.classes)) for rows in (real, real[same])
    )
    return found, (true > 0) | (claimed == 0)


def _found_rows(X: Any, X_made: Any, *, search: bool) -> Indices | None:
    """Find the rows of one class in the output of a sampler; None if not possible."""
    # Over-samplers return the original rows first. With search the sampler is known to
    # pick rows, so that equal rows are the same row.
    n_rows, n_made = count_rows(X), count_rows(X_made)
    if n_made >= n_rows:
        head = take_rows(X_made, np.arange(n_rows))
        if _equal_rows(X, head).all():
            return np.r_[np.arange(n_rows), np.full(n_made - n_rows, -1)]
    if not search:
        return None
    position_of = {key: row for row, key in reversed(list(enumerate(_row_keys(X))))}
    found = np.array([position_of.get(key, -1) for key in _row_keys(X_made)])
    return found if (found >= 0).all() else None


def _equal_rows(left: Any, right: Any) -> Mask:
    """Compare tables row by row; missing values are equal, other kinds are not."""
    if sparse.issparse(left) or sparse.issparse(right):
        return _equal_sparse_rows(left, right)
    if not (hasattr(left, "iloc") and hasattr(right, "iloc")):
        return _equal_array_rows(np.asarray(left), np.asarray(right))
    if left.shape != right.shape:
        return np.zeros(len(left), dtype=bool)
    same = np.ones(len(left), dtype=bool)
    for column in range(left.shape[1]):
        same &= _equal_array_rows(
            left.iloc[:, column].to_numpy(), right.iloc[:, column].to_numpy()
        )
    return same


def _equal_array_rows(left: Array, right: Array) -> Mask:
    if left.shape != right.shape:
        return np.zeros(len(left), dtype=bool)
    if "O" in (left.dtype.kind, right.dtype.kind):
        same = np.frompyfunc(_equal_values, 2, 1)(left, right).astype(bool)
    else:
        same = np.asarray(left == right)
        if left.dtype.kind in "fcmM":
            same |= (left != left) & (right != right)
    return np.asarray(same.all(axis=tuple(range(1, same.ndim))))


def _equal_values(left: Any, right: Any) -> bool:
    if operator.is_(left, right):
        return True
    try:
        return bool(left == right) or bool(left != left and right != right)
    except TypeError:  # pandas.NA is neither equal to a value nor different
        return False


def _equal_sparse_rows(left: Any, right: Any) -> Mask:
    both = sparse.issparse(left) and sparse.issparse(right)
    if not both or left.shape != right.shape:
        return np.zeros(count_rows(left), dtype=bool)
    values, holes = zip(*map(_without_missing, (left, right)), strict=True)
    different = (values[0] != values[1]) + (holes[0] != holes[1])
    return np.asarray(different.sum(axis=1)).ravel() == 0


def _without_missing(X: Any) -> tuple[Any, Any]:
    values = sparse.csr_array(X, copy=True)
    holes = values.copy()
    holes.data = np.isnan(values.data)
    values.data[holes.data] = 0
    return values, holes


def _row_keys(X: Any) -> list[tuple[bytes, bytes]]:
    """Turn rows of numbers into keys that are equal for equal rows."""
    rows = sparse.csr_array(X if sparse.issparse(X) else np.asarray(X))
    indices, data = rows.indices, rows.data.astype(np.float64)
    return [
        (indices[start:stop].tobytes(), data[start:stop].tobytes())
        for start, stop in pairwise(rows.indptr)
    ]
