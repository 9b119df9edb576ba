"""How often a comparison names a winner where no strategy is better than another.

Drawn folds are differences of the loss of strategies to that of the true distribution.
They are correlated between folds by shared training rows (Nadeau and Bengio: the share
of test rows), and between strategies by a common loss. Heavy tails are Student's t of
three degrees. Skewed losses are log-normal: mostly a little better, seldom much worse.

Real fits are of generated data of which no strategy can be better. "Seeds" are draws of
one resampler, in ``compare_strategies``. "Columns" are models that each lack another
column of the same worth.

The other rule names the best mean if it leads by one standard error. Goal: at most one
comparison in ten has a winner, by three standard errors, where folds are normal or fits
are real.

    python benchmarks/verdict.py --rounds 200
"""

from functools import partial
from itertools import product

import harness
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

import skstrat
from skstrat import Strategy
from skstrat.model_selection._outcome import Outcome  # noqa: PLC2701
from skstrat.model_selection._verdict import (  # noqa: PLC2701
    critical_lead,
    judge,
)

MOST_WINNERS = 0.1
ROWS, FOLDS, STRATEGIES, CORRELATIONS = 2_000, 5, (1, 5, 15, 30), (0.0, 0.5, 0.9)
# Widths of log-normal values.
SKEWS = {"skewness 1": 0.314, "skewness 6": 1.0}
MODELS = {
    "logistic": LogisticRegression(),
    "tree": DecisionTreeClassifier(min_samples_leaf=20, random_state=0),
}
# Kind, model, folds, strategies, share of positives.
FITS = (
    ("seeds", "logistic", 5, 15, 0.1),
    ("columns", "logistic", 5, 15, 0.1),
    ("seeds", "tree", 5, 5, 0.01),
    ("columns", "tree", 5, 5, 0.1),
    ("columns", "logistic", 10, 5, 0.1),
    ("seeds", "logistic", 2, 5, 0.1),
    ("columns", "logistic", 2, 5, 0.1),
    ("columns", "logistic", 5, 1, 0.1),
)


def draw_values(rng, shape, size, correlation):
    """Draw values of mean 0 and variance 1, correlated along the last axis."""
    own, common = rng.normal(size=size), rng.normal(size=(*size[:-1], 1))
    values = np.sqrt(1 - correlation) * own + np.sqrt(correlation) * common
    if shape == "heavy tails":
        values /= np.sqrt(rng.chisquare(3, size=(*size[:-1], 1)))
    if shape in SKEWS:
        width = SKEWS[shape]
        variance = np.exp(2 * width**2) - np.exp(width**2)
        values = (np.exp(width * values) - np.exp(width**2 / 2)) / np.sqrt(variance)
    return values


def plain_winners(differences):
    """Tell where the best mean leads by one standard error; axis 1 is the fold."""
    means = differences.mean(axis=1)
    errors = differences.std(axis=1, ddof=1) / np.sqrt(differences.shape[1])
    best = means.argmin(axis=1)[:, None]
    found = np.take_along_axis(means, best, 1) < -np.take_along_axis(errors, best, 1)
    return found[:, 0]


def measure_drawn(shape, n_strategies, correlation, n_repeats):
    """Tell of drawn folds where the verdict, and the other rule, name a winner."""
    rng = np.random.default_rng([FOLDS, n_strategies, int(10 * correlation)])
    own = draw_values(rng, shape, (n_repeats, FOLDS, n_strategies), correlation)
    shared = draw_values(rng, "normal", (n_repeats, 1, n_strategies), correlation)
    folds = np.sqrt(1 - 1 / FOLDS) * own + np.sqrt(1 / FOLDS) * shared
    rows = draw_values(rng, shape, (ROWS, n_strategies), correlation).T
    errors = folds.std(axis=1, ddof=1) * np.sqrt(1 / FOLDS + 1 / (FOLDS - 1))
    leads = (-folds.mean(axis=1) / errors).max(axis=1)
    return leads > critical_lead(FOLDS, n_strategies, rows), plain_winners(folds)


def make_data(rng, n_columns, share):
    """Make labels, and columns that all tell the same about them."""
    X = rng.normal(size=(ROWS, n_columns))
    scores = X.sum(axis=1) / np.sqrt(n_columns) + rng.logistic(size=ROWS)
    return X, (scores > np.quantile(scores, 1 - share)).astype(int)


