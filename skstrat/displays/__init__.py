"""Plots of a comparison, as scikit-learn's displays.

Each is made by ``from_comparison`` (that of a factor by ``from_recommendation``), and
curves also from labels and probabilities. ``plot`` draws it, into ``ax`` if given.
Where scikit-learn has such a display, it is used. matplotlib is needed only then. A
strategy keeps its colour, line and marker in all plots of a comparison, and
colour-blind people can tell the colours apart.
"""

from skstrat.displays._confusion import ConfusionMatricesDisplay
from skstrat.displays._cost import LearningCurveByRowsDisplay, TradeOffDisplay
from skstrat.displays._curves import RankingDisplay, ReliabilityDisplay
from skstrat.displays._factor import FactorDisplay

__all__ = [
    "ConfusionMatricesDisplay",
    "FactorDisplay",
    "LearningCurveByRowsDisplay",
    "RankingDisplay",
    "ReliabilityDisplay",
    "TradeOffDisplay",
]
