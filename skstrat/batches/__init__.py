"""Balanced mini-batches with loss weights, for torch, Keras and ``partial_fit``."""

from skstrat.batches._balanced import BalancedBatches
from skstrat.batches._imbalanced_sampler import ImbalancedSampler
from skstrat.batches._iterate import iter_batches

__all__ = ["BalancedBatches", "ImbalancedSampler", "iter_batches"]
