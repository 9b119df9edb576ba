"""The command as a process: signals, and streams that are closed or full."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

# What the console script does.
START = "from skstrat.cli import main; main()"
UNWRITTEN = "Error: standard output cannot be written: Bad file descriptor\n"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs the signal")


def start(*arguments, python=(), **options):
    command = [sys.executable, *python, "-c", START, *map(str, arguments)]
    return subprocess.Popen(
        command, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.random(2_000_000)})
    frame.assign(y=np.arange(2_000_000) % 9 == 0).to_parquet(path)
    return path


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected", "said"),
    [("SIGINT", 1, "Aborted!"), ("SIGTERM", 143, ""), ("SIGHUP", 129, "")],
)
def test_stopped_while_it_writes(large, tmp_path, name, expected, said):
    dest = tmp_path / "small.csv"
    options = ("--target=y", "--factor=1.01")
    # A signal between two lines may leave a file to the garbage collector.
    python = ("-W", "error", "-W", "ignore::ResourceWarning")
    sent = getattr(signal, name)
    running = start(
        "downsample",
        large,
        dest,
        *options,
        python=python,
        # Behind nohup, processes would begin with SIGHUP ignored.
        preexec_fn=lambda: signal.signal(sent, signal.SIG_DFL),
    )
    end = time.monotonic() + 60
    # Before, the reader is made, which some signals end with words of its own.
    while not any(each.stat().st_size for each in tmp_path.iterdir()):
        assert running.poll() is None
        assert time.monotonic() < end
        time.sleep(0.001)
    running.send_signal(sent)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err.decode().strip()) == (expected, b"", said)
    assert list(tmp_path.iterdir()) == []


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("library", ["sklearn", "rich"])
def test_interrupted_during_imports(library):
    # It tells on standard error which module was imported.
    running = start("compare", "--demo", python=("-X", "importtime"))
    for line in running.stderr:
        if line.split(b"|")[-1].strip().startswith(library.encode()):
            break
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == -signal.SIGINT
    assert not out
    assert b"Traceback" not in err


def closed_pipe():
    read, write = os.pipe()
    os.close(read)
    return write


def read_only():
    # Every write fails, as on a full disk.
    return os.open(os.devnull, os.O_RDONLY)


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize(
    ("output", "options", "expected", "said"),
    [
        (closed_pipe, [], 1, ""),
        (read_only, [], 1, UNWRITTEN),
        (None, ["--json"], 0, ""),
    ],
    ids=["nobody reads", "read only", "closed"],
)
def test_output_that_cannot_be_written(tmp_path, output, options, expected, said):
    source, dest = tmp_path / "big.csv", tmp_path / "small.csv"
    frame = pd.DataFrame({"x": range(3000)})
    frame.assign(y=frame["x"] % 50 == 0).to_csv(source, index=False)
    closed = {} if output else {"preexec_fn": lambda: os.close(1)}
    stdout = output() if output else None
    arguments = ("downsample", source, dest, "--target=y", "--factor=20", *options)
    running = start(*arguments, stdout=stdout, **closed)
    _, err = running.communicate(timeout=60)
    if stdout is not None:
        os.close(stdout)
    assert (running.returncode, err.decode()) == (expected, said)
    assert len(pd.read_csv(dest)) == 60 + 2940 // 20


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["downsample", "--help"]])
def test_help_that_cannot_be_written(words):
    stdout = read_only()
    running = start(*words, stdout=stdout)
    _, err = running.communicate(timeout=60)
    os.close(stdout)
    assert (running.returncode, err.decode()) == (1, UNWRITTEN)
