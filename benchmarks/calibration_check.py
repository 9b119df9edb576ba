"""Whether the check by dropped rows warns of models that are off, and only of these.

Six models on either half of each data set, or of a sample of 12,000 of its rows. The
rows are kept by ``DownsampleUpweight`` (weights as by default, and forced), by
``RandomUnderSampler`` and by ``NearMiss``. A model is off if, on the other half, the
mean prediction of a class over its share is outside 0.8 to 1.25.

    python benchmarks/calibration_check.py --data FOLDER
"""

import warnings
from itertools import product

import data
import harness
import numpy as np
from imblearn.under_sampling import NearMiss, RandomUnderSampler
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skstrat import DownsampleUpweight, ResampledClassifier

LOGISTIC = LogisticRegression(max_iter=1000)
BOOSTING = HistGradientBoostingClassifier(early_stopping=False, random_state=0)
MODELS = {
    "LogisticRegression": make_pipeline(StandardScaler(), LOGISTIC),
    "HistGradientBoosting": BOOSTING,
    "RandomForest": RandomForestClassifier(random_state=0),
    "15 neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(15)),
    "naive Bayes": GaussianNB(),
    "one tree": DecisionTreeClassifier(random_state=0),
}
FORCED = "DownsampleUpweight, weights forced"
SAMPLERS = "DownsampleUpweight", FORCED, "RandomUnderSampler", "NearMiss"
LEAST, MOST, MOST_ROWS = 0.8, 1.25, 12_000


def judge(name, sampler, train, test):
    """Fit one model: whether it warns, and whether it is off on fresh rows."""
    counts = np.bincount(train[1])
    # This factor leaves two rows of the big class for one.
    factor = float(np.clip(counts.max() / counts.min() / 2, 2, 20))
    resampler = DownsampleUpweight(factor=factor, random_state=0)
    if sampler not in SAMPLERS[:2]:
        under = RandomUnderSampler(random_state=0)
        resampler = NearMiss() if sampler == "NearMiss" else under
    weights = True if sampler == FORCED else "auto"
    model = ResampledClassifier(MODELS[name], resampler, use_weights=weights)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*train)
    said = {each.category.__name__ for each in caught}
    warned = bool(said & {"CalibrationWarning", "TreeWeightsWarning"})
    share = np.bincount(test[1]) / len(test[1])
    fresh = model.predict_proba(test[0]).mean(axis=0) / share
    return {
        "warned": warned,
        "off": bool((fresh < LEAST).any() or (fresh > MOST).any()),
    }


def measure(arguments):
    """Judge every model on every data set."""
    models, fits = ["naive Bayes"] if arguments.quick else MODELS, []
    for source, X, y in data.tables(arguments, MOST_ROWS):
        halves = list(StratifiedKFold(2, shuffle=True, random_state=0).split(X, y))
        for sampler, name, both in product(SAMPLERS, models, halves):
            case = {"set": source, "model": name, "sampler": sampler}
            # Nearest neighbours have no sample weights.
            if sampler != FORCED or name != "15 neighbours":
                split = [(X[half], y[half]) for half in both]
                fits.append(case | judge(name, sampler, *split))
    return {"fits": fits}


def report(document):
    """Count warnings and models that are off: in all, by model, sampler and set."""
    fits, lines = document["fits"], []
    groups = {("all",): fits}
    for key in ("model", "sampler", "set"):
        groups |= harness.groups(fits, key)
    for (name,), own in groups.items():
        off, warned = (sum(each[key] for each in own) for key in ("off", "warned"))
        rightly = sum(each["off"] and each["warned"] for each in own)
        shares = [f"{rightly / n:.0%}" if n else "-" for n in (off, warned)]
        lines.append((name, len(own), off, *shares))
    heads = "of", "models", "off", "recall", "precision"
    return (
        f"A model is off where mean p / prevalence is outside {LEAST} to {MOST}. "
        "Recall is the share of these that are warned of. Precision is the share of "
        f"warnings that are right.\n\n{harness.table(heads, lines)}"
    )


if __name__ == "__main__":
    harness.run(measure, report)
