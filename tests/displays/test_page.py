"""The page: whole, escaped, self-contained, with the numbers of the comparison."""

import os
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from importlib.metadata import version
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
pytest.importorskip("pandas")

EVIL = "<script>alert('1')</script> & \"co\" <b>"
MINUS = "\N{MINUS SIGN}"
POOLED = [info.key for info in MEASURES.values() if info.pooled]


class Reader(HTMLParser):
    """Read elements with their text, and check that they are nested rightly."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        made = {"tag": tag, "text": "", **dict(attrs)}
        self.elements.append(made)
        if tag not in {"br", "img", "link", "meta"}:
            self.open.append(made)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for each in self.open:
            each["text"] += data

    def all(self, *tags):
        return [each for each in self.elements if each["tag"] in tags]

    def texts(self, tag):
        return [each["text"] for each in self.all(tag)]


def fail(X, y):
    raise ValueError(f"no luck {EVIL}")


@pytest.fixture(scope="module")
def compare():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 3))
    y = np.where(rng.random(900) < 1 / (1 + np.exp(2.5 - X[:, 0])), EVIL, "plain")

    def compared(y=y, **words):
        words = {"strategies": [], "cv": 3, "random_state": 0} | words
        return compare_strategies(LogisticRegression(), X, y, **words)

    return compared


@pytest.fixture(scope="module")
def comparison(compare):
    few = DownsampleUpweight(factor=5)
    strategies = {
        f"half 1:1 {EVIL}": DownsampleUpweight(factor=2, random_state=0),
        "unlucky": Strategy("", FunctionSampler(func=fail)),
        "uncorrected": Strategy("", few, False, prior_correction=False),
    }
    return compare(strategies=strategies)


@pytest.fixture
def written(monkeypatch, tmp_path):
    """Return a function that writes a page without pictures and reads it."""
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
    """Return the cells of each row of the table, heading first."""
    body = re.search(r"<tbody>(.*?)</tbody>", text, re.DOTALL)[1]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [Reader(row).all("th", "td") for row in rows]


def headings(text):
    head = Reader(re.search(r"<thead>.*?</thead>", text, re.DOTALL)[0])
    return [re.sub(r"(lower|higher|1 is).*", "", th) for th in head.texts("th")]


def test_nothing_that_was_given_becomes_html(comparison, page, written):
    reader = Reader(page)
    assert len(reader.all("script")) == 1
    assert reader.all("b") == []
    assert reader.texts("h1") == reader.texts("title") == [EVIL]
    assert any(f"half 1:1 {EVIL}" in text for text in reader.texts("th"))
    assert any(EVIL in text for text in reader.texts("li"))
    assert reader.texts("p")[0].startswith(f"{EVIL}: 900 rows of 2 classes")
    named = replace(comparison, class_names=["\x1b[31mred", "\u202eko"])
    text = written({"\x9bmodel": named}, "\x07title \ud800", "\x00source")
    for shown in (r"\x1b[31mred", r"\u202eko", r"\x9bmodel", r"\x07title", r"\ud800"):
        assert shown in text
    assert not set(text) & set("\x1b\u202e\x9b\x07\x00")


def test_the_order_is_verdict_table_method_code_versions(comparison, page):
    main = " ".join(Reader(page).texts("main")[0].split())
    place = 0
    for part in [
        "Degree of imbalance",
        "true distribution: all rows, as they are",
        "Verdict",
        "All strategies",
        "Pictures",
        f"{comparison.verdict_.critical:.2f} standard errors",
        "simultaneous over all strategies",
        "Code that rebuilds the best model",
        "Made with Python",
    ]:
        place = main.index(part, place)
    versions = (f" {each} {version(each)}" for each in ("numpy", "pandas", "skstrat"))
    for part in (comparison.degree_, comparison.recommendation_[-60:], *versions):
        assert part in main


def test_the_table_shows_the_values_of_the_comparison(comparison, page):
    table, rows = comparison.table_, body_rows(page)
    keys = ["rows", "fit_time", "log_loss", "mean_probability_ratio"]
    keys += [key for key in comparison.outcomes[0].folds if key not in keys]
    keys += POOLED
    assert headings(page)[1:] == [describe_measure(key).label for key in keys]
    assert Reader(page).texts("dt") == headings(page)[1:]
    assert [row[0]["data-v"] for row in rows] == list(table.index)
    best = [row[0]["data-v"] for row in rows if "best" in row[0]["text"]]
    assert best == [comparison.best_]
    for row, (name, values) in zip(rows, table.iterrows(), strict=True):
        if name == "unlucky":
            error = comparison.outcome(name).error
            assert EVIL in error
            assert [cell["text"] for cell in row] == [name, f"Failed: {error}"]
            assert int(row[1]["colspan"]) == len(keys)
            continue
        shown = [float(cell["data-v"]) for cell in row[1:]]
        np.testing.assert_array_equal(shown, values[keys].to_numpy(float))
        numbers = re.findall(rf"[+{MINUS}]?\d+\.\d+", row[3]["text"])
        shown = [float(number.replace(MINUS, "-")) for number in numbers]
        expected = [values["log_loss"], values["log_loss_sd"]]
        if name != "true distribution":
            expected += [values["log_loss_difference"], values["log_loss_se"]]
        assert shown == pytest.approx(expected, rel=0.1, abs=6e-4)


def test_noise_is_what_chance_explains_over_all_strategies(comparison, page):
    true, *others = comparison.outcomes
    order = ["log_loss", "mean_probability_ratio"]
    order += [
        key
        for key in true.folds
        if key not in {"rows", "fit_time", "threshold", *order}
    ]
    limit = comparison.verdict_.critical
    expected = [
        abs(difference) <= limit * error
        for other in others
        if not other.error
        for difference, error in (other.difference(true, key) for key in order)
    ]
    small = Reader(page).all("small")
    shown = [each for each in small if "difference" in each.get("class", "")]
    assert ["noise" in each["class"] for each in shown] == expected
    assert [each["text"].startswith("≈") for each in shown] == expected
    assert {True, False} == set(expected)
    assert "within chance of 2 strategies compared" in page


def test_it_is_self_contained_and_semantic(page):
    reader = Reader(page)
    assert page.startswith("<!DOCTYPE html>\n<html lang=")
    assert re.search("https?:", page) is None
    policies = [each.get("content", "") for each in reader.all("meta")]
    assert any(
        each.startswith("default-src 'none'; img-src data:;") for each in policies
    )
    assert all(th.get("scope") in ("col", "row") for th in reader.all("th"))
    assert len(reader.all("caption")) == 1
    # Only the script makes buttons, so there are none that do nothing without it.
    assert reader.all("button") == []
    levels = [int(each["tag"][1]) for each in reader.all("h1", "h2", "h3")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_several_models_have_a_chapter_each(comparison, written):
    true, *others = comparison.outcomes
    folds = true.folds | {"log_loss": true.folds["log_loss"] + 1}
    worse = replace(comparison, outcomes=(replace(true, folds=folds), *others))
    reader = Reader(written({EVIL: comparison, "two": worse}))
    assert reader.texts("h2") == [EVIL, "two"]
    ids = [each["id"] for each in reader.elements if "id" in each]
    assert [each["href"] for each in reader.all("a")] == [f"#{each}" for each in ids]
    assert len(set(ids)) == 2
    assert len(reader.all("dl")) == 1
    # A name may hold a colon.
    choices = [p["text"] for p in reader.all("p") if p.get("class") == "choice"]
    assert choices[1] == f"Train with half 1:1 {EVIL}"


@pytest.mark.slow
def test_pictures_have_words_and_are_closed(comparison, tmp_path):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with mpl.rc_context({"figure.facecolor": "black"}):
        write_page(tmp_path / "page.html", {"": comparison}, title="t")
    assert plt.get_fignums() == []
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    images = Reader(text).all("img")
    assert len(images) == 5
    for image in images:
        assert image["src"].startswith("data:image/webp;base64,")
        assert len(image["alt"]) > 40


def test_without_optional_libraries(comparison, monkeypatch, tmp_path):
    path = tmp_path / "page.html"
    monkeypatch.setattr(_page, "find_spec", lambda name: None)
    write_page(path, {"": comparison}, title="t")
    text = path.read_text(encoding="utf-8")
    assert "matplotlib is not installed" in text
    assert "<img" not in text
    assert "<table" not in summary_html(comparison)
    path.unlink()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r'pip install "skstrat\[cli\]"'):
        write_page(path, {"": comparison}, title="t")
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

    def refuse(source, target):
        raise OSError("full")

    with pytest.raises(FileNotFoundError, match=r"path must lie in a folder .*nowhere"):
        write_page(tmp_path / "nowhere" / "page.html", {"": comparison}, title="t")
    with pytest.raises(ValueError, match="comparisons must hold at least one"):
        write_page(path, {}, title="t")
    monkeypatch.setattr(_page.os, "replace", refuse)
    with pytest.raises(OSError, match="full"):
        write_page(path, {"": comparison}, title="new")
    assert path.read_text(encoding="utf-8") == first
    assert os.listdir(tmp_path) == ["page.html"]


def test_many_classes_and_measures_of_the_users_own(compare, written):
    many = compare(np.arange(900) % 12, cv=2)
    assert Reader(written({"": many})).texts("details")[0].count(" rows (") == 12
    own = compare(scoring=["balanced_accuracy", "neg_brier_score"])
    text = written({"": own})
    assert "<details" not in text
    assert headings(text)[3] == "Balanced accuracy"
    assert "log loss" not in " ".join(headings(text)).lower()
    assert "simultaneous" not in Reader(text).texts("article")[0]


def test_the_summary_is_a_small_escaped_fragment(comparison):
    text = summary_html(comparison)
    reader = Reader(text)
    assert comparison._repr_html_() == text
    assert len(text) < 5_000
    assert reader.all("script", "b", "html") == []
    assert comparison.recommendation_ in reader.elements[0]["text"]
    names = [row[0]["text"] for row in body_rows(text)]
    assert [each.removeprefix("★ ") for each in names] == list(comparison.table_.index)
    assert sum(each.startswith("★") for each in names) == 1
    error = comparison.outcome("unlucky").error
    assert reader.texts("p")[-1] == f"unlucky failed: {error}"
    assert "nan" not in text


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
