"""Which fit parameters follow the rows, and which stay as they are."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from skstrat import ClassWeight, DownsampleUpweight, RandomOversample, make_pipeline
from skstrat.resamplers._any_sampler import resample
from skstrat.resamplers._fit_params import resample_fit_params

Y = np.random.default_rng(0).permutation(np.repeat([0, 1], [90, 10]))
X = np.random.default_rng(1).normal(size=(100, 2))
X[:, 0] = np.arange(100)
VALUES = np.arange(100) * 10
LONG = list(range(100))
DOWN = DownsampleUpweight(factor=5, random_state=0)
# One value per row.
CONTAINERS = [
    VALUES,
    VALUES.tolist(),
    tuple(VALUES.tolist()),
    sparse.csr_array(VALUES[:, np.newaxis]),
    pd.DataFrame({"a": VALUES}),
    pl.Series(VALUES),
    pl.DataFrame({"a": VALUES}),
    pa.array(VALUES),
    pa.table({"a": VALUES}),
]


@pytest.mark.parametrize(
    ("resampler", "weighted"),
    [
        (DOWN, True),
        (RandomOversample(random_state=0), False),
        (make_pipeline(ClassWeight(), DownsampleUpweight(factor=3)), True),
        (ClassWeight(), True),
        (None, True),
    ],
    ids=["down", "over", "pipeline", "class weight", "none"],
)
def test_values_follow_their_rows_in_every_container(resampler, weighted):
    # Rows of zero weight are left out before: places are those in X all the same.
    weights = np.where(np.arange(100) % 7 == 0, 0.0, 1.0) if weighted else None
    resampled = resample(resampler, X, Y, weights)
    assert len(resampled.X) != len(X)
    for container in CONTAINERS:
        given = {"init_score": container, "step__offset": container}
        for value in resample_fit_params(given, resampled, 100).values():
            assert type(value) is type(container)
            values = value.toarray() if sparse.issparse(value) else np.asarray(value)
            found = values.reshape(len(resampled.X), -1)[:, 0]
            np.testing.assert_array_equal(found, 10 * resampled.X[:, 0])


def test_what_is_no_value_per_row_stays_the_same_object():
    names = "eval_X eval_set base_margin_eval_set y_valid callbacks cat_features"
    names += " categorical_feature feature_name model__eval_set"
    given = {
        **dict.fromkeys(names.split(), LONG),
        "of_another_length": LONG[1:],
        "text": "x" * 100,
        "by_name": {"a": LONG},
        "function": len,
        "none": None,
        "number": 100,
    }
    taken = resample_fit_params(given, resample(DOWN, X, Y, None), 100)
    assert all(taken[name] is value for name, value in given.items())
    unmoved = resample(ClassWeight(), X, Y, None)
    assert resample_fit_params({"group": LONG}, unmoved, 100)["group"] is LONG
