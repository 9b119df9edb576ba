"""The focal loss: derivatives, the way back to probabilities, boosting with it."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, log_expit, logit, xlogy
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skstrat import (
    FocalLoss,
    FocalLossClassifier,
    lightgbm_objective,
    xgboost_objective,
)

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

GAMMAS = [0, 0.5, 1, 2, 5]
ALPHAS = [None, 0.25, 0.75]
RAW = np.linspace(-12, 12, 241)
LIBRARIES = ["lightgbm", "xgboost"]
every_loss = pytest.mark.parametrize(
    "loss", [FocalLoss(gamma, alpha) for gamma in GAMMAS for alpha in ALPHAS], ids=str
)
both_libraries = pytest.mark.parametrize("library", LIBRARIES)


def trees(library, **settings):
    """Give small trees of a library, of the same size in both."""
    settings = {"n_estimators": 20, "learning_rate": 0.2, "n_jobs": 1} | settings
    if library == "xgboost":
        return xgboost.XGBClassifier(**{"max_depth": 3} | settings)
    return lightgbm.LGBMClassifier(**{"num_leaves": 7, "verbose": -1} | settings)


def raw_scores(library, model, X):
    named = {"output_margin" if library == "xgboost" else "raw_score": True}
    return model.predict(X, **named)


def generated(n_rows, seed, intercept=-4.0):
    """Draw rows whose log odds are linear in three columns of six values each."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 6, size=(n_rows, 3)).astype(np.float64)
    p = expit(X @ [0.8, 0.4, -0.4] + intercept)
    return X, (rng.random(n_rows) < p).astype(np.int64)


@every_loss
@pytest.mark.parametrize("y", [0, 1])
def test_loss_is_the_formula(loss, y):
    u = expit(RAW) if y else expit(-RAW)
    weight = 1 if loss.alpha is None else (loss.alpha if y else 1 - loss.alpha)
    expected = -weight * (1 - u) ** loss.gamma * np.log(u)
    got = loss.loss(np.full(len(RAW), y), RAW)
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@every_loss
@pytest.mark.parametrize("y", [0, 1])
def test_derivatives_are_finite_differences(loss, y):
    y, step = np.full(len(RAW), y), 1e-5
    slope = (loss.loss(y, RAW + step) - loss.loss(y, RAW - step)) / (2 * step)
    gradient = loss.gradient(y, RAW)
    assert np.abs(gradient - slope).max() < 1e-7 * np.abs(gradient).max()
    bend = (loss.gradient(y, RAW + step) - loss.gradient(y, RAW - step)) / (2 * step)
    hessian = loss.hessian(y, RAW)
    assert np.abs(hessian - bend).max() < 1e-7 * np.abs(hessian).max()


def test_gamma_zero_is_the_log_loss():
    loss = FocalLoss(gamma=0)
    for y in (np.zeros(len(RAW)), np.ones(len(RAW))):
        p = expit(RAW)
        expected = -xlogy(y, p) - xlogy(1 - y, 1 - p)
        np.testing.assert_allclose(loss.loss(y, RAW), expected, rtol=1e-9)
        np.testing.assert_allclose(loss.gradient(y, RAW), p - y, atol=1e-15)
        for hessian in (loss.hessian(y, RAW), loss.positive_hessian(y, RAW)):
            np.testing.assert_allclose(hessian, p * (1 - p), rtol=1e-9)
    np.testing.assert_allclose(loss.log_odds(RAW), RAW, rtol=1e-15)


@pytest.mark.parametrize(
    ("gamma", "root", "least"),
    [(1, 0.0432, -0.0165), (2, 0.0578, -0.0472), (5, 0.0502, -0.117)],
)
def test_hessian_is_negative_below_one_point(gamma, root, least):
    def hessian(u):
        return FocalLoss(gamma).hessian(np.ones(np.shape(u)), logit(u))

    found = brentq(hessian, 0.02, 0.2, xtol=1e-12)
    assert found == pytest.approx(root, abs=5e-5)
    below = np.linspace(1e-9, found * (1 - 1e-6), 10_000)
    above = np.linspace(found * (1 + 1e-6), 1 - 1e-9, 10_000)
    assert (hessian(below) < 0).all()
    assert (hessian(above) > 0).all()
    digits = 5e-4 if gamma == 5 else 5e-5
    assert hessian(below).min() == pytest.approx(least, abs=digits)


