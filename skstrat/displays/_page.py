"""A self-contained page of HTML about comparisons, and a summary."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import secrets
from collections.abc import Mapping
from html import escape
from importlib.metadata import version
from importlib.util import find_spec
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from skstrat._core.controls import escape_controls
from skstrat.displays._pictures import draw_pictures
from skstrat.metrics._measures import MEASURES, MeasureInfo, describe_measure

_MADE_WITH = ("numpy", "scikit-learn", "imbalanced-learn", "skstrat")
# Twice the 100 dots per inch of a screen, for screens of high resolution. Lossless WebP
# has a third of the size of PNG.
_SAVED = {"format": "webp", "dpi": 200, "pil_kwargs": {"lossless": True}}


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
    page = escape_controls(_render(comparisons, title, source))
    # In the same folder, because a file can be moved atomically only in a file system.
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        unfinished.write_text(page, encoding="utf-8", newline="\n")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def summary_html(comparison: Any) -> str:
    """Make a short HTML summary for notebooks; without pandas, only sentences."""
    parts = [f"<p><strong>{escape(comparison.recommendation_)}</strong></p>"]
    if find_spec("pandas") is not None:
        parts.append(_small_table(comparison))
    parts += [
        f"<p>{escape(each.strategy.name)} failed: {escape(each.error)}</p>"
        for each in comparison.outcomes
        if each.error
    ]
    return escape_controls("".join(parts))


def _small_table(comparison: Any) -> str:
    import pandas

    table, best, by = comparison.table_, comparison.best_, comparison.best_by
    texts = {}
    for info, decimals, finer in _columns(comparison)[:4]:
        texts[info.label] = [_write(mean, decimals) for mean in table[info.key]]
        if info.key == by:
            pairs = zip(table[f"{by}_difference"], table[f"{by}_se"], strict=True)
            texts["Difference to the true distribution ± standard error"] = [
                f"{_write(difference, finer, '+')} ± {_write(error, finer)}"
                for difference, error in pairs
            ]
    index = [f"★ {name}" if name == best else name for name in table.index]
    with pandas.option_context("display.max_colwidth", None):
        return pandas.DataFrame(texts, index=index).to_html(border=0)


def _render(comparisons: Mapping[str, Any], title: str, source: str | None) -> str:
    try:
        import jinja2
    except ImportError as error:
        raise ImportError(
            "The page is made by Jinja2, which is not installed. Run: pip install "
            '"skstrat[cli]"'
        ) from error
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.PackageLoader("skstrat.displays"),
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"digest": _digest, "number": _write}
    columns = {name: _columns(each) for name, each in comparisons.items()}
    articles = [
        (name, each, columns[name], _pictures(each))
        for name, each in comparisons.items()
    ]
    names = *filter(find_spec, ("pandas", "skrub")), *_MADE_WITH
    versions = {name: version(name) for name in names}
    return environment.get_template("page.html").render(
        articles=articles,
        legend=dict.fromkeys(info for info, *_ in chain(*columns.values())),
        source=source,
        title=title,
        versions={"Python": platform.python_version(), **versions},
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _columns(comparison: Any) -> list[tuple[MeasureInfo, int, int]]:
    """List measures, each with the decimals of its means and differences."""
    scoring, table = comparison.cross_validation.scoring, comparison.table_
    # Costs, the deciding measure and calibration; then the rest.
    first = ("rows", "fit_time", comparison.best_by, "mean_probability_ratio")
    pooled = (info.key for info in MEASURES.values() if info.pooled)
    columns = []
    for key in dict.fromkeys([*first, *comparison.outcomes[0].folds, *pooled]):
        if key in table:
            info = describe_measure(key, scoring)
            decimals = _decimals(table.get(f"{key}_sd", table[key] / 10))
            finer = _decimals(table.get(f"{key}_se", table[key]))
            columns.append((info, 0 if info.unit == "rows" else decimals, finer))
    return columns


def _decimals(spreads: Any) -> int:
    """Choose the decimals that show two digits of a spread."""
    real = spreads[(spreads > 0) & np.isfinite(spreads)]
    return int(np.clip(1 - np.floor(np.log10(real.median())), 0, 7)) if len(real) else 3


def _write(value: float, decimals: int, sign: str = "") -> str:
    if np.isnan(value):
        return "\N{EN DASH}"
    return f"{value:{sign}z,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _pictures(comparison: Any) -> list[tuple[Any, str]] | None:
    if find_spec("matplotlib") is None:
        return None
    from matplotlib import pyplot, style

    pictures = []
    # Not the style of the user, which may be white on black.
    with style.context("default"):
        for picture in draw_pictures(comparison):
            drawn = BytesIO()
            picture.figure.savefig(drawn, **_SAVED)
            pyplot.close(picture.figure)
            content = base64.b64encode(drawn.getvalue()).decode("ascii")
            pictures.append((picture, f"data:image/webp;base64,{content}"))
    return pictures
