"""Files resampled: the rows and weights of memory, and columns as they were."""

import csv
import datetime as dt
import gzip
import io
import json
import subprocess
import sys
import tempfile
import warnings
from decimal import Decimal
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat import (
    AbsentClassWarning,
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    RandomOversample,
)
from skstrat._core.labels import encode_labels
from skstrat._core.plan import Plan
from skstrat.io import read_batches, resample_file

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

FACTOR = DownsampleUpweight(factor=7, random_state=3)
RESAMPLERS = {
    "factor": FACTOR,
    "factors": DownsampleUpweight(factor={0: 5.5, 1: 2}, random_state=3),
    "nominal": DownsampleUpweight(factor=7, weighting="factor", random_state=3),
    "balanced": DownsampleUpweight(factor=4, weighting="balanced", random_state=3),
    "ratio": DownsampleUpweight(sampling_strategy=0.5, random_state=3),
    "one to one": DownsampleUpweight(sampling_strategy="auto", random_state=3),
    "over": RandomOversample(random_state=3),
    "over by times": RandomOversample(times=2.7, weighting="uniform", random_state=3),
    "both ways": CombinedResample(random_state=3),
    "weights": ClassWeight(),
    "nothing": DownsampleUpweight(factor=1, random_state=3),
}


def labels(n_rows, shares=(0.9, 0.07, 0.03), seed=0):
    return np.random.default_rng(seed).choice(len(shares), n_rows, p=shares)


def table_of(y, **columns):
    n_rows = len(y)
    x = np.random.default_rng(9).normal(size=n_rows)
    text = [f"t{i % 11}" for i in range(n_rows)]
    return pa.table({"row": np.arange(n_rows), "x": x, "text": text, "y": y, **columns})


def write_csv(table, path):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*table.to_pydict().values(), strict=True))
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_parts(table, folder, cuts=(), row_group_size=64, ending="parquet"):
    folder.mkdir(exist_ok=True)
    edges = [0, *sorted(cuts), len(table)]
    for number, (start, end) in enumerate(pairwise(edges)):
        part = table.slice(start, end - start)
        path = folder / f"part-{number:02}.{ending}"
        if ending == "parquet":
            pq.write_table(part, path, row_group_size=row_group_size)
        else:
            write_csv(part, path)
    return folder


def read(path):
    if path.suffix == ".parquet":
        return pq.read_table(path)
    return pa.table(pl.read_csv(path).to_arrow())


def drawn_by_key(y, key):
    """Give the plan, but for weights, and the rows of keys in memory."""
    found = encode_labels(y)
    rows = FACTOR.fit(y, y).plan_.rows
    return Plan.draw(found, np.array(rows), FACTOR.random_state, np.asarray(key))


def in_memory(resampler, y, weights=None):
    """Give the rows and weights of the same resampler on the labels in memory."""
    y = np.asarray(y)
    _, _, drawn = resampler.fit_resample(y, y, sample_weight=weights)
    rows = resampler.sample_indices_
    return rows, np.ones(len(rows)) if drawn is None else drawn


def weights_of(summary):
    return [each["weight"] for each in summary.classes]


def check_same(path, resampler, y, weights=None, name="sample_weight"):
    rows, drawn = in_memory(resampler, y, weights)
    small = read(path)
    assert small["row"].to_pylist() == rows.tolist()
    np.testing.assert_allclose(small[name].to_numpy(), drawn, rtol=1e-12)
    return small


def resample(table, folder, name="small.parquet", row_group_size=64, **settings):
    """Write a table as one file, resample it, and read what came."""
    source, dest = folder / "big.parquet", folder / name
    pq.write_table(table, source, row_group_size=row_group_size)
    settings = {"target": "y", "resampler": FACTOR, **settings}
    summary = resample_file(source, dest, **settings)
    return read(dest), summary


# The rows of memory


QUICK = ("factor", "ratio", "over")


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in RESAMPLERS
    ],
)
def test_the_rows_of_memory_whatever_the_files(name, tmp_path):
    y = labels(1_500)
    table, resampler = table_of(y), RESAMPLERS[name]
    cuts = [0, 1, 313, 313, 1_200, 1_487]
    one = write_parts(table, tmp_path / "one", row_group_size=997)
    seven = write_parts(table, tmp_path / "seven", cuts, row_group_size=77)
    texts = write_parts(table, tmp_path / "texts", [700], ending="csv")
    packed = write_parts(table, tmp_path / "packed", ending="csv.gz")
    sources = {
        "file": one / "part-00.parquet",
        "folder": str(seven),
        "pattern": str(seven / "part-*.parquet"),
        "csv": texts,
        "gz": packed / "part-00.csv.gz",
    }
    assert len(list(seven.iterdir())) == 7
    for kind, source in sources.items():
        dest = tmp_path / f"{kind}.parquet"
        summary = resample_file(source, dest, target="y", resampler=resampler)
        check_same(dest, resampler, y)
        assert summary.plan == resampler.plan_


