"""The weights of drawn rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skstrat._core.codes import sum_by_code
from skstrat._core.labels import Labels

Weighting = Literal["original", "balanced", "uniform", "factor"] | Mapping[Any, float]
Floats = NDArray[np.float64]

# Ratio estimates from fewer units are too biased to be made separately.
LEAST_UNITS = 20
_MOST_STEPS = 100
_TOLERANCE = 1e-10


def as_weights(given: Any, argument: str = "sample_weight") -> Floats:
    """Turn weights into floats; masked ones become NaN."""
    if isinstance(given, np.ma.MaskedArray):
        given = np.ma.filled(given.astype(np.float64), np.nan)
    kind = np.asarray(given).dtype
    if kind.kind not in "biufO":
        raise TypeError(
            f"{argument} must be numbers; got values of type {kind}. Convert them."
        )
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{argument} must be one number for each row of X; got "
            f"{type(given).__name__}. Convert it. For weights of classes use "
            "ClassWeight as resampler."
        ) from error


def check_sample_weight(
    sample_weight: Any, n_rows: int, argument: str = "sample_weight"
) -> Floats | None:
    """Check incoming weights."""
    if sample_weight is None:
        return None
    weights = as_weights(sample_weight, argument)
    if weights.shape != (n_rows,):
        raise ValueError(
            f"{argument} must have shape ({n_rows},), one weight per row of X; got "
            f"shape {weights.shape}."
        )
    bad = np.flatnonzero(~((weights >= 0) & (weights < np.inf)))
    if len(bad):
        raise ValueError(
            f"{argument} must be finite and not negative; got "
            f"{weights[bad[0]]} in row {bad[0]} and {len(bad)} such rows in all. "
            "Correct those weights, or remove the rows."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if total == np.inf:
        raise ValueError(
            f"{argument} must have a finite sum; got weights as large as "
            f"{weights.max()}. Divide them all by one number."
        )
    if not weights.any():
        raise ValueError(
            f"{argument} must have a positive weight in some row; got only zeros."
        )
    return weights


def counted_rows(sample_weight: Floats | None) -> NDArray[np.intp] | None:
    """Find the rows whose weight is not zero; None if all are."""
    if sample_weight is None or sample_weight.all():
        return None
    return np.flatnonzero(sample_weight)


def row_multipliers(multiplier: Floats, codes: NDArray[Any]) -> Floats:
    """Give each row the multiplier of its class."""
    if (multiplier == multiplier[0]).all():
        return np.full(len(codes), multiplier[0])
    return multiplier[codes]


def multiply_weights(weights: Floats, incoming: Floats) -> Floats:
    """Multiply weights and refuse those that float64 cannot hold."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        product = weights * incoming
    if not ((product > 0) & (product < np.inf)).all():
        raise ValueError(
            "sample_weight must span a range that float64 can scale; got weights from "
            f"{incoming.min()} to {incoming.max()} among the rows drawn."
        )
    return product


def class_totals(labels: Labels, weights: Floats | None) -> Floats:
    """Add up the weights of each class."""
    if weights is None:
        return labels.counts.astype(np.float64)
    return totals_of(labels.codes, weights, len(labels.classes))


def totals_of(codes: NDArray[Any], weights: Floats | None, n_codes: int) -> Floats:
    """Add up the weights of each code."""
    return sum_by_code(codes, weights, n_codes).astype(np.float64, copy=False)


def wanted_totals(labels: Labels, weighting: Weighting, totals: Floats) -> Floats:
    """Return the total weight wanted of each class; the grand total is kept."""
    if weighting == "original":
        return totals
    if weighting == "balanced":
        return np.full(len(totals), totals.sum() / len(totals))
    wanted: Floats = totals.sum() * _shares(labels, weighting)
    return wanted


@dataclass(frozen=True)
class CellSums:
    """Weights of the rows of each cell: of all rows, and of those drawn."""

    class_of: NDArray[np.intp]  # Class code of each cell.
    expansion: Floats  # Original rows per row drawn.
    totals: Floats  # Sum of the incoming weights of all rows.
    drawn: Floats  # Sum of the incoming weights of the rows drawn.
    # Partitions of the cells into sets whose totals are kept. Those of the last hold
    # exactly; each of its sets is of one class.
    margins: tuple[NDArray[np.intp], ...]

    @classmethod
    def of_classes(cls, expansion: Floats, totals: Floats, drawn: Floats) -> CellSums:
        """Make every class a cell."""
        classes = np.arange(len(totals))
        return cls(classes, expansion, totals, drawn, (classes,))


