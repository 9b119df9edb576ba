"""Which strategy to take: the one-standard-error rule, and a sentence about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skstrat.classifiers._policy import is_near_one
from skstrat.model_selection._cross_validation import Outcome

RATIO = "mean_probability_ratio"


def choose_best(outcomes: Sequence[Outcome], measure: str, *, loss: bool) -> Outcome:
    """Choose the best outcome; the true distribution wins ties."""
    true = outcomes[0]
    sign = 1 if loss else -1
    best = min(outcomes, key=lambda each: _nan_last(sign * each.mean(measure)))
    difference, error = best.difference(true, measure)
    return best if sign * difference < -error else true


def choose_saver(
    outcomes: Sequence[Outcome], measure: str, *, loss: bool
) -> Outcome | None:
    """Choose what trains on the fewest rows and is as good as all of them."""
    true = outcomes[0]
    sign = 1 if loss else -1
    savers = []
    for each in outcomes[1:]:
        difference, error = each.difference(true, measure)
        few = each.mean("rows") < true.mean("rows") / 2
        fast = each.mean("fit_time") < true.mean("fit_time")
        if few and fast and sign * difference <= error and _is_trusted(each):
            savers.append(each)
    return min(savers, key=lambda each: each.mean("rows"), default=None)


def say_recommendation(outcomes: Sequence[Outcome], measure: str, *, loss: bool) -> str:
    """Say in one sentence what to train on, with the numbers that say so."""
    true = outcomes[0]
    best = choose_best(outcomes, measure, loss=loss)
    name = measure.replace("_", " ")
    if best is not true:
        difference, error = best.difference(true, measure)
        return (
            f"Train with {best.strategy.name}: its {name} of "
            f"{best.mean(measure):.4g} is {'lower' if loss else 'higher'} than the "
            f"true distribution's {true.mean(measure):.4g} by "
            f"{abs(difference):.2g} ± {error:.2g} (standard error of the paired "
            f"difference over {len(best.folds[measure])} folds), {_cost(best, true)}"
            f"{_trust(best)}."
        )
    saver = choose_saver(outcomes, measure, loss=loss)
    saving = (
        f"; to save training time, {saver.strategy.name} is within one standard error "
        f"of it {_cost(saver, true)}"
        if saver
        else ""
    )
    return (
        f"Train on the true distribution: its {name} is {true.mean(measure):.4g}"
        f"{_closest(outcomes, measure, loss=loss)}{_trust(true)}{saving}."
    )


def _closest(outcomes: Sequence[Outcome], measure: str, *, loss: bool) -> str:
    """Say how far the best of the others is from the true distribution."""
    others = outcomes[1:]
    if not others:
        return ""
    sign = 1 if loss else -1
    closest = min(others, key=lambda each: _nan_last(sign * each.mean(measure)))
    difference, error = closest.difference(outcomes[0], measure)
    verb = "differs by no more than chance" if abs(difference) <= error else "is worse"
    return (
        f", and {closest.strategy.name}, the best of the others, {verb} "
        f"({difference:+.2g} ± {error:.2g}, the standard error of the paired "
        "difference)"
    )


def _cost(chosen: Outcome, true: Outcome) -> str:
    return (
        f"with {chosen.mean('rows'):,.0f} rows instead of {true.mean('rows'):,.0f} "
        f"({chosen.mean('fit_time'):.2g} s of training instead of "
        f"{true.mean('fit_time'):.2g} s)"
    )


def _trust(outcome: Outcome) -> str:
    if RATIO not in outcome.folds:
        return ""
    ratio = outcome.mean(RATIO)
    advice = "" if _is_trusted(outcome) else " (calibrate before you trust it)"
    return f"; its mean prediction is {ratio:.2f} times the prevalence{advice}"


def _is_trusted(outcome: Outcome) -> bool:
    return RATIO not in outcome.folds or is_near_one(outcome.mean(RATIO))


def _nan_last(value: float) -> float:
    return float(np.inf) if np.isnan(value) else value
