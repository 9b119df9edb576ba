"""Fit parameters with a value per row follow the rows to the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from skstrat._core.containers import is_mapping
from skstrat._core.rows import count_rows, gather_rows
from skstrat.resamplers._resampled import Resampled

# A word in the names of what belongs to rows that are never resampled: eval_X,
# base_margin_eval_set, X_val. A set as long as the training data is still another.
_OTHER_ROWS = frozenset({"eval", "val", "valid", "validation", "test"})
# A value per column or per call: a table may have as many columns as rows.
_NO_ROWS = re.compile(
    r"cat_features|categorical_features?|text_features|embedding_features"
    r"|feature_names?|feature_types|feature_weights|column_description"
    r"|classes|class_weights?|callbacks|metric.*|verbose.*"
)
# Places or numbers of rows, for ranking: they would be those of other rows.
_ABOUT_ROWS = frozenset({"graph", "group", "pairs", "pairs_weight"})


def resample_fit_params(
    params: Mapping[str, Any], resampled: Resampled, n_rows: int, prefix: str = ""
) -> dict[str, Any]:
    """Take the values of the rows drawn from fit parameters with a value per row.

    Eval sets, names of columns, callbacks and all of another length stay.

    Parameters
    ----------
    params : dict
        Fit parameters by name. Of a name such as ``step__init_score`` the last part
        counts.
    resampled : Resampled
        Result of the resampler.
    n_rows : int
        Rows of the data before.
    prefix : str, default=""
        Prefix of the names as the user wrote them.

    Returns
    -------
    dict
        The parameters to fit with.

    Raises
    ------
    ValueError
        If a parameter has a value per row, and rows were made or it is not known which
        rows were kept. If it holds positions or numbers of rows, and rows moved.
    """
    samples = resampled.samples
    rows = resampled.rows
    if rows is None and not resampled.moves_rows and samples is not None:
        # Rows of zero weight are left out without any sampler.
        rows = samples.positions
    stays = not resampled.moves_rows and (rows is None or len(rows) == n_rows)
    if stays:
        return dict(params)
    if rows is not None:
        rows = np.asarray(rows)
    taken = {}
    for name, value in params.items():
        argument, kind = prefix + name, name.rpartition("__")[2]
        if kind in _ABOUT_ROWS and value is not None:
            raise ValueError(
                f"{argument} must not be given beside a resampler, because it holds "
                f"positions or numbers of rows; got {type(value).__name__}. They "
                f"differ in the {len(resampled.y)} rows drawn of {n_rows}. Resample "
                "first, then fit the estimator with the values for these rows."
            )
        if _is_by_row(kind, value, n_rows):
            _refuse_unknown(argument, resampled, rows, n_rows)
            value = gather_rows(value, rows, argument)
        taken[name] = value
    return taken


def _is_by_row(kind: str, value: Any, n_rows: int) -> bool:
    """Return whether a fit parameter has a value per row."""
    if _OTHER_ROWS.intersection(kind.split("_")) or _NO_ROWS.fullmatch(kind):
        return False
    if isinstance(value, (str, bytes)) or is_mapping(value):
        return False
    try:
        return count_rows(value) == n_rows
    except TypeError:
        # Numbers, None, functions and models have no rows.
        return False


def _refuse_unknown(
    argument: str, resampled: Resampled, rows: Any, n_rows: int
) -> None:
    """Refuse a value per row where not every row is one of the data."""
    if rows is not None and (rows >= 0).all():
        return
    cause = "does not say which rows it kept (sample_indices_)"
    if rows is not None:
        cause = f"made {np.count_nonzero(rows < 0)} rows that have none"
    raise ValueError(
        f"{argument} must be a value of each row that the estimator is fitted on; got "
        f"{n_rows} values, but {resampled.made_by} {cause}. Leave {argument} out, or "
        "use a resampler that picks rows, such as DownsampleUpweight."
    )
