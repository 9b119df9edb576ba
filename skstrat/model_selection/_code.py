"""Python source that builds the best model of a comparison."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from contextlib import suppress
from inspect import signature
from itertools import takewhile
from textwrap import indent
from typing import Any

from sklearn.base import BaseEstimator, clone

from skstrat._core.compat import EstimatorPrinter

_START, _GIVEN = "model = ", "as given to compare_strategies."
_NUMBERS = {(name, f"from numpy import {name}") for name in ("inf", "nan")}
_NUMBERS |= {("np", "import numpy as np")}
_THRESHOLD = """
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

# Decides at the mean of the thresholds tuned for the F2 score.
thresholded = FixedThresholdClassifier(
    FrozenEstimator(model),
    threshold={threshold!r},
    pos_label=model.classes_[{code}],
)"""


class _Given(str):
    """A name, in a repr, of a value that has no code."""

    __repr__ = str.__str__


def model_code(comparison: Any) -> str:
    """Write the code that makes and fits the best model of a comparison."""
    model, data = clone(comparison.build()), comparison.data_code
    _hide_defaults(model)
    weighted = comparison.cross_validation.sample_weight is not None
    arguments = ", ".join(["X", "y", *["sample_weight"] * weighted])
    lines = [data.rstrip() if data else f"# {arguments}: {_GIVEN}"]
    # If two classes in it have the same name, one is replaced by a placeholder.
    for name, value in (
        ("estimator", model.estimator),
        ("resampler", model.resampler),
        ("resampler", model),
    ):
        if _imports(value) is None:
            lines.append(f"# {name}: {_GIVEN}")
            model.set_params(**{name: _Given(name)})
    written = indent(_write(model), " " * len(_START)).lstrip()
    lines += ["", _START + written, f"model.fit({arguments})"]
    best = comparison.verdict_.best
    if "threshold" in best.folds:
        threshold, code = best.mean("threshold"), comparison.labels.counts.argmin()
        lines.append(_THRESHOLD.format(threshold=threshold, code=code))
    return "\n".join([*sorted(_imports(model) or ()), "", *lines, ""])


def _hide_defaults(model: Any) -> None:
    """Remove defaults that a repr would show, because they are in ``**kwargs``."""
    for part in _parts(model):
        if not isinstance(part, BaseEstimator):
            continue
        params = part.get_params(deep=False)
        with suppress(TypeError):
            if params.keys() - signature(type(part)).parameters:
                fresh = type(part)().get_params()
                changed = {
                    key: value
                    for key, value in params.items()
                    if key not in fresh or repr(value) != repr(fresh[key])
                }
                part.get_params = lambda changed=changed, **_: changed


def _write(value: Any) -> str:
    return EstimatorPrinter(compact=True, indent=1, indent_at_name=True).pformat(value)


def _imports(value: Any) -> set[str] | None:
    """Return the imports that a repr needs; None if it is no code for the value."""
    try:
        tree = ast.parse(_write(value), mode="eval")
    except SyntaxError:
        return None
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    known = {(name, "") for name in (*dir(builtins), "estimator", "resampler")}
    known |= _NUMBERS | {_import_of(type(part)) for part in _parts(value)}
    found = [(name, line) for name, line in known if name in used]
    # A name is missing, or has two meanings.
    if sorted(used) != sorted(name for name, _ in found):
        return None
    return {line for _, line in found if line}


def _import_of(kind: type) -> tuple[str, str]:
    name, parts = kind.__name__, kind.__module__.split(".")
    module = ".".join(takewhile(lambda part: not part.startswith("_"), parts))
    found = getattr(sys.modules.get(module), name, None)
    public = found is kind and module != "builtins"
    return (name, f"from {module} import {name}") if public else ("", "")


def _parts(value: Any) -> Iterator[Any]:
    yield value
    inside = value if isinstance(value, (list, tuple, set)) else ()
    if isinstance(value, dict):
        inside = (*value, *value.values())
    elif hasattr(value, "get_params"):
        inside = value.get_params(deep=False).values()
    for each in inside:
        yield from _parts(each)
