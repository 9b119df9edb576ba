"""The pictures of a comparison show its numbers, and can be read."""

import sys
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from sklearn.naive_bayes import GaussianNB

from skstrat import DownsampleUpweight
from skstrat.displays import (
    ConfusionMatricesDisplay,
    LearningCurveByRowsDisplay,
    RankingDisplay,
    ReliabilityDisplay,
    TradeOffDisplay,
)
from skstrat.displays._style import PALETTE, default_names, make_styles
from skstrat.model_selection._compare import compare_strategies

mpl.use("Agg")
import matplotlib.pyplot as plt

DISPLAYS = [
    ReliabilityDisplay,
    RankingDisplay,
    TradeOffDisplay,
    LearningCurveByRowsDisplay,
    ConfusionMatricesDisplay,
]
OF_STRATEGIES = [each for each in DISPLAYS if each is not LearningCurveByRowsDisplay]


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


@pytest.fixture(scope="module")
def comparison():
    return compare_strategies(
        GaussianNB(), *rows(), cv=3, random_state=0, learning_curve_by_rows=True
    )


@pytest.fixture(scope="module")
def weighted():
    weights = np.random.default_rng(1).exponential(size=1500) + 0.1
    return compare_strategies(
        GaussianNB(),
        *rows(),
        cv=3,
        random_state=0,
        sample_weight=weights,
        strategies={"half": DownsampleUpweight(factor=2, random_state=0)},
        scoring=["neg_log_loss"],
    )


@pytest.fixture(scope="module")
def three_classes():
    return compare_strategies(
        GaussianNB(),
        *rows(n_classes=3),
        cv=3,
        random_state=0,
        strategies=[DownsampleUpweight(factor=2, random_state=0)],
        learning_curve_by_rows=[1, 3],
    )


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


def test_reliability_shows_shares_and_means_of_the_bins(comparison):
    display = ReliabilityDisplay.from_comparison(comparison)
    name = "downsample 5 + correction"
    line = lines_by_label(display.ax_)[name]
    y, p = comparison.y_true_, comparison.y_prob(name)
    order = np.argsort(p, kind="stable")
    n_bins = round(np.cbrt(y.sum()))
    assert len(display.bins_[name].prob_true) == n_bins
    # Equal mass, no ties: the bins are cuts of the order.
    cuts = np.array_split(order, n_bins)
    assert [len(cut) for cut in cuts] == display.bins_[name].n_rows.tolist()
    drawn = np.array([p[cut].mean() for cut in cuts])
    shares = np.array([y[cut].mean() for cut in cuts])
    some = shares > 0
    np.testing.assert_allclose(line.get_ydata()[some], shares[some])
    assert np.isnan(line.get_ydata()[~some]).all()
    left = display.ax_.get_xlim()[0] * 1.3
    np.testing.assert_allclose(line.get_xdata(), np.maximum(drawn, left))
    assert display.ax_.get_xscale() == display.ax_.get_yscale() == "log"


def limits_of(display):
    return [
        line.get_xydata()
        for line in display.ax_.get_lines()
        if line.get_marker() == "v" and len(line.get_xdata())
    ]


def test_bins_without_positives_show_the_rule_of_three():
    p = np.repeat([0.001, 0.2], [300, 100])
    y = np.repeat([0, 1], [370, 30])
    display = ReliabilityDisplay(y, {"model": p}, n_bins=2).plot()
    (limits,) = limits_of(display)
    np.testing.assert_allclose(limits, [[0.001, 3 / 300]])
    assert "no positive row: 95 % upper limit" in lines_by_label(display.ax_)
    (line,) = [x for x in display.ax_.get_lines() if x.get_label() == "model"]
    np.testing.assert_allclose(line.get_ydata(), [np.nan, 0.3])
    # Three positive rows weigh 6, and the 300 of the bin 3000.
    heavy = ReliabilityDisplay(
        y, {"model": p}, n_bins=2, sample_weight=np.where(y, 2, 10)
    ).plot()
    (limits,) = limits_of(heavy)
    assert min(limits[:, 1]) == pytest.approx(6 / 3000)


