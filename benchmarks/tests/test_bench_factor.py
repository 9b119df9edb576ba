"""The benchmark of the recommended factor averages and sums up what was found."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pandas", minversion="2.3")

BENCHMARKS = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch):
    """Give the module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module("bench_factor")


def test_runs_are_averaged_and_summed_up_on_paper(bench):
    base = {"asked": "1 %", "factor": 4.0, "rows": 90.0, "low": 0.0, "high": 0.02}
    runs = [
        {**base, "predicted": 0.01, "observed": 0.01},
        {**base, "predicted": 0.01, "observed": 0.02},
    ]
    (row,) = bench.average("generated: a", "logistic", runs)
    assert (row["predicted"], row["observed"]) == (0.01, 0.015)
    assert row["error"] == pytest.approx(0.005)
    found = bench.summarise([row, {**row, "factor": 1.0}])
    assert found["cells"] == 1
    assert found["largest of generated data"] == 0.015
    assert found["within the range"] == "1 of 1"
    error = found["median error of the predicted excess, relative to it"]
    assert error == pytest.approx(0.5)
    assert bench.in_percent(row)["observed"] == pytest.approx(1.5)


def test_the_loss_of_the_truth_is_the_least(bench):
    setting = replace(bench.SETTINGS[0], rows=5000)
    X, y, fresh, p = bench.generate(setting, 0)
    assert (X.shape, fresh.shape) == ((5000, 10), (bench.TEST_ROWS, 10))
    # Of 5,000 rows the expected number of positives is that of the setting.
    assert y.sum() == pytest.approx(setting.positives, abs=5 * 1000**0.5)

    class Known:
        def __init__(self, p):
            self.p = p

        def predict_proba(self, X):
            return np.column_stack([1 - self.p, self.p])

    least = bench.true_loss(Known(p), fresh, p)
    for wrong in (p * 0.9, np.full(len(p), p.mean())):
        assert bench.true_loss(Known(wrong), fresh, p) > least
