"""One contract for every resampler and every container."""

import pickle
from collections import UserDict
from inspect import signature
from itertools import cycle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from imblearn.over_sampling import SMOTE
from pairwise import pairs
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier

import skstrat.resamplers
from skstrat import ClassWeight, CombinedResample, DownsampleUpweight, RandomOversample
from skstrat._core.targets import targets_from_rows
from skstrat.resamplers._base import BaseResampler

N_ROWS = 246
ROW = np.arange(N_ROWS)
COUNTS = {"a": 200, "b": 40, "c": 6}
Y = np.random.default_rng(4).permutation(np.repeat(list(COUNTS), list(COUNTS.values())))
CODES = np.searchsorted(list(COUNTS), Y)
INCOMING = np.random.default_rng(8).lognormal(size=N_ROWS)
REGION = np.array(["east", "west", "north"])[ROW % 7 % 3]


def region(X, y):
    """Give strata of any data."""
    return REGION


RESAMPLERS = {
    "default": DownsampleUpweight(random_state=3),
    "down": DownsampleUpweight(factor=7, random_state=3),
    "over": RandomOversample(times=4.5, random_state=3),
    "both": CombinedResample(balance=0.7, random_state=3),
    "class weight": ClassWeight(),
    "strata": DownsampleUpweight(factor=7, strata=region, random_state=3),
    "groups": RandomOversample(times=4.5, groups=ROW * 7919 % 83, random_state=3),
}
every_resampler = pytest.mark.parametrize("name", RESAMPLERS)

# Containers -------------------------------------------------------------------------


def numbers(dtype=float):
    values = np.random.default_rng(0).integers(-90, 90, size=(N_ROWS, 4))
    return values.astype(dtype)


def with_holes():
    X = numbers()
    X[::3, 1] = np.nan
    return X


def thin():
    return np.where(numbers() > 50, numbers(), 0)


def mixed_columns():
    return {
        "number": ROW / 7,
        "text": [f"t{k}" if k % 5 else None for k in ROW],
        "date": np.datetime64("2024-01-01", "us") + ROW * 3600,
    }


def mixed_frame():
    return pd.DataFrame(mixed_columns()).assign(
        category=pd.Categorical(Y, categories=["z", "c", "b", "a"]),
        nullable=pd.array(np.where(ROW % 4, ROW, None), dtype="Int64"),
        flag=pd.array(ROW % 3 == 0, dtype="boolean"),
        arrow=pd.array(ROW * 2, dtype="int64[pyarrow]"),
        narrow=ROW.astype(np.int8),
        zone=pd.date_range("2024", periods=N_ROWS, tz="Europe/Warsaw"),
    )


