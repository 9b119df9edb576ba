"""Weighted: every sampler of imbalanced-learn, its rows known and its totals kept."""

import pickle
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from imblearn import FunctionSampler, combine, over_sampling, under_sampling
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import (
    ClusterCentroids,
    EditedNearestNeighbours,
    InstanceHardnessThreshold,
    NearMiss,
    NeighbourhoodCleaningRule,
    RandomUnderSampler,
)
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skstrat import (
    DownsampleUpweight,
    Pipeline,
    ResampledClassifier,
    TreeWeightsWarning,
    UnusedWeightsError,
    Weighted,
    make_pipeline,
)

COUNTS = {0: 160, 1: 60, 2: 30}
Y = np.random.default_rng(4).permutation(np.repeat(list(COUNTS), list(COUNTS.values())))
TEXTS = np.array(["a", "b", "c"])
N_ROWS = len(Y)
WEIGHTS = np.random.default_rng(5).lognormal(size=N_ROWS)
SPECIAL = {
    "InstanceHardnessThreshold": {"estimator": LogisticRegression()},
    "KMeansSMOTE": {"kmeans_estimator": 4, "cluster_balance_threshold": 0.01},
    "SMOTENC": {"categorical_features": [1]},
}


def numbers():
    rng = np.random.default_rng(0)
    shift = 1.2 * Y
    return rng.normal(size=(N_ROWS, 2)) + np.column_stack([shift, np.zeros(N_ROWS)])


def every_sampler(*modules):
    """Make one of each class with fit_resample that imbalanced-learn's modules have."""
    found = []
    for module in modules:
        for name in sorted(module.__all__):
            params = dict(SPECIAL.get(name, {}))
            cls = getattr(module, name)
            if "random_state" in cls(**params).get_params():
                params["random_state"] = 0
            found.append(cls(**params))
    return found


OVER, UNDER, COMBINED = map(every_sampler, (over_sampling, under_sampling, combine))
all_samplers = pytest.mark.parametrize(
    "sampler", [*OVER, *UNDER, *COMBINED], ids=lambda its: type(its).__name__
)


def data_for(sampler):
    X = numbers()
    if type(sampler).__name__ == "SMOTEN":
        return np.round(X).astype(int)
    if type(sampler).__name__ == "SMOTENC":
        X[:, 1] = np.round(X[:, 1])
    return X


def weights_for(sampler):
    """Give weights that differ within classes where they can follow the rows."""
    if isinstance(sampler, ClusterCentroids):
        return np.where(Y == 2, WEIGHTS, np.array([3.0, 0.5, 0])[Y])
    return WEIGHTS


def totals(y, weights):
    return np.array([weights[np.asarray(y) == label].sum() for label in COUNTS])


def test_imbalanced_learn_has_nothing_else():
    for module, known in ((over_sampling, OVER), (under_sampling, UNDER)):
        with_fit = {
            value
            for value in vars(module).values()
            if isinstance(value, type) and hasattr(value, "fit_resample")
        }
        assert with_fit == {type(sampler) for sampler in known}
    assert {type(sampler) for sampler in COMBINED} == {SMOTEENN, SMOTETomek}


# Rows and weights ------------------------------------------------------------------


@all_samplers
@pytest.mark.parametrize(("weighted", "part"), [(False, 1.0), (True, 0.3)])
def test_totals_are_restored_and_rows_known(sampler, weighted, part):
    X, incoming = data_for(sampler), weights_for(sampler) if weighted else None
    given = np.ones(N_ROWS) if incoming is None else incoming
    resampler = Weighted(sampler, synthetic_weight=part)
    X_new, y_new, weights = resampler.fit_resample(X, Y, sample_weight=incoming)
    X_plain, y_plain = clone(sampler).fit_resample(X, Y)
    np.testing.assert_array_equal(X_new, X_plain)
    np.testing.assert_array_equal(y_new, y_plain)
    assert y_new.dtype == Y.dtype
    assert weights.dtype == np.float64
    assert weights.shape == y_new.shape
    assert (weights > 0).all()
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(totals(y_new, weights), totals(Y, given), rtol=1e-12)

    indices = resampler.sample_indices_
    real = indices >= 0
    np.testing.assert_array_equal(X_new[real], X[indices[real]])
    np.testing.assert_array_equal(y_new[real], Y[indices[real]])
    mean = totals(Y, given) / list(COUNTS.values())
    own = np.where(real, given[indices], part * mean[y_new])
    factor = np.array(list(resampler.class_weight_.values()))[y_new]
    np.testing.assert_allclose(weights, own * factor, rtol=1e-12)


