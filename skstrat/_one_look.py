"""Files resampled in one look at them: the counts are learned while rows are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._chosen_rows import Roles
from skstrat._csv_source import CsvSource
from skstrat._draw import as_threshold
from skstrat._file_plans import FilePlan, Request
from skstrat._file_sinks import scratch_file
from skstrat._hash import mix_seed
from skstrat._partition import Partition
from skstrat._plan import Plan
from skstrat._source_files import Kind
from skstrat._tally import NOTHING, Shares, Tally, share_of
from skstrat._write_rows import Output, write_rows


class OneLook:
    """Keep rows by the share of their class, and count all of them.

    A number as share is for the most frequent class, which is not known yet: it is
    taken to be that of the first rows, and :meth:`plan` tells whether that was right.

    Parameters
    ----------
    request : Request
        What is wanted.
    shares : float or dict of label to float
        Share to draw of the most frequent class, or of those named.
    """

    def __init__(self, request: Request, shares: Shares) -> None:
        self.request, self.shares = request, shares
        self.only = None if isinstance(shares, Mapping) else self._first_majority()
        self.hash_seed = mix_seed(request.seed)
        self.tally: Tally = NOTHING
        self.one_at_a_time = Lock()

    def _first_majority(self) -> Any:
        """Find the most frequent class of the first rows that weigh anything."""
        offset = 0
        for part in self.request.source.partitions():
            with self.request.explained(part, offset):
                classes = part.count().classes
            offset += len(part.y)
            if classes:
                return max(classes, key=lambda label: classes[label].rows)
        return None

    def choose(self, part: Partition, offset: int) -> NDArray[np.bool_]:
        """Choose rows of a partition.

        Parameters
        ----------
        part : Partition
            Labels, weights and keys.
        offset : int
            Position of its first row.

        Returns
        -------
        ndarray of shape (n_rows,)
            Whether a row is kept.
        """
        request = self.request
        with request.explained(part, offset):
            encoded = part.encode()
            seen = encoded.tally(self.shares, self.hash_seed, offset)
            chosen = encoded.mask(self._guess(tuple(seen.classes)), offset)
        with self.one_at_a_time:
            self.tally = self.tally.merge(seen)
            request.progress("rows", self.tally.n_rows, request.source.n_rows)
        return chosen

    def _guess(self, classes: tuple[Any, ...]) -> Plan:
        """Keep classes whole or, of those to downsample, what is below their share."""
        shares = [
            share_of(self.shares, label) if self.only in (None, label) else 0.0
            for label in classes
        ]
        threshold = as_threshold(np.array(shares)).tolist()
        ones = (1.0,) * len(classes)
        rows = tuple(1 if limit else 2 for limit in threshold)
        seen = (2,) * len(classes)
        return Plan(
            classes, seen, rows, ones, ones, tuple(threshold), self.request.seed
        )

    def plan(self) -> FilePlan:
        """Make the plan from what was counted.

        Returns
        -------
        FilePlan
            The plan of the rows that were kept.

        Raises
        ------
        ValueError
            If it would have kept others.
        """
        found = self.request.decide(self.tally)
        guess = self._guess(found.as_read.classes)
        if found.as_read.threshold != guess.threshold:
            plan = found.plan
            rows = dict(zip(plan.classes, plan.rows_seen, strict=True))
            raise ValueError(
                f"Class {self.only!r} is the most frequent of the first rows, but the "
                f"rows of all are {rows!r}. "
                'Name the class, as in factor={label: 20}, or use counts="exact", '
                "which counts first."
            )
        return found


def _silent(stage: str, done: int, total: int | None) -> None:
    """Tell nobody: these rows were told of."""


def resample_in_one_look(
    request: Request, shares: Shares, output: Output, path: Path
) -> tuple[FilePlan, NDArray[np.float64]]:
    """Read all columns once; write the rows kept, and again with their weights.

    Parameters
    ----------
    request : Request
        What is wanted, of a resampler that repeats no row.
    shares : float or dict of label to float
        Share to draw of the most frequent class, or of those named.
    output : Output
        What is written.
    path : Path
        Where to.

    Returns
    -------
    plan : FilePlan
        What came of it.
    mass : ndarray of shape (n_classes,)
        Total weight of each class written.

    Raises
    ------
    ValueError
        If the most frequent class was not that of the first rows.
    """
    source, look = request.source, OneLook(request, shares)
    kind: Kind = "csv" if isinstance(source, CsvSource) else "parquet"
    with scratch_file(path, f".{kind}") as kept:
        with Output(kind, None).opened(source, kept) as sink:
            for table, _ in source.chosen(look.choose):
                sink.write(table)
        found = look.plan()
        roles = Roles(source.roles.target, None, source.roles.sample_weight)
        second = type(source)([kept], roles)
        again = replace(request, source=second, progress=_silent)
        rows = found.as_read.rows
        plan = replace(found.as_read, rows_seen=rows, threshold=(0,) * len(rows))
        mass = write_rows(again, plan, output, path)
    return found, mass
