"""Python source that rebuilds the model that a comparison chose."""

from __future__ import annotations

from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

from skstrat._classifier import ResampledClassifier
from skstrat._code import WIDTH, CodeWriter, NotCodeError, bracketed


def rebuild_code(comparison: Any) -> str:
    """Write the code that rebuilds the best model of a comparison."""
    code = CodeWriter()
    strategy = comparison.best_strategy_
    preamble = comparison.preamble
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
    weighted = comparison.trial.sample_weight is not None
    if weighted:
        comments.append("# sample_weight: as given to compare_strategies.")
    start = f"model = {code.name(ResampledClassifier)}("
    lines = [
        bracketed(start, arguments, ")"),
        f"model.fit(X, y{', sample_weight=sample_weight' if weighted else ''})",
    ]
    if comparison.trial.positive is not None:
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
        label = code.write(comparison.trial.positive)
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
