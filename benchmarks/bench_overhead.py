"""What skstrat.Pipeline and ResampledClassifier add to a fit, as paired ratios.

Run ``python benchmarks/bench_overhead.py``. Both sides of a ratio fit the same
estimator on the same rows with the same weights: the pipelines have the same steps, and
the bare estimator is fitted on rows resampled by hand. That the dropped rows judge the
model is work which the bare way leaves out, so it is off, and measured by itself in two
cases without a goal. The exit code is 1 if another ratio is past 1.05; the table goes
to ``benchmarks/results/overhead.json``.
"""

import gc
import statistics
import sys

import numpy as np
from cases import FACTOR, make_codes
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tables import RESULTS, judge, parse, report
from threadpoolctl import threadpool_limits
from timing import alternate, paired

from skstrat import DownsampleUpweight, ResampledClassifier, make_pipeline

ROWS = 10**5
GOAL = 1.05
HEADINGS = {
    "case": "case",
    "rows": "rows",
    "floor_ms": "bare ms",
    "ours_ms": "skstrat ms",
    "to_floor": "/ bare",
    "floor_goal": "goal <=",
    "verdict": "verdict",
}


class EveryNth(BaseEstimator):
    """A sampler of two results that costs next to nothing.

    Parameters
    ----------
    step : int, default=1
        Every so manieth row is kept.
    """

    def __init__(self, step=1):
        self.step = step

    def fit_resample(self, X, y):
        """Keep every n-th row.

        Parameters
        ----------
        X, y : ndarray
            Rows and labels.

        Returns
        -------
        X_resampled, y_resampled : ndarray
            Views of them.
        """
        return X[:: self.step], y[:: self.step]


def pipelines(step):
    """Give the fit of the same steps in imbalanced-learn's pipeline and in skstrat's.

    Parameters
    ----------
    step : int
        Every so manieth row is kept by the sampler.

    Returns
    -------
    callable
        Takes X and y, gives the "bare" and the "skstrat" way.
    """

    def ways(X, y):
        steps = EveryNth(step), StandardScaler(), LogisticRegression()
        theirs, ours = make_imblearn_pipeline(*steps), make_pipeline(*steps)
        return {"bare": lambda: theirs.fit(X, y), "skstrat": lambda: ours.fit(X, y)}

    return ways


def classifiers(estimator, weighted, calibration_check=False):
    """Give the fit of an estimator on rows resampled by hand and in one object.

    Parameters
    ----------
    estimator : estimator
        A classifier.
    weighted : bool
        Whether ``use_weights="auto"`` passes the weights to it.
    calibration_check : bool, default=False
        Whether the rows that were dropped judge the model.

    Returns
    -------
    callable
        Takes X and y, gives the "bare" and the "skstrat" way.
    """

    def ways(X, y):
        resampler = DownsampleUpweight(factor=FACTOR, random_state=0)
        model = ResampledClassifier(
            estimator, resampler, calibration_check=calibration_check
        )

        def by_hand():
            X_drawn, y_drawn, weights = resampler.fit_resample(X, y)
            passed = weights if weighted else None
            return estimator.fit(X_drawn, y_drawn, sample_weight=passed)

        return {"bare": by_hand, "skstrat": lambda: model.fit(X, y)}

    return ways


CHECKED = ", dropped rows judge"
BOOSTING = HistGradientBoostingClassifier(max_iter=20, random_state=0)
CASES = {
    "Pipeline / imblearn's, all rows": pipelines(1),
    "Pipeline / imblearn's, every tenth row": pipelines(10),
    "ResampledClassifier / bare, logistic": classifiers(LogisticRegression(), True),
    "ResampledClassifier / bare, boosting": classifiers(BOOSTING, False),
    f"ResampledClassifier / bare, logistic{CHECKED}": classifiers(
        LogisticRegression(), True, True
    ),
    f"ResampledClassifier / bare, boosting{CHECKED}": classifiers(
        BOOSTING, False, True
    ),
}


def make_data(n):
    """Make rows of 20 columns, the first three of which differ between the classes.

    Parameters
    ----------
    n : int
        Rows.

    Returns
    -------
    X : ndarray of shape (n, 20)
        Data.
    y : ndarray of shape (n,)
        Labels 0 and 1, 0.5 % ones; the first row is one, so that a sample has some.
    """
    rng = np.random.default_rng(0)
    y = make_codes(n, 2, rng)
    y[0] = 1
    X = rng.normal(size=(n, 20))
    X[:, :3] += y[:, None]
    return X, y


def check(name, ways, X):
    """Refuse to compare fits that predict different things.

    Parameters
    ----------
    name : str
        Name of the case.
    ways : dict of str to callable
        The two ways.
    X : ndarray
        Rows to predict.

    Raises
    ------
    AssertionError
        If the order of predicted probabilities differs.
    """
    # Without weights ResampledClassifier corrects the prior, which moves log odds by a
    # constant.
    ours, bare = (ways[way]().predict_proba(X) for way in ("skstrat", "bare"))
    shift = np.log(ours[:, 1] / ours[:, 0]) - np.log(bare[:, 1] / bare[:, 0])
    np.testing.assert_allclose(shift, shift[0], 1e-6, 1e-6, err_msg=name)


def main():
    """Run the cases asked for.

    Returns
    -------
    int
        Exit code.
    """
    options = parse(RESULTS / "overhead.json")
    n = min(ROWS, options.max_rows)
    X, y = make_data(n)
    rounds = options.rounds * 3  # a few per cent need more rounds than a factor does
    gc.freeze()
    rows = []
    for name, contenders in CASES.items():
        if options.case not in name:
            continue
        ways = contenders(X, y)
        # Threads that wait for a busy core swing by more than what is measured.
        with threadpool_limits(1):
            check(name, ways, X[:1000])
            spent = alternate(ways, dict.fromkeys(ways, rounds))
        row = {
            "case": name,
            "rows": n,
            "floor_ms": 1000 * statistics.median(spent["bare"]),
            "ours_ms": 1000 * statistics.median(spent["skstrat"]),
            "to_floor": paired(spent["skstrat"], spent["bare"]),
            "peer_to_us": None,
        }
        goal = GOAL if n == ROWS and not name.endswith(CHECKED) else None
        rows.append(judge(row, goal, None))
    return report(rows, HEADINGS, options.json, rounds=rounds)


if __name__ == "__main__":
    sys.exit(main())
