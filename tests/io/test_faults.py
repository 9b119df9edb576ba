"""Files that cannot be resampled: a clear error, and nothing written or lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from imblearn.under_sampling import RandomUnderSampler

from skstrat import ClassWeight, DownsampleUpweight
from skstrat.io import resample_file

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

FACTOR = DownsampleUpweight(factor=5, random_state=0)
N_ROWS = 600
ROWS = np.arange(N_ROWS)
OLD = b"what was there before"


def table_of(**columns):
    """Give a table with 540 rows of class 0 and 60 of class 1, and other columns."""
    text = [f"text {row * 7919 % 1000}" for row in ROWS]
    own = {"row": ROWS, "text": text, "y": (ROWS % 10 == 0).astype(int)}
    return pa.table({**own, **columns})


TABLE = table_of()
CSV = "row,text,y\n" + "".join(f"{i},t{i},{int(i % 10 == 0)}\n" for i in ROWS)


def write(folder, **files):
    """Write tables, or what is given; ``__`` stands for a folder."""
    for name, data in files.items():
        path = folder / name.replace("__", "/")
        path = path.with_suffix(".csv" if isinstance(data, str) else ".parquet")
        path.parent.mkdir(exist_ok=True)
        if isinstance(data, pa.Table):
            pq.write_table(data, path, row_group_size=64)
        else:
            path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path if len(files) == 1 else path.parent


def below(folder):
    """Give what is below a folder: names, and what the files hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def run(source, dest, **settings):
    settings = {"target": "y", "resampler": FACTOR, **settings}
    return resample_file(source, dest, **settings)


def check_refused(folder, source, dest, error, text, **settings):
    there = below(folder)
    with pytest.raises(error, match=text) as caught:
        run(source, dest, **settings)
    assert caught.type is error
    assert below(folder) == there


