"""The record that a fitted classifier keeps: what it was trained on, and why so."""

import pickle

import numpy as np
import pytest
from imblearn.under_sampling import RandomUnderSampler
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skstrat import (
    ClassWeight,
    DownsampleUpweight,
    GuidedDownsample,
    PartialFitClassifier,
    ResampledClassifier,
)

N_ROWS, N_RARE = 3000, 300
Y = np.where(np.arange(N_ROWS) % 10 == 3, "rare", "usual")
X = np.random.default_rng(0).normal(size=(N_ROWS, 2)) + (Y == "rare")[:, None]
WEIGHT = np.random.default_rng(1).uniform(0.5, 2, size=N_ROWS)

TREES = HistGradientBoostingClassifier(max_iter=5, random_state=0)
DOWN = DownsampleUpweight(factor=5, random_state=0)
GUIDED = GuidedDownsample(factor=5, random_state=0)
UNDER = RandomUnderSampler(random_state=0)

# Classifier, incoming weights, weights given, what the reason says, correction.
CASES = {
    "linear": (
        ResampledClassifier(LogisticRegression(), DOWN),
        None,
        "all",
        "linear",
        "none",
    ),
    "trees": (
        ResampledClassifier(TREES, DOWN),
        None,
        "none",
        "prior is corrected",
        "prior",
    ),
    "trees, weights": (
        ResampledClassifier(TREES, DOWN),
        WEIGHT,
        "incoming",
        "prior is corrected",
        "prior",
    ),
    "forced": (
        ResampledClassifier(TREES, DOWN, use_weights=True, calibration_check=False),
        None,
        "all",
        "use_weights=True",
        "none",
    ),
    "withheld": (
        ResampledClassifier(LogisticRegression(), DOWN, use_weights=False),
        None,
        "none",
        "use_weights=False",
        "prior",
    ),
    "neighbours": (
        ResampledClassifier(KNeighborsClassifier(50), DOWN),
        None,
        "none",
        "KNeighborsClassifier takes no sample_weight in fit, so the prior is corrected",
        "prior",
    ),
    "class weight": (
        ResampledClassifier(GaussianNB(), ClassWeight()),
        None,
        "all",
        "ClassWeight does nothing but weight",
        "prior",
    ),
    "guided": (
        ResampledClassifier(TREES, GUIDED),
        None,
        "none",
        "each row is corrected",
        "row by row",
    ),
    "by row": (
        ResampledClassifier(TREES, GUIDED, use_weights=False),
        None,
        "none",
        "use_weights=False",
        "row by row",
    ),
    "two results": (
        ResampledClassifier(GaussianNB(), UNDER),
        None,
        "none",
        "none were given or made",
        "prior",
    ),
    "all rows": (
        ResampledClassifier(GaussianNB()),
        WEIGHT,
        "incoming",
        "those of the rows",
        "none",
    ),
    "uncorrected": (
        ResampledClassifier(TREES, DOWN, prior_correction=False),
        None,
        "none",
        "prior is corrected",
        "none",
    ),
}


@pytest.mark.parametrize(
    ("model", "weight", "given", "reason", "correction"), CASES.values(), ids=CASES
)
def test_the_record_says_what_was_done(model, weight, given, reason, correction):
    decision = model.fit(X, Y, weight).decision_
    assert decision.weights == given
    assert reason in decision.reason
    assert decision.correction == correction
    assert decision.rows_before == {"rare": N_RARE, "usual": N_ROWS - N_RARE}
    assert sum(decision.rows_trained.values()) == model.n_samples_fit_
    assert list(decision.train_prior.values()) == model.train_prior_.tolist()
    assert list(decision.target_prior.values()) == model.original_prior_.tolist()
    unit = np.ones(N_ROWS) if weight is None else weight
    for label, total in decision.target_prior.items():
        assert total == pytest.approx(unit[label == Y].sum(), rel=1e-12)
    assert pickle.loads(pickle.dumps(model)).decision_ == decision


def test_the_record_reads_as_text():
    text = str(
        ResampledClassifier(TREES, DOWN, calibration_check=False).fit(X, Y).decision_
    )
    assert text.splitlines() == [
        "class 'rare': 300 of 300 rows, total weight trained on 300, original 300",
        "class 'usual': 540 of 2,700 rows, total weight trained on 540, original 2,700",
        "weights given: none (only linear models follow class weights, so the prior is "
        "corrected)",
        "correction: prior",
        "check by dropped rows: none",
    ]


def test_the_record_holds_the_check():
    model = ResampledClassifier(LogisticRegression(), DOWN).fit(X, Y)
    assert model.decision_.check.ratio == model.calibration_check_
    assert 0 < model.decision_.check.standard_error < 0.2
    assert "of class 'rare', some of the rows scored" in str(model.decision_)
    check = ResampledClassifier(GaussianNB(), UNDER).fit(X, Y).decision_.check
    assert list(check.ratios) == list(check.standard_errors) == ["rare", "usual"]
    assert ResampledClassifier(GaussianNB()).fit(X, Y).decision_.check is None


def test_weights_that_an_estimator_cannot_take_are_in_the_record():
    model = ResampledClassifier(KNeighborsClassifier(), DOWN, calibration_check=False)
    decision = model.fit(X, Y, np.full(N_ROWS, 2.0)).decision_
    assert decision.weights == "none"
    assert "KNeighborsClassifier takes none in fit" in decision.reason
    assert decision.target_prior == {"rare": 600, "usual": 5400}


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize(
    ("estimator", "given"),
    [(SGDClassifier(loss="log_loss", random_state=0), "all"), (GaussianNB(), "none")],
)
def test_batches_keep_the_record(estimator, given, weight):
    model = PartialFitClassifier(estimator, epochs=1, random_state=0).fit(X, Y, weight)
    decision = model.decision_
    expected = "incoming" if given == "none" and weight is not None else given
    assert decision.weights == expected
    assert decision.correction == ("none" if given == "all" else "prior")
    assert list(decision.train_prior.values()) == model.train_prior_.tolist()
    assert decision.rows_before == {"rare": N_RARE, "usual": N_ROWS - N_RARE}


def test_dask_collections_keep_the_record():
    array = pytest.importorskip("dask.array")
    collections = (
        array.from_array(X, chunks=(700, 2)),
        array.from_array(Y == "rare", 700),
    )
    lazy = ResampledClassifier(TREES, DOWN, calibration_check=False).fit(*collections)
    memory = ResampledClassifier(TREES, DOWN, calibration_check=False).fit(
        X, Y == "rare"
    )
    assert lazy.decision_ == memory.decision_
