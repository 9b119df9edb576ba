"""The benchmark of the check counts what it says, and its table is of its fits."""

import json
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
    return import_module("bench_calibration_check")


def test_counts_on_paper(bench):
    fits = [
        {"model": "tree", "way": "NearMiss", "set": "a", "off": off, "warned": warned}
        for off, warned in [(True, True), (True, False), (True, True), (False, True)]
    ]
    fits.append({"model": "tree", "way": "NearMiss", "set": "a", "refused": "no"})
    first = bench.summarise(fits)[0]
    assert list(first.values()) == ["all", 4, 3, 3, 2, 0.667, 0.667]


def test_every_way_is_tried(bench, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = (rng.random(400) < 0.3).astype(int)
    models = {name: bench.MODELS[name] for name in ("naive Bayes", "neighbours")}
    monkeypatch.setattr(bench, "MODELS", models)
    found = list(bench.measure(X, y))
    assert len(found) == 2 * (4 + 3)
    assert {each["way"] for each in found} == set(bench.WAYS)
    assert all(each["furthest"] >= 1 for each in found)


def test_the_table_is_that_of_the_fits(bench):
    written = json.loads(bench.RESULTS.read_text(encoding="utf-8"))
    assert bench.summarise(written["fits"]) == written["table"]
