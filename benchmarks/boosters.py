"""Boosters on a fraction of the rows: what rows, factor, correction, stopping cost.

LightGBM, XGBoost and CatBoost in ``ResampledClassifier``, on uniform rows
(``DownsampleUpweight``) or rows guided by a pilot (``GuidedDownsample``), at factor 5
and 20, the correction inside the booster or outside, with a fixed number of trees or
early stopping by ``eval_set="dropped"``. Ratios are to the same booster on all rows,
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

BOOSTERS = {
    "LightGBM": lambda **params: LGBMClassifier(
        reg_lambda=10, n_jobs=1, verbosity=-1, **params
    ),
    "XGBoost": lambda **params: XGBClassifier(
        reg_lambda=10, max_delta_step=1, n_jobs=1, **params
    ),
    "CatBoost": lambda **params: CatBoostClassifier(
        thread_count=1, verbose=False, allow_writing_files=False, **params
    ),
}
# Rows, and the place of the correction.
WAYS = {
    "uniform": (DownsampleUpweight, True),
    "guided, inside": (GuidedDownsample, True),
    "guided, outside": (GuidedDownsample, "outside"),
}
ALL_ROWS = 1, "all rows"
ARM = "booster", "stopping", "factor", "way"
SETTINGS = "rate", "trees", "most_trees", "patience", "predicted"
SETS, TABLE, QUICK = (
    dict(zip(SETTINGS, values, strict=True))
    for values in (
        (0.05, 200, 1000, 50, 5_000),
        (0.2, 100, 200, 20, 50_000),
        (0.3, 5, 10, 2, 100),
    )
)
ROWS, MOST_ROWS = 2_000_000, 12_000


def make_fits(name, stopping, settings, ratio, seed):
    """Give the ways to train a booster, by factor and rows."""
    patience, words = settings["patience"], {}
    params = {"learning_rate": settings["rate"], "random_state": seed}
    params["n_estimators"] = settings["most_trees" if stopping else "trees"]
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
    for factor, way in product((5, 20), WAYS):
        sampler, place = WAYS[way]
        model = ResampledClassifier(
            booster,
            sampler(factor=min(factor, ratio), random_state=seed),
            prior_correction=place,
            calibration_check=False,
        )
        fits[factor, way] = partial(model.fit, **dropped, **words)
    return fits


def trees_of(booster):
    """Count the trees that a booster predicts with."""
    if isinstance(booster, CatBoostClassifier):
        return booster.tree_count_
    if isinstance(booster, LGBMClassifier):
        return booster.best_iteration_ or booster.n_estimators_
    stops = booster.early_stopping_rounds is not None
    return booster.best_iteration + 1 if stops else booster.n_estimators


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
        "trees": trees_of(booster),
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
        for arm in list(fits)[:: -1 if turn % 2 else 1]:
            run = measure_fit(fits[arm], train, test, settings["predicted"])
            found[name, stopping, *arm] = run
    for (name, stopping, factor, way), run in found.items():
        others = {
            "loss": (name, stopping, *ALL_ROWS),
            "loss_over_outside": (name, stopping, factor, "guided, outside"),
            "loss_over_fixed": (name, False, factor, way),
        }
        for key, other in others.items():
            run[key] = run["log_loss"] / found.get(other, run)["log_loss"]
        run["time"] = run["seconds"] / found[name, stopping, *ALL_ROWS]["seconds"]
    return [dict(zip(ARM, arm, strict=True)) | run for arm, run in found.items()]


def medians(runs):
    """Give the medians of the runs of each arm."""
    return [
        dict(zip(ARM, arm, strict=True))
        | {
            key: harness.rounded(median(run[key] for run in own), 5)
            for key in own[0]
            if key not in ARM
        }
        for arm, own in harness.groups(runs, *ARM).items()
    ]


def measure(arguments):
    """Measure the generated table, and the smallest class of every data set."""
    warnings.simplefilter("ignore")
    few = data.make_table(3_000, 0, 0.05)[:2]
    # First calls pay for lazy imports.
    table, settings = measure_split(few, few, QUICK, 0, 0), QUICK
    if not arguments.quick:
        sizes = (ROWS, 0), (ROWS // 4, 1)
        parts = [data.make_table(rows, seed)[:2] for rows, seed in sizes]
        table, settings = measure_split(*parts, TABLE, 0, 0), SETS
    positives, by_set = {}, []
    for name, path in data.data_sets(arguments.data, arguments.only):
        X, y = data.sample(*data.read(path), MOST_ROWS)
        y, runs = (y == np.bincount(y).argmin()).astype(np.int64), []
        if not arguments.quick and 6 * y.sum() >= len(y):
            continue
        positives[name] = int(y.sum()) // 2
        for seed in range(arguments.rounds):
            halves = StratifiedKFold(2, shuffle=True, random_state=seed).split(X, y)
            for turn, both in enumerate(halves):
                split = [(X[half], y[half]) for half in both]
                runs += measure_split(*split, settings, seed, turn)
        by_set += medians(runs)
    return {"table": medians(table), "positives": positives, "sets": medians(by_set)}


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
    table, sets = document["table"], document["sets"]
    few = sorted(document["positives"].values()) or [0]
    titles = {
        f"{ROWS:,} generated rows with 0.5 % positives, one run, factor 20:": table,
        f"Medians of {len(document['positives'])} data sets with {few[0]} to {few[-1]} "
        "positives to train on, factor 20:": sets,
    }
    parts = []
    for title, lines in titles.items():
        shown = [row for row in lines if row["factor"] != 5 and not row["stopping"]]
        parts += [title, harness.table(HEADINGS, shown)]
    stopped = [[row for row in lines if row["stopping"]] for lines in (table, sets)]
    fixed = [
        harness.span((row["loss_over_fixed"] for row in lines), ".3f")
        for lines in stopped
    ]
    few = [row["trees"] for row in stopped[0] if row["booster"] != "CatBoost"]
    guided = [row for row in (*table, *sets) if row["way"] == "guided, inside"]
    better = sum(row["loss_over_outside"] > 1 for row in guided)
    outside = [row for row in (*table, *sets) if row["way"] == "guided, outside"]
    slower = harness.span((row["cpu_over_booster"] for row in outside), ".1f")
    return "\n\n".join(parts) + (
        "\n\nThe rest is of factor 5 and 20, with and without early stopping. With the "
        "correction outside, guided rows have the lower log loss in "
        f"{better} of {len(guided)} arms. To predict, this takes {slower} times the "
        "booster's own CPU time. Log loss with early stopping over that without: "
        f"{fixed[0]} on the generated table, {fixed[1]} on the data sets. On the "
        f"table, LightGBM and XGBoost stopped after {harness.span(few, 'g')} trees."
    )


if __name__ == "__main__":
    harness.run(measure, report, rounds=2, uses=("lightgbm", "xgboost", "catboost"))
