"""
Calibrate probabilities after under-sampling
============================================

A model trained on under-sampled rows predicts the share of positives in those rows. So
its probabilities are far too high. One shift of all log odds corrects them to the
original distribution. The reliability diagram shows both.

The data are generated: 200,000 rows to train on, of which about 1 % are positive.
"""

import matplotlib.pyplot as plt
import numpy as np
from imblearn.under_sampling import RandomUnderSampler
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

from skstrat import DownsampleUpweight, ResampledClassifier, correct_prior
from skstrat.displays import ReliabilityDisplay
from skstrat.metrics import mean_probability_ratio

rng = np.random.default_rng(0)
X = rng.normal(size=(400_000, 6))
log_odds = -6.7 + 1.2 * X[:, 0] + X[:, 1] * X[:, 2] + 0.8 * np.abs(X[:, 3])
y = rng.random(len(X)) < 1 / (1 + np.exp(-log_odds))
X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
print(f"{y.sum():,} of {len(y):,} rows are positive")

# %%
# Before: under-sampling by itself
# --------------------------------
# ``RandomUnderSampler`` of imbalanced-learn keeps as many negative rows as positive
# ones.

trees = HistGradientBoostingClassifier(
    learning_rate=0.05, l2_regularization=10, early_stopping=False, random_state=0
)
under = RandomUnderSampler(random_state=0)
before = trees.fit(*under.fit_resample(X, y)).predict_proba(X_new)[:, 1]

# %%
# After: the prior corrected
# --------------------------
# :class:`~skstrat.ResampledClassifier` takes the same model and the same sampler. It
# shifts the log odds by the ratio of the class shares (Elkan, 2001).
# :func:`~skstrat.correct_prior` does the same to the probabilities of any model.

after = ResampledClassifier(trees, under).fit(X, y).predict_proba(X_new)[:, 1]
by_hand = correct_prior(before, train_prior=[1, 1], target_prior=np.bincount(y))
print(f"largest difference {np.abs(by_hand - after).max():.0e}")

# %%
# The same with more negative rows, one of ten:

down = DownsampleUpweight(factor=10, random_state=0)
more = ResampledClassifier(trees, down).fit(X, y).predict_proba(X_new)[:, 1]

# %%
# The picture
# -----------
# On the dotted line predictions are right. Both axes are logarithmic, and bars are 95 %
# intervals.

fig, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
curves = {"1:1, before": before, "1:1, after": after, "factor 10, after": more}
ReliabilityDisplay(y_new, curves).plot(ax)

# %%
# The correction keeps the order of the rows, so the area under the ROC curve (AUC) is
# the same. The log loss and the mean prediction change. At high probabilities the model
# with more negative rows is nearer to the line.

for name, p in curves.items():
    auc, loss = roc_auc_score(y_new, p), log_loss(y_new, p)
    ratio = mean_probability_ratio(y_new, p)
    print(f"{name:16} AUC {auc:.3f}  log loss {loss:.4f}", end="  ")
    print(f"mean p / prevalence {ratio:.2f}")

# %%
# What to read next: :doc:`/probabilities` for the formula and where it is exact,
# :ref:`sphx_glr_gallery_plot_cost_threshold.py` for decisions, and
# :class:`~skstrat.displays.ReliabilityDisplay`.
