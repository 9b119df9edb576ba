"""A recommended downsampling factor, its predicted loss and the time it saves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from skstrat._core.extras import import_optional

Limit = Literal[
    "max_loss",
    "negatives_per_positive",
    "least_rows",
    "least_positives",
    "positives_per_column",
]
Correction = Literal["weights", "offset", "guided"]

# With fewer the prediction is poor: on generated data it was off by 3 to 30 times.
LEAST_POSITIVES = 30
_HOW = {
    "weights": "with weights",
    "offset": "with the prior corrected",
    "guided": "chosen by a pilot, with the offset of each row,",
}


@dataclass(frozen=True)
class FactorRecommendation:
    r"""A recommended downsampling factor, its predicted loss and the time it saves.

    Made by :func:`recommend_factor`.

    Parameters
    ----------
    factor : float
        Factor by which to downsample ``majority``, at least 1. As ``factor`` of
        :class:`DownsampleUpweight` or :class:`GuidedDownsample` it keeps ``rows`` rows.
    rows : int
        Rows kept, of all classes.
    n_rows : int
        Rows of the data, without those of zero weight.
    n_columns : int
        Columns that the final model gets. For a pipeline, the columns that its other
        steps make of the pilot's rows.
    majority : label
        The most frequent class.
    correction : {"weights", "offset", "guided"}
        What the prediction is for. ``"weights"``: random rows with weights.
        ``"offset"``: random rows, and the model's prior corrected. ``"guided"``: the
        rows of :class:`GuidedDownsample`, and each prediction moved by the offset of
        its row.
    max_loss : float
        The largest share of log loss that may be lost.
    loss : float
        Predicted log loss at the factor over that of all rows, less 1. With more than
        two classes, both are the log loss of the most frequent class against all
        others. The share is smaller in the log loss of all classes, which is larger.
    loss_range : tuple of (float, float)
        Range in which the loss of one fit is expected. For linear models it is two
        standard deviations each way, over the pilot's rows and the rows drawn. For
        others it comes from the range of the estimation share.
    estimation_share : float
        Share of the log loss of a fit to all rows that more rows would remove.
    efficiency : float
        Predicted relative efficiency at the factor.
    limited_by : str
        Why the factor is not larger. With either of the last two reasons all rows are
        kept.

        - ``"max_loss"``: the loss would be more than ``max_loss``.
        - ``"negatives_per_positive"``: there would be fewer negatives than positives.
        - ``"least_rows"``: there would be fewer than 10,000 rows of the majority class,
          or 20 per column.
        - ``"least_positives"``: there are fewer than 30 rows of other classes, too few
          to predict a loss from.
        - ``"positives_per_column"``: a linear model has more columns than the pilot has
          rows of other classes, which are up to 2000.
    seconds, full_seconds : float or None
        Predicted time of a fit to ``rows`` and to all rows; None if it is not known for
        the model. No fit is timed: the same seed gives the same recommendation.
    factors : tuple of float
        Factors from 1 to the one at which about as many negatives as positives are
        left.
    rows_by_factor : tuple of int
        Rows kept at each, of all classes.
    loss_by_factor : tuple of float
        Predicted loss at each.
    efficiency_by_factor : tuple of float
        Predicted efficiency at each.

    Notes
    -----
    Kish's effective sample size of the weights, :math:`(\sum w)^2 / \sum w^2`, is not
    used. It assumes rows that differ only in their weights, so it depends mainly on the
    number of negatives kept. At a factor of 2 it halves, where the loss of efficiency
    may be 0.5 %. With that measure, downsampling would never be recommended.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import recommend_factor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300_000, 2))
    >>> y = np.where(rng.random(300_000) < 0.01 * np.exp(X[:, 0] / 2), "fraud", "ok")
    >>> recommendation = recommend_factor(X, y, random_state=0)
    >>> 10 < recommendation.factor < 60, recommendation.loss <= 0.01
    (True, True)
    >>> recommendation.correction
    'weights'
    >>> str(recommendation).partition(" by a factor of ")[0]
    "Downsample class 'ok'"
    """

    factor: float
    rows: int
    n_rows: int
    n_columns: int
    majority: Any
    correction: Correction
    max_loss: float
    loss: float
    loss_range: tuple[float, float]
    estimation_share: float
    efficiency: float
    limited_by: Limit
    seconds: float | None
    full_seconds: float | None
    factors: tuple[float, ...] = field(repr=False)
    rows_by_factor: tuple[int, ...] = field(repr=False)
    loss_by_factor: tuple[float, ...] = field(repr=False)
    efficiency_by_factor: tuple[float, ...] = field(repr=False)

    @property
    def time_fraction(self) -> float:
        """Predicted share of the training time that is saved.

        By ``seconds`` if they are known. Otherwise time is taken to be proportional to
        rows.
        """
        if self.seconds is None or self.full_seconds is None:
            return 1 - self.rows / self.n_rows
        return 1 - self.seconds / self.full_seconds

    @property
    def table_(self) -> Any:
        """Rows, loss and efficiency by factor, as a pandas DataFrame.

        Columns are ``rows`` kept of all classes, predicted ``loss`` and ``efficiency``.
        The index is the factor.
        """
        pandas = import_optional("pandas", "FactorRecommendation.table_", "parquet")
        columns = {
            "rows": np.array(self.rows_by_factor),
            "loss": np.array(self.loss_by_factor),
            "efficiency": np.array(self.efficiency_by_factor),
        }
        return pandas.DataFrame(
            columns, index=pandas.Index(self.factors, name="factor")
        )

    @property
    def limit(self) -> str:
        """What a larger factor would do."""
        return {
            "max_loss": f"lose more than {self.max_loss:.2g}",
            "negatives_per_positive": "leave fewer negatives than positives",
            "least_rows": f"leave too few rows of class {self.majority!r}",
            "least_positives": (
                f"lose an unknown amount, with under {LEAST_POSITIVES} other rows"
            ),
            "positives_per_column": (
                f"lose an unknown amount, with more columns ({self.n_columns:,}) than "
                "the pilot has other rows"
            ),
        }[self.limited_by]

    def __str__(self) -> str:
        if self.factor == 1:
            return (
                f"Keep all {self.n_rows:,} rows: any downsampling of class "
                f"{self.majority!r} would {self.limit}."
            )
        low, high = self.loss_range
        return (
            f"Downsample class {self.majority!r} by a factor of {self.factor:.3g}. "
            f"{self.rows:,} of {self.n_rows:,} rows {_HOW[self.correction]} are "
            f"predicted to have {self.loss:.2%} more log loss than all rows "
            f"({low:.2%} to {high:.2%}). They are predicted to save "
            f"{self.time_fraction:.0%} of the training time. "
            f"A larger factor would {self.limit}."
        )
