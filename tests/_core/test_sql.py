"""SQL draws the very rows that numpy draws, by the published hash, and weighs them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from skstrat import ClassWeight, CombinedResample, DownsampleUpweight, RandomOversample
from skstrat._core.labels import encode_labels
from skstrat._core.plan import Plan
from skstrat._core.sql import SqlExpressions
from skstrat._core.sql_duckdb import double, identifier, literal, xxh64

duckdb = pytest.importorskip("duckdb")

SEEDS = [0, 1, 12_345, 2**63, 2**64 - 1]
N_ROWS = 6_000
FIVE = {
    "str": ["it's", 'a "b"', "", "naïve \\ --", "x\ny"],
    "int": [-3, 0, 1, 7, 2**62],
    "float": [-2.0, 0.0, 1.0, 5.0, 1e15],
}
TWO = {
    "str": ["ok'); DROP TABLE t; --", "fraud"],
    "int": [-1, 1],
    "float": [0.0, 1.0],
    "bool": [False, True],
}


@pytest.fixture
def ask():
    with duckdb.connect() as connection:
        yield lambda query: connection.execute(query).fetchall()


def labels_of(names, seed=0):
    """Every class half as frequent as the one before, or one in 40 of two."""
    share = 0.5 ** np.arange(len(names)) if len(names) > 2 else np.array([1, 0.025])
    drawn = np.random.default_rng(seed).choice(names, N_ROWS, p=share / share.sum())
    return np.array(drawn, dtype=object) if isinstance(names[0], str) else drawn


def write(path, **columns):
    pq.write_table(pa.table(columns), path, row_group_size=1_000)
    return path


def select(file, sql, *columns):
    """The query of the documentation, with nothing defined before it."""
    listed = ", ".join([*map(identifier, columns), f"{sql.weight} AS drawn_weight"])
    return (
        f"SELECT file_row_number, {listed} "
        f"FROM read_parquet('{file}', file_row_number=true) "
        f"WHERE {sql.filter} ORDER BY file_row_number"
    )


def assert_same_rows(rows, resampler, weights):
    assert [row[0] for row in rows] == resampler.sample_indices_.tolist()
    assert [row[-1] for row in rows] == weights.tolist()
    assert 0 < len(rows) < N_ROWS


# The rows of numpy -----------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("factor", [1.7, 20])
@pytest.mark.parametrize("names", [*TWO.values(), *FIVE.values()])
def test_rows_and_weights_of_a_parquet_file(ask, tmp_path, names, factor, seed):
    y = labels_of(names)
    down = DownsampleUpweight(factor=factor, random_state=seed)
    _, labels, weights = down.fit_resample(np.arange(N_ROWS), y)
    file = write(tmp_path / "rows.parquet", y=y)
    sql = down.plan_.to_sql(label="y", key="file_row_number")
    rows = ask(select(file, sql, "y"))
    assert_same_rows(rows, down, weights)
    assert [row[1] for row in rows] == labels.tolist()


@pytest.mark.parametrize(
    "factor", [{"a": 3}, {"a": 9, "c": 2}, {"e": 2}, dict.fromkeys("abcde", 4.5)]
)
def test_some_classes_are_kept_whole(ask, tmp_path, factor):
    y = labels_of(list("abcde"))
    down = DownsampleUpweight(factor=factor, random_state=5)
    _, _, weights = down.fit_resample(np.arange(N_ROWS), y)
    file = write(tmp_path / "rows.parquet", y=y)
    rows = ask(select(file, down.plan_.to_sql(label="y", key="file_row_number")))
    assert_same_rows(rows, down, weights)
    assert set(np.unique(y)) == set(y[[row[0] for row in rows]])


@pytest.mark.parametrize("seed", SEEDS)
def test_incoming_weights_are_multiplied_and_zeros_left_out(ask, tmp_path, seed):
    y = labels_of([0, 1], seed=1)
    rng = np.random.default_rng(2)
    incoming = rng.lognormal(sigma=5, size=N_ROWS) * (rng.random(N_ROWS) < 0.7)
    down = DownsampleUpweight(factor=8, random_state=seed)
    _, _, weights = down.fit_resample(np.arange(N_ROWS), y, sample_weight=incoming)
    file = write(tmp_path / "rows.parquet", y=y, sample_weight=incoming)
    sql = down.plan_.to_sql(
        label="y", key="file_row_number", sample_weight="sample_weight"
    )
    rows = ask(
        f"SELECT file_row_number, *, {sql.weight} AS sample_weight FROM "
        f"read_parquet('{file}', file_row_number=true) WHERE {sql.filter} "
        "ORDER BY ALL"
    )
    assert_same_rows(rows, down, weights)


@pytest.mark.parametrize(
    "names",
    [("the label", "row id", "w w"), ('"y"', 'k"', '""w'), ("h", "H1", "select")],
)
def test_any_column_name(ask, tmp_path, names):
    y = labels_of(["it's", "so"])
    incoming = 1.0 + np.arange(N_ROWS)
    down = DownsampleUpweight(factor=5, random_state=3)
    _, _, weights = down.fit_resample(np.arange(N_ROWS), y, sample_weight=incoming)
    columns = dict(zip(names, (y, np.arange(N_ROWS), incoming), strict=True))
    file = write(tmp_path / "rows.parquet", **columns)
    label, key, sample_weight = names
    sql = down.plan_.to_sql(label=label, key=key, sample_weight=sample_weight)
    assert_same_rows(ask(select(file, sql)), down, weights)


def keys_of(kind):
    info = np.iinfo(kind)
    rng = np.random.default_rng(4)
    drawn = rng.integers(info.min, info.max, 2 * N_ROWS, kind, endpoint=True)
    ends = np.array([info.min, info.max, info.max - 1, info.max // 2], dtype=kind)
    return np.unique(np.concatenate([ends, drawn]))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["i2", "i4", "u4", "i8", "u8"])
def test_keys_of_every_width_and_sign(ask, tmp_path, kind, seed):
    key = keys_of(kind)
    codes = (np.arange(len(key)) % 7 == 0).astype(int)
    labels = encode_labels(codes)
    plan, indices = Plan.draw(labels, labels.counts // [9, 2], seed, key=key)
    plan = plan.weighted(labels.counts, np.array([1 / 3, 1e-300]))
    file = write(tmp_path / "rows.parquet", y=codes, key=key)
    rows = ask(select(file, plan.to_sql(label="y", key="key")))
    assert [row[0] for row in rows] == indices.tolist()
    assert [row[1] for row in rows] == [(1 / 3, 1e-300)[codes[row]] for row in indices]


def test_labels_on_both_sides_of_the_signed_range(ask, tmp_path):
    y = labels_of([1, 2**63 + 5]).astype(np.uint64)
    down = DownsampleUpweight(factor=8, random_state=1)
    _, _, weights = down.fit_resample(np.arange(N_ROWS), y)
    file = write(tmp_path / "rows.parquet", y=y)
    sql = down.plan_.to_sql(label="y", key="file_row_number")
    assert_same_rows(ask(select(file, sql)), down, weights)


def test_weights_alone(ask, tmp_path):
    y = labels_of([0, 1])
    balanced = ClassWeight("balanced")
    _, _, weights = balanced.fit_resample(np.arange(N_ROWS), y)
    file = write(tmp_path / "rows.parquet", y=y)
    sql = balanced.plan_.to_sql(label="y", key="file_row_number")
    assert [row[1] for row in ask(select(file, sql))] == weights.tolist()
    assert "xor" not in sql.filter


# The hash --------------------------------------------------------------------------

EXTREME = [0, 1, 2, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, -1, -(2**63)]
INTEGERS = st.one_of(st.sampled_from(EXTREME), st.integers(-(2**63), 2**64 - 1))


@given(st.lists(INTEGERS, min_size=1, max_size=50), st.integers(0, 2**64 - 1))
@settings(max_examples=60, deadline=None)
def test_the_hash_is_the_published_one(keys, hash_seed):
    listed = ", ".join(f"({key}::HUGEINT)" for key in keys)
    found = duckdb.sql(
        f"SELECT {xxh64('key', hash_seed)} FROM (VALUES {listed}) t(key)"
    )
    assert [row[0] for row in found.fetchall()] == [
        xxhash.xxh64_intdigest((key % 2**64).to_bytes(8, "little"), hash_seed)
        for key in keys
    ]


@pytest.mark.parametrize("hash_seed", EXTREME[:8])
def test_the_hash_of_extreme_keys(ask, hash_seed):
    for kind, low, high in [("BIGINT", -(2**63), 2**63), ("UBIGINT", 0, 2**64)]:
        for key in (key for key in EXTREME if low <= key < high):
            [(found,)] = ask(f"SELECT {xxh64(f'({key})::{kind}', hash_seed)}")
            data = (key % 2**64).to_bytes(8, "little")
            assert found == xxhash.xxh64_intdigest(data, hash_seed)


@given(st.floats(0, 1.7e308) | st.just(np.inf) | st.integers(-99, 99).map(float))
@settings(max_examples=200, deadline=None)
def test_doubles_keep_every_bit(value):
    query = f"SELECT x, typeof(x) FROM (SELECT {double(value)} AS x)"
    assert duckdb.sql(query).fetchall() == [(value, "DOUBLE")]


@given(
    st.text(max_size=9) | st.text("'\"\\\0;-%$ é", max_size=9),
    st.booleans() | st.integers(-(2**63), 2**64 - 1),
)
@settings(max_examples=200, deadline=None)
def test_labels_are_written_as_they_are(text, number):
    found = duckdb.sql(f"SELECT {literal(text)}, {literal(number)}").fetchall()
    assert found == [(text, number)]
    assert type(found[0][1]) is type(number)


# What must not be dropped silently -------------------------------------------------


def plan_of(y, **wanted):
    return DownsampleUpweight(random_state=0, **wanted).fit(y, y).plan_


PLANS = {
    "one class cut": plan_of([0] * 40 + [1] * 4, factor=4),
    "all cut": plan_of([0] * 40 + [1] * 40, factor={0: 4, 1: 4}),
    "none cut": ClassWeight().fit([0] * 40, [0] * 36 + [1] * 4).plan_,
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("rows", ["COUNT(*)", "*", "{weight}", "SUM({weight})"])
@pytest.mark.parametrize(
    ("odd", "got"),
    [
        ({"y": [0, 1, None]}, "label .*one of the 2 classes of the plan; got NULL"),
        (
            {"y": [1.0, 1.0, np.nan]},
            "label .*one of the 2 classes of the plan; got nan",
        ),
        ({"y": [0, 1, 2]}, "label .*one of the 2 classes of the plan; got 2"),
        ({"w": [1.0, 1.0, None]}, "sample_weight .*not negative; got NULL"),
        ({"w": [1.0, 1.0, -0.5]}, r"sample_weight .*not negative; got -0\.5"),
        ({"w": [1.0, 1.0, np.inf]}, "sample_weight .*not negative; got inf"),
        ({"w": [1.0, 1.0, np.nan]}, "sample_weight .*not negative; got nan"),
    ],
)
def test_rows_that_cannot_be_decided_stop_the_query(
    ask, tmp_path, plan, rows, odd, got
):
    columns = {"y": [0, 1, 1], "w": [1.0, 2.0, 3.0], "k": [7, 8, 9]}
    sql = plan.to_sql(label="y", key="k", sample_weight="w")
    rows = rows.format(weight=sql.weight)
    fine, broken = tmp_path / "fine.parquet", tmp_path / "broken.parquet"
    for file, table in ((fine, columns), (broken, columns | odd)):
        write(file, **table)
    assert ask(f"SELECT {rows} FROM '{fine}' WHERE {sql.filter}")
    with pytest.raises(duckdb.InvalidInputException, match=got):
        ask(f"SELECT {rows} FROM '{broken}' WHERE {sql.filter}")


@pytest.mark.parametrize("y", ["NULL::INT", "2"])
def test_weights_without_the_filter_stop_the_query_too(ask, y):
    weight = PLANS["none cut"].to_sql(label="y", key="k").weight
    with pytest.raises(duckdb.InvalidInputException, match="classes of the plan; got"):
        ask(f"SELECT {weight} FROM (SELECT {y} AS y)")


@pytest.mark.parametrize("key", ["NULL::BIGINT", f"{2**64}", f"{-(2**63) - 1}"])
def test_keys_that_cannot_be_hashed_stop_the_query(ask, key):
    filtering = PLANS["all cut"].to_sql(label="y", key="k").filter
    with pytest.raises(duckdb.InvalidInputException, match='key "k" must be a 64-bit'):
        ask(f"SELECT COUNT(*) FROM (SELECT 0 AS y, {key} AS k) WHERE {filtering}")


def test_the_key_of_a_class_that_is_kept_whole_may_be_missing(ask):
    filtering = PLANS["one class cut"].to_sql(label="y", key="k").filter
    of_class = "SELECT COUNT(*) FROM (SELECT {} AS y, NULL::BIGINT AS k) WHERE "
    assert ask(of_class.format(1) + filtering) == [(1,)]
    with pytest.raises(duckdb.InvalidInputException, match='key "k" must be a 64-bit'):
        ask(of_class.format(0) + filtering)


@pytest.mark.parametrize("key", ["'7'", "7.0", "7e0", "true", "DATE '2020-01-01'"])
def test_keys_that_are_no_integers_are_refused(ask, key):
    filtering = PLANS["all cut"].to_sql(label="y", key="k").filter
    with pytest.raises(duckdb.Error, match=r"Binder|Conversion"):
        ask(f"SELECT COUNT(*) FROM (SELECT 0 AS y, {key} AS k) WHERE {filtering}")


def test_rows_of_zero_weight_may_have_any_label_and_key(ask):
    sql = PLANS["all cut"].to_sql(label="y", key="k", sample_weight="w")
    odd = "(VALUES (NULL, 1, 0), (5, 2, 0), (1, NULL, 0)) t(y, k, w)"
    assert ask(f"SELECT COUNT(*) FROM {odd} WHERE {sql.filter}") == [(0,)]


def test_true_is_not_every_number(ask):
    plan = plan_of([False] * 40 + [True] * 4, factor=4)
    weight = plan.to_sql(label="y", key="k").weight
    with pytest.raises(duckdb.InvalidInputException, match="got 2"):
        ask(f"SELECT {weight} FROM (SELECT 2 AS y)")


# What cannot be written ------------------------------------------------------------


@pytest.mark.parametrize(
    "resampler", [RandomOversample(), CombinedResample(balance=0.5)], ids=["up", "both"]
)
@pytest.mark.parametrize("rare", [4, 30])
def test_a_plan_that_repeats_rows_is_refused(resampler, rare):
    y = ["a"] * 40 + ["b'"] * rare
    plan = resampler.fit(y, y).plan_
    rule = rf"repeats rows.*class \"b'\" has \d+ rows .* and {rare} before.*Plan.select"
    with pytest.raises(ValueError, match=rule):
        plan.to_sql(label="y", key="k")


@pytest.mark.parametrize("dialect", ["sqlite", "", None])
def test_other_dialects_are_refused(dialect):
    plan = PLANS["none cut"]
    with pytest.raises(ValueError, match=r"one of \['duckdb', 'spark'\]; got"):
        plan.to_sql(label="y", key="k", dialect=dialect)


@pytest.mark.parametrize("argument", ["label", "key", "sample_weight"])
def test_columns_are_names(argument):
    names = {"label": "y", "key": "k"} | {argument: 3}
    with pytest.raises(TypeError, match=f"{argument} must be the name .* got 3"):
        PLANS["none cut"].to_sql(**names)


def test_labels_that_sql_does_not_have():
    plan = plan_of([b"a"] * 9 + [b"b"], factor=3)
    with pytest.raises(TypeError, match=r"labels must be str.*got b'a' of type bytes"):
        plan.to_sql(label="y", key="k")


def test_a_value_like_any_other():
    written = {PLANS["one class cut"].to_sql(label="y", key="k") for _ in range(2)}
    assert written == {SqlExpressions(*(vars(next(iter(written))).values()))}
    assert len(next(iter(written)).filter) < 1_500
