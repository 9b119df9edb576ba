"""The benchmark of big files: its data, its checks, its figures, and a small run."""

import json
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1]
SLOW_TO_START = ("Dask, 2 processes", "Spark, plan", "Spark, sampleBy")
ROWS = 20_000

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("polars")


@pytest.fixture
def bench(monkeypatch):
    """Give the modules of the benchmark by name, with small row groups."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    names = ("bench_scale", "scale_figures", "scale_files", "scale_ways")
    modules = SimpleNamespace(**{name: import_module(name) for name in names})
    monkeypatch.setattr(modules.scale_files, "GROUP", 6_000)
    return modules


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(),
    reason="memory is read from Linux's /proc",
)


# Lines and ratios -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_line_is_that_of_numpy(bench, seed):
    rng = np.random.default_rng(seed)
    rows = np.array([2, 4, 8, 16, 20]) * 10**6
    seconds = 0.3 + 40e-9 * rows + rng.normal(scale=0.05, size=5)
    line = bench.scale_figures.fit_line(rows.tolist(), seconds.tolist())
    slope, fixed = np.polyfit(rows, seconds, 1)
    assert line["ns_per_row"] == pytest.approx(slope * 1e9)
    assert line["fixed_s"] == pytest.approx(fixed)
    # Of a straight line R squared is the squared correlation.
    assert line["r_squared"] == pytest.approx(np.corrcoef(rows, seconds)[0, 1] ** 2)
    residuals = np.abs(seconds - np.polyval([slope, fixed], rows))
    assert line["largest_residual_s"] == pytest.approx(residuals.max())
    worst = residuals.argmax()
    assert line["largest_residual_share"] == pytest.approx(
        residuals[worst] / seconds[worst]
    )
    for far in (1e9, 1e10):
        assert bench.scale_figures.extrapolate(line, far) == pytest.approx(
            np.polyval([slope, fixed], far)
        )


def test_line_of_known_numbers(bench):
    # By hand: means 2 and 3, slope (1 + 0 + 2) / 2, residuals 0.5, -1 and 0.5.
    line = bench.scale_figures.fit_line([1, 2, 3], [2.0, 2.0, 5.0])
    assert line == pytest.approx(
        {
            "ns_per_row": 1.5e9,
            "fixed_s": 0.0,
            "r_squared": 1 - 1.5 / 6,
            "largest_residual_s": 1.0,
            "largest_residual_share": 0.5,
        }
    )


def test_two_sizes_say_nothing_about_the_fit_and_one_has_no_line(bench):
    line = bench.scale_figures.fit_line([10, 30], [1.0, 2.0])
    assert (line["ns_per_row"], line["fixed_s"]) == pytest.approx((0.05e9, 0.5))
    assert line["r_squared"] is line["largest_residual_s"] is None
    assert bench.scale_figures.fit_line([10, 10], [1.0, 2.0]) is None
    assert bench.scale_figures.fit_line([], []) is None


def test_line_of_constant_cost_has_no_r_squared(bench):
    line = bench.scale_figures.fit_line([1, 2, 3], [7.0, 7.0, 7.0])
    assert (line["ns_per_row"], line["fixed_s"], line["r_squared"]) == (0, 7, None)


def test_ratios_are_within_a_round(bench):
    base, other = {0: 1.0, 1: 2.0, 3: 5.0}, {3: 20.0, 2: 9.0, 0: 3.0}
    assert bench.scale_figures.ratios_to(base, other) == [4.0, 3.0]


def a_run(way, rows, turn, cpu, peak=0):
    fields = {"cpu_s": cpu, "wall_s": 2 * cpu**2, "peak_bytes": peak}
    return {"way": way, "rows": rows, "round": turn, **fields}


def test_medians_of_ratios_and_lines_over_sizes(bench):
    read = bench.scale_ways.READ
    runs = []
    for rows in (1000, 2000, 4000):
        for turn, (base, own) in enumerate([(1.0, 5.0), (4.0, 8.0), (6.0, 6.0)]):
            cpu = own * rows / 1000 + 1
            runs.append(a_run(read, rows, turn, base))
            runs.append(a_run("Polars", rows, turn, cpu, peak=turn * 10**7))
    runs.append(a_run("DuckDB", 1000, 0, 3.0))
    names = [read, "Polars", "DuckDB", "skstrat, exact"]
    cases, lines = bench.scale_figures.tabulate(names, [1000, 2000, 4000], runs)
    found = {(case["way"], case["rows"]): case for case in cases}
    assert len(found) == 3 + 3 + 1
    case = found["Polars", 1000]
    assert case["cpu_s"] == 7.0
    # Ratios of the rounds are 6, 9 / 4 and 7 / 6; the medians would give 7 / 4.
    assert case["cpu_to_read"] == pytest.approx(9 / 4)
    assert case["wall_to_read"] == pytest.approx((9 / 4) ** 2)
    assert (case["peak_mb"], case["largest_peak_mb"], case["rounds"]) == (10, 20, 3)
    assert found[read, 4000]["cpu_to_read"] == 1
    assert [line["way"] for line in lines] == [read, "Polars"]
    polars = lines[1]
    assert (polars["ns_per_row"], polars["fixed_s"]) == pytest.approx((6e6, 1))
    assert polars["at_1e9"] == pytest.approx(6e-3 * 1e9 + 1)
    assert polars["at_1e10"] == pytest.approx(6e-3 * 1e10 + 1)


def test_without_the_base_there_is_no_ratio(bench):
    cases, _ = bench.scale_figures.tabulate(
        ["DuckDB"], [9], [a_run("DuckDB", 9, 0, 1.0)]
    )
    assert cases[0]["cpu_to_read"] is None
    shown = bench.bench_scale.markdown(cases, bench.bench_scale.CASES).splitlines()
    assert shown[2] == "| DuckDB | 9 | 1.000 | - | 2.000 | - | 1 |"
    assert {line.count("|") for line in shown} == {8}


@pytest.mark.parametrize(
    ("largest", "cpu", "r_squared", "missed"),
    [
        (416, 1.6, 0.995, set()),
        (417, 1.6, 0.995, {"largest peak MB"}),
        (400, 1.7, 1.0, {"cpu / read"}),
        (400, 1.0, 0.98, {"1 - R squared"}),
    ],
)
def test_each_goal_can_be_missed(bench, largest, cpu, r_squared, missed):
    # 400 MB, 8 million bytes, and 8 bytes of a million rows.
    case = {"way": bench.scale_ways.OURS, "rows": 8_000_000, "wall_to_read": 1.6}
    case |= {"cpu_to_read": cpu, "largest_peak_mb": largest}
    line = {"way": bench.scale_ways.OURS, "r_squared": r_squared}
    goals = bench.scale_figures.judge([case], [line], {8_000_000: 10**6})
    assert len(goals) == 4
    found = {goal["goal"] for goal in goals if goal["verdict"] == "MISS"}
    assert found == missed


def test_goals_are_those_of_skstrat_alone(bench):
    others = [{"way": "Polars", "rows": 8_000_000}], [{"way": "Polars"}]
    assert bench.scale_figures.judge(*others, {}) == []


# Data and checks ------------------------------------------------------------------


@pytest.fixture
def data(bench, tmp_path):
    """Give a small file and what must come of it."""
    return bench.scale_files.prepare(bench.scale_files.make_file(tmp_path, ROWS))


def test_file_is_as_described(bench, data):
    footer = parquet.read_metadata(data.path)
    assert [footer.row_group(i).num_rows for i in range(4)] == [6000] * 3 + [2000]
    for i in range(footer.num_columns):
        column = footer.row_group(0).column(i)
        assert column.compression == "SNAPPY"
        assert not column.has_dictionary_page
    table = parquet.read_table(data.path)
    assert table.schema.types == [pa.float32()] * 20 + [pa.int8()]
    values = np.array([column.to_numpy() for column in table.columns[:20]])
    # Standard errors are 0.0016 for the mean and 0.0011 for the deviation.
    assert values.mean() == pytest.approx(0, abs=0.008)
    assert values.std() == pytest.approx(1, abs=0.006)
    assert len(np.unique(values)) > 0.9 * values.size
    assert table["y"].to_numpy().mean() == pytest.approx(0.005, abs=0.0025)


def test_smaller_file_is_the_beginning_of_a_larger(bench, data, tmp_path):
    small = bench.scale_files.make_file(tmp_path, 10_000)
    whole = parquet.read_table(data.path)
    assert parquet.read_table(small).equals(whole.slice(0, 10_000))


def test_file_is_made_once_and_another_is_refused(bench, data):
    folder, made = data.path.parent, data.path.stat().st_mtime_ns
    assert bench.scale_files.make_file(folder, ROWS) == data.path
    assert data.path.stat().st_mtime_ns == made
    data.path.rename(folder / "rows_30000.parquet")
    with pytest.raises(ValueError, match=r"must have 30000 rows; it has 20000\. Del"):
        bench.scale_files.make_file(folder, 30_000)


def drawn(data):
    """Give what skstrat's plan keeps, taken by hand."""
    table = parquet.read_table(data.path)
    y = table["y"].to_numpy()
    rows, weight = data.plan.select(y.astype(np.intp))
    weight = np.asarray(data.plan.class_weight)[y[rows]]
    return table.take(rows).append_column("sample_weight", pa.array(weight))


