"""How many rows ``partial_fit`` visits until a log loss, by how batches are made.

300,000 rows of 20 columns, 0.5 % of them positive, in batches of 256; judged on 100,000
other rows after 1, 2, 3, 4, 5, 6, 8, 10 ... batches. The best model is the logistic
regression without penalty or, for the network, the true probabilities. A share of the
loss gap is closed at the first of two measurements in a row that reach it.

Every way has the same learning rates, and the one with the smallest median of visits
over the seeds counts. A network starts with a bias that predicts the prior of its
batches, as a correction gives the prior at once; or from 0. The truth with a kink was
made so that a line cannot fit it.

    python benchmarks/convergence.py
"""

import warnings
from functools import partial
from itertools import chain, islice, product, repeat
from statistics import median

import harness
import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skstrat import BalancedBatches, correct_prior

ROWS, TEST_ROWS, PREVALENCE, COLUMNS, BATCH = 300_000, 100_000, 0.005, 20, 256
SLOPES = np.where(np.arange(COLUMNS) % 2, -1, 1) * 2 / COLUMNS**0.5
TRUTHS = {
    "linear": lambda X: X @ SLOPES,
    "nonlinear": lambda X: (
        1.5 * X[:, 0] + X[:, 1] + 1.5 * np.abs(X[:, 2]) + X[:, 3] * X[:, 4]
    ),
    # Most rows are below the kink, and most positives above it.
    "kink": lambda X: 4 * np.maximum(X[:, 0] - 1, 0) + X[:, 1],
}
# Schedules and learning rates.
FAST = [("invscaling 0.5", 2.0**power) for power in range(-5, 4)]
SLOW = [("invscaling 0.25", 2.0**power) for power in range(-7, 2)]
SGD = [("constant", 2.0**power) for power in range(-9, 0)] + SLOW + FAST
ADAM = [("adam", 2.0**power) for power in range(-8, -3)]
FROM_0 = [("adam from 0", rate) for _, rate in ADAM]
# Truth, schedules and rates, shares of the loss gap, seeds at most, batches at most.
EXPERIMENTS = {
    "SGD, linear truth": ("linear", SGD, (0.9, 0.95), 5, 4096),
    "SGD, linear truth, step 1/√t": ("linear", FAST, (0.95,), 5, 4096),
    "SGD, nonlinear truth": ("nonlinear", SGD, (0.95,), 3, 4096),
    "SGD, truth with a kink": ("kink", SGD, (0.9, 0.95), 3, 4096),
    "network, nonlinear truth": ("nonlinear", ADAM, (0.5, 0.8), 3, 2048),
    "network, nonlinear truth, from 0": ("nonlinear", FROM_0, (0.5, 0.8), 3, 2048),
}
DRAWN = {"batch_size": BATCH, "weighting": "original", "drop_last": True}
PLAIN = "plain shuffling"
# Shares of positives, and whether rows get weights; else the prior is corrected.
WAYS = {
    PLAIN: None,
    "equal classes in each batch, weights": (0.5, True),
    "10 % positives, weights": (0.1, True),
    "equal classes in each batch, prior corrected": (0.5, False),
}


def log_loss(y, p):
    """Return the mean log loss, infinite if a probability is no number."""
    loss = -np.log(np.maximum(np.where(y == 1, p, 1 - p), 1e-15)).mean()
    return loss if np.isfinite(loss) else np.inf


