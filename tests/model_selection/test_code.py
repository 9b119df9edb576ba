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

OPTIONS = {"strategies": [], "cv": 2, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 3)), columns=list("abc"))
    y = np.where(rng.random(600) < 1 / (1 + np.exp(2 - X["a"])), "yes", "no")
    return X, y


@pytest.fixture(scope="module")
def comparison(data):
    return compare_strategies(LogisticRegression(), *data, **OPTIONS)


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
    made, expected = run(chosen.code_, X=X, y=y)["model"], chosen.build()
    assert repr(made) == repr(expected)
    p = expected.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(made.predict_proba(X), p)


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
    strategy = Strategy("some", DownsampleUpweight(factor=2, random_state=0))
    chosen = choosing(comparison, strategy, estimator=estimator)
    assert "estimator: as given" not in chosen.code_
    # A default is not written, though the signature does not name it.
    assert "=None" not in chosen.code_
    made, p = run(chosen.code_, X=X, y=y), chosen.build().fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(made["model"].predict_proba(X), p)
    # To the last digit, as near 1 many predictions have the first ones.
    threshold = chosen.outcomes[0].folds["threshold"].mean()
    assert made["thresholded"].threshold == threshold
    positive = made["thresholded"].predict(X) == y[y.argmax()]
    np.testing.assert_array_equal(positive, p[:, 1] >= threshold)


def test_long_lists_and_the_code_of_the_data(comparison):
    columns = [*range(200), -7]
    estimator = HistGradientBoostingClassifier(categorical_features=columns)
    code = replace(comparison, estimator=estimator).code_
    assert "..." not in code
    made = run(code.partition("model.fit")[0])["model"]
    assert made.estimator.categorical_features == columns
    data_code = (
        "import numpy as np\n\n"
        "X = np.arange(90.0).reshape(30, 3) % 7\n"
        "y = np.repeat(['no', 'yes'], [20, 10])\n"
    )
    code = replace(comparison, data_code=data_code).code_
    assert "as given" not in code
    assert len(run(code)["model"].classes_) == 2


def test_weights_are_passed_and_without_thresholds_there_is_none(data):
    X, y = data
    words = {"sample_weight": np.random.default_rng(1).uniform(0.5, 3, size=len(y))}
    comparison = compare_strategies(
        GaussianNB(), X, y, tune_threshold=False, **words, **OPTIONS
    )
    assert "threshold" not in comparison.code_.lower()
    made = run(comparison.code_, X=X, y=y, **words)["model"]
    expected = comparison.build().fit(X, y, words["sample_weight"])
    np.testing.assert_array_equal(made.predict_proba(X), expected.predict_proba(X))


GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("step", "resampler", "names"),
    [
        (
            FunctionTransformer(lambda x: x * 2),
            DownsampleUpweight(factor=3, random_state=GENERATOR),
            ("estimator", "resampler"),
        ),
        # Two classes of one name stay apart.
        (
            StandardScaler(),
            skstrat.make_pipeline(DownsampleUpweight(factor=2), ClassWeight()),
            ("resampler",),
        ),
    ],
    ids=["no code", "one name"],
)
def test_what_has_no_code_is_left_as_a_name(comparison, data, step, resampler, names):
    estimator = make_pipeline(step, GaussianNB())
    chosen = choosing(comparison, Strategy("own", resampler), estimator=estimator)
    given = {"estimator": estimator, "resampler": resampler}
    given = {name: given[name] for name in names}
    for name in names:
        assert f"# {name}: as given to compare_strategies.\n" in chosen.code_
    made = run(chosen.code_, X=data[0], y=data[1], **given)["model"]
    for name in names:
        assert getattr(made, name) is given[name]
    assert type(made.estimator) is type(estimator)
