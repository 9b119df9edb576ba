"""Past one machine with Spark: an example, and its time against ``sampleBy``.

    python benchmarks/bench_spark.py [--rows 10000000] [--rounds 5]

Labels are counted, :meth:`Plan.from_counts` says what to keep, Spark writes those rows
with their weights to a small Parquet folder, and a logistic regression is trained from
it. Timed in turn, in one session: a read of all columns, the count, the draw by plan
and ``sampleBy`` with weights by hand, which both write. Then: how many of the rows are
kept again when the table is cut in other partitions. Needs Java and pyspark. Prints
and writes ``benchmarks/results/spark.json``; exit code 1 if rows differ from numpy's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from machine import machine_facts
from sklearn.linear_model import LogisticRegression
from timing import alternate

from skstrat import Plan

RESULTS = Path(__file__).parent / "results" / "spark.json"
FACTOR, SEED = 20, 7
N_COLUMNS, FILE_ROWS = 10, 1_250_000
FEATURES = [f"x{column}" for column in range(N_COLUMNS)]
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.log.level": "OFF",
}


def generate(n_rows, seed):
    """Make features and labels, 0.5 % of them ones, of a known logistic model."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, N_COLUMNS)).astype(np.float32)
    score = X[:, :4] @ [1.0, -0.5, 0.5, 0.25] - 6.05
    return X, (rng.logistic(size=n_rows) < score).astype(np.int32)


def write_table(folder, n_rows):
    """Write a Parquet file for every part of the rows, and give the labels."""
    labels = []
    for start in range(0, n_rows, FILE_ROWS):
        X, y = generate(min(FILE_ROWS, n_rows - start), seed=start)
        columns = dict(zip(FEATURES, X.T, strict=True))
        table = {"id": np.arange(start, start + len(y)), **columns, "y": y}
        pq.write_table(pa.table(table), folder / f"{start:012}.parquet")
        labels.append(y)
    return np.concatenate(labels)


def start_session():
    """Start Spark on the cores of this machine."""
    # Its way from and to pandas, which is not used here, is for older ones.
    warnings.filterwarnings("ignore", ".*pandas", FutureWarning)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[*]")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


# The example -----------------------------------------------------------------------


def count_labels(frame):
    """Give {label: rows}."""
    return {row.y: row["count"] for row in frame.groupBy("y").count().collect()}


def write_by_plan(frame, plan, dest):
    """Write the rows that the plan keeps, with their weights."""
    from pyspark.sql.functions import expr

    sql = plan.to_sql(label="y", key="id", dialect="spark")
    small = frame.filter(sql.filter).withColumn("sample_weight", expr(sql.weight))
    small.write.mode("overwrite").parquet(str(dest))


def train(small, plan):
    """Train from the small table; after a count of it, class totals are exact."""
    table = pq.read_table(small)
    y = table["y"].to_numpy()
    exact = plan.realised(dict(enumerate(np.bincount(y).tolist())))
    X = np.column_stack([table[name].to_numpy() for name in FEATURES])
    weights = np.array(exact.class_weight)[y]
    return LogisticRegression().fit(X, y, sample_weight=weights), weights.sum()


# The measurements ------------------------------------------------------------------


def write_by_sample(frame, dest):
    """Write what ``sampleBy`` keeps, with weights by hand."""
    from pyspark.sql.functions import expr

    small = frame.sampleBy("y", {0: 1 / FACTOR, 1: 1.0}, SEED)
    weight = expr(f"CASE y WHEN 0 THEN {FACTOR}.0D ELSE 1.0D END")
    small = small.withColumn("sample_weight", weight)
    small.write.mode("overwrite").parquet(str(dest))


def share_kept_again(frame, keep):
    """Keep rows, cut the table in seven other partitions, and keep rows again."""
    first, again = (
        {row.id for row in keep(each).select("id").collect()}
        for each in (frame, frame.repartition(7))
    )
    return len(first & again) / len(first)


def measure(spark, folder, n_rows, rounds):
    """Run the example once and everything in turn; give one row of results."""
    big, by_plan, by_sample = (folder / name for name in ("big", "plan", "sample"))
    big.mkdir()
    y = write_table(big, n_rows)
    frame = spark.read.parquet(str(big))
    plan = Plan.from_counts(count_labels(frame), factor=FACTOR, seed=SEED)
    ways = {
        "read": lambda: frame.write.format("noop").mode("overwrite").save(),
        "count": lambda: count_labels(frame),
        "plan": lambda: write_by_plan(frame, plan, by_plan),
        "sampleBy": lambda: write_by_sample(frame, by_sample),
    }
    spent = alternate(ways, dict.fromkeys(ways, rounds))
    kept = np.sort(pq.read_table(by_plan, columns=["id"])["id"].to_numpy())
    start = time.perf_counter()
    model, total = train(by_plan, plan)
    fit_seconds = time.perf_counter() - start
    X_new, y_new = generate(min(n_rows, 1_000_000), seed=n_rows + 1)
    labelled = frame.select("id", "y")
    sql = plan.to_sql(label="y", key="id", dialect="spark")
    return {
        "rows": n_rows,
        "positives": int(y.sum()),
        "kept": len(kept),
        "seconds": {way: statistics.median(own) for way, own in spent.items()},
        "fit_seconds": fit_seconds,
        "same_rows_as_numpy": np.array_equal(kept, plan.select(y)[0]),
        "total_weight": total,
        "mean_p_over_prevalence": model.predict_proba(X_new)[:, 1].mean()
        / y_new.mean(),
        "kept_again": {
            "plan": share_kept_again(labelled, lambda each: each.filter(sql.filter)),
            "sampleBy": share_kept_again(
                labelled, lambda each: each.sampleBy("y", {0: 1 / FACTOR, 1: 1.0}, SEED)
            ),
        },
    }


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    spark = start_session()
    with TemporaryDirectory() as folder:
        found = measure(spark, Path(folder), arguments.rows, arguments.rounds)
    found["spark"] = spark.version
    spark.stop()
    print(json.dumps(found, indent=1))
    document = {"machine": machine_facts(), "spark": found}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, allow_nan=False)
    arguments.json.write_text(text + "\n", encoding="utf-8")
    return int(not found["same_rows_as_numpy"])


if __name__ == "__main__":
    sys.exit(main())
