"""Time and memory to downsample big Parquet files, and their growth with the rows.

    python benchmarks/scale.py [--rounds 5] [--only DuckDB]

Files have 20 standard normal float32 columns and an int8 label with 0.5 % ones: snappy,
no dictionaries, row groups of 1 Mi rows. From each file every way writes all positives,
a 20th of the negatives and float64 weights as Parquet; the unit is pyarrow's read of
all columns in bounded memory. Files are in a temporary folder, 4 GB in all, and in the
page cache before the first round.

Every run has a process of its own, which imports its libraries before anything is
measured. Rounds take ways and sizes in alternating order. Ratios are to the read in the
same round; figures are medians over the rounds. CPU seconds are those of all threads,
peak memory is that beyond the imports. Only skstrat waits until its file is on
the disk; its wall seconds have that wait.

Each output is checked: its columns, all positives, the number of negatives (exact, or
binomial where another hash decides), the weighted class totals (to 1e-9, or 1 % where
weights are nominal), and that the ways which take skstrat's plan have the very same
rows.
"""

import math
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import harness
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from skstrat import DownsampleUpweight, Plan

SIZES = (2_000_000, 4_000_000, 8_000_000, 16_000_000, 20_000_000)
QUICK_SIZES, GROUP = (20_000,), 1 << 20
COLUMNS, TARGET, WEIGHT = [f"x{i}" for i in range(20)], "y", "sample_weight"
FACTOR, SEED = 20, 0
USES = ("pandas", "polars", "pyarrow", "duckdb")
SHOWN = (8_000_000, 20_000_000)
# Goals: times the read's CPU and wall time, and memory beside a byte for a row read
# and eight bytes for a row kept.
MOST_TO_READ, MOST_MB = 1.6, 400


# The ways -------------------------------------------------------------------------


def read_all(source, _dest, _plan):
    """Read all columns."""
    # By default pyarrow keeps in memory all that it has read of a file.
    with parquet.ParquetFile(source, pre_buffer=False, buffer_size=1 << 18) as file:
        for _ in file.iter_batches(batch_size=1 << 15, use_threads=False):
            pass


def with_skstrat(source, dest, _plan):
    """Take the rows as the command line does."""
    from skstrat.io import resample_file

    sampler = DownsampleUpweight(factor=FACTOR, random_state=SEED)
    resample_file(source, dest, target=TARGET, resampler=sampler)


def with_polars(source, dest, _plan):
    """Take rows by the hash of Polars, with nominal weights."""
    import polars as pl

    below = pl.col("row").hash(SEED) < pl.lit(2**64 // FACTOR, dtype=pl.UInt64)
    positive = pl.col(TARGET) == 1
    weight = pl.when(positive).then(1.0).otherwise(float(FACTOR))
    frame = pl.scan_parquet(source).with_row_index("row").filter(positive | below)
    frame = frame.with_columns(weight.alias(WEIGHT)).drop("row")
    frame.sink_parquet(dest, compression="snappy")


def _duckdb_copy(source, dest, keep, weight):
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            f"COPY (SELECT * EXCLUDE (file_row_number), {weight} AS {WEIGHT} "
            f"FROM read_parquet('{source}', file_row_number = true) WHERE {keep}) "
            f"TO '{dest}' (FORMAT parquet, COMPRESSION snappy)"
        )


def with_duckdb(source, dest, _plan):
    """Take rows by the hash of DuckDB, with nominal weights."""
    below = f"hash(file_row_number) < {2**64 // FACTOR}::UBIGINT"
    weight = f"CASE WHEN {TARGET} = 1 THEN 1e0 ELSE {FACTOR}e0 END"
    _duckdb_copy(source, dest, f"{TARGET} = 1 OR {below}", weight)


def with_duckdb_plan(source, dest, plan):
    """Take the rows of skstrat's plan."""
    sql = plan.to_sql(label=TARGET, key="file_row_number")
    _duckdb_copy(source, dest, sql.filter, sql.weight)


