"""
Imbalanced regression: sample a continuous target by bins
=========================================================

Most insurance claims are small, and a few are very large. A random sample has few of
the large ones. With bins of the target as strata all large claims are kept, and
weights make the model predict the mean of all claims.

The data are generated: 100,000 claims, of which about 1 % are above 10,000 euros.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.utils import resample

from skstrat import DownsampleUpweight, make_pipeline

rng = np.random.default_rng(0)
X = rng.normal(size=(200_000, 4))
euros = np.exp(6 + X @ [0.3, 0.2, 0.1, 0.1] + 1.3 * rng.normal(size=len(X)))
X, X_new, euros, euros_new = X[::2], X[1::2], euros[::2], euros[1::2]

# %%
# Bins in place of classes
# ------------------------
# ``strata`` takes the bin of each row. ``sampling_strategy=1.0`` asks for as many rows
# of every bin as the smallest has. The weights of a bin sum to its original rows.

edges = [1_000, 3_000, 10_000]
bins = np.digitize(euros, edges)
down = DownsampleUpweight(sampling_strategy=1.0, strata=bins, random_state=0)
X_kept, euros_kept, weight = down.fit_resample(X, euros)
mean = np.average(euros_kept, weights=weight)
print(f"{len(X_kept):,} of {len(X):,} claims")
print(f"mean {euros.mean():,.0f} euros, weighted mean of claims kept {mean:,.0f} euros")

# %%
# Fit many samples
# ----------------
# A linear regression in :func:`skstrat.make_pipeline` gets the weights. We draw 50
# samples by bins, and 50 random samples of the same size. For each model we compare the
# total predicted for new claims with the true one.


def ratio(model):
    """Predict the total of new claims, over the true total."""
    return model.predict(X_new).sum() / euros_new.sum()


linear = LinearRegression()
of_all = ratio(linear.fit(X, euros))
ratios = {"random": [], "by bins": []}
for seed in range(50):
    sample = resample(X, euros, n_samples=len(X_kept), replace=False, random_state=seed)
    ratios["random"].append(ratio(linear.fit(*sample)))
    pipeline = make_pipeline(clone(down).set_params(random_state=seed), linear)
    ratios["by bins"].append(ratio(pipeline.fit(X, euros)))
for name, values in ratios.items():
    print(f"{name:7} {np.mean(values):.3f} ± {np.std(values):.3f}")
print(f"all     {of_all:.3f}")

# %%
# The picture
# -----------
# Left: claims of each bin. Right: one point for each of 50 samples. The line is the
# model of all claims, and samples by bins vary less around it.

shown = {"all": bins, "random": np.digitize(sample[1], edges)}
shown["by bins"] = np.digitize(euros_kept, edges)
looks = {"all": "#999999", "random": "#D55E00", "by bins": "#0072B2"}
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
for at, (name, numbers) in enumerate(shown.items()):
    place = np.arange(4) + 0.27 * (at - 1)
    left.bar(place, np.bincount(numbers), width=0.27, color=looks[name], label=name)
left.set(yscale="log", xlabel="Claim (thousand euros)", ylabel="Number of claims")
left.set_xticks(range(4), ["below 1", "1 to 3", "3 to 10", "above 10"])
left.legend()
for at, (name, values) in enumerate(ratios.items()):
    place = at + rng.uniform(-0.2, 0.2, len(values))
    right.plot(place, values, "so"[at], color=looks[name], markersize=5)
right.axhline(of_all, color="black", linestyle=":")
right.set_xticks([0, 1], ratios)
right.set(xlim=(-0.5, 1.5), xlabel="Sample", ylabel="Predicted over true total")

# %%
# Trees do not follow weights as large as these and predict too high. The pipeline then
# warns with :class:`~skstrat.TreeWeightsWarning`. For trees keep more rows, so that
# weights are at most about 5.
#
# What to read next: :doc:`/strata` for trees, counts and other strata, and
# :doc:`/how_far` for how many rows to keep.
