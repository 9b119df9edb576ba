"""The example of Spark runs, and its results hold what they say."""

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

BENCHMARKS = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.skipif(
    not (os.environ.get("JAVA_HOME") or shutil.which("java")), reason="Spark needs Java"
)
def test_the_example_trains_from_the_rows_of_numpy(tmp_path):
    pytest.importorskip("pyspark")
    written = tmp_path / "spark.json"
    settings = "--rows", "30000", "--rounds", "1", "--json", written
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "bench_spark.py", *settings],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(written.read_text(encoding="utf-8"))["spark"]
    assert found["same_rows_as_numpy"]
    assert found["kept_again"]["plan"] == 1
    assert found["total_weight"] == pytest.approx(30_000, rel=1e-9)


def test_results_and_functions_need_no_java(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    bench = import_module("bench_spark")
    found = json.loads(bench.RESULTS.read_text(encoding="utf-8"))["spark"]
    assert found["rows"] == 10_000_000
    assert found["same_rows_as_numpy"]
    assert 0.8 < found["mean_p_over_prevalence"] < 1.25
    assert found["kept_again"]["plan"] == 1 > found["kept_again"]["sampleBy"]
