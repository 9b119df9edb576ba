"""Boosters on a fraction of the rows: what rows, correction and stopping cost.

LightGBM, XGBoost and CatBoost in ``ResampledClassifier``, on uniform rows
(``DownsampleUpweight``) or rows guided by a pilot (``GuidedDownsample``) at factor 20,
the correction inside the booster or outside, with a fixed number of trees or early
stopping by ``eval_set="dropped"``. Ratios are to the same booster on all rows,
which stops by a random sixth of them that it is not trained on. Of uniform rows the
place of the correction changes nothing but its time.

The generated table has two million rows, and is judged on a quarter as many fresh rows.
Of data sets (at most 12,000 rows, the smallest class against the others) either half is
trained on, and the other judged, with as many seeds as rounds. A factor is at most the
ratio of the classes; sets where that is at most 5 are left out.

Penalties suit rare positives. With their defaults LightGBM and XGBoost do worse on all
rows, so that a fraction would look better than it is. One thread, no check by dropped
rows, alternating order; time is wall time of ``fit`` with resampling, and CPU time is
that of ``predict_proba``. Numbers are medians over splits, then over data sets.

    python benchmarks/boosters.py --data FOLDER --rounds 2
"""

import time
import warnings
from functools import partial
from itertools import product
from statistics import median

import data
import harness
import numpy as np
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier, early_stopping
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
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
ARM = "booster", "stopping", "way"
SETS = {"rate": 0.05, "trees": 200, "most": 1000, "patience": 50, "predicted": 5_000}
TABLE = {"rate": 0.2, "trees": 100, "most": 200, "patience": 20, "predicted": 50_000}
QUICK = {"rate": 0.3, "trees": 5, "most": 10, "patience": 2, "predicted": 100}
ROWS, MOST_ROWS = 2_000_000, 12_000


def make_fits(name, stopping, settings, ratio, seed):
    """Give the ways to train a booster."""
    patience, words = settings["patience"], {}
    params = {"learning_rate": settings["rate"], "random_state": seed}
    params["n_estimators"] = settings["most" if stopping else "trees"]
    if stopping and name == "LightGBM":
        words = {"callbacks": [early_stopping(patience, verbose=False)]}
    elif stopping:
        params["early_stopping_rounds"], words = patience, {"verbose": False}
    booster = BOOSTERS[name](**params)

    def fit_all_rows(X, y):
        if not stopping:
            return booster.fit(X, y)
        parts = train_test_split(X, y, test_size=1 / 6, stratify=y, random_state=0)
        return booster.fit(*parts[::2], eval_set=[tuple(parts[1::2])], **words)

    fits = {ALL_ROWS: fit_all_rows}
    dropped = {"eval_set": "dropped"} if stopping else {}
    resampled = partial(ResampledClassifier, booster, calibration_check=False)
    for way, (kind, place) in WAYS.items():
        sampler = kind(factor=min(20, ratio), random_state=seed)
        model = resampled(sampler, prior_correction=place)
        fits[way] = partial(model.fit, **dropped, **words)
    return fits


def measure_fit(fit, train, test, rows_predicted):
    """Train one model, and judge it on fresh rows."""
    start = time.perf_counter()
    model = fit(*train)
    seconds = time.perf_counter() - start
    p = model.predict_proba(test[0])[:, 1]
    booster, spent = getattr(model, "estimator_", model), ([], [])
    X = np.resize(test[0], (rows_predicted, test[0].shape[1]))
    for way in (0, 1, 1, 0):
        start = time.process_time()
        (model, booster)[way].predict_proba(X)
        spent[way].append(time.process_time() - start)
    return {
        "seconds": seconds,
        "log_loss": log_loss(test[1], p),
        "mean_p": p.mean(dtype=np.float64) / test[1].mean(),
        "us": 1e6 * median(spent[0]) / len(X),
        "cpu_over_booster": median(spent[0]) / median(spent[1]),
    }


@threadpool_limits.wrap(limits=1)
def measure_split(train, test, settings, seed, turn):
    """Train every booster in every way on one split."""
    counts, found = np.bincount(train[1]), {}
    for name, stopping in product(BOOSTERS, (False, True)):
        fits = make_fits(name, stopping, settings, counts.max() / counts.min(), seed)
        for way in list(fits)[:: -1 if turn % 2 else 1]:
            run = measure_fit(fits[way], train, test, settings["predicted"])
            found[name, stopping, way] = run
    for (name, stopping, way), run in found.items():
        whole = found[name, stopping, ALL_ROWS]
        run["time"] = run["seconds"] / whole["seconds"]
        run["loss"] = run["log_loss"] / whole["log_loss"]
        others = {"fixed": (name, False, way), "outside": (name, stopping, OUTSIDE)}
        for key, other in others.items():
            run[f"loss_over_{key}"] = run["log_loss"] / found[other]["log_loss"]
    return [dict(zip(ARM, arm, strict=True)) | run for arm, run in found.items()]


def medians(runs):
    """Give the medians of the runs of each arm."""
    lines = []
    for arm, own in harness.groups(runs, *ARM).items():
        row = dict(zip(ARM, arm, strict=True))
        for key in [key for key in own[0] if key not in ARM]:
            row[key] = harness.rounded(median(run[key] for run in own), 5)
        lines.append(row)
    return lines


def measure(arguments):
    """Measure the generated table, and the smallest class of every data set."""
    warnings.simplefilter("ignore")
    few = data.make_table(1_000, 0, 0.05)[:2]
    # First calls pay for lazy imports.
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
        by_set += medians(runs)
    span = [min(positives, default=0), max(positives, default=0)]
    sets = {"n": len(positives), "positives": span, "lines": medians(by_set)}
    return {"table": medians(table), "sets": sets}


HEADINGS = {
    "booster, rows": "{booster}, {way}",
    "training, s": "{seconds:.2f}",
    "time / all rows'": "{time:.3f}",
    "log loss / all rows'": "{loss:.3f}",
    "mean p / prevalence": "{mean_p:.2f}",
    "CPU µs a prediction": "{us:.1f}",  # noqa: RUF001
}


def report(document):
    """Write the tables of factor 20 and fixed trees, and what the other arms say."""
    table, sets = document["table"], document["sets"]["lines"]
    title = "Medians of {n} data sets, trained on {positives[0]} to {positives[1]}"
    of_table = f"{ROWS:,} generated rows, 0.5 % positives, one run"
    titles = of_table, f"{title} positives".format_map(document["sets"])
    parts, fixed = [], []
    for title, lines in zip(titles, (table, sets), strict=True):
        shown = [row for row in lines if not row["stopping"]]
        parts += [f"{title}, factor 20:", harness.table(HEADINGS, shown)]
        stopped = [row["loss_over_fixed"] for row in lines if row["stopping"]]
        fixed.append(harness.span(stopped, ".3f"))
    guided = [row for row in (*table, *sets) if row["way"] == "guided, inside"]
    better = sum(row["loss_over_outside"] > 1 for row in guided)
    outside = [row for row in (*table, *sets) if row["way"] == OUTSIDE]
    slower = harness.span((row["cpu_over_booster"] for row in outside), ".1f")
    return "\n\n".join(parts) + (
        "\n\nWith and without early stopping: with the correction outside, guided rows "
        f"have the lower log loss in {better} of {len(guided)} arms. To predict, this "
        f"takes {slower} times the booster's own CPU time. Log loss with early "
        f"stopping over that without: {fixed[0]} on the generated table, {fixed[1]} on "
        "the data sets."
    )


if __name__ == "__main__":
    harness.run(measure, report, rounds=2, uses=("lightgbm", "xgboost", "catboost"))