@every_loss
def test_positive_hessian_is_the_exact_one_clipped(loss):
    raw = np.concatenate([np.linspace(-1e3, 1e3, 2001), RAW])
    for y in (np.zeros(len(raw)), np.ones(len(raw))):
        u = expit((2 * y - 1) * raw)
        positive, exact = loss.positive_hessian(y, raw), loss.hessian(y, raw)
        assert (positive > 0).all()
        assert (positive >= exact).all()
        # No Newton step is longer than the log loss's.
        size = np.abs(loss.gradient(y, raw))
        assert (size * u <= positive * (1 + 1e-9)).all()
        seen = (u > 0.17) & (exact > 1e-16)
        np.testing.assert_allclose(positive[seen], exact[seen], rtol=1e-12)
        assert seen.sum() > 50
        gradient, clipped = loss.derivatives(y, raw)
        np.testing.assert_array_equal(gradient, loss.gradient(y, raw))
        np.testing.assert_array_equal(clipped, positive)


@pytest.mark.parametrize(("gamma", "bound"), [(1, 0.1353), (2, 0.1039), (5, 0.0639)])
def test_clip_acts_where_the_docstring_says(gamma, bound):
    u = np.linspace(1e-4, 1 - 1e-4, 9999)
    y, loss = np.ones(len(u)), FocalLoss(gamma)
    clipped = loss.positive_hessian(y, logit(u)) > loss.hessian(y, logit(u)) + 1e-12
    assert u[clipped].max() == pytest.approx(bound, abs=2e-4)
    assert clipped[u < u[clipped].max()].all()


@every_loss
def test_huge_scores_give_numbers(loss):
    raw = np.array([-1e3, -750.0, -40.0, 40.0, 750.0, 1e3])
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        for y in (np.zeros(6), np.ones(6)):
            values = [
                of(y, raw) for of in (loss.loss, loss.gradient, loss.positive_hessian)
            ]
            assert np.isfinite([*values, loss.hessian(y, raw)]).all()
            worst = 0 if y[0] else -1
            weight = 1 if loss.alpha is None else abs(1 - y[0] - loss.alpha)
            assert values[0][worst] == pytest.approx(1e3 * weight)
            assert np.abs(values[1][worst]) == pytest.approx(weight)
        odds = loss.log_odds(raw)
        assert np.isfinite(odds).all()
        assert (np.diff(odds) > 0).all()
        assert loss.probability([-np.inf, np.inf]).tolist() == [0, 1]


def least_expected_loss(loss, eta):
    """Find by search the raw score of least expected loss at a probability."""

    def expected(raw):
        return eta * loss.loss(1.0, raw) + (1 - eta) * loss.loss(0.0, raw)

    return minimize_scalar(
        expected, bracket=(-1.0, 1.0), method="brent", options={"xtol": 1e-10}
    ).x


@every_loss
def test_probability_inverts_the_minimiser(loss):
    for eta in (0.001, 0.01, 0.1, 0.3, 0.5, 0.8, 0.97, 0.999):
        best = least_expected_loss(loss, eta)
        assert loss.probability(best) == pytest.approx(eta, rel=1e-4)
        assert loss.raw_prediction(eta) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize(("gamma", "sigmoid"), [(1, 0.073), (2, 0.154)])
def test_minimiser_of_one_percent(gamma, sigmoid):
    loss = FocalLoss(gamma)
    assert expit(least_expected_loss(loss, 0.01)) == pytest.approx(sigmoid, abs=5e-4)
    assert expit(loss.raw_prediction(0.01)) == pytest.approx(sigmoid, abs=5e-4)


@every_loss
def test_raw_prediction_inverts_probability(loss):
    p = np.array([1e-300, 1e-12, 1e-4, 0.2, 0.5, 0.9, 1 - 1e-12])
    raw = loss.raw_prediction(p)
    np.testing.assert_allclose(loss.probability(raw), p, rtol=1e-9)
    assert all(low < high for low, high in pairwise(raw))
    assert loss.raw_prediction([0, 1]).tolist() == [-np.inf, np.inf]


