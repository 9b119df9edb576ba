"""Write the tables of the documentation from the stored results.

``python benchmarks/report.py [QUESTION ...]`` writes ``docs/tables/<question>.md`` of
every file in ``benchmarks/results``, or of those named, by the ``report`` of that
question. So no number of the documentation is typed by hand.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

from harness import HERE, RESULTS

TABLES = HERE.parent / "docs" / "tables"


def questions():
    """Return the names of the benchmarks that have stored results."""
    names = sorted(path.stem for path in RESULTS.glob("*.json"))
    return [name for name in names if (HERE / f"{name}.py").exists()]


def read(question):
    """Read what a question has stored."""
    return json.loads((RESULTS / f"{question}.json").read_text(encoding="utf-8"))


def page(question):
    """Write the stored results of a question, and how they were measured."""
    document = read(question)
    parts = [import_module(question).report(document)]
    if "missed" in document:
        missed = "\n".join(f"- {goal}" for goal in document["missed"])
        parts += ["Goals missed:", missed] if missed else ["No goal is missed."]
    parts.append(source(document))
    # What was measured at another time.
    for part in document.get("parts", ()):
        parts.append(f"{part['of']}: {source(part).replace('Measured', 'measured')}")
    return "\n\n".join(parts) + "\n"


def source(document):
    """Write how, when and on what a document was measured, as far as known."""
    said = f"Measured by `{document['command']}`"
    if "date" in document:
        on = " on {date}, on {machine[cores]} cores ({machine[cpu]})"
        said += on.format_map(document)
    versions = ", ".join(f"{name} {v}" for name, v in document["versions"].items())
    return f"{said}, with `{versions}`." if versions else f"{said}."


def main():
    """Write the tables."""
    TABLES.mkdir(parents=True, exist_ok=True)
    for question in sys.argv[1:] or questions():
        Path(TABLES, f"{question}.md").write_text(page(question), encoding="utf-8")
        # A question may have a picture, too.
        if picture := getattr(import_module(question), "picture", None):
            picture(read(question), TABLES / f"{question}.png")


if __name__ == "__main__":
    main()
