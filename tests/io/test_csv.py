"""CSV files of every dialect: read as they are, typed by all rows, written alike."""

import bz2
import csv
import datetime as dt
import gzip
import io
import zipfile
from collections import Counter
from decimal import Decimal

import numpy as np
import pytest

from skstrat import ClassWeight, DownsampleUpweight
from skstrat.io import CsvFormat, resample_file, scan_file
from skstrat.io._csv import CsvSource
from skstrat.io._csv_sink import csv_sink

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")

ALL = DownsampleUpweight(factor=1, random_state=0)


def zipped(data):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.csv", data)
    return whole.getvalue()


def unzipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = archive.namelist()
        return archive.read(name)


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".zip": zipped}
UNPACK = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".zip": unzipped}


def resample(data, folder, name="small.csv", source="big.csv", **settings):
    """Resample a file, to all of its rows unless told otherwise, and read the new."""
    path, dest = folder / source, folder / name
    if isinstance(data, pa.Table):
        path = folder / "big.parquet"
        pq.write_table(data, path)
    else:
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    settings = {"target": "y", "resampler": ALL, "overwrite": True, **settings}
    summary = resample_file(path, dest, **settings)
    if name.endswith("parquet"):
        return pq.read_table(dest), summary
    return dest.read_text("utf-8", "replace"), summary


def check_refused(data, text, folder, source="big.csv", **settings):
    for name in ("small.csv", "small.parquet"):
        with pytest.raises(ValueError, match=text):
            resample(data, folder, name, source, **settings)
        assert len(list(folder.iterdir())) == 1


# Separator, encoding, line end, files read and written, and what is told.
DIALECTS = {
    "mark": (",", "utf-8-sig", "\r\n", ".csv", {}),
    "semicolons": (";", "utf-8", "\r\n", ".csv", {"decimal": ","}),
    "latin-1": ("|", "cp1252", "\n", ".csv.zip", {}),
    "utf-16": ("\t", "utf-16", "\r\n", ".tsv", {}),
    "utf-32": (",", "utf-32", "\n", ".CSV.GZ", {"decimal": "."}),
    "told": ("\x1f", "cp850", "\n", ".tsv", {"separator": "\x1f", "encoding": "cp850"}),
    "apostrophes": (",", "utf-8", "\n", ".csv.bz2", {"separator": ",", "quote": "'"}),
}
FIELDS = ["007", "1.50", "1e5", "-0", "+3", " 4 ", "0x1F", "1_000", "1,5", "", '""']
FIELDS += ['he said "hi"', "a,b", "c;d", "e\tf", "g|h", "i^j", "'", '"', "'m", '"m']
FIELDS += ["one\ntwo", "one\r\ntwo", "\n", "»Spaß«", "日本", "😀", "\u00a0", "e\u0301"]
FIELDS += ["NA", "null", "NaN", "None", "true", "#x"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_file_is_written_like_its_source(dialect, tmp_path):
    separator, encoding, end, ending, told = DIALECTS[dialect]
    settings = {"delimiter": separator, "quotechar": told.get("quote", '"')}
    known = [f for f in FIELDS if f == f.encode(encoding, "ignore").decode(encoding)]
    rows = [[each, str(i % 2), each] for i, each in enumerate(known)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end, **settings)
    writer.writerows([["row", "y", "é"], *rows])
    pack = PACK.get(ending.lower()[4:], bytes)
    data = pack((text.getvalue() + end * 2).encode(encoding))
    name, csv_format = f"small{ending}", CsvFormat(**told)
    _, summary = resample(data, tmp_path, name, f"big{ending}", csv=csv_format)
    raw = (tmp_path / name).read_bytes()
    encoding = encoding.removesuffix("-sig")
    text = UNPACK.get(ending.lower()[4:], bytes)(raw).decode(encoding)
    found = list(csv.reader(io.StringIO(text, newline=""), **settings))
    one = "1,0" if told.get("decimal") == "," else "1.0"
    assert found == [["row", "y", "é", "sample_weight"], *([*row, one] for row in rows)]
    detected = csv_format.detected(tmp_path / name)
    assert (detected.separator, detected.encoding) == (separator, encoding)
    guessed = any("Windows-1252" in note for note in summary.notes)
    assert guessed == (encoding == "cp1252")


# The other file is written with tabs, as its name says.
@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("y,b;c\n1,2;3\n4,5;6\n", ","),
        ('a;y\n"1,2,3";0\n"4\n5,6";1\n', ";"),
        ("y\n1\n0\n", ","),
        ("a\ty\n1, 2\t3\n1, 3\t4\n", "\t"),
    ],
)
def test_the_separator_divides_rows_alike(text, separator, tmp_path):
    resample(text, tmp_path, "small.tsv", csv=CsvFormat(decimal="."))
    assert CsvFormat().detected(tmp_path / "big.csv").separator == separator
    assert CsvFormat().detected(tmp_path / "small.tsv").separator == "\t"


