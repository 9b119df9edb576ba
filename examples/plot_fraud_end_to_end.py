"""
Fraud detection on imbalanced data, end to end
==============================================

One card payment in 200 is fraudulent. We train gradient boosting on all frauds and one
in ten of the other payments, and keep calibrated probabilities. So probability times
amount is the expected loss of a payment, and shows which ones to review.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from imblearn.under_sampling import RandomUnderSampler
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skstrat import DownsampleUpweight, ResampledClassifier

rng = np.random.default_rng(0)
n = 400_000
table = pd.DataFrame({"euros": rng.lognormal(3, 1.2, n), "km": rng.exponential(20, n)})
table["hour"] = rng.integers(24, size=n)
table["shop"] = pd.Categorical(rng.choice(["food", "fuel", "games"], n))
risk = np.log1p(table["euros"]) + 0.04 * table["km"] - 12.3
risk += 2 * (table["hour"] < 6) + 2 * (table["shop"] == "games")
fraud = rng.random(n) < 1 / (1 + np.exp(-risk.to_numpy()))
X, X_new, y, y_new = train_test_split(table, fraud, stratify=fraud, random_state=0)

# %%
# Train on all rows and on fewer
# ------------------------------
# :class:`~skstrat.DownsampleUpweight` with ``factor=10`` keeps one in ten payments that
# are not fraudulent. :class:`~skstrat.ResampledClassifier` trains on the rows kept and
# predicts for the original distribution, unless ``prior_correction=False``.

trees = HistGradientBoostingClassifier(
    max_leaf_nodes=7, l2_regularization=10, early_stopping=False, random_state=0
)
under = RandomUnderSampler(random_state=0)
down = DownsampleUpweight(factor=10, random_state=0)
models = {
    "all rows": ResampledClassifier(trees),
    "under-sampling 1:1": ResampledClassifier(trees, under, prior_correction=False),
    "skstrat, factor 10": ResampledClassifier(trees, down),
}
p_new = {}
for name, model in models.items():
    start = time.perf_counter()
    rows = model.fit(X, y).n_samples_fit_
    print(f"{name:18} {rows:7,} rows {time.perf_counter() - start:4.1f} s", end="  ")
    p = p_new[name] = model.predict_proba(X_new)[:, 1]
    print(f"log loss {log_loss(y_new, p):.4f}  mean p {p.mean():.2%}")
print(f"observed {y_new.mean():.2%}")

# %%
# The record ends with a check by dropped rows: predicted over observed, 1 is right.

print(model.decision_)

# %%
# Decide which payments to review
# -------------------------------
# A review costs 5 euros and stops a fraud. So a payment is worth a review if its
# expected loss is more than 5 euros. The curves show the money saved if payments are
# reviewed in the order of their expected loss. The points show where the rule stops.

euros, cost = X_new["euros"].to_numpy(), 5
fig, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
looks = [("black", "-"), ("#D55E00", "--"), ("#0072B2", "-.")]
for (name, p), (color, line) in zip(p_new.items(), looks, strict=True):
    order = np.argsort(-p * euros)
    saved = np.cumsum(y_new[order] * euros[order] - cost) / 1000
    share = 100 * np.arange(1, len(order) + 1) / len(order)
    stop = np.count_nonzero(p * euros > cost) - 1
    label = f"{name}: {saved[stop]:.0f} at {share[stop]:.0f} %"
    ax.plot(share, saved, "o", ls=line, color=color, markevery=[stop], label=label)
ax.set(xscale="log", xlim=(0.02, 100), ylim=(-140, 60))
ax.set(xlabel="Payments reviewed (%)", ylabel="Money saved (thousand euros)")
ax.xaxis.set_major_formatter("{x:g}")
ax.legend(loc="lower left")

# %%
# With calibrated probabilities the rule stops near the maximum. After plain
# under-sampling it reviews far too many payments and loses money.
#
# What to read next: :ref:`sphx_glr_gallery_plot_cost_threshold.py` where every row has
# the same costs, :doc:`/probabilities` for formulas, :doc:`/how_far` for the factor.
