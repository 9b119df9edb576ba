"""Plots of a comparison, as scikit-learn's displays."""

# scikit-learn's own displays are used where there is one. matplotlib is imported only
# when a plot is drawn. A strategy has the same colour, line and marker in all plots.

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
