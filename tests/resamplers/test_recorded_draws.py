"""Explicit factors and strategies keep their rows and weights over all changes."""

import json
from pathlib import Path

import numpy as np
import pytest

from skstrat import ClassWeight, CombinedResample, DownsampleUpweight, RandomOversample

RECORD = Path(__file__).with_name("recorded_draws.json")

N_ROWS = 160
_rng = np.random.default_rng(11)
X = _rng.normal(size=(N_ROWS, 3))
TWO = np.where(np.arange(N_ROWS) % 9 == 4, "fraud", "ok")
THREE = np.repeat([3, 7, 8], [100, 50, 10])[_rng.permutation(N_ROWS)]
WEIGHTS = np.round(_rng.uniform(0.5, 3, size=N_ROWS), 3)
HOLES = np.where(np.arange(N_ROWS) % 7 == 2, 0.0, WEIGHTS)
STRATA = np.array(["north", "south", "west"])[np.arange(N_ROWS) * 5 % 8 % 3]
GROUPS = np.arange(N_ROWS) // 4
AMOUNT = np.round(np.exp(_rng.normal(size=N_ROWS)) + 0.25, 3)
LABEL_SETS = _rng.uniform(size=(N_ROWS, 4)) < [0.5, 0.2, 0.06, 0.6]

DOWN, OVER, BOTH = DownsampleUpweight, RandomOversample, CombinedResample
SEED = {"random_state": 5}
LONG = {"random_state": 2**63 + 12345}

# Name, resampler, labels, incoming weights.
CASES = [
    ("down factor", DOWN(factor=5, weighting="original", **SEED), TWO, None),
    ("down long seed", DOWN(factor=5, weighting="original", **LONG), TWO, None),
    ("down weights", DOWN(factor=3.7, weighting="original", **SEED), TWO, WEIGHTS),
    ("down zero weights", DOWN(factor=4, weighting="original", **SEED), TWO, HOLES),
    ("down three", DOWN(factor=10, weighting="original", **SEED), THREE, None),
    (
        "down by name",
        DOWN(factor={3: 9, 7: 2.5}, weighting="original", **SEED),
        THREE,
        None,
    ),
    ("down balanced", DOWN(factor=6, weighting="balanced", **SEED), TWO, WEIGHTS),
    ("down uniform", DOWN(factor=6, weighting="uniform", **SEED), TWO, WEIGHTS),
    ("down literal", DOWN(factor=6, weighting="factor", **SEED), TWO, WEIGHTS),
    ("down shares", DOWN(factor=6, weighting={"ok": 3, "fraud": 1}, **SEED), TWO, None),
    (
        "down ratio",
        DOWN(sampling_strategy=0.4, weighting="original", **SEED),
        THREE,
        None,
    ),
    (
        "down all",
        DOWN(sampling_strategy="all", weighting="original", **SEED),
        THREE,
        None,
    ),
    (
        "down majority",
        DOWN(sampling_strategy="majority", weighting="original", **SEED),
        THREE,
        HOLES,
    ),
    (
        "down rows",
        DOWN(sampling_strategy={"ok": 30}, weighting="original", **SEED),
        TWO,
        None,
    ),
    ("over times", OVER(times=2.6, weighting="original", **SEED), TWO, WEIGHTS),
    ("over uniform", OVER(times=3, weighting="uniform", **SEED), TWO, HOLES),
    (
        "over auto",
        OVER(sampling_strategy="auto", weighting="uniform", **SEED),
        THREE,
        None,
    ),
    (
        "over ratio",
        OVER(sampling_strategy=0.6, weighting="balanced", **SEED),
        THREE,
        WEIGHTS,
    ),
    ("over by name", OVER(times={8: 4.5}, weighting="factor", **SEED), THREE, None),
    ("both", BOTH(balance=0.5, weighting="balanced", **SEED), TWO, None),
    ("both equal", BOTH(balance=1.0, weighting="original", **SEED), THREE, WEIGHTS),
    (
        "both rows",
        BOTH(sampling_strategy={3: 20, 8: 25}, weighting="uniform", **SEED),
        THREE,
        None,
    ),
    ("class weight", ClassWeight("balanced"), THREE, WEIGHTS),
    ("strata", DOWN(factor=5, weighting="original", strata=STRATA, **SEED), TWO, None),
    (
        "strata weights",
        DOWN(factor=3, weighting="balanced", strata=STRATA, **SEED),
        THREE,
        HOLES,
    ),
    (
        "strata over",
        OVER(times=2.5, weighting="uniform", strata=STRATA, **SEED),
        TWO,
        None,
    ),
    (
        "strata of amount",
        DOWN(sampling_strategy=0.5, weighting="original", strata=STRATA, **SEED),
        AMOUNT,
        WEIGHTS,
    ),
    (
        "groups",
        DOWN(factor=3, weighting="original", groups=GROUPS, **SEED),
        TWO,
        WEIGHTS,
    ),
    (
        "groups and strata",
        DOWN(factor=2, weighting="original", groups=GROUPS, strata=GROUPS % 2, **SEED),
        TWO,
        None,
    ),
    (
        "groups both",
        BOTH(balance=0.4, weighting="original", groups=GROUPS, **SEED),
        TWO,
        None,
    ),
    (
        "label sets",
        DOWN(factor=4, weighting="original", **SEED),
        LABEL_SETS.astype(int),
        None,
    ),
    (
        "label sets weights",
        DOWN(factor={0: 3, 3: 5}, weighting="original", **SEED),
        LABEL_SETS.astype(int),
        HOLES,
    ),
    (
        "label sets literal",
        DOWN(factor=4, weighting="factor", **SEED),
        LABEL_SETS.astype(int),
        WEIGHTS,
    ),
]


@pytest.mark.parametrize(
    ("name", "resampler", "y", "weights"),
    CASES,
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_rows_and_weights_are_as_recorded(name, resampler, y, weights):
    expected = json.loads(RECORD.read_text(encoding="utf-8"))[name]
    X_res, y_res, w = resampler.fit_resample(X, y, sample_weight=weights)
    assert resampler.sample_indices_.tolist() == expected["rows"]
    np.testing.assert_array_equal(X_res, X[expected["rows"]])
    np.testing.assert_array_equal(y_res, y[expected["rows"]])
    np.testing.assert_allclose(w, expected["weights"], rtol=1e-12)


def test_every_recorded_draw_is_tested():
    assert len(CASES) >= 30
    assert {case[0] for case in CASES} == set(
        json.loads(RECORD.read_text(encoding="utf-8"))
    )
