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
    """Speak the DevTools protocol over a pipe."""

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
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1}
        self.call("Emulation.setDeviceMetricsOverride", mobile=False, **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not self.heard("Page.loadEventFired"):
            self.events.append(self.read())

    def heard(self, *methods):
        return [each["params"] for each in self.events if each.get("method") in methods]

    def js(self, expression):
        how = {"returnByValue": True, "awaitPromise": True}
        result = self.call("Runtime.evaluate", expression=expression, **how)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key, code):
        keys = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **keys)
        self.call("Input.dispatchKeyEvent", type="keyUp", **keys)

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


def fail(X, y):
    raise ValueError(f"<script>alert(4)</script> {LONG}")


def compare(edges, **words):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 3))
    names = np.array(["a", "<script>alert(1)</script>", "c"])
    y = names[np.digitize(X[:, 0] + rng.logistic(size=900), edges)]
    estimator = LogisticRegression(max_iter=200)
    return compare_strategies(estimator, X, y, cv=3, random_state=0, **words)


@pytest.fixture(scope="module")
def comparison():
    strategies = {
        "half": DownsampleUpweight(factor=2, random_state=0),
        "failed": Strategy("", FunctionSampler(func=fail)),
        "weights <script>alert(2)</script>": ClassWeight(),
    }
    return compare([2.5], strategies=strategies, learning_curve_by_rows=[1, 2])


@pytest.fixture(scope="module")
def one(comparison, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "one.html"
    write_page(path, {"": comparison}, title="One <script>alert(3)</script>")
    return path


@pytest.fixture(scope="module")
def two(comparison, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "two.html"
    half = DownsampleUpweight(factor=2, random_state=0)
    classes = compare([1.5, 3], strategies={LONG: half})
    true, other = classes.outcomes
    names = [LONG, "unbroken" * 12, *(f"strategy {number}" for number in range(12))]
    others = [
        replace(other, strategy=Strategy(name, DownsampleUpweight(factor=number + 2)))
        for number, name in enumerate(names)
    ]
    many = replace(classes, outcomes=(true, *others))
    write_page(path, {"Unbroken" * 12: comparison, LONG: many}, title="Title" * 30)
    return path


CELLS = (
    "[...document.querySelectorAll('thead tr, tbody tr')].map(row => "
    "[row.cells[0], row.cells[1]].map(cell => [cell.getBoundingClientRect().left, "
    "cell.getBoundingClientRect().bottom, getComputedStyle(cell).borderBottomWidth]))"
)
STICKING_OUT = (
    "[...document.querySelectorAll('tbody th')].filter(cell => [...cell.children].some("
    "each => each.getBoundingClientRect().right > cell.getBoundingClientRect().right))"
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("which", ["one", "two"])
def test_the_page_fits_and_says_nothing_to_the_console(browser, request, which, size):
    browser.open(request.getfixturevalue(which), SIZES[size])
    wide, inner = browser.js("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inner == SIZES[size][0]
    # The table is wider than the page, so it is the container that scrolls.
    assert browser.js("document.querySelector('.scroll').scrollWidth > innerWidth")
    said = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    assert browser.heard(*said, "Page.javascriptDialogOpening") == []
    if which == "two":
        return
    # The verdict is in the first screen.
    verdict = "document.querySelector('.verdict').getBoundingClientRect().bottom"
    assert 0 < browser.js(verdict) < SIZES[size][1]
    if size == "wide":
        ratio = "document.querySelectorAll('thead th')[4]"
        assert browser.js(f"{ratio}.textContent").startswith("Mean p / prevalence")
        assert 0 < browser.js(f"{ratio}.getBoundingClientRect().right") < 1280
        failed = browser.js("document.querySelector('.failed span').textContent")
        assert failed.startswith("Failed: ValueError")
    # Rules are whole under the first column, which stays.
    browser.js("document.querySelector('.scroll').scrollLeft = 300")
    boxes = browser.js(CELLS)
    assert len({first[0] for first, _ in boxes}) == 1
    assert boxes[0][1][0] < boxes[0][0][0] + 300
    assert browser.js(f"{STICKING_OUT}.length") == 0
    for first, second in boxes:
        assert first[1:] == second[1:]
        assert first[1] % 1 == boxes[0][0][1] % 1


def test_nothing_is_requested_and_the_policy_stops_what_is_not_the_pages_own(
    browser, two
):
    browser.open(two)
    requests = browser.heard("Network.requestWillBeSent")
    asked = [each["request"]["url"] for each in requests]
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


BUTTON = "document.querySelectorAll('thead th')[{}].querySelector('button')"
SORTED = "document.querySelectorAll('thead th')[{}].ariaSort"
ORDER = "[...document.querySelectorAll('tbody tr')].map(r => r.cells[0].dataset.v)"


def test_clicks_and_the_keyboard_sort(browser, one, comparison):
    browser.open(one)
    table = comparison.table_
    as_given = browser.js(ORDER)
    assert as_given == list(table.index)
    up, down = "ascending", "descending"
    for column, measure, presses in [
        (1, "rows", (up, down)),
        (3, "log_loss", (up, down)),
        (5, "roc_auc", (down, up)),
    ]:
        for pressed in presses:
            browser.js(f"{BUTTON.format(column)}.click()")
            ordered = table.sort_values(measure, ascending=pressed == up, kind="stable")
            assert browser.js(ORDER) == list(ordered.index)
            assert browser.js(ORDER)[-1] == "failed"
            assert browser.js(SORTED.format(column)) == pressed
            one_only = "document.querySelectorAll('th[aria-sort$=ing]').length"
            assert browser.js(one_only) == 1
        browser.js(f"{BUTTON.format(column)}.click()")
        assert browser.js(ORDER) == as_given
        assert browser.js(SORTED.format(column)) == "none"
    browser.js(f"{BUTTON.format(0)}.click()")
    assert browser.js(ORDER) == sorted(table.index)
    browser.js(f"{BUTTON.format(1)}.focus()")
    browser.press("Enter", 13)
    assert browser.js(SORTED.format(1)) == up
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
    button = browser.js("document.querySelector('.copy').textContent")
    assert button in {"Copied", "Selected"}
