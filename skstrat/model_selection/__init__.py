"""Which strategy against imbalance is best: comparisons and grids."""

from skstrat.model_selection._compare import compare_strategies
from skstrat.model_selection._comparison import Comparison
from skstrat.model_selection._strategies import Strategy, strategy_grid

__all__ = ["Comparison", "Strategy", "compare_strategies", "strategy_grid"]
