"""
Early stopping of LightGBM on imbalanced data
=============================================

Early stopping needs rows that the booster is not trained on. A resampler that drops
rows has such rows already. With ``eval_set="dropped"`` the booster stops by the log
loss on dropped rows, corrected to the original distribution.

The data are generated: 300,000 rows, of which about 1 % are positive.
"""

import matplotlib.pyplot as plt
import numpy as np
from lightgbm import LGBMClassifier, early_stopping
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skstrat import DownsampleUpweight, ResampledClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(400_000, 8))
log_odds = -6.7 + 1.2 * X[:, 0] + X[:, 1] * X[:, 2] + 0.8 * np.abs(X[:, 3])
y = rng.random(len(X)) < 1 / (1 + np.exp(-log_odds))
X, X_new, y, y_new = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Fit
# ---
# Parameters of ``fit``, such as callbacks, are passed to LightGBM. The eval set holds
# rows that were dropped, and a fifth of the positive rows, of which none was dropped.

booster = LGBMClassifier(n_estimators=2000, n_jobs=1, random_state=0, verbose=-1)
down = DownsampleUpweight(factor=10, random_state=0)
model = ResampledClassifier(booster, down)
model.fit(X, y, eval_set="dropped", callbacks=[early_stopping(60, verbose=False)])
print(model.decision_)

# %%
# The booster holds the correction: it is a plain LightGBM model and predicts the
# original distribution.

plain = model.to_sklearn()
print(f"{type(plain).__name__} stopped after {plain.best_iteration_} trees")
p = plain.predict_proba(X_new)[:, 1]
print(f"predicted {p.mean():.2%}, observed {y_new.mean():.2%}")

# %%
# The picture
# -----------
# The loss by which training stopped, and the loss on rows that were not used at all.
# Both are of the original distribution, so they have the same scale.

dropped = plain.evals_result_["valid_0"]["binary_logloss"]
trees = np.arange(5, plain.best_iteration_ + 1, 5)
new = [log_loss(y_new, plain.predict_proba(X_new, num_iteration=k)) for k in trees]

fig, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
ax.plot(range(1, len(dropped) + 1), dropped, color="#0072B2", label="dropped rows")
ax.plot(trees, new, "s", color="#D55E00", markersize=4, label="new rows")
best = f"stopped: {plain.best_iteration_} trees"
ax.axvline(plain.best_iteration_, color="black", linestyle=":", label=best)
ax.set(xlabel="Trees", ylabel="Log loss (nats a row)")
ax.legend()

# %%
# What to read next: :doc:`/boosting` for XGBoost, CatBoost, ``scale_pos_weight`` and
# eval sets of your own, and :ref:`sphx_glr_gallery_plot_time_against_loss.py` for time
# saved and loss added.