@st.composite
def layouts(draw):
    n_rows = draw(st.integers(60, 500))
    y = labels(n_rows, (0.8, 0.14, 0.06), draw(st.integers(0, 20)))
    if draw(st.booleans()):
        y = np.sort(y)[:: draw(st.sampled_from([1, -1]))]
    cuts = draw(st.lists(st.integers(0, n_rows), max_size=6))
    ending = draw(st.sampled_from(["parquet", "parquet", "csv", "csv.gz"]))
    return y, cuts, draw(st.integers(1, 150)), ending


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
@settings(max_examples=20, deadline=None)
@given(layout=layouts(), name=st.sampled_from(sorted(RESAMPLERS)))
def test_the_layout_of_the_files_changes_nothing(weighted, layout, name):
    y, cuts, row_group_size, ending = layout
    resampler, weights, given = RESAMPLERS[name], None, {}
    table = table_of(y)
    if weighted:
        weights = np.random.default_rng(1).choice([0, 0.5, 1, 3], len(y))
        table, given = table_of(y, w=weights), {"sample_weight": "w"}
    if len(np.unique(y if weights is None else y[weights > 0])) < 2:
        return
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", AbsentClassWarning)
        source = write_parts(table, Path(folder) / "big", cuts, row_group_size, ending)
        dest = Path(folder) / "small.parquet"
        resample_file(source, dest, target="y", resampler=resampler, **given)
        check_same(dest, resampler, y, weights, "w" if weighted else "sample_weight")


def test_row_groups_without_rows(tmp_path):
    y = labels(900)
    table = table_of(y)
    with pq.ParquetWriter(tmp_path / "big.parquet", table.schema) as writer:
        for start in range(0, 900, 300):
            writer.write_table(table.slice(0, 0))
            writer.write_table(table.slice(start, 300))
        writer.write_table(table.slice(0, 0))
    dest = tmp_path / "small.parquet"
    resample_file(tmp_path / "big.parquet", dest, target="y", resampler=FACTOR)
    check_same(dest, FACTOR, y)


def test_files_in_folders_below_in_the_order_of_their_names(tmp_path):
    y = labels(900)
    table = table_of(y)
    for name, start in [("a/1", 0), ("a/2", 300), ("b/0", 600)]:
        path = tmp_path / "big" / f"{name}.pq"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.slice(start, 300), path)
    hidden = [".a/1.parquet", "_delta/1.parquet", "a/.1.parquet", "a/_2.parquet"]
    for name in [*hidden, "README.txt"]:
        path = tmp_path / "big" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("no data")
    dest = tmp_path / "small.parquet"
    summary = resample_file(tmp_path / "big", dest, target="y", resampler=FACTOR)
    check_same(dest, FACTOR, y)
    assert [Path(each).stem for each in summary.source] == ["1", "2", "0"]


@pytest.mark.parametrize("name", ["a b#c%20[1].parquet", "é日?.PARQUET", "x=1.pq"])
def test_odd_file_names(name, tmp_path):
    y = labels(500)
    pq.write_table(table_of(y), tmp_path / name)
    dest = tmp_path / f"small {name}"
    resample_file(tmp_path / name, dest, target="y", resampler=FACTOR)
    rows, _ = in_memory(FACTOR, y)
    assert pq.read_table(pa.OSFile(str(dest)))["row"].to_pylist() == rows.tolist()


def test_a_generator_gives_the_seed_once(tmp_path):
    y = labels(2_000)
    given, witness = np.random.default_rng(5), np.random.default_rng(5)
    small, _ = resample(
        table_of(y),
        tmp_path,
        resampler=DownsampleUpweight(sampling_strategy=0.5, random_state=given),
    )
    same = DownsampleUpweight(sampling_strategy=0.5, random_state=witness)
    rows, _ = in_memory(same, y)
    assert small["row"].to_pylist() == rows.tolist()


def label_kinds():
    y = labels(800, (0.9, 0.1))
    texts = np.where(y == 0, "ok", "fraud")
    decimals = pa.array([Decimal(label) for label in y.tolist()])
    return {
        "int8": pa.array(y, pa.int8()),
        "uint64": pa.array(y.astype(np.uint64) + np.uint64(2**64 - 9)),
        "float32": pa.array(y.astype(np.float32)),
        "bool": pa.array(y == 1),
        "string": pa.array(texts),
        "large string": pa.array(texts.tolist(), pa.large_string()),
        "binary": pa.array([each.encode() for each in texts]),
        "dictionary": pa.array(texts).dictionary_encode(),
        "decimal": decimals.cast(pa.decimal128(5, 1)),
        "wide decimal": decimals.cast(pa.decimal256(50, 1)),
        "time": pa.array(y.astype(np.int64)).cast(pa.time64("us")),
        "unused category": pa.DictionaryArray.from_arrays(
            pa.array(np.where(y == 0, 0, 2), pa.int8()), ["a", "b", "c"]
        ),
    }


@pytest.mark.parametrize("kind", label_kinds())
def test_labels_of_every_type(kind, tmp_path):
    y = label_kinds()[kind]
    small, summary = resample(table_of(y), tmp_path)
    assert small.schema.field("y").type == y.type
    assert small["y"].to_pylist() == y.take(small["row"]).to_pylist()
    seen = y.value_counts().to_pylist()
    expected = {each["values"]: each["counts"] for each in seen}
    assert dict(
        zip(*(summary.plan.classes, summary.plan.class_total), strict=True)
    ) == (expected)
    majority = max(expected.values())
    assert sorted(summary.plan.rows) == sorted([round(majority / 7), len(y) - majority])


# Counts


