"""The models and the ways to train them that bench_frontier.py measures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from imblearn.pipeline import Pipeline as ImblearnPipeline
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstrat import (
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    correct_prior,
)

ImbalanceCalibratedClassifier: Any = None
with suppress(ImportError):
    from imbcal import ImbalanceCalibratedClassifier

FULL = "full"
AUTO = "auto"
UNDER = {5: "under-sampling 5 + sigmoid", 20: "under-sampling 20 + sigmoid"}
CERTIFICATE = "certificate"
IMBCAL = "imbcal, all rows"
CLASS_WEIGHTS = "class weights + sigmoid"
# Of this package, whatever a user could choose.
OURS = (
    AUTO,
    "uniform 5",
    "uniform 20",
    "guided 20",
    "guided 20, outside",
    CERTIFICATE,
    "ensemble of 3, 20",
    "uniform 20 + sigmoid",
)
ARMS = (FULL, *OURS, "pilot alone", *UNDER.values(), CLASS_WEIGHTS, IMBCAL)
# Several fits of all rows are left out where they take longest.
MOST_ROWS_OF_MANY_FITS = 60_000

MODELS: dict[str, Callable[..., Any]] = {
    "logistic": lambda _seed, **params: make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=1000, **params)
    ),
    "boosting": lambda seed, **params: HistGradientBoostingClassifier(
        l2_regularization=1, early_stopping=False, random_state=seed, **params
    ),
    "forest": lambda seed, **params: RandomForestClassifier(
        min_samples_leaf=5, n_jobs=1, random_state=seed, **params
    ),
    "lightgbm": lambda seed, **params: LGBMClassifier(
        n_jobs=1, verbose=-1, random_state=seed, **params
    ),
}


class PilotAlone(ClassifierMixin, BaseEstimator):
    """What the pilot of guided rows predicts by itself."""

    def __init__(self, resampler: Any) -> None:
        self.resampler = resampler

    def fit(self, X: Any, y: Any) -> PilotAlone:
        """Fit the pilot, and choose rows by it."""
        self.classes_, self.counts_ = np.unique(y, return_counts=True)
        self.resampler_ = clone(self.resampler)
        self.resampler_.fit_resample(X, y)
        return self

    def predict_proba(self, X: Any) -> Any:
        """Predict under the original prior, whatever rows the pilots learned from."""
        guided = self.resampler_
        pairs = zip(guided.pilots_, guided._learned, strict=True)
        corrected = [
            correct_prior(
                pilot.predict_proba(X), train_prior=seen, target_prior=self.counts_
            )
            for pilot, seen in pairs
        ]
        return np.mean(corrected, axis=0)


def make_arms(model: str, y: Any, seed: int) -> dict[str, Any]:
    """Give the unfitted ways to train a model, by name, in the order of ``ARMS``."""
    learner = MODELS[model](seed)
    ratio = np.ptp(np.bincount(y)) / y.sum() + 1
    # More would leave fewer rows of the big class than of the small one.
    factors = {factor: min(factor, ratio) for factor in UNDER}
    down = {
        factor: DownsampleUpweight(factor=capped, random_state=seed)
        for factor, capped in factors.items()
    }
    guided = GuidedDownsample(factor=factors[20], random_state=seed)

    def sigmoid(estimator: Any) -> Any:
        folds = StratifiedKFold(3, shuffle=True, random_state=seed)
        return CalibratedClassifierCV(estimator, method="sigmoid", cv=folds)

    arms = {
        FULL: learner,
        AUTO: ResampledClassifier(learner, "auto", random_state=seed),
        "guided 20": ResampledClassifier(learner, guided),
        "ensemble of 3, 20": ResampledEnsembleClassifier(
            learner, down[20], n_estimators=3, random_state=seed
        ),
        "uniform 20 + sigmoid": sigmoid(ResampledClassifier(learner, down[20])),
        "pilot alone": PilotAlone(guided),
    }
    for factor, capped in factors.items():
        arms[f"uniform {factor}"] = ResampledClassifier(learner, down[factor])
        under = RandomUnderSampler(
            sampling_strategy=min(1.0, capped / ratio), random_state=seed
        )
        arms[UNDER[factor]] = sigmoid(make_imblearn_pipeline(under, learner))
    if model == "logistic":
        arms["guided 20, outside"] = ResampledClassifier(
            learner, guided, use_weights=False
        )
        arms[CERTIFICATE] = ResampledClassifier(learner, down[20], full_fit=True)
    if model == "lightgbm":
        arms["guided 20, outside"] = ResampledClassifier(
            learner, guided, prior_correction="outside"
        )
    few = len(y) <= MOST_ROWS_OF_MANY_FITS
    if few or model != "forest":
        arms[CLASS_WEIGHTS] = sigmoid(MODELS[model](seed, class_weight="balanced"))
    if few and model != "forest" and ImbalanceCalibratedClassifier is not None:
        arms[IMBCAL] = ImbalanceCalibratedClassifier(learner, random_state=seed)
    return {name: arms[name] for name in ARMS if name in arms}


def rows_trained(model: Any, rows: int) -> int | None:
    """Count the rows of all fits of a fitted arm; None for the pilot."""
    if isinstance(model, PilotAlone):
        return None
    if isinstance(model, CalibratedClassifierCV):
        parts = model.calibrated_classifiers_
        inner = rows * (len(parts) - 1) // len(parts)
        return sum(rows_trained(each.estimator, inner) for each in parts)
    if isinstance(model, ResampledEnsembleClassifier):
        return sum(each.n_samples_fit_ for each in model.estimators_)
    if isinstance(model, ImblearnPipeline):
        return len(model[0].sample_indices_)
    if type(model) is ImbalanceCalibratedClassifier:
        # Each of its folds is left out once, and each pair of them.
        left_out = [1] * model.cv + [2] * (model.cv * (model.cv - 1) // 2)
        return sum(rows * (model.cv - each) // model.cv for each in left_out)
    return getattr(model, "n_samples_fit_", rows)


def choice_of(model: Any) -> dict[str, Any] | None:
    """Say what ``resampler="auto"`` chose; None of other arms."""
    if not (isinstance(model, ResampledClassifier) and model.resampler == AUTO):
        return None
    sampler, decision = model.resampler_, model.decision_
    kind, factor = "all", 1.0
    if sampler is not None:
        kind = "guided" if isinstance(sampler, GuidedDownsample) else "uniform"
        factor = round(float(sampler.factor), 2)
    found = decision.recommendation
    return {
        "rows": kind,
        "factor": factor,
        "correction": decision.correction,
        "certificate": decision.full_fit is not None,
        "predicted_loss": None if found is None else round(1 + found.loss, 5),
    }
