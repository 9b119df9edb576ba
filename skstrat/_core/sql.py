"""A plan in the words of an SQL engine: which rows are kept, and what each counts.

The engine computes the published hash itself, so it reads the data once, keeps the
rows that the plan keeps, and needs neither this library nor a function of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from skstrat._core.hashing import (
    _PRIME_1,
    _PRIME_2,
    _PRIME_3,
    _PRIME_4,
    _PRIME_5,
    mix_seed,
)

DIALECTS = ("duckdb",)

_LARGEST = 2**64 - 1
_KEY_BYTES = 8
_ZERO = "' || chr(0) || '"


@dataclass(frozen=True)
class SqlExpressions:
    """Two expressions over the columns of a table.

    Parameters
    ----------
    filter : str
        Boolean: whether the row is kept. For ``WHERE``.
    weight : str
        DOUBLE: the ``sample_weight`` of a row that is kept. For ``SELECT``.
    """

    filter: str
    weight: str


def sql_expressions(
    plan: Any, *, label: str, key: str, sample_weight: str | None, dialect: str
) -> SqlExpressions:
    """Write a Plan, which imports this file, in SQL."""
    if dialect not in DIALECTS:
        raise ValueError(
            f"dialect must be one of {list(DIALECTS)}; got {dialect!r}. For another "
            "engine, write the rows that Plan.select chooses to a file it reads."
        )
    _refuse_repeats(plan)
    label = _identifier("label", label)
    kept = _kept(plan, label, _identifier("key", key))
    names = map(_literal, plan.classes)
    weights = dict(zip(names, map(_double, plan.class_weight), strict=True))
    weight = _by_label(label, weights, _unknown_label(label, len(weights)))
    if sample_weight is not None:
        incoming = _identifier("sample_weight", sample_weight) + "::DOUBLE"
        kept = _counted(incoming, kept)
        weight = f"{weight} * {incoming}"
    return SqlExpressions(kept, weight)


def _refuse_repeats(plan: Any) -> None:
    rows = zip(plan.classes, plan.rows_seen, plan.rows, strict=True)
    more = {label: (seen, drawn) for label, seen, drawn in rows if drawn > seen}
    if more:
        label, (seen, drawn) = next(iter(more.items()))
        raise ValueError(
            "a plan that repeats rows cannot be an SQL filter, which keeps a row once "
            f"or not at all; class {label!r} has {drawn} rows after resampling and "
            f"{seen} before. Use DownsampleUpweight or ClassWeight, which repeat no "
            "row, or take the rows with Plan.select."
        )


# Rows -----------------------------------------------------------------------------


def _kept(plan: Any, label: str, key: str) -> str:
    """Write which rows are kept; only classes that lose rows are hashed."""
    whole, cut = [], {}
    counts = zip(plan.rows_seen, plan.rows, plan.threshold, strict=True)
    for name, (seen, drawn, threshold) in zip(plan.classes, counts, strict=True):
        if drawn == seen:
            whole.append(_literal(name))
        else:
            cut[_literal(name)] = f"{threshold}::UHUGEINT"
    unknown = _unknown_label(label, len(plan.classes))
    kept = unknown
    if cut:
        kept = _below(key, mix_seed(plan.seed), _by_label(label, cut, unknown))
    if whole:
        kept = f"CASE WHEN {label} IN ({', '.join(whole)}) THEN TRUE ELSE {kept} END"
    return kept


def _below(key: str, hash_seed: int, limit: str) -> str:
    # A missing key is in no range, so it is refused too.
    unfit = _error(f"key {key} must be a 64-bit integer; got ", key)
    return (
        f"CASE WHEN {key} BETWEEN {-(2**63)} AND {_LARGEST} "
        f"THEN {xxh64(key, hash_seed)} < {limit} ELSE {unfit} END"
    )


def _counted(sample_weight: str, kept: str) -> str:
    """Leave out rows of zero weight, before anything else of them is looked at."""
    unfit = _error(
        f"sample_weight {sample_weight} must be finite and not negative; got ",
        sample_weight,
    )
    # A comparison with infinity would be left out where a Parquet file's statistics,
    # which know no NaN, show that every value is below it.
    return (
        f"CASE WHEN isfinite({sample_weight}) AND {sample_weight} > 0 "
        f"THEN {kept} WHEN {sample_weight} = 0 THEN FALSE ELSE {unfit} END"
    )


def _by_label(label: str, values: dict[str, str], otherwise: str) -> str:
    cases = " ".join(f"WHEN {name} THEN {value}" for name, value in values.items())
    return f"CASE {label} {cases} ELSE {otherwise} END"


def _unknown_label(label: str, n_classes: int) -> str:
    rule = f"label {label} must be one of the {n_classes} classes of the plan; got "
    return _error(rule, label)


def _error(rule: str, value: str) -> str:
    return f"error({_literal(rule)} || coalesce({value}::VARCHAR, 'NULL'))"


# The hash --------------------------------------------------------------------------


def xxh64(key: str, hash_seed: int) -> str:
    """Write XXH64 of an integer's eight little-endian bytes (two's complement)."""
    start = (hash_seed + int(_PRIME_5) + _KEY_BYTES) & _LARGEST
    hashed = f"({key} & {_LARGEST}::HUGEINT)::UHUGEINT"
    hashed = _rotated(_times(hashed, _PRIME_2), 31)
    hashed = f"xor({_times(hashed, _PRIME_1)}, {start}::UHUGEINT)"
    hashed = f"{_rotated(hashed, 27)} * {_PRIME_1}::UHUGEINT + {_PRIME_4}::UHUGEINT"
    # What is used twice gets a name, and an expression can only name it in a lambda.
    hashed = f"list_transform([{_low_64_bits(hashed)}], lambda h: "
    for bits, prime in ((33, _PRIME_2), (29, _PRIME_3)):
        step = _times(f"xor(h, h >> {bits})", prime)
        hashed = f"list_transform({hashed}{step}), lambda h: "
    return f"{hashed}xor(h, h >> 32))[1]"


def _times(value: str, factor: np.uint64) -> str:
    return _low_64_bits(f"{value} * {factor}::UHUGEINT")


def _rotated(value: str, bits: int) -> str:
    """Rotate left by cutting 64 bits out of the value written twice in a row."""
    return _low_64_bits(f"({value} * {2**64 + 1}::UHUGEINT >> {64 - bits})")


def _low_64_bits(value: str) -> str:
    return f"({value} & {_LARGEST}::UHUGEINT)"


# Names and values ------------------------------------------------------------------


def _identifier(argument: str, name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(
            f"{argument} must be the name of a column, a str; got {name!r}."
        )
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        quoted = "'" + value.replace("'", "''") + "'"
        # Before 2.0 DuckDB's parser stops at a zero character.
        return f"({quoted.replace(chr(0), _ZERO)})" if chr(0) in value else quoted
    return str(int(value)) if isinstance(value, int) else _double(value)


def _double(value: float) -> str:
    """Write every digit, and an exponent: without one it would be a DECIMAL."""
    if not math.isfinite(value):
        return f"'{value}'::DOUBLE"
    digits = repr(float(value))
    return digits if "e" in digits else f"{digits}e0"
