"""The scorers of a comparison, by their names in the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import signature
from typing import Any

from sklearn.metrics import get_scorer

from skstrat._core.compat import is_loss, scored_by
from skstrat._core.labels import Labels
from skstrat.exceptions import UnusedWeightsError
from skstrat.metrics._measures import MEASURES, describe_measure, scorers


def name_scorers(
    scoring: Any, labels: Labels, *, tuned: bool, weighted: bool
) -> dict[str, Any]:
    """Return the scorers by their names in the table, which has losses without neg_."""
    smallest, several = int(labels.counts.argmin()), len(labels.classes) > 2
    known = scorers(labels.classes[smallest], smallest if several else None)
    if scoring is None:
        # Without tuning the threshold would be 0.5, which is no property of the model.
        scoring = [
            each.scorer_name
            for each in MEASURES.values()
            if each.scorer_name in known and each.compared
            if tuned or not each.needs_threshold
        ]
    unscored = [each.key for each in MEASURES.values() if each.score is None]
    taken = {"error"}.union(*map(_columns, unscored))
    made: dict[str, Any] = {}
    for given, asked in _by_name(scoring).items():
        scorer = known.get(asked) if isinstance(asked, str) else asked
        scorer = scorer or get_scorer(asked)
        name = given.removeprefix("neg_") if is_loss(scorer) else given
        own = known.get(MEASURES[name].scorer_name) if name in MEASURES else scorer
        if not taken.isdisjoint(_columns(name)) or scored_by(scorer) != scored_by(own):
            raise ValueError(
                "scoring must have names that no other column of the table has, and "
                "no name of skstrat.metrics for another scorer; got "
                f"{given!r} for {asked!r}. Give it another name."
            )
        if weighted and not _takes_weights(scorer):
            raise UnusedWeightsError(
                f"scoring[{given!r}] takes no sample_weight, and sample_weight was "
                "given. Use a scorer made by sklearn.metrics.make_scorer from a "
                "function with a sample_weight parameter, or leave the weights out."
            )
        taken |= _columns(name)
        made[name] = scorer
    return made


def _by_name(scoring: Any) -> dict[str, Any]:
    if callable(scoring):
        return {"score": scoring}
    names = [scoring] if isinstance(scoring, str) else scoring
    if isinstance(names, Iterable):
        asked = {each: each for each in names}
        asked = dict(names) if isinstance(names, Mapping) else asked
        if all(isinstance(name, str) for name in asked) and all(
            isinstance(each, str) or callable(each) for each in asked.values()
        ):
            return asked
    raise TypeError(
        "scoring must be a scorer or its name, a list of names, or a dict of scorers "
        f"by name; got {scoring!r}."
    )


def _columns(name: str) -> set[str]:
    return {f"{name}{end}" for end in ("", "_sd", "_difference", "_se")}


def _takes_weights(scorer: Any) -> bool:
    takes = signature(getattr(scorer, "_score_func", scorer)).parameters
    return "sample_weight" in takes or any(
        each.kind is each.VAR_KEYWORD for each in takes.values()
    )


def choose_measure(best_by: str | None, scoring: dict[str, Any]) -> str:
    """Choose the measure that strategies are ranked by."""
    ordered = [name for name in scoring if describe_measure(name, scoring).is_ordered]
    if not ordered:
        raise ValueError(
            "scoring must have a measure whose best value is high or low, to choose "
            f"by; got {list(scoring)}."
        )
    if best_by is None:
        return "log_loss" if "log_loss" in ordered else ordered[0]
    # A loss is also known by the name of its scorer.
    found = [name for name in ordered if best_by in (name, f"neg_{name}")]
    if not found:
        raise ValueError(f"best_by must be one of {ordered}; got {best_by!r}.")
    return found[-1]
