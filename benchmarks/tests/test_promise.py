"""No cell of host, sampler and learner whose cause is known is silently wrong."""

import json
from collections import Counter
from importlib import import_module
from itertools import combinations, product
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1]
PARTS = 8


@pytest.fixture
def promise(monkeypatch):
    """Give the module of the cells."""
    for library in ("catboost", "dask", "lightgbm", "pandas", "xgboost"):
        pytest.importorskip(library)
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module("promise")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_known_cause_is_silent(promise, part):
    outcomes = [promise.try_cell(*cell) for cell in promise.list_cells()[part::PARTS]]
    known = [each for each in outcomes if each.cause]
    assert [each for each in known if each.verdict == "silent"] == []
    warned = [each for each in known if each.verdict == "warned"]
    assert [each for each in warned if not promise.is_told(each)] == []


def test_results_hold_no_traceback():
    for path in (BENCHMARKS / "results").rglob("*.json"):
        assert "Traceback" not in path.read_text(encoding="utf-8"), path.name


@pytest.mark.slow
def test_cells_hold_all_pairs(promise):
    cells = promise.list_cells()
    assert len(cells) >= 300
    everything = product(promise.HOSTS, promise.SAMPLERS, promise.LEARNERS)
    possible = [cell for cell in everything if promise.applies(*cell)]
    for one, other in combinations(range(3), 2):
        found = {(cell[one], cell[other]) for cell in cells}
        assert found == {(cell[one], cell[other]) for cell in possible}


@pytest.mark.slow
def test_the_table_is_of_these_cells(promise):
    written = json.loads((BENCHMARKS / "results" / "promise.json").read_text())
    names = [(row["host"], row["sampler"], row["learner"]) for row in written]
    assert names == promise.list_cells()
    counts = Counter((bool(row["cause"]), row["verdict"]) for row in written)
    assert counts[True, "silent"] == 0
