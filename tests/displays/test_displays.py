"""The pictures of a comparison show its numbers, and can be read."""

import re
import sys
from dataclasses import replace
from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from scipy.stats import binomtest
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from sklearn.naive_bayes import GaussianNB

from skstrat import ClassWeight, DownsampleUpweight
from skstrat.displays import (
    ConfusionMatricesDisplay,
    LearningCurveByRowsDisplay,
    RankingDisplay,
    ReliabilityDisplay,
    TradeOffDisplay,
)
from skstrat.displays._pictures import draw_pictures
from skstrat.displays._style import HUES, default_names, make_styles
from skstrat.model_selection._compare import compare_strategies

mpl.use("Agg")
import matplotlib.pyplot as plt

CURVES = [ReliabilityDisplay, RankingDisplay]
DISPLAYS = [
    *CURVES,
    TradeOffDisplay,
    LearningCurveByRowsDisplay,
    ConfusionMatricesDisplay,
]
OF_STRATEGIES = [each for each in DISPLAYS if each is not LearningCurveByRowsDisplay]
PALETTE = ("black", *HUES)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    settings = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == settings


def rows(n_rows=1500, n_classes=2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 2))
    score = X[:, 0] + rng.normal(size=n_rows) / 2
    return X, np.digitize(score, [1.4, 2.1][: n_classes - 1])


def compare(*, n_classes=2, **settings):
    data = rows(n_classes=n_classes)
    return compare_strategies(GaussianNB(), *data, cv=3, random_state=0, **settings)


@pytest.fixture(scope="module")
def comparison():
    strategies = {
        "class weights": ClassWeight(),
        "down by 5": DownsampleUpweight(factor=5, random_state=0),
        "down by 20": DownsampleUpweight(factor=20, random_state=0),
        "oversampled": RandomOverSampler(random_state=0),
    }
    return compare(strategies=strategies, learning_curve_by_rows=[1, 2, 5, 10])


@pytest.fixture(scope="module")
def weighted():
    weights = np.random.default_rng(1).exponential(size=1500) + 0.1
    half = {"half": DownsampleUpweight(factor=2, random_state=0)}
    scoring = ["neg_log_loss"]
    return compare(sample_weight=weights, strategies=half, scoring=scoring)


@pytest.fixture(scope="module")
def three_classes():
    half = [DownsampleUpweight(factor=2, random_state=0)]
    return compare(n_classes=3, strategies=half, learning_curve_by_rows=[1, 3])


def lines_by_label(ax):
    return {line.get_label().replace("\n", " "): line for line in ax.get_lines()}


