"""The commands as processes: signals, and streams that are closed or full."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

# Ordinary tests cannot see what the console script does.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs the signals"),
]
START = "from skstrat.cli import main; main()"
UNWRITTEN = "Error: standard output cannot be written: Bad file descriptor\n"


def start(*arguments, python=(), code=START, **options):
    command = [sys.executable, *python, "-c", code, *map(str, arguments)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **{**streams, **options})


def finish(running):
    out, err = running.communicate(timeout=300)
    return running.returncode, out, (err or b"").decode()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    frame = pd.DataFrame({"x": np.random.default_rng(0).random(2_000_000)})
    frame.assign(y=np.arange(2_000_000) % 9 == 0).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "small.csv"
    frame = pd.DataFrame({"é": range(3000)})
    frame.assign(y=frame["é"] % 50 == 0).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("name", "expected", "said"),
    [("SIGINT", 1, "Aborted!"), ("SIGTERM", 143, ""), ("SIGHUP", 129, "")],
)
def test_stopped_while_it_writes(large, tmp_path, name, expected, said):
    sent = getattr(signal, name)
    running = start(
        *("downsample", large, tmp_path / "small.csv", "--target=y", "--factor=1.01"),
        # A signal between two lines may leave a file to the garbage collector.
        python=("-W", "error", "-W", "ignore::ResourceWarning"),
        # Behind nohup, processes would begin with SIGHUP ignored.
        preexec_fn=lambda: signal.signal(sent, signal.SIG_DFL),
    )
    end = time.monotonic() + 300
    # Before, the reader is made, which some signals end with words of its own.
    while not any(each.stat().st_size for each in tmp_path.iterdir()):
        assert running.poll() is None
        assert time.monotonic() < end
        time.sleep(0.001)
    running.send_signal(sent)
    code, out, err = finish(running)
    assert (code, out, err.strip()) == (expected, b"", said)
    assert list(tmp_path.iterdir()) == []


def closed_pipe():
    read, write = os.pipe()
    os.close(read)
    return write


def read_only():
    # Every write fails, as on a full disk.
    return os.open(os.devnull, os.O_RDONLY)


DOWNSAMPLE = ("downsample", "{small}", "{dest}", "--target=y", "--factor=20")


@pytest.mark.parametrize(
    ("words", "output", "expected", "said"),
    [
        (DOWNSAMPLE, closed_pipe, 1, ""),
        (DOWNSAMPLE, read_only, 1, UNWRITTEN),
        (["--version"], read_only, 1, UNWRITTEN),
    ],
    ids=["nobody reads", "read only", "version"],
)
def test_output_that_cannot_be_written(words, output, expected, said, small, tmp_path):
    dest, stdout = tmp_path / "small.csv", output()
    words = [word.format(small=small, dest=dest) for word in words]
    code, _, err = finish(start(*words, stdout=stdout))
    os.close(stdout)
    assert (code, err) == (expected, said)
    if str(dest) in words:
        assert len(pd.read_csv(dest)) == 60 + 2940 // 20


def test_a_pipe_has_no_progress_bar_and_takes_any_text(small):
    words = ("compare", small, "--target=y", "--model=logistic", "--cv=2", "--n-jobs=1")
    env = {**os.environ, "FORCE_COLOR": "1", "PYTHONIOENCODING": "ascii"}
    code, out, err = finish(start(*words, python=("-W", "error"), env=env))
    assert (code, err) == (0, "")
    assert b"true distribution" in out


def test_progress_on_a_terminal(large, tmp_path):
    controller, terminal = os.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "150"}
    words = ("downsample", large, tmp_path / "small.parquet", "--target=y")
    running = start(*words, "--factor=2", "--json", stderr=terminal, env=env)
    os.close(terminal)
    seen = b""
    try:
        while block := os.read(controller, 4096):
            seen += block
    except OSError:
        # Linux's way to say that the other end is closed.
        pass
    code, out, _ = finish(running)
    os.close(controller)
    assert code == 0, seen
    assert json.loads(out)
    assert "2,000,000 of 2,000,000 rows" in seen.decode()
    assert re.search(r"([0-9.]+ MB) of \1", seen.decode())


def test_a_missing_library_is_one_line():
    code = f"import sys; sys.modules['click'] = None; {START}"
    text = "skstrat: the command line needs click, which is not installed. "
    text += 'Run: pip install "skstrat[cli]"\n'
    assert finish(start(code=code)) == (1, b"", text)
