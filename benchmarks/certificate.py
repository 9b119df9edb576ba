"""Whether ``full_fit=True`` reaches the log loss of the fit on all rows, and its time.

Logistic regression on data sets (text one-hot, columns scaled) at factors 5 and 20, and
on 50 generated tables. Every other of these has collinear columns (condition number
1e6), nearly separated classes, unscaled columns or heavy tails. The reference is the
best of scikit-learn's solvers on all rows. Goal: log loss within 0.1 % of it wherever
the certificate says so. Then CPU time on one core, in turn with
``LogisticRegression(max_iter=1000)`` on all rows.

    python benchmarks/certificate.py --data FOLDER
"""

import time
import warnings
from functools import partial
from statistics import median

import data
import harness
import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skstrat import DownsampleUpweight, ResampledClassifier

ILL = "collinear", "separated", "unscaled", "heavy tails"
GENERATED = 50
GOAL = 1e-3
# Rows and columns.
TIMED = (200_000, 10), (200_000, 40), (200_000, 200), (1_000_000, 40)


def generate(seed, sizes):
    """Make a table: kind, rows, labels, factor and C."""
    rng = np.random.default_rng(seed)
    kind = ILL[seed // 2 % 4] if seed % 2 else "plain"
    n_rows, n_columns = int(rng.choice(sizes)), int(rng.integers(5, 61))
    n_classes, shape = 3 if rng.random() < 0.25 else 2, (n_rows, n_columns)
    X = rng.standard_t(2, shape) if kind == "heavy tails" else rng.normal(size=shape)
    spread = 15 if kind == "separated" else rng.uniform(0.5, 2.5)
    scores = X @ rng.normal(size=(n_columns, n_classes)) * spread
    scores /= np.sqrt(2 * n_columns)
    scores += rng.gumbel(size=scores.shape)
    # The label is what scores most; these shares of the rows are of the small classes.
    share = 10 ** rng.uniform(-2.3, -1)
    lead = scores[:, 0] - scores[:, 1:].max(axis=1)
    scores[:, 0] -= np.quantile(lead, share * (n_classes - 1))
    C = float(rng.choice([1, 0.01, np.inf]))
    if kind == "collinear":
        last = 1 + n_columns // 3
        X[:, 1:last] = X[:, [0]] + 1e-6 * X[:, 1:last]
    if kind == "unscaled":
        X = X * 10 ** rng.uniform(-3, 3, n_columns)
    # With a penalty no solver of scikit-learn is a reference for unscaled columns.
    C = {"unscaled": np.inf, "separated": 1.0}.get(kind, C)
    return kind, X, scores.argmax(axis=1), float(rng.choice([5, 10, 20, 50])), C


def losses(model, X, y):
    """Return penalised loss and log loss, computed from the scores."""
    scores = model.decision_function(X)
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros_like(scores), scores])
    loss = (logsumexp(scores, axis=1) - scores[np.arange(len(y)), y]).sum()
    return loss + (model.coef_**2).sum() / (2 * model.C), loss


def full_fit_loss(X, y, C):
    """Return the log loss of the best of scikit-learn's solvers on all rows."""
    X = StandardScaler().fit_transform(X) if np.isinf(C) else X
    solvers = {"solver": "newton-cholesky"}, {"max_iter": 1000}
    models = [LogisticRegression(C=C, tol=1e-8, **each) for each in solvers]
    return min(losses(model.fit(X, y), X, y) for model in models)[1]


def judge(kind, X, y, factor, C):
    """Measure one case; return nothing if no row was dropped."""
    down = DownsampleUpweight(factor=factor, random_state=0)
    logistic = LogisticRegression(C=C, max_iter=1000)
    fit = partial(ResampledClassifier, logistic, down, calibration_check=False)
    plain, finished = fit().fit(X, y), fit(full_fit=True).fit(X, y)
    if record := finished.decision_.full_fit:
        best, found = full_fit_loss(X, y, C), {"kind": kind, "passes": record.passes}
        for key, model in (("before", plain), ("after", finished)):
            found[key] = losses(model.estimator_, X, y)[1] / best
        yield found | {"converged": record.converged}


