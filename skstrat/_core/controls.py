"""Text from files, made safe for terminals and browsers."""

from __future__ import annotations

import re

# C0 but for tab and line feed, DEL and C1; marks, embeddings, overrides and isolates of
# writing direction with the two separators beside them; halves of surrogate pairs.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ud800-\udfff]"
)


def escape_controls(text: str) -> str:
    r"""Write control characters as escapes such as ``\x1b``."""
    return _CONTROLS.sub(
        lambda found: found[0].encode("unicode_escape").decode("ascii"), text
    )
