"""The word "auto": rows by the learner, as far as a loss of one percent allows."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    recommend_factor,
)

SLOPES = np.array([1.5, 0.8, 0.4, 0.2, 0])


def rows(n_rows, seed=0, intercept=-5.5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, len(SLOPES)))
    p = expit(intercept + X @ SLOPES + 0.5 * X[:, 0] * X[:, 1])
    return X, (rng.random(n_rows) < p).astype(int)


def with_noise(X):
    return np.column_stack([X, np.random.default_rng(9).normal(size=(len(X), 15))])


def forest():
    # A small one, of which every tree takes its time.
    return RandomForestClassifier(12, min_samples_leaf=20, random_state=0)


def boosting():
    return HistGradientBoostingClassifier(
        max_leaf_nodes=8, l2_regularization=1, early_stopping=False, random_state=0
    )


def booster():
    return pytest.importorskip("lightgbm").LGBMClassifier(
        num_leaves=8, reg_lambda=1, n_jobs=1, verbose=-1, random_state=0
    )


@pytest.fixture(scope="module")
def large():
    return rows(60_000)


@pytest.fixture(scope="module")
def wide(large):
    """Columns that say nothing, but take time."""
    return with_noise(large[0]), large[1]


@pytest.fixture(scope="module")
def huge():
    """So many rows that a logistic regression takes its time."""
    return rows(1_200_000)


def test_a_linear_model_gets_weighted_rows(huge):
    X, y = huge
    line = LogisticRegression()
    model = ResampledClassifier(line, "auto", random_state=3).fit(X, y)
    asked = recommend_factor(X, y, line, random_state=3)
    assert model.decision_.recommendation == asked
    assert repr(model.resampler_) == repr(
        DownsampleUpweight(factor=asked.factor, random_state=3)
    )
    assert model.decision_.weights == "all"
    assert str(model.decision_).startswith("chosen: DownsampleUpweight(factor=")
    assert model.n_samples_fit_ == asked.rows < len(y) / 5
    fresh, labels = rows(200_000, seed=1)
    p = model.predict_proba(fresh)[:, 1]
    whole = clone(line).fit(X, y).predict_proba(fresh)[:, 1]
    assert log_loss(labels, p) < 1.01 * log_loss(labels, whole)
    # 2,000 positives are right within 2.2 % (a standard error).
    assert p.mean() == pytest.approx(labels.mean(), rel=0.09)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("learner", "correction"),
    [(forest, "row by row"), (boosting, "row by row"), (booster, "inside")],
)
def test_others_get_guided_rows(wide, learner, correction):
    X, y = wide
    model = ResampledClassifier(learner(), "auto", random_state=3).fit(X, y)
    assert isinstance(model.resampler_, GuidedDownsample)
    assert model.decision_.correction == correction
    assert model.decision_.weights == "none"
    assert model.n_samples_fit_ < len(y) / 2
    fresh, labels = rows(200_000, seed=1)
    fresh = with_noise(fresh)
    p = model.predict_proba(fresh)[:, 1]
    whole = learner().fit(X, y).predict_proba(fresh)[:, 1]
    given = [np.where(labels == 1, each, 1 - each) for each in (p, whole)]
    losses = [-np.log(np.maximum(each, 1e-15)) for each in given]
    excess = losses[0] - 1.01 * losses[1]
    assert excess.mean() < 2 * excess.std() / np.sqrt(len(excess))


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), GaussianNB(), HistGradientBoostingClassifier()]
)
def test_all_rows_are_kept_where_nothing_is_saved(estimator):
    X, y = rows(3_000, intercept=-3)
    model = ResampledClassifier(estimator, "auto").fit(X, y)
    assert model.resampler_ is None
    assert model.decision_.chosen == (
        "all rows (a fit to all rows takes too little time to save any)"
    )
    assert model.decision_.recommendation is None
    if not isinstance(estimator, HistGradientBoostingClassifier):
        plain = clone(estimator).fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert pickle.loads(pickle.dumps(model)).decision_ == model.decision_


@pytest.mark.slow
def test_balanced_classes_are_kept_whole(large):
    X, _ = large
    fifth = np.arange(len(X)) % 5
    for y, reason in (
        (fifth, "to drop any would leave fewer negatives than positives"),
        (fifth < 2, "fewer rows would save too little time"),
    ):
        model = ResampledClassifier(forest(), "auto", random_state=0).fit(X, y)
        assert model.resampler_ is None
        assert model.decision_.chosen == f"all rows ({reason})"
        assert model.decision_.recommendation.rows > len(y) / 2


def test_the_same_seed_chooses_the_same_rows(large):
    X, y = large
    learner = KNeighborsClassifier()
    kept = [
        ResampledClassifier(learner, "auto", calibration_check=False, random_state=seed)
        .fit(X, y)
        .resampler_.sample_indices_.tolist()
        for seed in (0, 0, 1)
    ]
    assert kept[0] == kept[1]
    assert kept[0] != kept[2]


def test_weights_that_came_in_are_counted(large):
    X, y = large
    weights = np.random.default_rng(0).exponential(size=len(y))
    weights[::7] = 0
    model = ResampledClassifier(forest(), "auto", random_state=0)
    model.fit(X, y, sample_weight=weights)
    assert model.decision_.weights == "incoming"
    assert model.decision_.recommendation.n_rows == np.count_nonzero(weights)
    assert model.original_prior_ == pytest.approx(np.bincount(y, weights))


@pytest.mark.slow
def test_columns_of_text_and_named_classes(large):
    X, y = large
    frame = pd.DataFrame(X, columns=list("abcde"))
    frame["kind"] = np.where(X[:, 0] > 1, "high", "low")
    frame.loc[::50, "a"] = np.nan
    names = np.where(y == 1, "rare", np.where(X[:, 1] > 1.2, "some", "most"))
    drop_text = make_column_transformer(("passthrough", list("abcde")))
    estimator = make_pipeline(drop_text, forest())
    model = ResampledClassifier(estimator, "auto", random_state=0).fit(frame, names)
    assert isinstance(model.resampler_, GuidedDownsample)
    assert model.classes_.tolist() == ["most", "rare", "some"]
    shares = model.predict_proba(frame).mean(axis=0)
    assert shares == pytest.approx(
        [(names == name).mean() for name in model.classes_], rel=0.15
    )


class Given(KNeighborsClassifier):
    """Neighbours that need a fit parameter."""

    def fit(self, X, y, level):
        return super().fit(X, y)


def test_what_needs_fit_parameters_is_not_fitted_without():
    X, y = rows(120_000, intercept=-4.5)
    model = ResampledClassifier(
        Given(), "auto", calibration_check=False, random_state=0
    )
    model.fit(X, y, level=1)
    found = model.decision_.recommendation
    assert found.limited_by == "max_loss"
    # That of the assumed parameters, 100 to 1,600 for 700.
    expected = (found.loss / 7, found.loss * 16 / 7)
    assert found.loss_range == pytest.approx(expected)


def test_texts_are_drawn_uniformly():
    X, y = rows(40_000)
    texts = np.where(X[:, 0] > 1.5, "much said", "little said").tolist()
    estimator = make_pipeline(TfidfVectorizer(), forest())
    model = ResampledClassifier(estimator, "auto", random_state=0).fit(texts, y)
    assert isinstance(model.resampler_, DownsampleUpweight)
    assert model.decision_.correction == "prior"


def test_a_line_without_probabilities_is_asked_for_by_one_with(huge, large):
    X, y = huge
    model = ResampledClassifier(LinearSVC(), "auto", random_state=0).fit(X, y)
    assert isinstance(model.resampler_, DownsampleUpweight)
    assert model.decision_.weights == "all"
    X, y = large
    texts = np.where(X[:, 0] > 1.5, "much said", "little said").tolist()
    estimator = make_pipeline(TfidfVectorizer(), LinearSVC())
    model = ResampledClassifier(estimator, "auto", random_state=0).fit(texts, y)
    assert isinstance(model.resampler_, DownsampleUpweight)
    assert model.decision_.recommendation.n_columns == 3


def test_a_search_takes_the_word():
    X, y = rows(3_000, intercept=-3)
    model = ResampledClassifier(GaussianNB())
    grid = {"resampler": ["auto", None, DownsampleUpweight(factor=2, random_state=0)]}
    found = GridSearchCV(model, grid, scoring="neg_log_loss", cv=3).fit(X, y)
    auto, none, _ = found.cv_results_["mean_test_score"]
    assert auto == none


@pytest.mark.slow
def test_an_ensemble_chooses_once(large):
    X, y = large
    model = ResampledEnsembleClassifier(
        forest(), "auto", n_estimators=2, random_state=0
    ).fit(X, y)
    drawn = [each.resampler_ for each in model.estimators_]
    assert drawn[0].factor == drawn[1].factor == model.decision_.recommendation.factor
    assert not np.array_equal(drawn[0].sample_indices_, drawn[1].sample_indices_)
    assert model.decision_.chosen.startswith("GuidedDownsample(factor=")
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.15)


@pytest.mark.slow
def test_an_ensemble_whose_models_together_save_nothing_is_one_model(large):
    X, y = large
    one = ResampledClassifier(forest(), "auto", random_state=0).fit(X, y)
    share = one.n_samples_fit_ / len(y)
    model = ResampledEnsembleClassifier(
        forest(), "auto", n_estimators=round(1 / share), random_state=0
    ).fit(X, y)
    assert len(model.estimators_) == 1
    assert model.decision_.chosen == "all rows (fewer rows would save too little time)"
    # Of neighbours the time is not known, and rows are counted.
    model = ResampledEnsembleClassifier(KNeighborsClassifier(), "auto", random_state=0)
    assert len(model.fit(X, y).estimators_) == 1


def test_what_learns_distributions_gets_rows_drawn_evenly():
    # A draw that goes by the columns bends them, and only odds are corrected.
    X, y = rows(120_000, intercept=-4)
    learner = QuadraticDiscriminantAnalysis()
    model = ResampledClassifier(learner, "auto", random_state=0).fit(X, y)
    assert isinstance(model.resampler_, DownsampleUpweight)
    whole = clone(learner).fit(X, y).predict_proba(X)
    assert log_loss(y, model.predict_proba(X)) < 1.01 * log_loss(y, whole)


@pytest.mark.parametrize(("drops", "n_models"), [(True, 1), (False, 1), (False, 2)])
def test_some_rows_tell_when_to_stop_whatever_is_kept(wide, drops, n_models):
    X, y = wide if drops else rows(3_000, intercept=-3)
    lightgbm = pytest.importorskip("lightgbm")
    trees = lightgbm.LGBMClassifier(n_estimators=300, n_jobs=1, verbose=-1)
    model = ResampledClassifier(trees, "auto", random_state=0)
    if n_models > 1:
        model = ResampledEnsembleClassifier(
            trees, "auto", n_estimators=n_models, random_state=0
        )
    model.fit(
        X,
        y,
        eval_set="dropped",
        callbacks=[lightgbm.early_stopping(5, verbose=False)],
    )
    for each in getattr(model, "estimators_", [model]):
        assert each.estimator_.best_iteration_ < 300
        assert each.decision_.weights == "none"
    assert model.decision_.chosen.startswith("Guided" if drops else "all rows")
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.15)


def test_an_ensemble_of_all_rows_is_one_model():
    X, y = rows(3_000, intercept=-3)
    model = ResampledEnsembleClassifier(LogisticRegression(), "auto").fit(X, y)
    assert len(model.estimators_) == 1
    plain = LogisticRegression().fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X))
    assert model.decision_.chosen.startswith("all rows")


@pytest.mark.parametrize("host", [ResampledClassifier, ResampledEnsembleClassifier])
def test_what_cannot_be_chosen_for_is_refused(host):
    X, y = rows(2_000, intercept=-2)
    weighed = host(RandomForestClassifier(class_weight="balanced"), "auto")
    with pytest.raises(ValueError, match=r"class_weight='balanced'\), which has its"):
        weighed.fit(X, y)
    word = host(LogisticRegression(), "automatic")
    with pytest.raises(ValueError, match=r"The 'resampler' parameter of .* must be"):
        word.fit(X, y)


def test_no_probabilities_and_no_memory_are_refused():
    X, y = rows(2_000, intercept=-2)
    with pytest.raises(ValueError, match=r'"auto" needs an estimator with predict_pro'):
        ResampledClassifier(SVC(), "auto").fit(X, y)
    array = pytest.importorskip("dask.array")
    lazy = array.from_array(X, chunks=500), array.from_array(y, chunks=500)
    model = ResampledClassifier(LogisticRegression(), "auto")
    with pytest.raises(ValueError, match="needs data in memory; got a Dask collection"):
        model.fit(*lazy)


def test_a_single_positive_keeps_all_rows():
    X, _ = rows(60_000)
    y = np.arange(len(X)) == 7
    model = ResampledClassifier(KNeighborsClassifier(), "auto", random_state=0)
    model.fit(X, y)
    assert model.resampler_ is None
    assert model.decision_.chosen == (
        "all rows (to drop any would lose an unknown amount, with under 30 other rows)"
    )
