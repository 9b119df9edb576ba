"""Import optional libraries, or name the extra that has them."""

from importlib import import_module
from types import ModuleType


def import_optional(library: str, needed_by: str, extra: str) -> ModuleType:
    """Import an optional library, or raise an error that names the extra."""
    try:
        return import_module(library)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise ModuleNotFoundError(
            f"{needed_by} needs {library}, which is not installed. Run: pip install "
            f'"skstrat[{extra}]"',
            name=library,
        ) from None
