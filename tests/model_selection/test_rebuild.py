"""Code on the page: executed, it makes the model that the comparison chose."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import skstrat
from skstrat import DownsampleUpweight, Strategy
from skstrat.model_selection._compare import compare_strategies
from skstrat.model_selection._rebuild import CodeWriter, NotCodeError, rebuild_code
from skstrat.model_selection._strategies import list_strategies


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    y = np.where(rng.random(600) < 1 / (1 + np.exp(2 - X[:, 0])), "yes", "no")
    return X, y


@pytest.fixture(scope="module")
def comparison(data):
    return compare_strategies(
        LogisticRegression(), *data, strategies=[], cv=2, random_state=0
    )


def choosing(comparison, strategy):
    """Make a strategy the best, by one unit of log loss."""
    true = comparison.outcomes[0]
    folds = {**true.folds, "log_loss": true.folds["log_loss"] - 1}
    best = replace(true, strategy=strategy, folds=folds)
    return replace(comparison, outcomes=(true, best))


def run(code, **given):
    exec(compile(code, "page", "exec"), given)
    return given


def written(value):
    """Write a value and make it again."""
    code = CodeWriter()
    text = code.write(value)
    return text, run("\n".join([*code.imports(), f"made = {text}"]))["made"]


@pytest.mark.parametrize(
    "strategy", list_strategies([3.0], random_state=5), ids=lambda each: each.name
)
def test_executed_it_gives_the_same_predictions(comparison, data, strategy):
    X, y = data
    chosen = choosing(comparison, strategy) if strategy.resampler else comparison
    made = run(rebuild_code(chosen), X=X, y=y)
    expected = chosen.build().fit(X, y)
    assert chosen.best_ == strategy.name
    assert repr(made["model"]) == repr(expected)
    np.testing.assert_array_equal(
        made["model"].predict_proba(X), expected.predict_proba(X)
    )


@pytest.mark.parametrize(
    "names", [("no", "yes"), (0, 1), (False, True), (1.0, -1.0), ("a'b", 'c"\\d')]
)
def test_it_decides_at_the_mean_threshold(data, names):
    X, y = data
    rare = y == "yes"
    labels = np.where(rare, names[1], names[0])
    comparison = compare_strategies(
        GaussianNB(), X, labels, strategies=[], cv=2, random_state=0
    )
    made = run(rebuild_code(comparison), X=X, y=labels)
    mean = comparison.outcomes[0].folds["threshold"].mean()
    column = list(made["model"].classes_).index(names[1])
    p = made["model"].predict_proba(X)[:, column]
    found = made["thresholded"].predict(X) == names[1]
    assert made["thresholded"].threshold == pytest.approx(mean, rel=1e-3)
    np.testing.assert_array_equal(found, p >= made["thresholded"].threshold)
    assert 0 < found.sum() < len(X)


def test_own_class_weights_are_undone_as_in_the_comparison(comparison, data):
    X, y = data
    balanced = LogisticRegression(class_weight="balanced")
    chosen = replace(comparison, estimator=balanced)
    model = run(rebuild_code(chosen), X=X, y=y)["model"]
    expected = chosen.build().fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert balanced.fit(X, y).predict_proba(X)[:, 1].mean() > 2 * expected[:, 1].mean()


def test_weights_are_passed(data):
    X, y = data
    weights = np.random.default_rng(1).uniform(0.5, 3, size=len(y))
    comparison = compare_strategies(
        LogisticRegression(),
        X,
        y,
        strategies=[],
        cv=2,
        random_state=0,
        sample_weight=weights,
    )
    made = run(rebuild_code(comparison), X=X, y=y, sample_weight=weights)
    expected = comparison.build().fit(X, y, weights).predict_proba(X)
    unweighted = comparison.build().fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(made["model"].predict_proba(X), expected)
    assert not np.array_equal(expected, unweighted)


def test_without_a_threshold_there_is_none(comparison):
    code = rebuild_code(
        replace(
            comparison,
            cross_validation=replace(comparison.cross_validation, positive=None),
        )
    )
    assert "FixedThreshold" not in code
    assert "thresholded" not in code


def test_the_preamble_comes_first_and_is_used(comparison):
    preamble = (
        "import numpy as np\n"
        "from sklearn.naive_bayes import GaussianNB\n\n"
        "X = np.arange(90.0).reshape(30, 3) % 7\n"
        "y = np.repeat(['no', 'yes'], [20, 10])\n"
        "estimator = GaussianNB(var_smoothing=0.5)\n"
    )
    code = rebuild_code(replace(comparison, data_code=preamble))
    made = run(code)
    assert made["model"].estimator is made["estimator"]
    assert made["model"].estimator_.var_smoothing == 0.5
    assert "as given" not in code


def test_what_has_no_code_is_left_as_a_name(comparison, data):
    X, y = data
    estimator = make_pipeline(FunctionTransformer(lambda x: x * 2), GaussianNB())
    resampler = DownsampleUpweight(factor=3, random_state=np.random.default_rng(0))
    chosen = choosing(comparison, Strategy("a 'third'", resampler))
    code = rebuild_code(replace(chosen, estimator=estimator))
    made = run(code, X=X, y=y, estimator=estimator, resampler=resampler)
    assert "# estimator: as given to compare_strategies." in code
    assert "given to compare_strategies in the strategy \"a 'third'\"." in code
    assert made["model"].estimator is estimator
    assert made["model"].resampler is resampler


ESTIMATORS = [
    LogisticRegression(C=np.float64(0.25), max_iter=np.int64(500)),
    SimpleImputer(missing_values=np.nan, fill_value=math.inf),
    SimpleImputer(missing_values=-1, strategy="constant", fill_value=np.nan),
    HistGradientBoostingClassifier(categorical_features=list(range(60))),
    make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), [0, 1]),
                ("text", OneHotEncoder(dtype=np.float32), ["it's", 'a "name"']),
                ("rest", "passthrough", slice(2, 5)),
            ],
            transformer_weights={"numbers": 0.5},
        ),
        SelectKBest(chi2, k=3),
        FunctionTransformer(np.log1p, check_inverse=False),
        HistGradientBoostingClassifier(
            max_iter=20, random_state=0, class_weight={0: 1.5, 1: np.nan}
        ),
    ),
    Pipeline([("inner", skstrat.Pipeline([("last", LogisticRegression(C=2))]))]),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=range(len(ESTIMATORS)))
def test_estimators_are_written_whole(estimator):
    text, made = written(estimator)
    assert type(made) is type(estimator)
    assert "..." not in text
    assert max(map(len, text.splitlines())) <= 88
    again = made.get_params()
    for name, value in estimator.get_params().items():
        plain = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, BaseEstimator):
            assert type(again[name]) is type(value)
        elif not isinstance(value, (list, np.ndarray)):
            assert repr(again[name]) == repr(plain)
        else:
            assert len(again[name]) == len(value)


def test_long_lists_of_numbers_are_kept():
    columns = [*range(200), -7, 1.5e-300]
    _, made = written(HistGradientBoostingClassifier(categorical_features=columns))
    assert made.categorical_features == columns


def test_two_classes_of_one_name_stay_apart():
    inner = skstrat.Pipeline([("last", LogisticRegression())])
    _, made = written(Pipeline([("inner", inner)]))
    assert type(made) is Pipeline
    assert type(made.named_steps["inner"]) is skstrat.Pipeline


def test_only_public_names_are_imported():
    code = CodeWriter()
    assert code.name(LogisticRegression) == "LogisticRegression"
    assert code.name(DownsampleUpweight) == "DownsampleUpweight"
    assert code.imports() == [
        "from sklearn.linear_model import LogisticRegression",
        "from skstrat import DownsampleUpweight",
    ]


def local_class():
    class Inner(BaseEstimator):
        pass

    return Inner()


@pytest.mark.parametrize(
    "value",
    [
        lambda x: x,
        np.arange(3),
        np.random.default_rng(0),
        local_class(),
        [1, {"a": (lambda: 0,)}],
        iter([]),
    ],
    ids=range(6),
)
def test_what_cannot_be_written_is_refused(value):
    writer = CodeWriter()
    with pytest.raises(NotCodeError, match=r"public name|is not what"):
        writer.write(value)


simple = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()
)
keys = st.one_of(st.integers(), st.text())
values = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(keys, inner),
    ),
    max_leaves=30,
)


@given(values)
def test_values_come_back(value):
    _, made = written(value)
    assert type(made) is type(value)
    # repr tells 1 from 1.0 and True, knows -0.0, and has nan equal to nan.
    assert repr(made) == repr(value)


@pytest.mark.parametrize("value", [set(), {1, "a"}, (1,), (1, 2), [[-1, 2.5], ()]])
def test_collections_come_back(value):
    _, made = written(value)
    assert type(made) is type(value)
    assert made == value
