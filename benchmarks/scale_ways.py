"""The ways to keep a weighted fraction of a Parquet file, each run in its own process.

``python benchmarks/scale_ways.py NAME SOURCE DEST PLAN`` imports what the way needs,
does the job once and prints one line of JSON: CPU and wall seconds of the job, and how
far memory rose above what it was after the imports. Needs Linux, whose ``/proc`` tells
the peak.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

FACTOR = 20
SEED = 0
TARGET, WEIGHT = "y", "sample_weight"
BLOCK = 1 << 20
KIBIBYTE = 1024
REST = 0.2  # seconds


class Job(NamedTuple):
    """What is to be done.

    Attributes
    ----------
    source : Path
        A Parquet file.
    dest : Path
        The file, or folder, to be written.
    plan : Path
        The plan for the same rows as JSON, made beforehand.
    """

    source: Path
    dest: Path
    plan: Path


class Way(NamedTuple):
    """How the job is done.

    Attributes
    ----------
    run : callable
        Does a job and gives the number of rows (or bytes) read, None if it writes.
    modules : tuple of str
        What is imported beforehand.
    rows : {"none", "exact", "drawn", "expected"}
        What the output must have: nothing; the exact number of negatives; those very
        rows that the plan keeps; or a binomial number.
    totals_exact : bool
        Whether the weights must add up to the numbers of rows; else the weight of a
        negative is the factor.
    around : callable or None
        What has to be there while the job runs; gives how to ask all processes.
    programs : tuple of str
        What must be installed beside the modules.
    """

    run: Callable[[Job], int | None]
    modules: tuple[str, ...] = ()
    rows: str = "none"
    totals_exact: bool = False
    around: Callable[[Job], Any] | None = None
    programs: tuple[str, ...] = ()


# Reading alone --------------------------------------------------------------------


def _read_bytes(job):
    size, block = 0, bytearray(BLOCK)
    with job.source.open("rb", buffering=0) as file:
        while got := file.readinto(block):
            size += got
    return size


def _read_all_columns(job):
    from pyarrow.parquet import ParquetFile

    # By default pyarrow keeps all that it has read of a file.
    with ParquetFile(job.source, pre_buffer=False, buffer_size=1 << 18) as file:
        batches = file.iter_batches(batch_size=1 << 15, use_threads=False)
        return sum(batch.num_rows for batch in batches)


# The whole job --------------------------------------------------------------------


def _skstrat(job):
    from skstrat.io import resample_file
    from skstrat.resamplers import DownsampleUpweight

    sampler = DownsampleUpweight(factor=FACTOR, random_state=SEED)
    resample_file(job.source, job.dest, target=TARGET, resampler=sampler)


def _polars(job):
    import polars as pl

    below = pl.col("row").hash(SEED) < pl.lit(2**64 // FACTOR, dtype=pl.UInt64)
    positive = pl.col(TARGET) == 1
    weight = pl.when(positive).then(1.0).otherwise(float(FACTOR))
    frame = pl.scan_parquet(job.source).with_row_index("row")
    frame = frame.filter(positive | below).with_columns(weight.alias(WEIGHT))
    frame.drop("row").sink_parquet(job.dest, compression="snappy")


def _duckdb_copy(job, keep, weight):
    import duckdb

    source, dest = (str(path).replace("'", "''") for path in (job.source, job.dest))
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            f"COPY (SELECT * EXCLUDE (file_row_number), {weight} AS {WEIGHT} "
            f"FROM read_parquet('{source}', file_row_number = true) WHERE {keep}) "
            f"TO '{dest}' (FORMAT parquet, COMPRESSION snappy)"
        )


def _duckdb(job):
    below = f"hash(file_row_number) < {2**64 // FACTOR}::UBIGINT"
    weight = f"CASE WHEN {TARGET} = 1 THEN 1e0 ELSE {FACTOR}e0 END"
    _duckdb_copy(job, f"{TARGET} = 1 OR {below}", weight)


def _duckdb_plan(job):
    from skstrat.resamplers import Plan

    plan = Plan.from_json(job.plan.read_text(encoding="utf-8"))
    sql = plan.to_sql(label=TARGET, key="file_row_number")
    _duckdb_copy(job, sql.filter, sql.weight)


def _pandas_imblearn(job):
    import pandas as pd
    from imblearn.under_sampling import RandomUnderSampler

    frame = pd.read_parquet(job.source)
    X, y = frame.drop(columns=TARGET), frame[TARGET]
    counts = y.value_counts()
    wanted = {0: round(counts[0] / FACTOR), 1: counts[1]}
    sampler = RandomUnderSampler(sampling_strategy=wanted, random_state=SEED)
    X, y = sampler.fit_resample(X, y)
    weight = y.map({0: counts[0] / wanted[0], 1: 1.0})
    small = X.assign(**{TARGET: y, WEIGHT: weight.astype("float64")})
    small.to_parquet(job.dest, index=False)


def _put_together(X, y, weight):
    return X.assign(**{TARGET: y, WEIGHT: weight})


def _dask(job):
    import dask.dataframe as dd

    from skstrat.resamplers import DownsampleUpweight

    # By default one partition may be the whole file.
    frame = dd.read_parquet(job.source, split_row_groups=True)
    sampler = DownsampleUpweight(factor=FACTOR, random_state=SEED)
    X, y, weight = sampler.fit_resample(frame.drop(columns=TARGET), frame[TARGET])
    # Dask's own assign would shuffle all rows by an index that is not unique.
    small = X.map_partitions(_put_together, y, weight, align_dataframes=False)
    small.to_parquet(job.dest, write_index=False, compression="snappy")


def _spark_write(job, frame, weight):
    names = [each for each in frame.columns if each != "row"]
    small = frame.selectExpr(*names, f"{weight} AS {WEIGHT}")
    small.write.option("compression", "snappy").parquet(str(job.dest))


def _spark_plan(job):
    from pyspark.sql import SparkSession

    from skstrat.resamplers import Plan

    plan = Plan.from_json(job.plan.read_text(encoding="utf-8"))
    sql = plan.to_sql(label=TARGET, key="row", dialect="spark")
    frame = SparkSession.active().read.parquet(str(job.source))
    # The place of a row in its Parquet file, which is one file here.
    frame = frame.selectExpr("*", "_metadata.row_index AS row")
    _spark_write(job, frame.where(sql.filter), sql.weight)


def _spark_sample_by(job):
    from pyspark.sql import SparkSession

    frame = SparkSession.active().read.parquet(str(job.source))
    frame = frame.sampleBy(TARGET, {0: 1 / FACTOR, 1: 1.0}, SEED)
    _spark_write(job, frame, f"CASE WHEN {TARGET} = 1 THEN 1D ELSE {FACTOR}D END")


# Dask's schedulers, Spark's session -----------------------------------------------


def _scheduler(name):
    @contextmanager
    def around(_job):
        import dask

        with dask.config.set(scheduler=name):
            yield lambda ask: [ask()]

    return around


@contextmanager
def _two_processes(job):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(job.dest.parent),
        ) as cluster,
        Client(cluster) as client,
    ):
        client.run(_import_all, WAYS["Dask, 2 processes"].modules)
        yield lambda ask: [ask(), *client.run(ask).values()]


@contextmanager
def _spark(job):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": job.dest.parent,
    }.items():
        builder = builder.config(name, str(value))
    with builder.getOrCreate() as spark:
        # The work is done in the process of Java.
        java = spark._jvm.java.lang.ProcessHandle.current().pid()
        yield lambda ask: [ask(), ask(java)]


# What the name "skstrat" gives is imported when it is first asked for.
_SKSTRAT = ("skstrat.io", "skstrat.resamplers", "pandas", "pyarrow.parquet")
_DASK = ("skstrat.io", "dask.dataframe", "pyarrow.parquet", "distributed")
_SPARK = ("pyspark.sql", "skstrat.resamplers")
RAW, READ, OURS = "raw bytes read", "pyarrow, all columns read", "skstrat, exact"
WAYS = {
    RAW: Way(_read_bytes),
    READ: Way(_read_all_columns, ("pyarrow.parquet",)),
    OURS: Way(_skstrat, _SKSTRAT, "drawn", True),
    "Polars": Way(_polars, ("polars",), "expected"),
    "DuckDB": Way(_duckdb, ("duckdb",), "expected"),
    "DuckDB, plan": Way(_duckdb_plan, ("duckdb", "skstrat.resamplers"), "drawn", True),
    "pandas, imbalanced-learn": Way(
        _pandas_imblearn,
        ("pandas", "pyarrow.parquet", "imblearn.under_sampling"),
        "exact",
        True,
    ),
}
DASK_WAYS = {
    f"Dask, {name}": Way(_dask, _DASK, "drawn", True, _scheduler(name))
    for name in ("synchronous", "threads")
} | {"Dask, 2 processes": Way(_dask, _DASK, "drawn", True, _two_processes)}
CLUSTER_WAYS = DASK_WAYS | {
    "Spark, plan": Way(_spark_plan, _SPARK, "drawn", True, _spark, ("java",)),
    "Spark, sampleBy": Way(
        _spark_sample_by, _SPARK, "expected", False, _spark, ("java",)
    ),
}
# The same with an older skstrat, which reads files with Polars.
_OLD = WAYS[OURS]._replace(modules=("skstrat.io", "polars", "pyarrow.parquet"))
OLD_WAYS = {f"{name}, before": way for name, way in ({OURS: _OLD} | DASK_WAYS).items()}
WAYS |= CLUSTER_WAYS | OLD_WAYS


# Measuring ------------------------------------------------------------------------


def _import_all(modules):
    for name in modules:
        import_module(name)


def _usage(process="self"):
    """Give CPU seconds of all threads, and bytes of memory now and at most."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    sizes = dict(line.split(":", 1) for line in lines)
    now, peak = (int(sizes[key].split()[0]) for key in ("VmRSS", "VmHWM"))
    return _cpu_seconds(process), now * KIBIBYTE, peak * KIBIBYTE


