"""The page: whole, escaped, self-contained, with the numbers of the comparison."""

import math
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skstrat import DownsampleUpweight, Strategy
from skstrat.displays import _page
from skstrat.displays._html import element
from skstrat.displays._page import summary_html, write_page
from skstrat.displays._table import choose_decimals, write_number
from skstrat.model_selection._compare import compare_strategies

EVIL = "<script>alert('1')</script> & \"co\" <b>"
MINUS = "\N{MINUS SIGN}"
VOID = {"br", "img", "link", "meta"}


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
            f"half {EVIL}": DownsampleUpweight(factor=2, random_state=0),
            "uncorrected": Strategy(
                "", DownsampleUpweight(factor=5), False, prior_correction=False
            ),
        },
        cv=3,
        random_state=0,
    )


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr(_page, "draw_pictures", lambda comparison: ())


@pytest.fixture
def page(comparison, no_pictures, tmp_path):
    write_page(tmp_path / "page.html", {"": comparison}, title=EVIL, source=EVIL)
    return (tmp_path / "page.html").read_text(encoding="utf-8")


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
    assert any(f"half {EVIL}" in th["text"] for th in reader.all("th", scope="row"))
    assert any(EVIL in li["text"] for li in reader.all("li"))
    assert reader.all("p")[0]["text"].startswith(f"{EVIL}: 900 rows of 2 classes")


def test_control_characters_are_shown(comparison, no_pictures, tmp_path):
    named = replace(comparison, class_names=["\x1b[31mred", "\u202eko"])
    path = tmp_path / "page.html"
    write_page(path, {"\x9bmodel": named}, title="\x07title", source="\x00source")
    text = path.read_text(encoding="utf-8")
    for shown in (
        r"\x1b[31mred",
        r"\u202eko",
        r"\x9bmodel",
        r"\x07title",
        r"\x00source",
    ):
        assert shown in text
    assert not set(text) & set("\x1b\u202e\x9b\x07\x00")


def test_the_order_is_verdict_table_method_code_versions(comparison, page):
    main = Reader(page).all("main")[0]["text"]
    parts = [
        "Degree of imbalance",
        "Verdict",
        "All strategies",
        "Pictures",
        "How it was measured",
        "Code that rebuilds the best model",
        "Made with Python",
    ]
    places = [main.index(part) for part in parts]
    assert places == sorted(places)
    assert comparison.degree_ in main
    assert comparison.recommendation_[-60:] in main


def test_cells_sort_by_the_values_of_the_comparison(comparison, page):
    table = comparison.table_
    keys = ["rows", "fit_time", "log_loss"]
    keys += [key for key in comparison.outcomes[0].folds if key not in keys]
    keys.append("relative_calibration_error")
    rows = body_rows(page)
    assert [row[0]["data-v"] for row in rows] == list(table.index)
    assert {len(row) for row in rows} == {len(keys) + 1} == {len(headings(page))}
    for row, (_, values) in zip(rows, table.iterrows(), strict=True):
        shown = [float(cell["data-v"]) for cell in row[1:]]
        np.testing.assert_array_equal(shown, values[keys])


def test_cells_show_mean_spread_and_paired_difference(comparison, page):
    table, rows = comparison.table_, body_rows(page)
    column = headings(page).index("Log loss")
    for position, (row, (_, values)) in enumerate(
        zip(rows, table.iterrows(), strict=True)
    ):
        numbers = re.findall(rf"[+{MINUS}]?\d+\.\d+", row[column]["text"])
        shown = [float(number.replace(MINUS, "-")) for number in numbers]
        expected = [values["log_loss"], values["log_loss_sd"]]
        if position:
            expected += [values["log_loss_difference"], values["log_loss_se"]]
        assert shown == pytest.approx(expected, rel=0.1, abs=6e-4)


def test_noise_is_what_lies_within_one_standard_error(comparison, page):
    reader, expected = Reader(page), []
    measures = sorted(
        set(comparison.outcomes[0].folds) - {"rows", "fit_time", "threshold"},
        key=lambda name: name != "log_loss",
    )
    order = [name for name in comparison.outcomes[0].folds if name in measures]
    order.remove("log_loss")
    for outcome in comparison.outcomes[1:]:
        for measure in ["log_loss", *order]:
            difference, error = outcome.difference(comparison.outcomes[0], measure)
            expected.append(abs(difference) <= error)
    shown = [
        each
        for each in reader.all("small")
        if each.get("class", "").startswith("difference")
        and not each["text"].startswith("noise")
    ]
    assert ["noise" in each["class"] for each in shown] == expected
    assert [each["text"].startswith("≈") for each in shown] == expected
    assert any(expected)
    assert not all(expected)


def test_the_best_row_is_marked_in_words(comparison, page):
    best = [row[0] for row in body_rows(page) if "best" in row[0]["text"]]
    assert [cell["data-v"] for cell in best] == [comparison.best_]


