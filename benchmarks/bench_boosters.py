"""Boosters on a fraction of the rows: what rows, factor, correction and stopping cost.

    python benchmarks/bench_boosters.py FOLDER [--rows 2000000] [--json FILE]

LightGBM, XGBoost and CatBoost in ``ResampledClassifier``, on rows drawn uniformly
(``DownsampleUpweight``) or guided by a pilot (``GuidedDownsample``), at factor 5 and
20, the correction inside the booster or outside, with early stopping by
``eval_set="dropped"`` or with a fixed number of trees. The unit is the same booster
on all rows, which stops by a random sixth of them that it is not trained on.

Data: of each ``*.csv.gz`` in FOLDER with a column ``target``, or a sample of its
rows, the smallest class against the others, trained and judged on either half, twice;
and once the table of ``bench_end_to_end.py``, judged on a quarter as many fresh rows. A
factor is that of the classes where this is less, and left out where the smaller one
said the same, so that factor 20 is of fewer sets. ``--rows 0`` leaves the table out, no
FOLDER the sets; what was measured earlier stays in the file.

Settings suit rare positives in all arms (``make_booster``): with their defaults
LightGBM and XGBoost do worse on all rows than with this penalty, so that a fraction
would look better than it is. CatBoost keeps its default penalty, with which it did best
on all rows.

Everything runs on one thread, without the check by dropped rows, in alternating order.
Time is that of ``fit``, resampling included. CPU is that of ``predict_proba``, over
that of the booster itself on the same rows. A number is the median over the splits of
a set, then over the sets; ratios are paired within a split.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from bench_calibration_check import read
from bench_end_to_end import make_table
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier, early_stopping
from machine import machine_facts
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from skstrat import DownsampleUpweight, GuidedDownsample, ResampledClassifier

RESULTS = Path(__file__).parent / "results" / "boosters.json"
BOOSTERS = ("lightgbm", "xgboost", "catboost")
FACTORS = (5, 20)
SAMPLERS: dict[str, Any] = {"uniform": DownsampleUpweight, "guided": GuidedDownsample}
SHARE_TO_STOP = 1 / 6
# What a row is of, and what is measured of it.
ARM = ("booster", "stopping", "factor", "rows", "correction")
ALL_ROWS = (1, "all", "none")


@dataclass(frozen=True)
class Settings:
    """How boosters are trained, and how often predictions are timed."""

    learning_rate: float
    trees: int
    most_trees: int
    patience: int
    rows_predicted: int
    repeats: int


SETS = Settings(0.05, 200, 1000, 50, rows_predicted=5_000, repeats=2)
# Trees of two million rows take long.
TABLE = Settings(0.2, 100, 200, 20, rows_predicted=50_000, repeats=3)


def make_booster(name: str, stopping: bool, settings: Settings, seed: int) -> Any:
    """Make a booster with a penalty that suits rare positives."""
    trees = settings.most_trees if stopping else settings.trees
    common = {"learning_rate": settings.learning_rate, "random_state": seed}
    patience = {"early_stopping_rounds": settings.patience} if stopping else {}
    if name == "lightgbm":
        return LGBMClassifier(
            n_estimators=trees, reg_lambda=10, n_jobs=1, verbosity=-1, **common
        )
    if name == "xgboost":
        return XGBClassifier(
            n_estimators=trees,
            reg_lambda=10,
            max_delta_step=1,
            n_jobs=1,
            **common,
            **patience,
        )
    return CatBoostClassifier(
        iterations=trees,
        thread_count=1,
        verbose=False,
        allow_writing_files=False,
        **common,
        **patience,
    )


def stopping_arguments(name: str, settings: Settings) -> dict[str, Any]:
    """Give what ``fit`` needs beside the eval set to stop early."""
    if name == "lightgbm":
        return {"callbacks": [early_stopping(settings.patience, verbose=False)]}
    return {"verbose": False}


def fit_all_rows(model: Any, X: Any, y: Any, arguments: dict[str, Any] | None) -> Any:
    """Fit a booster on all rows, but for those that tell when to stop."""
    if arguments is None:
        return model.fit(X, y)
    X, X_eval, y, y_eval = train_test_split(
        X, y, test_size=SHARE_TO_STOP, stratify=y, random_state=0
    )
    # LightGBM is about to give eval_set up.
    if has_fit_parameter(model, "eval_X"):
        return model.fit(X, y, eval_X=X_eval, eval_y=y_eval, **arguments)
    return model.fit(X, y, eval_set=[(X_eval, y_eval)], **arguments)


def make_fits(
    name: str, stopping: bool, settings: Settings, ratio: float, seed: int
) -> dict[tuple[Any, ...], Callable[[Any, Any], Any]]:
    """Give the ways to train a booster, by factor, rows and correction."""
    arguments = stopping_arguments(name, settings) if stopping else None

    def resampled(
        factor: float, rows: str, correction: Any
    ) -> Callable[[Any, Any], Any]:
        sampler = SAMPLERS[rows](factor=factor, random_state=seed)
        booster = make_booster(name, stopping, settings, seed)
        model = ResampledClassifier(
            booster, sampler, prior_correction=correction, calibration_check=False
        )
        if arguments is None:
            return model.fit
        return lambda X, y: model.fit(X, y, eval_set="dropped", **arguments)

    booster = make_booster(name, stopping, settings, seed)
    fits = {ALL_ROWS: lambda X, y: fit_all_rows(booster, X, y, arguments)}
    told_apart = [
        factor
        for factor, smaller in zip(FACTORS, (1, *FACTORS), strict=False)
        if ratio > smaller
    ]
    for factor, rows in product(told_apart, SAMPLERS):
        for correction, word in ((True, "inside"), ("outside", "outside")):
            fits[factor, rows, word] = resampled(min(factor, ratio), rows, correction)
    return fits


def trees_of(booster: Any) -> int:
    """Count the trees that a booster predicts with."""
    if isinstance(booster, CatBoostClassifier):
        return booster.tree_count_
    if isinstance(booster, LGBMClassifier):
        return booster.best_iteration_ or booster.n_estimators_
    if booster.early_stopping_rounds is None:
        return booster.n_estimators
    return booster.best_iteration + 1


def cpu_of(ways: Sequence[Any], X: Any, settings: Settings) -> list[float]:
    """Give the CPU time of a prediction in microseconds, of each way in turn."""
    X = np.resize(X, (settings.rows_predicted, X.shape[1]))
    spent: list[list[float]] = [[] for _ in ways]
    for turn in range(settings.repeats):
        for place in list(range(len(ways)))[:: -1 if turn % 2 else 1]:
            start = time.process_time()
            ways[place].predict_proba(X)
            spent[place].append(time.process_time() - start)
    return [1e6 * median(own) / len(X) for own in spent]


def measure_fit(
    fit: Callable[[Any, Any], Any], train: Any, test: Any, settings: Settings
) -> dict[str, Any]:
    """Train one model, and judge it on fresh rows; warnings are kept by name."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        model = fit(*train)
        seconds = time.perf_counter() - start
        X, y = test
        p = model.predict_proba(X)[:, 1]
        booster = getattr(model, "estimator_", model)
        cpu, own_cpu = cpu_of([model, booster], X, settings)
    return {
        "rows_trained": getattr(model, "n_samples_fit_", len(train[1])),
        "trees": trees_of(booster),
        "seconds": seconds,
        "log_loss": log_loss(y, p),
        "mean_p_over_prevalence": float(p.mean(dtype=np.float64) / y.mean()),
        "us_per_prediction": cpu,
        "cpu_over_booster": cpu / own_cpu,
        "warned": sorted({warning.category.__name__ for warning in caught}),
    }


