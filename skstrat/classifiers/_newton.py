"""Newton's method on a penalised log loss, with few passes over all rows."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular
from scipy.sparse.linalg import cg

from skstrat._core.weights import Floats
from skstrat.classifiers._full_loss import Derivatives, PenalisedLogLoss

MOST_PASSES = 6
# The excess of the log loss that may remain.
_TOLERANCE = 1e-3
# Where rows are nearly separated the loss falls like an exponential. The excess is then
# twice that predicted by its second derivative.
_TAIL = 2
# The share of the predicted decrease that a step must reach (Armijo), and the limits of
# the factors by which a step that fails is shortened.
_LEAST_DECREASE = 1e-4
_SHORTEST, _LONGEST = 0.1, 0.5
# With a correct Hessian the decrement falls faster than by this factor.
_LEAST_FALL = 4
# Multiplications for the Hessian of all rows that take a hundredth of a second.
_CHEAP = 2e8
# One multiplication of sparse numbers takes as long as _SPARSE of dense ones. So the
# Hessian of sparse rows is used if it takes at most _FEW gradients, or _MANY where the
# Hessian of the rows drawn is too far off.
_SPARSE, _FEW, _MANY = 16, 10, 50
# Conjugate gradients: the tolerance, and the most steps.
_EXACT, _MOST_STEPS = 1e-9, 200


@dataclass(frozen=True)
class FullFit:
    """Record of the continuation from a fit on the rows drawn to all rows.

    Attributes
    ----------
    decrement : float
        Half the squared Newton decrement of the penalised loss on all rows: the excess
        that is left. With the Hessian of the rows drawn it is an upper bound.
    log_loss : float
        Weighted sum of the log loss over all rows.
    passes, seconds : int, float
        How often all rows were read, and how long that took.
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
        """The remaining excess, as a share of the log loss."""
        return self.decrement / self.log_loss

    def __str__(self) -> str:
        end = "within 0.1 % of the full fit" if self.converged else "NOT converged"
        return (
            f"{end}: {self.relative_decrement:.1e} of the log loss is left after "
            f"{self.passes} passes over all rows, {self.seconds:.2g} s"
        )


class Curvature:
    """A Hessian with which linear systems are solved."""

    # Columns are scaled first. Directions without curvature are left unchanged, but a
    # slope along them counts in the decrement.

    def __init__(self, hessian: Any) -> None:
        diagonal = hessian.diagonal()
        self._scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1))
        self._hessian = hessian
        self._factors: _Factors | None = None

    def solve(self, slope: Floats) -> tuple[Floats, float]:
        """Return H⁻¹g, and g'H⁻¹g."""
        scaled = self._scale * slope.ravel()
        solved = self._solve_sparse(scaled) if self._factors is None else None
        if solved is None:
            if self._factors is None:
                self._factors = _Factors(self._rescaled())
            solved, size = self._factors.solve(scaled)
        else:
            size = float(scaled @ solved)
        return (self._scale * solved).reshape(slope.shape), size

    def _rescaled(self) -> Floats:
        hessian = self._hessian
        dense = hessian.toarray() if sparse.issparse(hessian) else hessian
        scaled: Floats = dense * np.outer(self._scale, self._scale)
        return scaled

    def _solve_sparse(self, slope: Floats) -> Floats | None:
        """Solve by conjugate gradients; None where another way is faster."""
        hessian = self._hessian
        if not sparse.issparse(hessian) or (
            _SPARSE * _MOST_STEPS * hessian.nnz > len(slope) ** 3 / 3
        ):
            return None
        scale = sparse.diags_array(self._scale)
        scaled = sparse.csr_array(scale @ hessian @ scale)
        solved, failed = cg(scaled, slope, rtol=_EXACT, maxiter=_MOST_STEPS)
        return None if failed else solved


