"""HTML that is escaped unless it was made here."""

from __future__ import annotations

from html import escape
from typing import Any

from skstrat._core.controls import escape_controls

_VOID = frozenset({"br", "img", "link", "meta"})


class Markup(str):
    """Text that is HTML already, made by :func:`element`."""

    __slots__ = ()


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """Make an element; whatever is not :class:`Markup` is escaped."""
    written = "".join(
        _attribute(name.rstrip("_").replace("_", "-"), value)
        for name, value in attributes.items()
    )
    opened = f"<{tag}{written}>"
    return Markup(opened if tag in _VOID else f"{opened}{join(*children)}</{tag}>")


def scroll(content: Markup, label: str) -> Markup:
    """Give what may be wide a place to scroll in, with the keyboard, too."""
    return element(
        "div", content, class_="scroll", tabindex=0, role="region", aria_label=label
    )


def join(*children: Any) -> Markup:
    """Put pieces one after the other; whatever is not :class:`Markup` is escaped."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else _escape(child)
            for child in children
            if child is not None
        )
    )


def _attribute(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{_escape(value)}"'


def _escape(value: Any) -> str:
    return escape(escape_controls(str(value)))
