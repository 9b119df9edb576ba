"""How often a comparison names a winner where no strategy is better than another.

Drawn folds are differences of the loss of strategies to that of the true distribution.
They are correlated between folds by shared training rows (Nadeau and Bengio: the share
of test rows), and between strategies by a common loss. Heavy tails are Student's t of
three degrees. Skewed losses are log-normal: mostly a little better, seldom much worse.

Real fits are of generated data of which no strategy can be better. "Draws" are those of
one resampler. "Columns" are models that each lack another column of the same worth.

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

from skstrat import DownsampleUpweight, ResampledClassifier, Strategy
from skstrat.model_selection._outcome import Outcome  # noqa: PLC2701
from skstrat.model_selection._verdict import critical_lead, judge  # noqa: PLC2701

MOST_WINNERS, ROWS, FOLDS, STRATEGIES = 0.1, 2_000, 5, 15
# Shape of the losses, and correlation between strategies.
DRAWN = (
    ("normal", 0.0),
    ("normal", 0.5),
    ("normal", 0.9),
    ("heavy tails", 0.5),
    ("skewness 1", 0.5),
    ("skewness 6", 0.5),
)
WIDTHS = {"skewness 1": 0.314, "skewness 6": 1.0}
MODELS = {
    "logistic": LogisticRegression(),
    "tree": DecisionTreeClassifier(min_samples_leaf=20, random_state=0),
}
# Kind, model, strategies, share of positives.
FITS = (
    ("draws", "logistic", STRATEGIES, 0.1),
    ("columns", "logistic", STRATEGIES, 0.1),
    ("draws", "tree", 5, 0.01),
    ("columns", "tree", 5, 0.1),
)


def draw_values(rng, shape, size, correlation):
    """Draw values of mean 0 and variance 1, correlated along the last axis."""
    own, common = rng.normal(size=size), rng.normal(size=(*size[:-1], 1))
    values = np.sqrt(1 - correlation) * own + np.sqrt(correlation) * common
    if shape == "heavy tails":
        values /= np.sqrt(rng.chisquare(3, size=(*size[:-1], 1)))
    if width := WIDTHS.get(shape):
        variance = np.exp(2 * width**2) - np.exp(width**2)
        values = (np.exp(width * values) - np.exp(width**2 / 2)) / np.sqrt(variance)
    return values


def plain_winners(differences):
    """Return where the best mean leads by one standard error; axis 1 is the fold."""
    means = differences.mean(axis=1)
    errors = differences.std(axis=1, ddof=1) / np.sqrt(FOLDS)
    best = np.arange(len(means)), means.argmin(axis=1)
    return means[best] < -errors[best]


def measure_drawn(shape, correlation, n_repeats):
    """Return for drawn folds where the verdict, and the other rule, name a winner."""
    rng = np.random.default_rng([FOLDS, STRATEGIES, int(10 * correlation)])
    own = draw_values(rng, shape, (n_repeats, FOLDS, STRATEGIES), correlation)
    shared = draw_values(rng, "normal", (n_repeats, 1, STRATEGIES), correlation)
    folds = np.sqrt(1 - 1 / FOLDS) * own + np.sqrt(1 / FOLDS) * shared
    rows = draw_values(rng, shape, (ROWS, STRATEGIES), correlation).T
    errors = folds.std(axis=1, ddof=1) * np.sqrt(1 / FOLDS + 1 / (FOLDS - 1))
    leads = (-folds.mean(axis=1) / errors).max(axis=1)
    return leads > critical_lead(FOLDS, STRATEGIES, rows), plain_winners(folds)


def make_data(rng, n_columns, share):
    """Draw labels, and columns with equal information about them."""
    X = rng.normal(size=(ROWS, n_columns))
    scores = X.sum(axis=1) / np.sqrt(n_columns) + rng.logistic(size=ROWS)
    return X, (scores > np.quantile(scores, 1 - share)).astype(int)


def measure_fit(kind, model, n_strategies, share, seed):
    """Return for real fits whether the verdict, and the other rule, name a winner."""
    n_columns = n_strategies + 1 if kind == "columns" else 5
    X, y = make_data(np.random.default_rng(seed), n_columns, share)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    splits, p = [*splitter.split(X, y)], np.empty((n_strategies + 1, ROWS))
    for (train, test), n in product(splits, range(len(p))):
        part, fitted = X, MODELS[model]
        if kind == "columns":
            part = np.delete(X, n, axis=1)
        else:
            down = DownsampleUpweight(factor=5, random_state=n)
            fitted = ResampledClassifier(fitted, down, calibration_check=False)
        fitted.fit(part[train], y[train])
        p[n, test] = fitted.predict_proba(part[test])[:, 1]
    losses = -np.log(np.where(y == 1, p, 1 - p).clip(np.finfo(float).eps))
    folds = np.array([losses[:, test].mean(axis=1) for _, test in splits])
    outcomes, ones = [], np.ones(FOLDS)
    for n, own in enumerate(folds.T):
        measures = {"log_loss": own, "rows": ones, "fit_time": ones}
        outcomes.append(
            Outcome(Strategy(f"{n}"), measures, ones, ones, 1 / (FOLDS - 1))
        )
    rows = {"row_losses": losses, "row_classes": y}
    # The first is the one to beat.
    named = judge(outcomes, "log_loss", loss=True, **rows).best is not outcomes[0]
    plain = plain_winners((folds[:, 1:] - folds[:, :1])[np.newaxis])
    return named, plain[0]


def measure_fits(rounds, *case):
    """Return the same for many real fits."""
    return zip(*(measure_fit(*case, seed) for seed in range(rounds)), strict=True)


def measure(arguments):
    """Count how often a winner is named."""
    cases, rows, missed, rounds = [], [], [], arguments.rounds
    for shape, correlation in DRAWN:
        name = f"drawn, {shape}, correlation {correlation:g}"
        count = partial(measure_drawn, shape, correlation, 20 * rounds)
        cases.append((name, STRATEGIES, shape == "normal", count))
    for case in FITS[-1:] if arguments.quick else FITS:
        name = "{}, {}, {:.0%} positive".format(*case[:2], case[3])
        cases.append((name, case[2], True, partial(measure_fits, rounds, *case)))
    for name, n_strategies, goal, count in cases:
        if arguments.only not in name:
            continue
        named, plain = count()
        share, n = float(np.mean(named)), len(named)
        row = {"data": name, "strategies": n_strategies, "n": n, "named": share}
        rows.append(row | {"plain": float(np.mean(plain))})
        if goal and share > MOST_WINNERS + 3 * (share * (1 - share) / n) ** 0.5:
            missed.append(name)
    return {"rows": rows, "missed": missed}


def report(document):
    """Write how often a winner was named."""
    headings = {
        "data": "{data}",
        "strategies": "{strategies}",
        "comparisons": "{n:,}",
        "with a winner": "{named:.1%}",
        "by one standard error": "{plain:.1%}",
    }
    return harness.table(headings, document["rows"])


if __name__ == "__main__":
    harness.run(measure, report, rounds=200)
