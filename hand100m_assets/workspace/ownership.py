"""Records which installation uses an output folder: two with different settings would undo each other's work."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from hand100m_assets.files import write_whole
from hand100m_assets.settings import Settings, installation

MARK_FILE: Final = ".hand100m.json"
"""File in the output root that names the installation that uses it, and its settings."""

_SHAPING: Final = (
    *("frame_", "annotated_", "jpeg_", "colour_", "joint_"),
    *("mine_", "embedding_", "training_set_", "export_"),
)
"""Beginnings of the names of settings that change results. Other settings say where and how fast work is done."""


def shaping_settings(settings: Settings) -> dict[str, Any]:
    """The settings that change results."""
    values = settings.model_dump(mode="json")
    return {name: value for name, value in sorted(values.items()) if name.startswith(_SHAPING)}


def claim_output(settings: Settings) -> None:
    """Record in the output folder that this installation uses it, unless another one does already.

    If the output cannot be written, nothing happens here; the error comes when a result is written.

    Args:
        settings: The settings of this installation.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.workspace import claim_output, other_owner
        >>> settings = load_settings()
        >>> claim_output(settings)
        >>> print(other_owner(settings))
        None
    """
    mark, mine = settings.output_root / MARK_FILE, shaping_settings(settings)
    owner = _owner(mark)
    if owner is None or (owner[0] == installation() and owner[1] != mine):
        with suppress(OSError):
            settings.output_root.mkdir(parents=True, exist_ok=True)
            write_whole(mark, json.dumps({"installation": installation(), "settings": mine}, indent=1).encode())


def other_owner(settings: Settings) -> str | None:
    """Warn if another installation uses the same output folder with other settings.

    Args:
        settings: The settings of this installation.

    Returns:
        A warning that says what differs and what to do; None if there is no such installation.

    Example:
        >>> from hand100m_assets.settings import Settings
        >>> from hand100m_assets.workspace import other_owner
        >>> print(other_owner(Settings(output_root="my_output")))
        None
    """
    mark, mine = settings.output_root / MARK_FILE, shaping_settings(settings)
    owner = _owner(mark)
    if owner is None or owner[0] == installation():
        return None
    differing = [
        f"HAND100M_{name.upper()} is {mine[name]} here and {owner[1][name]} there"
        for name in mine
        if name in owner[1] and owner[1][name] != mine[name]
    ]
    if not differing:
        return None
    return (
        f"{settings.output_root}: another installation ({owner[0]}) fills this folder with other settings, so each "
        f"makes the other's work again: {'; '.join(differing)}. Give each an output folder of its own, or delete "
        f"{mark} if that one is no more."
    )


def _owner(mark: Path) -> tuple[str, dict[str, Any]] | None:
    """The recorded owner; None if there is no record or it cannot be read."""
    try:
        said = json.loads(mark.read_bytes())
        return str(said["installation"]), dict(said["settings"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
