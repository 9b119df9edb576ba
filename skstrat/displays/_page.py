"""One page of HTML about comparisons that needs nothing but itself, and a summary."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import secrets
from collections.abc import Mapping
from importlib import resources
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import imblearn
import numpy as np
import sklearn

from skstrat.displays._html import Markup, element, join, scroll
from skstrat.displays._pictures import draw_pictures, picture_markup
from skstrat.displays._table import compact_table, legend, strategy_table

_MANY_CLASSES = 8


def write_page(
    path: str | Path,
    comparisons: Mapping[str, Any],
    *,
    title: str,
    source: str | None = None,
) -> None:
    """Write one self-contained page about comparisons of the same data."""
    path = Path(path)
    if not comparisons:
        raise ValueError("comparisons must hold at least one; got none.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"path must lie in a folder that exists; got {str(path)!r}. Make the "
            "folder first."
        )
    page = _page(comparisons, title, source)
    # Beside the path, because a file moves as a whole only within its file system.
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        # Half a surrogate pair, which a broken name may hold, is no UTF-8.
        unfinished.write_text(page, encoding="utf-8", errors="replace", newline="\n")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def summary_html(comparison: Any) -> str:
    """Make a small piece of HTML for notebooks."""
    return element(
        "div",
        element(
            "p",
            element("strong", comparison.recommendation_),
            style="border-left: 4px solid #3a9; padding-left: 8px; max-width: 75ch",
        ),
        compact_table(comparison),
        element(
            "p",
            f"Mean ± standard deviation over {len(comparison.cross_validation.splits)} "
            "folds; below it the paired difference to the true distribution ± its "
            "standard error (≈: noise).",
            style="font-size: smaller; opacity: .75",
        ),
    )


def _page(comparisons: Mapping[str, Any], title: str, source: str | None) -> str:
    style, script = _resource("page.css"), _resource("page.js")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # The page can fetch nothing, and runs no script but its own.
        element("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        element("meta", name="generator", content=f"skstrat {version('skstrat')}"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", style),
    )
    first = next(iter(comparisons.values()))
    articles = []
    for position, (name, comparison) in enumerate(comparisons.items()):
        explained = legend(comparisons.values()) if position == 0 else None
        articles.append(_article(name, comparison, f"model-{position}", explained))
    main = element(
        "main",
        element("h1", title),
        _data(first, source),
        _contents(comparisons) if len(comparisons) > 1 else None,
        *articles,
        _versions(),
    )
    body = element("body", main, element("script", script))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _resource(name: str) -> Markup:
    template = resources.files("skstrat.displays").joinpath("templates", name)
    return Markup(template.read_text(encoding="utf-8"))


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )


def _data(comparison: Any, source: str | None) -> Markup:
    counts = comparison.labels.counts
    names, shares = comparison.class_names_, counts / counts.sum()
    smallest = int(counts.argmin())
    items = [
        element("li", element("strong", name), f" {count:,} rows ({100 * share:.3g} %)")
        for name, count, share in zip(names, counts.tolist(), shares, strict=True)
    ]
    classes = element("ul", *items, class_="classes")
    if len(names) > _MANY_CLASSES:
        classes = element("details", element("summary", "All classes"), classes)
    return element(
        "section",
        element(
            "p",
            f"{source}: " if source else None,
            f"{counts.sum():,} rows of {len(names)} classes. Degree of imbalance: ",
            element("strong", comparison.degree_),
            f" (the smallest class, {names[smallest]}, has "
            f"{100 * shares[smallest]:.3g} % of the rows).",
        ),
        classes,
        class_="data",
        aria_label="Data",
    )


def _contents(comparisons: Mapping[str, Any]) -> Markup:
    items = [
        element(
            "li",
            element("a", name, href=f"#model-{position}"),
            f": {_choice(comparison)}",
        )
        for position, (name, comparison) in enumerate(comparisons.items())
    ]
    return element("nav", element("ul", *items), aria_label="Models")


def _choice(comparison: Any) -> str:
    strategy = comparison.best_strategy_
    if strategy.is_true_distribution:
        return "Train on the true distribution"
    return f"Train with {strategy.name}"


def _article(
    name: str, comparison: Any, identifier: str, explained: Markup | None
) -> Markup:
    level = "h3" if name else "h2"
    code = element("pre", element("code", comparison.code_))
    return element(
        "article",
        element("h2", name) if name else None,
        _recommendation(comparison, level),
        element(level, "All strategies"),
        scroll(strategy_table(comparison, name), "Table of all strategies"),
        explained,
        element(level, "Pictures"),
        *_pictures(comparison),
        element(level, "How it was measured"),
        _method(comparison),
        element(level, "Code that rebuilds the best model"),
        element("div", scroll(code, "Code"), class_="code"),
        id=identifier,
    )


def _recommendation(comparison: Any, level: str) -> Markup:
    choice, sentence = _choice(comparison), comparison.recommendation_
    reason = sentence.removeprefix(f"{choice}: ")
    return element(
        "section",
        element(level, "Verdict"),
        element("p", choice, class_="choice"),
        element("p", reason[:1].upper() + reason[1:]),
        class_="verdict",
        aria_label="Verdict",
    )


def _pictures(comparison: Any) -> list[Markup]:
    if find_spec("matplotlib") is None:
        return [element("p", "None, because matplotlib is not installed.")]
    from matplotlib import style

    # Not the user's style, which may be white on black.
    with style.context("default"):
        return [picture_markup(each) for each in draw_pictures(comparison)]


def _method(comparison: Any) -> Markup:
    design = comparison.cross_validation
    tested, rows = len(comparison.tested_), len(comparison.labels.codes)
    everything = "every row" if tested == rows else f"{tested:,} of {rows:,} rows"
    items = [
        f"Cross-validation with the same {len(design.splits)} folds for all "
        f"strategies, seed {design.seed}; {everything} tested out of fold.",
        "Only the training part of a fold is resampled. The test part is as it was, "
        "with the class shares that the model will meet.",
        "Correction: predictions are turned back to the class shares of the original "
        "training rows.",
        "Times are of resampling and fitting in one thread.",
        "Standard errors are of the paired differences between folds. Folds share "
        "training rows, so they are rather small: a difference of one standard error "
        "is noise, one of three is not.",
        f"The best strategy is the best mean of {comparison.best_by.replace('_', ' ')} "
        "over the folds, unless it beats the true distribution by no more than one "
        "standard error.",
    ]
    if design.positive is not None:
        items.append(
            "The threshold is tuned for the F2 score inside the training part, by "
            f"cross-validation with up to {design.inner_folds} folds."
        )
    if len(comparison.class_names_) > 2:
        items.append(
            "Each class against the rest, averaged: ROC AUC and average precision. "
            "Ratio, slope, calibration error and pictures are about the smallest class."
        )
    items.append(
        "No weights of rows were given."
        if design.sample_weight is None
        else "The weights of the rows were used in fitting, tuning and scoring."
    )
    return element("ul", *(element("li", item) for item in items))


def _versions() -> Markup:
    versions = {
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "imbalanced-learn": imblearn.__version__,
        "skstrat": version("skstrat"),
    }
    made = ", ".join(f"{name} {version}" for name, version in versions.items())
    return element("footer", element("p", join("Made with ", made, ".")))