@pytest.mark.parametrize("seed", range(2))
def test_exact_counts_and_totals(seed, tmp_path):
    y = labels(20_000, seed=seed)
    resampler = DownsampleUpweight(factor=20, random_state=seed)
    small, summary = resample(
        table_of(y), tmp_path, row_group_size=999, resampler=resampler
    )
    n_rows = np.bincount(y)
    drawn = np.bincount(small["y"])
    assert drawn.tolist() == [round(n_rows[0] / 20), *n_rows[1:]]
    assert drawn.tolist() == list(summary.plan.rows)
    totals = np.bincount(small["y"], small["sample_weight"])
    np.testing.assert_allclose(totals, n_rows, rtol=1e-9)
    np.testing.assert_allclose(weights_of(summary), n_rows, rtol=1e-9)
    assert (np.diff(small["row"]) > 0).all()


# Keys


KEYS = {
    "ints": lambda ids: pa.array(ids * 7_919 - 3_000_000),
    "uint64": lambda ids: pa.array(np.uint64(2**64 - 1) - ids.astype(np.uint64)),
    "strings": lambda ids: pa.array([f"clé {i}" for i in ids]),
    "large strings": lambda ids: pa.array([str(i) for i in ids], pa.large_string()),
    "dictionary": lambda ids: pa.array([str(i) for i in ids]).dictionary_encode(),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_go_with_their_rows(kind, tmp_path):
    y, ids = labels(1_500), np.arange(1_500)
    key = KEYS[kind](ids)
    table = table_of(y, key=key)
    order = np.random.default_rng(2).permutation(1_500)
    kept = []
    for number, each in enumerate([table, table.take(order)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        size = 164 + number
        small, summary = resample(each, folder, row_group_size=size, key="key")
        kept.append((set(small["row"].to_pylist()), summary.plan))
    assert kept[0] == kept[1]
    plan, rows = drawn_by_key(y, key)
    assert kept[0][0] == set(rows.tolist())
    assert kept[0][1].threshold == plan.threshold
    other, _ = resample(table, tmp_path)
    assert kept[0][0] != set(other["row"].to_pylist())


@pytest.mark.parametrize("kind", ["ints", "strings"])
def test_keys_of_csv_are_those_of_parquet(kind, tmp_path):
    y = labels(1_500)
    table = table_of(y, key=KEYS[kind](np.arange(1_500)))
    small, summary = resample(table, tmp_path, key="key")
    write_csv(table, tmp_path / "big.csv")
    from_text = resample_file(
        tmp_path / "big.csv",
        tmp_path / "small.csv",
        target="y",
        resampler=FACTOR,
        key="key",
    )
    rows = read(tmp_path / "small.csv")["row"].to_pylist()
    assert rows == small["row"].to_pylist()
    assert from_text.plan == summary.plan


def test_the_key_may_be_the_target_or_a_weight(tmp_path):
    y = labels(500)
    small, _ = resample(
        table_of(y, w=np.arange(500)), tmp_path, key="w", sample_weight="w"
    )
    of_memory = FACTOR.fit_resample(y, y, sample_weight=np.arange(500.0))[2]
    totals = [small["w"].to_numpy().sum(), of_memory.sum()]
    assert totals == pytest.approx([np.arange(500).sum()] * 2)


# Weights


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *product(["factor", "nominal", "balanced", "over", "weights"], ["float64"]),
        *product(["factor"], ["float32", "int32", "uint8"]),
    ],
)
def test_incoming_weights_are_multiplied_in(name, dtype, tmp_path):
    y = labels(1_000)
    weights = np.random.default_rng(1).choice([0, 1, 2, 5], 1_000).astype(dtype)
    table = table_of(y, w=weights).select(["row", "w", "text", "y"])
    resampler = RESAMPLERS[name]
    small, summary = resample(table, tmp_path, resampler=resampler, sample_weight="w")
    rows, drawn = in_memory(resampler, y, weights.astype(float))
    assert small.column_names == ["row", "w", "text", "y"]
    assert small.schema.field("w").type == pa.float64()
    assert small["row"].to_pylist() == rows.tolist()
    np.testing.assert_allclose(small["w"], drawn, rtol=1e-12)
    assert (weights[rows] > 0).all()
    totals = np.bincount(small["y"], small["w"])
    np.testing.assert_allclose(weights_of(summary), totals, rtol=1e-12)
    if name == "factor":
        np.testing.assert_allclose(totals, np.bincount(y, weights), rtol=1e-9)


def test_weighting_in_words_and_shares(tmp_path):
    y = labels(3_000)
    table, n_rows = table_of(y), np.bincount(y)
    totals = {}
    for weighting in ["factor", "balanced", "uniform", {0: 0.5, 1: 0.3, 2: 0.2}]:
        resampler = DownsampleUpweight(factor=7, weighting=weighting, random_state=3)
        small, _ = resample(table, tmp_path, resampler=resampler, overwrite=True)
        name = weighting if isinstance(weighting, str) else "shares"
        totals[name] = np.bincount(small["y"], small["sample_weight"])
    kept = round(n_rows[0] / 7)
    np.testing.assert_allclose(totals["factor"], n_rows, rtol=1e-12)
    assert totals["uniform"].tolist() == [kept, *n_rows[1:]]
    np.testing.assert_allclose(totals["balanced"], [1_000] * 3, rtol=1e-9)
    np.testing.assert_allclose(totals["shares"], [1_500, 900, 600], rtol=1e-9)


def test_literal_weights_multiply_the_incoming_ones(tmp_path):
    y = labels(1_000, (0.9, 0.1))
    weights = np.random.default_rng(1).choice([0, 0.25, 3], 1_000)
    small, _ = resample(
        table_of(y, sample_weight=weights),
        tmp_path,
        resampler=RESAMPLERS["nominal"],
        sample_weight="sample_weight",
    )
    rows = small["row"].to_numpy()
    counted = np.count_nonzero((y == 0) & (weights > 0))
    literal = counted / np.count_nonzero(y[rows] == 0)
    assert literal == pytest.approx(7, rel=0.01)
    expected = weights[rows] * np.where(y[rows] == 0, literal, 1)
    assert small["sample_weight"].to_pylist() == expected.tolist()
    assert (expected > 0).all()


def test_a_category_that_weighs_nothing_is_not_there(tmp_path):
    y = labels(900)
    names = pa.array(np.array(["a", "b", "c"])[y]).dictionary_encode()
    table = table_of(names, w=np.where(y == 1, 0.0, 1.0))
    small, summary = resample(table, tmp_path, sample_weight="w")
    assert set(small["y"].to_pylist()) == {"a", "c"} == set(summary.plan.classes)


# Columns as they were


N_TYPED = 300


def some(make):
    return [None if i % 7 == 3 else make(i) for i in range(N_TYPED)]


def numbers():
    kinds = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
    made = {kind: pa.array(some(lambda i: i % 100), kind) for kind in kinds}
    top = {"int64": 2**63 - 1, "uint64": 2**64 - 1, "int8": -128}
    for kind, value in top.items():
        made[f"{kind} at its end"] = pa.array(some(lambda i, v=value: v), kind)
    odd = [np.nan, np.inf, -np.inf, -0.0, 0.1, 65_504]
    for kind in [np.float16, np.float32, np.float64]:
        values = some(lambda i, kind=kind: kind(odd[i % 6]))
        made[kind.__name__] = pa.array(values, pa.from_numpy_dtype(kind))
    for precision, scale in [(9, 2), (18, 4), (38, 10)]:
        kind = pa.decimal128(precision, scale)
        made[str(kind)] = pa.array(some(lambda i: Decimal(i - 150) / 4), kind)
    wide = pa.decimal256(60, 4)
    return {**made, "decimal256": pa.array(some(lambda i: Decimal(i) / 4), wide)}


def times():
    made = {}
    for unit in ["s", "ms", "us", "ns"]:
        values = pa.array(some(lambda i: i * 86_400_000 - 10**6), pa.int64())
        for zone in [None, "UTC", "Europe/Paris", "+05:30"]:
            kind = pa.timestamp(unit, zone)
            made[f"timestamp {unit} {zone}"] = values.cast(kind)
        made[f"duration {unit}"] = values.cast(pa.duration(unit))
    for unit in ["s", "ms"]:
        made[f"time32 {unit}"] = pa.array(some(int), pa.int32()).cast(pa.time32(unit))
    for unit in ["us", "ns"]:
        made[f"time64 {unit}"] = pa.array(some(int), pa.int64()).cast(pa.time64(unit))
    days = some(lambda i: dt.date(1960, 1, 1) + dt.timedelta(37 * i))
    return {**made, "date32": pa.array(days), "date64": pa.array(days, pa.date64())}


def texts():
    made = {"bool": pa.array(some(lambda i: i % 3 == 0)), "null": pa.nulls(N_TYPED)}
    for kind in ["string", "large_string", "string_view"]:
        values = some(lambda i: f'é{i}\n"\0' if i % 2 else "")
        made[kind] = pa.array(values, getattr(pa, kind)())
    for kind in ["binary", "large_binary", "binary_view"]:
        values = some(lambda i: bytes([i % 256, 0, 255]) if i % 2 else b"")
        made[kind] = pa.array(values, getattr(pa, kind)())
    made["fixed binary"] = pa.array(some(lambda i: bytes([i % 256, 0])), pa.binary(2))
    codes = pa.array(some(lambda i: i % 3), pa.int8())
    for name, values in [("words", ["z", "a", "unused", "m"]), ("ints", [30, 10, 20])]:
        made[f"dictionary of {name}"] = pa.DictionaryArray.from_arrays(codes, values)
    made["ordered dictionary"] = pa.DictionaryArray.from_arrays(
        codes, ["low", "mid", "high"], ordered=True
    )
    return made


def nested():
    inner = pa.field("item", pa.int32(), nullable=False)
    pairs = some(lambda i: [("k", i), ("l", None)] if i % 2 else [])
    kinds = {
        "list": (some(lambda i: [i, None] if i % 2 else []), pa.list_(pa.int32())),
        "large list": (some(lambda i: [i]), pa.large_list(pa.int32())),
        "list of no nulls": (some(lambda i: [i]), pa.list_(inner)),
        "fixed list": (some(lambda i: [i, 1, None]), pa.list_(pa.float32(), 3)),
        "struct": (some(lambda i: {"a": i, "b": None if i % 2 else "x"}), None),
        "struct of no nulls": (
            [{"a": i} for i in range(N_TYPED)],
            pa.struct([pa.field("a", pa.int32(), nullable=False)]),
        ),
        "list of structs": (some(lambda i: [{"a": [i]}] * (i % 3)), None),
        "map": (pairs, pa.map_(pa.string(), pa.int32())),
        "list of lists": (some(lambda i: [[i], [], None]), None),
    }
    made = {name: pa.array(values, kind) for name, (values, kind) in kinds.items()}
    zoned = pa.list_(pa.timestamp("us", "+05:30"))
    made["list of zones"] = pa.array(some(lambda i: [i])).cast(zoned)
    return made


def extensions():
    stored = {
        pa.uuid(): (some(lambda i: bytes([i % 256] * 16)), pa.binary(16)),
        pa.json_(): (some(lambda i: f'{{"a": {i}}}'), pa.string()),
        pa.bool8(): (some(lambda i: i % 2), pa.int8()),
    }
    return {
        str(kind): pa.ExtensionArray.from_storage(kind, pa.array(values, own))
        for kind, (values, own) in stored.items()
    }


TYPED = {**numbers(), **times(), **texts(), **nested(), **extensions()}
if int(pa.__version__.partition(".")[0]) < 26:
    # It cannot write a fixed list that is missing, so there are no such files.
    del TYPED["fixed list"]


@pytest.mark.parametrize("name", TYPED)
def test_a_column_of_every_type_stays_as_it_was(name, tmp_path):
    y = np.arange(N_TYPED) % 10 == 0
    column = TYPED[name]
    nullable = column.null_count > 0
    field = pa.field("column", column.type, nullable=nullable, metadata={"unit": "m"})
    table = table_of(y).append_column(field, column)
    pq.write_table(table, tmp_path / "other.parquet")
    original = pq.read_table(tmp_path / "other.parquet")
    small, _ = resample(table, tmp_path)
    assert small.schema.remove(5) == original.schema
    assert small.schema.field("column").metadata.get(b"unit") == b"m"
    assert small.schema.field("column").nullable == nullable
    rows, _ = in_memory(FACTOR, y)
    assert small["row"].to_pylist() == rows.tolist()
    values = original["column"].to_pylist()
    expected = [values[row] for row in rows]
    assert repr(small["column"].to_pylist()) == repr(expected)
    if pa.types.is_dictionary(original["column"].type):
        words = original["column"].chunk(0).dictionary.to_pylist()
        assert small["column"].chunk(0).dictionary.to_pylist() == words


def test_all_types_in_one_file(tmp_path):
    table = table_of(np.arange(N_TYPED) % 10 == 0, **TYPED)
    pq.write_table(table, tmp_path / "other.parquet")
    original = pq.read_table(tmp_path / "other.parquet")
    small, _ = resample(table, tmp_path)
    assert small.column_names == [*table.column_names, "sample_weight"]
    assert small.schema.types[:-1] == original.schema.types
    for name in table.column_names:
        values = original[name].to_pylist()
        expected = [values[row] for row in small["row"].to_pylist()]
        assert repr(small[name].to_pylist()) == repr(expected), name


def test_times_of_old_files_stay(tmp_path):
    when = TYPED["timestamp ns None"]
    table = table_of(np.arange(N_TYPED) % 10 == 0, when=when)
    path, dest = tmp_path / "big.parquet", tmp_path / "small.parquet"
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    resample_file(path, dest, target="y", resampler=FACTOR)
    small = read(dest)
    assert small["when"].equals(read(path)["when"].take(small["row"]))


def test_metadata_and_the_order_of_columns_stay(tmp_path):
    table = table_of(labels(500)).select(["y", "text", "row", "x"])
    table = table.replace_schema_metadata({"made by": "us", "é": "日"})
    small, _ = resample(table, tmp_path)
    assert small.column_names == ["y", "text", "row", "x", "sample_weight"]
    assert small.schema.metadata == table.schema.metadata


def test_columns_of_later_files_may_stand_otherwise(tmp_path):
    y = labels(600)
    table = table_of(y)
    (tmp_path / "big").mkdir()
    pq.write_table(table.slice(0, 300), tmp_path / "big/a.parquet")
    later = table.slice(300).select(["y", "text", "x", "row"])
    pq.write_table(later, tmp_path / "big/b.parquet")
    dest = tmp_path / "small.parquet"
    resample_file(tmp_path / "big", dest, target="y", resampler=FACTOR)
    small = check_same(dest, FACTOR, y)
    assert small.drop_columns("sample_weight").equals(table.take(small["row"]))


INDICES = {
    "default": None,
    "range": lambda n: pd.RangeIndex(5, 5 + 2 * n, 2, name="id"),
    "words": lambda n: pd.Index([f"i{i}" for i in range(n)], name="id"),
    "days": lambda n: pd.date_range("1999", periods=n, name="day"),
    "two levels": lambda n: pd.MultiIndex.from_arrays(
        [[f"i{i}" for i in range(n)], ["a"] * n], names=["p", "q"]
    ),
}


@pytest.mark.parametrize("name", INDICES)
def test_pandas_reads_what_it_wrote(name, tmp_path):
    y = labels(500)
    frame = pd.DataFrame({"row": np.arange(500), "y": y})
    frame["colour"] = pd.Categorical(["red", "blue"] * 250, ["red", "blue", "no"])
    if INDICES[name]:
        frame.index = INDICES[name](500)
    frame.to_parquet(tmp_path / "big.parquet")
    dest = tmp_path / "small.parquet"
    resample_file(tmp_path / "big.parquet", dest, target="y", resampler=FACTOR)
    small = pd.read_parquet(dest)
    rows, weights = in_memory(FACTOR, y)
    np.testing.assert_allclose(small.pop("sample_weight"), weights, rtol=1e-12)
    expected = frame.iloc[rows]
    if name in ("default", "range"):
        # Rows that are counted, not named, are counted anew from the same start.
        first, step = (5, 2) if name == "range" else (0, 1)
        expected.index = pd.RangeIndex(first, first + step * len(rows), step)
        expected.index.name = frame.index.name
    pd.testing.assert_frame_equal(small, expected, check_freq=False)


def encodings(path):
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    return {
        each.path_in_schema: (
            each.compression,
            any("DICTIONARY" in encoding for encoding in each.encodings),
        )
        for each in columns
    }


def test_codecs_and_dictionaries_stay(tmp_path):
    codecs = ["NONE", "SNAPPY", "GZIP", "ZSTD", "BROTLI", "LZ4"]
    names = [f"c {codec}" for codec in codecs]
    extra = {name: ["x", "y", "z"] * 300 for name in names}
    lists = {"list": [[i % 5] for i in range(900)], "struct": [{"a": 1}] * 900}
    table = table_of(labels(900), **extra, **lists)
    compression = dict(zip(names, codecs, strict=True))
    compression |= {"list.list.element": "GZIP", "struct.a": "ZSTD"}
    path, dest = tmp_path / "big.parquet", tmp_path / "small.parquet"
    pq.write_table(
        table,
        path,
        compression={**dict.fromkeys(["row", "x", "text", "y"], "NONE"), **compression},
        use_dictionary=["y", "c GZIP", "list.list.element"],
    )
    resample_file(path, dest, target="y", resampler=FACTOR)
    found, expected = encodings(dest), encodings(path)
    found.pop("sample_weight")
    assert found == expected
    assert len({codec for codec, _ in expected.values()}) == 6


def test_the_codec_of_a_column_with_a_dot_stays(tmp_path):
    table = table_of(labels(900), **{"a.b": ["x"] * 900})
    path, dest = tmp_path / "big.parquet", tmp_path / "small.parquet"
    codecs = dict.fromkeys(table.column_names, "NONE") | {"a.b": "GZIP"}
    pq.write_table(table, path, compression=codecs, use_dictionary=False)
    resample_file(path, dest, target="y", resampler=FACTOR)
    assert encodings(dest)["a.b"] == ("GZIP", False)


def test_codecs_stay_where_the_first_file_is_empty(tmp_path):
    table, folder = table_of(labels(900)), tmp_path / "big"
    folder.mkdir()
    settings = {"compression": "ZSTD", "use_dictionary": False}
    pq.write_table(table.slice(0, 0), folder / "a.parquet", **settings)
    pq.write_table(table, folder / "b.parquet", **settings)
    dest = tmp_path / "small.parquet"
    resample_file(folder, dest, target="y", resampler=FACTOR)
    assert encodings(dest)["x"] == ("ZSTD", False)


def test_encodings_stay_where_the_first_row_group_is_empty(tmp_path):
    table = table_of(labels(900))
    path, dest = tmp_path / "big.parquet", tmp_path / "small.parquet"
    with pq.ParquetWriter(path, table.schema, compression="ZSTD") as writer:
        writer.write_table(table.slice(0, 0))
        writer.write_table(table)
    resample_file(path, dest, target="y", resampler=FACTOR)
    assert encodings(dest)["text"] == ("ZSTD", True)


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64", "decimal"])
def test_a_dictionary_stays_only_where_it_makes_numbers_smaller(kind, tmp_path):
    numbers = pa.array(np.random.default_rng(0).permutation(2_000))
    type_ = pa.decimal128(20) if kind == "decimal" else kind
    columns = {
        "all differ": numbers.cast(type_),
        "few": pa.array(numbers.to_numpy() % 10).cast(type_),
        "word": numbers.cast(pa.string()),
    }
    path, dest = tmp_path / "big.parquet", tmp_path / "small.parquet"
    pq.write_table(pa.table({**columns, "y": labels(2_000)}), path, compression="none")
    resample_file(path, dest, target="y", resampler=ClassWeight())
    assert all(tried for _, tried in encodings(path).values())
    found = {name: tried for name, (_, tried) in encodings(dest).items()}
    expected = {"all differ": False, "few": True, "word": True, "y": True}
    assert expected.items() <= found.items()
    before, after = (
        pq.read_metadata(each).row_group(0).column(0).total_uncompressed_size
        for each in (path, dest)
    )
    assert after < 0.95 * before


ODD_NAMES = [
    "a b",
    "it's",
    'say "x"',
    "a.b",
    "a,b",
    "é日😀",
    "literal",
    "^x$",
    "*",
    "^.*$",
    "",
    "position",
]


# Names that a library may take for something else, in every role.
IN_ALL_ROLES = ["", "^x$", "^.*$", "*", 'say "x"', "position"]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("role", "name"),
    [
        *(("feature", name) for name in ODD_NAMES),
        *product(["target", "key", "sample_weight"], IN_ALL_ROLES),
    ],
)
def test_odd_column_names(name, role, ending, tmp_path):
    y = labels(400)
    columns = {"target": y, "key": np.arange(400) * 3, "sample_weight": y + 1.0}
    columns = {"row": np.arange(400), **columns, "feature": np.arange(400) % 7}
    renamed = [name if each == role else each for each in columns]
    table = pa.table(list(columns.values()), names=renamed)
    folder = write_parts(table, tmp_path / "big", [150], 64, ending)
    roles = {each: each for each in ("target", "key", "sample_weight")}
    if role in roles:
        roles[role] = name
    dest = tmp_path / "small.parquet"
    resample_file(folder, dest, resampler=FACTOR, **roles)
    small = pq.read_table(dest)
    assert small.column_names == renamed
    _, rows = drawn_by_key(y, columns["key"])
    assert small["row"].to_pylist() == rows.tolist()
    if role == "feature":
        assert small[name].to_pylist() == (rows % 7).tolist()


