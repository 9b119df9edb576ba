"""Boosters on a fraction of the rows: log loss and time, by rows and correction.

LightGBM, XGBoost and CatBoost in ``ResampledClassifier``, on uniform rows
(``DownsampleUpweight``) or rows guided by a pilot (``GuidedDownsample``) at factor 20,
the correction inside the booster or outside. Ratios are to the same booster on all
rows. Of uniform rows the place of the correction changes nothing but its time.

The generated table has two million rows, and is judged on a quarter as many fresh rows.
Of data sets (at most 12,000 rows, the smallest class against the others) either half is
trained on, and the other judged, with as many seeds as rounds. A factor is at most the
ratio of the classes; sets where that is at most 5 are left out.

Penalties suit rare positives. With default penalties LightGBM and XGBoost are worse on
all rows, and a fraction would seem better than it is. One thread, no check by dropped
rows, alternating order; time is wall time of ``fit`` with resampling, and CPU time is
that of ``predict_proba``. Numbers are medians over splits, then over data sets.

    python benchmarks/boosters.py --data FOLDER --rounds 2
"""

import time
import warnings
from functools import partial
from statistics import median

import data
import harness
import numpy as np
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from skstrat import DownsampleUpweight, GuidedDownsample, ResampledClassifier

CATBOOST = {"thread_count": 1, "allow_writing_files": False, "verbose": False}
BOOSTERS = {
    "LightGBM": partial(LGBMClassifier, reg_lambda=10, n_jobs=1, verbosity=-1),
    "XGBoost": partial(XGBClassifier, reg_lambda=10, max_delta_step=1, n_jobs=1),
    "CatBoost": partial(CatBoostClassifier, **CATBOOST),
}
ALL_ROWS, OUTSIDE = "all rows", "guided, outside"
# Rows, and the place of the correction.
WAYS = {
    "uniform": (DownsampleUpweight, True),
    "guided, inside": (GuidedDownsample, True),
    OUTSIDE: (GuidedDownsample, "outside"),
}
ARM = "booster", "way"
SETS = {"rate": 0.05, "trees": 200, "predicted": 5_000}
TABLE = {"rate": 0.2, "trees": 100, "predicted": 50_000}
QUICK = {"rate": 0.3, "trees": 5, "predicted": 100}
ROWS, MOST_ROWS = 2_000_000, 12_000


def make_fits(name, settings, ratio, seed):
    """Return the ways to train a booster."""
    params = {"learning_rate": settings["rate"], "random_state": seed}
    booster = BOOSTERS[name](n_estimators=settings["trees"], **params)
    resampled = partial(ResampledClassifier, booster, calibration_check=False)
    fits = {ALL_ROWS: booster.fit}
    for way, (kind, place) in WAYS.items():
        sampler = kind(factor=min(20, ratio), random_state=seed)
        fits[way] = resampled(sampler, prior_correction=place).fit
    return fits


def measure_fit(fit, train, test, rows_predicted):
    """Train one model, judge it on fresh rows, and time predictions."""
    model, run = harness.judge(fit, train, test)
    X, spent = np.resize(test[0], (rows_predicted, test[0].shape[1])), []
    for _ in range(2):
        start = time.process_time()
        model.predict_proba(X)
        spent.append(time.process_time() - start)
    return run | {"seconds": run["wall_s"], "us": 1e6 * median(spent) / len(X)}


@threadpool_limits.wrap(limits=1)
def measure_split(train, test, settings, seed, turn):
    """Train every booster in every way on one split."""
    counts, found = np.bincount(train[1]), {}
    for name in BOOSTERS:
        fits = make_fits(name, settings, counts.max() / counts.min(), seed)
        for way in harness.in_turn(fits, turn):
            run = measure_fit(fits[way], train, test, settings["predicted"])
            found[name, way] = run
    for (name, _), run in found.items():
        whole, outside = found[name, ALL_ROWS], found[name, OUTSIDE]
        run["time"] = run["seconds"] / whole["seconds"]
        run["loss"] = run["log_loss"] / whole["log_loss"]
        run["loss_over_outside"] = run["log_loss"] / outside["log_loss"]
    return [dict(zip(ARM, arm, strict=True)) | run for arm, run in found.items()]


def measure(arguments):
    """Measure the generated table, and the smallest class of every data set."""
    warnings.simplefilter("ignore")
    few = data.make_table(1_000, 0, 0.05)[:2]
    # First calls include lazy imports.
    table, settings = measure_split(few, few, QUICK, 0, 0), QUICK
    if not arguments.quick:
        train, test = data.make_table(ROWS, 0)[:2], data.make_table(ROWS // 4, 1)[:2]
        table, settings = measure_split(train, test, TABLE, 0, 0), SETS
    positives, by_set = [], []
    for _, X, y in data.tables(arguments, MOST_ROWS):
        y, runs = (y == np.bincount(y).argmin()).astype(np.int64), []
        if 6 * y.sum() >= len(y):
            continue
        positives.append(int(y.sum()) // 2)
        for seed in range(arguments.rounds):
            halves = StratifiedKFold(2, shuffle=True, random_state=seed).split(X, y)
            for turn, both in enumerate(halves):
                split = [(X[half], y[half]) for half in both]
                runs += measure_split(*split, settings, seed, turn)
        by_set += harness.medians(runs, *ARM)
    span = [min(positives, default=0), max(positives, default=0)]
    lines = harness.medians(by_set, *ARM)
    sets = {"n": len(positives), "positives": span, "lines": lines}
    return {"table": harness.medians(table, *ARM), "sets": sets}


HEADINGS = {
    "booster, rows": "{booster}, {way}",
    "training, s (/ all rows')": "{seconds:.2f} ({time:.3f})",
    "log loss / all rows'": "{loss:.3f}",
    "mean p / prevalence": "{mean_p:.2f}",
    "CPU µs a prediction": "{us:.1f}",  # noqa: RUF001
}


def report(document):
    """Write the tables, and how often a correction outside has the lower log loss."""
    table, sets = document["table"], document["sets"]["lines"]
    title = "Medians of {n} data sets, trained on {positives[0]} to {positives[1]}"
    of_table = f"{ROWS:,} generated rows, 0.5 % positives, one run"
    titles = of_table, f"{title} positives".format_map(document["sets"])
    parts = []
    for title, lines in zip(titles, (table, sets), strict=True):
        parts += [f"{title}, factor 20:", harness.table(HEADINGS, lines)]
    guided = [row for row in (*table, *sets) if row["way"] == "guided, inside"]
    better = sum(row["loss_over_outside"] > 1 for row in guided)
    return "\n\n".join(parts) + (
        "\n\nWith the correction outside, guided rows have the lower log loss in "
        f"{better} of {len(guided)} pairs."
    )


if __name__ == "__main__":
    harness.run(measure, report, rounds=2, uses=("lightgbm", "xgboost", "catboost"))
