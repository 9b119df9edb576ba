"""The fit on the rows drawn is brought to that on all rows, and says how near it is."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from skstrat import DownsampleUpweight, GuidedDownsample, ResampledClassifier, Weighted
from skstrat.classifiers._full_fit import check_full_fit, has_full_fit
from skstrat.classifiers._full_loss import PenalisedLogLoss
from skstrat.classifiers._newton import MOST_PASSES, Curvature

WITHIN = 1e-3
OLD = LogisticRegression().penalty != "deprecated"


def data(n_classes=2, n_rows=6000):
    rare = [0.04] * (n_classes - 1)
    shares = {"weights": [1 - sum(rare), *rare], "n_clusters_per_class": 1}
    settings = {"n_informative": 5, "flip_y": 0.05, "class_sep": 0.7, "random_state": 0}
    return make_classification(n_rows, 8, n_classes=n_classes, **shares, **settings)


def log_loss_of(model, X, y, weights=None):
    """Sum the log losses by the scores alone."""
    scores = model.decision_function(X)
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros_like(scores), scores])
    own = scores[np.arange(len(y)), y]
    return np.average(np.logaddexp.reduce(scores, axis=1) - own, weights=weights)


def under(factor=10, **params):
    return DownsampleUpweight(factor=factor, random_state=0, **params)


def finished(estimator, resampler=None, **params):
    return ResampledClassifier(estimator, resampler or under(), full_fit=True, **params)


CONTAINERS = {
    "numpy": np.asarray,
    "fortran": np.asfortranarray,
    "pandas": lambda X: pd.DataFrame(X).add_prefix("c"),
    "sparse": sparse.csr_matrix,
}


# Every pair of choices occurs.
@pytest.mark.parametrize(
    ("n_classes", "C", "weighted", "scaled", "container", "intercept"),
    [
        (2, 0.01, True, True, "numpy", True),
        (2, np.inf, False, False, "pandas", False),
        (3, 0.01, False, False, "sparse", True),
        (3, np.inf, True, True, "pandas", True),
        (3, np.inf, True, False, "numpy", False),
        (2, np.inf, True, False, "sparse", True),
        (2, 0.01, False, True, "fortran", False),
        (3, 0.01, False, True, "numpy", False),
    ],
)
def test_it_is_the_fit_on_all_rows(
    n_classes, C, weighted, scaled, container, intercept
):
    X, y = data(n_classes)
    weights = np.random.default_rng(0).uniform(0, 2, len(y)) if weighted else None
    if weighted:
        weights[:100] = 0
    rows = CONTAINERS[container](X)
    settings = {"C": C, "fit_intercept": intercept, "max_iter": 1000}
    model = LogisticRegression(**settings)
    if scaled:
        model = make_pipeline(StandardScaler(with_mean=intercept), model)
    # Without an intercept the check is right: the shares of the classes are missed.
    model = finished(model, calibration_check=intercept)
    model.fit(rows, y, sample_weight=weights)
    found = model.decision_.full_fit
    assert found.converged
    assert found.decrement <= WITHIN * found.log_loss
    inner, seen = model.estimator_, rows
    if scaled:
        inner, seen = inner[-1], inner[:-1].transform(rows)
    witness = LogisticRegression(**settings, tol=1e-10).fit(seen, y, weights)
    best = log_loss_of(witness, seen, y, weights)
    assert log_loss_of(inner, seen, y, weights) == pytest.approx(best, rel=WITHIN)
    total = len(y) if weights is None else weights.sum()
    assert found.log_loss / total == pytest.approx(best, rel=WITHIN)
    differences = inner.coef_ - witness.coef_
    differences -= differences.mean(axis=0) if n_classes > 2 else 0
    assert np.abs(differences).max() < 0.05 * np.abs(witness.coef_).max()


@pytest.mark.parametrize(
    ("resampler", "settings"),
    [
        (GuidedDownsample(factor=10, random_state=0), {}),
        (under(), {"penalty": None} if OLD else {"C": np.inf}),
        (under(1), {}),
    ],
    ids=["guided", "no penalty", "all rows"],
)
def test_other_draws(resampler, settings):
    X, y = data()
    model = finished(LogisticRegression(**settings), resampler).fit(X, y)
    found = model.decision_.full_fit
    assert found is None if resampler.factor == 1 else found.converged
    best = log_loss_of(LogisticRegression(**settings, tol=1e-8).fit(X, y), X, y)
    assert log_loss_of(model.estimator_, X, y) == pytest.approx(best, rel=WITHIN)


SPOILED = {
    "collinear": lambda X, rng: X[:, [0, 0, 0, 0, 4, 5]] + 1e-6 * X,
    "unscaled": lambda X, rng: X * 10.0 ** rng.integers(-3, 4, 6),
    "heavy": lambda X, rng: X * rng.standard_t(2, X.shape),
    "separated": lambda X, rng: 8 * X,
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("spoil", SPOILED)
def test_what_says_so_is_within_a_thousandth(spoil, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(4000, 6))
    scores = 8 * X if spoil == "separated" else X
    odds = np.exp(scores @ [1, -1, 0.5, 0, 0, 0] / 1.5 - np.std(scores[:, 0]) - 2)
    y = (rng.random(4000) < odds / (1 + odds)).astype(int)
    X = SPOILED[spoil](X, rng)
    line = LogisticRegression(C=np.inf, max_iter=1000)
    model = finished(line, calibration_check=False).fit(X, y)
    assert model.decision_.full_fit.converged
    # Without a penalty the columns' scale says nothing, so the witness has a good one.
    seen = StandardScaler().fit_transform(X)
    witness = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
    best = log_loss_of(witness.fit(seen, y), seen, y)
    assert log_loss_of(model.estimator_, X, y) < (1 + WITHIN) * best


def test_derivatives_are_those_of_finite_differences():
    X, y = data(3, n_rows=50)
    weights, rng = np.linspace(0.5, 2, 50), np.random.default_rng(0)
    loss = PenalisedLogLoss(X, y, weights, [], penalty=0.3, intercept=True)
    at, towards = rng.normal(size=(2, 3, 9))
    here = loss.look(at, hessian=True)
    step = 1e-5
    above = loss.look(at + step * towards, hessian=False)
    below = loss.look(at - step * towards, hessian=False)
    slope = (above.total - below.total) / (2 * step)
    assert (here.gradient * towards).sum() == pytest.approx(slope, rel=1e-7)
    bent = (above.gradient - below.gradient).ravel() / (2 * step)
    assert here.hessian @ towards.ravel() == pytest.approx(bent, rel=1e-6, abs=1e-6)


def test_it_warns_where_the_rows_drawn_say_too_little():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 60))
    y = (X @ rng.normal(size=60) > 13).astype(int)
    line = LogisticRegression(C=1e6, max_iter=5000)
    model = finished(line, under(100), calibration_check=False)
    with pytest.warns(ConvergenceWarning, match=r"full_fit did not reach .* Lower the"):
        model.fit(X, y)
    found = model.decision_.full_fit
    assert not found.converged
    assert found.passes <= MOST_PASSES
    assert "NOT converged" in str(model.decision_)


# What is refused


def line(**params):
    return LogisticRegression(**params)


LASSO = {"penalty": "l1"} if OLD else {"l1_ratio": 1.0}
REFUSED = [
    (SGDClassifier(loss="log_loss"), under(), {}, "got SGDClassifier"),
    (line(solver="saga", **LASSO), under(), {}, "l2 penalty or none"),
    (line(solver="liblinear"), under(), {}, "intercept without penalty"),
    (line(class_weight="balanced"), under(), {}, "weighs no classes"),
    (line(), under(), {"use_weights": False}, "got use_weights=False"),
    (line(), under(weighting="balanced"), {}, "restore the class totals"),
    (line(), RandomUnderSampler(), {}, "put Weighted around"),
    (line(), Weighted(SMOTE(random_state=0)), {}, "picks rows"),
    *[
        (make_pipeline(head, line()), under(), {}, f"full_fit=True .*{message}")
        for step, message in [
            (TargetEncoder(), "TargetEncoder, which is no scaler"),
            (OneHotEncoder(min_frequency=5), "which counts the rows drawn"),
            (OneHotEncoder(handle_unknown="ignore"), "Give it all categories, or"),
        ]
        for head in (step, make_column_transformer((make_union(step), [0])))
    ],
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_has_no_full_fit_is_refused(case):
    estimator, resampler, params, message = REFUSED[case]
    X, y = data(n_rows=400)
    model = finished(estimator, resampler, **params)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)


# Columns tell of 2,001 coefficients before rows are drawn, classes of 2,100 before the
# fit; of products of columns it is known after it.
@pytest.mark.parametrize(
    ("n_columns", "n_classes", "steps"),
    [(2001, 2, []), (700, 3, []), (70, 2, [PolynomialFeatures(2)])],
)
def test_more_coefficients_than_a_matrix_is_for_are_refused(
    n_columns, n_classes, steps
):
    X = sparse.random(300, n_columns, density=0.01, format="csr", random_state=0)
    y = np.maximum(np.arange(300) % 10 - (10 - n_classes), 0)
    model = finished(make_pipeline(*steps, LogisticRegression()))
    with pytest.raises(ValueError, match=r"at most 2,000 coefficients.*got 2,"):
        model.fit(X, y)


def one_hot(**params):
    return OneHotEncoder(categories=[np.arange(10)] * 2, sparse_output=False, **params)


BY_CONSTANT = SimpleImputer(strategy="constant", fill_value=3)


# What is refused with an intercept, and without one; "" is nothing.
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(
    ("steps", "with_one", "without"),
    [
        ([StandardScaler()], "", "fit_intercept=True, or the step with_mean=False"),
        ([StandardScaler(with_mean=False)], "", ""),
        ([RobustScaler()], "", "fit_intercept=True, or the step with_centering=False"),
        ([MinMaxScaler()], "", "fit_intercept=True, or use MaxAbsScaler"),
        ([MinMaxScaler(clip=True)], *["Leave clip at False"] * 2),
        ([one_hot(drop="first"), StandardScaler()], "", "no intercept adjusts to that"),
        ([MaxAbsScaler(), PolynomialFeatures(2, include_bias=False)], "", ""),
        ([StandardScaler(), PolynomialFeatures((2, 2))], "minimum degree", "no interc"),
        ([SimpleImputer()], *["whose mean is of the rows drawn"] * 2),
        ([BY_CONSTANT, MaxAbsScaler()], "", ""),
        ([make_union(MaxAbsScaler()), BY_CONSTANT], *["before the scaler"] * 2),
    ],
    ids=range(11),
)
def test_steps_are_admitted_where_all_rows_give_the_same_models(
    steps, with_one, without, intercept
):
    rng = np.random.default_rng(0)
    X = rng.integers(1, 9, (300, 2)).astype(float)
    drawn = ((X > 1) & (X < 7)).all(axis=1)
    if any(isinstance(step, SimpleImputer) for step in steps):
        X[rng.random(X.shape) < 0.2] = np.nan
    head = make_pipeline(*steps)
    seen = [head.fit(rows).transform(X) for rows in (X[drawn], X)]
    if intercept:
        seen = [np.column_stack([rows, np.ones(len(X))]) for rows in seen]
    # Linear models of both are the same if the columns of either span the other's.
    ranks = [np.linalg.matrix_rank(each) for each in (*seen, np.hstack(seen))]
    refused = with_one if intercept else without
    assert (len(set(ranks)) == 1) == (not refused)
    model = make_pipeline(*steps, LogisticRegression(fit_intercept=intercept))
    if refused:
        assert not has_full_fit(model, "auto")
        with pytest.raises(ValueError, match=f"full_fit=True .*{refused}"):
            check_full_fit(model, X, "auto")
    else:
        check_full_fit(model, X, "auto")


def test_categories_that_the_rows_drawn_do_not_have_are_refused():
    _, y = data(n_rows=1000)
    X = np.arange(1000)[:, None] // 2
    model = finished(make_pipeline(OneHotEncoder(), line()), calibration_check=False)
    match = r"full_fit=True .*Give a OneHotEncoder .* categories=.*leave full_fit out"
    with pytest.raises(ValueError, match=match):
        model.fit(X, y)
    encoder = OneHotEncoder(categories=[np.arange(500)])
    model.set_params(estimator__onehotencoder=encoder)
    assert model.fit(X, y).decision_.full_fit.converged


@pytest.mark.parametrize(("n_classes", "n_columns"), [(2, 200), (3, 120)])
def test_sparse_rows_have_the_same_hessian_and_the_same_step(n_classes, n_columns):
    rng = np.random.default_rng(0)
    X = OneHotEncoder().fit_transform(rng.integers(0, n_columns, (3000, 1)))
    y, weights = rng.integers(0, n_classes, 3000), rng.uniform(0, 2, 3000)
    at = rng.normal(size=(1 if n_classes == 2 else n_classes, n_columns + 1))
    losses = [
        PenalisedLogLoss(rows, y, weights, [], 0.3, intercept=True)
        for rows in (X, X.toarray())
    ]
    thin, dense = (loss.look(at, hessian=True) for loss in losses)
    assert thin.hessian.toarray() == pytest.approx(dense.hessian)
    step, size = Curvature(thin.hessian).solve(thin.gradient)
    witness, as_large = Curvature(dense.hessian).solve(dense.gradient)
    assert size == pytest.approx(as_large, rel=1e-6)
    assert step == pytest.approx(witness, rel=1e-4, abs=1e-6)
