"""The focal loss: derivatives, probabilities of its scores, boosting with it."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
import sklearn
from resampled_models import down
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, logit
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from skstrat import FocalLoss, FocalLossClassifier, make_pipeline, xgboost_objective

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

old_argument = pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprec")
GAMMAS, ALPHAS = [0, 0.5, 1, 2, 5], [None, 0.25, 0.75]
LOSSES = [FocalLoss(gamma, alpha) for gamma in GAMMAS for alpha in ALPHAS]
RAW = np.linspace(-12, 12, 241)
LIBRARIES = ["lightgbm", "xgboost"]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=str)
both_libraries = pytest.mark.parametrize("library", LIBRARIES)
WEIGHTS = {"lightgbm": "eval_sample_weight", "xgboost": "sample_weight_eval_set"}
FEW = {"lightgbm": {"min_child_samples": 1, "min_data_in_bin": 1}, "xgboost": {}}


def trees(library, n_trees=20, **settings):
    """Give trees of the same size in both libraries."""
    settings = {"n_estimators": n_trees, "learning_rate": 0.2, "n_jobs": 1} | settings
    if library == "xgboost":
        return xgboost.XGBClassifier(**{"max_depth": 3} | settings)
    return lightgbm.LGBMClassifier(**{"num_leaves": 7, "verbose": -1} | settings)


def focal(library, gamma=2.0, alpha=None, **settings):
    return FocalLossClassifier(trees(library, **settings), gamma, alpha)


def raw_scores(library, model, X):
    named = {"output_margin" if library == "xgboost" else "raw_score": True}
    return model.predict(X, **named)


def generated(n_rows, seed, intercept=-4.0, labels=(0, 1)):
    """Draw rows whose log odds are linear in three columns of six values each."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 6, size=(n_rows, 3)).astype(np.float64)
    p = expit(X @ [0.8, 0.4, -0.4] + intercept)
    return X, np.array(labels)[(rng.random(n_rows) < p).astype(int)]


@every_loss
@pytest.mark.parametrize("label", [0, 1])
def test_the_loss_is_the_formula_and_its_derivatives_are_differences(loss, label):
    u = expit(RAW) if label else expit(-RAW)
    weight = 1 if loss.alpha is None else (loss.alpha if label else 1 - loss.alpha)
    expected = -weight * (1 - u) ** loss.gamma * np.log(u)
    y, step = np.full(len(RAW), label), 1e-5
    np.testing.assert_allclose(loss.loss(y, RAW), expected, rtol=1e-9)
    slope = (loss.loss(y, RAW + step) - loss.loss(y, RAW - step)) / (2 * step)
    gradient = loss.gradient(y, RAW)
    assert np.abs(gradient - slope).max() < 1e-7 * np.abs(gradient).max()
    bend = (loss.gradient(y, RAW + step) - loss.gradient(y, RAW - step)) / (2 * step)
    hessian = loss.hessian(y, RAW)
    assert np.abs(hessian - bend).max() < 1e-7 * np.abs(hessian).max()


@every_loss
@pytest.mark.parametrize("label", [0, 1])
def test_the_positive_hessian_is_the_exact_one_clipped_at_any_score(loss, label):
    raw = np.concatenate([np.linspace(-1e3, 1e3, 2001), RAW])
    y, u = np.full(len(raw), label), expit((2 * label - 1) * raw)
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        values, exact = loss.loss(y, raw), loss.hessian(y, raw)
        gradient, positive = loss.derivatives(y, raw)
    assert np.isfinite([values, exact, gradient, positive]).all()
    worst = -1 - len(RAW) if label == 0 else 0
    weight = 1 if loss.alpha is None else abs(1 - label - loss.alpha)
    assert values[worst] == pytest.approx(1e3 * weight)
    assert abs(gradient[worst]) == pytest.approx(weight)
    assert (positive > 0).all()
    assert (positive >= exact).all()
    # No Newton step is longer than the log loss's.
    assert (np.abs(gradient) * u <= positive * (1 + 1e-9)).all()
    seen = (u > 0.17) & (exact > 1e-16)
    np.testing.assert_allclose(positive[seen], exact[seen], rtol=1e-12)
    assert seen.sum() > 50