def test_probability_is_the_published_quotient():
    q = np.linspace(0.01, 0.99, 99)
    for gamma in (0.5, 1, 2):

        def phi(v, gamma=gamma):
            return (1 - v) ** gamma - gamma * (1 - v) ** (gamma - 1) * v * np.log(v)

        one, zero = 0.75 * phi(q) / q, 0.25 * phi(1 - q) / (1 - q)
        got = FocalLoss(gamma, 0.75).probability(logit(q))
        np.testing.assert_allclose(got, zero / (one + zero), rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"gamma": -1}, ValueError, "gamma must be finite and not negative; got -1"),
        ({"gamma": np.nan}, ValueError, "gamma must be finite"),
        ({"gamma": np.inf}, ValueError, "gamma must be finite"),
        ({"gamma": "2"}, TypeError, "gamma must be a real number; got '2'"),
        ({"alpha": 1}, ValueError, "alpha must be between 0 and 1"),
        ({"alpha": 0.0}, ValueError, "alpha must be between 0 and 1"),
        ({"alpha": True}, TypeError, "alpha must be a real number"),
    ],
)
def test_loss_refuses(settings, error, text):
    with pytest.raises(error, match=text):
        FocalLoss(**settings)


def test_rows_are_checked():
    loss = FocalLoss()
    with pytest.raises(ValueError, match=r"y must be 0 or 1; got 2\.0"):
        loss.gradient([0, 2], [0.0, 0.0])
    with pytest.raises(ValueError, match=r"same shape.*got \(2,\) and \(2, 1\)"):
        loss.loss([0, 1], [[0.0], [0.0]])
    with pytest.raises(ValueError, match="probability must be between 0 and 1"):
        loss.raw_prediction(1.1)
    for make in (xgboost_objective, lightgbm_objective):
        with pytest.raises(TypeError, match=r"must be a FocalLoss; got 2\.0"):
            make(2.0)


def test_loss_is_a_value():
    assert FocalLoss(2) == FocalLoss(2.0, None)
    assert len({FocalLoss(1), FocalLoss(1), FocalLoss(1, 0.25)}) == 2
    with pytest.raises(AttributeError, match="cannot assign"):
        FocalLoss().gamma = 1


@both_libraries
@pytest.mark.parametrize("weighted", [False, True])
def test_objectives_train_the_library_s_own_classes(library, weighted):
    X, y = generated(2000, seed=0)
    loss = FocalLoss(gamma=1.0)
    make = xgboost_objective if library == "xgboost" else lightgbm_objective
    model = trees(library, objective=make(loss))
    weight = np.where(y == 1, 3.0, 1.0) if weighted else None
    model.fit(X, y, sample_weight=weight)
    p = loss.probability(raw_scores(library, model, X))
    prevalence = np.average(y, weights=weight)
    assert np.average(p, weights=weight) == pytest.approx(prevalence, rel=0.1)
    assert roc_auc_score(y, p) > 0.8
    again = pickle.loads(pickle.dumps(clone(model))).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(
        raw_scores(library, again, X), raw_scores(library, model, X)
    )


@both_libraries
@pytest.mark.parametrize("weighted", [False, True])
def test_gamma_zero_grows_the_library_s_own_trees(library, weighted):
    # Of a rare class, so that a start from .5 would be told apart.
    X, y = generated(4000, seed=1, intercept=-6.0)
    weight = np.random.default_rng(2).uniform(0.5, 2, len(y)) if weighted else None
    model = FocalLossClassifier(trees(library), gamma=0)
    model.fit(X, y, sample_weight=weight)
    own = trees(library)
    if library == "xgboost":
        own.set_params(base_score=np.average(y, weights=weight))
    own.fit(X, y, sample_weight=weight)
    # XGBoost sums up in single precision.
    tolerance = 1e-4 if library == "xgboost" else 1e-6
    np.testing.assert_allclose(
        model.decision_function(X), raw_scores(library, own, X), atol=tolerance
    )
    np.testing.assert_allclose(
        model.predict_proba(X), own.predict_proba(X), rtol=tolerance
    )


@both_libraries
def test_alpha_is_class_weights_and_their_correction(library):
    X, y = generated(4000, seed=12)
    model = FocalLossClassifier(trees(library), gamma=0, alpha=0.75).fit(X, y)
    weight = np.where(y == 1, 0.75, 0.25)
    own = trees(library)
    if library == "xgboost":
        own.set_params(base_score=np.average(y, weights=weight))
    own.fit(X, y, sample_weight=weight)
    expected = raw_scores(library, own, X) - np.log(0.75 / 0.25)
    np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-4)


