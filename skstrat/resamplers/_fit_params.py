"""Fit parameters with a value per row follow the rows to the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from skstrat._core.containers import is_mapping
from skstrat._core.rows import count_rows, gather_rows
from skstrat.resamplers._resampled import Resampled

# Words in names of arguments for rows that are never resampled: eval_X,
# base_margin_eval_set, X_val. Even a set as long as the training data is not resampled.
_OTHER_ROWS = frozenset({"eval", "val", "valid", "validation", "test"})
# Arguments with a value per column or per call: X may have as many columns as rows.
_NO_ROWS = re.compile(
    r"cat_features|categorical_features?|text_features|embedding_features"
    r"|feature_names?|feature_types|feature_weights|column_description"
    r"|classes|class_weights?|callbacks|metric.*|verbose.*"
)
# Positions or numbers of rows, for ranking, which are not those of the rows drawn.
_ABOUT_ROWS = frozenset({"graph", "group", "pairs", "pairs_weight"})


def resample_fit_params(
    params: Mapping[str, Any], resampled: Resampled, n_rows: int, prefix: str = ""
) -> dict[str, Any]:
    """Reduce fit parameters with a value per row to the rows drawn."""
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
