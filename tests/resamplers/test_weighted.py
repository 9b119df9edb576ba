"""Weighted: every sampler of imbalanced-learn, its rows known and its totals kept."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn import FunctionSampler, combine, over_sampling, under_sampling
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import (
    ClusterCentroids,
    EditedNearestNeighbours,
    InstanceHardnessThreshold,
    NeighbourhoodCleaningRule,
    RandomUnderSampler,
)
from pairwise import pairs
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skstrat import (
    DownsampleUpweight,
    Pipeline,
    ResampledClassifier,
    UnusedWeightsError,
    Weighted,
    make_pipeline,
)

COUNTS = {0: 160, 1: 60, 2: 30}
Y = np.random.default_rng(4).permutation(np.repeat(list(COUNTS), list(COUNTS.values())))
TEXTS = np.array(["a", "b", "c"])
N_ROWS = len(Y)
ROW = np.arange(N_ROWS)
WEIGHTS = np.random.default_rng(5).lognormal(size=N_ROWS)
SPECIAL = {
    "InstanceHardnessThreshold": {"estimator": LogisticRegression()},
    "KMeansSMOTE": {"kmeans_estimator": 4, "cluster_balance_threshold": 0.01},
    "SMOTENC": {"categorical_features": [1]},
}


def numbers():
    X = np.random.default_rng(0).normal(size=(N_ROWS, 2))
    return X + np.column_stack([1.2 * Y, np.zeros(N_ROWS)])


def every_sampler(module):
    """Make one of each class with fit_resample that imbalanced-learn's module has."""
    for name in sorted(module.__all__):
        params, cls = dict(SPECIAL.get(name, {})), getattr(module, name)
        if "random_state" in cls(**params).get_params():
            params["random_state"] = 0
        yield cls(**params)


OVER, UNDER, COMBINED = (
    list(every_sampler(module)) for module in (over_sampling, under_sampling, combine)
)


def data_for(sampler):
    X = numbers()
    if type(sampler).__name__ == "SMOTEN":
        return np.round(X).astype(int)
    if type(sampler).__name__ == "SMOTENC":
        X[:, 1] = np.round(X[:, 1])
    return X


def totals(y, weights):
    return np.array([weights[np.asarray(y) == label].sum() for label in COUNTS])


def assert_totals_kept(y, weights, incoming=WEIGHTS):
    np.testing.assert_allclose(totals(y, weights), totals(Y, incoming), rtol=1e-12)


def dense(X):
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


# Rows and weights -------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampler", [*OVER, *UNDER, *COMBINED], ids=lambda s: str(s)[:9]
)
@pytest.mark.parametrize(("weighted", "part"), [(False, 1.0), (True, 0.3)])
def test_every_sampler_of_imbalanced_learn(sampler, weighted, part):
    X, incoming = data_for(sampler), WEIGHTS if weighted else None
    if weighted and isinstance(sampler, ClusterCentroids):
        # Weights that differ could not follow the rows.
        incoming = np.where(Y == 2, WEIGHTS, np.array([3.0, 0.5, 0])[Y])
    given = np.ones(N_ROWS) if incoming is None else incoming
    resampler = Weighted(sampler, synthetic_weight=part)
    X_new, y_new, weights = resampler.fit_resample(X, Y, sample_weight=incoming)
    X_plain, y_plain = clone(sampler).fit_resample(X, Y)
    np.testing.assert_array_equal(X_new, X_plain)
    np.testing.assert_array_equal(y_new, y_plain)
    assert (y_new.dtype, weights.dtype) == (Y.dtype, np.float64)
    assert_totals_kept(y_new, weights, given)
    indices = resampler.sample_indices_
    real = indices >= 0
    np.testing.assert_array_equal(X_new[real], X[indices[real]])
    np.testing.assert_array_equal(y_new[real], Y[indices[real]])
    mean = totals(Y, given) / list(COUNTS.values())
    own = np.where(real, given[indices], part * mean[y_new])
    factor = np.array(list(resampler.class_weight_.values()))[y_new]
    np.testing.assert_allclose(weights, own * factor, rtol=1e-12)
    counts = {label: int((y_new == label).sum()) for label in COUNTS}
    assert resampler.sampling_strategy_ == counts
    assert resampler.class_counts_ == COUNTS
    assert_origin(sampler, indices)
    fitted = clone(resampler).fit(X, Y, sample_weight=incoming)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.class_weight_ == resampler.class_weight_
    np.testing.assert_array_equal(again.sample_indices_, indices)
    assert again.n_features_in_ == 2


