"""Files that cannot be resampled: a clear error, and nothing written or lost."""

import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sklearn.utils._param_validation import InvalidParameterError

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
)
from skstrat.io import resample_file

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pl = pytest.importorskip("polars")

FACTOR = DownsampleUpweight(factor=5, random_state=0)
RATIO = DownsampleUpweight(sampling_strategy=0.5, random_state=0)
N_ROWS = 600
OLD = b"what was there before"


def table_of(**columns):
    """Give a table with 540 rows of class 0 and 60 of class 1, and other columns."""
    rows = np.arange(N_ROWS)
    text = [f"text {row * 7919 % 1000}" for row in rows]
    own = {"row": rows, "text": text, "y": (rows % 10 == 0).astype(int)}
    return pa.table({**own, **columns})


def write(folder, table=None, name="big.parquet"):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table_of() if table is None else table, path, row_group_size=64)
    return path


def write_text(folder, data, name="big.csv"):
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder / name


def csv_lines(n_rows=N_ROWS):
    return "".join(f"{row},t{row},{int(row % 10 == 0)}\n" for row in range(n_rows))


def below(folder):
    """Give what is below a folder: names, and what the files hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def run(source, dest, **settings):
    settings = {"target": "y", "resampler": FACTOR, **settings}
    return resample_file(source, dest, **settings)


def check_refused(folder, source, error, text, name="small.parquet", **settings):
    """Run with no destination and with an existing one: neither may change."""
    for before in (None, OLD):
        if before is not None:
            (folder / name).write_bytes(before)
        there = below(folder)
        with pytest.raises(error, match=text) as caught:
            run(source, folder / name, overwrite=True, **settings)
        assert caught.type is error
        assert below(folder) == there
    return str(caught.value)


@contextmanager
def refused(folder, error, text):
    """Expect an error that leaves all files of a folder as they are."""
    there = below(folder)
    with pytest.raises(error, match=text) as caught:
        yield
    assert caught.type is error
    assert below(folder) == there


# Killed, or out of space


KILLED = """
import os, signal, sys
from skstrat import DownsampleUpweight
from skstrat.io import resample_file

def die(stage, done, total):
    if stage == "rows" and done > 300:
        os.kill(os.getpid(), signal.SIGKILL)

source, dest = sys.argv[1:]
resample_file(
    source, dest, target="y", overwrite=True, progress=die,
    resampler=DownsampleUpweight(factor=5, random_state=0),
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", [None, OLD], ids=["new", "overwritten"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_killed_in_the_middle(ending, before, tmp_path):
    source = tmp_path / f"big.{ending}"
    if ending == "parquet":
        write(tmp_path)
    else:
        write_text(tmp_path, "row,text,y\n" + csv_lines())
    dest = tmp_path / "small.parquet"
    if before is not None:
        dest.write_bytes(before)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, source, dest],
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    if before is None:
        assert not dest.exists()
    else:
        assert dest.read_bytes() == before
    visible = {path.name for path in tmp_path.iterdir() if path.name[0] != "."}
    assert visible <= {source.name, dest.name}
    summary = run(source, dest, overwrite=True)
    assert pq.read_table(dest).num_rows == sum(summary.plan.rows)
    assert summary.plan.rows_seen == (540, 60)


