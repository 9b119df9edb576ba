"""The benchmark of the certificate judges by the loss itself."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

pytest.importorskip("pandas", minversion="2.3")

BENCHMARKS = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch):
    """Give the module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module("bench_certificate")


@pytest.mark.parametrize("n_classes", [2, 3])
def test_losses_are_those_of_the_probabilities(bench, n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = rng.integers(n_classes, size=300)
    model = LogisticRegression(C=0.1).fit(X, y)
    plain, penalised = bench.losses(model, X, y)
    assert plain == pytest.approx(300 * log_loss(y, model.predict_proba(X)))
    assert penalised - plain == pytest.approx(5 * (model.coef_**2).sum())


def test_every_other_table_is_ill_conditioned(bench):
    kinds = [bench.generate(seed)[0] for seed in range(8)]
    assert kinds[::2] == ["plain"] * 4
    assert sorted(kinds[1::2]) == sorted(bench.ILL)


def test_a_case_is_judged_by_what_it_says(bench):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4_000, 2))
    y = (rng.logistic(size=4_000) < X[:, 0] - 2).astype(int)
    found = bench.judge("small", X, y, 4.0, 1.0)
    assert found["converged"]
    assert found["verdict"] == "pass"
    assert found["before"] >= found["after"] == pytest.approx(1, abs=bench.GOAL)
    assert bench.judge("whole", X, y, 1.0, 1.0) is None


def test_the_results_hold_what_they_say(bench):
    results = json.loads(bench.RESULTS.read_text(encoding="utf-8"))
    generated = [case for case in results["cases"] if "generated" in case["case"]]
    assert len(generated) == 50
    said = [case for case in results["cases"] if case["converged"]]
    assert max(abs(case["after"] - 1) for case in said) <= bench.GOAL
    assert {case["columns"] for case in results["timed"]} == {10, 40, 200}
