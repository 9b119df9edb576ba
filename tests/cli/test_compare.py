"""The command, as people start it: what it prints, and one line where it cannot."""

import html
import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from rich.console import Console

from skstrat.cli._compare import skstrat_command
from skstrat.cli._tables import make_table, read_table
from skstrat.cli._terminal import open_console, print_classes
from skstrat.model_selection._strategies import list_strategies

# What the console script does.
START = "from skstrat.cli import main; main()"


def messy_frame(n_rows=400):
    """Make rows with everything a file may have, one in twenty a fraud."""
    rng = np.random.default_rng(0)
    fraud = np.arange(n_rows) % 20 == 0
    frame = pd.DataFrame(
        {
            "amount": rng.lognormal(size=n_rows) * np.where(fraud, 3, 1),
            "shop": rng.choice(["fuel", "games", "[red]"], n_rows),
            "when": pd.date_range("2024-01-01", periods=n_rows, freq="h").astype(str),
            "online": rng.random(n_rows) < 0.5,
            "empty": np.nan,
            "label": np.where(fraud, "fraud [x]", "ok"),
        }
    )
    frame.loc[rng.random(n_rows) < 0.2, ["amount", "shop"]] = None
    return frame


@pytest.fixture
def messy_csv(tmp_path):
    path = tmp_path / "messy.csv.gz"
    messy_frame().to_csv(path, index=False)
    return str(path)


