"""What the questions of quality compute agrees with others, or with paper."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

BENCHMARKS = Path(__file__).parents[1]


@pytest.fixture
def load(monkeypatch):
    """Give a function that imports a benchmark, or skips where a library is absent."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return pytest.importorskip


def test_log_loss_and_its_error_are_those_of_others(load):
    frontier, rng = load("frontier"), np.random.default_rng(0)
    p = rng.random(400)
    y = (rng.random(400) < p).astype(int)
    model = type("Given", (), {"predict_proba": lambda _, p: np.stack([1 - p, p], 1)})
    run = frontier.measure_way(lambda _X, _y: model(), (p, y), (p, y))
    assert run["loss"].mean() == pytest.approx(log_loss(y, p))
    whole = np.full(400, log_loss(y, np.full(400, y.mean())))
    found, error = frontier.ratio(run["loss"], whole)
    assert found == pytest.approx(log_loss(y, p) / whole[0])
    # The spread over samples of the same rows is an independent witness.
    rows = rng.integers(400, size=(300, 400))
    again = [run["loss"][each].mean() / whole[0] for each in rows]
    assert error == pytest.approx(np.std(again), rel=0.2)


@pytest.mark.parametrize(
    ("loss", "mean_p", "good"), [(1.01, 1.04, 1), (1.02, 1.0, 0), (1.0, 0.9, 0)]
)
def test_rules_for_auto_on_paper(load, loss, mean_p, good):
    frontier = load("frontier")
    ways = {"all rows": {"cpu": 1, "loss": 1, "mean_p": 1.02}}
    ways['`"auto"`'] = {"cpu": 0.4, "loss": loss, "mean_p": mean_p}
    cell = {"model": "a", "set": "b", "rows": 60_000, "auto_dropped": True}
    cell |= {"auto_loss_se": 0, "auto_mean_p_se": 0, "ways": ways}
    said = frontier.said_of_auto([cell, cell | {"auto_dropped": False}])
    assert "in 1 of 2 pairs" in said
    assert f"In {good} of the 1 two rules" in said
    assert "took 0.40 to 0.40 of" in said


@pytest.mark.parametrize("n_classes", [2, 3])
def test_losses_of_the_certificate_are_those_of_probabilities(load, n_classes):
    certificate, rng = load("certificate"), np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), rng.integers(n_classes, size=300)
    model = LogisticRegression(C=0.1).fit(X, y)
    penalised, plain = certificate.losses(model, X, y)
    assert plain == pytest.approx(300 * log_loss(y, model.predict_proba(X)))
    assert penalised - plain == pytest.approx(5 * (model.coef_**2).sum())


@pytest.mark.parametrize("shape", ["linear", "heavy tails", "few columns"])
def test_generated_rows_have_the_share_asked_for(load, shape):
    factor = load("factor")
    X, y, fresh, truth = factor.generate(shape, 5_000, 0.1, 10, 1.0, seed=0)
    assert (X.shape, fresh.shape) == ((5_000, 10), (factor.FRESH, 10))
    assert y.mean() == pytest.approx(0.1, abs=5 * (0.09 / 5_000) ** 0.5)
    assert truth[:, 1].mean() == pytest.approx(0.1, abs=0.01)


def test_recall_and_precision_on_paper(load):
    check, fits = load("calibration_check"), []
    for off, warned in ((1, 1), (1, 0), (1, 1), (0, 1)):
        case = {"set": "a", "model": "b", "sampler": "c"}
        fits.append(case | {"off": off, "warned": warned})
    assert "| all | 4 | 3 | 67% | 67% |" in check.report({"fits": fits})


def test_medians_on_paper(load):
    harness, arm = load("harness"), {"booster": "one", "way": "two"}
    runs = [arm | {"seconds": seconds} for seconds in (1.0, 3.0, 2.0)]
    runs.append(arm | {"booster": "other", "seconds": 4.0})
    rows = [arm | {"seconds": 2.0}, arm | {"booster": "other", "seconds": 4.0}]
    assert harness.medians(runs, *arm) == rows


def test_a_model_is_judged_on_other_rows(load):
    harness, rng = load("harness"), np.random.default_rng(0)
    X, y = rng.normal(size=(300, 2)), rng.integers(2, size=300)
    train, test = (X[:200], y[:200]), (X[200:], y[200:])
    model, found = harness.judge(LogisticRegression().fit, train, test)
    p = model.predict_proba(test[0])[:, 1]
    assert found["log_loss"] == pytest.approx(log_loss(test[1], p))
    assert found["mean_p"] == pytest.approx(p.mean() / test[1].mean())
