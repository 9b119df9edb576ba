"""Which strategies a picture shows, and the look that each keeps in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstrat.metrics._measures import describe_measure

# Okabe and Ito (2008), "Color universal design", its yellow, which is hard to see on
# white, replaced by a brown. Black comes first: the true distribution does, too.
PALETTE = (
    "#000000",
    "#D55E00",
    "#0072B2",
    "#009E73",
    "#E69F00",
    "#CC79A7",
    "#56B4E9",
    "#7A4B00",
)
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "P", "X", "<", "p", "*", ">", "h", "8", "d")
MOST_CURVES = 8
REFERENCE = "0.55"
SMALL = 8.5


class Style(NamedTuple):
    """How a strategy is drawn.

    Attributes
    ----------
    color : str
        As matplotlib takes it.
    linestyle : str
        As matplotlib takes it.
    marker : str
        As matplotlib takes it.
    """

    color: str
    linestyle: str
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """Keyword arguments of a line; one with gaps lies above one without."""
        at = DASHES.index(self.linestyle) if self.linestyle in DASHES else 0
        return {
            "color": self.color,
            "linestyle": self.linestyle,
            "linewidth": 2.2 if self.color == PALETTE[0] else 1.6,
            "zorder": 2 + at / 10,
        }


def make_styles(names: Iterable[str]) -> dict[str, Style]:
    """Give every name a look of its own."""
    first, *rest = PALETTE
    styles = {}
    for at, name in enumerate(names):
        turn, place = divmod(at - 1, len(rest))
        color = rest[place] if at else first
        dash = DASHES[(place + 1 + turn) % len(DASHES)] if at else DASHES[0]
        styles[name] = Style(color, dash, MARKERS[at % len(MARKERS)])
    return styles


def fill_styles(
    names: Iterable[str], styles: Mapping[str, Style] | None
) -> dict[str, Style]:
    """Look up styles by name, or make them."""
    made = make_styles(names)
    return made if styles is None else {name: Style(*styles[name]) for name in made}


def comparison_styles(comparison: Any) -> dict[str, Style]:
    """Give every strategy of a comparison the look it has in all pictures."""
    first = default_names(comparison)
    return make_styles(dict.fromkeys([*first, *all_names(comparison)]))


def all_names(comparison: Any) -> list[str]:
    """List the strategies of a comparison."""
    return [outcome.strategy.name for outcome in comparison.outcomes]


def default_names(comparison: Any) -> list[str]:
    """Choose the strategies whose curves fit into one picture."""
    names = all_names(comparison)
    first = names[:MOST_CURVES]
    best = comparison.best_
    return first if best in first else [*first[:-1], best]


def choose_names(
    comparison: Any, strategies: str | Iterable[str] | None, default: list[str]
) -> list[str]:
    """Check which strategies were asked for."""
    if strategies is None:
        return default
    asked = [strategies] if isinstance(strategies, str) else list(strategies)
    known = all_names(comparison)
    if not asked or set(asked) - set(known):
        raise ValueError(
            f"strategies must be one or more of {known}; got {asked}. Leave it out for "
            "the default."
        )
    return list(dict.fromkeys(asked))


def curve_arguments(
    comparison: Any, strategies: str | Iterable[str] | None
) -> dict[str, Any]:
    """Give what a picture of curves draws of a comparison."""
    names = choose_names(comparison, strategies, default_names(comparison))
    return {
        "y_true": comparison.y_true_,
        "y_prob": {name: comparison.y_prob(name) for name in names},
        "sample_weight": comparison.sample_weight_,
        "styles": comparison_styles(comparison),
    }


def wrapped(name: str, width: int, lines: int = 3) -> str:
    """Break a long name into lines."""
    most = width * lines - 2 * lines
    if len(name) > most:
        name = f"{name[: most // 2 - 2].rstrip()} … {name[2 - most // 2 :].lstrip()}"
    # A dollar sign would start a formula.
    return "\n".join(wrap(name, width, max_lines=lines)).replace("$", r"\$")


Floats = NDArray[np.float64]
Spread = Literal["paired", "sd"]
SPREADS = {
    "paired": "± standard error of the paired difference to {reference}",
    "sd": "± standard deviation over the folds",
}


class Measured(NamedTuple):
    """A measure of several outcomes, with how far it can be trusted.

    Attributes
    ----------
    value : ndarray of shape (n_outcomes,)
        Means over the folds.
    error : ndarray of shape (n_outcomes,)
        Half the lengths of the error bars.
    label : str
        For the axis: the measure, whether more is better, and what the bars are.
    """

    value: Floats
    error: Floats
    label: str


def measure_outcomes(
    comparison: Any,
    outcomes: Iterable[Any],
    reference: Any,
    measure: str | None,
    spread: Spread,
) -> Measured:
    """Look up a measure of outcomes, and make the label of its axis."""
    measure = comparison.best_by if measure is None else measure
    known = list(reference.folds)
    if measure not in known:
        raise ValueError(f"measure must be one of {known}; got {measure!r}.")
    if spread not in SPREADS:
        raise ValueError(f"spread must be one of {list(SPREADS)}; got {spread!r}.")
    outcomes = list(outcomes)
    errors = [
        each.difference(reference, measure)[1]
        if spread == "paired"
        else each.sd(measure)
        for each in outcomes
    ]
    n_folds = len(reference.folds[measure])
    bars = SPREADS[spread].format(reference=wrapped(reference.strategy.name, 24, 1))
    scoring = comparison.cross_validation.scoring
    info = describe_measure(measure, scoring)
    ordered = measure == comparison.best_by or f"neg_{measure}" in scoring
    better = f", {info.better}" if ordered else ""
    return Measured(
        np.array([each.mean(measure) for each in outcomes]),
        np.array(errors),
        f"{info.label}{better}\n{wrapped(f'(mean of {n_folds} folds {bars})', 52)}",
    )