def assert_origin(sampler, indices):
    """Over-samplers keep every row, selectors make none."""
    kept = indices[indices >= 0]
    if sampler in OVER:
        np.testing.assert_array_equal(indices[:N_ROWS], ROW)
        repeats = isinstance(sampler, RandomOverSampler)
        assert ((indices[N_ROWS:] >= 0) == repeats).all()
        return
    assert len(set(kept)) == len(kept)
    if isinstance(sampler, ClusterCentroids):
        # The smallest class is left as it is.
        np.testing.assert_array_equal(indices[-30:], np.flatnonzero(Y == 2))
        assert (indices[:-30] < 0).all()
    elif sampler in UNDER:
        assert len(kept) == len(indices) < N_ROWS
    else:
        assert len(indices) > len(kept) > 0


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
def test_rows_moved_by_noise_are_made_and_hard_votes_pick_real_rows(make):
    X = np.round(numbers(), 1)  # zeros, too
    sampler = RandomOverSampler(shrinkage={1: 0.5, 2: 0}, random_state=0)
    resampler = Weighted(sampler)
    X_new, y_new, _ = resampler.fit_resample(make(X), Y)
    new, labels = resampler.sample_indices_[N_ROWS:], y_new[N_ROWS:]
    assert (new[labels == 1] == -1).all()
    rows = dense(X_new)[N_ROWS:][labels == 2]
    np.testing.assert_array_equal(rows, X[new[labels == 2]])
    resampler = Weighted(ClusterCentroids(voting="hard", random_state=0))
    X_new, y_new, weights = resampler.fit_resample(make(X), Y, sample_weight=WEIGHTS)
    indices = resampler.sample_indices_
    assert (indices >= 0).all()
    np.testing.assert_array_equal(dense(X_new), X[indices])
    np.testing.assert_array_equal(y_new, Y[indices])
    assert_totals_kept(y_new, weights)


class Rounds(RandomUnderSampler):
    def fit_resample(self, X, y):
        X, y = super().fit_resample(X, y)
        return np.round(X), y


class Relabels(RandomUnderSampler):
    def fit_resample(self, X, y):
        X, y = super().fit_resample(X, y)
        return X, (y + 1) % 3


class Stale(SMOTE):
    sample_indices_ = np.arange(3)


def sampled_by(function):
    return FunctionSampler(func=function, validate=False)


def test_claims_that_are_not_true_are_not_believed():
    reverse = sampled_by(lambda X, y: (X[::-1], y[::-1]))
    texts = np.array([[f"text {row}"] for row in ROW])
    for sampler, X, n_known in (
        (Rounds(random_state=0), numbers(), 0),
        (Relabels(random_state=0), numbers(), 0),
        (reverse, texts, 0),
        (Stale(random_state=0), numbers(), N_ROWS),
    ):
        indices = Weighted(sampler).fit(X, Y).sample_indices_
        np.testing.assert_array_equal(indices[:n_known], ROW[:n_known])
        assert (indices[n_known:] == -1).all()


class SaysMade(FunctionSampler):
    """Calls the rows of a class made, and has them in reverse."""

    def fit_resample(self, X, y):
        order = np.argsort(y, kind="stable")[::-1]
        self.sample_indices_ = np.where(y[order] == 2, -1, order)
        return X[order], y[order]


def test_rows_called_made_are_believed_to_be():
    # Rows all alike could be taken for any row.
    resampler, X = Weighted(SaysMade()), np.zeros((N_ROWS, 2))
    _, y_new, weights = resampler.fit_resample(X, Y, sample_weight=WEIGHTS)
    indices = resampler.sample_indices_
    assert (indices[y_new == 2] == -1).all()
    np.testing.assert_array_equal(Y[indices[y_new < 2]], y_new[y_new < 2])
    assert np.ptp(weights[y_new == 2]) == 0
    assert_totals_kept(y_new, weights)


