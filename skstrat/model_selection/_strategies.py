"""Common strategies against imbalance, for comparisons and grids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import numpy as np
from imblearn.over_sampling import SMOTE

from skstrat._core.targets import seed_of
from skstrat.classifiers._auto_resampler import suits_auto, suits_guided_rows
from skstrat.classifiers._full_fit import allows_full_fit
from skstrat.classifiers._resampled import ResampledClassifier
from skstrat.resamplers._class_weight import ClassWeight
from skstrat.resamplers._combined import CombinedResample
from skstrat.resamplers._downsample import DownsampleUpweight
from skstrat.resamplers._guided import GuidedDownsample
from skstrat.resamplers._oversample import RandomOversample
from skstrat.resamplers._weighted import Weighted

TRUE_DISTRIBUTION = "true distribution"
DEFAULT_FACTORS = (5.0, 20.0, 100.0)
_CURVE_FACTORS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SWITCHES = ("use_weights", "prior_correction", "full_fit")


@dataclass(frozen=True)
class Strategy:
    """One way to train: which rows, with or without weights and correction.

    Parameters
    ----------
    name : str
        Name for people.
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
        """Whether it trains on the original rows."""
        return self.resampler is None

    @property
    def fit_key(self) -> tuple[Any, ...]:
        """Key of the fit; strategies with the same key can share a fit."""
        # With guided rows, a model may learn the correction in training.
        separate = isinstance(self.resampler, (GuidedDownsample, str))
        corrects = self.prior_correction or not separate
        given = self.use_weights, self.full_fit, corrects
        return id(self.resampler), id(self.random_state), *given

    def classifier(self, estimator: Any) -> ResampledClassifier:
        """Combine an estimator with this strategy.

        Parameters
        ----------
        estimator : estimator
            Any classifier.

        Returns
        -------
        ResampledClassifier
            The unfitted classifier.
        """
        given = {name: vars(self)[name] for name in (*_SWITCHES, "random_state")}
        return ResampledClassifier(estimator, self.resampler, **given)

    def to_dict(self) -> dict[str, Any]:
        """Describe the strategy in types that JSON has.

        Returns
        -------
        dict
            The name, and the arguments of :class:`ResampledClassifier` as code.
        """
        told = {"strategy": self.name, "resampler": repr(self.resampler)}
        return told | {name: vars(self)[name] for name in _SWITCHES}


def as_strategies(strategies: Any) -> list[Strategy]:
    """Name the given strategies, and put the true distribution first."""
    by_name = isinstance(strategies, Mapping)
    # A single one is a list of one.
    if isinstance(strategies, str) or not isinstance(strategies, Iterable):
        strategies = [strategies]
    pairs = strategies.items() if by_name else ((None, each) for each in strategies)
    named = [_as_strategy(name, item) for name, item in pairs]
    names = [strategy.name for strategy in named]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"strategies must have different names; got {twice} more than once. Give a "
            "dict of strategies by name."
        )
    if not any(each.is_true_distribution for each in named):
        named.append(Strategy(TRUE_DISTRIBUTION))
    return sorted(named, key=lambda each: not each.is_true_distribution)


def _as_strategy(name: str | None, item: Any) -> Strategy:
    given = item.resampler if isinstance(item, Strategy) else item
    resamples = hasattr(given, "fit_resample") and not isinstance(given, type)
    if not (resamples or given is None or given == "auto"):
        raise TypeError(
            "strategies must hold Strategy objects, resamplers (with fit_resample), "
            f'"auto" or None; got {item!r}.'
        )
    if isinstance(item, Strategy):
        return replace(item, name=name or item.name)
    told = TRUE_DISTRIBUTION if item is None else " ".join(str(item).split())
    return Strategy(name or told, item)


def choose_factors(counts: Any) -> list[float]:
    """Choose factors that leave the biggest class at least as large as the smallest."""
    ratio = float(np.max(counts) / np.min(counts))
    chosen = [factor for factor in DEFAULT_FACTORS if factor <= ratio]
    return chosen or [min(2.0, ratio)] * (ratio > 1)