@all_samplers
def test_over_samplers_keep_every_row_and_selectors_make_none(sampler):
    resampler = Weighted(sampler)
    _, y_new, _ = resampler.fit_resample(data_for(sampler), Y)
    indices = resampler.sample_indices_
    if sampler in OVER:
        np.testing.assert_array_equal(indices[:N_ROWS], np.arange(N_ROWS))
        repeats = isinstance(sampler, RandomOverSampler)
        assert (indices[N_ROWS:] >= 0).all() == repeats
        assert (indices[N_ROWS:] < 0).all() != repeats
    elif isinstance(sampler, ClusterCentroids):
        # The smallest class is left as it is.
        np.testing.assert_array_equal(indices[-30:], np.flatnonzero(Y == 2))
        assert (indices[:-30] < 0).all()
    elif sampler in UNDER:
        assert (indices >= 0).all()
        assert len(set(indices)) == len(indices) < N_ROWS
    else:
        kept = indices[indices >= 0]
        assert len(set(kept)) == len(kept)
        assert len(indices) > len(kept) > 0
    assert resampler.sampling_strategy_ == {
        label: (y_new == label).sum() for label in COUNTS
    }
    assert resampler.class_counts_ == COUNTS


@pytest.mark.parametrize(
    ("sampler", "cleaning"), [(SMOTEENN, "enn_"), (SMOTETomek, "tomek_")]
)
def test_rows_made_and_rows_kept_by_a_cleaning(sampler, cleaning):
    resampler = Weighted(sampler(random_state=0)).fit(numbers(), Y)
    kept = getattr(resampler.sampler_, cleaning).sample_indices_
    expected = np.where(kept < N_ROWS, kept, -1)
    np.testing.assert_array_equal(resampler.sample_indices_, expected)
    assert (expected < 0).any()


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
def test_rows_moved_by_noise_are_not_original(make):
    sampler = RandomOverSampler(shrinkage={1: 0.5, 2: 0}, random_state=0)
    resampler = Weighted(sampler)
    X_new, y_new, _ = resampler.fit_resample(make(numbers()), Y)
    new = resampler.sample_indices_[N_ROWS:]
    assert (new[y_new[N_ROWS:] == 1] == -1).all()
    copied = new[y_new[N_ROWS:] == 2]
    rows = X_new[N_ROWS:][y_new[N_ROWS:] == 2]
    dense = rows.toarray() if sparse.issparse(rows) else rows
    np.testing.assert_array_equal(dense, numbers()[copied])


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
def test_hard_votes_pick_real_rows(make):
    X = np.round(numbers(), 1)  # zeros, too
    sampler = ClusterCentroids(voting="hard", random_state=0)
    resampler = Weighted(sampler)
    X_new, y_new, weights = resampler.fit_resample(make(X), Y, sample_weight=WEIGHTS)
    indices = resampler.sample_indices_
    assert (indices >= 0).all()
    dense = X_new.toarray() if sparse.issparse(X_new) else X_new
    np.testing.assert_array_equal(dense, X[indices])
    np.testing.assert_array_equal(y_new, Y[indices])
    np.testing.assert_allclose(totals(y_new, weights), totals(Y, WEIGHTS), rtol=1e-12)


def test_weights_that_cannot_follow_are_refused_and_equal_ones_are_not():
    resampler = Weighted(ClusterCentroids(random_state=0))
    text = "class 0, from .* It is not known which of them ClusterCentroids kept"
    with pytest.raises(ValueError, match=text):
        resampler.fit(numbers(), Y, sample_weight=WEIGHTS)
    _, y_new, weights = resampler.fit_resample(
        numbers(), Y, sample_weight=np.full(N_ROWS, 0.7)
    )
    np.testing.assert_allclose(totals(y_new, weights), [112, 42, 21], rtol=1e-12)


def test_a_claim_that_is_not_true_is_not_believed():
    class Rounds(RandomUnderSampler):
        def fit_resample(self, X, y):
            X, y = super().fit_resample(X, y)
            return np.round(X), y

    resampler = Weighted(Rounds(random_state=0)).fit(numbers(), Y)
    assert (resampler.sample_indices_ == -1).all()
    with pytest.raises(ValueError, match="not known which of them Rounds kept"):
        resampler.fit(numbers(), Y, sample_weight=WEIGHTS)


def test_a_row_with_another_label_is_another_row():
    class Relabels(RandomUnderSampler):
        def fit_resample(self, X, y):
            X, y = super().fit_resample(X, y)
            return X, (y + 1) % 3

    resampler = Weighted(Relabels(random_state=0)).fit(numbers(), Y)
    assert (resampler.sample_indices_ == -1).all()


