"""Python source that makes the best model of a comparison again."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from itertools import takewhile
from textwrap import indent
from typing import Any, NamedTuple

from skstrat._core.compat import EstimatorPrinter

_START, _GIVEN = "model = ", "as given to compare_strategies."
_MODEL = {"ResampledClassifier": "from skstrat import ResampledClassifier"}
_NUMBERS = {
    "inf": "from numpy import inf",
    "nan": "from numpy import nan",
    "np": "import numpy as np",
}
_THRESHOLD = """
# Decides at the mean of the thresholds tuned for the F2 score.
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

thresholded = FixedThresholdClassifier(
    FrozenEstimator(model), threshold={threshold:.4g}, pos_label={label}
)"""


class _Name(NamedTuple):
    """Stands in a repr for what has none."""

    name: str

    def __repr__(self) -> str:
        return self.name


def model_code(comparison: Any) -> str:
    """Write the code that makes and fits the best model of a comparison."""
    model, imports, comments = comparison.build(), dict(_MODEL), []
    arguments = ["X", "y", "sample_weight"]
    if comparison.cross_validation.sample_weight is None:
        arguments.remove("sample_weight")
    if comparison.data_code is None:
        comments = [f"# {', '.join(arguments)}: {_GIVEN}"]
    for name in ("estimator", "resampler"):
        found = _imports(getattr(model, name))
        if found is None or (found | imports) != (imports | found):
            model.set_params(**{name: _Name(name)})
            comments.append(f"# {name}: {_GIVEN}")
        else:
            imports |= found
    written = indent(_write(model), " " * len(_START)).lstrip()
    fit = f"model.fit({', '.join(arguments)})"
    lines = [*sorted(imports.values()), comparison.data_code or "", *comments]
    lines += [_START + written, fit]
    folds = comparison.verdict_.best.folds
    if "threshold" in folds:
        code = int(comparison.labels.counts.argmin())
        label = _write(comparison.labels.classes.tolist()[code])
        label = label if _imports(label) == {} else f"model.classes_[{code}]"
        lines.append(
            _THRESHOLD.format(threshold=folds["threshold"].mean(), label=label)
        )
    return "\n".join([*lines, ""])


def _write(value: Any) -> str:
    return EstimatorPrinter(compact=True, indent=1, indent_at_name=True).pformat(value)


def _imports(value: Any) -> dict[str, str] | None:
    """Give imports by name for a repr; None if it is no code that makes the value."""
    try:
        tree = ast.parse(_write(value), mode="eval")
    except SyntaxError:
        return None
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    made_by = {(kind.__name__, _import_of(kind)) for kind in map(type, _parts(value))}
    imports: dict[str, str] = {}
    for name, line in {*_NUMBERS.items(), *made_by}:
        if name in used and imports.setdefault(name, line) != line:
            return None
    known = {name for name, line in imports.items() if line} | set(dir(builtins))
    return imports if used <= known else None


def _import_of(kind: type) -> str:
    """Import a class from where it is public; "" if it is not."""
    parts = kind.__module__.split(".")
    module = ".".join(takewhile(lambda part: not part.startswith("_"), parts))
    public = getattr(sys.modules.get(module), kind.__name__, None) is kind
    return f"from {module} import {kind.__name__}" if public else ""


def _parts(value: Any) -> Iterator[Any]:
    """Give a value and all that its repr shows."""
    yield value
    inside = value if isinstance(value, (list, tuple, set)) else ()
    if isinstance(value, dict):
        inside = (*value, *value.values())
    elif hasattr(value, "get_params"):
        inside = value.get_params(deep=False).values()
    for each in inside:
        yield from _parts(each)
