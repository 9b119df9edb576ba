"""The rows that a plan draws of files, written with their weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstrat._core.labels import factorize
from skstrat._core.plan import Plan
from skstrat._core.rows import take_rows
from skstrat.io._csv import CsvSource
from skstrat.io._file_plans import Request, Source
from skstrat.io._file_sinks import CsvSink, ParquetSink, Sink, scratch_file
from skstrat.io._partition import Partition
from skstrat.io._source_files import Kind


@dataclass(frozen=True)
class OutputFormat:
    """Format of the file written.

    Attributes
    ----------
    kind : {"parquet", "csv"}
        The format.
    weight : str
        Name of the column of weights: one that there is, or a new one at the end.
    compressed : bool
        Whether CSV is compressed by gzip.
    """

    kind: Kind
    weight: str
    compressed: bool = False

    def open(self, source: Source, path: Path) -> Sink:
        """Open the file."""
        empty = source.schema.empty_table()
        schema = _with_weights(empty, self.weight, np.empty(0)).schema
        if self.kind == "csv":
            return CsvSink(path, schema.names, compressed=self.compressed)
        return ParquetSink(path, schema, source.like)


def write_rows(
    request: Request, plan: Plan, output: OutputFormat, path: Path
) -> NDArray[np.float64]:
    """Write the rows that a plan draws, in their order."""
    if isinstance(request.source, CsvSource) and output.kind == "parquet":
        with scratch_file(path, ".csv") as text:
            as_text = OutputFormat("csv", output.weight)
            total = write_rows(request, plan, as_text, text)
            names = dict.fromkeys([*request.source.schema.names, output.weight])
            _write_typed(text, list(names), output.weight, path)
        return total
    rows: Counter[Any] = Counter()
    by_label: Counter[Any] = Counter()
    with closing(output.open(request.source, path)) as sink:
        for table, labels, weights in _drawn_tables(request, plan):
            sink.write(_with_weights(table, output.weight, weights))
            codes, classes = factorize(labels)
            rows.update(_by_class(classes, np.bincount(codes)))
            by_label.update(_by_class(classes, np.bincount(codes, weights)))
    wanted = dict(zip(plan.classes, plan.rows, strict=True))
    rows = +rows  # without classes that are named and have no row
    if rows != wanted:
        raise ValueError(
            f"The data changed while it was read: its labels promised {wanted!r} "
            f"rows and {dict(rows)!r} came. Run again when nothing writes to it."
        )
    return np.array([by_label[label] for label in plan.classes])


def _by_class(classes: Any, values: Any) -> dict[Any, Any]:
    return dict(zip(classes.tolist(), values.tolist(), strict=False))


def _drawn_tables(
    request: Request, plan: Plan
) -> Iterator[tuple[Any, Any, NDArray[np.float64]]]:
    source, lock = request.source, Lock()
    done = 0

    def choose(part: Partition, offset: int) -> NDArray[np.bool_]:
        nonlocal done
        with request.explained(part, offset):
            chosen = part.encode().mask(plan, offset)
        with lock:
            done += len(part.y)
            request.progress("rows", done, source.n_rows)
        return chosen

    for table, positions in source.chosen(choose):
        part = source.partition_of(table)
        if part.key is None:
            part = replace(part, key=positions)
        rows, weights = part.draw(plan)
        # Without repeats, the rows chosen are the rows drawn.
        if len(rows) == len(table):
            yield table, part.y, weights
        else:
            yield take_rows(table, rows), take_rows(part.y, rows), weights


def _with_weights(table: Any, name: str, weights: NDArray[np.float64]) -> Any:
    import pyarrow

    column = pyarrow.array(weights)
    place = table.schema.get_field_index(name)
    if place < 0:
        return table.append_column(name, column)
    return table.set_column(place, name, column)


def _write_typed(text: Path, names: list[str], weight: str, path: Path) -> None:
    """Turn a CSV file into a Parquet file of the types that all its rows have."""
    import polars

    frame = polars.scan_csv(
        text,
        infer_schema_length=None,
        with_column_names=lambda _: names,
        schema_overrides={weight: polars.Float64},
        glob=False,
    )
    empty = polars.DataFrame(schema=frame.collect_schema())
    with closing(ParquetSink(path, empty.to_arrow().schema, None)) as sink:
        for batch in frame.collect_batches(maintain_order=True):
            sink.write(batch.to_arrow())
