"""Samplers one after the other, and samplers of others: rows, weights, refusals."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as StockPipeline
from imblearn.under_sampling import NearMiss, RandomUnderSampler
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


# Rows that say who they are, of three classes, and incoming weights.
RNG = np.random.default_rng(0)
Y = RNG.permutation(np.repeat(["a", "b", "c"], [3000, 300, 60]))
X = np.column_stack([np.arange(len(Y)), RNG.normal(size=(len(Y), 2))])
X[:, 1] += Y == "c"
WEIGHT = RNG.lognormal(size=len(Y))


def down(factor, seed=0, **params):
    return DownsampleUpweight(factor=factor, random_state=seed, **params)


def under(ratio, seed=0):
    # For classes b and c it keeps all rows.
    return RandomUnderSampler(
        sampling_strategy=lambda y: {"a": int(ratio * np.sum(y == "a"))},
        random_state=seed,
    )


def smote(seed=0):
    sampler = SMOTE(sampling_strategy={"c": 90}, random_state=seed)
    return Weighted(sampler, synthetic_weight=0.5)


def second_half(X, y):
    return X[:, 2] > 0


CHAINS = {
    "three": lambda: [down(3), ClassWeight({"c": 3.0}), down({"b": 2.0}, 1)],
    "repeated rows": lambda: [down(5), RandomOversample(random_state=0)],
    "strata": lambda: [down(3, strata=second_half), down(2, 1)],
    "two results first": lambda: [under(0.5), down(4)],
    "two results last": lambda: [down(4), under(0.5)],
    "two results alone": lambda: [under(0.5), under(0.5, 1)],
    "made rows": lambda: [down(4), smote(), down(2, 1)],
    "made rows first": lambda: [smote(), down({"a": 4.0, "b": 2.0})],
    "three results": lambda: [down(4), OddRows(), ClassWeight({"c": 3.0})],
    "nested": lambda: [down(2), make_pipeline(down(3, 1), down(2, 2))],
}


@pytest.mark.parametrize("given", ["no weights", "weights", "zeros"])
@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("kind", [Pipeline, StockPipeline], ids=["ours", "stock"])
def test_rows_and_parts_of_weights_are_those_of_the_data(chain, given, kind):
    incoming = None if given == "no weights" else WEIGHT
    if given != "no weights" and chain.startswith("made"):
        incoming = np.where(Y == "a", 2.0, 3.0)
    if given == "zeros":
        incoming = np.where(X[:, 2] > 1, 0.0, incoming)
    steps = [(str(number), sampler) for number, sampler in enumerate(CHAINS[chain]())]
    steps.insert(1, ("nothing", "passthrough"))
    resampled = resample(kind(steps), X, Y, incoming)
    by_hand = X, Y, incoming
    for sampler in CHAINS[chain]():
        step = resample(sampler, *by_hand)
        by_hand = step.X, step.y, step.weights
    np.testing.assert_array_equal(resampled.X, by_hand[0])
    np.testing.assert_array_equal(resampled.y, by_hand[1])
    real = resampled.rows >= 0
    np.testing.assert_array_equal(resampled.X[real, 0], resampled.rows[real])
    assert real.all() == (not chain.startswith("made"))
    if by_hand[2] is None:
        assert resampled.weights is None
        return
    np.testing.assert_array_equal(resampled.weights, by_hand[2])
    product = np.ones(len(real))
    if incoming is not None or not real.all():
        product = resampled.incoming.copy()
        own = np.ones(len(Y)) if incoming is None else incoming
        np.testing.assert_array_equal(product[real], own[resampled.rows[real]])
    else:
        assert resampled.incoming is None
    if resampled.within_class is not None:
        product *= resampled.within_class
    if resampled.class_weight is not None:
        product *= resampled.class_weight[resampled.labels.codes]
    np.testing.assert_allclose(product, resampled.weights, rtol=1e-12)


def test_a_draw_at_random_stays_one_and_no_other_becomes_one():
    strata = down(2, 1, strata=second_half)
    for chain, at_random in (
        ([down(4), down(2, 1)], True),
        ([down(4), under(0.5)], True),
        ([strata, down(4)], True),
        ([down(4), strata], False),
        ([down(4), OddRows()], False),
        ([down(4), smote()], False),
    ):
        assert resample(make_pipeline(*chain), X, Y, None).at_random == at_random
    empty = resample(Pipeline([("nothing", "passthrough")]), X, Y, WEIGHT)
    assert empty.X is X
    assert not empty.moves_rows


def test_which_samplers_add_rows():
    for sampler, adds in (
        (RandomOversample(random_state=0), True),
        (RandomOverSampler(random_state=0), True),
        (SMOTE(random_state=0), True),
        (smote(), True),
        (make_pipeline(down(4), RandomOversample(random_state=0)), True),
        (StockPipeline([("a", under(0.5)), ("b", SMOTE(random_state=0))]), True),
        (None, False),
        (down(4), False),
        (under(0.5), False),
        (OddRows(says_rows=False), False),
        (RandomOversample(sampling_strategy={"c": 60}, random_state=0), False),
        (make_pipeline(down(4), under(0.5)), False),
    ):
        assert resample(sampler, X, Y, None).adds_rows == adds, sampler


def test_samplers_that_choose_by_values_and_label_sets_without_classes():
    chain = make_pipeline(down(4), NearMiss())
    assert resample(chain, X[:, 1:], Y, None).chosen_by == ["NearMiss"]
    assert resample(make_pipeline(down(4), under(0.5)), X, Y, None).chosen_by == []
    sets = np.column_stack([Y == "a", X[:, 2] > 1]).astype(int)
    labelled = down({0: 5.0, 1: 2.0})
    alone = resample(labelled, X, sets, None)
    resampled = resample(make_pipeline(labelled, OddRows(results=2)), X, sets, None)
    np.testing.assert_array_equal(resampled.weights, alone.weights[1::2])
    np.testing.assert_array_equal(resampled.rows, alone.rows[1::2])
    assert resampled.class_weight is None


def test_the_classifier_withholds_the_class_part_and_corrects_the_prior():
    chain = make_pipeline(down(4), under(0.5), ClassWeight({"c": 3.0}))
    model = ResampledClassifier(GaussianNB(), chain, calibration_check=False)
    p = model.fit(X[:, 1:], Y).predict_proba(X[:, 1:])
    resampled = resample(chain, X[:, 1:], Y, None)
    q = GaussianNB().fit(resampled.X, resampled.y).predict_proba(X[:, 1:])
    counts = np.unique(resampled.y, return_counts=True)[1]
    assert model.decision_.weights == "none"
    np.testing.assert_array_equal(model.train_prior_, counts)
    np.testing.assert_array_equal(model.target_prior_, [3000, 300, 60])
    priors = {"train_prior": counts, "target_prior": [3000, 300, 60]}
    np.testing.assert_allclose(p, correct_prior(q, **priors), atol=1e-12)
    chain = make_pipeline(down(4), down(2, 1))
    linear = ResampledClassifier(LogisticRegression(), chain).fit(X[:, 1:], Y, WEIGHT)
    drawn, labels, w = chain.fit_resample(X[:, 1:], Y, sample_weight=WEIGHT)
    witness = LogisticRegression().fit(drawn, labels, sample_weight=w)
    expected = witness.predict_proba(X[:, 1:])
    np.testing.assert_allclose(linear.predict_proba(X[:, 1:]), expected, atol=1e-6)


def two_normal_columns(seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(20_000) < 0.05).astype(int)
    return rng.normal(size=(20_000, 2)) + y[:, None], y


@pytest.mark.parametrize(
    "chain",
    [
        [down(4), down(2, 1)],
        [RandomUnderSampler(random_state=0), down(2, 1)],
        [down(4), RandomUnderSampler(random_state=0)],
        [down(4, strata=lambda X, y: X[:, 0] > 0), down(2, 1)],
        [down(4), OddRows()],
    ],
    ids=["ours", "stock first", "stock last", "strata", "three results"],
)
def test_probabilities_are_those_of_the_data_and_checked(chain):
    X, y = two_normal_columns(0)
    fresh, told = two_normal_columns(1)
    dropped = "" if isinstance(chain[-1], OddRows) else "by the rows that were dropped"
    chain = make_pipeline(*chain)
    # Both models are right. One of 1000 positives and 1500 or more negatives is off by
    # 4 %, the fresh share by 3 %; three standard errors of both.
    for learner in (LogisticRegression(), GaussianNB()):
        model = ResampledClassifier(learner, chain).fit(X, y)
        p = model.predict_proba(fresh)[:, 1]
        assert p.mean() == pytest.approx(told.mean(), rel=0.15)
    check = model.decision_.check
    for label, error in check.standard_errors.items():
        assert check.ratios[label] == pytest.approx(1, abs=3 * error)
    wrong = ResampledClassifier(DecisionTreeClassifier(random_state=0), chain)
    with pytest.warns(CalibrationWarning, match=dropped):
        wrong.fit(X, y)


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(StandardScaler(), down(4)),
        make_pipeline(down(4), make_pipeline(StandardScaler(), down(2))),
        StockPipeline([("scale", StandardScaler()), ("under", RandomUnderSampler())]),
    ],
    ids=["before", "nested", "stock"],
)
def test_a_transformer_in_it_is_refused(pipeline):
    linear = LogisticRegression()
    for model in (
        ResampledClassifier(linear, pipeline),
        ResampledEnsembleClassifier(linear, pipeline, n_estimators=2),
        Pipeline([("inside", pipeline), ("last", linear)]),
    ):
        with pytest.raises(
            TypeError, match=r"StandardScaler, which would change rows .* Put transform"
        ):
            model.fit(X, Y)


def test_a_nested_pipeline_is_as_its_steps_in_the_outer_one(tmp_path):
    samplers, rest = [down(4), ClassWeight({"c": 2.0})], [StandardScaler()]
    rest.append(LogisticRegression())
    flat = make_pipeline(*samplers, *rest)
    for memory in (None, str(tmp_path / "cache")):
        nested = make_pipeline(make_pipeline(*samplers), *rest, memory=memory)
        for weights in (None, WEIGHT):
            p = nested.fit(X, Y, sample_weight=weights).predict_proba(X)
            expected = flat.fit(X, Y, sample_weight=weights).predict_proba(X)
            np.testing.assert_array_equal(p, expected)
    np.testing.assert_array_equal(nested.to_sklearn().predict_proba(X), p)
    assert len(make_pipeline(make_pipeline(*samplers), down(2)).fit_resample(X, Y)) == 3


def test_ensembles_seed_every_sampler_and_guided_rows_are_refused():
    ensemble = ResampledEnsembleClassifier(
        GaussianNB(), make_pipeline(down(2), down(2)), n_estimators=3, random_state=0
    ).fit(X[:, 1:], Y)
    steps = [step for model in ensemble.estimators_ for step in model.resampler_.steps]
    assert len({step.random_state for _, step in steps}) == 6
    guided = GuidedDownsample(factor=4, random_state=0, pilot=LogisticRegression())
    trees = HistGradientBoostingClassifier(max_iter=2)
    model = ResampledClassifier(trees, make_pipeline(down(2), guided))
    with pytest.raises(ValueError, match="GuidedDownsample alone, not in a pipeline"):
        model.fit(X[:, 1:], Y)


class OwnWeights(OddRows):
    def fit_resample(self, X, y):
        return X, y, 1 + (np.arange(len(X)) % 3)


def test_weights_of_a_sampler_of_three_results_are_its_own():
    for sampler in (OddRows(), WeightedOddRows()):
        for given in (None, WEIGHT):
            resampled = resample(sampler, X, Y, given)
            own = np.ones(len(Y)) if given is None else given
            expected = 2 * own[resampled.rows]
            np.testing.assert_allclose(resampled.weights, expected, rtol=1e-15)
            np.testing.assert_allclose(resampled.class_weight, 2, rtol=1e-12)
            assert resampled.within_class is None
    # Those that differ within a class are passed to every model.
    model = ResampledClassifier(GaussianNB(), OwnWeights()).fit(X, Y)
    assert model.decision_.weights == "incoming"
    resampled = resample(OwnWeights(), X, Y, None)
    product = resampled.within_class * resampled.class_weight[resampled.labels.codes]
    np.testing.assert_allclose(product, resampled.weights, rtol=1e-12)


@pytest.mark.parametrize(
    ("sampler", "weight", "text"),
    [
        (OddRows(results=1), None, r"OddRows returned 1 result\(s\)"),
        (OddRows(results=4), None, r"OddRows returned 4 result\(s\)"),
        (OddRows(weight=0.0), None, "finite and positive weight for each row"),
        (Weighted(OddRows()), None, r"returned 3 result\(s\).*needs no Weighted"),
        (OddRows(says_rows=False), WEIGHT, "OddRows does not say which rows it kept"),
    ],
)
def test_what_is_refused(sampler, weight, text):
    with pytest.raises((TypeError, ValueError), match=text):
        resample(sampler, X, Y, weight)
    told = resample(WeightedOddRows(says_rows=False), X, Y, WEIGHT)
    np.testing.assert_array_equal(told.weights, 2 * WEIGHT[1::2])
