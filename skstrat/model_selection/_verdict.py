"""Choose a strategy: the best one, if chance does not explain its lead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

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
# Times that differ by less than a fifth may differ by chance.
_FAST = 0.8
_DRAWS, _BLOCK = 20_000, 100
# Differences that spread by less than this share of the values are rounding.
_ROUNDING = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """The chosen strategy and the reasons; made by :func:`judge`."""

    # Outcomes whose measure is a number, that of the true distribution first.
    outcomes: Sequence[Outcome] = field(repr=False)
    failed: int  # number of the other outcomes
    measure: str
    loss: bool
    # Lead over the true distribution in standard errors; NaN if it is constant.
    statistic: dict[str, float]
    # The largest lead exceeds this in one comparison of ten if no strategy is better.
    critical: float

    @cached_property
    def best(self) -> Outcome:
        """The best of those that lead beyond chance, or the true distribution."""
        return min(self._winners, key=self._badness, default=self.outcomes[0])

    @cached_property
    def saver(self) -> Outcome | None:
        """The strategy that saves time where the true distribution is best, or None."""
        # It trains on the fewest rows, less than half, in less than four fifths of the
        # time. Its mean is at most one percent worse, and its mean prediction right.
        true, *others = self.outcomes
        if self.best is not true:
            return None
        savers = [each for each in others if self._saves(each)]
        return min(savers, key=lambda each: each.mean("rows"), default=None)

    @property
    def sentence(self) -> str:
        return " ".join([*self._say_best(), *self._say_saver(), *self._say_method()])

    @property
    def _winners(self) -> list[Outcome]:
        lead, others = self.statistic, self.outcomes[1:]
        return [each for each in others if lead[each.strategy.name] > self.critical]

    def _badness(self, outcome: Outcome) -> float:
        return outcome.mean(self.measure) * (1 if self.loss else -1)

    def _lost(self, outcome: Outcome) -> float:
        """Return the lost share of the measure; inf where the measure is 0 or less."""
        true = self.outcomes[0]
        worse = self._badness(outcome) - self._badness(true)
        mean = true.mean(self.measure)
        return worse / mean if mean > 0 else np.inf

    def _saves(self, outcome: Outcome) -> bool:
        true = self.outcomes[0]
        few = outcome.mean("rows") < true.mean("rows") / 2
        fast = outcome.mean("fit_time") < _FAST * true.mean("fit_time")
        return few and fast and self._lost(outcome) <= MAX_LOSS and _is_trusted(outcome)

    def _say_best(self) -> Iterator[str]:
        true, *others = self.outcomes
        best, name, mean = self.best, _words(self.measure), true.mean(self.measure)
        if not np.isfinite(mean):
            yield f"Nothing to choose by: the true distribution has no finite {name}"
            yield "in some fold. Set best_by to another measure."
            return
        if best is true:
            yield f"Train on the true distribution: its {name} is {mean:.4g}."
            yield from _say_trust(true)
            # "auto" may keep all rows.
            same = true.folds[self.measure]
            differ = [
                each
                for each in others
                if not _is_rounding(each.folds[self.measure] - same, same)
            ]
            if differ:
                yield self._say_closest(min(differ, key=self._badness), len(differ))
            return
        difference, error = best.difference(true, self.measure)
        yield (
            f"Train with {best.strategy.name}: its {name} is "
            f"{best.mean(self.measure):.4g}, that of the true distribution {mean:.4g}."
        )
        lead = f"beyond chance, {len(self._winners)} of {len(others)}"
        yield f"It is the best of those that lead {lead}, by {_say(difference, error)}."
        yield f"It trains on {_say_cost(best, true)}."
        yield from _say_trust(best)

    def _say_closest(self, closest: Outcome, n_others: int) -> str:
        """Describe the distance of the best of the others to the true distribution."""
        which = f"best of {n_others} others" if n_others > 1 else "other strategy"
        difference, error = closest.difference(self.outcomes[0], self.measure)
        lead = self.statistic[closest.strategy.name]
        found = f"differs by {difference:+.2g} ± {error:.2g}, within chance"
        if np.isnan(lead):
            found = f"differs by {difference:+.2g} in every fold, so chance is unknown"
        elif lead < -self.critical:
            found = f"is worse by {_say(difference, error)}"
        return f"The {which}, {closest.strategy.name}, {found}."

    def _say_saver(self) -> Iterator[str]:
        if self.saver is None:
            return
        lost, cost = self._lost(self.saver), _say_cost(self.saver, self.outcomes[0])
        share = f"{100 * lost:.1g} %" if lost >= 0.001 else "less than 0.1 %"
        loses = f"loses {share}" if lost > 0 else "loses nothing"
        yield f"To save time: {self.saver.strategy.name} trains on {cost} and {loses}."
        yield from _say_trust(self.saver)

    def _say_method(self) -> Iterator[str]:
        if self.failed:
            many = "strategies" if self.failed > 1 else "strategy"
            yield f"{self.failed} {many} could not be compared."
        if len(self.outcomes) > 1:
            n_folds = len(self.outcomes[0].folds[self.measure])
            yield (
                f"± is the standard error over {n_folds} folds, corrected for shared "
                "training rows (Nadeau and Bengio, 2003)."
            )
            yield (
                f"A winner must lead by {self.critical:,.1f} of them. Then at most one "
                "comparison in ten names a false winner, for rows of this prevalence "
                "and differences about normal over the folds."
            )


def judge(
    outcomes: Sequence[Outcome],
    measure: str,
    *,
    loss: bool,
    row_losses: Floats | None = None,
    row_classes: NDArray[Any] | None = None,
    row_weights: Floats | None = None,
    seed: int = 0,
) -> Verdict:
    """Choose the best strategy by a measure."""
    # The lead of a strategy is its mean paired difference to the true distribution over
    # the standard error of Nadeau and Bengio (2003). It wins if its lead is above a
    # critical value. Where no strategy is better, the largest lead is above it with
    # probability 0.1. The value is simulated: leads are those of normal values over the
    # folds, correlated between strategies as their row losses are. Stratified folds
    # hold the shares of the classes constant, so the simulation is repeated with losses
    # less their means by class. The larger quantile is used. Without row losses the
    # value is the quantile by Bonferroni's inequality, for any correlation.
    true = outcomes[0]
    compared, statistic, spread = [true], {}, []
    for n, each in enumerate(outcomes[1:], 1):
        difference, error = each.difference(true, measure)
        if not np.isfinite(difference):
            continue
        compared.append(each)
        statistic[each.strategy.name] = np.nan
        if not _is_rounding(error, true.folds[measure]):
            spread.append(n)
            statistic[each.strategy.name] = (-1 if loss else 1) * difference / error
    size = len(true.folds[measure]), len(spread)
    critical = critical_lead(*size)
    if len(spread) > 1 and row_losses is not None and row_classes is not None:
        excess = row_losses[spread] - row_losses[0]
        weights = np.ones_like(excess[0]) if row_weights is None else row_weights
        # Folds may hold the shares of the classes constant, or not.
        both = (np.zeros_like(row_classes), row_classes)
        parts = [_centred(excess, classes, weights) for classes in both]
        critical = max(critical_lead(*size, part, seed) for part in parts)
    failed = len(outcomes) - len(compared)
    return Verdict(compared, failed, measure, loss, statistic, critical)


def critical_lead(
    n_folds: int, n_others: int, excess: Floats | None = None, seed: int = 0
) -> float:
    """Return the critical value of the largest lead."""
    if n_others < 2 or excess is None:
        return float(t.isf(FALSE_WINNERS / max(n_others, 1), n_folds - 1))
    with np.errstate(invalid="ignore"):
        # Differences that are constant over the rows count as uncorrelated.
        correlation: Floats = np.nan_to_num(np.asarray(np.corrcoef(excess)))
    np.fill_diagonal(correlation, 1)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0))
    rng, largest = np.random.default_rng(seed), []
    for _ in range(_DRAWS // _BLOCK):
        folds = rng.normal(size=(_BLOCK, n_folds, n_others)) @ root.T
        leads = folds.mean(axis=1) / folds.std(axis=1, ddof=1)
        largest.append(leads.max(axis=1))
    return float(np.quantile(largest, 1 - FALSE_WINNERS) * np.sqrt(n_folds))


def _centred(excess: Floats, classes: NDArray[Any], weights: Floats) -> Floats:
    member = np.equal.outer(np.unique(classes), classes)
    totals = np.maximum(member @ weights, np.finfo(float).tiny)
    means = (excess * weights) @ member.T / totals
    centred: Floats = (excess - means @ member) * weights
    return centred


def _is_rounding(change: Floats | float, values: Floats) -> bool:
    return bool(np.abs(change).max() <= _ROUNDING * np.abs(values).max())


def _say(difference: float, error: float) -> str:
    return f"{abs(difference):.2g} ± {error:.2g}"


def _say_cost(outcome: Outcome, true: Outcome) -> str:
    rows, all_rows = outcome.mean("rows"), true.mean("rows")
    time, all_time = (_say_seconds(each.mean("fit_time")) for each in (outcome, true))
    return f"{rows:,.0f} rows instead of {all_rows:,.0f} ({time} instead of {all_time})"


def _say_seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def _say_trust(outcome: Outcome) -> Iterator[str]:
    if RATIO in outcome.folds:
        advice = "" if _is_trusted(outcome) else ": calibrate before you trust it"
        ratio = outcome.mean(RATIO)
        yield f"Its mean prediction is {ratio:.2f} times the prevalence{advice}."


def _is_trusted(outcome: Outcome) -> bool:
    return RATIO not in outcome.folds or is_near_one(outcome.mean(RATIO))


def _words(measure: str) -> str:
    """Name a measure inside a sentence."""
    title = describe_measure(measure).label
    is_word = title[1:2].islower() and not title.startswith("Brier")
    return title[:1].lower() + title[1:] if is_word else title