@every_loss
def test_probability_inverts_the_minimiser(loss):
    for eta in (0.001, 0.01, 0.1, 0.3, 0.5, 0.8, 0.97, 0.999):
        best = minimize_scalar(
            lambda raw, eta=eta: (
                eta * loss.loss(1, raw) + (1 - eta) * loss.loss(0, raw)
            ),
            bracket=(-1.0, 1.0),
            options={"xtol": 1e-10},
        ).x
        assert loss.probability(best) == pytest.approx(eta, rel=1e-4)
        assert loss.raw_prediction(eta) == pytest.approx(best, abs=1e-4)
    p = np.array([1e-300, 1e-12, 1e-4, 0.2, 0.5, 0.9, 1 - 1e-12])
    raw = loss.raw_prediction(p)
    np.testing.assert_allclose(loss.probability(raw), p, rtol=1e-9)
    assert (np.diff(raw) > 0).all()
    assert loss.raw_prediction([0, 1]).tolist() == [-np.inf, np.inf]
    odds = loss.log_odds(np.array([-1e3, -750.0, -40.0, 40.0, 750.0, 1e3]))
    assert np.isfinite(odds).all()
    assert (np.diff(odds) > 0).all()
    assert loss.probability([-np.inf, np.inf]).tolist() == [0, 1]


def test_the_loss_refuses_and_is_a_value():
    finite, real = "must be finite and not negative; got", "must be a real number; got"
    between, loss = "must be between 0 and 1", FocalLoss()
    for error, call, text in (
        (ValueError, lambda: FocalLoss(-1), f"gamma {finite} -1"),
        (ValueError, lambda: FocalLoss(2, 1), f"alpha {between}"),
        (TypeError, lambda: FocalLoss(2, True), f"alpha {real}"),
        (ValueError, lambda: loss.gradient([0, 2], [0.0, 0.0]), r"0 or 1; got 2\.0"),
        (ValueError, lambda: loss.loss([0, 1], [[0.0]]), r"got \(2,\) and \(1, 1\)"),
        (ValueError, lambda: loss.raw_prediction(1.1), f"probability {between}"),
        (TypeError, lambda: xgboost_objective(2.0), r"must be a FocalLoss; got 2\.0"),
    ):
        with pytest.raises(error, match=text):
            call()
    assert len({FocalLoss(1), FocalLoss(1.0, None), FocalLoss(1, 0.25)}) == 2


@both_libraries
@pytest.mark.parametrize(("alpha", "weighted"), [(None, True), (0.75, False)])
def test_gamma_zero_grows_the_library_s_own_trees(library, alpha, weighted):
    # Of a rare class, so that a start from .5 would be told apart.
    X, y = generated(4000, seed=1, intercept=-6.0)
    weight = np.random.default_rng(2).uniform(0.5, 2, len(y)) if weighted else None
    model = focal(library, 0, alpha).fit(X, y, sample_weight=weight)
    of_class = np.where(y == 1, alpha or 1, 1 - alpha if alpha else 1)
    weight = of_class if weight is None else weight * of_class
    own = trees(library)
    if library == "xgboost":
        own.set_params(base_score=np.average(y, weights=weight))
    own.fit(X, y, sample_weight=weight)
    expected = raw_scores(library, own, X) - (np.log(3) if alpha else 0)
    # XGBoost sums up in single precision.
    tolerance = 1e-4 if library == "xgboost" else 1e-6
    np.testing.assert_allclose(model.decision_function(X), expected, atol=tolerance)


@both_libraries
@pytest.mark.parametrize(("gamma", "alpha"), [(1, None), (2, None), (2, 0.75)])
def test_probabilities_are_calibrated(library, gamma, alpha):
    X, y = generated(60_000, seed=3, intercept=-7.0)
    X_fresh, y_fresh = generated(60_000, seed=4, intercept=-7.0)
    model = focal(library, gamma, alpha).fit(X, y)
    p = model.predict_proba(X_fresh)[:, 1]
    assert 0.9 < p.mean() / y_fresh.mean() < 1.1
    raw = raw_scores(library, model.estimator_, X_fresh)
    raw = raw + (0 if library == "xgboost" else model.raw_init_)
    assert expit(raw).mean() / y_fresh.mean() > 3
    # Not on average only.
    for low, high in pairwise(np.quantile(p, [0.5, 0.9, 1])):
        seen = (p >= low) & (p <= high)
        assert p[seen].mean() == pytest.approx(y_fresh[seen].mean(), rel=0.25)


