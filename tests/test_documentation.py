"""What README and the pages of the site show is what happens."""

import doctest
import importlib.util
import itertools
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import skstrat

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("reference/*.md")])
FENCE = re.compile(r"^```(\{?[\w-]+\}?)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCTEST = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Optional libraries of a page; where one is absent, the page is skipped.
NEEDS = {
    "batches": "torch keras",
    "boosting": "lightgbm xgboost catboost",
    "compare": "pandas",
    "distributed": "torch accelerate lightning",
    "deploying": "onnxruntime shap skl2onnx skops",
    "mlflow": "mlflow skops",
    "files": "click dask pyarrow pyspark",
    "hosts": "accelerate datasets torch transformers",
    "how_far": "pandas",
    "pipelines": "pandas",
    "same_rows": "duckdb pyarrow",
    "start": "polars",
    "strata": "pandas",
}
QUICK = {"changes.md", "contributing.md", "index.md", "limits.md"}
# A part of a verdict.
BY_TIMES = re.compile(r"To\s+save\s+time:.*?times\s+the\s+prevalence\.", re.DOTALL)
# So that Spark starts fast and says nothing.
SPARK = {
    "SPARK_LOCAL_IP": "127.0.0.1",
    "PYSPARK_SUBMIT_ARGS": "--conf spark.ui.enabled=false "
    "--conf spark.ui.showConsoleProgress=false --conf spark.log.level=OFF "
    "--conf spark.sql.shuffle.partitions=2 "
    "--driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' pyspark-shell",
}
# What the console script does.
START = [sys.executable, "-c", "from skstrat.cli import main; main()"]
DEMO = "skstrat compare --demo"


def blocks(page):
    """Give the kind and the text of each fenced block."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def commands(text):
    """Give the commands of a block of the shell, without the folder of the program."""
    lines = text.replace("\\\n", " ").replace("&&", "\n").splitlines()
    return [line.strip().removeprefix(".venv/bin/") for line in lines]


def all_commands(page):
    """Give each command in a block of the shell or in a line, split into words."""
    inline = r"`((?:skstrat|nox|python3?) [^`]*)`"
    found = re.findall(inline, page.read_text(encoding="utf-8"))
    for kind, text in blocks(page):
        found += commands(text) if kind == "sh" else []
    return [shlex.split(each) for each in found]


def outputs(page):
    """Give each command of skstrat with the output shown after it, or None."""
    found = []
    for kind, text in blocks(page):
        if kind == "sh":
            ours = [each for each in commands(text) if each.startswith("skstrat ")]
            found += [[each, None] for each in ours]
        if kind == "text" and found:
            found[-1][1] = text
    return found


def run(command):
    """Run one of our commands as the shell does, and give what it prints."""
    return subprocess.run(
        [*START, *shlex.split(command)[1:]],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80"},
    ).stdout


def page_name(page):
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=page_name)


@each_page
def test_blocks_are_of_a_kind_that_is_checked(page):
    lines = page.read_text(encoding="utf-8")
    fences = re.findall(r"^ *(?:`{3,}|~{3,})", lines, re.MULTILINE)
    assert len(fences) == 2 * len(blocks(page))
    before = ""
    for kind, text in blocks(page):
        assert kind in {"python", "sh", "text"} or kind.startswith("{"), text
        if kind == "text":
            assert any(each.startswith("skstrat ") for each in commands(before)), text
        before = text if kind == "sh" else ""
        if kind == "python":
            assert text.startswith(">>> "), text
            assert text.endswith("\n\n"), text
    assert lines.count("\n>>> ") == sum(
        f"\n{text}".count("\n>>> ") for kind, text in blocks(page) if kind == "python"
    )


def page_cases():
    for page in PAGES:
        marks = [] if page.name in QUICK else [pytest.mark.slow]
        if page.name in {"distributed.md", "mlflow.md"}:
            # The parts of MLflow warn of one another, which is shown and no error.
            # Lightning and Accelerate call what torch gives up.
            marks.append(pytest.mark.filterwarnings("default"))
        if any(kind == "python" for kind, _ in blocks(page)):
            yield pytest.param(page, id=page_name(page), marks=marks)


def run_alone(page):
    """Run a page in a process: the Java of Spark stays in the folder of its start."""
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        pytest.skip("Spark needs Java")
    options = "-o", "ELLIPSIS", "-o", "NORMALIZE_WHITESPACE"
    command = [sys.executable, "-m", "doctest", *options, str(page)]
    environment = {**os.environ, **SPARK}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", list(page_cases()))
def test_examples_give_what_the_page_shows(page, tmp_path, monkeypatch):
    for library in NEEDS.get(page.stem, "").split():
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    if page.name == "files.md":
        run_alone(page)
    else:
        failures, tried = doctest.testfile(
            str(page), module_relative=False, optionflags=DOCTEST
        )
        assert tried > 0
        assert failures == 0
    for command, shown in outputs(page):
        # The examples of the page make the file that the command reads.
        if shown and command != DEMO:
            assert_shown(shown, run(command))


def flat(text):
    """Put a text on one line, without rules and the sentences that depend on times."""
    return re.sub(r"[\s─]+", " ", BY_TIMES.sub("", text)).strip()


def pattern(line):
    """Make a pattern of a line: times are free, decimals are groups."""
    line = re.sub(r"(\S) ([\d,]+) \d+\.\d+((?: \d+\.\d+){3})$", r"\1 \2 <t>\3", line)
    line = re.sub(r"\d[\d.]* s\b", "<t> s", line)
    parts = re.split(r"(\d+\.\d+|<t>)", line)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [
        r"[\d.]+" if each == "<t>" else r"(\d+\.\d+)" for each in parts[1::2]
    ]
    return "".join(parts)


def assert_shown(shown, printed):
    """Ask that every line shown is printed, in this order; lines may be left out."""
    rest = flat(printed)
    for line in filter(None, map(flat, BY_TIMES.sub("", shown).splitlines())):
        found = re.search(pattern(line), rest)
        assert found, line
        rest = rest[found.end() :]
        free = re.fullmatch(pattern(line), line) or pytest.fail(line)
        # Another processor may round otherwise in the last digit shown.
        values = [float(each) for each in found.groups()]
        expected = [float(each) for each in free.groups()]
        assert values == pytest.approx(expected, rel=0.02, abs=2e-3), line


@pytest.mark.slow
def test_the_demo_prints_what_pages_show():
    pytest.importorskip("skrub")
    printed = run(DEMO)
    rows = re.findall(r"\d\.\d\d +\d\.\d{3} +\d\.\d{4} +[\d.]+$", printed, re.M)
    assert len(rows) == 34
    of_pages = [each for page in PAGES for each in outputs(page)]
    shown = [text for command, text in of_pages if command == DEMO and text]
    assert len(shown) == 2
    for text in shown:
        assert_shown(text, printed)


@each_page
def test_what_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    sessions = set(re.findall(r"^def (\w+)\(session", noxfile, re.MULTILINE))
    for program, *words in all_commands(page):
        if program == "skstrat" and any(each.startswith("--") for each in words):
            pytest.importorskip("skrub")
            compare = importlib.import_module("skstrat.cli._compare")
            # It raises where an option is not known.
            name, *arguments = words
            command = compare.skstrat_command.commands[name]
            assert command.make_context(name, arguments).params
        elif program == "nox":
            assert words[0] == "-s"
            named = itertools.takewhile(lambda each: each != "--", words[1:])
            assert {each.replace("-", "_") for each in named} <= sessions, words
        elif program.startswith("python") and words[0] == "-m":
            assert importlib.util.find_spec(words[1]), words
    for file in re.findall(r"\b(?:benchmarks|examples|tests)/[\w/]+\.py", text):
        assert (ROOT / file).exists(), file
    for linked in re.findall(r"https://skstrat\.github\.io/skstrat/(\w+)\.html", text):
        assert (DOCS / f"{linked}.md").exists(), linked


def test_reference_names_everything_public_once():
    for library in ("keras", "pyarrow", "skrub"):
        pytest.importorskip(library)
    text = (DOCS / "reference" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^   (\w[\w.]*)$", text, re.MULTILINE)
    modules = re.findall(r"^`skstrat\.(\w+)`", text, re.MULTILINE)
    rooms = {path.stem for path in (ROOT / "skstrat").iterdir() if path.stem[0] != "_"}
    assert set(modules) == rooms - {"cli", "py"}
    public = set(skstrat.__all__)
    for found in pkgutil.walk_packages(skstrat.__path__, "skstrat."):
        if "._" not in found.name and not found.name.startswith("skstrat.cli"):
            room = found.name.removeprefix("skstrat.")
            public |= {
                each if each in public else f"{room}.{each}"
                for each in getattr(importlib.import_module(found.name), "__all__", ())
            }
    assert sorted(listed) == sorted(public)
