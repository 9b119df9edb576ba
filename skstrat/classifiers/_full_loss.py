"""The penalised log loss of a logistic regression over rows of any container."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_array

from skstrat._core.rows import count_rows, take_rows
from skstrat._core.weights import Floats

# Four megabytes of numbers fit in the cache of a core.
_NUMBERS = 2**19
_LEAST_ROWS = 1024
# Where scores are smaller, the curvature of the bound is that at zero.
_LEAST_SCORE = 1e-6


@dataclass(frozen=True)
class Derivatives:
    """A loss and its derivatives at one point."""

    at: Floats  # coefficients of shape (n_scores, n_parameters), intercept last
    log_loss: float  # weighted sum over the rows
    total: float  # with the penalty
    gradient: Floats  # of the total, of the same shape
    hessian: Any  # of the total, sparse if the rows are; None if not requested


@dataclass(frozen=True)
class PenalisedLogLoss:
    """Sum of the weighted log losses of rows, and the penalty of the coefficients."""

    # Two classes have one score, more have one each (softmax), as in scikit-learn.
    X: Any
    codes: NDArray[Any]
    weights: Floats | None
    transformers: list[Any]  # fitted, applied to the rows one after the other
    penalty: float  # factor of half the squared coefficients
    intercept: bool

    @property
    def n_rows(self) -> int:
        return len(self.codes)

    def penalty_slope(self, at: Floats) -> Floats:
        """Return the gradient of the penalty, which excludes the intercept."""
        slope = self.penalty * at
        slope[:, self._n_columns(at) :] = 0
        return slope

    def filled(self) -> Floats | None:
        """Count the stored values of some sparse rows; None if X is dense."""
        X = next(self._blocks())[0]
        if not sparse.issparse(X):
            return None
        return np.diff(X.indptr) + float(self.intercept)

    def look(self, at: Floats, *, hessian: bool, bound: bool = False) -> Derivatives:
        """Compute the loss and its derivatives in one pass over the rows."""
        # bound, for two classes, gives the Hessian of a parabola that touches the loss
        # here and is above it everywhere (Jaakkola and Jordan, 2000).
        n_columns = self._n_columns(at)
        slope = self.penalty_slope(at)
        gradient, log_loss = np.zeros(at.shape), 0.0
        curvature: dict[tuple[int, int], Any] = {}
        for X, codes, weights in self._blocks():
            scores = X @ at[:, :n_columns].T
            if self.intercept:
                scores += at[:, n_columns]
            losses, p, q = _log_losses(scores, codes)
            log_loss += float(losses.sum() if weights is None else losses @ weights)
            residual = _residuals(p, q, codes)
            if weights is not None:
                residual *= weights[:, None]
            gradient[:, :n_columns] += (X.T @ residual).T
            gradient[:, n_columns:] += residual.sum(axis=0)[:, None]
            if bound:
                far = np.maximum(np.abs(scores), _LEAST_SCORE)
                p, q = np.tanh(far / 2) / (2 * far), np.ones_like(far)
            if hessian:
                self._add_curvature(curvature, X, p, q, weights)
        total = float(log_loss + (slope * at).sum() / 2)
        whole = self._join(curvature, at) if hessian else None
        return Derivatives(at, log_loss, total, gradient + slope, whole)

    def _n_columns(self, at: Floats) -> int:
        return at.shape[1] - self.intercept

    def _blocks(self) -> Iterator[tuple[Any, NDArray[Any], Floats | None]]:
        n_rows, start, step = count_rows(self.X), 0, _LEAST_ROWS
        while start < n_rows:
            part = slice(start, min(start + step, n_rows))
            given = _take_slice(self.X, part)
            X = self._transform(given)
            X = check_array(X, accept_sparse="csr", dtype=np.float64)
            weights = None if self.weights is None else self.weights[part]
            yield X, self.codes[part], weights
            start = part.stop
            # The size of transformed rows is known from those before.
            numbers = max(_numbers_of(given), _numbers_of(X))
            step = max(_LEAST_ROWS, _NUMBERS * X.shape[0] // max(numbers, 1))

    def _transform(self, X: Any) -> Any:
        for transformer in self.transformers:
            try:
                X = transformer.transform(X)
            except ValueError as error:
                raise ValueError(
                    "full_fit=True passes all rows through the steps before the model, "
                    "which were fitted on the rows drawn; got rows that they refuse "
                    "(the error above). Give a OneHotEncoder all values as "
                    "categories=..., or leave full_fit out."
                ) from error
        return X

    def _add_curvature(
        self,
        curvature: dict[tuple[int, int], Any],
        X: Any,
        p: Floats,
        q: Floats,
        weights: Floats | None,
    ) -> None:
        if self.intercept and sparse.issparse(X):
            X = sparse.hstack([X, np.ones((X.shape[0], 1))], format="csr")
        for first in range(p.shape[1]):
            for second in range(first + 1):
                same = first == second
                spread = p[:, first] * (q[:, first] if same else p[:, second])
                if weights is not None:
                    spread *= weights
                gram = _gram(X, spread, intercept=self.intercept)
                gram = gram if same else -gram
                if (first, second) in curvature:
                    curvature[first, second] += gram
                else:
                    curvature[first, second] = gram

    def _join(self, curvature: dict[tuple[int, int], Any], at: Floats) -> Any:
        scores = range(len(at))
        parts = [[curvature[max(i, j), min(i, j)] for j in scores] for i in scores]
        bends = self.penalty_slope(np.ones(at.shape)).ravel()
        if sparse.issparse(parts[0][0]):
            return (sparse.block_array(parts) + sparse.diags_array(bends)).tocsr()
        joined = np.block(parts)
        joined[np.diag_indices(at.size)] += bends
        return joined


def _numbers_of(X: Any) -> int:
    if sparse.issparse(X):
        return int(X.nnz) + X.shape[0]
    return int(np.prod(getattr(X, "shape", (len(X),))))


def _take_slice(X: Any, part: slice) -> Any:
    """Return consecutive rows, without a copy if the container can."""
    if isinstance(X, np.ndarray) or (sparse.issparse(X) and X.format == "csr"):
        return X[part]
    return take_rows(X, np.arange(part.start, part.stop))


def _log_losses(scores: Floats, codes: NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """Return log losses, probabilities and their complements, each precise."""
    if scores.shape[1] == 1:
        decay = np.exp(-np.abs(scores))
        losses = np.log1p(decay[:, 0])
        losses += np.maximum(np.where(codes == 1, -scores[:, 0], scores[:, 0]), 0)
        larger, smaller = 1 / (1 + decay), decay / (1 + decay)
        positive = scores > 0
        p = np.where(positive, larger, smaller)
        return losses, p, np.where(positive, smaller, larger)
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores)
    sums = p.sum(axis=1, keepdims=True)
    losses = np.log(sums[:, 0]) - scores[np.arange(len(codes)), codes]
    p /= sums
    return losses, p, 1 - p


def _residuals(p: Floats, q: Floats, codes: NDArray[Any]) -> Floats:
    if p.shape[1] == 1:
        return np.where(codes[:, None] == 1, -q, p)
    residuals = p.copy()
    own = np.arange(len(codes)), codes
    residuals[own] = -q[own]
    return residuals


def _gram(X: Any, spread: Floats, *, intercept: bool) -> Any:
    """Compute the weighted cross products of the columns."""
    if sparse.issparse(X):
        return sparse.csr_array(X.T @ sparse.diags_array(spread) @ X)
    root = np.sqrt(spread)
    scaled = np.empty((len(X), X.shape[1] + intercept))
    np.multiply(X, root[:, None], out=scaled[:, : X.shape[1]])
    if intercept:
        scaled[:, -1] = root
    # For the product of a matrix with itself only one half is computed.
    gram: Floats = scaled.T @ scaled
    return gram
