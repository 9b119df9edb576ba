"""The frontier's harness measures, merges and judges what it says."""

import json
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import log_loss

pytest.importorskip("lightgbm")
pytest.importorskip("matplotlib")
pytest.importorskip("pandas", minversion="2.3")

BENCHMARKS = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch):
    """Give the modules, by the part of their names that tells them apart."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    names = ("bench_frontier", "frontier_arms", "frontier_report", "plot_frontier")
    return SimpleNamespace(
        **{
            name.replace("frontier", "").strip("_"): import_module(name)
            for name in names
        }
    )


def row_of(arm, loss, cpu, mean_p=1.0, rows="uniform", **other):
    """Give a row of results as three equal splits would."""
    of_splits = {
        "cpu_s": cpu,
        "cpu_over_full": cpu,
        "log_loss": loss,
        "loss_over_full": loss,
        "loss_se_of_rows": 0.0,
        "mean_p_over_prevalence": mean_p,
        "mean_p_se_of_rows": 0.0,
        "slope": 1.0,
        "auc_difference": 0.0,
        "ap_difference": 0.0,
        "rows_trained": 10,
        "choice": None,
    }
    if arm == "auto":
        words = {"correction": "none", "certificate": False, "predicted_loss": None}
        of_splits["choice"] = {"rows": rows, "factor": 2.0, **words}
    row = {"set": "a", "model": "logistic", "arm": arm, "warned": {}, "rows": 60_000}
    row |= {"training_rows": 60_000, **{key: [v] * 3 for key, v in of_splits.items()}}
    return row | other


@pytest.mark.slow
def test_two_arms_are_measured_merged_and_drawn(bench, tmp_path, capsys):
    path, picture = tmp_path / "new" / "frontier.json", tmp_path / "new" / "it.png"
    options = ["--rows", "3000", "--models", "logistic", "--json", str(path), "--arms"]
    for arm in ("uniform 5", "pilot alone"):
        assert bench.bench.main([*options, arm]) == 0
    assert bench.bench.main(["--rows", "--json", str(path)]) == 0
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert [row["arm"] for row in rows] == ["full", "uniform 5", "pilot alone"] * 2
    for row in rows:
        assert row["training_rows"] == 3000
        assert len(row["log_loss"]) == len(row["cpu_s"]) == 3
        assert set(row["warned"]) <= {"CalibrationWarning"}
        if row["arm"] == "full":
            assert row["loss_over_full"] == row["cpu_over_full"] == [1, 1, 1]
        if row["arm"] == "uniform 5":
            assert 600 < max(row["rows_trained"]) < 800
    assert "not measured" in capsys.readouterr().out
    bench.plot.main(["--json", str(path), "--output", str(picture)])
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_predictions_are_judged_as_others_judge_them(bench):
    rng = np.random.default_rng(0)
    p = rng.random(400)
    y = (rng.random(400) < p).astype(int)
    run = {"p": p, "cpu_s": 1.0, "rows_trained": 9, "choice": None}
    full = {**run, "p": np.full(400, y.mean()), "cpu_s": 4.0}
    found = bench.bench.judge(run, full, y)
    assert found["log_loss"] == pytest.approx(log_loss(y, p))
    assert found["loss_over_full"] == pytest.approx(
        log_loss(y, p) / log_loss(y, full["p"])
    )
    assert found["cpu_over_full"] == 0.25
    # The spread over samples of the same rows is an independent witness.
    own, whole = (-np.log(np.where(y, q, 1 - q)) for q in (p, full["p"]))
    again = [
        own[pick].mean() / whole[pick].mean()
        for pick in rng.integers(400, size=(300, 400))
    ]
    assert found["loss_se_of_rows"] == pytest.approx(np.std(again), rel=0.2)


def test_standard_errors_on_paper(bench):
    # From three splits on 1 / sqrt(3); fewer: of the rows, sqrt(3² + 4²) / 2.
    error = bench.report.standard_error
    assert error([1.0, 2.0, 3.0], [9.0, 9.0, 9.0]) == pytest.approx(3**-0.5)
    assert error([1.0, 2.0], [3.0, 4.0]) == 2.5


@pytest.mark.parametrize(
    ("auto", "under", "met"),
    [
        ({"loss": 1.009, "cpu": 0.4}, {"loss": 1.2, "cpu": 0.35}, [1, 1, 1, 1]),
        ({"loss": 1.02, "cpu": 0.4}, {"loss": 1.2, "cpu": 0.35}, [0, 1, 1, 1]),
        ({"loss": 1, "cpu": 0.4, "mean_p": 0.9}, {"loss": 2, "cpu": 1}, [0, 1, 1, 1]),
        ({"loss": 1.0, "cpu": 0.6}, {"loss": 1.2, "cpu": 0.5}, [1, 0, 1, 1]),
        # Under-sampling beats "auto", and another arm is as good as under-sampling.
        ({"loss": 1.0, "cpu": 0.4}, {"loss": 1.0, "cpu": 0.35}, [1, 1, 0, 1]),
        ({"loss": 1.0, "cpu": 0.4}, {"loss": 0.9, "cpu": 0.2}, [1, 1, 0, 0]),
        # All rows were kept, so nothing was promised but the comparison.
        ({"loss": 1.0, "cpu": 1.0, "rows": "all"}, {"loss": 2, "cpu": 2}, [2, 2, 1, 1]),
    ],
)
def test_promises_on_paper(bench, auto, under, met):
    rows = [
        row_of("full", 1.0, 1.0),
        row_of("auto", **auto),
        row_of("uniform 20", loss=1.0, cpu=0.3),
        row_of(bench.arms.UNDER[20], **under),
    ]
    verdicts = bench.report.judge_promises(rows)
    words = {True: 1, False: 0, None: 2}
    found = [words[verdict.met] for verdict in verdicts]
    assert found == [*met[:2], 2, *met[2:]]
    assert bench.report.print_report(rows) == (0 not in met)


def test_two_million_rows_take_a_tenth(bench):
    for cpu, met in ((0.1, True), (0.11, False)):
        rows = [
            row_of(arm, 1.0, each, training_rows=2_000_000)
            for arm, each in (("full", 1.0), ("auto", cpu))
        ]
        assert bench.report.judge_promises(rows)[2].met is met


def test_the_frontier_has_the_points_that_nothing_beats(bench):
    points = [(1, 1.0), (0.1, 1.2), (0.5, 1.3), (2, 1.0), (0.2, 1.1), (3, 0.9)]
    assert bench.plot.frontier(points) == [(0.1, 1.2), (0.2, 1.1), (1, 1.0), (3, 0.9)]
