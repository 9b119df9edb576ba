"""The SQL of DuckDB: names, values, errors, and the published hash."""

from __future__ import annotations

import math

import numpy as np

from skstrat._core.hashing import (
    _PRIME_1,
    _PRIME_2,
    _PRIME_3,
    _PRIME_4,
    _PRIME_5,
    mix_seed,
)

_LARGEST = 2**64 - 1
_KEY_BYTES = 8
_ZERO = "' || chr(0) || '"


# Names and values ------------------------------------------------------------------


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | float | bool) -> str:
    """Write a label."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        quoted = "'" + value.replace("'", "''") + "'"
        # Before 2.0 DuckDB's parser stops at a zero character.
        return f"({quoted.replace(chr(0), _ZERO)})" if chr(0) in value else quoted
    return str(int(value)) if isinstance(value, int) else double(value)


def double(value: float) -> str:
    """Write every digit, and an exponent: without it the type would be DECIMAL."""
    if not math.isfinite(value):
        return f"'{value}'::DOUBLE"
    digits = repr(float(value))
    return digits if "e" in digits else f"{digits}e0"


def as_text(column: str) -> str:
    """Read a column of texts, which is compared byte by byte."""
    return column


def as_double(column: str) -> str:
    """Read a column as DOUBLE."""
    return f"{column}::DOUBLE"


def is_counted(sample_weight: str) -> str:
    """Test for a finite weight above zero."""
    # DuckDB omits a comparison with infinity if the statistics of a Parquet file, which
    # ignore NaN, show that every value is below it.
    return f"isfinite({sample_weight}) AND {sample_weight} > 0"


def error(rule: str, value: str) -> str:
    """Stop the query."""
    return f"error({literal(rule)} || coalesce({value}::VARCHAR, 'NULL'))"


# Rows ------------------------------------------------------------------------------


def threshold(value: int) -> str:
    """Write the threshold for hashes."""
    return f"{value}::UHUGEINT"


def is_below(key: str, seed: int, limit: str) -> str:
    """Compare the hash of a key with a threshold."""
    # A missing key is in no range, so it is refused too.
    unfit = error(f"key {key} must be a 64-bit integer; got ", key)
    return (
        f"CASE WHEN {key} BETWEEN {-(2**63)} AND {_LARGEST} "
        f"THEN {xxh64(key, mix_seed(seed))} < {limit} ELSE {unfit} END"
    )


def xxh64(key: str, hash_seed: int) -> str:
    """Write XXH64 of an integer's eight little-endian bytes (two's complement)."""
    start = (hash_seed + int(_PRIME_5) + _KEY_BYTES) & _LARGEST
    hashed = f"({key} & {_LARGEST}::HUGEINT)::UHUGEINT"
    hashed = _rotated(_times(hashed, _PRIME_2), 31)
    hashed = f"xor({_times(hashed, _PRIME_1)}, {start}::UHUGEINT)"
    hashed = f"{_rotated(hashed, 27)} * {_PRIME_1}::UHUGEINT + {_PRIME_4}::UHUGEINT"
    # A value used twice needs a name, which an expression can only give in a lambda.
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
