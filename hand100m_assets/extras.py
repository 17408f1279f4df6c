"""How a missing optional dependency is installed: the requirements of an extra, as a command that works anywhere."""

from __future__ import annotations

import re
from importlib.metadata import requires

_MARKER = re.compile(r"""^(?P<requirement>[^;]+);\s*extra\s*==\s*["'](?P<extra>[^"']+)["']\s*$""")


def install_command(extra: str) -> str:
    """Give the pip command that installs what an extra needs.

    The package itself is in no index, so `pip install 'hand100m_assets[dask]'` would fail; its requirements are.

    Args:
        extra: Name of an optional dependency group of this package, such as `dask`.

    Returns:
        A shell command, such as `pip install 'distributed>=2024.8' 'dask-jobqueue>=0.9'`.

    Raises:
        ValueError: The package has no such extra.

    Example:
        >>> install_command("ann").startswith("pip install 'faiss-cpu")
        True
    """
    found = (_MARKER.match(line) for line in requires("hand100m_assets") or ())
    needed = [match["requirement"].strip() for match in found if match and match["extra"] == extra]
    if not needed:
        raise ValueError(f"hand100m_assets has no extra named {extra!r}")
    return "pip install " + " ".join(f"'{requirement}'" for requirement in needed)
