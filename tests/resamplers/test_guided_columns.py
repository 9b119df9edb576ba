"""The default pilot reads columns of every kind in every container."""

import datetime
import pickle

import numpy as np
import pytest
from scipy import sparse, stats

from skstrat import GuidedDownsample
from skstrat.resamplers._pilot_columns import ColumnCoder

N_ROWS = 1500
DAY = datetime.date(2020, 1, 1)


def signal(seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=N_ROWS)
    return z, (rng.random(N_ROWS) < 1 / (1 + np.exp(3 - 2 * z))).astype(int)


def with_holes(values):
    """Leave out every ninth value."""
    return [None if at % 9 == 0 else value for at, value in enumerate(values)]


def columns(z):
    """Give the signal as columns of many kinds."""
    names = np.array(list("abcdef"))[np.clip(np.round(z + 2.5), 0, 5).astype(int)]
    days = [DAY + datetime.timedelta(int(100 * value)) for value in z]
    start = np.datetime64("2020-01-01", "us")
    return {
        "numbers": z,
        "whole": np.round(3 * z).astype(int),
        "truths": with_holes((z > 0.5).tolist()),
        "some numbers": with_holes(z.tolist()),
        "text": names.tolist(),
        "some text": with_holes(names.tolist()),
        "dates": with_holes(days),
        "times": start + (z * 1e9).astype("timedelta64[us]"),
        "huge": np.where(z > 2, np.inf, z * 1e300),
        "missing": [None] * N_ROWS,
        "nan": np.full(N_ROWS, np.nan),
    }


def as_dict(kinds):
    return kinds


def as_objects(kinds):
    columns = [np.array(list(values), dtype=object) for values in kinds.values()]
    return np.column_stack(columns)


def as_lists(kinds):
    return as_objects(kinds).tolist()


def as_pandas(kinds):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(kinds)
    if "some text" in kinds:
        frame["category"] = frame["some text"].astype("category")
        frame["string"] = frame["some text"].astype("string")
    if "times" in kinds:
        frame["zone"] = frame["times"].dt.tz_localize("UTC")
        frame["since"] = frame["times"] - frame["times"].min()
    if "truths" in kinds:
        frame["nullable truths"] = frame["truths"].astype("boolean")
        frame["nullable"] = frame["whole"].astype("Int64").where(frame.index % 9 > 0)
        frame["of numbers"] = frame["whole"].astype("category")
    return frame


def as_polars(kinds):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(kinds)
    category = frame["some text"].cast(polars.Categorical).alias("category")
    return frame.with_columns(category)


def as_arrow(kinds):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table(kinds)
    category = table["some text"].dictionary_encode()
    return table.append_column("category", category)


def as_data_set(kinds):
    datasets = pytest.importorskip("datasets")
    pyarrow = pytest.importorskip("pyarrow")
    return datasets.Dataset(pyarrow.table(kinds))


@pytest.mark.parametrize(
    "container",
    [as_dict, as_objects, as_lists, as_pandas, as_polars, as_arrow, as_data_set],
)
def test_columns_of_every_kind_guide_the_draw(container):
    z, y = signal()
    kinds = columns(z)
    X = container(kinds)
    coded = ColumnCoder().fit(X).transform(X)
    assert coded.shape[1] >= len(kinds)
    missing = [list(kinds).index(name) for name in ("missing", "nan")]
    assert np.isnan(coded[:, missing]).all()
    for column in np.delete(coded, missing, axis=1).T:
        there = ~np.isnan(column)
        assert there.sum() >= N_ROWS - N_ROWS // 9 - 1
        # All grow with the signal, names by their order.
        assert stats.spearmanr(column[there], z[there])[0] > 0.6
    guided = GuidedDownsample(factor=5, random_state=0).fit(X, y)
    offset = guided.log_odds_offset(X)
    # Where positives are, negatives are kept more often.
    assert np.median(offset[z < 0, 0]) > np.median(offset[z > 1, 0]) + 0.5
    again = pickle.loads(pickle.dumps(guided))
    np.testing.assert_array_equal(again.log_odds_offset(X), offset)
    # New rows are coded as those of the fit were, whatever is among them.
    z_new, _ = signal(1)
    new = container(columns(np.concatenate([z[:700], z_new[:800]])))
    np.testing.assert_allclose(
        guided.log_odds_offset(new)[:700], offset[:700], rtol=1e-6
    )


