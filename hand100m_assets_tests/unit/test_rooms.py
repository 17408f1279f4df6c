"""The rooms keep their doors shut."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import hand100m_assets

PACKAGE = Path(hand100m_assets.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = ("video", "annotations", "pairs", "render", "sample", "dataset")
READERS_OF_THE_ENVIRONMENT = {"settings/settings.py"}


def imported_names(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_defs_room_imports_dagster(module: Path) -> None:
    relative = module.relative_to(PACKAGE)
    if relative.parts[0] == "defs" or relative.name == "definitions.py":
        return
    imported = set(imported_names(module))
    assert not [name for name in imported if name.split(".")[0] in {"dagster", "upath"}]
    assert not [name for name in imported if name.startswith(("hand100m_assets.defs", "hand100m_assets.definitions"))]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_do_not_know_the_settings(module: Path) -> None:
    if module.relative_to(PACKAGE).parts[0] in ROOMS:
        assert "hand100m_assets.settings.settings" not in set(imported_names(module))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_settings_reads_the_environment(module: Path) -> None:
    if module.name not in READERS_OF_THE_ENVIRONMENT:
        attributes = {node.attr for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Attribute)}
        assert not attributes & {"environ", "getenv"}


@pytest.mark.parametrize("module", sorted((PACKAGE / "defs").rglob("*.py")), ids=lambda path: path.name)
def test_defs_keep_their_types_at_run_time(module: Path) -> None:
    assert "__future__" not in set(imported_names(module))
