"""
Balanced batches in PyTorch, with calibrated probabilities
==========================================================

A random batch of rare events has few positive rows or none.
:class:`~skstrat.BalancedBatches` puts as many rows of each class into every batch, so
the network learns in fewer steps. One shift of the last bias then makes the
probabilities right. With enough steps random batches give as good a network.

The data are generated: 100,000 rows to train on, of which about 1 % are positive.
"""

from itertools import chain, islice, repeat

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.metrics import log_loss
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
# Both give lists of row numbers.

balanced = BalancedBatches(y, batch_size=256, random_state=0)
order = RandomSampler(rows, generator=torch.Generator().manual_seed(0))
shuffled = BatchSampler(order, batch_size=256, drop_last=False)
looks = {"shuffled": (shuffled, "ks"), "balanced": (balanced, "C0o")}
for name, (batches, _) in looks.items():
    counts = [int(y[each].sum()) for each in islice(batches, 100)]
    print(f"{name}: {min(counts)} to {max(counts)} positive rows in a batch of 256")

# %%
# Train
# -----
# As ``sampler`` with ``batch_size=None``, the loader takes all rows of a batch at once.
# The loss has no weights. Each network starts at the log odds of its batches. Without
# that, random batches need many steps for the bias alone.


def train(batches, steps, start):
    """Fit a small network and let its steps get smaller."""
    torch.manual_seed(0)
    loader = DataLoader(rows, sampler=batches, batch_size=None)
    network = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
    nn.init.constant_(network[-1].bias, start)
    adam = optim.Adam(network.parameters(), lr=0.03)
    schedule = optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for X_batch, y_batch in islice(chain.from_iterable(repeat(loader)), steps):
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


# %%
# Correct the prior
# -----------------
# In balanced batches half of the rows are positive. The bias of the last layer is
# shifted by the difference of log odds between data and batches.

log_ratio = np.log(balanced.class_counts_ / balanced.quota_)
shift = log_ratio[1] - log_ratio[0]
p_new = {}
for steps in (100, 200, 400, 800, 1600):
    p_new[steps] = {"shuffled": predict(train(shuffled, steps, start=shift))}
    network = train(balanced, steps, start=0.0)
    p_new[steps]["balanced, before"] = predict(network)
    with torch.no_grad():
        network[-1].bias += shift
    p_new[steps]["balanced"] = predict(network)
losses = {
    name: [log_loss(y_new, p[name]) for p in p_new.values()]
    for name in ("shuffled", "balanced")
}
print("steps    ", *(f"{steps:6}" for steps in p_new))
for name, values in losses.items():
    print(name, "", *(f"{loss:.4f}" for loss in values))
best = log_loss(y_new, 1 / (1 + np.exp(-log_odds[100_000:])))
print(f"log loss of the true probabilities {best:.4f}")

# %%
# The picture
# -----------
# Left: log loss by the number of steps. The dotted line is that of the true
# probabilities. Right: after 200 steps. On the dotted line predictions are right.

fig, (left, right) = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for name, (_, look) in looks.items():
    left.plot(list(p_new), losses[name], f"{look}-", label=name)
left.axhline(best, color="black", linestyle=":")
left.set(xscale="log", xlabel="Steps", ylabel="Log loss of new rows")
left.set_xticks(list(p_new), list(p_new))
left.set_xticks([], minor=True)
left.legend()
ReliabilityDisplay(y_new, p_new[200]).plot(right)

# %%
# Balanced batches are near their best after 200 steps. Random batches need about four
# times as many for the same loss. With more steps the loss of balanced batches grows:
# each positive row is repeated so often that the network overfits. So use balanced
# batches for a short training, and stop by the loss of validation rows.
#
# What to read next: :doc:`/batches` for weights in the loss, resuming, several
# processes and Keras, and :doc:`/probabilities` for the correction.
