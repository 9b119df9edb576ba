"""CSV files of every dialect: read as they are, typed by all rows, written alike."""

import bz2
import csv
import datetime as dt
import gzip
import io
import zipfile
from decimal import Decimal

import numpy as np
import pytest

from skstrat import ClassWeight, DownsampleUpweight
from skstrat.io import CsvFormat, resample_file, scan_file
from skstrat.io._csv import CsvSource
from skstrat.io._csv_sink import csv_sink
from skstrat.io._csv_types import typed_labels

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")

ALL = DownsampleUpweight(factor=1, random_state=0)
FACTOR = DownsampleUpweight(factor=7, random_state=3)


def zipped(data, *names):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ["big.csv"]:
            archive.writestr(name, data)
    return whole.getvalue()


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".zip": zipped}


def unzipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = archive.namelist()
        return name, archive.read(name)


def resample(data, folder, name="small.csv", source="big.csv", **settings):
    """Resample a CSV file, to all of its rows unless told otherwise."""
    (folder / source).write_bytes(data if isinstance(data, bytes) else data.encode())
    settings = {"target": "y", "resampler": ALL, **settings}
    return resample_file(folder / source, folder / name, **settings)


def check_refused(data, text, folder, source="big.csv", **settings):
    for name in ("small.csv", "small.parquet"):
        with pytest.raises(ValueError, match=text):
            resample(data, folder, name, source, **settings)
        assert [path.name for path in folder.iterdir()] == [source]


# Formats


DIALECTS = {
    "semicolons": (";", "utf-8", ".csv", {"decimal": ","}),
    "tabs": ("\t", "utf-8", ".csv.gz", {}),
    "bars": ("|", "utf-8", ".csv.bz2", {}),
    "latin-1": (";", "cp1252", ".csv", {}),
    "latin-1 zip": (",", "cp1252", ".csv.zip", {}),
    "utf-16": ("\t", "utf-16", ".tsv", {}),
    "utf-16 gz": (",", "utf-16", ".CSV.GZ", {"decimal": "."}),
    "utf-16 bz2": (";", "utf-16", ".csv.bz2", {}),
    "utf-16 zip": (",", "utf-16", ".csv.zip", {}),
    "utf-32": (",", "utf-32", ".csv", {}),
    "utf-32 zip": (";", "utf-32", ".csv.zip", {}),
    "told": ("\x1f", "cp850", ".tsv.zip", {"separator": "\x1f", "encoding": "cp850"}),
    "apostrophes": (",", "utf-8", ".tsv.bz2", {"separator": ",", "quote": "'"}),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_file_is_written_like_its_source(dialect, tmp_path):
    separator, encoding, ending, told = DIALECTS[dialect]
    quote = told.get("quote", '"')
    odd = [
        "ä,b",
        "»Spaß«",
        "c;d",
        "e\tf",
        "g|h",
        "i^j",
        "k\nl",
        f"{quote}m",
        "",
        "n",
        "1,5",
    ]
    rows = [[f"{i}", each, str(i % 2)] for i, each in enumerate(odd)]
    text = io.StringIO()
    settings = {"delimiter": separator, "quotechar": quote, "lineterminator": "\n"}
    csv.writer(text, **settings).writerows([["row", "é", "y"], *rows])
    pack = PACK.get(ending.lower()[4:], bytes)
    data = pack(text.getvalue().encode(encoding))
    name, csv_format = f"small{ending}", CsvFormat(**told)
    summary = resample(data, tmp_path, name, f"big{ending}", csv=csv_format)
    raw = (tmp_path / name).read_bytes()
    if ending.lower().endswith(".zip"):
        inner, raw = unzipped(raw)
        assert inner == name[:-4]
    elif pack is not bytes:
        raw = {".gz": gzip, ".bz2": bz2}[ending.lower()[4:]].decompress(raw)
    found = list(csv.reader(io.StringIO(raw.decode(encoding), newline=""), **settings))
    one = "1,0" if told.get("decimal") == "," else "1.0"
    header = ["row", "é", "y", "sample_weight"]
    assert found == [header, *([*row, one] for row in rows)]
    detected = csv_format.detected(tmp_path / name)
    assert (detected.separator, detected.encoding) == (separator, encoding)
    guessed = encoding == "cp1252"
    assert ["Windows-1252" in note for note in summary.notes] == [True] * guessed


def test_pandas_reads_a_file_in_the_format_found(tmp_path):
    frame = pd.DataFrame(
        {"é": [1.5, None, -3e300], "b;": ["x", "ß", 'q"'], "y": [0, 1, 1]}
    )
    path = tmp_path / "big.csv"
    frame.to_csv(path, sep=";", encoding="latin-1", decimal=",", index=False)
    found = CsvFormat(decimal=",").detected(path)
    again = pd.read_csv(
        path,
        sep=found.separator,
        encoding=found.encoding,
        decimal=found.decimal,
        quotechar=found.quote,
        na_values=list(found.missing),
        keep_default_na=False,
    )
    pd.testing.assert_frame_equal(again, frame)


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b;c\n1,2;3\n4,5;6\n", ","),
        ('a;b\n"1,2,3";x\n"4\n5,6";y\n', ";"),
        ("a;b\n1,5;2,5\n1,0;3\n", ";"),
        ("a|b|c\n1|2|3\n4|5", "|"),
        ("y\n1\n0\n", ","),
        ("a\tb\n1, 2\t3\n", "\t"),
    ],
)
def test_the_separator_divides_rows_alike(text, separator, tmp_path):
    (tmp_path / "big.csv").write_text(text, encoding="utf-8")
    assert CsvFormat().detected(tmp_path / "big.csv").separator == separator


