"""The dropped rows as a hold-out: what they say, and what is done about it."""

import warnings

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import (
    ClusterCentroids,
    NearMiss,
    RandomUnderSampler,
    TomekLinks,
)
from resampled_models import averaged, down, wrapped
from sklearn.datasets import make_blobs
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import skstrat
from skstrat import CalibrationWarning, DownsampleUpweight, ResampledClassifier

NEIGHBOURS = KNeighborsClassifier(15)
TEN_TIMES = FunctionTransformer(lambda X: X[:, [*range(10), *[0] * 10]])
LINE, BAYES = LogisticRegression(), GaussianNB()
TREE = DecisionTreeClassifier(random_state=0)
FOREST = RandomForestClassifier(15, random_state=0)
TREES = HistGradientBoostingClassifier(
    max_iter=50, max_leaf_nodes=15, l2_regularization=10, early_stopping=False
)
VOTE = VotingClassifier([("a", TREES), ("b", FOREST)], voting="soft")
QUIET = pytest.mark.filterwarnings("ignore::skstrat.CalibrationWarning")


def under():
    return RandomUnderSampler(random_state=0)


def over():
    return skstrat.RandomOversample(random_state=0)


def strong_signal(n_rows, seed):
    """1 % positives, told by three features of ten."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 10))
    p = 1 / (1 + np.exp(8.21 - X[:, :3].sum(axis=1) * np.sqrt(3)))
    return X, (rng.random(n_rows) < p).astype(int), p


def on_all_rows(model, X, y):
    return model.predict_proba(X)[:, 1].mean() / y.mean()


# What is measured


GUIDED = skstrat.GuidedDownsample(factor=5, random_state=0)


@pytest.mark.parametrize(
    ("resampler", "use_weights", "check"),
    [(down(20), True, True), (down(20), False, "cv"), (GUIDED, "auto", "cv")],
    ids=["weights", "prior", "guided"],
)
def test_the_ratio_of_linear_models(resampler, use_weights, check):
    X, y, _ = strong_signal(60_000, 0)
    weights = np.where(X[:, 0] > 0, 3.0, 1.0)
    model = ResampledClassifier(LINE, resampler, use_weights=use_weights)
    model.set_params(calibration_check=check).fit(X, y)
    fresh, _, p = strong_signal(200_000, 99)
    truth = model.predict_proba(fresh)[:, 1].mean() / p.mean()
    assert abs(model.calibration_check_ - truth) < 0.1
    first = model.calibration_check_
    assert model.fit(X, y).calibration_check_ == first
    model.fit(X, y, sample_weight=weights)
    p = np.average(model.predict_proba(X)[:, 1], weights=weights)
    rate = np.average(y, weights=weights)
    assert model.calibration_check_ == pytest.approx(p / rate, abs=0.1)


@pytest.mark.parametrize("use_weights", ["auto", True, False])
def test_guided_rows_are_checked(use_weights):
    X, y, _ = strong_signal(20_000, 2)
    model = ResampledClassifier(LINE, GUIDED, use_weights=use_weights).fit(X, y)
    error = model.decision_.check.standard_error
    assert abs(model.calibration_check_ - on_all_rows(model, X, y)) < 4 * error


@pytest.mark.parametrize(
    "sampler", [skstrat.Weighted(under()), NearMiss()], ids=["under", "near"]
)
def test_a_tree_after_any_sampler_that_selects_rows(sampler):
    X, y, _ = strong_signal(6_000, 0)
    fresh = strong_signal(6_000, 100)[0]
    model = ResampledClassifier(TREE, sampler)
    with pytest.warns(CalibrationWarning, match="far too many"):
        model.fit(X, y)
    truth = on_all_rows(model, fresh, y)
    assert truth > 10
    # Fresh rows have an error, too, and positives out of fold are fewer.
    error = model.decision_.check.standard_error
    assert abs(model.calibration_check_ - truth) < 5 * error


@QUIET
def test_rows_that_are_no_random_sample_stand_for_themselves():
    # Nearly all rows are kept, those of class 0 near class 1 are not.
    X, y, _ = strong_signal(6_000, 1)
    model = ResampledClassifier(BAYES, TomekLinks(sampling_strategy="all")).fit(X, y)
    assert 0 < len(y) - model.n_samples_fit_ < 200
    # Two thousand of them are scored, of equally many parts.
    error = model.decision_.check.standard_error
    assert abs(model.calibration_check_ - on_all_rows(model, X, y)) < 4 * error


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
    model = ResampledClassifier(tree, down({1: 3}))
    with pytest.warns(CalibrationWarning, match="far too few"):
        model.fit(X, y)
    check = model.decision_.check
    assert check.worst == 1
    assert list(check.ratios) == list(check.standard_errors) == [0, 1, 2]
    real = model.predict_proba(fresh).mean(axis=0) / (np.bincount(truth) / len(truth))
    assert real[1] < 0.8
    np.testing.assert_allclose(list(check.ratios.values()), real, atol=0.1)


@pytest.mark.parametrize("seed", range(2))
def test_small_strata_that_drop_nothing_are_part_of_their_class(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20_000, 3))
    stratum = np.where(rng.random(20_000) < 0.1, rng.integers(0, 200, 20_000), 1000)
    # Most positives are in strata of ten rows, which keep one or all.
    X[:, 0] += 2.5 * (stratum < 1000)
    y = (rng.random(20_000) < 1 / (1 + np.exp(5 - X[:, 0]))).astype(int)
    X = np.column_stack([X, stratum])
    by_stratum = down(10, strata=lambda X, y: X[:, 3].astype(int))
    model = ResampledClassifier(LINE, by_stratum).fit(X, y)
    error = model.decision_.check.standard_errors[1]
    assert error < 0.06
    assert abs(model.decision_.check.ratios[1] - on_all_rows(model, X, y)) < 3 * error


@QUIET
@pytest.mark.slow
@pytest.mark.parametrize(("check", "rare"), [(True, 0.02), ("cv", 0.3)])
def test_intervals_cover(check, rare):
    """95 % intervals hold the ratio on fresh rows about so often."""

    def chance(X):
        return 1 / (1 + np.exp(-(np.log(rare / (1 - rare)) + X[:, 0])))

    fresh = np.random.default_rng(0).normal(size=(50_000, 2))
    n_fits, held = 300, 0
    for seed in range(n_fits):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(2_000, 2))
        y = (rng.random(2_000) < chance(X)).astype(int)
        resampler = DownsampleUpweight(factor=10, random_state=seed)
        model = ResampledClassifier(
            BAYES, resampler, calibration_check=check, use_weights=False
        ).fit(X, y)
        # Of the rows of each class, with the share that there was in training.
        q, p = model.predict_proba(fresh)[:, 1], chance(fresh)
        of_class = np.average(q, weights=p), np.average(q, weights=1 - p)
        truth = (of_class[0] * y.mean() + of_class[1] * (1 - y.mean())) / y.mean()
        found = model.decision_.check
        held += abs(found.ratios[1] - truth) < 1.96 * found.standard_errors[1]
    assert abs(held / n_fits - 0.95) < 3 * np.sqrt(0.95 * 0.05 / n_fits)


# What it costs, and how rows are split


class Watched(LogisticRegression):
    """Knows the first column of all that it was fitted on, and what it was asked."""

    columns, asked = [], []

    def fit(self, X, y, sample_weight=None):
        self.columns.append(np.sort(X[:, 0]))
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        self.asked.append(len(X))
        return super().predict_proba(X)


def test_few_rows_are_scored_and_more_where_these_leave_a_doubt():
    X, y, _ = strong_signal(60_000, 5)
    # Two standard errors of 2,000 rows are more than a quarter of a rare class; classes
    # of equal size are told from 2,000 rows.
    for labels, expected in ((y, 22_000), ((X[:, 0] > 0).astype(int), 2_000)):
        scored = []
        for check in (False, True):
            Watched.asked.clear()
            wrapped(Watched(), down(2), calibration_check=check).fit(X, labels)
            scored.append(sum(Watched.asked))
        assert scored[1] - scored[0] == expected


def test_folds_are_shuffled_and_need_rows():
    X, y, _ = strong_signal(20_000, 6)
    X[:, 0] = np.linspace(0, 1, len(X))
    Watched.columns.clear()
    model = ResampledClassifier(Watched(), down(20), calibration_check="cv").fit(X, y)
    assert len(Watched.columns) == 4
    for column in Watched.columns:
        # No stretch of the data is held out as a whole.
        assert np.diff(column, prepend=0, append=1).max() < 0.05
    two = np.arange(100) < 2
    with pytest.raises(ValueError, match="needs 3 rows of every class; got 2 of cla"):
        model.fit(X[:100], two)


# Where nothing is checked, or nothing said


SILENT = [
    (LINE, None, {}, False, True),
    (LINE, SMOTE(random_state=0), {}, False, True),
    (BAYES, over(), {}, False, True),
    (LinearSVC(), down(5), {}, False, True),
    (LINE, TomekLinks(), {}, True, True),
    # A row is there five times, and more neighbours are asked.
    (
        NEIGHBOURS,
        RandomOverSampler(sampling_strategy=0.2, random_state=0),
        {},
        False,
        True,
    ),
    # Weights make up for copies.
    (TREES, over(), {"use_weights": True}, False, True),
    (TREES, over(), {"prior_correction": False}, False, False),
    (LINE, under(), {"prior_correction": False}, True, False),
    (TREE, under(), {"calibration_check": False}, False, False),
]


@pytest.mark.parametrize("case", SILENT, ids=range(10))
def test_what_is_not_warned_of(case):
    estimator, resampler, words, checked, right = case
    # Two normal classes, for which linear models and naive Bayes are right.
    centres = [[0] * 4, [0.9] * 4]
    X, y = make_blobs([3_840, 160], centers=centres, random_state=0)
    fresh = make_blobs([19_200, 800], centers=centres, random_state=1)
    model = ResampledClassifier(estimator, resampler, **words).fit(X, y)
    assert (model.calibration_check_ is not None) == checked
    if hasattr(model, "predict_proba"):
        assert (0.8 < on_all_rows(model, *fresh) < 1.25) or not right
    if checked and not right:
        assert model.calibration_check_ > 3


# Causes


CAUSES = {
    "^KNeighborsClassifier memorises the rows": (KNeighborsClassifier(1), down(5)),
    "^RandomForestClassifier does not learn weights.*use_weights=": (FOREST, down(20)),
    "^DecisionTreeClassifier memorises the .*Regularise it more": (TREE, down(20)),
    "NearMiss may have chosen by their .*DownsampleUpweight": (LINE, NearMiss()),
    "ClusterCentroids may have chosen by their values": (
        TREE,
        ClusterCentroids(sampling_strategy=0.5, random_state=0),
    ),
    "^GaussianNB does not fit .* an estimator that can": (BAYES, down(20)),
    "memorises rows that RandomO.* Use DownsampleUpweight": (FOREST, over()),
    "memorises rows that SMOTE": (VOTE, SMOTE(random_state=0)),
}


@pytest.mark.parametrize("text", CAUSES)
def test_the_warning_names_the_cause_and_the_remedy_for_it(text):
    estimator, resampler = CAUSES[text]
    words = {"use_weights": True} if "use_weights" in text else {}
    X, y, _ = strong_signal(6_000, 4)
    # One column ten times, which a naive model counts ten times.
    model = ResampledClassifier(make_pipeline(TEN_TIMES, estimator), resampler, **words)
    with pytest.warns(CalibrationWarning, match=text) as caught:
        model.fit(X, y)
    (said,) = caught
    assert ('use_weights="auto"' in str(said.message)) == bool(words)
    ratio = on_all_rows(model, strong_signal(6_000, 5)[0], y)
    assert not 0.8 < ratio < 1.25
    if model.calibration_check_ is not None:
        assert (model.calibration_check_ > 1) == (ratio > 1)


def test_a_category_of_which_all_rows_were_dropped_is_explained():
    y = np.repeat([0, 1], [2000, 100])
    dropped = np.setdiff1d(np.arange(2000), down(20).fit(y[:, None], y).sample_indices_)
    X = np.zeros((2100, 1))
    X[dropped[:900]] = 7
    encoded = make_pipeline(OneHotEncoder(), LogisticRegression())
    words = r"the resampler dropped.*Found unknown categories \[.*7.*put the encoder"
    with pytest.raises(ValueError, match=words):
        ResampledClassifier(encoded, down(20)).fit(X, y)


def test_the_warning_has_one_text_for_all_fits_and_ensembles_say_it_of_their_members():
    trees = ResampledClassifier(TREE, under())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for seed in range(3):
            trees.fit(*strong_signal(6_000, seed)[:2])
    # Python shows a text once for a line.
    assert len(caught) == 3
    assert len({(str(each.message), each.lineno) for each in caught}) == 1
    forests = averaged(FOREST, SMOTE(random_state=0))
    with pytest.warns(CalibrationWarning, match="ForestClassifier memorises"):
        forests.fit(*strong_signal(6_000, 0)[:2])
