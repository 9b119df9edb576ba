"""Control characters of others are shown, and all other text stays as it is."""

import unicodedata

from skstrat._core.controls import escape_controls

TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_controls_are_shown_and_every_other_character_stays():
    raw = "\x1b[31mred \x9b2J a\rb\x7f\x00 pay\u202egnp \u2066x\u200f half \udcff"
    shown = r"\x1b[31mred \x9b2J a\rb\x7f\x00 pay\u202egnp \u2066x\u200f half \udcff"
    assert escape_controls(raw) == shown
    for char in map(chr, range(0x10000)):
        control = unicodedata.category(char) in {"Cc", "Cs"} and char not in "\t\n"
        if control or unicodedata.bidirectional(char) in TURNS:
            assert escape_controls(char).isascii(), repr(char)
        elif char not in "\u061c\u200e\u200f\u2028\u2029":
            assert escape_controls(char) == char
