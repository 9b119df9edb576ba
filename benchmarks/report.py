"""Write the tables of the documentation from the stored results.

``python benchmarks/report.py [QUESTION ...]`` writes ``docs/tables/<question>.md`` of
every file in ``benchmarks/results``, or of those named, by the ``report`` of that
question. So no number of the documentation is typed.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

from harness import HERE, RESULTS

TABLES = HERE.parent / "docs" / "tables"


def questions():
    """Name the benchmarks that have stored results."""
    names = sorted(path.stem for path in RESULTS.glob("*.json"))
    return [name for name in names if (HERE / f"{name}.py").exists()]


def read(question):
    """Read what a question has stored."""
    return json.loads((RESULTS / f"{question}.json").read_text(encoding="utf-8"))


def page(question):
    """Write what a question's stored results say, and how they were measured."""
    path = RESULTS / f"{question}.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    said = import_module(question).report(document)
    return f"{said}\n\n{goals(document)}{source(document)}\n"


def goals(document):
    """Name the goals that were missed, if the question has any."""
    if "missed" not in document:
        return ""
    return f"Goals missed: {'; '.join(document['missed']) or 'none'}.\n\n"


def source(document):
    """Say how, when and on what a document was measured."""
    day = f" on {document['date']}" if "date" in document else ""
    machine = document.get("machine", {})
    cores = "{cores} cores ({cpu}), ".format(**machine) if machine else ""
    # Of some it was not stored on what they were measured.
    versions = ", ".join(f"{name} {v}" for name, v in document["versions"].items())
    how = f": {cores}{versions}" if versions else ""
    return f"Measured by `{document['command']}`{day}{how}."


def main():
    """Write the tables."""
    TABLES.mkdir(parents=True, exist_ok=True)
    for question in sys.argv[1:] or questions():
        Path(TABLES, f"{question}.md").write_text(page(question), encoding="utf-8")
        # A question may have a picture, too.
        if draw := getattr(import_module(question), "draw", None):
            draw(read(question), TABLES / f"{question}.png")


if __name__ == "__main__":
    main()
