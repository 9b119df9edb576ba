"""The command, as people start it: what it prints, and one line where it cannot."""

import html
import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from imblearn.over_sampling import SMOTE

from skstrat import Strategy, Weighted
from skstrat.cli._compare import skstrat_command
from skstrat.cli._models import MODELS
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


@pytest.fixture
def few_csv(tmp_path):
    """Write numbers alone, which take least time."""
    messy_frame()[["amount", "label"]].to_csv(tmp_path / "few.csv", index=False)
    return str(tmp_path / "few.csv")


def run(*arguments, **settings):
    """Start the command as a process, as a shell does."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", START, *arguments, "--n-jobs=1"],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **settings},
        check=False,
    )


def invoke(*arguments):
    """Run the command in this process; its output is both streams together."""
    arguments = ["compare", "--n-jobs=1", *map(str, arguments)]
    return CliRunner().invoke(skstrat_command, arguments)


def strategies_of(model, factors):
    """Name the strategies that are listed for a model."""
    listed = list_strategies(factors, estimator=MODELS[model](0, messy_frame(2)))
    return [strategy.name for strategy in listed]


def lines_of_strategies(text):
    names = strategies_of("logistic", [5])
    lines = [line.strip() for line in text.splitlines()]
    return [
        name
        for line in lines
        for name in names
        if line.startswith(name) and not line.removeprefix(name).startswith(" +")
    ]


@pytest.mark.slow
def test_table_of_a_messy_file(messy_csv):
    done = run("compare", messy_csv, "--target", "label", "--cv", "2", FORCE_COLOR="1")
    assert done.returncode == 0, done.stderr
    # No progress bar in a pipe, whatever the environment says, and no warning.
    assert not done.stderr
    shown = " ".join(done.stdout.split())
    assert "400 rows, 5 features" in shown
    assert "Degree of imbalance: moderate (the smallest class, fraud [x]," in shown
    models = done.stdout.partition("logistic: LogisticRegression")[2]
    for text in models.split("hgb: HistGradientBoostingClassifier"):
        table = text.partition("Verdict")[0]
        assert lines_of_strategies(table) == strategies_of("logistic", [5])


@pytest.mark.slow
def test_demo_shows_what_it_is_for():
    done = run("compare", "--demo", "--model=logistic", "--cv=3", "--json")
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
    done = run(*arguments, "--cv=2", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert lines_of_strategies(done.stdout)[0] == "true distribution"


@pytest.mark.slow
def test_json_is_all_there_is_on_stdout(messy_csv):
    arguments = ("compare", messy_csv, "--target=label", "--model=logistic", "--json")
    done = run(*arguments, "--cv=3", "--factor=4", "--factor=7.5", "--random-state=3")
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
    assert (document["random_state"], document["cv"]) == (3, 3)
    assert document["factors"] == [4, 7.5]
    assert {"python", "skstrat", "sklearn", "numpy"} < document["versions"].keys()
    (model,) = document["models"]
    assert model["model"] == "logistic"
    expected = strategies_of("logistic", [4, 7.5])
    assert [entry["strategy"] for entry in model["strategies"]] == expected
    assert model["critical"] > 0
    for entry in model["strategies"]:
        assert entry["error"] is None
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
        arguments = ("--target=label", "--model=logistic", "--cv=2", "--json", *more)
        result = invoke(messy_csv, *arguments)
        assert result.exit_code == 0, result.output
        (model,) = json.loads(result.stdout)["models"]
        for entry in model["strategies"]:
            del entry["measures"]["fit_time"]
        return model["strategies"]

    assert numbers() == numbers("--n-jobs=2")
    assert numbers() != numbers("--random-state=1")


@pytest.mark.slow
def test_recommendation_stands_below_the_table_and_in_the_document(messy_csv):
    arguments = (messy_csv, "--target=label", "--model=logistic", "--cv=2")
    (model,) = json.loads(invoke(*arguments, "--json").output)["models"]
    assert model["best"] in [entry["strategy"] for entry in model["strategies"]]
    printed = " ".join(invoke(*arguments).output.split())
    # All but the times of training, which differ from run to run.
    sentence = model["recommendation"].partition(". ")[0]
    assert sentence.startswith("Train ")
    assert sentence in printed.partition("Verdict")[2]


@pytest.mark.slow
def test_page_has_the_names_of_the_table_and_code_that_runs(
    messy_csv, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "report.html"
    models = ("logistic", *(each for each in ("xgboost",) if find_spec(each)))
    result = invoke(
        messy_csv,
        *("--target=label", "--cv=2", f"--html={page}", "--factor=4"),
        *(f"--model={each}" for each in models),
    )
    assert result.exit_code == 0, result.output
    assert "Note: --html also tunes thresholds" in result.output
    text = html.unescape(page.read_text(encoding="utf-8"))
    assert str(tmp_path) not in text
    for shown in ("<p>messy.csv.gz: 400 rows", "fraud [x]", *models):
        assert shown in text
    codes = re.findall("<pre><code>(.*?)</code></pre>", text, flags=re.DOTALL)
    assert len(codes) == len(models)
    for code in codes:
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
        tmp_path / "three.parquet", "--target=label", "--model=logistic", "--cv=2"
    )
    assert result.exit_code == 0, result.output
    shown = " ".join(result.output.split())
    assert "over real share of class small" in shown
    assert "Average precision: each class against the rest" in shown
    assert "downsample 5 + upweight" in result.output


def test_nothing_reaches_the_terminal_raw(tmp_path):
    labels = np.where(np.arange(300) % 10 == 0, "\x1b]0;owned\x07", "\x9b2Jok\u202e")
    frame = pd.DataFrame({"x": np.arange(300) % 7, "y\x1b[1m": labels})
    path = tmp_path / "\x1b[31mt.csv"
    frame.to_csv(path, index=False)
    failed = invoke(path, "--target=y\x1b[1m", "--cv=50")
    assert failed.exit_code == 2
    assert r"\x1b[31mt.csv" in failed.output.replace("\n", "")
    assert r"\x1b]0;owned" in failed.output
    assert not set(failed.output) & set("\x1b\x07\x9b\u202e")


def test_a_target_of_many_classes_is_doubted(capsys):
    classes = [{"label": c, "rows": 2, "share": 1 / 30} for c in range(30)]
    data = {"source": "here", "rows": 60, "features": ["x"], "target": "y"}
    degree = {"smallest_class": 0, "degree_of_imbalance": "none"}
    print_classes(open_console(), {**data, **degree, "classes": classes})
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert len(lines) <= 22
    assert "Column 'y' has 30 different values: is it the label?" in lines
    assert "and 18 more" in lines


@pytest.mark.parametrize(
    ("columns", "spread"), [(None, False), (80, False), (132, True)]
)
def test_tables_are_as_wide_as_columns_says(few_csv, monkeypatch, columns, spread):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", str(columns))
    result = invoke(few_csv, "--target=label", "--model=logistic", "--cv=2")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.output.splitlines())) == (columns or 80)
    assert "…" not in result.output
    table = result.output.partition("LogisticRegression")[2].partition("Verdict")[0]
    assert lines_of_strategies(table) == strategies_of("logistic", [5])
    assert ("±" in table) == ("ROC AUC" in table) == spread
    help_text = result.output.partition("Means over")[2]
    assert ("Brier score" in help_text) == spread


def test_a_strategy_that_fails_says_why(monkeypatch, few_csv):
    listed = [Strategy("true"), Strategy("broken", Weighted(SMOTE()))]
    monkeypatch.setattr("skstrat.cli._compare.list_strategies", lambda *_, **__: listed)
    arguments = (few_csv, "--target=label", "--model=logistic", "--cv=2")
    shown = invoke(*arguments).output
    assert re.search(r"^broken +-( +-)+$", shown, flags=re.MULTILINE)
    assert "broken failed: ValueError: Input X contains NaN" in " ".join(shown.split())
    (model,) = json.loads(invoke(*arguments, "--json").output)["models"]
    assert model["best"] == "true"
    assert "Input X contains NaN" in model["strategies"][1]["error"]


@pytest.mark.slow
def test_groups_and_weights_are_columns_of_the_file(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=240), "g": np.arange(240) // 4})
    frame["w"] = np.where(frame["g"] % 2, 3.0, 1.0)
    frame["y"] = frame["g"] % 6 == 0
    frame.to_csv(tmp_path / "t.csv", index=False)
    arguments = ("--target=y", "--model=logistic", "--cv=2", "--json", "--factor=2")
    first, second = (
        json.loads(invoke(tmp_path / "t.csv", *arguments, "--groups=g", *more).output)
        for more in (["--sample-weight=w"], [])
    )
    assert first["data"]["features"] == ["x"]
    losses = []
    for document in (first, second):
        measures = document["models"][0]["strategies"][0]["measures"]
        # Whole groups of four rows.
        assert measures["rows"]["folds"] == [120, 120]
        losses.append(measures["log_loss"]["mean"])
    assert losses[0] != losses[1]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.slow
def test_progress_on_a_terminal(messy_csv):
    controller, terminal = os.openpty()
    arguments = ["compare", messy_csv, "--target=label", "--model=logistic"]
    process = subprocess.Popen(
        [sys.executable, "-c", START, *arguments, "--cv=2", "--json"],
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
    assert re.search(rb"(\d+)/\1\b", shown)


@pytest.mark.slow
def test_bad_input_is_one_line_and_exit_code_two(tmp_path):
    done = run("compare", str(tmp_path / "absent.csv"), "--target", "y")
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr.startswith("Error: source must name a file")
    assert done.stderr.count("\n") == 1


BAD_COLUMNS = {
    "one_class": [1] * 20,
    "gaps": [None, *"ab" * 9, "a"],
    "too_rare": ["a"] * 17 + ["b"] * 3,
    "continuous": np.linspace(0, 1, 20),
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["{file}", "--target=one_class"],
            "t.csv (target (y) is 'one_class'): y must have at least two classes",
        ),
        (["{file}", "--target=gaps"], "1 of 20"),
        (["{file}", "--target=too_rare", "--json"], "got cv=5 for {'a': 17, 'b': 3}"),
        (["{file}", "--target=continuous"], "continuous"),
        (["{file}", "--target=to_rare"], "has no 'to_rare', only ['x', "),
        (["{file}", "--target=too_rare", "--groups=g"], "groups must name a column"),
        (["{file}", "--target=too_rare", "--groups=too_rare"], "another column than"),
        (
            ["{file}", "--target=too_rare", "--groups=x", "--sample-weight=x"],
            "groups must name another column than sample_weight",
        ),
        (["{folder}/empty.csv", "--target=y"], "empty.csv (target (y) is 'y')"),
        (["--demo", "--n-jobs=0"], "n_jobs must be a number of fits"),
        (["{file}"], "give a FILE with its --target COLUMN, or --demo"),
        (["{file}", "--target=gaps", "--demo"], "or --demo, not both"),
        (["--demo", "--groups=x"], "or --demo, not both"),
        ([], "give a FILE with its --target COLUMN, or --demo"),
        (["--demo", "--factor=inf"], "factor must be a finite number"),
        (["--demo", "--factor=nan"], "factor must be a finite number"),
        (["{folder}/t.txt", "--target=y"], "must end in one of .parquet, .pq, .csv"),
        (["{folder}/broken.parquet", "--target=y"], "cannot be read"),
        (["{folder}/ragged.csv", "--target=y"], "Row #3: Expected 2 columns"),
    ],
)
def test_bad_input(tmp_path, arguments, message):
    pd.DataFrame({"x": range(20), **BAD_COLUMNS}).to_csv(
        tmp_path / "t.csv", index=False
    )
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "t.txt").touch()
    (tmp_path / "empty.csv").write_text("x,y\n", encoding="utf-8")
    (tmp_path / "ragged.csv").write_text("x,y\n1,a\n2\n3,b\n", encoding="utf-8")
    result = invoke(
        *(text.format(file=tmp_path / "t.csv", folder=tmp_path) for text in arguments)
    )
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    "option", ["--cv=1", "--factor=0.5", "--model=svm", "--random-state=-1"]
)
def test_options_out_of_range(option):
    result = invoke("--demo", option)
    assert result.exit_code == 2
    assert option.partition("=")[0] in result.output


def test_help_is_whole_and_has_an_example():
    summaries = CliRunner().invoke(skstrat_command, ["--help"]).output
    assert "..." not in summaries.partition("Commands:")[2]
    shown = CliRunner().invoke(skstrat_command, ["compare", "--help"]).output
    assert "skstrat compare payments.csv --target is_fraud" in shown


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_a_model_that_is_not_installed(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    result = invoke("--demo", f"--model={library}")
    assert result.exit_code == 2
    assert result.output == (
        f"Error: model {library} is not installed. Run: pip install {library}\n"
    )


@pytest.mark.parametrize(
    "arguments", [("compare", "x.csv"), ("downsample", "x.csv", "y.csv", "--factor=2")]
)
def test_files_without_pyarrow(monkeypatch, arguments):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = CliRunner().invoke(skstrat_command, [*arguments, "--target=y"])
    assert result.exit_code == 2
    assert result.output == (
        "Error: files are read by pyarrow, which is not installed. Run: pip install "
        '"skstrat[parquet]"\n'
    )


@pytest.mark.slow
def test_the_demo_needs_no_pyarrow():
    code = "import sys; sys.modules['pyarrow'] = None; from skstrat.cli import main; "
    options = ["compare", "--demo", "--model=logistic", "--cv=2", "--factor=100"]
    done = subprocess.run(
        [sys.executable, "-c", code + "main()", *options],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "is_fraud" in done.stdout


def test_version_and_entry_point():
    from skstrat import __version__
    from skstrat.cli import main

    (entry,) = entry_points(group="console_scripts", name="skstrat")
    assert entry.load() is main
    assert __version__ in CliRunner().invoke(skstrat_command, ["--version"]).output


@pytest.mark.slow
@pytest.mark.parametrize("library", ["click", "jinja2", "pandas", "rich", "skrub"])
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