def with_pandas(source, dest, _plan):
    """Read all, under-sample, and compute weights by hand."""
    import pandas as pd
    from imblearn.under_sampling import RandomUnderSampler

    frame = pd.read_parquet(source)
    X, y = frame.drop(columns=TARGET), frame[TARGET]
    counts = y.value_counts()
    wanted = {0: round(counts[0] / FACTOR), 1: counts[1]}
    sampler = RandomUnderSampler(sampling_strategy=wanted, random_state=SEED)
    X, y = sampler.fit_resample(X, y)
    weight = y.map({0: counts[0] / wanted[0], 1: 1.0}).astype("float64")
    X.assign(**{TARGET: y, WEIGHT: weight}).to_parquet(dest, index=False)


class Way(NamedTuple):
    """How the job is done, and the resulting rows.

    ``rows`` are those of the "plan", as many ("count"), or binomial ("nominal").
    """

    run: Callable
    rows: str
    modules: tuple = ()


READ, OURS = "pyarrow, the read alone", "skstrat"
PANDAS = ("pandas", "imblearn.under_sampling")
WAYS = {
    READ: Way(read_all, "none"),
    OURS: Way(with_skstrat, "plan", ("skstrat.io", "pandas")),
    "Polars alone, its own hash": Way(with_polars, "nominal", ("polars",)),
    "DuckDB, its own hash": Way(with_duckdb, "nominal", ("duckdb",)),
    "DuckDB with `plan.to_sql`": Way(with_duckdb_plan, "plan", ("duckdb",)),
    "pandas and imbalanced-learn": Way(with_pandas, "count", PANDAS),
}


def do(name, source, dest, plan):
    """Do the job once, in its own process, and return time and memory."""
    way = WAYS[name]
    plan = Plan.from_json(Path(plan).read_text(encoding="utf-8"))
    for module in way.modules:
        import_module(module)
    return harness.metered(lambda: way.run(source, dest, plan))


# Files, and the results expected --------------------------------------------------


def make_file(path, n_rows):
    """Write a file, and the plan beside it."""

    def group(start, rows):
        made = {}
        for i, name in enumerate(COLUMNS):
            rng = np.random.default_rng([SEED, start, i])
            made[name] = rng.standard_normal(rows, dtype=np.float32)
        rng = np.random.default_rng([SEED, start, len(COLUMNS)])
        made[TARGET] = (rng.random(rows) < 0.005).astype(np.int8)
        return pa.table(made)

    schema = group(0, 1).schema
    options = {"compression": "snappy", "use_dictionary": False}
    with parquet.ParquetWriter(path, schema, **options) as writer:
        for start in range(0, n_rows, GROUP):
            rows = group(start, min(GROUP, n_rows - start))
            writer.write_table(rows, row_group_size=GROUP)
    y = parquet.read_table(path, columns=[TARGET])[TARGET].to_numpy()
    plan = DownsampleUpweight(factor=FACTOR, random_state=SEED).fit(y, y).plan_
    path.with_suffix(".json").write_text(plan.to_json(), encoding="utf-8")
    return plan


def check(way, source, dest, plan):
    """Refuse an output of other rows or weights."""
    table = parquet.read_table(dest)
    assert sorted(table.column_names) == sorted([*COLUMNS, TARGET, WEIGHT]), way
    assert table.schema.field(WEIGHT).type == pa.float64(), way
    y, weight = table[TARGET].to_numpy(), table[WEIGHT].to_numpy()
    rows, totals = np.bincount(y), np.bincount(y, weight)
    seen = np.array(plan.rows_seen)
    # The tolerance for another hash; in small files five standard deviations.
    loose = max(0.01, 5 * math.sqrt((FACTOR - 1) / seen[0]))
    near = {"rtol": loose if WAYS[way].rows == "nominal" else 1e-9, "err_msg": way}
    np.testing.assert_allclose(rows, plan.rows, **near)
    np.testing.assert_allclose(totals, seen, **near)
    assert rows[1] == seen[1] == totals[1], way
    if WAYS[way].rows == "plan":
        whole = parquet.read_table(source, columns=["x0", TARGET])
        kept, _ = plan.select(whole[TARGET].to_numpy().astype(np.intp))
        x = np.sort(whole["x0"].to_numpy()[kept])
        np.testing.assert_array_equal(np.sort(table["x0"].to_numpy()), x, way)


