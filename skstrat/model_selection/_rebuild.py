"""Values as Python source, with the imports that it needs."""

from __future__ import annotations

import math
from importlib import import_module
from inspect import Parameter, signature
from itertools import accumulate
from textwrap import indent
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

from skstrat.classifiers._resampled import ResampledClassifier

WIDTH = 88
_INDENT = "    "
_PLAIN = (str, bytes, int, bool, type(None), range, slice)
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    dict: ("{", "}"),
}


class NotCodeError(ValueError):
    """Something cannot be written as code that makes it again."""


class CodeWriter:
    """Writes values as code, and remembers what has to be imported for it.

    Attributes
    ----------
    imported : dict of str to (str, object)
        Module and object by name.
    modules : set of str
        Modules to import whole, because the name is taken by something else.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat.model_selection._rebuild import CodeWriter
    >>> code = CodeWriter()
    >>> print(code.write(["text", LogisticRegression(C=0.5), float("nan")]))
    ["text", LogisticRegression(C=0.5), float("nan")]
    >>> code.imports()
    ['from sklearn.linear_model import LogisticRegression']
    """

    def __init__(self) -> None:
        self.imported: dict[str, tuple[str, Any]] = {}
        self.modules: set[str] = set()

    def imports(self) -> list[str]:
        """Give the import statements."""
        by_module: dict[str, list[str]] = {}
        for name, (module, _) in self.imported.items():
            by_module.setdefault(module, []).append(name)
        return [
            *(f"import {module}" for module in sorted(self.modules)),
            *(
                _import_from(module, sorted(names))
                for module, names in sorted(by_module.items())
            ),
        ]

    def name(self, value: Any) -> str:
        """Import a class or function by its public name."""
        module = _public_module(value)
        name = value.__name__
        if module == "builtins":
            return name
        if self.imported.setdefault(name, (module, value))[1] is value:
            return name
        self.modules.add(module)
        return f"{module}.{name}"

    def write(self, value: Any, room: int = WIDTH) -> str:
        """Write a value as code that makes an equal one."""
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float):
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        if type(value) in _PLAIN:
            return _quoted(repr(value))
        if type(value) in _BRACKETS:
            return self._collection(value, room)
        if hasattr(value, "get_params") and not isinstance(value, type):
            return self._estimator(value, room)
        return self.name(value)

    def _collection(self, value: Any, room: int) -> str:
        opening, closing = _BRACKETS[type(value)]
        inner = room - len(_INDENT) - 1
        if isinstance(value, dict):
            pairs = [(f"{self.write(key)}: ", item) for key, item in value.items()]
        else:
            pairs = [("", item) for item in value]
        items = [start + self.write(item, inner - len(start)) for start, item in pairs]
        if items and {type(item) for _, item in pairs} <= {int, float}:
            items = _packed(items, inner)
        if isinstance(value, tuple) and len(value) == 1:
            return f"({items[0]},)"
        if isinstance(value, set) and not items:
            return "set()"
        return bracketed(opening, items, closing, room)

    def _estimator(self, value: Any, room: int) -> str:
        # Not its repr: that leaves out what is long and puts three dots, which are
        # valid code for something else.
        defaults = {
            name: repr(parameter.default)
            for name, parameter in signature(type(value)).parameters.items()
            if parameter.kind is not Parameter.VAR_KEYWORD
        }
        inner = room - len(_INDENT) - 1
        arguments = [
            f"{name}={self.write(parameter, inner - len(name) - 1)}"
            for name, parameter in value.get_params(deep=False).items()
            if repr(parameter) != defaults.get(name)
        ]
        return bracketed(f"{self.name(type(value))}(", arguments, ")", room)


def bracketed(opening: str, items: list[str], closing: str, room: int = WIDTH) -> str:
    """Write items in brackets: in one line if they fit, otherwise one a line."""
    flat = f"{opening}{', '.join(items)}{closing}"
    if not items or (len(flat) <= room and "\n" not in flat):
        return flat
    # Text in quotes has its line breaks escaped, so these are only those of the code.
    lines = "".join(f"{item},\n" for item in items)
    return f"{opening}\n{indent(lines, _INDENT)}{closing}"


