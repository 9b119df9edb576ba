"""Ratios, lines and goals: what is made of the runs of ``bench_scale.py``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from scale_ways import OURS, READ

FAR = {"1e9": 1e9, "1e10": 1e10}
GOAL_TO_READ, GOAL_SIZES = 1.6, (8_000_000, 20_000_000)
GOAL_BYTES, GOAL_UNEXPLAINED = 400e6, 0.01


def ratios_to(base: Mapping[int, float], other: Mapping[int, float]) -> list[float]:
    """Divide ``other`` by ``base`` round by round, where both have the round."""
    return [value / base[turn] for turn, value in other.items() if turn in base]


def fit_line(rows: Sequence[int], seconds: Sequence[float]) -> dict[str, Any] | None:
    r"""Fit ``seconds = fixed + slope * rows`` by least squares.

    R squared is :math:`1 - \sum_i r_i^2 / \sum_i (s_i - \bar s)^2` of residuals *r* and
    seconds *s*; the largest residual is absolute, its share that of the seconds
    measured there. Two sizes always lie on their line, so these are None; one size has
    no line, which gives None.
    """
    if len(set(rows)) < 2:
        return None
    x, y = np.array(rows, dtype=np.float64), np.array(seconds, dtype=np.float64)
    away, spread = x - x.mean(), y - y.mean()
    slope = (away @ spread) / (away @ away)
    fixed = y.mean() - slope * x.mean()
    line = {
        "ns_per_row": float(slope * 1e9),
        "fixed_s": float(fixed),
        "r_squared": None,
        "largest_residual_s": None,
        "largest_residual_share": None,
    }
    if len(set(rows)) > 2 and spread.any():
        residuals = np.abs(y - (fixed + slope * x))
        worst = int(residuals.argmax())
        line["r_squared"] = float(1 - residuals @ residuals / (spread @ spread))
        line["largest_residual_s"] = float(residuals[worst])
        line["largest_residual_share"] = float(residuals[worst] / y[worst])
    return line


def extrapolate(line: Mapping[str, Any], rows: float) -> float:
    """Follow a line: seconds are the fixed cost and the rows times the cost of each."""
    return line["fixed_s"] + line["ns_per_row"] * 1e-9 * rows


def summarise(runs: list[dict[str, Any]], base: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the medians of a way's runs at a size, and of their ratios to the base's."""
    row: dict[str, Any] = {"rounds": len(runs)}
    for key in ("cpu", "wall"):
        mine, its = (
            {run["round"]: run[f"{key}_s"] for run in each} for each in (runs, base)
        )
        ratios = ratios_to(its, mine)
        row[f"{key}_s"] = median(mine.values())
        row[f"{key}_to_read"] = median(ratios) if ratios else None
    peaks = [run["peak_bytes"] / 1e6 for run in runs]
    row["peak_mb"], row["largest_peak_mb"] = median(peaks), max(peaks)
    return row


def tabulate(
    names: Iterable[str], sizes: Sequence[int], runs: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give a row for each way at each size, and a line for each way, if it ran."""
    cases, lines = [], []
    for name in names:
        own = []
        for n_rows in sizes:
            mine, base = (
                [run for run in runs if (run["way"], run["rows"]) == (each, n_rows)]
                for each in (name, READ)
            )
            if mine:
                own.append({"way": name, "rows": n_rows, **summarise(mine, base)})
        line = fit_line([row["rows"] for row in own], [row["cpu_s"] for row in own])
        if line is not None:
            far = {f"at_{n}": extrapolate(line, FAR[n]) for n in FAR}
            lines.append({"way": name, "sizes": len(own), **line, **far})
        cases += own
    return cases, lines


def judge(
    cases: list[dict[str, Any]], lines: list[dict[str, Any]], kept: Mapping[int, int]
) -> list[dict[str, Any]]:
    """Compare skstrat's figures with its goals; ``kept`` is rows kept by rows read."""
    goals = []
    for case in (case for case in cases if case["way"] == OURS):
        n_rows = case["rows"]
        most = (GOAL_BYTES + n_rows + 8 * kept[n_rows]) / 1e6
        goals.append(_judged("largest peak MB", n_rows, case["largest_peak_mb"], most))
        if n_rows in GOAL_SIZES and case["cpu_to_read"] is not None:
            for key in ("cpu", "wall"):
                got = case[f"{key}_to_read"]
                goals.append(_judged(f"{key} / read", n_rows, got, GOAL_TO_READ))
    for line in lines:
        if line["way"] == OURS and line["r_squared"] is not None:
            unexplained = 1 - line["r_squared"]
            goals.append(_judged("1 - R squared", None, unexplained, GOAL_UNEXPLAINED))
    return goals


def _judged(goal: str, rows: int | None, got: float, most: float) -> dict[str, Any]:
    fields = {"goal": goal, "rows": rows, "got": got, "at_most": most}
    return {**fields, "verdict": "pass" if got <= most else "MISS"}
