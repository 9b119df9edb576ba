"""Training batch by batch: every class in every batch, probabilities of the data."""

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skstrat import PartialFitClassifier, UnusedWeightsError


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that keeps what it was trained with."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        if not hasattr(self, "calls_"):
            self.calls_ = []
            self.classes_ = np.asarray(classes)
        self.calls_.append((X[:, 0].astype(int), np.asarray(y), sample_weight))
        return self

    def predict_proba(self, X):
        # A loss that falls until the third epoch: the first batches of an epoch are
        # told by their number.
        p = 0.5 - 0.1 * abs(len(self.calls_) / 10 - 3)
        return np.tile([1 - p, p], (len(X), 1))


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
    y = np.repeat(["regular", "fraud"], [900, 10])
    X = np.arange(910.0).reshape(-1, 1)
    model = PartialFitClassifier(
        Recorder(), batch_size=100, epochs=2, use_weights=True, random_state=0
    ).fit(X, y)
    calls = model.estimator_.calls_
    assert len(calls) == 2 * 10
    assert model.n_iter_ == 2
    assert model.n_samples_fit_ == 2000
    np.testing.assert_array_equal(model.estimator_.classes_, ["fraud", "regular"])
    for rows, labels, weights in calls:
        np.testing.assert_array_equal(labels, y[rows])
        assert (labels == "fraud").sum() == 10
        assert weights.sum() == pytest.approx(100)
        assert np.ptp(weights[labels == "fraud"]) == 0
    for epoch in (calls[:10], calls[10:]):
        rows, _, weights = (np.concatenate(part) for part in zip(*epoch, strict=True))
        served = np.bincount(rows, weights, minlength=910)
        # In an epoch every row comes to the same weight: that of the data.
        np.testing.assert_allclose(served, 1000 / 910, rtol=1e-12)
    assert [call[0].tolist() for call in calls[:10]] != [
        call[0].tolist() for call in calls[10:]
    ]


@pytest.mark.parametrize(
    ("counts", "shares", "quota"),
    [
        ([995, 5], None, [90, 10]),
        ([700, 300], None, [70, 30]),
        ([880, 60, 60], None, [80, 10, 10]),
        ([930, *[10] * 7], None, [57, *[6] * 6, 7]),
        ([995, 5], "equal", [50, 50]),
        ([995, 5], {0: 0.75, 1: 0.25}, [75, 25]),
    ],
)
def test_shares(counts, shares, quota):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.arange(float(len(y))).reshape(-1, 1)
    model = PartialFitClassifier(
        Recorder(),
        batch_size=100,
        epochs=1,
        shares=shares,
        use_weights=True,
        random_state=0,
    ).fit(X, y)
    _, labels, _ = model.estimator_.calls_[0]
    served = np.bincount(labels)
    if len(counts) < 8:
        np.testing.assert_array_equal(served, quota)
    else:
        # Half an equal share each, 6.25 of 100 rows, and 56.25 for the large one.
        assert sorted(served[1:].tolist()) == [6, 6, 6, 6, 6, 6, 7] or served[0] == 57
        assert served.sum() == 100
        assert served.min() >= 6


def test_one_epoch_of_weighted_naive_bayes_is_that_of_all_rows(rare_events):
    X, _, _ = rare_events(910)
    y = np.repeat([0, 1], [900, 10])
    X[y == 1] += 1
    full = GaussianNB(var_smoothing=0).fit(X, y)
    model = PartialFitClassifier(
        GaussianNB(var_smoothing=0),
        batch_size=100,
        epochs=3,
        use_weights=True,
        random_state=0,
    ).fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X), full.predict_proba(X), rtol=1e-8, atol=1e-12
    )
    np.testing.assert_allclose(model.train_prior_, model.target_prior_)


