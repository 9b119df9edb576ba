"""The strategies of a picture, and the style that each has in all pictures."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import Any

from skstrat._core.controls import escape_controls
from skstrat.metrics._measures import HIGHER, describe_measure

# Okabe and Ito (2008), "Color universal design". Yellow, which is hard to see on white,
# is replaced by brown. Black is for the first strategy, the true distribution.
HUES = ("#D55E00", "#0072B2", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#7A4B00")
DASHES = ("--", "-.", ":", "-")
MARKERS = "os^DPX<p*>h8d"
Styles = dict[str, dict[str, Any]]


def make_styles(names: Iterable[str]) -> Styles:
    """Give every name a style of its own, as arguments of a line."""
    made: Styles = {}
    for at, name in enumerate(names):
        turn, place = divmod(at - 1, len(HUES))
        made[name] = {
            "color": HUES[place] if at else "black",
            "linestyle": DASHES[(place + turn) % len(DASHES)] if at else "-",
            "linewidth": 1.6 if at else 2.4,
            "marker": MARKERS[at % len(MARKERS)],
        }
    return made


def default_names(comparison: Any) -> list[str]:
    """Choose the true distribution, the best of the others and the worst."""
    measure, (true, *others) = comparison.best_by, comparison.measured_
    info = describe_measure(measure, comparison.cross_validation.scoring)
    values = {name: comparison.outcome(name).mean(measure) for name in others}
    ranked = sorted(others, key=values.__getitem__, reverse=info.best == HIGHER)
    best = ranked[:1] if comparison.best_ == true else [comparison.best_]
    return list(dict.fromkeys([true, *best, *ranked[-1:]]))


def choose_strategies(comparison: Any, asked: Any, *, few: bool) -> Styles:
    """Return the styles of the requested strategies, the same in all pictures."""
    first, known = default_names(comparison), list(comparison.measured_)
    if asked is None:
        asked = first if few else known
    names = [asked] if isinstance(asked, str) else list(asked)
    if not names or set(names) - set(known):
        raise ValueError(
            f"strategies must be one or more of those measured, {known}; got {names}. "
            "Leave it out for the default."
        )
    styles = make_styles(dict.fromkeys([*first, *known]))
    return {name: styles[name] for name in names}


def wrapped(name: str, width: int, lines: int = 3) -> str:
    """Break a long name into lines."""
    name, most = escape_controls(name), width * lines - 2 * lines
    if len(name) > most:
        name = f"{name[: most // 2 - 2].rstrip()} … {name[2 - most // 2 :].lstrip()}"
    # A dollar sign would start a formula.
    return "\n".join(wrap(name, width, max_lines=lines)).replace("$", r"\$")


def measure_label(comparison: Any, measure: str, base: Any) -> str:
    """Return a label: a measure, its better values and its error bars."""
    known = list(base.folds)
    if measure not in known:
        raise ValueError(f"measure must be one of {known}; got {measure!r}.")
    info = describe_measure(measure, comparison.cross_validation.scoring)
    name = ", ".join(filter(None, (info.label, info.better)))
    bars = f"(mean ± corrected standard error of difference to {base.strategy.name})"
    return f"{name}\n{wrapped(bars, 52)}"