def with_weights(table, change):
    weight = change(table["y"].to_numpy(), table["sample_weight"].to_numpy())
    i = table.schema.get_field_index("sample_weight")
    return table.set_column(i, "sample_weight", pa.array(weight))


def other_rows(table):
    """Replace a negative by one that is not there, and keep every number."""
    x, y = table["x0"].to_numpy().copy(), table["y"].to_numpy()
    x[np.flatnonzero(y == 0)[0]] += 1
    return table.set_column(0, "x0", pa.array(x))


SPOILT = {
    "positives": lambda t: t.filter(pa.array(np.arange(len(t)) != positive(t))),
    "negatives": lambda t: t.filter(pa.array(np.arange(len(t)) != 0)),
    "weight of the negatives": lambda t: with_weights(
        t, lambda y, w: np.where(y == 0, w * (1 + 1e-8), w)
    ),
    "weight of the positives": lambda t: with_weights(
        t, lambda y, w: np.where(y == 1, w * (1 + 1e-8), w)
    ),
    "digest of the rows": other_rows,
    "columns are": lambda t: t.drop_columns("x7"),
    "weights are float": lambda t: with_weights(t, lambda y, w: w.astype(np.float32)),
}


def positive(table):
    return np.flatnonzero(table["y"].to_numpy())[0]