def test_intervals_are_those_of_wilson_and_only_for_one_strategy():
    y = np.repeat([0, 1, 0, 1], [90, 10, 50, 50])
    p = np.repeat([0.1, 0.5], [100, 100])
    display = ReliabilityDisplay(y, {"model": p}, n_bins=2).plot(histogram=False)
    (bars,) = display.ax_.collections
    low, high = bars.get_segments()[0][:, 1]
    # Brown, Cai and DasGupta (2001): ends solve |k/n - p| = z sqrt(p (1 - p) / n).
    for end in (low, high):
        assert abs(0.1 - end) == pytest.approx(
            1.959964 * (end * (1 - end) / 100) ** 0.5
        )
    two = ReliabilityDisplay(y, {"a": p, "b": p}, n_bins=2).plot(histogram=False)
    assert len(two.ax_.collections) == 0
    assert len(two.axes_) == 1
    # Ten times the weight of negatives: ten times less the odds, of the ends as well.
    w = np.where(y, 1, 10)
    heavy = ReliabilityDisplay(y, {"model": p}, n_bins=1, sample_weight=w)
    light = ReliabilityDisplay(y, {"model": p}, n_bins=1)
    ends = [
        each.plot(histogram=False).ax_.collections[0].get_segments()[0][:, 1]
        for each in (heavy, light)
    ]
    odds = [end / (1 - end) for end in ends]
    np.testing.assert_allclose(10 * odds[0], odds[1])


@pytest.mark.parametrize("name", ["comparison", "weighted"])
def test_histogram_counts_every_row_once(name, request):
    found = request.getfixturevalue(name)
    display = ReliabilityDisplay.from_comparison(found)
    bottom = display.axes_[1]
    total = np.sum(
        np.ones(1500) if found.sample_weight_ is None else found.sample_weight_
    )
    drawn = [patch.get_data() for patch in bottom.patches]
    assert len(drawn) == len(display.y_prob)
    for values, edges, _ in drawn:
        assert np.nansum(values) == pytest.approx(total)
        assert edges[-1] == 1
    unit = "Rows" if found.sample_weight_ is None else "Weight"
    assert bottom.get_ylabel() == f"{unit} in bin"
    assert bottom.get_xlabel() == "Predicted probability"


@pytest.mark.parametrize("name", ["comparison", "weighted", "three_classes"])
@pytest.mark.parametrize("kind", ["precision_recall", "roc"])
def test_ranking_shows_the_curves_of_scikit_learn(kind, name, request):
    found = request.getfixturevalue(name)
    display = RankingDisplay.from_comparison(found, kind=kind)
    lines = lines_by_label(display.ax_)
    weights = found.sample_weight_
    for strategy, y_prob in display.y_prob.items():
        args = (found.y_true_, y_prob)
        if kind == "roc":
            x, y, _ = roc_curve(*args, sample_weight=weights)
            text = f"AUC\xa0{roc_auc_score(*args, sample_weight=weights):.3f}"
        else:
            y, x, _ = precision_recall_curve(
                *args, sample_weight=weights, drop_intermediate=True
            )
            text = f"AP\xa0{average_precision_score(*args, sample_weight=weights):.3f}"
        labels = [key for key in lines if key.endswith(f"({text})")]
        label = next(key for key in labels if key.startswith(strategy[:9]))
        np.testing.assert_allclose(lines[label].get_xdata(), x)
        np.testing.assert_allclose(lines[label].get_ydata(), y)
    chance = next(line for key, line in lines.items() if key.startswith("chance"))
    share = np.average(found.y_true_, weights=weights)
    level = [0, 1] if kind == "roc" else [share, share]
    np.testing.assert_allclose(chance.get_ydata(), level)


