"""The benchmark of boosters measures every arm, and its tables are of its runs."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

for library in ("lightgbm", "xgboost", "catboost"):
    pytest.importorskip(library)
pytest.importorskip("pandas", minversion="2.3")

BENCHMARKS = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch):
    """Give the module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module("bench_boosters")


def few_rows(rng, n_rows):
    X = rng.normal(size=(n_rows, 3))
    return X, (rng.random(n_rows) < 1 / (1 + np.exp(2.5 - X[:, 0]))).astype(int)


@pytest.mark.slow
def test_every_arm_is_measured(bench):
    rng = np.random.default_rng(0)
    settings = bench.Settings(0.3, 3, 6, 2, rows_predicted=50, repeats=1)
    runs = bench.measure_split(
        few_rows(rng, 800), few_rows(rng, 400), settings, seed=0, turn=0
    )
    # Boosters, stopping or not, all rows or a way to have fewer.
    assert len(runs) == 3 * 2 * (1 + 2 * 2 * 2)
    assert len(bench.summarise(runs)) == len(runs)
    for run in runs:
        assert 1 <= run["trees"] <= (6 if run["stopping"] else 3)
        # So few trees are off, and say so; nothing else may be.
        assert set(run["warned"]) <= {"CalibrationWarning"}
        assert (run["rows_trained"] == 800) == (run["rows"] == "all")
        if run["rows"] == "all":
            assert run["log_loss_over_all_rows"] == 1
        if run["rows"] == "uniform":
            # The correction of uniform rows is the same in either place.
            assert run["log_loss_over_outside"] == pytest.approx(1, abs=1e-5)


def test_medians_on_paper(bench):
    arm = dict.fromkeys(bench.ARM, "one")
    runs = [
        {**arm, "seconds": seconds, "warned": said}
        for seconds, said in [(1.0, []), (3.0, ["B"]), (2.0, ["B", "A"])]
    ]
    expected = {**arm, "of": 3, "seconds": 2.0, "warned": ["A", "B"]}
    assert bench.summarise(runs) == [expected]


def test_a_factor_is_at_most_that_of_the_classes(bench):
    arms = {
        ratio: set(bench.make_fits("xgboost", False, bench.SETS, ratio, 0))
        for ratio in (3, 7)
    }
    assert {factor for factor, *_ in arms[3]} == {1, 5}
    assert {factor for factor, *_ in arms[7]} == {1, 5, 20}


def test_the_table_is_that_of_the_sets(bench):
    written = json.loads(bench.RESULTS.read_text(encoding="utf-8"))
    assert bench.summarise(written["sets"]["by_set"]) == written["sets"]["table"]
    assert len(written["generated"]["table"]) == 3 * 2 * 9
