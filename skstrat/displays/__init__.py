"""Pictures of a comparison, as scikit-learn's displays.

Each is made by ``from_comparison`` (that of a recommended factor by its ``plot``), or
from arrays and drawn by ``plot``; all draw into ``ax`` if one is given. matplotlib is
needed only then. A strategy keeps its colour, line and marker in all pictures of a
comparison, and the colours are told apart by colour-blind people, too.
"""

from skstrat.displays._confusion import ConfusionMatricesDisplay
from skstrat.displays._factor import FactorDisplay
from skstrat.displays._learning_curve import LearningCurveByRowsDisplay
from skstrat.displays._ranking import RankingDisplay
from skstrat.displays._reliability import ReliabilityDisplay
from skstrat.displays._tradeoff import TradeOffDisplay

__all__ = [
    "ConfusionMatricesDisplay",
    "FactorDisplay",
    "LearningCurveByRowsDisplay",
    "RankingDisplay",
    "ReliabilityDisplay",
    "TradeOffDisplay",
]
