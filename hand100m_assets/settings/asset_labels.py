"""Owners and tags of assets, as Dagster takes them: whether a text can be one, said before Dagster refuses it."""

from __future__ import annotations

import re
from typing import Final

_OWNER: Final = re.compile(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
_TAG_NAME: Final = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE: Final = re.compile(r"[A-Za-z0-9_.-]{0,63}")


def why_no_owner(text: str) -> str | None:
    """What is wrong with the name of an owner; None if nothing is."""
    if _OWNER.fullmatch(text):
        return None
    return f"{text!r} is no owner; write an e-mail address, or team: and the name of a team"


def why_no_tag(name: str, value: str) -> str | None:
    """What is wrong with a tag; None if nothing is."""
    if not _TAG_NAME.fullmatch(name) or name.startswith("dagster/"):
        return f"{name!r} is no name of a tag; use letters, digits, '_', '-' and '.', at most 63 of them"
    if not _TAG_VALUE.fullmatch(value):
        return f"{value!r} is no value of a tag; use letters, digits, '_', '-' and '.', at most 63 of them"
    return None
