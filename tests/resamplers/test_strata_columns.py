"""Strata of several columns, of dates and intervals: the cells of one column."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone

from skstrat import CombinedResample, DownsampleUpweight, Plan, RandomOversample

N_ROWS = 6000
RNG = np.random.default_rng(4)
Y = RNG.choice(["a", "b", "c"], N_ROWS, p=[0.8, 0.15, 0.05])
WEIGHT = RNG.lognormal(size=N_ROWS)
TOWN = RNG.choice(["berlin", "graz", "zug"], N_ROWS, p=[0.6, 0.3, 0.1])
MONTH = RNG.integers(0, 3, N_ROWS)
DAY = np.datetime64("2024-02-28") + MONTH
FRAME = pd.DataFrame({"x": RNG.normal(size=N_ROWS), "town": TOWN, "month": MONTH})
NUMBERS = np.column_stack([FRAME["x"], np.unique(TOWN, False, True)[1], MONTH])
TUPLES = list(zip(TOWN.tolist(), MONTH.tolist(), strict=True))
BOTH = FRAME[["town", "month"]]
# One column of text, whose order is that of the tuples.
CROSSED = np.char.add(TOWN, MONTH.astype(str))

RESAMPLERS = [
    DownsampleUpweight(factor=7.3, random_state=3),
    RandomOversample(times={"c": 3.7}, random_state=3),
    CombinedResample(balance=0.7, random_state=3),
]


def draw(resampler=RESAMPLERS[0], data=FRAME, y=Y, weight=WEIGHT, **words):
    resampler = clone(resampler).set_params(**words)
    *_, weights = resampler.fit_resample(data, y, sample_weight=weight)
    return resampler, resampler.sample_indices_.tolist(), weights.tolist()


# Where they are --------------------------------------------------------------------

BY_NAME = {
    "pandas": FRAME,
    "polars": pl.from_pandas(FRAME),
    "arrow": pa.Table.from_pandas(FRAME),
    "dict": dict(FRAME),
    "records": FRAME.astype({"town": "S6"}).to_records(index=False),
}
BY_PLACE = {
    "pandas": FRAME,
    "polars": BY_NAME["polars"],
    "array": NUMBERS,
    "csr": sparse.csr_array(NUMBERS),
    "coo": sparse.coo_matrix(NUMBERS),
}
VALUES = {
    "frame": BOTH.set_axis(np.arange(N_ROWS)[::-1]),
    "polars": pl.from_pandas(BOTH),
    "arrow": pa.Table.from_pandas(BOTH),
    "objects": BOTH.to_numpy(),
    "integers": NUMBERS[:, 1:].astype(np.uint8),
    "tuples": TUPLES,
    "tuple of lists": tuple(map(list, TUPLES)),
    "series of tuples": pd.Series(TUPLES, index=np.arange(N_ROWS)[::-1]),
    "index": pd.MultiIndex.from_frame(BOTH),
    "records": BOTH.to_records(index=False),
    "callable": lambda X, y: X[["town", "month"]],
}
GIVEN = [
    *((data, ["town", "month"], name) for name, data in BY_NAME.items()),
    *((data, (1, -1), f"{name} by place") for name, data in BY_PLACE.items()),
    *((FRAME, strata, f"values: {name}") for name, strata in VALUES.items()),
    (FRAME, ["town", 2], "a name and a place"),
]


@pytest.mark.parametrize(
    ("data", "strata", "resampler"),
    [
        pytest.param(data, strata, RESAMPLERS[i % 3], id=name)
        for i, (data, strata, name) in enumerate(GIVEN)
    ],
)
def test_cells_are_those_of_one_column_of_both(data, strata, resampler):
    fitted, *drawn = draw(resampler, data, strata=strata)
    one, *expected = draw(resampler, strata=CROSSED)
    assert drawn == expected
    assert fitted.plan_.rows == one.plan_.rows


def test_cells_are_named_by_tuples():
    one, *_ = draw(strata=CROSSED)
    for strata in (["town", "month"], BOTH, TUPLES):
        classes = draw(strata=strata)[0].plan_.classes
        assert [(label, f"{town}{month}") for label, (town, month) in classes] == (
            list(one.plan_.classes)
        )
    alone = draw(strata=["town"])[0].plan_
    assert alone == draw(strata="town")[0].plan_


TIMES = {
    "dates": pd.Series(DAY).dt.date,
    "days": DAY,
    "nanoseconds": pd.Series(DAY.astype("M8[ns]")),
    "time zone": pd.Series(DAY).dt.tz_localize("Europe/Vienna"),
    "polars": pl.Series(DAY),
    "arrow dates": pa.array(DAY.astype(object)),
    "arrow times": pa.array(DAY.astype("M8[us]")),
    "spans": pd.Series(pd.to_timedelta(MONTH, unit="h")),
    "periods": pd.Series(DAY.astype("M8[ns]")).dt.to_period("D"),
    "times of day": [dt.time(month) for month in MONTH.tolist()],
    "cut": pd.cut(MONTH, [-1, 0, 1, 2]),
    "intervals": pd.arrays.IntervalArray(pd.cut(MONTH, [-1, 0, 1, 2])),
    "objects": np.array(list(pd.cut(MONTH, [-1, 0, 1, 2])), dtype=object),
}


@pytest.mark.parametrize("kind", TIMES)
def test_dates_and_intervals_are_values(kind):
    values = TIMES[kind]
    fitted, *drawn = draw(strata=values)
    assert drawn == list(draw(strata=MONTH)[1:])
    several = pd.DataFrame({"town": TOWN, "time": np.asarray(values)})
    both, *drawn = draw(data=several, strata=["town", "time"])
    assert drawn == list(draw(strata=CROSSED)[1:])
    # JSON has text for them.
    for plan in (fitted.plan_, both.plan_):
        written = json.loads(plan.to_json())["classes"]
        texts = {
            label[-1] if plan is fitted.plan_ else label[-1][-1] for label in written
        }
        assert len(texts) == 3
        assert all(isinstance(text, str) for text in texts)
        again = Plan.from_json(plan.to_json())
        codes = np.resize(np.arange(len(plan.classes)), 500)
        assert again.to_dict() == plan.to_dict()
        assert again.select(codes)[0].tolist() == plan.select(codes)[0].tolist()


def test_dates_are_named_by_python_where_it_can():
    few = DownsampleUpweight(factor={dt.date(2024, 2, 29): 4}, random_state=0)
    few.set_params(strata=DAY, y_numeric=True).fit(FRAME, MONTH)
    assert few.classes_.tolist() == [
        dt.date(2024, 2, 28),
        dt.date(2024, 2, 29),
        dt.date(2024, 3, 1),
    ]
    assert few.sampling_strategy_[dt.date(2024, 2, 29)] == round((MONTH == 1).sum() / 4)
    stamps = DAY.astype("M8[ns]")
    by_stamp = clone(few).set_params(
        strata=stamps, factor={pd.Timestamp("2024-02-29"): 4}
    )
    assert by_stamp.fit(FRAME, MONTH).plan_.rows == few.plan_.rows
    finer = clone(few).set_params(strata=stamps + MONTH.astype("m8[ns]"), factor=4)
    assert finer.fit(FRAME, MONTH).classes_.tolist()[1] == (
        np.datetime64("2024-02-29T00:00:00.000000001")
    )


# Any columns -----------------------------------------------------------------------

KINDS = {
    "text": lambda codes: np.array(["d", "e", "f", "g"])[codes],
    "integers": lambda codes: codes - 2,
    "booleans": lambda codes: codes > 1,
    "dates": lambda codes: np.datetime64("1969-12-30") + codes,
    "intervals": lambda codes: pd.cut(codes, [-1, 0, 1, 2, 3]),
}


@st.composite
def tables(draw_value):
    """Make labels, weights, a frame of 2 to 4 columns, and all of them as one text."""
    rng = np.random.default_rng(draw_value(st.integers(0, 2**32)))
    n_rows = draw_value(st.integers(12, 250))
    y = rng.choice(["a", "b"], n_rows, p=[0.8, 0.2])
    y[:2] = ["a", "b"]
    weight = rng.lognormal(size=n_rows) if draw_value(st.booleans()) else None
    kinds = draw_value(st.lists(st.sampled_from(sorted(KINDS)), min_size=2, max_size=4))
    columns, text = {}, np.full(n_rows, "")
    for place, kind in enumerate(kinds):
        codes = rng.integers(0, draw_value(st.integers(1, 4)), n_rows)
        columns[f"{kind} {place}"] = KINDS[kind](codes)
        own = codes > 1 if kind == "booleans" else codes
        text = np.char.add(text, own.astype(int).astype(str))
    return y, weight, pd.DataFrame(columns), text


@pytest.mark.filterwarnings("ignore:Some strata hold few")
@settings(max_examples=25, deadline=None)
@given(table=tables(), resampler=st.sampled_from(RESAMPLERS), order=st.randoms())
def test_any_columns_are_as_one_of_text(table, resampler, order):
    y, weight, frame, text = table
    resampler = clone(resampler)
    if isinstance(resampler, RandomOversample):
        resampler.set_params(times={"b": 3.7})
    names = list(frame)
    given = frame, y, weight
    several, *drawn = draw(resampler, *given, strata=names)
    one, *expected = draw(resampler, *given, strata=text)
    assert drawn == expected
    assert several.plan_.rows == one.plan_.rows
    assert several.plan_.threshold == one.plan_.threshold
    # Cells have no order.
    order.shuffle(names)
    _, rows, weights = draw(resampler, *given, strata=names)
    assert rows == drawn[0]
    if weight is None:
        np.testing.assert_allclose(weights, drawn[1], rtol=1e-12)


# Labels and positions --------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "places"),
    [
        (3, [1]),
        (1, [1]),
        (-1, [2]),
        ([5, 0], [0, 2]),
        ([0, 3], [2, 1]),
        ([2, 5], [2, 0]),
    ],
    ids=str,
)
@pytest.mark.parametrize("argument", ["strata", "groups"])
def test_an_integer_is_a_label_if_it_names_a_column(named, places, argument):
    # 5, 3 and 0 are labels, 1, 2 and -1 are none.
    frame = pd.DataFrame(NUMBERS[:, [1, 2, 1]].astype(int), columns=[5, 3, 0])
    frame[0] = frame[0] + 3 * frame[3] > 4
    if argument == "groups":
        frame = frame.astype(int) + 10 * (np.arange(N_ROWS) // 5)[:, None]
    values = frame.iloc[:, places] if len(places) > 1 else frame.iloc[:, places[0]]
    assert (
        draw(data=frame, **{argument: named})[1:]
        == (draw(data=frame, **{argument: values})[1:])
    )


def test_values_in_a_list_as_long_as_the_data_may_be_names_of_columns():
    colours = ["red", "red", "blue", "red", "blue"]
    fitted = DownsampleUpweight(factor=1, strata=colours, random_state=0)
    # They repeat themselves, so that they name none.
    fitted.fit(pd.get_dummies(colours), [0, 0, 0, 0, 1])
    assert fitted.plan_.classes == ((0, "blue"), (0, "red"), (1, "blue"))


@pytest.mark.parametrize("argument", ["strata", "groups"])
@pytest.mark.parametrize("named", [["b", "a"], (0, 1)], ids=str)
def test_a_list_that_could_be_both_is_refused(argument, named):
    X, resampler = (
        pd.DataFrame({"a": [1, 2], "b": [3, 4]}),
        DownsampleUpweight(factor=2),
    )
    resampler.set_params(**{argument: named})
    with pytest.raises(
        ValueError, match=f"{argument} must name different columns, .* for 2 rows. Give"
    ):
        resampler.fit(X, [0, 1])
    resampler.set_params(**{argument: np.array(named)}).fit(X, [0, 1])
    resampler.set_params(**{argument: lambda X, y: X[["b", "a"]]}).fit(X, [0, 1])


# Groups ----------------------------------------------------------------------------


SHOP = RNG.integers(0, 300, N_ROWS)
SHOPS = FRAME.assign(shop=SHOP)[["shop", "town"]]
IS_C = Y == "c"


@pytest.mark.parametrize(
    "groups",
    [["shop", "town"], SHOPS, SHOPS.to_numpy(), list(map(tuple, SHOPS.to_numpy()))],
    ids=["names", "frame", "array", "tuples"],
)
def test_groups_of_several_columns_are_drawn_whole(groups):
    fitted, rows, _ = draw(data=SHOPS, y=IS_C, groups=groups)
    kept = np.bincount(rows, minlength=N_ROWS)
    assert set(kept) == {0, 1}
    per_group = SHOPS.assign(kept=kept, rare=IS_C).groupby(["shop", "town"])
    assert (per_group["kept"].nunique() == 1).all()
    # Their keys are texts of JSON.
    keys = [json.dumps(pair) for pair in zip(SHOP.tolist(), TOWN.tolist(), strict=True)]
    cells = zip(IS_C.tolist(), per_group["rare"].transform("max").tolist(), strict=True)
    codes = np.array([fitted.plan_.classes.index(cell) for cell in cells])
    selected, _ = fitted.plan_.select(codes, key=np.array(keys, dtype=object))
    assert selected.tolist() == rows


TEXTS = {
    "dates": ["2024-02-28", "2024-02-29", "2024-03-01"],
    "nanoseconds": [f"2024-{day} 00:00:00" for day in ("02-28", "02-29", "03-01")],
    "cut": ["(-1, 0]", "(0, 1]", "(1, 2]"],
    "periods": ["2024-02-28", "2024-02-29", "2024-03-01"],
    "spans": ["0:00:00", "1:00:00", "2:00:00"],
}


@pytest.mark.parametrize("kind", TEXTS)
def test_groups_of_dates_and_intervals_are_hashed_as_text(kind):
    shop = np.arange(N_ROWS) // 5
    frame = pd.DataFrame({"shop": shop, "time": np.asarray(TIMES[kind])})
    text = frame.assign(time=np.array(TEXTS[kind])[MONTH])
    pairs = list(zip(shop.tolist(), frame["time"], strict=True))
    for groups in (["shop", "time"], pairs):
        several = draw(data=frame, groups=groups)
        assert several[1:] == draw(data=text, groups=["shop", "time"])[1:]
    by_time = {"y": MONTH, "factor": {0: 3, 1: 2}}
    assert (
        draw(data=frame, groups="time", **by_time)[1:]
        == (draw(data=text, groups="time", **by_time)[1:])
    )


# Errors ----------------------------------------------------------------------------

HOLES = FRAME.assign(month=np.where(MONTH == 1, np.nan, MONTH))


@pytest.mark.parametrize(
    ("data", "value", "text"),
    [
        (FRAME, ["town", "mouth"], "must name a column.* got 'mouth'.*'town', 'month'"),
        (FRAME, ["town", 7], "must name a column of X.* got 7. X is DataFrame"),
        (NUMBERS, ["town", "month"], "got 'town'. X is ndarray .* without names"),
        (FRAME, ["town"] * 2, "must name different columns"),
        (FRAME, ["town"] * 3, "must name different columns"),
        (FRAME, ["town", 1], "must name different columns.* got .'town', 1. for 6000"),
        (FRAME, [True, False], "one value per row of X; got 2 for 6000 rows"),
        (FRAME, BOTH[:-1], "got 5999 for 6000 rows. In cross-validation"),
        (FRAME, TUPLES[:-1], "got 5999 for 6000 rows. In cross-validation"),
        (HOLES, ["town", "month"], "in every row of column 'month'; .* are missing"),
        (FRAME, HOLES[["town", "month"]].to_numpy(), "in every row of column 1; "),
        (FRAME, [(1, None)] * N_ROWS, "of column 1; 6000 of 6000 are missing"),
        (FRAME, pd.Series(DAY).where(MONTH != 1), "in every row; .* are missing"),
        (FRAME, ["town", "x"], "label per row of column 'x': .* numpy.digitize"),
        (FRAME, pl.DataFrame(BOTH).to_struct(""), "label per row: .* got Series of"),
        (FRAME, pa.array(NUMBERS.tolist()), "label per row: .* got ListArray"),
        (FRAME, [*TUPLES[:-1], ("graz",)], "must hold tuples of one .* lengths .1, 2."),
        (FRAME, [*TUPLES[:-1], None], "must hold tuples of .* types .'NoneType', 't"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("argument", ["strata", "groups"])
def test_columns_that_are_none(argument, data, value, text):
    resampler = DownsampleUpweight(factor=3, **{argument: value})
    with pytest.raises(
        ValueError, match=f"{argument} must .*{text.removeprefix('must ')}"
    ):
        resampler.fit(data, Y)
