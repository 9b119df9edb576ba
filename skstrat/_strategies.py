"""What people do about imbalance: the strategies that a comparison measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from imblearn.under_sampling import RandomUnderSampler

from skstrat._class_weight import ClassWeight
from skstrat._classifier import ResampledClassifier
from skstrat._combined import CombinedResample
from skstrat._downsample import DownsampleUpweight
from skstrat._oversample import RandomOversample

TRUE_DISTRIBUTION = "true distribution"
DEFAULT_FACTORS = (5.0, 20.0, 100.0)


@dataclass(frozen=True)
class Strategy:
    """One way to train: which rows, with or without weights and correction.

    Parameters
    ----------
    name : str
        What people call it.
    resampler : resampler or None, default=None
        Chooses the rows; None for the true distribution.
    use_weights : {"auto"} or bool, default="auto"
        As in :class:`ResampledClassifier`.
    prior_correction : bool, default=True
        As in :class:`ResampledClassifier`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat import DownsampleUpweight, Strategy
    >>> strategy = Strategy("a twentieth", DownsampleUpweight(factor=20))
    >>> strategy.classifier(LogisticRegression())
    ResampledClassifier(estimator=LogisticRegression(),
                        resampler=DownsampleUpweight(factor=20))
    """

    name: str
    resampler: Any = None
    use_weights: Literal["auto"] | bool = "auto"
    prior_correction: bool = True

    def classifier(self, estimator: Any) -> ResampledClassifier:
        """Put an estimator under this strategy.

        Parameters
        ----------
        estimator : estimator
            Any classifier.

        Returns
        -------
        ResampledClassifier
            Unfitted.
        """
        return ResampledClassifier(
            estimator,
            self.resampler,
            use_weights=self.use_weights,
            prior_correction=self.prior_correction,
        )

    def to_dict(self) -> dict[str, Any]:
        """Describe the strategy in types that JSON knows.

        Returns
        -------
        dict
            The name, and the arguments of :class:`ResampledClassifier` as code.
        """
        return {
            "strategy": self.name,
            "resampler": repr(self.resampler),
            "use_weights": self.use_weights,
            "prior_correction": self.prior_correction,
        }


def as_strategies(strategies: Any) -> list[Strategy]:
    """Name what was given, and put the true distribution first."""
    if isinstance(strategies, Mapping):
        named = [_as_strategy(item, name) for name, item in strategies.items()]
    else:
        named = [_as_strategy(item) for item in strategies]
    names = [strategy.name for strategy in named]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"strategies must have different names; got {twice} more than once. Give a "
            "dict of strategies by name."
        )
    true = [each for each in named if is_true_distribution(each)]
    others = [each for each in named if not is_true_distribution(each)]
    return [*(true or [Strategy(TRUE_DISTRIBUTION)]), *others]


def is_true_distribution(strategy: Strategy) -> bool:
    """Tell whether a strategy trains on the rows as they are."""
    return strategy.resampler is None


def _as_strategy(item: Any, name: str | None = None) -> Strategy:
    if isinstance(item, Strategy):
        return item if name is None else replace(item, name=name)
    if item is None:
        return Strategy(name or TRUE_DISTRIBUTION)
    if not hasattr(item, "fit_resample"):
        raise TypeError(
            "strategies must hold Strategy objects, resamplers (with fit_resample) or "
            f"None; got {item!r}."
        )
    return Strategy(name or " ".join(repr(item).split()), item)


def choose_factors(counts: Any) -> list[float]:
    """Choose downsampling factors that leave the biggest class at least the smallest."""
    ratio = float(np.max(counts) / np.min(counts))
    chosen = [factor for factor in DEFAULT_FACTORS if factor <= ratio]
    return chosen or [min(2.0, ratio)] * (ratio > 1)


def list_strategies(
    factors: Iterable[float], *, random_state: int = 0
) -> list[Strategy]:
    """List what people do about imbalance, the true distribution first."""
    undersampler = RandomUnderSampler(random_state=random_state)
    oversampler = RandomOversample(random_state=random_state)
    combined = CombinedResample(random_state=random_state)
    strategies = [
        Strategy(TRUE_DISTRIBUTION),
        *_with_and_without("under-sampling 1:1", undersampler),
        *_with_and_without("class weights", ClassWeight(), use_weights=True),
    ]
    for factor in factors:
        downsample = DownsampleUpweight(factor=factor, random_state=random_state)
        name = f"downsample {factor:g}"
        strategies += [
            Strategy(f"{name} + upweight", downsample, use_weights=True),
            Strategy(f"{name} + correction", downsample, use_weights=False),
        ]
    return [
        *strategies,
        *_with_and_without("oversample 1:1", oversampler),
        *_with_and_without("combined", combined),
    ]


def _with_and_without(
    name: str, resampler: Any, use_weights: Literal["auto"] | bool = "auto"
) -> tuple[Strategy, Strategy]:
    return (
        Strategy(name, resampler, use_weights, prior_correction=False),
        Strategy(f"{name} + correction", resampler, use_weights),
    )
