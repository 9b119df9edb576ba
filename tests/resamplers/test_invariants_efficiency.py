"""Weights or correction of the prior: what each costs a logistic model, and when."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skstrat import DownsampleUpweight, ResampledClassifier

N_FEATURES = 5
LINEAR = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)


def draw(n_rows, seed, signal, intercept, missed=0.0):
    """Draw rows; the term that a linear model misses is a square of mean zero."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, N_FEATURES))
    score = signal * X.sum(axis=1) / np.sqrt(N_FEATURES)
    p = expit(intercept + score + missed * (X[:, 0] ** 2 - 1))
    return X, (rng.random(n_rows) < p).astype(int), p


def trained(seed, factor, use_weights):
    down = DownsampleUpweight(factor=factor, random_state=seed)
    return ResampledClassifier(clone(LINEAR), down, use_weights=use_weights)


# 19: variance of the slopes


@pytest.mark.slow
def test_variance_of_slopes_against_all_rows(population):
    signal, intercept = population(0.75)
    truth = np.full(N_FEATURES, signal / np.sqrt(N_FEATURES))
    errors = {"all": [], "weights": [], "correction": []}
    for seed in range(400):
        X, y, _ = draw(50_000, seed, signal, intercept)
        fitted = {
            "all": clone(LINEAR).fit(X, y),
            "weights": trained(seed, 20, True).fit(X, y).estimator_,
            "correction": trained(seed, 20, False).fit(X, y).estimator_,
        }
        for name, model in fitted.items():
            errors[name].append(((model.coef_[0] - truth) ** 2).sum())
    mean = {name: np.mean(each) for name, each in errors.items()}
    assert mean["weights"] / mean["all"] == pytest.approx(1.53, rel=0.15)
    assert mean["correction"] / mean["all"] == pytest.approx(1.40, rel=0.15)


# 21: the correction wins where the model is right, weights where it misses a term


def mean_losses(signal, intercept, factor, missed=0.0):
    """Average the log loss by the true probabilities over draws of 1,000 positives."""
    X_test, _, p = draw(200_000, 10_000, signal, intercept, missed)
    losses = {True: [], False: []}
    for seed in range(20):
        X, y, _ = draw(100_000, seed, signal, intercept, missed)
        for use_weights, found in losses.items():
            model = trained(seed, factor, use_weights).fit(X, y)
            q = model.predict_proba(X_test)[:, 1]
            found.append(-(p * np.log(q) + (1 - p) * np.log1p(-q)).mean())
    return np.mean(losses[True]), np.mean(losses[False])


@pytest.mark.slow
def test_weights_win_where_a_term_is_missed(population):
    weighted, corrected = mean_losses(*population(0.91), factor=20, missed=0.25)
    assert weighted < corrected


@pytest.mark.slow
def test_the_correction_wins_where_the_model_is_right(population):
    weighted, corrected = mean_losses(*population(0.91), factor=100)
    assert corrected < weighted
