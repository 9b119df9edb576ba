"""The SQL of Spark: names, values, errors and the hash."""

from __future__ import annotations

import math

_SIGN = f"CAST({-(2**63)} AS BIGINT)"
_INTEGERS = "'tinyint', 'smallint', 'int', 'bigint'"
# A string with these is written in hexadecimal. Depending on its settings, Spark reads
# a backslash as an escape, two quotes as none or one, and ${...} as a variable.
_NOT_AS_IT_IS = frozenset("'\\$")


# Names and values ------------------------------------------------------------------


def identifier(name: str) -> str:
    """Quote a name."""
    return "`" + name.replace("`", "``") + "`"


def literal(value: str | float | bool) -> str:
    """Write a label."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        if value.isprintable() and not _NOT_AS_IT_IS.intersection(value):
            return f"'{value}'"
        return f"CAST(X'{value.encode().hex()}' AS STRING)"
    return str(int(value)) if isinstance(value, int) else double(value)


def double(value: float) -> str:
    """Write every digit, and the letter that makes it a DOUBLE."""
    if not math.isfinite(value):
        return f"CAST('{value}' AS DOUBLE)"
    return f"{float(value)!r}D"


def as_text(column: str) -> str:
    """Read a column of texts, to be compared byte by byte."""
    # The collation of the column may treat different texts as equal.
    return f"CAST({column} AS STRING)"


def as_double(column: str) -> str:
    """Read a column as DOUBLE."""
    return f"CAST({column} AS DOUBLE)"


def is_counted(sample_weight: str) -> str:
    """Test for a finite weight above zero."""
    # Spark treats NaN as larger than any number.
    infinite = double(math.inf)
    return f"{sample_weight} > {double(0)} AND {sample_weight} < {infinite}"


def error(rule: str, value: str) -> str:
    """Stop the query."""
    return (
        f"raise_error(concat({literal(rule)}, coalesce(CAST({value} AS STRING), "
        "'NULL')))"
    )


# Rows ------------------------------------------------------------------------------


def threshold(value: int) -> str:
    """Write the threshold for hashes as a signed integer, in the same order."""
    return f"CAST({value - 2**63} AS BIGINT)"


def is_below(key: str, seed: int, limit: str) -> str:
    """Compare the hash of a key with a threshold."""
    # xxhash64(a, b) hashes a with seed 42, then b with that hash as seed. It ignores a
    # missing key, and hashes four bytes of a short integer. The type of a column is
    # known before the query runs, and so is the case that applies.
    first = f"CAST({seed - 2**64 if seed >= 2**63 else seed} AS BIGINT)"
    number = f"xxhash64({first}, CAST({key} AS BIGINT))"
    text = f"xxhash64({first}, CAST(CAST({key} AS STRING) AS BINARY))"
    kind = f"typeof({key})"
    hashed = f"CASE WHEN {kind} IN ({_INTEGERS}) THEN {number} ELSE {text} END"
    unfit = error(
        f"key {key} must be an integer or a string, never missing; got ",
        f"concat({kind}, ' ', {key})",
    )
    return (
        f"CASE WHEN {key} IS NOT NULL AND ({kind} IN ({_INTEGERS}) OR {kind} LIKE "
        f"'string%') THEN ({hashed} ^ {_SIGN}) < {limit} ELSE {unfit} END"
    )
