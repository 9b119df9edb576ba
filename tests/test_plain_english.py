"""Everything that a user reads is in sentences of at most 25 words.

What a sentence is. It ends at a full stop (but not of an abbreviation), a question
mark or an exclamation mark, or at the end of its paragraph or list item. A colon or a
semicolon does not end it: a reader has to keep the first half in mind. Where a list or
an example follows the colon, that is a new paragraph anyway. Words in brackets count.

What a word is. A code span, a link, a formula (terms joined by operators between
blanks) and a placeholder of a message count as one word each.

What is no sentence: code, doctests, rows of tables, formulas on lines of their own,
headers of parameters, names of sections, references.
"""

import ast
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_WORDS = 25
# Words over which readers stumbled, and what to write instead.
STUMBLED_OVER = {
    r"gap left": "distance from ...",
    r"equal quota": "the same number of rows of each class",
    r"hinge truth": "say what is compared with what",
    r"/ floor": "divided by its noise floor",
    r"raked?|raking": "adjusted to the totals (iterative proportional fitting)",
    r"by heart": "memorise, overfit",
    r"(leaves?|left) (a|no) doubt|is doubted": "say what is not known",
    r"(takes?|taken|taking|took) up": "contain, include",
    r"pays? (off|for itself|for them)|(what|it|that) pays": "is worth its cost",
    r"as many dropped rows as": "say which rows",
    r"(?<!code )in words": "by an error, in a message",
    r"of it no": "normal order of words",
    r"says so in its documentation": "name the attribute that records it",
    r"(shall|is to) be told|told apart from": "be known, be distinguished",
    r"warned of \d+": "say precision and recall",
    r"(is|are) not there": "is ignored, is absent",
    r"flatters?": "is optimistic for",
    r"nobody'?s?": "say who or what",
    r"hears?|hears of": "gets, is passed",
    r"hard to tell|tells? apart|told apart": "hard to classify, distinguish",
    r"in transit": "being read",
    r"no place for": "does not accept, does not pass on",
    r"makes? up for": "corrects for",
    r"free of charge|pays? for": "at no cost, includes",
    r"another world": "other data",
    r"lest|whoever": "so that ... not, if it",
    r"believes?|at any cost|as it likes": "say what is computed or allowed",
    r"of which it says|says otherwise": "name the error, say what differs",
    r"hardly time to gain": "hardly any time is saved",
    r"with care|at home in": "say what is done",
}
ABBREVIATIONS = r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bal\.)(?<!\bcf\.)(?<!\bvs\.)"
END = re.compile(ABBREVIATIONS + r"(?<=[.!?])(?<!\.\.\.)[)\]\"'*]*\s+(?=\S)")
CODE_SPAN = re.compile(r"(:[\w:+-]+:|\{[\w:]+\})?(``.+?``|`[^`]+`)(__?)?", re.DOTALL)
MARKDOWN_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
FORMULA = re.compile(r"\$[^$\n]+\$|\S+(?: (?:[=+*/<>≤≥≈·-]|->|==|>=|<=) \S*[^\s.,;:])+")
PLACEHOLDER = re.compile(r"\{[^{}]*\}|%\(?\w*\)?[sdfr]\b")
LIST_ITEM = re.compile(r"\s*([-*+]|\d+[.)]|\(?[a-z]\)) +")
DOCTEST_OR_TABLE = re.compile(r"^ *(>>> |=+ +=).*\n(.*\S.*\n)*", re.MULTILINE)
DIRECTIVE = re.compile(r"^( *)\.\. .*\n(\1 +.*\n| *\n)*", re.MULTILINE)
LITERAL_BLOCK = re.compile(r"^( *)(.*):: *\n\n(\1 +.*\n| *\n)*", re.MULTILINE)
UNDERLINE = re.compile(r"[-=~^]{3,}$")
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef
WITH_HEADERS = re.compile(
    "(Other )?Parameters|Attributes|Returns|Yields|Raises|Warns|Methods"
)


def sentences(paragraph):
    text = MARKDOWN_LINK.sub(r"\1", paragraph)
    text = CODE_SPAN.sub("CODE", text)
    text = PLACEHOLDER.sub("CODE", FORMULA.sub("CODE", " ".join(text.split())))
    return [each for each in END.split(text) if each.strip()]


