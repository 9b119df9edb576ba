"""
Downsample imbalanced multi-label data
======================================

A message can have several labels, some frequent and some rare. Each row is kept at a
rate that depends on its labels. The weights then give every label its exact total, so
the probabilities of all labels stay calibrated.

The data are generated: 200,000 messages with five labels, the rarest on 0.8 %.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from skstrat import DownsampleUpweight, make_pipeline

rng = np.random.default_rng(0)
names = ["question", "delivery", "refund", "damage", "fraud"]
X = rng.normal(size=(400_000, 8))
log_odds = X @ rng.normal(scale=0.5, size=(8, 5)) + [0.5, -1, -3, -4.5, -6]
y = (rng.random(log_odds.shape) < 1 / (1 + np.exp(-log_odds))).astype(int)
y = pd.DataFrame(y, columns=names)
X, X_new, y, y_new = X[::2], X[1::2], y[::2], y[1::2]

# %%
# Which rows are kept
# -------------------
# ``sampling_strategy=0.5`` asks for two rows of each other label per row of the rarest.
# Of the labels of a row, the one with the highest rate decides. Rows of rare labels
# have frequent labels, too, so more of these are kept than asked for.

down = DownsampleUpweight(sampling_strategy=0.5, random_state=0)
X_kept, y_kept, weight = down.fit_resample(X, y)
totals = {"before": y.sum(), "kept": y_kept.sum(), "weight": weight @ y_kept}
print(pd.DataFrame(totals).round(1).to_string())
print(f"{len(X_kept):,} of {len(X):,} rows")

# %%
# Train on all rows, and without and with weights
# -----------------------------------------------
# ``MultiOutputClassifier`` fits a logistic regression for each label. In
# :func:`skstrat.make_pipeline` the weights reach it.

linear = MultiOutputClassifier(LogisticRegression())
models = {
    "all rows": clone(linear).fit(X, y),
    "without weights": clone(linear).fit(X_kept, y_kept),
    "with weights": make_pipeline(down, linear).fit(X, y),
}
ratios = pd.DataFrame(index=names)
for name, model in models.items():
    p = np.column_stack([column[:, 1] for column in model.predict_proba(X_new)])
    ratios[name] = p.mean(axis=0) / y_new.mean()
print(ratios.round(2).to_string())

# %%
# The picture
# -----------
# Left: rows with each label. Right: how many new rows are predicted to have a label,
# over how many have it. With weights the result is close to that of all rows.

fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
looks = [("s", "#999999", 11), ("X", "#D55E00", 9), ("o", "#0072B2", 8)]
rows = {"before": y.sum(), "kept": y_kept.sum()}
panels = {"Rows with the label": rows, "Predicted over true number of rows": ratios}
for ax, (title, columns) in zip(axes, panels.items(), strict=True):
    for name, (marker, color, size) in zip(columns, looks, strict=False):
        ax.plot(columns[name], names, marker, color=color, ms=size, label=name)
    ax.set(xscale="log", xlabel=title)
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.grid(color="0.92")
    ax.legend()
axes[1].set_xticks([1, 2, 5, 10], minor=False)
axes[1].minorticks_off()

# %%
# Trees do not follow such weights. For them, put :class:`~skstrat.ResampledClassifier`
# into ``MultiOutputClassifier``: it then resamples for each label.
#
# What to read next: :doc:`/strata` for trees, sparse labels and rows without a label,
# and :doc:`/batches` for several labels in mini-batches.
