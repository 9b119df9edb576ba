"""
Choose the decision threshold from a cost matrix
================================================

A missed defect costs more than a false alarm. If probabilities are calibrated, the best
threshold follows from the costs alone, without a search. If the model was trained on
under-sampled rows without a correction, the same threshold is expensive.

The data are generated: measurements of parts, of which about 2 % are defective.
"""

import matplotlib.pyplot as plt
import numpy as np
from imblearn.under_sampling import RandomUnderSampler
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import FixedThresholdClassifier, train_test_split

from skstrat import DownsampleUpweight, ResampledClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(200_000, 4))
log_odds = X @ [1.5, 1, 0.5, 0] - 5.5
defective = rng.random(len(X)) < 1 / (1 + np.exp(-log_odds))
X, X_new, y, y_new = train_test_split(X, defective, test_size=0.5, random_state=0)

# %%
# From costs to the threshold
# ---------------------------
# The cost matrix has the truth in rows and the decision in columns. A part that is
# scrapped costs 2 euros, and a defective part that is delivered costs 80 euros. With
# costs :math:`c_{\text{truth, decision}}`, scrap a part if (Elkan, 2001)
#
# .. math::
#
#    p \ge \frac{a}{a + b}, \quad
#    a = c_{\text{good, scrap}} - c_{\text{good, deliver}}, \quad
#    b = c_{\text{bad, deliver}} - c_{\text{bad, scrap}}

cost = np.array([[0, 2], [80, 2]])  # euros: good or bad; deliver or scrap
a, b = cost[0, 1] - cost[0, 0], cost[1, 0] - cost[1, 1]
best = a / (a + b)
print(f"threshold {best:.3f}")

# %%
# Decide at this threshold
# ------------------------
# ``FixedThresholdClassifier`` of scikit-learn is put around the classifier. The cost is
# computed on parts that were not used in training.

logistic, under = LogisticRegression(), RandomUnderSampler(random_state=0)
down = DownsampleUpweight(factor=10, random_state=0)
models = {
    "under-sampling 1:1": ResampledClassifier(logistic, under, prior_correction=False),
    "skstrat, factor 10": ResampledClassifier(logistic, down),
}
for name, model in models.items():
    decide = FixedThresholdClassifier(model, threshold=best).fit(X, y)
    scrap = decide.predict(X_new)
    euros = (confusion_matrix(y_new, scrap) * cost).sum() / len(y_new)
    print(f"{name}: {euros:.2f} euros a part, {scrap.mean():.1%} scrapped")

# %%
# The picture
# -----------
# All thresholds, with the one from the cost matrix as a dotted line. Calibrated
# probabilities have their lowest cost there.

thresholds = np.geomspace(0.001, 1, 100)
fig, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
looks = [{"color": "#D55E00", "linestyle": "--"}, {"color": "#0072B2"}]
for (name, model), look in zip(models.items(), looks, strict=True):
    p = model.fit(X, y).predict_proba(X_new)[:, 1]
    costs = [cost[y_new * 1, (p >= t) * 1].mean() for t in thresholds]
    ax.plot(thresholds, costs, label=name, **look)
    ax.plot(best, cost[y_new * 1, (p >= best) * 1].mean(), "o", markersize=9, **look)
ax.axvline(best, color="black", linestyle=":", label=f"from the costs: {best:.3f}")
ax.set(xscale="log", xlabel="Threshold (probability of a defect)", ylim=(0, None))
ax.set_ylabel("Mean cost (euros a part)")
ax.xaxis.set_major_formatter("{x:g}")
ax.legend()

# %%
# If the costs change, only the threshold changes, and no model has to be fitted again.
# A threshold tuned on data, by ``TunedThresholdClassifierCV``, can also correct the
# decisions of the under-sampled model, but only for these costs.
#
# What to read next: :doc:`/probabilities` for priors and thresholds, and
# :ref:`sphx_glr_gallery_plot_fraud_end_to_end.py` for a cost that differs by row.
