"""Draw training time against log loss for logistic regression on one data set.

python benchmarks/plot_data_set.py FOLDER/mammography.csv.gz docs/mammography.png
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from skrub import tabular_pipeline

from skstrat import compare_strategies
from skstrat.displays import TradeOffDisplay
from skstrat.io import scan_file


def main(path: str, picture: str) -> None:
    """Compare on default strategies, and draw."""
    X, y, _ = scan_file(path, target="target")
    X = X.take_rows(np.arange(len(y)))
    estimator = tabular_pipeline(LogisticRegression(max_iter=1000))
    comparison = compare_strategies(estimator, X, y, random_state=0)
    print(comparison.recommendation_)
    display = TradeOffDisplay.from_comparison(comparison)
    display.figure_.savefig(picture, dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    main(*sys.argv[1:])
