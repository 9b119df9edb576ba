"""The frontier of training time and log loss: how many rows, which, and what else.

    python benchmarks/bench_frontier.py [FOLDER] [--rows 100000 200000 2000000]
        [--sets NAME ...] [--models NAME ...] [--arms NAME ...] [--json FILE]

Measures every way to train a model (``frontier_arms.py``) against the same model on all
rows, merges the results into ``benchmarks/results/frontier.json``, prints what the file
holds then, and judges it (``frontier_report.py``). Exit code 1 means that a promise was
missed. ``--rows`` without a number and no FOLDER measure nothing and print.
``plot_frontier.py`` draws the picture.

Data: each ``*.csv.gz`` of FOLDER with a column ``target``, the smallest class against
the others, five stratified shuffled folds. Text is coded on all rows, as numbers for
trees and one-hot for logistic regression; missing values are medians of all rows. And
tables with the truth of ``bench_end_to_end.py``, of 100,000 and 200,000 rows with 1 %
and 5 % positives, three draws each, and of 2,000,000 rows with 0.5 %, one draw, all
judged on fresh rows of the same truth.

Settings are chosen once for all sets. A factor is that of the classes where this is
less. ``under-sampling`` is ``RandomUnderSampler`` at the same share of the big class
inside ``CalibratedClassifierCV``, so that each of its three models has two thirds of
the rows of ``uniform`` at this factor. ``guided 20`` is what ``ResampledClassifier``
does by itself: weights for logistic regression, the offset inside LightGBM, outside of
others. The time of the pilot alone includes the choice of rows.

To fit into an hour of one core, forests get a sample of 100,000 rows and two folds of
larger sets, and of generated tables one draw, no 2,000,000 rows and no 200,000 rows
with 5 % positives. ``imbcal`` (ten to fifteen fits) is left out above 60,000 rows, for
forests, and where the package is not installed, which is said; ``class weights`` (three
fits) for forests above 60,000 rows.

Everything runs on one thread, arms in alternating order. Time is CPU time of ``fit``,
resampling and the check by dropped rows included; fits under a tenth of a second are
repeated, and the median counts. Ratios and differences are to the model on all rows of
the same split.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from frontier_arms import (
    ARMS,
    FULL,
    IMBCAL,
    MODELS,
    ImbalanceCalibratedClassifier,
    choice_of,
    make_arms,
    rows_trained,
)
from frontier_data import Case, cases, make_table
from frontier_report import print_report
from machine import machine_facts
from sklearn.base import clone
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_limits

from skstrat.metrics import calibration_slope_intercept

RESULTS = Path(__file__).parent / "results" / "frontier.json"
SIZES = (100_000, 200_000, 2_000_000)
SHORT = 0.1  # seconds
REPEATS = 3
KEY = ("set", "model", "arm")


def measure_fit(estimator: Any, train: Any, test: Any) -> dict[str, Any]:
    """Train one arm and predict fresh rows; warnings are counted by name."""
    X, y = train
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.process_time()
        model = clone(estimator).fit(X, y)
        spent = [time.process_time() - start]
        p = model.predict_proba(test[0])[:, 1]
    said = Counter(warning.category.__name__ for warning in caught)
    with warnings.catch_warnings():
        # The first fit has said it all.
        warnings.simplefilter("ignore")
        while spent[0] < SHORT and len(spent) < REPEATS:
            start = time.process_time()
            clone(estimator).fit(X, y)
            spent.append(time.process_time() - start)
    return {
        "p": p,
        "cpu_s": median(spent),
        "rows_trained": rows_trained(model, len(y)),
        "choice": choice_of(model),
        "warned": said,
    }


def row_losses(y: Any, p: Any) -> Any:
    """Give the log loss of each row, clipped as scikit-learn does."""
    p = np.asarray(p, dtype=np.float64)
    least = np.finfo(p.dtype).eps
    return -np.log(np.clip(np.where(y == 1, p, 1 - p), least, 1))


def judge(run: dict[str, Any], full: dict[str, Any], y: Any) -> dict[str, Any]:
    """Judge predictions; standard errors are those of the rows judged, paired."""
    p, own, whole = run["p"], row_losses(y, run["p"]), row_losses(y, full["p"])
    ratio, mean_p = own.mean() / whole.mean(), p.mean(dtype=np.float64) / y.mean()
    with warnings.catch_warnings():
        # There is no line where one threshold separates the classes.
        warnings.simplefilter("ignore")
        slope = float(calibration_slope_intercept(y, p).slope)
    auc, full_auc = (roc_auc_score(y, each["p"]) for each in (run, full))
    ap, full_ap = (average_precision_score(y, each["p"]) for each in (run, full))
    root = len(y) ** 0.5
    return {
        "cpu_s": run["cpu_s"],
        "cpu_over_full": run["cpu_s"] / full["cpu_s"],
        "log_loss": own.mean(),
        "loss_over_full": ratio,
        "loss_se_of_rows": (own - ratio * whole).std() / (root * whole.mean()),
        "mean_p_over_prevalence": mean_p,
        "mean_p_se_of_rows": (p - mean_p * y).std() / (root * y.mean()),
        "slope": None if np.isnan(slope) else slope,
        "auc_difference": auc - full_auc,
        "ap_difference": ap - full_ap,
        "rows_trained": run["rows_trained"],
        "choice": run["choice"],
    }


def measure_split(
    model: str, arms: Iterable[str], train: Any, test: Any, turn: int
) -> dict[str, dict[str, Any]]:
    """Train a model in every way on one split; the model on all rows is the unit."""
    made = make_arms(model, train[1], seed=turn)
    names = [name for name in made if name in arms]
    runs = {
        name: measure_fit(made[name], train, test)
        for name in names[:: -1 if turn % 2 else 1]
    }
    return {
        name: {**judge(runs[name], runs[FULL], test[1]), "warned": runs[name]["warned"]}
        for name in names
    }


@threadpool_limits.wrap(limits=1)
def measure_case(case: Case, model: str, arms: Iterable[str]) -> list[dict[str, Any]]:
    """Give one row of results for each arm, with its numbers split by split."""
    by_arm: dict[str, list[dict[str, Any]]] = {}
    rows = 0
    for turn, (train, test) in enumerate(case.splits(model)):
        rows = len(train[1])
        for arm, found in measure_split(model, arms, train, test, turn).items():
            by_arm.setdefault(arm, []).append(found)
    return [
        {
            **dict(zip(KEY, (case.name, model, arm), strict=True)),
            "rows": case.rows,
            "training_rows": rows,
            "warned": dict(sum((run.pop("warned") for run in runs), Counter())),
            **{key: [_rounded(run[key]) for run in runs] for key in runs[0]},
        }
        for arm, runs in by_arm.items()
    ]


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


@threadpool_limits.wrap(limits=1)
def warm_up(model: str, arms: Iterable[str]) -> None:
    """First calls pay for lazy imports."""
    train = make_table(2_000, 0, intercept=-3)[:2]
    measure_split(model, arms, train, train, turn=0)


def merge(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace rows that were measured again."""
    rows = {tuple(row[key] for key in KEY): row for row in [*old, *new]}
    return sorted(
        rows.values(),
        key=lambda row: (
            list(MODELS).index(row["model"]),
            row["rows"],
            row["set"],
            ARMS.index(row["arm"]),
        ),
    )