def test_weights_that_cannot_follow_are_refused_and_equal_ones_are_not():
    text = "class 0, from .* It is not known which of them {} kept"
    for sampler in (ClusterCentroids(random_state=0), Rounds(random_state=0)):
        resampler = Weighted(sampler)
        with pytest.raises(ValueError, match=text.format(type(sampler).__name__)):
            resampler.fit(numbers(), Y, sample_weight=WEIGHTS)
    # They are equal but for rounding.
    even = np.where(ROW % 2, 0.1, 0.1 * 3 / 3)
    assert np.ptp(even) > 0
    _, y_new, weights = resampler.fit_resample(numbers(), Y, sample_weight=even)
    assert_totals_kept(y_new, weights, even)


@pytest.mark.parametrize("sampler", [SMOTE, SMOTEENN, RandomUnderSampler])
def test_rows_of_zero_weight_are_ignored(sampler):
    X, kept = numbers(), np.flatnonzero(ROW % 5)
    resampler, zeros = Weighted(sampler(random_state=0)), np.where(ROW % 5, WEIGHTS, 0)
    with_zeros = resampler.fit_resample(X, list(Y), sample_weight=zeros)
    indices = resampler.sample_indices_
    without = resampler.fit_resample(X[kept], Y[kept], sample_weight=WEIGHTS[kept])
    for left, right in zip(with_zeros, without, strict=True):
        np.testing.assert_array_equal(left, right)
    below = resampler.sample_indices_
    np.testing.assert_array_equal(indices, np.where(below >= 0, kept[below], -1))


def test_weights_by_hand():
    X, y = np.arange(6.0).reshape(-1, 1), [0, 0, 0, 0, 1, 1]
    smote = SMOTE(k_neighbors=1, random_state=0)
    incoming = [1, 1, 1, 1, 1, 3]
    resampler = Weighted(smote, synthetic_weight=0.25, weighting="uniform")
    _, _, weights = resampler.fit_resample(X, y, sample_weight=incoming)
    # Two new rows at a quarter of the mean weight 2 of their class.
    assert weights.tolist() == [1, 1, 1, 1, 1, 3, 0.5, 0.5]
    assert set(resampler.class_weight_.values()) == {1.0}
    for weighting, big, small in (
        ("original", [1] * 4, [0.8, 2.4, 0.4, 0.4]),
        ("balanced", [1] * 4, [0.8, 2.4, 0.4, 0.4]),
        ({0: 3, 1: 1}, [1.5] * 4, [0.4, 1.2, 0.2, 0.2]),
    ):
        resampler.set_params(weighting=weighting)
        _, _, weights = resampler.fit_resample(X, y, sample_weight=incoming)
        np.testing.assert_allclose(weights, [*big, *small], rtol=1e-12)
    _, _, without = resampler.fit_resample(X, y)
    _, _, ones = resampler.fit_resample(X, y, sample_weight=np.ones(6))
    assert without.tolist() == ones.tolist()


# Containers -------------------------------------------------------------------------


def frame():
    values, index = numbers(), ROW + 5
    columns = {"x": values[:, 0], "z": values[:, 1].astype(np.float32)}
    return pd.DataFrame(columns, index=index)


X_OF = {
    "array": numbers,
    "frame": frame,
    "list": lambda: numbers().tolist(),
    "csr": lambda: sparse.csr_matrix(np.round(numbers())),
    "float32": lambda: np.asfortranarray(numbers()).astype(np.float32),
}
Y_OF = {
    "list": list,
    "object": lambda y: np.asarray(y, dtype=object),
    "bool": lambda y: np.asarray(y) == "c",
    "one-hot": lambda y: np.eye(3, dtype=int)[np.searchsorted(TEXTS, y)],
    "series": lambda y: pd.Series(y, name="label", index=range(7, 7 + len(y))),
    "categories": lambda y: pd.Series(y, dtype="category", name="label"),
    "polars": lambda y: pl.Series("label", y, dtype=pl.Enum(["c", "b", "a"])),
}
SAMPLERS = [SMOTE, RandomUnderSampler, RandomOverSampler, SMOTEENN]


