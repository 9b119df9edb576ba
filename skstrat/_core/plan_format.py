"""A plan as plain values, as JSON has them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from typing import Any

import numpy as np

FORMAT = 2
HASH = "xxh64"

# JSON has no type for these; their text identifies them.
_TEXTS = date, time, np.datetime64, np.timedelta64
_PANDAS_TEXTS = "Interval", "Period"

# Fields with one value; all others have one value for each class.
_SINGLE = ("seed", "exact")


def write_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Turn tuples into lists, and name the format and the hash."""
    marks = {"format": FORMAT, "hash": HASH}
    classes = tuple(map(plain_label, fields["classes"]))
    refuse_odd_labels(classes, tuples=True)
    fields = fields | {"classes": classes}
    return marks | {name: _as_lists(value) for name, value in fields.items()}


def plain_label(label: Any) -> Any:
    """Write dates, times and intervals as text, alone or in tuples."""
    if isinstance(label, tuple):
        return tuple(map(plain_label, label))
    if isinstance(label, timedelta):
        # pandas writes its own otherwise.
        return str(timedelta(label.days, label.seconds, label.microseconds))
    is_text = isinstance(label, _TEXTS) or type(label).__name__ in _PANDAS_TEXTS
    return str(label) if is_text else label


def read_fields(written: Any, names: AbstractSet[str]) -> dict[str, Any]:
    """Read what :func:`write_fields` wrote, and refuse anything else."""
    found = dict(written) if isinstance(written, dict) else {}
    marks = found.pop("format", None), found.pop("hash", None)
    if marks != (FORMAT, HASH) or found.keys() != names:
        raise ValueError(
            f"fields must hold a plan of format {FORMAT} with hash {HASH!r} and fields "
            f"{sorted(names)}; got format {marks[0]!r} with hash {marks[1]!r} and "
            f"fields {sorted(found)}. Draw again with this version of skstrat, from "
            "the same seed, and write that plan."
        )
    return {
        name: value if name in _SINGLE else _as_tuples(value)
        for name, value in found.items()
    }


def refuse_odd_labels(classes: tuple[Any, ...], *, tuples: bool = False) -> None:
    """Refuse labels that are no plain values, nor tuples of them where allowed."""
    plain = (str, int, float, tuple) if tuples else (str, int, float)
    for label in classes:
        if not isinstance(label, plain):
            raise TypeError(
                f"labels must be str, int, float or bool{' or tuples of them' * tuples}"
                f" for a plan to be written; got {label!r} of type "
                f"{type(label).__name__}. Draw with such labels."
            )
        if isinstance(label, tuple):
            refuse_odd_labels(label, tuples=True)


def _as_lists(value: Any) -> Any:
    return list(map(_as_lists, value)) if isinstance(value, tuple) else value


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
