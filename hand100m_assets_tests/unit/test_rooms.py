"""Rooms are entered through their faces, stand on floors, and only the uppermost ones know Dagster."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import hand100m_assets

PACKAGE = Path(hand100m_assets.__file__).parent
NAME = PACKAGE.name
MODULES = {
    ".".join((NAME, *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
FACES = sorted(
    (module for module, path in MODULES.items() if path.with_suffix(".pyi").exists()), key=lambda module: -len(module)
)
"""Rooms that have a face, the innermost first."""
KNOW_DAGSTER = ("definitions", "defs", "headless", "launchers")
DAGSTER = {"dagster", "upath"}
READERS_OF_THE_ENVIRONMENT = {f"{NAME}.settings.settings"}
FLOORS = (
    ("amounts", "errors", "extras", "compiled", "interrupts", "wrong_values", "sources", "set_names", "layout"),
    ("files",),
    ("imaging",),
    ("parallel",),
    ("video",),
    ("annotations",),
    ("pairs",),
    ("render",),
    ("dataset",),
    ("sample",),
    ("settings",),
    ("workspace",),
    ("cli", *KNOW_DAGSTER),
)
"""From the ground up: what stands on one floor imports nothing from a higher one."""

FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}

MOST_FILES = 14
"""Files that a folder may hold, so that a reader sees all of them at once."""


def imports(path: Path) -> Iterator[str]:
    """Names of the modules that a file imports, whether at once or when they are used."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in MODULES else node.module


def is_inside(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def room_of(module: str) -> str | None:
    """The innermost room with a face that holds the module."""
    return next((face for face in FACES if is_inside(module, face)), None)


def top_of(module: str) -> str:
    """Name of the room, or of the single module, on one of the floors."""
    return module.removeprefix(f"{NAME}.").split(".")[0]


def edges() -> Iterator[tuple[str, str]]:
    """Each module of the project with each module of the project that it imports."""
    for module, path in MODULES.items():
        yield from ((module, imported) for imported in imports(path) if imported in MODULES and imported != NAME)


def test_only_the_uppermost_rooms_import_dagster() -> None:
    lower = {module: path for module, path in MODULES.items() if top_of(module) not in KNOW_DAGSTER}
    found = {module for module, path in lower.items() for name in imports(path) if name.split(".")[0] in DAGSTER}
    assert not found
    assert len(lower) > 100


def test_a_room_is_entered_only_through_its_face() -> None:
    found = []
    for module, imported in edges():
        room = room_of(imported)
        if room not in (None, imported) and not is_inside(module, str(room)):
            found.append(f"{module} imports {imported}: import from {room}, its face")
    assert not found


def test_no_module_imports_from_a_higher_floor() -> None:
    found = [
        f"{module} imports {imported}"
        for module, imported in edges()
        if FLOOR[top_of(module)] < FLOOR[top_of(imported)]
    ]
    assert not found


def test_no_two_rooms_import_each_other() -> None:
    """Rooms and their sub-rooms: each could be lifted out with what lies below it."""
    rooms: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        room = room_of(module) or module
        for imported in imports(path):
            if imported in MODULES and (other := room_of(imported) or imported) != room:
                rooms.setdefault(room, set()).add(other)
    assert list(TopologicalSorter(rooms).static_order())


def test_no_two_modules_import_each_other() -> None:
    within = {
        module: {name for name in imports(path) if name in MODULES and name != module and name not in FACES}
        for module, path in MODULES.items()
    }
    assert list(TopologicalSorter(within).static_order())


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in MODULES.values()}), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_folder_holds_no_more_files_than_a_reader_sees_at_once(folder: Path) -> None:
    assert len(list(folder.glob("*.py"))) <= MOST_FILES


@pytest.mark.parametrize("face", FACES)
def test_each_name_of_a_face_is_there_and_documented(face: str) -> None:
    room = import_module(face)
    for name in room.__all__:
        exported = getattr(room, name)
        assert exported is not None
        if callable(exported) and getattr(exported, "__module__", "").startswith(NAME):
            assert exported.__doc__, f"{face}.{name} has no docstring"


def test_only_settings_reads_the_environment() -> None:
    found = set()
    for module, path in MODULES.items():
        attributes = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        if attributes & {"environ", "getenv"}:
            found.add(module)
    assert found == READERS_OF_THE_ENVIRONMENT


@pytest.mark.parametrize("path", sorted((PACKAGE / "defs").rglob("*.py")), ids=lambda path: path.name)
def test_defs_keep_their_types_at_run_time(path: Path) -> None:
    assert "__future__" not in set(imports(path))
