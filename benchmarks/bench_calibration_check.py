"""What the dropped rows say of a model, against what it does on fresh rows.

    python benchmarks/bench_calibration_check.py FOLDER [--largest 12000]

For each ``*.csv.gz`` of two classes with a column ``target``, five kinds of models, and
three ways to train on a downsample (as ``use_weights="auto"`` has it, with the weights
forced, without weights and correction): ``calibration_check_`` with positives in
training and out of fold, and mean p / prevalence on the half of the rows that was not
trained on. Prints how often a warning is due and comes, and writes
``benchmarks/results/calibration_check.json``.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import CalibrationWarning, DownsampleUpweight, ResampledClassifier
from skstrat.cli.tabular import plain_columns, read_table

RESULTS = Path(__file__).parent / "results" / "calibration_check.json"
MODELS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosting": HistGradientBoostingClassifier(early_stopping=False, random_state=0),
    "forest": RandomForestClassifier(random_state=0),
    "forest, leaves of 5": RandomForestClassifier(min_samples_leaf=5, random_state=0),
    "15 neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier(15)),
}
WAYS = {
    "auto": {},
    "weights": {"use_weights": True},
    "uncorrected": {"use_weights": False, "prior_correction": False},
}


def judge(model, X, y, train, test) -> dict:
    """Fit one model with both checks, and look at fresh rows."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.set_params(calibration_check=True).fit(X[train], y[train])
    found = {
        "in_training": model.calibration_check_,
        "warned": any(issubclass(each.category, CalibrationWarning) for each in caught),
        "fresh": model.predict_proba(X[test])[:, 1].mean() / y[test].mean(),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(calibration_check="cv").fit(X[train], y[train])
    return {**found, "out_of_fold": model.calibration_check_}


def measure(X, y) -> list[dict]:
    """Judge every model in every way, on two halves."""
    ratio = (y == 0).sum() / (y == 1).sum()
    down = DownsampleUpweight(factor=np.clip(ratio / 2, 2, 20), random_state=0)
    found = []
    for name, estimator in MODELS.items():
        for way, words in WAYS.items():
            if way == "weights" and name == "15 neighbours":
                continue
            for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(
                X, y
            ):
                model = ResampledClassifier(estimator, down, **words)
                outcome = judge(model, X, y, train, test)
                found.append({"model": name, "way": way, **outcome})
    return found


def main() -> None:
    """Measure every data set that is small enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--largest", type=int, default=12_000)
    arguments = parser.parse_args()
    results = []
    for path in sorted(arguments.folder.glob("*.csv.gz")):
        table = read_table(path, "target")
        y = table.codes()
        if len(y) > arguments.largest or len(set(y.tolist())) > 2:
            continue
        X = plain_columns(table.features).to_numpy(dtype=np.float64)
        X = X[:, ~np.isnan(X).all(axis=0)]
        X = np.where(np.isnan(X), np.nanmedian(X, axis=0), X)
        name = path.name.removesuffix(".csv.gz")
        results += [{"set": name, **found} for found in measure(X, y)]
    print("| trained | fits | outside .8 to 1.25 on fresh rows | warned | rightly |")
    print("|---|---|---|---|---|")
    for way in WAYS:
        own = [each for each in results if each["way"] == way]
        outside = [not 0.8 <= each["fresh"] <= 1.25 for each in own]
        warned = [each["warned"] for each in own]
        rightly = np.logical_and(outside, warned).sum()
        print(f"| {way} | {len(own)} | {sum(outside)} | {sum(warned)} | {rightly} |")
    for check in ("in_training", "out_of_fold"):
        off = [abs(each[check] - each["fresh"]) for each in results]
        print(f"median |{check} - fresh|: {np.median(off):.2f}")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
