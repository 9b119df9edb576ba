"""What the results of bench_frontier.py say: its table, and its promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from frontier_arms import ARMS, AUTO, FULL, MODELS, OURS, UNDER

LARGE = 50_000
VERY_LARGE = 2_000_000
MOST_LOSS = 1.01
MOST_OFF = 0.05
MOST_TIME = 0.5
LEAST_SHARE = 0.9
FAST = {"logistic": 0.1, "boosting": 0.1, "lightgbm": 0.1}
# Fewer splits say little of their spread, and the rows judged say more.
LEAST_SPLITS = 3
HEAD = (
    "set",
    "model",
    "arm",
    "CPU, s",
    "/ full",
    "log loss",
    "/ full",
    "standard error",
    "mean p / prevalence",
    "slope",
    "AUC - full's",
    "AP - full's",
    "rows",
    "chosen",
    "warned",
)
SHORT_HEAD = (
    "model, training rows",
    "arm",
    "sets",
    "CPU / full",
    "log loss / full",
    "within 1.01",
    "mean p within .05",
    "slope",
    "AUC - full's",
    "AP - full's",
)


def summarise(row: dict[str, Any]) -> dict[str, Any]:
    """Give an arm's numbers over its splits, with standard errors."""
    slopes = [each for each in row["slope"] if each is not None]
    trained = row["rows_trained"]
    loss, mean_p = row["loss_over_full"], row["mean_p_over_prevalence"]
    return {
        "cpu_s": median(row["cpu_s"]),
        "cpu": median(row["cpu_over_full"]),
        "log_loss": np.mean(row["log_loss"]),
        "loss": np.mean(loss),
        "loss_se": standard_error(loss, row["loss_se_of_rows"]),
        "mean_p": np.mean(mean_p),
        "mean_p_se": standard_error(mean_p, row["mean_p_se_of_rows"]),
        "slope": np.mean(slopes) if slopes else None,
        "auc": np.mean(row["auc_difference"]),
        "ap": np.mean(row["ap_difference"]),
        "rows_trained": None if None in trained else round(np.mean(trained)),
    }


def standard_error(values: list[float], of_rows: list[float]) -> float:
    """Give that of a mean over splits: by their spread, or of the rows judged."""
    n = len(values)
    if n < LEAST_SPLITS:
        return float(np.sqrt(np.square(of_rows).sum())) / n
    return float(np.std(values, ddof=1)) / n**0.5


@dataclass(frozen=True)
class Verdict:
    """Whether a promise was met; None where it was not measured."""

    promise: str
    met: bool | None
    said: str


def judge_promises(rows: list[dict[str, Any]]) -> list[Verdict]:
    """Compare what "auto" did with what was promised of it."""
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        cell = cells.setdefault((row["model"], row["set"]), {})
        cell[row["arm"]] = {**row, **summarise(row)}
    cells = {key: cell for key, cell in cells.items() if AUTO in cell}
    large = {
        key: cell for key, cell in cells.items() if cell[FULL]["training_rows"] >= LARGE
    }
    return [
        _judge_quality(cells),
        _judge_time(large),
        _judge_speed(large),
        _judge_under_sampling(
            large,
            'under-sampling in CalibratedClassifierCV is never faster than "auto" at '
            "equal or better loss",
            _beats_auto,
        ),
        _judge_under_sampling(
            large,
            "some arm of this package is as fast as under-sampling in "
            "CalibratedClassifierCV at equal or better loss",
            _beats_all,
        ),
    ]


def dropped(cell: dict[str, Any]) -> bool:
    """Tell whether "auto" dropped rows of any split."""
    return any(choice["rows"] != "all" for choice in cell[AUTO]["choice"])


def _judge_quality(cells: dict[tuple[str, str], Any]) -> Verdict:
    tried = {key: cell for key, cell in cells.items() if dropped(cell)}
    missed, by_means = [], 0
    for key, cell in tried.items():
        auto, full = cell[AUTO], cell[FULL]
        most_off = max(MOST_OFF, abs(full["mean_p"] - 1))
        loss, off = auto["loss"], abs(auto["mean_p"] - 1)
        by_means += loss <= MOST_LOSS and off <= most_off
        too_far = loss - 2 * auto["loss_se"] > MOST_LOSS
        if too_far or off - 2 * auto["mean_p_se"] > most_off:
            missed.append(
                f"{_name(key)} (loss {loss:.4f} +- {auto['loss_se']:.4f}, mean p "
                f"{auto['mean_p']:.3f} +- {auto['mean_p_se']:.3f}, full's "
                f"{full['mean_p']:.3f})"
            )
    good = len(tried) - len(missed)
    return Verdict(
        f'where "auto" dropped rows: loss at most {MOST_LOSS} x full, mean p within '
        f"{MOST_OFF} or full's, within two standard errors, in {LEAST_SHARE:.0%}",
        good >= LEAST_SHARE * len(tried) if tried else None,
        f"{good} of {len(tried)} of {len(cells)} cells; {by_means} without the "
        f"standard errors; others: {_listed(missed)}",
    )


def _judge_time(large: dict[tuple[str, str], Any]) -> Verdict:
    tried = {key: cell for key, cell in large.items() if dropped(cell)}
    whole = [_name(key) for key in large if key not in tried]
    slow = [
        f"{_name(key)} ({cell[AUTO]['cpu']:.2f})"
        for key, cell in tried.items()
        if cell[AUTO]["cpu"] > MOST_TIME
    ]
    return Verdict(
        f'where "auto" dropped rows of {LARGE:,} and more: CPU at most {MOST_TIME} of '
        "full's",
        not slow if tried else None,
        f"{len(tried) - len(slow)} of {len(tried)}; slower: {_listed(slow)}; all rows "
        f"kept: {_listed(whole)}",
    )