@both_libraries
@pytest.mark.parametrize(("gamma", "alpha"), [(1, None), (2, None), (2, 0.75)])
def test_probabilities_are_calibrated(library, gamma, alpha):
    X, y = generated(60_000, seed=3, intercept=-7.0)
    X_fresh, y_fresh = generated(60_000, seed=4, intercept=-7.0)
    model = FocalLossClassifier(trees(library), gamma=gamma, alpha=alpha).fit(X, y)
    p = model.predict_proba(X_fresh)[:, 1]
    assert 0.9 < p.mean() / y_fresh.mean() < 1.1
    raw = raw_scores(library, model.estimator_, X_fresh)
    raw = raw + (0 if library == "xgboost" else model.raw_init_)
    sigmoid = expit(raw)
    assert sigmoid.mean() / y_fresh.mean() > 3
    # Not on average only.
    assert log_loss(y_fresh, p) < log_loss(y_fresh, np.full(len(p), y.mean())) - 0.005
    assert roc_auc_score(y_fresh, p) == roc_auc_score(y_fresh, raw)
    for low, high in pairwise(np.quantile(p, [0.5, 0.9, 1])):
        seen = (p >= low) & (p <= high)
        assert p[seen].mean() == pytest.approx(y_fresh[seen].mean(), rel=0.25)


@both_libraries
@pytest.mark.parametrize("gamma", [0, 2])
def test_training_starts_from_the_prior(library, gamma):
    X, y = generated(500, seed=5)
    weight = np.where(y == 1, 2.0, 1.0)
    # With a step this small nothing but the start is left.
    model = FocalLossClassifier(trees(library, learning_rate=1e-9), gamma, 0.25)
    p = model.fit(X, y, sample_weight=weight).predict_proba(X)[:, 1]
    np.testing.assert_allclose(p, np.average(y, weights=weight), rtol=1e-5)


@both_libraries
@pytest.mark.parametrize("gamma", [0, 2])
def test_weights_are_repetitions(library, gamma):
    X, y = generated(1000, seed=6)
    weight = np.random.default_rng(7).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    # LightGBM counts rows, not weights, where it asks for a least number of them.
    least = {"min_child_samples": 1, "min_data_in_bin": 1}
    settings = {} if library == "xgboost" else least
    model = FocalLossClassifier(trees(library, **settings), gamma=gamma)
    weighted = clone(model).fit(X, y, sample_weight=weight)
    repeated = clone(model).fit(X[rows], y[rows])
    unweighted = clone(model).fit(X, y)
    got, expected = weighted.decision_function(X), repeated.decision_function(X)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert np.abs(got - unweighted.decision_function(X)).max() > 0.1


@both_libraries
@pytest.mark.parametrize("labels", [["no", "yes"], [-1, 1], [False, True], [3.0, 7.0]])
def test_labels_of_any_type(library, labels):
    X, y = generated(500, seed=8)
    numbered = FocalLossClassifier(trees(library)).fit(X, y)
    named = FocalLossClassifier(trees(library)).fit(X, np.array(labels)[y])
    assert named.classes_.tolist() == labels
    np.testing.assert_array_equal(named.predict_proba(X), numbered.predict_proba(X))
    expected = np.array(labels)[numbered.predict(X)]
    assert named.predict(X).tolist() == expected.tolist()
    assert len(set(named.predict(X).tolist())) == 2


@both_libraries
def test_predictions_agree_with_each_other(library):
    X, y = generated(500, seed=9)
    model = FocalLossClassifier(trees(library), gamma=2.0, alpha=0.75).fit(X, y)
    odds, proba = model.decision_function(X), model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(logit(proba[:, 1]), odds, rtol=1e-9)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), proba, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), proba[:, 1] > 0.5)
    kept = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(kept.predict_proba(X), proba)
    assert model.estimator.get_params() == trees(library).get_params()
    np.testing.assert_array_equal(model.predict_log_proba(X)[:, 1], log_expit(odds))


