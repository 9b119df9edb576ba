"""The same model under several strategies, measured on the same untouched folds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from imblearn.under_sampling import RandomUnderSampler
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    make_scorer,
    roc_auc_score,
)
from sklearn.model_selection import cross_validate

from skstrat._classifier import ResampledClassifier
from skstrat._oversample import RandomOversample
from skstrat._resamplers import ClassWeight, CombinedResample, DownsampleUpweight

DEFAULT_FACTORS = (5.0, 20.0, 100.0)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Strategy:
    """One way to train: which rows, with or without weights and correction.

    Attributes
    ----------
    name : str
        What people call it.
    resampler : resampler or None
        Chooses the rows; None for the true distribution.
    use_weights : {"auto"} or bool
        As in :class:`ResampledClassifier`.
    prior_correction : bool
        As in :class:`ResampledClassifier`.
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


@dataclass(frozen=True)
class Outcome:
    """What a strategy came to in every fold.

    Attributes
    ----------
    strategy : Strategy
        The strategy.
    folds : dict of str to ndarray of shape (n_folds,)
        Values by measure: ``"rows"`` used for training, ``"fit_time"`` in seconds,
        and one entry for each scorer.
    """

    strategy: Strategy
    folds: dict[str, Floats]

    def mean(self, measure: str) -> float:
        """Average a measure over the folds.

        Parameters
        ----------
        measure : str
            A key of ``folds``.

        Returns
        -------
        float
            The mean.
        """
        return float(self.folds[measure].mean())

    def sd(self, measure: str) -> float:
        """Give the standard deviation of a measure over the folds.

        Parameters
        ----------
        measure : str
            A key of ``folds``.

        Returns
        -------
        float
            With ``n_folds - 1`` in the denominator: a spread, not a confidence
            interval.
        """
        return float(self.folds[measure].std(ddof=1))

    def to_dict(self) -> dict[str, Any]:
        """Give everything in types that JSON knows.

        Returns
        -------
        dict
            The strategy, and ``mean``, ``sd`` and ``folds`` of each measure.
        """
        measures = {
            name: {
                "mean": self.mean(name),
                "sd": self.sd(name),
                "folds": values.tolist(),
            }
            for name, values in self.folds.items()
        }
        return {**self.strategy.to_dict(), "measures": measures}


def choose_factors(counts: Any) -> list[float]:
    """Choose downsampling factors that leave the biggest class at least the smallest.

    Parameters
    ----------
    counts : array-like of shape (n_classes,)
        Rows per class.

    Returns
    -------
    list of float
        Those of 5, 20 and 100 that do; if none does, 2 or the ratio of the two
        classes, whichever is less; none if the classes are equal.
    """
    ratio = float(np.max(counts) / np.min(counts))
    chosen = [factor for factor in DEFAULT_FACTORS if factor <= ratio]
    return chosen or [min(2.0, ratio)] * (ratio > 1)


def list_strategies(
    factors: Iterable[float], *, random_state: int = 0
) -> list[Strategy]:
    """List what people do about imbalance, the true distribution first.

    Parameters
    ----------
    factors : iterable of float
        Downsampling factors.
    random_state : int, default=0
        Given to every resampler.

    Returns
    -------
    list of Strategy
        Each as it is commonly done, then with the prior corrected.
    """
    undersampler = RandomUnderSampler(random_state=random_state)
    oversampler = RandomOversample(random_state=random_state)
    combined = CombinedResample(random_state=random_state)
    strategies = [
        Strategy("true distribution"),
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


def make_scoring(smallest: int | None = None) -> dict[str, Any]:
    """Make the scorers of a comparison; losses keep their sign, lower is better.

    Parameters
    ----------
    smallest : int, default=None
        With more than two classes, coded 0, 1, ...: the one whose mean probability
        is compared with its prevalence. None for two classes coded 0 and 1.

    Returns
    -------
    dict of str to scorer
        ROC AUC, average precision (both one-vs-rest, macro-averaged, with more than
        two classes), log loss, Brier score (the sum over classes with more than two)
        and mean probability / prevalence.
    """
    functions = {
        "roc_auc": partial(roc_auc_score, multi_class="ovr"),
        "average_precision": average_precision_score,
        "log_loss": log_loss,
        "brier": brier_score_loss,
        "mean_probability_ratio": partial(_mean_probability_ratio, code=smallest),
    }
    return {
        name: make_scorer(function, response_method="predict_proba")
        for name, function in functions.items()
    }


def _mean_probability_ratio(y: Any, proba: Any, code: int | None) -> float:
    """Divide the rows expected of a class by the rows there are."""
    if code is None:
        return float(proba.sum() / np.sum(y))
    return float(proba[:, code].sum() / np.count_nonzero(y == code))


def measure_strategies(
    estimator: Any,
    X: Any,
    y: Any,
    strategies: Iterable[Strategy],
    *,
    cv: Any,
    scoring: Mapping[str, Any],
    n_jobs: int | None = None,
) -> Iterator[Outcome]:
    """Cross-validate an estimator under each strategy, on the same folds.

    Parameters
    ----------
    estimator : estimator
        Any classifier with ``predict_proba``; clones of it are fitted.
    X : array-like of shape (n_rows, ...)
        Data.
    y : array-like of shape (n_rows,)
        Labels.
    strategies : iterable of Strategy
        What to compare. Only the training part of a fold is resampled.
    cv : cross-validation splitter
        Asked once, so the folds are the same even if it draws them by chance.
    scoring : dict of str to scorer
        As for :func:`sklearn.model_selection.cross_validate`.
    n_jobs : int, default=None
        Folds fitted at the same time, each in a process; None means 1.

    Yields
    ------
    Outcome
        One per strategy, in their order, as soon as it is measured.
    """
    splits = list(cv.split(X, y))
    for strategy in strategies:
        result = cross_validate(
            strategy.classifier(estimator),
            X,
            y,
            cv=splits,
            scoring=dict(scoring),
            return_estimator=True,
            error_score="raise",
            n_jobs=n_jobs,
        )
        rows = [model.n_samples_fit_ for model in result["estimator"]]
        folds = {"rows": np.array(rows, dtype=float), "fit_time": result["fit_time"]}
        folds |= {name: result[f"test_{name}"] for name in scoring}
        yield Outcome(strategy, folds)
