"""Downsampling factors that are named on a command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skstrat._core.labels import Labels
from skstrat._core.targets import Targets, targets_from_factor
from skstrat.cli._tables import shortened
from skstrat.resamplers._downsample import DownsampleUpweight

_TRUTH = {"true": True, "false": False}


class DownsampleByText(DownsampleUpweight):
    """Factors by the text of labels, all of which must occur.

    What the labels are, numbers or text, is known when they were read.
    """

    def _targets(self, labels: Labels, y: Any) -> Targets:
        found = labels.classes.tolist()
        if not all(isinstance(label, (str, int, float)) for label in found):
            raise ValueError(
                "--target must hold integers, strings or booleans; got "
                f"{shortened(found)}."
            )
        if not isinstance(self.factor, Mapping):
            return super()._targets(labels, y)
        named: dict[Any, float] = {}
        for text, factor in self.factor.items():
            meant = [label for label in found if _is_meant(text, label)]
            if not meant or meant[0] in named:
                problem = "for the second time" if meant else "which is none of them"
                raise ValueError(
                    f"--factor must name labels of the data, {shortened(found)}; got "
                    f"{text!r}, {problem}."
                )
            named[meant[0]] = factor
        return targets_from_factor(labels, named, "down")


def _is_meant(text: str, label: Any) -> bool:
    if isinstance(label, str):
        return text == label
    if isinstance(label, bool):
        return _TRUTH.get(text.lower()) is label
    try:
        # An integer of many digits is no float.
        return bool(int(text) == label)
    except ValueError:
        pass
    try:
        return bool(float(text) == label)
    except ValueError:
        return False
