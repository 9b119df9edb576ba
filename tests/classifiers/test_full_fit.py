"""The fit on the rows drawn is brought to that on all rows, and says how near it is."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
    Weighted,
)
from skstrat.classifiers._full_fit import (
    check_full_fit,
    full_fit_pays,
    has_full_fit,
)
from skstrat.classifiers._full_loss import PenalisedLogLoss
from skstrat.classifiers._newton import MOST_PASSES, Curvature, minimise

WITHIN = 1e-3


def data(n_classes=2, n_rows=6000, seed=0):
    rare = [0.04] * (n_classes - 1)
    return make_classification(
        n_rows,
        8,
        n_informative=5,
        n_classes=n_classes,
        n_clusters_per_class=1,
        weights=[1 - sum(rare), *rare],
        flip_y=0.05,
        class_sep=0.7,
        random_state=seed,
    )


def log_loss_of(model, X, y, weights=None):
    """Sum the log losses by the scores alone."""
    scores = model.decision_function(X)
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros_like(scores), scores])
    own = scores[np.arange(len(y)), y]
    return np.average(np.logaddexp.reduce(scores, axis=1) - own, weights=weights)


def finished(estimator, resampler=None, **params):
    resampler = resampler or DownsampleUpweight(factor=10, random_state=0)
    return ResampledClassifier(estimator, resampler, full_fit=True, **params)


CONTAINERS = {
    "numpy": np.asarray,
    "fortran": np.asfortranarray,
    "pandas": lambda X: pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])]),
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
        (3, 0.01, True, False, "pandas", False),
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
    assert found.passes <= MOST_PASSES
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
    assert model.predict_proba(rows).shape == (len(y), n_classes)


def test_no_penalty_by_its_old_name():
    X, y = data()
    old = {"penalty": None}
    if LogisticRegression().penalty == "deprecated":
        old = {"C": np.inf}
    model = finished(LogisticRegression(**old)).fit(X, y)
    witness = LogisticRegression(**old, tol=1e-10).fit(X, y)
    best = log_loss_of(witness, X, y)
    assert log_loss_of(model.estimator_, X, y) == pytest.approx(best, rel=WITHIN)


def collinear(X, rng):
    X[:, 1:4] = X[:, [0]] + 1e-6 * X[:, 1:4]
    return X


def unscaled(X, rng):
    return X * 10.0 ** rng.integers(-3, 4, X.shape[1])


def heavy(X, rng):
    return X * rng.standard_t(2, X.shape)


def separated(X, rng):
    return 8 * X


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spoil", [collinear, unscaled, heavy, separated])
def test_what_says_so_is_within_a_thousandth(spoil, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(4000, 6))
    scores = separated(X, rng) if spoil is separated else X
    odds = np.exp(scores @ [1, -1, 0.5, 0, 0, 0] / 1.5 - np.std(scores[:, 0]) - 2)
    y = (rng.random(4000) < odds / (1 + odds)).astype(int)
    X = spoil(X, rng)
    model = finished(LogisticRegression(C=np.inf, max_iter=1000))
    model = model.set_params(calibration_check=False).fit(X, y)
    assert model.decision_.full_fit.converged
    # Without a penalty the columns' scale says nothing, so the witness has a good one.
    seen = StandardScaler().fit_transform(X)
    witness = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
    best = log_loss_of(witness.fit(seen, y), seen, y)
    assert log_loss_of(model.estimator_, X, y) < (1 + WITHIN) * best


def test_columns_that_the_rows_drawn_do_not_have():
    rng = np.random.default_rng(0)
    X = (rng.random((20000, 60)) < 0.002).astype(float)
    X[:, 0] = rng.normal(size=20000)
    y = (rng.random(20000) < 1 / (1 + np.exp(4 - X.sum(axis=1)))).astype(int)
    resampler = DownsampleUpweight(factor=100, random_state=0)
    model = finished(LogisticRegression(), resampler).fit(X, y)
    assert model.decision_.full_fit.converged
    best = log_loss_of(LogisticRegression(tol=1e-8).fit(X, y), X, y)
    assert log_loss_of(model.estimator_, X, y) == pytest.approx(best, rel=WITHIN)


def test_guided_rows():
    X, y = data()
    resampler = GuidedDownsample(factor=10, random_state=0)
    model = finished(LogisticRegression(), resampler).fit(X, y)
    assert model.decision_.full_fit.converged
    best = log_loss_of(LogisticRegression(tol=1e-8).fit(X, y), X, y)
    assert log_loss_of(model.estimator_, X, y) == pytest.approx(best, rel=WITHIN)


def test_derivatives_are_those_of_finite_differences():
    X, y = data(3, n_rows=50)
    weights = np.linspace(0.5, 2, 50)
    loss = PenalisedLogLoss(X, y, weights, [], penalty=0.3, intercept=True)
    rng = np.random.default_rng(0)
    at = rng.normal(size=(3, 9))
    towards = rng.normal(size=(3, 9))
    here = loss.look(at, hessian=True)
    step = 1e-5
    above = loss.look(at + step * towards, hessian=False)
    below = loss.look(at - step * towards, hessian=False)
    slope = (above.total - below.total) / (2 * step)
    assert (here.gradient * towards).sum() == pytest.approx(slope, rel=1e-7)
    bent = (above.gradient - below.gradient).ravel() / (2 * step)
    assert here.hessian @ towards.ravel() == pytest.approx(bent, rel=1e-6, abs=1e-6)


def test_the_bound_lies_above_the_loss_and_touches_it():
    X, y = data(n_rows=50)
    loss = PenalisedLogLoss(X, y, None, [], penalty=0.0, intercept=True)
    rng = np.random.default_rng(0)
    at = rng.normal(size=(1, 9))
    here = loss.look(at, hessian=True, bound=True)
    for size in (0.01, 0.1, 1, 10):
        step = size * rng.normal(size=9)
        parabola = here.total + here.gradient[0] @ step
        parabola += step @ here.hessian @ step / 2
        assert loss.look(at + step, hessian=False).total <= parabola


def test_the_decrement_of_the_rows_drawn_is_no_less_than_that_of_all():
    X, y = data()
    drawn_X, drawn_y, weights = DownsampleUpweight(
        factor=20, random_state=0
    ).fit_resample(X, y)
    full = PenalisedLogLoss(X, y, None, [], penalty=1.0, intercept=True)
    drawn = PenalisedLogLoss(drawn_X, drawn_y, weights, [], 1.0, intercept=True)
    at = np.zeros((1, 9))
    whole, part = (loss.look(at, hessian=True).hessian for loss in (full, drawn))
    # So its inverse is no less than a share of the full one's, in every direction.
    least = np.linalg.eigvalsh(weights.max() * whole - part)[0]
    assert least > -1e-9 * np.trace(whole)
    assert minimise(full, drawn, at, weights.max())[1].converged


def test_it_warns_where_the_rows_drawn_say_too_little():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 60))
    y = (X @ rng.normal(size=60) > 13).astype(int)
    resampler = DownsampleUpweight(factor=100, random_state=0)
    model = finished(LogisticRegression(C=1e6, max_iter=5000), resampler)
    model.set_params(calibration_check=False)
    with pytest.warns(ConvergenceWarning, match=r"full_fit did not reach .* Lower the"):
        model.fit(X, y)
    found = model.decision_.full_fit
    assert not found.converged
    assert found.passes <= MOST_PASSES
    assert "NOT converged" in str(model.decision_)


def test_the_record_says_how_near_it_is():
    X, y = data()
    model = finished(LogisticRegression()).fit(X, y)
    found = model.decision_.full_fit
    assert found.relative_decrement == found.decrement / found.log_loss
    assert found.seconds > 0
    line = str(model.decision_).splitlines()[-1]
    assert line.startswith("full fit: within 0.1 % of the full fit")
    assert model.decision_.correction == "none"
    assert model.decision_.check is not None


@pytest.mark.parametrize(
    "resampler", [None, DownsampleUpweight(factor=1)], ids=["none", "factor 1"]
)
def test_where_no_row_was_dropped_nothing_is_done(resampler):
    X, y = data(n_rows=300)
    model = ResampledClassifier(LogisticRegression(), resampler, full_fit=True)
    model.fit(X, y)
    alone = LogisticRegression().fit(X, y, np.ones(300))
    assert np.allclose(model.coef_, alone.coef_)


def under(**params):
    return DownsampleUpweight(factor=10, random_state=0, **params)


def refusals():
    logistic = LogisticRegression
    lasso = {"penalty": "l1"}
    if logistic().penalty == "deprecated":
        lasso = {"l1_ratio": 1.0}
    return [
        (SGDClassifier(loss="log_loss"), under(), {}, "got SGDClassifier"),
        (logistic(solver="saga", **lasso), under(), {}, "l2 penalty or none"),
        (logistic(solver="liblinear"), under(), {}, "intercept without penalty"),
        (logistic(class_weight="balanced"), under(), {}, "weighs no classes"),
        (logistic(), under(), {"use_weights": False}, "got use_weights=False"),
        (logistic(), under(weighting="balanced"), {}, "restore the class totals"),
        (logistic(), RandomUnderSampler(), {}, "put Weighted around"),
        (logistic(), ClassWeight("balanced"), {}, "ClassWeight multiplied"),
        (logistic(), Weighted(SMOTE(random_state=0)), {}, "picks rows"),
    ]


@pytest.mark.parametrize("case", range(9))
def test_what_has_no_full_fit_is_refused(case):
    estimator, resampler, params, message = refusals()[case]
    X, y = data(n_rows=400)
    model = finished(estimator, resampler, **params)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)


# Columns tell of 2,001 coefficients before rows are drawn, classes of 2,100 before the
# fit; of products of columns it is known after it.
@pytest.mark.parametrize(
    ("n_columns", "n_classes", "steps", "left"),
    [
        (2001, 2, [], set()),
        (2001, 2, [StandardScaler(with_mean=False)], set()),
        (700, 3, [], {"resampler_"}),
        (70, 2, [PolynomialFeatures(2)], {"resampler_", "estimator_"}),
    ],
)
def test_more_coefficients_than_a_matrix_is_for_are_refused(
    n_columns, n_classes, steps, left
):
    X = sparse.random(300, n_columns, density=0.01, format="csr", random_state=0)
    y = np.maximum(np.arange(300) % 10 - (10 - n_classes), 0)
    model = finished(make_pipeline(*steps, LogisticRegression()), under())
    with pytest.raises(ValueError, match=r"at most 2,000 coefficients.*got 2,"):
        model.fit(X, y)
    assert {
        name for name in ("resampler_", "estimator_") if hasattr(model, name)
    } == left


@pytest.mark.parametrize("scaled", [False, True])
def test_a_model_that_gets_no_weights_is_refused(scaled):
    X, y = data(n_rows=400)
    with config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=False)
        if scaled:
            scaler = StandardScaler().set_fit_request(sample_weight=True)
            model = make_pipeline(scaler, model)
        assert not has_full_fit(model, "auto")
        host = finished(model)
        with pytest.raises(ValueError, match=r"full_fit=True .*sample_weight=True\)"):
            host.fit(X, y)
        asks = make_pipeline(StandardScaler(), LogisticRegression())
        assert has_full_fit(asks, "auto")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (TargetEncoder(), "TargetEncoder, which is no scaler"),
        (SelectKBest(k=1), "SelectKBest, which is no scaler"),
        (SimpleImputer(), "whose mean is of the rows drawn. Give it add_indicator"),
        (OneHotEncoder(min_frequency=5), "which counts the rows drawn"),
        (OneHotEncoder(handle_unknown="ignore"), "Give it all categories, or"),
    ],
    ids=["target", "select", "mean", "frequency", "unknown"],
)
def test_steps_that_all_rows_would_fit_otherwise_are_refused(step, message):
    X, y = data(n_rows=400)
    for head in (step, make_column_transformer((make_union(step), [0]))):
        model = finished(make_pipeline(head, LogisticRegression()))
        with pytest.raises(ValueError, match=f"full_fit=True .*{message}"):
            model.fit(X, y)


def one_hot(**params):
    return OneHotEncoder(categories=[np.arange(10)] * 2, sparse_output=False, **params)


BY_CONSTANT = SimpleImputer(strategy="constant", fill_value=3)
PRODUCTS = PolynomialFeatures(interaction_only=True, include_bias=False)
NO_SHIFT = (
    "no intercept adjusts to that. Give the LogisticRegression fit_intercept=True"
)


# What is refused with an intercept, and without one; "" is nothing.
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(
    ("steps", "with_one", "without"),
    [
        ([StandardScaler()], "", f"{NO_SHIFT}, or the step with_mean=False"),
        ([StandardScaler(with_mean=False)], "", ""),
        ([RobustScaler()], "", f"{NO_SHIFT}, or the step with_centering=False"),
        ([RobustScaler(with_centering=False)], "", ""),
        ([MinMaxScaler()], "", f"{NO_SHIFT}, or use MaxAbsScaler"),
        ([MinMaxScaler(clip=True)], *["Leave clip at False"] * 2),
        ([MaxAbsScaler()], "", ""),
        ([one_hot()], "", ""),
        ([one_hot(), MaxAbsScaler()], "", ""),
        ([one_hot(drop="first"), StandardScaler()], "", NO_SHIFT),
        ([PolynomialFeatures(3), MaxAbsScaler()], "", ""),
        ([MaxAbsScaler(), PolynomialFeatures(2, include_bias=False)], "", ""),
        ([StandardScaler(), PolynomialFeatures(3, include_bias=False)], "", NO_SHIFT),
        ([MinMaxScaler(), PRODUCTS], "", NO_SHIFT),
        ([StandardScaler(), PolynomialFeatures((2, 2))], "minimum degree", NO_SHIFT),
        ([SimpleImputer()], *["whose mean is of the rows drawn"] * 2),
        ([BY_CONSTANT, MaxAbsScaler()], "", ""),
        ([MaxAbsScaler(), BY_CONSTANT], *["Put it before the scaler"] * 2),
        ([make_union(MaxAbsScaler()), BY_CONSTANT], *["before the scaler"] * 2),
    ],
    ids=range(19),
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
    seen = [rows.toarray() if sparse.issparse(rows) else rows for rows in seen]
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


def test_an_indicator_needs_an_intercept():
    X, y = data(n_rows=400)
    steps = SimpleImputer(add_indicator=True), LogisticRegression(fit_intercept=False)
    model = finished(make_pipeline(*steps))
    with pytest.raises(ValueError, match="add_indicator=True with fit_intercept=True"):
        model.fit(X, y)


def test_categories_that_the_rows_drawn_do_not_have_are_refused():
    X, y = data(n_rows=1000)
    X = np.arange(1000)[:, None] // 2
    model = finished(make_pipeline(OneHotEncoder(), LogisticRegression()))
    match = r"full_fit=True .*Give a OneHotEncoder .* categories=.*leave full_fit out"
    with pytest.raises(ValueError, match=match) as raised:
        model.fit(X, y)
    assert "Found unknown categories" in str(raised.value.__cause__)
    encoder = OneHotEncoder(categories=[np.arange(500)])
    model.set_params(estimator__onehotencoder=encoder, calibration_check=False)
    assert model.fit(X, y).decision_.full_fit.converged


def test_steps_that_all_rows_would_fit_alike():
    rng = np.random.default_rng(0)
    X, y = data()
    X = np.column_stack([rng.integers(0, 30, len(y)), X])
    X[(rng.random(X.shape) < 0.3) & (X < 0)] = np.nan
    filled = make_pipeline(
        SimpleImputer(add_indicator=True), StandardScaler(), PolynomialFeatures(2)
    )
    one_hot = OneHotEncoder(categories=[np.arange(30)], handle_unknown="ignore")
    head = make_column_transformer(
        (one_hot, [0]), (filled, [1, 2]), remainder=SimpleImputer(strategy="constant")
    )
    pipeline = make_pipeline(head, LogisticRegression(max_iter=2000))
    model = finished(pipeline).fit(X, y)
    assert model.decision_.full_fit.converged
    best = log_loss_of(pipeline.fit(X, y), X, y)
    # Scales of the rows drawn change the penalty a little.
    assert log_loss_of(model.estimator_, X, y) < (1 + WITHIN) * best


def test_auto_finishes_where_columns_tell_of_the_coefficients():
    logistic = LogisticRegression()
    assert has_full_fit(logistic, "auto")
    assert has_full_fit(make_pipeline(StandardScaler(), logistic), "auto")
    for step in (KBinsDiscretizer(140), PolynomialFeatures(), OneHotEncoder()):
        assert not has_full_fit(make_pipeline(step, logistic), "auto")


class Counted:
    """A transformer that counts what it is asked."""

    def __init__(self, encoder):
        self.encoder, self.calls = encoder, 0

    def transform(self, X):
        self.calls += 1
        return self.encoder.transform(X)


def test_sparse_rows_are_read_and_solved_by_the_numbers_that_they_hold():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 1500, (50_000, 1))
    y = (rng.random(len(X)) < 0.1).astype(int)
    encoder = Counted(OneHotEncoder().fit(np.arange(1500)[:, None]))
    loss = PenalisedLogLoss(X, y, None, [encoder], penalty=1.0, intercept=True)
    here = loss.look(np.zeros((1, 1501)), hessian=True)
    # The first rows tell of the others; as if dense they would be 49 blocks.
    assert encoder.calls == 2
    # Each column bends with itself and the intercept alone.
    assert here.hessian.nnz == 3 * 1500 + 1
    encoder.calls = 0
    _, found = minimise(loss, loss, np.zeros((1, 1501)), excess=10.0)
    assert found.converged
    # One look tells what a Hessian costs, and that of the rows drawn is not needed.
    assert encoder.calls == 1 + 2 * found.passes


@pytest.mark.parametrize(("n_classes", "n_columns"), [(2, 200), (3, 120)])
def test_sparse_rows_have_the_same_hessian_and_the_same_step(n_classes, n_columns):
    rng = np.random.default_rng(0)
    X = OneHotEncoder().fit_transform(rng.integers(0, n_columns, (3000, 1)))
    y, weights = rng.integers(0, n_classes, 3000), rng.uniform(0, 2, 3000)
    at = rng.normal(size=(1 if n_classes == 2 else n_classes, n_columns + 1))
    thin, dense = (
        PenalisedLogLoss(rows, y, weights, [], 0.3, intercept=True).look(
            at, hessian=True
        )
        for rows in (X, X.toarray())
    )
    assert thin.hessian.toarray() == pytest.approx(dense.hessian)
    step, size = Curvature(thin.hessian).solve(thin.gradient)
    witness, as_large = Curvature(dense.hessian).solve(dense.gradient)
    assert size == pytest.approx(as_large, rel=1e-6)
    assert step == pytest.approx(witness, rel=1e-4, abs=1e-6)


@pytest.mark.slow
def test_a_dask_collection_is_refused():
    array = pytest.importorskip("dask.array")
    X, y = data(n_rows=400)
    model = finished(LogisticRegression())
    with pytest.raises(ValueError, match="in memory or in files"):
        model.fit(array.from_array(X), array.from_array(y))


def test_it_pays_where_rows_are_many_and_those_drawn_are_few_but_enough():
    assert full_fit_pays(2_000_000, 20, 100_000)
    # Too little is saved; most rows are drawn; too few are drawn for the columns.
    assert not full_fit_pays(50_000, 20, 5_000)
    assert not full_fit_pays(2_000_000, 20, 1_000_000)
    assert not full_fit_pays(2_000_000, 500, 5_000)
    assert full_fit_pays(2_000_000, 5, 100_000, n_classes=3)
    assert not full_fit_pays(2_000_000, 500, 500_000, n_classes=7)
