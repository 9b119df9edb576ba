"""The dropped rows as a hold-out: what they say, and what is done about it."""

import warnings

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    GuidedDownsample,
    RandomOversample,
    ResampledClassifier,
)

TREES = HistGradientBoostingClassifier(
    max_iter=50, max_leaf_nodes=15, l2_regularization=10, early_stopping=False
)


def strong_signal(n_rows, seed):
    """1 % positives, told by three features of ten."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 10))
    p = 1 / (1 + np.exp(8.21 - X[:, :3].sum(axis=1) * np.sqrt(3)))
    return X, (rng.random(n_rows) < p).astype(int), p


def ratio_on_fresh_rows(model, seed=99):
    X, _, p = strong_signal(200_000, seed)
    return model.predict_proba(X)[:, 1].mean() / p.mean()


def loss_on_fresh_rows(model, seed=99):
    X, _, p = strong_signal(200_000, seed)
    q = model.predict_proba(X)[:, 1]
    return -(p * np.log(q) + (1 - p) * np.log1p(-q)).mean()


@pytest.mark.parametrize("check", [True, "cv"])
@pytest.mark.parametrize("use_weights", [True, False])
def test_linear_models(check, use_weights):
    X, y, _ = strong_signal(60_000, 0)
    model = ResampledClassifier(
        LogisticRegression(),
        DownsampleUpweight(factor=20, random_state=0),
        use_weights=use_weights,
        calibration_check=check,
    ).fit(X, y)
    assert abs(model.calibration_check_ - ratio_on_fresh_rows(model)) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("check", [True, "cv"])
def test_trees_with_weights_are_caught(check):
    X, y, _ = strong_signal(60_000, 1)
    model = ResampledClassifier(
        TREES,
        DownsampleUpweight(factor=20, random_state=0),
        use_weights=True,
        calibration_check=check,
    )
    with pytest.warns(
        CalibrationWarning, match="times as much of the smallest class.*=StratifiedK"
    ):
        model.fit(X, y)
    assert model.calibration_check_ > 1.5
    assert abs(model.calibration_check_ - ratio_on_fresh_rows(model)) < 0.25


@pytest.mark.parametrize("check", [True, "cv"])
def test_trees_with_corrected_prior_are_well(check):
    X, y, _ = strong_signal(60_000, 2)
    down = DownsampleUpweight(factor=20, random_state=0)
    model = ResampledClassifier(TREES, down, calibration_check=check).fit(X, y)
    assert 0.8 < model.calibration_check_ < 1.25


@pytest.mark.slow
def test_what_the_warning_recommends_mends_trees_with_weights():
    X, y, _ = strong_signal(60_000, 3)
    plain = ResampledClassifier(
        TREES,
        DownsampleUpweight(factor=20, random_state=0),
        use_weights=True,
        calibration_check=False,
    )
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    mended = CalibratedClassifierCV(plain, cv=folds).fit(X, y)
    plain.fit(X, y)
    assert ratio_on_fresh_rows(plain) > 1.5
    assert 0.75 < ratio_on_fresh_rows(mended) < 1.33
    assert loss_on_fresh_rows(mended) < loss_on_fresh_rows(plain)


class Counting(LogisticRegression):
    """Says how many rows it was asked about."""

    asked = 0

    def predict_proba(self, X):
        type(self).asked += len(X)
        return super().predict_proba(X)


def test_no_more_dropped_rows_than_kept_ones_are_scored():
    X, y, _ = strong_signal(30_000, 5)
    Counting.asked = 0
    model = ResampledClassifier(
        Counting(),
        DownsampleUpweight(factor=20, random_state=0),
        calibration_check=True,
    ).fit(X, y)
    assert Counting.asked == model.n_samples_fit_ + (y == 1).sum()
    Counting.asked = 0
    model.set_params(resampler__factor=1.5).fit(X, y)
    dropped = len(y) - model.n_samples_fit_
    assert Counting.asked == dropped + (y == 1).sum()


def test_the_same_seed_gives_the_same_ratio():
    X, y, _ = strong_signal(20_000, 6)
    model = ResampledClassifier(
        LogisticRegression(),
        DownsampleUpweight(factor=20, random_state=0),
        calibration_check="cv",
    )
    assert model.fit(X, y).calibration_check_ == model.fit(X, y).calibration_check_


class Remembering(LogisticRegression):
    """Knows the first column of all that it was fitted on."""

    columns = []

    def fit(self, X, y, sample_weight=None):
        self.columns.append(np.sort(X[:, 0]))
        return super().fit(X, y, sample_weight)


def test_folds_are_shuffled():
    X, y, _ = strong_signal(20_000, 6)
    X[:, 0] = np.linspace(0, 1, len(X))
    Remembering.columns.clear()
    ResampledClassifier(
        Remembering(),
        DownsampleUpweight(factor=20, random_state=0),
        calibration_check="cv",
    ).fit(X, y)
    assert len(Remembering.columns) == 4
    for column in Remembering.columns:
        # No stretch of the data is held out as a whole.
        assert np.diff(column, prepend=0, append=1).max() < 0.05


def test_incoming_weights_count():
    X, y, _ = strong_signal(40_000, 7)
    weights = np.where(X[:, 0] > 0, 3.0, 1.0)
    model = ResampledClassifier(
        LogisticRegression(),
        DownsampleUpweight(factor=10, random_state=0),
        calibration_check=True,
    ).fit(X, y, sample_weight=weights)
    p = np.average(model.predict_proba(X)[:, 1], weights=weights)
    rate = np.average(y, weights=weights)
    assert model.calibration_check_ == pytest.approx(p / rate, abs=0.1)


def test_copies_of_a_row_stay_together_out_of_fold():
    X, y, _ = strong_signal(20_000, 8)
    model = ResampledClassifier(
        LogisticRegression(),
        CombinedResample(balance=0.9, random_state=0),
        calibration_check="cv",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        model.fit(X, y)
    assert model.calibration_check_ == pytest.approx(1, abs=0.35)


@pytest.mark.parametrize(
    ("estimator", "resampler"),
    [
        (LogisticRegression(), None),
        (LogisticRegression(), ClassWeight()),
        (LogisticRegression(), RandomOversample(random_state=0)),
        (LogisticRegression(), GuidedDownsample(factor=5, random_state=0)),
        (LinearSVC(), DownsampleUpweight(factor=5, random_state=0)),
    ],
)
def test_where_no_row_is_dropped_at_random_nothing_is_checked(estimator, resampler):
    X, y, _ = strong_signal(3_000, 9)
    model = ResampledClassifier(estimator, resampler, calibration_check=True)
    assert model.fit(X, y).calibration_check_ is None


def test_on_unless_told_otherwise():
    X, y, _ = strong_signal(3_000, 9)
    down = DownsampleUpweight(factor=5, random_state=0)
    model = ResampledClassifier(KNeighborsClassifier(1), down)
    with pytest.warns(
        CalibrationWarning, match="KNeighborsClassifier predicts .* time"
    ):
        model.fit(X, y)
    assert model.calibration_check_ > 1.25
    assert (
        model.set_params(calibration_check=False).fit(X, y).calibration_check_ is None
    )


def test_predictions_that_shall_be_off_are_measured_without_a_warning():
    X, y, _ = strong_signal(20_000, 9)
    model = ResampledClassifier(
        LogisticRegression(),
        DownsampleUpweight(sampling_strategy="all", random_state=0),
        use_weights=False,
        prior_correction=False,
    ).fit(X, y)
    assert model.calibration_check_ > 3


def test_dropped_rows_enough_for_the_warning_are_scored():
    X, y, _ = strong_signal(60_000, 5)
    Counting.asked = 0
    down = DownsampleUpweight(factor=2, random_state=0)
    ResampledClassifier(Counting(), down).fit(X, y)
    assert Counting.asked == 20_000 + (y == 1).sum()
    # Out of fold all that were kept are predicted, and as many that were not.
    Counting.asked = 0
    model = ResampledClassifier(Counting(), down, calibration_check="cv").fit(X, y)
    kept = model.n_samples_fit_
    assert Counting.asked == min(kept, len(y) - kept) + (y == 1).sum() + kept


def test_three_classes_are_checked():
    X, y, _ = strong_signal(40_000, 10)
    y = np.where((y == 0) & (X[:, 5] > 1), 2, y)
    model = ResampledClassifier(
        LogisticRegression(),
        DownsampleUpweight(factor=10, random_state=0),
        calibration_check="cv",
    ).fit(X, y)
    assert model.calibration_check_ == pytest.approx(1, abs=0.25)


def test_folds_need_rows():
    X = np.random.default_rng(0).normal(size=(102, 2))
    y = np.repeat([0, 1], [100, 2])
    model = ResampledClassifier(
        LogisticRegression(),
        DownsampleUpweight(factor=2, random_state=0),
        calibration_check="cv",
    )
    with pytest.raises(ValueError, match="needs 3 rows of every class; got 2 of cla"):
        model.fit(X, y)