STOPPED = """
import os, resource, signal, sys
from skstrat import ClassWeight
from skstrat.io import resample_file

way, source, dest = sys.argv[1:]

def stop(stage, done, total):
    if way == "killed" and stage == "rows" and done > 300:
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))

settings = {"resampler": ClassWeight(), "overwrite": True, "progress": stop}
resample_file(source, dest, target="y", **settings)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no such signal and limit")
@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("way", ["killed", "full"])
def test_killed_or_out_of_space_while_writing(way, ending, tmp_path):
    data = TABLE if (way, ending) in [("killed", "parquet"), ("full", "csv")] else CSV
    source, dest = write(tmp_path, big=data), tmp_path / f"small.{ending}"
    dest.write_bytes(OLD)
    there = below(tmp_path)
    command = [sys.executable, "-c", STOPPED, way, source, dest]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    left = below(tmp_path)
    if way == "killed":
        assert done.returncode == -signal.SIGKILL
        left = {name: held for name, held in left.items() if name[0] != "."}
    else:
        assert "File too large" in done.stderr
    assert left == there
    assert run(source, dest, overwrite=True).plan.rows_seen == (540, 60)


def damaged():
    """Give a file cut in the middle, one without a footer, and one of a bad page."""
    sink = pa.BufferOutputStream()
    pq.write_table(TABLE, sink, row_group_size=64)
    data = sink.getvalue().to_pybytes()
    chunk = pq.ParquetFile(pa.BufferReader(data)).metadata.row_group(4).column(1)
    start = chunk.dictionary_page_offset
    end = start + chunk.total_compressed_size
    page = data[: start + 40] + b"\xff" * (end - start - 40) + data[end:]
    return data[: len(data) // 2], data[:-8] + b"\xff\xff\xff\x7fPAR1", page, b""


def some(values, kind=None):
    """Give values of all rows but one, which is the last of those given."""
    *others, last = values
    return pa.array([*(others * N_ROWS)[: N_ROWS - 1], last], kind)


IN = r"big\.parquet \(target \(y\) is 'y'"
MISSING = rf"{IN}\): y must have a label in every row; 1 of 600 labels are missing"
BAD_WEIGHT = IN + r", sample_weight is 'w'\): .*sample_weight must be finite and not .*"
BAD_KEY = rf"{IN}, key is 'k'\): key must hold integers or strings without missing"
REPEATED = "key must be different in every row.* leave key out to draw by position"
KEYS_TWICE = "k,y\n" + "".join(f"{i // 50},{int(i % 10 == 0)}\n" for i in ROWS)
TAKEN = "has a column 'sample_weight' already; name it as sample_weight to multiply"
MUST_NAME = r" must name a column of every file; .*big\.csv has no 'no', only \['row', "
ROLES = "target", "key", "sample_weight"
APART = r" must have compatible types .* int64 in .*a\.parquet and {} in .*b\.parquet"
W, K = {"sample_weight": "w"}, {"key": "k"}
TWICE = pa.table([[0, 1], [1, 2], [0, 1]], names=["row", "row", "y"])


def big(**columns):
    return {"big": table_of(**columns)}


def two(later):
    return {"in__a": TABLE, "in__b": later}


WEIGHTED = "row,w,y\n0,1,0\n1,{},0\n2,3,1\n"
CODED = some(["a", "b", None]).dictionary_encode()
BOTH = {"resampler": DownsampleUpweight(factor=2, sampling_strategy=0.5)}
ONLY_ZEROS = "sample_weight must have a positive weight in some row; got only zeros"
BROKEN = r"big\.parquet cannot be read: "
# Files, arguments, and the text of the error.
REFUSED = [
    *(({"big": data}, {}, BROKEN) for data in damaged()),
    (big(y=some([0, 1, None])), {}, MISSING),
    (big(y=CODED), {}, MISSING),
    ({"big": CSV + "600,t,\n"}, {}, "y must have .*1 of 601 labels are"),
    (big(y=0 * ROWS), {}, "two classes; got one class, 0"),
    (big(y=ROWS / 7), {}, "label type: continuous"),
    ({"big": TABLE[:0]}, {}, rf"{IN}\): Found array with 0 sample"),
    (two(TABLE.drop("y")), {}, "target must name .* has no 'y'"),
    (two(table_of(y=ROWS % 10 == 0)), {}, "'y'" + APART.format("bool")),
    (two(TWICE), {}, r"names must differ; .*b\.parquet has \['row'\] twice"),
    *(({"big": CSV}, {role: "no"}, role + MUST_NAME) for role in ROLES),
    (big(sample_weight=ROWS), {}, TAKEN),
    (big(w=some([1.0, None])), W, BAD_WEIGHT + "got nan"),
    (big(w=some([1.0, -1.0])), W, BAD_WEIGHT + "got -1.0"),
    (big(w=some([1.0, np.inf])), W, BAD_WEIGHT + "got inf"),
    (big(w=np.zeros(N_ROWS)), W, ONLY_ZEROS),
    (big(w=CODED), W, r"sample_weight is 'w'\): .* must be integers, floats.* Cast it"),
    (big(w=pa.array(ROWS).cast("duration[s]")), W, "must be integers, floats"),
    *(({"big": WEIGHTED.format(w)}, W, r"big\.csv .*\bw\b") for w in ("x", "", "-1")),
    (big(k=ROWS / 2), K, BAD_KEY),
    (big(k=some(["a", None])), K, BAD_KEY),
    (big(k=ROWS // 50), K, REPEATED),
    ({"big": KEYS_TWICE}, K, REPEATED),
    ({"big": TABLE}, BOTH, "factor.*sampling_strategy"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_nothing_is_written_or_lost(case, tmp_path):
    files, settings, text = REFUSED[case]
    source, dest = write(tmp_path, **files), tmp_path / "small.parquet"
    check_refused(tmp_path, source, dest, ValueError, text, **settings)
    dest.write_bytes(OLD)
    settings = {**settings, "overwrite": True}
    check_refused(tmp_path, source, dest, ValueError, text, **settings)


@pytest.mark.parametrize("resampler", [None, RandomUnderSampler()])
def test_resamplers_that_do_not_pick_rows(resampler, tmp_path):
    source, dest = write(tmp_path, big=TABLE), tmp_path / "small.parquet"
    name = type(resampler).__name__.removesuffix("Type")
    text = f"resampler must be one of skstrat's that picks rows.* got {name}"
    check_refused(tmp_path, source, dest, TypeError, text, resampler=resampler)


ANOTHER = (FileExistsError, "dest must be another file than the source; got ")
EXISTS = (FileExistsError, "dest exists already: .*; name a file")
NO_FOLDER = (FileNotFoundError, "dest must be in a folder that exists; there is no .*n")
NO_FORMAT = (ValueError, r"dest must end in one of \.parquet, \.pq, \.csv, \.csv\.gz")
NO_SOURCE = (FileNotFoundError, "source must name a file, a folder .* nothing found at")
NO_PIPE = (ValueError, r"source must name regular files, .*pipe\.parquet is none")
MIXED = (ValueError, "source must hold files of one format; got both Parquet and CSV")
NEW = "small.parquet"
PATHS = [
    ("big.parquet", "link.parquet", *ANOTHER),
    ("big.parquet", "hard.parquet", *ANOTHER),
    ("in", "in/b.parquet", ANOTHER[0], r"got .*b\.parquet' for both"),
    ("big.parquet", "folder.parquet", *EXISTS),
    ("big.parquet", "lost.parquet", *NO_FOLDER),
    *(("big.parquet", name, *NO_FORMAT) for name in ("s", "s.pq.gz")),
    ("big.parquet", "", ValueError, "dest must name a file; got an empty text"),
    *((name, NEW, *NO_SOURCE) for name in ("lost.parquet", "*.pq", "hidden")),
    *((name, NEW, *NO_PIPE) for name in ("pipes", "pipes/pipe.parquet")),
    *((name, NEW, *MIXED) for name in ("mixed", "mixed/*")),
]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes in folders")
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(("source", "dest", "error", "text"), PATHS)
def test_paths_that_are_refused(
    source, dest, error, text, overwrite, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, big=TABLE, in__a=TABLE, in__b=TABLE)
    write(tmp_path, mixed__a=TABLE, mixed__b=CSV, hidden___temporary=TABLE)
    (tmp_path / "hard.parquet").hardlink_to(tmp_path / "big.parquet")
    (tmp_path / "link.parquet").symlink_to(tmp_path / "big.parquet")
    (tmp_path / "lost.parquet").symlink_to(tmp_path / "new" / "small.parquet")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "pipes").mkdir()
    os.mkfifo(tmp_path / "pipes" / "pipe.parquet")
    check_refused(tmp_path, source, dest, error, text, overwrite=overwrite)


def test_an_existing_destination_is_replaced_only_when_told(tmp_path):
    source, dest = write(tmp_path, big=TABLE), tmp_path / "small.parquet"
    link = tmp_path / "link.parquet"
    link.symlink_to(dest)
    run(source, link)
    dest.write_bytes(OLD)
    dest.chmod(0o600)
    for each in (dest, link):
        text = rf"dest exists already: .*{each.name}'; give overwrite to replace it"
        check_refused(tmp_path, source, each, FileExistsError, text)
    run(source, link, overwrite=True)
    assert link.is_symlink()
    assert pq.read_table(dest).num_rows == 168
    assert dest.stat().st_mode & 0o777 == 0o600
    assert sorted(below(tmp_path)) == ["big.parquet", "link.parquet", "small.parquet"]


def test_a_destination_beside_the_sources_and_of_the_longest_name(tmp_path):
    write(tmp_path, a=TABLE)
    dest = tmp_path / ("n" * 247 + ".parquet")
    assert run(tmp_path, dest).plan.rows_seen == (540, 60)
    with pytest.raises(OSError, match=r"/nn\S* cannot be written: File name"):
        run(tmp_path / "a.parquet", tmp_path / f"n{dest.name}")
    assert sorted(below(tmp_path)) == ["a.parquet", dest.name]


def replace(path):
    other = path.with_name(".other")
    pq.write_table(table_of(y=(ROWS % 9 == 0).astype(int)), other)
    other.replace(path)


def swap_labels(path):
    """Swap the labels, and keep size and time of the file."""
    before = path.stat()
    data = CSV.replace(",0\n", ",2\n").replace(",1\n", ",0\n").replace(",2\n", ",1\n")
    path.write_text(data, encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


SAME_SIZE = r"big\.csv changed while it was read \(6391 bytes before, 6391 after\)"


@pytest.mark.parametrize("stage", ["labels", "rows"])
@pytest.mark.parametrize(
    ("data", "change", "text"),
    [
        (TABLE, replace, r"big\.parquet changed while it was read|cannot be read"),
        (TABLE, Path.unlink, r"big\.parquet cannot be read"),
        (CSV, swap_labels, SAME_SIZE),
    ],
    ids=["replaced", "removed", "swapped"],
)
def test_files_that_change_meanwhile(data, change, text, stage, tmp_path):
    source, dest = write(tmp_path, big=data), tmp_path / "small.parquet"
    dest.write_bytes(OLD)
    changes = [change]

    def progress(at, done, total):
        if at == stage and done == N_ROWS and changes:
            changes.pop()(source)

    with pytest.raises(ValueError, match=text):
        run(source, dest, resampler=ClassWeight(), progress=progress, overwrite=True)
    assert not changes
    left = [source.name] * (change is not Path.unlink) + [dest.name]
    assert sorted(below(tmp_path)) == left
    assert dest.read_bytes() == OLD
