"""Names of annotation sets: the readable key that an annotation file's name gives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Family: TypeAlias = Literal["simhand", "topk", "tempclr", "other"]


@dataclass(frozen=True, kw_only=True)
class AnnotationSetName:
    """What an annotation file's name says.

    Attributes:
        key: Readable partition key, unique within a source, such as `simhand-50k`.
        label: As spoken in the original's console lines, such as `50k` or `TempCLR 100k`.
        family: `simhand` (most similar hand), `topk` (K-th most similar), `tempclr` (temporal), `other`.
        scale: Such as `50k` or `1m`; empty if the name gives none.
        title: The dataset's spelling inside the name, such as `Ego4D`; empty if the name gives none.
    """

    key: str
    label: str
    family: Family
    scale: str
    title: str


ANNOTATION_SUFFIXES: Final = (".json", ".json.gz", ".json.zst")

NAME_GROUPS: Final = frozenset({"source", "family", "scale", "name"})
"""Named groups that a pattern of annotation file names may have; see `annotation_set_name`."""

DEFAULT_NAME_PATTERN: Final = re.compile(r"Hand100M_(?P<source>[^_]+)_(?P<name>.*?)_?v[0-9][\w-]*", re.IGNORECASE)
"""Annotation file names without their suffix. Source: the original scripts, for the main files."""

_SUFFIX = re.compile(r"\.json(\.gz|\.zst)?$", re.IGNORECASE)

_SCALE = re.compile(r"(?<![A-Za-z0-9])(?P<scale>[0-9]+[km])(?![A-Za-z0-9])", re.IGNORECASE)

_FAMILIES: Final[tuple[tuple[re.Pattern[str], Family], ...]] = (
    (re.compile(r"top[-_ ]?(?:k|[0-9]+)", re.IGNORECASE), "topk"),
    (re.compile(r"tempclr", re.IGNORECASE), "tempclr"),
)


def name_pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern of annotation file names.

    Raises:
        ValueError: It is no regular expression, or its named groups give no set a name; the message says which.
    """
    try:
        pattern = re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"not a regular expression ({error})") from error
    if unknown := sorted(pattern.groupindex.keys() - NAME_GROUPS):
        raise ValueError(f"unknown group {', '.join(unknown)}; known are {', '.join(sorted(NAME_GROUPS))}")
    if not pattern.groupindex.keys() & {"name", "family", "scale"}:
        raise ValueError("needs a group (?P<name>...), or (?P<family>...) and (?P<scale>...)")
    return pattern


def annotation_file_stem(file_name: str) -> str:
    """File name of an annotation file without `.json`, `.json.gz` or `.json.zst`."""
    return _SUFFIX.sub("", file_name)


def annotation_set_name(file_name: str, pattern: re.Pattern[str] = DEFAULT_NAME_PATTERN) -> AnnotationSetName:
    """Derive the readable set name from an annotation file's name; unknown names still give a usable key.

    `Hand100M_Ego4D_50k_v1-1.json` gives `simhand-50k`; `Hand100M_Ego4D_TempCLR_100k_v1-1.json` gives
    `tempclr-100k`; `my_hands.json` gives `my-hands` of family `other`.

    Args:
        file_name: Without its folder.
        pattern: Matched against the whole name without suffix. Group `source` is the dataset's spelling. Group `name`
            is what tells one set of a source from another, family and scale being looked for in it; or these have
            groups of their own. An absent or empty family is the main one. A name that does not match is a set of
            its own, with the whole name as its key.
    """
    stem = annotation_file_stem(file_name)
    match = pattern.fullmatch(stem)
    groups = {group: text or "" for group, text in match.groupdict().items()} if match else {"name": stem}
    own_groups = [groups[group] for group in ("family", "scale") if groups.get(group)]
    middle = groups.get("name") or "_".join(own_groups) or stem
    found = _SCALE.search(middle.replace("_", " "))
    scale = (groups.get("scale") or (found["scale"] if found else "")).lower()
    family = _family(groups.get("family", middle), is_main=match is not None and scale and not groups.get("family"))
    words = [w for w in re.split(r"[^A-Za-z0-9]+", middle) if w]
    key = "-".join(words).lower()
    if family == "simhand" and not key.startswith("simhand"):
        key = f"simhand-{key}"
    return AnnotationSetName(
        key=key or "unnamed",
        label=" ".join(words) or stem,
        family=family,
        scale=scale,
        title=groups.get("source", ""),
    )


def _family(text: str, *, is_main: object) -> Family:
    otherwise: Family = "simhand" if is_main or text.casefold() == "simhand" else "other"
    return next((name for pattern, name in _FAMILIES if pattern.search(text)), otherwise)