@both_libraries
@pytest.mark.parametrize("gamma", [0, 2])
def test_training_starts_from_the_prior_and_weights_are_repetitions(library, gamma):
    X, y = generated(1000, seed=6)
    weight = np.random.default_rng(7).integers(0, 4, len(y))
    # With a step this small nothing but the start is left.
    start = focal(library, gamma, 0.25, learning_rate=1e-9)
    p = start.fit(X, y, sample_weight=weight).predict_proba(X)[:, 1]
    np.testing.assert_allclose(p, np.average(y, weights=weight), rtol=1e-5)
    rows = np.repeat(np.arange(len(y)), weight)
    # LightGBM counts rows, not weights, where it asks for a least number of them.
    model = focal(library, gamma, **FEW[library])
    got, expected, unweighted = (
        clone(model).fit(*data, sample_weight=given).decision_function(X)
        for *data, given in ((X, y, weight), (X[rows], y[rows], None), (X, y, None))
    )
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert np.abs(got - unweighted).max() > 0.1


@both_libraries
def test_labels_and_predictions_agree(library):
    X, y = generated(500, seed=8)
    X = X + 1.0  # no zeros, which LightGBM and XGBoost read differently
    model = focal(library, 2.0, 0.75).fit(X, y)
    odds, proba = model.decision_function(X), model.predict_proba(X)
    np.testing.assert_allclose(logit(proba[:, 1]), odds, rtol=1e-9)
    np.testing.assert_array_equal(model.predict_log_proba(X)[:, 1], log_expit(odds))
    np.testing.assert_array_equal(model.predict_log_proba(X)[:, 0], log_expit(-odds))
    np.testing.assert_array_equal(model.predict(X), proba[:, 1] > 0.5)
    for labels in (["no", "yes"], [-1, 1], [False, True]):
        named = clone(model).fit(X, np.array(labels)[y])
        assert named.classes_.tolist() == labels
        np.testing.assert_array_equal(named.predict_proba(X), proba)
        expected = np.array(labels)[model.predict(X)].tolist()
        assert named.predict(X).tolist() == expected
    sparse_model = clone(model).fit(sparse.csr_array(X), y)
    given = sparse_model.predict_proba(sparse.csr_array(X))
    np.testing.assert_allclose(given, proba, rtol=1e-6)


def test_what_clashes_with_the_loss_is_refused():
    X, y = generated(60, seed=10)
    own, clash = {"objective": xgboost_objective(FocalLoss())}, "clashes with the focal"
    for library, setting in (
        ("xgboost", {"base_score": 0.5}),
        ("lightgbm", own),
        ("lightgbm", {"is_unbalance": True}),
        ("lightgbm", {"class_weight": {0: 1, 1: 5}}),
    ):
        with pytest.raises(ValueError, match=rf"\({next(iter(setting))}=.* {clash}"):
            focal(library, **setting).fit(X, y)
    for library, name, value, text in (
        ("lightgbm", "init_score", np.ones(60), "init_score .*ndarray.*raw_init_"),
        ("lightgbm", "init_model", "a.txt", "init_model .*got str.*raw_init_"),
        ("lightgbm", "eval_class_weight", [5], r"alpha weighs classes.*got \[5\]"),
        ("lightgbm", "eval_set", "dropped", "must hold pairs of rows and their labels"),
        ("xgboost", "eval_set", [(X, y + 7)], r"0, 1\]; got \[7, 8\]"),
        ("xgboost", "base_margin_eval_set", [1], "base_margin_eval_set .*raw_init_"),
    ):
        with pytest.raises(ValueError, match=text):
            focal(library).fit(X, y, **{name: value})
    model = focal("lightgbm")
    with pytest.raises(ValueError, match=r"classes; got 3: .*OneVsRestClass"):
        model.fit(X, np.arange(60) % 3)


NAMES = map("check_sample_weight_equivalence_on_{}_data".format, ("dense", "sparse"))
FAILURES = dict.fromkeys(NAMES, "LightGBM bins columns by counts, not by weights")
FAILURES["check_supervised_y_2d"] = "y of one column is taken without a warning"


