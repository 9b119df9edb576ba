"""Turn the user's arguments into the rows wanted of each class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import Labels

# All functions limit values instead of raising errors: in a cross-validation fold a
# class may have fewer rows than were asked for, or none.
Direction = Literal["down", "over"]
SamplingStrategy = float | str | Mapping[Any, int] | Callable[[Any], Mapping[Any, int]]

# imbalanced-learn's values of sampling_strategy, by direction.
WORDS: dict[Direction, tuple[str, ...]] = {
    "down": ("auto", "majority", "not minority", "not majority", "all"),
    "over": ("auto", "minority", "not minority", "not majority", "all"),
}
# With fewer rows, downsampling saves no time.
LEAST_ROWS = 10_000

# Ten to one keeps 10 / 11 of the information if the features do not separate classes.
_ROWS_PER_SMALLEST = 10
_AUTO: dict[Direction, str] = {"down": "not minority", "over": "not majority"}


@dataclass(frozen=True)
class Targets:
    """Rows wanted of each class, and the factor that the user asked for."""

    rows: NDArray[np.int64]  # At least 1.
    # The nominal number of original rows per resampled row.
    factor: NDArray[np.float64]


def refuse_both(first: str, first_value: Any, second: str, second_value: Any) -> None:
    """Refuse two arguments that have the same purpose."""
    if first_value is not None and second_value is not None:
        raise ValueError(
            f"Give either {first} or {second}, not both; got {first}={first_value!r} "
            f"and {second}={second_value!r}."
        )


def targets_from_rows(labels: Labels, rows: NDArray[Any]) -> Targets:
    """Use row counts as they are, and compute the factor from them."""
    rows = np.asarray(rows, dtype=np.int64)
    return Targets(rows, labels.counts / rows)


def targets_of_downsampling(
    labels: Labels,
    y: Any,
    factor: float | Mapping[Any, float] | None,
    strategy: SamplingStrategy | None,
) -> Targets:
    """Read the arguments of downsampling; with None in both, use the default."""
    if factor is not None:
        return targets_from_factor(labels, factor, "down")
    if strategy is not None:
        return targets_from_sampling_strategy(labels, y, strategy, "down")
    wanted = max(_ROWS_PER_SMALLEST * int(labels.counts.min()), LEAST_ROWS)
    return targets_from_rows(labels, np.minimum(labels.counts, wanted))


def targets_from_factor(
    labels: Labels, factor: float | Mapping[Any, float], direction: Direction
) -> Targets:
    """Divide (down) or multiply (over) the rows of a class by a factor."""
    counts = labels.counts
    argument = "factor" if direction == "down" else "times"
    if isinstance(factor, Mapping):
        factors = labels.by_class(factor, argument)
    else:
        only = counts.argmax() if direction == "down" else counts.argmin()
        factors = {int(only): factor}
    rows = counts.copy()
    nominal = np.ones(len(counts))
    for code, value in factors.items():
        if not (isinstance(value, Real) and 1 <= float(value) < np.inf):
            raise ValueError(
                f"{argument} must be a finite number >= 1 for every class; got "
                f"{value!r} for class {labels.classes.tolist()[code]!r}."
            )
        count, ratio = int(counts[code]), float(value)
        if direction == "down":
            rows[code] = max(1, round(count / ratio))
            nominal[code] = ratio
        else:
            rows[code] = round(count * ratio)
            nominal[code] = 1 / ratio
    return Targets(rows, nominal)


def targets_from_sampling_strategy(
    labels: Labels, y: Any, strategy: SamplingStrategy, direction: Direction
) -> Targets:
    """Read imbalanced-learn's ``sampling_strategy``, for any number of classes."""
    counts = labels.counts
    if callable(strategy):
        strategy = strategy(y)
    if isinstance(strategy, Mapping):
        wanted = rows_from_mapping(labels, strategy)
    elif isinstance(strategy, str):
        wanted = _rows_from_word(counts, strategy, direction)
    else:
        wanted = _rows_from_ratio(counts, strategy, direction)
    clip = np.minimum if direction == "down" else np.maximum
    return targets_from_rows(labels, clip(wanted, counts))


def rows_from_mapping(labels: Labels, wanted: Mapping[Any, int]) -> NDArray[np.int64]:
    """Read rows wanted by label; classes that are not named stay as they are."""
    rows = labels.counts.copy()
    for code, value in labels.by_class(wanted, "sampling_strategy").items():
        if not isinstance(value, Integral) or int(value) < 1:
            raise ValueError(
                "sampling_strategy must give a whole number of rows >= 1 for every "
                f"class, so that each is learned; got {value!r} for class "
                f"{labels.classes.tolist()[code]!r}."
            )
        rows[code] = int(value)
    return rows


def _rows_from_word(
    counts: NDArray[np.int64], word: str, direction: Direction
) -> NDArray[np.int64]:
    if word not in WORDS[direction]:
        raise ValueError(
            f"sampling_strategy must be one of {list(WORDS[direction])} when it is a "
            f"string; got {word!r}."
        )
    word = _AUTO[direction] if word == "auto" else word
    smallest, largest = counts.argmin(), counts.argmax()
    everywhere = np.arange(len(counts))
    touched = {
        "majority": everywhere == largest,
        "minority": everywhere == smallest,
        "not majority": everywhere != largest,
        "not minority": everywhere != smallest,
        "all": everywhere >= 0,
    }[word]
    level = counts.min() if direction == "down" else counts.max()
    return np.where(touched, level, counts)


def _rows_from_ratio(
    counts: NDArray[np.int64], ratio: float, direction: Direction
) -> NDArray[np.int64]:
    if not (isinstance(ratio, Real) and 0 < float(ratio) <= 1):
        raise ValueError(
            "sampling_strategy must lie in (0, 1] when it is a number, rows of a "
            f"smaller class per row of a larger one; got {ratio!r}."
        )
    if direction == "down":
        reference, level = counts.argmin(), round(int(counts.min()) / float(ratio))
    else:
        reference, level = counts.argmax(), round(int(counts.max()) * float(ratio))
    return np.where(np.arange(len(counts)) == reference, counts, level)


def targets_from_balance(labels: Labels, balance: float) -> Targets:
    """Move every class towards the geometric mean of the class sizes."""
    log_counts = np.log(labels.counts)
    rows = np.exp((1 - balance) * log_counts + balance * log_counts.mean())
    return targets_from_rows(labels, np.maximum(1, np.rint(rows)))


def seed_of(random_state: Any) -> int:
    """Return the 64-bit seed of a draw by ``random_state``."""
    if isinstance(random_state, Integral):
        return int(random_state)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**63 - 1, dtype=np.int64))
    return int(np.random.default_rng(random_state).integers(2**63))
