"""
Fraud detection on imbalanced data, from the table to the decision
==================================================================

One card payment in 200 is fraudulent. We train gradient boosting on all frauds and a
tenth of the other payments, and keep calibrated probabilities. Then probability times
amount is the expected loss of a payment, which says what to review.
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
table["shop"] = pd.Categorical(rng.choice(["food", "fuel", "travel", "games"], n))
risk = np.log1p(table["euros"]) + 0.04 * table["km"] + 2 * (table["hour"] < 6)
risk += 1.5 * table["shop"].isin(["travel", "games"]) - 12.2
fraud = rng.random(n) < 1 / (1 + np.exp(-risk.to_numpy()))
X, X_new, y, y_new = train_test_split(table, fraud, stratify=fraud, random_state=0)

# %%
# Train on all rows and on fewer
# ------------------------------
# :class:`~skstrat.DownsampleUpweight` with ``factor=10`` keeps one of ten payments that
# are no fraud. :class:`~skstrat.ResampledClassifier` trains on the rows kept and
# predicts for the original distribution. ``prior_correction=False`` gives what plain
# under-sampling predicts.

trees = HistGradientBoostingClassifier(early_stopping=False, random_state=0)
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
    model.fit(X, y)
    seconds = time.perf_counter() - start
    p = p_new[name] = model.predict_proba(X_new)[:, 1]
    print(f"{name:18} {model.n_samples_fit_:7,} rows {seconds:4.1f} s", end="  ")
    print(f"log loss {log_loss(y_new, p):.4f}  predicted {p.mean():.2%}")
print(f"observed {y_new.mean():.2%}")

# %%
# The record says what was done. Its last line is a check by the rows that were dropped:
# predicted frauds over observed frauds, so 1 is right.

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
    ax.plot(share, saved, color=color, linestyle=line)
    ax.plot(share[stop], saved[stop], "o", color=color, linestyle=line, label=label)
ax.set(xscale="log", xlim=(0.02, 100), ylim=(-140, 60))
ax.set(xlabel="Payments reviewed (%)", ylabel="Money saved (thousand euros)")
ax.xaxis.set_major_formatter("{x:g}")
ax.legend(loc="lower left")

# %%
# With calibrated probabilities the rule stops near the maximum. With those of
# under-sampled rows it reviews far too many payments and loses money.
#
# What to read next: :ref:`sphx_glr_gallery_plot_cost_threshold.py` where every row has
# the same costs, :doc:`/probabilities` for formulas, :doc:`/how_far` for the factor.
