"""A winner only where chance does not explain its lead, in a sentence that says so."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t
from sklearn.linear_model import LogisticRegression

from skstrat import ClassWeight, DownsampleUpweight, Strategy, compare_strategies
from skstrat.model_selection._outcome import Outcome
from skstrat.model_selection._verdict import FALSE_WINNERS, critical_lead, judge

TRUE = np.array([0.10, 0.12, 0.14, 0.16])
NOISE = np.array([-1.0, 1.0, -1.0, 1.0])
# Four folds: one test row for three of training.
ERROR = np.sqrt(4 / 3) * np.sqrt(1 / 4 + 1 / 3)


def outcome(name, losses, rows=1000.0, ratio=1.0, seconds=2.0):
    resampler = None if name == "true distribution" else DownsampleUpweight()
    losses = np.asarray(losses, dtype=float)
    folds = {
        "rows": np.full(len(losses), rows),
        "fit_time": np.full(len(losses), seconds),
        "log_loss": losses,
        "roc_auc": 1 - losses,
        "mean_probability_ratio": np.full(len(losses), ratio),
    }
    nothing = np.empty((0, 2))
    share = 1 / (len(losses) - 1)
    return Outcome(Strategy(name, resampler), folds, nothing, nothing, share)


def shifted(name, difference, spread, seconds=1.0, **settings):
    """Make losses with a paired difference that spreads over the folds."""
    return outcome(
        name, TRUE + difference + spread * NOISE, seconds=seconds, **settings
    )


def verdict_of(*outcomes, **rows):
    """Judge by a loss, and check that the gain 1 - loss has the same best."""
    verdict = judge(outcomes, "log_loss", loss=True, **rows)
    assert judge(outcomes, "roc_auc", loss=False, **rows).best is verdict.best
    return verdict


def best_of(*outcomes):
    return verdict_of(*outcomes).best.strategy.name


true = outcome("true distribution", TRUE)
failed = replace(outcome("failed", [np.nan] * 4), error="ValueError: no.")


@pytest.mark.parametrize("n_others", [1, 3])
def test_winner_leads_by_more_than_chance_among_so_many(n_others):
    rest = [shifted(f"worse {n}", 0.02, 0.03) for n in range(1, n_others)]
    # One in ten over all of them, of which each has three degrees of freedom.
    chance = t.isf(0.1 / n_others, 3)
    for factor, best in ((1.01, "other"), (0.99, "true distribution")):
        other = shifted("other", -factor * chance * ERROR * 0.02, 0.02)
        lead = (-factor * chance * ERROR * 0.02, ERROR * 0.02)
        assert other.difference(true, "log_loss") == pytest.approx(lead)
        assert best_of(true, *rest, other) == best_of(true, other, *rest) == best


def test_the_best_mean_of_the_winners_is_chosen():
    good, better = shifted("good", -0.02, 0.001), shifted("better", -0.04, 0.001)
    # The best mean of all may be chance.
    lucky = shifted("lucky", -0.05, 0.1)
    assert best_of(true, good, better, lucky) == "better"
    assert best_of(true, lucky, better, good) == "better"


@pytest.mark.parametrize(
    "other",
    [
        shifted("same", 0.0, 0.0),
        # No spread, so nothing tells this from chance: two folds of few labels do so.
        shifted("as much in every fold", -0.01, 0.0),
        shifted("rounding", -1e-14, 1e-16),
        shifted("worse", 0.01, 0.0001),
        outcome("undefined", [0.01, np.nan, 0.01, 0.01]),
        failed,
    ],
    ids=lambda other: other.strategy.name,
)
def test_never_a_winner(other):
    assert best_of(true, other) == "true distribution"
    good = shifted("good", -0.02, 0.001)
    losses = np.random.default_rng(0).normal(size=(3, 50))
    if other.error:
        losses[1] = np.nan
    rows = {"row_losses": losses, "row_classes": np.arange(50) % 2 > 0}
    verdict = verdict_of(true, other, good, **rows)
    assert verdict.best is good
    compared = np.isfinite(other.mean("log_loss"))
    assert ("could not be compared" in verdict.sentence) != compared


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_where_the_true_distribution_has_no_measure_it_stays(value):
    nothing = outcome("true distribution", [0.1, 0.1, 0.1, value])
    with np.errstate(invalid="ignore"):
        verdict = judge([nothing, shifted("other", 0, 0.1)], "log_loss", loss=True)
    assert (verdict.best, verdict.saver) == (nothing, None)
    assert verdict.sentence == (
        "Nothing to choose by: the true distribution has no finite log loss in some "
        "fold. Set best_by to another measure. 1 strategy could not be compared."
    )


# Three standard errors of a share of 0.1 in 20,000 draws.
WITHIN = 3 * np.sqrt(0.1 * 0.9 / 20_000)


@pytest.mark.parametrize(("n_folds", "n_others"), [(2, 3), (5, 8)])
def test_critical_lead_is_that_of_known_correlations(n_folds, n_others):
    rng = np.random.default_rng(0)
    alike = np.tile(rng.normal(size=100), (n_others, 1)) * 2
    lead = critical_lead(n_folds, n_others, alike)
    assert t.sf(lead, n_folds - 1) == pytest.approx(0.1, abs=WITHIN)
    values = rng.normal(size=(400, n_others))
    apart = np.linalg.qr(values - values.mean(axis=0))[0].T
    alone = t.cdf(critical_lead(n_folds, n_others, apart), n_folds - 1)
    assert 1 - alone**n_others == pytest.approx(0.1, abs=WITHIN)
    # The same again with the same seed; and rows make it easier, never harder.
    assert critical_lead(n_folds, n_others, alike) == lead
    assert lead < critical_lead(n_folds, n_others)


POSITIVE = np.arange(200) % 10 == 0
# What is lost on one class and won on the other.
CONTRAST = np.where(POSITIVE, 9.0, -1.0)


def critical_of(losses, **rows):
    """Judge strategies of these losses of rows by any folds."""
    folds = np.random.default_rng(0).random((len(losses), 5))
    outcomes = [outcome(f"{n}", each) for n, each in enumerate(folds)]
    rows = {"row_losses": losses, "row_classes": POSITIVE, **rows}
    return judge(outcomes, "log_loss", loss=True, **rows).critical


def test_what_stratified_folds_hold_constant_does_not_make_strategies_alike():
    rng = np.random.default_rng(0)
    # The first is as good as all others, which differ from it alike by class.
    losses = 0.1 * rng.normal(size=(1000, 16, 200))
    losses[:, 1:] += CONTRAST
    folds = losses.reshape(1000, 16, 4, 5, 10).mean(axis=(2, 4))
    # A fifth of the variance is of training rows, which the folds share.
    folds += 0.1 / np.sqrt(160) * rng.normal(size=(1000, 16, 1))
    paired = folds[:, :1] - folds[:, 1:]
    errors = np.sqrt(1 / 5 + 1 / 4) * paired.std(axis=-1, ddof=1)
    largest = (paired.mean(axis=-1) / errors).max(axis=1)
    margin = 3 * np.sqrt(0.1 * 0.9 / 1000)
    named = np.mean(largest > critical_of(losses[0]))
    assert FALSE_WINNERS / 2 < named < FALSE_WINNERS + margin


def test_critical_lead_is_that_of_rows_within_classes_and_over_all():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(4, 200))
    noise[0] = 0
    weights = rng.exponential(size=200)
    alike = critical_of(noise)
    # Classes add nothing within classes, whatever the rows weigh.
    for weighted in ({}, {"row_weights": weights}):
        within = critical_of(noise + np.outer([0, 1, 1, 1], CONTRAST), **weighted)
        assert within == pytest.approx(alike, rel=0.05)
    absent = critical_of(noise, row_weights=1.0 * (np.arange(200) < 100))
    half = critical_of(noise[:, :100], row_classes=POSITIVE[:100])
    assert absent == pytest.approx(half, rel=0.01)
    # Two that are alike in a class, and lose on different classes.
    opposite = np.array([0 * CONTRAST, noise[1] + CONTRAST, noise[1] - CONTRAST])
    assert t.sf(critical_of(opposite), 4) == pytest.approx(0.05, abs=WITHIN)
    # Losses that classes alone tell have no spread within them.
    assert critical_of(np.outer([0, 1, 2], CONTRAST)) <= t.isf(0.05, 4)
    # Strategies that are alike in every row count as one.
    one = critical_of(np.outer([0, 1, 1, 1], rng.normal(size=200)))
    assert t.sf(one, 4) == pytest.approx(0.1, abs=WITHIN)


@pytest.mark.parametrize(("n_folds", "n_others"), [(2, 3), (5, 15)])
def test_one_comparison_in_ten_names_a_winner_where_there_is_none(n_folds, n_others):
    rng = np.random.default_rng(n_others)
    n_repeats, shared, named = 400, 1 / n_folds, 0
    for _ in range(n_repeats):
        # All strategies share training rows between folds, and test rows.
        own = rng.normal(size=(n_others + 1, n_folds))
        training = rng.normal(size=(n_others + 1, 1))
        losses = 10 + np.sqrt(1 - shared) * own + np.sqrt(shared) * training
        outcomes = [outcome(f"{n}", each) for n, each in enumerate(losses)]
        named += judge(outcomes, "log_loss", loss=True).best is not outcomes[0]
    margin = 3 * np.sqrt(0.1 * 0.9 / n_repeats)
    assert FALSE_WINNERS / 2 < named / n_repeats < FALSE_WINNERS + margin


@pytest.mark.parametrize(
    ("lost", "settings", "saves"),
    [
        (0.0099, {"rows": 100}, True),
        (0.0101, {"rows": 100}, False),
        (0.0012, {"rows": 499}, True),
        (0.0012, {"rows": 501}, False),
        (0.0012, {"rows": 100, "ratio": 1.3}, False),
        (0.0012, {"rows": 100, "ratio": 0.7}, False),
        (0.0012, {"rows": 100, "seconds": 2.1}, False),
    ],
)
def test_saver_needs_few_rows_a_small_loss_and_probabilities_to_trust(
    lost, settings, saves
):
    near = shifted("near", 0.001, 0.01, rows=499)
    for measure, loss in (("log_loss", True), ("roc_auc", False)):
        few = shifted("few", lost * true.mean(measure), 0.01, **settings)
        saver = judge([true, few], measure, loss=loss).saver
        assert saver is (few if saves else None)
        # The fewest rows of those that save.
        saver = judge([true, near, few], measure, loss=loss).saver
        assert saver is (few if saves and settings["rows"] < 499 else near)


FIRST = (
    "Train on the true distribution: its log loss is 0.13. Its mean prediction is "
    "1.00 times the prevalence."
)
METHOD = (
    "± is the standard error over 4 folds, corrected for shared training rows (Nadeau "
    "and Bengio, 2003). A winner must lead by {} of them. Then at most one comparison "
    "in ten names a false winner, for rows of this prevalence and differences about "
    "normal over the folds."
)
CLOSE = shifted("close", 0.001, 0.01, rows=100, seconds=0.5)
WORSE = shifted("worse", 0.09, 0.01)
WINNER = shifted("better", -0.03, 0.01, rows=100, ratio=1.5, seconds=120)
SENTENCES = [
    (
        [WORSE, CLOSE],
        f"{FIRST} The best of 2 others, close, differs by +0.001 ± 0.0088, within "
        "chance. To save time: close trains on 100 rows instead of 1,000 (0.5 s "
        "instead of 2 s) and loses 0.8 %. Its mean prediction is 1.00 times the "
        f"prevalence. {METHOD.format('2.4')}",
    ),
    (
        [WORSE],
        f"{FIRST} The other strategy, worse, is worse by 0.09 ± 0.0088. "
        f"{METHOD.format('1.6')}",
    ),
    ([failed], f"{FIRST} 1 strategy could not be compared."),
    ([], FIRST),
    (
        [WINNER, shifted("worse", 0.03, 0.01)],
        "Train with better: its log loss is 0.1, that of the true distribution 0.13. "
        "It is the best of those that lead beyond chance, 1 of 2, by 0.03 ± 0.0088. It "
        "trains on 100 rows instead of 1,000 (120 s instead of 2 s). Its mean "
        "prediction is 1.50 times the prevalence: calibrate before you trust it. "
        f"{METHOD.format('2.4')}",
    ),
]
PARTS = [
    ([shifted("b", -0.1, 0)], "b, differs by -0.1 in every fold, so chance is unk"),
    ([shifted("b", 0.1, 0)], "b, differs by +0.1 in every fold, so chance is unk"),
    ([shifted("a", -0.04, 0.01), shifted("b", -0.05, 0.1)], "chance, 1 of 2, by"),
    ([shifted("a", -0.04, 0.01), shifted("b", -0.05, 0.01)], "chance, 2 of 2, by"),
    ([shifted("a", 5e-11, 0.01, rows=9)], "and loses less than 0.1 %."),
    ([shifted("a", 2e-4, 0.01, rows=9)], "and loses 0.2 %."),
    # What keeps all rows is not the best of the others.
    ([shifted("auto", 0, 0), WORSE], "The other strategy, worse, is worse by"),
]


@pytest.mark.parametrize(("others", "said"), SENTENCES + PARTS, ids=range(12))
def test_the_sentence_says_what_was_found(others, said):
    sentence = verdict_of(true, *others).sentence
    assert said in sentence
    if (others, said) in SENTENCES:
        assert sentence == said
    assert max(len(each.split()) for each in sentence.split(". ")) <= 25


def test_what_is_alike_is_not_mentioned():
    for alike in (shifted("auto", 0.0, 0.0), shifted("rounding", 1e-14, 1e-16)):
        assert "The" not in verdict_of(true, alike).sentence[:99]
    higher = judge([true, WINNER], "roc_auc", loss=False).sentence
    assert "its ROC AUC is 0.9, that of the true distribution 0.87." in higher


def test_a_failed_outcome_is_said_in_json():
    document, nothing = failed.to_dict(), {"mean": None, "sd": None}
    assert document["error"] == "ValueError: no."
    assert document["measures"]["log_loss"] == nothing | {"folds": [None] * 4}
    assert true.to_dict()["error"] is None


def test_a_comparison_hands_on_classes_and_weights():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 2)), np.arange(200) % 2
    comparison = compare_strategies(
        LogisticRegression(),
        X,
        y,
        strategies=[ClassWeight(), DownsampleUpweight(factor=2, random_state=0)],
        sample_weight=rng.exponential(np.where(y, 0.1, 1.0)),
        random_state=0,
    )
    assert comparison.degree_ == "moderate"
    p = np.array([comparison.y_prob(name) for name in comparison.measured_])
    verdict = judge(
        comparison.outcomes,
        "log_loss",
        loss=True,
        row_losses=-np.log(np.where(comparison.y_true_, p, 1 - p)),
        row_classes=comparison.y_true_,
        row_weights=comparison.sample_weight_,
        seed=comparison.cross_validation.seed,
    )
    assert comparison.verdict_.critical == pytest.approx(verdict.critical)