class SaysMade(FunctionSampler):
    """Calls the rows of a class made, and has them in reverse."""

    def fit_resample(self, X, y):
        order = np.argsort(y, kind="stable")[::-1]
        self.sample_indices_ = np.where(y[order] == 2, -1, order)
        return X[order], y[order]


def test_rows_called_made_are_believed_to_be():
    resampler = Weighted(SaysMade())
    # Rows all alike could be taken for any row.
    _, y_new, weights = resampler.fit_resample(
        np.zeros((N_ROWS, 2)), Y, sample_weight=WEIGHTS
    )
    indices = resampler.sample_indices_
    assert (indices[y_new == 2] == -1).all()
    np.testing.assert_array_equal(Y[indices[y_new < 2]], y_new[y_new < 2])
    assert np.ptp(weights[y_new == 2]) == 0
    np.testing.assert_allclose(totals(y_new, weights), totals(Y, WEIGHTS), rtol=1e-12)


def test_a_claim_of_another_length_is_not_believed():
    class Stale(SMOTE):
        sample_indices_ = np.arange(3)

    resampler = Weighted(Stale(random_state=0)).fit(numbers(), Y)
    np.testing.assert_array_equal(resampler.sample_indices_[:N_ROWS], np.arange(N_ROWS))
    assert (resampler.sample_indices_[N_ROWS:] == -1).all()


def test_texts_in_another_order():
    def reverse(X, y):
        return X[::-1], y[::-1]

    X = np.array([[f"text {row}"] for row in range(N_ROWS)])
    resampler = Weighted(FunctionSampler(func=reverse, validate=False)).fit(X, Y)
    assert (resampler.sample_indices_ == -1).all()


def test_weights_equal_but_for_rounding_are_equal():
    uneven = np.full(N_ROWS, 0.1)
    uneven[::2] = 0.1 * 3 / 3
    assert np.ptp(uneven) > 0
    resampler = Weighted(ClusterCentroids(random_state=0))
    _, y_new, weights = resampler.fit_resample(numbers(), Y, sample_weight=uneven)
    np.testing.assert_allclose(totals(y_new, weights), totals(Y, uneven), rtol=1e-12)


def test_a_sampler_that_moves_no_row_is_a_class_weight():
    stays = Weighted(FunctionSampler(), weighting="balanced")
    X_new, y_new, weights = stays.fit_resample(numbers(), Y)
    np.testing.assert_array_equal(X_new, numbers())
    np.testing.assert_array_equal(y_new, Y)
    np.testing.assert_allclose(totals(Y, weights), np.full(3, N_ROWS / 3), rtol=1e-12)
    assert stays.sample_indices_.tolist() == list(range(N_ROWS))
    trees = HistGradientBoostingClassifier(max_iter=2)
    with pytest.warns(TreeWeightsWarning):
        model = ResampledClassifier(trees, stays).fit(numbers(), Y)
    np.testing.assert_allclose(model.train_prior_, np.full(3, N_ROWS / 3), rtol=1e-12)


@pytest.mark.parametrize("sampler", [SMOTE, SMOTEENN, RandomUnderSampler, NearMiss])
def test_a_row_of_zero_weight_is_not_there(sampler):
    resampler = Weighted(sampler())
    if "random_state" in resampler.sampler.get_params():
        resampler.set_params(sampler__random_state=0)
    X, kept = numbers(), np.flatnonzero(np.arange(N_ROWS) % 5 > 0)
    zeros = np.where(np.arange(N_ROWS) % 5, WEIGHTS, 0)
    with_zeros = resampler.fit_resample(X, list(Y), sample_weight=zeros)
    indices = resampler.sample_indices_
    without = resampler.fit_resample(X[kept], Y[kept], sample_weight=WEIGHTS[kept])
    for left, right in zip(with_zeros, without, strict=True):
        np.testing.assert_array_equal(left, right)
    below = resampler.sample_indices_
    np.testing.assert_array_equal(indices, np.where(below >= 0, kept[below], -1))


def test_incoming_weights_are_multiplied():
    resampler = Weighted(SMOTE(random_state=0), synthetic_weight=0.4)
    X = numbers()
    _, _, weights = resampler.fit_resample(X, Y, sample_weight=WEIGHTS)
    _, _, tripled = resampler.fit_resample(X, Y, sample_weight=3 * WEIGHTS)
    np.testing.assert_allclose(tripled, 3 * weights, rtol=1e-13)
    _, _, none = resampler.fit_resample(X, Y)
    _, _, ones = resampler.fit_resample(X, Y, sample_weight=np.ones(N_ROWS))
    np.testing.assert_array_equal(none, ones)


