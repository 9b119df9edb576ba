"""The benchmark of the verdict counts as the verdict does."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from skstrat import Strategy
from skstrat.model_selection._outcome import Outcome
from skstrat.model_selection._verdict import judge

BENCHMARKS = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch):
    """Give the module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module("bench_verdict")


def test_leads_and_critical_lead_are_those_of_the_verdict(bench):
    rng = np.random.default_rng(0)
    losses = rng.normal(size=(1, 4, 3))
    outcomes = [
        Outcome(Strategy(f"{n}"), {"loss": each}, losses, losses, 1 / 3)
        for n, each in enumerate(losses[0].T)
    ]
    verdict = judge(outcomes, "loss", loss=True)
    leads = bench.leads(losses[..., 1:] - losses[..., :1])[0]
    assert list(verdict.statistic.values()) == pytest.approx(leads.tolist())
    assert verdict.critical == bench.critical_lead(4, 2)


@pytest.mark.parametrize("shape", ["normal", "heavy", "skew 1"])
def test_drawn_folds_have_mean_zero_variance_one_and_their_correlations(bench, shape):
    rng = np.random.default_rng(0)
    size = (20_000, 2, 2)
    drawn = bench.draw_folds(rng, shape, size, 0.5, 0.5).reshape(-1, 4)
    if shape == "heavy":
        # Its variance is one, but its fourth moment is infinite.
        drawn = drawn.clip(-10, 10)
    assert drawn.mean(axis=0) == pytest.approx(0, abs=0.04)
    assert drawn.std(axis=0) == pytest.approx(1, abs=0.06)
    # Columns are fold and strategy; the first two are one fold.
    found = np.corrcoef(drawn.T)
    assert found[0, 1] == pytest.approx(0.5, abs=0.06)
    assert found[0, 2] == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("name", ["weak", "strong"])
def test_shifted_strategies_are_as_good_as_the_true_distribution(bench, name):
    drawn = bench.draw_shifts(np.random.default_rng(0), *bench.SHIFTS[name])
    means = []
    for _ in range(40):
        y, losses = next(drawn)
        assert y.mean() == 0.1
        means.append(losses[1:].mean() - losses[0].mean())
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert abs(np.mean(means)) < 3 * error


def test_the_results_hold_what_they_say(bench):
    results = json.loads(bench.RESULTS.read_text(encoding="utf-8"))
    cases = results["cases"]
    judged = [case for case in cases if case["verdict"] != "-"]
    assert len(judged) == 48 + 3 * len(bench.FITS) + len(bench.SHIFTS)
    for case in judged:
        assert case["verdict"] == "pass"
        for rule in ("any", "rows"):
            if case[rule] is not None:
                assert case[rule] <= 0.1 + 3 * case[f"{rule}_se"]
    shifts = [case for case in judged if case["data"].startswith("shift")]
    # By the correlation of rows alone, 2.05 would be enough.
    assert min(case["critical_rows"] for case in shifts) > 3
    # By one standard error, with folds taken as independent.
    old = {
        case["strategies"]: case
        for case in cases
        if (case["data"], case["folds"], case["correlation"]) == ("normal", 5, 0.5)
    }
    for n_strategies, share in ((1, 0.19), (5, 0.45), (15, 0.63)):
        case = old[n_strategies]
        margin = 0.005 + 3 * case["old_apart_se"]
        assert case["old_apart"] == pytest.approx(share, abs=margin)
        assert case["old"] > share
