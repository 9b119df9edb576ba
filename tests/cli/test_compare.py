"""The command that compares: what it prints, and one line where it cannot."""

import html
import json
import re
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from skstrat import __version__
from skstrat.cli import main
from skstrat.cli._compare import skstrat_command
from skstrat.cli._models import MODELS
from skstrat.model_selection._strategies import list_strategies

OPTIONS = ("--target=label", "--model=logistic", "--cv=2")


def messy_frame(n_rows=400):
    """Make rows with everything a file may have, one in twenty a fraud."""
    rng = np.random.default_rng(0)
    fraud = np.arange(n_rows) % 20 == 0
    columns = {
        "amount": rng.lognormal(size=n_rows) * np.where(fraud, 3, 1),
        "shop": rng.choice(["fuel", "[red]"], n_rows),
        "when": pd.date_range("2024-01-01", periods=n_rows, freq="h").astype(str),
        "empty": np.nan,
        "label": np.where(fraud, "fraud [x]", "ok"),
    }
    frame = pd.DataFrame(columns)
    frame.loc[rng.random(n_rows) < 0.2, ["amount", "shop"]] = None
    return frame


@pytest.fixture
def messy_csv(tmp_path):
    messy_frame().to_csv(tmp_path / "messy.csv.gz", index=False)
    return tmp_path / "messy.csv.gz"


def invoke(*arguments):
    """Run the command in this process; its output is both streams together."""
    arguments = ["compare", "--n-jobs=1", *map(str, arguments)]
    return CliRunner().invoke(skstrat_command, arguments)


def succeed(*arguments):
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def strategies_of(factors):
    """Name the strategies that are listed for the logistic model."""
    listed = list_strategies(factors, estimator=MODELS["logistic"](0, messy_frame(2)))
    return [strategy.name for strategy in listed]


@pytest.mark.slow
def test_the_document_of_a_messy_file(messy_csv):
    more = ("--cv=3", "--factor=4", "--factor=7.5", "--random-state=3", "--json")
    document = json.loads(succeed(messy_csv, *OPTIONS, *more))
    told = [document[name] for name in ("random_state", "cv", "factors")]
    assert told == [3, 3, [4, 7.5]]
    assert {"python", "skstrat", "sklearn", "numpy"} < document["versions"].keys()
    (model,) = document["models"]
    assert model["critical"] > 0
    strategies = {entry["strategy"]: entry for entry in model["strategies"]}
    assert list(strategies) == strategies_of([4, 7.5])
    assert model["best"] in strategies
    for entry in strategies.values():
        assert entry["error"] is None
        assert {"rows", "fit_time", "roc_auc"} < entry["measures"].keys()
        for measure in entry["measures"].values():
            assert measure["mean"] == pytest.approx(np.mean(measure["folds"]))
    rows = {name: own["measures"]["rows"]["folds"] for name, own in strategies.items()}
    assert sum(rows["true distribution"]) == 400 * 2
    assert sum(rows["under-sampling 1:1"]) == 2 * 20 * 2


@pytest.mark.slow
def test_same_seed_same_numbers_in_one_process_or_two(tmp_path):
    messy_frame()[["amount", "label"]].to_csv(tmp_path / "few.csv", index=False)

    def numbers(*more):
        shown = succeed(tmp_path / "few.csv", *OPTIONS, "--json", *more)
        (model,) = json.loads(shown)["models"]
        for entry in model["strategies"]:
            del entry["measures"]["fit_time"]
        return model["strategies"]

    assert numbers() == numbers("--n-jobs=2") != numbers("--random-state=1")