def test_untouched_classes_keep_their_weights_to_the_last_bit():
    resampler = Weighted(SMOTE(random_state=0))
    _, y_new, weights = resampler.fit_resample(numbers(), Y, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(weights[y_new == 0], WEIGHTS[Y == 0])


def test_synthetic_weight_by_hand():
    X, y = np.arange(6.0).reshape(-1, 1), [0, 0, 0, 0, 1, 1]
    smote = SMOTE(k_neighbors=1, random_state=0)
    incoming = [1, 1, 1, 1, 1, 3]
    resampler = Weighted(smote, synthetic_weight=0.25, weighting="uniform")
    _, _, weights = resampler.fit_resample(X, y, sample_weight=incoming)
    # Two new rows at a quarter of the mean weight 2 of their class.
    assert weights.tolist() == [1, 1, 1, 1, 1, 3, 0.5, 0.5]
    assert set(resampler.class_weight_.values()) == {1.0}
    resampler.set_params(weighting="original")
    _, _, weights = resampler.fit_resample(X, y, sample_weight=incoming)
    np.testing.assert_allclose(weights[4:], [0.8, 2.4, 0.4, 0.4], rtol=1e-12)


@pytest.mark.parametrize(
    ("weighting", "shares"),
    [
        ("balanced", [1 / 3, 1 / 3, 1 / 3]),
        ({0: 1, 1: 2, 2: 5}, [1 / 8, 2 / 8, 5 / 8]),
    ],
    ids=str,
)
@pytest.mark.parametrize("sampler", [SMOTE(), RandomUnderSampler(), SMOTETomek()])
def test_other_totals(sampler, weighting, shares):
    resampler = Weighted(sampler, weighting=weighting, synthetic_weight=2)
    _, y_new, weights = resampler.fit_resample(numbers(), Y, sample_weight=WEIGHTS)
    expected = WEIGHTS.sum() * np.array(shares)
    np.testing.assert_allclose(totals(y_new, weights), expected, rtol=1e-12)


# Containers ------------------------------------------------------------------------


def frame():
    values = numbers()
    index = [f"row {row}" for row in range(N_ROWS)]
    return pd.DataFrame(
        {"x": values[:, 0], "z": values[:, 1].astype(np.float32)}, index=index
    )


@pytest.mark.parametrize(
    "make",
    [
        numbers,
        frame,
        lambda: numbers().tolist(),
        lambda: sparse.csr_matrix(np.round(numbers())),
        lambda: sparse.csc_array(np.round(numbers())),
        lambda: np.asfortranarray(numbers()).astype(np.float32),
    ],
    ids=["array", "frame", "list", "csr", "csc", "float32"],
)
@pytest.mark.parametrize(
    "sampler",
    [SMOTE, ADASYN, RandomUnderSampler, RandomOverSampler, SMOTEENN, SMOTETomek],
)
@pytest.mark.filterwarnings("ignore:.*sparse.*:FutureWarning")
def test_rows_are_known_in_every_container_of_x(make, sampler):
    X = make()
    resampler = Weighted(sampler(random_state=0))
    X_new, y_new, weights = resampler.fit_resample(X, Y, sample_weight=WEIGHTS)
    assert type(X_new) is type(X)
    np.testing.assert_allclose(totals(y_new, weights), totals(Y, WEIGHTS), rtol=1e-12)
    indices = resampler.sample_indices_
    real = indices >= 0
    assert real.any()
    assert real.all() == sampler.__name__.startswith("Random")
    values = [
        each.toarray() if sparse.issparse(each) else np.asarray(each)
        for each in (X, X_new)
    ]
    np.testing.assert_array_equal(values[1][real], values[0][indices[real]])


def test_mixed_columns():
    X = frame().assign(
        shop=np.where(np.arange(N_ROWS) % 3, "north", "south"),
        kind=pd.Categorical(np.where(np.arange(N_ROWS) % 4, "p", "q")),
        count=np.arange(N_ROWS) % 7,
    )
    sampler = SMOTENC(categorical_features=["shop", "kind"], random_state=0)
    resampler = Weighted(sampler)
    X_new, y_new, weights = resampler.fit_resample(
        X, pd.Series(Y), sample_weight=WEIGHTS
    )
    np.testing.assert_array_equal(resampler.sample_indices_[:N_ROWS], np.arange(N_ROWS))
    assert (resampler.sample_indices_[N_ROWS:] == -1).all()
    assert (X_new.dtypes == X.dtypes).all()
    np.testing.assert_allclose(totals(y_new, weights), totals(Y, WEIGHTS), rtol=1e-12)


def test_missing_values_are_equal_to_themselves():
    day = pd.Timestamp("2024-03-01", tz="Europe/Warsaw")
    row = np.arange(N_ROWS)
    X = pd.DataFrame(
        {
            "number": np.where(row % 3, row, np.nan),
            "whole": pd.array(np.where(row % 4, row, None), dtype="Int64"),
            "text": [f"t{each}" if each % 5 else None for each in row],
            "date": pd.Series(day + pd.to_timedelta(row, "D")).where(row % 2 == 0),
            "kind": pd.Categorical(np.where(row % 6, "p", None)),
        }
    )
    holes = np.where(row % 3, row, np.nan)[:, np.newaxis]
    for table in (X, X.to_numpy(), holes, sparse.csr_matrix(holes)):
        for sampler in (RandomUnderSampler, RandomOverSampler):
            resampler = Weighted(sampler(random_state=0)).fit(table, Y)
            expected = sampler(random_state=0)
            expected.fit_resample(table, Y)
            np.testing.assert_array_equal(
                resampler.sample_indices_, expected.sample_indices_
            )


def filled(X, y):
    if sparse.issparse(X):
        return sparse.csr_matrix(np.nan_to_num(X.toarray())), y
    return np.where(pd.isna(X), 2, X), y


def with_its_own_missing_values(X, y):
    return np.array(X.astype(float).tolist(), dtype=object), y


def test_missing_values_are_equal_to_no_value():
    column = [[1.0], [np.nan], [3.0], [4.0], [5.0]]
    objects = np.array(column, dtype=object)
    with_na = objects.copy()
    with_na[1] = pd.NA
    for X, function, known in (
        (np.array(column), filled, False),
        (objects, filled, False),
        (with_na, filled, False),
        (sparse.csr_matrix(column), filled, False),
        (objects, with_its_own_missing_values, True),
    ):
        resampler = Weighted(FunctionSampler(func=function, validate=False))
        resampler.fit(X, [0, 0, 1, 1, 1])
        start = [0, 1] if known else [-1, -1]
        assert resampler.sample_indices_.tolist() == [*start, 2, 3, 4]


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        np.asarray,
        lambda y: np.asarray(y, dtype=object),
        lambda y: np.searchsorted(TEXTS, y).astype(np.int8),
        lambda y: np.searchsorted(TEXTS, y).astype(float),
        lambda y: np.asarray(y) == "c",
        lambda y: np.eye(3, dtype=int)[np.searchsorted(TEXTS, y)],
        lambda y: pd.Series(y, name="label", index=range(7, 7 + len(y))),
        lambda y: pd.Series(y, dtype="category", name="label"),
        lambda y: pd.Series(np.asarray(y) == "c", dtype="boolean"),
        lambda y: pd.DataFrame({"label": y}),
        lambda y: pl.Series("label", y, dtype=pl.Enum(["c", "b", "a"])),
        lambda y: pa.chunked_array([y[:50], y[50:]]),
    ],
    ids=[
        *("list", "tuple", "str", "object", "int8", "float", "bool", "one-hot"),
        *("series", "categories", "nullable", "frame", "polars", "arrow"),
    ],
)
@pytest.mark.parametrize("sampler", [SMOTE, RandomUnderSampler, SMOTEENN])
def test_labels_come_back_in_their_container(make, sampler):
    y = make(TEXTS[Y].tolist())
    resampler = Weighted(sampler(random_state=0))
    X_new, y_new, weights = resampler.fit_resample(frame(), y, sample_weight=WEIGHTS)
    assert type(y_new) is type(y)
    assert getattr(y_new, "dtype", 0) == getattr(y, "dtype", 0)
    assert getattr(y_new, "name", 0) == getattr(y, "name", 0)
    if hasattr(y_new, "iloc"):
        assert y_new.index.equals(X_new.index)
    by_row = [str(each) for each in np.asarray(y)]
    new = np.array([str(each) for each in np.asarray(y_new)])
    indices = resampler.sample_indices_
    real = indices >= 0
    assert new[real].tolist() == [by_row[row] for row in indices[real]]
    for label in set(by_row):
        total = WEIGHTS[np.array(by_row) == label].sum()
        assert weights[new == label].sum() == pytest.approx(total, rel=1e-12)
    if sampler is SMOTE:
        assert len(set(np.unique(new, return_counts=True)[1])) == 1


