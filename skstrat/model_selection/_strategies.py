"""What people do about imbalance: the strategies that a comparison measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler

from skstrat._core.targets import seed_of
from skstrat.classifiers._resampled import ResampledClassifier
from skstrat.resamplers._class_weight import ClassWeight
from skstrat.resamplers._combined import CombinedResample
from skstrat.resamplers._downsample import DownsampleUpweight
from skstrat.resamplers._guided import GuidedDownsample
from skstrat.resamplers._oversample import RandomOversample
from skstrat.resamplers._weighted import Weighted

TRUE_DISTRIBUTION = "true distribution"
DEFAULT_FACTORS = (5.0, 20.0, 100.0)


@dataclass(frozen=True)
class Strategy:
    """One way to train: which rows, with or without weights and correction.

    Parameters
    ----------
    name : str
        What people call it.
    resampler : resampler, "auto" or None, default=None
        Chooses the rows; None for the true distribution.
    use_weights : {"auto"} or bool, default="auto"
        As in :class:`ResampledClassifier`.
    prior_correction : bool, default=True
        As in :class:`ResampledClassifier`.
    full_fit : bool or "auto", default="auto"
        As in :class:`ResampledClassifier`.
    random_state : int, Generator, RandomState or None, default=None
        Seed of ``resampler="auto"``.

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
    full_fit: Literal["auto"] | bool = "auto"
    random_state: Any = None

    @property
    def is_true_distribution(self) -> bool:
        """Whether it trains on the rows as they are."""
        return self.resampler is None

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
            full_fit=self.full_fit,
            random_state=self.random_state,
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
            "full_fit": self.full_fit,
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
    true = [each for each in named if each.is_true_distribution]
    others = [each for each in named if not each.is_true_distribution]
    return [*(true or [Strategy(TRUE_DISTRIBUTION)]), *others]


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
    """Choose factors that leave the biggest class at least as large as the smallest."""
    ratio = float(np.max(counts) / np.min(counts))
    chosen = [factor for factor in DEFAULT_FACTORS if factor <= ratio]
    return chosen or [min(2.0, ratio)] * (ratio > 1)


def list_strategies(
    factors: Iterable[float], *, random_state: int = 0
) -> list[Strategy]:
    """List what people do about imbalance, the true distribution first."""
    undersampler = RandomUnderSampler(random_state=random_state)
    oversampler = RandomOversample(weighting="uniform", random_state=random_state)
    combined = CombinedResample(weighting="balanced", random_state=random_state)
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


FAMILIES = ("downsample", "oversample", "combined", "class_weight")
# What each family lists, given the factors and the seed.
_RESAMPLERS: dict[str, Callable[[list[float], Any], list[Any]]] = {
    "downsample": lambda factors, seed: [
        DownsampleUpweight(random_state=seed),
        *(DownsampleUpweight(factor=each, random_state=seed) for each in factors),
    ],
    "oversample": lambda _, seed: [
        RandomOversample(weighting="uniform", random_state=seed)
    ],
    "combined": lambda _, seed: [
        CombinedResample(weighting="balanced", random_state=seed)
    ],
    "class_weight": lambda *_: [ClassWeight()],
    "guided": lambda factors, seed: [
        GuidedDownsample(factor=each, random_state=seed) for each in factors
    ],
    # imbalanced-learn takes no Generator.
    "synthetic": lambda _, seed: [Weighted(SMOTE(random_state=seed_of(seed) % 2**32))],
}


def strategy_grid(
    *,
    factors: Iterable[float] = (5, 20, 100),
    families: Iterable[str] = FAMILIES,
    random_state: Any = 0,
) -> list[Any]:
    """List resampling strategies for GridSearchCV, the true distribution first.

    Parameters
    ----------
    factors : iterable of float, default=(5, 20, 100)
        Factors of :class:`DownsampleUpweight`, one strategy each; next to them the
        default of ten rows of each big class per row of the smallest, and at least
        10,000 rows of each.
    families : iterable of str, default=("downsample", "oversample", "combined", \
            "class_weight")
        Which kinds of strategies. ``"guided"`` and ``"synthetic"`` (SMOTE), which read
        X and need numbers, are there for the asking.
    random_state : int, Generator, RandomState or None, default=0
        Given to every resampler; an int makes them draw nested rows, so that a curve
        over factors is smooth.

    Returns
    -------
    list
        ``None`` for the true distribution, then unfitted resamplers.

    Raises
    ------
    ValueError
        If a family is unknown.

    Examples
    --------
    >>> from skstrat import strategy_grid
    >>> strategy_grid(factors=[20], families=["downsample", "class_weight"])[2:]
    [DownsampleUpweight(factor=20, random_state=0), ClassWeight()]
    """
    factors, chosen = list(factors), list(families)
    unknown = [family for family in chosen if family not in _RESAMPLERS]
    if unknown:
        raise ValueError(
            f"families must be among {list(_RESAMPLERS)}; got {unknown!r}."
        )
    listed = (_RESAMPLERS[family](factors, random_state) for family in chosen)
    return [None, *chain.from_iterable(listed)]
