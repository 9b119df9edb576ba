"""The one-standard-error rule, and a sentence whose numbers are those measured."""

import numpy as np
import pytest

from skstrat import DownsampleUpweight, Strategy
from skstrat.model_selection._cross_validation import Outcome
from skstrat.model_selection._selection import (
    choose_best,
    choose_saver,
    say_recommendation,
)

TRUE = [0.10, 0.12, 0.14, 0.16]


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
    return Outcome(Strategy(name, resampler), folds, nothing, nothing, 0.0)


def shifted(name, difference, spread, seconds=1.0, **settings):
    """Make losses with a paired difference that spreads over the folds."""
    noise = spread * np.array([-1.0, 1.0, -1.0, 1.0])
    losses = np.array(TRUE) + difference + noise
    return outcome(name, losses, seconds=seconds, **settings)


true = outcome("true distribution", TRUE)


def standard_error(spread):
    return spread * np.sqrt(4 / 3) / 2


@pytest.mark.parametrize(
    ("difference", "spread", "best"),
    [
        (-0.01, 0.0, "other"),
        (-0.01, 0.02, "true distribution"),
        (-1.01 * standard_error(0.02), 0.02, "other"),
        (-0.99 * standard_error(0.02), 0.02, "true distribution"),
        (0.01, 0.0, "true distribution"),
        (0.01, 0.1, "true distribution"),
    ],
)
def test_true_distribution_wins_ties_within_one_standard_error(
    difference, spread, best
):
    other = shifted("other", difference, spread)
    found, error = other.difference(true, "log_loss")
    assert found == pytest.approx(difference)
    assert error == pytest.approx(standard_error(spread))
    assert choose_best([true, other], "log_loss", loss=True).strategy.name == best
    # What is a loss of one measure is a gain of the other.
    assert choose_best([true, other], "roc_auc", loss=False).strategy.name == best


def test_the_best_mean_of_all_is_chosen_whatever_the_order():
    good, better = shifted("good", -0.02, 0.001), shifted("better", -0.04, 0.001)
    for order in ([true, good, better], [true, better, good]):
        assert choose_best(order, "log_loss", loss=True) is better


def test_a_measure_that_is_not_a_number_is_never_best():
    broken = outcome("broken", [np.nan] * 4)
    good = shifted("good", -0.02, 0.001)
    assert choose_best([true, broken, good], "log_loss", loss=True) is good
    assert choose_best([true, broken], "log_loss", loss=True) is true


@pytest.mark.parametrize(
    ("settings", "saves"),
    [
        ({"rows": 100}, True),
        ({"rows": 499}, True),
        ({"rows": 501}, False),
        ({"rows": 100, "ratio": 1.3}, False),
        ({"rows": 100, "ratio": 0.7}, False),
        ({"rows": 100, "seconds": 2.1}, False),
    ],
)
def test_saver_needs_few_rows_and_probabilities_to_trust(settings, saves):
    close = shifted("close", 0.001, 0.01, **settings)
    saver = choose_saver([true, close], "log_loss", loss=True)
    assert saver is (close if saves else None)
    worse = shifted("worse", 0.03, 0.01, rows=10)
    assert choose_saver([true, worse], "log_loss", loss=True) is None


def test_saver_has_the_fewest_rows():
    some, few = (shifted(f"{rows} rows", 0.001, 0.01, rows=rows) for rows in (300, 200))
    assert choose_saver([true, some, few], "log_loss", loss=True) is few


def test_sentences():
    close = shifted("close", 0.001, 0.01, rows=100, seconds=0.5)
    text = say_recommendation([true, close], "log_loss", loss=True)
    assert text == (
        "Train on the true distribution: its log loss is 0.13, and close, the best of "
        "the others, differs by no more than chance (+0.001 ± 0.0058, the standard "
        "error of the paired difference); its mean prediction is 1.00 times the "
        "prevalence; to save training time, close is within one standard error of it "
        "with 100 rows instead of 1,000 (0.5 s of training instead of 2 s)."
    )
    worse = shifted("worse", 0.03, 0.01)
    assert (
        "worse, the best of the others, is worse (+0.03 ± 0.0058"
        in say_recommendation([true, worse], "log_loss", loss=True)
    )
    better = shifted("better", -0.03, 0.01, rows=100, ratio=1.5, seconds=0.5)
    assert say_recommendation([true, worse, better], "log_loss", loss=True) == (
        "Train with better: its log loss of 0.1 is lower than the true distribution's "
        "0.13 by 0.03 ± 0.0058 (standard error of the paired difference over 4 folds), "
        "with 100 rows instead of 1,000 (0.5 s of training instead of 2 s); its mean "
        "prediction is 1.50 times the prevalence (calibrate before you trust it)."
    )
    assert "its roc auc of 0.9 is higher than" in say_recommendation(
        [true, better], "roc_auc", loss=False
    )
    assert say_recommendation([true], "log_loss", loss=True) == (
        "Train on the true distribution: its log loss is 0.13; its mean prediction is "
        "1.00 times the prevalence."
    )
