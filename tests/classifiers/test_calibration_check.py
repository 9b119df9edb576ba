"""The dropped rows as a hold-out: what they say, and what is done about it."""

import tracemalloc
import warnings

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import NearMiss, RandomUnderSampler, TomekLinks
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    GuidedDownsample,
    RandomOversample,
    ResampledClassifier,
    Weighted,
)
from skstrat._core.cells import Cells
from skstrat._core.samples import check_samples
from skstrat.classifiers._hold_out import hold_out

TREE = DecisionTreeClassifier(random_state=0)
FOREST = RandomForestClassifier(30, random_state=0)
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


def test_the_rows_to_check_by_take_few_bytes_a_row():
    n_rows = 4_000_000
    y = np.zeros(n_rows, dtype=np.int8)
    y[::50] = 1
    samples = check_samples(np.empty((n_rows, 0)), y, None)
    cells = Cells.of_classes(samples.labels)
    trained_on = np.zeros(n_rows, dtype=bool)
    trained_on[::25] = True
    tracemalloc.start()
    sample = hold_out(samples, cells, trained_on, seed=0).sample(2000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sample.rows) == 2000
    assert (trained_on[sample.rows] == (y[sample.rows] == 1)).all()
    # A place of each row would be eight bytes, and there were three.
    assert peak < 12 * n_rows


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
    with pytest.warns(CalibrationWarning, match="follow weights.*=StratifiedKFold"):
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


def rows_scored(X, y, down):
    """Count the rows that the check asks about."""
    asked = []
    for check in (False, True):
        Counting.asked = 0
        ResampledClassifier(Counting(), down, calibration_check=check).fit(X, y)
        asked.append(Counting.asked)
    return asked[1] - asked[0]


def test_few_rows_are_scored_and_more_where_these_leave_a_doubt():
    X, y, _ = strong_signal(60_000, 5)
    down = DownsampleUpweight(factor=2, random_state=0)
    # Two standard errors of 2,000 rows are more than a quarter of a rare class.
    assert rows_scored(X, y, down) == 2_000 + 20_000
    # Classes of equal size are told from 2,000 rows.
    assert rows_scored(X, (X[:, 0] > 0).astype(int), down) == 2_000


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
        (LogisticRegression(), SMOTE(random_state=0)),
        (LinearSVC(), DownsampleUpweight(factor=5, random_state=0)),
    ],
)
def test_where_no_row_is_dropped_nothing_is_checked(estimator, resampler):
    X, y, _ = strong_signal(3_000, 9)
    model = ResampledClassifier(estimator, resampler, calibration_check=True)
    assert model.fit(X, y).calibration_check_ is None


def test_on_unless_told_otherwise():
    X, y, _ = strong_signal(3_000, 9)
    down = DownsampleUpweight(factor=5, random_state=0)
    model = ResampledClassifier(KNeighborsClassifier(1), down)
    with pytest.warns(CalibrationWarning, match="^KNeighborsClassifier memorises"):
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


def on_all_rows(model, X, y):
    """Divide the mean prediction of all rows by what there is."""
    return model.predict_proba(X)[:, 1].mean() / y.mean()


