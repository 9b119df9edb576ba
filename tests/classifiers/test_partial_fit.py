"""Training batch by batch: every class in every batch, probabilities of the data."""

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skstrat import PartialFitClassifier, UnusedWeightsError
from skstrat.exceptions import CalibrationWarning


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


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
        if not hasattr(self, "calls_"):
            self.calls_, self.classes_ = [], np.asarray(classes)
        self.calls_.append((X[:, 0].astype(int), np.asarray(y), sample_weight))
        return self

    def predict_proba(self, X):
        total = sum(
            np.bincount(np.searchsorted(self.classes_, y), w, len(self.classes_))
            for _, y, w in self.calls_
        )
        p = total / total.sum()
        # After three epochs of ten batches the shares are right.
        p[:2] += np.array([-1, 1]) * self.drift * abs(len(self.calls_) / 10 - 3)
        return np.tile(p, (len(X), 1))


class NoWeights(GaussianNB):
    """Naive Bayes whose ``partial_fit`` takes no weights."""

    def partial_fit(self, X, y, classes=None):
        return super().partial_fit(X, y, classes)


class NoProbabilities(ClassifierMixin, BaseEstimator):
    """A classifier with neither weights nor probabilities."""

    def partial_fit(self, X, y, classes=None):
        self.classes_ = classes
        return self


def test_batches_have_their_quota_and_their_weights():
    y, X = np.repeat(["regular", "fraud"], [900, 10]), np.arange(910.0).reshape(-1, 1)
    seen = []
    settings = {"batch_size": 100, "epochs": 2, "use_weights": True}
    progress = lambda epochs: seen.extend(epochs) or epochs  # noqa: E731
    model = fit(Recorder(), X, y, progress=progress, **settings)
    calls = model.estimator_.calls_
    assert (len(calls), model.n_iter_, model.n_samples_fit_) == (20, 2, 2000)
    assert seen == [0, 1]
    for rows, labels, weights in calls:
        np.testing.assert_array_equal(labels, y[rows])
        assert (labels == "fraud").sum() == 10
        assert weights.sum() == pytest.approx(100)
    for epoch in (calls[:10], calls[10:]):
        rows, _, weights = (np.concatenate(part) for part in zip(*epoch, strict=True))
        # In an epoch every row comes to the same weight: that of the data.
        served = np.bincount(rows, weights, minlength=910)
        np.testing.assert_allclose(served, 1000 / 910, rtol=1e-12)
    assert (calls[0][0] != calls[10][0]).any()


@pytest.mark.parametrize(
    ("counts", "shares", "quota"),
    [
        ([995, 5], None, [90, 10]),
        ([700, 300], None, [70, 30]),
        ([880, 60, 60], None, [80, 10, 10]),
        # Half an equal share each, 6.25 of 100 rows, and 56.25 for the large one.
        ([930, *[10] * 7], None, [56.25, *[6.25] * 7]),
        ([995, 5], "equal", [50, 50]),
        ([995, 5], {0: 0.75, 1: 0.25}, [75, 25]),
    ],
)
def test_shares(counts, shares, quota):
    y = np.repeat(np.arange(len(counts)), counts)
    X, settings = np.arange(float(len(y))).reshape(-1, 1), {"use_weights": True}
    model = fit(Recorder(), X, y, batch_size=100, shares=shares, **settings)
    served = np.bincount(model.estimator_.calls_[0][1])
    assert served.sum() == 100
    assert (abs(served - quota) < 1).all()


def test_weights_are_for_linear_models_and_where_nothing_could_be_corrected(
    rare_events,
):
    X, y, _ = rare_events(2000, 0.02)
    network = MLPClassifier((4,), learning_rate_init=0.05, random_state=0)
    for estimator, weighted in (
        (sgd(), True),
        (SGDClassifier(), True),
        (network, False),
        (GaussianNB(), False),
    ):
        model = fit(estimator, X, y, epochs=5)
        ratio = model.train_prior_ / model.target_prior_
        assert (np.ptp(ratio) < 1e-9) == weighted
        if not weighted:
            np.testing.assert_allclose(*model.train_prior_, rtol=0.02)