@pytest.mark.slow
def test_page_has_the_names_of_the_table_and_code_that_runs(
    messy_csv, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "report.html"
    models = ["logistic", "xgboost"] if find_spec("xgboost") else ["logistic"]
    options = ["--target=label", "--cv=2", f"--html={page}", "--factor=4"]
    output = succeed(messy_csv, *options, *(f"--model={each}" for each in models))
    assert "Note: --html also tunes thresholds" in output
    assert "(the smallest class, fraud [x]," in " ".join(output.split())
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


@pytest.mark.parametrize(("columns", "classes"), [(80, 3), (132, 2)])
def test_tables_are_as_wide_as_columns_says(tmp_path, monkeypatch, columns, classes):
    monkeypatch.setenv("COLUMNS", str(columns))
    frame = messy_frame(240)[["amount", "label"]]
    if classes == 3:
        frame["label"] = np.repeat(["big", "small", "medium"], [170, 20, 50])
    frame.to_parquet(tmp_path / "few.parquet")
    output = succeed(tmp_path / "few.parquet", *OPTIONS)
    assert max(map(len, output.splitlines())) == columns
    assert "…" not in output
    table, _, below = output.partition("LogisticRegression")[2].partition("Verdict")
    lines = [line.split("  ")[0] for line in map(str.strip, table.splitlines())]
    names = strategies_of([5])
    assert [each for each in lines if each in names] == names
    assert below.split()[1] == "Train"
    shown = " ".join(output.partition("Means over")[2].split())
    for text in ("±", "ROC AUC"):
        assert (text in table) == ("Brier score" in shown) == (columns == 132)
    smallest = "small" if classes == 3 else "fraud [x]"
    assert f"over real share of class {smallest}" in shown
    assert ("each class against the rest" in shown) == (classes == 3)


@pytest.mark.slow
def test_groups_and_weights_are_columns_of_the_file(tmp_path):
    frame = pd.DataFrame({"x": np.arange(240) % 7, "g": np.arange(240) // 4})
    frame["w"] = np.where(frame["g"] % 2, 3.0, 1.0)
    frame.assign(label=frame["g"] % 6 == 0).to_csv(tmp_path / "t.csv", index=False)
    options = (*OPTIONS, "--json", "--factor=2", "--groups=g", "--sample-weight=w")
    document = json.loads(succeed(tmp_path / "t.csv", *options))
    assert document["data"]["features"] == ["x"]
    measures = document["models"][0]["strategies"][0]["measures"]
    # Whole groups of four rows.
    assert measures["rows"]["folds"] == [120, 120]


RARE = "{file} --target=rare"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (f"{RARE} --json", "got cv=5 for {'a': 17, 'b': 3}"),
        (f"{RARE} --groups=x --sample-weight=x", "groups must name another column"),
        (f"{RARE} --html=/no/folder/page.html", "there is no folder /no/folder"),
        ("{file}", "give a FILE with its --target COLUMN, or --demo"),
        (f"{RARE} --demo", "or --demo, not both"),
        ("--demo --n-jobs=0", "n_jobs must be a number of fits"),
        ("--demo --factor=inf", "factor must be a finite number"),
        ("{folder}/broken.parquet --target=y", "cannot be read"),
    ],
)
def test_bad_input(tmp_path, arguments, message):
    frame = pd.DataFrame({"x": range(20), "rare": ["a"] * 17 + ["b"] * 3})
    frame.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    result = invoke(*arguments.format(file=tmp_path / "t.csv", folder=tmp_path).split())
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("library", ["lightgbm", "pyarrow"])
def test_what_is_not_installed(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    boosted = ("--demo", "--model=lightgbm")
    result = invoke(*(boosted if library == "lightgbm" else ("x.csv", "--target=y")))
    assert result.exit_code == 2
    text = rf"Error: .*{library}.* not installed\. Run: pip install \S+\n"
    assert re.fullmatch(text, result.output)


def test_version_and_entry_point(monkeypatch):
    (entry,) = entry_points(group="console_scripts", name="skstrat")
    assert entry.load() is main
    assert __version__ in CliRunner().invoke(skstrat_command, ["--version"]).output
    # A missing part of our own is not disguised as a missing library.
    monkeypatch.setitem(sys.modules, "skstrat.cli._compare", None)
    with pytest.raises(ModuleNotFoundError, match=r"skstrat\.cli\._compare"):
        main()
