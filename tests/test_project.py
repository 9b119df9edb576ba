"""Promises about the project itself: imports, names, docstrings, versions."""

import ast
import importlib
import inspect
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import skstrat

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skstrat"
# Also public beside the names that `import skstrat` gives.
PUBLIC_ROOMS = [
    "batches",
    "classifiers",
    "displays",
    "exceptions",
    "io",
    "metrics",
    "model_selection",
    "pipeline",
    "resamplers",
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
    "pyspark",
    "rich",
    "skl2onnx",
    "torch",
]


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def dotted(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_the_house_is_seen_at_a_glance():
    entries = {path.name for path in PACKAGE.iterdir()} - {"__pycache__", "py.typed"}
    assert len(entries) <= 12
    depth = {len(path.relative_to(PACKAGE).parts) for path in modules()}
    assert max(depth) <= 2


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_a_file_has_one_idea(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_tests_mirror_the_rooms():
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == rooms


def test_the_plan_needs_numpy_and_xxhash_alone():
    path_of = {dotted(path): path for path in modules()}
    needed, todo, tops = set(), ["skstrat._core.plan"], set()
    while todo:
        name = todo.pop()
        needed.add(name)
        imported = set(imports_of(path_of[name]))
        tops |= {each.partition(".")[0] for each in imported}
        todo += (imported & path_of.keys()) - needed
    assert tops - set(sys.stdlib_module_names) == {"numpy", "skstrat", "xxhash"}


def test_private_names_of_others_come_through_one_door():
    doors = {
        dotted(path)
        for path in modules()
        for line in path.read_text("utf-8").splitlines()
        if line.startswith(("from sklearn", "from imblearn", "import sklearn"))
        and ("._" in line or "import _" in line)
    }
    assert doors == {"skstrat._core.compat"}


@pytest.mark.parametrize("room", PUBLIC_ROOMS)
def test_rooms_list_their_public_names(room):
    if room == "io":
        pytest.importorskip("pyarrow")
    module = importlib.import_module(f"skstrat.{room}")
    if not hasattr(module, "__path__"):
        return
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == set(module.__all__)
    assert sorted(module.__all__) == module.__all__


def test_front_door_lists_what_is_there():
    tree = ast.parse((ROOT / "skstrat" / "__init__.py").read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("skstrat.")
        for alias in node.names
    }
    assert imported == set(skstrat.__all__)
    assert sorted(skstrat.__all__) == skstrat.__all__
    assert imported | set(PUBLIC_ROOMS) < set(dir(skstrat))
    for name in skstrat.__all__:
        assert getattr(skstrat, name).__name__ == name


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.slow
def test_import_loads_no_optional_library():
    # scikit-learn itself loads pandas where it is installed, hence the comparison.
    listing = "import sys; print(*sorted(m for m in sys.modules if '.' not in m))"
    before = run_python(f"import sklearn, imblearn.pipeline, xxhash; {listing}").split()
    after = run_python(f"from skstrat import *; {listing}").split()
    assert set(after) - set(before) == {"skstrat"}


def test_nothing_is_imported_before_a_name_is_asked_for():
    # So that the command can take Ctrl-C before scikit-learn is there.
    listing = "import sys; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = set(run_python(f"import skstrat.cli; {listing}").split())
    assert not loaded & {"numpy", "scipy", "sklearn", *OPTIONAL}
    assert skstrat.metrics.__name__ == "skstrat.metrics"
    with pytest.raises(AttributeError, match="'skstrat' has no attribute 'nothing'"):
        getattr(skstrat, "nothing")  # noqa: B009


def test_it_works_where_no_optional_library_is_installed():
    code = f"""
import sys
import tomllib
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


@pytest.mark.slow
def test_what_needs_pandas_names_the_extra():
    code = """
import sys
sys.modules["pandas"] = None
try:
    import skstrat.io
except ModuleNotFoundError as error:
    print(error)
import numpy as np
from skstrat.resamplers import FactorRecommendation
try:
    FactorRecommendation.table_.fget(None)
except ModuleNotFoundError as error:
    print(error)
"""
    install = (
        'needs pandas, which is not installed. Run: pip install "skstrat[parquet]"'
    )
    assert run_python(code) == (
        f"skstrat.io {install}\nFactorRecommendation.table_ {install}\n"
    )


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


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_docstrings_are_there(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) or (
            isinstance(node, ast.FunctionDef) and node.col_offset == 0
        ):
            named = not node.name.startswith("_")
            assert ast.get_docstring(node) or not named, node.name


def literal_calls(function, method):
    """Give the literal arguments of calls such as ``session.run(...)``."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    (found,) = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == function
    )
    return [
        [each.value for each in call.args if isinstance(each, ast.Constant)]
        for call in ast.walk(found)
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == method
    ]


def test_the_readme_and_nox_run_the_same_tests():
    (install,) = literal_calls("tests", "install")
    (run,) = literal_calls("tests", "run")
    make, pip, pytest_command = (
        shlex.split(part)
        for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("python3 -m venv") and "pytest" in line
        for part in line.split(" && ")
    )
    assert make == ["python3", "-m", "venv", ".venv"]
    assert pip == [".venv/bin/pip", "install", "--quiet", *install]
    assert pytest_command == [".venv/bin/python", *run[1:]]


def test_one_version_is_told_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    told = project["project"]["version"]
    assert f"\nversion: {told}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    first = (ROOT / "CHANGELOG.md").read_text("utf-8").partition("\n## ")[2]
    assert first.startswith(told)
    extras = project["project"]["optional-dependencies"]
    (ruff,) = (each for each in extras["lint"] if each.startswith("ruff"))
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"ruff==[\d.]+", hooks)) == {ruff}


def test_every_extra_that_is_named_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    texts = [*modules(), *ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    named = {
        extra
        for path in texts
        for found in re.findall(
            r"skstrat\[([\w,]+)\]|\"\.\[([\w,]+)\]\"", path.read_text(encoding="utf-8")
        )
        for extra in "".join(found).split(",")
    }
    assert {"cli", "test"} <= named
    assert named <= project["project"]["optional-dependencies"].keys()


def test_the_readme_shows_the_measured_ranges():
    document = ROOT / "benchmarks" / "results" / "frontier.json"
    cells = json.loads(document.read_text(encoding="utf-8"))["cells"]

    def ranges(way, *models):
        found = [
            cell["ways"][way]["mean_p"]
            for cell in cells
            if cell["rows"] >= 50_000 and cell["model"] in models
        ]
        return f"{min(found):.2f} to {max(found):.2f}"

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    models = "LogisticRegression", "HistGradientBoosting", "LightGBM", "RandomForest"
    for model in models:
        assert ranges("uniform, factor 5", model) in readme
    assert ranges("guided, factor 20", "RandomForest") in readme
    assert f"On all rows they are {ranges('all rows', *models)}." in readme
