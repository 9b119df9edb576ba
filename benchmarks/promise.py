"""Hosts, samplers and learners whose every pair is tried, and what a cell shows."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import sklearn
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import (
    ClusterCentroids,
    NearMiss,
    RandomUnderSampler,
    TomekLinks,
)
from promise_learners import LEARNERS, PREVALENCE
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    CombinedResample,
    DownsampleUpweight,
    GuidedDownsample,
    PartialFitClassifier,
    Pipeline,
    RandomOversample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    Weighted,
)

LEAST, MOST = 0.8, 1.25
N_TRAIN, N_FRESH = 4000, 10_000
SHUFFLED = StratifiedKFold(3, shuffle=True, random_state=0)


def make_data(n_rows, seed):
    """Draw two normal classes, for which linear models and naive Bayes are right."""
    rng = np.random.default_rng(seed)
    y = np.zeros(n_rows, dtype=int)
    y[: round(PREVALENCE * n_rows)] = 1
    rng.shuffle(y)
    X = rng.normal(size=(n_rows, 4)) + 0.9 * y[:, np.newaxis]
    return X, y


TRAIN, FRESH = make_data(N_TRAIN, 0), make_data(N_FRESH, 1)


def _strata_of(X, y):  # noqa: ARG001
    return np.asarray(X)[:, 0] > 0


SAMPLERS = {
    "None": None,
    "DownsampleUpweight": DownsampleUpweight(factor=10, random_state=0),
    "DownsampleUpweight, strata": DownsampleUpweight(
        factor=10, strata=_strata_of, random_state=0
    ),
    "RandomOversample": RandomOversample(random_state=0),
    "CombinedResample": CombinedResample(random_state=0),
    "GuidedDownsample": GuidedDownsample(factor=10, random_state=0),
    "Weighted(RandomUnderSampler)": Weighted(RandomUnderSampler(random_state=0)),
    "Pipeline of resamplers": Pipeline(
        [
            ("down", DownsampleUpweight(factor=4, random_state=0)),
            ("over", RandomOversample(sampling_strategy=0.5, random_state=0)),
        ]
    ),
    "RandomUnderSampler": RandomUnderSampler(random_state=0),
    "NearMiss": NearMiss(sampling_strategy=0.2),
    "RandomOverSampler": RandomOverSampler(random_state=0),
    "SMOTE": SMOTE(random_state=0),
    "SMOTEENN": SMOTEENN(random_state=0),
    "TomekLinks": TomekLinks(),
    "ClusterCentroids": ClusterCentroids(sampling_strategy=0.5, random_state=0),
}


def _resampled(learner, sampler, **words):
    return ResampledClassifier(learner, sampler, **words)


def _steps(learner, sampler, *before):
    steps = [*before, ("sampler", sampler or "passthrough"), ("learner", learner)]
    return Pipeline(steps)


def _vote(learner):
    voters = [("learner", learner), ("line", LogisticRegression())]
    return VotingClassifier(voters, voting="soft")


# What takes a learner and a sampler and gives a classifier.
HOSTS = {
    "ResampledClassifier": _resampled,
    "ResampledEnsembleClassifier": lambda learner, sampler: ResampledEnsembleClassifier(
        learner, sampler, n_estimators=3, random_state=0
    ),
    "Pipeline": _steps,
    "Pipeline, scaled": lambda learner, sampler: _steps(
        learner, sampler, ("scale", StandardScaler())
    ),
    "a pipeline inside": lambda learner, sampler: _resampled(
        make_pipeline(StandardScaler(), learner), sampler
    ),
    "a search inside": lambda learner, sampler: _resampled(
        GridSearchCV(learner, {}, cv=SHUFFLED), sampler
    ),
    "a vote inside": lambda learner, sampler: _resampled(_vote(learner), sampler),
    "a search around": lambda learner, sampler: GridSearchCV(
        _resampled(learner, sampler), {"use_weights": ["auto"]}, cv=SHUFFLED
    ),
    "a calibrator around": lambda learner, sampler: CalibratedClassifierCV(
        _resampled(learner, sampler), cv=SHUFFLED
    ),
    "a threshold around": lambda learner, sampler: TunedThresholdClassifierCV(
        _resampled(learner, sampler), cv=0.5, refit=True, random_state=0
    ),
    "a pipeline around": lambda learner, sampler: make_pipeline(
        StandardScaler(), _resampled(learner, sampler)
    ),
    "to_sklearn": _resampled,
    "a frame": _resampled,
    "incoming weights": _resampled,
    "metadata routing": _resampled,
    "Dask": _resampled,
    "PartialFitClassifier": lambda learner, sampler: PartialFitClassifier(  # noqa: ARG005
        learner, epochs=20, random_state=0
    ),
}


def applies(host, sampler, learner):
    """Tell whether there is such a thing at all."""
    if host == "PartialFitClassifier":
        return sampler == "None" and hasattr(LEARNERS[learner].model, "partial_fit")
    return host != "ResampledEnsembleClassifier" or hasattr(
        SAMPLERS[sampler], "random_state"
    )


def list_cells():
    """Choose cells so that all pairs that there can be occur, with a fixed seed."""
    rng = np.random.default_rng(0)
    open_pairs = {
        pair
        for cell in product(HOSTS, SAMPLERS, LEARNERS)
        if applies(*cell)
        for pair in _pairs(cell)
    }
    cells = []
    while open_pairs:
        first = min(open_pairs)
        fitting = [
            cell
            for cell in product(HOSTS, SAMPLERS, LEARNERS)
            if applies(*cell) and first in _pairs(cell)
        ]
        gains = [len(open_pairs.intersection(_pairs(cell))) for cell in fitting]
        best = [
            cell
            for cell, gain in zip(fitting, gains, strict=True)
            if gain == max(gains)
        ]
        cell = best[rng.integers(len(best))]
        open_pairs.difference_update(_pairs(cell))
        cells.append(cell)
    return sorted(cells)


def _pairs(cell):
    host, sampler, learner = cell
    return {
        ("host, sampler", host, sampler),
        ("host, learner", host, learner),
        ("sampler, learner", sampler, learner),
    }


@dataclass
class Outcome:
    """What became of a cell."""

    host: str
    sampler: str
    learner: str
    cause: str | None
    verdict: str
    ratio: float | None
    said: list[str]


def try_cell(host, sampler, learner):
    """Fit one cell, and look at fresh rows."""
    known = LEARNERS[learner]
    cause = known.cause or _cause_of(host, sampler)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            ratio = _ratio(host, clone(known.model), SAMPLERS[sampler])
        except (NotImplementedError, TypeError, ValueError) as error:
            said = [f"{type(error).__name__}: {words_of(str(error))}"]
            return Outcome(host, sampler, learner, cause, "refused", None, said)
    ours = [each for each in caught if each.category.__module__.startswith("skstrat")]
    said = sorted({f"{each.category.__name__}: {each.message}" for each in ours})
    verdict = "warned" if said else "silent"
    if LEAST <= ratio <= MOST:
        verdict = "inside"
    return Outcome(host, sampler, learner, cause, verdict, round(ratio, 3), said)


def words_of(text):
    """Leave out the traceback that a search writes into its error."""
    return text.strip().splitlines()[-1] if "Traceback" in text else text


def _cause_of(host, sampler):
    """Name the remedy for samplers that change class totals and make no weights."""
    weightless = type(SAMPLERS[sampler]).__module__.startswith("imblearn")
    if host.startswith("Pipeline") and weightless and sampler != "TomekLinks":
        return r"Weighted"
    return None


def is_told(outcome):
    """Tell whether what was said names the cause, or what the sampler does to rows."""
    sampler = type(SAMPLERS[outcome.sampler]).__name__
    causes = f"{outcome.cause or ''}|{sampler} (chose|gives)|by heart"
    return re.search(causes, " ".join(outcome.said)) is not None


def _ratio(host, learner, sampler):
    """Divide the mean probability of fresh rows by what there is."""
    (X, y), (X_fresh, y_fresh) = TRAIN, FRESH
    model = HOSTS[host](learner, sampler)
    if host == "metadata routing":
        with sklearn.config_context(enable_metadata_routing=True):
            model.fit(X, y, sample_weight=np.ones(len(y)))
            return model.predict_proba(X_fresh)[:, 1].mean() / y_fresh.mean()
    if host == "incoming weights":
        weights = np.where(y == 1, 2.0, 1.0) * np.tile([0.5, 1.5], len(y) // 2)
        model.fit(X, y, sample_weight=weights)
        p = model.predict_proba(X_fresh)[:, 1]
        weights = np.where(y_fresh == 1, 2.0, 1.0)
        return np.average(p, weights=weights) / np.average(y_fresh, weights=weights)
    if host == "Dask":
        from dask import array

        model.fit(array.from_array(X, (1000, 4)), array.from_array(y, 1000))
    elif host == "a frame":
        model.fit(pd.DataFrame(X, columns=list("abcd")), pd.Series(y))
        X_fresh = pd.DataFrame(X_fresh, columns=list("abcd"))
    else:
        model.fit(X, y)
    if host == "to_sklearn":
        model = model.to_sklearn()
    return model.predict_proba(X_fresh)[:, 1].mean() / y_fresh.mean()