def test_weights_move_every_curve(weighted):
    y, w = weighted.y_true_, weighted.sample_weight_
    scores = {"half": weighted.y_prob("half")}
    for make in (ReliabilityDisplay, RankingDisplay):
        drawn = [
            make(y, scores, sample_weight=weights)
            .plot()
            .ax_.get_lines()[0]
            .get_xydata()
            for weights in (w, None, np.ones(len(y)))
        ]
        np.testing.assert_allclose(drawn[1], drawn[2])
        assert drawn[0].shape != drawn[1].shape or not np.allclose(drawn[0], drawn[1])


def test_trade_off_shows_times_means_and_errors(comparison):
    display = TradeOffDisplay.from_comparison(comparison)
    assert "standard error of the paired difference" in " ".join(
        display.ax_.get_ylabel().split()
    )
    assert "lower is better" in display.ax_.get_ylabel()
    assert "seconds" in display.ax_.get_xlabel()
    table = comparison.table_
    bars = {bar.get_label(): bar for bar in display.ax_.containers}
    assert list(bars) == list(table.index)
    for name, bar in bars.items():
        row = table.loc[name]
        (point,) = bar[0].get_xydata()
        np.testing.assert_allclose(point, [row["fit_time"], row["log_loss"]])
        (segment,) = bar[2][0].get_segments()
        ends = row["log_loss"] + np.array([-1, 1]) * row["log_loss_se"]
        np.testing.assert_allclose(segment[:, 1], np.maximum(ends, point[1] / 2))
    true = next(iter(bars.values()))
    assert true[0].get_markersize() > list(bars.values())[1][0].get_markersize()
    other = TradeOffDisplay.from_comparison(comparison, measure="f2", spread="sd")
    assert "F2 score" in other.ax_.get_ylabel()
    assert "standard deviation over the folds" in " ".join(
        other.ax_.get_ylabel().split()
    )
    assert other.error["combined"] == pytest.approx(table.loc["combined", "f2_sd"])


@pytest.mark.parametrize(("worst", "scale"), [(0.3, "log"), (0.04, "linear")])
def test_one_bad_strategy_does_not_squeeze_the_others(worst, scale):
    loss = {"true": 0.03, "close": 0.033, "bad": worst}
    display = TradeOffDisplay(dict.fromkeys(loss, 1.0), loss).plot()
    assert display.ax_.get_yscale() == scale


def test_one_strategy_alone_has_room_around_its_point():
    for seconds in np.random.default_rng(0).uniform(0.001, 3, 20):
        display = TradeOffDisplay({"alone": seconds}, {"alone": 0.2}).plot()
        display.figure_.canvas.draw()
        low, high = display.ax_.get_xlim()
        assert seconds / 3 < low < seconds < high < 3 * seconds
        plt.close(display.figure_)


def test_learning_curve_shows_the_table(comparison):
    display = LearningCurveByRowsDisplay.from_comparison(comparison)
    table = comparison.learning_curve_.sort_values("majority_rows")
    for ax, measure in zip(display.axes_, ("log_loss", "fit_time"), strict=True):
        (line,) = ax.get_lines()
        np.testing.assert_allclose(line.get_xdata(), table["majority_rows"])
        np.testing.assert_allclose(line.get_ydata(), table[measure])
    assert [text.get_text() for text in display.factor_axis_.get_xticklabels()] == [
        f"{factor:g}" for factor in sorted(table["factor"])
    ]
    np.testing.assert_allclose(
        display.factor_axis_.get_xticks(), table["majority_rows"][::-1]
    )
    assert "seconds" in display.axes_[1].get_ylabel()
    assert "Rows" in display.axes_[1].get_xlabel()
    assert display.ax_.get_xscale() == "log"
    band = display.ax_.collections[0].get_paths()[0].vertices
    folds = [each.folds["log_loss"] for each in comparison.curve]
    paired = folds[-1] - folds[0]
    widest = folds[-1].mean() + paired.std(ddof=1) / np.sqrt(3)
    assert np.isclose(band[:, 1], widest, rtol=1e-12).any()


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
            share = 100 * expected / expected.sum(axis=1, keepdims=True)
            assert [text.get_text() for text in ax.texts] == [
                f"{expected[at]:,.{digits}f}\n{share[at]:.1f} %"
                for at in np.ndindex(2, 2)
            ]
            used = found.outcome(name).folds["threshold"]
            assert f"threshold {np.median(used):.2g}" in ax.get_title()


