"""Draw training time against log loss for logistic regression on one data set.

python benchmarks/plot_data_set.py FOLDER/mammography.csv.gz docs/mammography.png
"""

from __future__ import annotations

import sys

from skstrat import compare_strategies
from skstrat.cli.tabular import make_logistic, plain_columns, read_table
from skstrat.displays import TradeOffDisplay


def main(path: str, picture: str) -> None:
    """Compare as ``skstrat compare`` does, and draw."""
    table = read_table(path, "target")
    X, y = plain_columns(table.features), table.codes()
    comparison = compare_strategies(make_logistic(X, 0), X, y, random_state=0)
    print(comparison.recommendation_)
    display = TradeOffDisplay.from_comparison(comparison)
    display.figure_.savefig(picture, dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    main(*sys.argv[1:])