def test_labels_have_the_index_of_x():
    y = pd.Series(Y, index=np.arange(N_ROWS) + 1000)
    for sampler in (SMOTE(random_state=0), RandomUnderSampler(random_state=0)):
        _, y_new, _ = Weighted(sampler).fit_resample(numbers(), y)
        assert y_new.index.equals(pd.RangeIndex(len(y_new)))
        X_new, y_new, _ = Weighted(sampler).fit_resample(frame(), y)
        assert y_new.index.equals(X_new.index)
    assert set(X_new.index) < set(frame().index)


# A step of other things --------------------------------------------------------------


@all_samplers
@pytest.mark.filterwarnings("ignore:.*may choose rows by:skstrat.CalibrationWarning")
def test_pipeline_fits_with_the_weights(sampler):
    X, incoming = data_for(sampler), weights_for(sampler)
    model = Pipeline([("resample", Weighted(sampler)), ("fit", LogisticRegression())])
    model.fit(X, Y, sample_weight=incoming)
    X_new, y_new, weights = Weighted(sampler).fit_resample(X, Y, sample_weight=incoming)
    expected = LogisticRegression().fit(X_new, y_new, sample_weight=weights)
    np.testing.assert_allclose(model[-1].coef_, expected.coef_, rtol=1e-9)