def faults_of(bench, name, data, table):
    dest = data.path.with_name("small.parquet")
    parquet.write_table(table, dest)
    return bench.scale_files.find_faults(name, data, dest, None)


@pytest.mark.parametrize("name", ["skstrat, exact", "DuckDB, plan", "Dask, threads"])
def test_rows_of_the_plan_have_no_fault(bench, data, name):
    assert faults_of(bench, name, data, drawn(data)) == []


@pytest.mark.parametrize("fault", SPOILT)
def test_each_fault_is_found(bench, data, fault):
    found = faults_of(bench, "skstrat, exact", data, SPOILT[fault](drawn(data)))
    assert any(each.startswith(fault) for each in found)


@pytest.mark.parametrize(
    ("factor", "faulty"), [(0.9, False), (1.1, False), (0.8, True), (1.2, True)]
)
def test_nominal_weights_may_be_off_by_chance(bench, data, factor, faulty):
    # Five standard deviations of 19,900 negatives are 15 %.
    table = with_weights(drawn(data), lambda y, w: np.where(y == 0, w * factor, w))
    assert bool(faults_of(bench, "Polars", data, table)) == faulty
    assert faults_of(bench, "skstrat, exact", data, table) != []


def test_big_files_leave_one_percent_to_chance(bench, data):
    n_rows = (19_900_000, 100_000)
    plan = SimpleNamespace(rows_seen=n_rows, rows=(995_000, 100_000))
    y = np.repeat([0, 1], [995_000, 100_000])
    way, big = bench.scale_ways.WAYS["Polars"], data._replace(plan=plan)
    for share, kept in ((1.009, True), (1.011, False)):
        weight = np.where(y == 0, 20 * share, 1.0)
        checks = bench.scale_files._checks(way, big, y, weight, None)
        assert all(check.passed() for check in checks) == kept


def test_reading_less_than_all_is_a_fault(bench, data):
    ways, check = bench.scale_ways, bench.scale_files.find_faults
    size = data.path.stat().st_size
    assert check(ways.READ, data, None, ROWS) == check(ways.RAW, data, None, size) == []
    assert check(ways.READ, data, None, ROWS - 1) != []
    assert check(ways.RAW, data, None, size - 1) != []


# Runs -----------------------------------------------------------------------------