def texts_of(figure):
    """Give the texts that are drawn, with their boxes in pixels."""
    found = []
    draw = Text.draw

    def recorded(text, renderer, *args, **kwargs):
        if text.get_text().strip() and text.get_visible():
            found.append((text, Text.get_window_extent(text, renderer)))
        return draw(text, renderer, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", recorded)
        figure.canvas.draw()
    return list({id(text): (text, extent) for text, extent in found}.values())


@pytest.mark.parametrize("name", ["comparison", "weighted", "three_classes"])
def test_reliability_shows_shares_and_means_of_the_bins(name, request):
    found = request.getfixturevalue(name)
    display = ReliabilityDisplay.from_comparison(found, n_bins=12)
    y, w = found.y_true_, found.sample_weight_
    w = np.ones(len(y)) if w is None else w
    histograms = [patch.get_data() for patch in display.axes_[1].patches]
    lines = lines_by_label(display.ax_)
    for (strategy, p), (drawn, edges, _) in zip(
        display.y_prob.items(), histograms, strict=True
    ):
        np.testing.assert_allclose(np.diff(np.log(edges)), np.log(1 / edges[0]) / 12)
        assert edges[-1] == pytest.approx(1)
        assert np.nansum(drawn) == pytest.approx(w.sum())
        points = np.array(lines[strategy].get_xydata())
        for at, (low, high) in enumerate(pairwise(edges)):
            inside = (p < high if at < 11 else p <= 1) & (p >= low if at else p >= 0)
            if not (inside & y).any():
                assert np.isnan(points[at, 1])
                continue
            means = [np.average(each[inside], weights=w[inside]) for each in (p, y)]
            means[0] = max(means[0], edges[0])
            np.testing.assert_allclose(points[at], means)
    assert display.ax_.get_xscale() == display.ax_.get_yscale() == "log"
    unit = "Rows" if found.sample_weight_ is None else "Weight"
    assert display.axes_[1].get_ylabel() == f"{unit} in bin"
    assert display.axes_[1].get_xlabel() == "Predicted probability"


@pytest.mark.parametrize("name", ["comparison", "weighted", "three_classes"])
@pytest.mark.parametrize("kind", ["precision_recall", "roc"])
def test_ranking_shows_the_curves_of_scikit_learn(kind, name, request):
    found = request.getfixturevalue(name)
    display = RankingDisplay.from_comparison(found, kind=kind)
    weights = found.sample_weight_
    *lines, chance = display.ax_.get_lines()
    for line, (strategy, y_prob) in zip(lines, display.y_prob.items(), strict=True):
        args = (found.y_true_, y_prob)
        if kind == "roc":
            x, y, _ = roc_curve(*args, sample_weight=weights)
            text = f"AUC\xa0{roc_auc_score(*args, sample_weight=weights):.3f}"
        else:
            y, x, _ = precision_recall_curve(
                *args, sample_weight=weights, drop_intermediate=True
            )
            text = f"AP\xa0{average_precision_score(*args, sample_weight=weights):.3f}"
        label = line.get_label().replace("\n", " ")
        assert label.startswith(strategy[:9])
        assert label.endswith(f"({text})")
        np.testing.assert_allclose(line.get_xdata(), x)
        np.testing.assert_allclose(line.get_ydata(), y)
    share = np.average(found.y_true_, weights=weights)
    level = [0, 1] if kind == "roc" else [share, share]
    np.testing.assert_allclose(chance.get_ydata(), level)
    assert chance.get_label().startswith("chance")


def test_confusion_matrices_count_what_was_predicted(comparison, weighted):
    for found in (comparison, weighted):
        display = ConfusionMatricesDisplay.from_comparison(found)
        for ax, (name, matrix) in zip(
            display.axes_, display.matrices_.items(), strict=True
        ):
            expected = confusion_matrix(
                found.y_true_, found.y_pred(name), sample_weight=found.sample_weight_
            )
            np.testing.assert_allclose(matrix, expected)
            digits = 0 if found.sample_weight_ is None else 1
            share = expected / expected.sum(axis=1, keepdims=True)
            assert [text.get_text() for text in ax.texts] == [
                f"{expected[at]:,.{digits}f}\n{share[at]:.1%}"
                for at in np.ndindex(2, 2)
            ]
            used = found.outcome(name).folds["threshold"]
            assert f"threshold {np.median(used):.2g}" in ax.get_title()


def test_what_failed_is_not_drawn_and_few_curves_are(comparison):
    table = comparison.table_
    true, *others = table.index
    ranked = table.loc[others, "log_loss"].sort_values().index
    best = ranked[0] if comparison.best_ == true else comparison.best_
    assert default_names(comparison) == [true, best, ranked[-1]]
    folds = {key: np.full(3, np.nan) for key in comparison.outcomes[0].folds}
    failed = replace(comparison.outcome(ranked[-1]), folds=folds, error="ValueError: x")
    outcomes = [
        failed if each.strategy.name == ranked[-1] else each
        for each in comparison.outcomes
    ]
    other = replace(comparison, outcomes=outcomes)
    drawn = ReliabilityDisplay.from_comparison(other)
    assert list(drawn.y_prob) == [true, best, ranked[-2]]
    bars = TradeOffDisplay.from_comparison(other).ax_.containers
    assert len(bars) == len(outcomes) - 1
    with pytest.raises(ValueError, match="strategies must be one or more of those"):
        TradeOffDisplay.from_comparison(other, strategies=[ranked[-1]])


def test_limits_and_intervals_of_the_bins():
    p = np.repeat([0.001, 0.012, 0.2], [300, 9, 100])
    y = np.repeat([0, 1], [379, 30])
    # Three positive rows weigh 6, and the 300 of the first bin 3000.
    for weight, limit in ((None, 3 / 300), (np.where(y, 2, 10), 6 / 3000)):
        drawn = ReliabilityDisplay(y, {"a": p}, n_bins=3, sample_weight=weight).plot()
        lines = lines_by_label(drawn.ax_)
        # The rule of three. Of 9 rows the limit is 1 / 3, which says nothing.
        assert lines["95 % limit if no event"].get_marker() == "v"
        (points,) = (
            line.get_xydata()
            for line in drawn.ax_.get_lines()
            if line.get_marker() == "v" and len(line.get_xdata())
        )
        np.testing.assert_allclose(points[0], [0.001, limit])
    y = np.repeat([0, 1, 0, 1], [90, 10, 50, 53])
    p = np.repeat([0.1, 0.5, 0.9], [100, 100, 3])
    ends = []
    for weight in (None, np.where(y, 1, 10)):
        drawn = ReliabilityDisplay(y, {"a": p}, n_bins=5, sample_weight=weight).plot()
        bars = drawn.ax_.collections[0].get_segments()
        ends.append(np.array([bar[:, 1] for bar in bars if len(bar)]))
    cases = ((10, 100), (50, 100), (3, 3))
    found = [binomtest(*each).proportion_ci(method="wilson") for each in cases]
    np.testing.assert_allclose(ends[0], found, rtol=1e-6)
    # Ten times the weight of negatives: ten times less the odds, of the ends as well.
    light, heavy = (each[:2] / (1 - each[:2]) for each in ends)
    np.testing.assert_allclose(10 * heavy, light)


@pytest.mark.parametrize("display", CURVES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_prob": [0.1, 0.9]}, "y_prob must be a mapping of at least one name"),
        ({"p": [0.1, 1.5, 0.2]}, r"y_prob must lie in \[0, 1\]; got 1.5"),
        ({"p": [[0.1, 0.9]] * 3}, r"shape \(3,\), .* got shape \(3, 2\)"),
        ({"pos_label": 7}, r"pos_label must be one of the labels \[0, 1\]; got 7"),
        ({"sample_weight": [1, 2]}, r"sample_weight must have shape \(3,\)"),
    ],
    ids=str,
)
def test_curves_refuse_what_is_no_prediction(display, change, message):
    given = {"y_true": [0, 1, 0], "p": [0.1, 0.9, 0.2], **change}
    p = given.pop("p")
    # The fault is found in any curve.
    given = {"y_prob": {"good": [0.5] * len(given["y_true"]), "other": p}, **given}
    with pytest.raises(ValueError, match=message) as caught:
        display(**given).plot()
    if "p" in change and len(p):
        assert caught.value.__notes__ == ["It is about y_prob['other']."]
    assert plt.get_fignums() == []


