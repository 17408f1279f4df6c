"""Faults that a machine can find in the words that a user meets: `python -m hand100m_assets_tests.wording`.

It reads every string and docstring of the package and the pages. A `{}` stands for a value of an f-string.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

REPO: Final = Path(__file__).parent.parent
MOST_CHARACTERS: Final = 120

_NO_NOUNS: Final = (
    "always|becomes|begins|breaks|differs|does|gives|holds|its|lacks|leads|less|means|needs|says|stands|this|works"
)
"""Words in s behind a value that are no plural of what is counted; a verb is added here when the check meets it."""

_STOPS: Final = "of|in|at|by|as|is|are|if|and|or|to|not|that|the|a|an|on|from|with|for|than|per|was|were|into|where|its"
_VALUE: Final = r"\{[^{}.]*\}"
_COUNTED: Final = re.compile(
    rf"(?<![\w.,])(?:{_VALUE}|1) (?:(?!(?:{_STOPS}|has|does)\b)[a-z-]+ ){{0,2}}?([a-z]{{2,}}[^\Ws])s\b(?!/)"
)

_THINGS: Final = (
    "anchor|batch|cell|core|crop|day|dot|file|finger|frame|grid|hand|hour|image|job|key|line|machine|minute|month|night|"
    "output|packet|page|pair|picture|record|row|rule|run|sample|second|set|shard|source|thing|tick|track|value|video|"
    "week|word|worker|year"
)
_MEASURED: Final = (
    rf"once|twice|\d+|one|two|three|few|{_VALUE}|times|(?:bytes|characters|cells|columns|crops|errors|files|frames|"
    r"hands|hours|images|jobs|lines|messages|minutes|neighbours|numbers|pages|pairs|percent|pictures|pixels|positives|"
    r"processes|rows|runs|samples|seconds|tries|values|videos|workers)"
)
_UNITS: Final = rf"(?:annotation |training |video )?(?:{_THINGS})"
_HAS_VERB: Final = "(?:[a-z]{3,}s|can|has|is|may|must|should|was|system)"
_PER: Final = re.compile(
    rf"\b(?:{_MEASURED}|(?:an?|one) (?:{_THINGS})) (?P<a>an?) {_UNITS}\b(?!-| {_HAS_VERB}\b)", re.IGNORECASE
)
ALLOWED: Final = ("A total of {} images were read.", "A total of {} data items were read.")
"""Lines of the original program, which users look for word by word."""

_LIBRARY: Final = re.compile(
    r"\b(?:Input|Value|String|List|Tuple|Field|URL) (?:should|error|required)\b|\bafter validation\b|"
    r"\bvalidation errors?\b|\bExtra inputs\b|\bunable to parse\b|\bFailed to parse\b|\bvalid (?:dictionary|tuple)\b"
)


class Fault(NamedTuple):
    """Words that have to be written otherwise."""

    where: str
    line: int
    kind: str
    words: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {self.kind}: {self.words!r}: {self.fix}"


def faults_of_text(where: str, line: int, text: str) -> Iterator[Fault]:
    """Faults of one string, in which `{}` stands for each value."""
    plain = re.sub(r"\s+", " ", text)
    if plain in ALLOWED:
        return
    for found in _COUNTED.finditer(plain):
        if not re.fullmatch(_NO_NOUNS, f"{found[1]}s"):
            fix = "say `counted(number, '<one is>', '<many are>')` of `hand100m_assets.amounts`, or '1 <one>'"
            yield Fault(where, line, "count", found[0], fix)
    for found in _PER.finditer(plain):
        fix = f"write 'per' for {found['a']!r}"
        yield Fault(where, line, "per", found[0], fix)
    for found in _LIBRARY.finditer(plain):
        yield Fault(where, line, "library", found[0], "say it in our words: what must be there, and what was found")


def faults_of_code(where: str, source: str) -> Iterator[Fault]:
    """Faults of a module's strings and docstrings, and messages of a library that are passed on."""
    tree = ast.parse(source)
    parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == "msg":
            fix = "say it in our words, by the type of the error"
            yield Fault(where, node.lineno, "library", ast.unparse(node), fix)
        if isinstance(node, ast.JoinedStr):
            yield from faults_of_text(where, node.lineno, _template(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            for number, paragraph in _paragraphs(node.value):
                yield from faults_of_text(where, node.lineno + number, paragraph)
    yield from _printed_too_long(where, tree)


def _template(text: ast.JoinedStr) -> str:
    """The string with `{}` for each number that may be 1, and `{.}` for any other value."""
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "{}" if _may_be_one(part) else "{.}"
        for part in text.values
    )


def _may_be_one(part: ast.expr) -> bool:
    """Whether a value may be the number 1: not with decimals (1.0 hours), nor as a name, a size or a limit."""
    if not isinstance(part, ast.FormattedValue) or isinstance(part.value, ast.IfExp) or part.conversion == ord("r"):
        return False
    with_decimals = part.format_spec is not None and re.search(r"\.[1-9]\d*[fg%]", ast.unparse(part.format_spec))
    return not with_decimals and not re.search(r"\b[A-Z]{2}[A-Z_]+\b|(?:_px|name|title)$", ast.unparse(part.value))


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Paragraphs of a docstring without its examples, each with the number of its first line."""
    number = 0
    for paragraph in text.split("\n\n"):
        yield number, "\n".join(line for line in paragraph.split("\n") if not line.lstrip().startswith((">>>", "...")))
        number += paragraph.count("\n") + 2


def _printed_too_long(where: str, tree: ast.AST) -> Iterator[Fault]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("echo", "secho", "info", "warning"):
            for text in node.args:
                said = _template(text) if isinstance(text, ast.JoinedStr) else getattr(text, "value", "")
                for line in str(said).split("\n") if isinstance(said, str) else ():
                    if len(line) > MOST_CHARACTERS:
                        yield Fault(where, text.lineno, "long", line[:40], f"{len(line)} characters: two lines")


def faults_of_page(where: str, text: str) -> Iterator[Fault]:
    """Faults of a page; a line of a table, or one that is long by an address, may be long."""
    is_code = False
    for number, line in enumerate(text.split("\n"), 1):
        is_code ^= line.startswith("```")
        if not is_code:
            yield from faults_of_text(where, number, line)
        if len(line) > MOST_CHARACTERS and not line.lstrip().startswith("|") and "](" not in line and "://" not in line:
            yield Fault(where, number, "long", line[:40], f"{len(line)} characters: break it at {MOST_CHARACTERS}")


def faults(repository: Path = REPO) -> Iterator[Fault]:
    """All faults of the package and its pages."""
    for path in sorted((repository / "hand100m_assets").rglob("*.py")):
        yield from faults_of_code(str(path.relative_to(repository)), path.read_text())
    for path in _pages(repository):
        yield from faults_of_page(str(path.relative_to(repository)), path.read_text())


def _pages(repository: Path) -> Iterable[Path]:
    for pattern in ("hand100m_assets/templates/*", "*.md", "docs/**/*.md", "benchmarks/README.md"):
        yield from sorted(repository.glob(pattern))


def main() -> int:
    """Print every fault; 1 when there is one."""
    found = list(faults())
    for fault in found:
        print(fault)  # noqa: T201 - a command
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
