"""The table of a comparison: one row a strategy, in full and for notebooks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from skstrat._html import Markup, element, join
from skstrat._page_measures import (
    HIGHER,
    About,
    choose_decimals,
    describe,
    order_measures,
    write_number,
    write_short,
)
from skstrat.metrics import calibration_noise_floor, expected_calibration_error

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