def test_trade_off_shows_times_means_and_errors(comparison):
    display = TradeOffDisplay.from_comparison(comparison)
    label = " ".join(display.ax_.get_ylabel().split())
    assert label.startswith("Log loss, lower is better")
    assert "corrected standard error of difference to true distribution" in label
    assert "seconds" in display.ax_.get_xlabel()
    table, true = comparison.table_, comparison.outcomes[0].folds["log_loss"]
    bars = {bar.get_label(): bar for bar in display.ax_.containers}
    assert list(bars) == list(table.index)
    for name, bar in bars.items():
        row = table.loc[name]
        (point,) = bar[0].get_xydata()
        np.testing.assert_allclose(point, [row["fit_time"], row["log_loss"]])
        (segment,) = bar[2][0].get_segments()
        # Nadeau and Bengio (2003): of three folds, each half as big as the training.
        spread = np.std(comparison.outcome(name).folds["log_loss"] - true, ddof=1)
        ends = row["log_loss"] + np.array([-1, 1]) * spread * np.sqrt(1 / 3 + 1 / 2)
        np.testing.assert_allclose(segment[:, 1], ends)
    other = TradeOffDisplay.from_comparison(comparison, measure="f2")
    assert other.ax_.get_ylabel().startswith("F2 score, higher is better")


