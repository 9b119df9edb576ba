"""Training time saved by fewer rows, and the log loss that they add.

Every way to train a model is compared with the same model on all rows: on data sets
(five stratified folds, the smallest class against the others) and on generated tables,
which are judged on fresh rows. A factor is at most the ratio of the classes.
``RandomUnderSampler`` keeps the same share of the big class inside
``CalibratedClassifierCV``, so each of its three models has two thirds of the rows. The
time of the pilot alone includes the choice of rows.

One thread, ways in alternating order. Time is CPU time of ``fit``, with resampling and
the check by dropped rows; fits under a tenth of a second are repeated, and the median
counts. Ratios are to all rows of the same split.

To fit into an hour, forests get a sample of 100,000 rows and two folds of larger sets,
one draw of a generated table, and none of the largest. Above 60,000 rows ``imbcal``,
which has ten to fifteen fits, is left out, and class weights for forests. ``imbcal`` is
also left out for forests, and where it is not installed.

    python benchmarks/frontier.py --data FOLDER
"""

import time
import warnings
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import islice, product
from statistics import median
from types import SimpleNamespace

import data
import harness
import numpy as np
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from lightgbm import LGBMClassifier
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import skstrat

BOOSTING = {"l2_regularization": 1, "early_stopping": False}
MODELS = {
    "LogisticRegression": LogisticRegression(max_iter=1000),
    "HistGradientBoosting": HistGradientBoostingClassifier(**BOOSTING),
    "RandomForest": RandomForestClassifier(min_samples_leaf=5, n_jobs=1),
    "LightGBM": LGBMClassifier(n_jobs=1, verbose=-1),
}
FULL, AUTO, ENSEMBLE = "all rows", '`"auto"`', "ensemble of 3, factor 20"
UNIFORM, GUIDED = ("uniform, factor 5", "uniform, factor 20"), "guided, factor 20"
UNDER = [f"`RandomUnderSampler`, factor {n}, sigmoid calibrator" for n in (5, 20)]
# Okabe and Ito's colours, which colour-blind readers can distinguish, and markers.
DRAWN = (FULL, AUTO, *UNIFORM, GUIDED, ENSEMBLE, *UNDER)
BLUE, ORANGE = "#0072B2", "#E69F00"
COLOURS = ("black", "#D55E00", BLUE, BLUE, "#009E73", "#56B4E9", ORANGE, ORANGE)
MARKERS = "*Dosd^os"
# Rows and share of positives of the generated tables.
TABLES = (*product((100_000, 200_000), (0.01, 0.05)), (2_000_000, 0.005))
FOREST_ROWS, MOST_ROWS_OF_MANY_FITS = 100_000, 60_000
SHORT, REPEATS = 0.1, 3
LARGE, VERY_LARGE = 50_000, 2_000_000
MOST_LOSS, MOST_OFF, MOST_LOSS_DRAWN = 1.01, 0.05, 1.3


def pilot_alone(guided, X, y):
    """Fit a model that predicts by the pilot of guided rows, under the true prior."""
    guided.fit_resample(X, y)
    pilots = list(zip(guided.pilots_, guided._learned, strict=True))
    correct = partial(skstrat.correct_prior, target_prior=np.bincount(y))

    def predict_proba(X):
        each = [correct(m.predict_proba(X), train_prior=prior) for m, prior in pilots]
        return np.mean(each, axis=0)

    return SimpleNamespace(predict_proba=predict_proba)


def make_model(name, seed, **params):
    """Return a model; linear ones with scaled columns."""
    model = clone(MODELS[name]).set_params(random_state=seed, **params)
    linear = name == "LogisticRegression"
    return make_pipeline(StandardScaler(), model) if linear else model