@pytest.mark.parametrize(("y_kind", "x_kind", "sampler"), pairs(Y_OF, X_OF, SAMPLERS))
@pytest.mark.filterwarnings("ignore:.*sparse.*:FutureWarning")
def test_containers_come_back_and_rows_are_known(y_kind, x_kind, sampler):
    X, y, resampler = (
        X_OF[x_kind](),
        Y_OF[y_kind](TEXTS[Y].tolist()),
        Weighted(sampler(random_state=0)),
    )
    X_new, y_new, weights = resampler.fit_resample(X, y, sample_weight=WEIGHTS)
    assert (type(X_new), type(y_new)) == (type(X), type(y))
    for name in ("dtype", "name"):
        assert getattr(y_new, name, 0) == getattr(y, name, 0)
    if hasattr(y_new, "iloc"):
        index = X_new.index if x_kind == "frame" else pd.RangeIndex(len(y_new))
        assert y_new.index.equals(index)
    indices = resampler.sample_indices_
    real = indices >= 0
    assert real.any()
    assert real.all() == sampler.__name__.startswith("Random")
    np.testing.assert_array_equal(dense(X_new)[real], dense(X)[indices[real]])
    old, new = ([str(each) for each in np.asarray(labels)] for labels in (y, y_new))
    old, new = np.array(old), np.array(new)
    assert new[real].tolist() == old[indices[real]].tolist()
    for label in set(old):
        total = WEIGHTS[old == label].sum()
        assert weights[new == label].sum() == pytest.approx(total, rel=1e-12)
    if sampler is SMOTE:
        assert len(set(np.unique(new, return_counts=True)[1])) == 1


def test_missing_values_are_equal_to_themselves():
    day = pd.Timestamp("2024-03-01", tz="Europe/Warsaw")
    holes = np.where(ROW % 3, ROW, np.nan)[:, np.newaxis]
    X = pd.DataFrame(
        {
            "number": holes[:, 0],
            "whole": pd.array(np.where(ROW % 4, ROW, None), dtype="Int64"),
            "text": [f"t{each}" if each % 5 else None for each in ROW],
            "date": pd.Series(day + pd.to_timedelta(ROW, "D")).where(ROW % 2 == 0),
            "kind": pd.Categorical(np.where(ROW % 6, "p", None)),
        }
    )
    for table in (X, X.to_numpy(), holes, sparse.csr_matrix(holes)):
        resampler = Weighted(RandomUnderSampler(random_state=0)).fit(table, Y)
        expected = RandomUnderSampler(random_state=0)
        expected.fit_resample(table, Y)
        found = resampler.sample_indices_
        np.testing.assert_array_equal(found, expected.sample_indices_)


def filled(X, y):
    if sparse.issparse(X):
        return sparse.csr_matrix(np.nan_to_num(X.toarray())), y
    return np.where(pd.isna(X), 2, X), y


def with_its_own_missing_values(X, y):
    return np.array(X.astype(float).tolist(), dtype=object), y


def test_missing_values_are_equal_to_no_value():
    column = [[1.0], [np.nan], [3.0], [4.0], [5.0]]
    objects = np.array(column, dtype=object)
    with_na = np.where(objects == objects, objects, pd.NA)
    for X, function, start in (
        (np.array(column), filled, [-1, -1]),
        (objects, filled, [-1, -1]),
        (with_na, filled, [-1, -1]),
        (sparse.csr_matrix(column), filled, [-1, -1]),
        (objects, with_its_own_missing_values, [0, 1]),
    ):
        resampler = Weighted(sampled_by(function)).fit(X, [0, 0, 1, 1, 1])
        assert resampler.sample_indices_.tolist() == [*start, 2, 3, 4]


# A step of other things -------------------------------------------------------------


