"""Parquet files that differ, folders that hold values, and odd types."""

import re

import numpy as np
import pytest

from skstrat import ClassWeight, DownsampleUpweight
from skstrat.io import read_batches, resample_file, scan_file
from skstrat.io._parquet import ParquetSource

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")

N_ROWS = 400
FACTOR = DownsampleUpweight(factor=4, random_state=0)


def table_of(start=0, **columns):
    rows = np.arange(start, start + N_ROWS)
    return pa.table({"row": rows, "y": (rows % 10 == 0).astype(int), **columns})


def write(folder, **tables):
    for name, table in tables.items():
        path = folder / "big" / f"{name.replace('|', '/')}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=64)
    return folder / "big"


def resample(source, folder, **settings):
    settings = {"target": "y", "resampler": FACTOR, **settings}
    dest = folder / "small.parquet"
    summary = resample_file(source, dest, **settings)
    return pq.read_table(dest), summary


INTS = np.arange(N_ROWS)
UNITED = {
    "wider": (pa.array(INTS, "int32"), pa.array(INTS), pa.int64()),
    "narrower": (pa.array(INTS), pa.array(INTS, "int16"), pa.int64()),
    "unsigned": (pa.array(INTS, "uint16"), pa.array(INTS, "uint64"), pa.uint64()),
    "floats": (pa.array(INTS / 4, "float32"), pa.array(INTS / 4), pa.float64()),
    "text": (
        pa.array([f"t{i}" for i in INTS]),
        pa.array([f"t{i}" for i in INTS], pa.large_string()),
        pa.large_string(),
    ),
    "whole and not": (pa.array(INTS), pa.array(INTS / 2), pa.float64()),
    "null first": (pa.nulls(N_ROWS), pa.array(INTS), pa.int64()),
    "null last": (pa.array(INTS), pa.nulls(N_ROWS), pa.int64()),
    "added": (None, pa.array(INTS), pa.int64()),
    "gone": (pa.array(INTS), None, pa.int64()),
}


@pytest.mark.parametrize("case", UNITED)
def test_columns_that_differ_harmlessly_are_united(case, tmp_path):
    first, second, kind = UNITED[case]
    tables = {}
    for name, start, column in [("a", 0, first), ("b", N_ROWS, second)]:
        tables[name] = table_of(start, **({} if column is None else {"c": column}))
    small, summary = resample(write(tmp_path, **tables), tmp_path)
    assert small.schema.field("c").type == kind
    missing = [None] * N_ROWS
    values = [
        value
        for column in (first, second)
        for value in (missing if column is None else column.to_pylist())
    ]
    rows = small["row"].to_pylist()
    assert len(rows) == 180 + 80
    assert small["c"].to_pylist() == [values[row] for row in rows]
    assert any("'c'" in note for note in summary.notes)
    pq.read_table(tmp_path / "small.parquet").validate(full=True)


TEXT = pa.array([f"{i}" for i in INTS])
UNFIT = "have values that fit in one type"
APART = "have types that go together in all files"
BEYOND = pa.array(INTS.astype(np.uint64) + np.uint64(2**63))


@pytest.mark.parametrize(
    ("first", "second", "rule"),
    [
        (pa.array(INTS), TEXT, APART),
        (TEXT, TEXT.dictionary_encode(), APART),
        (pa.array(INTS % 2 == 0), pa.array(INTS), APART),
        (pa.array(INTS).cast(pa.timestamp("ms")), pa.array(INTS), APART),
        (pa.array(INTS + 2**60), pa.array(INTS / 2), UNFIT),
        (BEYOND, pa.array(INTS), UNFIT),
        (pa.array(INTS), BEYOND, UNFIT),
    ],
    ids=["text", "coded text", "bool", "time", "long", "unsigned", "unsigned last"],
)
def test_columns_of_two_kinds_are_refused(first, second, rule, tmp_path):
    nothing = table_of(c=pa.nulls(N_ROWS))
    source = write(tmp_path, a=nothing, b=table_of(c=first), d=table_of(c=second))
    own = rf"{re.escape(str(first.type))} in \S*b\.parquet"
    other = rf"{re.escape(str(second.type))} in \S*d\.parquet"
    with pytest.raises(
        ValueError, match=rf"Column 'c' must {rule}.* Cast it"
    ) as caught:
        resample(source, tmp_path)
    for kind in (own, other):
        assert re.search(kind, str(caught.value))


