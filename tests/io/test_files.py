"""Files resampled: the rows and weights of memory, and columns as they were."""

import csv
import datetime as dt
import gzip
import io
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from skstrat import ClassWeight, CombinedResample, DownsampleUpweight, RandomOversample
from skstrat._core.labels import encode_labels
from skstrat._core.plan import Plan
from skstrat.io import resample_file

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")

DOWN = partial(DownsampleUpweight, random_state=3)
FACTOR = DOWN(factor=7)
RESAMPLERS = {
    "factor": FACTOR,
    "factors": DOWN(factor={0: 5.5, 1: 2}),
    "literal": DOWN(factor=7, weighting="factor"),
    "shares": DOWN(factor=7, weighting={0: 0.5, 1: 0.3, 2: 0.2}),
    "ratio": DOWN(sampling_strategy=0.5, weighting="balanced"),
    "one to one": DOWN(sampling_strategy="auto"),
    "over": RandomOversample(random_state=3),
    "by times": RandomOversample(times=2.7, weighting="uniform", random_state=3),
    "both ways": CombinedResample(random_state=3),
    "weights": ClassWeight(),
    "nothing": DOWN(factor=1),
    "generator": DownsampleUpweight(factor=2, random_state=np.random.default_rng(5)),
}
# Files, the rows at which the later ones start, and the source.
LAYOUTS = {
    "file": (["a b#c%20[1].parquet"], [], "a b#c%20[1].parquet"),
    "parts": ([f"in/{i}.parquet" for i in range(7)], [0, 1, 13, 13, 500, 787], "in"),
    "pattern": (["in/é日?.PARQUET", "in/ü.pq"], [100], "in/*"),
    "below": (["in/a/1.pq", "in/a/2.pq", "in/b/0.pq"], [300, 600], "in"),
    "csv": (["in/1.csv", "in/2.csv"], [300], "in"),
    "gz": (["big.csv.gz"], [], "big.csv.gz"),
}
HIDDEN = [".a/1.parquet", "_delta/1.parquet", "a/.1.parquet", "a/_2.parquet", "READ.me"]


def labels(n_rows, shares=(0.9, 0.07, 0.03)):
    return np.random.default_rng(0).choice(len(shares), n_rows, p=shares)


def table_of(y, **columns):
    x = np.random.default_rng(9).normal(size=len(y))
    return pa.table({"row": np.arange(len(y)), "x": x, "y": y, **columns})