def test_every_column_is_explained_once(page):
    explained = [dt["text"] for dt in Reader(page).all("dt")]
    titles = headings(page)[1:]
    assert sorted(explained) == sorted(titles)


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


def test_several_models_have_a_chapter_each(comparison, no_pictures, tmp_path):
    path = tmp_path / "page.html"
    write_page(path, {EVIL: comparison, "two": comparison}, title="t")
    reader = Reader(path.read_text(encoding="utf-8"))
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
    assert len(text) < 1_500_000
    for image in images:
        assert image["src"].startswith("data:image/png;base64,")
        assert len(image["alt"]) > 60
        assert "uncorrected" in image["alt"]


def test_without_matplotlib_there_is_a_note(comparison, monkeypatch, tmp_path):
    monkeypatch.setattr(_page, "find_spec", lambda name: None)
    write_page(tmp_path / "page.html", {"": comparison}, title="t")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "matplotlib is not installed" in text
    assert "<img" not in text


def test_a_failure_leaves_what_was_there(comparison, monkeypatch, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old", encoding="utf-8")

    def fail(source, target):
        raise OSError("full")

    monkeypatch.setattr(_page, "draw_pictures", lambda comparison: ())
    monkeypatch.setattr(_page.os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        write_page(path, {"": comparison}, title="t")
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["page.html"]


def test_it_leaves_one_file_that_replaces_the_old(comparison, no_pictures, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old", encoding="utf-8")
    write_page(str(path), {"": comparison}, title="half a pair \ud800")
    assert path.read_bytes().decode("utf-8").endswith("</html>\n")
    assert os.listdir(tmp_path) == ["page.html"]


def test_the_same_comparison_gives_the_same_page(comparison, no_pictures, tmp_path):
    for name in "ab":
        write_page(tmp_path / name, {"": comparison}, title="t")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_folder_that_is_not_there_is_named(comparison, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path must lie in a folder .*nowhere"):
        write_page(tmp_path / "nowhere" / "page.html", {"": comparison}, title="t")


def test_no_comparison_is_refused(tmp_path):
    with pytest.raises(ValueError, match="comparisons must hold at least one"):
        write_page(tmp_path / "page.html", {}, title="t")


def test_many_classes_are_folded(comparison, no_pictures, tmp_path):
    codes = np.repeat(np.arange(20), 45)
    labels = replace(
        comparison.labels,
        codes=codes,
        classes=np.array([f"class {code}" for code in range(20)]),
        counts=np.bincount(codes),
    )
    many = replace(comparison, labels=labels)
    head = str(_page._data(many, None))
    assert len(Reader(head).all("li")) == 20
    assert len(Reader(head).all("details")) == 1
    assert "<details" not in str(_page._data(comparison, None))


def test_names_of_codes_are_shown(comparison, no_pictures, tmp_path):
    named = replace(comparison, class_names=["sick", "healthy"])
    assert "sick" in _page._data(named, None)
    assert "plain" not in _page._data(named, None)


def test_a_measure_of_the_users_own_is_a_column(data, no_pictures, tmp_path):
    comparison = compare_strategies(
        LogisticRegression(),
        *data,
        strategies=[],
        cv=2,
        random_state=0,
        scoring=["balanced_accuracy", "neg_brier_score"],
    )
    write_page(tmp_path / "page.html", {"": comparison}, title="t")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Balanced accuracy" in headings(text)
    assert "balanced accuracy" in text
    assert "log loss" not in " ".join(headings(text)).lower()


def test_the_summary_is_a_small_escaped_fragment(comparison):
    text = summary_html(comparison)
    reader = Reader(text)
    assert comparison._repr_html_() == text
    assert len(text) < 10_000
    assert {each["tag"] for each in reader.elements}.isdisjoint({"script", "b", "html"})
    assert comparison.recommendation_ in reader.elements[0]["text"]
    rows = body_rows(text)
    names = [row[0]["text"].removeprefix("★ ") for row in rows]
    assert names == list(comparison.table_.index)
    assert sum(row[0]["text"].startswith("★") for row in rows) == 1


@pytest.mark.parametrize(
    ("spreads", "decimals"),
    [([0.0123], 3), ([0.5, 0.0002, 12.0], 2), ([37.0], 0), ([0, math.nan], 3)],
)
def test_two_digits_of_the_spread_are_shown(spreads, decimals):
    assert choose_decimals(spreads) == decimals


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [(1234.567, False, "1,234.57"), (-0.5, True, f"{MINUS}0.50"), (0.5, True, "+0.50")],
)
def test_numbers_are_written_for_people(value, signed, text):
    assert write_number(value, 2, signed=signed) == text


def test_what_is_not_known_is_a_dash():
    assert write_number(math.nan, 2) == "\N{EN DASH}"


def test_elements_escape_text_and_attributes():
    made = element("p", "<&", element("br"), None, data_v='"<', hidden=True, id=None)
    assert made == '<p data-v="&quot;&lt;" hidden>&lt;&amp;<br></p>'