def _cpu_seconds(process):
    if process == "self":
        return time.process_time()
    # To hundredths; the name, in brackets, may have spaces.
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    user, system = fields.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _forget_peak(process="self"):
    """Let the peak of the imports be none of the job's, where Linux allows it."""
    with suppress(OSError):
        Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")


def _only_this_process(ask):
    return [ask()]


@contextmanager
def _surroundings(way, job) -> Iterator[Any]:
    with ExitStack() as stack:
        if way.around is None:
            yield _only_this_process
        else:
            yield stack.enter_context(way.around(job))


def measure(name, job):
    """Do a job once.

    Parameters
    ----------
    name : str
        A key of ``WAYS``.
    job : Job
        What is to be done.

    Returns
    -------
    dict
        ``cpu_s``, ``wall_s``, ``start_bytes`` (memory after the imports),
        ``peak_bytes`` (above that) and ``read``, summed over the processes; or
        ``left_out``, why the way cannot be taken.
    """
    way = WAYS[name]
    try:
        _import_all(way.modules)
    except ModuleNotFoundError as error:
        return {"left_out": str(error)}
    absent = [name for name in way.programs if shutil.which(name) is None]
    if absent:
        return {"left_out": f"No program named {absent[0]!r}"}
    with _surroundings(way, job) as everywhere:
        # Threads that the imports started spin for a while, waiting for work.
        time.sleep(REST)
        everywhere(_forget_peak)
        before = everywhere(_usage)
        start = time.perf_counter()
        read = way.run(job)
        wall = time.perf_counter() - start
        after = everywhere(_usage)
    pairs = list(zip(before, after, strict=True))
    return {
        "cpu_s": sum(last[0] - first[0] for first, last in pairs),
        "wall_s": wall,
        "start_bytes": sum(first[1] for first in before),
        "peak_bytes": sum(last[2] - first[1] for first, last in pairs),
        "read": read,
    }


def main():
    """Do the job of the command line."""
    name, *paths = sys.argv[1:]
    print(json.dumps(measure(name, Job(*map(Path, paths)))))


if __name__ == "__main__":
    main()
