"""Promises about the project itself: imports, names, docstrings, the README."""

import ast
import doctest
import importlib
import importlib.util
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skstrat

ROOT = Path(__file__).parents[1]
# What the console script does.
START = "from skstrat.cli import main; main()"
# Imports point down: a room may import only rooms of a lower level.
LEVELS = [
    [
        "_code",
        "_display_labels",
        "_display_style",
        "_efficiency",
        "_errors",
        "_factorize",
        "_hash",
        "_passes",
        "_file_sinks",
        "_focal",
        "_html",
        "_lazy",
        "_prior",
        "_prior_onnx",
        "_sklearn",
        "_source_files",
    ],
    ["_columns", "_display_axes", "_display_measure", "_page_measures", "_rows"],
    ["_display_recommend", "_draw", "_focal_objectives", "_labels", "_seed", "_sql"],
    [
        "_factor_recommendation",
        "_plan",
        "_sampler_output",
        "_strategy",
        "_weights",
    ],
    ["_cells", "_counted", "_hash_window", "_label_sets", "_tally"],
    ["_partition", "_strata"],
    ["_chosen_rows", "_partitions"],
    ["_dask"],
    ["_parquet_source"],
    ["_csv_source"],
    ["_file_plans"],
    ["_write_rows"],
    ["_binary", "_imbalance"],
    [
        "_base",
        "_parts",
        "_quotas",
        "_calibration_bins",
        "_calibration_fit",
        "_corrected_predictions",
        "_estimators",
    ],
    [
        "_calibration_check",
        "_calibration_error",
        "_factor_pilot",
        "_prior_corrected",
        "_resumable",
        "_stratified",
        "_threshold",
        "_trained_mass",
    ],
    ["_plain_model", "_recommend"],
    ["_corrected"],
    [
        "_batches",
        "_class_weight",
        "_classifier",
        "_combined",
        "_downsample",
        "_focal_classifier",
        "_imbalanced_sampler",
        "_oversample",
        "_pipeline",
        "_weighted",
        "metrics",
    ],
    [
        "_display_confusion",
        "_display_ranking",
        "_display_reliability",
        "_display_rows",
        "_display_tradeoff",
        "_ensemble",
        "_guided",
        "_iter_batches",
        "_page_table",
        "_preprocessing",
        "_rebuild",
        "_strategies",
        "_tables",
        "_named_factors",
        "keras",
        "parquet",
    ],
    ["_demo", "_grid", "_measure", "_partial_fit", "displays"],
    ["_page_pictures", "_verdict", "tabular"],
    ["_page"],
    ["_comparison"],
    ["_compare"],
    ["_terminal"],
    ["_downsample_command"],
    ["_commands"],
    ["_cli"],
    ["__init__"],
]
OPTIONAL = [
    "click",
    "dask",
    "distributed",
    "keras",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "pandas",
    "polars",
    "pyarrow",
    "rich",
    "skl2onnx",
    "torch",
]


def rooms():
    return sorted(path.stem for path in (ROOT / "skstrat").glob("*.py"))


