"""Log loss of probabilities with the focal loss, compared with the own loss.

Each data set is split 60/20/20, as often as rounds. Trees of LightGBM and XGBoost are
grown on the first part, with the library's own log loss and with
``FocalLossClassifier``. The second part chooses the number of trees by log loss, for
each loss by itself, because probabilities converge at different speeds. The third part
is the test set. Generated data are 30,000 rows with 1 % positives, drawn anew each
time.

    python benchmarks/focal.py --data FOLDER
"""

from functools import partial
from itertools import product
from statistics import mean, median, pstdev

import data
import harness
import numpy as np
from lightgbm import LGBMClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

from skstrat import FocalLossClassifier

SETS, SIZES, OWN = ("mammography", "thyroid_sick"), (25, 50, 100, 200, 400), "own"
COMMON = {"learning_rate": 0.05, "n_jobs": 1}
LIBRARIES = {
    "LightGBM": partial(LGBMClassifier, num_leaves=15, verbose=-1, **COMMON),
    "XGBoost": partial(XGBClassifier, max_depth=4, **COMMON),
}
LOSSES = {
    OWN: lambda estimator: estimator,
    "focal, gamma 1": partial(FocalLossClassifier, gamma=1.0),
    "focal, gamma 2": partial(FocalLossClassifier, gamma=2.0),
}


def measure_split(X, y, seed, library, sizes):
    """Fit and score the trees of all losses on one split."""
    split = partial(train_test_split, random_state=seed)
    X, X_rest, y, y_rest = split(X, y, test_size=0.4, stratify=y)
    parts = split(X_rest, y_rest, test_size=0.5, stratify=y_rest)
    X_choose, X_judge, y_choose, y_judge = parts
    for loss, make in LOSSES.items():
        models = [make(LIBRARIES[library](n_estimators=n)).fit(X, y) for n in sizes]
        losses = [log_loss(y_choose, m.predict_proba(X_choose)[:, 1]) for m in models]
        best = int(np.argmin(losses))
        p = models[best].predict_proba(X_judge)[:, 1]
        found = {"log_loss": log_loss(y_judge, p), "auc": roc_auc_score(y_judge, p)}
        found["mean_p"] = float(p.mean(dtype=float) / y_judge.mean())
        yield {"loss": loss, "trees": sizes[best], **found}


def measure(arguments):
    """Measure every loss on every data set: means and standard deviations."""
    rows, sizes = (3_000, SIZES[:2]) if arguments.quick else (30_000, SIZES)
    sources = {"generated": lambda seed: data.make_table(rows, seed, 0.01)[:2]}
    for name, path in data.data_sets(arguments.data, arguments.only):
        if name in SETS:
            sources[name] = lambda _seed, path=path: data.read(path)
    lines = []
    for (name, read), library in product(sources.items(), LIBRARIES):
        runs = []
        for seed in range(arguments.rounds):
            runs += measure_split(*read(seed), seed, library, sizes)
        for (loss,), own in harness.groups(runs, "loss").items():
            line = {"data": name, "library": library, "loss": loss}
            line["trees"] = median(run["trees"] for run in own)
            for key in ("log_loss", "auc", "mean_p"):
                values = [run[key] for run in own]
                line[key] = harness.rounded(mean(values), 6)
                line[f"{key}_sd"] = harness.rounded(pstdev(values), 6)
            lines.append(line)
    return {"lines": lines}


HEADINGS = {
    "data, library": "{data}, {library}",
    "loss, trees": "{loss}, {trees:g}",
    "log loss": "{log_loss:.4f} ± {log_loss_sd:.4f}",
    "AUC": "{auc:.4f} ± {auc_sd:.4f}",
    "mean p / prevalence": "{mean_p:.2f} ± {mean_p_sd:.2f}",
}


def report(document):
    """Write a table, and the log loss over that of the library's own loss."""
    ratios = []
    for own, *others in harness.groups(document["lines"], "data", "library").values():
        ratios += [other["log_loss"] / own["log_loss"] for other in others]
    return (
        "Means and standard deviations over the same splits. Log loss over that of the "
        f"library's own loss: {harness.span(ratios)}.\n\n"
        + harness.table(HEADINGS, document["lines"])
    )


if __name__ == "__main__":
    harness.run(measure, report, uses=("lightgbm", "xgboost"))
