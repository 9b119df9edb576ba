"""What the columns of a page are called, what they mean, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from skstrat.displays._html import Markup, element, join
from skstrat.displays._style import titled
from skstrat.metrics import calibration_noise_floor, expected_calibration_error

COUNTS = ("rows", "fit_time", "threshold")
_DASH, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
LOWER, HIGHER = "lower is better", "higher is better"


class About(NamedTuple):
    """A column in words.

    Attributes
    ----------
    title : str
        Heading.
    better : str
        Which values are good; empty if none are.
    meaning : str
        For the legend.
    """

    title: str
    better: str
    meaning: str


_ABOUT = {
    "rows": About("Rows used", "", "rows that a model was trained on, mean of folds"),
    "fit_time": About(
        "Fit time, s", LOWER, "seconds for resampling and fitting, in one thread"
    ),
    "log_loss": About(
        "Log loss",
        LOWER,
        "mean of minus the log of the probability given to the true class",
    ),
    "d2_log_loss_score": About(
        "D² log loss",
        HIGHER,
        "share of the log loss removed, compared with always predicting the class "
        "shares: 1 is perfect, 0 no better",
    ),
    "brier_score": About("Brier score", LOWER, "mean squared error of probabilities"),
    "d2_brier_score": About("D² Brier", HIGHER, "as D² log loss, of the Brier score"),
    "roc_auc": About(
        "ROC AUC",
        HIGHER,
        "chance that a positive row is ranked above another; 0.5 is guessing",
    ),
    "average_precision": About(
        "Average precision",
        HIGHER,
        "precision averaged over all recalls; guessing reaches the prevalence",
    ),
    "f2": About(
        "F2 score",
        HIGHER,
        "balance of precision and recall at the threshold, recall being twice as "
        "important",
    ),
    "mean_probability_ratio": About(
        "Mean probability / prevalence",
        "1 is right",
        "predicted over observed share of positive rows",
    ),
    "calibration_slope": About(
        "Calibration slope",
        "1 is right",
        "of the labels' log odds on the predicted ones; below 1, probabilities are "
        "too extreme",
    ),
    "calibration_in_the_large": About(
        "Calibration in the large",
        "0 is right",
        "shift of the log odds that would make the mean prediction right",
    ),
    "threshold": About(
        "Threshold", "", "probability from which on a row is called positive"
    ),
    "relative_calibration_error": About(
        "Calibration error / prevalence",
        LOWER,
        "expected calibration error of all out-of-fold predictions; noise: what a "
        "perfectly calibrated model would show by chance",
    ),
}


def describe(measure: str, scoring: Iterable[str]) -> About:
    """Describe a measure."""
    if measure in _ABOUT:
        return _ABOUT[measure]
    better = LOWER if f"neg_{measure}" in scoring else HIGHER
    return About(titled(measure), better, "a scorer given to the comparison")


def order_measures(comparison: Any) -> list[str]:
    """Give the measures of a comparison, the one that was chosen by first."""
    measures = [name for name in comparison.outcomes[0].folds if name not in COUNTS]
    return sorted(measures, key=lambda name: name != comparison.best_by)


def choose_decimals(spreads: Iterable[float]) -> int:
    """Choose how many decimals tell apart what is spread so."""
    real = sorted(spread for spread in spreads if spread > 0 and math.isfinite(spread))
    if not real:
        return 3
    return max(0, min(7, 1 - math.floor(math.log10(real[len(real) // 2]))))


def write_number(value: float, decimals: int, *, signed: bool = False) -> str:
    """Write a number for people."""
    if math.isnan(value):
        return _DASH
    return f"{value:{'+' if signed else ''},.{decimals}f}".replace("-", _MINUS)


def write_short(value: float) -> str:
    """Write a number in three significant digits."""
    return _DASH if math.isnan(value) else f"{value:.3g}".replace("-", _MINUS)


CALIBRATION = "relative_calibration_error"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes
    ----------
    key : str
        The measure.
    about : About
        Its words.
    cell : callable
        Gives the value to sort by and the content, from an outcome.
    """

    key: str
    about: About
    cell: Callable[[Any], tuple[float, Markup]]


def make_columns(comparison: Any) -> list[Column]:
    """Choose the columns."""
    cells: dict[str, Callable[[Any], tuple[float, Markup]]] = {
        "rows": _rows_cell,
        "fit_time": _spread_cell(comparison, "fit_time"),
    }
    for measure in order_measures(comparison):
        cells[measure] = _measure_cell(comparison, measure)
    if "threshold" in comparison.outcomes[0].folds:
        cells["threshold"] = _spread_cell(comparison, "threshold")
    cells[CALIBRATION] = partial(_calibration_cell, comparison)
    scoring = comparison.trial.scoring
    return [Column(key, describe(key, scoring), cell) for key, cell in cells.items()]


def strategy_table(comparison: Any, model: str) -> Markup:
    """Make the table of all strategies."""
    columns = make_columns(comparison)
    folds = len(comparison.trial.splits)
    caption = element(
        "caption",
        element(
            "span",
            f"{model}: mean" if model else "Mean",
            f" ± standard deviation over {folds} folds. Below it, the paired "
            "difference to the true distribution ± its "
            "standard error; grey with ≈: within one standard error, that is noise.",
        ),
    )
    head = element(
        "tr",
        element("th", "Strategy", scope="col", data_first="ascending"),
        *(_heading(column, comparison.best_by) for column in columns),
    )
    rows = (_row(comparison, outcome, columns) for outcome in comparison.outcomes)
    return element(
        "table",
        caption,
        element("thead", head),
        element("tbody", *rows),
        class_="sortable",
    )


