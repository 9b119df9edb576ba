"""Train on a fraction of the rows and keep calibrated probabilities."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

__all__ = [
    "AbsentClassWarning",
    "BalancedBatches",
    "BoosterData",
    "CalibrationWarning",
    "ClassWeight",
    "CombinedResample",
    "Comparison",
    "DownsampleUpweight",
    "FactorRecommendation",
    "FocalLoss",
    "FocalLossClassifier",
    "GuidedDownsample",
    "ImbalancedSampler",
    "MissingLabelsError",
    "PartialFitClassifier",
    "Pipeline",
    "Plan",
    "PriorCorrectedClassifier",
    "PriorEstimate",
    "RandomOversample",
    "ResampledClassifier",
    "ResampledEnsembleClassifier",
    "SmallStrataWarning",
    "Strategy",
    "TreeWeightsWarning",
    "UnusedWeightsError",
    "Weighted",
    "booster_data",
    "compare_strategies",
    "correct_prior",
    "estimate_prior",
    "iter_batches",
    "lightgbm_objective",
    "make_pipeline",
    "recommend_factor",
    "strategy_grid",
    "xgboost_objective",
]

# Rooms that need optional libraries come last.
_ROOMS = (
    "batches",
    "classifiers",
    "exceptions",
    "metrics",
    "model_selection",
    "pipeline",
    "resamplers",
    "displays",
    "io",
)

if TYPE_CHECKING:
    from skstrat.batches import BalancedBatches, ImbalancedSampler, iter_batches
    from skstrat.classifiers import (
        BoosterData,
        FocalLoss,
        FocalLossClassifier,
        PartialFitClassifier,
        PriorCorrectedClassifier,
        PriorEstimate,
        ResampledClassifier,
        ResampledEnsembleClassifier,
        booster_data,
        correct_prior,
        estimate_prior,
        lightgbm_objective,
        recommend_factor,
        xgboost_objective,
    )
    from skstrat.exceptions import (
        AbsentClassWarning,
        CalibrationWarning,
        MissingLabelsError,
        SmallStrataWarning,
        TreeWeightsWarning,
        UnusedWeightsError,
    )
    from skstrat.model_selection import (
        Comparison,
        Strategy,
        compare_strategies,
        strategy_grid,
    )
    from skstrat.pipeline import Pipeline, make_pipeline
    from skstrat.resamplers import (
        ClassWeight,
        CombinedResample,
        DownsampleUpweight,
        FactorRecommendation,
        GuidedDownsample,
        Plan,
        RandomOversample,
        Weighted,
    )
else:

    def __getattr__(name: str) -> Any:
        # Imported only when a name is used: the command line starts with this file, and
        # Ctrl-C during an import of scikit-learn here would print a traceback.
        if name in _ROOMS:
            return import_module(f"skstrat.{name}")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        rooms = (vars(import_module(f"skstrat.{room}")) for room in _ROOMS)
        value = globals()[name] = next(room[name] for room in rooms if name in room)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, *_ROOMS})