def list_strategies(
    factors: Iterable[float],
    *,
    random_state: int = 0,
    estimator: Any = None,
    has_columns: bool = True,
) -> list[Strategy]:
    """List common strategies, the true distribution first, that suit the estimator."""
    factors = list(factors)
    made = _families(factors, random_state)
    # Like RandomUnderSampler, but for any X.
    under = DownsampleUpweight(
        sampling_strategy="not minority", weighting="uniform", random_state=random_state
    )
    strategies = [
        Strategy(TRUE_DISTRIBUTION),
        *_both("under-sampling 1:1", under),
        *_both("class weights", made["class_weight"][0], use_weights=True),
    ]
    for rows in made["downsample"][1:]:
        name = f"downsample {rows.factor:g}"
        strategies += [
            Strategy(f"{name} + upweight", rows, use_weights=True),
            Strategy(f"{name} + correction", rows, use_weights=False),
        ]
    for guided in made["guided"][-1:] if estimator is not None else ():
        if has_columns and suits_guided_rows(estimator):
            strategies.append(Strategy(f"guided {guided.factor:g}", guided))
        if allows_full_fit(estimator):
            strategies.append(Strategy(f"{name} + full fit", rows, full_fit=True))
        if suits_auto(estimator):
            strategies.append(Strategy("auto", "auto", random_state=random_state))
    return [
        *strategies,
        *_both("oversample 1:1", made["oversample"][0]),
        *_both("combined", made["combined"][0]),
    ]


def _both(name: str, resampler: Any, **how: Any) -> list[Strategy]:
    """Return a strategy without and with the correction of the prior."""
    plain = Strategy(name, resampler, prior_correction=False, **how)
    return [plain, Strategy(f"{name} + correction", resampler, **how)]


def list_curve(
    counts: Any, asked: bool | float | Iterable[float] | None, random_state: int
) -> list[Strategy]:
    """List strategies with fewer and fewer rows of the biggest class."""
    most = np.max(counts) / np.min(counts)
    if asked is None or isinstance(asked, (bool, np.bool_)):
        factors = [float(each) for each in _CURVE_FACTORS if each <= most and asked]
    else:
        factors = sorted(set(asked)) if isinstance(asked, Iterable) else [asked]
    if not all(1 <= each < np.inf for each in factors):
        raise ValueError(
            "learning_curve_by_rows must be True, False or factors of 1 or more; got "
            f"{factors}. Leave out those below."
        )
    seed: dict[str, Any] = {"random_state": random_state}
    return [
        Strategy(f"factor {each:g}", DownsampleUpweight(factor=float(each), **seed))
        for each in factors
    ]


FAMILIES = ("downsample", "oversample", "combined", "class_weight")


def strategy_grid(
    *,
    factors: Iterable[float] = (5, 20, 100),
    families: Iterable[str] = FAMILIES,
    random_state: Any = 0,
) -> list[Any]:
    r"""List resampling strategies for GridSearchCV, the true distribution first.

    Parameters
    ----------
    factors : iterable of float, default=(5, 20, 100)
        Factors of :class:`DownsampleUpweight`, one strategy each. Its default is added:
        ten rows of each big class per row of the smallest, and at least 10,000 rows of
        each.
    families : iterable of str, default=the first four
        Kinds of strategies: ``"downsample"``, ``"oversample"``, ``"combined"``,
        ``"class_weight"``. ``"guided"`` and ``"synthetic"`` (SMOTE), which need
        numbers in X, are listed only if named. So is ``"auto"``, whose seed is the
        ``random_state`` of :class:`ResampledClassifier`.
    random_state : int, Generator, RandomState or None, default=0
        Seed of every resampler. With an int they draw nested rows, so that a curve over
        factors is smooth.

    Returns
    -------
    list
        ``None`` for the true distribution, then unfitted resamplers, or ``"auto"``.

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
    listed, chosen = _families(list(factors), random_state), list(families)
    unknown = [family for family in chosen if family not in listed]
    if unknown:
        raise ValueError(f"families must be among {list(listed)}; got {unknown!r}.")
    return [None, *chain.from_iterable(listed[family] for family in chosen)]


def _families(factors: list[float], random_state: Any) -> dict[str, list[Any]]:
    seed: dict[str, Any] = {"random_state": random_state}
    return {
        "downsample": [
            DownsampleUpweight(factor=each, **seed) for each in (None, *factors)
        ],
        "oversample": [RandomOversample(weighting="uniform", **seed)],
        "combined": [CombinedResample(weighting="balanced", **seed)],
        "class_weight": [ClassWeight()],
        "guided": [GuidedDownsample(factor=each, **seed) for each in factors],
        "auto": ["auto"],
        # imbalanced-learn takes no Generator.
        "synthetic": [Weighted(SMOTE(random_state=seed_of(random_state) % 2**32))],
    }