def test_decimal_commas_of_weights_and_columns(tmp_path):
    text = "x;w;y\n1,5;0,25;0\n-2e3;1;1\n;2,;1\n"
    settings = {"sample_weight": "w", "csv": CsvFormat(decimal=",")}
    small, _ = resample(text, tmp_path, **settings)
    assert small == "x;w;y\n1,5;0,25;0\n-2e3;1,0;1\n;2,0;1\n"
    small, _ = resample(text, tmp_path, "small.parquet", **settings)
    assert small["x"].to_pylist() == [1.5, -2000.0, None]
    assert small["w"].to_pylist() == [0.25, 1.0, 2.0]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"separator": "\n"}, r"separator must be .*no line end; got '\\n'"),
        ({"separator": ",", "decimal": ","}, "separator must differ from decimal; got"),
        ({"separator": "'", "quote": "'"}, "quote must differ from .* separator"),
        ({"missing": "NA"}, r"missing must be a tuple .* got 'NA'"),
        ({"encoding": "idna"}, "encoding must be a name that Python.*got 'idna'"),
        ({"missing": ("", ";"), "separator": ";"}, r"missing must hold no separator"),
    ],
)
def test_impossible_formats(told, text):
    with pytest.raises(ValueError, match=text):
        CsvFormat(**told)


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("block", [1 << 21, 13])
def test_random_texts_come_back(block, separator, tmp_path, monkeypatch):
    monkeypatch.setattr("skstrat.io._csv._BLOCK", block)
    rng = np.random.default_rng(block)
    pieces = ["", "a", '"', ",", ";", "\t", "\n", "\r\n", "é", " ", "NA", "5'", "\x1e"]
    texts = ["".join(rng.choice(pieces, rng.integers(0, 5))) for _ in range(600)]
    texts = [None if rng.random() < 0.1 else each for each in texts]
    table = pa.table({"a": texts[:300], "b": texts[300:], "y": ["k"] * 300})
    path, csv_format = tmp_path / "a.csv", CsvFormat(separator, missing=("NA", ""))
    with csv_sink(path, table.column_names, csv_format, path) as write:
        write(table)
    source = CsvSource([path], csv_format)
    tables = list(source.batches())
    assert (len(tables) > 90) == (block == 13)
    assert all(map(len, tables))
    assert pa.concat_tables(tables).equals(table)
    assert pa.concat_tables(source.batches(["b"])).equals(table.select(["b"]))
    assert source.n_rows == 300
    # An independent reader cannot tell missing from a text like it.
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=separator))
    assert [[each or "NA" for each in row] for row in rows[1:]] == [
        [each or "NA" for each in row.values()] for row in table.to_pylist()
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["10", "9"], [10, 9]),
        (["-1", "10"], [-1, 10]),
        (["1", "9223372036854775813"], [1, 9223372036854775813]),
        *([[odd, "2"]] * 2 for odd in ("0.0", "00", "1_2", " 1", "NA", str(2**64))),
    ],
)
def test_labels_are_text_unless_all_are_plain_integers(written, read, tmp_path):
    lines = [f"{row},{written[row % 20 == 0]}\n" for row in range(1_000)]
    down = DownsampleUpweight(factor={read[0]: 19}, random_state=0)
    _, summary = resample("row,y\n" + "".join(lines), tmp_path, resampler=down)
    small = pd.read_csv(tmp_path / "small.csv", dtype={"y": str}, keep_default_na=False)
    assert list(summary.plan.classes) == sorted(read)
    drawn = small["y"].value_counts()
    assert drawn[written].tolist() == [50, 50]
    totals = small.groupby("y")["sample_weight"].sum()[written].tolist()
    np.testing.assert_allclose(totals, [950, 50], rtol=1e-9)


@pytest.mark.parametrize("decimal", [".", ","])
def test_numbers_that_are_not_whole_are_no_classes(decimal, tmp_path):
    texts = ["1.5", "2.25", "1.50", "-3", "2e2"]
    lines = [f"{each};{i % 2}\n" for i, each in enumerate(texts * 40)]
    text = "".join(["x;y\n", *lines]).replace(".", decimal)
    told = {"csv": CsvFormat(decimal=decimal)}
    check_refused(text, "Unknown label type: continuous", tmp_path, target="x", **told)
    _, y, _ = scan_file(tmp_path / "big.csv", target="x", **told)
    assert y.tolist() == list(map(float, texts)) * 40


