"""What Pipeline and ResampledClassifier of skstrat add to the time of a fit.

    python benchmarks/overhead.py [--rounds 21]

Both sides fit the same estimator on the same rows with the same weights, on one thread.
The other side is imbalanced-learn's pipeline of the same steps, or the estimator alone
on rows that were resampled by hand. The check by the rows that were dropped is work
that the other side does not do, so it has cases of its own, without a goal.
"""

import gc
import statistics

import harness
import numpy as np
from data import make_codes
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skstrat import DownsampleUpweight, ResampledClassifier, make_pipeline

ROWS, QUICK_ROWS = 100_000, 20_000
GOAL = 1.05


# As one of RandomUnderSampler it is known not to choose rows by their values.
class EveryNth(RandomUnderSampler):
    """A sampler of two results that takes almost no time."""

    def __init__(self, step=1):
        self.step = step

    def fit_resample(self, X, y):
        """Keep every n-th row, as views."""
        return X[:: self.step], y[:: self.step]


def pipelines(step, X, y):
    """Return the fits of the same steps in both pipelines."""
    steps = EveryNth(step), StandardScaler(), LogisticRegression()
    theirs, ours = make_imblearn_pipeline(*steps), make_pipeline(*steps)
    return {"other": lambda: theirs.fit(X, y), "ours": lambda: ours.fit(X, y)}


def classifiers(estimator, weighted, calibration_check, X, y):
    """Return the fits of an estimator on rows resampled by hand, and in one object."""
    down = DownsampleUpweight(factor=20, random_state=0)
    model = ResampledClassifier(estimator, down, calibration_check=calibration_check)

    def by_hand():
        X_drawn, y_drawn, weights = down.fit_resample(X, y)
        passed = weights if weighted else None
        return estimator.fit(X_drawn, y_drawn, sample_weight=passed)

    return {"other": by_hand, "ours": lambda: model.fit(X, y)}


LINEAR = LogisticRegression(), True
BOOSTING = HistGradientBoostingClassifier(max_iter=20, random_state=0), False
CHECKED = ", with its check"
CASES = {
    "Pipeline, all rows": (pipelines, 1),
    "Pipeline, every tenth row": (pipelines, 10),
    "ResampledClassifier, logistic": (classifiers, *LINEAR, False),
    "ResampledClassifier, boosting": (classifiers, *BOOSTING, False),
    f"ResampledClassifier, logistic{CHECKED}": (classifiers, *LINEAR, True),
    f"ResampledClassifier, boosting{CHECKED}": (classifiers, *BOOSTING, True),
}


def make_data(n):
    """Draw rows of 20 columns, the first three of which differ between the classes."""
    rng = np.random.default_rng(0)
    y = make_codes(n, 2, rng)
    y[0] = 1  # so that a sample has some
    X = rng.normal(size=(n, 20))
    X[:, :3] += y[:, None]
    return X, y


def check(name, ways, X):
    """Refuse to compare fits that predict different things."""
    # Without weights ResampledClassifier corrects the prior, which moves log odds by a
    # constant.
    ours, other = (ways[way]().predict_proba(X) for way in ("ours", "other"))
    shift = np.log(ours[:, 1] / ours[:, 0]) - np.log(other[:, 1] / other[:, 0])
    np.testing.assert_allclose(shift, shift[0], 1e-6, 1e-6, err_msg=name)


def measure(arguments):
    """Time the cases; a ratio is the median over the rounds."""
    X, y = make_data(QUICK_ROWS if arguments.quick else ROWS)
    gc.freeze()
    cases = []
    for name, (make, *how) in CASES.items():
        if arguments.only not in name:
            continue
        ways = make(*how, X, y)
        # With several threads, waiting for busy cores varies more than what is
        # measured.
        with threadpool_limits(1):
            check(name, ways, X[:1000])
            spent = harness.alternate(ways, arguments.rounds)
        medians = {f"{way}_ms": 1000 * statistics.median(spent[way]) for way in ways}
        ratio = harness.paired(spent["ours"], spent["other"])
        goal = None if name.endswith(CHECKED) else GOAL
        cases.append({"case": name, **medians, "ratio": ratio, "goal": goal})
    missed = [each["case"] for each in cases if each["ratio"] > (each["goal"] or 9e9)]
    return {"rows": len(X), "cases": cases, "missed": missed}


def report(document):
    """Write the table."""
    columns = {
        "fit": "{case}",
        "other, ms": "{other_ms:.3g}",
        "skstrat, ms": "{ours_ms:.3g}",
        "skstrat / other": "{ratio:.2f}",
        "goal, at most": "{goal}",
    }
    return (
        f"{document['rows']:,} rows of 20 columns. The other fit is imbalanced-learn's "
        "pipeline of the same steps, or the estimator on rows resampled by hand.\n\n"
        + harness.table(columns, document["cases"])
    )


if __name__ == "__main__":
    harness.run(measure, report, rounds=21)
