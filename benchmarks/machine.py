"""What a benchmark ran on, to be kept beside its numbers."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "skstrat",
    "numpy",
    "scipy",
    "scikit-learn",
    "imbalanced-learn",
    "pandas",
    "polars",
    "pyarrow",
    "lightgbm",
    "xgboost",
    "catboost",
)


def machine_facts() -> dict[str, Any]:
    """Give the machine, the versions and the day, ready for JSON.

    Returns
    -------
    dict
        ``cores``, ``cpu``, ``python``, ``libraries`` (name to version, of those
        installed) and ``date``.
    """
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "python": platform.python_version(),
        "libraries": _installed(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _cpu_model() -> str:
    # platform.processor() is empty or just "x86_64" on Linux.
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _installed() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
