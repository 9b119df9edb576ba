"""Training batch by batch: every class in every batch, probabilities of the data."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import PartialFitClassifier, UnusedWeightsError
from skstrat.exceptions import CalibrationWarning
from skstrat.io import scan_file


def fit(estimator, X, y, sample_weight=None, **settings):
    settings = {"random_state": 0, "epochs": 1, **settings}
    return PartialFitClassifier(estimator, **settings).fit(X, y, sample_weight)


def sgd(**settings):
    return SGDClassifier(loss="log_loss", random_state=0, **settings)


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what it was trained with, and predicts the shares of the classes in it."""

    def __init__(self, drift=0.0):
        self.drift = drift

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        self.calls_, self.classes_ = getattr(self, "calls_", []), np.unique(classes)
        self.calls_.append((X[:, 0].astype(int), np.asarray(y), sample_weight))
        return self

    def predict_proba(self, X):
        _, y, weights = (np.concatenate(p) for p in zip(*self.calls_, strict=True))
        p = np.bincount(np.searchsorted(self.classes_, y), weights) / weights.sum()
        # After three epochs of ten batches the shares are right.
        p[:2] += np.array([-1, 1]) * self.drift * abs(len(self.calls_) / 10 - 3)
        return np.tile(p, (len(X), 1))


class NoWeights(GaussianNB):
    """Naive Bayes whose ``partial_fit`` takes no weights."""

    def partial_fit(self, X, y, classes=None):
        return super().partial_fit(X, y, classes)


