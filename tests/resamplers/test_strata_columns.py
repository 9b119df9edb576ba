"""Where strata and groups are given: columns, values, dates, several at once."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone

from skstrat import CombinedResample, DownsampleUpweight, Plan, RandomOversample

N_ROWS = 6000
ROW = np.arange(N_ROWS)
RNG = np.random.default_rng(4)
Y = RNG.choice(["a", "b", "c"], N_ROWS, p=[0.8, 0.15, 0.05])
WEIGHT = RNG.lognormal(size=N_ROWS)
TOWN = RNG.choice(["berlin", "graz", "zug"], N_ROWS, p=[0.6, 0.3, 0.1])
MONTH = RNG.integers(0, 3, N_ROWS)
DAY = np.datetime64("2024-02-28") + MONTH
CODE = np.unique(TOWN, return_inverse=True)[1]
FRAME = pd.DataFrame({"x": RNG.normal(size=N_ROWS), "town": TOWN, "month": MONTH})
NUMBERS = np.column_stack([FRAME["x"], CODE, MONTH])
TUPLES = list(zip(TOWN.tolist(), MONTH.tolist(), strict=True))
BOTH = FRAME[["town", "month"]]
# One column of text, whose order is that of the tuples.
CROSSED = np.char.add(TOWN, MONTH.astype(str))

RESAMPLERS = [
    DownsampleUpweight(factor=7.3, random_state=3),
    RandomOversample(times={"c": 3.7}, random_state=3),
    CombinedResample(balance=0.7, random_state=3),
]


def draw(resampler=RESAMPLERS[0], data=FRAME, y=Y, **words):
    resampler = clone(resampler).set_params(**words)
    *_, weights = resampler.fit_resample(data, y, sample_weight=WEIGHT)
    return resampler, resampler.sample_indices_.tolist(), weights.tolist()


# One column -------------------------------------------------------------------------

RECORDS = BOTH.astype({"town": "S6"}).to_records(index=False)
PLACES = {
    "callable": (NUMBERS, lambda X, y: TOWN),
    "list": (NUMBERS, TOWN.tolist()),
    "bytes": (NUMBERS, TOWN.astype("S6")),
    "whole floats": (NUMBERS, CODE.astype(np.float32)),
    "pandas": (NUMBERS, pd.Series(TOWN, index=ROW[::-1])),
    "categories": (NUMBERS, pd.Categorical(TOWN, ["x", "zug", "graz", "berlin"])),
    "nullable": (NUMBERS, pd.Series(CODE, dtype="Int64")),
    "polars enum": (NUMBERS, pl.Series(TOWN, dtype=pl.Enum(["zug", "berlin", "graz"]))),
    "arrow chunks": (NUMBERS, pa.chunked_array([TOWN[:9], TOWN[9:]])),
    "arrow dictionary": (NUMBERS, pa.array(TOWN).dictionary_encode()),
    "frame name": (FRAME, "town"),
    "frame position": (FRAME, np.int64(-2)),
    "records": (RECORDS, "town"),
    "array position": (NUMBERS, 1),
    "lil": (sparse.lil_array(NUMBERS), 1),
    "name of an attribute": (FRAME.assign(column_names=TOWN), "town"),
}


@pytest.mark.parametrize("place", PLACES)
def test_strata_of_every_kind(place):
    data, strata = PLACES[place]
    assert draw(data=data, strata=strata)[1:] == draw(strata=TOWN)[1:]


SHOP = RNG.integers(0, 300, N_ROWS)
NAMES = np.char.add("shop ", SHOP.astype(str))
GROUPS = {
    "list": (SHOP, SHOP.tolist()),
    "objects": (SHOP, SHOP.astype(object)),
    "categories": (SHOP, pd.Categorical(SHOP)),
    "nullable": (SHOP, pd.Series(SHOP, dtype="Int64")),
    "text categories": (
        NAMES,
        pd.Categorical(NAMES, [*np.unique(NAMES)[::-1], "none"]),
    ),
    "pandas text": (NAMES, pd.Series(NAMES, dtype="string[pyarrow]")),
    "arrow text": (NAMES, pa.array(NAMES).dictionary_encode()),
}


@pytest.mark.parametrize("kind", GROUPS)
def test_groups_of_every_kind(kind):
    plain, groups = GROUPS[kind]
    assert draw(groups=groups)[1:] == draw(groups=plain)[1:]


# Several columns --------------------------------------------------------------------

POLARS, ARROW = pl.from_pandas(FRAME), pa.Table.from_pandas(FRAME)
SEVERAL = {
    "pandas": (FRAME, ["town", "month"]),
    "polars": (POLARS, ["town", "month"]),
    "arrow": (ARROW, ["town", "month"]),
    "dict": (dict(FRAME), ["town", "month"]),
    "records": (RECORDS, ["town", "month"]),
    "pandas by place": (FRAME, (1, -1)),
    "array by place": (NUMBERS, (1, -1)),
    "coo by place": (sparse.coo_matrix(NUMBERS), (1, -1)),
    "a name and a place": (FRAME, ["town", 2]),
    "a frame": (FRAME, BOTH.set_axis(ROW[::-1])),
    "a polars frame": (FRAME, pl.from_pandas(BOTH)),
    "objects": (FRAME, BOTH.to_numpy()),
    "tuples": (FRAME, TUPLES),
    "tuple of lists": (FRAME, tuple(map(list, TUPLES))),
    "index": (FRAME, pd.MultiIndex.from_frame(BOTH)),
    "record values": (FRAME, BOTH.to_records(index=False)),
    "callable": (FRAME, lambda X, y: X[["town", "month"]]),
}


@pytest.mark.parametrize(("number", "name"), list(enumerate(SEVERAL)))
def test_cells_are_those_of_one_column_of_both(number, name):
    (data, strata), resampler = SEVERAL[name], RESAMPLERS[number % 3]
    fitted, *drawn = draw(resampler, data, strata=strata)
    one, *expected = draw(resampler, strata=CROSSED)
    assert drawn == expected
    assert fitted.plan_.rows == one.plan_.rows


def test_cells_are_named_by_tuples_in_the_order_given():
    one, *drawn = draw(strata=CROSSED)
    classes = draw(strata=["town", "month"])[0].plan_.classes
    named = [(label, f"{town}{month}") for label, (town, month) in classes]
    assert named == list(one.plan_.classes)
    assert draw(strata=["town"])[0].plan_ == draw(strata="town")[0].plan_
    swapped, rows, _ = draw(strata=["month", "town"])
    assert rows == drawn[0]
    assert sorted((label, pair[::-1]) for label, pair in swapped.plan_.classes) == (
        list(classes)
    )


CUT = pd.cut(MONTH, [-1, 0, 1, 2])
TIMES = {
    "booleans": MONTH > 0,
    "dates": pd.Series(DAY).dt.date,
    "nanoseconds": pd.Series(DAY.astype("M8[ns]")),
    "polars": pl.Series(DAY),
    "arrow times": pa.array(DAY.astype("M8[us]")),
    "spans": pd.Series(pd.to_timedelta(MONTH, unit="h")),
    "periods": pd.Series(DAY.astype("M8[ns]")).dt.to_period("D"),
    "times of day": [dt.time(month) for month in MONTH.tolist()],
    "cut": CUT,
    "intervals": pd.arrays.IntervalArray(CUT),
    "objects": np.array(list(CUT), dtype=object),
}


@pytest.mark.parametrize("kind", TIMES)
def test_dates_and_intervals_are_values(kind):
    values = TIMES[kind]
    plain = MONTH > 0 if kind == "booleans" else MONTH
    fitted, *drawn = draw(strata=values)
    assert drawn == list(draw(strata=plain.astype(int))[1:])
    several = pd.DataFrame({"town": TOWN, "time": np.asarray(values)})
    both, *drawn = draw(data=several, strata=["town", "time"])
    crossed = np.char.add(TOWN, plain.astype(int).astype(str))
    assert drawn == list(draw(strata=crossed)[1:])
    # JSON has text for them.
    for plan in (fitted.plan_, both.plan_):
        again = Plan.from_json(plan.to_json())
        codes = np.resize(np.arange(len(plan.classes)), 500)
        assert again.to_dict() == plan.to_dict()
        assert again.select(codes)[0].tolist() == plan.select(codes)[0].tolist()
    last = [label[-1] for label in json.loads(fitted.plan_.to_json())["classes"]]
    assert len(set(last)) == len(set(plain.tolist()))
    assert kind == "booleans" or all(isinstance(name, str) for name in last)


def test_dates_are_named_by_python_where_it_can():
    leap = dt.date(2024, 2, 29)
    few = DownsampleUpweight(factor={leap: 4}, strata=DAY, y_numeric=True)
    few.set_params(random_state=0).fit(FRAME, MONTH)
    assert few.classes_.tolist() == [dt.date(2024, 2, 28), leap, dt.date(2024, 3, 1)]
    assert few.sampling_strategy_[leap] == round((MONTH == 1).sum() / 4)
    stamps = DAY.astype("M8[ns]")
    by_stamp = clone(few).set_params(strata=stamps, factor={pd.Timestamp(leap): 4})
    assert by_stamp.fit(FRAME, MONTH).plan_.rows == few.plan_.rows
    finer = clone(few).set_params(strata=stamps + MONTH.astype("m8[ns]"), factor=4)
    assert finer.fit(FRAME, MONTH).classes_.tolist()[1] == (
        np.datetime64("2024-02-29T00:00:00.000000001")
    )


SHOPS = FRAME.assign(shop=SHOP)[["shop", "town"]]


@pytest.mark.parametrize(
    "groups",
    [["shop", "town"], SHOPS, list(map(tuple, SHOPS.to_numpy()))],
    ids=["names", "frame", "tuples"],
)
def test_groups_of_several_columns_are_drawn_whole(groups):
    rare = Y == "c"
    fitted, rows, _ = draw(data=SHOPS, y=rare, groups=groups)
    kept = np.bincount(rows, minlength=N_ROWS)
    per_group = SHOPS.assign(kept=kept, rare=rare).groupby(["shop", "town"])
    assert (per_group["kept"].nunique() == 1).all()
    # Their keys are texts of JSON.
    keys = [json.dumps(pair) for pair in zip(SHOP.tolist(), TOWN.tolist(), strict=True)]
    cells = zip(rare.tolist(), per_group["rare"].transform("max").tolist(), strict=True)
    codes = np.array([fitted.plan_.classes.index(cell) for cell in cells])
    selected, _ = fitted.plan_.select(codes, key=np.array(keys, dtype=object))
    assert selected.tolist() == rows


DAYS = ["2024-02-28", "2024-02-29", "2024-03-01"]
TEXTS = {
    "dates": DAYS,
    "nanoseconds": [f"{day} 00:00:00" for day in DAYS],
    "cut": ["(-1, 0]", "(0, 1]", "(1, 2]"],
    "periods": DAYS,
    "spans": ["0:00:00", "1:00:00", "2:00:00"],
}


@pytest.mark.parametrize("kind", TEXTS)
def test_groups_of_dates_and_intervals_are_hashed_as_text(kind):
    frame = pd.DataFrame({"shop": ROW // 5, "time": np.asarray(TIMES[kind])})
    text = frame.assign(time=np.array(TEXTS[kind])[MONTH])
    expected = draw(data=text, groups=["shop", "time"])[1:]
    pairs = list(zip((ROW // 5).tolist(), frame["time"], strict=True))
    for groups in (["shop", "time"], pairs):
        assert draw(data=frame, groups=groups)[1:] == expected
    by_time = {"y": MONTH, "factor": {0: 3, 1: 2}, "groups": "time"}
    assert draw(data=frame, **by_time)[1:] == draw(data=text, **by_time)[1:]


# Labels and positions ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "places"),
    [(3, [1]), (1, [1]), (-1, [2]), ([5, 0], [0, 2]), ([2, 5], [2, 0])],
    ids=str,
)
@pytest.mark.parametrize("argument", ["strata", "groups"])
def test_an_integer_is_a_label_if_it_names_a_column(named, places, argument):
    # 5, 3 and 0 are labels, 1, 2 and -1 are none.
    frame = pd.DataFrame(NUMBERS[:, [1, 2, 1]].astype(int), columns=[5, 3, 0])
    frame[0] = (frame[0] + 3 * frame[3] > 4).astype(int)
    if argument == "groups":
        frame += 10 * (ROW // 5)[:, None]
    values = frame.iloc[:, places] if len(places) > 1 else frame.iloc[:, places[0]]
    expected = draw(data=frame, **{argument: values})[1:]
    assert draw(data=frame, **{argument: named})[1:] == expected


def test_values_in_a_list_as_long_as_the_data_may_be_names_of_columns():
    colours = ["red", "red", "blue", "red", "blue"]
    fitted = DownsampleUpweight(factor=1, strata=colours, random_state=0)
    # They repeat themselves, so that they name none.
    fitted.fit(pd.get_dummies(colours), [0, 0, 0, 0, 1])
    assert fitted.plan_.classes == ((0, "blue"), (0, "red"), (1, "blue"))


@pytest.mark.parametrize("argument", ["strata", "groups"])
@pytest.mark.parametrize("named", [["b", "a"], (0, 1)], ids=str)
def test_a_list_that_could_be_both_is_refused(argument, named):
    X = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    resampler = DownsampleUpweight(factor=2, **{argument: named})
    text = f"{argument} must name different columns, .* for 2 rows. Give"
    with pytest.raises(ValueError, match=text):
        resampler.fit(X, [0, 1])
    resampler.set_params(**{argument: np.array(named)}).fit(X, [0, 1])
    resampler.set_params(**{argument: lambda X, y: X[["b", "a"]]}).fit(X, [0, 1])


# Errors -----------------------------------------------------------------------------

HOLES = FRAME.assign(month=np.where(MONTH == 1, np.nan, MONTH))


@pytest.mark.parametrize(
    ("data", "value", "text"),
    [
        (NUMBERS, TOWN[:-1], "got 5999 for 6000 rows. In cross-validation"),
        (NUMBERS, lambda X, y: TOWN[1:], "one value per row of X; got 5999 for 6000"),
        (FRAME, "city", "must name a column of X.* got 'city'.*'town'"),
        (NUMBERS, "town", "'town'. X is ndarray of shape .* without names"),
        (RECORDS, "city", "'city'. X is recarray .* with columns .'town'"),
        (FRAME, 3, "must name a column of X.* got 3"),
        (FRAME, np.where(MONTH, None, TOWN), "value in every row; .* are missing"),
        (FRAME, HOLES["month"], "value in every row; .* are missing"),
        (FRAME, pd.cut(MONTH, [0, 1, 2]), "value in every row; .* are missing"),
        (NUMBERS, 0, "must hold one label per row.* numpy.digitize"),
        (NUMBERS, WEIGHT, "must hold one label per row.* got ndarray of shape .6000,"),
        (NUMBERS, 3.5, "'(strata|groups)' parameter"),
        (FRAME, ["town", "mouth"], "must name a column.* got 'mouth'.*'town', 'month'"),
        (FRAME, ["town", 1], "must name different columns.* got .'town', 1. for 6000"),
        (FRAME, [True, False], "one value per row of X; got 2 for 6000 rows"),
        (HOLES, ["town", "month"], "in every row of column 'month'; .* are missing"),
        (FRAME, HOLES[["town", "month"]].to_numpy(), "in every row of column 1; "),
        (FRAME, [(1, None)] * N_ROWS, "of column 1; 6000 of 6000 are missing"),
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
    with pytest.raises(ValueError, match=text) as caught:
        resampler.fit(data, Y)
    assert argument in str(caught.value)


@pytest.mark.parametrize(
    "groups",
    [
        SHOP.astype(float),
        SHOP.astype(float).astype(object),
        SHOP > 70,
        pd.Series(SHOP > 70, dtype="boolean"),
        np.array([2**70 + shop for shop in SHOP.tolist()]),
    ],
    ids=["floats", "float objects", "booleans", "nullable", "more than 64 bits"],
)
def test_groups_that_no_hash_is_of(groups):
    resampler = DownsampleUpweight(factor=300, groups=groups)
    with pytest.raises(ValueError, match="groups must hold integers of 64 bits"):
        resampler.fit(FRAME, Y)


def test_errors_in_a_callable():
    resampler = DownsampleUpweight(strata=lambda X: X[:, 0])
    text = r"strata must be a callable of two arguments.*lambda X, y: .*\(X\)"
    with pytest.raises(TypeError, match=text):
        resampler.fit(NUMBERS, Y)
    resampler.set_params(strata=lambda X, y: len())
    with pytest.raises(TypeError, match=r"^len\(\) takes exactly one argument"):
        resampler.fit(NUMBERS, Y)