@threadpool_limits.wrap(limits=1)
def measure_split(
    train: Any, test: Any, settings: Settings, seed: int, turn: int
) -> list[dict[str, Any]]:
    """Train every booster in every way on one split; ratios are to all rows."""
    counts = np.bincount(train[1])
    ratio = counts.max() / counts.min()
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for name, stopping in product(BOOSTERS, (False, True)):
        fits = make_fits(name, stopping, settings, ratio, seed)
        for arm in list(fits)[:: -1 if turn % 2 else 1]:
            found[name, stopping, *arm] = measure_fit(fits[arm], train, test, settings)
    for (name, stopping, *arm), run in found.items():
        whole = found[name, stopping, *ALL_ROWS]
        run["time_over_all_rows"] = run["seconds"] / whole["seconds"]
        run["log_loss_over_all_rows"] = run["log_loss"] / whole["log_loss"]
        outside = found.get((name, stopping, *arm[:-1], "outside"), run)
        run["log_loss_over_outside"] = run["log_loss"] / outside["log_loss"]
        fixed = found[name, False, *arm]
        run["log_loss_over_fixed_trees"] = run["log_loss"] / fixed["log_loss"]
    return [dict(zip(ARM, arm, strict=True)) | run for arm, run in found.items()]


def summarise(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the medians of the runs of each arm."""
    by_arm: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for run in runs:
        by_arm.setdefault(tuple(run[key] for key in ARM), []).append(run)
    return [
        dict(zip(ARM, arm, strict=True)) | {"of": len(own)} | _medians(own)
        for arm, own in sorted(by_arm.items(), key=lambda each: each[0][:3])
    ]


def _medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in runs[0].items():
        if key == "warned":
            row[key] = sorted({name for run in runs for name in run[key]})
        elif key not in (*ARM, "of", "set"):
            middle = median(run[key] for run in runs)
            row[key] = middle if isinstance(value, int) else float(f"{middle:.5g}")
    return row


def measure_sets(folder: Path, largest: int, seeds: int) -> list[dict[str, Any]]:
    """Measure the smallest class of every data set, on halves."""
    by_set = []
    for path in sorted(folder.glob("*.csv.gz")):
        X, y = read(path, largest)
        y = (y == np.bincount(y).argmin()).astype(np.int64)
        runs = []
        for seed in range(seeds):
            halves = StratifiedKFold(2, shuffle=True, random_state=seed).split(X, y)
            for turn, (train, test) in enumerate(halves):
                runs += measure_split(
                    (X[train], y[train]), (X[test], y[test]), SETS, seed, turn
                )
        name = path.name.removesuffix(".csv.gz")
        by_set += [{"set": name, **row} for row in summarise(runs)]
    return by_set


def measure_table(rows: int) -> list[dict[str, Any]]:
    """Measure the generated table once."""
    train, test = make_table(rows, seed=0)[:2], make_table(rows // 4, seed=1)[:2]
    # First calls pay for lazy imports.
    few = tuple(part[: min(rows, 5_000)] for part in train)
    measure_split(few, few, SETS, seed=0, turn=0)
    return summarise(measure_split(train, test, TABLE, seed=0, turn=0))


def print_table(title: str, table: list[dict[str, Any]]) -> None:
    """Print the rows of a table."""
    print(
        f"{title}\n| booster, trees | rows | fit, s | / all rows | log loss | / all "
        "rows | / outside | / fixed trees | mean p / prevalence | us per prediction "
        f"| / booster's own |\n|{'---|' * 11}"
    )
    for row in table:
        trees = f"{row['trees']:.0f}{', stopped' if row['stopping'] else ''}"
        rows = f"{row['rows']} {row['factor']}, {row['correction']}"
        print(
            f"| {row['booster']}, {trees} | {rows if row['factor'] > 1 else 'all'} | "
            f"{row['seconds']:.2f} | {row['time_over_all_rows']:.3f} | "
            f"{row['log_loss']:.5f} | {row['log_loss_over_all_rows']:.3f} | "
            f"{row['log_loss_over_outside']:.3f} | "
            f"{row['log_loss_over_fixed_trees']:.3f} | "
            f"{row['mean_p_over_prevalence']:.2f} | {row['us_per_prediction']:.2f} | "
            f"{row['cpu_over_booster']:.2f} |"
        )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Boosters on a fraction of the rows.")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--largest", type=int, default=12_000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--json", type=Path, default=RESULTS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the results, and print them."""
    options = parse(arguments)
    result: dict[str, Any] = {}
    if options.json.exists():
        result = json.loads(options.json.read_text(encoding="utf-8"))
    if options.folder is not None:
        by_set = measure_sets(options.folder, options.largest, options.seeds)
        result["sets"] = {
            "machine": machine_facts(),
            "settings": asdict(SETS),
            "table": summarise(by_set),
            "by_set": by_set,
        }
    if options.rows:
        result["generated"] = {
            "machine": machine_facts(),
            "settings": asdict(TABLE),
            "rows": options.rows,
            "table": measure_table(options.rows),
        }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for title, part in result.items():
        print_table(title, part["table"])


if __name__ == "__main__":
    main()