def cell_weights(weighting: Weighting, labels: Labels, sums: CellSums) -> Floats:
    """Return the factors of the incoming weights of each cell."""
    if weighting == "uniform":
        return np.ones(len(sums.totals))
    if weighting == "factor":
        return sums.expansion
    of_class = totals_of(sums.class_of, sums.totals, len(labels.classes))
    scale = wanted_totals(labels, weighting, of_class) / of_class
    # Weights too far apart to be scaled are refused where they are multiplied.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        multiplier: Floats = _rake(sums) * scale[sums.class_of]
    return multiplier


def _rake(sums: CellSums) -> Floats:
    """Scale expansions until the drawn rows have the totals of all rows."""
    # With one set of margins this is the combined ratio estimator k_h W / sum k_h w_h
    # (Hajek, 1971; Cochran, 1977, 6.11). Several are adjusted in turn (iterative
    # proportional fitting; Deming and Stephan, 1940).
    *others, last = sums.margins
    start = multiplier = _scale(sums.expansion, last, sums)
    if not others:
        # A set of one cell needs no expansion, nor its rounding.
        alone = (np.bincount(last) == 1)[last]
        return np.where(alone, sums.totals / sums.drawn, start)
    for _ in range(_MOST_STEPS):
        for margin in sums.margins:
            multiplier = _scale(multiplier, margin, sums)
        if all(_are_met(multiplier, margin, sums) for margin in others):
            return multiplier
    # No weights have all these totals.
    return start


def _scale(multiplier: Floats, margin: NDArray[np.intp], sums: CellSums) -> Floats:
    wanted, held = _margin_totals(multiplier, margin, sums)
    scaled: Floats = multiplier * (wanted[margin] / held[margin])
    return scaled


def _are_met(multiplier: Floats, margin: NDArray[np.intp], sums: CellSums) -> bool:
    wanted, held = _margin_totals(multiplier, margin, sums)
    return bool((np.abs(held - wanted) <= _TOLERANCE * wanted).all())


def _margin_totals(
    multiplier: Floats, margin: NDArray[np.intp], sums: CellSums
) -> tuple[Floats, Floats]:
    n_sets = int(margin.max()) + 1
    held = totals_of(margin, multiplier * sums.drawn, n_sets)
    return totals_of(margin, sums.totals, n_sets), held


def join_small(
    units: NDArray[np.int64], within: NDArray[np.intp], whole: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Join cells of one class where few units are drawn of each."""
    # A cell drawn whole has an exact total. It is joined with others only where these
    # have too few units together.
    order = np.lexsort((units, whole, within))
    first = np.flatnonzero(np.diff(within[order], prepend=-1))
    lengths = np.diff(first, append=len(order))
    before = np.cumsum(units[order]) - units[order]
    before -= np.repeat(before[first], lengths)
    small = (units < LEAST_UNITS) & ~whole
    joined = (before < LEAST_UNITS) | small[order]
    margin = np.arange(len(order))
    margin[order[joined]] = np.repeat(order[first], lengths)[joined]
    return margin


def effective_number(counts: NDArray[Any], beta: float | None) -> Floats:
    """Return the effective number of rows of each class."""
    if beta is None:
        beta = 1 - 1 / counts.sum()
    if beta == 0:
        return np.ones(len(counts))
    # (1 - beta**n) / (1 - beta)
    number: Floats = -np.expm1(counts * np.log(beta)) / (1 - beta)
    return number


def _shares(labels: Labels, shares: str | Mapping[Any, float]) -> Floats:
    if not isinstance(shares, Mapping):
        raise TypeError(
            'weighting must be "original", "balanced", "uniform", "factor" or a dict '
            f"of class shares; got {shares!r}."
        )
    named = labels.by_class(shares, "weighting")
    names = labels.classes.tolist()
    unnamed = [name for code, name in enumerate(names) if code not in named]
    if unnamed:
        raise ValueError(
            "weighting must give a share for every class when it is a dict; none for "
            f"{unnamed!r}."
        )
    for code, share in named.items():
        if not (isinstance(share, Real) and 0 < float(share) < np.inf):
            raise ValueError(
                "weighting must give a positive share for every class; got "
                f"{share!r} for class {names[code]!r}."
            )
    values = np.array([float(named[code]) for code in range(len(names))])
    return values / values.sum()
