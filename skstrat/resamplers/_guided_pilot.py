"""Pilots of guided draws: fitted on few rows, fast to score many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from skstrat._core.cells import Cells
from skstrat._core.labels import encode_labels
from skstrat._core.own_prior import refuse_own_prior
from skstrat._core.rows import take_rows
from skstrat._core.samples import CheckedSamples
from skstrat._core.targets import targets_from_rows
from skstrat.resamplers._pilot_columns import ColumnCoder, as_sparse

# Rows of each class, as a share of all rows and within these bounds. A pilot of twice
# the rows keeps hardly more of the information and costs twice as much.
_PILOT_SHARE = 1 / 100
_FEWEST, _MOST = 500, 1000


def default_pilot(X: Any) -> Any:
    """Return a model for linear and other boundaries."""
    linear = LogisticRegression(max_iter=1000)
    if as_sparse(X) is not None:
        return make_pipeline(ColumnCoder(), MaxAbsScaler(), linear)
    # Few rows and columns for each tree make its search for splits cheap. Histograms
    # have a fixed cost for each tree, which is too large for such small samples.
    trees = GradientBoostingClassifier(
        n_estimators=10,
        max_depth=4,
        learning_rate=0.4,
        min_samples_leaf=10,
        subsample=0.5,
        max_features=0.5,
        random_state=0,
    )
    line = make_pipeline(StandardScaler(), linear)
    return make_pipeline(
        ColumnCoder(),
        # A column without a value stays, as new rows may have values there.
        SimpleImputer(keep_empty_features=True),
        # skl2onnx converts only this form of the vote.
        VotingClassifier(
            [("linear", line), ("trees", trees)], voting="soft", flatten_transform=False
        ),
    )


def fit_on_few(
    pilot: Any, X: Any, rows: NDArray[np.intp], codes: NDArray[Any], seed: int
) -> tuple[Any, NDArray[np.int64]]:
    """Fit a pilot on about as many rows of each class; return it and their numbers."""
    labels = encode_labels(codes)
    most = np.clip(int(len(codes) * _PILOT_SHARE), _FEWEST, _MOST)
    of_each = np.minimum(labels.counts, most)
    targets = targets_from_rows(labels, of_each)
    samples = CheckedSamples(codes, None, None)
    drawn = Cells.of_classes(labels).draw(targets, samples, seed).indices
    part = take_rows(X, rows[drawn])
    pilot = default_pilot(part) if pilot is None else clone(pilot)
    refuse_own_prior(pilot, "pilot")
    # skl2onnx does not support labels of 8 bits.
    return pilot.fit(part, codes[drawn].astype(np.int64)), of_each
