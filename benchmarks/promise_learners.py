"""Learners of which most set a prior of their own, and what must be said of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from catboost import CatBoostClassifier
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import (
    RandomUnderSampler,
)
from lightgbm import LGBMClassifier
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

PREVALENCE = 0.04
BALANCED = {0: 1.0, 1: 1 / PREVALENCE - 1}
HALVES = [0.5, 0.5]
OBSERVED = [1 - PREVALENCE, PREVALENCE]


def small_boosting(cls, **words):
    """Give a booster that is quick and does not learn its rows by heart."""
    return cls(n_estimators=30, max_depth=3, n_jobs=1, random_state=0, **words)


def lightgbm(**words):
    """Give a small LightGBM."""
    return small_boosting(LGBMClassifier, verbose=-1, reg_lambda=10, **words)


def xgboost(**words):
    """Give a small XGBoost."""
    return small_boosting(XGBClassifier, reg_lambda=10, **words)


def catboost(**words):
    """Give a small CatBoost."""
    return CatBoostClassifier(
        iterations=30,
        depth=3,
        thread_count=1,
        random_seed=0,
        verbose=False,
        allow_writing_files=False,
        **words,
    )


@dataclass(frozen=True)
class Learner:
    """A learner, and what a word about it must name, if its own prior is not given."""

    model: object
    cause: str | None = None


LEARNERS = {
    "LogisticRegression": Learner(LogisticRegression()),
    "LogisticRegression, class_weight": Learner(
        LogisticRegression(class_weight="balanced"), "class_weight"
    ),
    "SGDClassifier": Learner(
        SGDClassifier(loss="log_loss", average=True, random_state=0)
    ),
    "LinearDiscriminantAnalysis": Learner(LinearDiscriminantAnalysis()),
    "LinearDiscriminantAnalysis, priors": Learner(
        LinearDiscriminantAnalysis(priors=OBSERVED), "priors"
    ),
    "QuadraticDiscriminantAnalysis, priors": Learner(
        QuadraticDiscriminantAnalysis(priors=HALVES), "priors"
    ),
    "GaussianNB": Learner(GaussianNB()),
    "GaussianNB, priors": Learner(GaussianNB(priors=OBSERVED), "priors"),
    "BernoulliNB, fit_prior": Learner(BernoulliNB(fit_prior=False), "fit_prior"),
    "BernoulliNB, class_prior": Learner(BernoulliNB(class_prior=HALVES), "class_prior"),
    "15 neighbours": Learner(KNeighborsClassifier(15)),
    "DecisionTree": Learner(DecisionTreeClassifier(random_state=0)),
    "DecisionTree, leaves of 20": Learner(
        DecisionTreeClassifier(min_samples_leaf=20, random_state=0)
    ),
    "RandomForest": Learner(RandomForestClassifier(30, random_state=0)),
    "RandomForest, class_weight": Learner(
        RandomForestClassifier(
            30, class_weight=BALANCED, min_samples_leaf=10, random_state=0
        ),
        "class_weight",
    ),
    "ExtraTrees": Learner(ExtraTreesClassifier(30, min_samples_leaf=5, random_state=0)),
    "HistGradientBoosting": Learner(
        HistGradientBoostingClassifier(
            max_iter=30, l2_regularization=10, random_state=0
        )
    ),
    "HistGradientBoosting, class_weight": Learner(
        HistGradientBoostingClassifier(
            max_iter=30, class_weight="balanced", random_state=0
        ),
        "class_weight",
    ),
    "GradientBoosting": Learner(GradientBoostingClassifier(n_estimators=30)),
    "AdaBoost": Learner(AdaBoostClassifier(n_estimators=20, random_state=0)),
    "MLP": Learner(MLPClassifier((8,), max_iter=500, tol=1e-3, random_state=0)),
    "LightGBM": Learner(lightgbm()),
    "LightGBM, scale_pos_weight": Learner(
        lightgbm(scale_pos_weight=24), "scale_pos_weight"
    ),
    "LightGBM, is_unbalance": Learner(lightgbm(is_unbalance=True), "is_unbalance"),
    "XGBoost": Learner(xgboost()),
    "XGBoost, scale_pos_weight": Learner(
        xgboost(scale_pos_weight=24), "scale_pos_weight"
    ),
    "CatBoost": Learner(catboost()),
    "CatBoost, auto_class_weights": Learner(
        catboost(auto_class_weights="Balanced"), "auto_class_weights"
    ),
    "CatBoost, class_weights": Learner(
        catboost(class_weights=(1, 24)), "class_weights"
    ),
    "BalancedRandomForest": Learner(
        BalancedRandomForestClassifier(20, random_state=0), "BalancedRandomForest"
    ),
    "BalancedBagging": Learner(
        BalancedBaggingClassifier(n_estimators=5, random_state=0), "BalancedBagging"
    ),
    "EasyEnsemble": Learner(
        EasyEnsembleClassifier(n_estimators=3, random_state=0), "EasyEnsemble"
    ),
    "RUSBoost": Learner(RUSBoostClassifier(n_estimators=5, random_state=0), "RUSBoost"),
    "a pipeline that resamples": Learner(
        make_imblearn_pipeline(RandomUnderSampler(random_state=0), GaussianNB()),
        "RandomUnderSampler",
    ),
    "FixedThreshold": Learner(
        FixedThresholdClassifier(LogisticRegression(), threshold=0.1),
        "FixedThresholdClassifier",
    ),
    "TunedThreshold": Learner(
        TunedThresholdClassifierCV(LogisticRegression()),
        "TunedThresholdClassifierCV",
    ),
    "FrozenEstimator": Learner(
        FrozenEstimator(LogisticRegression().fit(np.eye(4), [0, 0, 1, 1])),
        "PriorCorrectedClassifier",
    ),
}