@parametrize_with_checks(
    [focal("lightgbm", n_trees=5, **FEW["lightgbm"])],
    expected_failed_checks=lambda _: FAILURES,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_check(estimator, check):
    check(estimator)


ROUNDS, PATIENCE = 40, 10
TEXT = ("no", "yes")


def results_of(model):
    results = model.estimator_
    return getattr(results, "evals_result_", None) or results.evals_result()


def recorded(model):
    """Give what was recorded of the first eval set."""
    (curve,) = next(iter(results_of(model).values())).values()
    return np.array(curve)


@old_argument
@both_libraries
@pytest.mark.parametrize("seed", range(2))
def test_early_stopping_finds_the_least_log_loss_of_the_user(evaluated, library, seed):
    X, y = generated(1500, seed, labels=TEXT)
    X_eval, y_eval = generated(1500, seed + 100, labels=TEXT)
    weight = np.random.default_rng(seed).uniform(0, 2, len(y_eval))
    params = evaluated(library, X_eval, y_eval) | {WEIGHTS[library]: [weight]}
    patience = "early_stopping_round" + "s" * (library == "xgboost")
    words = {"n_trees": ROUNDS, "learning_rate": 0.5, patience: PATIENCE}
    stopped = focal(library, alpha=None if seed else 0.75, **words).fit(X, y, **params)
    got = recorded(stopped)
    best = len(got) - PATIENCE - 1
    assert 0 < best < ROUNDS - PATIENCE
    assert np.argmin(got) == best
    for n_trees in (1, 2, len(got), best, best + 1):
        own = trees(library, n_trees, learning_rate=0.5)
        short = clone(stopped).set_params(estimator=own).fit(X, y)
        p = short.predict_proba(X_eval)
        loss = log_loss(y_eval, p, sample_weight=weight)
        assert got[n_trees - 1] == pytest.approx(loss, abs=1e-6)
    # Predictions are those of the best number of trees.
    expected = short.decision_function(X)
    np.testing.assert_allclose(stopped.decision_function(X), expected, atol=1e-6)
    again = pickle.loads(pickle.dumps(stopped)).predict_proba(X)
    np.testing.assert_array_equal(again, stopped.predict_proba(X))


def mean_score(y, raw, sample_weight=None):
    return "mean", float(np.mean(raw)), True


def mean(y_true, y_score, sample_weight=None):
    return float(np.mean(y_score))


@old_argument
def test_metrics_of_the_user_get_raw_scores(evaluated):
    X, y = generated(500, seed=7, labels=TEXT)
    for library, settings, params in (
        ("lightgbm", {}, {"eval_metric": ["auc", mean_score]}),
        ("xgboost", {"eval_metric": ["auc", mean]}, {}),
    ):
        model = focal(library, n_trees=5, **settings)
        model.fit(X, y, **evaluated(library, X, y), **params)
        (results,) = results_of(model).values()
        assert list(results) == ["auc", "mean"]
        raw = model.loss_.raw_prediction(model.predict_proba(X)[:, 1]).mean()
        assert results["mean"][-1] == pytest.approx(raw, abs=1e-5)


@old_argument
@both_libraries
def test_routing_brings_eval_sets_and_weights(evaluated, library):
    X, y = generated(900, seed=8, labels=TEXT)
    X_eval, y_eval = generated(300, seed=9, labels=TEXT)
    weight = np.random.default_rng(9).uniform(0.5, 2, len(y))
    params = evaluated(library, X_eval, y_eval)
    plain = focal(library, n_trees=5)
    host = make_pipeline(down(3), plain)
    expected = clone(host).fit(X, y).predict_proba(X)
    with sklearn.config_context(enable_metadata_routing=True):
        np.testing.assert_array_equal(host.fit(X, y).predict_proba(X), expected)
        inner = trees(library, 5).set_fit_request(**dict.fromkeys(params, True))
        model = FocalLossClassifier(inner).set_fit_request(sample_weight=True)
        host = Pipeline([("same", FunctionTransformer()), ("model", model)])
        routed = host.fit(X, y, sample_weight=weight, **params)
        directly = clone(plain).fit(X, y, weight).predict_proba(X)
        np.testing.assert_array_equal(routed.predict_proba(X), directly)
        loss = log_loss(y_eval, routed.predict_proba(X_eval))
        assert recorded(routed[-1])[-1] == pytest.approx(loss, abs=1e-6)
        with pytest.raises(UnsetMetadataPassedError, match="not explicitly set"):
            plain.fit(X, y, **params)