def test_two_samplers_one_after_the_other():
    model = make_pipeline(
        StandardScaler(),
        Weighted(SMOTE(random_state=0), synthetic_weight=0.5),
        Weighted(RandomUnderSampler(sampling_strategy={0: 90}, random_state=0)),
    )
    X_new, y_new, weights = model.fit_resample(numbers(), Y, sample_weight=WEIGHTS)
    np.testing.assert_allclose(totals(y_new, weights), totals(Y, WEIGHTS), rtol=1e-12)
    assert len(X_new) == 90 + 160 + 160


def test_grid_over_samplers_and_synthetic_weights():
    model = Pipeline(
        [("resample", Weighted(SMOTE())), ("fit", LogisticRegression(max_iter=500))]
    )
    samplers = [SMOTE(random_state=0), SMOTETomek(random_state=0)]
    grid = {
        "resample__sampler": samplers,
        "resample__synthetic_weight": [1e-6, 1.0],
        "resample__weighting": ["original", "balanced"],
    }
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=3).fit(numbers(), Y)
    assert len(np.unique(search.cv_results_["mean_test_score"].round(6))) > 5
    assert search.best_params_["resample__weighting"] == "original"
    assert search.best_estimator_["resample"].class_weight_[0] > 0


@all_samplers
def test_classifier_restores_the_mass_for_linear_models(sampler):
    X, incoming = data_for(sampler), weights_for(sampler)
    resampler = Weighted(sampler)
    model = ResampledClassifier(
        LogisticRegression(), resampler, prior_correction=False, calibration_check=False
    ).fit(X, Y, incoming)
    np.testing.assert_allclose(model.original_prior_, totals(Y, incoming), rtol=1e-12)
    np.testing.assert_allclose(model.train_prior_, model.original_prior_, rtol=1e-9)
    X_new, y_new, weights = resampler.fit_resample(X, Y, sample_weight=incoming)
    expected = LogisticRegression().fit(X_new, y_new, sample_weight=weights)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


@all_samplers
@pytest.mark.parametrize("weighted", [False, True])
def test_classifier_withholds_the_class_factor_from_trees(sampler, weighted):
    X, incoming = data_for(sampler), weights_for(sampler) if weighted else None
    trees = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=5)
    model = ResampledClassifier(
        trees, Weighted(sampler), prior_correction=False, calibration_check=False
    ).fit(X, Y, incoming)
    _, y_new, weights = Weighted(sampler).fit_resample(X, Y, sample_weight=incoming)
    factors = np.array(list(model.resampler_.class_weight_.values()))[y_new]
    seen = totals(y_new, weights / factors)
    np.testing.assert_allclose(model.train_prior_, seen, rtol=1e-12)
    if not weighted:
        rows = list(model.resampler_.sampling_strategy_.values())
        assert seen.round(9).tolist() == rows
    given = np.ones(N_ROWS) if incoming is None else incoming
    np.testing.assert_allclose(model.original_prior_, totals(Y, given), rtol=1e-12)


# Statistics ------------------------------------------------------------------------


@cache
def big_table():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(3000, 3))
    y = (rng.random(3000) < 1 / (1 + np.exp(2.5 - X[:, 0] - X[:, 1] ** 2))).astype(int)
    return X, y


@pytest.mark.parametrize("seed", range(3))
def test_smote_draws_a_class_together(seed):
    # E[(1 - u)^2 + u^2] = 2/3 for neighbours that are any other row of the class.
    n = 400
    X = np.random.default_rng(seed).normal(size=(20_000 + n, 10))
    y = np.repeat([0, 1], [20_000, n])
    resampler = Weighted(SMOTE(k_neighbors=n - 1, random_state=seed))
    X_new, y_new, weights = resampler.fit_resample(X, y)
    made = X_new[resampler.sample_indices_ < 0]
    ratio = made.var(axis=0).mean() / X[y == 1].var(axis=0).mean()
    assert ratio == pytest.approx(2 / 3, abs=0.02)
    assert weights[y_new == 1].sum() == pytest.approx(n, rel=1e-12)
    assert np.ptp(weights[y_new == 1]) == 0


