"""How often a comparison names a winner where no strategy is better, and when it must.

    python benchmarks/bench_verdict.py [--repeats 4000] [--fits 200] [--jobs 2]
        [--json FILE]

Folds of normal values: differences of K strategies to the true distribution, of which
none is better, correlated between folds by the training rows that these share (Nadeau
and Bengio: the share of test rows) and between strategies by a common loss. And folds
of heavy tails, and of a skew: strategies a little better mostly, and seldom much worse.
``old`` is the rule of before: the best mean wins by one standard error; ``old_apart``
the same without the correlation between folds. ``any`` is the rule for any correlation
between strategies, ``rows`` that for the correlation of row losses, which is known in
folds that are drawn.

Real fits on generated data of which no strategy can be better: ``seeds`` are draws of
the same resampler, of which the first stands for the true distribution, by
``compare_strategies``; ``columns`` are models that each lack another column of the same
worth, which the data make better or worse by chance in all folds at once.

``shift`` are given predictions whose expected loss is the same: the log odds of one are
too high by a constant, those of the others too low by another, and noise. All others
differ from it alike by class, which stratified folds do not show; scores tell the
classes apart a little (``weak``) or well (``strong``).

``error`` is the median of the standard error of a difference over the value of the
measure.

Power: the lead that is found in 80 of 100 comparisons, in standard deviations of a
fold's difference, and in true standard errors of its mean.

Prints tables and writes ``benchmarks/results/verdict.json``. Exit code 1 if more than
one comparison in ten names a winner, by three standard errors, where folds are normal
or fits are real.
"""

from __future__ import annotations

import argparse
import sys
from itertools import chain, product
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier
from tables import print_table, report

from skstrat import DownsampleUpweight, Strategy, compare_strategies
from skstrat.model_selection._outcome import Outcome  # noqa: PLC2701
from skstrat.model_selection._verdict import (  # noqa: PLC2701
    FALSE_WINNERS,
    critical_lead,
    judge,
)

RESULTS = Path(__file__).parent / "results" / "verdict.json"
STRATEGIES, FOLDS, CORRELATIONS = (1, 5, 15, 30), (2, 3, 5, 10), (0.0, 0.5, 0.9)
# Widths of log-normal values, of skewness 1 and 6.
SKEWS = {"skew 1": 0.314, "skew 6": 1.0}
SHAPES = ("normal", "heavy", *SKEWS)
FOUND = 0.8
ROWS = 2_000


def draw(rng, shape, size, correlation):
    """Draw values of mean 0 and variance 1, correlated along the last axis."""
    own, common = rng.normal(size=size), rng.normal(size=(*size[:-1], 1))
    values = np.sqrt(1 - correlation) * own + np.sqrt(correlation) * common
    if shape == "heavy":
        # Student's t of three degrees, one denominator for all strategies.
        values /= np.sqrt(rng.chisquare(3, size=(*size[:-1], 1)))
    if shape in SKEWS:
        # Log-normal losses, whose median is below the mean.
        width = SKEWS[shape]
        variance = np.exp(2 * width**2) - np.exp(width**2)
        values = (np.exp(width * values) - np.exp(width**2 / 2)) / np.sqrt(variance)
    return values


def draw_folds(rng, shape, size, correlation, shared):
    """Draw losses minus those of the true distribution, by repeat, fold, strategy."""
    n_repeats, _, n_strategies = size
    fold = draw(rng, shape, size, correlation)
    training = draw(rng, "normal", (n_repeats, 1, n_strategies), correlation)
    return np.sqrt(1 - shared) * fold + np.sqrt(shared) * training


def old_winners(differences):
    """Tell where the best mean is better by one standard error."""
    means = differences.mean(axis=1)
    errors = differences.std(axis=1, ddof=1) / np.sqrt(differences.shape[1])
    best = means.argmin(axis=1)[:, None]
    best_mean = np.take_along_axis(means, best, axis=1)
    return (best_mean < -np.take_along_axis(errors, best, axis=1))[:, 0]


