"""
Check calibration without a validation set
==========================================

Rows that a resampler drops were not used in training. So
:class:`~skstrat.ResampledClassifier` predicts some of them after each fit, and warns if
the predicted number of positive rows is far too high or too low. This needs no
validation set.

The data are generated: 30,000 rows to train on, of which about 1.6 % are positive.
"""

import warnings
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from imblearn.under_sampling import NearMiss
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from skstrat import DownsampleUpweight, ResampledClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(80_000, 6))
log_odds = -6 + 1.2 * X[:, 0] + X[:, 1] * X[:, 2] + 0.8 * np.abs(X[:, 3])
y = rng.random(len(X)) < 1 / (1 + np.exp(-log_odds))
X, X_new, y, y_new = X[:30_000], X[30_000:], y[:30_000], y[30_000:]

# %%
# Fit, and collect the warnings
# -----------------------------
# Some of these models are right and some are known to be wrong. ``decision_.check`` has
# the predicted over the true number of rows of each class, and standard errors. Limits
# are 0.8 and 1.25, plus two standard errors.

linear, neighbours = LogisticRegression(), KNeighborsClassifier(50)
boosting = HistGradientBoostingClassifier(max_iter=50, random_state=0)
forest = RandomForestClassifier(50, random_state=0)
tree = DecisionTreeClassifier(max_depth=6, random_state=0)
down = DownsampleUpweight(factor=20, random_state=0)
models = {
    "logistic regression": ResampledClassifier(linear, down),
    "random forest": ResampledClassifier(forest, down),
    "boosted trees": ResampledClassifier(boosting, down),
    "boosted, with weights": ResampledClassifier(boosting, down, use_weights=True),
    "decision tree": ResampledClassifier(tree, down),
    "nearest neighbours": ResampledClassifier(neighbours, down),
    "boosted, NearMiss": ResampledClassifier(boosting, NearMiss()),
}
results = []
for name, model in models.items():
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        check = model.fit(X, y).decision_.check
    ratio = model.predict_proba(X_new)[:, 1].mean() / y_new.mean()
    results.append((check.ratios[True], 2 * check.standard_errors[True], ratio))
    for warning in given:
        cause, _, _ = str(warning.message).partition(", so it predicts")
        print(fill(f"{name}: {cause}.", 70, subsequent_indent="    "))

# %%
# The picture
# -----------
# Circles are the check during ``fit``, with two standard errors, and squares are the
# same ratio of 50,000 new rows. Models outside the grey band gave a warning.

by_check, margin, by_new_rows = zip(*results, strict=True)
fig, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
ax.axvspan(0.8, 1.25, color="0.9", label="limits")
look = {"markersize": 9, "capsize": 4, "color": "#0072B2", "label": "check"}
ax.errorbar(by_check, list(models), xerr=margin, fmt="o", **look)
look = {"markerfacecolor": "none", "markeredgecolor": "#D55E00", "label": "new rows"}
ax.plot(by_new_rows, list(models), "s", markersize=9, **look)
ax.set(xscale="log", xlabel="Predicted over true number of positive rows")
ax.set_xticks([0.5, 1, 2, 5, 10], minor=False)
ax.xaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.invert_yaxis()
ax.legend()

# %%
# The check compares means. The logistic regression misses the product of two features,
# but its mean is right, so it gives no warning. Compare models by a loss, too.
#
# ``CalibratedClassifierCV`` of scikit-learn can calibrate a wrong model. It needs three
# fits or more.
#
# What to read next: :doc:`/probabilities` for the formula of the check and how often it
# is right, and :doc:`/limits` for what it does not detect.