def make_ways(name, y, seed):
    """Return the ways to train a model, as functions of X and y."""
    model, ratio = make_model(name, seed), np.ptp(np.bincount(y)) / y.sum() + 1
    # More would leave fewer rows of the big class than of the small one.
    factors = min(5, ratio), min(20, ratio)
    down = partial(skstrat.DownsampleUpweight, random_state=seed)
    some, few = (down(factor=each) for each in factors)
    guided = skstrat.GuidedDownsample(factor=factors[1], random_state=seed)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    sigmoid = partial(CalibratedClassifierCV, method="sigmoid", cv=folds)
    resampled = partial(skstrat.ResampledClassifier, model)
    three = {"n_estimators": 3, "random_state": seed}
    ways = {
        FULL: model,
        AUTO: resampled("auto", random_state=seed),
        UNIFORM[0]: resampled(some),
        UNIFORM[1]: resampled(few),
        GUIDED: resampled(guided),
    }
    if name == "LogisticRegression":
        ways[f"{UNIFORM[1]}, `full_fit=True`"] = resampled(few, full_fit=True)
    ways[ENSEMBLE] = skstrat.ResampledEnsembleClassifier(model, few, **three)
    for way, factor in zip(UNDER, factors, strict=True):
        share = min(1.0, factor / ratio)
        under = RandomUnderSampler(sampling_strategy=share, random_state=seed)
        ways[way] = sigmoid(make_imblearn_pipeline(under, model))
    forest = name == "RandomForest"
    if not forest or len(y) <= MOST_ROWS_OF_MANY_FITS:
        balanced = make_model(name, seed, class_weight="balanced")
        ways["class weights, sigmoid calibrator"] = sigmoid(balanced)
    if not forest and len(y) <= MOST_ROWS_OF_MANY_FITS and find_spec("imbcal"):
        imbcal = import_module("imbcal").ImbalanceCalibratedClassifier
        ways["`imbcal`, all rows"] = imbcal(model, random_state=seed)
    ways = {name: clone(way).fit for name, way in ways.items()}
    return ways | {"the guided rows' pilot alone": partial(pilot_alone, guided)}


def set_splits(path, model):
    """Yield training and test rows of the folds of a data set."""
    X, y = data.read(path, one_hot=model == "LogisticRegression")
    y, folds = (y == np.bincount(y).argmin()).astype(np.int64), 5
    if model == "RandomForest" and len(y) > FOREST_ROWS:
        (X, y), folds = data.sample(X, y, FOREST_ROWS), 2
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(X, y):
        yield (X[train], y[train]), (X[test], y[test])