class Remembering(SGDClassifier):
    """SGD that keeps its coefficients after each batch."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        super().partial_fit(X, y, classes, sample_weight)
        now = self.coef_.copy(), self.intercept_.copy()
        self.after_ = [*getattr(self, "after_", []), now]
        return self


@pytest.mark.parametrize(
    ("counts", "shares", "quota"),
    [
        ([900, 10], None, [90, 10]),
        # Half an equal share each, 6.25 of 100 rows, and 56.25 for the large one.
        ([930, *[10] * 7], None, [56.25, *[6.25] * 7]),
        ([900, 10], "equal", [50, 50]),
        ([900, 10], {0: 0.75, 1: 0.25}, [75, 25]),
    ],
)
def test_batches_have_their_quota_and_their_weights(counts, shares, quota):
    y = np.repeat(range(len(counts)), counts)
    X, seen = np.arange(len(y) * 1.0)[:, None], []

    def progress(epochs):
        seen.extend(epochs)
        return epochs

    settings = {"batch_size": 100, "use_weights": True, "progress": progress}
    model = fit(Recorder(), X, y, epochs=2, shares=shares, **settings)
    calls = model.estimator_.calls_
    assert seen == [0, 1]
    assert model.n_samples_fit_ == pytest.approx(sum(len(c[0]) for c in calls), abs=1)
    for rows, labels, weights in calls:
        np.testing.assert_array_equal(labels, y[rows])
        if len(rows) == 100:
            assert (abs(np.bincount(labels) - quota) < 1).all()
            assert weights.sum() == pytest.approx(100, rel=0.02)
    first, second = calls[: len(calls) // 2], calls[len(calls) // 2 :]
    rows, labels, weights = (np.concatenate(p) for p in zip(*first, strict=True))
    # In an epoch every class comes to the same weight a row: that of the data.
    served = np.bincount(labels, weights) / counts
    np.testing.assert_allclose(served, served[0], rtol=1e-9)
    assert (first[0][0] != second[0][0]).any()


@pytest.mark.parametrize("use_weights", [True, False, "none taken"])
def test_naive_bayes_is_that_of_all_rows(rare_events, use_weights):
    X, _, _ = rare_events(910)
    y = np.repeat([0, 1], [900, 10])
    X[y == 1] += 1
    full = GaussianNB(var_smoothing=0).fit(X, y)
    estimator = (NoWeights if use_weights == "none taken" else GaussianNB)()
    estimator.set_params(var_smoothing=0)
    settings = {"batch_size": 100, "shares": {0: 0.9, 1: 0.1}}
    model = fit(estimator, X, y, use_weights=use_weights is True, **settings)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p, full.predict_proba(X), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(model.target_prior_, [900, 10])
    plain = clone(model).set_params(prior_correction=False).fit(X, y).predict_proba(X)
    ratio = plain[:, 1] / plain[:, 0] * p[:, 0] / p[:, 1]
    np.testing.assert_allclose(ratio, 1 if use_weights is True else 10)


def test_weights_are_for_linear_models_and_where_nothing_could_be_corrected(
    rare_events,
):
    X, y, _ = rare_events(2000, 0.02, signal=3.0)
    network = MLPClassifier((4,), learning_rate_init=0.05, random_state=0)
    for estimator in (sgd(), SGDClassifier(), network, GaussianNB()):
        model = fit(estimator, X, y, batch_size=500, epochs=5)
        equal = np.ptp(model.train_prior_ / model.target_prior_) < 1e-9
        assert equal == isinstance(estimator, SGDClassifier)
        assert equal or np.ptp(model.train_prior_) < 0.02 * len(y)
        has_probabilities = not equal or estimator.loss == "log_loss"
        assert hasattr(model, "predict_proba") == has_probabilities
        assert (model.decision_.check is not None) == has_probabilities
        if estimator is network:
            # One step of Adam a batch: the network cuts none of them up.
            assert model.estimator_._optimizer.t == 5 * np.ceil((y == 0).sum() / 250)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "step",
    [
        {},
        {"learning_rate": "invscaling", "eta0": 0.01},
        {"learning_rate": "constant", "eta0": 0.5, "average": True},
    ],
    ids=["default", "too small", "too large"],
)
def test_any_step_of_sgd_comes_near_the_fit_of_all_rows(rare_events, step, seed):
    X, y, _ = rare_events(40_000, 0.02, signal=1.5, seed=seed)
    X, new, y, unseen = X[:20_000], X[20_000:], y[:20_000], y[20_000:]
    p = fit(sgd(**step), X, y, epochs=2, random_state=seed).predict_proba(new)
    full = LogisticRegression().fit(X, y).predict_proba(new)
    # Of 400 positives, a standard error is 5 %.
    assert p[:, 1].mean() / full[:, 1].mean() == pytest.approx(1, abs=0.1)
    assert log_loss(unseen, p) < 1.03 * log_loss(unseen, full)


@pytest.mark.parametrize(
    ("n_classes", "use_weights"), [(2, True), (2, False), (3, True)]
)
def test_scale_and_intercept_minimise_the_loss_of_sgd(
    rare_events, n_classes, use_weights
):
    X, y, _ = rare_events(3000, 0.1, signal=2.0)
    y += (X[:, 2] > 1.5) * (n_classes - 2)
    weights = 1.0 + np.arange(3000) % 3
    estimator = Remembering(loss="log_loss", alpha=0.01, random_state=0)
    model = fit(estimator, X, y, weights, epochs=2, use_weights=use_weights)
    after = model.estimator_.after_[len(model.estimator_.after_) // 2 :]
    coef, intercept = (np.mean(each, axis=0) for each in zip(*after, strict=True))
    passes = model.train_prior_ / model.target_prior_
    weights, n_served = weights * passes[y], passes @ np.bincount(y)
    for place, label in enumerate(range(n_classes)[-len(coef) :]):
        scores, sign = X @ coef[place], np.where(y == label, 1, -1)

        def loss(at, scores=scores, sign=sign, length=coef[place] @ coef[place]):
            each = np.logaddexp(0, -sign * (at[0] * scores + at[1]))
            return weights @ each / n_served + 0.005 * at[0] ** 2 * length

        best = minimize(loss, [1, intercept[place]], tol=1e-10).x
        found = model.estimator_.coef_[place], model.estimator_.intercept_[place]
        np.testing.assert_allclose(found[0], best[0] * coef[place], rtol=1e-3)
        np.testing.assert_allclose(found[1], best[1], rtol=1e-3)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (
            sgd(penalty="l1", learning_rate="invscaling", eta0=0.01),
            "SGDClassifier has not converged",
        ),
        (sgd(fit_intercept=False), r"\(fit_intercept=False\) cannot learn the shares"),
        (GaussianNB(), "GaussianNB does not fit these data, so it predicts far too m"),
    ],
)
@pytest.mark.parametrize("stops", [False, True])
def test_what_predicts_too_many_or_few_warns(rare_events, estimator, message, stops):
    X, y, _ = rare_events(4000, 0.02)
    X = X[:, [0] * 8 + [1]]
    with pytest.warns(CalibrationWarning, match=message):
        model = fit(estimator, X, y, early_stopping=stops)
    check = model.decision_.check
    assert check.in_training == (not stops)
    assert not 0.8 < check.ratio < 1.25
    fit(estimator, X, y, prior_correction=False)


def test_rows_of_files_make_the_same_model(rare_events, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    # So few numbers are read ahead that an epoch takes many passes.
    monkeypatch.setattr("skstrat.classifiers._parts._AHEAD", 3000)
    X, y, weights = rare_events(3000, 0.05)
    frame = pd.DataFrame(X, columns=list("abc"))
    weights *= np.arange(3000) % 4
    frame.assign(y=y, w=weights).to_csv(tmp_path / "big.csv", index=False)
    read = scan_file(tmp_path / "big.csv", target="y", sample_weight="w")
    models = [
        fit(sgd(), *each, early_stopping=True) for each in (read, (frame, y, weights))
    ]
    lazy, memory = ((m.validation_loss_, m.decision_, *m.coef_[0]) for m in models)
    assert lazy == memory


@pytest.mark.slow
def test_a_memory_map_is_read_batch_by_batch(tmp_path):
    X = np.memmap(tmp_path / "X.dat", np.float32, "w+", shape=(200_000, 64))
    X[:, 0] = np.random.default_rng(0).standard_normal(200_000)
    y = (np.arange(200_000) % 100 == 0).astype(np.int8)
    tracemalloc.start()
    fit(sgd(alpha=1e-3), X, y, batch_size=5_000, early_stopping=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 2


def test_early_stopping_keeps_the_best_epoch_and_trains_on_no_row_held_out():
    y, X = np.repeat([0, 1], [1000, 100]), np.arange(1100.0)[:, None]
    settings = {"batch_size": 100, "epochs": 9, "shares": {0: 0.9, 1: 0.1}}
    settings |= {"use_weights": True, "early_stopping": True, "n_iter_no_change": 2}
    model = fit(Recorder(drift=0.004), X, y, **settings)
    losses, calls = model.validation_loss_, model.estimator_.calls_
    assert (np.argmin(losses) + 1, model.n_iter_, len(losses)) == (3, 3, 5)
    assert len(calls) == 30
    trained = np.concatenate([call[0] for call in calls])
    held_out = np.setdiff1d(np.arange(1100), trained)
    np.testing.assert_array_equal(np.bincount(y[held_out]), [100, 10])
    p = model.estimator_.predict_proba(X[held_out])
    assert losses[2] == pytest.approx(log_loss(y[held_out], p))


def test_early_stopping_judges_corrected_probabilities(rare_events):
    X, y, _ = rare_events(8000, 0.05)
    model = fit(NoWeights(), X, y, epochs=3, early_stopping=True)
    assert len(model.validation_loss_) == 3
    assert max(model.validation_loss_) < log_loss(y, np.full(len(y), y.mean()))


def test_same_seed_same_model_in_frames_matrices_and_searches(rare_events):
    X, y, _ = rare_events(3000, 0.1, signal=2.0)
    y, frame = np.where(y == 1, "yes", "no"), pd.DataFrame(X, columns=list("abc"))
    first = fit(sgd(), X, y)
    again = fit(sgd(), frame, y).predict_proba(frame)
    np.testing.assert_allclose(first.predict_proba(X), again)
    sparse = fit(sgd(), csr_array(X), y).predict_proba(csr_array(X))
    assert sparse[:, 1].mean() == pytest.approx((y == "yes").mean(), rel=0.2)
    assert (first.coef_ != fit(sgd(), X, y, random_state=1).coef_).any()
    name = "partialfitclassifier__"
    grid = {f"{name}shares": [None, "equal"], f"{name}estimator__alpha": [1e-4, 1e-2]}
    model = make_pipeline(StandardScaler(), clone(first))
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=3).fit(X, y)
    assert search.best_score_ > -0.33


def test_weights_in_are_multiplied_and_zero_is_absent(rare_events):
    _, y, _ = rare_events(900, 0.1)
    X, weights = np.arange(900.0)[:, None], np.arange(900) % 3.0
    settings = {"batch_size": 50, "use_weights": True}
    models = [fit(Recorder(), X, y, w, **settings) for w in (weights, weights / 2)]
    np.testing.assert_allclose(models[0].target_prior_, np.bincount(y, weights))
    calls, halved = (model.estimator_.calls_ for model in models)
    for (rows, labels, passed), (same, _, half) in zip(calls, halved, strict=True):
        assert weights[rows].all()
        for label in (0, 1):
            ratio = (passed / weights[rows])[labels == label]
            np.testing.assert_allclose(ratio, ratio[0])
        np.testing.assert_array_equal(rows, same)
        np.testing.assert_allclose(passed, 2 * half)
    model = fit(Recorder(), X, y, weights, batch_size=50, use_weights=False)
    rows, _, passed = model.estimator_.calls_[0]
    np.testing.assert_array_equal(passed, weights[rows])


BAD = {
    "an object implementing 'partial_fit'": (LogisticRegression(), {}),
    "take sample_weight in partial": (NoWeights(), {"use_weights": True}),
    "sample_weight was given": (NoWeights(), {"sample_weight": np.arange(1.0, 41.0)}),
    r"\(class_weight='balanced'\) .* weights": (sgd(class_weight="balanced"), {}),
    "needs an estimator with predict_proba": (Perceptron(), {"early_stopping": True}),
    r"class of y, \[0, 1\], and no other": (GaussianNB(), {"shares": {0: 0.5, 2: 0.5}}),
    "at least the number of classes, 2": (GaussianNB(), {"batch_size": 1}),
    "40 in X and 39 in y": (GaussianNB(), {"y": np.zeros(39)}),
}


@pytest.mark.parametrize("message", BAD)
def test_errors(message):
    estimator, given = BAD[message]
    data = {"X": np.arange(40.0)[:, None], "y": np.repeat([0, 1], [30, 10])}
    error = (
        UnusedWeightsError
        if isinstance(estimator, NoWeights)
        else (ValueError, TypeError)
    )
    with pytest.raises(error, match=message):
        fit(estimator, **data | given)