def test_notes_name_the_files_whose_types_are_not_written(tmp_path):
    kinds = {"a": "int16", "b": "int32", "d": "int16", "e": "float64", "f": "float64"}
    tables = {name: table_of(c=pa.array(INTS, kind)) for name, kind in kinds.items()}
    source = write(tmp_path, **tables)
    _, summary = resample(source, tmp_path)
    assert list(summary.notes) == [
        f"'c' is {kinds[name]} in {source / name}.parquet, and written as double"
        for name in ("a", "b")
    ]


NUMBERS = {
    "int16": pa.array(INTS + 1, "int16"),
    "float32": pa.array(INTS + 1, "float32"),
    "decimal": pa.array(INTS + 1).cast(pa.decimal128(20)),
    "bool": pa.array(INTS % 2 == 0),
    "coded": pa.array(INTS + 1.0).dictionary_encode(),
}
NO_NUMBERS = {
    "date": pa.array(INTS, "int32").cast(pa.date32()),
    "timestamp": pa.array(INTS).cast(pa.timestamp("us")),
    "time": pa.array(INTS).cast(pa.time64("us")),
    "duration": pa.array(INTS).cast(pa.duration("s")),
    "text": TEXT,
    "coded text": TEXT.dictionary_encode(),
    "list": pa.array([[i] for i in INTS]),
    "struct": pa.array([{"a": i} for i in INTS]),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_weights_of_every_type_of_numbers(kind, tmp_path):
    weights = NUMBERS[kind]
    source = write(tmp_path, a=table_of(w=weights))
    small, _ = resample(source, tmp_path, sample_weight="w", resampler=ClassWeight())
    X, y = np.zeros((N_ROWS, 1)), table_of()["y"].to_numpy()
    given = np.array(weights.to_pylist(), dtype=float)
    rows, _, expected = ClassWeight().fit_resample(X, y, sample_weight=given)
    np.testing.assert_allclose(small["w"].to_numpy(), expected, rtol=1e-6)
    assert len(rows) == len(small)


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_what_is_no_number_is_no_weight(kind, tmp_path):
    source = write(tmp_path, a=table_of(w=NO_NUMBERS[kind]))
    text = r"sample_weight is 'w'\): .* must be integers, floats.* Cast it"
    with pytest.raises(ValueError, match=text):
        resample(source, tmp_path, sample_weight="w")


def test_folders_that_are_named_as_values_are_columns(tmp_path):
    source = write(
        tmp_path,
        **{
            "day=1|place=a%2Fb|x": table_of(),
            "day=2|place=__HIVE_DEFAULT_PARTITION__|x": table_of(N_ROWS),
        },
    )
    small, summary = resample(source, tmp_path)
    rows = small["row"].to_numpy()
    assert small["day"].to_pylist() == (1 + rows // N_ROWS).tolist()
    assert small["place"].to_pylist() == ["a/b" if r < N_ROWS else None for r in rows]
    assert any("'day' is read from the names of folders" in n for n in summary.notes)
    assert small.column_names == ["row", "y", "day", "place", "sample_weight"]
    X, y, _ = next(read_batches(source, target="y", sample_weight=None))
    assert X["day"].tolist() == [1] * len(y)


def test_a_label_in_the_name_of_a_folder(tmp_path):
    tables = {
        f"fraud={label}|x": pa.table({"row": np.arange(n) + label * 300})
        for label, n in [(0, 300), (1, 30)]
    }
    small, summary = resample(write(tmp_path, **tables), tmp_path, target="fraud")
    assert summary.plan.rows == (75, 30)
    rows = small["row"].to_numpy()
    assert small["fraud"].to_pylist() == (rows >= 300).astype(int).tolist()


def test_a_value_in_both_a_folder_and_its_files_is_refused(tmp_path):
    source = write(tmp_path, **{"row=1|x": table_of()})
    with pytest.raises(ValueError, match=r"olumn .*must be either inside the files"):
        resample(source, tmp_path)


def test_a_map_with_a_key_twice_loses_no_entry(tmp_path):
    pairs = [[("k", i), ("k", -i)] for i in range(N_ROWS)]
    maps = pa.array(pairs, pa.map_(pa.string(), pa.int64()))
    small, _ = resample(write(tmp_path, a=table_of(m=maps)), tmp_path)
    assert small["m"].to_pylist() == [
        [("k", row), ("k", -row)] for row in small["row"].to_pylist()
    ]


@pytest.mark.parametrize("zone", ["+05:30", "Z", "UTC+1", "Europe/Vienna"])
def test_zones_of_every_spelling(zone, tmp_path):
    when = pa.array(INTS * 10**9, pa.int64()).cast(pa.timestamp("ns", zone))
    small, _ = resample(write(tmp_path, a=table_of(when=when)), tmp_path)
    assert small.schema.field("when").type == when.type
    seconds = small["when"].cast(pa.int64()).to_numpy() // 10**9
    assert seconds.tolist() == small["row"].to_pylist()


def test_labels_on_both_sides_of_the_sign_bit(tmp_path):
    big = 2**63 + 5
    y = pa.array([big if i % 10 == 0 else 1 for i in range(N_ROWS)], pa.uint64())
    table = table_of().set_column(1, "y", y)
    small, summary = resample(write(tmp_path, a=table), tmp_path)
    assert [each["label"] for each in summary.classes] == [1, big]
    assert summary.plan.classes == (1, big)
    assert small["y"].to_pylist().count(big) == 40
    resampler = DownsampleUpweight(factor={big: 2}, random_state=0)
    _, summary = resample(
        tmp_path / "big", tmp_path, resampler=resampler, overwrite=True
    )
    assert summary.plan.rows == (360, 20)


@pytest.mark.parametrize("n_classes", [2, 126, 127, 300])
def test_a_byte_a_row(n_classes, tmp_path):
    y = np.arange(3_000) % n_classes
    source = write(tmp_path, a=pa.table({"x": y, "y": [f"l{i:03}" for i in y]}))
    _, found, _ = scan_file(source, target="y")
    assert found.cat.codes.dtype.itemsize == (1 if n_classes <= 126 else 2)
    assert found.tolist() == [f"l{i:03}" for i in y]


def test_wide_rows_come_a_few_at_a_time(tmp_path):
    text = pa.array(["x" * 20_000] * N_ROWS)
    table = table_of(long=text)
    path = tmp_path / "big.parquet"
    pq.write_table(table, path, compression="none", use_dictionary=False)
    small, _ = resample(path, tmp_path, resampler=ClassWeight())
    assert small["long"].equals(pa.chunked_array([text]))


def repeated(text, n_texts, n_rows):
    """Give long texts that a file holds once, and rows refer to."""
    texts = pa.array([f"{i:04}" + text for i in range(n_texts)])
    return texts.take(pa.array(np.arange(n_rows) % n_texts))


SHORT = repeated("", 2, 50_000)
LONG = repeated("x" * 9_000, 20, 5_000)
GROWING = {
    "a thousand texts": [repeated("lorem ipsum " * 40, 1_000, 100_000)],
    "twenty long texts": [LONG],
    "long, then short": [LONG, SHORT],
    "long in the middle": [SHORT] * 3 + [LONG] + [SHORT] * 3,
    "text that differs": [SHORT, pa.array([f"{i:09000}" for i in range(5_000)])],
}


@pytest.mark.parametrize("case", GROWING)
def test_blocks_are_of_some_megabytes_however_rows_are_stored(case, tmp_path):
    path = tmp_path / "big.parquet"
    schema = pa.schema({"y": pa.int64(), "text": pa.string()})
    with pq.ParquetWriter(path, schema) as writer:
        for text in GROWING[case]:
            y = pa.array(np.arange(len(text)))
            writer.write_table(pa.table([y, text], schema=schema))
    source = ParquetSource([path], tmp_path)
    for columns in (None, ["text"]):
        blocks = list(source.batches(columns))
        assert max(block.nbytes for block in blocks) < 1.25 * 2**23
        whole = pq.read_table(path, columns=columns)
        assert pa.concat_tables(blocks).equals(whole)
    (labels,) = source.batches(["y"])
    assert len(labels) == sum(map(len, GROWING[case]))