@both_libraries
def test_frames_keep_their_names(library):
    pandas = pytest.importorskip("pandas")
    X, y = generated(300, seed=10)
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    model = FocalLossClassifier(trees(library)).fit(frame, y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.n_features_in_ == 3
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c"]])
    of_array = FocalLossClassifier(trees(library)).fit(X, y)
    assert not hasattr(of_array, "feature_names_in_")
    np.testing.assert_array_equal(of_array.predict_proba(X), model.predict_proba(frame))


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        lightgbm.LGBMRegressor(),
        xgboost.XGBRegressor(),
        make_pipeline(StandardScaler(), lightgbm.LGBMClassifier()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_other_estimators_are_refused(estimator):
    X, y = generated(50, seed=0)
    model = FocalLossClassifier(estimator)
    with pytest.raises(TypeError, match=f"LGBMClassifier.*{type(estimator).__name__}"):
        model.fit(X, y)


@pytest.mark.parametrize(
    ("library", "setting"),
    [
        ("xgboost", {"objective": "reg:squarederror"}),
        ("xgboost", {"base_score": 0.5}),
        ("xgboost", {"scale_pos_weight": 10}),
        pytest.param(
            "lightgbm",
            {"objective": xgboost_objective(FocalLoss())},
            id="lightgbm-objective of xgboost",
        ),
        ("lightgbm", {"app": "binary_logloss"}),
        ("lightgbm", {"is_unbalance": True}),
        ("lightgbm", {"class_weight": "balanced"}),
        ("lightgbm", {"class_weight": {0: 1, 1: 5}}),
    ],
    ids=str,
)
def test_settings_that_clash_are_refused(library, setting):
    X, y = generated(50, seed=0)
    model = FocalLossClassifier(trees(library, **setting))
    (name,) = setting
    with pytest.raises(ValueError, match=rf"\({name}=.* clashes with the focal loss"):
        model.fit(X, y)


def test_defaults_written_out_are_no_clash():
    X, y = generated(100, seed=0)
    own = {"scale_pos_weight": 1, "objective": "binary", "is_unbalance": False}
    model = FocalLossClassifier(trees("lightgbm", **own)).fit(X, y)
    assert len(model.predict(X)) == 100


def test_data_are_checked():
    X, y = generated(60, seed=0)
    model = FocalLossClassifier(trees("lightgbm"))
    with pytest.raises(ValueError, match=r"classes; got 3: .*OneVsRestClassifier"):
        model.fit(X, np.arange(60) % 3)
    with pytest.raises(ValueError, match="60 in X and 59 in y"):
        model.fit(X, y[:-1])
    with pytest.raises(ValueError, match="'gamma' parameter"):
        FocalLossClassifier(trees("lightgbm"), gamma=-1).fit(X, y)


def test_lightgbm_without_a_column_is_explained(capfd):
    X, y = generated(15, seed=0, intercept=-1.0)
    with pytest.raises(ValueError, match=r"can split by.*min_child_samples=20: lower"):
        FocalLossClassifier(trees("lightgbm")).fit(X, y)
    small = trees("lightgbm", min_child_samples=1, min_data_in_bin=1)
    assert FocalLossClassifier(small).fit(X, y).score(X, y) > 0.5


@both_libraries
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_data(library, container):
    X, y = generated(500, seed=11)
    X = X.round() + 1.0  # no zeros, which LightGBM and XGBoost read differently
    dense = FocalLossClassifier(trees(library)).fit(X, y)
    thin = FocalLossClassifier(trees(library)).fit(container(X), y)
    got = thin.predict_proba(container(X))
    np.testing.assert_allclose(got, dense.predict_proba(X), rtol=1e-6)


COLUMN = {"check_supervised_y_2d": "y of one column is taken without a warning"}
SINGLE = "XGBoost adds up in single precision: off by 1e-7"
COUNTS = "LightGBM bins columns by counts of rows, not by weights"
FAILURES = {
    library: COLUMN
    | {
        "check_sample_weight_equivalence_on_dense_data": reason,
        "check_sample_weight_equivalence_on_sparse_data": reason,
    }
    for library, reason in [("lightgbm", COUNTS), ("xgboost", SINGLE)]
}


def expected_failures(model):
    return FAILURES[type(model.estimator).__module__.partition(".")[0]]


def small_trees(library):
    """Give trees for data of a few rows, where LightGBM's defaults find no column."""
    few = {"min_child_samples": 1, "min_data_in_bin": 1}
    return trees(library, n_estimators=5, **(few if library == "lightgbm" else {}))


@parametrize_with_checks(
    [FocalLossClassifier(small_trees(library)) for library in LIBRARIES],
    expected_failed_checks=expected_failures,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_check(estimator, check):
    check(estimator)
