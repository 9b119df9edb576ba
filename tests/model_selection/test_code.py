"""Code on the page: executed, it makes the model that the comparison chose."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skstrat
from skstrat import ClassWeight, DownsampleUpweight, Strategy, compare_strategies
from skstrat.model_selection._strategies import list_strategies


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 3)), columns=list("abc"))
    y = np.where(rng.random(600) < 1 / (1 + np.exp(2 - X["a"])), "yes", "no")
    return X, y


@pytest.fixture(scope="module")
def comparison(data):
    return compare_strategies(
        LogisticRegression(), *data, strategies=[], cv=2, random_state=0
    )


def choosing(comparison, strategy, **changes):
    """Make a strategy the best, by about one unit of log loss."""
    true = comparison.outcomes[0]
    lead = 1 + 0.01 * np.arange(len(true.folds["log_loss"]))
    folds = {**true.folds, "log_loss": true.folds["log_loss"] - lead}
    best = replace(true, strategy=strategy, folds=folds)
    return replace(comparison, outcomes=(true, best), **changes)


def run(code, **given):
    exec(compile(code, "page", "exec"), given)
    return given


@pytest.mark.parametrize(
    "strategy",
    list_strategies([3.0], random_state=5, estimator=LogisticRegression())[1:],
    ids=lambda each: each.name,
)
def test_every_strategy_is_made_again(comparison, data, strategy):
    X, y = data
    chosen = choosing(comparison, strategy)
    assert chosen.best_ == strategy.name
    assert "as given" not in chosen.code_.replace("X, y: as given", "")
    made = run(chosen.code_, X=X, y=y)["model"]
    assert repr(made) == repr(chosen.build())
    np.testing.assert_array_equal(
        made.predict_proba(X), chosen.build().fit(X, y).predict_proba(X)
    )


LEARNERS = {
    "naive Bayes": GaussianNB(var_smoothing=np.float64(0.5)),
    "columns": make_pipeline(
        ColumnTransformer(
            [
                ("scaled", make_pipeline(StandardScaler()), ["a", "b"]),
                ("kept", "passthrough", slice(2, 3)),
            ],
            transformer_weights={"scaled": 0.5},
        ),
        HistGradientBoostingClassifier(max_iter=3, random_state=0),
    ),
    "skrub": None,
    "xgboost": None,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_is_made_again(comparison, data, name):
    (X, y), estimator = data, LEARNERS[name]
    if name == "skrub":
        skrub = pytest.importorskip("skrub")
        estimator = skrub.tabular_pipeline(LogisticRegression(max_iter=500))
    if name == "xgboost":
        xgboost = pytest.importorskip("xgboost")
        estimator, y = xgboost.XGBClassifier(n_estimators=3), (y == "yes") * 1
    chosen = choosing(
        comparison,
        Strategy("some", DownsampleUpweight(factor=2, random_state=0)),
        estimator=estimator,
    )
    code = chosen.code_
    assert "estimator: as given" not in code
    # A default is not written, though the signature does not name it.
    assert "=None" not in code
    made = run(code, X=X, y=y)
    expected = chosen.build().fit(X, y)
    np.testing.assert_array_equal(
        made["model"].predict_proba(X), expected.predict_proba(X)
    )
    # To the last digit, as near 1 many predictions have the first ones.
    threshold = chosen.outcomes[0].folds["threshold"].mean()
    assert made["thresholded"].threshold == threshold
    positive = made["thresholded"].predict(X) == y[y.argmax()]
    p = expected.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(positive, p >= made["thresholded"].threshold)


def test_long_lists_are_kept(comparison):
    columns = [*range(200), -7]
    estimator = HistGradientBoostingClassifier(categorical_features=columns)
    code = replace(comparison, estimator=estimator).code_
    assert "..." not in code
    made = run(code.partition("model.fit")[0])["model"]
    assert made.estimator.categorical_features == columns


def test_weights_are_passed(data):
    X, y = data
    weights = np.random.default_rng(1).uniform(0.5, 3, size=len(y))
    options = {"strategies": [], "cv": 2, "random_state": 0}
    comparison = compare_strategies(
        GaussianNB(), X, y, sample_weight=weights, **options
    )
    made = run(comparison.code_, X=X, y=y, sample_weight=weights)["model"]
    expected = comparison.build().fit(X, y, weights).predict_proba(X)
    np.testing.assert_array_equal(made.predict_proba(X), expected)


def test_without_a_threshold_there_is_none(data):
    code = compare_strategies(
        GaussianNB(), *data, strategies=[], cv=2, tune_threshold=False
    ).code_
    assert "threshold" not in code.lower()


def test_the_code_of_the_data_comes_first(comparison):
    data_code = (
        "import numpy as np\n\n"
        "X = np.arange(90.0).reshape(30, 3) % 7\n"
        "y = np.repeat(['no', 'yes'], [20, 10])\n"
    )
    code = replace(comparison, data_code=data_code).code_
    assert "as given" not in code
    assert len(run(code)["model"].classes_) == 2


def test_what_has_no_code_is_left_as_a_name(comparison, data):
    X, y = data
    estimator = make_pipeline(FunctionTransformer(lambda x: x * 2), GaussianNB())
    resampler = DownsampleUpweight(factor=3, random_state=np.random.default_rng(0))
    chosen = choosing(comparison, Strategy("a third", resampler), estimator=estimator)
    for name in ("estimator", "resampler"):
        assert f"# {name}: as given to compare_strategies.\n" in chosen.code_
    made = run(chosen.code_, X=X, y=y, estimator=estimator, resampler=resampler)
    assert made["model"].estimator is estimator
    assert made["model"].resampler is resampler


def test_two_classes_of_one_name_stay_apart(comparison, data):
    X, y = data
    resampler = skstrat.make_pipeline(DownsampleUpweight(factor=2), ClassWeight())
    estimator = make_pipeline(StandardScaler(), GaussianNB())
    chosen = choosing(comparison, Strategy("both", resampler), estimator=estimator)
    made = run(chosen.code_, X=X, y=y, resampler=resampler)["model"]
    assert type(made.estimator) is type(estimator)
    assert made.resampler is resampler
