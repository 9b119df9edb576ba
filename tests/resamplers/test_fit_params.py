"""Which fit parameters follow the rows, and which stay as they are."""

import re

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import ClusterCentroids
from scipy import sparse

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    RandomOversample,
    Weighted,
    make_pipeline,
)
from skstrat.resamplers._any_sampler import resample
from skstrat.resamplers._fit_params import resample_fit_params


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [90, 10]))
    return rng.normal(size=(len(y), 2)), y


def containers(numbers):
    """One value per row in every kind of container that is installed."""
    yield numbers
    yield numbers.tolist()
    yield tuple(numbers.tolist())
    yield sparse.csr_array(numbers[:, np.newaxis])
    yield np.column_stack([numbers, numbers])
    for library, make in (
        ("pandas", lambda module: module.Series(numbers[::-1].copy())[::-1]),
        ("pandas", lambda module: module.DataFrame({"a": numbers})),
        ("polars", lambda module: module.Series(numbers)),
        ("polars", lambda module: module.DataFrame({"a": numbers})),
        ("pyarrow", lambda module: module.array(numbers)),
        ("pyarrow", lambda module: module.table({"a": numbers})),
    ):
        try:
            module = __import__(library)
        except ModuleNotFoundError:
            continue
        yield make(module)


def read(container):
    """Give the first column as numbers."""
    values = container.toarray() if sparse.issparse(container) else container
    values = np.asarray(values)
    return values[:, 0] if values.ndim == 2 else values


@pytest.mark.parametrize(
    ("resampler", "weighted"),
    [
        (DownsampleUpweight(factor=5, random_state=0), True),
        (RandomOversample(random_state=0), False),
        (make_pipeline(ClassWeight(), DownsampleUpweight(factor=3)), True),
        (ClassWeight(), True),
        (None, True),
    ],
    ids=["down", "over", "pipeline", "class weight", "none"],
)
def test_values_follow_their_rows_in_every_container(data, resampler, weighted):
    X, y = data
    X[:, 0] = np.arange(len(y))
    # Rows of zero weight are left out before: places are those in X all the same.
    weights = np.where(np.arange(len(y)) % 7 == 0, 0.0, 1.0) if weighted else None
    resampled = resample(resampler, X, y, weights)
    assert len(resampled.X) != len(X)
    for container in containers(np.arange(len(y)) * 10):
        given = {"init_score": container, "step__offset": container}
        taken = resample_fit_params(given, resampled, len(y))
        for value in taken.values():
            assert type(value) is type(container)
            np.testing.assert_array_equal(read(value), 10 * resampled.X[:, 0])


def test_what_is_no_value_per_row_stays_the_same_object(data):
    X, y = data
    resampled = resample(DownsampleUpweight(factor=5), X, y, None)
    long = list(range(len(y)))
    given = {
        **dict.fromkeys(
            ("eval_X", "eval_set", "base_margin_eval_set", "y_valid", "callbacks"), long
        ),
        **dict.fromkeys(("cat_features", "categorical_feature", "feature_name"), long),
        "model__eval_set": long,
        "of_another_length": long[1:],
        "text": "x" * len(y),
        "by_name": {"a": long},
        "function": len,
        "none": None,
        "number": 100,
    }
    taken = resample_fit_params(given, resampled, len(y))
    assert all(taken[name] is value for name, value in given.items())
    unmoved = resample(ClassWeight(), X, y, None)
    assert resample_fit_params({"group": long}, unmoved, len(y))["group"] is long


@pytest.mark.parametrize(
    ("sampler", "cause"),
    [
        (Weighted(SMOTE(random_state=0)), "Weighted made 80 rows that have none"),
        (ClusterCentroids(random_state=0), "ClusterCentroids does not say which"),
    ],
    ids=["made", "unknown"],
)
def test_values_of_rows_that_are_made_or_unknown_are_refused(data, sampler, cause):
    X, y = data
    resampled = resample(sampler, X, y, None)
    kept = resample_fit_params({"eval_set": [(X, y)]}, resampled, len(y), "model__")
    assert list(kept) == ["eval_set"]
    with pytest.raises(
        ValueError, match=f"^model__init_score must be .* got 100 values, but {cause}"
    ):
        resample_fit_params({"init_score": y}, resampled, len(y), "model__")


def test_places_and_numbers_of_rows_are_refused(data):
    X, y = data
    resampled = resample(DownsampleUpweight(factor=5), X, y, None)
    message = re.escape("model__group must not be given beside a resampler")
    with pytest.raises(ValueError, match=message):
        resample_fit_params({"group": [50, 50]}, resampled, len(y), "model__")