def test_decimal_commas_of_weights_and_columns(tmp_path):
    text = "x;w;y\n1,5;0,25;0\n-2e3;1;1\n;2,;1\n"
    settings = {"sample_weight": "w", "csv": CsvFormat(decimal=",")}
    resample(text, tmp_path, **settings)
    small = (tmp_path / "small.csv").read_text(encoding="utf-8")
    assert small == "x;w;y\n1,5;0,25;0\n-2e3;1,0;1\n;2,0;1\n"
    resample(text, tmp_path, "small.parquet", **settings)
    small = pq.read_table(tmp_path / "small.parquet")
    assert small["x"].to_pylist() == [1.5, -2000.0, None]
    assert small["w"].to_pylist() == [0.25, 1.0, 2.0]


def test_files_of_one_table_in_two_encodings(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_bytes("t,y\nß,0\n".encode("latin-1"))
    (tmp_path / "in/b.csv").write_text("t,y\n日,1\n", encoding="utf-8")
    dest = tmp_path / "small.csv"
    resample_file(tmp_path / "in", dest, target="y", resampler=ALL)
    rows = dest.read_text(encoding="utf-8").splitlines()
    assert rows == ["t,y,sample_weight", "ß,0,1.0", "日,1,1.0"]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"separator": ";;"}, "separator must be one ASCII character, .* got ';;'"),
        ({"separator": "\n"}, r"separator must be .*no line end; got '\\n'"),
        ({"quote": "«"}, "quote must be one ASCII character, .* got '«'"),
        ({"decimal": "'"}, "decimal must be '.' or ','; got "),
        ({"separator": ",", "decimal": ","}, "separator must differ from decimal; got"),
        ({"separator": "'", "quote": "'"}, "quote must differ from .* separator"),
        ({"quote": "."}, "quote must differ from decimal and .* got '.'"),
        ({"quote": ","}, "separator, which must be given where .* got ','"),
        ({"missing": "NA"}, r"missing must be a tuple .* got 'NA'"),
        ({"missing": ()}, r"missing must be a tuple .* got \(\)"),
        ({"encoding": "utf-5"}, "encoding must be a name that Python knows.*'utf-5'"),
        ({"encoding": "idna"}, "encoding must be a name that Python knows.*'idna'"),
        ({"encoding": "punycode"}, "encoding must be a name .*got 'punycode'"),
        ({"encoding": "undefined"}, "encoding must be a name .*got 'undefined'"),
        ({"missing": ("", ";"), "separator": ";"}, r"missing must hold no separator"),
        ({"missing": ("'a'",), "quote": "'"}, r"missing must hold no .*quote"),
        ({"missing": ("a\n",)}, r"missing must hold no .*line end.* got \('a"),
    ],
)
def test_impossible_formats(told, text):
    with pytest.raises(ValueError, match=text):
        CsvFormat(**told)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_missing_words_that_hold_the_separator_found(suffix, tmp_path):
    told = {"csv": CsvFormat(missing=("", "a,b"))}
    text = "missing must hold no separator, quote or line end, .*',', .* got "
    if suffix == "csv":
        check_refused("x,y\n1,0\n2,1\n", text, tmp_path, **told)
        return
    source = tmp_path / "big.parquet"
    pq.write_table(pa.table({"x": [1, 2], "y": [0, 1]}), source)
    with pytest.raises(ValueError, match=text):
        resample_file(source, tmp_path / "small.csv", target="y", resampler=ALL, **told)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("source", "dest", "told", "separator"),
    [
        ("big.csv", "small.tsv", None, "\t"),
        ("big.csv", "small.tsv.gz", None, "\t"),
        ("big.csv", "small.tsv", ";", ";"),
        ("big.csv", "small.csv", None, ";"),
        ("big.tsv", "small.csv", None, "\t"),
    ],
)
def test_the_separator_of_the_destination(source, dest, told, separator, tmp_path):
    between = "\t" if source == "big.tsv" else ";"
    text = "x;y\na;0\nb;1\n".replace(";", between)
    csv_format = CsvFormat(separator=told)
    resample(text, tmp_path, dest, source, csv=csv_format)
    small = pd.read_csv(tmp_path / dest, sep=separator)
    assert small["x"].tolist() == ["a", "b"]
    assert csv_format.detected(tmp_path / dest).separator == separator


