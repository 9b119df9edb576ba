"""The benchmarks run, measure what they say, and the floor does the same work."""

import json
import subprocess
import sys
from importlib import import_module
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1]

pytest.importorskip("polars")
pytest.importorskip("pyarrow")
pytest.importorskip("pandas", minversion="2.3")  # strings with NaN for missing


@pytest.fixture
def bench(monkeypatch):
    """Give the module of the resampling benchmark."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    names = ("bench_resample", "cases", "tables", "timing", "floor")
    modules = [import_module(name) for name in names]
    return SimpleNamespace(
        **{k: v for module in modules for k, v in vars(module).items()}
    )


def run(name, path, *arguments):
    """Run a benchmark as people start it and read what it wrote."""
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, "--json", path, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done, json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_small_run_has_every_case(bench, tmp_path):
    done, written = run(
        "bench_resample.py", tmp_path / "r.json", "--max-rows", "2000", "--rounds", "1"
    )
    rows = {row["case"]: row for row in written["cases"]}
    assert {bench.name_of(case) for case in bench.list_cases()} < set(rows)
    assert all(row["to_floor"] > 0 for row in rows.values())
    peers = [row["peer_to_us"] for row in rows.values() if row["peer_to_us"]]
    assert len(peers) > 40
    assert min(peers) > 0
    # One line a case, under the headings.
    assert len(done.stdout.splitlines()) == len(rows) + 1
    missed = any(row["verdict"] == "MISS" for row in rows.values())
    assert done.returncode == missed
    assert written["machine"]["cores"] >= 1


@pytest.mark.slow
def test_overhead_runs_every_case(tmp_path):
    _, written = run(
        "bench_overhead.py", tmp_path / "r.json", "--max-rows", "2000", "--rounds", "1"
    )
    assert len(written["cases"]) == 6
    assert all(row["to_floor"] > 0 for row in written["cases"])


@pytest.mark.parametrize(
    ("ratios", "goals", "verdict"),
    [
        ((1.5, 30), (1.8, 20), "pass"),
        ((1.9, 30), (1.8, 20), "MISS"),
        ((1.5, 10), (1.8, 20), "MISS"),
        ((1.5, None), (1.8, 20), "open"),
        ((1.9, None), (1.8, 20), "MISS"),
        ((1.5, None), (1.8, None), "pass"),
        ((9.9, 3), (None, None), "-"),
    ],
)
def test_verdict(bench, ratios, goals, verdict):
    row = dict(zip(("to_floor", "peer_to_us"), ratios, strict=True))
    assert bench.judge(row, *goals)["verdict"] == verdict


def test_goal_missed_is_exit_code_one(bench):
    row = dict.fromkeys(bench.HEADINGS, 1.0)
    assert bench.report([{**row, "verdict": "pass"}], bench.HEADINGS, None) == 0
    assert bench.report([{**row, "verdict": "MISS"}], bench.HEADINGS, None) == 1


def test_ratios_are_paired_by_round(bench):
    # The medians of the two would give 4 / 2.
    assert bench.paired([1.0, 4.0, 9.0], [1.0, 1.0, 3.0]) == 3.0
    assert bench.paired([6.0], [2.0, 100.0]) == 3.0


def test_check_refuses_other_rows(bench):
    case = bench.Case("down", 100, "C", "int64", 2)
    X, y = np.zeros((5, 20)), np.array([0, 0, 0, 1, 1])
    few = {"floor": lambda: (X, y, np.ones(5)), "skstrat": lambda: (X, 1 - y, y + 1.0)}
    with pytest.raises(AssertionError, match="down"):
        bench.check(case, few)
    heavy = {**few, "skstrat": lambda: (X, y, np.full(5, 2.0))}
    with pytest.raises(AssertionError):
        bench.check(case, heavy)


@pytest.mark.parametrize("how", ["down", "over", "combined"])
@pytest.mark.parametrize("seed", range(5))
def test_floor_takes_rows_wanted_in_order(bench, how, seed):
    rng = np.random.default_rng(seed)
    codes = bench.make_codes(3000, 2, rng)
    counts = np.bincount(codes)
    wanted, _ = bench.plan_of(how, counts)
    rows = bench.floor.ROWS[how](codes.astype(bool), wanted, rng)
    assert np.bincount(codes[rows]).tolist() == wanted
    assert (np.diff(rows) >= 0).all()
    times = np.bincount(rows, minlength=len(codes))
    for code, (count, k) in enumerate(zip(counts, wanted, strict=True)):
        assert set(times[codes == code]) <= {k // count, k // count + 1}


def test_floor_draws_every_negative_row_equally_often(bench):
    positive = np.array([True, False, True, False, False, False, True, True])
    rng = np.random.default_rng(0)
    drawn = [bench.floor.rows_down(positive, (2, 4), rng) for _ in range(4000)]
    times = np.bincount(np.concatenate(drawn), minlength=8)
    assert (times[positive] == 4000).all()
    # Each of four rows in half of the draws, standard deviation 32.
    assert np.abs(times[~positive] - 2000).max() < 160


@pytest.mark.parametrize("n_classes", [10, 100])
def test_floor_of_many_classes_takes_rows_wanted(bench, n_classes):
    rng = np.random.default_rng(0)
    codes = bench.make_codes(5000, n_classes, rng)
    wanted, _ = bench.plan_of("down", np.bincount(codes))
    rows = bench.floor.rows_down_many(codes, wanted, rng)
    assert np.bincount(codes[rows]).tolist() == wanted
    assert (np.diff(rows) > 0).all()


def test_floor_gives_class_counts_and_totals_of_skstrat(bench):
    for case in {case._replace(rows=2000) for case in bench.list_cases()}:
        rng = np.random.default_rng(1)
        codes = bench.make_codes(case.rows, case.n_classes, rng)
        labels = bench.LABELS[case.labels]
        y = codes if case.n_classes > 2 else labels.make(codes)
        X = bench.X_KINDS[case.X][0](case.rows, rng)
        bench.check(case, bench.contenders(case, X, y, codes))


def test_every_container_meets_every_way(bench):
    cases = {(case.how, case.X) for case in bench.list_cases()}
    kinds = set(bench.X_KINDS) - {"float32"}
    assert cases >= set(product(("down", "over", "combined"), kinds))
    assert {case.labels for case in bench.list_cases()} == set(bench.LABELS)