def make_data(truth, network, shares, rows, test_rows, seed):
    """Draw training rows and test rows, and compute the log losses to reach."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows + test_rows, COLUMNS))
    score = TRUTHS[truth](X)
    p = expit(score + brentq(lambda b: expit(score + b).mean() - PREVALENCE, -30, 10))
    y = (rng.random(len(p)) < p).astype(np.int64)
    y[:2] = 0, 1
    train, test, best = (X[:rows], y[:rows]), (X[rows:], y[rows:]), p[rows:]
    if not network:
        model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-6).fit(*train)
        best = model.predict_proba(test[0])[:, 1]
    prior = log_loss(test[1], np.full(test_rows, train[1].mean()))
    gap = prior - log_loss(test[1], best)
    return train, test, [prior - share * gap for share in shares]


def make_batches(way, y, most, seed):
    """Return batches of rows and weights, and the correction of predictions."""
    if WAYS[way] is None:
        rng, passes = np.random.default_rng(seed), 1 + most * BATCH // len(y)
        order = np.concatenate([rng.permutation(len(y)) for _ in range(passes)])
        return zip(order[: most * BATCH].reshape(-1, BATCH), repeat(None)), lambda p: p
    share, weighted = WAYS[way]
    shares = {0: 1 - share, 1: share}
    drawn = BalancedBatches(y, shares=shares, random_state=seed, **DRAWN)
    stream = chain.from_iterable(drawn.arrays() for _ in repeat(None))
    if weighted:
        return ((rows, drawn.sample_weight(rows)) for rows in stream), lambda p: p
    priors = {"train_prior": drawn.quota_, "target_prior": drawn.class_counts_}
    return zip(stream, repeat(None)), partial(correct_prior, **priors)


def make_model(schedule, rate, seed, prior):
    """Make an untrained estimator; a network may predict the prior of its batches."""
    if schedule.startswith("adam"):
        words = {"batch_size": BATCH, "random_state": seed}
        if schedule != "adam":
            return MLPClassifier(32, learning_rate_init=rate, **words)
        model = MLPClassifier(32, learning_rate_init=1e-30, **words)
        X, y = np.zeros((BATCH, COLUMNS)), np.arange(BATCH) % 2
        model.partial_fit(X, y, classes=[0, 1])
        model.intercepts_[-1][:] = logit(prior)
        del model._optimizer
        return model.set_params(learning_rate_init=rate)
    name, _, power = schedule.partition(" ")
    words = {"learning_rate": name, "eta0": rate, "power_t": float(power or 0.5)}
    return SGDClassifier(loss="log_loss", alpha=1e-8, shuffle=False, **words)


def count_visits(model, way, data, most, seed):
    """Train until every log loss is reached; visits to each, infinite if it is not."""
    (X, y), (X_test, y_test), goals = data
    batches, correct = make_batches(way, y, most, seed)
    reached, done, before, until = np.full(len(goals), np.inf), 0, np.inf, 1
    while done < most and np.inf in reached:
        try:
            for rows, weight in islice(batches, until - done):
                words = {"classes": [0, 1], "sample_weight": weight}
                model.partial_fit(X[rows], y[rows], **words)
        except ValueError as error:
            # scikit-learn raises this if the rate is far too large.
            if "Floating-point" in str(error) or "non-finite" in str(error):
                break
            raise
        loss = log_loss(y_test, correct(model.predict_proba(X_test)[:, 1]))
        # The first of two measurements in a row counts.
        low = np.maximum(loss, before) <= goals
        reached[low & (reached == np.inf)] = done * BATCH
        done, before = until, loss
        until = min(most, max(done + 1, int(1.19 * done)))
    return reached


def experiment(name, rounds, quick):
    """Train in every way, with every step, on the data of every seed."""
    truth, steps, shares, seeds, most = EXPERIMENTS[name]
    sizes, seeds, runs = (ROWS, TEST_ROWS), range(min(seeds, rounds)), {}
    if quick:
        sizes, most = (5_000, 2_000), 8
    for seed in seeds:
        data = make_data(truth, "network" in name, shares, *sizes, seed)
        for way, step in product(WAYS, steps):
            share, weighted = WAYS[way] or (None, True)
            prior = data[0][1].mean() if weighted else share
            model = make_model(*step, seed, prior)
            found = count_visits(model, way, data, most, seed)
            runs.setdefault((way, step), []).append(found)
    for index, share in enumerate(shares):
        visits = {}
        for way in WAYS:
            found = min(median(v[index] for v in runs[way, step]) for step in steps)
            visits[way] = found if np.isfinite(found) else None
        yield {"experiment": name, "seeds": len(seeds), "closed": share, **visits}


@threadpool_limits.wrap(limits=1)
def measure(arguments):
    """Run the experiments."""
    warnings.simplefilter("ignore")
    cases = []
    for name in EXPERIMENTS:
        if arguments.only in name:
            cases += experiment(name, arguments.rounds, arguments.quick)
    return {"cases": cases}


def cell(visits, plain):
    """Write visits, and how many times fewer than with plain shuffling."""
    if visits is None:
        return "not reached"
    times = f" ({plain / visits:.1f})" if plain and visits != plain else ""
    return f"{visits:,.0f}{times}"


def report(document):
    """Write the visits of each way."""
    lines = [
        (
            "{experiment}, {seeds} seeds: {closed:.0%}".format_map(case),
            *(cell(case[way], case[PLAIN]) for way in WAYS),
        )
        for case in document["cases"]
    ]
    return (
        "The loss gap is the log loss of the prior minus that of the best model. The "
        "table has the rows visited until a share of it is closed: medians over seeds. "
        "In brackets: how many times fewer than with plain shuffling. A network starts "
        "with the prior as its prediction, which a correction gives at once. From 0, "
        "as scikit-learn starts it, it first has to learn the prior. SGD starts from "
        "0.\n\n" + harness.table(("model: share of the gap", *WAYS), lines)
    )


if __name__ == "__main__":
    harness.run(measure, report)