# Fields


FIELDS = {
    "numbers": ["007", "1.50", "1e5", "-0", "+3", " 4 ", "0x1F", "1_000"],
    "quotes": ['he said "hi"', "a,b", "'", '"', '""'],
    "lines": ["one\ntwo", "one\r\ntwo", "\n", "tab\tbed"],
    "unicode": ["é", "日本", "😀", "\u00a0", "e\u0301"],
    "nothing-like": ["NA", "null", "NaN", "None", "true", "#x"],
}


@pytest.mark.parametrize(
    ("mark", "end", "tail"),
    [("", "\n", "\n\n"), ("\ufeff", "\r\n", ""), ("", "\r\n", "\r\n\r\n")],
    ids=["LF", "BOM-CRLF", "CRLF"],
)
@pytest.mark.parametrize("kind", FIELDS)
def test_fields_keep_their_text(kind, mark, end, tail, tmp_path):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    header = ["field", "y", "again"]
    rows = [[field, str(i % 2), field] for i, field in enumerate(FIELDS[kind])]
    writer.writerows([header, *rows])
    resample(mark + text.getvalue() + tail, tmp_path)
    data = (tmp_path / "small.csv").read_bytes().decode()
    found = list(csv.reader(io.StringIO(data, newline="")))
    assert found[0] == [*header, "sample_weight"]
    assert [row[:3] for row in found[1:]] == rows


@pytest.mark.parametrize("missing", [("",), ("NA", ""), ("-9",)])
def test_missing_words_and_texts_like_them_differ(missing, tmp_path):
    word = missing[0]
    text = f'a,y,b\n{word},0,"{word}"\n"{word}",1,{word}\nNA,0,-9\n'
    resample(text, tmp_path, csv=CsvFormat(missing=missing))
    small = (tmp_path / "small.csv").read_text(encoding="utf-8").splitlines()
    assert small == [
        "a,y,b,sample_weight",
        f'{word},0,"{word}",1.0',
        f'"{word}",1,{word},1.0',
        "NA,0,-9,1.0",
    ]
    source = CsvSource([tmp_path / "small.csv"], CsvFormat(missing=missing))
    columns = pa.concat_tables(source.batches())
    na, nine = ("NA" not in missing) * "NA" or None, (word != "-9") * "-9" or None
    assert columns["a"].to_pylist() == [None, word, na]
    assert columns["b"].to_pylist() == [word, None, nine]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("seed", range(2))
def test_random_texts_come_back(seed, separator, tmp_path):
    rng = np.random.default_rng(seed)
    pieces = ["", "a", '"', ",", ";", "\t", "\n", "\r\n", "é", " ", "NA", "5'", "\x1e"]
    texts = ["".join(rng.choice(pieces, rng.integers(0, 5))) for _ in range(600)]
    texts = [None if rng.random() < 0.1 else each for each in texts]
    table = pa.table({"a": texts[:300], "b": texts[300:], "y": ["k"] * 300})
    path = tmp_path / "a.csv"
    csv_format = CsvFormat(separator=separator, missing=("NA", ""))
    with csv_sink(path, table.column_names, csv_format, path) as write:
        write(table)
    source = CsvSource([path], csv_format)
    assert pa.concat_tables(source.batches()).equals(table)
    assert pa.concat_tables(source.batches(["b"])).equals(table.select(["b"]))
    # An independent reader cannot tell missing from a text like it.
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=separator))
    assert [[each or "NA" for each in row] for row in rows[1:]] == [
        [each or "NA" for each in row.values()] for row in table.to_pylist()
    ]


