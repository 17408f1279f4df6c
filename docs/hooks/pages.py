"""Pages of the site that nobody writes by hand, links that leave `docs/`, and the checks that make a build fail.

MkDocs calls the functions named `on_...`; `mkdocs.yml` names this file. A warning fails the build, as `make docs` is
strict.
"""

from __future__ import annotations

import ast
import html
import logging
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPO: Final = Path(__file__).parents[2]
PACKAGE: Final = "hand100m_assets"
SINGLE_MODULES: Final = ("errors",)
"""Modules beside the rooms that the reference describes, too."""

ROOMS: Final = (
    *("video", "annotations", "pairs", "render", "dataset"),
    *("workspace", "settings", "sample", "imaging", "files", "parallel"),
)
"""Order of the rooms in the reference: what a researcher opens first stands first."""

WRITTEN_ELSEWHERE: Final = {
    "README.md": "index.md",
    "CONTEXT.md": "glossary.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "benchmarks/results.md": "results.md",
}
"""Files of the repository -> their pages of the site."""

FENCES: Final = {
    ".yaml": "yaml",
    ".service": "ini",
    ".example": "ini",
    ".py": "python",
    ".toml": "toml",
    ".txt": "text",
}
"""Ending of a file that a page links to -> the language in which it is shown."""

_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_LIST_IN_PARAGRAPH: Final = re.compile(r"^(?!(?:[-*]|\d+\.) |#)(\S.*)\n(?=(?:[-*]|1\.) )", re.MULTILINE)
_FENCED: Final = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
_log: Final = logging.getLogger("mkdocs.hooks.pages")


def faces() -> dict[str, list[str]]:
    """Every page of the reference -> its names, both in the order in which they are shown."""
    found = {}
    for stub in (REPO / PACKAGE).rglob("__init__.pyi"):
        face = ".".join(stub.parent.relative_to(REPO).parts)
        imports = [node for node in ast.parse(stub.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
        found[face] = sorted({alias.asname or alias.name for node in imports for alias in node.names}, key=_by_kind)
    for name in SINGLE_MODULES:
        body = ast.parse((REPO / PACKAGE / f"{name}.py").read_text("utf-8")).body
        found[f"{PACKAGE}.{name}"] = [node.name for node in body if isinstance(node, ast.ClassDef)]
    return dict(sorted(found.items(), key=lambda item: (_rank(item[0]), item[0])))


def _rank(face: str) -> int:
    room = face.split(".")[1]
    return ROOMS.index(room) if room in ROOMS else len(ROOMS)


def _by_kind(name: str) -> tuple[int, str]:
    """Functions, then classes, then constants: what is called first stands first."""
    return (2 if name.isupper() else 1 if name[0].isupper() else 0), name.lower()


def reference_page(face: str, names: list[str]) -> str:
    """The page of one room, of which mkdocstrings makes the text."""
    lines = [f"# {face.removeprefix(f'{PACKAGE}.')}", "", f"::: {face}", "    options:"]
    lines += ["      show_root_heading: false", "      show_root_toc_entry: false", "      members: false", ""]
    lines += ["```python", f"from {face} import {names[0]}  # or any name of this page", "```", ""]
    for name in names:
        lines += [f"::: {face}.{name}", ""]
    return "\n".join(lines)


def records() -> list[Path]:
    """The decision records, by number."""
    return sorted((REPO / "docs" / "adr").glob("[0-9]*.md"))


def outside_of_code(markdown: str, change: Callable[[str], str]) -> str:
    """The text with everything but its blocks of code changed."""
    return "".join(part if number % 2 else change(part) for number, part in enumerate(_FENCED.split(markdown)))


def linked(markdown: str, change: Callable[[str, str, str], str]) -> str:
    """The text with each link outside of code replaced; `change` gets the mark of a picture, the words, the target."""

    def changed(text: str) -> str:
        return _LINK.sub(lambda found: change(found[1], found[2], found[3]), text)

    return outside_of_code(markdown, changed)


def with_lists_apart(markdown: str) -> str:
    """The text with an empty line before each list: Python-Markdown needs it, other readers of Markdown do not."""
    return outside_of_code(markdown, lambda text: _LIST_IN_PARAGRAPH.sub(r"\1\n\n", text))


def page_of(path: str) -> str | None:
    """Where the site shows a file of the repository, None for a folder without a page."""
    if path in WRITTEN_ELSEWHERE:
        return WRITTEN_ELSEWHERE[path]
    if (REPO / path).is_dir():
        readme = posixpath.join(path, "README.md")
        return page_of(readme) if (REPO / readme).is_file() else None
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    folder, name = posixpath.split(path)
    return posixpath.join("files", folder, f"{name.lstrip('.')}.md")  # MkDocs leaves out names that begin with a dot


def in_repository(source: str, target: str) -> tuple[str, str] | None:
    """The file that a link of `source` names, and its fragment; None for other sites and for the page itself."""
    path, mark, fragment = target.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), path)), mark + fragment


