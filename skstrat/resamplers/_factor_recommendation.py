"""A downsampling factor that was recommended, with what it costs and saves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from skstrat._core.compat import check_pandas_support

Limit = Literal["target_efficiency", "negatives_per_positive", "least_rows"]

# Boosted trees with the prior corrected were best or near best with 5 to 20 negatives
# per positive, whatever the efficiency of a linear model at fewer.
LEAST_RATIO = 5


@dataclass(frozen=True)
class FactorRecommendation:
    r"""A downsampling factor, and what it costs and saves.

    Made by :func:`recommend_factor`.

    Parameters
    ----------
    factor : float
        By what to downsample ``majority``, at least 1; the ``factor`` of
        :class:`DownsampleUpweight`, which then keeps ``rows`` rows.
    efficiency : float
        Predicted relative efficiency at the factor, by ``correction``.
    rows : int
        Rows kept, of all classes.
    limited_by : {"target_efficiency", "negatives_per_positive", "least_rows"}
        Why the factor is not larger: the efficiency would be less than
        ``target_efficiency``; there would be less than 5 negatives per positive; or
        less than 1000 rows of the majority class, or 20 per column.
    target_efficiency : float
        The least efficiency that was asked for.
    correction : {"weights", "offset"}
        What the efficiency is predicted for: rows that are weighted, or a model whose
        prior is corrected.
    majority : label
        The most frequent class.
    n_rows : int
        Rows of all the data, without those of zero weight.
    factors : tuple of float
        Factors from 1 to about as many negatives as positives.
    rows_by_factor : tuple of int
        Rows kept at each, of all classes.
    efficiency_weights : tuple of float or None
        Predicted efficiency at each with weights; None where no linear model can be
        thought of: other estimators, columns that are not all finite numbers, or more
        columns than positive rows in the pilot.
    efficiency_offset : tuple of float
        Predicted efficiency at each with the prior corrected.

    Notes
    -----
    Kish's effective sample size of the weights after downsampling, :math:`(\sum w)^2 /
    \sum w^2`, is not given on purpose. It compares rows that are alike but for their
    weights, and so is about the number of negatives kept: it halves at a factor of 2
    where the loss of efficiency may be .5 %, and would never advise to downsample.

    Examples
    --------
    >>> import numpy as np
    >>> from skstrat import recommend_factor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60_000, 2))
    >>> y = np.where(rng.random(60_000) < 0.01 * np.exp(X[:, 0] / 2), "fraud", "ok")
    >>> recommendation = recommend_factor(X, y, random_state=0)
    >>> 5 < recommendation.factor < 15
    True
    >>> recommendation.limited_by, recommendation.correction
    ('target_efficiency', 'weights')
    >>> str(recommendation).partition(" by a factor of ")[0]
    "Downsample class 'ok'"
    """

    factor: float
    efficiency: float
    rows: int
    limited_by: Limit
    target_efficiency: float
    correction: Literal["weights", "offset"]
    majority: Any
    n_rows: int
    factors: tuple[float, ...] = field(repr=False)
    rows_by_factor: tuple[int, ...] = field(repr=False)
    efficiency_weights: tuple[float, ...] | None = field(repr=False)
    efficiency_offset: tuple[float, ...] = field(repr=False)

    @property
    def time_fraction(self) -> float:
        """Share of the training time that is saved, if time is proportional to rows.

        Nothing is timed, so the same seed gives the same recommendation; learners that
        take more than proportional time save more.
        """
        return 1 - self.rows / self.n_rows

    @property
    def table_(self) -> Any:
        """Rows and efficiencies by factor, a pandas DataFrame with one row a factor.

        ``rows`` kept of all classes, ``time_fraction`` saved, and predicted
        efficiencies ``efficiency_weights`` (NaN if there are none) and
        ``efficiency_offset``; the index is the factor.
        """
        pandas = check_pandas_support("FactorRecommendation.table_")
        rows = np.array(self.rows_by_factor)
        weights = self.efficiency_weights
        columns = {
            "rows": rows,
            "time_fraction": 1 - rows / self.n_rows,
            "efficiency_weights": np.nan if weights is None else np.array(weights),
            "efficiency_offset": np.array(self.efficiency_offset),
        }
        return pandas.DataFrame(
            columns, index=pandas.Index(self.factors, name="factor")
        )

    def __str__(self) -> str:
        why = {
            "target_efficiency": f"less than {self.target_efficiency:g} efficiency",
            "negatives_per_positive": f"less than {LEAST_RATIO} negatives a positive",
            "least_rows": f"too few rows of class {self.majority!r}",
        }[self.limited_by]
        if self.factor == 1:
            return (
                f"Keep all {self.n_rows:,} rows: any downsampling of class "
                f"{self.majority!r} would leave {why}."
            )
        how = "weights" if self.correction == "weights" else "the prior corrected"
        return (
            f"Downsample class {self.majority!r} by a factor of {self.factor:.3g}: "
            f"{self.rows:,} of {self.n_rows:,} rows with {how} keep about "
            f"{self.efficiency:.0%} of the statistical efficiency and save about "
            f"{self.time_fraction:.0%} of the training time if that is proportional "
            f"to rows; a larger factor would leave {why}."
        )
