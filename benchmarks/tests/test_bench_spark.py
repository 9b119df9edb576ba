"""The results of the example of Spark hold what they say; tests/_core runs it."""

import json
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

BENCHMARKS = Path(__file__).parents[1]


def test_results_and_functions_need_no_java(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    bench = import_module("bench_spark")
    found = json.loads(bench.RESULTS.read_text(encoding="utf-8"))["spark"]
    assert found["rows"] == 10_000_000
    assert found["same_rows_as_numpy"]
    assert 0.8 < found["mean_p_over_prevalence"] < 1.25
    assert found["kept_again"]["plan"] == 1 > found["kept_again"]["sampleBy"]
