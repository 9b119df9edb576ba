"""Share of a learner's loss that is due to few rows, from its learning curve."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skstrat._core.compat import InvalidParameterError
from skstrat._core.labels import Labels
from skstrat._core.plan import Plan
from skstrat._core.rows import take_rows
from skstrat._core.samples import CheckedSamples
from skstrat._core.weights import class_totals
from skstrat.classifiers._inner_validation import stops_early
from skstrat.classifiers._pipeline_steps import last_model
from skstrat.resamplers._efficiency import offset_efficiency
from skstrat.resamplers._factor import Ranged
from skstrat.resamplers._pilot import Pilot, fit_corrected

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

# Negatives per positive in every part, as many as are kept where few are.
_MOST_NEGATIVES = 10
# Rows of each part in those of the first; the last are those to test with.
_PARTS, _TEST = (1, 2, 4), 4
# With fewer in the first part, the curve has another shape.
_FEWEST_POSITIVES = 50
# Names in the boosting libraries.
_STOPPING_ROUNDS = ("early_stopping_rounds", "early_stopping_round")
# Probabilities are clipped as in scikit-learn's log loss.
_TINY = np.finfo(np.float64).eps


@dataclass(frozen=True)
class _Drawn:
    """Rows of each class in random order: nested parts, then rows to test with."""

    by_class: tuple[Rows, Rows]
    positives: int
    ratio: float

    def rows_of(self, first: int, last: int) -> Rows:
        """Return the rows from one part to another, of both classes."""
        size = self.positives * np.array([self.ratio, 1.0])
        cuts = np.rint(np.outer([first, last], size)).astype(np.intp)
        taken = [
            own[start:stop]
            for own, start, stop in zip(self.by_class, *cuts, strict=True)
        ]
        return np.sort(np.concatenate(taken))


def measured_share(
    estimator: Any,
    X: Any,
    split: Labels,
    samples: CheckedSamples,
    pilot: Pilot,
    *,
    cost: Callable[[int], float],
    budget: float,
    seed: int,
) -> Ranged | None:
    """Measure the share of the loss that is due to few rows; None if too expensive."""
    # Clones are fitted on three nested parts of the rows: m positives and up to ten
    # negatives for each. They are tested on other rows, weighted to represent all.
    # Least squares fit the losses by L(m) = a + c / m, so that for all rows
    # g = (c / M) / (a + c / M) with M = N1 / E. N1 is the number of all positives, E
    # the efficiency of so few negatives, from the pilot. The range is two standard
    # errors of the paired losses. Its high end also includes two standard errors of the
    # slower law a + c / sqrt(m), whose slope at all rows is half its share.
    if _needs_eval_set(estimator):
        return None
    drawn = _draw(split, samples, cost, budget, seed)
    if drawn is None:
        return None
    test = drawn.rows_of(_PARTS[-1], _PARTS[-1] + _TEST)
    parts = [drawn.rows_of(0, part) for part in _PARTS]
    try:
        losses = np.array(
            [
                _row_losses(estimator, X, split, samples, part, test, seed)
                for part in parts
            ]
        )
    except InvalidParameterError:
        raise
    except ValueError:
        # An encoder may not know a category that is absent from the part.
        return None
    codes, weights = split.codes[test], samples.weights_of(test)
    weights = np.ones(len(test)) if weights is None else weights
    totals = class_totals(split, samples.sample_weight)
    weights *= (totals / totals.sum() / np.bincount(codes, weights))[codes]
    return _extrapolate(losses, weights, codes, drawn, _reach(split, pilot, drawn))


def _needs_eval_set(estimator: Any) -> bool:
    params = estimator.get_params(deep=True)
    return any(
        name.rpartition("__")[2] in _STOPPING_ROUNDS and bool(value)
        for name, value in params.items()
    )


def _reach(split: Labels, pilot: Pilot, drawn: _Drawn) -> float:
    """Return how many positives with few negatives are as good as all rows."""
    n_negatives, n_positives = split.counts.tolist()
    factor = n_negatives / (n_positives * drawn.ratio)
    positive = pilot.positive
    left = offset_efficiency(pilot.p[positive], factor, pilot.weights[positive])
    return float(n_positives / left)


def _draw(
    split: Labels,
    samples: CheckedSamples,
    cost: Callable[[int], float],
    budget: float,
    seed: int,
) -> _Drawn | None:
    n_negatives, n_positives = split.counts.tolist()
    ratio = min(_MOST_NEGATIVES, n_negatives / n_positives)

    def costs(positives: int) -> float:
        rows = (1 + ratio) * positives
        # Three predictions of the test rows are counted as one fit of them.
        return sum(cost(round(part * rows)) for part in (*_PARTS, _TEST))

    most = int(n_positives // (_PARTS[-1] + _TEST))
    positives = bisect_right(range(most + 1), budget, key=costs) - 1
    if positives < _FEWEST_POSITIVES:
        return None
    n_drawn = positives * (_PARTS[-1] + _TEST) * np.array([ratio, 1.0])
    wanted = np.minimum(np.rint(n_drawn).astype(np.int64), split.counts)
    _, indices = Plan.draw(split, wanted, seed, key=samples.positions)
    rng = np.random.default_rng(seed)
    codes = split.codes[indices]
    negatives, some = (rng.permutation(indices[codes == code]) for code in (0, 1))
    return _Drawn((negatives, some), positives, ratio)


def _row_losses(
    estimator: Any,
    X: Any,
    split: Labels,
    samples: CheckedSamples,
    part: Rows,
    test: Rows,
    seed: int,
) -> Floats:
    """Fit on a part of the rows; return the loss of every test row."""
    model = clone(estimator)
    params = last_model(model).get_params(deep=False)
    if params.get("early_stopping") == "auto":
        # As it would be with all rows, which these represent.
        last_model(model).set_params(
            early_stopping=stops_early(params, len(split.codes))
        )
    codes = split.codes[part]
    predict = fit_corrected(
        model,
        take_rows(X, samples.position_of(part)),
        Labels(codes, split.classes, np.bincount(codes, minlength=2)),
        samples.weights_of(part),
        class_totals(split, samples.sample_weight),
        seed,
    )
    p = predict(take_rows(X, samples.position_of(test)))
    return -np.log(np.maximum(np.where(split.codes[test] == 1, p, 1 - p), _TINY))


def _extrapolate(
    losses: Floats, weights: Floats, codes: NDArray[Any], drawn: _Drawn, reach: float
) -> Ranged:
    """Fit both laws by least squares; return the share at all rows, with its range."""
    at = drawn.positives * np.array(_PARTS, dtype=np.float64)
    value, low, high = _share(losses, weights, codes, 1 / at, 1 / reach)
    _, _, slow = _share(losses, weights, codes, at**-0.5, reach**-0.5)
    return value, low, max(high, slow / 2)


def _share(
    losses: Floats, weights: Floats, codes: NDArray[Any], at: Floats, whole: float
) -> Ranged:
    """Return the share of the vanishing term ``at`` in the loss at ``whole``."""
    centred = at - at.mean()
    slopes = (centred / (centred**2).sum()) @ losses
    slope = float(weights @ slopes)
    # The classes were drawn separately, so each varies about its own mean.
    own = np.bincount(codes, weights * slopes) / np.bincount(codes, weights)
    margin = 2 * float(np.linalg.norm(weights * (slopes - own[codes])))
    loss = float((losses @ weights).mean()) + slope * (whole - at.mean())
    value, low, high = (
        float(np.clip(each * whole / max(loss, _TINY), 0, 1))
        for each in (slope, slope - margin, slope + margin)
    )
    return value, low, high
