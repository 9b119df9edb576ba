"""Decisions by columns of files, and rows of files that stay where they are."""

import numpy as np
import pytest
from pairwise import pairs
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

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


def frame_of(n_rows=3_000):
    rng = np.random.default_rng(0)
    a = rng.normal(size=n_rows)
    columns = {
        "a": a,
        "b": rng.normal(size=n_rows),
        "country": rng.choice(["at", "de", "ch"], n_rows, p=[0.6, 0.3, 0.1]),
        "month": rng.integers(1, 4, n_rows),
        "customer": rng.integers(0, n_rows // 5, n_rows),
        "id": [f"c{i}" for i in rng.integers(0, n_rows // 5, n_rows)],
        "w": rng.choice([0, 1, 2.5], n_rows),
        "y": (rng.random(n_rows) < 1 / (1 + np.exp(3 - 1.5 * a))).astype(int),
        "amount": rng.lognormal(size=n_rows),
    }
    days = pd.to_timedelta(rng.integers(0, 3, n_rows), unit="D")
    return pd.DataFrame(columns).assign(day=(pd.Timestamp("2020-02-28") + days).date)


FRAME = frame_of()


def write(frame, folder, ending="parquet"):
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


def check_rows_of_memory(resampler, frame, folder, ending, target="y", weight=None):
    source, dest = write(frame, folder, ending), folder / "small.parquet"
    settings = {"target": target, "sample_weight": weight}
    summary = resample_file(source, dest, resampler=resampler, **settings)
    X = frame.drop(columns=[target] if weight is None else [target, weight])
    given = None if weight is None else frame[weight]
    _, _, drawn = resampler.fit_resample(X, frame[target], sample_weight=given)
    small, rows = pd.read_parquet(dest), resampler.sample_indices_
    np.testing.assert_allclose(small["a"], frame["a"].to_numpy()[rows], rtol=1e-12)
    np.testing.assert_allclose(small[weight or "sample_weight"], drawn, rtol=1e-6)
    told = {each["label"]: each["rows"] for each in summary.classes}
    assert told == resampler.sampling_strategy_
    totals = [len(frame) if weight is None else given.sum(), drawn.sum()]
    for name, total in zip(("weight_before", "weight"), totals, strict=True):
        assert sum(each[name] for each in summary.classes) == pytest.approx(total)
    return summary


def down(factor=5, **settings):
    return DownsampleUpweight(factor=factor, random_state=1, **settings)


def bins(X, y):
    return np.digitize(y, [1, 4])


CASES = {
    "strata": (CombinedResample(strata="country", random_state=1), "y"),
    "several strata": (down(strata=["month", "day", "country"]), "y"),
    "groups of text": (down(groups="id"), "y"),
    "groups of several": (down(groups=("customer", "day"), strata=["day"]), "y"),
    "position": (RandomOversample(times=2.5, strata=3, random_state=1), "y"),
    "callable": (down(None, sampling_strategy=lambda y: {0: 2 * sum(y == 1)}), "y"),
    "continuous": (down(strata=bins, factor=None, sampling_strategy=0.5), "amount"),
}


@pytest.mark.parametrize(
    ("case", "ending", "weighted"), pairs(CASES, ["parquet", "csv"], [False, True])
)
def test_columns_decide_as_in_memory(case, ending, weighted, tmp_path):
    resampler, target = CASES[case]
    weight = "w" if weighted else None
    check_rows_of_memory(resampler, FRAME, tmp_path, ending, target, weight)


GUIDED = GuidedDownsample(factor=8, random_state=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("resampler", "ending"), [(down("auto"), "csv"), (GUIDED, "parquet")]
)
def test_what_reads_a_part_of_the_rows(resampler, ending, tmp_path):
    frame = frame_of(60_000)[["a", "b", "y"]]
    summary = check_rows_of_memory(resampler, frame, tmp_path, ending)
    guided = isinstance(resampler, GuidedDownsample)
    assert (summary.plan is None) == guided
    told = [] if guided else [str(resampler.recommendation_)]
    assert list(summary.notes) == told


@pytest.mark.parametrize(
    ("resampler", "settings", "text"),
    [
        ({"strata": ["a", "no"]}, {}, "strata must name a column of X .* got 'no'. X"),
        ({"groups": "id"}, {"key": "a"}, "key must be None where groups and not the"),
        ({}, {"sample_weight": "y"}, "target must name another column than sample_w"),
        ({"strata": ["a", "y"]}, {}, "strata must name another column than target"),
    ],
)
def test_columns_that_are_refused(resampler, settings, text, tmp_path):
    source, dest = write(FRAME[:600], tmp_path), tmp_path / "small.parquet"
    settings = {"target": "y", "resampler": down(**resampler), **settings}
    with pytest.raises(ValueError, match=text):
        resample_file(source, dest, **settings)
    assert not dest.exists()


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_rows_are_taken_where_they_are(ending, tmp_path):
    source, features = write(FRAME, tmp_path, ending), FRAME.drop(columns=["y", "w"])
    X, y, weights = scan_file(source, target="y", sample_weight="w")
    assert X.shape == features.shape
    assert y.tolist() == FRAME["y"].tolist()
    assert y.cat.codes.dtype == np.int8
    assert weights.tolist() == FRAME["w"].tolist()
    for rows in ([5], [2_999, 0, 7, 7, 1_500], range(1_400, 1_600), []):
        rows = np.array(rows, dtype=np.intp)
        settings = {"check_dtype": len(rows) > 0, "rtol": 1e-12}
        pd.testing.assert_frame_equal(
            X.take_rows(rows), features.iloc[rows], **settings
        )
    several = X[["country", "month", "a"]].astype({"country": str, "month": int})
    expected = features[["country", "month", "a"]].astype({"country": str})
    pd.testing.assert_frame_equal(several, expected, rtol=1e-12)
    for rows in ([-1], [3_000], [True, False], [0.5]):
        with pytest.raises(IndexError, match="rows must be positions from 0 to 2999;"):
            X.take_rows(np.array(rows))


def test_files_replaced_since_their_labels_were_read(tmp_path):
    frame, path = frame_of(40_000)[["a", "b", "y"]], tmp_path / "big.parquet"
    frame.to_parquet(path, row_group_size=1_000)
    X, y, _ = scan_file(path, target="y")
    frame.iloc[::-1].to_parquet(tmp_path / "other.parquet", row_group_size=1_000)
    (tmp_path / "other.parquet").replace(path)
    calls = [
        down().fit_resample,
        lambda X, _: X.take_rows(np.arange(9)),
        lambda X, _: X["a"],
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"big\.parquet changed while it was read"):
            call(X, y)


def test_a_classifier_trains_on_rows_of_files(tmp_path):
    frame = FRAME[["a", "b", "y"]]
    X, y, _ = scan_file(write(frame, tmp_path), target="y")
    memory, model = frame[["a", "b"]], ResampledClassifier(LogisticRegression(), down())
    proba, expected = (
        clone(model).fit(*data).predict_proba(memory)
        for data in ((X, y), (memory, frame["y"]))
    )
    np.testing.assert_allclose(proba, expected, rtol=1e-6)
