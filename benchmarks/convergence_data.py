"""Data with 0.5 % positives whose true probabilities are known."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from skstrat import correct_prior

N_COLUMNS = 20
PREVALENCE = 0.005
SIGNAL = 2.0  # standard deviation of the log odds of the linear truth


class Data(NamedTuple):
    """Rows to train on and to judge by.

    Attributes
    ----------
    X, y : ndarray
        Training rows and labels 0 and 1.
    X_test, y_test : ndarray
        As many columns, the same distribution.
    best, null : float
        Log loss on the test rows to aim at, and that of the training prevalence.
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    best: float
    null: float


def _linear(X):
    direction = np.where(np.arange(N_COLUMNS) % 2, -1, 1) / np.sqrt(N_COLUMNS)
    return SIGNAL * (X @ direction)


def _nonlinear(X):
    return 1.5 * X[:, 0] + X[:, 1] + 1.5 * np.abs(X[:, 2]) + X[:, 3] * X[:, 4]


def _hinge(X):
    # Made so that a linear model must choose which rows to be right about: below the
    # bend most rows are, above it most positives.
    return 4 * np.maximum(X[:, 0] - 1, 0) + X[:, 1]


TRUTHS = {"linear": _linear, "nonlinear": _nonlinear, "hinge": _hinge}


def log_loss(y, p):
    """Give the mean log loss.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Labels 0 and 1.
    p : ndarray of shape (n_rows,)
        Probabilities of 1.

    Returns
    -------
    float
        Log loss in nats, infinite if a probability is no number.
    """
    of_label = np.where(y == 1, p, 1 - p)
    loss = -np.log(np.maximum(of_label, 1e-15)).mean()
    return float(loss) if np.isfinite(loss) else np.inf


def limit_without_weights(data, share):
    """Find where logistic regression ends whose prior is corrected afterwards.

    Parameters
    ----------
    data : Data
        With the unregularised logistic regression as the best.
    share : float
        Share of positives in the batches.

    Returns
    -------
    float
        Log loss of the fit to which training on such batches converges, as a fraction
        of the way from best to null.
    """
    counts = np.bincount(data.y)
    prior = np.array([1 - share, share])
    model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-6)
    model.fit(data.X, data.y, sample_weight=(prior / counts * len(data.y))[data.y])
    p = model.predict_proba(data.X_test)[:, 1]
    p = correct_prior(p, train_prior=prior, target_prior=counts)
    return (log_loss(data.y_test, p) - data.best) / (data.null - data.best)


def make_data(truth, target, seed, rows, test_rows):
    """Draw data and find what to aim at.

    Parameters
    ----------
    truth : {"linear", "nonlinear", "hinge"}
        Log odds up to a constant, which is chosen for 0.5 % positives.
    target : {"fit", "truth"}
        Whether to aim at the unregularised logistic regression of the training rows or
        at the true probabilities.
    seed : int
        Seed.
    rows, test_rows : int
        How many.

    Returns
    -------
    Data
        The data.
    """
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows + test_rows, N_COLUMNS))
    score = TRUTHS[truth](X)
    shift = brentq(lambda b: expit(score + b).mean() - PREVALENCE, -30, 10)
    p = expit(score + shift)
    y = (rng.random(len(p)) < p).astype(np.int64)
    y[:2] = 0, 1
    X_train, y_train, X_test, y_test = X[:rows], y[:rows], X[rows:], y[rows:]
    reached = p[rows:]
    if target == "fit":
        model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-6)
        reached = model.fit(X_train, y_train).predict_proba(X_test)[:, 1]
    null = log_loss(y_test, np.full(test_rows, y_train.mean()))
    return Data(X_train, y_train, X_test, y_test, log_loss(y_test, reached), null)
