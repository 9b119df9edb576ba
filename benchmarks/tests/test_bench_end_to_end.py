"""The end-to-end benchmark, started as a process on few rows."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
BENCHMARKS = Path(__file__).parents[1]
ARMS = {
    "full data",
    "imbalanced-learn, 1:1",
    "Pipeline, factor 20, weights",
    "ResampledClassifier, factor 20",
    "ResampledClassifier, factor 100",
}
SMALL = ["--rows", "20000", "--rounds", "1", "--threads", "1", "--model", "logistic"]


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", BENCHMARKS / script, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "new" / "end_to_end.json"
    return run("bench_end_to_end.py", *SMALL, "--json", path), path


def test_every_arm_is_measured(small_run):
    process, path = small_run
    # A goal may be missed on so few rows, but nothing else may go wrong.
    assert process.returncode in (0, 1), process.stderr
    assert process.stderr == ""
    result = json.loads(path.read_text(encoding="utf-8"))
    assert {row["arm"] for row in result["arms"]} == ARMS
    ratio_of = {row["arm"]: row["mean_p_over_prevalence"] for row in result["arms"]}
    for row in result["arms"]:
        # So few rows leave some models off, and these say so.
        off = ratio_of[row["arm"]] > 1.25 * ratio_of["full data"]
        checked = row["arm"].startswith("ResampledClassifier")
        assert row["warned"] == ["CalibrationWarning"] * (off and checked)
        assert row["wall_s"] > 0
        assert row["cpu_s"] > 0
        assert 0.5 < row["roc_auc"] <= 1
        assert math.isfinite(row["log_loss"])
        assert math.isfinite(row["mean_p_over_prevalence"])
        assert row["arm"] in process.stdout


def test_the_exit_code_tells_of_missed_goals(small_run):
    process, path = small_run
    goals = json.loads(path.read_text(encoding="utf-8"))["goals"]
    assert [goal["model"] for goal in goals] == ["logistic", "logistic"]
    assert process.returncode == (0 if all(goal["met"] for goal in goals) else 1)


def test_full_data_is_the_unit(small_run):
    _, path = small_run
    full = json.loads(path.read_text(encoding="utf-8"))["arms"][0]
    ratios = ("wall_times_less", "cpu_times_less", "log_loss_ratio")
    assert [full[key] for key in ratios] == [1, 1, 1]