TOO_LONG = "too many digits for numbers and stays text"
# Two fields, the type they get in Parquet, and a note.
COLUMNS = {
    "whole": (["-3", "9223372036854775807"], "int64", None),
    "zeros": (["007", "12"], "int64", "has become numbers, such as 007 to 7"),
    "gaps": (["5", ""], "int64", None),
    "real": (["1.5", "-2e3"], "double", None),
    "flag": (["True", "false"], "bool", None),
    "day": (["2020-02-29", ""], "date32[day]", None),
    "time": (["2020-01-02 03:04:05.25", "2020-01-03"], "timestamp[us]", None),
    "cards": (["4000123412341234567890", "1"], "string", TOO_LONG),
    "phones": (["+4930123", "1"], "string", None),
    "no day": (["2020-02-30", "2020-01-01"], "string", None),
    "late": (["1", "late"], "string", None),
}


def test_types_are_the_narrowest_that_lose_nothing_in_any_row(tmp_path):
    columns = [fields for fields, _, _ in COLUMNS.values()]
    first, last = (",".join(row) for row in zip(*columns, ["0", "1"], strict=True))
    lines = "\n".join([",".join([*COLUMNS, "y"]), *[first] * 2_999, last])
    small, summary = resample(lines, tmp_path, "small.parquet")
    for name, (fields, kind, _) in COLUMNS.items():
        assert str(small.schema.field(name).type) == kind, name
        if kind == "string":
            expected = [each.strip('"') if each else None for each in fields]
            assert small[name].to_pylist()[-2:] == expected, name
    typed = small.select(["whole", "zeros", "gaps", "real", "flag", "day", "time"])
    assert list(zip(*map(dict.values, typed.to_pylist()[-2:]), strict=True)) == [
        *((-3, 2**63 - 1), (7, 12), (5, None), (1.5, -2000.0), (True, False)),
        (dt.date(2020, 2, 29), None),
        (dt.datetime(2020, 1, 2, 3, 4, 5, 250_000), dt.datetime(2020, 1, 3)),
    ]
    noted = [(name, note) for name, (_, _, note) in COLUMNS.items() if note]
    for found, (name, note) in zip(summary.notes, noted, strict=True):
        assert found.startswith(f"{name!r} ")
        assert note in found


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["007", "7", "1"], "string"),
        (["2020-01-01", "2020-01-01 00:00:00", "2021-01-01"], "string"),
        (["1e400", "1.5", "nan"], "string"),
        (["1", "9223372036854775813", "9223372036854775814"], "uint64"),
    ],
)
def test_labels_strata_groups_and_keys_that_differ_still_differ(texts, kind, tmp_path):
    fields = [[texts[i % 3]] * 3 + [f"{texts[0]}{i}"] for i in range(60) if i % 4]
    text = "\n".join(map(",".join, [["y", "s", "g", "k"], *fields]))
    for role, key in ({"strata": "s"}, "k"), ({"groups": "g"}, None):
        down = DownsampleUpweight(factor=2, random_state=0, **role)
        settings = {"resampler": down, "key": key}
        small, summary = resample(text, tmp_path, "small.parquet", **settings)
        for name in ("y", *role.values()):
            assert str(small.schema.field(name).type) == kind
            assert small[name].equals(small["y"])
        counts = Counter(small["y"].to_pylist())
        assert counts == {each["label"]: each["rows"] for each in summary.classes}
        assert set(map(str, counts)) == set(texts)


def test_parquet_becomes_csv(tmp_path):
    when = pa.array([0, 1_500_000])
    at = ["1970-01-01 00:00:00.000000", "1970-01-01 00:00:01.500000"]
    in_utc = [f"{each}Z" for each in at]
    columns = {
        "y": ([0, 1], "0", "1"),
        "real": ([0.1 + 0.2, np.nan], "0,30000000000000004", "NaN"),
        "large": ([1e300, None], "1e+300", ""),
        "float": (pa.array([2.0, 0.1], pa.float32()), "2,0", "0,1"),
        "decimal": (pa.array([Decimal("1.50"), None]), "1,50", ""),
        "flag": ([True, None], "true", ""),
        "day": ([dt.date(2020, 1, 2), None], "2020-01-02", ""),
        "naive": (when.cast(pa.timestamp("us")), *at),
        "paris": (when.cast(pa.timestamp("us", "Europe/Paris")), *in_utc),
        "words": (["a;b", 'x"y'], '"a;b"', '"x""y"'),
        "category": (pa.array(["a|", None]).dictionary_encode(), "a|", ""),
        "null": (pa.nulls(2), "", ""),
    }
    table = pa.table({name: values for name, (values, *_) in columns.items()})
    told = {"csv": CsvFormat(";", decimal=","), "resampler": ClassWeight({0: 2.0})}
    small, _ = resample(table, tmp_path, **told)
    fields = [[name, *texts] for name, (_, *texts) in columns.items()]
    lines = zip(*fields, ["sample_weight", "2,0", "1,0"], strict=True)
    assert small.splitlines() == list(map(";".join, lines))