def _quoted(code: str) -> str:
    """Put text between double quotes where that changes nothing else."""
    if code[0] != "'" or '"' in code or "\\" in code:
        return code
    return f'"{code[1:-1]}"'


def _packed(items: list[str], room: int) -> list[str]:
    """Put short items into as few lines as there is room for."""
    lines = [items[0]]
    for item in items[1:]:
        if len(lines[-1]) + len(item) + 2 <= room:
            lines[-1] += f", {item}"
        else:
            lines.append(item)
    return lines


def _import_from(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return bracketed(f"from {module} import (", names, ")")


def _public_module(value: Any) -> str:
    """Find the outermost module that has something under a public name."""
    name = getattr(value, "__name__", "_")
    # The functions of numpy before 2.2 do not know where they are.
    unknown = "numpy" if isinstance(value, np.ufunc) else "_"
    parts = (getattr(value, "__module__", None) or unknown).split(".")
    private = [place for place, part in enumerate(parts) if part.startswith("_")]
    public = parts[: private[0]] if private else parts
    if not public or name.startswith("_"):
        raise NotCodeError(f"{value!r} has no public name to import it by.")
    for module in accumulate(public, "{}.{}".format):
        try:
            found = getattr(import_module(module), name, None)
        except ImportError:
            break
        if found is value:
            return module
    raise NotCodeError(f"{value!r} is not what {'.'.join(public)}.{name} is.")


def rebuild_code(comparison: Any) -> str:
    """Write the code that rebuilds the best model of a comparison."""
    code = CodeWriter()
    strategy = comparison.best_strategy_
    preamble = comparison.data_code
    comments = [] if preamble else ["# X and y: as given to compare_strategies."]
    arguments = ["estimator"]
    if not preamble:
        arguments = [_written(code, comparison.estimator, "estimator", comments)]
    if strategy.resampler is not None:
        of_whom = f" in the strategy {strategy.name!r}"
        arguments.append(
            _written(code, strategy.resampler, "resampler", comments, of_whom)
        )
    if strategy.use_weights != "auto":
        arguments.append(f"use_weights={strategy.use_weights}")
    if not strategy.prior_correction:
        arguments.append("prior_correction=False")
    weighted = comparison.cross_validation.sample_weight is not None
    if weighted:
        comments.append("# sample_weight: as given to compare_strategies.")
    start = f"model = {code.name(ResampledClassifier)}("
    lines = [
        bracketed(start, arguments, ")"),
        f"model.fit(X, y{', sample_weight=sample_weight' if weighted else ''})",
    ]
    if comparison.cross_validation.positive is not None:
        lines += _threshold_lines(code, comparison)
    head = [preamble.rstrip()] if preamble else []
    return "\n".join([*code.imports(), *head, "", *comments, *lines, ""])


def _written(
    code: CodeWriter, value: Any, name: str, comments: list[str], where: str = ""
) -> str:
    """Write a value, or its name with a comment if there is no code for it."""
    try:
        CodeWriter().write(value)
    except NotCodeError:
        comments.append(f"# {name}: as given to compare_strategies{where}.")
        return name
    return code.write(value, WIDTH - 5)


def _threshold_lines(code: CodeWriter, comparison: Any) -> list[str]:
    outcome = comparison.outcome(comparison.best_)
    try:
        label = code.write(comparison.cross_validation.positive)
    except NotCodeError:
        label = f"model.classes_[{comparison.labels.counts.argmin()}]"
    arguments = [
        f"{code.name(FrozenEstimator)}(model)",
        f"threshold={outcome.mean('threshold'):.4g}",
        f"pos_label={label}",
    ]
    folds = len(outcome.folds["threshold"])
    return [
        "",
        f"# Decides at the mean of the {folds} thresholds tuned for the F2 score.",
        bracketed(
            f"thresholded = {code.name(FixedThresholdClassifier)}(", arguments, ")"
        ),
    ]