def paragraphs_of_markdown(text):
    """Drop fences, tables, comments, front matter and lines of directives."""
    text = re.sub(r"<!--.*?-->|\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    text = re.sub(r"^( *)(```+|~~~+).*?^\1\2`* *$", "", text, flags=re.DOTALL | re.M)
    lines = [
        "" if re.match(r"\s*(\||:::|:\w+:|\[[^\]]+\]: |<)", line) else line
        for line in text.splitlines()
    ]
    yield from paragraphs([re.sub(r"^[#> ]*", "", line) for line in lines])


def paragraphs(lines):
    """Join lines to paragraphs and items of lists."""
    found = []
    for line in lines:
        if not line.strip():
            found.append("")
        elif (item := LIST_ITEM.match(line)) or not found:
            found.append(line[item.end() :] if item else line)
        else:
            found[-1] += f" {line.strip()}"
    return [each for each in found if each]


def paragraphs_of_docstring(text):
    """Drop doctests, tables, blocks of formulas and code, headers, references."""
    text = DOCTEST_OR_TABLE.sub("", inspect.cleandoc(text) + "\n")
    text = LITERAL_BLOCK.sub(r"\1\2:\n\n", DIRECTIVE.sub("\n", text))
    lines = text.splitlines()
    section, kept = None, []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if UNDERLINE.match(following):
            section = line
        is_header = bool(section and WITH_HEADERS.fullmatch(section))
        is_header &= not line.startswith(" ")
        is_header |= line == section or bool(UNDERLINE.match(line))
        if is_header or section == "References":
            kept.append("")
        elif section == "See Also":
            kept += ["", line.partition(" : ")[2] or line]
        else:
            kept.append(line)
    return paragraphs(kept)


def is_text(node):
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return is_text(node.left) or is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def literal(node):
    """Text of a string, an f-string or a sum of them; CODE for what is no literal."""
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(value) for value in node.values)
    if isinstance(node, ast.BinOp):
        return literal(node.left) + literal(node.right)
    return node.value if is_text(node) else "CODE"


def texts(node):
    """Yield docstrings, and every other string, most of which are messages."""
    if isinstance(node, DOCUMENTED) and (docstring := ast.get_docstring(node)):
        yield from paragraphs_of_docstring(docstring)
    for child in ast.iter_child_nodes(node):
        if is_text(child) and not isinstance(node, ast.Expr):
            text = literal(child).strip()
            # Of code in a template, the comments are prose.
            yield from re.findall("# (.+)", text) if "\n" in text else [text]
        else:
            yield from texts(child)


def paragraphs_of_example(text):
    """Prose of a gallery file: its docstring and the comments at the margin."""
    yield from paragraphs_of_docstring(ast.get_docstring(ast.parse(text)) or "")
    lines = [
        re.sub(r"^# ?(%%)?", "", line) if line.startswith("#") else ""
        for line in text.splitlines()
    ]
    yield from paragraphs_of_docstring("\n".join(lines))


def read_by_users():
    yield from sorted(ROOT.glob("*.md"))
    made = {"_build", "gallery", "generated"}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        if not made & set(path.parts):
            yield path
    yield from sorted((ROOT / "examples").glob("*.*"))
    yield from sorted((ROOT / "skstrat").rglob("*.py"))


def prose(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return paragraphs_of_markdown(text)
    if path.suffix == ".rst":
        return paragraphs_of_docstring(text)
    if path.parent.name == "examples":
        return paragraphs_of_example(text)
    return texts(ast.parse(text))


def faults(path):
    hard = re.compile(rf"(?<!\w)({'|'.join(STUMBLED_OVER)})(?!\w)", re.IGNORECASE)
    for paragraph in prose(path):
        for sentence in sentences(paragraph):
            length = len(sentence.split())
            if length > MOST_WORDS:
                yield f"{length} words: {sentence}"
            if found := hard.search(sentence):
                yield f"{found[0]!r}: {sentence}"


@pytest.mark.parametrize(
    "path", list(read_by_users()), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_sentences_are_short_and_plain(path):
    found = list(faults(path))
    assert not found, "\n".join(found)


def as_docstring(text):
    return paragraphs_of_docstring(text.replace(" / ", "\n"))


UNDER = " / ---------- / "
MARKDOWN = {
    "One. Two three; four: five.": [1, 4],
    "As e.g. Smith et al. (2001) say, `a b c` is 2 * x + 1.": [10],
    "First:\n\n- one item\n- another item\n  goes on\n\nLast.": [1, 2, 4, 1],
    "A | table:\n\n| a | b c d |\n\n```python\nno words here\n```\n": [3],
}
DOCSTRINGS = {
    "First sentence here. /  / Second `one two`, of four.": [3, 4],
    "One. /  / >>> no / words /  / =====  ===== / no     words / =====  ===== / ": [1],
    f"One. /  / Parameters{UNDER}no_words : int /     A parameter. / ": [1, 2],
    "One. /  / .. math:: no words /  / More of it:: /  /     no words / ": [1, 3],
    f"One. /  / See Also{UNDER}no_words : One more. / ": [1, 2],
    f"One. /  / References{UNDER}.. [1] No words. / ": [1],
}


@pytest.mark.parametrize(
    ("reader", "texts"),
    [(paragraphs_of_markdown, MARKDOWN), (as_docstring, DOCSTRINGS)],
    ids=["Markdown", "docstring"],
)
def test_sentences_are_counted_as_the_rule_says(reader, texts):
    for text, lengths in texts.items():
        found = [each for paragraph in reader(text) for each in sentences(paragraph)]
        assert [len(each.split()) for each in found] == lengths, text
