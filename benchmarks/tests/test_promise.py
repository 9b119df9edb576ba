"""No combination of way, sampler and learner whose cause is known is silently wrong."""

import re
from itertools import combinations, product
from operator import itemgetter
from pathlib import Path

import pytest

PARTS = 8


@pytest.fixture
def promise(monkeypatch):
    """Give the module of the combinations."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    for library in ("dask", "catboost", "lightgbm", "pandas", "xgboost"):
        pytest.importorskip(library)
    return pytest.importorskip("promise")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_known_cause_is_silent(promise, part):
    for each in promise.combinations()[part::PARTS]:
        if (cause := promise.cause_of(*each)) is None:
            continue
        verdict, ratio, said = promise.judge(*each)
        assert verdict != "silent", (each, ratio)
        if verdict == "warned":
            # A sampler that may choose rows by their values is a cause of its own.
            sampler = type(promise.SAMPLERS[each[1]]).__name__
            told = f"{cause}|{sampler} (may have chosen|gives)|memorises"
            assert re.search(told, said), (each, said)


@pytest.mark.slow
def test_combinations_hold_all_pairs(promise):
    chosen = promise.combinations()
    everything = product(promise.WAYS, promise.SAMPLERS, promise.LEARNERS)
    possible = [each for each in everything if promise.applies(*each)]
    for pair in combinations(range(3), 2):
        of = itemgetter(*pair)
        assert set(map(of, chosen)) == set(map(of, possible))
    counts = pytest.importorskip("report").read("promise")["counts"]
    for way in promise.WAYS:
        assert sum(counts[way].values()) == sum(each[0] == way for each in chosen)
