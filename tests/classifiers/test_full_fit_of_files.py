"""Fits to rows of files are those in memory, and read the files in bounded memory."""

from inspect import signature

import numpy as np
import pytest
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    Weighted,
    make_pipeline,
)
from skstrat.classifiers._full_loss import PenalisedLogLoss
from skstrat.io import scan_file
from skstrat.io._lazy_rows import LazyRows
from skstrat.io._parquet import ParquetSource
from skstrat.io._source_files import states_of

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")


N_ROWS = 6000
DOWN = DownsampleUpweight(factor=8, random_state=0)


def frame(n_rows=N_ROWS, seed=0):
    """Make rows of which the first hold less than the others."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    later = np.arange(n_rows) >= n_rows // 2
    whole = rng.integers(0, 9, n_rows)
    return pd.DataFrame(
        {
            "a": X[:, 0],
            # Integers first, then other numbers.
            "b": whole + np.where(later, 0.5, 0),
            # Digits first, then text.
            "code": np.where(later, np.array(["x1", "x2"])[whole % 2], "12"),
            "c": X[:, 1],
            "y": (rng.random(n_rows) < 0.04 * np.exp(X[:, 0])).astype(int),
            "w": rng.uniform(0, 2, n_rows) * (rng.random(n_rows) > 0.1),
        }
    )


def write(data, folder, kind="parquet", n_files=1):
    folder.mkdir(exist_ok=True)
    for number, rows in enumerate(np.array_split(np.arange(len(data)), n_files)):
        part, path = data.iloc[rows], folder / f"{number}.{kind}"
        if kind == "csv":
            part.to_csv(path, index=False)
        else:
            part.to_parquet(path, row_group_size=700, index=False)
    return folder


def scaled(**params):
    return make_sklearn_pipeline(StandardScaler(), LogisticRegression(**params))


def encoded(**params):
    return make_sklearn_pipeline(
        make_column_transformer(
            (OneHotEncoder(), ["code"]), (StandardScaler(), ["a", "b", "c"])
        ),
        LogisticRegression(**params),
    )


# Every pair of choices occurs.
@pytest.mark.parametrize(
    ("kind", "n_files", "weighted", "make"),
    [
        ("parquet", 1, True, encoded),
        ("parquet", 3, False, scaled),
        ("csv", 1, False, encoded),
        ("csv", 3, True, scaled),
    ],
)
def test_the_full_fit_of_files_is_that_in_memory(
    kind, n_files, weighted, make, tmp_path
):
    data = frame()
    data = data.drop(columns=["code"] * (make is scaled) + ["w"] * (not weighted))
    X, y, w = scan_file(
        write(data, tmp_path / "big", kind, n_files),
        target="y",
        sample_weight="w" if weighted else None,
    )
    assert X.shape == (N_ROWS, 4 - (make is scaled))
    model = ResampledClassifier(make(), DOWN, full_fit=True).fit(X, y, w)
    whole = data.drop(columns=["y", "w"][: 1 + weighted])
    weights = data["w"] if weighted else None
    in_memory = ResampledClassifier(make(), DOWN, full_fit=True)
    in_memory.fit(whole, data["y"], weights)
    found, wanted = model.decision_.full_fit, in_memory.decision_.full_fit
    assert found.converged
    assert (found.passes, found.log_loss) == (
        wanted.passes,
        pytest.approx(wanted.log_loss, rel=1e-9),
    )
    coef = model.estimator_[-1].coef_
    assert coef == pytest.approx(in_memory.estimator_[-1].coef_, rel=1e-6, abs=1e-9)
    assert model.calibration_check_ == pytest.approx(in_memory.calibration_check_)
    # The witness is fitted to all rows, behind the steps as the rows drawn fitted them.
    seen = model.estimator_[:-1].transform(whole)
    witness = LogisticRegression(tol=1e-10).fit(seen, data["y"], weights)
    losses = [
        log_loss(data["y"], each.predict_proba(seen), sample_weight=weights)
        for each in (model.estimator_[-1], witness)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


TREES = HistGradientBoostingClassifier(max_iter=5, early_stopping=False)
LINE = LogisticRegression()


@pytest.mark.parametrize(
    ("model", "params"),
    [
        (ResampledClassifier(LINE, ClassWeight("balanced")), {}),
        (ResampledClassifier(LINE, "auto", random_state=0), {}),
        (ResampledClassifier(TREES, GuidedDownsample(factor=4, random_state=0)), {}),
        (ResampledClassifier(TREES, DOWN, calibration_check="cv"), {}),
        pytest.param(
            ResampledClassifier(TREES, DOWN),
            {"eval_set": "dropped"},
            marks=pytest.mark.skipif(
                "X_val" not in signature(TREES.fit).parameters,
                reason="X_val came with scikit-learn 1.7",
            ),
        ),
        (ResampledClassifier(LINE, make_pipeline(DOWN, ClassWeight("balanced"))), {}),
        (ResampledEnsembleClassifier(LINE, DOWN, n_estimators=2, random_state=0), {}),
        (make_pipeline(DOWN, StandardScaler(), LINE), {}),
    ],
)
def test_models_of_rows_of_files_are_those_in_memory(model, params, tmp_path):
    data = frame().drop(columns=["code", "w"])
    X, y, _ = scan_file(write(data, tmp_path / "big"), target="y")
    whole, model = data.drop(columns="y"), clone(model)
    if params:
        model.set_params(estimator__early_stopping=True)
    expected = clone(model).fit(whole, data["y"], **params)
    model.fit(X, y, **params)
    assert np.array_equal(model.predict_proba(whole), expected.predict_proba(whole))
    checks = [getattr(each, "calibration_check_", None) for each in (model, expected)]
    assert checks[0] == checks[1]


def lazy(tmp_path):
    data = frame().drop(columns=["code", "w"])
    return scan_file(write(data, tmp_path / "big"), target="y")[:2]


GRID = GridSearchCV(ResampledClassifier(LINE, DOWN), {"estimator__C": [1]})
HEAD = make_column_transformer((StandardScaler(), ["a"]))
NEEDS_ALL = {
    "resampler must pick rows of files": ResampledClassifier(LINE),
    "what reads all of its rows": ResampledClassifier(LINE, RandomUnderSampler()),
    "got 6000 rows of files": Weighted(RandomUnderSampler()),
    "X must be in memory for ColumnTransformer": make_pipeline(HEAD, DOWN, LINE),
    "take the rows into memory": LINE,
    r"X.take_rows\(numpy.arange\(len\(X\)\)\)": GRID,
}


@pytest.mark.parametrize("message", NEEDS_ALL)
def test_what_needs_all_rows_in_memory_says_so(message, tmp_path):
    X, y = lazy(tmp_path)
    fit = getattr(NEEDS_ALL[message], "fit_resample", NEEDS_ALL[message].fit)
    with pytest.raises(TypeError, match=message):
        fit(X, y)


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_rows_of_files_are_predicted_some_at_a_time(method, tmp_path):
    X, y = lazy(tmp_path)
    predict = getattr(ResampledClassifier(LINE, DOWN).fit(X, y), method)
    with pytest.raises(TypeError, match=f"time: model.{method}.X.take_rows"):
        predict(X)
    parts = np.array_split(np.arange(len(X)), 7)
    found = np.concatenate([predict(X.take_rows(part)) for part in parts])
    assert np.allclose(found, predict(X.take_rows(np.arange(len(X)))))


class Counting(ParquetSource):
    """Counts the rows that are read."""

    read = 0

    def batches(self, *args, **params):
        for table in super().batches(*args, **params):
            self.read += len(table)
            yield table


@pytest.mark.slow
def test_a_pass_is_one_read_of_the_files_in_bounded_memory(tmp_path):
    n_rows, n_columns = 1_500_000, 4
    X = np.random.default_rng(0).normal(size=(n_rows, n_columns))
    names = [f"x{place}" for place in range(n_columns)]
    path = tmp_path / "big.parquet"
    pq.write_table(pa.table(dict(zip(names, X.T, strict=True))), path)
    source = Counting([path], tmp_path)
    rows = LazyRows(source, states_of([path]), names, n_rows)
    codes, at = (X[:, 0] > 1).astype(np.int8), np.zeros((1, n_columns + 1))
    loss = PenalisedLogLoss(rows, codes, None, [], 1.0, intercept=True)
    before, most = pa.total_allocated_bytes(), 0
    for _ in loss._blocks():
        most = max(most, pa.total_allocated_bytes() - before)
    # The numbers of all rows are 48 megabytes.
    assert most < 24e6
    source.read = 0
    found = loss.look(at, hessian=False)
    assert source.read == n_rows
    expected = PenalisedLogLoss(X, codes, None, [], 1.0, intercept=True)
    assert np.allclose(found.gradient, expected.look(at, hessian=False).gradient)


def test_columns_of_csv_files_are_the_same_in_all_rows(tmp_path):
    data = frame()
    X, *_ = scan_file(write(data, tmp_path / "big", "csv"), target="y")
    # Text is text where it is digits, too, once rows with other text were taken.
    everything = X.take_rows(np.arange(N_ROWS))
    first = X.take_rows(np.arange(100))
    assert first.equals(everything.iloc[:100])
    assert first["code"].tolist() == ["12"] * 100
    # What was digits cannot be text later.
    X, *_ = scan_file(tmp_path / "big", target="y")
    X.take_rows(np.arange(100))
    with pytest.raises(ValueError, match="column 'code' must be float64 in all rows"):
        X.take_rows(np.arange(N_ROWS))
    # Integers may be other numbers.
    written = data.assign(b=data["b"].map("{:g}".format)).drop(columns="code")
    X, *_ = scan_file(write(written, tmp_path / "numbers", "csv"), target="y")
    assert X.take_rows(np.arange(100))["b"].dtype == np.int64
    assert np.array_equal(X.take_rows(np.arange(N_ROWS))["b"], data["b"])