NOT_IN_CSV = [[1], None], [{"a": 1}, None], [b"a", None], [dt.timedelta(1), None]


@pytest.mark.parametrize(
    ("values", "told", "text"),
    [
        *((each, {}, r"dest must be a Parquet file .*'x'") for each in NOT_IN_CSV),
        (["a", "a,b"], {"quote": None}, "quote must be given .* got 'a,b'"),
        (["a", ""], {"quote": None}, "quote must be given .* got ''"),
        (["a", "日"], {"encoding": "latin-1"}, "encoding must be one that holds all"),
    ],
)
def test_values_that_a_format_cannot_hold(values, told, text, tmp_path):
    table = pa.table({"x": values, "y": [0, 1]})
    with pytest.raises(ValueError, match=text):
        resample(table, tmp_path, csv=CsvFormat(**told))
    assert [each.name for each in tmp_path.iterdir()] == ["big.parquet"]


NO_HEADER = r"big\.csv is empty: it has no header"
UNREADABLE = r"big\.csv cannot be read: .*"
REMEDY = UNREADABLE + "give its encoding"
NO_CODES = "2 of 3 labels are missing"
FAR = b"a,y\n" + b"1234,0\n" * 399_998 + b"1\n" + b"1,1\n" * 9
LATIN = b"row,text,y\n" + b"1,stra e,0\n" * 100_000 + b"1,stra\xdfe,1\n"
OPEN = UNREADABLE + "a quote is not closed.*set quote to none"
# Data, settings of the format, and the text of the error.
FAULTS = {
    "nothing": (b"", {}, NO_HEADER),
    "one name twice": (b"a,a,y\n1,2,0\n", {}, r"differ; .*big\.csv has \['a'\] twice"),
    "short row": (b"y,a,b\n0,x,1\n1,z\n", {}, UNREADABLE + "Row #3.* got 2: 1,z"),
    "far row": (FAR, {}, UNREADABLE + "Row #400000: Expected 2 columns, got 1: 1"),
    "not closed": (b'a,y\n"x,0\nz,1\n', {}, UNREADABLE + "Expected 2"),
    "not closed at last": (b'y,a\n0,"x"\n1,"x\n2,z\n1,0\n', {}, OPEN),
    "one wrong byte": ("a,y\né,1\nb".encode() + b"\xff,0\n", {}, "neither utf-8 nor"),
    "further down": (LATIN, {}, UNREADABLE + "'utf-8' codec can't .*give its encoding"),
    "missing labels": (b"x,y\n1,NA\n2,\n3,NA\n", {"missing": ("NA",)}, NO_CODES),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_broken_files(kind, tmp_path):
    data, told, text = FAULTS[kind]
    check_refused(data, text, tmp_path, csv=CsvFormat(**told))


@pytest.mark.parametrize("wrong", ["1.5", "1.000,5", "1e400"])
def test_numbers_that_are_none_are_shown_as_they_are_written(wrong, tmp_path):
    told = {"csv": CsvFormat(decimal=","), "sample_weight": "w"}
    text = rf"numbers must be written like 1,5; .*'{wrong}'"
    check_refused(f"w;y\n0,5;0\n{wrong};1\n", text, tmp_path, **told)


@pytest.mark.parametrize("way", ["cut", "plain", "damaged"])
@pytest.mark.parametrize("ending", PACK)
def test_broken_compression(ending, way, tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{row},{rng.integers(10**9)},{row % 2}\n" for row in range(5_000)]
    data = ("row,text,y\n" + "".join(lines)).encode()
    packed = PACK[ending](data)
    damaged = packed[:60] + b"x" * 40 + packed[100:]
    broken = {"cut": packed[:-5_000], "plain": data, "damaged": damaged}[way]
    text = rf"big\.csv{ending} cannot be read: "
    check_refused(broken, text, tmp_path, f"big.csv{ending}")