@pytest.mark.parametrize("use_weights", [True, False, "none taken"])
def test_naive_bayes_is_that_of_all_rows(rare_events, use_weights):
    X, _, _ = rare_events(910)
    y = np.repeat([0, 1], [900, 10])
    X[y == 1] += 1
    full = GaussianNB(var_smoothing=0).fit(X, y)
    estimator = (NoWeights if use_weights == "none taken" else GaussianNB)()
    estimator.set_params(var_smoothing=0)
    settings = {"batch_size": 100, "shares": {0: 0.9, 1: 0.1}}
    settings["use_weights"] = use_weights is True
    model = fit(estimator, X, y, **settings)
    np.testing.assert_allclose(
        model.predict_proba(X), full.predict_proba(X), rtol=1e-8, atol=1e-12
    )
    np.testing.assert_allclose(model.target_prior_, [900, 10])
    plain = clone(model).set_params(prior_correction=False).fit(X, y)
    odds, corrected = (p[:, 1] / p[:, 0] for p in map(_proba(X), (plain, model)))
    np.testing.assert_allclose(odds / corrected, 1 if use_weights is True else 10)


def _proba(X):
    return lambda model: model.predict_proba(X)


@pytest.mark.slow
@pytest.mark.parametrize("use_weights", ["auto", True, False])
def test_probabilities_are_of_the_data(rare_events, use_weights):
    X, y, p = rare_events(30_000, 0.01, signal=1.5)
    best = log_loss(y[20_000:], p[20_000:])
    null = log_loss(y[20_000:], np.full(10_000, 0.01))
    for estimator in (
        sgd(learning_rate="constant", eta0=0.005),
        MLPClassifier((8,), learning_rate_init=0.005, random_state=0),
        GaussianNB(),
    ):
        settings = {"epochs": 12, "use_weights": use_weights}
        model = fit(estimator, X[:20_000], y[:20_000], **settings)
        predicted = model.predict_proba(X[20_000:])[:, 1]
        assert predicted.mean() / p[20_000:].mean() == pytest.approx(1, abs=0.25)
        assert log_loss(y[20_000:], predicted) < best + 0.3 * (null - best)