def test_learning_curve_shows_the_table(comparison):
    display = LearningCurveByRowsDisplay.from_comparison(comparison)
    table = comparison.learning_curve_
    for ax, measure in zip(display.axes_, ("log_loss", "fit_time"), strict=True):
        drawn = np.array(ax.containers[0][0].get_xydata(), float)
        np.testing.assert_allclose(drawn, table[["majority_rows", measure]])
    most = table["majority_rows"].max()
    for factor in table["factor"]:
        # Each factor stands above its rows.
        above = display.factor_axis_.transData.transform((factor, 1))[0]
        below = display.ax_.transData.transform((most / factor, 1))[0]
        assert above == pytest.approx(below, abs=1e-6)
    assert "seconds" in display.axes_[1].get_ylabel()
    folds = [each.folds["log_loss"] for each in comparison.curve]
    spread = np.std(folds[-1] - folds[0], ddof=1) * np.sqrt(1 / 3 + 1 / 2)
    segments = display.ax_.containers[0][2][0].get_segments()
    np.testing.assert_allclose(np.ptp(segments[-1][:, 1]), 2 * spread)
    np.testing.assert_allclose(np.ptp(segments[0][:, 1]), 0)


def test_a_strategy_looks_the_same_everywhere(comparison):
    bars = TradeOffDisplay.from_comparison(comparison).ax_.containers
    points = {bar.get_label().replace("\n", " "): bar[0] for bar in bars}
    few = default_names(comparison)
    other = next(name for name in points if name not in few)
    for names in (None, [other, few[1]]):
        curves = ReliabilityDisplay.from_comparison(comparison, strategies=names)
        curves = lines_by_label(curves.ax_)
        ranks = RankingDisplay.from_comparison(comparison, strategies=names)
        for rank, name in zip(ranks.ax_.get_lines(), names or few, strict=False):
            color = points[name].get_color()
            assert rank.get_color() == curves[name].get_color() == color
            assert curves[name].get_marker() == points[name].get_marker()
    assert [points[name].get_color() for name in few] == list(PALETTE[:3])


# What deuteranopes and protanopes see of linear sRGB, by Machado, Oliveira and
# Fernandes (2009), full severity; and linear sRGB as XYZ.
MATRICES = """
.367322 .860646 -.227968 .280085 .672501 .047413 -.011820 .042940 .968881
.152286 1.052583 -.204868 .114503 .786281 .099216 -.003882 -.048116 1.051998
.4124564 .3575761 .1804375 .2126729 .7151522 .0721750 .0193339 .1191920 .9503041
"""
*SEEN, XYZ = np.array(MATRICES.split(), float).reshape(3, 3, 3)


def lab(color, seen):
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    t = XYZ @ np.clip(seen @ linear, 0, 1) / [0.95047, 1, 1.08883]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_looks_differ_to_the_colour_blind_and_without_colour():
    for seen in SEEN:
        colors = [lab(color, seen) for color in PALETTE]
        # 2.3 is a just noticeable difference; plain red and green are within 30.
        assert min(np.linalg.norm(a - b) for a, b in combinations(colors, 2)) > 15
    styles = list(make_styles(map(str, range(29))).values())
    assert len({(style["color"], style["linestyle"]) for style in styles}) == 29
    assert len({style["marker"] for style in styles[:8]}) == 8


def check_apart(boxes):
    for (one, a), (other, b) in combinations(boxes, 2):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(width, height) <= 1, (one, other)


