"""The table of strategies on a page: its columns, cells and legend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from skstrat.displays._html import Markup, element, join
from skstrat.metrics import calibration_noise_floor, expected_calibration_error
from skstrat.metrics._measures import HIGHER, MeasureInfo, describe_measure

_DASH, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


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
Cell = Callable[[Any], tuple[float, Markup]]


class TableColumn(NamedTuple):
    """A column of the table: a measure, and what gives the value and text of a cell."""

    info: MeasureInfo
    cell: Cell


def make_columns(comparison: Any) -> list[TableColumn]:
    """Choose the columns: what it cost, then the measure that was chosen by."""
    scoring = comparison.cross_validation.scoring
    keys = [key for key in comparison.outcomes[0].folds if key != comparison.best_by]
    keys[2:2] = [comparison.best_by]
    columns = []
    for info in (describe_measure(key, scoring) for key in keys):
        if info.key == "rows":
            cell: Cell = _rows_cell
        elif info.key in ("fit_time", "threshold"):
            cell = _spread_cell(comparison, info.key)
        else:
            cell = _measure_cell(comparison, info.key)
        columns.append(TableColumn(info, cell))
    calibration = partial(_calibration_cell, comparison)
    return [*columns, TableColumn(describe_measure(CALIBRATION), calibration)]


def strategy_table(comparison: Any, model: str) -> Markup:
    """Make the table of all strategies."""
    columns = make_columns(comparison)
    folds = len(comparison.cross_validation.splits)
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
    columns = [each for each in make_columns(comparison) if each.info.key in shown]
    common = "vertical-align: top; padding: 3px 8px"
    left: dict[str, Any] = {"style": f"text-align: left; {common}"}
    right: dict[str, Any] = {
        "style": f"text-align: right; white-space: nowrap; {common}"
    }
    titles = [element("th", each.info.title, scope="col", **right) for each in columns]
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
    explained = dict.fromkeys(
        column.info for comparison in comparisons for column in make_columns(comparison)
    )
    entries = [
        element(
            "div",
            element("dt", info.title),
            element(
                "dd", "; ".join(filter(None, (info.explanation, info.better))), "."
            ),
        )
        for info in explained
    ]
    return element("dl", *entries, class_="legend")


def _heading(column: TableColumn, best_by: str) -> Markup:
    info = column.info
    chosen = info.key == best_by
    notes = [info.better] * bool(info.better) + ["chosen by this"] * chosen
    return element(
        "th",
        info.title,
        *(element("small", note) for note in notes),
        scope="col",
        class_="chosen" if chosen else None,
        data_first="descending" if info.best == HIGHER else "ascending",
    )


def _row(comparison: Any, outcome: Any, columns: list[TableColumn]) -> Markup:
    name = outcome.strategy.name
    best = name == comparison.best_
    badges = [element("span", "★ best", class_="badge best")] * best
    if outcome is comparison.outcomes[0]:
        badges.append(element("span", "baseline", class_="badge"))
    heading = element("th", element("span", name), *badges, scope="row", data_v=name)
    cells = [heading]
    for column in columns:
        value, content = column.cell(outcome)
        chosen = "chosen" if column.info.key == comparison.best_by else None
        known = None if math.isnan(value) else repr(value)
        cells.append(element("td", content, data_v=known, class_=chosen))
    return element("tr", *cells, class_="best" if best else None)


def _rows_cell(outcome: Any) -> tuple[float, Markup]:
    rows = outcome.mean("rows")
    return rows, join(f"{rows:,.0f}")


def _spread_cell(comparison: Any, measure: str) -> Cell:
    """Make a writer of mean and standard deviation, alike in the whole column."""
    decimals = choose_decimals(each.sd(measure) for each in comparison.outcomes)

    def cell(outcome: Any) -> tuple[float, Markup]:
        mean, sd = outcome.mean(measure), write_number(outcome.sd(measure), decimals)
        spread = element("span", f" ± {sd}", class_="sd")
        return mean, join(write_number(mean, decimals), spread)

    return cell


def _measure_cell(comparison: Any, measure: str) -> Cell:
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