@pytest.mark.parametrize(
    "sampler",
    [SMOTE(random_state=0), SMOTETomek(random_state=0)],
    ids=["SMOTE", "Tomek"],
)
@pytest.mark.filterwarnings("ignore:.*may choose rows by:skstrat.CalibrationWarning")
def test_pipelines_and_classifiers_fit_with_the_weights(sampler):
    X, resampler = numbers(), Weighted(sampler, synthetic_weight=0.5)
    X_new, y_new, weights = resampler.fit_resample(X, Y, sample_weight=WEIGHTS)
    expected = LogisticRegression().fit(X_new, y_new, sample_weight=weights)
    model = Pipeline([("resample", resampler), ("fit", LogisticRegression())])
    model.fit(X, Y, sample_weight=WEIGHTS)
    np.testing.assert_allclose(model[-1].coef_, expected.coef_, rtol=1e-9)
    words = {"prior_correction": False, "calibration_check": False}
    linear = ResampledClassifier(LogisticRegression(), resampler, **words)
    linear.fit(X, Y, WEIGHTS)
    np.testing.assert_array_equal(linear.predict_proba(X), expected.predict_proba(X))
    np.testing.assert_allclose(linear.original_prior_, totals(Y, WEIGHTS), rtol=1e-12)
    np.testing.assert_allclose(linear.train_prior_, linear.original_prior_, rtol=1e-9)


@pytest.mark.parametrize("weighting", ["original", "balanced", "uniform"])
def test_trees_see_that_synthetic_rows_weigh_less(weighting):
    X = np.random.default_rng(0).normal(size=(300, 2))
    y = np.repeat([0, 1], [240, 60])
    smote = Weighted(SMOTE(random_state=0), weighting=weighting, synthetic_weight=0.1)
    trees = HistGradientBoostingClassifier(max_iter=2)
    model = ResampledClassifier(trees, smote).fit(X, y)
    np.testing.assert_allclose(model.train_prior_, [240, 78], rtol=1e-12)
    neighbours = ResampledClassifier(KNeighborsClassifier(), smote)
    with pytest.raises(UnusedWeightsError, match="rows made by Weighted weigh otherw"):
        neighbours.fit(X, y)


# Statistics -------------------------------------------------------------------------


def test_a_small_synthetic_weight_gives_the_true_distribution():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(3000, 3))
    y = (rng.random(3000) < 1 / (1 + np.exp(2.5 - X[:, 0] - X[:, 1] ** 2))).astype(int)
    linear = LogisticRegression(C=np.inf, tol=1e-8)
    truth, distance = clone(linear).fit(X, y), {}
    for part in (1.0, 0.01, 1e-6):
        smote = Weighted(ADASYN(random_state=0), synthetic_weight=part)
        model = make_pipeline(smote, clone(linear)).fit(X, y)
        distance[part] = np.abs(model[-1].coef_ - truth.coef_).max()
        assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.1)
    assert distance[1e-6] < 1e-3 < distance[1.0]
    assert distance[1e-6] < distance[0.01] < distance[1.0]


# An estimator -----------------------------------------------------------------------


def test_feature_names_and_tags():
    steps = make_imblearn_pipeline(SMOTE(), RandomUnderSampler())
    for sampler in (SMOTE(random_state=0), steps):
        resampler = Weighted(sampler)
        with pytest.raises(NotFittedError):
            resampler.get_feature_names_out()
        resampler.fit(frame(), Y)
        assert resampler.feature_names_in_.tolist() == ["x", "z"]
        assert resampler.get_feature_names_out().tolist() == ["x", "z"]
    assert "RandomUnderSampler" in resampler._repr_html_()
    for sampler in (SMOTE(), RandomOverSampler(), SMOTENC([0])):
        tags, own = get_tags(Weighted(sampler)), get_tags(sampler)
        assert tags.input_tags == own.input_tags
        assert tags.estimator_type == "sampler"
        assert tags.sampler_tags.sample_indices


# Errors -----------------------------------------------------------------------------


class DropsOne(RandomUnderSampler):
    def fit_resample(self, X, y):
        X, y = super().fit_resample(X, y)
        return X[y != 1], y[y != 1]


CHANGES = sampled_by(lambda X, y: (X, np.where(y == 0, 9, y)))
SHORT = sampled_by(lambda X, y: (X[:-1], y))
ONE = sampled_by(lambda X, y: X)


