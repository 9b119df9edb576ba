"""ResampledClassifier: which weights are passed, and what is corrected."""

import pickle
import re

import numpy as np
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline as make_stock_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skstrat import (
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    MissingLabelsError,
    RandomOversample,
    ResampledClassifier,
    TreeWeightsWarning,
    UnusedWeightsError,
    correct_prior,
    make_pipeline,
    strategy_grid,
)
from skstrat._core.labels import encode_labels


class Recording(ClassifierMixin, BaseEstimator):
    """Writes down the rows and weights of its fit; predicts their class shares."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weights_ = X, y, sample_weight
        self.classes_ = np.unique(y)
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        totals = [weights[y == label].sum() for label in self.classes_]
        self.shares_ = np.array(totals) / weights.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [2000, 100]))
    X = rng.normal(size=(len(y), 3))
    X[:, 0] += y
    return X, y, rng.lognormal(size=len(y))


def down(factor=20, **params):
    return DownsampleUpweight(factor=factor, random_state=0, **params)


def wrapped(estimator, resampler=None, **params):
    return ResampledClassifier(estimator, resampler, **params)


def test_true_forces_the_weights_and_false_withholds_the_class_factor(table):
    X, y, incoming = table
    for given in (None, incoming):
        X_kept, _, weights = down().fit_resample(X, y, sample_weight=given)
        forced = wrapped(Recording(), down(), use_weights=True).fit(X, y, given)
        np.testing.assert_array_equal(forced.estimator_.X_, X_kept)
        np.testing.assert_array_equal(forced.estimator_.weights_, weights)
        withheld = wrapped(Recording(), down(), use_weights=False).fit(X, y, given)
        kept = withheld.resampler_.sample_indices_
        if given is None:
            assert withheld.estimator_.weights_ is None
        else:
            np.testing.assert_allclose(
                withheld.estimator_.weights_, given[kept], rtol=1e-12
            )


@pytest.mark.parametrize(
    ("estimator", "passed"),
    [
        (LogisticRegression(), True),
        (LinearSVC(), True),
        (make_stock_pipeline(StandardScaler(), LogisticRegression()), True),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2), True),
        (CalibratedClassifierCV(LinearSVC(), cv=2), True),
        (SVC(), True),  # no probabilities to correct
        (HistGradientBoostingClassifier(max_iter=3), False),
        (RandomForestClassifier(5), False),
        (BaggingClassifier(n_estimators=3), False),
        (make_stock_pipeline(StandardScaler(), RandomForestClassifier(5)), False),
        (KNeighborsClassifier(), False),
    ],
    ids=repr,
)
def test_auto_knows_who_makes_good_use_of_weights(table, estimator, passed):
    assert_auto_passes(table, estimator, passed)


def test_auto_knows_lightgbm(table):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1)
    assert_auto_passes(table, model, passed=False)


def assert_auto_passes(table, estimator, passed):
    X, y, _ = table
    model = wrapped(estimator, down(), calibration_check=False).fit(X, y)
    seen = model.target_prior_ if passed else [100, 100]
    trained = list(model.decision_.train_prior.values())
    np.testing.assert_allclose(trained, seen, rtol=1e-12)
    np.testing.assert_array_equal(model.target_prior_, [2000, 100])
    assert model.n_samples_fit_ == 200


def test_scaler_and_model_in_a_stock_pipeline_get_the_same_weights(table):
    X, y, _ = table
    inner = make_stock_pipeline(StandardScaler(), Recording())
    _, _, weights = down().fit_resample(X, y)
    for routing in (False, True):
        with sklearn.config_context(enable_metadata_routing=routing):
            model = wrapped(inner, down(), use_weights=True).fit(X, y)
            np.testing.assert_array_equal(model.estimator_[-1].weights_, weights)
            total = model.estimator_[0].n_samples_seen_
            assert total == pytest.approx(len(X), rel=1e-12)


@pytest.mark.parametrize(
    "resampler",
    [
        None,
        down(),
        down(weighting="balanced"),
        down(weighting={0: 0.5, 1: 0.5}),
        RandomOversample(random_state=0),
        RandomOversample(weighting="uniform", random_state=0),
        CombinedResample(random_state=0),
        CombinedResample(weighting="balanced", random_state=0),
        ClassWeight(),
        RandomUnderSampler(random_state=0),
        SMOTE(random_state=0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("use_weights", ["auto", True, False])
def test_a_model_of_class_shares_predicts_the_original_ones(
    table, resampler, use_weights
):
    # The witness is arithmetic: a model that knows only the shares it was trained on
    # must predict the original shares, whatever was resampled and passed.
    X, y, incoming = table
    model = wrapped(Recording(), resampler, use_weights=use_weights)
    model.fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X[:2]), [[20 / 21, 1 / 21]] * 2, rtol=1e-12
    )
    assert set(model.predict(X)) == {0}
    if isinstance(resampler, SMOTE):
        return
    model.fit(X, y, sample_weight=incoming)
    share = incoming[y == 1].sum() / incoming.sum()
    np.testing.assert_allclose(model.predict_proba(X[:1])[0, 1], share, rtol=1e-9)


def test_without_correction_the_estimator_speaks_for_itself(table):
    X, y, _ = table
    model = wrapped(
        Recording(), RandomUnderSampler(random_state=0), prior_correction=False
    ).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X[:1]), [[0.5, 0.5]])


def test_restored_masses_leave_predictions_untouched_to_the_last_bit(table):
    X, y, incoming = table
    model = wrapped(LogisticRegression(), down()).fit(X, y, incoming)
    assert np.abs(model.train_prior_ / model.target_prior_ - 1).max() < 1e-12
    for method in ("predict", "predict_proba", "predict_log_proba"):
        np.testing.assert_array_equal(
            getattr(model, method)(X), getattr(model.estimator_, method)(X)
        )


def test_all_answers_agree_under_correction(table):
    X, y, _ = table
    model = wrapped(LogisticRegression(), down(), use_weights=False).fit(X, y)
    p = model.predict_proba(X)
    raw = model.estimator_.predict_proba(X)
    assert p.dtype == np.float64
    np.testing.assert_allclose(
        p, correct_prior(raw, train_prior=[100, 100], target_prior=[2000, 100])
    )
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-9)
    decision = model.decision_function(X)
    np.testing.assert_allclose(1 / (1 + np.exp(-decision)), p[:, 1], rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), (p[:, 1] > 0.5).astype(int))
    assert model.score(X, y) == (model.predict(X) == y).mean()


def test_multiclass_labels_of_any_kind(table):
    X, _, _ = table
    rng = np.random.default_rng(1)
    y = rng.choice(["no", "maybe", "yes"], p=[0.9, 0.08, 0.02], size=len(X))
    counts = {label: int((y == label).sum()) for label in ("maybe", "no", "yes")}
    for use_weights in (True, False):
        model = wrapped(
            LogisticRegression(),
            DownsampleUpweight(sampling_strategy="auto", random_state=0),
            use_weights=use_weights,
        ).fit(X, y)
        assert model.classes_.tolist() == ["maybe", "no", "yes"]
        mean = model.predict_proba(X).mean(axis=0) * len(X)
        # Each class keeps about 40 rows: its mean has a standard error near 16 %.
        np.testing.assert_allclose(mean, list(counts.values()), rtol=0.5)
        decision = model.decision_function(X)
        assert decision.shape == (len(X), 3)
        np.testing.assert_array_equal(
            model.classes_[decision.argmax(axis=1)], model.predict(X)
        )


def test_decisions_of_pairs_cannot_be_corrected(table):
    X, _, _ = table
    y = np.arange(len(X)) % 4
    y[y == 3] = 0
    model = wrapped(
        SVC(decision_function_shape="ovo"),
        ClassWeight({2: 5.0}),
        prior_correction=False,
    ).fit(X, y)
    assert model.decision_function(X).shape == (len(X), 3)
    with pytest.raises(UnusedWeightsError, match="has no predict_proba"):
        clone(model).set_params(prior_correction=True).fit(X, y)


def test_class_weight_and_passed_weights_are_an_error(table):
    X, y, incoming = table
    balanced = LogisticRegression(class_weight="balanced")
    message = re.escape("LogisticRegression(class_weight='balanced')")
    with pytest.raises(ValueError, match=message):
        wrapped(balanced, down()).fit(X, y)
    with pytest.raises(ValueError, match=message):
        wrapped(balanced).fit(X, y, sample_weight=incoming)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1, 1: 7}])
def test_class_weight_alone_is_part_of_the_train_prior(table, class_weight):
    X, y, _ = table
    model = wrapped(LogisticRegression(class_weight=class_weight)).fit(X, y)
    p = model.predict_proba(X)[:, 1]
    # Calibration in the large; the correction is exact but for the ridge penalty.
    assert p.mean() == pytest.approx(y.mean(), rel=0.05)
    assert model.estimator_.predict_proba(X)[:, 1].mean() > 3 * y.mean()


@pytest.mark.parametrize("class_weight", ["balanced", "balanced_subsample"])
def test_trees_with_class_weights_of_their_own_or_made_warn(table, class_weight):
    X, y, incoming = table
    forest = RandomForestClassifier(5, class_weight=class_weight)
    message = rf"RandomForestClassifier\(class_weight='{class_weight}'\) weighs one"
    with pytest.warns(TreeWeightsWarning, match=message):
        model = wrapped(forest).fit(X, y)
    np.testing.assert_allclose(model.train_prior_, [1050, 1050])
    trees = HistGradientBoostingClassifier(max_iter=2)
    for given in (None, incoming):
        message = (
            "HistGradientBoostingClassifier after ClassWeight weighs one.*too rare"
        )
        with pytest.warns(TreeWeightsWarning, match=message):
            wrapped(trees, ClassWeight()).fit(X, y, sample_weight=given)
    # Warnings are errors here, so these say that there is none.
    wrapped(trees, ClassWeight(), use_weights=True).fit(X, y)
    wrapped(trees, ClassWeight(), prior_correction=False).fit(X, y)
    wrapped(trees, ClassWeight({1: 2.0})).fit(X, y)
    wrapped(trees, down()).fit(X, y, sample_weight=incoming)


def test_weights_that_nobody_would_use_are_an_error(table):
    X, y, incoming = table
    knn = KNeighborsClassifier()
    with pytest.raises(UnusedWeightsError, match="sample_weight was given to fit"):
        wrapped(knn, down()).fit(X, y, sample_weight=incoming)
    with pytest.raises(UnusedWeightsError, match="use_weights=True"):
        wrapped(knn, down(), use_weights=True).fit(X, y)
    with pytest.raises(UnusedWeightsError, match="ClassWeight does nothing but weight"):
        wrapped(knn, ClassWeight()).fit(X, y)
    equal = np.full(len(y), 2.0)
    wrapped(knn, down(), calibration_check=False).fit(X, y, sample_weight=equal)


def test_nothing_can_restore_the_distribution(table):
    X, y, _ = table
    resampler = RandomOversample(weighting="uniform", random_state=0)
    with pytest.raises(UnusedWeightsError, match="wrap the estimator in Calibrated"):
        wrapped(RidgeClassifier(), resampler).fit(X, y)
    model = wrapped(RidgeClassifier(), resampler, prior_correction=False).fit(X, y)
    assert not hasattr(model, "predict_proba")
    assert wrapped(RidgeClassifier(), down()).fit(X, y).predict(X).shape == y.shape


def test_rows_of_zero_weight_are_not_there(table):
    X, y, incoming = table
    incoming = incoming.copy()
    incoming[::3] = 0
    counted = incoming > 0
    model = wrapped(Recording(), down(2), use_weights=True).fit(X, y, incoming)
    assert (model.estimator_.weights_ > 0).all()
    np.testing.assert_allclose(
        model.target_prior_,
        [incoming[y == label].sum() for label in (0, 1)],
        rtol=1e-12,
    )
    under = RandomUnderSampler(random_state=0)
    knn = wrapped(KNeighborsClassifier(), under, calibration_check=False)
    knn.fit(X, y, sample_weight=counted.astype(float))
    assert knn.target_prior_.tolist() == [
        (counted & (y == label)).sum() for label in (0, 1)
    ]


def test_bad_input(table):
    X, y, incoming = table
    with pytest.raises(MissingLabelsError, match="1 of 2100 labels are missing"):
        wrapped(Recording(), down()).fit(X, np.where(np.arange(2100) == 5, np.nan, y))
    with pytest.raises(ValueError, match="at least two classes"):
        wrapped(Recording(), down()).fit(X, np.zeros(len(X)))
    with pytest.raises(ValueError, match="not negative; got -1"):
        wrapped(Recording()).fit(X, y, sample_weight=incoming * 0 - 1)
    with pytest.raises(ValueError, match="'use_weights' parameter"):
        wrapped(Recording(), use_weights="always").fit(X, y)
    with pytest.raises(ValueError, match="'resampler' parameter"):
        wrapped(Recording(), "balanced").fit(X, y)


@pytest.mark.slow
def test_an_ordinary_classifier_in_searches_and_meta_estimators(table):
    X, y, incoming = table
    # Folds of so few rows leave some models off by more than a quarter.
    model = wrapped(LogisticRegression(), down(), calibration_check=False)
    grid = {"resampler": strategy_grid(factors=[5, 20])}
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=3)
    search.fit(X, y, sample_weight=incoming)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 7
    assert search.cv_results_["params"][0] == {"resampler": None}
    # Every strategy predicts the original distribution, so none is far off.
    assert scores.min() > 1.2 * scores[0]
    random = RandomizedSearchCV(model, grid, n_iter=3, cv=2, random_state=0)
    assert 0.9 < random.fit(X, y).best_score_ <= 1
    nested = {"resampler__factor": [2, 20], "estimator__C": [0.1, 1]}
    GridSearchCV(model, nested, cv=2).fit(X, y)
    p = cross_val_predict(search, X, y, cv=2, method="predict_proba")
    assert p.shape == (len(X), 2)
    for meta in (
        CalibratedClassifierCV(model, cv=2),
        TunedThresholdClassifierCV(model, scoring="f1", cv=2),
        BaggingClassifier(model, n_estimators=3, random_state=0),
        VotingClassifier([("a", model), ("b", wrapped(LogisticRegression()))]),
        make_stock_pipeline(StandardScaler(), model),
    ):
        assert meta.fit(X, y).predict(X).shape == y.shape


def test_metadata_routing_request(table):
    X, y, incoming = table
    with sklearn.config_context(enable_metadata_routing=True):
        model = wrapped(LogisticRegression(), down()).set_fit_request(
            sample_weight=True
        )
        model.set_score_request(sample_weight=False)
        search = GridSearchCV(model, {"resampler__factor": [2]}, cv=2)
        search.fit(X, y, sample_weight=incoming)
        mass = search.best_estimator_.target_prior_
    np.testing.assert_allclose(mass.sum(), incoming.sum(), rtol=1e-12)


def test_frames_pickle_and_clone(table):
    pandas = pytest.importorskip("pandas")
    X, y, _ = table
    frame = pandas.DataFrame(X, columns=list("abc"))
    labels = pandas.Series(np.where(y == 1, "bad", "good"), dtype="category")
    model = wrapped(LogisticRegression(), down(), use_weights=False)
    assert not hasattr(model, "n_features_in_")
    model.fit(frame, labels)
    assert model.feature_names_in_.tolist() == list("abc")
    assert model.n_features_in_ == 3
    assert model.classes_.tolist() == ["bad", "good"]
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(frame), model.predict_proba(frame))
    assert not hasattr(clone(model), "estimator_")
    assert "DownsampleUpweight" in model._repr_html_()
    # The positive class is the first here, and its share is the original one.
    assert model.predict_proba(frame)[:, 0].mean() == pytest.approx(100 / 2100, rel=0.3)


@pytest.mark.parametrize("weight", [None, 1.0])
@pytest.mark.parametrize(
    "resampler",
    [
        None,
        down(),
        RandomOversample(random_state=0),
        ClassWeight(),
        down(strata=lambda X, y: X[:, 0] > 0),
        down(groups=lambda X, y: np.arange(len(y)) // 2),
    ],
    ids=["none", "down", "over", "class weight", "strata", "groups"],
)
@pytest.mark.parametrize("host", ["classifier", "pipeline"])
def test_labels_are_encoded_once_a_fit(monkeypatch, table, resampler, weight, host):
    X, y, _ = table
    encoded = []

    def encode(labels):
        encoded.append(labels)
        return encode_labels(labels)

    monkeypatch.setattr("skstrat._core.samples.encode_labels", encode)
    monkeypatch.setattr("skstrat.resamplers._resampled.encode_labels", encode)
    if host == "classifier":
        model = ResampledClassifier(LogisticRegression(), resampler)
    else:
        model = make_pipeline(resampler or "passthrough", LogisticRegression())
    model.fit(X, y, sample_weight=None if weight is None else np.ones(len(y)))
    assert len(encoded) == (host == "classifier" or resampler is not None)
