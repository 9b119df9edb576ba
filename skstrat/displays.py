"""Pictures of a comparison, as scikit-learn's displays.

Each is made by ``from_comparison`` (that of a recommended factor by its ``plot``), or
from arrays and drawn by ``plot``; all draw into ``ax`` if one is given. matplotlib is
needed only then. A strategy keeps its colour, line and marker in all pictures of a
comparison, and the colours are told apart by colour-blind people, too.
"""

from skstrat._display_confusion import ConfusionMatricesDisplay
from skstrat._display_ranking import RankingDisplay
from skstrat._display_recommend import FactorRecommendationDisplay
from skstrat._display_reliability import ReliabilityDisplay
from skstrat._display_rows import LearningCurveByRowsDisplay
from skstrat._display_tradeoff import TradeOffDisplay

__all__ = [
    "ConfusionMatricesDisplay",
    "FactorRecommendationDisplay",
    "LearningCurveByRowsDisplay",
    "RankingDisplay",
    "ReliabilityDisplay",
    "TradeOffDisplay",
]
