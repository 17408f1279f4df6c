"""The pages of `make docs`: links that leave `docs/`, and what makes a build fail."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hand100m_assets_tests.conftest import REPO
from hand100m_assets_tests.unit.test_public_surface import FACES

pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
SHOWN = '<h2 id="{face}.{name}"></h2><div class="doc doc-contents "><p>Words.</p></div><div class="doc doc-object">'


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", REPO / "docs" / "hooks" / "pages.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_has_each_name_of_each_face(hooks: ModuleType) -> None:
    pages = {face: names for face, names in hooks.faces().items() if face in FACES}
    assert {face: sorted(names) for face, names in pages.items()} == {
        face: sorted(names.split()) for face, names in FACES.items()
    }
    for face, names in pages.items():
        assert all(f"::: {face}.{name}\n" in hooks.reference_page(face, names) for name in names)


def test_a_name_that_is_missing_or_not_described_is_a_fault(hooks: ModuleType) -> None:
    pages = {
        face: "".join(SHOWN.format(face=face, name=name) for name in names) for face, names in hooks.faces().items()
    }
    assert not list(hooks.faults_of_reference(pages))
    face = "hand100m_assets.video"
    whole = pages[face]
    pages[face] = whole.replace(SHOWN.format(face=face, name="probe_video"), "")
    assert list(hooks.faults_of_reference(pages)) == [f"{face} offers probe_video, which is not on its page"]
    shown = SHOWN.format(face=face, name="probe_video")
    pages[face] = whole.replace(shown, shown.replace("<p>Words.</p>", ""))
    assert list(hooks.faults_of_reference(pages)) == [f"{face}.probe_video has no docstring"]


@pytest.mark.parametrize(
    ("text", "source", "page", "expected"),
    [
        ("[a](docs/training.md#an-epoch)", "README.md", "index.md", "[a](training.md#an-epoch)"),
        ("![a](docs/grid.jpg)", "README.md", "index.md", "![a](grid.jpg)"),
        ("[a](docs/adr)", "CONTRIBUTING.md", "contributing.md", "[a](adr/README.md)"),
        ("[a](../CONTEXT.md)", "docs/training.md", "training.md", "[a](glossary.md)"),
        ("[a](.env.example)", "README.md", "index.md", "[a](files/env.example.md)"),
        ("[a](../../Makefile)", "docs/adr/x.md", "adr/x.md", "[a](../files/Makefile.md)"),
        ("[a](peers/)", "benchmarks/README.md", "benchmarks.md", "a"),
        ("[a](https://ego4d-data.org)", "README.md", "index.md", "[a](https://ego4d-data.org)"),
        ("[a](#below)", "README.md", "index.md", "[a](#below)"),
        ("[a](nowhere.md)", "README.md", "index.md", "[a](nowhere.md)"),
        ("```\n[a](docs/grid.jpg)\n```", "README.md", "index.md", "```\n[a](docs/grid.jpg)\n```"),
    ],
)
def test_a_link_leads_where_the_site_has_the_file(
    hooks: ModuleType, text: str, source: str, page: str, expected: str
) -> None:
    assert hooks.for_the_site(text, source, page) == expected


def test_a_list_is_set_apart_from_the_words_before_it(hooks: ModuleType) -> None:
    assert hooks.with_lists_apart("Why:\n- a\n  more\n- b\n") == "Why:\n\n- a\n  more\n- b\n"
    assert hooks.with_lists_apart("```\nWhy:\n- a\n```\n") == "```\nWhy:\n- a\n```\n"


def test_the_index_of_decisions_has_each_record_with_its_title(hooks: ModuleType) -> None:
    index = (REPO / "docs" / "adr" / "README.md").read_text()
    rows = dict(re.findall(r"^\| (\d+) \| (\[.*?\]\(.*?\)) \| .+ \|$", index, re.MULTILINE))
    expected = {}
    for record in hooks.records():
        number, title = re.match(r"# (\d+)\. (.+)", record.read_text()).groups()  # type: ignore[union-attr]
        expected[number] = f"[{title}]({record.name})"
    assert rows == expected


def command_of_make_docs() -> list[str]:
    """How `make docs` builds, by the interpreter of the tests."""
    command = re.search(r"\$\(BIN\)/mkdocs (build.*)", (REPO / "Makefile").read_text())
    assert command
    return [sys.executable, "-m", "mkdocs", *command[1].split()]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# Fine\n\n[a](#fine)\n", None),
        ("# Broken\n\n[a](gone.md)\n", "gone.md"),
        ("# Broken\n\n[a](#gone)\n", "#gone"),
    ],
)
def test_a_broken_link_fails_the_build(text: str, complaint: str | None, tmp_path: Path) -> None:
    """With the rules of `mkdocs.yml`, on one page: the reference would take half a minute each time."""
    rules = re.search(r"^validation:\n(?:  .*\n)+", (REPO / "mkdocs.yml").read_text(), re.MULTILINE)
    assert rules
    (tmp_path / "mkdocs.yml").write_text(f"site_name: one page\nplugins: []\n{rules[0]}")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(text)
    done = subprocess.run(command_of_make_docs(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (complaint is None), done.stderr
    assert complaint is None or complaint in done.stderr