def test_rounds_alternate_and_what_cannot_run_is_tried_once(bench, monkeypatch):
    tried = []

    def run(name, data, folder, before):
        tried.append((data, name))
        if name == "C":
            return {"left_out": "no"}
        return {"cpu_s": 1.0, "faults": ["few"] if name == "B" else []}

    monkeypatch.setattr(bench.bench_scale, "run", run)
    files = {10: "ten", 20: "twenty"}
    runs, left_out, failed = bench.bench_scale.run_all("ABC", files, 3, None, None)
    forth = [("ten", "A"), ("ten", "B"), ("twenty", "A"), ("twenty", "B")]
    once = ("ten", "C")
    assert tried == [*forth[:2], once, *forth[2:], *forth[::-1], *forth]
    assert left_out == {"C": "no"}
    assert {each["way"] for each in runs} == {"A"}
    assert {each["way"] for each in failed} == {"B"}
    assert sorted((each["round"], each["rows"]) for each in runs) == [
        (turn, rows) for turn in range(3) for rows in (10, 20)
    ]


def test_process_that_fails_is_a_fault(bench, data, tmp_path):
    gone = data._replace(path=tmp_path / "gone.parquet")
    found = bench.bench_scale.run(bench.scale_ways.RAW, gone, tmp_path, None)
    (fault,) = found["faults"]
    assert fault.startswith("exit code 1: FileNotFoundError")


@needs_proc
def test_a_job_is_charged_for_its_own_cpu_and_memory(bench, monkeypatch):
    size = 10**8

    def work(job):
        start = time.process_time()
        while time.process_time() - start < 0.02:
            pass
        return len(np.ones(size, dtype=np.int8))

    way = bench.scale_ways.Way(work, ("json",))
    monkeypatch.setitem(bench.scale_ways.WAYS, "work", way)
    # A higher peak before the job is none of its own.
    assert np.ones(3 * size, dtype=np.int8).all()
    found = bench.scale_ways.measure("work", None)
    assert found["read"] == size
    assert found["cpu_s"] >= 0.02
    assert size <= found["peak_bytes"] + 10**6 < 1.5 * size
    assert found["start_bytes"] > 10**7


def test_a_way_whose_library_is_absent_is_left_out(bench, monkeypatch, data):
    ways = bench.scale_ways.WAYS
    absent = ways["DuckDB"]._replace(modules=("no_such_library",))
    monkeypatch.setitem(ways, "DuckDB", absent)
    job = bench.scale_ways.Job(data.path, data.path.with_name("out"), data.plan_path)
    found = bench.scale_ways.measure("DuckDB", job)
    assert found == {"left_out": "No module named 'no_such_library'"}


@needs_proc
def test_usage_of_another_process(bench):
    work = "import time\nwhile time.process_time() < 0.1: pass\nprint(), input()"
    command = [sys.executable, "-u", "-c", work]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.readline()
        cpu, now, peak = bench.scale_ways._usage(process.pid)
        process.communicate(b"\n")
    # It counts in hundredths.
    assert 0.08 <= cpu < 1
    assert 10**6 < now <= peak < 10**9


def test_a_way_whose_program_is_absent_is_left_out(bench, monkeypatch):
    ways = bench.scale_ways.WAYS
    way = ways["DuckDB"]._replace(modules=(), programs=("no such program",))
    monkeypatch.setitem(ways, "DuckDB", way)
    found = bench.scale_ways.measure("DuckDB", None)
    assert found == {"left_out": "No program named 'no such program'"}


def test_old_ways_run_the_old_library(bench, data, tmp_path):
    package = tmp_path / "old" / "skstrat"
    (package / "io").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "io" / "__init__.py").write_text("raise OSError('old')")
    old = f"{bench.scale_ways.OURS}, before"
    found = bench.bench_scale.run(old, data, tmp_path, tmp_path / "old")
    assert found["faults"] == ["exit code 1: OSError: old"]


def test_which_ways_are_taken(bench):
    def taken(*arguments):
        return bench.bench_scale.ways_of(bench.bench_scale.parse(arguments))

    before = ["--before", str(BENCHMARKS.parent)]
    new = ["skstrat, exact", "Dask, synchronous", "Dask, threads", "Dask, 2 processes"]
    old = [f"{name}, before" for name in new]
    assert taken("--clusters", *before) == list(bench.scale_ways.WAYS)
    assert set(taken(*before)) - set(taken()) == set(old[:1])
    assert set(taken("--clusters", *before)) - set(taken("--clusters")) == set(old)
    assert not any("Spark" in name or "Dask" in name for name in taken(*before))