def for_the_site(markdown: str, source: str, page: str) -> str:
    """The text of a file of the repository with its links as its page of the site needs them."""

    def change(picture: str, words: str, target: str) -> str:
        named = in_repository(source, target)
        if named is None or not (REPO / named[0]).exists():
            return f"{picture}[{words}]({target})"
        shown = page_of(named[0])
        if shown is None:
            return words
        return f"{picture}[{words}]({posixpath.relpath(shown, posixpath.dirname(page) or '.')}{named[1]})"

    return linked(markdown, change)


def files_linked_to(markdown: str, source: str) -> set[str]:
    """Files of the repository, not pages themselves, that a text links to."""
    found: set[str] = set()

    def note(picture: str, words: str, target: str) -> str:
        named = in_repository(source, target)
        if named is not None and (REPO / named[0]).is_file() and (page_of(named[0]) or "").startswith("files/"):
            found.add(named[0])
        return words

    linked(markdown, note)
    return found


def _source_of(page: str) -> str:
    """The file of the repository that a page shows."""
    written = {site: file for file, site in WRITTEN_ELSEWHERE.items()}
    return written.get(page, f"docs/{page}")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of rooms and decisions where `nav` has their folders."""
    rooms: dict[str, list[Any]] = {}
    for face in faces():
        short = face.removeprefix(f"{PACKAGE}.")
        rooms.setdefault(short.split(".")[0], []).append({short: f"reference/{short}.md"})
    folders: dict[str, list[Any]] = {
        "reference/": [pages[0] if len(pages) == 1 else {room: pages} for room, pages in rooms.items()],
        "adr/": ["adr/README.md", *(f"adr/{path.name}" for path in records())],
    }
    config.nav = [
        {title: folders.get(at, at) if isinstance(at, str) else at for title, at in entry.items()}
        for entry in config.nav or ()
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in `docs/`."""
    texts = {page: (REPO / file).read_text("utf-8") for file, page in WRITTEN_ELSEWHERE.items()}
    texts |= {
        f"reference/{face.removeprefix(f'{PACKAGE}.')}.md": reference_page(face, names)
        for face, names in faces().items()
    }
    written = {file.src_uri: file.content_string for file in files.documentation_pages()}
    wanted = {path for page, text in (texts | written).items() for path in files_linked_to(text, _source_of(page))}
    for path in sorted(wanted):
        fence = FENCES.get(Path(path).suffix, "text")
        content = (REPO / path).read_text("utf-8")
        texts[str(page_of(path))] = f"# {path}\n\n````{fence}\n{content}\n````\n"
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at pages of the site."""
    if page.file.src_uri.startswith(("files/", "reference/")):
        return markdown
    return with_lists_apart(for_the_site(markdown, _source_of(page.file.src_uri), page.file.src_uri))


def faults_of_reference(pages: dict[str, str]) -> Iterator[str]:
    """What is wrong with the reference: names that are on no page, or that nothing is said about.

    Args:
        pages: Each face with the HTML of its page.
    """
    for face, names in faces().items():
        shown = pages.get(face, "")
        for name in names:
            body = shown.partition(f'id="{html.escape(face)}.{name}"')
            if not body[1]:
                yield f"{face} offers {name}, which is not on its page"
            elif not _is_described(body[2]):
                yield f"{face}.{name} has no docstring"


def _is_described(after: str) -> bool:
    """Whether text stands in the block of an object, of which the page from its heading on is given."""
    own = after.partition('<div class="doc doc-object')[0]
    block = own.partition('<div class="doc doc-contents')[2].partition(">")[2]
    return bool(re.search(r"<p>\s*\S", block))


def on_post_build(config: MkDocsConfig) -> None:
    """Warn of every name that a room offers and the reference does not describe."""
    folder = Path(config.site_dir, "reference")
    pages = {face: folder / f"{face.removeprefix(f'{PACKAGE}.')}.html" for face in faces()}
    for fault in faults_of_reference({face: path.read_text("utf-8") for face, path in pages.items() if path.exists()}):
        _log.warning(fault)