# What is told


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("factor", ["labels", "rows"]),
        ("ratio", ["labels", "rows"]),
        ("weights", ["labels", "rows"]),
    ],
)
def test_progress_goes_up_to_the_number_of_rows(name, stages, ending, tmp_path):
    y = labels(3_000)
    source = write_parts(table_of(y), tmp_path / "big", [100, 2_000], 64, ending)
    told = []
    resample_file(
        source,
        tmp_path / "small.parquet",
        target="y",
        resampler=RESAMPLERS[name],
        progress=lambda *values: told.append(values),
    )
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == stages
    for stage in stages:
        done = [rows for at, rows, _ in told if at == stage]
        assert done == sorted(done)
        assert done[0] > 0
        assert done[-1] == len(y)
    totals = {total for _, _, total in told}
    assert totals <= {len(y), None}
    assert ending == "csv" or totals == {len(y)}


def test_the_summary_in_types_that_json_knows(tmp_path):
    table = table_of(pa.array(np.array(["ok", "bad"])[labels(900, (0.9, 0.1))]))
    _, summary = resample(table, tmp_path)
    told = json.loads(json.dumps(summary.to_dict()))
    big, small = tmp_path / "big.parquet", tmp_path / "small.parquet"
    assert (told["source"], told["dest"]) == ([str(big)], str(small))
    assert told["bytes_before"] == big.stat().st_size
    assert told["bytes"] == small.stat().st_size
    assert told["seconds"] > 0
    seen = {each["label"]: each for each in told["classes"]}
    assert list(seen) == ["bad", "ok"]
    assert sum(each["rows_before"] for each in told["classes"]) == 900
    assert seen["ok"]["rows"] == round(seen["ok"]["rows_before"] / 7)
    assert seen["ok"]["weight_before"] == seen["ok"]["rows_before"]
    assert seen["ok"]["weight"] == pytest.approx(seen["ok"]["weight_before"])
    assert told["plan"] == json.loads(summary.plan.to_json())


