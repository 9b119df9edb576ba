"""Downsampling factors that are named on a command line."""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as shortened
from typing import Any

from skstrat._core.labels import Labels
from skstrat._core.targets import Targets, targets_from_factor
from skstrat.resamplers._downsample import DownsampleUpweight


class DownsampleByText(DownsampleUpweight):
    """Factors by the text of labels, all of which must occur."""

    # Whether labels are numbers or text is known only after they were read.
    def _targets(self, labels: Labels, y: Any) -> Targets:
        if not isinstance(self.factor, Mapping):
            return super()._targets(labels, y)
        found, named = labels.classes.tolist(), {}
        for text, factor in self.factor.items():
            meant = [label for label in found if _is_meant(text, label)]
            if not meant or meant[0] in named:
                problem = "for the second time" if meant else "which is none of them"
                raise ValueError(
                    f"factor must name labels of the data, {shortened(found)}; got "
                    f"{text!r}, {problem}."
                )
            named[meant[0]] = factor
        return targets_from_factor(labels, named, "down")


def _is_meant(text: str, label: Any) -> bool:
    if isinstance(label, bool):
        return text.lower() == str(label).lower()
    if not isinstance(label, (int, float)):
        return text == str(label)
    try:
        return bool(type(label)(text) == label)
    except ValueError:
        return False