class _Factors:
    """A dense Hessian of unit diagonal, factored."""

    def __init__(self, scaled: Floats) -> None:
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
        if self._root is not None:
            along = solve_triangular(self._root, slope, lower=True)
            size = float(along @ along)
            return solve_triangular(self._root, along, lower=True, trans="T"), size
        along = self._vectors.T @ slope
        bent = np.maximum(self._values, self._least)
        size = float((along**2 / bent).sum())
        return self._vectors @ (along * (self._values > self._least) / bent), size


def minimise(
    full: PenalisedLogLoss, drawn: PenalisedLogLoss, start: Floats, excess: float
) -> tuple[Floats, FullFit]:
    """Continue from the fit on the rows drawn to that on all rows."""
    # excess is the largest ratio of a drawn row's weight to its weight in the full
    # data. In every direction the Hessian of the rows drawn is at most excess times the
    # full one. So the decrement is at most excess times the computed one.
    began = perf_counter()
    whole, may = _affords(full, start.shape)
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
        # The log loss without the penalty also changes by the slope of the penalty.
        slack = trust * curvature.solve(full.penalty_slope(here.at))[1]
        left += np.sqrt(2 * left * slack)
        converged = bool(left <= _TOLERANCE * here.log_loss)
        if converged or passes == MOST_PASSES:
            break
        whole = whole or (may and size > last / _LEAST_FALL)
        last = size
        if pairs and here.hessian is None:
            step, _ = Curvature(_agreeing(hessian, pairs)).solve(-here.gradient)
        there, passes = full.look(here.at + step, hessian=whole), passes + 1
        if not _falls(here, there, step):
            whole, most = may, MOST_PASSES - passes
            again, taken = _retry(full, here, there, step, most, hessian=may)
            passes += taken
            if again is None:
                break
            there = again
        pairs.append((there.at - here.at, there.gradient - here.gradient))
        here = there
    seconds = perf_counter() - began
    return here.at, FullFit(decrement, here.log_loss, passes, seconds, converged)


def _affords(full: PenalisedLogLoss, shape: tuple[int, ...]) -> tuple[bool, bool]:
    """Tell whether the Hessian of all rows is cheap, and whether it can be used."""
    n_scores, n_parameters = shape
    pairs = n_scores * (n_scores + 1) / 2
    filled = full.filled()
    if filled is None:
        return full.n_rows * pairs * n_parameters**2 <= _CHEAP, True
    products = pairs * float((filled**2).mean())
    gradients = products / (n_scores * filled.mean())
    cheap = _SPARSE * full.n_rows * products <= _CHEAP or gradients <= _FEW
    return cheap, cheap or gradients <= _MANY


def _falls(here: Derivatives, there: Derivatives, step: Floats) -> bool:
    """Tell whether a step lowers the loss as much as its slope predicts."""
    slope = float((here.gradient * step).sum())
    return there.total <= here.total + _LEAST_DECREASE * slope


def _retry(
    full: PenalisedLogLoss,
    here: Derivatives,
    there: Derivatives,
    step: Floats,
    most: int,
    *,
    hessian: bool,
) -> tuple[Derivatives | None, int]:
    """Lower the loss where a step was too long; count the passes."""
    if len(step) == 1 and most > 1 and hessian:
        bound = full.look(here.at, hessian=True, bound=True).hessian
        step, _ = Curvature(bound).solve(-here.gradient)
        return full.look(here.at + step, hessian=True), 2
    for taken in range(1, most + 1):
        # The lowest point of the parabola through the known values and slope.
        slope = float((here.gradient * step).sum())
        lowest = -slope / (2 * (there.total - here.total - slope))
        step = min(max(lowest, _SHORTEST), _LONGEST) * step
        there = full.look(here.at + step, hessian=hessian)
        if _falls(here, there, step):
            return there, taken
    return None, most


def _agreeing(hessian: Floats, pairs: list[tuple[Floats, Floats]]) -> Floats:
    """Update a Hessian by the observed changes of the gradient (BFGS)."""
    for step, change in pairs:
        s, y = step.ravel(), change.ravel()
        bent = hessian @ s
        hessian = hessian - np.outer(bent, bent) / (s @ bent) + np.outer(y, y) / (s @ y)
    return hessian