@pytest.mark.parametrize("name", RESAMPLERS)
def test_source_and_resampler_are_left_alone(name, tmp_path):
    from sklearn.base import clone

    resampler = clone(RESAMPLERS[name])
    before = dict(vars(resampler))
    pq.write_table(table_of(labels(500)), tmp_path / "big.parquet")
    data = (tmp_path / "big.parquet").read_bytes()
    dest = tmp_path / "small.parquet"
    resample_file(tmp_path / "big.parquet", dest, target="y", resampler=resampler)
    assert vars(resampler) == before
    assert (tmp_path / "big.parquet").read_bytes() == data
    assert len(list(tmp_path.iterdir())) == 2


def test_a_result_is_resampled_again_with_its_weights(tmp_path):
    y = labels(5_000, (0.95, 0.05))
    resample(table_of(y), tmp_path, "first.parquet")
    second = resample_file(
        tmp_path / "first.parquet",
        tmp_path / "second.parquet",
        target="y",
        resampler=DownsampleUpweight(factor=3, random_state=1),
        sample_weight="sample_weight",
    )
    np.testing.assert_allclose(weights_of(second), np.bincount(y), rtol=1e-9)


# Memory


MEMORY = """
import sys
import numpy as np, pandas, pyarrow as pa, pyarrow.parquet as pq
from skstrat import DownsampleUpweight
from skstrat.io import resample_file

def status(name):
    lines = open("/proc/self/status", encoding="ascii").read().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith(name))

folder, name = sys.argv[1:]
warm = pa.table({"x": np.arange(100.0), "y": np.arange(100) % 10 == 0})
pq.write_table(warm, f"{folder}/warm.parquet")
resampler = DownsampleUpweight(factor=20, random_state=0)
settings = {"target": "y", "resampler": resampler, "overwrite": True}
resample_file(f"{folder}/warm.parquet", f"{folder}/out.parquet", **settings)
before = status("VmRSS:")
resample_file(f"{folder}/{name}", f"{folder}/out.parquet", **settings)
print(status("VmHWM:") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_rows(tmp_path):
    rng = np.random.default_rng(0)
    million = 1 << 20
    columns = {f"x{i}": rng.random(million, dtype=np.float32) for i in range(20)}
    columns["word"] = pa.array(["u", "v"] * (million // 2)).dictionary_encode()
    table = pa.table({**columns, "y": rng.random(million) < 0.02})
    grown = []
    for times in (1, 4):
        path = tmp_path / f"{times}.parquet"
        with pq.ParquetWriter(path, table.schema) as writer:
            for _ in range(times):
                writer.write_table(table, row_group_size=1 << 18)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, tmp_path, path.name],
            capture_output=True,
            text=True,
            check=True,
        )
        grown.append(int(done.stdout) / 1024)
    assert grown[1] < 1.5 * grown[0] + 20, grown


# Batches


@pytest.fixture
def small(tmp_path):
    y = labels(1_000)
    weights = np.random.default_rng(4).random(1_000)
    table = table_of(y, flag=y == 0, sample_weight=weights.astype(np.float32))
    write_parts(table, tmp_path / "small", [300], 77)
    return tmp_path / "small", table


@pytest.mark.parametrize("output", ["pandas", "polars", "numpy"])
def test_batches_in_order(output, small):
    path, table = small
    table = table.drop_columns("text") if output == "numpy" else table
    if output == "numpy":
        for number, each in enumerate([table.slice(0, 300), table.slice(300)]):
            pq.write_table(each, path / f"part-{number:02}.parquet")
    batches = list(read_batches(path, target="y", batch_size=128, output=output))
    assert [len(y) for _, y, _ in batches] == [128, 128, 44, *[128] * 5, 60]
    y = np.concatenate([y for _, y, _ in batches])
    weights = np.concatenate([each for _, _, each in batches])
    assert y.dtype == np.int64
    assert y.tolist() == table["y"].to_pylist()
    assert weights.dtype == np.float64
    assert weights.tolist() == table["sample_weight"].to_pylist()
    features = table.drop_columns(["y", "sample_weight"])
    for X, _, _ in batches:
        if output == "numpy":
            assert X.dtype == np.float64
        else:
            assert isinstance(X, {"pandas": pd, "polars": pl}[output].DataFrame)
            assert list(X.columns) == features.column_names
    if output == "numpy":
        X = np.concatenate([X for X, _, _ in batches])
        expected = np.column_stack([each.to_numpy() for each in features.columns])
        assert X.tolist() == expected.tolist()
    elif output == "polars":
        X = pl.concat([X for X, _, _ in batches])
        assert X.equals(pl.from_arrow(features))
    else:
        X = pd.concat([X for X, _, _ in batches], ignore_index=True)
        pd.testing.assert_frame_equal(X, features.to_pandas())


def test_batches_without_weights(small):
    path, _ = small
    X, _, weights = next(read_batches(path, target="y", sample_weight=None))
    assert weights is None
    assert "sample_weight" in X.columns
    X, _, weights = next(read_batches(path, target="y", sample_weight="x"))
    assert weights.tolist() == pq.read_table(path)["x"].to_pylist()[: len(weights)]
    assert list(X.columns) == ["row", "text", "flag", "sample_weight"]


@pytest.mark.parametrize("kind", ["string", "bool", "dictionary", "float32"])
def test_labels_of_batches(kind, tmp_path):
    y = label_kinds()[kind]
    pq.write_table(table_of(y), tmp_path / "a.parquet")
    batches = read_batches(
        tmp_path / "a.parquet", target="y", sample_weight=None, batch_size=300
    )
    assert [label for _, each, _ in batches for label in each] == y.to_pylist()


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1; got 0"),
        ({"output": "arrow"}, ValueError, '"polars" or "numpy"; got .arrow.'),
        ({"target": "z"}, ValueError, r"target must name a column .* has no 'z'"),
        ({"sample_weight": "z"}, ValueError, "sample_weight must name a column"),
    ],
)
def test_batches_are_refused_at_once(settings, error, text, small):
    path, _ = small
    with pytest.raises(error, match=text):
        read_batches(path, **{"target": "y", **settings})


def test_batches_of_csv_or_nothing_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,y\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"path must name Parquet files; got .*a\.csv"):
        read_batches(tmp_path / "a.csv", target="y")
    with pytest.raises(FileNotFoundError, match="nothing found at"):
        read_batches(tmp_path / "b.parquet", target="y")


def test_a_model_of_batches_is_nearly_that_of_memory(tmp_path):
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.metrics import log_loss

    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 3))
    chance = 1 / (1 + np.exp(4 - 1.5 * X[:, 0] + X[:, 1]))
    y = (rng.random(40_000) < chance).astype(int)
    table = pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y})
    settings = {"resampler": DownsampleUpweight(factor=10, random_state=0)}
    small, summary = resample(table, tmp_path, row_group_size=4096, **settings)
    assert len(small) < 0.2 * len(table)
    model = SGDClassifier(
        loss="log_loss",
        alpha=0,
        learning_rate="constant",
        eta0=0.003,
        average=50_000,
        random_state=0,
    )
    for _ in range(20):
        batches = read_batches(summary.dest, target="y", batch_size=1000)
        for X_batch, y_batch, weights in batches:
            model.partial_fit(
                X_batch.to_numpy(), y_batch, classes=[0, 1], sample_weight=weights
            )
    features = np.column_stack([small[name].to_numpy() for name in "abc"])
    witness = LogisticRegression(C=np.inf).fit(
        features, small["y"].to_numpy(), small["sample_weight"].to_numpy()
    )
    losses = [log_loss(y, each.predict_proba(X)[:, 1]) for each in (model, witness)]
    constant = log_loss(y, np.full(len(y), y.mean()))
    assert losses[0] < losses[1] + 0.03 * (constant - losses[1])
