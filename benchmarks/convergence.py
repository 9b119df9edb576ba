"""How many row visits ``partial_fit`` needs to a log loss, by how batches are made.

300,000 rows of 20 columns, 0.5 % of them positive, in batches of 256; judged on 100,000
other rows after 1, 2, 3, 4, 5, 6, 8, 10 ... batches. The best log loss is that of the
logistic regression without penalty or, for the network, of the true probabilities. The
excess of a model is its log loss above the best, over that of the prevalence above the
best. A goal is reached at the first of two judgements in a row at or below it.

Every way gets the same learning rates and the same rule: for each schedule and goal,
the rate with the smallest median of visits over the seeds. "best" is the best schedule.
The bent truth was made so that a linear model without weights cannot come near it.

``SGDClassifier`` steps row by row, so it gets the batches between two judgements in one
call, unshuffled, which is the same as one by one.

    python benchmarks/convergence.py
"""

import warnings
from functools import partial
from itertools import islice, product
from statistics import median

import harness
import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skstrat import BalancedBatches, correct_prior

ROWS, TEST_ROWS, PREVALENCE, COLUMNS, BATCH = 300_000, 100_000, 0.005, 20, 256
GOALS = (0.5, 0.2, 0.1, 0.05)
SLOPES = np.where(np.arange(COLUMNS) % 2, -1, 1) * 2 / COLUMNS**0.5
TRUTHS = {
    "linear": lambda X: X @ SLOPES,
    "nonlinear": lambda X: (
        1.5 * X[:, 0] + X[:, 1] + 1.5 * np.abs(X[:, 2]) + X[:, 3] * X[:, 4]
    ),
    # A linear model must choose which rows to be right about: below the bend most rows
    # are, above it most positives.
    "bent": lambda X: 4 * np.maximum(X[:, 0] - 1, 0) + X[:, 1],
}
# By schedule, the exponents of 2 of the learning rates.
SGD = {
    "constant": range(-9, 0),
    "invscaling 0.25": range(-7, 2),
    "invscaling 0.5": range(-5, 4),
}
# Truth, schedules, seeds and most batches.
EXPERIMENTS = {
    "SGD, linear truth": ("linear", SGD, 5, 4096),
    "SGD, nonlinear truth": ("nonlinear", SGD, 3, 4096),
    "SGD, bent truth": ("bent", SGD, 3, 4096),
    "MLP, nonlinear truth": ("nonlinear", {"adam": range(-8, -3)}, 3, 2048),
}
PLAIN = "plain shuffling"
# Shares of positives, and whether rows get weights; else the prior is corrected.
WAYS = {
    PLAIN: None,
    "equal shares, weights": (0.5, True),
    "10 % positives, weights": (0.1, True),
    "equal shares, prior corrected": (0.5, False),
}


def log_loss(y, p):
    """Give the mean log loss, infinite if a probability is no number."""
    loss = -np.log(np.maximum(np.where(y == 1, p, 1 - p), 1e-15)).mean()
    return loss if np.isfinite(loss) else np.inf


