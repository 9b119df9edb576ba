"""Parquet files that differ, folders that hold values, odd types, and batches."""

import re

import numpy as np
import pytest

from skstrat import DownsampleUpweight
from skstrat.io import read_batches, resample_file, scan_file

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")

N_ROWS = 400
FACTOR = DownsampleUpweight(factor=4, random_state=0)


def table_of(start=0, **columns):
    rows = np.arange(start, start + N_ROWS)
    y = (rows % 10 == 0).astype(int)
    kept = {name: own for name, own in columns.items() if own is not None}
    return pa.table({"row": rows, "y": y, **kept})


def write(folder, **tables):
    for name, table in tables.items():
        path = folder / "big" / f"{name.replace('|', '/')}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=64)
    return folder / "big"


def resample(source, folder, **settings):
    settings = {"target": "y", "resampler": FACTOR, **settings}
    summary = resample_file(source, folder / "small.parquet", **settings)
    return pq.read_table(folder / "small.parquet"), summary


INTS = np.arange(N_ROWS)
TEXT = pa.array([f"{i}" for i in INTS])
LARGE = TEXT.cast(pa.large_string())
NOTHING = pa.nulls(N_ROWS)
BEYOND = pa.array(INTS.astype(np.uint64) + np.uint64(2**63))


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (pa.array(INTS, "int32"), pa.array(INTS), "int64"),
        (pa.array(INTS, "uint16"), pa.array(INTS, "uint64"), "uint64"),
        (pa.array(INTS / 4, "float32"), pa.array(INTS / 4), "double"),
        (TEXT, LARGE, "large_string"),
        (pa.array(INTS), pa.array(INTS / 2), "double"),
        (NOTHING, pa.array(INTS), "int64"),
        (pa.array(INTS), None, "int64"),
    ],
    ids=lambda own: str(getattr(own, "type", own)),
)
@pytest.mark.parametrize("turn", [1, -1])
def test_columns_that_differ_harmlessly_are_united(first, second, kind, turn, tmp_path):
    parts = [first, second][::turn]
    tables = [table_of(c=parts[0]), table_of(N_ROWS, c=parts[1])]
    schema = tables[0].schema
    strict = schema.set(1, schema.field("y").with_nullable(False))
    source = write(tmp_path, a=tables[0].cast(strict), b=tables[1])
    small, summary = resample(source, tmp_path)
    assert str(small.schema.field("c").type) == kind
    assert small.schema.field("y").nullable
    rows = small["row"].to_pylist()
    assert len(rows) == 180 + 80
    parts = [NOTHING if own is None else own for own in parts]
    values = [value for own in parts for value in own.to_pylist()]
    assert small["c"].to_pylist() == [values[row] for row in rows]
    assert any("'c'" in note for note in summary.notes)
    small.validate(full=True)


UNFIT = "have values that fit in one type"
APART = "have compatible types in all files"


@pytest.mark.parametrize(
    ("first", "second", "rule"),
    [
        (TEXT, TEXT.dictionary_encode(), APART),
        (pa.array(INTS % 2 == 0), pa.array(INTS), APART),
        (pa.array(INTS).cast(pa.timestamp("ms")), pa.array(INTS), APART),
        (pa.array(INTS + 2**60), pa.array(INTS / 2), UNFIT),
        (BEYOND, pa.array(INTS), UNFIT),
        (pa.array(INTS), BEYOND, UNFIT),
    ],
    ids=["coded text", "bool", "time", "long", "unsigned", "unsigned last"],
)
def test_columns_of_two_kinds_are_refused(first, second, rule, tmp_path):
    tables = {"a": NOTHING, "b": first, "d": second}
    source = write(tmp_path, **{name: table_of(c=own) for name, own in tables.items()})
    kinds = [re.escape(str(own.type)) for own in (first, second)]
    files = rf"(?=.* {kinds[0]} in \S*b\.parquet)(?=.* {kinds[1]} in \S*d\.parquet)"
    with pytest.raises(ValueError, match=rf"Column 'c' must {rule}{files}.* Cast it"):
        resample(source, tmp_path)


def test_folders_that_are_named_as_values_are_columns(tmp_path):
    names = ["day=0|place=a%2Fb|x", "day=1|place=__HIVE_DEFAULT_PARTITION__|x"]
    tables = {name: table_of(i * N_ROWS) for i, name in enumerate(names)}
    source = write(tmp_path, **tables)
    small, summary = resample(source, tmp_path)
    rows = small["row"].to_numpy()
    assert small["day"].to_pylist() == (rows // N_ROWS).tolist()
    assert small["place"].to_pylist() == ["a/b" if r < N_ROWS else None for r in rows]
    assert any("'day' is read from the names of folders" in n for n in summary.notes)
    assert small.column_names == ["row", "y", "day", "place", "sample_weight"]
    X, y, _ = next(read_batches(source, target="y", sample_weight=None))
    assert X["day"].tolist() == [0] * len(y)
    # No column is read from within the files.
    X, y, _ = scan_file(source, target="day")
    assert y.tolist() == [0] * N_ROWS + [1] * N_ROWS


@pytest.fixture
def small(tmp_path):
    columns = {"x": INTS / 7, "flag": INTS % 3 == 0, "sample_weight": INTS / 9}
    columns["sample_weight"] = columns["sample_weight"].astype(np.float32)
    tables = {"a": table_of(**columns), "b": table_of(N_ROWS, **columns)}
    return write(tmp_path, **tables), pa.concat_tables(tables.values())


@pytest.mark.parametrize("output", ["pandas", "polars", "numpy"])
def test_batches_in_order(output, small):
    pytest.importorskip(output)
    path, table = small
    batches = list(read_batches(path, target="y", batch_size=128, output=output))
    X, y, weights = zip(*batches, strict=True)
    assert list(map(len, y)) == [128, 128, 128, 16] * 2
    assert {each.dtype for each in weights} == {np.dtype(float)}
    assert np.concatenate(y).tolist() == table["y"].to_pylist()
    assert np.concatenate(weights).tolist() == table["sample_weight"].to_pylist()
    frame = table.drop_columns(["y", "sample_weight"]).to_pandas()
    if output == "numpy":
        np.testing.assert_array_equal(np.concatenate(X), frame.to_numpy(float))
        return
    assert {type(each).__module__.partition(".")[0] for each in X} == {output}
    X = [each.to_pandas() if output == "polars" else each for each in X]
    pd.testing.assert_frame_equal(pd.concat(X, ignore_index=True), frame)


def test_weights_of_batches_are_named(small):
    X, _, weights = next(read_batches(small[0], target="y", sample_weight=None))
    assert (weights, "sample_weight" in X) == (None, True)
    X, _, weights = next(read_batches(small[0], target="y", sample_weight="x"))
    assert weights.tolist() == small[1]["x"].to_pylist()[:N_ROWS]
    assert list(X) == ["row", "flag", "sample_weight"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1; got 0"),
        ({"sample_weight": "z"}, "sample_weight must name a column"),
        ({"path": "big/a.csv"}, r"path must name Parquet files; got .*a\.csv"),
    ],
)
def test_batches_are_refused_at_once(settings, text, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "big" / "a.csv").write_text("a,y\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=text):
        read_batches(**{"path": "big/*.parquet", "target": "y", **settings})
