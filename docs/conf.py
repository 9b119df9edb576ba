"""Settings of the site: ``python -m sphinx -W docs docs/_build/html``."""

import inspect
import os
import subprocess
import sys
import warnings
from functools import cached_property
from importlib import import_module
from pathlib import Path

from sphinx_gallery.sorting import ExplicitOrder

import skstrat

ROOT = Path(__file__).parents[1]
# Before scikit-learn is imported: with cores that are busy, threads wait for each other
# and examples take many times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The backend of Keras that the site is built with; its own default is TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "torch")
# Modules whose names stand in a list; the others' all are in that of skstrat.
ROOMS = [
    "batches",
    "batches.keras",
    "classifiers",
    "displays",
    "io",
    "metrics",
    "model_selection",
    "resamplers",
]
REPOSITORY = "https://github.com/skstrat/skstrat"

project = "skstrat"
author = "The skstrat developers"
copyright = author
version = release = skstrat.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "tables", "gallery/sg_execution_times.rst"]
templates_path = ["_templates"]

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

# A class page shows what its own class adds: the template lists the methods.
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"
# The texts name the types.
autodoc_typehints = "none"
# What scikit-learn's own docstrings refer to is not here where the network is not.
autodoc_inherit_docstrings = False
copybutton_exclude = ".linenos, .gp, .go"

# Without a network a link to another project becomes plain text: its second inventory
# is empty and always there.
OTHERS = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "pandas": "https://pandas.pydata.org/docs/",
    "sklearn": "https://scikit-learn.org/stable/",
    "imblearn": "https://imbalanced-learn.org/stable/",
}
intersphinx_mapping = {
    name: (address, (None, "_static/empty.inv")) for name, address in OTHERS.items()
}
intersphinx_timeout = 10
# With -W a reference to a name that skstrat does not have fails. Those to other
# libraries need a network, and numpydoc refers to every attribute.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!skstrat\.)\w+\..*"), ("py:obj", r"[a-z_]+")]

html_title = "skstrat"
html_theme = "pydata_sphinx_theme"
html_favicon = html_logo = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["skstrat.css"]
smartquotes = False  # types such as {"balanced", "effective"} stay as they are typed
html_copy_source = False
html_sidebars = {"**": ["pages.html"]}
html_context = {
    "edit_page_provider_name": "GitHub",
    # file_name would be that of a page which is made of another file.
    "edit_page_url_template": REPOSITORY
    + "/edit/main/{{ made_of or 'docs/' + file_name }}",
}
html_theme_options = {
    "logo": {"text": "skstrat"},
    "github_url": REPOSITORY,
    "use_edit_page_button": True,
    "navbar_center": [],  # the sidebar shows all pages, by theme
    "secondary_sidebar_items": ["page-toc", "edit-this-page"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "doc_module": ("skstrat",),
    "backreferences_dir": "gallery/backreferences",
    "within_subsection_order": ExplicitOrder(
        [
            "plot_fraud_end_to_end.py",
            "plot_reliability.py",
            "plot_smote_weights.py",
            "plot_cost_threshold.py",
            "plot_free_check.py",
            "plot_early_stopping.py",
            "plot_time_against_loss.py",
            "plot_parquet.py",
            "plot_several_labels.py",
            "plot_continuous_target.py",
            "plot_torch_batches.py",
            "*",  # the path of a file, by which another step sorts
        ]
    ),
    "image_scrapers": ("matplotlib",),
    # What ends a cell is shown where it has a picture in HTML: other texts name memory.
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}
# An example that warns fails; those that mean to, catch it. Its module is __main__.
warnings.filterwarnings("error", module="__main__")
for name in skstrat.__all__:
    if name.endswith("Warning"):
        warnings.simplefilter("error", getattr(skstrat, name))


def hidden(name):
    """Say whether a name is private, or there for other libraries to call."""
    return name.startswith(("_", "onnx_")) or name.endswith("_request")


def own_members(room, name):
    """List the methods that skstrat documents, and the properties not listed there."""
    shown = getattr(import_module(room), name)
    found = {"method": [], "attribute": []}
    for member in dir(shown):
        value = inspect.getattr_static(shown, member)
        owner = next((c for c in shown.__mro__ if member in vars(c)), object)
        if hidden(member) or not owner.__module__.startswith("skstrat"):
            continue
        if isinstance(value, property | cached_property):
            if value.__doc__ and f" {member} : " not in shown.__doc__:
                found["attribute"].append(member)
        elif callable(getattr(shown, member)) and value.__doc__:
            found["method"].append(member)
    return found


def classes():
    """Give the room and name of each public class."""
    rooms = {f"skstrat.{room}": import_module(f"skstrat.{room}") for room in ROOMS}
    for room, module in {"skstrat": skstrat, **rooms}.items():
        for name in module.__all__:
            if inspect.isclass(getattr(module, name)):
                yield room, name


# Not the function itself, which Sphinx could not keep from one build to the next.
autosummary_context = {
    "own_members": {".".join(each): own_members(*each) for each in classes()}
}


def write_command_help(*_):
    """Write what the commands answer to --help, for their page."""
    folder = ROOT / "docs" / "reference" / "generated"
    folder.mkdir(exist_ok=True)
    start = [sys.executable, "-c", "from skstrat.cli import main; main()"]
    for command in ("", "compare", "downsample"):
        arguments = [*command.split(), "--help"]
        answer = subprocess.run(
            [*start, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "COLUMNS": "80"},
        ).stdout
        shown = f"$ skstrat {' '.join(arguments)}\n{answer}"
        path = folder / f"skstrat_{command or 'command'}.txt"
        path.write_text(shown, encoding="utf-8")


def sign_class(app, what, name, shown, *_):  # noqa: ARG001
    """Show the parameters of a class, also where __new__ takes any to refuse them."""
    if what != "class":
        return None
    signature = inspect.signature(shown)
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
    ]
    return str(inspect.Signature(plain)), None


def name_source(app, page, template, context, doctree):  # noqa: ARG001
    """Name the file that a page is made of, where it is none of this folder."""
    folder, _, name = page.rpartition("/")
    made_of = {
        "changes": "CHANGELOG.md",
        "contributing": "CONTRIBUTING.md",
        "gallery/index": "examples/GALLERY_HEADER.rst",
    }.get(page)
    if folder == "gallery" and not made_of:
        made_of = f"examples/{name}.py"
    if folder == "reference/generated":
        room, _, shown = name.rpartition(".")
        file = inspect.getsourcefile(getattr(import_module(room), shown))
        made_of = Path(file).relative_to(ROOT).as_posix()
    context["made_of"] = made_of


def setup(app):
    """Connect what the settings alone cannot say."""
    app.connect("builder-inited", write_command_help)
    app.connect("autodoc-process-signature", sign_class)
    app.connect("html-page-context", name_source)
