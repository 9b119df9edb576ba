"""Whether it pays to drop rows: what is saved, less what asking and drawing take."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skstrat import recommend_factor
from skstrat.classifiers._fit_time import predict_seconds
from skstrat.classifiers._what_pays import (
    asking_seconds,
    draw_seconds,
    dropping_pays,
    may_pay,
)


@pytest.mark.parametrize(
    ("n_rows", "guided", "may"),
    [(10_000, True, False), (80_000, True, True), (10_000, False, False)],
)
def test_it_pays_to_ask_where_a_fit_is_long_enough(n_rows, guided, may):
    trees = HistGradientBoostingClassifier()
    assert may_pay(trees, n_rows, 20, 2, guided=guided) == may
    assert not may_pay(LogisticRegression(), n_rows, 20, 2, guided=guided)
    # Of a learner that is not known no more is known than that rows are dropped.
    assert may_pay(KNeighborsClassifier(), n_rows, 20, 2, guided=guided) == may


def test_dropping_pays_if_half_and_a_tenth_of_a_second_are_saved():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 20))
    y = (rng.random(60_000) < 0.02 * np.exp(X[:, 0] / 2)).astype(int)
    quick = recommend_factor(X, y, LogisticRegression(), random_state=0)
    assert quick.rows < 30_000
    assert not dropping_pays(quick, 20)
    trees = HistGradientBoostingClassifier()
    slow = recommend_factor(X, y, trees, guided=True, random_state=0)
    assert slow.full_seconds == predict_seconds(trees, 60_000, 20, 2)
    assert slow.seconds == predict_seconds(trees, slow.rows, 20, 2)
    assert dropping_pays(slow, 20)
    # With so many columns to score, the draw is what takes the time.
    assert draw_seconds(60_000, 2_000, guided=True) > slow.full_seconds
    assert not dropping_pays(slow, 2_000)
    assert not dropping_pays(replace(slow, seconds=0.4 * slow.full_seconds), 300)
    # Where the time is not known, rows are counted.
    assert dropping_pays(recommend_factor(X, y, GaussianNBLike(), random_state=0), 20)


class GaussianNBLike(GaussianNB):
    """A learner that is not known."""


@pytest.mark.parametrize(("n_columns", "may"), [(100, True), (2_000, False)])
def test_asking_a_line_takes_the_square_of_its_columns(n_columns, may):
    n_rows = 10_000_000 // n_columns * 10
    line = LogisticRegression()
    assert predict_seconds(line, n_rows, n_columns, 2) > 1
    assert may_pay(line, n_rows, n_columns, 2, guided=False) == may
    growth = asking_seconds(2 * n_columns, linear=True) - asking_seconds(0, linear=True)
    once = asking_seconds(n_columns, linear=True) - asking_seconds(0, linear=True)
    assert growth == pytest.approx(4 * once)


def test_what_a_pipeline_makes_of_columns_is_not_known_before_its_pilot():
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    assert not may_pay(scaled, 100_000, 12, 2, guided=False)
    squares = make_pipeline(PolynomialFeatures(2), scaled)
    assert may_pay(squares, 100_000, 12, 2, guided=False)
