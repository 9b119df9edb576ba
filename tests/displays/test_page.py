"""The page: whole, escaped, self-contained, with the numbers of the comparison."""

import os
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from imblearn import FunctionSampler
from sklearn.linear_model import LogisticRegression

from skstrat import DownsampleUpweight, Strategy, compare_strategies
from skstrat.displays import _page
from skstrat.displays._page import summary_html, write_page
from skstrat.metrics._measures import MEASURES, describe_measure

pytest.importorskip("jinja2")
pd = pytest.importorskip("pandas")

EVIL = "<script>alert('1')</script> & \"co\" <b>"
MINUS = "\N{MINUS SIGN}"
VOID = {"br", "img", "link", "meta"}
POOLED = [info.key for info in MEASURES.values() if info.pooled]


class Reader(HTMLParser):
    """Reads elements with their text, and sees that they are nested rightly."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        made = {"tag": tag, "text": "", **dict(attrs)}
        self.elements.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for each in self.open:
            each["text"] += data

    def all(self, tag, **attributes):
        return [
            each
            for each in self.elements
            if each["tag"] == tag
            and all(each.get(name) == value for name, value in attributes.items())
        ]


def fail(X, y):
    raise ValueError(f"no luck {EVIL}")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 3))
    return X, rng.random(900) < 1 / (1 + np.exp(2.5 - X[:, 0]))


@pytest.fixture(scope="module")
def comparison(data):
    X, y = data
    return compare_strategies(
        LogisticRegression(),
        X,
        np.where(y, EVIL, "plain"),
        strategies={
            f"half 1:1 {EVIL}": DownsampleUpweight(factor=2, random_state=0),
            "unlucky": Strategy("", FunctionSampler(func=fail)),
            "uncorrected": Strategy(
                "", DownsampleUpweight(factor=5), False, prior_correction=False
            ),
        },
        cv=3,
        random_state=0,
    )


@pytest.fixture
def written(monkeypatch, tmp_path):
    """Give a function that writes a page without pictures and reads it."""
    monkeypatch.setattr(_page, "draw_pictures", lambda comparison: ())

    def write(comparisons, title="t", source=None):
        path = tmp_path / "page.html"
        write_page(path, comparisons, title=title, source=source)
        return path.read_text(encoding="utf-8")

    return write


@pytest.fixture
def page(comparison, written):
    return written({"": comparison}, EVIL, EVIL)


def body_rows(text):
    """Give the cells of each row of the table, heading first."""
    body = re.search(r"<tbody>(.*?)</tbody>", text, re.DOTALL)[1]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [
        [each for each in Reader(row).elements if each["tag"] in ("th", "td")]
        for row in rows
    ]


def headings(text):
    head = Reader(re.search(r"<thead>.*?</thead>", text, re.DOTALL)[0])
    return [re.sub(r"(lower|higher|1 is).*", "", th["text"]) for th in head.all("th")]


def test_nothing_that_was_given_becomes_html(page):
    reader = Reader(page)
    assert len(reader.all("script")) == 1
    assert reader.all("b") == []
    assert reader.all("h1")[0]["text"] == EVIL
    assert reader.all("title")[0]["text"] == EVIL
    assert any(f"half 1:1 {EVIL}" in th["text"] for th in reader.all("th", scope="row"))
    assert any(EVIL in li["text"] for li in reader.all("li"))
    assert reader.all("p")[0]["text"].startswith(f"{EVIL}: 900 rows of 2 classes")


def test_control_characters_are_shown(comparison, written):
    named = replace(comparison, class_names=["\x1b[31mred", "\u202eko"])
    text = written({"\x9bmodel": named}, "\x07title \ud800", "\x00source")
    for shown in (r"\x1b[31mred", r"\u202eko", r"\x9bmodel", r"\x07title", r"\ud800"):
        assert shown in text
    assert not set(text) & set("\x1b\u202e\x9b\x07\x00")


def test_the_order_is_verdict_table_method_code_versions(comparison, page):
    main = " ".join(Reader(page).all("main")[0]["text"].split())
    parts = [
        "Degree of imbalance",
        "true distribution: all rows, as they are",
        "Verdict",
        "All strategies",
        "Pictures",
        "How it was measured",
        "Only the training part of a fold is resampled",
        "Nadeau and Bengio, 2003",
        f"{comparison.verdict_.critical:.2f} standard errors",
        "simultaneous over all strategies",
        "At most one comparison in ten names a winner where there is none, for rows of",
        "tuned for the F2 score",
        "Code that rebuilds the best model",
        "Made with Python",
    ]
    place = 0
    for part in parts:
        place = main.index(part, place)
    assert main.index("true distribution") == main.index(parts[1])
    assert comparison.degree_ in main
    assert comparison.recommendation_[-60:] in main


def test_cells_sort_by_the_values_of_the_comparison(comparison, page):
    table = comparison.table_
    keys = ["rows", "fit_time", "log_loss", "mean_probability_ratio"]
    keys += [key for key in comparison.outcomes[0].folds if key not in keys]
    keys += POOLED
    rows = body_rows(page)
    assert [row[0]["data-v"] for row in rows] == list(table.index)
    assert headings(page)[1:] == [describe_measure(key).label for key in keys]
    for row, (name, values) in zip(rows, table.iterrows(), strict=True):
        if name != "unlucky":
            shown = [float(cell["data-v"]) for cell in row[1:]]
            np.testing.assert_array_equal(shown, values[keys].to_numpy(float))


def test_a_strategy_that_failed_has_its_error_in_words(comparison, page):
    row = body_rows(page)[list(comparison.table_.index).index("unlucky")]
    error = comparison.outcome("unlucky").error
    assert EVIL in error
    assert [cell["text"] for cell in row] == ["unlucky", f"Failed: {error}"]
    assert int(row[1]["colspan"]) == len(headings(page)) - 1


def test_cells_show_mean_spread_and_paired_difference(comparison, page):
    table, rows = comparison.table_, body_rows(page)
    column = headings(page).index("Log loss")
    for row, (name, values) in zip(rows, table.iterrows(), strict=True):
        if name == "unlucky":
            continue
        numbers = re.findall(rf"[+{MINUS}]?\d+\.\d+", row[column]["text"])
        shown = [float(number.replace(MINUS, "-")) for number in numbers]
        expected = [values["log_loss"], values["log_loss_sd"]]
        if name != "true distribution":
            expected += [values["log_loss_difference"], values["log_loss_se"]]
        assert shown == pytest.approx(expected, rel=0.1, abs=6e-4)


def test_noise_is_what_chance_explains_over_all_strategies(comparison, page):
    true, *others = comparison.outcomes
    differ = set(true.folds) - {"rows", "fit_time", "threshold"}
    order = ["log_loss", "mean_probability_ratio"]
    order += [key for key in true.folds if key in differ and key not in order]
    found = [
        other.difference(true, key)
        for other in others
        if not other.error
        for key in order
    ]
    limit = comparison.verdict_.critical
    expected = [abs(difference) <= limit * error for difference, error in found]
    small = Reader(page).all("small")
    shown = [each for each in small if "difference" in each.get("class", "")]
    assert ["noise" in each["class"] for each in shown] == expected
    assert [each["text"].startswith("≈") for each in shown] == expected
    assert {True, False} == set(expected)
    assert "within chance of 2 strategies compared" in page


def test_the_best_row_is_marked_in_words(comparison, page):
    best = [row[0] for row in body_rows(page) if "best" in row[0]["text"]]
    assert [cell["data-v"] for cell in best] == [comparison.best_]


def test_versions_are_of_all_that_the_numbers_depend_on(page):
    text = Reader(page).all("footer")[0]["text"]
    for name in filter(find_spec, ("numpy", "pandas", "skrub", "skstrat")):
        assert f" {name} {version(name)}" in text


def test_the_choice_holds_a_name_with_a_colon(comparison, written):
    true, *others = comparison.outcomes
    folds = true.folds | {"log_loss": true.folds["log_loss"] + 1}
    worse = replace(comparison, outcomes=(replace(true, folds=folds), *others))
    (choice,) = Reader(written({"": worse})).all("p", **{"class": "choice"})
    assert choice["text"] == f"Train with half 1:1 {EVIL}"


def test_every_column_is_explained_once(page):
    explained = [dt["text"] for dt in Reader(page).all("dt")]
    assert explained == headings(page)[1:]


def test_it_is_self_contained_and_semantic(page):
    reader = Reader(page)
    assert page.startswith("<!DOCTYPE html>\n<html lang=")
    assert "http:" not in page
    assert "https:" not in page
    (policy,) = reader.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'; img-src data:;")
    assert all(th.get("scope") in ("col", "row") for th in reader.all("th"))
    assert len(reader.all("caption")) == 1
    # Only the script makes buttons, so there are none that do nothing without it.
    assert reader.all("button") == []
    levels = [
        int(each["tag"][1])
        for each in reader.elements
        if each["tag"] in ("h1", "h2", "h3")
    ]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_several_models_have_a_chapter_each(comparison, written):
    reader = Reader(written({EVIL: comparison, "two": comparison}))
    assert [each["text"] for each in reader.all("h2")] == [EVIL, "two"]
    ids = [each["id"] for each in reader.elements if "id" in each]
    links = [each["href"] for each in reader.all("a")]
    assert links == [f"#{each}" for each in ids]
    assert len(set(ids)) == 2
    assert len(reader.all("dl")) == 1


@pytest.mark.slow
def test_pictures_have_words_and_are_closed(comparison, tmp_path):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with mpl.rc_context({"figure.facecolor": "black"}):
        write_page(tmp_path / "page.html", {"": comparison}, title="t")
    assert plt.get_fignums() == []
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    images = Reader(text).all("img")
    assert len(images) == 5
    assert len(text) < 1_000_000
    for image in images:
        assert image["src"].startswith("data:image/webp;base64,")
        assert len(image["alt"]) > 40


def test_without_matplotlib_there_is_a_note(comparison, monkeypatch, tmp_path):
    monkeypatch.setattr(_page, "find_spec", lambda name: None)
    write_page(tmp_path / "page.html", {"": comparison}, title="t")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "matplotlib is not installed" in text
    assert "<img" not in text


def test_without_jinja2_the_remedy_is_named(comparison, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r'pip install "skstrat\[cli\]"'):
        write_page(tmp_path / "page.html", {"": comparison}, title="t")
    assert os.listdir(tmp_path) == []
    assert comparison.best_ in summary_html(comparison)


def test_it_leaves_one_file_that_replaces_the_old_or_none(
    comparison, monkeypatch, tmp_path, written
):
    path = tmp_path / "page.html"
    path.write_text("old", encoding="utf-8")
    first = written({"": comparison})
    assert first.endswith("</html>")
    assert written({"": comparison}) == first
    assert os.listdir(tmp_path) == ["page.html"]

    def refuse(source, target):
        raise OSError("full")

    monkeypatch.setattr(_page.os, "replace", refuse)
    with pytest.raises(OSError, match="full"):
        write_page(path, {"": comparison}, title="new")
    assert path.read_text(encoding="utf-8") == first
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_folder_that_is_not_there_is_named(comparison, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path must lie in a folder .*nowhere"):
        write_page(tmp_path / "nowhere" / "page.html", {"": comparison}, title="t")


def test_no_comparison_is_refused(tmp_path):
    with pytest.raises(ValueError, match="comparisons must hold at least one"):
        write_page(tmp_path / "page.html", {}, title="t")


def test_many_classes_are_folded(data, written):
    X, _ = data
    y = np.digitize(X[:, 0], np.quantile(X[:, 0], np.arange(1, 12) / 12))
    comparison = compare_strategies(
        LogisticRegression(), X, y, strategies=[], cv=2, random_state=0
    )
    (folded,) = Reader(written({"": comparison})).all("details")
    assert folded["text"].count(" rows (") == 12


def test_a_measure_of_the_users_own_is_a_column(data, written):
    comparison = compare_strategies(
        LogisticRegression(),
        *data,
        strategies=[],
        cv=2,
        random_state=0,
        scoring=["balanced_accuracy", "neg_brier_score"],
    )
    text = written({"": comparison})
    assert "<details" not in text
    assert headings(text)[3] == "Balanced accuracy"
    assert "log loss" not in " ".join(headings(text)).lower()
    assert "simultaneous" not in Reader(text).all("article")[0]["text"]


def test_the_summary_is_a_small_escaped_fragment(comparison, monkeypatch):
    text = summary_html(comparison)
    reader = Reader(text)
    assert comparison._repr_html_() == text
    assert len(text) < 5_000
    assert {each["tag"] for each in reader.elements}.isdisjoint({"script", "b", "html"})
    assert comparison.recommendation_ in reader.elements[0]["text"]
    rows = body_rows(text)
    names = [row[0]["text"].removeprefix("★ ") for row in rows]
    assert names == list(comparison.table_.index)
    assert sum(row[0]["text"].startswith("★") for row in rows) == 1
    error = comparison.outcome("unlucky").error
    assert reader.all("p")[-1]["text"] == f"unlucky failed: {error}"
    assert "nan" not in text
    monkeypatch.setattr(_page, "find_spec", lambda name: None)
    assert "<table" not in summary_html(comparison)


@pytest.mark.parametrize(
    ("spreads", "decimals"),
    [([0.0123], 3), ([0.5, 0.02, 12.0], 2), ([37.0], 0), ([0, np.nan, np.inf], 3)],
)
def test_two_digits_of_the_spread_are_shown(spreads, decimals):
    assert _page._decimals(pd.Series(spreads)) == decimals


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [
        (1234.567, "", "1,234.57"),
        (-0.5, "+", f"{MINUS}0.50"),
        (-0.001, "+", "+0.00"),
        (np.nan, "+", "\N{EN DASH}"),
    ],
)
def test_numbers_are_written_for_people(value, sign, text):
    assert _page._write(value, 2, sign) == text
