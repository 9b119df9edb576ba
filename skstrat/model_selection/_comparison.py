"""The result of a comparison: a table, a choice, a text, plots and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.compat import is_loss
from skstrat._core.extras import import_optional
from skstrat._core.labels import Labels
from skstrat.displays._page import summary_html, write_page
from skstrat.metrics._imbalance import imbalance_degree
from skstrat.metrics._measures import MEASURES, describe_measure
from skstrat.model_selection._code import model_code
from skstrat.model_selection._cross_validation import CrossValidation
from skstrat.model_selection._outcome import Outcome
from skstrat.model_selection._strategies import Strategy
from skstrat.model_selection._verdict import Verdict, judge

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    r"""An estimator under several strategies, measured on the same folds.

    Made by :func:`compare_strategies`.

    Parameters
    ----------
    estimator : estimator
        The estimator, unfitted.
    outcomes, curve : sequence of Outcome
        One for each strategy, that of the true distribution first; and one for each
        factor of the learning curve.
    cross_validation : CrossValidation
        Folds, scorers, seed and weights.
    labels : Labels
        Class codes of the rows, classes and counts.
    best_by : str
        The measure that decides.
    class_names, data_code : sequence of str or None, str or None
        Names of the classes if the labels are codes, and code that makes X and y.

    Notes
    -----
    Standard errors are those of the mean paired difference over the folds, corrected
    for the training rows that folds share [1]_. They are :math:`\sqrt{1 / k + r}`
    standard deviations of the difference, with *k* folds and *r* test rows per training
    row. A strategy wins if its lead over the true distribution in standard errors is
    above a critical value. Where no strategy is better, the largest lead is above it in
    one comparison of ten. That is so for rows of the prevalence of the sample and
    differences that are about normal over the folds. Where a few rows determine the
    loss, a strategy that is mostly a little better and seldom much worse wins more
    often.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, "Inference for the Generalization Error", Machine
       Learning 52 (2003) 239-281.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skstrat import ClassWeight, compare_strategies
    >>> X, y = make_classification(1000, weights=[0.9], random_state=0)
    >>> comparison = compare_strategies(
    ...     LogisticRegression(), X, y, strategies=[ClassWeight()], random_state=0
    ... )
    >>> comparison.best_
    'true distribution'
    >>> bool(comparison.table_["log_loss_difference"]["ClassWeight()"] > 0)
    True
    >>> comparison.build("ClassWeight()")
    ResampledClassifier(estimator=LogisticRegression(), resampler=ClassWeight())
    """

    estimator: Any
    outcomes: Sequence[Outcome] = field(repr=False)
    curve: Sequence[Outcome] = field(repr=False)
    cross_validation: CrossValidation = field(repr=False)
    labels: Labels = field(repr=False)
    best_by: str
    class_names: Sequence[str] | None = None
    data_code: str | None = None

    @property
    def class_names_(self) -> list[str]:
        """Names of the classes for a reader."""
        if self.class_names is None:
            return [str(label) for label in self.labels.classes.tolist()]
        return list(self.class_names)

    @property
    def code_(self) -> str:
        """Python source that rebuilds and fits the best model."""
        return model_code(self)

    @property
    def positive_(self) -> Any:
        """The smallest class, to which ratio, slope and threshold refer."""
        return self.labels.classes[self.labels.counts.argmin()]

    @property
    def loss_(self) -> bool:
        """Whether a smaller value of the deciding measure is better."""
        return is_loss(self.cross_validation.scoring[self.best_by])

    @property
    def measured_(self) -> list[str]:
        """Names of the strategies that did not fail."""
        return [each.strategy.name for each in self.outcomes if each.error is None]

    @cached_property
    def verdict_(self) -> Verdict:
        """Best strategy, the one that saves time, and whether chance explains it."""
        return judge(
            self.outcomes,
            self.best_by,
            loss=self.loss_,
            row_losses=self._row_losses(),
            row_classes=self.y_true_,
            row_weights=self.sample_weight_,
            seed=self.cross_validation.seed,
        )

    @property
    def best_(self) -> str:
        """Name of the best strategy; the true distribution wins ties."""
        return self.best_strategy_.name

    @property
    def best_strategy_(self) -> Strategy:
        """The best strategy; the true distribution wins ties."""
        return self.verdict_.best.strategy

    @property
    def recommendation_(self) -> str:
        """What to train on, in a few sentences with numbers."""
        return self.verdict_.sentence

    @property
    def degree_(self) -> str:
        """Degree of imbalance, see :func:`skstrat.metrics.imbalance_degree`."""
        weights = self.cross_validation.sample_weight
        return str(imbalance_degree(self.labels.codes, weights))

    @cached_property
    def tested_(self) -> NDArray[np.intp]:
        """Rows that some fold tested, ascending."""
        return np.unique(
            np.concatenate([test for _, test in self.cross_validation.splits])
        )

    @cached_property
    def y_true_(self) -> NDArray[np.bool_]:
        """Whether each tested row is of the positive class."""
        return (self.labels.codes == self.labels.counts.argmin())[self.tested_]

    @property
    def sample_weight_(self) -> Floats | None:
        """Weights of the tested rows."""
        weights = self.cross_validation.sample_weight
        return None if weights is None else weights[self.tested_]

    def y_prob(self, name: str) -> Floats:
        """Return the out-of-fold probabilities of the positive class.

        Parameters
        ----------
        name : str
            Name of a strategy.

        Returns
        -------
        ndarray of shape (n_tested,)
            Probabilities, aligned with ``y_true_``.
        """
        return self._p(self.outcome(name))

    def _p(self, outcome: Outcome) -> Floats:
        return outcome.proba[self.tested_, self.labels.counts.argmin()]

    def y_pred(self, name: str) -> NDArray[np.bool_]:
        """Return the out-of-fold predictions at the tuned thresholds.

        Parameters
        ----------
        name : str
            Name of a strategy.

        Returns
        -------
        ndarray of shape (n_tested,)
            Whether the positive class was predicted, aligned with ``y_true_``.
        """
        predicted = self.outcome(name).predicted[self.tested_]
        return np.asarray(predicted == self.positive_)

    def outcome(self, name: str) -> Outcome:
        """Return the result of a strategy.

        Parameters
        ----------
        name : str
            Name of a strategy.

        Returns
        -------
        Outcome
            ``folds`` has arrays of shape (n_folds,) by measure: training rows, seconds
            of the fit, each scorer (losses are positive) and the tuned threshold. They
            are NaN if the strategy failed; ``error`` is then the message. ``proba`` of
            shape (n_rows, n_classes) and ``predicted`` of shape (n_rows,) are out of
            fold; NaN and None for rows that no fold tested.

        Raises
        ------
        KeyError
            If no strategy has this name.
        """
        by_name = {each.strategy.name: each for each in self.outcomes}
        if name not in by_name:
            raise KeyError(f"name must be one of {list(by_name)}; got {name!r}.")
        return by_name[name]

    def build(self, name: str | None = None) -> Any:
        """Combine the estimator with a strategy.

        Parameters
        ----------
        name : str, default=None
            Name of a strategy; None for the best.

        Returns
        -------
        ResampledClassifier
            The unfitted classifier.
        """
        return self.outcome(name or self.best_).strategy.classifier(self.estimator)

    @cached_property
    def table_(self) -> Any:
        """All measures, as a pandas DataFrame with one row per strategy.

        Each measure has its mean over the folds and the standard deviation (``_sd``).
        Then come the mean paired difference to the true distribution (``_difference``)
        and its standard error (``_se``). Losses are positive; lower is better. The next
        columns are the expected calibration error of all out-of-fold predictions,
        divided by the prevalence, and that of a perfectly calibrated model
        (``_floor``). Last is the ``error`` of a strategy that failed, or "". All
        columns but those of ``fit_time`` are the same again with the same seed.
        """
        pandas = import_optional("pandas", "Comparison.table_", "parquet")
        rows = [self._row(outcome) for outcome in self.outcomes]
        names = [outcome.strategy.name for outcome in self.outcomes]
        return pandas.DataFrame(rows, index=pandas.Index(names, name="strategy"))

    def _row(self, outcome: Outcome) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for measure in outcome.folds:
            difference, error = outcome.difference(self.outcomes[0], measure)
            row[measure] = outcome.mean(measure)
            row[f"{measure}_sd"] = outcome.sd(measure)
            row[f"{measure}_difference"] = difference
            row[f"{measure}_se"] = error
        given = self.y_true_, self._p(outcome), self.sample_weight_
        for each in MEASURES.values():
            if each.pooled:
                row[each.key] = np.nan if outcome.error else each.pooled(*given)
        return {**row, "error": outcome.error or ""}

    def _row_losses(self) -> Floats | None:
        loss = describe_measure(self.best_by).loss
        if loss is None or len(self.labels.classes) > 2:
            return None
        return np.array([loss(self.y_true_, self._p(each)) for each in self.outcomes])

    @property
    def learning_curve_(self) -> Any:
        """Measures by factor, as a pandas DataFrame with one row per factor.

        Columns are ``factor``, ``majority_rows`` kept of the biggest class, and all of
        ``table_``.
        """
        pandas = import_optional("pandas", "Comparison.learning_curve_", "parquet")
        other = self.labels.codes != self.labels.counts.argmax()
        others = [other[train].sum() for train, _ in self.cross_validation.splits]
        rows = [
            {
                "factor": each.strategy.resampler.factor,
                "majority_rows": np.mean(each.folds["rows"] - others),
                **self._row(each),
            }
            for each in self.curve
        ]
        return pandas.DataFrame(rows)

    def to_html(self, path: str | Path, *, title: str = "Which strategy?") -> None:
        """Write one self-contained page: verdict, table, pictures, method, code.

        Parameters
        ----------
        path : str or Path
            The file; it is replaced when the page is complete.
        title : str, default="Which strategy?"
            Heading of the page.
        """
        write_page(path, {"": self}, title=title)

    def _repr_html_(self) -> str:
        return summary_html(self)
