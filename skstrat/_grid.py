"""Ready lists of strategies for a search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imblearn.over_sampling import SMOTE

from skstrat._class_weight import ClassWeight
from skstrat._combined import CombinedResample
from skstrat._downsample import DownsampleUpweight
from skstrat._guided import GuidedDownsample
from skstrat._oversample import RandomOversample
from skstrat._seed import seed_of
from skstrat._weighted import Weighted

FAMILIES = ("downsample", "oversample", "combined", "class_weight")


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
        default of ten rows of each big class per row of the smallest.
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
    unknown = [family for family in chosen if family not in _MAKE]
    if unknown:
        raise ValueError(f"families must be among {list(_MAKE)}; got {unknown!r}.")
    return [
        None,
        *(each for family in chosen for each in _MAKE[family](factors, random_state)),
    ]


def _downsample(factors: list[float], random_state: Any) -> list[Any]:
    return [
        DownsampleUpweight(random_state=random_state),
        *(
            DownsampleUpweight(factor=factor, random_state=random_state)
            for factor in factors
        ),
    ]


def _oversample(_: list[float], random_state: Any) -> list[Any]:
    return [RandomOversample(random_state=random_state)]


def _combined(_: list[float], random_state: Any) -> list[Any]:
    return [CombinedResample(random_state=random_state)]


def _class_weight(_: list[float], __: Any) -> list[Any]:
    return [ClassWeight()]


def _guided(factors: list[float], random_state: Any) -> list[Any]:
    return [
        GuidedDownsample(factor=factor, random_state=random_state) for factor in factors
    ]


def _synthetic(_: list[float], random_state: Any) -> list[Any]:
    # imbalanced-learn takes no Generator.
    return [Weighted(SMOTE(random_state=seed_of(random_state) % 2**32))]


_MAKE = {
    "downsample": _downsample,
    "oversample": _oversample,
    "combined": _combined,
    "class_weight": _class_weight,
    "guided": _guided,
    "synthetic": _synthetic,
}
