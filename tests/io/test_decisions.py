"""Files decided on by every resampler that picks rows: the rows of memory."""

import json

import numpy as np
import pytest

from skstrat import (
    CombinedResample,
    DownsampleUpweight,
    GuidedDownsample,
    RandomOversample,
    ResampledClassifier,
)
from skstrat.io import resample_file, scan_file

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")

N_ROWS = 6_000


def frame_of(n_rows=N_ROWS):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=n_rows),
            "b": rng.normal(size=n_rows),
            "country": rng.choice(["at", "de", "ch"], n_rows, p=[0.6, 0.3, 0.1]),
            "month": rng.integers(1, 4, n_rows),
            "customer": rng.integers(0, n_rows // 5, n_rows),
            "id": [f"c{i}" for i in rng.integers(0, n_rows // 5, n_rows)],
            "w": rng.choice([0, 1, 2.5], n_rows),
        }
    )
    chance = 1 / (1 + np.exp(3 - 1.5 * frame["a"]))
    frame["y"] = (rng.random(n_rows) < chance).astype(int)
    frame["amount"] = rng.lognormal(size=n_rows)
    days = pd.to_timedelta(rng.integers(0, 3, n_rows), unit="D")
    frame["day"] = (pd.Timestamp("2020-02-28") + days).date
    return frame


def write(frame, folder, ending):
    """Write two files, and give their folder."""
    (folder / "big").mkdir()
    half = len(frame) // 2
    for name, part in {"a": frame[:half], "b": frame[half:]}.items():
        path = folder / "big" / f"{name}.{ending}"
        if ending == "csv":
            part.to_csv(path, index=False)
        else:
            table = pa.Table.from_pandas(part, preserve_index=False)
            pq.write_table(table, path, row_group_size=701)
    return folder / "big"


CASES = {
    "strata": (DownsampleUpweight(factor=5, strata="country", random_state=1), "y"),
    "strata of numbers": (CombinedResample(strata="month", random_state=1), "y"),
    "groups": (DownsampleUpweight(factor=5, groups="customer", random_state=1), "y"),
    "groups of text": (DownsampleUpweight(factor=5, groups="id", random_state=1), "y"),
    "both": (
        DownsampleUpweight(
            factor=5,
            strata=lambda X, y: np.asarray(X["customer"]) % 3,
            groups="customer",
            random_state=1,
        ),
        "y",
    ),
    "several strata": (
        DownsampleUpweight(factor=5, strata=["month", "day", "country"]),
        "y",
    ),
    "groups of several": (
        DownsampleUpweight(
            factor=5, groups=("customer", "country"), strata=["country"]
        ),
        "y",
    ),
    "by position": (RandomOversample(times=2.5, strata=3, random_state=1), "y"),
    "callable": (
        DownsampleUpweight(sampling_strategy=lambda y: {0: 2 * sum(y == 1)}),
        "y",
    ),
    "continuous": (
        DownsampleUpweight(
            sampling_strategy=0.5,
            strata=lambda X, y: np.digitize(y, [1, 4]),
            random_state=1,
        ),
        "amount",
    ),
    "whole numbers": (
        DownsampleUpweight(
            sampling_strategy=0.5, strata="country", y_numeric=True, random_state=1
        ),
        "month",
    ),
}


# In files of the other kind.
CASES_AGAIN = (
    "strata",
    "groups of text",
    "groups",
    "several strata",
    "groups of several",
)


@pytest.mark.parametrize(
    ("case", "ending", "weighted"),
    [
        (case, ("parquet", "csv")[i % 2], i % 3 == 0)
        for i, case in enumerate([*CASES, *CASES_AGAIN])
    ],
)
def test_the_rows_of_memory(case, ending, weighted, tmp_path):
    resampler, target = CASES[case]
    if "random_state" in resampler.get_params() and resampler.random_state is None:
        resampler = resampler.set_params(random_state=1)
    frame = frame_of()
    source, dest = write(frame, tmp_path, ending), tmp_path / "small.parquet"
    weight = "w" if weighted else None
    summary = resample_file(
        source, dest, target=target, resampler=resampler, sample_weight=weight
    )
    X = frame.drop(columns=[target, *([weight] if weight else [])])
    _, _, weights = resampler.fit_resample(
        X, frame[target], sample_weight=frame[weight] if weight else None
    )
    small = pd.read_parquet(dest)
    rows = resampler.sample_indices_
    np.testing.assert_allclose(small["a"], frame["a"].to_numpy()[rows], rtol=1e-12)
    np.testing.assert_allclose(small[weight or "sample_weight"], weights, rtol=1e-9)
    told = {each["label"]: each for each in summary.classes}
    assert {label: each["rows"] for label, each in told.items()} == (
        resampler.sampling_strategy_
    )
    total = frame[weight].sum() if weight else len(frame)
    before = sum(each["weight_before"] for each in told.values())
    after = sum(each["weight"] for each in told.values())
    assert before == pytest.approx(total, rel=1e-9)
    assert after == pytest.approx(weights.sum(), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize(
    "resampler",
    [
        DownsampleUpweight(factor="auto", random_state=2),
        GuidedDownsample(factor=8, random_state=2),
    ],
    ids=["auto", "guided"],
)
def test_what_reads_a_part_of_the_rows(resampler, ending, tmp_path):
    frame = frame_of(60_000)[["a", "b", "y"]]
    source, dest = write(frame, tmp_path, ending), tmp_path / "small.parquet"
    summary = resample_file(source, dest, target="y", resampler=resampler)
    _, _, weights = resampler.fit_resample(frame[["a", "b"]], frame["y"])
    small = pd.read_parquet(dest)
    rows = resampler.sample_indices_
    assert len(rows) < 40_000
    np.testing.assert_allclose(small["a"], frame["a"].to_numpy()[rows], rtol=1e-12)
    np.testing.assert_allclose(small["sample_weight"], weights, rtol=1e-6)
    guided = isinstance(resampler, GuidedDownsample)
    assert (summary.plan is None) == guided
    told = [] if guided else [str(resampler.recommendation_)]
    assert list(summary.notes) == told


@pytest.mark.parametrize(
    ("settings", "key", "text"),
    [
        ({"strata": "no"}, None, "strata must name a column of every file; .*'no'"),
        ({"groups": "no"}, None, "groups must name a column of every file; .*'no'"),
        (
            {"strata": ["country", "no"]},
            None,
            "strata must name a column of X .* got 'no'. X is LazyRows .*'country'",
        ),
        ({"groups": "id"}, "a", "key must be None where groups and not the keys"),
    ],
)
def test_columns_that_a_resampler_names(settings, key, text, tmp_path):
    source = write(frame_of(600), tmp_path, "parquet")
    resampler = DownsampleUpweight(factor=3, random_state=0, **settings)
    dest = tmp_path / "small.parquet"
    with pytest.raises(ValueError, match=text):
        resample_file(source, dest, target="y", resampler=resampler, key=key)


@pytest.mark.parametrize(
    ("settings", "resampler", "text"),
    [
        (
            {"sample_weight": "y"},
            {},
            "target must name another column than sample_weight; got",
        ),
        ({}, {"strata": ["a", "y"]}, "strata must name another column than target"),
        ({}, {"strata": "y"}, "strata must name another column than target; got 'y'"),
        ({"sample_weight": "w"}, {"groups": "w"}, "groups must name .* sample_weight"),
    ],
)
def test_a_column_in_two_roles_is_refused(settings, resampler, text, tmp_path):
    source = write(frame_of(600), tmp_path, "parquet")
    down = DownsampleUpweight(factor=3, random_state=0, **resampler)
    dest = tmp_path / "small.parquet"
    with pytest.raises(ValueError, match=text):
        resample_file(source, dest, target="y", resampler=down, **settings)
    assert not dest.exists()


def test_an_index_that_pandas_wrote_holds_groups(tmp_path):
    frame = frame_of()[["a", "customer", "y"]]
    frame.set_index("customer").to_parquet(tmp_path / "big.parquet")
    down = DownsampleUpweight(factor=5, groups="customer", random_state=1)
    dest = tmp_path / "small.parquet"
    resample_file(tmp_path / "big.parquet", dest, target="y", resampler=down)
    down.fit(frame, frame["y"])
    small, rows = pd.read_parquet(dest), down.sample_indices_
    assert small["a"].tolist() == frame["a"].to_numpy()[rows].tolist()
    assert small.index.tolist() == frame["customer"].to_numpy()[rows].tolist()


def test_strata_that_json_does_not_know(tmp_path):
    frame = frame_of()[["a", "y", "month", "day"]]
    sizes = pd.cut(frame["a"], [-9, 0, 9])
    frame["size"] = pd.arrays.IntervalArray(sizes)
    source, dest = write(frame, tmp_path, "parquet"), tmp_path / "small.parquet"
    days = [f"2020-{day}" for day in ("02-28", "02-29", "03-01")]
    both = [[day, size] for day in days for size in ("(-9, 0]", "(0, 9]")]
    for strata, labels in (("day", days), (["day", "size"], both)):
        down = DownsampleUpweight(
            factor=5, strata=strata, y_numeric=True, random_state=1
        )
        summary = resample_file(
            source, dest, target="y", resampler=down, overwrite=True
        )
        told = json.loads(json.dumps(summary.to_dict()))
        assert [each["label"] for each in told["classes"]] == labels
        assert told["plan"]["classes"] == labels
        counts = frame.groupby(strata).size().tolist()
        assert [each["rows_before"] for each in told["classes"]] == counts
        down.fit(frame.drop(columns="y"), frame["y"])
        rows, small = down.sample_indices_, pd.read_parquet(dest)
        assert small["a"].tolist() == frame["a"].to_numpy()[rows].tolist()
        assert down.plan_ == summary.plan


def test_several_columns_are_read_in_one_pass(tmp_path):
    frame = frame_of(600)
    X, _, _ = scan_file(write(frame, tmp_path, "csv"), target="y")
    read = X[["country", "month", "a"]]
    pd.testing.assert_frame_equal(
        read.astype({"country": str, "month": int}),
        frame[["country", "month", "a"]].astype({"country": str}),
        rtol=1e-12,
    )
    with pytest.raises(KeyError, match="no"):
        X[["country", "no"]]


@pytest.mark.parametrize("read", ["resample", "rows", "column"])
def test_files_replaced_since_their_labels_were_read(read, tmp_path):
    frame = frame_of(40_000)[["a", "b", "y"]]
    path = tmp_path / "big.parquet"
    frame.to_parquet(path, row_group_size=1_000)
    X, y, _ = scan_file(path, target="y")
    frame.iloc[::-1].to_parquet(tmp_path / "other.parquet", row_group_size=1_000)
    (tmp_path / "other.parquet").replace(path)
    take = {
        "resample": lambda: DownsampleUpweight(factor=20).fit_resample(X, y),
        "rows": lambda: X.take_rows(np.arange(10)),
        "column": lambda: X["a"],
    }
    with pytest.raises(ValueError, match=r"big\.parquet changed while it was read"):
        take[read]()


@pytest.mark.parametrize("rows", [[-1], [3_000], [True, False], [0.5]], ids=str)
def test_rows_that_are_not_there(rows, tmp_path):
    X, _, _ = scan_file(write(frame_of(3_000), tmp_path, "parquet"), target="y")
    with pytest.raises(IndexError, match="rows must be positions from 0 to 2999; got"):
        X.take_rows(np.array(rows))


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_rows_are_taken_where_they_are(ending, tmp_path):
    frame = frame_of(3_000)
    X, y, weights = scan_file(
        write(frame, tmp_path, ending), target="y", sample_weight="w"
    )
    features = frame.drop(columns=["y", "w"])
    assert X.shape == features.shape
    assert list(X.columns) == list(features.columns)
    assert y.tolist() == frame["y"].tolist()
    assert y.cat.codes.dtype == np.int8
    assert weights.tolist() == frame["w"].tolist()
    for rows in ([5], [2_999, 0, 7, 7, 1_500], range(1_400, 1_600), [], [3, 2_000]):
        rows = np.array(rows, dtype=np.intp)
        expected = features.iloc[rows]
        pd.testing.assert_frame_equal(
            X.take_rows(rows), expected, check_dtype=len(rows) > 0, rtol=1e-12
        )


def test_a_classifier_trains_on_rows_of_files(tmp_path):
    from sklearn.linear_model import LogisticRegression

    frame = frame_of()[["a", "b", "y"]]
    X, y, _ = scan_file(write(frame, tmp_path, "parquet"), target="y")
    down = DownsampleUpweight(factor=10, random_state=0)
    model = ResampledClassifier(LogisticRegression(), down).fit(X, y)
    witness = ResampledClassifier(LogisticRegression(), down)
    witness.fit(frame[["a", "b"]], frame["y"])
    proba, expected = (
        each.predict_proba(frame[["a", "b"]]) for each in (model, witness)
    )
    np.testing.assert_allclose(proba, expected, rtol=1e-6)
