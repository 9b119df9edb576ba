"""How far to downsample where columns are many, or are made by a pipeline."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from skstrat import ResampledClassifier, recommend_factor
from skstrat._core.samples import check_samples
from skstrat.classifiers._auto import recommend_for
from skstrat.classifiers._fit_time import predict_seconds


def rows(n_positives=500, n_features=5, seed=0, slope=1.0):
    """Draw about one positive in a hundred rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100 * n_positives, n_features))
    p = expit(-4.6 - slope**2 / 2 + slope * X[:, :5].sum(axis=1) / np.sqrt(5))
    return X, (rng.random(len(X)) < p).astype(int)


@pytest.mark.parametrize(
    ("n_positives", "n_features", "kind"),
    [(50, 80, np.asarray), (100, 160, sparse.csr_matrix)],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_with_more_columns_than_positives_all_rows_are_kept(
    n_positives, n_features, kind, seed
):
    X, y = rows(n_positives, n_features, seed)
    found = recommend_factor(kind(X), y, LogisticRegression(C=10), random_state=seed)
    assert found.correction == "weights"
    assert found.limited_by == "positives_per_column"
    assert (found.factor, found.rows, found.loss) == (1.0, len(y), 0.0)
    assert found.n_columns == n_features
    assert str(found).endswith(
        f"amount, with more columns ({n_features}) than the pilot has other rows."
    )
    # Whole parameters are counted: halving the rows is said to cost far over 1 %.
    entropy = log_loss(y, np.full(len(y), y.mean()))
    assert found.estimation_share >= min(0.5, n_features / (2 * len(y) * entropy))
    assert found.table_["loss"].iloc[-1] > 0.01


def test_words_of_texts_are_columns_too():
    rng = np.random.default_rng(0)
    words = rng.integers(0, 150, size=(20_000, 6))
    y = (rng.random(20_000) < 0.02 * np.exp((words < 15).sum(axis=1))).astype(int)
    texts = [" ".join(f"w{word}" for word in row) for row in words]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    whole = recommend_factor(texts, y, model, random_state=0)
    assert (whole.n_columns, whole.limited_by) == (150, "least_rows")
    assert whole.correction == "weights"
    assert whole.seconds is None
    few = recommend_factor(texts[:2000], y[:2000], model)
    assert (few.factor, few.limited_by) == (1.0, "positives_per_column")
    # A search around the pipeline sees what it makes.
    search = GridSearchCV(model, {"logisticregression__C": [1.0]}, cv=2)
    around = recommend_factor(texts, y, search, random_state=0)
    assert around.loss_by_factor == pytest.approx(whole.loss_by_factor)


def test_time_goes_by_the_columns_that_the_model_sees():
    X, y = rows(100)
    line = LogisticRegression()
    squares = recommend_factor(X, y, make_pipeline(PolynomialFeatures(2), line))
    assert squares.n_columns == 21
    assert squares.full_seconds == predict_seconds(line, len(y), 21, 2)
    wide = sparse.random(len(y), 500, density=0.01, format="csr", random_state=0)
    found = recommend_factor(wide, y, line, random_state=0)
    assert found.n_columns == 500
    assert found.full_seconds == pytest.approx(
        predict_seconds(line, len(y), 5, 2), rel=0.02
    )
    stepwise = make_pipeline(PolynomialFeatures(2), GaussianNB())
    assert recommend_factor(X, y, stepwise, random_state=0).n_columns == 21


def test_a_linear_model_that_takes_no_weights_has_its_prior_corrected():
    X, y = rows(slope=2.5)
    found = recommend_factor(X, y, LinearDiscriminantAnalysis(), random_state=0)
    line = recommend_factor(X, y, LogisticRegression(C=np.inf), random_state=0)
    assert found.correction == "offset"
    assert found.efficiency_by_factor[4] > line.efficiency_by_factor[4] + 0.02
    assert found.estimation_share == pytest.approx(line.estimation_share)


def test_categories_that_half_of_the_pilot_lacks_are_no_hindrance():
    X, y = rows(slope=2.5)
    names = np.array([f"c{i}" for i in range(200)])
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": X.sum(axis=1), "c": names[rng.zipf(1.5, len(y)) % 200]})
    coded = make_column_transformer(
        (OneHotEncoder(), ["c"]), remainder=StandardScaler()
    )
    model = make_pipeline(coded, LogisticRegression())
    found = recommend_factor(frame, y, model, random_state=0)
    assert found.correction == "weights"
    ignored = clone(model).set_params(
        columntransformer__onehotencoder__handle_unknown="ignore"
    )
    assert recommend_factor(frame, y, ignored, random_state=0) == found
    X[::9, 0] = np.nan
    message = (
        r"(?s)estimator must learn from one half .*LogisticRegression, and Input X "
        r".*[^.]\. Let encoders"
    )
    with pytest.raises(ValueError, match=message):
        recommend_factor(X, y, LogisticRegression(), random_state=0)


@pytest.mark.parametrize("estimator", [None, LogisticRegression(), GaussianNB()])
@pytest.mark.parametrize("n_positives", [1, 29])
def test_with_hardly_a_positive_all_rows_are_kept(estimator, n_positives):
    X, _ = rows(50)
    y = np.arange(len(X)) < n_positives
    found = recommend_factor(X, y, estimator, random_state=0)
    assert (found.factor, found.limited_by) == (1.0, "least_positives")
    assert (found.rows, found.loss_range) == (len(y), (0.0, 0.0))
    assert np.isfinite(found.table_).all(axis=None)


class Step(TransformerMixin, BaseEstimator):
    """Doubles the columns, if it is given what it needs."""

    def __init__(self, least_rows=0, label=None):
        self.least_rows, self.label = least_rows, label

    def fit(self, X, y, level=1):
        if level is None or len(X) < self.least_rows:
            raise ValueError("there is too little to learn from")
        assert self.label is None or self.label in y
        return self

    def transform(self, X):
        return np.hstack([X, X])


class NeedsLevel(Step):
    """Has a fit parameter without a default."""

    def fit(self, X, y, level):
        return super().fit(X, y, level)


@pytest.mark.parametrize(
    ("step", "n_columns"),
    [(Step(label="fraud"), 10), (Step(least_rows=5000), 5), (NeedsLevel(), 5)],
)
def test_steps_that_only_tell_the_columns_are_no_hindrance(step, n_columns):
    X, y = rows(100)
    labels = np.where(y, "fraud", "honest")
    model = make_pipeline(step, GaussianNB())
    found = recommend_factor(X, labels, model, guided=True, random_state=0)
    assert found.n_columns == n_columns
    samples = check_samples(X, labels, None)
    blind = recommend_for(model, X, samples, guided=True, seed=0, measures=False)
    assert blind(0.01).n_columns == 5
    assert blind(0.01).efficiency_by_factor == found.efficiency_by_factor


class Given(LogisticRegression):
    """A logistic regression that has to be told something in fit."""

    def fit(self, X, y, level, sample_weight=None):
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize(
    "model", [Given(), make_pipeline(NeedsLevel(), LogisticRegression())]
)
def test_a_line_that_needs_fit_parameters_has_the_default_pilot(model):
    X, y = rows()
    samples = check_samples(X, y, None)
    asked = recommend_for(model, X, samples, guided=False, seed=3, measures=False)
    found, default = asked(0.01), recommend_factor(X, y, random_state=3)
    assert found.correction == "weights"
    assert found.loss_by_factor == default.loss_by_factor
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        recommend_factor(X, y, model)


def test_texts_with_needed_fit_parameters_have_no_pilot():
    texts, y = ["is red", "is blue"] * 100, [0, 1] * 100
    model = ResampledClassifier(make_pipeline(TfidfVectorizer(), Given()), "auto")
    with pytest.raises(
        ValueError, match=r"fits the estimator .* got Given, and .*level"
    ):
        model.fit(texts, y, given__level=1)


@pytest.mark.parametrize(
    ("model", "name", "measures"),
    [
        (LogisticRegression(C=-1), "C", True),
        (LogisticRegression(C=-1), "C", False),
        (make_pipeline(PolynomialFeatures(-1), GaussianNB()), "degree", True),
    ],
    ids=["line", "line with fit parameters", "step"],
)
def test_invalid_parameters_are_told(model, name, measures):
    X, y = rows(100)
    samples = check_samples(X, y, None)
    with pytest.raises(ValueError, match=f"The '{name}' parameter of"):
        recommend_for(model, X, samples, guided=False, seed=0, measures=measures)


class Counted(LogisticRegression):
    """A logistic regression that counts its fits."""

    fits = []

    def fit(self, X, y, sample_weight=None):
        self.fits.append(len(y))
        return super().fit(X, y, sample_weight)


def test_one_pilot_serves_any_loss():
    X, y = rows()
    samples = check_samples(X, y, None)
    Counted.fits.clear()
    asked = recommend_for(Counted(), X, samples, guided=False, seed=3)
    found = [asked(loss) for loss in (1e-4, 0.01)]
    assert len(Counted.fits) == 2
    assert found == [
        recommend_for(Counted(), X, samples, guided=False, seed=3)(loss)
        for loss in (1e-4, 0.01)
    ]
    assert found[0].rows > found[1].rows
