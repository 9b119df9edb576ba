"""Data of other libraries, through every resampler and the models around it."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from imblearn import combine, over_sampling, under_sampling
from numpy.testing import assert_allclose
from pairwise import pairs
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.preprocessing import FunctionTransformer

import skstrat
from skstrat import ResampledClassifier, Weighted, make_pipeline

datasets = pytest.importorskip("datasets")
torch = pytest.importorskip("torch")
torch_data = pytest.importorskip("torch.utils.data")

N_ROWS = 240
NUMBERS = np.random.default_rng(0).normal(size=(N_ROWS, 3))
COLUMN = NUMBERS[:, 0]
Y = (np.arange(N_ROWS) % 6 == 0).astype(int)
FRAME = pd.DataFrame(NUMBERS, columns=["a", "b", "c"])
LINEAR = LogisticRegression()


def data_set(frame):
    return datasets.Dataset.from_pandas(frame, preserve_index=False)


def batch(frame):
    return pa.RecordBatch.from_pandas(frame, preserve_index=False)


TABLES = {
    "polars": pl.from_pandas,
    "arrow": lambda frame: pa.Table.from_batches(map(batch, (frame[:99], frame[99:]))),
    "record batch": batch,
    "Hugging Face": data_set,
    "Hugging Face arrays": lambda frame: data_set(frame).with_format("numpy"),
}
ARRAYS = {**TABLES, "tensor": lambda frame: torch.tensor(frame.to_numpy())}
NAMED = datasets.Features(y=datasets.ClassLabel(names=["no", "yes"]))
LABELS = {
    "list": Y.tolist(),
    "polars": pl.Series(Y.astype(str)),
    "arrow": pa.array(Y.astype(str)),
    "data set": data_set(pd.DataFrame({"y": Y})),
    "column": datasets.Dataset.from_dict({"y": Y}, NAMED)["y"],
}
SMOTE = over_sampling.SMOTE(random_state=0)
SAMPLERS = [
    *(SMOTE, combine.SMOTEENN(random_state=0)),
    over_sampling.RandomOverSampler(random_state=0, shrinkage=0.1),
    under_sampling.RandomUnderSampler(random_state=0),
    under_sampling.EditedNearestNeighbours(),
    under_sampling.ClusterCentroids(random_state=0),
    under_sampling.InstanceHardnessThreshold(estimator=LINEAR, random_state=0),
]
AT_RANDOM = [over_sampling.RandomOverSampler(random_state=0), SAMPLERS[3]]
OF_NAMES = over_sampling.SMOTENC(["name", "flag", "text"], random_state=0)
OF_MIXED = [OF_NAMES, over_sampling.SMOTEN(random_state=0), *AT_RANDOM]
DOWN = skstrat.DownsampleUpweight(factor=2, random_state=0)
PICKING = {
    "down": DOWN,
    "over": skstrat.RandomOversample(random_state=0),
    "both": skstrat.CombinedResample(random_state=0),
    "strata": clone(DOWN).set_params(strata=Y[::-1]),
    "none moved": skstrat.ClassWeight(),
}
READING = {"weighted": Weighted(SMOTE), "sampler": make_pipeline(SMOTE)}
GUIDED = {"guided": skstrat.GuidedDownsample(factor=2)}
SGD = SGDClassifier(loss="log_loss", random_state=0)
MODELS = {
    "resampled": ResampledClassifier(LINEAR, DOWN),
    "auto": ResampledClassifier(LINEAR, "auto"),
    "ensemble": skstrat.ResampledEnsembleClassifier(LINEAR, DOWN, random_state=0),
    "pipeline": make_pipeline(DOWN, LINEAR),
    "batches": skstrat.PartialFitClassifier(SGD, random_state=0),
}
HOSTS = {**PICKING, **READING, **GUIDED, **MODELS}


class Images(torch_data.Dataset):
    """A data set with positions."""

    def __len__(self):
        return N_ROWS

    def __getitem__(self, row):
        return NUMBERS[row]


# Of these no item may be read.
UNREAD = type("Unread", (Images,), {"__getitem__": None})()


def values_of(y):
    return np.asarray(y["y"][:] if isinstance(y, datasets.Dataset) else y).astype(int)


def kind_of(X):
    """Tell the class of a table, and the types of its columns."""
    types = [getattr(X, each, None) for each in ("schema", "features", "dtype")]
    return type(X), *types, getattr(X, "format", {}).get("type")


def matrix_of(X):
    return np.asarray(X.with_format("pandas")[:] if hasattr(X, "with_format") else X)


def rows_of(X):
    """Write the rows of a table, where NaN and null are different."""
    X = X.to_arrow() if isinstance(X, pl.DataFrame) else X
    X = X.with_format("arrow")[:] if hasattr(X, "with_format") else X
    return list(map(repr, X.to_pylist()))


@pytest.mark.parametrize(
    ("table", "labels", "sampler", "wrap"),
    pairs(ARRAYS, LABELS, SAMPLERS, [Weighted, make_pipeline]),
)
def test_samplers_give_the_table_that_they_are_given(table, labels, sampler, wrap):
    X = ARRAYS[table](FRAME.astype(np.float32))
    found, y, weight = wrap(sampler).fit_resample(X, LABELS[labels])
    expected, y_expected = clone(sampler).fit_resample(FRAME, Y)
    assert kind_of(found) == kind_of(X)
    assert values_of(y).tolist() == y_expected.tolist()
    assert_allclose(matrix_of(found), expected.to_numpy(), rtol=1e-5, atol=1e-6)
    assert weight.sum() == pytest.approx(N_ROWS if wrap is Weighted else len(expected))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("sampler", OF_MIXED)
def test_mixed_columns_keep_their_types(sampler, table):
    text, n = np.array(["x", "y", "z"])[np.arange(N_ROWS) % 5 % 3], np.arange(N_ROWS)
    frame = FRAME.assign(flag=text == "x", text=text, n=n.astype(np.uint8))
    frame["name"] = pd.Categorical(text)
    X, weighted = TABLES[table](frame), Weighted(sampler)
    if table == "polars":
        X = X.with_columns(pl.col("name").cast(pl.Enum(["z", "y", "x"])))
    elif table == "Hugging Face":
        X = X.cast_column("text", datasets.Value("string"))
    found, _, _ = weighted.fit_resample(X, Y)
    assert kind_of(found) == kind_of(X)
    expected, _ = clone(sampler).fit_resample(frame, Y)
    assert rows_of(found) == rows_of(batch(expected))
    assert weighted.get_feature_names_out().tolist() == frame.columns.tolist()


@pytest.mark.parametrize("table", [pl.DataFrame, lambda X: pl.DataFrame(X).to_arrow()])
@pytest.mark.parametrize("sampler", AT_RANDOM)
def test_rows_that_are_picked_keep_what_is_missing(sampler, table):
    holes = {"null": [None, 1, 2, 3] * 60, "both": [None, float("nan"), 0.5] * 80}
    X, weighted = table({**holes, "list": [[1], [2, 3]] * 120}), Weighted(sampler)
    found, _, _ = weighted.fit_resample(X, Y)
    assert kind_of(found) == kind_of(X)
    rows = rows_of(X)
    assert rows_of(found) == [rows[row] for row in weighted.sample_indices_]
    alone, _, _ = make_pipeline(sampler).fit_resample(X, Y)
    assert rows_of(alone) == rows_of(found)


def addresses(X):
    return [part.buffers()[1].address for part in X.data.column("a").chunks]


@pytest.mark.parametrize(("labels", "picking"), pairs(LABELS, PICKING))
def test_hugging_face_rows_are_not_copied(labels, picking):
    X, y, resampler = data_set(FRAME), LABELS[labels], PICKING[picking]
    found, y_found, _ = resampler.fit_resample(X, y)
    assert addresses(X) == addresses(found)
    rows = resampler.sample_indices_
    assert_allclose(matrix_of(found), NUMBERS[rows])
    assert type(y_found) is type(y)
    assert values_of(y_found).tolist() == Y[rows].tolist()


@pytest.mark.parametrize("picking", PICKING)
def test_torch_data_sets_are_resampled_by_index(picking):
    resampler, tensors = PICKING[picking], torch_data.TensorDataset(torch.tensor(Y))
    for X in (UNREAD, tensors, torch_data.Subset(UNREAD, range(N_ROWS))):
        found, y, _ = resampler.fit_resample(X, torch.tensor(Y))
        rows = resampler.sample_indices_.tolist()
        assert y.tolist() == Y[rows].tolist()
        if picking == "none moved":
            assert found is X
        else:
            assert type(found) is torch_data.Subset
            assert (found.dataset, found.indices) == (X, rows)


STREAMED = data_set(FRAME).to_iterable_dataset()
SPLITS = datasets.DatasetDict(train=data_set(FRAME), test=data_set(FRAME))
STREAM = type("Stream", (torch_data.IterableDataset,), {"__iter__": iter})()
BY_POSITION = "X must be a data set whose rows can be taken by position; got "
NO_ROWS = {
    "splits": (SPLITS, r"X must be one table; got DatasetDict .*Give .*X\['train'\]"),
    "stream": (STREAMED, BY_POSITION + "IterableDataset.*without streaming, or .*list"),
    "torch stream": (STREAM, BY_POSITION + r"Stream.*with __len__ and .*list\(X\)"),
    "lazy": (pl.LazyFrame(FRAME), r"X must be in memory; got L.* Give X\.collect\(\)"),
}
NO_TABLE = {
    "torch": (Images(), "X must (be an array|have columns).*; got (Images|Subset)"),
    "dict": (dict(FRAME), r"X must be an array.*; got dict.*pandas\.DataFrame\(X\)"),
}
COLUMNS = COLUMN, FRAME["a"], list("ab" * 120), pl.Series(COLUMN), pa.array(COLUMN)
ONE_DIMENSION = {
    str(type(X)): (X, r"X must have .*columns.*; got \w+ .* dimension.*\(-1, 1\)")
    for X in (*COLUMNS, data_set(FRAME)["a"], torch.tensor(COLUMN))
}
REFUSED = {**NO_ROWS, **NO_TABLE, **ONE_DIMENSION}
CELLS = [*pairs(NO_ROWS, HOSTS), *pairs(NO_TABLE, {**READING, **MODELS})]
CELLS += [*pairs(ONE_DIMENSION, {**READING, **GUIDED}), ("torch", "guided")]


@pytest.mark.parametrize(("kind", "host"), CELLS)
def test_what_a_host_does_not_read_is_refused(kind, host):
    (X, text), host = REFUSED[kind], HOSTS[host]
    fit = getattr(host, "fit_resample", host.fit)
    with pytest.raises((TypeError, ValueError), match=text):
        fit(X, Y)


def test_only_rows_drawn_of_a_lazy_frame_are_collected():
    drawn = pl.col("row").is_in(clone(DOWN).fit(Y, Y).sample_indices_)
    lazy = pl.LazyFrame(FRAME).with_row_index("row")
    found = lazy.filter(drawn).drop("row").collect()
    assert found.equals(DOWN.fit_resample(pl.DataFrame(FRAME), Y)[0])
    with pytest.raises(TypeError, match=r"y must be in memory.*y\.collect\(\)"):
        DOWN.fit_resample(FRAME, lazy)
    fitted = ResampledClassifier(LINEAR, DOWN).fit(NUMBERS, Y)
    with pytest.raises(TypeError, match="X must be in memory; got LazyFrame"):
        fitted.predict_proba(lazy)


@pytest.mark.parametrize("table", ["polars", "arrow", "record batch", "tensor"])
@pytest.mark.parametrize("model", MODELS)
def test_models_are_those_of_the_matrix(model, table):
    X, model = ARRAYS[table](FRAME), MODELS[model]
    expected = clone(model).fit(NUMBERS, Y).predict_proba(NUMBERS)
    assert_allclose(clone(model).fit(X, Y).predict_proba(X), expected, rtol=1e-6)


def test_an_estimator_may_read_a_torch_data_set():
    reader = make_pipeline(DOWN, FunctionTransformer(np.asarray), LINEAR)
    expected = MODELS["pipeline"].fit(NUMBERS, Y).predict_proba(NUMBERS)
    found = reader.fit(Images(), Y).predict_proba(Images())
    assert_allclose(found, expected, rtol=1e-6)