def write(table, path, **settings):
    """Write a table in the format that the name of the file gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() in (".parquet", ".pq"):
        with path.open("wb") as file:
            pq.write_table(table, file, row_group_size=77, **settings)
        return path
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*table.to_pydict().values(), strict=True))
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(path):
    with path.open("rb") as file:
        return pq.read_table(file)


def resample(table, folder, name="big.parquet", **settings):
    """Write a table, resample it, and read the result."""
    source = write(table, folder / name)
    return resampled(source, folder, **settings)


def resampled(source, folder, dest="small.parquet", **settings):
    settings = {"target": "y", "resampler": FACTOR, "overwrite": True, **settings}
    summary = resample_file(source, folder / dest, **settings)
    return read(folder / dest), summary


def check_progress(told, n_rows, *, known):
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["labels", "rows"]
    for stage in ("labels", "rows"):
        done = [rows for at, rows, _ in told if at == stage]
        assert 0 < done[0] <= done[-1] == n_rows
        assert done == sorted(done)
    assert {total for _, _, total in told} <= {n_rows, n_rows if known else None}


@pytest.mark.parametrize(
    ("name", "layout", "weighted"),
    [
        (name, list(LAYOUTS)[(i + shift) % 6], (i + bool(shift)) % 2 > 0)
        for shift in (0, 3)
        for i, name in enumerate(RESAMPLERS)
    ],
)
def test_the_rows_of_memory_whatever_the_files(name, layout, weighted, tmp_path):
    y = labels(800)
    if name in ("ratio", "by times"):
        y = np.sort(y)[::-1]
    weights = np.random.default_rng(1).choice([0, 0.5, 1, 3], 800) if weighted else None
    table = table_of(y, **({"w": weights} if weighted else {}))
    names, starts, source = LAYOUTS[layout]
    for file, (start, stop) in zip(names, pairwise([0, *starts, 800]), strict=True):
        part = table.slice(start, stop - start)
        if start and not file.endswith("csv"):
            part = part.select(part.column_names[::-1])
        write(part, tmp_path / file)
    for hidden in HIDDEN * (source == "in"):
        (tmp_path / "in" / hidden).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / hidden).write_text("no data")
    before = {each: each.read_bytes() for each in tmp_path.rglob("*.*") if each.suffix}
    given, resampler = clone(RESAMPLERS[name]), clone(RESAMPLERS[name])
    parameters, told = dict(vars(given)), []
    small, summary = resampled(
        tmp_path / source,
        tmp_path,
        resampler=given,
        sample_weight="w" if weighted else None,
        progress=lambda *values: told.append(values),
    )
    check_progress(told, 800, known="csv" not in names[0])
    assert vars(given) == parameters
    (tmp_path / "small.parquet").unlink()
    assert before == {
        each: each.read_bytes() for each in tmp_path.rglob("*.*") if each.suffix
    }
    assert [str(Path(each).relative_to(tmp_path)) for each in summary.source] == names
    _, _, drawn = resampler.fit_resample(y, y, sample_weight=weights)
    rows, column = resampler.sample_indices_, "w" if weighted else "sample_weight"
    assert small.column_names == [*table.column_names, "sample_weight"][:4]
    assert small["row"].to_pylist() == rows.tolist()
    assert small["x"].equals(table["x"].take(rows))
    np.testing.assert_allclose(small[column], drawn, rtol=1e-12)
    assert summary.plan == resampler.plan_
    totals = np.bincount(y[rows], drawn, minlength=3)
    np.testing.assert_allclose([each["weight"] for each in summary.classes], totals)


def label_kinds():
    y = labels(800, (0.9, 0.1))
    texts = np.where(y == 0, "ok", "fraud").tolist()
    coded = pa.array(np.where(y == 0, 0, 2), pa.int8())
    return {
        "sign bit": pa.array(y.astype(np.uint64) * np.uint64(2**63 + 5)),
        "float32": pa.array(y.astype(np.float32)),
        "bool": pa.array(y == 1),
        "large string": pa.array(texts, pa.large_string()),
        "binary": pa.array([each.encode() for each in texts]),
        "decimal": pa.array(list(map(Decimal, y.tolist())), pa.decimal256(50, 1)),
        "time": pa.array(y.astype(np.int64)).cast(pa.time64("us")),
        "unused category": pa.DictionaryArray.from_arrays(coded, ["a", "b", "c"]),
    }


@pytest.mark.parametrize("kind", label_kinds())
def test_labels_of_every_type(kind, tmp_path):
    y = label_kinds()[kind]
    small, summary = resample(table_of(y), tmp_path)
    assert small.schema.field("y").type == y.type
    assert small["y"].to_pylist() == y.take(small["row"]).to_pylist()
    counts = {each["values"]: each["counts"] for each in y.value_counts().to_pylist()}
    plan = summary.plan
    assert list(plan.classes) == sorted(counts)
    assert list(plan.class_total) == [counts[each] for each in plan.classes]
    majority = max(counts.values())
    assert sorted(plan.rows) == sorted([round(majority / 7), len(y) - majority])


KEYS = {
    "uint64": lambda ids: pa.array(np.uint64(2**64 - 1) - ids.astype(np.uint64)),
    "strings": lambda ids: pa.array([f"clé {i}" for i in ids]),
    "dictionary": lambda ids: pa.array([f"k{i}" for i in ids]).dictionary_encode(),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_keep_their_rows_in_any_order_and_format(kind, tmp_path):
    y = labels(1_500)
    table = table_of(y, key=KEYS[kind](np.arange(1_500)))
    counts = np.array(FACTOR.fit(y, y).plan_.rows)
    plan, rows = Plan.draw(encode_labels(y), counts, 3, np.asarray(table["key"]))
    turned = table.take(np.random.default_rng(2).permutation(1_500))
    for each, name in (table, "big.csv"), (turned, "big.parquet"):
        small, summary = resample(each, tmp_path, name, key="key")
        assert sorted(small["row"].to_pylist()) == rows.tolist()
        assert summary.plan.threshold == plan.threshold
    assert rows.tolist() != FACTOR.fit(y, y).sample_indices_.tolist()


# Columns as they were


def some(make, kind=None):
    """Make 300 values, some of them missing."""
    values = [None if i % 7 == 3 else make(i) for i in range(300)]
    return pa.array(values, kind)


ODD = [np.nan, np.inf, -np.inf, -0.0, 0.1, 65_504]
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DECIMALS = [pa.decimal128(9, 2), pa.decimal128(38, 10), pa.decimal256(60, 4)]
UNITS = ["s", "ms", "us", "ns"]
ZONES = [None, "UTC", "Europe/Paris", "+05:30", "Z", "UTC+1"]
TICKS = some(lambda i: i * 86_400_000 - 10**6, pa.int64())
CLOCKS = [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
TEXTS = [pa.string(), pa.large_string(), pa.string_view()]
BYTES = [pa.binary(), pa.large_binary(), pa.binary_view()]
CODES = some(lambda i: i % 3, pa.int8())
TYPED = {
    **{kind: some(lambda i: i % 100, kind) for kind in INTEGERS},
    "end of uint64": some(lambda i: 2**64 - 1 - i, "uint64"),
    **{kind: some(lambda i: ODD[i % 6], kind) for kind in ("float32", "float64")},
    **{str(kind): some(lambda i: Decimal(i - 150) / 4, kind) for kind in DECIMALS},
    **{f"{u} {z}": TICKS.cast(pa.timestamp(u, z)) for u in UNITS for z in ZONES},
    **{f"duration {unit}": TICKS.cast(pa.duration(unit)) for unit in UNITS},
    **{str(kind): some(int, f"int{kind.bit_width}").cast(kind) for kind in CLOCKS},
    "date32": some(lambda i: dt.date(1960, 1, 1) + dt.timedelta(37 * i)),
    "bool": some(lambda i: i % 3 == 0),
    "null": pa.nulls(300),
    **{str(k): some(lambda i: f'é{i}\n"\0' if i % 2 else "", k) for k in TEXTS},
    **{str(k): some(lambda i: bytes([i % 256, 0] * (i % 2)), k) for k in BYTES},
    "words": pa.DictionaryArray.from_arrays(CODES, ["z", "a", "m", "unused"]),
    "list": some(lambda i: [i, None] if i % 2 else [], pa.list_(pa.int32())),
    "struct": some(lambda i: {"a": i, "b": None if i % 2 else "x"}),
    "list of structs": some(lambda i: [{"a": [i]}] * (i % 3)),
}


def plainly(column):
    """Give values that can be compared; zones need not be those of Python."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return list(map(repr, column.to_pylist()))