def check_texts(figure):
    found = texts_of(figure)
    assert len(found) > 8
    for text, extent in found:
        assert text.get_fontsize() >= 8, text
        assert min(extent.x0, extent.y0) >= -1, text
        assert extent.x1 <= figure.bbox.x1 + 1, text
        assert extent.y1 <= figure.bbox.y1 + 1, text
    check_apart(found)


@pytest.mark.slow
def test_texts_are_legible_whole_and_apart(comparison):
    first, *others = comparison.outcomes
    many = []
    for number in range(3):
        for each in others:
            name = f"{each.strategy.name} {number}"
            many.append(replace(each, strategy=replace(each.strategy, name=name)))
    pictures = list(draw_pictures(replace(comparison, outcomes=[first, *many])))
    assert len(pictures) == 6
    for picture in pictures:
        check_texts(picture.figure)
        assert picture.alt.startswith(f"{picture.title}: ")
        sentences = re.split(r"[.:;] ", picture.caption)
        assert max(len(each.split()) for each in sentences) <= 25


@pytest.mark.parametrize("display", CURVES)
def test_long_names_are_kept_apart(display):
    rng = np.random.default_rng(0)
    y, p = rng.random(500) < 0.1, rng.random(500)
    end = "and a name that goes on and on and never seems to come to an end"
    start = "Sampler(strategy={'a': %d}, costs=$5), "
    names = [f"{start % number}{end}\x1b {number}" for number in range(14)]
    drawn = display(y, dict.fromkeys(names, p)).plot()
    check_texts(drawn.figure_)
    (legend,) = drawn.figure_.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert len(set(labels)) == len(labels)
    assert legend.get_window_extent().x0 >= drawn.ax_.get_window_extent().x1


@pytest.mark.parametrize("display", DISPLAYS)
def test_given_axes_are_used(display, comparison):
    figure = plt.figure(figsize=(9, 5))
    axes = [figure.add_axes((x, 0.2, 0.3, 0.7)) for x in (0.1, 0.6)]
    n_panels = 2 if display is LearningCurveByRowsDisplay else 1
    place = axes[0].get_position(original=True)
    few = {"strategies": "oversampled"} if display is ConfusionMatricesDisplay else {}
    given = axes if n_panels == 2 else axes[0]
    drawn = display.from_comparison(comparison, ax=given, **few)
    assert drawn.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert figure.get_size_inches().tolist() == [9, 5]
    assert list(drawn.axes_) == list(axes[:n_panels])
    assert axes[1].has_data() == (n_panels == 2)
    assert axes[0].get_position(original=True).bounds == place.bounds


@pytest.mark.parametrize(
    ("display", "of", "choice", "message"),
    [
        (TradeOffDisplay, "comparison", {"measure": "profit"}, "measure .* 'profit'"),
        (RankingDisplay, "comparison", {"kind": "lift"}, "kind must .* 'lift'"),
        (LearningCurveByRowsDisplay, "weighted", {}, "Give learning_curve_by_rows="),
        (ConfusionMatricesDisplay, "three_classes", {}, r"two classes.* got 3 classes"),
        (ReliabilityDisplay, "comparison", {"n_bins": 0}, "n_bins == 0"),
        *((each, "comparison", {"strategies": []}, r"got \[\]") for each in CURVES),
        *(
            (each, "comparison", {"strategies": ["half", "no"]}, "strategies .*'no'")
            for each in OF_STRATEGIES
        ),
        *(
            (each, "comparison", {"ax": object()}, r"ax must be an array of \d+ axes")
            for each in (LearningCurveByRowsDisplay, ConfusionMatricesDisplay)
        ),
    ],
)
def test_wrong_choices_are_named(display, of, choice, message, request):
    with pytest.raises(ValueError, match=message):
        display.from_comparison(request.getfixturevalue(of), **choice)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("display", DISPLAYS)
def test_without_matplotlib_the_error_says_so(display, comparison, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{display.__name__}.*requires matplotlib"):
        display.from_comparison(comparison)