def leads(differences):
    """Give the leads as a comparison counts them, by repeat and strategy."""
    n_folds = differences.shape[1]
    errors = differences.std(axis=1, ddof=1)
    errors *= np.sqrt(1 / n_folds + 1 / (n_folds - 1))
    return -differences.mean(axis=1) / errors


def rate(name, named, **facts):
    """Give how often a winner was named, with its standard error."""
    share = float(np.mean(named))
    error = float(np.sqrt(share * (1 - share) / len(named)))
    return {**facts, name: round(share, 4), f"{name}_se": round(error, 4)}


def measure_normal(shape, n_folds, n_strategies, correlation, n_repeats):
    """Count false winners of drawn folds, old rule beside new."""
    rng = np.random.default_rng([n_folds, n_strategies, int(10 * correlation)])
    size = (n_repeats, n_folds, n_strategies)
    apart = draw_folds(rng, shape, size, correlation, 0)
    differences = draw_folds(rng, shape, size, correlation, 1 / n_folds)
    rows = draw(rng, shape, (ROWS, n_strategies), correlation).T
    largest = leads(differences).max(axis=1)
    row = {
        "data": shape,
        "folds": n_folds,
        "strategies": n_strategies,
        "correlation": correlation,
        "repeats": n_repeats,
    }
    any_rule = critical_lead(n_folds, n_strategies)
    row_rule = critical_lead(n_folds, n_strategies, rows)
    row |= {"critical": round(any_rule, 2), "critical_rows": round(row_rule, 2)}
    row |= rate("old_apart", old_winners(apart))
    row |= rate("old", old_winners(differences))
    row |= rate("any", largest > any_rule) | rate("rows", largest > row_rule)
    goal = shape == "normal"
    return judged(row, goal=goal, names=("any", "rows"))


def judged(row, *, goal, names):
    """Add the verdict: at most one false winner in ten, within chance."""
    missed = any(row[name] > FALSE_WINNERS + 3 * row[f"{name}_se"] for name in names)
    return {**row, "verdict": ("MISS" if missed else "pass") if goal else "-"}


def make_data(rng, n_columns, share):
    """Make labels, and columns that all tell the same about them."""
    X = rng.normal(size=(ROWS, n_columns))
    scores = X.sum(axis=1) / np.sqrt(n_columns) + rng.logistic(size=ROWS)
    return X, (scores > np.quantile(scores, 1 - share)).astype(int)


def compare_seeds(model, seed, n_folds, n_strategies, share):
    """Compare draws of one resampler; the first is the one to beat."""
    X, y = make_data(np.random.default_rng(seed), 5, share)
    comparison = compare_strategies(
        model,
        X,
        y,
        strategies=[
            Strategy(f"seed {draw}", DownsampleUpweight(factor=5, random_state=draw))
            for draw in range(n_strategies + 1)
        ],
        cv=n_folds,
        scoring=["neg_log_loss", "roc_auc", "balanced_accuracy"],
        random_state=seed,
        tune_threshold=False,
    )
    return y, [each for each in comparison.outcomes if each.strategy.resampler]


def compare_columns(model, seed, n_folds, n_strategies, share):
    """Compare models that each lack another column; the first is the one to beat."""
    X, y = make_data(np.random.default_rng(seed), n_strategies + 1, share)
    cv = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    splits, outcomes = list(cv.split(X, y)), []
    for column in range(n_strategies + 1):
        part, proba = np.delete(X, column, axis=1), np.empty((len(y), 2))
        for train, test in splits:
            proba[test] = model.fit(part[train], y[train]).predict_proba(part[test])
        folds = {
            name: np.array([score(y[test], proba[test, 1]) for _, test in splits])
            for name, score in SCORES.items()
        }
        folds |= dict.fromkeys(("rows", "fit_time"), np.ones(n_folds))
        strategy = Strategy(f"without column {column}")
        outcomes.append(Outcome(strategy, folds, proba, y, 1 / (n_folds - 1)))
    return y, outcomes