def run(*arguments, **settings):
    """Start the command as a process, as a shell does."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", START, *arguments, "--jobs=1"],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **settings},
        check=False,
    )


def invoke(*arguments):
    """Run the command in this process; its output is both streams together."""
    arguments = ["compare", "--jobs=1", *map(str, arguments)]
    return CliRunner().invoke(skstrat_command, arguments)


def lines_of_strategies(text):
    names = [strategy.name for strategy in list_strategies([5, 20])]
    lines = [line.strip() for line in text.splitlines()]
    return [
        name
        for line in lines
        for name in names
        if line.startswith(name) and not line.removeprefix(name).startswith(" +")
    ]


@pytest.mark.slow
def test_table_of_a_messy_file(messy_csv):
    done = run(
        "compare", messy_csv, "--target", "label", "--folds", "2", FORCE_COLOR="1"
    )
    assert done.returncode == 0, done.stderr
    # No progress bar in a pipe, whatever the environment says, and no warning.
    assert not done.stderr
    assert "400 rows, 5 features" in done.stdout
    assert (
        "Degree of imbalance: moderate (the smallest class, fraud [x]," in done.stdout
    )
    models = done.stdout.partition("Logistic regression")[2]
    for text in models.split("Gradient-boosted trees"):
        shown = lines_of_strategies(text)
        assert shown[0] == "true distribution"
        assert "downsample 5 + upweight" in shown
        assert "downsample 20 + upweight" not in shown
        assert len(shown) == len(list_strategies([5]))


@pytest.mark.slow
def test_demo_shows_what_it_is_for():
    done = run("compare", "--demo", "--model=logistic", "--folds=3", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    many, few = (entry["rows"] for entry in document["data"]["classes"])
    assert many == 200 * few
    (model,) = document["models"]
    measures = {entry["strategy"]: entry["measures"] for entry in model["strategies"]}
    ratio = {
        name: measure["mean_probability_ratio"]["mean"]
        for name, measure in measures.items()
    }
    assert ratio["under-sampling 1:1"] > 10
    assert ratio["downsample 20 + upweight"] == pytest.approx(1, abs=0.3)
    rows = measures["downsample 20 + upweight"]["rows"]["mean"]
    assert rows < measures["true distribution"]["rows"]["mean"] / 15


@pytest.mark.slow
def test_output_that_cannot_write_every_sign(messy_csv):
    arguments = ("compare", messy_csv, "--target=label", "--model=logistic")
    done = run(*arguments, "--folds=2", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert lines_of_strategies(done.stdout)[0] == "true distribution"


@pytest.mark.slow
def test_json_is_all_there_is_on_stdout(messy_csv):
    arguments = ("compare", messy_csv, "--target=label", "--model=logistic", "--json")
    done = run(*arguments, "--folds=3", "--factor=4", "--factor=7.5", "--seed=3")
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    document = json.loads(done.stdout)
    data = document["data"]
    assert (data["rows"], data["target"], data["smallest_class"]) == (
        400,
        "label",
        "fraud [x]",
    )
    assert data["classes"][1] == {"label": "ok", "rows": 380, "share": 0.95}
    assert data["degree_of_imbalance"] == "moderate"
    assert (document["seed"], document["folds"]) == (3, 3)
    assert document["factors"] == [4, 7.5]
    assert {"python", "skstrat", "sklearn", "numpy"} < document["versions"].keys()
    (model,) = document["models"]
    assert model["model"] == "logistic"
    expected = [strategy.name for strategy in list_strategies([4, 7.5])]
    assert [entry["strategy"] for entry in model["strategies"]] == expected
    for entry in model["strategies"]:
        assert {"rows", "fit_time", "roc_auc", "mean_probability_ratio"} < entry[
            "measures"
        ].keys()
        for measure in entry["measures"].values():
            assert measure["mean"] == pytest.approx(np.mean(measure["folds"]))
            assert len(measure["folds"]) == 3
    rows = {
        entry["strategy"]: entry["measures"]["rows"]["mean"]
        for entry in model["strategies"]
    }
    assert rows["true distribution"] == pytest.approx(400 * 2 / 3)
    assert rows["under-sampling 1:1"] == pytest.approx(2 * 20 * 2 / 3)


@pytest.mark.slow
def test_same_seed_same_numbers_in_one_process_or_two(messy_csv):
    def numbers(*more):
        arguments = ("--target=label", "--model=logistic", "--folds=2", "--json", *more)
        result = invoke(messy_csv, *arguments)
        assert result.exit_code == 0, result.output
        (model,) = json.loads(result.stdout)["models"]
        for entry in model["strategies"]:
            del entry["measures"]["fit_time"]
        return model["strategies"]

    assert numbers() == numbers("--jobs=2")
    assert numbers() != numbers("--seed=1")


@pytest.mark.slow
def test_recommendation_stands_below_the_table_and_in_the_document(messy_csv):
    arguments = (messy_csv, "--target=label", "--model=logistic", "--folds=2")
    (model,) = json.loads(invoke(*arguments, "--json").output)["models"]
    assert model["best"] in [entry["strategy"] for entry in model["strategies"]]
    printed = " ".join(invoke(*arguments).output.split())
    # All but the times of training, which differ from run to run.
    sentence = model["recommendation"].partition(" s of training")[0][:-8]
    assert sentence.startswith("Train ")
    assert sentence in printed.partition("combined + correction")[2]


@pytest.mark.slow
def test_page_has_the_names_of_the_table_and_code_that_runs(messy_csv, tmp_path):
    page = tmp_path / "report.html"
    result = invoke(
        messy_csv, "--target=label", "--folds=2", f"--html={page}", "--factor=4"
    )
    assert result.exit_code == 0, result.output
    text = html.unescape(page.read_text(encoding="utf-8"))
    assert messy_csv in text
    for shown in ("fraud [x]", "Logistic regression", "Gradient-boosted trees"):
        assert shown in text
    assert "Fewer rows of the biggest class" in text
    codes = re.findall(r"<pre[^>]*>(?:<code[^>]*>)?(.*?)<", text, flags=re.DOTALL)
    assert len(codes) == 2
    for code, made in zip(codes, ("make_logistic", "make_hgb"), strict=True):
        assert f"estimator = {made}(X, random_state=0)" in code
        names = {}
        exec(code, names)
        assert len(names["model"].predict(names["X"])) == 400


def test_page_needs_a_folder(messy_csv, tmp_path):
    page = tmp_path / "absent" / "report.html"
    result = invoke(messy_csv, "--target=label", f"--html={page}")
    assert result.exit_code == 2
    assert f"there is no folder {page.parent}" in " ".join(result.output.split())


def test_three_classes_name_the_smallest(tmp_path):
    frame = messy_frame(90).drop(columns=["shop", "when"])
    frame["label"] = np.repeat(["big", "small", "medium"], [60, 12, 18])
    frame.to_parquet(tmp_path / "three.parquet")
    result = invoke(
        tmp_path / "three.parquet", "--target=label", "--model=logistic", "--folds=2"
    )
    assert result.exit_code == 0, result.output
    assert "predicted over real share of class small" in " ".join(result.output.split())
    assert "each class against the rest" in result.output
    assert "downsample 5 + upweight" in result.output


def test_nothing_reaches_the_terminal_raw(tmp_path, capsys):
    labels = np.where(np.arange(300) % 10 == 0, "\x1b]0;owned\x07", "\x9b2Jok\u202e")
    frame = pd.DataFrame({"x": np.arange(300) % 7, "y\x1b[1m": labels})
    path = tmp_path / "\x1b[31mt.csv"
    frame.to_csv(path, index=False)
    print_classes(open_console(), read_table(path, "y\x1b[1m"))
    failed = invoke(path, "--target=y\x1b[1m", "--folds=50")
    assert failed.exit_code == 2
    for text in (capsys.readouterr().out, failed.output):
        assert r"\x1b[31mt.csv" in text or r"\x1b]0;owned" in text
        assert not set(text) & set("\x1b\x07\x9b\u202e")


def test_a_target_of_many_classes_is_doubted(tmp_path):
    frame = pd.DataFrame({"x": range(60), "y": np.arange(60) % 30})
    console = Console(record=True, width=100)
    print_classes(console, make_table(frame, "y", source="here"))
    lines = console.export_text().splitlines()
    assert len(lines) <= 20
    assert "Column 'y' has 30 different values: is it the label?" in lines
    assert "and 18 more" in [line.strip() for line in lines]


def test_narrow_terminals_lose_nothing(messy_csv, monkeypatch):
    console = Console(width=80, markup=False, highlight=False)
    monkeypatch.setattr("skstrat.cli._compare.open_console", lambda: console)
    arguments = (messy_csv, "--target=label", "--model=logistic", "--folds=2")
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.output.splitlines())) <= 80
    assert "…" not in result.output
    assert lines_of_strategies(result.output)[0] == "true distribution"
    assert "±" in result.output


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.slow
def test_progress_on_a_terminal(messy_csv):
    controller, terminal = os.openpty()
    arguments = ["compare", messy_csv, "--target=label", "--model=logistic"]
    process = subprocess.Popen(
        [sys.executable, "-c", START, *arguments, "--folds=2", "--json"],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(terminal)
    shown = b""
    try:
        while block := os.read(controller, 4096):
            shown += block
    except OSError:
        # Linux's way to say that the other end is closed.
        pass
    output, _ = process.communicate(timeout=60)
    os.close(controller)
    assert process.returncode == 0
    assert "models" in json.loads(output)
    n_strategies = len(list_strategies([5]))
    assert f"{n_strategies}/{n_strategies}".encode() in shown


@pytest.mark.slow
def test_bad_input_is_one_line_and_exit_code_two(tmp_path):
    done = run("compare", str(tmp_path / "absent.csv"), "--target", "y")
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr == f"Error: {tmp_path / 'absent.csv'} does not exist\n"


BAD_COLUMNS = {
    "one_class": [1] * 20,
    "gaps": [None, *"ab" * 9, "a"],
    "too_rare": ["a"] * 17 + ["b"] * 3,
    "continuous": np.linspace(0, 1, 20),
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{file}", "--target=one_class"], "at least two classes"),
        (["{file}", "--target=gaps"], "1 of 20 are missing"),
        (["{file}", "--target=too_rare"], "class 'b' of 'too_rare' has 3 rows, fewer"),
        (["{file}", "--target=continuous"], "continuous"),
        (["{file}", "--target=to_rare"], "the closest: 'too_rare'"),
        (["{file}"], "--target is missing"),
        (["{file}", "--target=gaps", "--demo"], "give FILE or --demo, not both"),
        ([], "give a FILE with its --target COLUMN, or --demo"),
        (["--demo", "--target=x"], "the target of --demo is is_fraud"),
        (["--demo", "--factor=inf"], "--factor must be a finite number"),
        (["--demo", "--factor=nan"], "--factor must be a finite number"),
        (["{folder}/t.txt", "--target=y"], "unknown kind"),
        (["{folder}/broken.parquet", "--target=y"], "cannot be read"),
    ],
)
def test_bad_input(tmp_path, arguments, message):
    pd.DataFrame({"x": range(20), **BAD_COLUMNS}).to_csv(
        tmp_path / "t.csv", index=False
    )
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    result = invoke(
        *(text.format(file=tmp_path / "t.csv", folder=tmp_path) for text in arguments)
    )
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    "option", ["--folds=1", "--factor=0.5", "--model=forest", "--seed=-1", "--jobs=0"]
)
def test_options_out_of_range(option):
    result = invoke("--demo", option)
    assert result.exit_code == 2
    assert option.partition("=")[0] in result.output


def test_version_and_entry_point():
    from skstrat import __version__
    from skstrat.cli import main

    (entry,) = entry_points(group="console_scripts", name="skstrat")
    assert entry.load() is main
    assert __version__ in CliRunner().invoke(skstrat_command, ["--version"]).output


@pytest.mark.slow
@pytest.mark.parametrize("library", ["click", "jinja2", "pandas", "pyarrow", "rich"])
def test_a_missing_library_is_one_line(library):
    program = f"import sys; sys.modules[{library!r}] = None; from skstrat.cli import "
    done = subprocess.run(
        [sys.executable, "-c", program + "main; main()"],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"skstrat: the command line needs {library}, which is not installed. "
        'Run: pip install "skstrat[cli]"\n'
    )


def test_a_missing_part_of_our_own_is_not_disguised(monkeypatch):
    from skstrat.cli import main

    monkeypatch.setitem(sys.modules, "skstrat.cli._compare", None)
    with pytest.raises(ModuleNotFoundError, match=r"skstrat\.cli\._compare"):
        main()