@pytest.mark.parametrize("old_times", [False, True])
def test_columns_of_every_type_stay_as_they_were(old_times, tmp_path):
    columns = {**TYPED, "y": np.arange(300) % 10 == 0, "row": pa.array(np.arange(300))}
    columns = {name: pa.array(column) for name, column in columns.items()}
    fields = [
        pa.field(name, own.type, own.null_count > 0, metadata={"unit": f"m {name}"})
        for name, own in columns.items()
    ]
    schema = pa.schema(fields, {"made by": "us", "é": "日"})
    table = pa.table(list(columns.values()), schema=schema)
    settings = {"use_deprecated_int96_timestamps": old_times}
    source = write(table, tmp_path / "big.parquet", **settings)
    small, _ = resampled(source, tmp_path)
    original = read(source)
    kept = small.schema.remove(len(fields))
    assert kept.equals(original.schema, check_metadata=True)
    rows = FACTOR.fit(columns["y"], columns["y"]).sample_indices_.tolist()
    assert small["row"].to_pylist() == rows
    for name in columns:
        values = plainly(original[name])
        assert plainly(small[name]) == [values[row] for row in rows], name
        if pa.types.is_dictionary(original[name].type):
            words = columns[name].dictionary
            assert small[name].chunk(0).dictionary.equals(words)


def test_pandas_reads_what_it_wrote(tmp_path):
    y, days = labels(500), pd.date_range("1999", periods=500)
    index = pd.MultiIndex.from_arrays([days, ["a"] * 500], names=["p", "q"])
    frame = pd.DataFrame({"row": np.arange(500), "y": y}, index)
    frame["colour"] = pd.Categorical(["red", "blue"] * 250, ["red", "blue", "no"])
    frame.to_parquet(tmp_path / "big.parquet")
    resampled(tmp_path / "big.parquet", tmp_path)
    small = pd.read_parquet(tmp_path / "small.parquet").drop(columns="sample_weight")
    expected = frame.iloc[FACTOR.fit(y, y).sample_indices_]
    pd.testing.assert_frame_equal(small, expected, check_freq=False)


# Names that a library may take for something else.
NAMES = ["a b", "it's", 'say "x"', "a.b", "a,b", "é日😀", "^x$", "*", "^.*$", ""]
NAMES += ["position"]


@pytest.mark.parametrize("first", range(len(NAMES)))
def test_odd_column_names(first, tmp_path):
    y, ids = labels(400), np.arange(400)
    columns = {"target": y, "key": ids * 3, "sample_weight": y + 1.0, "feature": ids}
    named = dict(zip(columns, NAMES[first:] + NAMES[:first], strict=False))
    table = pa.table(list(columns.values()), names=list(named.values()))
    feature = named.pop("feature")
    small, _ = resample(table, tmp_path, ["big.parquet", "big.csv"][first % 2], **named)
    assert small.column_names == table.column_names
    counts = np.array(FACTOR.fit(y, y).plan_.rows)
    _, rows = Plan.draw(encode_labels(y), counts, 3, ids * 3)
    assert small[feature].to_pylist() == rows.tolist()
