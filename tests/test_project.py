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
PUBLIC_ROOMS = sorted(
    {path.stem for path in PACKAGE.iterdir() if path.stem[0] != "_"} - {"cli", "py"}
)
OPTIONAL = re.findall(
    r"\w+",
    "click dask distributed keras matplotlib onnx onnxruntime pandas polars pyarrow "
    "pyspark rich skl2onnx torch",
)


def read(*names):
    return ROOT.joinpath(*names).read_text(encoding="utf-8")


def dotted(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(read(path)) for name, path in MODULES.items()}
each_module = pytest.mark.parametrize("name", MODULES)


def imports_of(name, nodes=ast.walk):
    """Yield the modules that are imported, and the names from them."""
    for node in nodes(TREES[name]):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            yield from ((alias.name, set()) for alias in node.names)


@each_module
def test_a_file_is_short_and_what_is_public_has_a_docstring(name):
    assert len(read(MODULES[name]).splitlines()) <= 400
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ClassDef) or (
            isinstance(node, ast.FunctionDef) and node.col_offset == 0
        ):
            assert ast.get_docstring(node) or node.name.startswith("_"), node.name


def test_rooms():
    entries = {path.name for path in PACKAGE.iterdir()} - {"__pycache__", "py.typed"}
    assert len(entries) <= 12
    assert max(len(path.relative_to(PACKAGE).parts) for path in MODULES.values()) <= 2
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == rooms


def test_the_plan_needs_numpy_and_xxhash_alone():
    needed, todo, tops = set(), ["skstrat._core.plan"], set()
    while todo:
        name = todo.pop()
        needed.add(name)
        imported = {module for module, _ in imports_of(name)}
        tops |= {each.partition(".")[0] for each in imported}
        todo += (imported & MODULES.keys()) - needed
    assert tops - set(sys.stdlib_module_names) == {"numpy", "skstrat", "xxhash"}


def test_private_names_of_others_come_through_one_door():
    doors = {
        name
        for name in MODULES
        for module, names in imports_of(name)
        if re.match(r"(sklearn|imblearn)\b", module)
        and ("._" in module or any(each.startswith("_") for each in names))
    }
    assert doors == {"skstrat._core.compat"}


@pytest.mark.parametrize("room", PUBLIC_ROOMS)
def test_rooms_list_their_public_names(room):
    if room == "io":
        pytest.importorskip("pyarrow")
    module = importlib.import_module(f"skstrat.{room}")
    if hasattr(module, "__path__"):
        found = imports_of(f"skstrat.{room}", ast.iter_child_nodes)
        assert sorted(set().union(*(names for _, names in found))) == module.__all__


def test_front_door_lists_what_is_there():
    imported = {
        each
        for module, names in imports_of("skstrat")
        for each in names
        if module.startswith("skstrat.")
    }
    assert sorted(imported) == skstrat.__all__
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


@pytest.mark.slow
def test_it_works_where_no_optional_library_is_installed():
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import numpy as np
from sklearn.linear_model import LogisticRegression
import skstrat
X, y = np.arange(2100.0).reshape(-1, 1) % 7, np.repeat([0, 1], [2000, 100])
down = skstrat.DownsampleUpweight(factor=4)
skstrat.make_pipeline(down, LogisticRegression()).fit(X, y)
print(down.sampling_strategy_, *sorted(set(sys.modules) & set({OPTIONAL})))
for name in ("import skstrat.io", "skstrat.FactorRecommendation.table_.fget(None)"):
    try:
        exec(name)
    except ModuleNotFoundError as error:
        print(error)
"""
    install = (
        'needs pandas, which is not installed. Run: pip install "skstrat[parquet]"'
    )
    assert run_python(code).splitlines() == [
        "{0: 500, 1: 100}",
        f"skstrat.io {install}",
        f"FactorRecommendation.table_ {install}",
    ]


def public_objects():
    for name in skstrat.__all__:
        yield f"skstrat.{name}"
        member = getattr(skstrat, name)
        is_class = inspect.isclass(member) and not issubclass(member, Warning)
        for method, value in vars(member).items() if is_class else ():
            if not method.startswith("_") and callable(value):
                yield f"skstrat.{name}.{method}"


# GL01: a summary may start on the line of the quotes. SA01, ES01: not every method
# needs a See Also or a second paragraph. EX01: methods are shown on their class.
IGNORED = {"GL01", "SA01", "ES01", "SA04", "GL08"}


@pytest.mark.parametrize("name", list(public_objects()))
def test_docstrings_are_numpydoc(name):
    validate = pytest.importorskip("numpydoc.validate").validate
    needs_none = name.count(".") == 2 or name.endswith(("Error", "Warning", "Plan"))
    ignored = IGNORED | ({"EX01"} if needs_none else set())
    assert [each for each in validate(name)["errors"] if each[0] not in ignored] == []


def literal_calls(function, method):
    """Give the literal arguments of calls such as ``session.run(...)``."""
    (found,) = (
        node
        for node in ast.parse(read("noxfile.py")).body
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
    (line,) = re.findall("^python3 -m venv.*pytest.*$", read("README.md"), re.MULTILINE)
    assert [shlex.split(part) for part in line.split(" && ")] == [
        ["python3", "-m", "venv", ".venv"],
        [".venv/bin/pip", "install", "--quiet", *install],
        [".venv/bin/python", *run[1:]],
    ]


PROJECT = tomllib.loads(read("pyproject.toml"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def test_one_version_everywhere():
    # The builder reads it from the package.
    assert PROJECT["dynamic"] == ["version"]
    assert "version" not in PROJECT
    version = skstrat.__version__
    assert f'\n__version__ = "{version}"\n' in read("skstrat", "__init__.py")
    assert f"\nversion: {version}\n" in read("CITATION.cff")
    assert read("CHANGELOG.md").partition("\n## ")[2].startswith(f"{version} ")
    (ruff,) = (each for each in EXTRAS["lint"] if each.startswith("ruff"))
    assert set(re.findall(r"ruff==[\d.]+", read(".pre-commit-config.yaml"))) == {ruff}


def test_every_extra_that_is_named_exists():
    pattern = r"skstrat\[([\w,]+)\]|\"\.\[([\w,]+)\]\""
    texts = [*MODULES.values(), *ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    found = [each for path in texts for each in re.findall(pattern, read(path))]
    named = {extra for each in found for extra in "".join(each).split(",")}
    assert {"cli", "test"} <= named <= EXTRAS.keys()


def test_the_readme_shows_the_measured_ranges():
    cells = json.loads(read("benchmarks", "results", "frontier.json"))["cells"]

    def ranges(way, *models):
        found = [
            cell["ways"][way]["mean_p"]
            for cell in cells
            if cell["rows"] >= 50_000 and cell["model"] in models
        ]
        return f"{min(found):.2f} to {max(found):.2f}"

    readme = read("README.md")
    models = "LogisticRegression", "HistGradientBoosting", "LightGBM", "RandomForest"
    for model in models:
        assert ranges("uniform, factor 5", model) in readme
    assert ranges("guided, factor 20", "RandomForest") in readme
    assert f"On all rows they are {ranges('all rows', *models)}." in readme
