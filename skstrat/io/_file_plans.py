"""The plan for the rows of files, made from their labels."""

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
class Request:
    """Files to resample, and how.

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

    def plan(self) -> tuple[Plan, Plan]:
        """Make the plan, with labels as numbers or text and with labels as read.

        The labels are read twice if the resampler has to know the counts first.
        """
        shares = self.resampler._draw_shares()
        # A CSV file has labels as text; what they are is known when all were read.
        if isinstance(shares, Mapping) and isinstance(self.source, CsvSource):
            shares = None
        if shares is not None:
            tally = self._read_labels("labels", shares)
        else:
            first = self._read_labels("counts", 0.0)
            typed = self._typed_labels(first)
            wanted = shares_wanted(self.resampler, _renamed(first, typed))
            shares = {label: wanted[typed[label]] for label in first.classes}
            tally = self._read_labels("labels", shares, rows_by_label(first))
            check_unchanged(first, tally)
        typed = self._typed_labels(tally)
        plan = make_plan(self.resampler, _renamed(tally, typed), self.seed)
        read = {value: label for label, value in typed.items()}
        return plan, replace(plan, classes=tuple(read[each] for each in plan.classes))

    def _typed_labels(self, tally: Tally) -> dict[Any, Any]:
        """Translate labels: text to number where a CSV file has only numbers."""
        labels = list(tally.classes)
        text = isinstance(self.source, CsvSource)
        return dict(zip(labels, typed_labels(labels) if text else labels, strict=True))

    def _read_labels(
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
        """Add rows, file and columns to an error of labels, keys or weights."""
        try:
            yield
        except (ValueError, TypeError, NotImplementedError) as error:
            more = len(self.source.files) - 1
            columns = ", ".join(
                f"{'y' if argument == 'target' else argument} is {name!r}"
                for argument, name in self.source.roles.named.items()
            )
            raise ValueError(
                f"Rows {offset} to {offset + len(part.y) - 1} of "
                f"{self.source.files[0]}{f' and {more} more' if more else ''} "
                f"({columns}): {error}"
            ) from error


def _renamed(tally: Tally, typed: Mapping[Any, Any]) -> Tally:
    classes = {typed[label]: own for label, own in tally.classes.items()}
    return Tally(tally.n_rows, classes)