def read(path: Path) -> list[dict[str, Any]]:
    """Read what was measured before."""
    if not path.exists():
        return []
    return json.loads(path.read_text(encoding="utf-8"))["rows"]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the results, one line for each row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f"  {json.dumps(row, allow_nan=False)}" for row in rows)
    facts = json.dumps(machine_facts())
    path.write_text(
        f'{{\n "machine": {facts},\n "rows": [\n{lines}\n ]\n}}\n', encoding="utf-8"
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Training time against log loss.")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--rows", type=int, nargs="*", default=SIZES)
    parser.add_argument("--sets", nargs="+", default=[])
    parser.add_argument("--models", choices=MODELS, nargs="+", default=list(MODELS))
    parser.add_argument("--arms", choices=ARMS, nargs="+", default=ARMS)
    parser.add_argument("--json", type=Path, default=RESULTS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the results, print and judge them; 1 if a promise was missed."""
    options = parse(arguments)
    arms = {FULL, *options.arms}
    if ImbalanceCalibratedClassifier is None and IMBCAL in arms:
        print(f"{IMBCAL!r} is left out: the package imbcal is not installed.")
    warm: set[str] = set()
    for case in cases(options.folder, options.sets, options.rows):
        for model in options.models:
            if not case.suits(model):
                continue
            if model not in warm:
                warm_up(model, arms)
                warm.add(model)
            start = time.perf_counter()
            found = measure_case(case, model, arms)
            # Another part may have written meanwhile.
            write(options.json, merge(read(options.json), found))
            seconds = time.perf_counter() - start
            print(f"{case.name}, {model}: {seconds:.0f} s", flush=True)
    return 0 if print_report(read(options.json)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
