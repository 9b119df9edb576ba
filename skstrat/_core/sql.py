"""A plan as SQL, for all dialects: which rows are kept, and the weight of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from skstrat._core import sql_duckdb, sql_spark


class Dialect(Protocol):
    """The expressions of an engine."""

    def identifier(self, name: str) -> str:
        """Quote a name."""

    def literal(self, value: str | float | bool) -> str:
        """Write a label."""

    def double(self, value: float) -> str:
        """Write a DOUBLE."""

    def as_text(self, column: str) -> str:
        """Read a column of texts, to be compared byte by byte."""

    def as_double(self, column: str) -> str:
        """Read a column as DOUBLE."""

    def is_counted(self, sample_weight: str) -> str:
        """Test for a finite weight above zero."""

    def error(self, rule: str, value: str) -> str:
        """Stop the query."""

    def threshold(self, value: int) -> str:
        """Write the threshold for hashes."""

    def is_below(self, key: str, seed: int, limit: str) -> str:
        """Compare the hash of a key with a threshold."""


DIALECTS: dict[str, Dialect] = {"duckdb": sql_duckdb, "spark": sql_spark}


@dataclass(frozen=True)
class SqlExpressions:
    """Two expressions over the columns of a table."""

    filter: str  # For WHERE: whether the row is kept.
    weight: str  # For SELECT: the sample_weight of a row that is kept, DOUBLE.


def sql_expressions(
    plan: Any, *, label: str, key: str, sample_weight: str | None, dialect: str
) -> SqlExpressions:
    """Write a plan in SQL."""
    if dialect not in DIALECTS:
        raise ValueError(
            f"dialect must be one of {list(DIALECTS)}; got {dialect!r}. For another "
            "engine, write the rows that Plan.select chooses to a file it reads."
        )
    _refuse_repeats(plan)
    words = DIALECTS[dialect]
    label = words.identifier(_column("label", label))
    cases = _Cases(words, plan.classes, label)
    kept = _kept(plan, cases, words.identifier(_column("key", key)))
    weight = cases.by_label(
        dict(zip(plan.classes, map(words.double, plan.class_weight), strict=True))
    )
    if sample_weight is not None:
        column = words.identifier(_column("sample_weight", sample_weight))
        incoming = words.as_double(column)
        kept = _counted(words, incoming, kept)
        weight = f"{weight} * {incoming}"
    return SqlExpressions(kept, weight)


def _column(argument: str, name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(
            f"{argument} must be the name of a column, a str; got {name!r}."
        )
    return name


@dataclass(frozen=True)
class _Cases:
    """CASE expressions by label; a label that is not in the plan is an error."""

    words: Dialect
    classes: tuple[Any, ...]
    label: str

    @property
    def compared(self) -> str:
        text = any(isinstance(label, str) for label in self.classes)
        return self.words.as_text(self.label) if text else self.label

    @property
    def unknown(self) -> str:
        rule = (
            f"label {self.label} must be one of the {len(self.classes)} classes of the "
            "plan; got "
        )
        return self.words.error(rule, self.label)

    def by_label(self, values: dict[Any, str]) -> str:
        cases = " ".join(
            f"WHEN {self.words.literal(label)} THEN {value}"
            for label, value in values.items()
        )
        return f"CASE {self.compared} {cases} ELSE {self.unknown} END"

    def is_one_of(self, labels: list[Any]) -> str:
        return f"{self.compared} IN ({', '.join(map(self.words.literal, labels))})"


def _refuse_repeats(plan: Any) -> None:
    rows = zip(plan.classes, plan.rows_seen, plan.rows, strict=True)
    more = {label: (seen, drawn) for label, seen, drawn in rows if drawn > seen}
    if more:
        label, (seen, drawn) = next(iter(more.items()))
        raise ValueError(
            "A plan that repeats rows cannot be an SQL filter, which cannot repeat "
            f"them; class {label!r} has {drawn} rows after resampling and "
            f"{seen} before. Use DownsampleUpweight or ClassWeight, which repeat no "
            "row, or take the rows with Plan.select."
        )


def _kept(plan: Any, cases: _Cases, key: str) -> str:
    """Write which rows are kept; only classes that lose rows are hashed."""
    whole, cut = [], {}
    counts = zip(plan.rows_seen, plan.rows, plan.threshold, strict=True)
    for label, (seen, drawn, threshold) in zip(plan.classes, counts, strict=True):
        if drawn == seen:
            whole.append(label)
        else:
            cut[label] = cases.words.threshold(threshold)
    kept = cases.unknown
    if cut:
        kept = cases.words.is_below(key, plan.seed, cases.by_label(cut))
    if whole:
        kept = f"CASE WHEN {cases.is_one_of(whole)} THEN TRUE ELSE {kept} END"
    return kept


def _counted(words: Dialect, sample_weight: str, kept: str) -> str:
    """Leave out rows of zero weight, before anything else is tested."""
    unfit = words.error(
        f"sample_weight {sample_weight} must be finite and not negative; got ",
        sample_weight,
    )
    return (
        f"CASE WHEN {words.is_counted(sample_weight)} "
        f"THEN {kept} WHEN {sample_weight} = 0 THEN FALSE ELSE {unfit} END"
    )
