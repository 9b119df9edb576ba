"""What is run on every change; ``nox --list`` says what there is."""

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["lint", "types", "tests", "tests-oldest", "docs", "package"]


@nox.session
def lint(session):
    """Style, and imports that point down."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session):
    """Types of the package."""
    session.install("-e", ".[types]")
    session.run("mypy")


@nox.session
def tests(session):
    """All tests on the newest dependencies."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session(name="tests-oldest", python="3.11")
def tests_oldest(session):
    """The core tests on the oldest dependencies, without optional libraries."""
    session.install("-r", ".ci/oldest.txt")
    session.install("--no-deps", "-e", ".")
    # Tests of libraries that the oldest set lacks are skipped, and an older
    # scikit-learn gives two of its checks the same name.
    session.run(
        *("python", "-m", "pytest", "-n", "auto", "-m", "not slow"),
        "--doctest-ignore-import-errors",
        *("-o", "strict_parametrization_ids=false"),
        *session.posargs,
    )


@nox.session
def docs(session):
    """The site with its gallery, in docs/_build/html; a warning is an error."""
    session.install("-e", ".[docs]")
    session.run("python", "-m", "sphinx", "-W", "docs", "docs/_build/html")


# Relative addresses of README are dead where a package index shows it.
REPOSITORY = "https://raw.githubusercontent.com/skstrat/skstrat/main"
PACKAGED = "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"


@nox.session
def package(session):
    """Wheel and source distribution in dist/, tried where nothing else is installed."""
    session.install("build", "twine")
    folder = Path(session.create_tmp()).resolve()
    source, empty, built = folder / "source", folder / "empty", Path("dist").resolve()
    for each in (source, built):
        shutil.rmtree(each, ignore_errors=True)
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree("skstrat", source / "skstrat", ignore=caches)
    for name in PACKAGED:
        shutil.copy(name, source)
    readme = source / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(text.replace("](docs/", f"]({REPOSITORY}/docs/"), "utf-8")
    session.run("python", "-m", "build", "--outdir", str(built), str(source))
    files = sorted(map(str, built.iterdir()))
    session.run("twine", "check", "--strict", *files)
    (wheel,) = (each for each in files if each.endswith(".whl"))
    session.run("python", "-m", "venv", "--clear", str(empty))
    python = str(empty / "bin" / "python")
    session.run(python, "-m", "pip", "install", "--quiet", wheel, external=True)
    options = "-o", "ELLIPSIS", "-o", "NORMALIZE_WHITESPACE"
    with session.chdir(folder):
        session.run(python, "-m", "doctest", *options, str(readme), external=True)
        session.run(
            *(python, "-m", "pip", "install", "--quiet", f"{wheel}[cli]"), external=True
        )
        session.run(str(empty / "bin" / "skstrat"), "compare", "--demo", external=True)


@nox.session
def benchmarks(session):
    """One question, as ``nox -s benchmarks -- overhead``, or the tables of all."""
    session.install("-e", ".[bench]")
    question, *arguments = session.posargs or ["report"]
    session.run("python", f"benchmarks/{question}.py", *arguments)
