"""
Downsample a large Parquet file to a small one
==============================================

A file that is too large for memory becomes a small one. All rare rows are kept, and one
in 20 of the others. A new column of weights keeps the total of each class, so models of
the small file predict for the large one.

The data are generated: a million card payments, of which about 0.7 % are fraudulent.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skstrat import DownsampleUpweight, PriorCorrectedClassifier
from skstrat.io import resample_file

rng = np.random.default_rng(0)


def make_payments(n):
    """Generate payments; frauds are large and far from home."""
    table = pd.DataFrame(rng.normal(size=(n, 6)).astype(np.float32))
    table.columns = ["euros", "km", "hour", "age", "visits", "days"]
    log_odds = table["euros"] + table["km"] + 0.5 * table["hour"] - 6
    return table.assign(fraud=rng.random(n) < 1 / (1 + np.exp(-log_odds)))


# %%
# From file to file
# -----------------
# :func:`~skstrat.io.resample_file` reads the labels, draws, and copies the rows drawn.
# Memory holds about one byte for each row of the large file, and 16 for each row drawn.
# The command for it is
# ``skstrat downsample large.parquet small.parquet --target fraud --factor 20``.

down = DownsampleUpweight(factor=20, random_state=0)
with TemporaryDirectory() as folder:
    large, small = Path(folder, "large.parquet"), Path(folder, "small.parquet")
    make_payments(1_000_000).to_parquet(large)
    summary = resample_file(large, small, target="fraud", resampler=down)
    X = pd.read_parquet(small)
y, weight = X.pop("fraud"), X.pop("sample_weight")
classes = pd.DataFrame(summary.classes).set_index("label")
print(classes.round(1).to_string())

# %%
# Train from the small file
# -------------------------
# A linear model takes the weights. Trees do not follow class weights, so they are
# fitted without. Then :class:`~skstrat.PriorCorrectedClassifier` corrects the prior.

linear = LogisticRegression().fit(X, y, sample_weight=weight)
trees = PriorCorrectedClassifier(
    HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(X, y),
    train_prior=classes["rows"],
    target_prior=classes["weight"],
)
X_new = make_payments(200_000)
y_new = X_new.pop("fraud")
for name, model in {"linear, weights": linear, "trees, corrected": trees}.items():
    p = model.predict_proba(X_new)[:, 1]
    print(f"{name:16}  log loss {log_loss(y_new, p):.4f}  mean p {p.mean():.2%}")
print(f"observed {y_new.mean():.2%}")

# %%
# The picture
# -----------
# The file and the frequent class get smaller. The weights keep the total of each class.

shares = {"file size (bytes)": (summary.bytes_after, summary.bytes_before)}
for what, name in {"rows": "rows", "weight": "total weight"}.items():
    for label, of in {False: "other payments", True: "frauds"}.items():
        shares[f"{name}, {of}"] = classes.loc[label, [what, f"{what}_before"]]

fig, ax = plt.subplots(figsize=(6.8, 4), layout="constrained")
for name, (after, before) in shares.items():
    bar = ax.barh(name, 100 * after / before, color="#0072B2")
    ax.bar_label(bar, [f" {after:,.0f} of {before:,.0f}"], size=9)
ax.set(xlabel="Small file in % of the large file", xlim=(0, 165))
ax.set_xticks(range(0, 101, 20))
ax.invert_yaxis()

# %%
# What to read next: :doc:`/files` for CSV, keys, Dask and Spark, :doc:`/how_far` for
# the factor, and :doc:`/same_rows` for the same draw in a database.