SAMPLERS = {
    "RandomUnderSampler": RandomUnderSampler(random_state=0),
    "Weighted": Weighted(RandomUnderSampler(random_state=0)),
    "NearMiss": NearMiss(),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_tree_after_any_sampler_that_selects_rows(name):
    X, y, _ = strong_signal(6_000, 0)
    fresh = strong_signal(6_000, 100)[:2]
    model = ResampledClassifier(TREE, SAMPLERS[name])
    with pytest.warns(CalibrationWarning, match="far too many"):
        model.fit(X, y)
    truth = model.predict_proba(fresh[0])[:, 1].mean() / y.mean()
    error = model.decision_.check.standard_error
    assert truth > 10
    # Fresh rows have an error, too, and positives out of fold are fewer.
    assert abs(model.calibration_check_ - truth) < 5 * error


def test_rows_that_are_no_random_sample_stand_for_themselves():
    # Nearly all rows are kept, those of class 0 near class 1 are not.
    X, y, _ = strong_signal(6_000, 1)
    model = ResampledClassifier(GaussianNB(), TomekLinks(sampling_strategy="all"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        model.fit(X, y)
    dropped = len(y) - model.n_samples_fit_
    assert 0 < dropped < 200
    # Two thousand of them are scored, of equally many parts.
    error = model.decision_.check.standard_error
    assert abs(model.calibration_check_ - on_all_rows(model, X, y)) < 4 * error


@pytest.mark.parametrize("use_weights", ["auto", True, False])
def test_guided_rows_are_checked(use_weights):
    X, y, _ = strong_signal(20_000, 2)
    guided = GuidedDownsample(factor=5, random_state=0)
    model = ResampledClassifier(LogisticRegression(), guided, use_weights=use_weights)
    error = model.fit(X, y).decision_.check.standard_error
    assert abs(model.calibration_check_ - on_all_rows(model, X, y)) < 4 * error


@pytest.mark.parametrize("seed", range(5))
def test_few_positives_at_equal_shares(seed):
    # 32 of 3,200; 32 dropped rows alone would tell nothing.
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [3168, 32])
    X = rng.normal(size=(3200, 10)) + 0.5 * y[:, None]
    under = RandomUnderSampler(random_state=seed)
    model = ResampledClassifier(TREE, under)
    with pytest.warns(CalibrationWarning, match="far too many"):
        model.fit(X, y)
    assert model.decision_.check.standard_error < 0.1 * model.calibration_check_


@pytest.mark.parametrize("seed", range(3))
def test_too_few_are_said_too(seed):
    # Copies are memorised, so that positives look right in training.
    X, y, _ = strong_signal(4_000, seed)
    up = CombinedResample(balance=1, random_state=seed)
    model = ResampledClassifier(FOREST, up)
    with pytest.warns(CalibrationWarning, match="far too few|memorises"):
        model.fit(X, y)
    assert ratio_on_fresh_rows(model) < 0.5
    assert model.calibration_check_ < 0.5
    assert not model.decision_.check.in_training


def three_in_a_row(n_rows, seed):
    """Three classes of equal size, one between the others."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 5))
    score = X[:, 0] + 0.7 * X[:, 1] + 0.6 * rng.normal(size=n_rows)
    return X, np.digitize(score, [-0.6, 0.6])


def test_the_class_in_the_middle_is_checked():
    X, y = three_in_a_row(3_000, 0)
    fresh, truth = three_in_a_row(50_000, 99)
    tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=0)
    down = DownsampleUpweight(factor={1: 3}, random_state=0)
    model = ResampledClassifier(tree, down)
    with pytest.warns(CalibrationWarning, match="far too few"):
        model.fit(X, y)
    check = model.decision_.check
    assert check.worst == 1
    assert list(check.ratios) == list(check.standard_errors) == [0, 1, 2]
    real = model.predict_proba(fresh).mean(axis=0) / (np.bincount(truth) / len(truth))
    assert real[1] < 0.8
    assert min(real[0], real[2]) > 1.1
    np.testing.assert_allclose(list(check.ratios.values()), real, atol=0.1)


@pytest.mark.slow
def test_a_right_forest_that_knows_its_rows_by_heart_is_not_warned_of():
    # Classes of which no row was dropped look too frequent in training.
    X, y = three_in_a_row(12_000, 0)
    model = ResampledClassifier(
        FOREST, DownsampleUpweight(factor={1: 3}, random_state=0)
    ).fit(X, y)
    assert model.n_samples_fit_ > 5_000
    ratios = list(model.decision_.check.ratios.values())
    np.testing.assert_allclose(ratios, 1, atol=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_small_strata_that_drop_nothing_are_part_of_their_class(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20_000, 3))
    stratum = np.where(rng.random(20_000) < 0.1, rng.integers(0, 200, 20_000), 1000)
    # Most positives are in strata of ten rows, which keep one or all.
    X[:, 0] += 2.5 * (stratum < 1000)
    y = (rng.random(20_000) < 1 / (1 + np.exp(5 - X[:, 0]))).astype(int)
    down = DownsampleUpweight(
        factor=10, strata=lambda X, y: X[:, 3].astype(int), random_state=seed
    )
    X = np.column_stack([X, stratum])
    model = ResampledClassifier(LogisticRegression(), down).fit(X, y)
    check = model.decision_.check
    error = check.standard_errors[1]
    assert error < 0.06
    assert abs(check.ratios[1] - on_all_rows(model, X, y)) < 3 * error


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")
@pytest.mark.parametrize(
    ("check", "rare"), [(True, 0.02), ("cv", 0.02), (True, 0.3), ("cv", 0.3)]
)
def test_intervals_cover(check, rare):
    """95 % intervals hold the ratio on fresh rows about so often."""
    rng = np.random.default_rng(0)
    fresh = rng.normal(size=(50_000, 2))
    score = np.log(rare / (1 - rare)) + fresh[:, 0]
    n_fits, held = 300, 0
    for seed in range(n_fits):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(2_000, 2))
        p = 1 / (1 + np.exp(-(np.log(rare / (1 - rare)) + X[:, 0])))
        y = (rng.random(2_000) < p).astype(int)
        down = DownsampleUpweight(factor=10, random_state=seed)
        model = ResampledClassifier(
            GaussianNB(), down, calibration_check=check, use_weights=False
        ).fit(X, y)
        # Of the rows of each class, with the share that there was in training.
        q = model.predict_proba(fresh)[:, 1]
        p = 1 / (1 + np.exp(-score))
        of_class = np.average(q, weights=p), np.average(q, weights=1 - p)
        truth = (of_class[0] * y.mean() + of_class[1] * (1 - y.mean())) / y.mean()
        found = model.decision_.check
        held += abs(found.ratios[1] - truth) < 1.96 * found.standard_errors[1]
    error = np.sqrt(0.95 * 0.05 / n_fits)
    assert abs(held / n_fits - 0.95) < 3 * error


def test_the_warning_has_one_text_for_all_fits():
    model = ResampledClassifier(TREE, RandomUnderSampler(random_state=0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for seed in range(3):
            X, y, _ = strong_signal(6_000, seed)
            model.fit(X, y)
    # Python shows a text once for a line.
    assert len(caught) == 3
    assert len({(str(each.message), each.lineno) for each in caught}) == 1


CAUSES = {
    "weights": (
        FOREST,
        DownsampleUpweight(factor=20, random_state=0),
        {"use_weights": True},
        "^RandomForestClassifier does not follow weights .*Set use_weights=",
    ),
    "memorised": (
        TREE,
        DownsampleUpweight(factor=20, random_state=0),
        {},
        "^DecisionTreeClassifier memorises the rows kept.*Regularise it more",
    ),
    "chosen rows": (
        LogisticRegression(),
        NearMiss(),
        {},
        "rows that NearMiss may have chosen by their values.*DownsampleUpweight",
    ),
    "wrong form": (
        GaussianNB(),
        DownsampleUpweight(factor=20, random_state=0),
        {},
        "^GaussianNB does not fit these data.*an estimator that can",
    ),
}


@pytest.mark.parametrize(
    ("estimator", "resampler", "words", "text"), CAUSES.values(), ids=CAUSES
)
def test_the_warning_names_the_cause_and_the_remedy_for_it(
    estimator, resampler, words, text
):
    X, y, _ = strong_signal(6_000, 4)
    # One column ten times, which a naive model counts ten times.
    X = np.column_stack([X, np.repeat(X[:, :1], 10, axis=1)])
    model = ResampledClassifier(estimator, resampler, **words)
    with pytest.warns(CalibrationWarning, match=text) as caught:
        model.fit(X, y)
    (said,) = caught
    advised = 'use_weights="auto"' in str(said.message)
    assert advised == ("use_weights" in words)


def test_what_cannot_be_seen_is_said():
    X, y, _ = strong_signal(30_000, 5)
    # Many rows of many positives, by a search, which is not fitted again.
    y = (y | (np.random.default_rng(0).random(len(y)) < 0.2)).astype(int)
    search = GridSearchCV(TREE, {"max_depth": [40]}, cv=2)
    down = DownsampleUpweight(factor=2, random_state=0)
    model = ResampledClassifier(search, down)
    with pytest.warns(CalibrationWarning, match='look more freq.*check="cv"'):
        model.fit(X, y)
    assert model.decision_.check.in_training
    assert "some of the rows scored were trained on" in str(model.decision_.check)


def test_a_category_of_which_all_rows_were_dropped_is_explained():
    y = np.repeat([0, 1], [2000, 100])
    down = DownsampleUpweight(factor=20, random_state=0)
    dropped = np.setdiff1d(np.arange(2000), down.fit(y[:, None], y).sample_indices_)
    X = np.zeros((2100, 1))
    X[dropped[:900]] = 7
    encoded = make_pipeline(OneHotEncoder(), LogisticRegression())
    words = (
        r"that the resampler dropped.*Found unknown categories \[.*7.*put the encoder"
    )
    with pytest.raises(ValueError, match=words):
        ResampledClassifier(encoded, down).fit(X, y)
    encoded.set_params(onehotencoder__handle_unknown="ignore")
    ResampledClassifier(encoded, down).fit(X, y)
    ResampledClassifier(LogisticRegression(), down).fit(
        OneHotEncoder().fit_transform(X), y
    )
