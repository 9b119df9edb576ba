"""Resamplers that return X, y and sample_weight."""

from skstrat._core.plan import Plan
from skstrat.resamplers._class_weight import ClassWeight
from skstrat.resamplers._combined import CombinedResample
from skstrat.resamplers._downsample import DownsampleUpweight
from skstrat.resamplers._factor_recommendation import FactorRecommendation
from skstrat.resamplers._guided import GuidedDownsample
from skstrat.resamplers._oversample import RandomOversample
from skstrat.resamplers._weighted import Weighted

__all__ = [
    "ClassWeight",
    "CombinedResample",
    "DownsampleUpweight",
    "FactorRecommendation",
    "GuidedDownsample",
    "Plan",
    "RandomOversample",
    "Weighted",
]