def compact_table(comparison: Any) -> Markup:
    """Make the table that a notebook shows."""
    shown = ("rows", "fit_time", comparison.best_by, "mean_probability_ratio")
    columns = [column for column in make_columns(comparison) if column.key in shown]
    common = "vertical-align: top; padding: 3px 8px"
    left: dict[str, Any] = {"style": f"text-align: left; {common}"}
    right: dict[str, Any] = {
        "style": f"text-align: right; white-space: nowrap; {common}"
    }
    titles = [element("th", each.about.title, scope="col", **right) for each in columns]
    rows = []
    for outcome in comparison.outcomes:
        name = outcome.strategy.name
        best = name == comparison.best_
        label = element("strong", "★ ", name) if best else name
        cells = [element("td", each.cell(outcome)[1], **right) for each in columns]
        rows.append(element("tr", element("th", label, scope="row", **left), *cells))
    head = element("tr", element("th", "Strategy", scope="col", **left), *titles)
    return element("table", element("thead", head), element("tbody", *rows))


def legend(comparisons: Iterable[Any]) -> Markup:
    """Explain the columns of all tables, each once."""
    abouts: dict[str, About] = {}
    for comparison in comparisons:
        abouts |= {
            key: describe(key, comparison.trial.scoring)
            for key in ("rows", "fit_time", *order_measures(comparison))
        }
        if "threshold" in comparison.outcomes[0].folds:
            abouts["threshold"] = describe("threshold", ())
        abouts[CALIBRATION] = describe(CALIBRATION, ())
    entries = [
        element(
            "div",
            element("dt", about.title),
            element("dd", "; ".join(filter(None, (about.meaning, about.better))), "."),
        )
        for about in abouts.values()
    ]
    return element("dl", *entries, class_="legend")


def _heading(column: Column, best_by: str) -> Markup:
    about = column.about
    chosen = column.key == best_by
    notes = [about.better] * bool(about.better) + ["chosen by this"] * chosen
    return element(
        "th",
        about.title,
        *(element("small", note) for note in notes),
        scope="col",
        class_="chosen" if chosen else None,
        data_first="descending" if about.better == HIGHER else "ascending",
    )


def _row(comparison: Any, outcome: Any, columns: list[Column]) -> Markup:
    name = outcome.strategy.name
    best = name == comparison.best_
    badges = [element("span", "★ best", class_="badge best")] * best
    if outcome is comparison.outcomes[0]:
        badges.append(element("span", "baseline", class_="badge"))
    heading = element("th", element("span", name), *badges, scope="row", data_v=name)
    cells = [heading]
    for column in columns:
        value, content = column.cell(outcome)
        chosen = "chosen" if column.key == comparison.best_by else None
        known = None if math.isnan(value) else repr(value)
        cells.append(element("td", content, data_v=known, class_=chosen))
    return element("tr", *cells, class_="best" if best else None)


def _rows_cell(outcome: Any) -> tuple[float, Markup]:
    rows = outcome.mean("rows")
    return rows, join(f"{rows:,.0f}")


def _spread_cell(
    comparison: Any, measure: str
) -> Callable[[Any], tuple[float, Markup]]:
    """Make a writer of mean and standard deviation, alike in the whole column."""
    decimals = choose_decimals(each.sd(measure) for each in comparison.outcomes)

    def cell(outcome: Any) -> tuple[float, Markup]:
        mean, sd = outcome.mean(measure), write_number(outcome.sd(measure), decimals)
        spread = element("span", f" ± {sd}", class_="sd")
        return mean, join(write_number(mean, decimals), spread)

    return cell


def _measure_cell(
    comparison: Any, measure: str
) -> Callable[[Any], tuple[float, Markup]]:
    outcomes = comparison.outcomes
    true = outcomes[0]
    spread_cell = _spread_cell(comparison, measure)
    finer = choose_decimals(each.difference(true, measure)[1] for each in outcomes)

    def cell(outcome: Any) -> tuple[float, Markup]:
        mean, written = spread_cell(outcome)
        if outcome is true:
            return mean, written
        difference, error = outcome.difference(true, measure)
        noise = abs(difference) <= error
        below = element(
            "small",
            "≈ " if noise else "",
            write_number(difference, finer, signed=True),
            f" ± {write_number(error, finer)}",
            class_="difference noise" if noise else "difference",
        )
        return mean, join(written, element("br"), below)

    return cell


def _calibration_cell(comparison: Any, outcome: Any) -> tuple[float, Markup]:
    known = comparison.y_true_, comparison.y_prob(outcome.strategy.name)
    weights = comparison.sample_weight_
    error = expected_calibration_error(*known, weights, relative=True)
    floor = calibration_noise_floor(*known, weights, relative=True)
    below = element("small", f"noise {write_short(floor)}", class_="difference")
    return error, join(write_short(error), element("br"), below)