def _judge_speed(large: dict[tuple[str, str], Any]) -> Verdict:
    found = {
        key: cell[AUTO]["cpu"]
        for key, cell in large.items()
        if cell[FULL]["training_rows"] >= VERY_LARGE and key[0] in FAST
    }
    return Verdict(
        f'"auto" on {VERY_LARGE:,} rows: CPU at most {max(FAST.values())} of full\'s',
        all(cpu <= FAST[key[0]] for key, cpu in found.items()) if found else None,
        _listed([f"{_name(key)} ({cpu:.3f})" for key, cpu in found.items()]),
    )


def _judge_under_sampling(
    large: dict[tuple[str, str], Any], what: str, beats: Callable[[Any, Any], bool]
) -> Verdict:
    """Count the arms of under-sampling inside a calibrator that beat ours."""
    beaten, tried = [], 0
    for key, cell in large.items():
        for theirs in (cell[arm] for arm in UNDER.values() if arm in cell):
            tried += 1
            if beats(theirs, cell):
                beaten.append(
                    f"{_name(key)}: {theirs['arm']} (loss {theirs['loss']:.4f}, CPU "
                    f"{theirs['cpu']:.3f}; auto {cell[AUTO]['loss']:.4f}, "
                    f"{cell[AUTO]['cpu']:.3f})"
                )
    return Verdict(
        f"from {LARGE:,} rows {what}",
        not beaten if tried else None,
        f"{tried - len(beaten)} of {tried}; others: {_listed(beaten)}",
    )


def _beats_auto(theirs: dict[str, Any], cell: dict[str, Any]) -> bool:
    auto = cell[AUTO]
    return theirs["loss"] <= auto["loss"] and theirs["cpu"] < auto["cpu"]


def _beats_all(theirs: dict[str, Any], cell: dict[str, Any]) -> bool:
    return not any(
        cell[arm]["loss"] <= theirs["loss"] and cell[arm]["cpu"] <= theirs["cpu"]
        for arm in OURS
        if arm in cell
    )


def _name(key: tuple[str, str]) -> str:
    return f"{key[0]} on {key[1]}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


def short_table(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Give the medians over the sets, of each model, size and arm."""
    groups: dict[tuple[str, bool, str], list[dict[str, Any]]] = {}
    for row in rows:
        key = (row["model"], row["training_rows"] >= LARGE, row["arm"])
        groups.setdefault(key, []).append(summarise(row))
    lines = []
    for (model, large, arm), own in sorted(
        groups.items(),
        key=lambda group: (
            list(MODELS).index(group[0][0]),
            group[0][1],
            ARMS.index(group[0][2]),
        ),
    ):
        slopes = [each["slope"] for each in own if each["slope"] is not None]
        good = sum(each["loss"] <= MOST_LOSS for each in own)
        calibrated = sum(abs(each["mean_p"] - 1) <= MOST_OFF for each in own)
        lines.append(
            (
                f"{model}, {'from' if large else 'below'} {LARGE:,}",
                arm,
                str(len(own)),
                f"{median(each['cpu'] for each in own):.3f}",
                f"{median(each['loss'] for each in own):.4f}",
                f"{good} of {len(own)}",
                f"{calibrated} of {len(own)}",
                f"{median(slopes):.2f}" if slopes else "-",
                f"{median(each['auc'] for each in own):+.4f}",
                f"{median(each['ap'] for each in own):+.4f}",
            )
        )
    return lines


def long_table(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Give a line for each arm of each set and model."""
    lines = []
    for row in rows:
        found = summarise(row)
        trained = found["rows_trained"]
        lines.append(
            (
                row["set"],
                row["model"],
                row["arm"],
                f"{found['cpu_s']:.3f}",
                f"{found['cpu']:.3f}",
                f"{found['log_loss']:.5f}",
                f"{found['loss']:.4f}",
                f"{found['loss_se']:.4f}",
                f"{found['mean_p']:.3f}",
                "-" if found["slope"] is None else f"{found['slope']:.2f}",
                f"{found['auc']:+.4f}",
                f"{found['ap']:+.4f}",
                "-" if trained is None else f"{trained:,}",
                _choices(row["choice"]),
                _listed([f"{name} {times}" for name, times in row["warned"].items()]),
            )
        )
    return lines


def _choices(choices: list[dict[str, Any] | None]) -> str:
    """Say what "auto" chose, with the range of the factor."""
    made = [choice for choice in choices if choice is not None]
    if not made:
        return "-"
    factors = [choice["factor"] for choice in made]
    words = {
        f"{choice['rows']}, {choice['correction']}"
        + (", certificate" if choice["certificate"] else "")
        for choice in made
    }
    return f"{' or '.join(sorted(words))}, {min(factors):g} to {max(factors):g}"


def print_report(rows: list[dict[str, Any]]) -> bool:
    """Print the tables and the promises; tell whether none was missed."""
    for head, lines in ((HEAD, long_table(rows)), (SHORT_HEAD, short_table(rows))):
        print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for line in lines:
            print(f"| {' | '.join(line)} |")
    verdicts = judge_promises(rows)
    words = {True: "met", False: "MISSED", None: "not measured"}
    for verdict in verdicts:
        print(f"{words[verdict.met]}: {verdict.promise}: {verdict.said}")
    return all(verdict.met is not False for verdict in verdicts)