STEPS = {
    "default": {},
    "far from converged": {"learning_rate": "invscaling", "eta0": 0.01},
    "started from far": {"average": True},
    "too large": {"learning_rate": "constant", "eta0": 0.5},
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("step", STEPS)
def test_any_step_of_sgd_comes_near_the_fit_on_all_rows(rare_events, step, seed):
    X, y, _ = rare_events(40_000, 0.02, signal=1.5, seed=seed)
    X, new, y, unseen = X[:20_000], X[20_000:], y[:20_000], y[20_000:]
    p = fit(sgd(**STEPS[step]), X, y, epochs=2, random_state=seed).predict_proba(new)
    full = LogisticRegression().fit(X, y).predict_proba(new)
    # 400 positives: a standard error is 5 %.
    assert p[:, 1].mean() / full[:, 1].mean() == pytest.approx(1, abs=0.1)
    assert log_loss(unseen, p) < 1.03 * log_loss(unseen, full)


class Remembering(SGDClassifier):
    """SGD that keeps its coefficients after each batch."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        super().partial_fit(X, y, classes, sample_weight)
        self.after_ = [
            *getattr(self, "after_", []),
            (self.coef_ + 0, self.intercept_ + 0),
        ]
        return self


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("use_weights", [True, False])
def test_scale_and_intercept_minimise_the_loss_of_sgd(
    rare_events, n_classes, use_weights
):
    X, y, _ = rare_events(3000, 0.1, signal=2.0)
    y += (X[:, 2] > 1.5) * (n_classes - 2)
    weights = 1.0 + np.arange(3000) % 3
    estimator = Remembering(loss="log_loss", alpha=0.01, random_state=0)
    model = fit(estimator, X, y, weights, epochs=2, use_weights=use_weights)
    after = model.estimator_.after_
    mean = [np.mean(each, axis=0) for each in zip(*after[len(after) // 2 :], strict=True)]
    passes = model.train_prior_ / model.target_prior_
    weights, n_served = weights * passes[y], passes @ np.bincount(y)
    for place, label in enumerate(range(n_classes)[-len(mean[0]) :]):
        scores, sign = X @ mean[0][place], np.where(y == label, 1, -1)
        norm = mean[0][place] @ mean[0][place]

        def loss(at, scores=scores, sign=sign, norm=norm):
            each = np.logaddexp(0, -sign * (at[0] * scores + at[1]))
            return weights @ each / n_served + 0.005 * at[0] ** 2 * norm

        scale, intercept = minimize(loss, [1, mean[1][place]], tol=1e-10).x
        wanted = [*scale * mean[0][place], intercept]
        found = [*model.estimator_.coef_[place], model.estimator_.intercept_[place]]
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


def test_scale_is_not_raised_where_few_rows_would_be_memorised(rare_events):
    X, y, _ = rare_events(300, 0.1, n_features=200)
    settings = {"loss": "log_loss", "random_state": 0, "learning_rate": "constant"}
    model = fit(Remembering(eta0=0.002, **settings), X, y, use_weights=False)
    np.testing.assert_allclose(
        model.estimator_.coef_, np.mean([c for c, _ in model.estimator_.after_], axis=0)
    )


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (sgd(penalty="l1", learning_rate="invscaling"), "SGDClassifier has not conv"),
        (sgd(fit_intercept=False), r"\(fit_intercept=False\) cannot learn the shares"),
        (GaussianNB(), "GaussianNB does not fit these data, so it predicts far too m"),
    ],
)
def test_what_predicts_too_many_or_few_warns(rare_events, estimator, message):
    X, y, _ = rare_events(4000, 0.02)
    X = X[:, [0] * 8 + [1]]
    for stops in (False, True):
        with pytest.warns(CalibrationWarning, match=message):
            model = fit(estimator, X, y, early_stopping=stops)
        check = model.decision_.check
        assert check.in_training == (not stops)
        assert not 0.8 < check.ratio < 1.25
        assert ("check by training rows" in str(model.decision_)) == (not stops)
        fit(estimator, X, y, prior_correction=False)


def test_rows_of_files_make_the_same_model(rare_events, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    from skstrat.io import scan_file

    # So few numbers are read ahead that many passes are made.
    monkeypatch.setattr("skstrat.classifiers._parts._AHEAD", 3000)
    X, y, weights = rare_events(3000, 0.05)
    data = pd.DataFrame(X, columns=list("abc")).assign(y=y, w=weights + (y == 0))
    data.to_parquet(tmp_path / "big.parquet")
    data["w"] *= np.arange(3000) % 4 > 0
    data.to_parquet(tmp_path / "big.parquet")
    read = scan_file(tmp_path / "big.parquet", target="y", sample_weight="w")
    settings = {"early_stopping": True, "epochs": 2}
    lazy, memory = (
        fit(sgd(), *part, **settings) for part in (read, (data[[*"abc"]], y, data["w"]))
    )
    np.testing.assert_array_equal(lazy.coef_, memory.coef_)
    assert lazy.validation_loss_ == memory.validation_loss_
    assert lazy.decision_.check == memory.decision_.check


def test_counts_in_sparse_matrices(rare_events):
    _, y, _ = rare_events(3000, 0.05)
    X = np.random.default_rng(0).poisson(1 + np.outer(y, [2, 0, 0, 1]))
    for estimator in (MultinomialNB(), sgd()):
        dense, sparse = (fit(estimator, each, y) for each in (X, csr_array(X)))
        p = dense.predict_proba(X)
        np.testing.assert_allclose(p, sparse.predict_proba(csr_array(X)), rtol=1e-5)
        assert p[:, 1].mean() == pytest.approx(y.mean(), rel=0.2)


def test_batch_size_of_the_estimator_does_not_cut_batches_up(rare_events):
    X, y, _ = rare_events(2000, 0.1)
    network = MLPClassifier((4,), learning_rate_init=0.05, random_state=0)
    model = fit(network, X, y, batch_size=500, epochs=2)
    # One step of Adam a batch, the last and smaller one too.
    assert model.estimator_._optimizer.t == 2 * np.ceil((y == 0).sum() / 250)
    assert model.estimator_.batch_size == "auto"


def test_early_stopping_keeps_the_best_epoch_and_trains_on_no_row_held_out():
    y, X = np.repeat([0, 1], [1000, 100]), np.arange(1100.0).reshape(-1, 1)
    settings = {"batch_size": 100, "epochs": 9, "shares": {0: 0.9, 1: 0.1}}
    settings |= {"use_weights": True, "early_stopping": True, "n_iter_no_change": 2}
    model = fit(Recorder(drift=0.004), X, y, **settings)
    losses, calls = model.validation_loss_, model.estimator_.calls_
    assert (np.argmin(losses) + 1, model.n_iter_, len(losses)) == (3, 3, 5)
    assert len(calls) == 30
    trained = np.unique(np.concatenate([call[0] for call in calls]))
    held_out = np.setdiff1d(np.arange(1100), trained)
    np.testing.assert_array_equal(np.bincount(y[held_out]), [100, 10])
    p = model.estimator_.predict_proba(X[held_out])
    assert losses[2] == pytest.approx(log_loss(y[held_out], p))


@pytest.mark.parametrize(
    "estimator", [NoWeights(), sgd(average=True)], ids=["nb", "sgd"]
)
def test_early_stopping_judges_probabilities_that_are_right(rare_events, estimator):
    X, y, _ = rare_events(8000, 0.05)
    model = fit(estimator, X, y, epochs=3, early_stopping=True)
    assert len(model.validation_loss_) == 3
    entropy = log_loss(y, np.full(len(y), y.mean()))
    assert log_loss(y, model.predict_proba(X)) < entropy
    assert isinstance(estimator, SGDClassifier) or max(model.validation_loss_) < entropy


def test_weights_in_are_multiplied_and_zero_is_absent(rare_events):
    X, y, _ = rare_events(900, 0.1)
    X[:, 0] = np.arange(900)
    weights = np.arange(900) % 3.0
    settings = {"batch_size": 50, "use_weights": True}
    model, halved = (
        fit(Recorder(), X, y, w, **settings) for w in (weights, weights / 2)
    )
    np.testing.assert_allclose(model.target_prior_, np.bincount(y, weights))
    ratios = {0: set(), 1: set()}
    both = zip(model.estimator_.calls_, halved.estimator_.calls_, strict=True)
    for (rows, labels, passed), (same, _, half) in both:
        assert weights[rows].all()
        for label, ratio in zip(labels, passed / weights[rows], strict=True):
            ratios[label].add(round(ratio, 9))
        np.testing.assert_array_equal(rows, same)
        np.testing.assert_allclose(passed, 2 * half)
    assert [len(each) for each in ratios.values()] == [1, 1]
    unweighted = fit(Recorder(), X, y, weights, **settings | {"use_weights": False})
    rows, _, passed = unweighted.estimator_.calls_[0]
    np.testing.assert_array_equal(passed, weights[rows])


def test_same_seed_same_model_in_frames_and_searches(rare_events):
    X, y, _ = rare_events(3000, 0.1, signal=2.0)
    y, frame = np.where(y == 1, "yes", "no"), pd.DataFrame(X, columns=list("abc"))
    first, again, other = (
        fit(sgd(), X, y),
        fit(sgd(), frame, y),
        fit(sgd(), X, y, random_state=1),
    )
    p = first.predict_proba(X)
    np.testing.assert_allclose(p, again.predict_proba(frame), rtol=1e-9)
    assert (p != other.predict_proba(X)).any()
    assert again.feature_names_in_.tolist() == list("abc")
    grid = {"model__shares": [None, "equal"], "model__estimator__alpha": [1e-4, 1e-2]}
    model = make_pipeline(StandardScaler(), clone(first))
    model.steps[-1] = ("model", model.steps[-1][1])
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=3).fit(X, y)
    assert search.best_score_ > -0.33
    assert set(search.predict(X)) == {"yes", "no"}


def test_hinge_loss_with_weights_needs_no_probabilities(rare_events):
    X, y, _ = rare_events(2000, 0.1, signal=3.0)
    model = fit(SGDClassifier(random_state=0), X, y, epochs=10)
    assert model.score(X, y) > 0.9
    assert not hasattr(model, "predict_proba")
    assert model.decision_.check is None


BAD = [
    (LogisticRegression(), {}, ValueError, "an object implementing 'partial_fit'"),
    (
        NoWeights(),
        {"use_weights": True},
        UnusedWeightsError,
        "NoWeights cannot take sample_weight in partial_fit, and use_weights=True",
    ),
    (
        NoWeights(),
        {"sample_weight": np.arange(1.0, 41.0)},
        UnusedWeightsError,
        "sample_weight was given to fit",
    ),
    (
        NoProbabilities(),
        {"shares": "equal"},
        UnusedWeightsError,
        "NoProbabilities was trained on other class totals",
    ),
    (
        SGDClassifier(class_weight={0: 1, 1: 9}),
        {},
        ValueError,
        r"SGDClassifier\(class_weight=\{0: 1, 1: 9\}\) multiplies the weights",
    ),
    (
        Perceptron(),
        {"early_stopping": True},
        TypeError,
        r"early_stopping=True needs an estimator with predict_proba.*Perceptron\(\)",
    ),
    (
        GaussianNB(),
        {"shares": {0: 0.5, 2: 0.5}},
        ValueError,
        r"shares must name every class of y, \[0, 1\], and no other; got \[0, 2\]",
    ),
    (
        GaussianNB(),
        {"batch_size": 1},
        ValueError,
        "batch_size must be at least the number of classes, 2",
    ),
    (GaussianNB(), {"epochs": 0}, ValueError, "'epochs' parameter of PartialFitCl"),
    (GaussianNB(), {"y": np.zeros(39)}, ValueError, "40 in X and 39 in y"),
]


@pytest.mark.parametrize(("estimator", "given", "error", "message"), BAD)
def test_errors(estimator, given, error, message):
    data = {"X": np.arange(40.0).reshape(-1, 1), "y": np.repeat([0, 1], [30, 10])}
    with pytest.raises(error, match=message):
        fit(estimator, **data | given)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits are set as on Linux")
def test_a_file_larger_than_the_memory_allowed(tmp_path):
    n_rows, n_columns, path = 600_000, 64, tmp_path / "X.dat"
    X = np.memmap(path, np.float32, "w+", shape=(n_rows, n_columns))
    rng = np.random.default_rng(0)
    X[:] = rng.standard_normal((1, n_columns), dtype=np.float32)
    X[:, 0] = rng.standard_normal(n_rows)
    del X
    program = f"""
        import resource
        import numpy as np
        from sklearn.linear_model import SGDClassifier
        from skstrat import PartialFitClassifier
        X = np.memmap({str(path)!r}, np.float32, "r", shape=({n_rows}, {n_columns}))
        y = (np.arange({n_rows}) % 100 == 0).astype(np.int8)
        with open("/proc/self/status") as status:
            used = dict(line.split(":") for line in status)
        # What the process has, and a hundred megabytes; X has a hundred and fifty.
        limit = int(used["VmData"].split()[0]) * 1024 + 100_000_000
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        assert X.nbytes > 150_000_000
        try:
            np.array(X)
        except MemoryError:
            print("too large")
        sgd = SGDClassifier(loss="log_loss", alpha=1e-3, random_state=0)
        model = PartialFitClassifier(
            sgd, batch_size=20_000, epochs=1, early_stopping=True, random_state=0
        ).fit(X, y)
        print(model.n_samples_fit_ > 500_000)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    options = {"capture_output": True, "text": True, "check": False, "timeout": 120}
    done = subprocess.run(command, **options)
    assert done.stdout == "too large\nTrue\n", done.stderr
