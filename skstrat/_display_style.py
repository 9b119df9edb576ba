"""Which strategies a picture shows, and the look that each keeps in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any, NamedTuple

# Okabe and Ito (2008), "Color universal design", its yellow, which is hard to see on
# white, replaced by a brown. Black comes first: the true distribution does, too.
PALETTE = (
    "#000000",
    "#D55E00",
    "#0072B2",
    "#009E73",
    "#E69F00",
    "#CC79A7",
    "#56B4E9",
    "#7A4B00",
)
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "P", "X", "<", "p", "*", ">", "h", "8", "d")
MOST_CURVES = 8
REFERENCE = "0.55"
SMALL = 8.5


class Style(NamedTuple):
    """How a strategy is drawn.

    Attributes
    ----------
    color : str
        As matplotlib takes it.
    linestyle : str
        As matplotlib takes it.
    marker : str
        As matplotlib takes it.
    """

    color: str
    linestyle: str
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """Keyword arguments of a line; one with gaps lies above one without."""
        at = DASHES.index(self.linestyle) if self.linestyle in DASHES else 0
        return {
            "color": self.color,
            "linestyle": self.linestyle,
            "linewidth": 2.2 if self.color == PALETTE[0] else 1.6,
            "zorder": 2 + at / 10,
        }


def make_styles(names: Iterable[str]) -> dict[str, Style]:
    """Give every name a look of its own.

    Parameters
    ----------
    names : iterable of str
        Names; the first gets black, solid lines and circles.

    Returns
    -------
    dict of str to Style
        The first eight differ in colour and in marker, the first 29 in colour or line.
        Black is the first's alone.
    """
    first, *rest = PALETTE
    styles = {}
    for at, name in enumerate(names):
        turn, place = divmod(at - 1, len(rest))
        color = rest[place] if at else first
        dash = DASHES[(place + 1 + turn) % len(DASHES)] if at else DASHES[0]
        styles[name] = Style(color, dash, MARKERS[at % len(MARKERS)])
    return styles


def fill_styles(
    names: Iterable[str], styles: Mapping[str, Style] | None
) -> dict[str, Style]:
    """Look up styles by name, or make them.

    Parameters
    ----------
    names : iterable of str
        What is drawn.
    styles : mapping of str to Style or None
        Styles of at least these names; None to make them in this order.

    Returns
    -------
    dict of str to Style
        One for each name.
    """
    made = make_styles(names)
    return made if styles is None else {name: Style(*styles[name]) for name in made}


def comparison_styles(comparison: Any) -> dict[str, Style]:
    """Give every strategy of a comparison the look it has in all pictures.

    Parameters
    ----------
    comparison : Comparison
        What was compared.

    Returns
    -------
    dict of str to Style
        By name. Those that are drawn by default have eight different colours.
    """
    first = default_names(comparison)
    return make_styles(dict.fromkeys([*first, *all_names(comparison)]))


def all_names(comparison: Any) -> list[str]:
    """List the strategies of a comparison.

    Parameters
    ----------
    comparison : Comparison
        What was compared.

    Returns
    -------
    list of str
        Names in the order of the comparison, the true distribution first.
    """
    return [outcome.strategy.name for outcome in comparison.outcomes]


def default_names(comparison: Any) -> list[str]:
    """Choose the strategies whose curves fit into one picture.

    Parameters
    ----------
    comparison : Comparison
        What was compared.

    Returns
    -------
    list of str
        The first eight, the true distribution being the first; if the best is not
        among them, it takes the place of the last.
    """
    names = all_names(comparison)
    first = names[:MOST_CURVES]
    best = comparison.best_
    return first if best in first else [*first[:-1], best]


def choose_names(
    comparison: Any, strategies: str | Iterable[str] | None, default: list[str]
) -> list[str]:
    """Check which strategies were asked for.

    Parameters
    ----------
    comparison : Comparison
        What was compared.
    strategies : str, iterable of str or None
        Names; None for the default.
    default : list of str
        Names to take then.

    Returns
    -------
    list of str
        Names, each once, in the order given.

    Raises
    ------
    ValueError
        If there is none, or one that the comparison does not have.
    """
    if strategies is None:
        return default
    asked = [strategies] if isinstance(strategies, str) else list(strategies)
    known = all_names(comparison)
    if not asked or set(asked) - set(known):
        raise ValueError(
            f"strategies must be one or more of {known}; got {asked}. Leave it out for "
            "the default."
        )
    return list(dict.fromkeys(asked))


def wrapped(name: str, width: int, lines: int = 3) -> str:
    """Break a long name into lines.

    Parameters
    ----------
    name : str
        What to show.
    width : int
        Most letters in a line.
    lines : int, default=3
        Most lines. Of a name that needs more the middle is left out, because names
        that are alike often differ at the end.

    Returns
    -------
    str
        Up to ``lines`` lines.
    """
    most = width * lines - 2 * lines
    if len(name) > most:
        name = f"{name[: most // 2 - 2].rstrip()} … {name[2 - most // 2 :].lstrip()}"
    # A dollar sign would start a formula.
    return "\n".join(wrap(name, width, max_lines=lines)).replace("$", r"\$")


def titled(measure: str) -> str:
    """Write the name of a measure as the label of an axis.

    Parameters
    ----------
    measure : str
        Such as ``"log_loss"``.

    Returns
    -------
    str
        Such as ``"Log loss"``.
    """
    text = measure.replace("_", " ")
    return _SPELLED.get(measure, text[:1].upper() + text[1:])


_SPELLED = {
    "roc_auc": "ROC AUC",
    "f2": "F2 score",
    "d2_log_loss_score": "D² (log loss)",
    "d2_brier_score": "D² (Brier score)",
    "brier_score": "Brier score",
}
