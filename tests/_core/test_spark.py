"""Spark draws the very rows that numpy draws, with its own hash, and weighs them."""

import os
import shutil
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skstrat import Plan
from skstrat._core.labels import encode_labels
from skstrat._core.sql_spark import double, literal

pytest.importorskip("pyspark", minversion="4.3")  # 4.0 leaves sockets open
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.functions import expr, rand

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (os.environ.get("JAVA_HOME") or shutil.which("java")),
        reason="Spark needs Java",
    ),
    # Its way from and to pandas, which is not used here, is for older ones.
    pytest.mark.filterwarnings("ignore:.*pandas:FutureWarning:pyspark"),
]

N_ROWS = 4_000
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.log.level": "OFF",
    # The session is short.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


@pytest.fixture(scope="module")
def spark():
    builder = SparkSession.builder.master("local[2]")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def read(spark, tmp_path):
    """Give a function that makes a Spark frame of columns."""

    def read_columns(**columns):
        pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
        return spark.read.parquet(str(tmp_path / "rows.parquet"))

    return read_columns


def drawn(frame, sql):
    """Ask Spark for the keys that are kept, with their weights."""
    kept = frame.filter(sql.filter).select("k", expr(sql.weight).alias("drawn"))
    return sorted(map(tuple, kept.collect()))


def keys_of(kind):
    if kind == "str":
        return np.array([f"row {i} naïve 漢 {'x' * (i % 40)}" for i in range(N_ROWS)])
    info = np.iinfo(kind)
    some = np.random.default_rng(4).integers(info.min, info.max, 3 * N_ROWS, kind)
    ends = np.array([info.min, info.max, 0, -1, 1], dtype=kind)
    return np.unique(np.concatenate([ends, some]))[-N_ROWS:]


# The rows of numpy -----------------------------------------------------------------

ODD = ["it's", 'a "b"', "", "naïve \\ -- ${x}", "x\ny\0"]