def make_data(truth, network, seed, rows, test_rows):
    """Draw rows to train on, rows to judge by, and the log losses to reach."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows + test_rows, COLUMNS))
    score = TRUTHS[truth](X)
    p = expit(score + brentq(lambda b: expit(score + b).mean() - PREVALENCE, -30, 10))
    y = (rng.random(len(p)) < p).astype(np.int64)
    y[:2] = 0, 1
    train, test = (X[:rows], y[:rows]), (X[rows:], y[rows:])
    reached = p[rows:]
    if not network:
        model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-6).fit(*train)
        reached = model.predict_proba(test[0])[:, 1]
    best = log_loss(test[1], reached)
    null = log_loss(test[1], np.full(test_rows, train[1].mean()))
    return train, test, [best + goal * (null - best) for goal in GOALS]


def make_batches(way, y, seed):
    """Give an endless stream of rows and weights, and what corrects predictions."""
    if WAYS[way] is None:
        return shuffled(len(y), seed), lambda p: p
    share, weighted = WAYS[way]
    drawn = BalancedBatches(
        y,
        batch_size=BATCH,
        shares={0: 1 - share, 1: share},
        weighting="original",
        drop_last=True,
        random_state=seed,
    )

    def stream():
        while True:
            for rows in drawn:
                yield rows, drawn.sample_weight(rows) if weighted else None

    priors = {"train_prior": drawn.quota_, "target_prior": drawn.class_counts_}
    return stream(), (lambda p: p) if weighted else partial(correct_prior, **priors)


def shuffled(n_rows, seed):
    """Serve batches of equal size, across the ends of permutations."""
    rng, left = np.random.default_rng(seed), np.empty(0, dtype=np.int64)
    while True:
        left = np.concatenate([left, rng.permutation(n_rows)])
        while len(left) >= BATCH:
            yield left[:BATCH], None
            left = left[BATCH:]


def make_model(schedule, rate, seed):
    """Make an untrained estimator."""
    if schedule == "adam":
        return MLPClassifier(
            32, learning_rate_init=rate, batch_size=BATCH, random_state=seed
        )
    name, _, power = schedule.partition(" ")
    words = {"learning_rate": name, "eta0": rate, "power_t": float(power or 0.5)}
    return SGDClassifier(loss="log_loss", alpha=1e-8, shuffle=False, **words)


def feed(model, batches, X, y):
    """Train on some batches."""
    if isinstance(model, SGDClassifier):
        rows, weights = zip(*batches, strict=True)
        weight = None if weights[0] is None else np.concatenate(weights)
        batches = [(np.concatenate(rows), weight)]
    for rows, weight in batches:
        model.partial_fit(X[rows], y[rows], classes=[0, 1], sample_weight=weight)


def count_visits(model, way, data, seed, most):
    """Train until every goal is reached; visits to each, infinite if it is not."""
    (X, y), (X_test, y_test), goals = data
    stream, correct = make_batches(way, y, seed)
    reached, done, before, until = [np.inf] * len(goals), 0, np.inf, 1
    while done < most and np.inf in reached:
        try:
            feed(model, list(islice(stream, until - done)), X, y)
        except ValueError as error:
            # So scikit-learn tells of a rate that is far too large.
            if "Floating-point" in str(error) or "non-finite" in str(error):
                break
            raise
        loss = log_loss(y_test, correct(model.predict_proba(X_test)[:, 1]))
        for index, goal in enumerate(goals):
            if reached[index] == np.inf and max(loss, before) <= goal:
                reached[index] = done * BATCH
        done, before = until, loss
        until = min(most, max(done + 1, int(1.19 * done)))
    return reached


@threadpool_limits.wrap(limits=1)
def measure_experiment(name, rounds, sizes, most):
    """Train in every way, with every rate, on the data of every seed."""
    truth, schedules, seeds, _ = EXPERIMENTS[name]
    visits = {}
    for seed in range(min(seeds, rounds)):
        data = make_data(truth, "adam" in schedules, seed, *sizes)
        for way, schedule in product(WAYS, schedules):
            for rate in (2.0**power for power in schedules[schedule]):
                model = make_model(schedule, rate, seed)
                found = count_visits(model, way, data, seed, most)
                visits.setdefault((way, schedule, rate), []).append(found)
    for way, (index, goal) in product(WAYS, enumerate(GOALS)):
        fewest = {}
        for (own, schedule, _), runs in visits.items():
            if own == way:
                found = median(run[index] for run in runs)
                fewest[schedule] = min(found, fewest.get(schedule, np.inf))
        fewest["best"] = min(fewest.values())
        for schedule in ("best", "invscaling 0.5"):
            found = fewest.get(schedule)
            case = {"experiment": name, "schedule": schedule, "goal": goal, "way": way}
            if found is not None:
                yield case | {"visits": found if np.isfinite(found) else None}


def measure(arguments):
    """Run the experiments."""
    warnings.simplefilter("ignore")
    sizes = (5_000, 2_000) if arguments.quick else (ROWS, TEST_ROWS)
    names = list(EXPERIMENTS)[-1:] if arguments.quick else EXPERIMENTS
    cases = []
    for name in names:
        if arguments.only in name:
            most = 8 if arguments.quick else EXPERIMENTS[name][3]
            cases += measure_experiment(name, arguments.rounds, sizes, most)
    return {"cases": cases}


def report(document):
    """Write the visits, with the ratio of plain shuffling to each."""
    lines = []
    groups = harness.groups(document["cases"], "experiment", "schedule", "goal")
    for (experiment, schedule, goal), own in groups.items():
        visits = {case["way"]: case["visits"] for case in own}
        cells = []
        for way in WAYS:
            cell = f"{visits[way]:,.0f}" if visits[way] else "not reached"
            if way != PLAIN and visits[way] and visits[PLAIN]:
                cell += f" ({visits[PLAIN] / visits[way]:.1f})"
            cells.append(cell)
        lines.append((f"{experiment}, {schedule}", f"{goal:.0%}", *cells))
    lines.sort(key=lambda line: line[0])
    return (
        "Rows visited until a share of the excess is left. The excess is log loss "
        "above the best, over that of the prevalence above the best. In brackets: how "
        "many times fewer than with plain shuffling.\n\n"
        + harness.table(("model, step", "left", *WAYS), lines)
    )


if __name__ == "__main__":
    harness.run(measure, report)
