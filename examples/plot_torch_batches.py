"""
Balanced batches in PyTorch, with calibrated probabilities
==========================================================

A random batch of rare events has few positive rows or none, and the network learns
slowly. :class:`~skstrat.BalancedBatches` puts as many rows of each class into every
batch. One shift of the last bias then makes the probabilities right.

The data are generated: 100,000 rows to train on, of which about 1 % are positive.
"""

from itertools import islice

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.metrics import average_precision_score, log_loss
from torch import nn, optim
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from skstrat import BalancedBatches
from skstrat.displays import ReliabilityDisplay

torch.set_num_threads(1)  # more are slower for a network as small as this
rng = np.random.default_rng(0)
X = rng.normal(size=(300_000, 6))
log_odds = -6.7 + 1.2 * X[:, 0] + X[:, 1] * X[:, 2] + 0.8 * np.abs(X[:, 3])
y = rng.random(len(X)) < 1 / (1 + np.exp(-log_odds))
X, X_new = torch.tensor(X).float().split([100_000, 200_000])
y, y_new = y[:100_000], y[100_000:]
rows = TensorDataset(X, torch.tensor(y).float())

# %%
# Two ways to make batches
# ------------------------
# Both give arrays of row numbers. An epoch of balanced batches has every negative row
# once, so it has twice as many batches.

balanced = BalancedBatches(y, batch_size=256, random_state=0)
order = RandomSampler(rows, generator=torch.Generator().manual_seed(0))
shuffled = BatchSampler(order, batch_size=256, drop_last=False)
print(f"{len(balanced)} balanced batches, {len(shuffled)} shuffled batches")
print(f"{balanced.passes_per_epoch_[True]:.0f} times each positive row in an epoch")

# %%
# Train
# -----
# As ``sampler`` with ``batch_size=None``, the loader takes all rows of a batch at once.
# The loss has no weights. Both networks are trained for the same number of steps.


def train(sampler, epochs):
    """Fit a small network and let its steps get smaller."""
    torch.manual_seed(0)
    loader = DataLoader(rows, sampler=sampler, batch_size=None)
    network = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
    adam = optim.Adam(network.parameters(), lr=0.01)
    schedule = optim.lr_scheduler.CosineAnnealingLR(adam, epochs * len(loader))
    for _ in range(epochs):
        for X_batch, y_batch in loader:
            loss = nn.BCEWithLogitsLoss()(network(X_batch)[:, 0], y_batch)
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
    return network


def predict(network):
    """Give the probabilities of new rows."""
    with torch.no_grad():
        return network(X_new)[:, 0].double().sigmoid().numpy()


p_new = {"shuffled": predict(train(shuffled, epochs=2))}
network = train(balanced, epochs=1)
p_new["balanced, before"] = predict(network)

# %%
# Correct the prior
# -----------------
# In the batches half of the rows are positive. The bias of the last layer is shifted
# by the difference of log odds between data and batches.

log_ratio = np.log(balanced.class_counts_ / balanced.quota_)
with torch.no_grad():
    network[-1].bias += log_ratio[1] - log_ratio[0]
p_new["balanced, after"] = predict(network)
for name, p in p_new.items():
    precision, loss = average_precision_score(y_new, p), log_loss(y_new, p)
    print(f"{name:16}  AP {precision:.3f}  log loss {loss:.4f}  mean p {p.mean():.1%}")
print(f"observed {y_new.mean():.1%}")

# %%
# The picture
# -----------
# Left: positive rows in 60 batches. Right: on the dotted line predictions are right.

fig, (left, right) = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
looks = {"shuffled": (shuffled, "ks"), "balanced": (balanced, "C0o")}
for name, (batches, look) in looks.items():
    counts = [y[each].sum() for each in islice(batches, 60)]
    left.plot(range(1, 61), counts, look, markersize=4, label=name)
left.set(xlabel="Batch", ylabel="Positive rows in a batch of 256", ylim=(-4, 150))
left.legend(loc="center right")
ReliabilityDisplay(y_new, p_new).plot(right)

# %%
# With four times as many steps the network of shuffled batches comes close.
#
# What to read next: :doc:`/batches` for weights in the loss, resuming, several
# processes and Keras, and :doc:`/probabilities` for the correction.
