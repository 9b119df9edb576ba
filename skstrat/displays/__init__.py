"""Pictures of a comparison, as scikit-learn's displays.

Each is made by ``from_comparison`` (that of a factor by ``from_recommendation``), the
curves also from labels and probabilities, and drawn by ``plot``, into ``ax`` if given.
Where scikit-learn has such a display, it draws. matplotlib is needed only then. A
strategy keeps its colour, line and marker in all pictures of a
comparison, and the colours are told apart by colour-blind people, too.
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
