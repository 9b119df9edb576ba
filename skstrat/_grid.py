"""Ready lists of strategies for a search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from skstrat._class_weight import ClassWeight
from skstrat._combined import CombinedResample
from skstrat._downsample import DownsampleUpweight
from skstrat._guided import GuidedDownsample
from skstrat._oversample import RandomOversample

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
        Which kinds of strategies; ``"guided"`` ones, which read X, are there for the
        asking.
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
    made = {
        "downsample": [
            DownsampleUpweight(random_state=random_state),
            *(
                DownsampleUpweight(factor=factor, random_state=random_state)
                for factor in factors
            ),
        ],
        "oversample": [RandomOversample(random_state=random_state)],
        "combined": [CombinedResample(random_state=random_state)],
        "class_weight": [ClassWeight()],
        "guided": [
            GuidedDownsample(factor=factor, random_state=random_state)
            for factor in factors
        ],
    }
    chosen = list(families)
    unknown = [family for family in chosen if family not in made]
    if unknown:
        raise ValueError(f"families must be among {list(made)}; got {unknown!r}.")
    return [None, *(resampler for family in chosen for resampler in made[family])]
