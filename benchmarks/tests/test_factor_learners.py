"""The benchmark of recommended factors for trees counts what it says."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

pytest.importorskip("pandas", minversion="2.3")
pytest.importorskip("lightgbm")

BENCHMARKS = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch):
    """Give the module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module("factor_learners")


def test_counts_on_paper(bench):
    rows = [
        {"kept": kept, "factor": factor, "observed": observed, "n_rows": n, "time": 0.3}
        for kept, factor, observed, n in [
            ("uniform", 2, 0.02, 60_000),
            ("uniform", 2, -0.1, 1000),
            ("uniform", 1, 0.5, 60_000),
            ("guided", 2, 0.01, 1000),
        ]
    ]
    found = bench.summarise(rows)
    assert list(found["uniform"].values()) == [2, 1, 0.02, 0.3, 0.3]
    assert list(found["guided"].values()) == [1, 1, 0.01, None, None]


def test_both_ways_are_tried_and_scored_by_the_truth(bench):
    setting = bench.Setting(30_000, 0.05, 1.0, crooked=False)
    X, y, fresh, p = bench.generate(setting, seed=0)
    assert abs(y.mean() - 0.05) < 5 * (0.05 / len(y)) ** 0.5
    cells = list(bench.compare(GaussianNB(), X, y, fresh, bench.score_by(p), seed=0))
    assert [cell["kept"] for cell in cells] == ["uniform", "guided"]
    assert all(cell["factor"] >= 1 and cell["rows"] >= 10_000 for cell in cells)
    true = bench.score_by(p)(np.column_stack([1 - p, p]))
    assert true.mean_p == pytest.approx(1)
    assert true.loss < bench.score_by(p)(np.column_stack([1 - p / 2, p / 2])).loss


def test_the_results_are_of_their_rows(bench):
    results = json.loads(bench.RESULTS.read_text(encoding="utf-8"))
    assert results["summary"] == bench.summarise(results["rows"])
