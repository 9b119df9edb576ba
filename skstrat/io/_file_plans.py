"""The plan for the rows of files, from a look at their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from skstrat._core.hashing import mix_seed
from skstrat._core.plan import Plan
from skstrat.io._csv import CsvSource, typed_labels
from skstrat.io._parquet import ParquetSource
from skstrat.io._partition import Partition
from skstrat.io._partitions import (
    check_unchanged,
    make_plan,
    rows_by_label,
    shares_wanted,
)
from skstrat.io._tally import NOTHING, Shares, Tally

Source = ParquetSource | CsvSource
# What is being read, rows done, and rows there are (None while that is not known).
Progress = Callable[[str, int, int | None], object]


@dataclass(frozen=True)
class FilePlan:
    """A plan, in the user's labels and in those that a file is read with.

    Attributes
    ----------
    plan : Plan
        With labels as they are meant.
    as_read : Plan
        With labels as the source gives them.
    """

    plan: Plan
    as_read: Plan


@dataclass(frozen=True)
class Request:
    """What is wanted of some files.

    Attributes
    ----------
    source : ParquetSource or CsvSource
        The files.
    resampler : resampler
        Picks rows by their labels.
    seed : int
        Of the draw.
    progress : callable
        Told of rows that were read.
    """

    source: Source
    resampler: Any
    seed: int
    progress: Progress

    def plan(self) -> FilePlan:
        """Read the labels, twice if the resampler has to know the counts first."""
        shares = self._shares_as_read()
        if shares is not None:
            return self._decide(self._tally("labels", shares))
        first = self._tally("counts", 0.0)
        meant = self._meant_labels(first)
        wanted = shares_wanted(self.resampler, _renamed(first, meant))
        shares = {label: wanted[meant[label]] for label in first.classes}
        tally = self._tally("labels", shares, rows_by_label(first))
        check_unchanged(first, tally)
        return self._decide(tally)

    def _decide(self, tally: Tally) -> FilePlan:
        """Make the plan from what is known of all labels."""
        meant = self._meant_labels(tally)
        read = {value: label for label, value in meant.items()}
        tally = _renamed(tally, meant)
        plan = make_plan(self.resampler, tally, self.seed)
        classes = tuple(read[label] for label in plan.classes)
        return FilePlan(plan, replace(plan, classes=classes))

    def _meant_labels(self, tally: Tally) -> dict[Any, Any]:
        """Translate labels: text to number where a CSV file has only numbers."""
        labels = list(tally.classes)
        if isinstance(self.source, CsvSource):
            return dict(zip(labels, typed_labels(labels), strict=True))
        return {label: label for label in labels}

    def _shares_as_read(self) -> Shares | None:
        """Give the shares, by labels as they are read, if no count is needed first."""
        shares: Shares | None = self.resampler._draw_shares()
        if isinstance(shares, Mapping) and isinstance(self.source, CsvSource):
            # Which text a label is written as is known when all were seen.
            return None
        return shares

    def _tally(
        self, stage: str, shares: Shares, rows: Mapping[Any, int] | None = None
    ) -> Tally:
        tally, hash_seed = NOTHING, mix_seed(self.seed)
        for part in self.source.partitions():
            with self.explained(part, tally.n_rows):
                known = rows_by_label(tally) if rows is None else rows
                seen = part.encode().tally(shares, hash_seed, tally.n_rows, known)
            tally = tally.merge(seen)
            self.progress(stage, tally.n_rows, self.source.n_rows)
        return tally

    @contextmanager
    def explained(self, part: Partition, offset: int) -> Iterator[None]:
        """Say where labels, keys or weights are impossible."""
        try:
            yield
        except (ValueError, TypeError, NotImplementedError) as error:
            roles = self.source.roles
            columns = [f"target {roles.target!r} is y"]
            if roles.key is not None:
                columns.append(f"key is {roles.key!r}")
            if roles.sample_weight is not None:
                columns.append(f"sample_weight is {roles.sample_weight!r}")
            raise ValueError(
                f"Rows {offset} to {offset + len(part.y) - 1} of "
                f"{self.source.files[0]}{self._more()} ({', '.join(columns)}): {error}"
            ) from error

    def _more(self) -> str:
        more = len(self.source.files) - 1
        return f" and {more} more" if more else ""


def _renamed(tally: Tally, meant: Mapping[Any, Any]) -> Tally:
    classes = {meant[label]: own for label, own in tally.classes.items()}
    return Tally(tally.n_rows, classes)