def test_weights_are_for_linear_models_and_where_nothing_could_be_corrected(
    rare_events,
):
    X, y, _ = rare_events(2000, 0.02)
    for estimator, weighted in (
        (SGDClassifier(loss="log_loss"), True),
        (SGDClassifier(), True),
        (MLPClassifier((2,)), False),
        (GaussianNB(), False),
    ):
        model = PartialFitClassifier(estimator, epochs=1, random_state=0).fit(X, y)
        ratio = model.train_prior_ / model.target_prior_
        assert (np.ptp(ratio) < 1e-9) == weighted
        if not weighted:
            # Equal shares where nothing holds the weights in check.
            np.testing.assert_allclose(*model.train_prior_, rtol=0.02)


def test_prior_is_corrected_where_no_weights_are_taken(rare_events):
    X, _, _ = rare_events(910)
    y = np.repeat([0, 1], [900, 10])
    X[y == 1] += 1
    full = GaussianNB(var_smoothing=0).fit(X, y)
    settings = {"batch_size": 100, "epochs": 1, "random_state": 0}
    settings["shares"] = {0: 0.9, 1: 0.1}
    for model in (
        PartialFitClassifier(NoWeights(var_smoothing=0), **settings),
        PartialFitClassifier(GaussianNB(var_smoothing=0), **settings),
    ):
        model.fit(X, y)
        np.testing.assert_allclose(model.train_prior_, [900, 100])
        np.testing.assert_allclose(
            model.predict_proba(X), full.predict_proba(X), rtol=1e-8, atol=1e-12
        )
        plain = clone(model).set_params(prior_correction=False).fit(X, y)
        odds, corrected = (
            each.predict_proba(X)[:, 1] / each.predict_proba(X)[:, 0]
            for each in (plain, model)
        )
        np.testing.assert_allclose(odds, 10 * corrected, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(
            loss="log_loss", learning_rate="constant", eta0=0.005, random_state=0
        ),
        MLPClassifier((8,), learning_rate_init=0.005, random_state=0),
        GaussianNB(),
        NoWeights(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("use_weights", ["auto", True, False])
def test_probabilities_are_of_the_data(rare_events, estimator, use_weights):
    X, y, p = rare_events(30_000, 0.01, signal=1.5)
    if use_weights is True and isinstance(estimator, NoWeights):
        pytest.skip("takes no weights: refused, as another test shows")
    model = PartialFitClassifier(
        estimator, epochs=12, use_weights=use_weights, random_state=0
    ).fit(X[:20_000], y[:20_000])
    predicted = model.predict_proba(X[20_000:])[:, 1]
    assert predicted.mean() / p[20_000:].mean() == pytest.approx(1, abs=0.25)
    best = log_loss(y[20_000:], p[20_000:])
    null = log_loss(y[20_000:], np.full(10_000, 0.01))
    assert log_loss(y[20_000:], predicted) < best + 0.3 * (null - best)


def test_counts_in_sparse_matrices(rare_events):
    _, y, _ = rare_events(3000, 0.05)
    rng = np.random.default_rng(0)
    X = rng.poisson(1 + np.outer(y, [2, 0, 0, 1]))
    dense, sparse = (
        PartialFitClassifier(MultinomialNB(), epochs=1, random_state=0).fit(each, y)
        for each in (X, csr_array(X))
    )
    np.testing.assert_allclose(dense.predict_proba(X), sparse.predict_proba(X))
    assert dense.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.2)


def test_batch_size_of_the_estimator_does_not_cut_batches_up(rare_events):
    X, y, _ = rare_events(2000, 0.1)
    model = PartialFitClassifier(
        MLPClassifier((2,), random_state=0), batch_size=500, epochs=2, random_state=0
    ).fit(X, y)
    # One step of Adam a batch, the last and smaller one too.
    assert model.estimator_._optimizer.t == 2 * np.ceil((y == 0).sum() / 250)
    assert model.estimator_.batch_size == "auto"


def test_early_stopping_keeps_the_best_epoch_and_trains_on_no_row_held_out():
    y = np.repeat([0, 1], [1000, 100])
    X = np.arange(1100.0).reshape(-1, 1)
    model = PartialFitClassifier(
        Recorder(),
        batch_size=100,
        epochs=9,
        shares={0: 0.9, 1: 0.1},
        use_weights=True,
        early_stopping=True,
        n_iter_no_change=2,
        random_state=0,
    ).fit(X, y)
    losses = model.validation_loss_
    # The loss falls as p of the positives rises towards 0.5, which is too much for
    # 10 %: the first epoch is the best, and two more bring nothing.
    assert np.argmin(losses) + 1 == model.n_iter_
    assert len(losses) == model.n_iter_ + 2
    assert len(model.estimator_.calls_) == 10 * model.n_iter_
    trained = np.unique(np.concatenate([call[0] for call in model.estimator_.calls_]))
    assert len(trained) == 990
    held_out = np.setdiff1d(np.arange(1100), trained)
    np.testing.assert_array_equal(np.bincount(y[held_out]), [100, 10])
    p = model.estimator_.predict_proba(X[held_out])
    assert losses[model.n_iter_ - 1] == pytest.approx(log_loss(y[held_out], p))


def test_early_stopping_judges_corrected_probabilities(rare_events):
    X, y, _ = rare_events(8000, 0.05)
    model = PartialFitClassifier(
        NoWeights(),
        epochs=3,
        early_stopping=True,
        validation_fraction=0.25,
        random_state=0,
    ).fit(X, y)
    assert len(model.validation_loss_) == 3
    entropy = log_loss(y, np.full(len(y), y.mean()))
    assert max(model.validation_loss_) < entropy


def test_weights_in_are_multiplied_and_zero_is_absent(rare_events):
    X, y, _ = rare_events(900, 0.1)
    X[:, 0] = np.arange(900)
    weights = np.arange(900) % 3.0
    settings = {"batch_size": 50, "epochs": 1, "random_state": 0, "use_weights": True}
    model = PartialFitClassifier(Recorder(), **settings).fit(X, y, weights)
    kept = weights > 0
    np.testing.assert_allclose(
        model.target_prior_, [weights[y == 0].sum(), weights[y == 1].sum()]
    )
    ratios = {0: set(), 1: set()}
    for rows, labels, passed in model.estimator_.calls_:
        assert kept[rows].all()
        for label, ratio in zip(labels, passed / weights[rows], strict=True):
            ratios[label].add(round(ratio, 9))
    assert [len(each) for each in ratios.values()] == [1, 1]
    halved = PartialFitClassifier(Recorder(), **settings).fit(X, y, weights / 2)
    for one, other in zip(
        model.estimator_.calls_, halved.estimator_.calls_, strict=True
    ):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_allclose(one[2], 2 * other[2])
    settings["use_weights"] = False
    unweighted = PartialFitClassifier(Recorder(), **settings)
    rows, _, passed = unweighted.fit(X, y, weights).estimator_.calls_[0]
    np.testing.assert_array_equal(passed, weights[rows])


def test_same_seed_same_model_and_the_order_of_containers(rare_events):
    X, y, _ = rare_events(2000, 0.05)
    sgd = SGDClassifier(loss="log_loss", random_state=0)
    first = PartialFitClassifier(sgd, epochs=2, random_state=0).fit(X, y)
    frame = pd.DataFrame(X, columns=list("abc"))
    again = PartialFitClassifier(sgd, epochs=2, random_state=0).fit(frame, y)
    other = PartialFitClassifier(sgd, epochs=2, random_state=1).fit(X, y)
    np.testing.assert_allclose(
        first.predict_proba(X), again.predict_proba(frame), rtol=1e-9
    )
    assert (first.predict_proba(X) != other.predict_proba(X)).any()
    assert again.feature_names_in_.tolist() == list("abc")
    assert first.n_features_in_ == 3


def test_in_pipelines_searches_and_cross_validation(rare_events):
    X, y, _ = rare_events(3000, 0.1, signal=2.0)
    y = np.where(y == 1, "yes", "no")
    model = make_pipeline(
        StandardScaler(),
        PartialFitClassifier(
            SGDClassifier(loss="log_loss", random_state=0), epochs=2, random_state=0
        ),
    )
    search = GridSearchCV(
        model,
        {
            "partialfitclassifier__shares": [None, "equal"],
            "partialfitclassifier__estimator__alpha": [1e-4, 1e-2],
        },
        scoring="neg_log_loss",
        cv=3,
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_score_ > -0.33
    assert set(search.predict(X)) == {"yes", "no"}
    assert cross_val_score(model, X, y, scoring="roc_auc", cv=3).min() > 0.75


def test_progress_sees_every_epoch(rare_events):
    X, y, _ = rare_events(500, 0.2)
    seen = []

    def progress(epochs):
        for epoch in epochs:
            seen.append(epoch)
            yield epoch

    PartialFitClassifier(GaussianNB(), epochs=3, progress=progress).fit(X, y)
    assert seen == [0, 1, 2]


def test_hinge_loss_with_weights_needs_no_probabilities(rare_events):
    X, y, _ = rare_events(2000, 0.1, signal=3.0)
    model = PartialFitClassifier(SGDClassifier(random_state=0), random_state=0)
    assert model.fit(X, y).score(X, y) > 0.9
    assert not hasattr(model, "predict_proba")


BAD = [
    (
        PartialFitClassifier(LogisticRegression()),
        ValueError,
        "'estimator' parameter of PartialFitClassifier must be an object implementing "
        "'partial_fit'",
    ),
    (
        PartialFitClassifier(NoWeights(), use_weights=True),
        UnusedWeightsError,
        "NoWeights cannot take sample_weight in partial_fit, and use_weights=True",
    ),
    (
        PartialFitClassifier(NoProbabilities(), shares="equal"),
        UnusedWeightsError,
        "NoProbabilities was trained on other class totals",
    ),
    (
        PartialFitClassifier(SGDClassifier(class_weight={0: 1, 1: 9})),
        ValueError,
        r"SGDClassifier\(class_weight=\{0: 1, 1: 9\}\) multiplies the weights",
    ),
    (
        PartialFitClassifier(Perceptron(), early_stopping=True),
        TypeError,
        r"early_stopping=True needs an estimator with predict_proba.*Perceptron\(\)",
    ),
    (
        PartialFitClassifier(GaussianNB(), shares={0: 0.5, 2: 0.5}),
        ValueError,
        r"shares must name every class of y, \[0, 1\], and no other; got \[0, 2\]",
    ),
    (
        PartialFitClassifier(GaussianNB(), batch_size=1),
        ValueError,
        "batch_size must be at least the number of classes, 2",
    ),
    (
        PartialFitClassifier(GaussianNB(), epochs=0),
        ValueError,
        "'epochs' parameter of PartialFitClassifier must be an int in the range",
    ),
]


@pytest.mark.parametrize(("model", "error", "message"), BAD)
def test_errors(model, error, message):
    X, y = np.arange(40.0).reshape(-1, 1), np.repeat([0, 1], [30, 10])
    with pytest.raises(error, match=message):
        model.fit(X, y)


def test_lengths_and_weights_that_cannot_be_used():
    X, y = np.arange(40.0).reshape(-1, 1), np.repeat([0, 1], [30, 10])
    model = PartialFitClassifier(NoWeights())
    with pytest.raises(ValueError, match="40 in X and 39 in y"):
        model.fit(X, y[:-1])
    with pytest.raises(UnusedWeightsError, match="sample_weight was given to fit"):
        model.fit(X, y, np.arange(1.0, 41.0))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits are set as on Linux")
def test_a_file_larger_than_the_memory_allowed(tmp_path):
    n_rows, n_columns = 600_000, 64
    path = tmp_path / "X.dat"
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
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout == "too large\nTrue\n", done.stderr