def compare_seeds(model, seed, n_folds, n_strategies, share):
    """Compare draws of one resampler; the first is the one to beat."""
    X, y = make_data(np.random.default_rng(seed), 5, share)
    downs = [
        skstrat.DownsampleUpweight(factor=5, random_state=draw)
        for draw in range(n_strategies + 1)
    ]
    compared = skstrat.compare_strategies(
        *(model, X, y),
        strategies=[Strategy(f"seed {n}", down) for n, down in enumerate(downs)],
        cv=n_folds,
        scoring=["neg_log_loss"],
        random_state=seed,
        tune_threshold=False,
    )
    outcomes = [each for each in compared.outcomes if each.strategy.resampler]
    p = np.array([each.proba[:, 1] for each in outcomes])
    return y, outcomes, row_losses(y, p)


def compare_columns(model, seed, n_folds, n_strategies, share):
    """Compare models that each lack another column; the first is the one to beat."""
    X, y = make_data(np.random.default_rng(seed), n_strategies + 1, share)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    splits, p = list(splitter.split(X, y)), np.empty((n_strategies + 1, len(y)))
    for (train, test), column in product(splits, range(n_strategies + 1)):
        part = np.delete(X, column, axis=1)
        fitted = model.fit(part[train], y[train])
        p[column, test] = fitted.predict_proba(part[test])[:, 1]
    losses, ones, outcomes = row_losses(y, p), np.ones(n_folds), []
    for column, own in enumerate(losses):
        folds = np.array([own[test].mean() for _, test in splits])
        measures = {"log_loss": folds, "rows": ones, "fit_time": ones}
        strategy, share = Strategy(f"without column {column}"), 1 / (n_folds - 1)
        outcomes.append(Outcome(strategy, measures, ones, ones, share))
    return y, outcomes, losses


def row_losses(y, p):
    """Give the log loss of each row."""
    return -np.log(np.where(y == 1, p, 1 - p).clip(np.finfo(float).eps))


def measure_fits(compare, model, n_folds, n_strategies, share, n_repeats):
    """Tell of real fits where the verdict, and the other rule, name a winner."""
    named, plain = [], []
    for seed in range(n_repeats):
        y, outcomes, losses = compare(MODELS[model], seed, n_folds, n_strategies, share)
        rows = {"row_losses": losses, "row_classes": y}
        verdict = judge(outcomes, "log_loss", loss=True, **rows)
        named.append(verdict.best is not outcomes[0])
        folds = np.array([each.folds["log_loss"] for each in outcomes]).T
        plain.append(plain_winners((folds[:, 1:] - folds[:, :1])[None])[0])
    return named, plain


def list_cases(rounds):
    """Give the data, folds, strategies, whether there is a goal, and what counts."""
    drawn = product(("normal",), STRATEGIES, CORRELATIONS)
    others = product(("heavy tails", *SKEWS), STRATEGIES, CORRELATIONS[1:2])
    for shape, n_strategies, correlation in (*drawn, *others):
        case = shape, n_strategies, correlation, 20 * rounds
        name = f"drawn, {shape}, correlation {correlation:g}"
        yield (
            name,
            FOLDS,
            n_strategies,
            shape == "normal",
            partial(measure_drawn, *case),
        )
    for kind, model, *case in FITS:
        compare = compare_seeds if kind == "seeds" else compare_columns
        name = f"{kind}, {model}, {case[-1]:.0%} positive"
        yield (
            name,
            *case[:2],
            True,
            partial(measure_fits, compare, model, *case, rounds),
        )


def measure(arguments):
    """Count how often a winner is named."""
    rows, missed = [], []
    for name, n_folds, n_strategies, goal, count in list_cases(arguments.rounds):
        if arguments.only not in name or (arguments.quick and n_strategies > 5):
            continue
        named, plain = count()
        share, n = float(np.mean(named)), len(named)
        row = {"data": name, "folds": n_folds, "strategies": n_strategies, "n": n}
        rows.append(row | {"named": share, "plain": float(np.mean(plain))})
        if goal and share > MOST_WINNERS + 3 * (share * (1 - share) / n) ** 0.5:
            missed.append(f"{name}, {n_strategies} strategies")
    return {"rows": rows, "missed": missed}


def report(document):
    """Write how often a winner was named."""
    headings = {
        "data": "{data}",
        "folds": "{folds}",
        "strategies": "{strategies}",
        "comparisons": "{n:,}",
        "with a winner": "{named:.1%}",
        "by one standard error": "{plain:.1%}",
    }
    table = harness.table(headings, document["rows"])
    return f"{table}\n\n{document.get('note', '')}".strip()


if __name__ == "__main__":
    harness.run(measure, report, rounds=200)
