"""One contract for every resampler and every container."""

import pickle
import re
from collections import UserDict
from inspect import signature
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from imblearn.over_sampling import SMOTE
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier

import skstrat.resamplers
from skstrat import (
    AbsentClassWarning,
    ClassWeight,
    CombinedResample,
    DownsampleUpweight,
    MissingLabelsError,
    RandomOversample,
)
from skstrat._core.targets import targets_from_rows
from skstrat.resamplers._base import BaseResampler

N_ROWS = 246
COUNTS = {"a": 200, "b": 40, "c": 6}
SHARES = {"a": 1.0, "b": 2.0, "c": 5.0}
Y = np.random.default_rng(4).permutation(np.repeat(list(COUNTS), list(COUNTS.values())))


def region(X, y):
    """Give strata of any data."""
    return np.array(["east", "west", "north"])[np.arange(len(y)) % 7 % 3]


def shop(X, y):
    """Give groups of any data."""
    return np.arange(len(y)) * 7919 % 83


def halve_the_largest(y):
    """Ask as a callable: half the rows of the most frequent label."""
    labels, counts = np.unique(np.asarray(y), return_counts=True)
    return {labels[counts.argmax()]: int(counts.max()) // 2}


def cases(cls, default, variants):
    weightings = ("original", "balanced", "uniform", "factor", SHARES)
    return [cls(**variant, random_state=3) for variant in variants] + [
        cls(**default, weighting=weighting, random_state=3) for weighting in weightings
    ]


RESAMPLERS = [
    *cases(
        DownsampleUpweight,
        {"factor": 7},
        [
            {},
            {"factor": 1},
            {"factor": {"a": 10, "b": 3.5}},
            {"sampling_strategy": 0.5},
            {"sampling_strategy": "auto"},
            {"sampling_strategy": {"a": 50, "b": 1000}},
            {"sampling_strategy": halve_the_largest},
        ],
    ),
    *cases(
        RandomOversample,
        {"times": 4.5},
        [
            {},
            {"times": 1},
            {"times": {"b": 2, "c": 8.2}},
            {"sampling_strategy": 0.5},
            {"sampling_strategy": "minority"},
            {"sampling_strategy": {"c": 31, "a": 3}},
        ],
    ),
    *cases(
        CombinedResample,
        {"balance": 0.7},
        [
            {},
            {"balance": 0},
            {"balance": 1},
            {"sampling_strategy": {"a": 90, "c": 20}},
            {"sampling_strategy": halve_the_largest},
        ],
    ),
    ClassWeight(),
    ClassWeight({"b": 3, "c": 0.5}),
]
STRATIFIED = [
    cls(**words, random_state=3)
    for cls in (DownsampleUpweight, RandomOversample, CombinedResample)
    for words in ({"strata": region}, {"groups": shop, "weighting": "original"})
]


def without_address(value):
    """Name a parameter the same in every process."""
    return re.sub(" at 0x[0-9a-f]+", "", str(value))


def names(resamplers):
    return [f"{number}-{without_address(it)}" for number, it in enumerate(resamplers)]


EVERY = [*RESAMPLERS, *STRATIFIED]
every_resampler = pytest.mark.parametrize("resampler", EVERY, ids=names(EVERY))
# One weight and one draw for all rows of a class.
every_resampler_by_class = pytest.mark.parametrize(
    "resampler", RESAMPLERS, ids=names(RESAMPLERS)
)

# Containers of X -------------------------------------------------------------------


def numbers(dtype=float):
    values = np.random.default_rng(0).integers(-90, 90, size=(N_ROWS, 4))
    return values.astype(dtype)


def with_holes():
    X = numbers()
    X[::3, 1] = np.nan
    return X


def mixed():
    rows = np.empty((N_ROWS, 2), dtype=object)
    rows[:, 0] = [f"text {row}" if row % 4 else None for row in range(N_ROWS)]
    rows[:, 1] = np.arange(N_ROWS) / 3
    return rows


def memmap(folder):
    X = np.memmap(folder / "X.dat", dtype=np.float32, mode="w+", shape=(N_ROWS, 4))
    X[:] = with_holes()
    return X


def records():
    X = np.zeros(N_ROWS, dtype=[("amount", "f4"), ("shop", "U9")])
    X["amount"], X["shop"] = np.arange(N_ROWS) / 7, Y
    return X


def mixed_columns():
    row = np.arange(N_ROWS)
    return {
        "number": row / 7,
        "text": [f"t{k}" if k % 5 else None for k in row],
        "date": np.datetime64("2024-01-01", "us") + row * 3600,
    }


def mixed_frame():
    frame = pd.DataFrame(mixed_columns())
    row = np.arange(N_ROWS)
    return frame.assign(
        category=pd.Categorical(Y, categories=["z", "c", "b", "a"]),
        nullable=pd.array(np.where(row % 4, row, None), dtype="Int64"),
        flag=pd.array(row % 3 == 0, dtype="boolean"),
        arrow=pd.array(row * 2, dtype="int64[pyarrow]"),
        narrow=row.astype(np.int8),
        zone=pd.date_range("2024", periods=N_ROWS, tz="Europe/Warsaw"),
    )


def reindexed():
    index = pd.Index([f"key {row // 2}" for row in range(N_ROWS)], name="id")
    return pd.DataFrame(with_holes(), index=index, columns=[3, 1, 4, 15])


def two_levels():
    index = pd.MultiIndex.from_product(
        [range(N_ROWS // 2), list("xy")], names=["n", None]
    )
    return pd.DataFrame(numbers(np.float32), index=index, columns=list("pqrs"))


def polars_frame():
    frame = pl.DataFrame(mixed_columns())
    return frame.with_columns(category=pl.Series(Y, dtype=pl.Enum(["c", "b", "a"])))


def data_set():
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_dict(mixed_columns())


def data_array():
    xarray = pytest.importorskip("xarray")
    coordinates = {
        "row": np.arange(N_ROWS) * 3,
        "shop": ("row", Y),
        "name": list("pqrs"),
    }
    return xarray.DataArray(
        with_holes(), coords=coordinates, dims=("row", "name"), attrs={"unit": "mm"}
    )


def data_arrays():
    images = ("row", "x", "y"), numbers().reshape(N_ROWS, 2, 2)
    text = "row", mixed_columns()["text"]
    return data_array().to_dataset(name="rain").assign(images=images, text=text)


def columns():
    """Give what a network of several inputs is fed with."""
    return {
        "images": numbers(np.float32).reshape(N_ROWS, 2, 2),
        "frame": mixed_frame(),
        "words": sparse.csr_array(np.where(numbers() > 50, numbers(), 0)),
        "text": mixed_columns()["text"],
    }


def thin(make):
    values = np.where(numbers() > 50, numbers(), 0)
    return lambda folder: make(values)


# Name: (maker, columns that scikit-learn's n_features_in_ counts).
CONTAINERS = {
    "C": (lambda folder: with_holes(), 4),
    "Fortran": (lambda folder: np.asfortranarray(with_holes()), 4),
    "float32": (lambda folder: with_holes().astype(np.float32), 4),
    "int": (lambda folder: numbers(np.int16), 4),
    "big-endian": (lambda folder: numbers(">i4"), 4),
    "strided": (lambda folder: np.tile(with_holes(), 2)[:, ::2], 4),
    "objects": (lambda folder: mixed(), 2),
    "strings": (lambda folder: mixed().astype(str), 2),
    "dates": (lambda folder: numbers("datetime64[s]"), 4),
    "records": (lambda folder: records(), None),
    "images": (lambda folder: numbers().reshape(N_ROWS, 2, 2, 1), None),
    "Fortran images": (lambda folder: numbers().T.reshape(1, 2, 2, N_ROWS).T, None),
    "1-D": (lambda folder: with_holes()[:, 1].copy(), None),
    "memmap": (memmap, 4),
    "lists": (lambda folder: with_holes().tolist(), 4),
    "list of texts": (lambda folder: [f"text {row}" for row in range(N_ROWS)], None),
    "tuple": (lambda folder: tuple(numbers().tolist()), 4),
    "pandas": (lambda folder: mixed_frame(), 9),
    "pandas reindexed": (lambda folder: reindexed(), 4),
    "pandas two levels": (lambda folder: two_levels(), 4),
    "pandas series": (lambda folder: mixed_frame()["nullable"], None),
    "polars": (lambda folder: polars_frame(), 4),
    "polars series": (lambda folder: polars_frame()["text"], None),
    "arrow": (lambda folder: pa.table(mixed_columns()), 3),
    "arrow chunks": (lambda folder: chunks(pa.table(mixed_columns())), 3),
    "arrow column": (lambda folder: pa.table(mixed_columns()).column("text"), None),
    "arrow array": (lambda folder: pa.array(mixed_columns()["text"]), None),
    **{
        f"{name}": (thin(getattr(sparse, name)), 4)
        for form in ("csr", "csc", "coo", "lil", "bsr")
        for name in (f"{form}_matrix", f"{form}_array")
    },
    "Hugging Face": (lambda folder: data_set(), 3),
    "Hugging Face arrays": (lambda folder: data_set().with_format("numpy"), 3),
    "Hugging Face selected": (
        lambda folder: data_set().select(range(N_ROWS - 1, -1, -1)),
        3,
    ),
    "Hugging Face column": (lambda folder: data_set()["text"], None),
    "xarray": (lambda folder: data_array(), 4),
    "xarray set": (lambda folder: data_arrays(), None),
    "dict": (lambda folder: columns(), None),
    "sparse int": (thin(lambda X: sparse.csr_array(X.astype(np.int8))), 4),
}


def chunks(table):
    return pa.concat_tables([table.slice(0, 100), table.slice(100)])


def named_arrays(X):
    """Give the coordinates and the variables of an xarray container."""
    return {**X.coords, **getattr(X, "data_vars", {"values": X})}


def rows_as_text(X):
    """List the rows as text, read one after the other: NaN equals NaN."""
    if sparse.issparse(X):
        X = X.toarray()
    if isinstance(X, np.ndarray):
        return [repr(row) for row in X.tolist()]
    if isinstance(X, dict):
        rows = map(rows_as_text, X.values())
        return [repr(row) for row in zip(*rows, strict=True)]
    if hasattr(X, "isel"):
        named = named_arrays(X).items()
        return rows_as_text({name: X.values for name, X in named if "row" in X.dims})
    if isinstance(X, pd.DataFrame):
        return [repr(row) for row in X.itertuples(name=None)]
    if isinstance(X, pd.Series):
        return [repr(row) for row in X.items()]
    if isinstance(X, pl.DataFrame):
        return [repr(row) for row in X.rows()]
    if isinstance(X, (pl.Series, pa.Table, pa.Array, pa.ChunkedArray)):
        return (
            [repr(row) for row in X.to_pylist()]
            if hasattr(X, "to_pylist")
            else [repr(row) for row in X.to_list()]
        )
    return [repr(row) for row in X]


def kind_of(X):
    """Tell what must not change when rows are taken."""
    if isinstance(X, dict):
        return dict, {name: kind_of(column) for name, column in X.items()}
    if hasattr(X, "isel"):
        named = named_arrays(X).items()
        return type(X), X.attrs, {name: (X.dims, X.dtype) for name, X in named}
    if hasattr(X, "features"):
        return type(X), X.features, getattr(X, "format", None)
    if isinstance(X, np.ndarray):
        order = X.ndim > 1 and X.flags.f_contiguous
        return np.ndarray, X.dtype, X.shape[1:], order
    if sparse.issparse(X):
        return type(X), X.dtype, X.shape[1:]
    if isinstance(X, pd.DataFrame):
        names = X.index.names, X.index.dtype, X.columns.names
        return type(X), list(X.columns), X.dtypes.tolist(), *names
    if isinstance(X, pd.Series):
        return type(X), X.name, X.dtype, X.index.name, X.index.dtype
    if isinstance(X, (pl.DataFrame, pa.Table)):
        return type(X), X.schema
    return type(X), getattr(X, "dtype", None), getattr(X, "type", None)


def assert_weights(weights, n_rows):
    assert type(weights) is np.ndarray
    assert weights.dtype == np.float64
    assert weights.shape == (n_rows,)
    assert np.isfinite(weights).all()
    assert (weights > 0).all()


def incoming():
    return np.random.default_rng(8).lognormal(size=N_ROWS)


# What the weights come to has no part in which rows are taken.
MOVERS = [its for its in RESAMPLERS if "weighting" not in repr(its)]
PAIRS = [
    pytest.param(resampler, name, id=f"{number}-{without_address(resampler)}-{name}")
    for number, resampler in enumerate(MOVERS)
    for name in CONTAINERS
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("memmap")


@pytest.mark.parametrize(("resampler", "name"), PAIRS)
def test_rows_of_every_container(resampler, name, folder):
    X = CONTAINERS[name][0](folder)
    before, kind = rows_as_text(X), kind_of(X)
    resampler = clone(resampler)
    X_res, y_res, weights = resampler.fit_resample(X, Y, sample_weight=incoming())
    drawn = resampler.sample_indices_
    after = rows_as_text(X_res)
    assert rows_as_text(X) == before
    assert kind_of(X_res) == kind
    assert len(after) == len(y_res) == len(drawn)
    assert_weights(weights, len(drawn))
    assert (np.diff(drawn) >= 0).all()
    assert after == [before[row] for row in drawn]
    assert (y_res == Y[drawn]).all()
    # The rows are a matter of labels and seed alone.
    reference = clone(resampler).fit(np.zeros((N_ROWS, 1)), Y).plan_
    assert (resampler.plan_.rows, resampler.plan_.threshold) == (
        reference.rows,
        reference.threshold,
    )


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_number_of_columns_is_learned(name, folder):
    make, n_features = CONTAINERS[name]
    resampler = DownsampleUpweight(factor=7).fit(make(folder), Y)
    assert getattr(resampler, "n_features_in_", None) == n_features


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("pandas two levels", list("pqrs")),
        ("polars", ["number", "text", "date", "category"]),
        ("arrow", ["number", "text", "date"]),
        ("pandas reindexed", None),
        ("C", None),
    ],
)
def test_the_names_of_columns_are_learned(name, columns, folder):
    X = CONTAINERS[name][0](folder)
    if name == "polars" and not knows_names(X):
        pytest.skip("this scikit-learn does not read the names of this polars")
    resampler = DownsampleUpweight(factor=7).fit(X, Y)
    learned = getattr(resampler, "feature_names_in_", None)
    assert (None if learned is None else learned.tolist()) == columns


def knows_names(X):
    """Tell whether scikit-learn's own models learn the names of columns."""
    model = HistGradientBoostingClassifier(max_iter=1)
    return hasattr(model.fit(X[["number"]], Y), "feature_names_in_")


# Containers of y -------------------------------------------------------------------

LABEL_CONTAINERS = {
    "list": Y.tolist(),
    "tuple": tuple(Y.tolist()),
    "objects": Y.astype(object),
    "bytes": Y.astype("S1"),
    "column": Y.reshape(-1, 1),
    "integers": np.searchsorted(list(COUNTS), Y),
    "floats": np.searchsorted(list(COUNTS), Y).astype(np.float32),
    "one-hot": np.eye(3, dtype=int)[np.searchsorted(list(COUNTS), Y)],
    "pandas": pd.Series(Y, index=np.arange(N_ROWS) // 3 * 5, name="target"),
    "pandas objects": pd.Series(Y, dtype=object),
    "pandas category": pd.Series(pd.Categorical(Y, categories=["c", "z", "a", "b"])),
    "pandas nullable": pd.Series(np.searchsorted(list(COUNTS), Y), dtype="Int64"),
    "pandas arrow": pd.Series(Y, dtype="string[pyarrow]"),
    "pandas frame": pd.DataFrame({"target": Y}),
    "pandas index": pd.Index(Y),
    "polars": pl.Series("target", Y),
    "polars enum": pl.Series(Y, dtype=pl.Enum(["c", "a", "b"])),
    "polars frame": pl.DataFrame({"target": Y}),
    "arrow": pa.array(Y),
    "arrow chunks": pa.chunked_array([pa.array(Y[:99]), pa.array(Y[99:])]),
    "arrow dictionary": pa.array(Y).dictionary_encode(),
    "arrow table": pa.table({"target": Y}),
    "Hugging Face": lambda: labelled()["target"],
    "Hugging Face classes": lambda: labelled().class_encode_column("target")["target"],
    "Hugging Face arrays": lambda: labelled().with_format("numpy")["target"],
    "Hugging Face set": lambda: labelled(),
    "xarray": lambda: data_array()["shop"],
    "xarray one-hot": lambda: data_array()["shop"] == as_coordinate(list(COUNTS)),
}


def labelled():
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_dict({"target": Y})


def as_coordinate(labels):
    xarray = pytest.importorskip("xarray")
    return xarray.DataArray(labels, dims="label")


@pytest.mark.parametrize(
    "resampler",
    [
        DownsampleUpweight(random_state=3),
        RandomOversample(random_state=3),
        CombinedResample(random_state=3),
        ClassWeight(),
    ],
    ids=without_address,
)
@pytest.mark.parametrize("name", LABEL_CONTAINERS)
def test_labels_of_every_container(resampler, name):
    y, X = LABEL_CONTAINERS[name], numbers()
    y = y() if callable(y) else y
    reference = clone(resampler).fit(X, Y)
    resampler = clone(resampler)
    X_res, y_res, weights = resampler.fit_resample(X, y)
    drawn = resampler.sample_indices_
    assert drawn.tolist() == reference.sample_indices_.tolist()
    assert kind_of(y_res) == kind_of(y)
    before, after = rows_as_text(y), rows_as_text(y_res)
    assert after == [before[row] for row in drawn]
    assert (X_res == X[drawn]).all()
    assert_weights(weights, len(drawn))
    by_code = [list(its.class_weight_.values()) for its in (resampler, reference)]
    assert by_code[0] == by_code[1]


def test_booleans_are_labels():
    y = Y == "c"
    resampler = DownsampleUpweight(factor={False: 10}, random_state=0)
    _, y_res, weights = resampler.fit_resample(numbers(), y)
    assert y_res.dtype == bool
    assert resampler.sampling_strategy_ == {False: 24, True: 6}
    assert weights[~y_res].sum() == pytest.approx(240, rel=1e-12)


@pytest.mark.parametrize("name", ["Hugging Face", "Hugging Face classes", "xarray"])
def test_what_goes_by_rows_may_be_a_column_of_the_same_library(name):
    """Weights, strata and groups, beside rows of zero weight."""
    y, old = LABEL_CONTAINERS[name](), np.where(np.arange(N_ROWS) % 5, incoming(), 0.0)
    if name == "xarray":
        X = data_arrays().assign(weight=("row", old), stratum=("row", region(None, Y)))
    else:
        X = data_set().add_column("weight", old)
        X = X.add_column("stratum", region(None, Y))
    resampler = DownsampleUpweight(factor=7, strata="stratum", random_state=0)
    X_res, y_res, weights = resampler.fit_resample(X, y, sample_weight=X["weight"])
    expected = DownsampleUpweight(
        factor=7, strata=region(None, Y), random_state=0
    ).fit_resample(X, Y, sample_weight=old)
    assert weights.tolist() == expected[2].tolist()
    assert rows_as_text(X_res) == rows_as_text(expected[0])
    assert len(y_res) == len(weights)
    assert (weights > 0).all()


def test_a_column_of_labels_is_read_once():
    y, reads = LABEL_CONTAINERS["Hugging Face"](), []

    class Counted(type(y)):
        def __getitem__(self, key):
            reads.append(key)
            return super().__getitem__(key)

        def __iter__(self):
            raise AssertionError

    resampler = DownsampleUpweight(factor=7, random_state=0)
    resampler.fit_resample(numbers(), Counted(y.source, "target"))
    assert reads == [slice(None)]


# Weights ---------------------------------------------------------------------------


def totals(y, weights):
    return {label: weights[np.asarray(y) == label].sum() for label in COUNTS}


def by_class(plan, values):
    """Add up what a plan says of its classes, or of its pairs of class and stratum."""
    own = [name[0] if isinstance(name, tuple) else name for name in plan.classes]
    return {
        label: sum(
            value for name, value in zip(own, values, strict=True) if name == label
        )
        for label in COUNTS
    }


def expected_totals(resampler, mass, drawn):
    """Total weight of each class promised, from the words alone."""
    if isinstance(resampler, ClassWeight):
        if resampler.class_weight == "balanced":
            return dict.fromkeys(COUNTS, sum(mass.values()) / 3)
        return {its: mass[its] * resampler.class_weight.get(its, 1) for its in COUNTS}
    if isinstance(resampler.weighting, dict):
        whole = sum(mass.values()) / sum(SHARES.values())
        return {its: SHARES[its] * whole for its in COUNTS}
    return {
        "original": mass,
        "balanced": dict.fromkeys(COUNTS, sum(mass.values()) / 3),
        "uniform": drawn,
        "factor": {
            its: drawn[its] * COUNTS[its] / resampler.sampling_strategy_[its]
            for its in COUNTS
        },
    }[resampler.weighting]


@pytest.mark.parametrize("weighted", [False, True], ids=["ones", "weights"])
@every_resampler
def test_class_totals_are_what_weighting_says(resampler, weighted):
    sample_weight = incoming() if weighted else None
    resampler = clone(resampler)
    _, y_res, weights = resampler.fit_resample(
        numbers(), Y, sample_weight=sample_weight
    )
    old = np.ones(N_ROWS) if sample_weight is None else sample_weight
    mass = totals(Y, old)
    drawn = totals(y_res, old[resampler.sample_indices_])
    promised = expected_totals(resampler, mass, drawn)
    assert totals(y_res, weights) == pytest.approx(promised, rel=1e-12)
    plan = resampler.plan_
    assert by_class(plan, plan.class_total) == pytest.approx(mass, rel=1e-12)


def with_weighting():
    """Give every public resampler that has ``weighting``, at its defaults."""
    arguments = {"Weighted": (SMOTE(random_state=0),)}
    for name in skstrat.resamplers.__all__:
        cls = getattr(skstrat.resamplers, name)
        if hasattr(cls, "fit_resample") and "weighting" in signature(cls).parameters:
            yield cls(*arguments.get(name, ()))


AT_DEFAULTS = list(with_weighting())


@pytest.mark.parametrize("resampler", AT_DEFAULTS, ids=without_address)
def test_class_totals_are_kept_at_the_defaults(resampler):
    assert resampler.weighting == "original"
    for sample_weight in (None, incoming()):
        _, y_res, weights = resampler.fit_resample(
            numbers(), Y, sample_weight=sample_weight
        )
        old = np.ones(N_ROWS) if sample_weight is None else sample_weight
        assert totals(y_res, weights) == pytest.approx(totals(Y, old), rel=1e-12)


def test_the_defaults_are_tested_of_every_resampler():
    tested = {type(resampler).__name__ for resampler in AT_DEFAULTS}
    assert tested >= {
        "CombinedResample",
        "DownsampleUpweight",
        "GuidedDownsample",
        "RandomOversample",
        "Weighted",
    }


@every_resampler_by_class
def test_incoming_weights_are_multiplied_by_one_number_per_class(resampler):
    old = incoming()
    resampler = clone(resampler)
    _, y_res, weights = resampler.fit_resample(numbers(), Y, sample_weight=old)
    multiplier = np.array([resampler.class_weight_[label] for label in y_res])
    assert (weights == multiplier * old[resampler.sample_indices_]).all()
    assert resampler.plan_.class_weight == tuple(resampler.class_weight_.values())


@every_resampler
@pytest.mark.parametrize("scale", [1e-9, 0.3, 7, 1e9])
def test_scaled_weights_give_scaled_weights(resampler, scale):
    X, old = numbers(), incoming()
    *_, weights = clone(resampler).fit_resample(X, Y, sample_weight=old)
    *_, scaled = clone(resampler).fit_resample(X, Y, sample_weight=scale * old)
    np.testing.assert_allclose(scaled, scale * weights, rtol=1e-13)


@every_resampler
def test_no_weights_are_ones(resampler):
    X = numbers()
    *_, without = clone(resampler).fit_resample(X, Y)
    *_, ones = clone(resampler).fit_resample(X, Y, sample_weight=np.ones(N_ROWS))
    assert without.tolist() == ones.tolist()


@pytest.mark.parametrize(
    "make",
    [
        np.ndarray.tolist,
        lambda w: pd.Series(w, index=np.arange(N_ROWS)[::-1]),
        pl.Series,
    ],
    ids=["list", "pandas", "polars"],
)
def test_weights_of_other_containers_go_by_position(make):
    X, old = numbers(), incoming()
    resampler = DownsampleUpweight(factor=7, random_state=0)
    *_, expected = resampler.fit_resample(X, Y, sample_weight=old)
    *_, weights = resampler.fit_resample(X, Y, sample_weight=make(old))
    assert weights.tolist() == expected.tolist()


def test_incoming_weights_do_not_choose_rows_and_are_not_changed():
    old = incoming()
    before = old.copy()
    plain = DownsampleUpweight(factor=7, random_state=0).fit(numbers(), Y)
    weighted = clone(plain).fit(numbers(), Y, sample_weight=old)
    assert weighted.sample_indices_.tolist() == plain.sample_indices_.tolist()
    assert old.tolist() == before.tolist()


def test_untouched_classes_keep_their_weights_bitwise():
    old = incoming()
    for resampler in (
        DownsampleUpweight(factor=7, random_state=0),
        RandomOversample(times=3, random_state=0),
    ):
        _, y_res, weights = resampler.fit_resample(numbers(), Y, sample_weight=old)
        untouched = y_res == "b"
        assert weights[untouched].tolist() == old[Y == "b"].tolist()


@pytest.mark.parametrize(("factor", "per_positive"), [(20, 10), (10, 20)])
def test_googles_example(factor, per_positive):
    y = np.arange(201 * 50) % 201 == 0
    X = np.arange(len(y))
    _, y_res, weights = DownsampleUpweight(factor=factor).fit_resample(X, y)
    assert (y_res.sum(), (~y_res).sum()) == (50, 50 * per_positive)
    assert set(weights[~y_res].tolist()) == {float(factor)}
    assert set(weights[y_res].tolist()) == {1.0}


@pytest.mark.parametrize("resampler", RESAMPLERS, ids=without_address)
def test_rows_of_zero_weight_are_not_there(resampler):
    X, old = numbers(), incoming()
    old[np.random.default_rng(1).permutation(N_ROWS)[:60]] = 0
    left = np.flatnonzero(old)
    resampler, without = clone(resampler), clone(resampler)
    X_res, y_res, weights = resampler.fit_resample(X, Y, sample_weight=old)
    without.fit(X[left], Y[left], sample_weight=old[left])
    drawn = resampler.sample_indices_
    assert np.isin(drawn, left).all()
    assert (X_res == X[drawn]).all()
    assert (y_res == Y[drawn]).all()
    assert_weights(weights, len(y_res))
    assert resampler.sampling_strategy_ == without.sampling_strategy_
    mass = totals(Y, old)
    assert resampler.plan_.class_total == pytest.approx(list(mass.values()), rel=1e-12)


def test_rows_of_zero_weight_leave_other_classes_alone():
    X, old = numbers(), np.where(np.arange(N_ROWS) % 2 == 0, 1.0, 0.0)
    old[Y != "a"] = 1
    resampler = DownsampleUpweight(factor={"a": 4, "b": 4}, random_state=0)
    some = clone(resampler).fit(X, Y, sample_weight=old).sample_indices_
    everything = clone(resampler).fit(X, Y).sample_indices_
    assert some[Y[some] == "b"].tolist() == everything[Y[everything] == "b"].tolist()


# Identity --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "resampler",
    [
        DownsampleUpweight(factor=1),
        DownsampleUpweight(factor={"a": 1, "c": 1.0}, weighting="factor"),
        DownsampleUpweight(sampling_strategy=1e-6),
        DownsampleUpweight(sampling_strategy={"a": 10_000}),
        RandomOversample(times=1),
        RandomOversample(sampling_strategy={"c": 1}),
        CombinedResample(balance=0),
        CombinedResample(balance=0, weighting="uniform"),
        ClassWeight({"a": 1.0}),
    ],
    ids=without_address,
)
def test_identity(resampler):
    X, old = with_holes(), incoming()
    X_res, y_res, weights = resampler.fit_resample(X, Y, sample_weight=old)
    np.testing.assert_array_equal(X_res, X)
    assert y_res.tolist() == Y.tolist()
    assert weights.tolist() == old.tolist()
    assert resampler.sample_indices_.tolist() == list(range(N_ROWS))


def test_balance_0_moves_no_row_and_weights_as_class_weight_does():
    X, old = with_holes(), incoming()
    resampler = CombinedResample(balance=0, weighting="balanced")
    *_, weights = resampler.fit_resample(X, Y, sample_weight=old)
    *_, expected = ClassWeight().fit_resample(X, Y, sample_weight=old)
    assert weights.tolist() == expected.tolist()


# What is learned -------------------------------------------------------------------


def learned(resampler):
    """Give what fitting left, as values that compare."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(resampler).items()
        if name.endswith("_")
    }


@every_resampler
def test_fit_and_fit_resample_learn_the_same(resampler):
    X, old = two_levels(), incoming()
    fitted = clone(resampler).fit(X, Y, sample_weight=old)
    resampled = clone(resampler)
    _, y_res, _ = resampled.fit_resample(X, Y, sample_weight=old)
    assert learned(fitted) == learned(resampled)
    assert set(learned(fitted)) == {
        "classes_",
        "sampling_strategy_",
        "class_weight_",
        "sample_indices_",
        "plan_",
        "n_features_in_",
        "feature_names_in_",
    }
    assert fitted.classes_.tolist() == list(COUNTS)
    found = {label: int((y_res == label).sum()) for label in COUNTS}
    assert fitted.sampling_strategy_ == found
    plan = fitted.plan_
    assert by_class(plan, plan.rows) == found
    assert by_class(plan, plan.rows_seen) == COUNTS
    assert {name[0] for name in plan.classes} == set(COUNTS)


@every_resampler_by_class
def test_the_plan_selects_the_rows_learned(resampler):
    resampler = clone(resampler).fit(numbers(), Y)
    indices, weights = resampler.plan_.select(np.searchsorted(list(COUNTS), Y))
    assert indices.tolist() == resampler.sample_indices_.tolist()
    assert weights.tolist() == [resampler.class_weight_[its] for its in Y[indices]]


@pytest.mark.parametrize(
    ("resampler", "rows"),
    [
        (DownsampleUpweight(), COUNTS),
        (DownsampleUpweight(factor=7), {"a": 29, "b": 40, "c": 6}),
        (DownsampleUpweight(sampling_strategy=0.5), {"a": 12, "b": 12, "c": 6}),
        (DownsampleUpweight(sampling_strategy="majority"), {"a": 6, "b": 40, "c": 6}),
        (RandomOversample(), {"a": 200, "b": 200, "c": 200}),
        (RandomOversample(times=4.5), {"a": 200, "b": 40, "c": 27}),
        (RandomOversample(sampling_strategy=0.5), {"a": 200, "b": 100, "c": 100}),
        (CombinedResample(), {"a": 85, "b": 38, "c": 15}),
        (CombinedResample(balance=1), {"a": 36, "b": 36, "c": 36}),
        (ClassWeight(), COUNTS),
    ],
    ids=without_address,
)
def test_rows_by_hand(resampler, rows):
    assert resampler.fit(numbers(), Y).sampling_strategy_ == rows


def test_another_fit_forgets_the_columns_of_the_last():
    resampler = DownsampleUpweight(factor=7).fit(two_levels(), Y)
    resampler.fit([f"text {row}" for row in range(N_ROWS)], Y)
    assert not hasattr(resampler, "feature_names_in_")
    assert not hasattr(resampler, "n_features_in_")


# Seeds -----------------------------------------------------------------------------


def drawn_with(random_state):
    resampler = DownsampleUpweight(factor=7, random_state=random_state)
    return resampler.fit(numbers(), Y).sample_indices_.tolist()


@pytest.mark.parametrize(
    "make",
    [lambda: 5, lambda: np.uint8(5), lambda: 2**64 - 1],
    ids=["int", "numpy int", "largest"],
)
def test_a_seed_gives_the_same_rows_every_time(make):
    assert drawn_with(make()) == drawn_with(make())
    assert drawn_with(make()) != drawn_with(0)


def test_integer_types_do_not_matter():
    assert drawn_with(5) == drawn_with(np.int64(5)) == drawn_with(np.uint8(5))


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_a_generator_is_advanced(make):
    generator, twin = make(5), make(5)
    first, second = drawn_with(generator), drawn_with(generator)
    assert first != second
    assert [first, second] == [drawn_with(twin), drawn_with(twin)]


def test_none_draws_anew():
    assert drawn_with(None) != drawn_with(None)


def test_numpys_global_seed_is_left_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    drawn_with(None)
    RandomOversample().fit_resample(numbers(), Y)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_larger_factors_keep_subsets():
    kept = [
        set(DownsampleUpweight(factor=k, random_state=1).fit(Y, Y).sample_indices_)
        for k in (1, 1.5, 2, 7, 50, 200)
    ]
    assert all(more >= fewer for more, fewer in pairwise(kept))


# scikit-learn's conventions --------------------------------------------------------


@every_resampler
def test_parameters_go_through_clone_and_set_params(resampler):
    copied = clone(resampler)
    assert copied.get_params() == resampler.get_params()
    assert copied.set_params(**resampler.get_params()) is copied
    assert type(resampler).__name__ in repr(copied)
    assert type(resampler).__name__ in copied._repr_html_()


@every_resampler
def test_fitting_does_not_change_parameters(resampler):
    fitted = clone(resampler)
    before = pickle.dumps(fitted.get_params())
    fitted.fit_resample(numbers(), Y, sample_weight=incoming())
    assert pickle.dumps(fitted.get_params()) == before


@every_resampler
def test_fitted_resamplers_pickle(resampler):
    fitted = clone(resampler).fit(two_levels(), Y)
    again = pickle.loads(pickle.dumps(fitted))
    assert learned(again) == learned(fitted)
    assert again.fit(two_levels(), Y).sample_indices_.tolist() == (
        fitted.sample_indices_.tolist()
    )


def test_repr_shows_what_was_set():
    assert repr(DownsampleUpweight(factor=7)) == "DownsampleUpweight(factor=7)"
    assert repr(RandomOversample()) == "RandomOversample()"


# Errors ----------------------------------------------------------------------------

ONE_OF_EACH = [
    DownsampleUpweight(factor=7),
    RandomOversample(),
    CombinedResample(),
    ClassWeight(),
]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"X": numbers()[:-1]}, "numbers of samples: 245 in X and 246 in y"),
        ({"y": np.full(N_ROWS, "a")}, "at least two classes; got one class, 'a'"),
        ({"y": np.linspace(0, 1, N_ROWS)}, "continuous"),
        ({"y": None}, "y"),
        ({"sample_weight": np.ones(N_ROWS - 1)}, r"must have shape \(246,\).*\(245,\)"),
        ({"sample_weight": np.ones((N_ROWS, 1))}, r"shape \(246,\).*got shape \(246"),
        ({"sample_weight": 2.0}, r"sample_weight must have shape \(246,\)"),
        ({"sample_weight": -np.ones(N_ROWS)}, "not negative; got -1.0 in row 0"),
        ({"sample_weight": np.zeros(N_ROWS)}, "positive weight .*got only zeros"),
        ({"sample_weight": np.where(Y == "a", 1, 0)}, "got one class, 'a', in all 200"),
        ({"sample_weight": np.full(N_ROWS, np.nan)}, "got nan in row 0 and 246 such"),
        ({"sample_weight": np.r_[np.ones(245), np.inf]}, "got inf in row 245"),
    ],
    ids=[
        "lengths", "one class", "continuous", "no labels", "short", "column", "number",
        "negative", "zeros", "one class weighs", "NaN", "infinite",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["fit", "fit_resample"])
@pytest.mark.parametrize("resampler", ONE_OF_EACH, ids=without_address)
def test_data_that_cannot_be_resampled(resampler, method, data, text):
    given = {"X": numbers(), "y": Y, **data}
    call = getattr(clone(resampler), method)
    with pytest.raises(ValueError, match=text):
        call(**given)


@pytest.mark.parametrize("resampler", ONE_OF_EACH, ids=without_address)
def test_missing_labels(resampler):
    y = np.where(np.arange(N_ROWS) < 5, None, Y)
    with pytest.raises(MissingLabelsError, match="5 of 246 labels are missing"):
        clone(resampler).fit_resample(numbers(), y)


@pytest.mark.parametrize("resampler", ONE_OF_EACH, ids=without_address)
def test_weights_so_large_that_their_sum_is_not_a_number(resampler):
    sample_weight = np.full(N_ROWS, 1e307)
    with pytest.raises(ValueError, match="sample_weight"):
        clone(resampler).fit_resample(numbers(), Y, sample_weight=sample_weight)


@pytest.mark.parametrize(
    ("resampler", "text"),
    [
        (DownsampleUpweight(factor=2, sampling_strategy=0.5), "either factor or sampl"),
        (RandomOversample(times=2, sampling_strategy="all"), "either times or sampl"),
        (
            CombinedResample(balance=0, sampling_strategy={"a": 9}),
            "either balance or s",
        ),
        (DownsampleUpweight(factor=0.5), "'factor' parameter"),
        (DownsampleUpweight(factor=np.nan), "'factor' parameter"),
        (DownsampleUpweight(factor="much"), "'factor' parameter"),
        (DownsampleUpweight(factor={"a": 0.5}), "factor must .*got 0.5 for class 'a'"),
        (RandomOversample(times={"c": np.inf}), "times must .*got inf for class 'c'"),
        (DownsampleUpweight(sampling_strategy=1.5), "'sampling_strategy' parameter"),
        (DownsampleUpweight(sampling_strategy="minority"), "'sampling_strategy' param"),
        (RandomOversample(sampling_strategy="majority"), "'sampling_strategy' param"),
        (DownsampleUpweight(sampling_strategy={"a": 0}), "rows >= 1 .*0 for class 'a'"),
        (
            CombinedResample(sampling_strategy={"c": 1.5}),
            "rows >= 1 .*1.5 for class 'c",
        ),
        (CombinedResample(balance=1.1), "'balance' parameter"),
        (DownsampleUpweight(factor=2, weighting="even"), "'weighting' parameter"),
        (DownsampleUpweight(weighting={"a": 1, "b": 1}), "every class .*none for .'c'"),
        (
            RandomOversample(weighting=dict.fromkeys(COUNTS, 0)),
            "positive share .*got 0",
        ),
        (ClassWeight("heavy"), "'class_weight' parameter"),
        (ClassWeight({"b": 0}), "positive and finite .*got 0 for class 'b'"),
        (ClassWeight({"b": np.inf}), "positive and finite .*got inf for class 'b'"),
        (DownsampleUpweight(random_state=-1), "'random_state' parameter"),
        (DownsampleUpweight(random_state="zero"), "'random_state' parameter"),
    ],
    ids=without_address,
)
def test_parameters_that_make_no_sense(resampler, text):
    with pytest.raises(ValueError, match=text):
        resampler.fit_resample(numbers(), Y)


@pytest.mark.parametrize(
    ("resampler", "without"),
    [
        (DownsampleUpweight(factor={"a": 2, "x": 9}), DownsampleUpweight(factor=2)),
        (
            DownsampleUpweight(sampling_strategy={"a": 50, "x": 9}),
            DownsampleUpweight(sampling_strategy={"a": 50}),
        ),
        (
            CombinedResample(sampling_strategy={"c": 50, "x": 9}),
            CombinedResample(sampling_strategy={"c": 50}),
        ),
        (
            RandomOversample(weighting=SHARES | {"x": 9.0}),
            RandomOversample(weighting=SHARES),
        ),
        (ClassWeight({"a": 2, "x": 9}), ClassWeight({"a": 2})),
    ],
    ids=without_address,
)
def test_a_class_absent_from_this_fold_is_a_no_op_with_a_warning(resampler, without):
    without.fit(numbers(), Y)
    with pytest.warns(AbsentClassWarning, match=r"names \['x'\]"):
        resampler.fit(numbers(), Y)
    assert resampler.sampling_strategy_ == without.sampling_strategy_
    assert resampler.class_weight_ == without.class_weight_


@pytest.mark.parametrize(
    "X", [5, None, {1, 2, 3}, (row for row in range(3))], ids=without_address
)
def test_things_that_have_no_rows(X):
    with pytest.raises(TypeError, match=r"X must|[Ee]xpected"):
        DownsampleUpweight(factor=2).fit_resample(X, ["a", "a", "b"])


@pytest.mark.parametrize(
    "y",
    [
        5,
        "abc",
        {"a", "b"},
        (label for label in "aab"),
        {"label": ["a", "a", "b"]},
        UserDict(label=["a", "a", "b"]),
    ],
    ids=lambda y: type(y).__name__,
)
@pytest.mark.parametrize("sample_weight", [None, [1, 0, 1]], ids=["ones", "a zero"])
def test_things_that_hold_no_labels(y, sample_weight):
    resampler = DownsampleUpweight(factor=2)
    with pytest.raises(
        (TypeError, ValueError), match=r"\by\b.* must have|^y must"
    ) as its:
        resampler.fit_resample(np.zeros((3, 1)), y, sample_weight=sample_weight)
    assert "X must" not in str(its.value)


@pytest.mark.parametrize("argument", ["strata", "groups"])
def test_things_that_hold_no_strata(argument):
    values = dict.fromkeys("abc", np.arange(N_ROWS))
    resampler = DownsampleUpweight(factor=2, **{argument: lambda X, y: values})
    old = np.arange(N_ROWS, dtype=float)
    with pytest.raises(
        (TypeError, ValueError), match=f"^{argument} must hold one label"
    ):
        resampler.fit_resample(numbers(), Y, sample_weight=old)
    values["c"] = [1, 2]
    with pytest.raises(
        ValueError, match=f"^{argument} must hold columns of one length"
    ):
        resampler.fit_resample(numbers(), Y, sample_weight=old)


# Errors of Python's own ------------------------------------------------------------


@pytest.mark.parametrize("make", [DownsampleUpweight, RandomOversample, ClassWeight])
@pytest.mark.parametrize("method", ["fit", "fit_resample"])
def test_errors_of_a_call_name_the_class_of_the_user(make, method):
    X, y = np.zeros((4, 1)), [0, 0, 0, 1]
    call = getattr(make(), method)
    with pytest.raises(
        TypeError, match=rf"^{make.__name__}\.{method}\(\) missing 1 req"
    ):
        call(X)
    with pytest.raises(
        TypeError, match=rf"^{make.__name__}\.{method}\(\) takes 3 posit"
    ):
        call(X, y, np.ones(4))


@pytest.mark.parametrize(
    ("make", "value", "message"),
    [
        (DownsampleUpweight, 20, r"Write DownsampleUpweight\(factor=20\)\."),
        (CombinedResample, 0.5, r"Write CombinedResample\(balance=0\.5\)\."),
    ],
)
def test_a_parameter_without_its_name_is_refused_with_it(make, value, message):
    with pytest.raises(TypeError, match=message):
        make(value)
    with pytest.raises(TypeError, match=r"Write ClassWeight\(beta=0\.5\)"):
        ClassWeight("effective", 0.5)


# A resampler of the user --------------------------------------------------------------


class Half(BaseResampler):
    """Half of the rows of each class, by what CONTRIBUTING asks for alone."""

    weighting = "original"

    def _targets(self, labels, y):
        return targets_from_rows(labels, labels.counts // 2)


def test_a_resampler_needs_no_more_than_targets_and_weighting():
    X = np.arange(N_ROWS)[:, None]
    _, y, weights = Half().fit_resample(X, Y)
    for label, count in COUNTS.items():
        assert (y == label).sum() == count // 2
        assert weights[y == label].sum() == pytest.approx(count)