def measure_fits(compare, model, n_folds, n_strategies, share, n_repeats):
    """Count false winners of real fits, and how precisely leads are known."""
    found, errors = [], {name: [] for name in SCORES}
    for seed in range(n_repeats):
        y, outcomes = compare(MODELS[model], seed, n_folds, n_strategies, share)
        p = np.array([each.proba[:, 1] for each in outcomes])
        losses = -np.log(np.where(y == 1, p, 1 - p).clip(np.finfo(float).eps))
        for name in SCORES:
            values = np.array([each.folds[name] for each in outcomes]).T
            sign = 1 if name == "log_loss" else -1
            old = old_winners(sign * (values[:, 1:] - values[:, :1])[None])[0]
            error = outcomes[1].difference(outcomes[0], name)[1]
            errors[name].append(error / outcomes[0].mean(name))
            given = {"any": None}
            if name == "log_loss":
                given["rows"] = losses
            for rule, rows in given.items():
                verdict = judge(
                    outcomes, name, loss=sign == 1, row_losses=rows, row_classes=y
                )
                found.append((name, rule, verdict.best is not outcomes[0]))
            found.append((name, "old", old))
    measured = []
    for name in SCORES:
        row = {
            "data": f"{compare.__name__[8:]}, {model}, {share:.0%} positive",
            "measure": name,
            "folds": n_folds,
            "strategies": n_strategies,
            "repeats": n_repeats,
            "error": round(float(np.median(errors[name])), 5),
        }
        rules = ("old", "any", "rows") if name == "log_loss" else ("old", "any")
        for rule in rules:
            named = [won for key, by, won in found if (key, by) == (name, rule)]
            row |= rate(rule, named)
        measured.append(judged(row, goal=True, names=rules[1:]))
    return measured


def loss_of(log_odds, y):
    """Give the log loss of each row."""
    return np.logaddexp(0, log_odds) - y * log_odds


def draw_shifts(rng, width, up, noise):
    """Draw labels and rows of losses of equal mean, 1 strategy too high, 15 too low."""
    n_rows, n_drawn, share = ROWS, 400_000, 0.1
    scores = width * rng.normal(size=n_drawn) + np.log(share / (1 - share))
    y = rng.random(n_drawn) < expit(scores)
    weights = np.where(y, share / y.mean(), (1 - share) / (1 - y.mean()))
    noisy = scores + noise * rng.normal(size=n_drawn)
    wanted = np.mean(weights * loss_of(scores + up, y))
    down = brentq(
        lambda down: np.mean(weights * loss_of(noisy - down, y)) - wanted, 0, 6
    )
    n_positive = int(n_rows * share)
    while True:
        rows = np.concatenate(
            [
                rng.choice(np.flatnonzero(y), n_positive),
                rng.choice(np.flatnonzero(~y), n_rows - n_positive),
            ]
        )
        low = scores[rows] + noise * rng.normal(size=(15, n_rows)) - down
        log_odds = np.vstack([scores[rows] + up, low])
        yield y[rows], loss_of(log_odds, y[rows])


def measure_shifts(name, settings, n_repeats):
    """Count false winners of given predictions in stratified folds."""
    drawn, found = draw_shifts(np.random.default_rng(5), *settings), []
    errors, critical = [], []
    nothing = np.ones(5)
    for seed in range(n_repeats):
        y, losses = next(drawn)
        cv = StratifiedKFold(5, shuffle=True, random_state=seed)
        tests = [test for _, test in cv.split(y, y)]
        folds = np.array([losses[:, test].mean(axis=1) for test in tests])
        outcomes = [
            Outcome(
                Strategy(f"{n}"),
                {"log_loss": each, "rows": nothing, "fit_time": nothing},
                *(nothing, nothing, 1 / 4),
            )
            for n, each in enumerate(folds.T)
        ]
        by_any = judge(outcomes, "log_loss", loss=True)
        by_rows = judge(
            outcomes, "log_loss", loss=True, row_losses=losses, row_classes=y
        )
        won = [verdict.best is not outcomes[0] for verdict in (by_any, by_rows)]
        found.append([old_winners((folds[:, 1:] - folds[:, :1])[None])[0], *won])
        critical.append([by_any.critical, by_rows.critical])
        error = outcomes[1].difference(outcomes[0], "log_loss")[1]
        errors.append(error / outcomes[0].mean("log_loss"))
    row = {
        "data": f"shift, {name}, 10% positive",
        "measure": "log_loss",
        "folds": 5,
        "strategies": 15,
        "repeats": n_repeats,
        "error": round(float(np.median(errors)), 5),
    }
    means = np.round(np.mean(critical, axis=0), 2).tolist()
    row |= dict(zip(("critical", "critical_rows"), means, strict=True))
    for rule, named in zip(("old", "any", "rows"), np.transpose(found), strict=True):
        row |= rate(rule, named)
    return judged(row, goal=True, names=("any", "rows"))


