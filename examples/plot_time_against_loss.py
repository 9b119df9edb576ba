"""
Compare strategies for imbalanced data: time against log loss
=============================================================

Is imbalance a problem for these data, and which strategy is best?
:func:`~skstrat.compare_strategies` measures strategies on the same folds. It resamples
training parts alone, so the test parts have the original distribution.

The data are generated: 30,000 rows, of which about 1 % are positive.
"""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.ensemble import HistGradientBoostingClassifier

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    Strategy,
    compare_strategies,
)
from skstrat.displays import TradeOffDisplay

rng = np.random.default_rng(0)
X = rng.normal(size=(30_000, 6))
log_odds = -6.7 + 1.2 * X[:, 0] + X[:, 1] * X[:, 2] + 0.8 * np.abs(X[:, 3])
y = rng.random(len(X)) < 1 / (1 + np.exp(-log_odds))

# %%
# Measure
# -------
# A strategy is a name, a resampler, and whether weights are used and the prior is
# corrected. Without ``strategies`` those in common use are measured. The true
# distribution, which is all rows as they are, is always measured.

down = DownsampleUpweight(factor=20, random_state=0)
under, smote = RandomUnderSampler(random_state=0), SMOTE(random_state=0)
strategies = [
    Strategy("under-sampling 1:1", under, prior_correction=False),
    Strategy("class weights", ClassWeight(), use_weights=True, prior_correction=False),
    Strategy("SMOTE", smote, prior_correction=False),
    Strategy("factor 20, weights", down, use_weights=True),
    Strategy("factor 20, corrected", down),
    Strategy("factor 20, guided", GuidedDownsample(factor=20, random_state=0)),
]
trees = HistGradientBoostingClassifier(
    max_iter=50, l2_regularization=10, early_stopping=False, random_state=0
)
comparison = compare_strategies(
    trees, X, y, strategies=strategies, cv=3, tune_threshold=False, random_state=0
)
print(fill(comparison.recommendation_, 70))

# %%
# The picture
# -----------
# Fast is left and good is low. The line is at the loss of the true distribution. This
# model is slow with any weights, and it overpredicts with them.

fig, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
TradeOffDisplay.from_comparison(comparison, ax=ax)

# %%
# The table
# ---------
# Mean p / prevalence is 1 if as many positives are predicted as there are.

columns = ["fit_time", "log_loss", "mean_probability_ratio"]
print(comparison.table_[columns].round(4).to_string())

# %%
# ``comparison.build("factor 20, guided")`` gives the model of a strategy, and
# ``comparison.to_html("report.html")`` writes a page. The command line does all this
# for a file: ``skstrat compare table.csv --target label``.
#
# What to read next: :doc:`/compare`, :doc:`/how_far` for the choice of the factor, and
# :ref:`sphx_glr_gallery_plot_reliability.py` for what the correction does.