def test_confusion_matrices_need_two_classes(three_classes):
    with pytest.raises(ValueError, match=r"must be of two classes.*got 3 classes"):
        ConfusionMatricesDisplay.from_comparison(three_classes)
    assert plt.get_fignums() == []


def test_default_has_the_best_and_the_true_distribution(comparison):
    names = [outcome.strategy.name for outcome in comparison.outcomes]

    class Other:
        outcomes = comparison.outcomes
        best_ = names[-1]

    assert default_names(Other) == [*names[:7], names[-1]]
    Other.best_ = names[3]
    assert default_names(Other) == names[:8]


def test_a_strategy_looks_the_same_everywhere(comparison):
    names = [outcome.strategy.name for outcome in comparison.outcomes]
    chosen = [names[-1], names[2], names[0]]
    curves = lines_by_label(
        ReliabilityDisplay.from_comparison(comparison, strategies=chosen).ax_
    )
    ranks = RankingDisplay.from_comparison(comparison).ax_.get_lines()
    whole = lines_by_label(ReliabilityDisplay.from_comparison(comparison).ax_)
    points = {
        bar.get_label(): bar[0]
        for bar in TradeOffDisplay.from_comparison(comparison).ax_.containers
    }
    for name in chosen:
        assert curves[name].get_color() == points[name].get_color()
        assert curves[name].get_marker() == points[name].get_marker()
    for at, name in enumerate(default_names(comparison)):
        assert whole[name].get_color() == points[name].get_color() == PALETTE[at]
        assert ranks[at].get_color() == PALETTE[at]
        assert ranks[at].get_linestyle() == whole[name].get_linestyle()