@pytest.mark.parametrize(
    ("names", "kind", "seed", "partitions", "weighted"),
    [
        ([0, 1], "i8", 0, 1, False),
        (ODD, "str", 2**63, 7, True),
        ([False, True], "i4", 2**64 - 1, 200, True),
        ([1, 2**63 + 5], "i8", 2**63 - 1, 1, True),
    ],
    ids=["ints", "odd strings", "bools", "around 2^63"],
)
def test_rows_and_weights(read, names, kind, seed, partitions, weighted):
    rng = np.random.default_rng(1)
    key = keys_of(kind)
    codes = rng.integers(0, 5, len(key)) % len(names)
    incoming = rng.lognormal(sigma=3, size=len(key)) * (rng.random(len(key)) < 0.8)
    counted = np.flatnonzero(incoming) if weighted else np.arange(len(key))
    wanted = [len(key) // (20 + 9 * code) for code in range(len(names))]
    labels = encode_labels(codes[counted])
    plan, rows = Plan.draw(labels, np.array(wanted), seed, key[counted])
    multiplier = 1 / 3.0 ** np.arange(len(names))
    plan = plan.weighted(labels.counts, multiplier)
    plan = replace(plan, classes=tuple(names))
    kept = counted[rows]
    weights = multiplier[codes[kept]] * (incoming[kept] if weighted else 1)

    kinds = {str: object, bool: bool, float: float, int: np.uint64}
    labelled = np.array(names, kinds[type(names[0])])[codes]
    frame = read(y=labelled, k=key, w=incoming).orderBy(rand(3)).repartition(partitions)
    sql = plan.to_sql(
        label="y", key="k", sample_weight="w" if weighted else None, dialect="spark"
    )
    expected = sorted(zip(key[kept].tolist(), weights.tolist(), strict=True))
    assert drawn(frame, sql) == expected
    assert len(expected) == sum(wanted)


def test_counts_alone_then_exact_totals(read):
    rng = np.random.default_rng(2)
    y = np.where(rng.random(20_000) < 0.02, "fraud", "ok")
    frame = read(y=y, k=np.arange(20_000))
    counts = {row.y: row["count"] for row in frame.groupBy("y").count().collect()}
    plan = Plan.from_counts(counts, factor=20, seed=7)
    small = frame.filter(plan.to_sql(label="y", key="k", dialect="spark").filter)
    kept = {row.y: row["count"] for row in small.groupBy("y").count().collect()}
    exact = plan.realised(kept)
    sql = exact.to_sql(label="y", key="k", dialect="spark")
    codes = (y == "ok").astype(int)
    rows, weights = exact.select(codes)
    assert drawn(frame, sql) == list(zip(rows.tolist(), weights.tolist(), strict=True))
    totals = np.bincount(codes[rows], weights)
    assert totals.tolist() == pytest.approx(np.bincount(codes).tolist(), rel=1e-12)


def test_a_collation_does_not_make_labels_or_keys_equal(spark, read):
    frame = read(y=["a", "A"] * 500, k=[f"{'kK'[i % 2]}{i // 2}" for i in range(1_000)])
    plan = Plan.from_counts({"A": 500, "a": 500}, factor={"a": 5}, seed=3)
    sql = plan.to_sql(label="y", key="k", dialect="spark")
    loose = frame.selectExpr("y COLLATE UTF8_LCASE AS y", "k COLLATE UTF8_LCASE AS k")
    assert drawn(loose, sql) == drawn(frame, sql)
    assert {weight for _, weight in drawn(loose, sql)} == {1.0, 5.0}


# What must not be dropped silently -------------------------------------------------

PLANS = {
    "one class cut": Plan.from_counts({0: 40, 1: 4}, factor=4, seed=0),
    "all cut": Plan.from_counts({0: 40, 1: 40}, factor={0: 4, 1: 4}, seed=0),
    "none cut": Plan.from_counts({0: 40, 1: 4}, factor=1, seed=0),
}
FINE = {"y": [0, 1, 1], "w": [1.0, 2.0, 3.0], "k": [7, 8, 9]}


@pytest.mark.parametrize(
    ("ansi", "plan", "odd", "got"),
    [
        (True, "one class cut", {"y": [0, 1, None]}, "label .* 2 classes .*; got NULL"),
        (True, "none cut", {"w": [1.0, 2.0, None]}, "sample_weight .*ive; got NULL"),
        (True, "all cut", {"k": [1, 2, None]}, "key `k` .* never missing; got NULL"),
        (True, "all cut", {"k": [1.0, 2.0, 3.0]}, "never missing; got double 1.0"),
        (False, "all cut", {"k": [Decimal(1)] * 3}, r"ing; got decimal\(1,0\) 1"),
    ],
)
def test_rows_that_cannot_be_decided_stop_the_query(spark, read, ansi, plan, odd, got):
    sql = PLANS[plan].to_sql(label="y", key="k", sample_weight="w", dialect="spark")
    spark.conf.set("spark.sql.ansi.enabled", str(ansi))
    frame = read(**FINE | odd)
    with pytest.raises(PySparkException, match=got):
        frame.filter(sql.filter).count()


def test_rows_of_zero_weight_may_have_any_label_and_key(spark):
    sql = PLANS["all cut"].to_sql(
        label="y", key="k", sample_weight="w", dialect="spark"
    )
    odd = "VALUES (NULL, 1, 0), (5, 2, 0), (1, NULL, 0) t(y, k, w)"
    assert spark.sql(f"SELECT * FROM {odd} WHERE {sql.filter}").collect() == []
    with pytest.raises(PySparkException, match="classes of the plan; got NULL"):
        spark.sql(f"SELECT {sql.weight} FROM {odd}").collect()


# Names and values ------------------------------------------------------------------


@pytest.mark.parametrize("raw", ["true", "false"])
def test_values_are_written_as_they_are(spark, raw):
    spark.conf.set("spark.sql.parser.escapedStringLiterals", raw)
    values = [*ODD, "\\'", "''", "naïve 漢", True, -(2**63), 2**64 - 1, 7]
    numbers = [1 / 3, 1e-300, 20.0, 1.7e308, np.inf, -2.5]
    listed = ", ".join([*map(literal, values), *map(double, numbers)])
    [found] = spark.sql(f"SELECT {listed}").collect()
    spark.conf.unset("spark.sql.parser.escapedStringLiterals")
    assert list(found) == [*values, *numbers]