def test_names_have_the_codes_of_the_fit():
    column = np.array([["b"], ["a"], [None], ["d"], [1.5]], dtype=object)
    coder = ColumnCoder().fit(column)
    # 1.5 makes it no column of numbers; the missing one comes last.
    assert coder.transform(column).ravel().tolist() == [2, 1, 4, 3, 0]
    new = np.array([["c"], ["d"], [np.nan], [7]], dtype=object)
    assert coder.transform(new).ravel().tolist() == [-1, 3, 4, -1]
    numbers = ColumnCoder().fit(np.array([[1], [None], ["2.5"]], dtype=object))
    coded = numbers.transform(np.array([["x"], [True], ["-3"]], dtype=object))
    np.testing.assert_array_equal(coded, [[np.nan], [1], [-3]])


class Name:
    """Counts how often names are asked for their text."""

    asked = 0

    def __init__(self, text):
        self.text = text

    def __str__(self):
        Name.asked += 1
        return self.text

    def __lt__(self, other):
        return self.text < other.text


def test_each_category_is_read_once():
    pandas = pytest.importorskip("pandas")
    names = [Name(text) for text in "abcdef"]
    codes = np.random.default_rng(0).integers(-1, 5, N_ROWS)
    X = pandas.DataFrame({"x": pandas.Categorical.from_codes(codes, names)})
    coder = ColumnCoder().fit(X)
    Name.asked = 0
    coded = coder.transform(X).ravel()
    assert Name.asked == 5
    # "f" does not occur, and the missing one comes last.
    np.testing.assert_array_equal(coded, np.where(codes < 0, 5, codes))


def test_categories_and_text_of_every_library_have_the_same_codes():
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    texts = {"x": ["b", None, "c", "a", "b", "c", None, "a"]}
    frame = polars.DataFrame(texts)
    table = pyarrow.table(texts)
    encoded = pyarrow.table({"x": table["x"].dictionary_encode()})
    # Chunks with other dictionaries, and categories in no order.
    chunks = pyarrow.concat_tables([encoded[:2], encoded[2:]])
    part = pyarrow.table({"x": table["x"][2:4].dictionary_encode()})
    again = pyarrow.concat_tables([chunks[:2], part, chunks[4:]])
    # As in tables from Polars.
    unsigned = [
        pyarrow.DictionaryArray.from_arrays(
            pyarrow.array([1, None, 2, 0, 1, 2, None, 0], kind), ["a", "b", "c"]
        )
        for kind in ("uint8", "uint32")
    ]
    category = pandas.Categorical(texts["x"], categories=["c", "unseen", "a", "b"])
    tables = [
        {"x": category},
        pandas.DataFrame({"x": category}),
        pandas.DataFrame(texts),
        pandas.DataFrame(texts, dtype="string"),
        frame,
        frame.cast(polars.Categorical),
        frame.cast(polars.Enum(["c", "unseen", "a", "b"])),
        table,
        pyarrow.table({"x": table["x"].cast(pyarrow.string_view())}),
        again,
        again.combine_chunks().to_batches()[0],
        *(pyarrow.table({"x": column}) for column in unsigned),
    ]
    for X in tables:
        coded = ColumnCoder().fit_transform(X).ravel()
        assert coded.tolist() == [1, 3, 2, 0, 1, 2, 3, 0], type(X)


@pytest.mark.parametrize(
    "new",
    [np.array([[0.0], [np.nan], [2.0]]), sparse.csr_array([[0.0], [0.0], [2.0]])],
    ids=["dense", "sparse"],
)
def test_what_is_fitted_on_sparse_rows_reads_dense_ones_and_the_other_way(new):
    z, y = signal()
    dense = np.where(z > 0, z, 0)[:, np.newaxis]
    for X in (dense, sparse.coo_array(dense), sparse.csr_array(dense)):
        guided = GuidedDownsample(factor=5, random_state=0).fit(X, y)
        offset = guided.log_odds_offset(new)[:, 0]
        assert np.isfinite(offset).all()
        assert offset[0] > offset[2] + 0.3


def test_arrays_of_more_dimensions():
    z, y = signal()
    X = np.stack([np.column_stack([z, -z])] * 3, axis=2)
    flat = GuidedDownsample(random_state=0).fit(X.reshape(N_ROWS, -1), y)
    guided = GuidedDownsample(random_state=0).fit(X, y)
    np.testing.assert_array_equal(guided.sample_indices_, flat.sample_indices_)


@pytest.mark.parametrize(
    ("X", "text"),
    [
        (["a text"] * N_ROWS, "list of one dimension"),
        (np.ones((N_ROWS, 1)) * 1j, "Complex data not supported"),
        ([[1, 2], [1]] * (N_ROWS // 2), "list of uneven length"),
    ],
    ids=["one dimension", "complex", "ragged"],
)
def test_what_has_no_columns_of_single_values_is_refused(X, text):
    _, y = signal()
    with pytest.raises(ValueError, match=text):
        GuidedDownsample().fit(X, y)


def test_text_and_categories_are_in_the_tags():
    tags = GuidedDownsample().__sklearn_tags__().input_tags
    assert tags.string
    assert tags.categorical
