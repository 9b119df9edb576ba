"""Whether the check by dropped rows warns of the models that are off, and only of them.

    python benchmarks/bench_calibration_check.py FOLDER [--largest 12000] [--json FILE]

For each ``*.csv.gz`` with a column ``target``, or a sample of its rows: six models,
trained on rows kept by a resampler of this package (weights as ``use_weights="auto"``
has it, and forced), by ``RandomUnderSampler`` and by ``NearMiss``, on either half. A
model is off if the mean prediction of a class, over its share, is outside 0.8 to 1.25
on the other half. Prints of how many of these there is a warning, and how many of the
warnings are right, and writes ``benchmarks/results/calibration_check.json``.
"""

from __future__ import annotations

import argparse
import json
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from data_sets import read_data_set
from imblearn.under_sampling import NearMiss, RandomUnderSampler
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skstrat import DownsampleUpweight, ResampledClassifier

RESULTS = Path(__file__).parent / "results" / "calibration_check.json"
LEAST, MOST = 0.8, 1.25
MODELS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosting": HistGradientBoostingClassifier(early_stopping=False, random_state=0),
    "forest": RandomForestClassifier(random_state=0),
    "neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(15)),
    "naive Bayes": GaussianNB(),
    "tree": DecisionTreeClassifier(random_state=0),
}
WAYS = ("downsample, auto", "downsample, weights", "RandomUnderSampler", "NearMiss")


def sampler_of(way, y):
    """Give the sampler of a way; the factor leaves two of the big class for one."""
    if way == "RandomUnderSampler":
        return RandomUnderSampler(random_state=0)
    if way == "NearMiss":
        return NearMiss()
    counts = np.bincount(y)
    factor = float(np.clip(counts.max() / counts.min() / 2, 2, 20))
    return DownsampleUpweight(factor=factor, random_state=0)


def judge(model, X, y, train, test):
    """Fit one model, and look at fresh rows."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X[train], y[train])
    said = [each.category.__name__ for each in caught]
    share = np.bincount(y[test]) / len(test)
    fresh = model.predict_proba(X[test]).mean(axis=0) / share
    check = model.decision_.check
    place = model.classes_.tolist().index(check.worst)
    off = np.exp(np.abs(np.log(fresh)).max())
    return {
        "warned": "CalibrationWarning" in said or "TreeWeightsWarning" in said,
        "off": bool((fresh < LEAST).any() or (fresh > MOST).any()),
        "check": round(check.ratio, 4),
        "standard_error": round(check.standard_error, 4),
        "fresh": round(float(fresh[place]), 4),
        "furthest": round(float(off), 4),
        "in_training": check.in_training,
    }


def measure(X, y):
    """Judge every model in every way, on two halves."""
    halves = list(StratifiedKFold(2, shuffle=True, random_state=0).split(X, y))
    for way, name, (train, test) in product(WAYS, MODELS, halves):
        forced = way == "downsample, weights"
        # Neighbours take no weights.
        if forced and name == "neighbours":
            continue
        sampler = sampler_of(way, y)
        model = ResampledClassifier(
            MODELS[name], sampler, use_weights=True if forced else "auto"
        )
        try:
            found = judge(model, X, y, train, test)
        except ValueError as error:
            # Neighbours want more rows than are kept.
            found = {"refused": str(error)[:80]}
        yield {"model": name, "way": way, **found}


def summarise(results):
    """Count warnings and models that are off: in all, by model, way and set."""
    tried = [each for each in results if "refused" not in each]
    table = []
    names = ["all", *MODELS, *WAYS, *dict.fromkeys(each["set"] for each in tried)]
    for name in names:
        own = [
            each
            for each in tried
            if name in ("all", each["model"], each["way"], each["set"])
        ]
        off = sum(each["off"] for each in own)
        warned = sum(each["warned"] for each in own)
        rightly = sum(each["off"] and each["warned"] for each in own)
        table.append(
            {
                "of": name,
                "fits": len(own),
                "off": off,
                "warned": warned,
                "rightly": rightly,
                "recall": round(rightly / off, 3) if off else None,
                "precision": round(rightly / warned, 3) if warned else None,
            }
        )
    return table


def read(path, largest):
    """Read a data set, or a sample of it."""
    X, y = read_data_set(path)
    X = X.to_numpy(dtype=np.float64)
    X = X[:, ~np.isnan(X).all(axis=0)]
    X = np.where(np.isnan(X), np.nanmedian(X, axis=0), X)
    if len(y) > largest:
        kept, _ = train_test_split(
            np.arange(len(y)), train_size=largest, stratify=y, random_state=0
        )
        X, y = X[kept], y[kept]
    return X, y


def main():
    """Measure every data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--largest", type=int, default=12_000)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results = []
    for path in sorted(arguments.folder.glob("*.csv.gz")):
        name = path.name.removesuffix(".csv.gz")
        X, y = read(path, arguments.largest)
        results += [{"set": name, **found} for found in measure(X, y)]
    table = summarise(results)
    print("| of | fits | off by a quarter | warned of | rightly | recall | precision |")
    print("|---|---|---|---|---|---|---|")
    for row in table:
        print("| " + " | ".join(map(str, row.values())) + " |")
    written = json.dumps({"table": table, "fits": results}, indent=1)
    arguments.json.write_text(written + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
