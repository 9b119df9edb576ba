"""
SMOTE with and without sample weights
=====================================

SMOTE creates synthetic rows of the rare class. A model trained on them predicts as if
the rare class were common. :class:`~skstrat.Weighted` gives every row a weight, so that
each class keeps its total, and the probabilities stay calibrated.

The data are generated: two features, and 2 % of the rows are positive.
"""

import matplotlib.pyplot as plt
import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_plain_pipeline
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss

from skstrat import Weighted, make_pipeline

rng = np.random.default_rng(0)
X = rng.normal(size=(20_000, 2))
y = rng.random(len(X)) < 1 / (1 + np.exp(5.3 - 1.5 * X[:, 0] - X[:, 1]))
train, new = slice(None, 5_000), slice(5_000, None)
print(f"{y[train].sum()} of 5,000 rows are positive")

# %%
# The weights
# -----------
# After SMOTE both classes have as many rows. With ``Weighted`` the total weight of each
# class is its number of original rows.

weighted = Weighted(SMOTE(random_state=0))
X_made, y_made, weight = weighted.fit_resample(X[train], y[train])
for label in (False, True):
    own = y_made == label
    print(f"{label!s:5}  {own.sum():,} rows, total weight {weight[own].sum():,.0f}")

# %%
# Three models
# ------------
# In :func:`skstrat.make_pipeline` the weights reach every later step that takes them.

models = {
    "all rows": LogisticRegression(),
    "SMOTE": make_plain_pipeline(SMOTE(random_state=0), LogisticRegression()),
    "SMOTE with weights": make_pipeline(weighted, LogisticRegression()),
}
p_new = {}
for name, model in models.items():
    p = p_new[name] = model.fit(X[train], y[train]).predict_proba(X[new])[:, 1]
    ap = average_precision_score(y[new], p)
    print(f"{name:18}  log loss {log_loss(y[new], p):.3f}  average precision {ap:.3f}")

# %%
# The picture
# -----------
# The colour is the predicted probability, and the points are the positive rows.

fig, axes = plt.subplots(1, 3, figsize=(8, 3.8), sharey=True, layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    shown = DecisionBoundaryDisplay.from_estimator(
        model,
        X[train],
        response_method="predict_proba",
        class_of_interest=True,
        plot_method="pcolormesh",
        cmap="cividis",
        vmin=0,
        vmax=1,
        ax=ax,
    )
    ax.scatter(*X[train][y[train]].T, s=8, color="white", edgecolor="black")
    ax.set(title=f"{name}\npredicted {p_new[name].mean():.1%}", xlabel="Feature 1")
axes[0].set(ylabel="Feature 2")
fig.suptitle(f"Observed: {y[new].mean():.1%} positive")
fig.colorbar(shown.surface_, ax=axes, label="Predicted probability")

# %%
# SMOTE alone predicts more than ten times too many positives. With weights the log loss
# is that of all rows. Average precision, which measures the ranking, is the same for
# all three, so SMOTE gains nothing here: compare with all rows before you oversample.
#
# Boosted trees overpredict with such weights. :class:`~skstrat.ResampledClassifier`
# trains trees without these weights and corrects the prior instead.
#
# What to read next: :doc:`/from_imbalanced_learn`, :doc:`/probabilities`, and
# :ref:`sphx_glr_gallery_plot_time_against_loss.py`, which compares many strategies.
