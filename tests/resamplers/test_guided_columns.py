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
    start = np.datetime64("2020-01-01", "us")
    return {
        "numbers": z,
        "whole": np.round(3 * z).astype(int),
        "truths": with_holes((z > 0.5).tolist()),
        "some numbers": with_holes(z.tolist()),
        "text": names.tolist(),
        "some text": with_holes(names.tolist()),
        "dates": with_holes([DAY + datetime.timedelta(int(100 * v)) for v in z]),
        "times": start + (z * 1e9).astype("timedelta64[us]"),
        "huge": np.where(z > 2, np.inf, z * 1e300),
        "missing": [None] * N_ROWS,
        "nan": np.full(N_ROWS, np.nan),
    }


def as_objects(kinds):
    columns = [np.array(list(values), dtype=object) for values in kinds.values()]
    return np.column_stack(columns)


def as_pandas(kinds):
    frame = pytest.importorskip("pandas").DataFrame(kinds)
    return frame.assign(
        category=frame["some text"].astype("category"),
        string=frame["some text"].astype("string"),
        zone=frame["times"].dt.tz_localize("UTC"),
        since=frame["times"] - frame["times"].min(),
        nullable_truths=frame["truths"].astype("boolean"),
        nullable=frame["whole"].astype("Int64").where(frame.index % 9 > 0),
        of_numbers=frame["whole"].astype("category"),
    )


def as_polars(kinds):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(kinds)
    return frame.with_columns(category=frame["some text"].cast(polars.Categorical))


def as_arrow(kinds):
    table = pytest.importorskip("pyarrow").table(kinds)
    return table.append_column("category", table["some text"].dictionary_encode())


def as_data_set(kinds):
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset(pytest.importorskip("pyarrow").table(kinds))


CONTAINERS = {
    "dict": lambda kinds: kinds,
    "objects": as_objects,
    "lists": lambda kinds: as_objects(kinds).tolist(),
    "pandas": as_pandas,
    "polars": as_polars,
    "arrow": as_arrow,
    "data set": as_data_set,
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_columns_of_every_kind_guide_the_draw(kind):
    z, y = signal()
    kinds, container = columns(z), CONTAINERS[kind]
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
    new = container(columns(np.concatenate([z[:700], signal(1)[0][:800]])))
    found = guided.log_odds_offset(new)[:700]
    np.testing.assert_allclose(found, offset[:700], rtol=1e-6)


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


def test_categories_and_text_of_every_library_have_the_same_codes():
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    texts = {"x": ["b", None, "c", "a", "b", "c", None, "a"]}
    frame, table = polars.DataFrame(texts), pyarrow.table(texts)
    encoded = pyarrow.table({"x": table["x"].dictionary_encode()})
    # Chunks with other dictionaries, and categories in no order.
    part = pyarrow.table({"x": table["x"][2:4].dictionary_encode()})
    chunks = pyarrow.concat_tables([encoded[:2], part, encoded[4:]])
    # As in tables from Polars.
    codes = pyarrow.array([1, None, 2, 0, 1, 2, None, 0], "uint8")
    unsigned = pyarrow.DictionaryArray.from_arrays(codes, ["a", "b", "c"])
    category = pandas.Categorical(texts["x"], categories=["c", "unseen", "a", "b"])
    for X in (
        {"x": category},
        pandas.DataFrame({"x": category}),
        pandas.DataFrame(texts, dtype="string"),
        frame,
        frame.cast(polars.Categorical),
        frame.cast(polars.Enum(["c", "unseen", "a", "b"])),
        table,
        pyarrow.table({"x": table["x"].cast(pyarrow.string_view())}),
        chunks,
        chunks.combine_chunks().to_batches()[0],
        pyarrow.table({"x": unsigned}),
    ):
        coded = ColumnCoder().fit_transform(X).ravel()
        assert coded.tolist() == [1, 3, 2, 0, 1, 2, 3, 0], type(X)


def test_sparse_rows_and_arrays_of_more_dimensions():
    z, y = signal()
    dense = np.where(z > 0, z, 0)[:, np.newaxis]
    new = np.array([[0.0], [np.nan], [2.0]])
    for X in (dense, sparse.coo_array(dense), sparse.csr_array(dense)):
        guided = GuidedDownsample(factor=5, random_state=0).fit(X, y)
        for rows in (new, sparse.csr_array(np.nan_to_num(new))):
            offset = guided.log_odds_offset(rows)[:, 0]
            assert np.isfinite(offset).all()
            assert offset[0] > offset[2] + 0.3
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
    guided, (_, y) = GuidedDownsample(), signal()
    with pytest.raises(ValueError, match=text):
        guided.fit(X, y)
    tags = guided.__sklearn_tags__().input_tags
    assert tags.string
    assert tags.categorical