def two_levels():
    levels = [range(N_ROWS // 2), list("xy")]
    index = pd.MultiIndex.from_product(levels, names=["n", None])
    return pd.DataFrame(numbers(np.float32), index=index, columns=list("pqrs"))


def polars_frame():
    frame = pl.DataFrame(mixed_columns())
    return frame.with_columns(category=pl.Series(Y, dtype=pl.Enum(["c", "b", "a"])))


def data_set(columns):
    return pytest.importorskip("datasets").Dataset.from_dict(columns)


def data_arrays():
    xarray = pytest.importorskip("xarray")
    images = ("row", "x", "y"), numbers().reshape(N_ROWS, 2, 2)
    data = {"rain": (("row", "name"), with_holes()), "images": images}
    coordinates = {"row": ROW * 3, "shop": ("row", Y), "name": list("pqrs")}
    return xarray.Dataset(data, coords=coordinates, attrs={"unit": "mm"})


# Name: (maker, columns that scikit-learn's n_features_in_ counts).
CONTAINERS = {
    "C": (with_holes, 4),
    "Fortran": (lambda: np.asfortranarray(with_holes()), 4),
    "images": (lambda: numbers().reshape(N_ROWS, 2, 2, 1), None),
    "lists": (lambda: with_holes().tolist(), 4),
    "csr": (lambda: sparse.csr_array(thin()), 4),
    "coo": (lambda: sparse.coo_array(thin()), 4),
    "pandas": (mixed_frame, 9),
    "pandas two levels": (two_levels, 4),
    "pandas series": (lambda: mixed_frame()["nullable"], None),
    "polars": (polars_frame, 4),
    "arrow": (lambda: pa.table(mixed_columns()), 3),
    "Hugging Face": (lambda: data_set(mixed_columns()), 3),
    "xarray": (data_arrays, None),
    "dict": (lambda: {"a": mixed_frame(), "b": thin(), "c": Y.tolist()}, None),
}
NAMES = {
    "pandas two levels": list("pqrs"),
    "polars": ["number", "text", "date", "category"],
    "arrow": ["number", "text", "date"],
    "C": None,
}


def labelled():
    return data_set({"target": Y})


def one_hot_array():
    xarray = pytest.importorskip("xarray")
    return data_arrays()["shop"] == xarray.DataArray(list(COUNTS), dims="label")


LABELS = {
    "list": Y.tolist,
    "objects": lambda: Y.astype(object),
    "column": lambda: Y.reshape(-1, 1),
    "one-hot": lambda: np.eye(3, dtype=int)[CODES],
    "sparse one-hot": lambda: sparse.csr_array(np.eye(3)[CODES]),
    "pandas": lambda: pd.Series(Y, index=ROW // 3 * 5, name="target"),
    "pandas category": lambda: pd.Series(pd.Categorical(Y, categories=list("czab"))),
    "pandas nullable": lambda: pd.Series(CODES, dtype="Int64"),
    "pandas frame": lambda: pd.DataFrame({"target": Y}),
    "polars enum": lambda: pl.Series(Y, dtype=pl.Enum(["c", "a", "b"])),
    "arrow chunks": lambda: pa.chunked_array([pa.array(Y[:99]), pa.array(Y[99:])]),
    "arrow dictionary": lambda: pa.array(Y).dictionary_encode(),
    "Hugging Face": lambda: labelled()["target"],
    "Hugging Face classes": lambda: labelled().class_encode_column("target")["target"],
    "Hugging Face set": labelled,
    "xarray": lambda: data_arrays()["shop"],
    "xarray one-hot": one_hot_array,
}


def rows_as_text(X):
    """List the rows as text, read one after the other: NaN equals NaN."""
    if sparse.issparse(X):
        X = X.toarray()
    if isinstance(X, np.ndarray):
        return [repr(row) for row in X.tolist()]
    if hasattr(X, "isel"):
        X = {"": X, **X.coords, **getattr(X, "data_vars", {})}
        X = {name: X.values for name, X in X.items() if name and "row" in X.dims}
    if isinstance(X, dict):
        rows = map(rows_as_text, X.values())
        return [repr(row) for row in zip(*rows, strict=True)]
    for read in ("itertuples", "items", "rows", "to_pylist", "to_list"):
        if hasattr(X, read):
            return [repr(row) for row in getattr(X, read)()]
    return [repr(row) for row in X]


def kind_of(X):
    """Tell what must not change when rows are taken."""
    if isinstance(X, dict):
        return dict, {name: kind_of(column) for name, column in X.items()}
    if isinstance(X, np.ndarray):
        order = X.ndim > 1 and X.flags.f_contiguous
        return np.ndarray, X.dtype, X.shape[1:], order
    known = ["features", "schema", "dtype", "dtypes", "type", "attrs"]
    named = [str(getattr(X, name, None)) for name in known]
    width = X.shape[1:] if sparse.issparse(X) else None
    index = (X.index.names, getattr(X, "name", None)) if hasattr(X, "iloc") else None
    return type(X), width, index, *named


def assert_weights(weights, n_rows):
    assert type(weights) is np.ndarray
    assert weights.dtype == np.float64
    assert weights.shape == (n_rows,)
    assert (np.isfinite(weights) & (weights > 0)).all()


@pytest.mark.parametrize(
    ("name", "container_of_X", "container_of_y"),
    [(*pair, y) for pair, y in zip(pairs(["down", "over"], CONTAINERS), cycle(LABELS))],
)
def test_rows_of_every_container(name, container_of_X, container_of_y):
    X, y = CONTAINERS[container_of_X][0](), LABELS[container_of_y]()
    rows, labels, kinds = rows_as_text(X), rows_as_text(y), (kind_of(X), kind_of(y))
    resampler = clone(RESAMPLERS[name])
    X_res, y_res, weights = resampler.fit_resample(X, y, sample_weight=INCOMING)
    plain = clone(resampler).fit(np.zeros((N_ROWS, 1)), Y, sample_weight=INCOMING)
    drawn = plain.sample_indices_.tolist()
    assert resampler.sample_indices_.tolist() == drawn
    assert rows_as_text(X) == rows
    assert (kind_of(X_res), kind_of(y_res)) == kinds
    assert rows_as_text(X_res) == [rows[row] for row in drawn]
    assert rows_as_text(y_res) == [labels[row] for row in drawn]
    assert_weights(weights, len(drawn))
    by_class = [list(its.class_weight_.values()) for its in (resampler, plain)]
    assert by_class[0] == by_class[1]
    assert getattr(resampler, "n_features_in_", None) == CONTAINERS[container_of_X][1]
    names = getattr(resampler, "feature_names_in_", None)
    if container_of_X in NAMES and (container_of_X != "polars" or knows_names(X)):
        assert (None if names is None else names.tolist()) == NAMES[container_of_X]


def knows_names(X):
    """Tell whether scikit-learn's own models learn the names of columns."""
    model = HistGradientBoostingClassifier(max_iter=1)
    return hasattr(model.fit(X[["number"]], Y), "feature_names_in_")


@pytest.mark.parametrize("name", ["Hugging Face", "Hugging Face classes", "xarray"])
def test_what_goes_by_rows_may_be_a_column_of_the_same_library(name):
    """Weights, strata and groups, beside rows of zero weight."""
    y, old = LABELS[name](), np.where(ROW % 5, INCOMING, 0.0)
    if name == "xarray":
        X = data_arrays().assign(weight=("row", old), stratum=("row", REGION))
    else:
        X = data_set({**mixed_columns(), "weight": old, "stratum": REGION})
    resampler = DownsampleUpweight(factor=7, strata="stratum", random_state=0)
    X_res, y_res, weights = resampler.fit_resample(X, y, sample_weight=X["weight"])
    resampler = DownsampleUpweight(factor=7, strata=REGION, random_state=0)
    expected = resampler.fit_resample(X, Y, sample_weight=old)
    assert weights.tolist() == expected[2].tolist()
    assert rows_as_text(X_res) == rows_as_text(expected[0])
    assert len(y_res) == len(weights)


# Weights ----------------------------------------------------------------------------


def totals(y, weights):
    return {label: weights[np.asarray(y) == label].sum() for label in COUNTS}


def with_weighting():
    """Give every public resampler that has ``weighting``, at its defaults."""
    arguments = {"Weighted": (SMOTE(random_state=0),)}
    for name in skstrat.resamplers.__all__:
        cls = getattr(skstrat.resamplers, name)
        if hasattr(cls, "fit_resample") and "weighting" in signature(cls).parameters:
            yield cls(*arguments.get(name, ()))


@pytest.mark.parametrize(
    "resampler", [*with_weighting()], ids=lambda it: type(it).__name__
)
def test_class_totals_are_kept_at_the_defaults(resampler):
    assert resampler.weighting == "original"
    for old in (None, INCOMING):
        _, y_res, weights = resampler.fit_resample(numbers(), Y, sample_weight=old)
        mass = totals(Y, np.ones(N_ROWS) if old is None else old)
        assert totals(y_res, weights) == pytest.approx(mass, rel=1e-12)
    assert len(list(with_weighting())) >= 5


@pytest.mark.parametrize(
    ("class_weight", "share"),
    [
        (ClassWeight(), lambda mass, whole: whole / 3),
        (ClassWeight("effective", beta=0), lambda mass, whole: mass),
        (ClassWeight({"b": 3}), lambda mass, whole: mass * np.array([1, 3, 1])),
    ],
    ids=["balanced", "effective", "dict"],
)
def test_class_weight_weighs_all_rows(class_weight, share):
    X = numbers()
    X_res, y_res, weights = class_weight.fit_resample(X, Y, sample_weight=INCOMING)
    assert X_res is X
    assert y_res is Y
    mass = np.array(list(totals(Y, INCOMING).values()))
    wanted = np.broadcast_to(share(mass, INCOMING.sum()), 3)
    np.testing.assert_allclose(list(totals(Y, weights).values()), wanted, rtol=1e-12)
    ratio = np.array([class_weight.class_weight_[label] for label in Y])
    np.testing.assert_allclose(weights, ratio * INCOMING, rtol=1e-15)


# What is learned --------------------------------------------------------------------


def learned(resampler):
    """Give what fitting left, as values that compare."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(resampler).items()
        if name.endswith("_")
    }


@every_resampler
def test_conventions_of_scikit_learn(name):
    resampler, X = clone(RESAMPLERS[name]), two_levels()
    assert resampler.set_params(**RESAMPLERS[name].get_params()) is resampler
    assert type(resampler).__name__ in resampler._repr_html_()
    before = pickle.dumps(resampler.get_params())
    resampler.fit_resample(X, Y, sample_weight=INCOMING)
    assert pickle.dumps(resampler.get_params()) == before
    fitted = clone(resampler).fit(X, Y, sample_weight=INCOMING)
    again = pickle.loads(pickle.dumps(fitted))
    assert learned(fitted) == learned(resampler) == learned(again)
    public = "classes_ sampling_strategy_ class_weight_ sample_indices_ plan_"
    public += " n_features_in_ feature_names_in_"
    assert set(learned(fitted)) == set(public.split())
    assert fitted.classes_.tolist() == list(COUNTS)
    drawn = fitted.sample_indices_.tolist()
    assert again.fit(X, Y).sample_indices_.tolist() == drawn
    again.fit([f"text {row}" for row in ROW], Y)
    assert not hasattr(again, "feature_names_in_")
    assert not hasattr(again, "n_features_in_")


def test_sources_of_the_seed():
    def drawn_with(seed):
        resampler = DownsampleUpweight(factor=7, random_state=seed)
        return resampler.fit(Y, Y).sample_indices_.tolist()

    assert drawn_with(5) == drawn_with(np.int64(5)) == drawn_with(np.uint8(5))
    for make in (np.random.default_rng, np.random.RandomState):
        generator, twin = make(5), make(5)
        first, second = drawn_with(generator), drawn_with(generator)
        assert first != second
        assert [first, second] == [drawn_with(twin), drawn_with(twin)]
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert drawn_with(None) != drawn_with(None)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


# Errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resampler", "text"),
    [
        (RandomOversample(times=2, sampling_strategy="all"), "either times or sampl"),
        (CombinedResample(balance=0, sampling_strategy={"a": 9}), "either balance or"),
        (DownsampleUpweight(sampling_strategy="minority"), "'sampling_strategy' param"),
        (RandomOversample(sampling_strategy="majority"), "'sampling_strategy' param"),
        (
            CombinedResample(sampling_strategy={"c": 1.5}),
            "rows >= 1 .*1.5 for class 'c",
        ),
        (ClassWeight({"b": 0}), "positive and finite .*got 0 for class 'b'"),
    ],
    ids=str,
)
def test_parameters_that_make_no_sense(resampler, text):
    with pytest.raises(ValueError, match=text):
        resampler.fit_resample(numbers(), Y)


def test_things_that_have_no_rows():
    resampler = DownsampleUpweight(factor=2)
    for X in (5, None, {1, 2, 3}, iter("aab")):
        with pytest.raises(TypeError, match=r"X must|[Ee]xpected"):
            resampler.fit_resample(X, ["a", "a", "b"])


@pytest.mark.parametrize("sample_weight", [None, [1, 0, 1]], ids=["ones", "a zero"])
def test_things_that_hold_no_labels(sample_weight):
    columns = {"label": ["a", "a", "b"]}
    resampler = DownsampleUpweight(factor=2)
    for y in (5, "abc", {"a", "b"}, iter("aab"), columns, UserDict(columns)):
        with pytest.raises((TypeError, ValueError), match=r"\by\b.* must have|^y must"):
            resampler.fit_resample(np.zeros((3, 1)), y, sample_weight=sample_weight)


@pytest.mark.parametrize("argument", ["strata", "groups"])
def test_things_that_hold_no_strata(argument):
    values = dict.fromkeys("abc", ROW)
    resampler = DownsampleUpweight(factor=2, **{argument: lambda X, y: values})
    for text in ("one label", "columns of one length"):
        with pytest.raises(
            (TypeError, ValueError), match=f"^{argument} must hold {text}"
        ):
            resampler.fit_resample(numbers(), Y, sample_weight=ROW / 9)
        values["c"] = [1, 2]


@pytest.mark.parametrize("make", [DownsampleUpweight, ClassWeight])
@pytest.mark.parametrize("method", ["fit", "fit_resample"])
def test_errors_of_a_call_name_the_class_of_the_user(make, method):
    X, y, call = np.zeros((4, 1)), [0, 0, 0, 1], getattr(make(), method)
    name = rf"^{make.__name__}\.{method}\(\)"
    with pytest.raises(TypeError, match=f"{name} missing 1 req"):
        call(X)
    with pytest.raises(TypeError, match=f"{name} takes 3 posit"):
        call(X, y, np.ones(4))


@pytest.mark.parametrize(
    ("make", "values", "text"),
    [
        (DownsampleUpweight, [20], r"Write DownsampleUpweight\(factor=20\)\."),
        (CombinedResample, [0.5], r"Write CombinedResample\(balance=0\.5\)\."),
        (ClassWeight, ["effective", 0.5], r"Write ClassWeight\(beta=0\.5\)"),
    ],
)
def test_a_parameter_without_its_name_is_refused_with_it(make, values, text):
    with pytest.raises(TypeError, match=text):
        make(*values)


class Half(BaseResampler):
    """Half of the rows of each class, by what CONTRIBUTING asks for alone."""

    weighting = "original"

    def _targets(self, labels, y):
        return targets_from_rows(labels, labels.counts // 2)


def test_a_resampler_needs_no_more_than_targets_and_weighting():
    _, y, weights = Half().fit_resample(numbers(), Y)
    assert totals(y, np.ones(len(y))) == {"a": 100, "b": 20, "c": 3}
    assert totals(y, weights) == pytest.approx(COUNTS)