def test_json_of_a_part_goes_nowhere_by_itself(bench):
    parse = bench.bench_scale.parse
    whole = parse(["--clusters"])
    assert whole.json.name == "scale.json"
    assert (whole.sizes, whole.rounds) == (sorted(bench.bench_scale.SIZES), 5)
    clusters = "--clusters"
    for part in ([], [clusters, "--rounds", "5"], [clusters, "--sizes", "2e6"]):
        assert parse(part).json is None
    assert parse(["--sizes", "4e6", "2e6", "2000000"]).sizes == [2_000_000, 4_000_000]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sizes", "1e6", "9e3"], "--sizes must be at least 10000; got 9000"),
        (["--rounds", "0"], "--rounds must be at least 1; got 0"),
        (["--before", "no_such"], "--before must hold a folder skstrat; got no_such"),
    ],
)
def test_impossible_options_are_refused(bench, arguments, message, capsys):
    with pytest.raises(SystemExit):
        bench.bench_scale.parse(arguments)
    assert message in capsys.readouterr().err


@needs_proc
@pytest.mark.slow
def test_every_way_does_the_job(bench, monkeypatch, tmp_path, capsys):
    for library in ("dask.dataframe", "distributed", "duckdb", "pandas"):
        pytest.importorskip(library)
    left_out = {*SLOW_TO_START, *bench.scale_ways.OLD_WAYS}
    ways = {k: v for k, v in bench.scale_ways.WAYS.items() if k not in left_out}
    assert len(ways) == 9
    monkeypatch.setattr(bench.bench_scale, "WAYS", ways)
    path = tmp_path / "new" / "scale.json"
    small = ["--sizes", str(ROWS), "--rounds", "1", "--clusters", "--json", str(path)]
    code = bench.bench_scale.main([*small, "--folder", str(tmp_path / "files")])
    result = json.loads(path.read_text(encoding="utf-8"))
    assert (result["failed"], result["left_out"], code) == ([], {}, 0)
    assert [case["way"] for case in result["cases"]] == list(ways)
    (size,) = result["file_bytes"].values()
    for run in result["runs"]:
        assert (run["rows"], run["round"], run["faults"]) == (ROWS, 0, [])
        assert run["cpu_s"] > 0
        assert run["wall_s"] > 0
        assert run["peak_bytes"] >= 0
    read = {run["way"]: run["read"] for run in result["runs"] if run["read"]}
    ways = bench.scale_ways
    assert read == {ways.RAW: size, ways.READ: ROWS}
    costs = {case["way"]: case["cpu_s"] for case in result["cases"]}
    for case in result["cases"]:
        assert case["cpu_to_read"] == pytest.approx(
            costs[case["way"]] / costs[ways.READ]
        )
    assert {"duckdb", "dask", "skstrat"} <= set(result["machine"]["libraries"])
    # Nothing but the file and its plan is left behind.
    assert len(list((tmp_path / "files").iterdir())) == 2
    printed = capsys.readouterr().out
    assert all(f"| {case['way']} | 20,000 | " in printed for case in result["cases"])
    # A line needs two sizes.
    assert result["lines"] == []
    assert "extrapolated" not in printed


def test_what_was_not_measured_is_called_extrapolated(bench, capsys):
    read = bench.scale_ways.READ
    sizes = [10**6, 2 * 10**6, 4 * 10**6]
    peaks = enumerate([9 * 10**6, 7 * 10**6, 2 * 10**9])
    runs = [
        a_run(read, rows, turn, rows * 24e-9 + 0.5, peak)
        for turn, peak in peaks
        for rows in sizes
    ]
    cases, lines = bench.scale_figures.tabulate([read], sizes, runs)
    failed = [{"way": "Polars", "rows": 10**6, "faults": ["negatives: 3"]}]
    result = {"sizes": sizes, "cases": cases, "lines": lines, "failed": failed}
    result["goals"] = []
    bench.bench_scale.print_report({**result, "left_out": {"Dask, threads": "no"}})
    printed = capsys.readouterr().out
    assert "extrapolated to 250 and 2,500 times the rows of the largest" in printed
    assert "CPU s of 1e9 rows, extrapolated" in printed
    cells = f"| {read} | 24.0 | 0.500 | 1.0000 | 0.000 | 0.0% | 24 | 240 |"
    assert cells in printed
    assert f"| {read} | 9 (2,000) | 9 (2,000) | 9 (2,000) |" in printed
    assert "left out: Dask, threads: no" in printed
    assert "FAILED: Polars, 1,000,000 rows: ['negatives: 3']" in printed