def time_case(n_rows, n_columns, rounds):
    """Time the full fit, the fit on rows drawn and the finished one, in turn."""
    rng = np.random.default_rng(0)
    # Columns are correlated, as in most tables.
    X = rng.normal(size=(n_rows, n_columns)) + rng.normal(size=(n_rows, 1))
    coef = rng.normal(size=n_columns) / np.sqrt(n_columns)
    y = (rng.logistic(size=n_rows) < X @ (coef - coef.mean()) * 1.5 - 4.5).astype(int)
    full = LogisticRegression(max_iter=1000)
    down = DownsampleUpweight(factor=20, random_state=0)
    resampled = partial(ResampledClassifier, full, down)
    ways = {"full": full, "drawn": resampled(), "finished": resampled(full_fit=True)}
    spent = {name: [] for name in ways}
    for turn in range(rounds):
        for name in harness.in_turn(ways, turn):
            start = time.process_time()
            ways[name].fit(X, y)
            spent[name].append(time.process_time() - start)
    best = losses(LogisticRegression(max_iter=1000, tol=1e-8).fit(X, y), X, y)[1]
    found = {"rows": n_rows, "columns": n_columns, "full_s": median(spent["full"])}
    for name in ("drawn", "finished"):
        found[f"{name}_of_full"] = median(spent[name]) / found["full_s"]
        found[f"{name}_loss"] = losses(ways[name].estimator_, X, y)[1] / best
    return found


@threadpool_limits.wrap(limits=1)
def measure(arguments):
    """Judge every case, and time some."""
    # Fits that do not converge are in the table.
    warnings.simplefilter("ignore")
    found, timed = [], ((5_000, 10),) if arguments.quick else TIMED
    for _, X, y in data.tables(arguments, one_hot=True):
        X = StandardScaler().fit_transform(X)
        for factor in (5.0, 20.0):
            found += judge("data sets", X, y, factor, 1.0)
    sizes = (2_000,) if arguments.quick else (20_000, 50_000)
    for seed in range(2 if arguments.quick else GENERATED):
        found += judge(*generate(seed, sizes))
    said = [each for each in found if each["converged"]]
    missed = [each["kind"] for each in said if abs(each["after"] - 1) > GOAL]
    times = [time_case(*size, arguments.rounds) for size in timed]
    return {"cases": found, "timed": times, "missed": missed}


HEADINGS = {
    "rows × columns": "{rows:,} × {columns}",  # noqa: RUF001
    "all rows, s": "{full_s:.2f}",
    "rows drawn: time, log loss": "{drawn_of_full:.2f}, {drawn_loss:.4f}",
    "`full_fit`: time, log loss": "{finished_of_full:.2f}, {finished_loss:.5f}",
}


def report(document):
    """Write the certificates, their errors, and the times."""
    lines, cases = [], document["cases"]
    for (kind,), own in harness.groups(cases, "kind").items():
        said = [each for each in own if each["converged"]]
        before, after = (
            max(100 * abs(each[key] - 1) for each in said) if said else 0
            for key in ("before", "after")
        )
        passes = harness.span((each["passes"] for each in said), "g")
        excess = f"{before:.3f} %", f"{after:.3f} %"
        lines.append((kind, f"{len(said)} of {len(own)}", *excess, passes))
    heads = "cases", "certified", "largest excess before", "after", "passes"
    certified = sum(each["converged"] for each in cases)
    return (
        f"{certified} of {len(cases)} fits are certified, the others warn. Excess is "
        "log loss over that of all rows, less 1, of certified fits. After the full fit "
        f"it should be at most {GOAL:.1%}.\n\n{harness.table(heads, lines)}\n\nCPU "
        "time and log loss at factor 20, over those of all rows:\n\n"
        + harness.table(HEADINGS, document["timed"])
    )


if __name__ == "__main__":
    harness.run(measure, report)
