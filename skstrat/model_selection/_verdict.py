"""Which strategy to take: the best, if chance does not explain its lead, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from skstrat.classifiers._policy import is_near_one
from skstrat.metrics._measures import describe_measure
from skstrat.model_selection._outcome import Outcome
from skstrat.resamplers._factor import MAX_LOSS

RATIO = "mean_probability_ratio"
# Comparisons that may name a winner although no strategy is better.
FALSE_WINNERS = 0.1
_DRAWS = 20_000
# Differences that spread by less than this share of the values are rounding.
_ROUNDING = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """What to train with, and why.

    Attributes
    ----------
    best : Outcome
        The best of the strategies that beat the true distribution beyond chance; the
        true distribution if none does.
    saver : Outcome or None
        If the true distribution is best: what trains on the fewest rows, less than
        half, in less time, with a mean at most one percent worse and a mean
        prediction to be trusted.
    statistic : dict of str to float
        Lead over the true distribution in standard errors, by name of the others that
        worked; NaN where the lead has no spread over the folds.
    critical : float
        What the largest lead exceeds in one comparison of ten if no strategy is
        better.
    sentence : str
        All of this in words.
    """

    best: Outcome
    saver: Outcome | None
    statistic: dict[str, float]
    critical: float
    sentence: str


def judge(
    outcomes: Sequence[Outcome],
    measure: str,
    *,
    loss: bool,
    row_losses: Floats | None = None,
    seed: int = 0,
) -> Verdict:
    """Judge which strategy is best, and say so.

    Parameters
    ----------
    outcomes : sequence of Outcome
        That of the true distribution first.
    measure : str
        To choose by.
    loss : bool
        Whether less of it is better.
    row_losses : ndarray of shape (n_outcomes, n_rows), default=None
        For measures that are means over rows: what each tested row adds, times its
        weight; anything for those that failed. None for other measures.
    seed : int, default=0
        Of the simulation that ``row_losses`` ask for.

    Returns
    -------
    Verdict
        The best outcome, the one that saves time, and a sentence.

    Notes
    -----
    The lead of a strategy is its mean paired difference to the true distribution over
    the standard error of Nadeau and Bengio (2003). It wins if that exceeds what the
    largest lead exceeds with probability 0.1 where none is better: leads of normal
    values over the folds, correlated between strategies as their row losses are.
    Without row losses it is the quantile by Bonferroni's inequality, which holds for
    any correlation.
    """
    true, sign = outcomes[0], 1 if loss else -1
    others = [each for each in outcomes[1:] if np.isfinite(each.mean(measure))]
    statistic = {
        each.strategy.name: _lead(each, true, measure, sign) for each in others
    }
    spread = [np.isfinite(statistic.get(n.strategy.name, np.nan)) for n in outcomes[1:]]
    excess = None
    if row_losses is not None:
        excess = (row_losses[1:] - row_losses[0])[spread]
    critical = critical_lead(len(true.folds[measure]), sum(spread), excess, seed)
    winners = [each for each in others if statistic[each.strategy.name] > critical]
    best = min(winners, key=lambda each: sign * each.mean(measure), default=true)
    saver = None
    if best is true:
        savers = [each for each in others if _saves(each, true, measure, sign)]
        saver = min(savers, key=lambda each: each.mean("rows"), default=None)
    said = [
        *_say_best(best, true, measure, sign),
        *_say_closest(best, true, others, measure, sign, critical),
        *_say_saver(saver, true, measure, sign),
        *_say_method(len(outcomes) - 1, len(others), true, measure, critical),
    ]
    return Verdict(best, saver, statistic, critical, " ".join(said))


def _lead(outcome: Outcome, true: Outcome, measure: str, sign: int) -> float:
    difference, error = outcome.difference(true, measure)
    rounding = _ROUNDING * np.abs(true.folds[measure]).max()
    return -sign * difference / error if error > rounding else np.nan


def critical_lead(
    n_folds: int, n_others: int, excess: Floats | None = None, seed: int = 0
) -> float:
    """Give what the largest lead exceeds in one comparison of ten without a winner."""
    if n_others < 2 or excess is None:
        return float(t.isf(FALSE_WINNERS / max(n_others, 1), n_folds - 1))
    values, vectors = np.linalg.eigh(np.corrcoef(excess))
    root = vectors * np.sqrt(np.maximum(values, 0))
    folds = np.random.default_rng(seed).normal(size=(_DRAWS, n_folds, n_others))
    folds = folds @ root.T
    leads = folds.mean(axis=1) / folds.std(axis=1, ddof=1) * np.sqrt(n_folds)
    return float(np.quantile(leads.max(axis=1), 1 - FALSE_WINNERS))


def _saves(outcome: Outcome, true: Outcome, measure: str, sign: int) -> bool:
    """Tell whether a strategy saves time and loses at most what may be lost."""
    worse = sign * outcome.difference(true, measure)[0]
    # Of a score that is 0 or less, a percentage says nothing.
    near = true.mean(measure) > 0 and worse <= MAX_LOSS * true.mean(measure)
    few = outcome.mean("rows") < true.mean("rows") / 2
    fast = outcome.mean("fit_time") < true.mean("fit_time")
    return few and fast and near and _is_trusted(outcome)


def _say_best(best: Outcome, true: Outcome, measure: str, sign: int) -> list[str]:
    name = _words(measure)
    if best is true:
        return [
            f"Train on the true distribution: its {name} is {true.mean(measure):.4g}.",
            *_say_trust(true),
        ]
    difference, error = best.difference(true, measure)
    return [
        f"Train with {best.strategy.name}: its {name} is {best.mean(measure):.4g}, "
        f"that of the true distribution {true.mean(measure):.4g}.",
        f"It is better by {-sign * difference:.2g} ± {error:.2g}.",
        f"It trains on {_say_cost(best, true)}.",
        *_say_trust(best),
    ]


def _say_closest(
    best: Outcome,
    true: Outcome,
    others: Sequence[Outcome],
    measure: str,
    sign: int,
    critical: float,
) -> list[str]:
    """Say how far the best of the others is from the true distribution."""
    if best is not true or not others:
        return []
    closest = min(others, key=lambda each: sign * each.mean(measure))
    which = f"best of {len(others)} others" if len(others) > 1 else "other strategy"
    difference, error = closest.difference(true, measure)
    found = f"differs by {difference:+.2g} ± {error:.2g}, within chance"
    if sign * difference > critical * error:
        found = f"is worse by {abs(difference):.2g} ± {error:.2g}"
    return [f"The {which}, {closest.strategy.name}, {found}."]


def _say_saver(
    saver: Outcome | None, true: Outcome, measure: str, sign: int
) -> list[str]:
    if saver is None:
        return []
    lost = sign * saver.difference(true, measure)[0] / true.mean(measure)
    loses = f"loses {100 * lost:.1g} %" if lost > 0 else "loses nothing"
    return [
        f"To save time: {saver.strategy.name} trains on {_say_cost(saver, true)} and "
        f"{loses}.",
        *_say_trust(saver),
    ]


def _say_method(
    n_given: int, n_others: int, true: Outcome, measure: str, critical: float
) -> list[str]:
    said = []
    if n_given > n_others:
        said = [f"{n_given - n_others} of {n_given} others could not be compared."]
    if n_others:
        said += [
            f"± is the standard error over {len(true.folds[measure])} folds, corrected "
            "for shared training rows (Nadeau and Bengio, 2003).",
            f"A winner must lead by {critical:.2g} of them, so at most one comparison "
            "in ten names a winner where there is none.",
        ]
    return said


def _say_cost(outcome: Outcome, true: Outcome) -> str:
    rows, all_rows = outcome.mean("rows"), true.mean("rows")
    time, all_time = outcome.mean("fit_time"), true.mean("fit_time")
    return (
        f"{rows:,.0f} rows instead of {all_rows:,.0f} ({_say_seconds(time)} instead of "
        f"{_say_seconds(all_time)})"
    )


def _say_seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def _say_trust(outcome: Outcome) -> list[str]:
    if RATIO not in outcome.folds:
        return []
    advice = "" if _is_trusted(outcome) else ": calibrate before you trust it"
    ratio = outcome.mean(RATIO)
    return [f"Its mean prediction is {ratio:.2f} times the prevalence{advice}."]


def _is_trusted(outcome: Outcome) -> bool:
    return RATIO not in outcome.folds or is_near_one(outcome.mean(RATIO))


def _words(measure: str) -> str:
    """Name a measure inside a sentence."""
    title = describe_measure(measure).title
    is_word = title[1:2].islower() and not title.startswith("Brier")
    return title[:1].lower() + title[1:] if is_word else title