@pytest.mark.parametrize(
    ("sampler", "words", "text"),
    [
        (SMOTE(), {"weighting": "factor"}, 'for Weighted: a synthetic .* got "factor"'),
        (SMOTE(), {"weighting": {0: 1, 1: 1}}, "share for every class .*none for .2"),
        (SMOTE(), {"synthetic_weight": 0}, "'synthetic_weight' parameter"),
        (SMOTE(), {"synthetic_weight": np.inf}, "'synthetic_weight' parameter"),
        (SMOTE(), {"synthetic_weight": 1e308}, "range that float64 can scale"),
        (StandardScaler(), {}, "'sampler' parameter"),
        (DownsampleUpweight(), {}, "itself. Use DownsampleUpweight without"),
        (make_pipeline(DownsampleUpweight()), {}, r"X and y .*; Pipeline returned 3"),
        (DropsOne(random_state=0), {}, r"every class; DropsOne dropped all of \[1\]"),
        (CHANGES, {}, r"labels among those given\. .* labels \[1, 2, 9\] for \[0, 1"),
        (ONE, {}, r"FunctionSampler returned 1 result\(s\)"),
        (SHORT, {}, "FunctionSampler returned 249 rows of X and 250 of y"),
    ],
)
def test_what_makes_no_sense(sampler, words, text):
    resampler = Weighted(sampler, **words)
    with pytest.raises((ValueError, TypeError), match=text):
        resampler.fit_resample(numbers(), Y)


def test_dask_collections_are_refused():
    array = pytest.importorskip("dask.array")
    X, y = array.from_array(numbers()), array.from_array(Y)
    for use in (Weighted(SMOTE()).fit, Weighted(SMOTE()).fit_resample):
        with pytest.raises(TypeError, match=r"SMOTE reads the values .* in memory"):
            use(X, y)


# Labels of other kinds --------------------------------------------------------------

HARDNESS = InstanceHardnessThreshold(estimator=LogisticRegression(), random_state=0)
COMPUTE_WITH_LABELS = {
    "hardness": (HARDNESS, "auto"),
    "hardness, dict": (HARDNESS, {0: 100}),
    "hardness, callable": (HARDNESS, lambda y: {min(y): 90}),
    "cleaning": (NeighbourhoodCleaningRule(), "auto"),
    "cleaning, list": (NeighbourhoodCleaningRule(), [0]),
    "nearest": (EditedNearestNeighbours(), "auto"),
    "smote": (SMOTE(random_state=0), "auto"),
}
LABELS = [[False, True], ["no", "yes"], [-1, 1]]


@pytest.mark.parametrize("name", COMPUTE_WITH_LABELS)
def test_labels_of_any_kind_give_the_rows_that_0_and_1_give(name):
    X, rare = numbers(), (Y > 0).astype(int)
    sampler, wanted = COMPUTE_WITH_LABELS[name]
    by_code = clone(sampler).set_params(sampling_strategy=wanted)
    expected, codes = by_code.fit_resample(X, rare)
    for labels in LABELS:
        named = wanted
        if isinstance(wanted, dict):
            named = {labels[0]: wanted[0]}
        if isinstance(wanted, list):
            named = labels[:1]
        own = clone(sampler).set_params(sampling_strategy=named)
        y = pd.Series(labels).take(rare).reset_index(drop=True)
        X_made, y_made, _ = Weighted(own).fit_resample(X, y)
        np.testing.assert_array_equal(X_made, expected)
        assert y_made.tolist() == np.array(labels)[codes].tolist()
        assert y_made.dtype == y.dtype
        linear = LogisticRegression()
        model = ResampledClassifier(linear, own, calibration_check=False).fit(X, y)
        assert model.n_samples_fit_ == len(codes)
        assert set(getattr(model.resampler_, "sampling_strategy_", {})) <= set(labels)
        assert model.resampler_.sampling_strategy == named


def test_a_class_that_is_not_there_is_not_taken_for_a_code():
    sampler = clone(HARDNESS).set_params(sampling_strategy={0: 50})
    with pytest.raises(ValueError, match="'0'} target class is/are not present"):
        Weighted(sampler).fit_resample(numbers(), np.where(Y, 7, 5))