def imports_of(room):
    tree = ast.parse((ROOT / "skstrat" / f"{room}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            package, _, inner = name.partition(".")
            if package == "skstrat":
                yield inner or "__init__"


def test_every_room_has_a_level():
    assert sorted(room for level in LEVELS for room in level) == rooms()


@pytest.mark.parametrize("room", rooms())
def test_imports_point_down(room):
    level = {name: depth for depth, names in enumerate(LEVELS) for name in names}
    # The package's own name is no room: importing it for its version goes nowhere.
    imported = set(imports_of(room)) - {"__init__"}
    assert [other for other in imported if level[other] >= level[room]] == []


def test_the_plan_needs_numpy_and_xxhash_alone():
    needed, todo = set(), ["_plan"]
    while todo:
        room = todo.pop()
        needed.add(room)
        todo += set(imports_of(room)) - needed
    tops = set()
    for room in needed:
        text = (ROOT / "skstrat" / f"{room}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                tops.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Import):
                tops |= {alias.name.partition(".")[0] for alias in node.names}
    assert tops - set(sys.stdlib_module_names) == {"numpy", "skstrat", "xxhash"}


def test_private_names_of_others_come_through_one_door():
    doors = {
        room
        for room in rooms()
        for line in (ROOT / "skstrat" / f"{room}.py").read_text("utf-8").splitlines()
        if line.startswith(("from sklearn", "from imblearn", "import sklearn"))
        and ("._" in line or "import _" in line)
    }
    assert doors == {"_sklearn"}


def test_front_door_lists_what_is_there():
    tree = ast.parse((ROOT / "skstrat" / "__init__.py").read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == set(skstrat.__all__)
    assert sorted(skstrat.__all__) == skstrat.__all__
    for name in skstrat.__all__:
        assert getattr(skstrat, name).__name__ == name


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_import_loads_no_optional_library():
    # scikit-learn itself loads pandas where it is installed, hence the comparison.
    listing = "import sys; print(*sorted(m for m in sys.modules if '.' not in m))"
    before = run_python(f"import sklearn, imblearn.pipeline, xxhash; {listing}").split()
    after = run_python(f"import skstrat; {listing}").split()
    assert set(after) - set(before) == {"skstrat"}


def test_it_works_where_no_optional_library_is_installed():
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import numpy as np
from sklearn.linear_model import LogisticRegression
import skstrat
X, y = np.arange(2100.0).reshape(-1, 1) % 7, np.repeat([0, 1], [2000, 100])
down = skstrat.DownsampleUpweight(factor=4)
skstrat.make_pipeline(down, LogisticRegression()).fit(X, y)
print(down.sampling_strategy_, *sorted(set(sys.modules) & set({OPTIONAL})))
"""
    assert run_python(code) == "{0: 500, 1: 100}\n"


def public_objects():
    for name in skstrat.__all__:
        yield f"skstrat.{name}"
        member = getattr(skstrat, name)
        if not inspect.isclass(member) or issubclass(member, Warning):
            continue
        for method, value in vars(member).items():
            if not method.startswith("_") and callable(value):
                yield f"skstrat.{name}.{method}"


# GL01: a summary may start on the line of the quotes. SA01, ES01: not every method
# needs a See Also or a second paragraph. EX01: methods are shown on their class.
IGNORED = {"GL01", "SA01", "ES01", "SA04", "GL08"}


@pytest.mark.parametrize("name", list(public_objects()))
def test_docstrings_are_numpydoc(name):
    validate = pytest.importorskip("numpydoc.validate").validate
    ignored = IGNORED | ({"EX01"} if needs_no_example(name) else set())
    found = [error for error in validate(name)["errors"] if error[0] not in ignored]
    assert found == []


def needs_no_example(name):
    return name.count(".") == 2 or name.endswith(("Error", "Warning", "Plan"))


def test_docstrings_of_every_room_are_there():
    for module in pkgutil.iter_modules(skstrat.__path__):
        if module.name == "_cli":
            continue
        room = importlib.import_module(f"skstrat.{module.name}")
        for name, member in vars(room).items():
            own = getattr(member, "__module__", None) == room.__name__
            if own and not name.startswith("_") and callable(member):
                assert inspect.getdoc(member), f"{room.__name__}.{name}"


@pytest.mark.slow
def test_readme_examples_give_what_they_show():
    failures, tried = doctest.testfile(
        str(ROOT / "README.md"),
        module_relative=False,
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert tried > 10
    assert failures == 0


def numbers_by_line(text):
    """Map the head of every table line to its numbers, the fit time left out."""
    lines = {}
    table = ""
    for line in text.splitlines():
        if line.startswith(("Logistic", "Gradient")):
            table = line.split()[0]
        found = re.match(r"(.+?)  +([\d,]+)  +[\d.]+ ±[\d.]+  (.*±.*)$", line)
        if found:
            values = re.findall(r"[\d.]+", found[3])
            rows = float(found[2].replace(",", ""))
            lines[table, found[1]] = [rows, *map(float, values)]
    return lines


def shown_in_readme(first_line):
    """Cut out of the README the output that begins so."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme[readme.index(first_line) :].partition("```")[0]


@pytest.mark.slow
def test_readme_shows_what_the_demo_prints():
    shown = numbers_by_line(shown_in_readme("generated card payments: 30,150"))
    run = subprocess.run(
        [sys.executable, "-c", START, "compare", "--demo"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "140"},
    )
    printed = numbers_by_line(run.stdout)
    assert len(printed) == 30
    assert shown.keys() == printed.keys()
    for line, values in printed.items():
        # Another processor may round otherwise in the last digit shown.
        assert shown[line] == pytest.approx(values, rel=0.02, abs=2e-3), line


def test_readme_shows_the_measured_comparisons():
    compared = ROOT / "benchmarks" / "results" / "compare"
    spec = importlib.util.spec_from_file_location(
        "compare_data_sets", ROOT / "benchmarks" / "compare_data_sets.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    documents = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(compared.glob("*.json"))
    }
    assert len(documents) == 8
    lines = [
        line for name, each in documents.items() for line in script.rows(name, each)
    ]
    assert "\n".join([*script.HEAD, *lines]) in shown_in_readme("| data set |")
    shown = numbers_by_line(shown_in_readme("mammography.csv.gz: 11,183 rows"))
    (logistic,) = [
        entry
        for entry in documents["mammography"]["models"]
        if entry["model"] == "logistic"
    ]
    assert len(shown) == len(logistic["strategies"]) == 13
    for entry in logistic["strategies"]:
        measures = entry["measures"]
        row = shown["Logistic", entry["strategy"]]
        assert row[0] == pytest.approx(measures["rows"]["mean"], abs=0.5)
        assert row[-2] == pytest.approx(
            measures["mean_probability_ratio"]["mean"], abs=0.01
        )
