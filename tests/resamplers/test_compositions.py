"""Samplers one after the other, and samplers of others: rows, weights, refusals."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as StockPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skstrat import (
    CalibrationWarning,
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    Pipeline,
    RandomOversample,
    ResampledClassifier,
    ResampledEnsembleClassifier,
    Weighted,
    compare_strategies,
    correct_prior,
    make_pipeline,
)
from skstrat.resamplers._any_sampler import resample


class OddRows(BaseEstimator):
    """A sampler of three results: every other row, each weighing two."""

    def __init__(self, results=3, weight=2.0, says_rows=True):
        self.results = results
        self.weight = weight
        self.says_rows = says_rows

    def fit_resample(self, X, y):
        rows = np.arange(1, len(X), 2)
        if self.says_rows:
            self.sample_indices_ = rows
        weights = np.full(len(rows), self.weight)
        return (X[rows], y[rows], weights, "more")[: self.results]


class WeightedOddRows(OddRows):
    """The same, told of incoming weights."""

    def fit_resample(self, X, y, sample_weight=None):
        X, y, weights = super().fit_resample(X, y)
        return X, y, weights if sample_weight is None else weights * sample_weight[1::2]


@pytest.fixture(params=[0, 1, 2])
def table(request):
    """Rows that say who they are, of three classes, and incoming weights."""
    rng = np.random.default_rng(request.param)
    y = rng.permutation(np.repeat(["a", "b", "c"], [3000, 300, 60]))
    X = np.column_stack([np.arange(len(y)), rng.normal(size=(len(y), 2))])
    X[:, 1] += y == "c"
    return X, y, rng.lognormal(size=len(y))


def down(factor, seed=0, **params):
    return DownsampleUpweight(factor=factor, random_state=seed, **params)


def under(ratio, seed=0):
    # For classes b and c it keeps all rows.
    return RandomUnderSampler(
        sampling_strategy=lambda y: {"a": int(ratio * np.sum(y == "a"))},
        random_state=seed,
    )


def smote(seed=0):
    return Weighted(
        SMOTE(sampling_strategy={"c": 90}, random_state=seed), synthetic_weight=0.5
    )


CHAINS = {
    "two draws": lambda: [down(4), down(5, 1)],
    "three": lambda: [down(3), ClassWeight({"c": 3.0}), down({"b": 2.0}, 1)],
    "repeated rows": lambda: [down(5), RandomOversample(random_state=0)],
    "two results first": lambda: [under(0.5), down(4)],
    "two results last": lambda: [down(4), under(0.5)],
    "two results alone": lambda: [under(0.5), under(0.5, 1)],
    "made rows": lambda: [down(4), smote(), down(2, 1)],
    "made rows first": lambda: [smote(), down({"a": 4.0, "b": 2.0})],
    "three results": lambda: [down(4), OddRows(), ClassWeight({"c": 3.0})],
    "nested": lambda: [down(2), make_pipeline(down(3, 1), down(2, 2))],
}


@pytest.mark.parametrize("given", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("kind", [Pipeline, StockPipeline], ids=["ours", "stock"])
def test_rows_and_parts_of_weights_are_those_of_the_data(table, chain, given, kind):
    X, y, incoming = table
    incoming = incoming if given else None
    if given and chain.startswith("made"):
        incoming = np.where(y == "a", 2.0, 3.0)
    samplers = CHAINS[chain]()
    steps = [(str(number), sampler) for number, sampler in enumerate(samplers)]
    resampled = resample(kind(steps), X, y, incoming)

    by_hand = X, y, incoming
    for sampler in CHAINS[chain]():
        step = resample(sampler, *by_hand)
        by_hand = step.X, step.y, step.weights
    np.testing.assert_array_equal(resampled.X, by_hand[0])
    np.testing.assert_array_equal(resampled.y, by_hand[1])
    real = resampled.rows >= 0
    np.testing.assert_array_equal(resampled.X[real, 0], resampled.rows[real])
    assert real.all() == (not chain.startswith("made"))
    assert resampled.samples.y is y
    assert resampled.original[1].tolist() == [3000, 300, 60]
    if by_hand[2] is None:
        assert resampled.weights is None
        return
    np.testing.assert_array_equal(resampled.weights, by_hand[2])
    product = np.ones(len(real))
    if given or not real.all():
        product = resampled.incoming.copy()
        own = np.ones(len(y)) if incoming is None else incoming
        np.testing.assert_array_equal(product[real], own[resampled.rows[real]])
    else:
        assert resampled.incoming is None
    if resampled.within_class is not None:
        product *= resampled.within_class
    if resampled.class_weight is not None:
        product *= resampled.class_weight[resampled.labels.codes]
    np.testing.assert_allclose(product, resampled.weights, rtol=1e-12)


def test_a_draw_at_random_stays_one_and_no_other_becomes_one(table):
    X, y, _ = table
    assert resample(make_pipeline(down(4), down(2, 1)), X, y, None).at_random
    assert resample(make_pipeline(down(4), under(0.5)), X, y, None).at_random
    for other in (OddRows(), smote()):
        assert not resample(make_pipeline(down(4), other), X, y, None).at_random
    strata = down(2, 1, strata=lambda X, y: X[:, 2] > 0)
    assert not resample(make_pipeline(down(4), strata), X, y, None).at_random
    first = resample(make_pipeline(strata, down(4)), X, y, None)
    assert first.at_random
    assert first.cells is not None


def test_one_sampler_or_none_is_as_without_a_pipeline(table):
    X, y, incoming = table
    alone = resample(down(4), X, y, incoming)
    steps = [("nothing", None), ("down", down(4)), ("also", "passthrough")]
    piped = resample(Pipeline(steps), X, y, incoming)
    np.testing.assert_array_equal(alone.rows, piped.rows)
    np.testing.assert_array_equal(alone.weights, piped.weights)
    assert piped.plan == alone.plan
    empty = resample(Pipeline([("nothing", "passthrough")]), X, y, incoming)
    assert empty.X is X
    assert not empty.moves_rows


def test_rows_of_zero_weight_are_not_there(table):
    X, y, incoming = table
    incoming = np.where(X[:, 2] > 1, 0.0, incoming)
    resampled = resample(make_pipeline(down(4), down(2, 1)), X, y, incoming)
    assert (incoming[resampled.rows] > 0).all()
    np.testing.assert_array_equal(resampled.X[:, 0], resampled.rows)
    for label in "abc":
        total = resampled.weights[resampled.y == label].sum()
        assert total == pytest.approx(incoming[y == label].sum(), rel=1e-12)


def test_the_classifier_withholds_the_class_part_and_corrects_the_prior(table):
    X, y, _ = table
    X = X[:, 1:]
    chain = make_pipeline(down(4), under(0.5), ClassWeight({"c": 3.0}))
    model = ResampledClassifier(GaussianNB(), chain, calibration_check=False)
    model.fit(X, y)
    resampled = resample(chain, X, y, None)
    witness = GaussianNB().fit(resampled.X, resampled.y)
    counts = np.unique(resampled.y, return_counts=True)[1]
    assert model.decision_.weights == "none"
    np.testing.assert_array_equal(model.train_prior_, counts)
    np.testing.assert_array_equal(model.target_prior_, [3000, 300, 60])
    np.testing.assert_allclose(
        model.predict_proba(X),
        correct_prior(
            witness.predict_proba(X), train_prior=counts, target_prior=[3000, 300, 60]
        ),
        atol=1e-12,
    )


def test_the_classifier_passes_all_weights_to_a_linear_model(table):
    X, y, incoming = table
    X = X[:, 1:]
    chain = make_pipeline(down(4), down(2, 1))
    model = ResampledClassifier(LogisticRegression(), chain).fit(X, y, incoming)
    drawn, labels, weights = chain.fit_resample(X, y, sample_weight=incoming)
    witness = LogisticRegression().fit(drawn, labels, sample_weight=weights)
    np.testing.assert_allclose(
        model.predict_proba(X), witness.predict_proba(X), atol=1e-6
    )


@pytest.mark.parametrize(
    "chain",
    [
        lambda seed: make_pipeline(down(4, seed), down(3, seed + 7)),
        lambda seed: make_pipeline(under(0.3, seed), down(3, seed)),
        lambda seed: make_pipeline(down(3, seed), under(0.3, seed)),
        lambda seed: StockPipeline([("a", under(0.3, seed)), ("b", under(0.5, seed))]),
        lambda seed: make_pipeline(down(4, seed), OddRows()),
    ],
    ids=["ours", "stock first", "stock last", "stock alone", "three results"],
)
@pytest.mark.parametrize("learner", [LogisticRegression, GaussianNB])
def test_probabilities_are_those_of_the_data(chain, learner):
    # Two independent normal columns: naive Bayes and logistic regression are right.
    for seed in range(3):
        rng = np.random.default_rng(seed)
        y = np.where(rng.random(20_000) < 0.05, "b", "a")
        X = rng.normal(size=(20_000, 2)) + (y == "b")[:, None]
        model = ResampledClassifier(learner(), chain(seed)).fit(X, y)
        fresh_y = rng.random(20_000) < 0.05
        fresh = rng.normal(size=(20_000, 2)) + fresh_y[:, None]
        p = model.predict_proba(fresh)[:, 1]
        # A model of 1000 positives and 1500 or more negatives is off by 4 %, the fresh
        # share by 3 %; three standard errors of both.
        assert p.mean() == pytest.approx(fresh_y.mean(), rel=0.15)


@pytest.mark.parametrize(
    "chain",
    [
        make_pipeline(down(4), down(2, 1)),
        make_pipeline(RandomUnderSampler(random_state=0), down(2, 1)),
        make_pipeline(down(4, strata=lambda X, y: X[:, 0] > 0), down(2, 1)),
        make_pipeline(down(4), down(2, 1, strata=lambda X, y: X[:, 0] > 0)),
    ],
    ids=["ours", "stock first", "strata first", "strata last"],
)
def test_a_composition_is_checked_by_the_rows_it_dropped(chain):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        y = (rng.random(20_000) < 0.05).astype(int)
        X = rng.normal(size=(20_000, 2)) + y[:, None]
        model = ResampledClassifier(LogisticRegression(), chain).fit(X, y)
        check = model.decision_.check
        for label, error in check.standard_errors.items():
            assert error < 0.06
            assert check.ratios[label] == pytest.approx(1, abs=3 * error)
        wrong = ResampledClassifier(DecisionTreeClassifier(random_state=0), chain)
        with pytest.warns(CalibrationWarning, match="by the rows that were dropped"):
            wrong.fit(X, y)


@pytest.mark.parametrize(
    "pipeline",
    [
        lambda: make_pipeline(StandardScaler(), down(4)),
        lambda: make_pipeline(down(4), StandardScaler(), down(2)),
        lambda: make_pipeline(down(4), make_pipeline(StandardScaler(), down(2))),
        lambda: StockPipeline(
            [("scale", StandardScaler()), ("under", RandomUnderSampler())]
        ),
    ],
    ids=["before", "between", "nested", "stock"],
)
def test_a_transformer_in_it_is_refused(table, pipeline):
    X, y, _ = table
    words = r"StandardScaler, which would change rows .* Put transformers into the"
    resampled = ResampledClassifier(LogisticRegression(), pipeline())
    ensemble = ResampledEnsembleClassifier(
        LogisticRegression(), pipeline(), n_estimators=2
    )
    around = Pipeline([("inside", pipeline()), ("last", LogisticRegression())])
    for model in (resampled, ensemble, around):
        with pytest.raises(TypeError, match=words):
            model.fit(X, y)


def test_a_nested_pipeline_is_as_its_steps_in_the_outer_one(table, tmp_path):
    X, y, incoming = table
    inner = make_pipeline(down(4), ClassWeight({"c": 2.0}))
    for memory in (None, str(tmp_path / "cache")):
        nested = Pipeline(
            [("in", inner), ("z", StandardScaler()), ("lr", LogisticRegression())],
            memory=memory,
        )
        flat = make_pipeline(
            down(4), ClassWeight({"c": 2.0}), StandardScaler(), LogisticRegression()
        )
        for weights in (None, incoming):
            nested.fit(X, y, sample_weight=weights)
            flat.fit(X, y, sample_weight=weights)
            np.testing.assert_array_equal(
                nested.predict_proba(X), flat.predict_proba(X)
            )
    result = Pipeline([("in", inner), ("more", down(2, 1))]).fit_resample(X, y)
    assert len(result) == 3
    plain = nested.to_sklearn()
    np.testing.assert_array_equal(plain.predict_proba(X), nested.predict_proba(X))


def test_ensembles_and_comparisons_take_a_composition(table):
    X, y, _ = table
    X, y = X[:, 1:], np.where(y == "a", "a", "b")
    chain = make_pipeline(down(2), down(2))
    ensemble = ResampledEnsembleClassifier(
        GaussianNB(), chain, n_estimators=3, random_state=0
    ).fit(X, y)
    assert ensemble.predict_proba(X)[:, 1].mean() == pytest.approx(0.107, rel=0.15)
    seeds = {
        model.resampler_.steps[place][1].random_state
        for model in ensemble.estimators_
        for place in (0, 1)
    }
    assert len(seeds) == 6
    compared = compare_strategies(
        GaussianNB(), X, y, strategies={"two draws": chain}, cv=2, random_state=0
    )
    assert list(compared.table_.index) == ["true distribution", "two draws"]


def test_guided_rows_in_a_composition_are_refused_by_the_classifier(table):
    X, y, _ = table
    X = X[:, 1:]
    guided = GuidedDownsample(factor=4, random_state=0, pilot=LogisticRegression())
    chain = make_pipeline(down(2), guided)
    model = ResampledClassifier(HistGradientBoostingClassifier(max_iter=2), chain)
    with pytest.raises(ValueError, match="GuidedDownsample alone, not in a pipeline"):
        model.fit(X, y)
    nested = make_pipeline(chain, LogisticRegression()).fit(X, y)
    assert nested.predict_proba(X).shape == (len(X), 3)


@pytest.mark.parametrize("sampler", [OddRows(), WeightedOddRows()])
def test_weights_of_a_sampler_of_three_results_are_taken_as_its_own(table, sampler):
    X, y, incoming = table
    for given in (None, incoming):
        resampled = resample(sampler, X, y, given)
        own = np.ones(len(y)) if given is None else given
        np.testing.assert_allclose(
            resampled.weights, 2 * own[resampled.rows], rtol=1e-15
        )
        np.testing.assert_allclose(resampled.class_weight, 2, rtol=1e-12)
        assert resampled.within_class is None
    features = X[:, 1:]
    model = make_pipeline(sampler, LogisticRegression()).fit(features, y)
    witness = LogisticRegression().fit(
        features[1::2], y[1::2], sample_weight=np.full(len(y) // 2, 2.0)
    )
    np.testing.assert_allclose(
        model.predict_proba(features), witness.predict_proba(features), atol=1e-6
    )


def test_weights_that_differ_within_a_class_are_passed_to_every_model(table):
    X, y, _ = table

    class OwnWeights(OddRows):
        def fit_resample(self, X, y):
            return X, y, 1 + (np.arange(len(X)) % 3)

    model = ResampledClassifier(GaussianNB(), OwnWeights()).fit(X, y)
    assert model.decision_.weights == "incoming"
    resampled = resample(OwnWeights(), X, y, None)
    product = resampled.within_class * resampled.class_weight[resampled.labels.codes]
    np.testing.assert_allclose(product, resampled.weights, rtol=1e-12)


def test_another_number_of_results_is_refused_in_words(table):
    X, y, incoming = table
    for number in (1, 4):
        model = ResampledClassifier(GaussianNB(), OddRows(results=number))
        with pytest.raises(TypeError, match=rf"OddRows returned {number} result\(s\)"):
            model.fit(X, y)
    with pytest.raises(ValueError, match="finite and positive weight for each row"):
        ResampledClassifier(GaussianNB(), OddRows(weight=0.0)).fit(X, y)
    with pytest.raises(TypeError, match=r"returned 3 result\(s\).*needs no Weighted"):
        Weighted(OddRows()).fit_resample(X, y)
    silent = OddRows(says_rows=False)
    assert resample(silent, X, y, None).rows is None
    with pytest.raises(ValueError, match="OddRows does not say which rows it kept"):
        resample(silent, X, y, incoming)
    told = WeightedOddRows(says_rows=False)
    np.testing.assert_array_equal(
        resample(told, X, y, incoming).weights, 2 * incoming[1::2]
    )


def test_which_samplers_add_rows(table):
    X, y, _ = table
    adding = [
        RandomOversample(random_state=0),
        RandomOverSampler(random_state=0),
        SMOTE(random_state=0),
        smote(),
        make_pipeline(down(4), RandomOversample(random_state=0)),
        StockPipeline([("a", under(0.5)), ("b", SMOTE(random_state=0))]),
    ]
    for sampler in adding:
        assert resample(sampler, X, y, None).adds_rows, sampler
    others = [
        None,
        down(4),
        under(0.5),
        ClassWeight(),
        OddRows(),
        OddRows(says_rows=False),
        RandomOversample(sampling_strategy={"c": 60}, random_state=0),
        make_pipeline(down(4), under(0.5)),
    ]
    for sampler in others:
        assert not resample(sampler, X, y, None).adds_rows, sampler
