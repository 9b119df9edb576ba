"""Tables written as CSV, column by column."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from skstrat.io._csv_format import CsvFormat, opened
from skstrat.io._sinks import Write

_ROWS = 1 << 16
_WRITABLE = re.compile(
    "(dictionary<values=)?"
    "(bool|u?int|halffloat|float|double|decimal|date|time|(large_)?string|null)"
)


@contextmanager
def csv_sink(
    path: Path, names: list[str], csv_format: CsvFormat, dest: Path
) -> Iterator[Write]:
    """Yield a function that writes tables to a CSV file with a header."""
    from pyarrow import array, compute, scalar

    separator = csv_format.separators(dest)[0]
    between = scalar(separator, "large_string")
    csv_format = replace(csv_format, separator=separator)
    # The byte order mark is written once, at the beginning.
    encoder = codecs.getincrementalencoder(csv_format.encoding or "utf-8")()

    def write(table: Any) -> None:
        kinds = {field.name: str(field.type) for field in table.schema}
        others = {k: kind for k, kind in kinds.items() if not _WRITABLE.match(kind)}
        if others:
            raise ValueError(
                f"dest must be a Parquet file for columns of the types {others}."
            )
        for batch in table.select(names).to_batches(max_chunksize=_ROWS):
            texts = [_as_text(each, csv_format.decimal) for each in batch.columns]
            write_texts(texts, csv_format.missing)

    def write_texts(texts: list[Any], words: tuple[str, ...]) -> None:
        fields = [_quoted(each, separator, csv_format.quote, words) for each in texts]
        fields = [each.fill_null(csv_format.missing[0]) for each in fields]
        lines = compute.binary_join_element_wise(*fields, between)
        try:
            file.write(encoder.encode("\n".join([*lines.to_pylist(), ""])))
        except UnicodeEncodeError as error:
            raise ValueError(
                f"encoding must be one that holds all texts, such as 'utf-8'; {error}."
            ) from error

    with opened(path, "w", dest) as file:
        write_texts([array([name], "large_string") for name in names], ())
        yield write
        file.write(encoder.encode("", final=True))


def _quoted(texts: Any, separator: str, quote: str | None, words: Any) -> Any:
    """Quote fields that would be read as something else without quotes."""
    import pyarrow
    from pyarrow import compute

    special = re.escape(f"{separator}{quote or ''}")
    needs = compute.or_(
        compute.match_substring_regex(texts, f"[{special}\r\n]"),
        compute.is_in(texts, pyarrow.array(words, texts.type)),
    )
    if not compute.any(needs).as_py():
        return texts
    if quote is None:
        raise ValueError(
            "quote must be given to write fields that hold a separator, a new line or "
            f"a missing word; got {texts.filter(needs)[0].as_py()!r}."
        )
    doubled = compute.replace_substring(texts, quote, quote * 2)
    mark, nothing = pyarrow.array([quote, ""], texts.type)
    quoted = compute.binary_join_element_wise(mark, doubled, mark, nothing)
    return compute.if_else(needs, quoted, texts)


def _as_text(column: Any, decimal: str) -> Any:
    """Turn a column into text without loss."""
    import pyarrow
    from pyarrow import compute, types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_timestamp(kind) and kind.tz is not None:
        column = column.cast(pyarrow.timestamp(kind.unit, "UTC"))
    texts = column.cast("large_string")
    if types.is_floating(kind):
        texts = compute.replace_substring_regex(texts, "^-?[0-9]+$", r"\0.0")
        texts = compute.replace_substring(texts, "nan", "NaN")
    if types.is_floating(kind) or types.is_decimal(kind):
        texts = compute.replace_substring(texts, ".", decimal)
    return texts