def measure_power(n_folds, n_strategies, correlation, n_repeats):
    """Give the lead of one strategy that is found in most comparisons."""
    rng = np.random.default_rng(0)
    size = (n_repeats, n_folds, n_strategies)
    drawn = draw_folds(rng, "normal", size, correlation, 1 / n_folds)[..., 0]
    rows = draw(rng, "normal", (ROWS, n_strategies), correlation).T
    largest_chance = drawn.std(axis=1, ddof=1)
    largest_chance *= np.sqrt(1 / n_folds + 1 / (n_folds - 1))
    true_error = np.sqrt(1 / n_folds + (1 - 1 / n_folds) / n_folds)
    row = {
        "folds": n_folds,
        "strategies": n_strategies,
        "correlation": correlation,
    }
    for rule, given in (("any", None), ("rows", rows)):
        critical = critical_lead(n_folds, n_strategies, given)
        needed = np.quantile(critical * largest_chance + drawn.mean(axis=1), FOUND)
        row[f"{rule}_deviations"] = round(float(needed), 3)
        row[f"{rule}_errors"] = round(float(needed / true_error), 3)
    return row


FITS = (
    (compare_seeds, "logistic", 5, 15, 0.1),
    (compare_columns, "logistic", 5, 15, 0.1),
    (compare_seeds, "tree", 5, 5, 0.01),
    (compare_columns, "tree", 5, 5, 0.1),
    (compare_columns, "logistic", 10, 5, 0.1),
    (compare_seeds, "logistic", 2, 5, 0.1),
    (compare_columns, "logistic", 2, 5, 0.1),
    (compare_columns, "logistic", 5, 1, 0.1),
)
# Width of the scores, shift up of the first, noise of the others.
SHIFTS = {"weak": (0.2, 0.8, 0.3), "strong": (1.0, 1.0, 0.5)}
MODELS = {
    "logistic": LogisticRegression(),
    "tree": DecisionTreeClassifier(min_samples_leaf=20, random_state=0),
}
SCORES = {
    "log_loss": log_loss,
    "roc_auc": roc_auc_score,
    "balanced_accuracy": lambda y, p: balanced_accuracy_score(y, p > 0.5),
}


COLUMNS = (
    *("data", "measure", "folds", "strategies", "correlation", "repeats", "error"),
    *("critical", "critical_rows", "old_apart", "old_apart_se", "old", "old_se"),
    *("any", "any_se", "rows", "rows_se", "verdict"),
)


def main():
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4000)
    parser.add_argument("--fits", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    grid = list(product(FOLDS, STRATEGIES, CORRELATIONS))
    rows = [
        measure_normal(shape, *case, options.repeats)
        for shape in SHAPES
        for case in grid
        if shape == "normal" or case[2] == 0.5
    ]
    power = [measure_power(*case, options.repeats) for case in grid]
    fits = (delayed(measure_fits)(*case, options.fits) for case in FITS)
    rows += chain.from_iterable(Parallel(options.jobs)(fits))
    shifts = (
        delayed(measure_shifts)(*case, 5 * options.fits) for case in SHIFTS.items()
    )
    rows += Parallel(options.jobs)(shifts)
    print_table(power, {key: key for key in power[0]})
    rows = [{key: row.get(key) for key in COLUMNS} for row in rows]
    return report(rows, {key: key for key in COLUMNS}, options.json, power=power)


if __name__ == "__main__":
    sys.exit(main())