# Machado, Oliveira and Fernandes (2009), full severity, of linear sRGB.
SEEN_BY = {
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def lab(color, seen=None):
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if seen is not None:
        linear = np.clip(np.array(seen) @ linear, 0, 1)
    t = XYZ @ linear / [0.95047, 1, 1.08883]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", SEEN_BY)
def test_colours_differ_to_the_colour_blind(kind):
    seen = [lab(color, SEEN_BY[kind]) for color in PALETTE]
    # 2.3 is a just noticeable difference; plain red and green come to less than 30.
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 15


def test_styles_differ_without_any_colour():
    styles = list(make_styles(map(str, range(29))).values())
    assert len({(style.color, style.linestyle) for style in styles}) == 29
    assert len({style.marker for style in styles[:8]}) == 8
    assert [style.color for style in styles].count(PALETTE[0]) == 1


@pytest.mark.parametrize("display", DISPLAYS)
@pytest.mark.parametrize("n_strategies", [2, 8, 11])
def test_texts_are_legible_whole_and_apart(display, n_strategies, comparison):
    names = [outcome.strategy.name for outcome in comparison.outcomes][:n_strategies]
    assert len(names) == n_strategies
    few = {} if display is LearningCurveByRowsDisplay else {"strategies": names}
    figure = display.from_comparison(comparison, **few).figure_
    check_texts(figure)


def check_texts(figure):
    found = texts_of(figure)
    assert len(found) > 8
    for text, extent in found:
        assert text.get_fontsize() >= 8, text
        assert extent.x0 >= -1, text
        assert extent.y0 >= -1, text
        assert extent.x1 <= figure.bbox.x1 + 1, text
        assert extent.y1 <= figure.bbox.y1 + 1, text
    for (one, a), (other, b) in combinations(found, 2):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(width, height) <= 1, (one, other)


@pytest.mark.parametrize(
    "display", [ReliabilityDisplay, RankingDisplay, TradeOffDisplay]
)
def test_long_names_are_kept_apart(display):
    rng = np.random.default_rng(0)
    y, p = rng.random(500) < 0.1, rng.random(500)
    end = "and a name that goes on and on and never seems to come to an end"
    names = [
        f"Sampler(strategy={{'a': {at}}}, costs=$5), {end} {at}" for at in range(14)
    ]
    if display is TradeOffDisplay:
        drawn = display(dict.fromkeys(names, 1.0), dict.fromkeys(names, 0.1)).plot()
    else:
        drawn = display(y, dict.fromkeys(names, p)).plot()
    check_texts(drawn.figure_)
    labels = [text.get_text() for text in drawn.ax_.get_legend().get_texts()]
    assert len(set(labels)) == len(labels)


def test_the_legend_of_the_trade_off_names_every_strategy(comparison):
    display = TradeOffDisplay.from_comparison(comparison)
    legend = display.ax_.get_legend()
    named = [text.get_text().replace("\n", " ") for text in legend.get_texts()]
    assert named == [outcome.strategy.name for outcome in comparison.outcomes]
    display.figure_.canvas.draw()
    assert legend.get_window_extent().x0 >= display.ax_.get_window_extent().x1
    bare = TradeOffDisplay.from_comparison(comparison, legend=False)
    assert bare.ax_.get_legend() is None


@pytest.mark.parametrize("display", DISPLAYS)
@pytest.mark.parametrize("by_hand", [False, True])
def test_given_axes_are_used(display, by_hand, comparison):
    figure = plt.figure(figsize=(9, 5))
    if by_hand:
        ax = figure.add_axes((0.5, 0.2, 0.45, 0.7))
        other = figure.add_axes((0.1, 0.2, 0.3, 0.7))
    else:
        other, ax = figure.subplots(1, 2)
    place = ax.get_position()
    drawn = display.from_comparison(comparison, ax=ax)
    assert drawn.ax_ is ax
    assert drawn.ax_ is drawn.axes_[0]
    assert drawn.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert figure.get_size_inches().tolist() == [9, 5]
    assert not other.has_data()
    for axes in drawn.axes_:
        assert axes.has_data() or axes.images
        box = axes.get_position()
        assert place.x0 - 1e-9 <= box.x0 <= box.x1 <= place.x1 + 1e-9
        assert place.y0 - 1e-9 <= box.y0 <= box.y1 <= place.y1 + 1e-9


@pytest.mark.parametrize("display", OF_STRATEGIES)
def test_strategies_are_chosen_by_name(display, comparison):
    with pytest.raises(
        ValueError, match=r"strategies must be one or more of.*'nothing'"
    ):
        display.from_comparison(comparison, strategies=["combined", "nothing"])
    with pytest.raises(ValueError, match=r"strategies must be .* got \[\]"):
        display.from_comparison(comparison, strategies=[])
    drawn = display.from_comparison(comparison, strategies="combined")
    shown = drawn.y_pred if display is ConfusionMatricesDisplay else None
    shown = shown or getattr(drawn, "y_prob", None) or drawn.value
    assert list(shown) == ["combined"]


def test_wrong_choices_are_named(comparison, weighted):
    with pytest.raises(
        ValueError, match=r"measure must be one of.*'log_loss'.*'profit'"
    ):
        TradeOffDisplay.from_comparison(comparison, measure="profit")
    with pytest.raises(ValueError, match=r"spread must be one of.*'range'"):
        TradeOffDisplay.from_comparison(comparison, spread="range")
    with pytest.raises(ValueError, match=r"kind must be one of.*'lift'"):
        RankingDisplay.from_comparison(comparison, kind="lift")
    with pytest.raises(ValueError, match=r"Give learning_curve_by_rows=True"):
        LearningCurveByRowsDisplay.from_comparison(weighted)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("display", DISPLAYS)
def test_without_matplotlib_the_error_says_so(display, comparison, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{display.__name__}.*requires matplotlib"):
        display.from_comparison(comparison)


def test_plot_without_matplotlib_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = RankingDisplay([0, 1], {"model": [0.1, 0.9]})
    with pytest.raises(ImportError, match=r"RankingDisplay.plot requires matplotlib"):
        display.plot()
