"""Control characters of others are shown, and all other text stays as it is."""

import unicodedata

import pytest

from skstrat._core.controls import escape_controls


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b2J", r"\x9b2J"),
        ("\x1b]8;;http://a\x07", r"\x1b]8;;http://a\x07"),
        ("a\rb\x7f\x00", r"a\rb\x7f\x00"),
        ("pay\u202egnp.exe", r"pay\u202egnp.exe"),
        ("\u2066x\u2069\u200f", r"\u2066x\u2069\u200f"),
        ("half \udcff", r"half \udcff"),
    ],
)
def test_controls_are_shown(text, shown):
    assert escape_controls(text) == shown


def test_every_other_character_stays():
    kept = {"\t", "\n"}
    for code in range(0x10000):
        char = chr(code)
        dangerous = (
            unicodedata.category(char) in {"Cc", "Cs"} and char not in kept
        ) or unicodedata.bidirectional(char) in {
            *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        }
        assert not dangerous or escape_controls(char).isascii(), hex(code)
        if not dangerous and char not in "\u061c\u200e\u200f\u2028\u2029":
            assert escape_controls(char) == char
