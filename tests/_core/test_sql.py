"""SQL draws the very rows that numpy draws, by the published hash, and weighs them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairwise import pairs

from skstrat import ClassWeight, DownsampleUpweight, RandomOversample
from skstrat._core.labels import encode_labels
from skstrat._core.plan import Plan
from skstrat._core.sql_duckdb import double, identifier, literal

duckdb = pytest.importorskip("duckdb")

SEEDS = [0, 12_345, 2**63, 2**64 - 1]
N_ROWS = 6_000
LABELS = {
    "odd strings": ["it's", 'a "b"', "", "naïve \\ --", "x\ny"],
    "injection": ["ok'); DROP TABLE t; --", "fraud"],
    "ints": [-3, 0, 1, 7, 2**62],
    "floats": [-2.0, 0.0, 1.0, 5.0, 1e15],
    "bools": [False, True],
    "around 2^63": np.array([1, 2**63 + 5], dtype=np.uint64),
}


@pytest.fixture
def ask():
    with duckdb.connect() as connection:
        yield lambda query: connection.execute(query).fetchall()


def labels_of(names):
    """Draw labels, of which the later ones are rarer."""
    share = 0.5 ** np.arange(len(names)) if len(names) > 2 else np.array([1, 0.025])
    codes = np.random.default_rng(0).choice(len(names), N_ROWS, p=share / share.sum())
    values = names if isinstance(names, np.ndarray) else np.array(names)
    return values.astype(object if values.dtype.kind == "U" else values.dtype)[codes]


def write(path, **columns):
    pq.write_table(pa.table(columns), path, row_group_size=1_000)
    return path


def select(file, sql, *columns):
    """Write the query of the documentation, with nothing defined before it."""
    listed = ", ".join([*map(identifier, columns), f"{sql.weight} AS drawn_weight"])
    return (
        f"SELECT file_row_number, {listed} "
        f"FROM read_parquet('{file}', file_row_number=true) "
        f"WHERE {sql.filter} ORDER BY file_row_number"
    )


# The rows of numpy -----------------------------------------------------------------

COLUMNS = [("y", "w"), ("the label", "w w"), ('"y"', '""w'), ("h", "select"), ("y", "")]


@pytest.mark.parametrize(
    ("kind", "cut", "seed", "columns"),
    pairs(LABELS, [1.7, 20, "some classes", "all classes"], SEEDS, COLUMNS),
)
def test_rows_and_weights_of_a_parquet_file(ask, tmp_path, kind, cut, seed, columns):
    y = labels_of(LABELS[kind])
    label, weight = columns
    incoming = np.random.default_rng(2).lognormal(sigma=5, size=N_ROWS)
    incoming[::3] = 0
    factor = {
        "some classes": {y[0]: 9},
        "all classes": dict.fromkeys(LABELS[kind], 4.5),
    }.get(cut, cut)
    down = DownsampleUpweight(factor=factor, random_state=seed)
    _, labels, weights = down.fit_resample(
        np.arange(N_ROWS), y, sample_weight=incoming if weight else None
    )
    file = write(tmp_path / "rows.parquet", **{label: y, weight: incoming})
    sql = down.plan_.to_sql(
        label=label, key="file_row_number", sample_weight=weight or None
    )
    rows, drawn, found = zip(*ask(select(file, sql, label)), strict=True)
    assert list(rows) == down.sample_indices_.tolist()
    assert list(drawn) == labels.tolist()
    assert list(found) == weights.tolist()
    assert 0 < len(rows) < N_ROWS


@pytest.mark.parametrize(("kind", "seed"), pairs(["i2", "i4", "u4", "i8", "u8"], SEEDS))
def test_keys_of_every_width_and_sign(ask, tmp_path, kind, seed):
    info = np.iinfo(kind)
    drawn = np.random.default_rng(4).integers(
        info.min, info.max, 2 * N_ROWS, kind, endpoint=True
    )
    ends = np.array([info.min, info.max, info.max - 1], dtype=kind)
    key = np.unique(np.concatenate([drawn, ends]))
    codes = (np.arange(len(key)) % 7 == 0).astype(int)
    labels = encode_labels(codes)
    plan, indices = Plan.draw(labels, labels.counts // [9, 2], seed, key=key)
    plan = plan.weighted(labels.counts, np.array([1 / 3, 1e-300]))
    file = write(tmp_path / "rows.parquet", y=codes, key=key)
    rows = ask(select(file, plan.to_sql(label="y", key="key")))
    assert [row[0] for row in rows] == indices.tolist()
    assert [row[1] for row in rows] == [(1 / 3, 1e-300)[codes[row]] for row in indices]


@given(
    st.floats(0, 1.7e308) | st.just(np.inf) | st.integers(-99, 99).map(float),
    st.text(max_size=9) | st.text("'\"\\\0;-%$ é", max_size=9),
    st.booleans() | st.integers(-(2**63), 2**64 - 1),
)
@settings(max_examples=200, deadline=None)
def test_values_are_written_as_they_are(value, text, number):
    query = (
        f"SELECT x, typeof(x), {literal(text)}, {literal(number)} "
        f"FROM (SELECT {double(value)} AS x)"
    )
    [found] = duckdb.sql(query).fetchall()
    assert found == (value, "DOUBLE", text, number)
    assert type(found[-1]) is type(number)


# What must not be dropped silently -------------------------------------------------


def plan_of(y, **wanted):
    return DownsampleUpweight(random_state=0, **wanted).fit(y, y).plan_


PLANS = {
    "one cut": plan_of([0] * 40 + [1] * 4, factor=4),
    "all cut": plan_of([0] * 40 + [1] * 40, factor={0: 4, 1: 4}),
    "none cut": ClassWeight().fit([0] * 40, [0] * 36 + [1] * 4).plan_,
    "bool": plan_of([False] * 40 + [True] * 4, factor=4),
}
ODD = {
    "label .*one of the 2 classes of the plan; got NULL": {"y": [0, 1, None]},
    "label .*one of the 2 classes of the plan; got 2": {"y": [0, 1, 2]},
    "sample_weight .*not negative; got NULL": {"w": [1.0, 1.0, None]},
    r"sample_weight .*not negative; got -0\.5": {"w": [1.0, 1.0, -0.5]},
    "sample_weight .*not negative; got nan": {"w": [1.0, 1.0, np.nan]},
}
ROWS = ["COUNT(*)", "*", "{weight}", "SUM({weight})"]


@pytest.mark.parametrize(("plan", "rows", "got"), pairs([*PLANS][:3], ROWS, ODD))
def test_rows_that_cannot_be_decided_stop_the_query(ask, tmp_path, plan, rows, got):
    columns = {"y": [0, 1, 1], "w": [1.0, 2.0, 3.0], "k": [7, 8, 9]}
    sql = PLANS[plan].to_sql(label="y", key="k", sample_weight="w")
    rows = rows.format(weight=sql.weight)
    fine = write(tmp_path / "fine.parquet", **columns)
    broken = write(tmp_path / "broken.parquet", **columns | ODD[got])
    assert ask(f"SELECT {rows} FROM '{fine}' WHERE {sql.filter}")
    with pytest.raises(duckdb.InvalidInputException, match=got):
        ask(f"SELECT {rows} FROM '{broken}' WHERE {sql.filter}")


UNKNOWN, NO_INTEGER = "classes of the plan; got", 'key "k" must be a 64-bit integer'


@pytest.mark.parametrize(
    ("plan", "asked", "row", "text"),
    [
        ("none cut", "weight", "2 AS y", UNKNOWN),
        ("bool", "weight", "2 AS y", UNKNOWN),
        ("one cut", "filter", "0 AS y, NULL::BIGINT AS k", NO_INTEGER),
        ("all cut", "filter", f"0 AS y, {2**64} AS k", NO_INTEGER),
        ("all cut", "filter", "0 AS y, '7' AS k", "Binder|Conversion"),
    ],
)
def test_labels_and_keys_that_stop_the_query(ask, plan, asked, row, text):
    sql = PLANS[plan].to_sql(label="y", key="k")
    with pytest.raises(duckdb.Error, match=text):
        ask(f"SELECT {getattr(sql, asked)} FROM (SELECT {row})")


def test_rows_that_need_no_label_or_key(ask):
    sql = PLANS["all cut"].to_sql(label="y", key="k", sample_weight="w")
    no_weight = "(VALUES (NULL, 1, 0), (5, 2, 0), (1, NULL, 0)) t(y, k, w)"
    assert ask(f"SELECT COUNT(*) FROM {no_weight} WHERE {sql.filter}") == [(0,)]
    sql = PLANS["one cut"].to_sql(label="y", key="k")
    kept_whole = "(SELECT 1 AS y, NULL::BIGINT AS k)"
    assert ask(f"SELECT COUNT(*) FROM {kept_whole} WHERE {sql.filter}") == [(1,)]


# What cannot be written ------------------------------------------------------------

RARE = ["a"] * 40 + ["b'"] * 4
REPEATS = r"repeats rows.*class \"b'\" has \d+ rows .* and 4 before.*Plan.select"


@pytest.mark.parametrize(
    ("plan", "words", "error", "text"),
    [
        (RandomOversample().fit(RARE, RARE).plan_, {}, ValueError, REPEATS),
        (PLANS["bool"], {"dialect": "sqlite"}, ValueError, r"\['duckdb', 'spark'\]; g"),
        (PLANS["bool"], {"label": 3}, TypeError, "label must be the name .* got 3"),
        (plan_of([b"a"] * 9 + [b"b"], factor=3), {}, TypeError, "got b'a' of type byt"),
    ],
    ids=["up", "dialect", "label", "bytes"],
)
def test_what_cannot_be_written(plan, words, error, text):
    with pytest.raises(error, match=text):
        plan.to_sql(**{"label": "y", "key": "k"} | words)