def test_blocks_end_where_rows_do(tmp_path, monkeypatch):
    monkeypatch.setattr("skstrat.io._csv._BLOCK", 13)
    fields = ['5" pipe', "a\n\n\nb", 'c""d', "", "é" * 20, 'x,"\n"', "\n", "z"] * 6
    fields += ['an open " is text', "plain"] * 9
    rows = [[field, str(i)] for i, field in enumerate(fields)]
    text = "f,y\n" + "".join(
        f"{f if i % 8 == 0 else _quoted(f)},{i}\r\n" for i, (f, _) in enumerate(rows)
    )
    (tmp_path / "a.csv").write_text(text, encoding="utf-8", newline="")
    source = CsvSource([tmp_path / "a.csv"], CsvFormat())
    tables = list(source.batches())
    assert len(tables) > 9
    assert all(map(len, tables))
    assert [list(row.values()) for row in pa.concat_tables(tables).to_pylist()] == rows
    assert source.n_rows == len(rows)


def _quoted(field):
    return '"' + field.replace('"', '""') + '"'


def test_the_unnamed_index_of_pandas_keeps_its_empty_name(tmp_path):
    frame = pd.DataFrame({"column_0": [5, 6], "y": [0, 1]})
    resample(frame.to_csv(), tmp_path)
    small = (tmp_path / "small.csv").read_text(encoding="utf-8").splitlines()
    assert small[0] == ",column_0,y,sample_weight"
    resample(frame.to_csv(), tmp_path, "small.parquet")
    names = pq.read_table(tmp_path / "small.parquet").column_names
    assert names == ["", "column_0", "y", "sample_weight"]


# Labels and keys


@pytest.mark.parametrize(
    ("written", "factor"),
    [
        (["0", "1"], {0: 20}),
        (["-1", "10"], {-1: 20}),
        (["ok", "fraud"], {"ok": 20}),
        (["0", "fraud"], {"0": 20}),
        (["ok", "fraud"], 20),
        (["0.0", "1.0"], {"0.0": 20}),
        (["00", "01"], {"00": 20}),
        (["1_2", "3"], {"1_2": 20}),
        (["\uff11", "2"], {"\uff11": 20}),
        (["None", "NA"], {"None": 20}),
        (["null", "nan"], {"null": 20}),
        (["1", "9223372036854775813"], {1: 20}),
    ],
)
def test_labels_are_text_unless_all_are_plain_integers(written, factor, tmp_path):
    y = np.random.default_rng(0).choice(2, 4_000, p=[0.95, 0.05])
    n_rows = np.bincount(y)
    lines = [f"{row},{written[label]}" for row, label in enumerate(y.tolist())]
    down = DownsampleUpweight(factor=factor, random_state=0)
    text = "\n".join(["row,y", *lines]) + "\n"
    summary = resample(text, tmp_path, resampler=down)
    small = pd.read_csv(tmp_path / "small.csv", dtype={"y": str}, keep_default_na=False)
    drawn = [(small["y"] == each).sum() for each in written]
    assert drawn[1] == n_rows[1]
    assert abs(drawn[0] - n_rows[0] / 20) < 1
    totals = [small["sample_weight"][small["y"] == each].sum() for each in written]
    np.testing.assert_allclose(totals, n_rows, rtol=1e-9)
    if isinstance(factor, dict):
        assert set(factor) < set(summary.plan.classes)


@pytest.mark.parametrize(
    "odd", ["1_2", "\uff11", "007", "+1", " 1", "1.0", "-0", "1e2"]
)
def test_one_label_that_is_no_plain_integer_keeps_all_text(odd):
    assert typed_labels(["5", odd]) == ["5", odd]
    assert typed_labels(["5", str(2**64)]) == ["5", str(2**64)]
    assert typed_labels(["5", "-9", "0"]) == [5, -9, 0]


@pytest.mark.parametrize("decimal", [".", ","])
def test_numbers_that_are_not_whole_are_no_classes(decimal, tmp_path):
    texts = ["1.5", "2.25", "1.50", "-3", "2e2"]
    lines = [f"{each};{i % 2}\n" for i, each in enumerate(texts * 40)]
    text = "".join(["x;y\n", *lines]).replace(".", decimal)
    told = {"csv": CsvFormat(decimal=decimal)}
    check_refused(text, "Unknown label type: continuous", tmp_path, target="x", **told)
    X, _, _ = scan_file(tmp_path / "big.csv", target="y", **told)
    _, y, _ = scan_file(tmp_path / "big.csv", target="x", **told)
    assert X["x"].tolist() == y.tolist() == list(map(float, texts)) * 40
    other = "." if decimal == "," else ","
    told = {"csv": CsvFormat(decimal=other)}
    _, y, _ = scan_file(tmp_path / "big.csv", target="x", **told)
    assert sorted(y.cat.categories) == sorted(
        each.replace(".", decimal) for each in texts
    )


def test_the_plan_names_labels_as_numbers(tmp_path):
    text, weights = "a,y\n1,10\n2,9\n3,9\n", ClassWeight({9: 3.0})
    summary = resample(text, tmp_path, resampler=weights)
    assert summary.plan.classes == (9, 10)