def table_splits(rows, share, model):
    """Yield draws of a generated table, each with its own test rows."""
    forest = model == "RandomForest"
    if forest and rows > FOREST_ROWS and (rows >= VERY_LARGE or share >= 0.05):
        return
    fresh = max(rows // 4, min(100_000, 2 * rows))
    for draw in range(1 if forest or rows >= VERY_LARGE else 3):
        parts = (rows, draw), (fresh, 1_000 + draw)
        yield tuple(data.make_table(*part, share)[:2] for part in parts)


def measure_way(way, train, test):
    """Train in one way, and score test rows."""
    spent = []
    while not spent or (spent[0] < SHORT and len(spent) < REPEATS):
        start = time.process_time()
        model = way(*train)
        spent.append(time.process_time() - start)
    p = np.asarray(model.predict_proba(test[0])[:, 1], dtype=np.float64)
    least = np.finfo(np.float64).eps
    losses = -np.log(np.clip(np.where(test[1] == 1, p, 1 - p), least, 1))
    return {"cpu": median(spent), "p": p, "loss": losses, "model": model}


def ratio(above, below):
    """Return the ratio of two means, and its standard error by the pairs."""
    found = above.mean() / below.mean()
    return found, (above - found * below).std() / (len(above) ** 0.5 * below.mean())


@threadpool_limits.wrap(limits=1)
def measure_cell(name, model, splits):
    """Train a model in every way on the splits of a data set; ratios to all rows."""
    found, dropped = [], False
    for turn, ((X, y), test) in enumerate(splits):
        ways = make_ways(model, y, turn)
        order = harness.in_turn(ways, turn)
        runs = {way: measure_way(ways[way], (X, y), test) for way in order}
        dropped |= runs[AUTO]["model"].resampler_ is not None
        for way in ways:
            loss = ratio(runs[way]["loss"], runs[FULL]["loss"])
            cpu = runs[way]["cpu"] / runs[FULL]["cpu"]
            mean_p = ratio(runs[way]["p"], test[1])
            found.append({"way": way, "cpu": cpu, "loss": loss, "mean_p": mean_p})
    cell = {"set": name, "model": model, "rows": len(y), "auto_dropped": dropped}
    ways = {}
    for (way,), own in harness.groups(found, "way").items():
        ways[way] = {"cpu": harness.rounded(median(run["cpu"] for run in own), 6)}
        for key in ("loss", "mean_p"):
            values, errors = np.array([run[key] for run in own]).T
            ways[way][key] = harness.rounded(values.mean(), 6)
            if way == AUTO:
                cell[f"auto_{key}_se"] = np.square(errors).sum() ** 0.5 / len(own)
    return cell | {"ways": ways}


def measure(arguments):
    """Measure every model on every data set."""
    sources = {
        name: partial(set_splits, path)
        for name, path in data.data_sets(arguments.data, arguments.only)
    }
    for rows, share in ((1_000, 0.05),) if arguments.quick else TABLES:
        name = f"generated {rows // 1000}k, {share:.1%}"
        if arguments.only in name:
            sources[name] = partial(table_splits, rows, share)
    cells, models = [], [*MODELS][: 1 if arguments.quick else None]
    # The table shows the reasons of these warnings.
    warnings.simplefilter("ignore")
    for (name, splits), model in product(sources.items(), models):
        if own := [*islice(splits(model), arguments.rounds)]:
            cells.append(measure_cell(name, model, own))
    return {"cells": cells}


def report(document):
    """Write what "auto" did, how it compares, and the medians of all ways."""
    cells = document["cells"]
    large = [cell for cell in cells if cell["rows"] >= LARGE]
    small = [cell for cell in cells if cell["rows"] < LARGE]
    parts = [said_of_auto(cells), against_auto(large), mean_predictions(cells)]
    for size, some in ((f"from {LARGE:,}", large), (f"below {LARGE:,}", small)):
        for (model,), own in harness.groups(some, "model").items():
            title = f"{model}, {size} training rows, medians"
            table = medians([cell["ways"] for cell in own])
            parts.append(harness.folded(title, table))
    return "\n\n".join(parts)


OTHER = (
    "\n- {model} on {set}: log loss {loss:.3f} ± {auto_loss_se:.3f}, mean p "
    "{mean_p:.3f} ± {auto_mean_p_se:.3f}, of all rows {full:.3f}"
)


def said_of_auto(cells):
    """Write where "auto" dropped rows, the loss that it added, and its time."""
    tried, others = [cell for cell in cells if cell["auto_dropped"]], []
    for cell in tried:
        _, loss, mean_p = cell["ways"][AUTO].values()
        full = cell["ways"][FULL]["mean_p"]
        if loss > MOST_LOSS or abs(mean_p - 1) > max(MOST_OFF, abs(full - 1)):
            words = cell | {"loss": loss, "mean_p": mean_p, "full": full}
            others.append(OTHER.format_map(words))
    times = [
        harness.span(c["ways"][AUTO]["cpu"] for c in tried if c["rows"] >= least)
        for least in (LARGE, VERY_LARGE)
    ]
    n, good = len(tried), len(tried) - len(others)
    return (
        f"{AUTO} dropped rows in {n} of {len(cells)} pairs of table and model, and "
        f"kept all rows in the others. In {good} of the {n} two rules hold. The log "
        f"loss is at most {MOST_LOSS} times that of all rows. Mean p / prevalence is "
        f"within {MOST_OFF} of 1, or as near to 1 as with all rows. From {LARGE:,} "
        f"training rows on, {AUTO} took {times[0]} of the CPU time of all rows, where "
        f"it dropped rows. On {VERY_LARGE:,} rows it took {times[1]}. Where a rule "
        f"does not hold, with standard errors:\n{''.join(others) or 'none'}"
    )


def against_auto(cells):
    """Compare calibrated under-sampling and an ensemble with "auto"."""
    lines = []
    for model, way in product(MODELS, (*UNDER, ENSEMBLE)):
        own = [cell["ways"] for cell in cells if cell["model"] == model]
        loss = [ways[way]["loss"] / ways[AUTO]["loss"] for ways in own]
        cpu = [ways[way]["cpu"] / ways[AUTO]["cpu"] for ways in own]
        won = sum(a <= 1 > b for a, b in zip(loss, cpu, strict=True))
        spans = harness.span(loss), harness.span(cpu)
        lines.append((model, way, *spans, f"{won} of {len(own)}"))
    heads = "model", "way", "log loss", "CPU time", "faster, loss no higher"
    title = f"Divided by those of {AUTO}, tables from {LARGE:,} training rows on:"
    return f"{title}\n\n{harness.table(heads, lines)}"


def mean_predictions(cells):
    """Show the least and the largest mean prediction over the prevalence."""
    ways, lines = (FULL, *UNIFORM, GUIDED), []
    for (model,), own in harness.groups(cells, "model").items():
        spans = [harness.span(c["ways"][way]["mean_p"] for c in own) for way in ways]
        lines.append((model, *spans))
    title = "Mean p / prevalence, least and largest of all tables:"
    return f"{title}\n\n{harness.table(('model', *ways), lines)}"


def medians(cells):
    """Return a table of the medians over data sets."""
    lines = []
    for way in dict.fromkeys(way for ways in cells for way in ways):
        own = [ways[way] for ways in cells if way in ways]
        cpu, loss = (median(each[key] for each in own) for key in ("cpu", "loss"))
        good = sum(each["loss"] <= MOST_LOSS for each in own)
        near = sum(abs(each["mean_p"] - 1) <= MOST_OFF for each in own)
        counts = f"{good} of {len(own)}", f"{near} of {len(own)}"
        lines.append((way, f"{cpu:.3f}", f"{loss:.4f}", *counts))
    heads = "way", "CPU time / all rows'", "log loss / all rows'"
    heads += f"loss within {MOST_LOSS}", f"mean p within {MOST_OFF}"
    return harness.table(heads, lines)


def picture(document, path):
    """Draw medians of time and log loss on many rows, and each data set faintly."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panels = figure.subplots(1, len(MODELS), sharex=True, sharey=True)
    for axes, model in zip(panels, MODELS, strict=True):
        cells = [cell for cell in document["cells"] if cell["model"] == model]
        large = [cell["ways"] for cell in cells if cell["rows"] >= LARGE]
        for way, colour, marker in zip(DRAWN, COLOURS, MARKERS, strict=True):
            points = np.array([(each[way]["cpu"], each[way]["loss"]) for each in large])
            points[:, 1] = points[:, 1].clip(None, MOST_LOSS_DRAWN)
            axes.scatter(*points.T, s=8, color=colour, alpha=0.4, linewidths=0)
            axes.plot(*np.median(points, axis=0), marker, color=colour, label=way)
        axes.set_title(f"{model}, {len(large)} tables", fontsize=10)
        axes.set(xscale="log", xlabel="CPU time / that of all rows")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(color="0.93")
        axes.set_axisbelow(True)
    panels[0].set_ylabel(f"log loss / that of all rows, at most {MOST_LOSS_DRAWN}")
    handles, names = panels[0].get_legend_handles_labels()
    names = [name.replace("`", "") for name in names]
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    harness.run(measure, report, uses=("lightgbm", "imbcal"))
