"""Fits to rows of files are those in memory."""

import numpy as np
import pytest
from imblearn.under_sampling import RandomUnderSampler
from resampled_models import averaged, down, guided
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skstrat import ClassWeight, ResampledClassifier, Weighted, make_pipeline
from skstrat.classifiers._full_loss import PenalisedLogLoss
from skstrat.io import scan_file

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")


N_ROWS = 6000
TREES = HistGradientBoostingClassifier(max_iter=5, early_stopping=False)
LINE = LogisticRegression()
DOWN, GUIDED = down(8), guided(4)


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
            "y": (rng.random(n_rows) < 0.04 * np.exp(X[:, 0])).astype(int),
            "w": rng.uniform(0, 2, n_rows) * (rng.random(n_rows) > 0.1),
        }
    )


ENCODED = make_column_transformer(
    (OneHotEncoder(), ["code"]), (StandardScaler(), ["a", "b"])
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


def both(tmp_path):
    """Give rows of files, and the same in memory."""
    data = frame().drop(columns=["code", "w"])
    X, y, _ = scan_file(write(data, tmp_path / "big"), target="y")
    return X, y, data.drop(columns="y"), data["y"]


@pytest.mark.parametrize(
    ("kind", "n_files", "weight"),
    [("parquet", 1, "w"), ("parquet", 3, None), ("csv", 3, "w")],
)
def test_the_full_fit_of_files_is_that_in_memory(kind, n_files, weight, tmp_path):
    data = frame()
    data = data if weight else data.drop(columns="w")
    folder = write(data, tmp_path / "big", kind, n_files)
    lazy = scan_file(folder, target="y", sample_weight=weight)
    whole = data.drop(columns=["y", "w"][: 1 + bool(weight)])
    memory = whole, data["y"], data[weight] if weight else None
    host = ResampledClassifier(
        make_sklearn_pipeline(ENCODED, LINE), DOWN, full_fit=True
    )
    model, expected = (clone(host).fit(*given) for given in (lazy, memory))
    found, wanted = model.decision_.full_fit, expected.decision_.full_fit
    assert found.converged
    assert found.passes == wanted.passes
    assert found.log_loss == pytest.approx(wanted.log_loss, rel=1e-9)
    coef = model.estimator_[-1].coef_
    assert coef == pytest.approx(expected.estimator_[-1].coef_, rel=1e-6, abs=1e-9)
    assert model.calibration_check_ == pytest.approx(expected.calibration_check_)


@pytest.mark.parametrize(
    "model",
    [
        ResampledClassifier(LINE, "auto", random_state=0),
        ResampledClassifier(TREES, GUIDED),
        ResampledClassifier(TREES, DOWN, calibration_check="cv"),
        ResampledClassifier(LINE, make_pipeline(DOWN, ClassWeight("balanced"))),
        averaged(LINE, DOWN),
        make_pipeline(DOWN, StandardScaler(), LINE),
    ],
    ids=range(6),
)
def test_models_of_rows_of_files_are_those_in_memory(model, tmp_path):
    X, y, whole, labels = both(tmp_path)
    expected, model = clone(model).fit(whole, labels), clone(model).fit(X, y)
    assert np.array_equal(model.predict_proba(whole), expected.predict_proba(whole))
    checks = [getattr(each, "calibration_check_", None) for each in (model, expected)]
    assert checks[0] == checks[1]


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
    X, y, *_ = both(tmp_path)
    fit = getattr(NEEDS_ALL[message], "fit_resample", NEEDS_ALL[message].fit)
    with pytest.raises(TypeError, match=message):
        fit(X, y)


def test_rows_of_files_are_predicted_some_at_a_time(tmp_path):
    X, y, whole, _ = both(tmp_path)
    model = ResampledClassifier(LINE, DOWN).fit(X, y)
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        with pytest.raises(TypeError, match=f"time: model.{method}.X.take_rows"):
            getattr(model, method)(X)
    parts = np.array_split(np.arange(len(X)), 7)
    found = [model.predict_proba(X.take_rows(part)) for part in parts]
    assert np.allclose(np.concatenate(found), model.predict_proba(whole))


@pytest.mark.slow
def test_files_are_read_in_bounded_memory(tmp_path):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(1_500_000, 4)))
    X = X.add_prefix("x").assign(y=(X[0] > 1).astype(int))
    X.to_parquet(tmp_path / "big.parquet")
    rows, codes, _ = scan_file(tmp_path / "big.parquet", target="y")
    loss = PenalisedLogLoss(rows, codes, None, [], 1.0, intercept=True)
    before, most = pa.total_allocated_bytes(), 0
    for _ in loss._blocks():
        most = max(most, pa.total_allocated_bytes() - before)
    # The numbers of all rows are 48 megabytes.
    assert most < 24e6


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