@pytest.mark.parametrize("missing", [("",), ("NA",)])
def test_missing_labels_are_those_that_the_format_names(missing, tmp_path):
    text = "a,y\n1,NA\n2,None\n3,null\n4,nan\n5,NA\n"
    if missing == ("",):
        summary = resample(text, tmp_path)
        assert summary.plan.classes == ("NA", "None", "nan", "null")
        return
    told = {"csv": CsvFormat(missing=missing)}
    check_refused(text, "2 of 5 labels are missing", tmp_path, **told)


@pytest.mark.parametrize("odd", [None, "007", "x", "18446744073709551616"])
def test_keys_are_integers_if_all_are(odd, tmp_path):
    keys = [*map(str, range(2**63 - 200, 2**63 + 199)), odd or "1"]
    y = [int(i % 9 == 0) for i in range(400)]
    text = "k,y\n" + "".join(f"{k},{label}\n" for k, label in zip(keys, y, strict=True))
    resample(text, tmp_path, resampler=FACTOR, key="k")
    kept = pd.read_csv(tmp_path / "small.csv", dtype=str)["k"].tolist()
    typed = pa.array(list(map(int, keys)), pa.uint64()) if odd is None else keys
    pq.write_table(pa.table({"k": typed, "y": y}), tmp_path / "big.parquet")
    dest = tmp_path / "small.parquet"
    resample_file(tmp_path / "big.parquet", dest, target="y", resampler=FACTOR, key="k")
    assert kept == list(map(str, pq.read_table(dest)["k"].to_pylist()))


# Parquet from CSV, and CSV from Parquet


def test_csv_becomes_typed_parquet(tmp_path):
    # The type of a column is that of all its rows, the last one too.
    n_rows = 3_000
    lines = [
        f"{i},{i / 4},{'' if i % 3 else i},{i},w{i},{i % 2}" for i in range(n_rows)
    ]
    lines[-1] = f"{n_rows - 1},0.5,,late,w,1"
    text = "\n".join(["whole,real,gaps,late,words,y", *lines]) + "\n"
    resample(text, tmp_path, "small.parquet")
    small = pq.read_table(tmp_path / "small.parquet")
    kinds = ["int64", "double", "int64", "string", "string", "int64", "double"]
    assert list(map(str, small.schema.types)) == kinds
    assert small["whole"].to_pylist() == list(range(n_rows))
    assert small["gaps"].null_count == 2_000
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == ["big.csv", "small.parquet"]


