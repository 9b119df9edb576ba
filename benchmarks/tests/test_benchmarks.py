"""The benchmarks run, their tables are those of the stored results, floors are fair."""

import gc
import json
import math
import re
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from skstrat import BalancedBatches

BENCHMARKS = Path(__file__).parents[1]
TABLES = BENCHMARKS.parent / "docs" / "tables"
QUESTIONS = sorted(
    path.stem
    for path in BENCHMARKS.glob("*.py")
    if "def measure(arguments" in path.read_text(encoding="utf-8")
)
STORED = sorted(path.stem for path in TABLES.glob("*.md"))
PARTS = {"scale": "skstrat"}  # else each of ten ways has a process of its own
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="memory is read from Linux"
)


@pytest.fixture
def load(monkeypatch):
    """Give a function that imports a benchmark, or skips where a library is absent."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    gc.freeze()  # else each collection looks through all that was imported
    yield pytest.importorskip
    gc.unfreeze()
    if "torch" in sys.modules:
        import_module("torch").set_num_threads(2)


@pytest.fixture
def harness(load):
    return load("harness")


# Every question -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # so few rows fit no model
@pytest.mark.parametrize("question", QUESTIONS)
def test_quick_run(load, harness, question):
    module = load(question)
    arguments = harness.parse(["--quick", "--only", PARTS.get(question, "")])
    document = harness.facts(arguments) | module.measure(arguments)
    assert "|" in module.report(json.loads(json.dumps(document, allow_nan=False)))


@pytest.mark.parametrize("question", STORED)
def test_tables_are_those_of_the_results(load, question):
    text = (TABLES / f"{question}.md").read_text(encoding="utf-8")
    load(question)
    assert text == load("report").page(question)


def test_every_result_has_a_table_and_a_place_on_the_page():
    results = (BENCHMARKS / "results").glob("*.json")
    assert sorted(path.stem for path in results) == STORED
    pages = (page.read_text(encoding="utf-8") for page in TABLES.parent.glob("*.md"))
    found = re.findall(r"\{include\} tables/(\w+)\.md", "".join(pages))
    assert sorted(set(found)) == STORED


@pytest.mark.slow
def test_a_part_is_printed_and_not_stored(load):
    load("imblearn")
    stored = BENCHMARKS / "results" / "overhead.json"
    before = stored.read_bytes()
    done = subprocess.run(
        [
            sys.executable,
            BENCHMARKS / "overhead.py",
            "--quick",
            "--only",
            "every tenth",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert "| Pipeline, every tenth row |" in done.stdout
    goal, ratio = 1.05, float(done.stdout.rstrip(" |\n").split("|")[-2])
    if ratio != goal:
        assert done.returncode == (ratio > goal)
    assert stored.read_bytes() == before


# The harness ----------------------------------------------------------------------


def test_rounds_alternate_after_a_warm_up(harness, monkeypatch):
    monkeypatch.setattr(harness, "SHORTEST", 0)
    called = []
    ways = {name: lambda name=name: called.append(name) for name in "ABC"}
    spent = harness.alternate(ways, 3)
    assert "".join(called) == "ABC" + "ABC" + "CBA" + "ABC"
    assert [len(each) for each in spent.values()] == [3, 3, 3]
    ways = {"slow": lambda: time.sleep(0.02), "fast": lambda: None}
    spent = harness.alternate(ways, 4, budget=0.05)
    assert len(spent["fast"]) == 4
    assert 1 <= len(spent["slow"]) <= 2


def test_ratios_are_paired_by_round(harness):
    # The medians of the two would give 4 / 2.
    assert harness.paired([1.0, 4.0, 9.0], [1.0, 1.0, 3.0]) == 3.0
    assert harness.paired([6.0], [2.0, 100.0]) == 3.0


def test_tables_show_a_dash_for_what_is_absent(harness):
    columns = {"way": "{way}", "time": "{s:.1f} ({n})"}
    rows = [{"way": "A", "s": 1.25, "n": 3}, {"way": "B", "s": None, "n": 3}, ("C", 2)]
    assert harness.table(columns, rows).splitlines() == [
        "| way | time |",
        "| --- | ---: |",
        "| A | 1.2 (3) |",
        "| B | - |",
        "| C | 2 |",
    ]


@needs_proc
def test_a_call_is_charged_for_its_own_time_and_memory(harness):
    size = 10**8

    def work():
        start = time.process_time()
        while time.process_time() - start < 0.02:
            pass
        assert len(np.ones(size, dtype=np.int8)) == size

    # A higher peak before the call is none of its own.
    assert np.ones(3 * size, dtype=np.int8).all()
    found = harness.metered(work)
    assert found["cpu_s"] >= 0.02
    assert 99 <= found["peak_mb"] < 150


def test_a_process_that_fails_says_why(harness):
    with pytest.raises(RuntimeError, match=r"json\.loads.*JSONDecodeError"):
        harness.fresh("json", "loads", "no JSON")
    assert harness.fresh("json", "loads", "[1, 2]") == [1, 2]


# Data and floors ------------------------------------------------------------------


def test_data_sets_are_read_as_numbers(load, tmp_path):
    data = load("data")
    rows = "a,b,c,target\n1,x,,no\n,y,,no\n3,x,,yes\n"
    (tmp_path / "small.csv.gz").write_text(rows)
    ((name, path),) = data.data_sets(tmp_path)
    path = path.rename(tmp_path / f"{name}.csv")
    X, y = data.read(path)
    assert X.tolist() == [[1, 0], [2, 1], [3, 0]]
    assert y.tolist() == [0, 0, 1]
    X, _ = data.read(path, one_hot=True)
    assert X.tolist() == [[1, 1, 0], [2, 0, 1], [3, 1, 0]]
    assert data.data_sets(None) == []


def test_tables_have_the_shares_of_positives_that_they_say(load):
    data = load("data")
    for share in data.INTERCEPTS:
        _, y, p = data.make_table(200_000, seed=0, share=share)
        error = 5 * math.sqrt(share / len(y))
        assert p.mean() == pytest.approx(share, abs=error)
        assert y.mean() == pytest.approx(share, abs=error)


def test_floor_draws_every_negative_row_equally_often(load):
    rows_down = load("resample").rows_down
    positive = np.array([True, False, True, False, False, False, True, True])
    rng = np.random.default_rng(0)
    drawn = [rows_down(positive, (2, 4), rng) for _ in range(4000)]
    times = np.bincount(np.concatenate(drawn), minlength=8)
    assert (times[positive] == 4000).all()
    # Each of four rows in half of the draws, standard deviation 32.
    assert np.abs(times[~positive] - 2000).max() < 160


def test_floor_gives_class_counts_and_totals_of_skstrat(load):
    resample = load("resample")
    for case in {case._replace(rows=3000) for case in resample.list_cases()}:
        rng = np.random.default_rng(1)
        values, make, *_ = resample.LABELS[case.labels]
        codes = resample.make_codes(case.rows, len(values), rng)
        X = resample.CONTAINERS[case.X][0](case.rows, rng)
        ways = resample.make_ways(case, X, make(codes), codes)
        resample.check(case, ways)
        heavy = {**ways, "floor": lambda ways=ways: (*ways["skstrat"]()[:2], 2.0)}
    with pytest.raises((AssertionError, ValueError)):
        resample.check(case, heavy)


@pytest.mark.parametrize(("classes", "batch_size"), [(2, 256), (10, 256), (7, 9)])
def test_floor_serves_the_quotas_of_balanced_batches(load, classes, batch_size):
    batches = load("batches")
    y = batches.make_labels(5000, classes)
    ours = BalancedBatches(y, batch_size=batch_size, random_state=0)
    floor = batches.Floor(y, batch_size)
    times = np.zeros(len(y), dtype=int)
    for _ in range(3):
        theirs = list(floor)
        for mine, rows in zip(ours, theirs, strict=True):
            counts = [np.bincount(y[each], minlength=classes) for each in (mine, rows)]
            np.testing.assert_array_equal(*counts)
        # Classes go on in the next epoch where they stopped.
        times += np.bincount(np.concatenate(theirs), minlength=len(y))
        assert all(np.ptp(times[y == code]) <= 1 for code in range(classes))
        order = np.concatenate(theirs)
        assert (np.diff(order[y[order] == 0]) < 0).any()


@pytest.mark.parametrize("spoil", ["none", "rows", "weight", "other rows"])
def test_files_of_other_rows_or_weights_are_refused(load, tmp_path, spoil):
    scale = load("scale")
    source, dest = tmp_path / "big.parquet", tmp_path / "small.parquet"
    plan = scale.make_file(source, 20_000)
    scale.with_skstrat(source, dest, plan)
    table = load("pandas").read_parquet(dest)
    if spoil == "rows":
        table = table.iloc[1:]
    elif spoil == "weight":
        table["sample_weight"] *= 1 + 1e-8
    elif spoil == "other rows":
        table["x0"] += 1
    table.to_parquet(dest)
    if spoil == "none":
        scale.check(scale.OURS, source, dest, plan)
        return
    with pytest.raises(AssertionError):
        scale.check(scale.OURS, source, dest, plan)