# The measurement ------------------------------------------------------------------


def run_all(names, folder, sizes, rounds):
    """Run all ways on all files, and check what they write."""
    runs, failed, dest = [], {}, folder / "small.parquet"
    plans = {size: make_file(folder / f"{size}.parquet", size) for size in sizes}
    once = [(size, name) for size in sizes for name in names]
    for turn in range(rounds):
        for size, name in harness.in_turn(once, turn):
            source = folder / f"{size}.parquet"
            job = name, source, dest, source.with_suffix(".json")
            try:
                found = {} if name in failed else harness.fresh("scale", "do", *job)
            except RuntimeError as error:
                failed[name] = str(error)
            else:
                runs.append({"way": name, "rows": size, "round": turn, **found})
            if dest.exists():
                check(name, source, dest, plans[size])
                dest.unlink()
    return [run for run in runs if run["way"] not in failed], failed


def summarise(runs):
    """Return medians of each way at each size, and of their ratios to the read."""
    read = {(run["rows"], run["round"]): run for run in runs if run["way"] == READ}
    largest, ratios = {}, []
    for run in runs:
        same, base = (run["way"], run["rows"]), read[run["rows"], run["round"]]
        largest[same] = max(run["peak_mb"], largest.get(same, 0))
        both = {f"{key}_to_read": run[key] / base[key] for key in ("cpu_s", "wall_s")}
        ratios.append(run | both)
    for row in harness.medians(ratios, "way", "rows"):
        del row["round"]
        yield row | {"largest_peak_mb": largest[row["way"], row["rows"]]}


def line_of(cases):
    """Fit CPU seconds by a line in the rows; return its slope and R squared."""
    own = [(row["rows"], row["cpu_s"]) for row in cases if row["way"] == OURS]
    if len(own) < 2:
        return math.nan, math.nan
    rows, seconds = np.array(own).T
    return np.polyfit(rows, seconds, 1)[0], np.corrcoef(rows, seconds)[0, 1] ** 2


def misses(cases):
    """Return the goals that skstrat misses."""
    for row in (row for row in cases if row["way"] == OURS):
        for key in ("cpu_s", "wall_s"):
            if row["rows"] in SHOWN and row[f"{key}_to_read"] > MOST_TO_READ:
                yield f"{key.partition('_')[0]} of {row['rows']:,} rows"
        kept = row["rows"] * (0.005 + 0.995 / FACTOR)
        if row["largest_peak_mb"] > MOST_MB + (row["rows"] + 8 * kept) / 1e6:
            yield f"memory of {row['rows']:,} rows"


def measure(arguments):
    """Run every way on every file."""
    sizes = QUICK_SIZES if arguments.quick else SIZES
    names = [name for name in WAYS if name in (READ, OURS) or arguments.only in name]
    with tempfile.TemporaryDirectory() as folder:
        runs, failed = run_all(names, Path(folder), sizes, arguments.rounds)
    cases = list(summarise(runs))
    return {"cases": cases, "failed": failed, "missed": list(misses(cases))}


def report(document):
    """Write the table of two sizes, and what else was found."""
    columns = {
        "way": "{way}",
        "rows": "{rows:,}",
        "CPU / read": "{cpu_s_to_read:.3g}",
        "wall / read": "{wall_s_to_read:.3g}",
        "peak, MB (largest)": "{peak_mb:,.0f} ({largest_peak_mb:,.0f})",
    }
    cases = document["cases"]
    sizes = {row["rows"] for row in cases}.intersection(SHOWN) or QUICK_SIZES
    slope, r_squared = line_of(cases)
    failed = [
        f"\n\nNot run: {name} ({why})." for name, why in document["failed"].items()
    ]
    return (
        f"{harness.table(columns, [row for row in cases if row['rows'] in sizes])}\n\n"
        f"A run of skstrat takes {slope * 1e9:.0f} ns of CPU a row (R squared "
        f"{r_squared:.3f}). The goal is at most {MOST_TO_READ} times the read. Memory "
        f"should be at most {MOST_MB} MB, beside a byte for a row and eight bytes for "
        "a row kept." + "".join(failed)
    )


if __name__ == "__main__":
    harness.run(measure, report, uses=USES)