WRITTEN = {
    "zeros": (["007", "7", "1"], "string"),
    "whole": (["1.0", "1", "0"], "string"),
    "flags": (["True", "true", "False"], "string"),
    "exponents": (["1e2", "100", "0"], "string"),
    "signs": (["-0", "0", "5"], "string"),
    "days": (["2020-01-01", "2020-01-01 00:00:00", "2021-01-01"], "string"),
    "words": (["nan", "NaN", "2"], "string"),
    "too large": (["1e400", "1.5", "1e500"], "string"),
    "integers": (["-1", "10", "0"], "int64"),
    "large integers": (["1", "9223372036854775813", "0"], "uint64"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_labels_that_differ_still_differ_as_parquet(case, tmp_path):
    texts, kind = WRITTEN[case]
    lines = [f"{texts[i % 3]},{texts[i % 3]},{i}" for i in range(60) if i % 4]
    down = DownsampleUpweight(factor=2, strata="s", random_state=0)
    text = "\n".join(["y,s,x", *lines])
    summary = resample(text, tmp_path, "small.parquet", resampler=down)
    small = pq.read_table(tmp_path / "small.parquet")
    kinds = [str(small.schema.field(name).type) for name in ("y", "s", "x")]
    assert kinds == [kind, kind, "int64"]
    frame = small.to_pandas()
    assert (frame["y"] == frame["s"]).all()
    rows = frame["y"].value_counts().to_dict()
    assert rows == {each["label"]: each["rows"] for each in summary.classes}
    assert len(rows) == 3
    totals = frame.groupby("y")["sample_weight"].sum().tolist()
    assert totals == pytest.approx([each["weight"] for each in summary.classes])


def test_keys_and_numbers_in_place_of_labels_as_parquet(tmp_path):
    lines = [f"{i % 5}.5,0{i},{'a' if i % 3 else '07'},{i}" for i in range(50)]
    text = "\n".join(["y,k,s,x", *lines])
    down = DownsampleUpweight(factor=2, strata="s", random_state=0)
    resample(text, tmp_path, "small.parquet", resampler=down, key="k")
    kinds = pq.read_schema(tmp_path / "small.parquet").types
    assert list(map(str, kinds)) == ["double", "string", "string", "int64", "double"]


@pytest.mark.parametrize("kind", ["groups", "strata"])
def test_large_integers_of_groups_and_strata(kind, tmp_path):
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 600).astype(np.uint64) + np.uint64(2**63 - 9)
    y = rng.choice(2, 600, p=[0.9, 0.1])
    frame = pd.DataFrame({"c": groups, "row": range(600), "y": y})
    down = DownsampleUpweight(factor=5, random_state=1, **{kind: "c"})
    X, _, weights = down.fit_resample(frame, frame["y"])
    text = frame.to_csv(index=False)
    resample(text, tmp_path, "small.parquet", resampler=down)
    small = pq.read_table(tmp_path / "small.parquet").to_pandas()
    assert small["row"].tolist() == X["row"].tolist()
    assert small["c"].tolist() == X["c"].tolist()
    np.testing.assert_allclose(small["sample_weight"], weights)


COLUMNS = {
    "int64": (["-3", "9223372036854775807"], [-3, 2**63 - 1], None),
    "zeros": (["007", "12"], [7, 12], "has become numbers, such as 007 to 7"),
    "double": (["1.5", "-2e3"], [1.5, -2000.0], None),
    "bool": (["True", "false"], [True, False], None),
    "date32[day]": (["2020-02-29", None], [dt.date(2020, 2, 29), None], None),
    "timestamp[us]": (
        ["2020-01-02 03:04:05.25", "2020-01-03"],
        [dt.datetime(2020, 1, 2, 3, 4, 5, 250_000), dt.datetime(2020, 1, 3)],
        None,
    ),
    "cards": (
        ["4000123412341234567890", "1"],
        None,
        "too many digits for numbers and stays text",
    ),
    "hashes": (
        ["18446744073709551615", "-5"],
        None,
        "too many digits for numbers and stays text",
    ),
    "mixed": (
        ["12345678901234567", "0.5"],
        None,
        "too many digits for numbers and stays text",
    ),
    "infinite": (
        ["1e400", "1"],
        None,
        "too many digits for numbers and stays text",
    ),
    "phones": (["+4930123", "1"], None, None),
    "hex": (["0x1F", "1"], None, None),
    "full width": (["\uff11", "1"], None, None),
    "no day": (["2020-02-30", "2020-01-01"], None, None),
    "quoted": (['""', "1"], ["", "1"], None),
    "nothing": ([None, None], None, None),
}


def test_types_are_the_narrowest_that_lose_nothing(tmp_path):
    columns = [fields for fields, _, _ in COLUMNS.values()]
    rows = zip(*columns, ["0", "1"], strict=True)
    lines = [",".join(field or "" for field in row) for row in rows]
    text = "\n".join([",".join([*COLUMNS, "y"]), *lines])
    summary = resample(text, tmp_path, "small.parquet")
    small = pq.read_table(tmp_path / "small.parquet")
    for name, (fields, values, _) in COLUMNS.items():
        kind = {"zeros": "int64", "quoted": "string"}.get(name, name)
        kind = kind if values else "string"
        assert str(small.schema.field(name).type) == kind, name
        assert small[name].to_pylist() == (values or fields), name
    noted = {name: note for name, (_, _, note) in COLUMNS.items() if note}
    for found, (name, note) in zip(summary.notes, noted.items(), strict=True):
        assert found.startswith(f"{name!r} ")
        assert note in found


def test_parquet_becomes_csv(tmp_path):
    columns = {
        "row": [0, 1, 2, 3],
        "y": [0, 1, 0, 1],
        "real": [0.1, float("nan"), None, 1e300],
        "flag": [True, None, False, True],
        "day": [dt.date(2020, 1, 2)] * 4,
        "words": ["a,b", None, "", 'x"y'],
    }
    pq.write_table(pa.table(columns), tmp_path / "big.parquet")
    dest, doubled = tmp_path / "small.csv", ClassWeight({0: 2.0})
    resample_file(tmp_path / "big.parquet", dest, target="y", resampler=doubled)
    assert dest.read_text(encoding="utf-8").splitlines() == [
        "row,y,real,flag,day,words,sample_weight",
        '0,0,0.1,true,2020-01-02,"a,b",2.0',
        "1,1,NaN,,2020-01-02,,1.0",
        '2,0,,false,2020-01-02,"",2.0',
        '3,1,1e+300,true,2020-01-02,"x""y",1.0',
    ]


def test_values_of_other_types_as_text(tmp_path):
    when = pa.array([0, 1_500_000])
    columns = {
        "float": pa.array([2.0, 0.1], pa.float32()),
        "half": pa.array([2.0, 0.5], pa.float16()),
        "decimal": pa.array([Decimal("1.50"), None]),
        "wide": pa.array([Decimal("-1.50"), None], pa.decimal256(60, 2)),
        "naive": when.cast(pa.timestamp("us")),
        "zone": when.cast(pa.timestamp("us", "Europe/Paris")),
        "odd zone": when.cast(pa.timestamp("us", "UTC+1")),
        "time": pa.array([dt.time(1, 2, 3), None]),
        "category": pa.array(["a;", None]).dictionary_encode(),
        "codes": pa.array([7, None]).dictionary_encode(),
        "view": pa.array(["v", None], pa.string_view()),
        "null": pa.nulls(2),
    }
    path = tmp_path / "a.csv"
    csv_format = CsvFormat(decimal=",")
    with csv_sink(path, list(columns), csv_format, path) as write:
        write(pa.table(columns))
    source = CsvSource([path], csv_format)
    first, second = pa.concat_tables(source.batches()).to_pylist()
    day = "1970-01-01 00:00:0"
    assert list(first.values()) == [
        *("2,0", "2,0", "1,50", "-1,50", f"{day}0.000000", f"{day}0.000000Z"),
        *(f"{day}0.000000Z", "01:02:03.000000", "a;", "7", "v", None),
    ]
    assert [second[name] for name in ("float", "half", "naive", "odd zone")] == [
        *("0,1", "0,5", f"{day}1.500000", f"{day}1.500000Z")
    ]


@pytest.mark.parametrize("kind", ["list", "struct", "binary", "duration"])
def test_columns_that_csv_cannot_hold(kind, tmp_path):
    column = {
        "list": pa.array([[1], None]),
        "struct": pa.array([{"a": 1}, None]),
        "binary": pa.array([b"a", None]),
        "duration": pa.array([1, None], pa.duration("s")),
    }[kind]
    source = tmp_path / "big.parquet"
    pq.write_table(pa.table({"x": column, "y": [0, 1]}), source)
    with pytest.raises(ValueError, match=r"dest must be a Parquet file .*'x'"):
        resample_file(source, tmp_path / "small.csv", target="y", resampler=ALL)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("told", "field", "text"),
    [
        ({"quote": None}, "a,b", "quote must be given .* got 'a,b'"),
        ({"quote": None}, "", "quote must be given .* got ''"),
        ({"encoding": "latin-1"}, "日", "encoding must be one that holds all texts"),
    ],
)
def test_texts_that_a_format_cannot_hold(told, field, text, tmp_path):
    source = tmp_path / "big.parquet"
    pq.write_table(pa.table({"x": ["a", field], "y": [0, 1]}), source)
    settings = {"target": "y", "resampler": ALL, "csv": CsvFormat(**told)}
    with pytest.raises(ValueError, match=text):
        resample_file(source, tmp_path / "small.csv", **settings)
    assert list(tmp_path.iterdir()) == [source]


