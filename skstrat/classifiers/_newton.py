"""Newton's method on a penalised log loss, where every look is a pass over all rows."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np
from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular

from skstrat._core.weights import Floats
from skstrat.classifiers._full_loss import Derivatives, PenalisedLogLoss

MOST_PASSES = 6
# What may be left of the log loss.
_TOLERANCE = 1e-3
# Where rows are nearly separated the loss falls like an exponential, and what is left
# of it is twice what its second derivative says.
_TAIL = 2
# What a step must reach of the decrease that the gradient promises (Armijo), and what
# is tried of a step that does not.
_LEAST_DECREASE = 1e-4
_SHORTEST, _LONGEST = 0.1, 0.5
# Of a Hessian that is right the decrement falls faster.
_LEAST_FALL = 4
# Multiplications for the Hessian of all rows, a hundredth of a second.
_CHEAP = 2e8


@dataclass(frozen=True)
class FullFit:
    """How far a fit on the rows drawn was brought to that on all rows.

    Attributes
    ----------
    decrement : float
        Half the squared Newton decrement of the penalised loss on all rows: what is
        left of it. With the Hessian of the rows drawn, the most that it can be.
    log_loss : float
        Log loss on all rows, their weighted sum.
    passes : int
        How often all rows were read.
    seconds : float
        How long that took.
    converged : bool
        Whether the log loss is within 0.1 % of that of the full fit.
    """

    decrement: float
    log_loss: float
    passes: int
    seconds: float
    converged: bool

    @property
    def relative_decrement(self) -> float:
        """What is left, as a share of the log loss."""
        return self.decrement / self.log_loss

    def __str__(self) -> str:
        end = "within 0.1 % of the full fit" if self.converged else "NOT converged"
        return (
            f"{end}: {self.relative_decrement:.1e} of the log loss is left after "
            f"{self.passes} passes over all rows, {self.seconds:.2g} s"
        )


class Curvature:
    """A Hessian in a form that solves.

    Columns are brought to one scale first. Directions in which the loss does not bend
    are left alone, but a slope along them counts.
    """

    def __init__(self, hessian: Floats) -> None:
        diagonal = hessian.diagonal()
        self._scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1))
        scaled = hessian * np.outer(self._scale, self._scale)
        rounding = np.finfo(np.float64).eps
        try:
            root = cholesky(scaled, lower=True, check_finite=False)
        except LinAlgError:
            root = np.zeros((1, 1))
        self._root: Floats | None = root
        if root.diagonal().min() ** 2 < 100 * len(scaled) * rounding:
            self._root = None
            self._values, self._vectors = eigh(scaled, check_finite=False)
            self._least = 4 * rounding * self._values[-1]

    def solve(self, slope: Floats) -> tuple[Floats, float]:
        """Give H⁻¹g, and g'H⁻¹g."""
        scaled = self._scale * slope.ravel()
        if self._root is not None:
            along = solve_triangular(self._root, scaled, lower=True)
            size = float(along @ along)
            solved = solve_triangular(self._root, along, lower=True, trans="T")
        else:
            along = self._vectors.T @ scaled
            bent = np.maximum(self._values, self._least)
            size = float((along**2 / bent).sum())
            solved = self._vectors @ (along * (self._values > self._least) / bent)
        return (self._scale * solved).reshape(slope.shape), size


def minimise(
    full: PenalisedLogLoss, drawn: PenalisedLogLoss, start: Floats, excess: float
) -> tuple[Floats, FullFit]:
    """Go from the fit on the rows drawn to that on all rows.

    ``excess`` is the most that a row drawn weighs more than in the full data. So the
    Hessian of the rows drawn is at most that many times the full one, in every
    direction, and the decrement at most that many times what it says.
    """
    began = perf_counter()
    n_scores, n_parameters = start.shape
    cost = full.n_rows * n_parameters**2 * n_scores * (n_scores + 1) / 2
    whole = cost <= _CHEAP
    here, passes = full.look(start, hessian=whole), 1
    pairs: list[tuple[Floats, Floats]] = []
    last = np.inf
    while True:
        hessian, trust = here.hessian, 1.0
        if hessian is None:
            hessian, trust = drawn.look(here.at, hessian=True).hessian, excess
        curvature = Curvature(hessian)
        step, size = curvature.solve(-here.gradient)
        decrement = trust * size / 2
        left = _TAIL * decrement
        # The log loss alone changes by the slope of the penalty, too.
        slack = trust * curvature.solve(full.penalty_slope(here.at))[1]
        left += np.sqrt(2 * left * slack)
        converged = bool(left <= _TOLERANCE * here.log_loss)
        if converged or passes == MOST_PASSES:
            break
        whole = whole or size > last / _LEAST_FALL
        last = size
        if pairs and here.hessian is None:
            step, _ = Curvature(_agreeing(hessian, pairs)).solve(-here.gradient)
        there, passes = full.look(here.at + step, hessian=whole), passes + 1
        if not _falls(here, there, step):
            whole = True
            again, taken = _retry(full, here, there, step, MOST_PASSES - passes)
            passes += taken
            if again is None:
                break
            there = again
        pairs.append((there.at - here.at, there.gradient - here.gradient))
        here = there
    seconds = perf_counter() - began
    return here.at, FullFit(decrement, here.log_loss, passes, seconds, converged)


def _falls(here: Derivatives, there: Derivatives, step: Floats) -> bool:
    """Tell whether a step lowers the loss as much as its slope promises."""
    slope = float((here.gradient * step).sum())
    return there.total <= here.total + _LEAST_DECREASE * slope


def _retry(
    full: PenalisedLogLoss,
    here: Derivatives,
    there: Derivatives,
    step: Floats,
    most: int,
) -> tuple[Derivatives | None, int]:
    """Lower the loss where a step was too long; count the passes."""
    if len(step) == 1 and most > 1:
        bound = full.look(here.at, hessian=True, bound=True).hessian
        step, _ = Curvature(bound).solve(-here.gradient)
        return full.look(here.at + step, hessian=True), 2
    for taken in range(1, most + 1):
        # The lowest point of the parabola through what is known.
        slope = float((here.gradient * step).sum())
        lowest = -slope / (2 * (there.total - here.total - slope))
        step = min(max(lowest, _SHORTEST), _LONGEST) * step
        there = full.look(here.at + step, hessian=True)
        if _falls(here, there, step):
            return there, taken
    return None, most


def _agreeing(hessian: Floats, pairs: list[tuple[Floats, Floats]]) -> Floats:
    """Let a Hessian agree with the changes of the gradient seen (BFGS)."""
    for step, change in pairs:
        s, y = step.ravel(), change.ravel()
        bent = hessian @ s
        hessian = hessian - np.outer(bent, bent) / (s @ bent) + np.outer(y, y) / (s @ y)
    return hessian