@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), ADASYN(random_state=0)])
def test_a_small_synthetic_weight_gives_the_true_distribution(sampler):
    X, y = big_table()
    truth = LogisticRegression(tol=1e-8).fit(X, y)
    distance = {}
    for part in (1.0, 0.01, 1e-6):
        model = make_pipeline(
            Weighted(sampler, synthetic_weight=part), LogisticRegression(tol=1e-8)
        ).fit(X, y)
        distance[part] = np.abs(model[-1].coef_ - truth.coef_).max()
    assert distance[1e-6] < 1e-3 < distance[1.0]
    assert distance[1e-6] < distance[0.01] < distance[1.0]


def test_mean_probability_is_the_rate():
    X, y = big_table()
    model = make_pipeline(
        Weighted(SMOTE(random_state=0)), LogisticRegression(C=np.inf, tol=1e-8)
    ).fit(X, y)
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.1)
    plain = LogisticRegression().fit(*SMOTE(random_state=0).fit_resample(X, y))
    assert plain.predict_proba(X)[:, 1].mean() > 1.5 * y.mean()


# An estimator ----------------------------------------------------------------------


def test_random_state_of_the_sampler_decides():
    X = numbers()
    first, again, other = (
        Weighted(SMOTE(random_state=seed)).fit_resample(X, Y)[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sampler_is_cloned_and_parameters_reach_it():
    sampler = SMOTE(k_neighbors=3, random_state=0)
    resampler = Weighted(sampler).fit(numbers(), Y)
    assert not hasattr(sampler, "n_features_in_")
    assert resampler.sampler_ is not sampler
    assert resampler.get_params()["sampler__k_neighbors"] == 3
    copy = clone(resampler).set_params(sampler__k_neighbors=4, synthetic_weight=0.5)
    assert (copy.sampler.k_neighbors, sampler.k_neighbors) == (4, 3)
    assert repr(copy.sampler) == "SMOTE(k_neighbors=4, random_state=0)"


@all_samplers
def test_pickle_and_fit_without_rows(sampler):
    X = data_for(sampler)
    fitted = Weighted(sampler).fit(X, Y)
    resampled = Weighted(sampler)
    resampled.fit_resample(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    learned = (fitted.sampling_strategy_, fitted.class_counts_)
    for each in (again, resampled):
        assert (each.sampling_strategy_, each.class_counts_) == learned
    assert again.class_weight_ == resampled.class_weight_
    np.testing.assert_array_equal(again.sample_indices_, resampled.sample_indices_)
    np.testing.assert_array_equal(again.classes_, list(COUNTS))
    assert again.n_features_in_ == 2


def test_feature_names_and_tags():
    resampler = Weighted(SMOTE(random_state=0)).fit(frame(), Y)
    assert resampler.feature_names_in_.tolist() == ["x", "z"]
    assert resampler.get_feature_names_out().tolist() == ["x", "z"]
    with pytest.raises(NotFittedError):
        Weighted(SMOTE()).get_feature_names_out()
    steps = make_imblearn_pipeline(SMOTE(), RandomUnderSampler())
    resampler = Weighted(steps).fit(frame(), Y)
    assert resampler.get_feature_names_out().tolist() == ["x", "z"]
    assert "RandomUnderSampler" in resampler._repr_html_()
    for sampler in (SMOTE(), RandomOverSampler(), SMOTENC([0])):
        tags, own = get_tags(Weighted(sampler)), get_tags(sampler)
        assert tags.input_tags == own.input_tags
        assert tags.estimator_type == "sampler"
        assert tags.sampler_tags.sample_indices


# Errors ----------------------------------------------------------------------------


class DropsOne(RandomUnderSampler):
    def fit_resample(self, X, y):
        X, y = super().fit_resample(X, y)
        return X[y != 1], y[y != 1]


def sampled_by(function):
    return FunctionSampler(func=function, validate=False)


@pytest.mark.parametrize(
    ("resampler", "error", "text"),
    [
        (
            Weighted(SMOTE(), weighting="factor"),
            ValueError,
            'weighting must be .* for Weighted: a synthetic .* got "factor"',
        ),
        (Weighted(SMOTE(), weighting="even"), ValueError, "'weighting' parameter"),
        (
            Weighted(SMOTE(), weighting={0: 1, 1: 1}),
            ValueError,
            "share for every class .*none for .2",
        ),
        (Weighted(SMOTE(), synthetic_weight=0), ValueError, "'synthetic_weight' par"),
        (
            Weighted(SMOTE(), synthetic_weight=np.inf),
            ValueError,
            "'synthetic_weight' parameter",
        ),
        (
            Weighted(SMOTE(), synthetic_weight=1e308),
            ValueError,
            "range that float64 can scale",
        ),
        (Weighted(StandardScaler()), ValueError, "'sampler' parameter"),
        (
            Weighted(DownsampleUpweight()),
            TypeError,
            "DownsampleUpweight gives weights itself. Use DownsampleUpweight without",
        ),
        (
            Weighted(make_pipeline(DownsampleUpweight())),
            TypeError,
            r"must return X and y .*; Pipeline returned 3 result\(s\)",
        ),
        (
            Weighted(DropsOne(random_state=0)),
            ValueError,
            r"keep rows of every class; DropsOne dropped all of \[1\]",
        ),
        (
            Weighted(sampled_by(lambda X, y: (X, np.where(y == 0, 9, y)))),
            ValueError,
            r"labels among those given\. .* labels \[1, 2, 9\] for \[0, 1",
        ),
        (
            Weighted(sampled_by(lambda X, y: (X[:-1], y))),
            ValueError,
            "FunctionSampler returned 249 rows of X and 250 of y",
        ),
    ],
)
def test_what_makes_no_sense(resampler, error, text):
    with pytest.raises(error, match=text):
        resampler.fit_resample(numbers(), Y)


def test_data_out_of_memory():
    array = pytest.importorskip("dask.array")
    X, y = array.from_array(numbers()), array.from_array(Y)
    for use in (Weighted(SMOTE()).fit, Weighted(SMOTE()).fit_resample):
        with pytest.raises(TypeError, match=r"SMOTE reads the values .* in memory"):
            use(X, y)


def test_a_stock_pipeline_is_told_what_to_use():
    stock = make_imblearn_pipeline(Weighted(SMOTE()), LogisticRegression())
    with pytest.raises(
        TypeError, match=r"Weighted.fit_resample returns X, y and sample"
    ):
        stock.fit(numbers(), Y)


def test_lengths_and_weights_are_checked():
    resampler = Weighted(SMOTE())
    with pytest.raises(ValueError, match=r"250 in X and 249 in y"):
        resampler.fit(numbers(), Y[1:])
    with pytest.raises(ValueError, match=r"finite and not negative; got -1.0 in row 0"):
        resampler.fit(numbers(), Y, sample_weight=-np.ones(N_ROWS))


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


# Labels of other kinds ----------------------------------------------------------------

HARDNESS = InstanceHardnessThreshold(estimator=LogisticRegression(), random_state=0)
COMPUTE_WITH_LABELS = {
    "hardness": HARDNESS,
    "hardness, dict": clone(HARDNESS).set_params(sampling_strategy={0: 100}),
    "hardness, callable": clone(HARDNESS).set_params(
        sampling_strategy=lambda y: {min(y): 90}
    ),
    "cleaning": NeighbourhoodCleaningRule(),
    "cleaning, list": NeighbourhoodCleaningRule(sampling_strategy=[0]),
    "nearest": EditedNearestNeighbours(),
    "smote": SMOTE(random_state=0),
}


@pytest.mark.parametrize("name", COMPUTE_WITH_LABELS)
@pytest.mark.parametrize("labels", [[False, True], ["no", "yes"], [-1, 1]], ids=str)
def test_labels_of_any_kind_give_the_rows_that_0_and_1_give(name, labels):
    X, rare = numbers(), (Y > 0).astype(int)
    by_code = COMPUTE_WITH_LABELS[name]
    sampler = clone(by_code)
    wanted = sampler.sampling_strategy
    if isinstance(wanted, dict):
        sampler.sampling_strategy = {labels[0]: wanted[0]}
    if isinstance(wanted, list):
        sampler.sampling_strategy = labels[:1]
    expected, codes = clone(by_code).fit_resample(X, rare)
    y = pd.Series(labels).take(rare).reset_index(drop=True)
    X_made, y_made, _ = Weighted(sampler).fit_resample(X, y)
    np.testing.assert_array_equal(X_made, expected)
    assert y_made.tolist() == np.array(labels)[codes].tolist()
    assert y_made.dtype == y.dtype
    model = ResampledClassifier(
        LogisticRegression(), sampler, calibration_check=False
    ).fit(X, y)
    assert model.n_samples_fit_ == len(codes)
    found = getattr(model.resampler_, "sampling_strategy_", {})
    assert set(found) <= set(labels)
    assert model.resampler_.sampling_strategy == sampler.sampling_strategy


def test_a_class_that_is_not_there_is_not_taken_for_a_code():
    sampler = clone(HARDNESS).set_params(sampling_strategy={0: 50})
    with pytest.raises(ValueError, match="'0'} target class is/are not present"):
        Weighted(sampler).fit_resample(numbers(), np.where(Y, 7, 5))