def test_weights_lose_no_digit(tmp_path):
    weights = np.random.default_rng(3).random(2_000)
    y = np.random.default_rng(0).choice(3, 2_000, p=[0.9, 0.07, 0.03])
    source = tmp_path / "big.parquet"
    pq.write_table(pa.table({"y": y, "w": weights}), source)
    for name in ("small.csv", "small.parquet"):
        settings = {"target": "y", "resampler": FACTOR, "sample_weight": "w"}
        resample_file(source, tmp_path / name, **settings)
    by_text = pd.read_csv(tmp_path / "small.csv", dtype=str)["w"]
    by_parquet = pq.read_table(tmp_path / "small.parquet")["w"]
    assert list(map(float, by_text)) == by_parquet.to_pylist()


# Broken files


FAULTS = {
    "nothing": (b"", r"big\.csv is empty: it has not even a header"),
    "blank lines": (b"\r\n\r\n", r"big\.csv is empty: it has not even a header"),
    "one name twice": (
        b"a,a,y\n1,2,0\n1,2,1\n",
        r"Column names must differ; .*big\.csv has \['a'\] twice",
    ),
    "no names twice": (b",,y\n1,2,0\n1,2,1\n", r"big\.csv has \[''\] twice"),
    "a long row": (b"a,y\n1,0\n2,1,3\n", r"big\.csv cannot be read: .*Row #3.* got 3"),
    "a short row": (b"y,a,b\n0,x,1\n1,z\n", r"cannot be read: .*Row #3.* got 2: 1,z"),
    "a space": (b"a,y\n1,0\n2,1\n \n", r"big\.csv cannot be read: .*Row #4.* got 1"),
    "not closed": (b'a,y\n"x,0\nz,1\n', r"big\.csv cannot be read: .*Expected 2"),
    "not closed at last": (
        b'y,a\n0,"x"\n1,"x\n2,z\n1,0\n',
        r"big\.csv cannot be read: a quote is not closed.*set quote to none",
    ),
    "header alone": (b"a,y", r"big\.csv .*Found array with 0 sample"),
    "another separator": (b"a^y\n1^0\n", r"has no 'y', only \['a\^y'\]"),
    "UTF-8 with one wrong byte": (
        "a,y\né,1\nb".encode() + b"\xff,0\n",
        r"big\.csv cannot be read: it is neither utf-8 nor latin-1; give its encoding",
    ),
    "UTF-16 without a mark": ("é,y\n1,0\n".encode("utf-16-be"), "give its encoding"),
    "ASCII as UTF-16 without a mark": (
        "x,y\n1,0\n".encode("utf-16-le"),
        r"big\.csv cannot be read: its header is no utf-8; give its encoding",
    ),
    "another encoding further down": (
        b"row,text,y\n" + b"1,stra e,0\n" * 100_000 + b"1,stra\xdfe,1\n",
        r"big\.csv cannot be read: 'utf-8' codec can't decode .*give its encoding",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_broken_files(kind, tmp_path):
    data, text = FAULTS[kind]
    check_refused(data, text, tmp_path)


def test_an_encoding_that_was_told_wrong(tmp_path):
    data = "straße,y\n1,0\n2,1\n".encode("latin-1")
    told = {"csv": CsvFormat(encoding="utf-8")}
    check_refused(data, "cannot be read: 'utf-8'.* give its encoding", tmp_path, **told)


@pytest.mark.parametrize("told", ["utf-16", "utf-32", "latin-1"])
def test_an_encoding_that_does_not_fit_names_the_file(told, tmp_path):
    data = "x,y\n1,0\n2,1\n".encode("utf-16-le" if told == "latin-1" else "utf-8")
    text = r"big\.csv cannot be read: .*give its encoding"
    check_refused(data, text, tmp_path, csv=CsvFormat(encoding=told))


def test_numbers_that_are_none_are_shown_as_they_are_written(tmp_path):
    told = {"csv": CsvFormat(decimal=","), "sample_weight": "w"}
    for wrong in ("1.5", "1.000,5", "1,x", "1e400"):
        text = rf"numbers must be written like 1,5; .*'{wrong}'"
        check_refused(f"w;y\n0,5;0\n{wrong};1\n", text, tmp_path, **told)


@pytest.mark.parametrize("row", [90_000, 400_000])
def test_the_row_of_an_error_is_counted_from_the_header(row, tmp_path):
    data = b"a,y\n" + b"1234,0\n" * (row - 2) + b"1\n" + b"1,1\n" * 9
    check_refused(data, rf"Row #{row}: Expected 2 columns, got 1: 1", tmp_path)


def test_headers_that_differ(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_bytes(b"a,y\n1,0\n")
    (tmp_path / "in/b.csv").write_bytes(b"y,a\n0,1\n")
    text = r"same header; .*b\.csv has \['y', 'a'\] and .*a\.csv has \['a', 'y'\]"
    with pytest.raises(ValueError, match=text):
        resample_file(
            tmp_path / "in",
            tmp_path / "small.csv",
            target="y",
            resampler=ALL,
        )


@pytest.mark.parametrize("way", ["cut", "plain", "damaged"])
@pytest.mark.parametrize("ending", PACK)
def test_broken_compression(ending, way, tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{row},{rng.integers(10**9)},{row % 2}\n" for row in range(5_000)]
    data = ("row,text,y\n" + "".join(lines)).encode()
    packed = bytearray(PACK[ending](data))
    if way == "damaged":
        packed[60:100] = b"x" * 40
    packed = {"cut": packed[:-5_000], "plain": data, "damaged": packed}[way]
    text = rf"big\.csv{ending} cannot be read: "
    check_refused(bytes(packed), text, tmp_path, f"big.csv{ending}")


@pytest.mark.parametrize("way", ["two", "none", "password"])
def test_zip_files_that_cannot_be_chosen_from(way, tmp_path):
    data = b"a,y\n1,0\n2,1\n"
    packed = zipped(data, "a.csv", "b.csv") if way == "two" else zipped(data)
    if way == "none":
        packed = packed[-22:-14] + bytes(14)
    if way == "password":
        # The flags stand in both headers.
        place = packed.index(b"PK\x01\x02") + 8
        packed = packed[:6] + b"\x01" + packed[7:place] + b"\x01" + packed[place + 1 :]
    text = r"big\.csv\.zip must hold one file, without a password; got \["
    check_refused(packed, text, tmp_path, "big.csv.zip")
