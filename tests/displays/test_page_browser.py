"""The page in a real browser: it fits, sorts, asks the network for nothing."""

import json
import os
import select
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from imblearn import FunctionSampler
from sklearn.linear_model import LogisticRegression

from skstrat import ClassWeight, DownsampleUpweight, Strategy, compare_strategies
from skstrat.displays._page import write_page

pytest.importorskip("jinja2")

# A browser is started for every size of the window.
pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
if CHROMIUM is None:
    pytest.skip(f"none of {', '.join(NAMES)} is installed", allow_module_level=True)

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
]
# Chromium listens on descriptor 3 and answers on 4.
START = """
import fcntl, os, sys
spare = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]
for wanted, each in enumerate(spare, start=3):
    os.dup2(each, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}
LONG = "a very long name of a strategy that somebody gave without a thought " * 2
SECONDS = 30


class Browser:
    """Speaks the DevTools protocol over a pipe."""

    def __init__(self, profile):
        theirs, to_them = os.pipe()
        from_them, answers = os.pipe()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", START, str(theirs), str(answers)),
                *(CHROMIUM, *FLAGS, f"--user-data-dir={profile}"),
            ],
            pass_fds=(theirs, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(answers)
        self.to_them, self.from_them = to_them, from_them
        self.buffer, self.events, self.number, self.target = b"", [], 0, {}
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.attach(page)

    def attach(self, page):
        made = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self.target = {"sessionId": made["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params, **self.target}
        os.write(self.to_them, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def read(self):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.from_them], [], [], SECONDS)
            assert ready, f"Chromium has said nothing for {SECONDS} s"
            piece = os.read(self.from_them, 1 << 20)
            assert piece, "Chromium has ended"
            self.buffer += piece
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def open(self, path, size=(1280, 800), *, dark=False):
        width, height = size
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not self.heard("Page.loadEventFired"):
            self.events.append(self.read())

    def heard(self, *methods):
        return [each["params"] for each in self.events if each.get("method") in methods]

    def js(self, expression):
        result = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **({"text": "\r"} if kind == "keyDown" else {}),
            )

    def close(self):
        self.target = {}
        self.call("Browser.close")
        self.process.wait(SECONDS)
        os.close(self.to_them)
        os.close(self.from_them)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def make_data(edges):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 3))
    names = np.array(["a", "<script>alert(1)</script>", "c"])
    return X, names[np.digitize(X[:, 0] + rng.logistic(size=900), edges)]


def fail(X, y):
    raise ValueError(f"<script>alert(4)</script> {LONG}")


@pytest.fixture(scope="module")
def comparison():
    strategies = {
        "half": DownsampleUpweight(factor=2, random_state=0),
        "failed": Strategy("", FunctionSampler(func=fail)),
        "weights <script>alert(2)</script>": ClassWeight(),
    }
    return compare_strategies(
        LogisticRegression(),
        *make_data([2.5]),
        strategies=strategies,
        cv=3,
        random_state=0,
        learning_curve_by_rows=[1, 2],
    )


@pytest.fixture(scope="module")
def one(comparison, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "one.html"
    write_page(path, {"": comparison}, title="One <script>alert(3)</script>")
    return path


@pytest.fixture(scope="module")
def two(comparison, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "two.html"
    classes = compare_strategies(
        LogisticRegression(max_iter=200),
        *make_data([1.5, 3]),
        strategies={LONG: DownsampleUpweight(factor=2, random_state=0)},
        cv=3,
        random_state=0,
    )
    true, other = classes.outcomes
    names = [LONG, "unbroken" * 12, *(f"strategy {number}" for number in range(12))]
    others = [
        replace(other, strategy=Strategy(name, DownsampleUpweight(factor=number + 2)))
        for number, name in enumerate(names)
    ]
    many = replace(classes, outcomes=(true, *others))
    assert len(many.outcomes) == 15
    write_page(path, {"Unbroken" * 12: comparison, LONG: many}, title="Title" * 30)
    return path


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("which", ["one", "two"])
def test_the_page_fits_and_says_nothing_to_the_console(browser, request, which, size):
    browser.open(request.getfixturevalue(which), SIZES[size])
    wide, inner = browser.js("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inner == SIZES[size][0]
    # The table is wider than the page, so it is the container that scrolls.
    assert browser.js("document.querySelector('.scroll').scrollWidth > innerWidth")
    said = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    assert browser.heard(*said) == []
    assert browser.heard("Page.javascriptDialogOpening") == []


def test_what_decides_is_seen_without_scrolling(browser, one):
    browser.open(one, SIZES["wide"])
    ratio = "document.querySelectorAll('thead th')[4]"
    assert browser.js(f"{ratio}.textContent").startswith("Mean p / prevalence")
    assert 0 < browser.js(f"{ratio}.getBoundingClientRect().right") < 1280
    failed = browser.js("document.querySelector('.failed span').textContent")
    assert failed.startswith("Failed: ValueError")


@pytest.mark.parametrize("size", SIZES)
def test_rules_are_whole_under_the_first_column(browser, one, size):
    browser.open(one, SIZES[size])
    browser.js("document.querySelector('.scroll').scrollLeft = 300")
    boxes = browser.js(
        "[...document.querySelectorAll('thead tr, tbody tr')].map(row => "
        "[row.cells[0], row.cells[1]].map(cell => [cell.getBoundingClientRect().left, "
        "cell.getBoundingClientRect().bottom, "
        "getComputedStyle(cell).borderBottomWidth]))"
    )
    assert len({first[0] for first, _ in boxes}) == 1
    assert boxes[0][1][0] < boxes[0][0][0] + 300
    sticking_out = "[...document.querySelectorAll('tbody th')].filter({})".format(
        "cell => [...cell.children].some(each => "
        "each.getBoundingClientRect().right > cell.getBoundingClientRect().right)"
    )
    assert browser.js(f"{sticking_out}.length") == 0
    for first, second in boxes:
        assert first[1:] == second[1:]
        assert first[1] % 1 == boxes[0][0][1] % 1


@pytest.mark.parametrize("size", SIZES)
def test_the_verdict_is_in_the_first_screen(browser, one, size):
    browser.open(one, SIZES[size])
    bottom = browser.js(
        "document.querySelector('.verdict').getBoundingClientRect().bottom"
    )
    assert 0 < bottom < SIZES[size][1]


def test_nothing_is_requested(browser, two):
    browser.open(two)
    asked = [
        each["request"]["url"] for each in browser.heard("Network.requestWillBeSent")
    ]
    assert asked[0] == two.as_uri()
    assert {url.partition(":")[0] for url in asked[1:]} == {"data"}
    linked = browser.js(
        "[...document.querySelectorAll('[src], [href]')]"
        ".map(e => e.getAttribute('src') ?? e.getAttribute('href'))"
    )
    assert len(linked) > 10
    assert {url[:5] for url in linked} <= {"data:", "#mode"}
    broken = "[...document.images].filter(e => !e.complete || !e.naturalWidth).length"
    assert browser.js(broken) == 0


def test_the_policy_stops_what_is_not_the_pages_own(browser, two):
    browser.open(two)
    browser.js(
        "new Promise((done) => {"
        "  const script = document.createElement('script'), image = new Image();"
        "  script.textContent = 'window.ran = 1';"
        "  image.src = 'http://127.0.0.1:9/';"
        "  image.onerror = () => done();"
        "  document.body.append(script, image);"
        "})"
    )
    assert browser.js("window.ran === undefined")
    failed = browser.heard("Network.loadingFailed")
    assert [each["blockedReason"] for each in failed] == ["csp"]


HEADER = "document.querySelectorAll('thead th')[{}]"
ORDER = "[...document.querySelectorAll('tbody tr')].map(r => r.cells[0].dataset.v)"


@pytest.mark.parametrize(
    ("column", "measure", "first"),
    [
        (1, "rows", "ascending"),
        (3, "log_loss", "ascending"),
        (5, "roc_auc", "descending"),
    ],
)
def test_clicks_sort_and_sort_back(browser, one, comparison, column, measure, first):
    browser.open(one)
    table, header = comparison.table_, HEADER.format(column)
    as_given = browser.js(ORDER)
    assert as_given == list(table.index)
    for pressed in (first, {"ascending": "descending"}.get(first, "ascending")):
        browser.js(f"{header}.querySelector('button').click()")
        ordered = table.sort_values(
            measure, ascending=pressed == "ascending", kind="stable"
        )
        assert browser.js(ORDER) == list(ordered.index)
        assert browser.js(f"{header}.ariaSort") == pressed
        assert browser.js("document.querySelectorAll('th[aria-sort$=ing]').length") == 1
    browser.js(f"{header}.querySelector('button').click()")
    assert browser.js(ORDER) == as_given
    assert browser.js(f"{header}.ariaSort") == "none"


def test_names_sort_as_text_and_what_failed_stays_last(browser, one, comparison):
    browser.open(one)
    browser.js("document.querySelector('thead button').click()")
    assert browser.js(ORDER) == sorted(comparison.table_.index)
    for _ in range(2):
        browser.js(f"{HEADER.format(1)}.querySelector('button').click()")
        assert browser.js(ORDER)[-1] == "failed"


def test_the_keyboard_sorts(browser, one, comparison):
    browser.open(one)
    browser.js(f"{HEADER.format(1)}.querySelector('button').focus()")
    browser.press("Enter", 13)
    assert browser.js(f"{HEADER.format(1)}.ariaSort") == "ascending"
    assert browser.js(ORDER) != list(comparison.table_.index)
    assert browser.js("document.activeElement.tagName") == "BUTTON"


def test_without_script_it_is_a_plain_table(browser, one, comparison):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(one)
        root = browser.call("DOM.getDocument")["root"]["nodeId"]
        for selector, number in (("button", 0), ("tbody tr", len(comparison.outcomes))):
            found = browser.call("DOM.querySelectorAll", nodeId=root, selector=selector)
            assert len(found["nodeIds"]) == number
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


# The contrast of WCAG 2.2, from relative luminance.
CONTRAST = """
(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    const color = rgb(getComputedStyle(element).backgroundColor);
    return color[3] === 0 ? behind(element.parentElement) : color;
  };
  const own = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  return Math.min(...[...document.querySelectorAll("main *")].filter(own).map((e) => {
    const pair = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  }));
})()
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_stands_out(browser, one, dark):
    browser.open(one, dark=dark)
    background = browser.js("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, background[4:-1].split(","))) < 60) == dark
    assert browser.js(CONTRAST) >= 4.5


def test_the_code_can_be_copied(browser, one):
    browser.open(one)
    browser.js("document.querySelector('.copy').click()")
    assert browser.js("getSelection().toString()").strip() == browser.js(
        "document.querySelector('pre').textContent.trim()"
    )
    assert browser.js("document.querySelector('.copy').textContent") in (
        "Copied",
        "Selected",
    )