FULL = """
import resource, sys
import numpy as np, pandas, pyarrow
from skstrat import ClassWeight
from skstrat.io import resample_file

source, dest = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    resample_file(
        source, dest, target="y", overwrite=True,
        resampler=ClassWeight(),
    )
except (OSError, ValueError) as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
@pytest.mark.parametrize("before", [None, OLD], ids=["new", "overwritten"])
@pytest.mark.parametrize("name", ["small.parquet", "small.csv"])
def test_no_space_left(name, before, tmp_path):
    rng = np.random.default_rng(0)
    numbers = rng.random(50_000)
    source = write(tmp_path, pa.table({"x": numbers, "y": numbers < 0.1}))
    dest = tmp_path / name
    if before is not None:
        dest.write_bytes(before)
    there = below(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", FULL, source, dest],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "File too large" in done.stdout
    assert below(tmp_path) == there


class StoppedError(Exception):
    """What a user may raise to stop."""


@pytest.mark.parametrize("stage", ["labels", "rows"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_an_error_of_the_user_comes_through(ending, stage, tmp_path):
    source = write(tmp_path)
    if ending == "csv":
        source = write_text(tmp_path, "row,text,y\n" + csv_lines())

    def stop(at, done, total):
        if at == stage:
            raise StoppedError("enough")

    check_refused(tmp_path, source, StoppedError, "enough", progress=stop)


# Broken files


def data_of_a_page(path):
    column = pq.ParquetFile(path).metadata.row_group(4).column(1)
    assert column.path_in_schema == "text"
    start = column.dictionary_page_offset or column.data_page_offset
    return start + 40, start + column.total_compressed_size


def test_a_damaged_page(tmp_path):
    source = write(tmp_path)
    start, end = data_of_a_page(source)
    data = bytearray(source.read_bytes())
    data[start:end] = b"\xff" * (end - start)
    source.write_bytes(data)
    text = r"big\.parquet cannot be read: "
    check_refused(tmp_path, source, ValueError, text)


@pytest.mark.parametrize("way", ["cut", "empty", "text", "no footer"])
def test_what_is_no_parquet(way, tmp_path):
    source = write(tmp_path)
    data = source.read_bytes()
    source.write_bytes(
        {
            "cut": data[: len(data) // 2],
            "empty": b"",
            "text": b"a,y\n1,2\n" * 50,
            "no footer": data[:-8] + b"\xff\xff\xff\x7fPAR1",
        }[way]
    )
    text = r"big\.parquet cannot be read: .*[Pp]arquet"
    check_refused(tmp_path, source, ValueError, text)


def test_the_broken_file_is_named(tmp_path):
    write(tmp_path, name="in/a.parquet")
    write_text(tmp_path, b"PAR1", "in/b.parquet")
    text = r"in/b\.parquet cannot be read"
    check_refused(tmp_path, tmp_path / "in", ValueError, text)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    source = write(tmp_path)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pq, "ParquetFile", refuse)
    text = r"big\.parquet cannot be read: .*Permission denied"
    check_refused(tmp_path, source, ValueError, text)


# Labels


def with_missing(kind):
    values = [float(row % 10 == 0) for row in range(N_ROWS)]
    if kind == "NaN":
        values[300] = np.nan
        return pa.array(values)
    texts = [str(value) for value in values]
    column = {"null": values, "no text": texts, "no category": texts}[kind]
    column[300] = None
    made = pa.array(column)
    return made.dictionary_encode() if kind == "no category" else made


@pytest.mark.parametrize("kind", ["null", "NaN", "no text", "no category"])
def test_missing_labels(kind, tmp_path):
    source = write(tmp_path, table_of(y=with_missing(kind)))
    check_refused(
        tmp_path,
        source,
        ValueError,
        r"big\.parquet \(target \(y\) is 'y'\): y must have a label in every row; 1 of "
        "600 labels are missing",
    )


def test_missing_labels_in_csv(tmp_path):
    lines = csv_lines() + "600,t,\n" + csv_lines(20)
    source = write_text(tmp_path, "row,text,y\n" + lines)
    text = r"big\.csv \(target \(y\) is 'y'\).*1 of 621 labels are missing"
    check_refused(tmp_path, source, ValueError, text)


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (np.zeros(N_ROWS, int), r"at least two classes; got one class, 0, in all 600"),
        (np.linspace(0, 1, N_ROWS), "Unknown label type: continuous"),
    ],
    ids=["one class", "continuous"],
)
def test_labels_that_are_no_classes(y, text, tmp_path):
    source = write(tmp_path, table_of(y=y))
    check_refused(tmp_path, source, ValueError, text)


def test_no_rows_at_all(tmp_path):
    source = write(tmp_path, table_of().slice(0, 0))
    text = r"big\.parquet \(target \(y\) is 'y'\): Found array with 0 sample"
    check_refused(tmp_path, source, ValueError, text)


def test_a_class_that_the_factor_names_but_no_row_has(tmp_path):
    source = write(tmp_path)
    resampler = DownsampleUpweight(factor={7: 20}, random_state=0)
    there = below(tmp_path)
    with pytest.raises(Exception, match="7") as caught:
        run(source, tmp_path / "small.parquet", resampler=resampler)
    assert isinstance(caught.value, (ValueError, UserWarning))
    assert below(tmp_path) == there


def test_a_class_that_one_file_lacks_is_well(tmp_path):
    y = np.repeat([0, 1], [540, 60])
    table = table_of(y=y)
    for number, start in enumerate([0, 200, 400]):
        write(tmp_path, table.slice(start, 200), f"in/{number}.parquet")
    write(tmp_path, table.slice(0, 0), "in/3.parquet")
    summary = run(tmp_path / "in", tmp_path / "small.parquet")
    assert summary.plan.rows == (108, 60)
    rows = pq.read_table(tmp_path / "small.parquet")["row"].to_pylist()
    assert rows == FACTOR.fit(y, y).sample_indices_.tolist()


def test_one_row_of_a_class_is_kept_at_least(tmp_path):
    source, dest = write(tmp_path), tmp_path / "small.parquet"
    resampler = DownsampleUpweight(factor=1e9, random_state=0)
    assert run(source, dest, resampler=resampler).plan.rows == (1, 60)


# Columns


LATER = {
    "no label": (table_of().drop_columns("y"), r"target must name .* has no 'y'"),
    "other type": (
        table_of(row=[str(row) for row in range(N_ROWS)]),
        r"'row' must have types .* int64 in .*a\.parquet and string in .*b\.parquet",
    ),
    "other label type": (
        table_of(y=np.arange(N_ROWS) % 10 == 0),
        r"'y' must have types .* int64 in .*a\.parquet and bool in .*b\.parquet",
    ),
    "twice": (
        pa.table([[0, 1], [1, 2], [0, 1]], names=["row", "row", "y"]),
        r"Column names must differ; .*b\.parquet has \['row'\] twice",
    ),
}


@pytest.mark.parametrize("case", LATER)
def test_later_files_of_other_columns(case, tmp_path):
    later, text = LATER[case]
    write(tmp_path, name="in/a.parquet")
    write(tmp_path, later, "in/b.parquet")
    check_refused(tmp_path, tmp_path / "in", ValueError, text)


def test_missing_values_where_the_first_file_allows_none(tmp_path):
    schema = table_of().schema
    strict = schema.set(0, schema.field("row").with_nullable(False))
    write(tmp_path, table_of().cast(strict), "in/a.parquet")
    write(tmp_path, table_of(row=pa.nulls(N_ROWS, pa.int64())), "in/b.parquet")
    run(tmp_path / "in", tmp_path / "small.parquet")
    small = pq.read_table(tmp_path / "small.parquet")
    assert small.schema.field("row").nullable
    assert 0 < small["row"].null_count < len(small)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("role", ["target", "key", "sample_weight"])
def test_columns_that_are_not_there(role, ending, tmp_path):
    source = write(tmp_path)
    if ending == "csv":
        source = write_text(tmp_path, "row,text,y\n" + csv_lines())
    text = (
        rf"{role} must name a column of every file; .*big\.{ending} has no 'label', "
        r"only \['row', 'text', 'y'\]"
    )
    check_refused(tmp_path, source, ValueError, text, **{role: "label"})


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_name_of_the_weights_is_taken(ending, tmp_path):
    source = write(tmp_path, table_of(sample_weight=np.ones(N_ROWS)))
    if ending == "csv":
        source = write_text(tmp_path, "row,sample_weight,y\n1,1,0\n2,1,1\n")
    text = "has a column 'sample_weight' already; name it as sample_weight to multiply"
    check_refused(tmp_path, source, ValueError, text)


# Weights and keys


WEIGHTS = {
    "null": ([None], r"sample_weight must be finite and not negative; got nan"),
    "negative": ([-1.0], r"not negative; got -1\.0 in row"),
    "NaN": ([np.nan], "must be finite and not negative; got nan"),
    "infinite": ([np.inf], "must be finite and not negative; got inf"),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_impossible_weights(kind, tmp_path):
    bad, text = WEIGHTS[kind]
    weights = pa.array([1.0] * (N_ROWS - 1) + bad)
    source = write(tmp_path, table_of(w=weights))
    text = rf"big\.parquet \(target \(y\) is 'y', sample_weight is 'w'\): .*{text}"
    check_refused(tmp_path, source, ValueError, text, sample_weight="w")


@pytest.mark.parametrize("resampler", [FACTOR, RATIO, ClassWeight()], ids=str)
def test_weights_that_are_all_zero(resampler, tmp_path):
    source = write(tmp_path, table_of(w=np.zeros(N_ROWS)))
    text = "sample_weight must have a positive weight in some row; got only zeros"
    check_refused(
        tmp_path, source, ValueError, text, sample_weight="w", resampler=resampler
    )


@pytest.mark.parametrize("weight", ["heavy", "", "-1", "nan"])
def test_impossible_weights_in_csv(weight, tmp_path):
    lines = csv_lines().replace("t300,", f"{weight},").replace("t", "")
    source = write_text(tmp_path, "row,w,y\n" + lines)
    text = r"big\.csv .*\bw\b"
    check_refused(tmp_path, source, ValueError, text, sample_weight="w")


KEYS = {
    "floats": np.arange(N_ROWS) / 2,
    "bools": np.arange(N_ROWS) % 2 == 0,
    "null": pa.array([None, *range(N_ROWS - 1)]),
    "null text": pa.array([None, *map(str, range(N_ROWS - 1))]),
    "days": pa.array(range(N_ROWS), pa.int32()).cast(pa.date32()),
}


@pytest.mark.parametrize("kind", KEYS)
def test_impossible_keys(kind, tmp_path):
    source = write(tmp_path, table_of(key=KEYS[kind]))
    text = (
        r"big\.parquet \(target \(y\) is 'y', key is 'key'\): key must "
        "hold integers or strings without missing values"
    )
    check_refused(tmp_path, source, ValueError, text, key="key")


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_keys_that_repeat(ending, tmp_path):
    source = write(tmp_path, table_of(key=np.arange(N_ROWS) // 50))
    if ending == "csv":
        lines = "".join(f"{i // 50},{int(i % 10 == 0)}\n" for i in range(N_ROWS))
        source = write_text(tmp_path, "key,y\n" + lines)
    text = "key must be different in every row.* leave key out to draw by position"
    check_refused(tmp_path, source, ValueError, text, key="key")


@pytest.mark.parametrize("key", ["", "k"])
def test_keys_missing_in_csv(key, tmp_path):
    lines = f",{key},0\n1,1,0\n2,2,1\n"
    source = write_text(tmp_path, "row,key,y\n" + lines)
    if key:
        assert run(source, tmp_path / "new.csv", key="key").plan.rows_seen == (2, 1)
        return
    text = "key must hold integers or strings without missing values"
    check_refused(tmp_path, source, ValueError, text, key="key")


# Sources and destinations


def test_the_destination_is_the_source(tmp_path):
    source = write(tmp_path)
    (tmp_path / "link.parquet").symlink_to(source)
    (tmp_path / "in").mkdir()
    around = tmp_path / "in" / ".." / "big.parquet"
    os.link(source, tmp_path / "hard.parquet")
    for dest in [source, tmp_path / "link.parquet", around, tmp_path / "hard.parquet"]:
        for overwrite in (False, True):
            with refused(tmp_path, FileExistsError, "another file than the source"):
                run(source, dest, overwrite=overwrite)


def test_the_destination_is_the_source_by_a_relative_path(tmp_path, monkeypatch):
    source = write(tmp_path)
    monkeypatch.chdir(tmp_path)
    for pair in [
        (source, "big.parquet"),
        ("big.parquet", source),
        ("./*.parquet",) * 2,
    ]:
        dest = "big.parquet" if "*" in str(pair[1]) else pair[1]
        with refused(tmp_path, FileExistsError, "another file than the source"):
            run(pair[0], dest, overwrite=True)


def test_the_destination_is_one_of_the_sources(tmp_path):
    for name in ("a", "b"):
        write(tmp_path, name=f"in/{name}.parquet")
    with refused(tmp_path, FileExistsError, r"got .*b\.parquet' for both"):
        run(tmp_path / "in", tmp_path / "in" / "b.parquet", overwrite=True)


def test_the_destination_may_be_beside_the_sources(tmp_path):
    write(tmp_path, name="in/b.parquet")
    summary = run(tmp_path / "in", tmp_path / "in" / "a.parquet")
    assert summary.plan.rows_seen == (540, 60)
    assert sorted(below(tmp_path / "in")) == ["a.parquet", "b.parquet"]


def test_an_existing_destination(tmp_path):
    source, dest = write(tmp_path), tmp_path / "small.parquet"
    dest.write_bytes(OLD)
    text = r"dest exists already: .*small\.parquet.*give overwrite to replace it"
    with refused(tmp_path, FileExistsError, text):
        run(source, dest)
    dest.chmod(0o600)
    run(source, dest, overwrite=True)
    assert pq.read_table(dest).num_rows == 168
    assert dest.stat().st_mode & 0o777 == 0o600
    assert sorted(below(tmp_path)) == ["big.parquet", "small.parquet"]


@pytest.mark.parametrize("before", [None, OLD], ids=["new", "overwritten"])
def test_a_link_as_destination_is_followed(before, tmp_path):
    source, link = write(tmp_path), tmp_path / "link.parquet"
    (tmp_path / "in").mkdir()
    target = tmp_path / "in" / "small.parquet"
    link.symlink_to(target)
    if before is not None:
        target.write_bytes(before)
        with refused(tmp_path, FileExistsError, r"link\.parquet'; give overwrite"):
            run(source, link)
    run(source, link, overwrite=before is not None)
    assert link.is_symlink()
    assert pq.read_table(target).num_rows == 168
    assert sorted(below(tmp_path / "in")) == ["small.parquet"]


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_a_destination_of_the_longest_name(ending, tmp_path):
    source = write_text(tmp_path, "row,text,y\n" + csv_lines())
    dest = tmp_path / ("n" * (255 - len(ending)) + ending)
    run(source, dest)
    longer = tmp_path / f"n{dest.name}"
    with pytest.raises(OSError, match=f"/{longer.name} cannot be written: File name"):
        run(source, longer)
    with pytest.raises(ValueError, match=f"/{longer.name} cannot be read: File name"):
        run(longer, dest)
    assert sorted(below(tmp_path)) == ["big.csv", dest.name]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes in folders")
@pytest.mark.parametrize("where", ["", "in", "in/*"])
def test_a_pipe_is_no_source(where, tmp_path):
    (tmp_path / "in").mkdir()
    pipe = tmp_path / "in" / "big.parquet"
    os.mkfifo(pipe)
    text = r"source must name regular files, .*big\.parquet is none"
    with pytest.raises(ValueError, match=text):
        run(tmp_path / where if where else pipe, tmp_path / "small.parquet")
    assert not (tmp_path / "small.parquet").exists()


def test_an_empty_text_is_no_source(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    with refused(tmp_path, FileNotFoundError, "source must name .* got an empty text"):
        run("", tmp_path / "small.parquet")


def test_a_destination_in_no_folder(tmp_path):
    source = write(tmp_path)
    (tmp_path / "link.parquet").symlink_to(tmp_path / "new" / "small.parquet")
    text = r"dest must be in a folder that exists; there is no .*new"
    for dest in (tmp_path / "new" / "small.parquet", tmp_path / "link.parquet"):
        with refused(tmp_path, FileNotFoundError, text):
            run(source, dest)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("make", ["mkdir", "mkfifo"])
def test_a_destination_that_is_no_regular_file(make, overwrite, tmp_path):
    if not hasattr(os, make):
        pytest.skip("has no pipes in folders")
    source, dest = write(tmp_path), tmp_path / "small.parquet"
    getattr(os, make)(dest)
    kind = stat.S_IFMT(dest.stat().st_mode)
    with refused(tmp_path, FileExistsError, "dest exists already: .*; name a file"):
        run(source, dest, overwrite=overwrite)
    assert stat.S_IFMT(dest.stat().st_mode) == kind


def test_an_empty_text_is_no_destination(tmp_path):
    source = write(tmp_path)
    with refused(tmp_path, ValueError, "dest must name a file; got an empty text"):
        run(source, "")


@pytest.mark.parametrize("name", ["small", "small.txt", "small.parquet.gz", "csv"])
def test_a_destination_of_unknown_format(name, tmp_path):
    source = write(tmp_path)
    text = r"dest must end in one of \.parquet, \.pq, \.csv, \.csv\.gz"
    with refused(tmp_path, ValueError, text):
        run(source, tmp_path / name)


def test_a_source_of_unknown_format(tmp_path):
    source = write_text(tmp_path, "a,y\n1,0\n", "big.txt")
    text = r"source must end in one of \.parquet, .*big\.txt"
    check_refused(tmp_path, source, ValueError, text)


@pytest.mark.parametrize(
    "name", ["none.parquet", "link.csv", "*.csv", "*.pq", "in", "in/**/*.csv"]
)
def test_no_source(name, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "_temporary").mkdir()
    write(tmp_path, name="in/_temporary/a.parquet")
    (tmp_path / "link.csv").symlink_to(tmp_path / "none.csv")
    text = "source must name a file, a folder .* nothing found at"
    check_refused(tmp_path, tmp_path / name, FileNotFoundError, text)


@pytest.mark.parametrize("pattern", ["", "*"])
def test_formats_that_differ(pattern, tmp_path):
    write(tmp_path, name="in/a.parquet")
    write_text(tmp_path, "a,y\n1,0\n", "in/b.csv")
    text = "source must hold files of one format; got both Parquet and CSV"
    check_refused(tmp_path, tmp_path / "in" / pattern, ValueError, text)


# Data that changes


def grow(path):
    with path.open("ab") as file:
        file.write(b"600,late,0\n" if path.suffix == ".csv" else b"PAR1")


def replace(path):
    if path.suffix == ".csv":
        lines = csv_lines().replace(",0\n", ",1\n", 1)
        path.write_text("row,text,y\n" + lines, encoding="utf-8")
    else:
        other = path.with_name(".other")
        pq.write_table(table_of(y=np.arange(N_ROWS) % 9 == 0), other)
        other.replace(path)


def swap_labels(path):
    lines = csv_lines().replace(",0\n", ",2\n").replace(",1\n", ",0\n")
    path.write_text("row,text,y\n" + lines.replace(",2\n", ",1\n"), encoding="utf-8")


@pytest.mark.parametrize("stage", ["labels", "rows"])
@pytest.mark.parametrize("change", [grow, replace])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_files_that_change_meanwhile(ending, change, stage, tmp_path):
    source = write(tmp_path)
    if ending == "csv":
        source = write_text(tmp_path, "row,text,y\n" + csv_lines())
    dest = tmp_path / "small.parquet"
    dest.write_bytes(OLD)
    changes = [change]

    def progress(at, done, total):
        if at == stage and done == N_ROWS and changes:
            changes.pop()(source)

    names = sorted(below(tmp_path))
    with pytest.raises(ValueError, match=r"changed while it was read|cannot be read"):
        run(source, dest, resampler=RATIO, progress=progress, overwrite=True)
    assert not changes
    assert sorted(below(tmp_path)) == names
    assert dest.read_bytes() == OLD


@pytest.mark.parametrize("change", [replace, swap_labels])
def test_labels_that_change_behind_the_time_of_the_file(change, tmp_path):
    source = write_text(tmp_path, "row,text,y\n" + csv_lines())
    before, told = source.stat(), []

    def progress(at, done, total):
        if at == "labels" and done == N_ROWS and not told:
            told.append(at)
            change(source)
            os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))

    text = r"big\.csv changed while it was read \(6391 bytes before, 6391 after\)"
    with pytest.raises(ValueError, match=text):
        run(source, tmp_path / "small.csv", resampler=RATIO, progress=progress)
    assert source.stat().st_size == before.st_size
    assert sorted(below(tmp_path)) == ["big.csv"]


def test_a_file_that_goes_away(tmp_path):
    write(tmp_path, name="in/a.parquet")
    source = write(tmp_path, name="in/b.parquet")

    def progress(at, done, total):
        if at == "labels":
            source.unlink(missing_ok=True)

    with pytest.raises(ValueError, match=r"b\.parquet cannot be read"):
        run(tmp_path / "in", tmp_path / "small.parquet", progress=progress)
    assert sorted(below(tmp_path)) == ["in", "in/a.parquet"]


# Resamplers


@pytest.mark.parametrize(
    ("resampler", "error", "text"),
    [
        (object(), TypeError, r"resampler must be one of skstrat's that picks rows"),
        (None, TypeError, "resampler must be one of skstrat's that picks rows"),
        (
            DownsampleUpweight(factor=0.5),
            InvalidParameterError,
            "'factor' parameter",
        ),
        (
            DownsampleUpweight(factor=2, sampling_strategy=0.5),
            ValueError,
            "factor.*sampling_strategy",
        ),
    ],
    ids=["object", "None", "factor", "both"],
)
def test_resamplers_that_labels_are_not_enough_for(resampler, error, text, tmp_path):
    source = write(tmp_path)
    with refused(tmp_path, error, text):
        run(source, tmp_path / "small.parquet", resampler=resampler)


def test_samplers_of_others(tmp_path):
    from imblearn.under_sampling import RandomUnderSampler

    source = write(tmp_path)
    text = "resampler must be one of skstrat's .* got RandomUnderSampler"
    with refused(tmp_path, TypeError, text):
        run(source, tmp_path / "small.parquet", resampler=RandomUnderSampler())


def test_a_path_of_another_type(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path())
    run("big.parquet", "small.parquet")
    assert sorted(below(tmp_path)) == ["big.parquet", "small.parquet"]
