"""Displays that are made from a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

from skstrat.displays._axes import Display
from skstrat.displays._style import (
    Styles,
    choose_names,
    comparison_styles,
    default_names,
)


@dataclass(repr=False, eq=False)
class ComparisonDisplay(Display):
    """A picture of what a comparison measured."""

    comparison: Any

    @classmethod
    def from_comparison(
        cls, comparison: Any, *, ax: Any = None, **options: Any
    ) -> Self:
        """Draw a comparison.

        Parameters
        ----------
        comparison : Comparison
            Made by :func:`skstrat.compare_strategies`.
        ax : Axes or array of Axes, default=None
            Where to draw; None for a new figure.
        **options : dict
            Keyword arguments of the class.

        Returns
        -------
        Display
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If an argument does not fit the comparison.
        """
        return cls(comparison, **options).plot(ax)


@dataclass(repr=False, eq=False)
class CurvesDisplay(Display):
    """A curve of labels and probabilities for each strategy."""

    y_true: Any
    y_prob: Mapping[str, Any]
    _: KW_ONLY
    sample_weight: Any = None
    styles: Styles | None = None

    @classmethod
    def from_comparison(
        cls,
        comparison: Any,
        *,
        strategies: str | Iterable[str] | None = None,
        ax: Any = None,
        **options: Any,
    ) -> Self:
        """Draw the out-of-fold probabilities of a comparison.

        Parameters
        ----------
        comparison : Comparison
            Made by :func:`skstrat.compare_strategies`. With more than two classes, the
            smallest against the rest.
        strategies : str or iterable of str, default=None
            Names; None for the true distribution, the best and the worst.
        ax : Axes or array of Axes, default=None
            Where to draw; None for a new figure.
        **options : dict
            Keyword arguments of the class.

        Returns
        -------
        Display
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the comparison has no such strategy.
        """
        names = choose_names(comparison, strategies, default_names(comparison))
        display = cls(
            comparison.y_true_,
            {name: comparison.y_prob(name) for name in names},
            sample_weight=comparison.sample_weight_,
            styles=comparison_styles(comparison),
            **options,
        )
        return display.plot(ax)
