"""Names of time zones: whether one can be used, and which one was probably meant."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

PLACES: Final = {
    **dict.fromkeys(("CET", "CEST"), "Europe/Berlin"),
    **dict.fromkeys(("EET", "EEST"), "Europe/Helsinki"),
    **dict.fromkeys(("WET", "WEST"), "Europe/Lisbon"),
    **dict.fromkeys(("EST", "EDT"), "America/New_York"),
    **dict.fromkeys(("CST", "CDT"), "America/Chicago"),
    **dict.fromkeys(("MST", "MDT"), "America/Denver"),
    **dict.fromkeys(("PST", "PDT"), "America/Los_Angeles"),
    **dict.fromkeys(("AKST", "AKDT"), "America/Anchorage"),
    **dict.fromkeys(("AST", "ADT"), "America/Halifax"),
    **dict.fromkeys(("NST", "NDT"), "America/St_Johns"),
    **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
    **dict.fromkeys(("ACST", "ACDT"), "Australia/Adelaide"),
    **dict.fromkeys(("NZST", "NZDT"), "Pacific/Auckland"),
    "AWST": "Australia/Perth",
    "BST": "Europe/London",
    "MSK": "Europe/Moscow",
    "IST": "Asia/Kolkata",
    "HKT": "Asia/Hong_Kong",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "CAT": "Africa/Maputo",
    "EAT": "Africa/Nairobi",
    "SAST": "Africa/Johannesburg",
    "WAT": "Africa/Lagos",
}
"""A place whose clocks go by this abbreviation, in winter or in summer."""

_GERMAN: Final = {"MEZ": "Europe/Berlin", "MESZ": "Europe/Berlin"}
_WITHOUT_SUMMER: Final = frozenset({"EST", "MST"})
"""These are zones, too, but without the summer time that most who write them mean."""

_OFFSET: Final = re.compile(r"(?:UTC|GMT|Z)?\s*([+-])\s*(\d{1,2})(?::?00)?", re.IGNORECASE | re.ASCII)


def why_no_zone(name: str) -> str | None:
    """What is wrong with the name of a time zone, with one that can be used; None if nothing is."""
    place = (PLACES | _GERMAN).get(name.upper())
    if name in _WITHOUT_SUMMER:
        return f"{name!r} has no summer time; use {place}, or the name of another place"
    if _exists(name):
        return None
    if place is not None:
        return f"{name!r} is no time zone, but an abbreviation; use {place}, or the name of another place"
    nearest = _of_offset(name) or _of_a_name_like(name)
    if nearest is not None:
        return f"{name!r} is no time zone; did you mean {nearest}?"
    return f"{name!r} is no time zone; they are named after places, such as Europe/Vienna or America/New_York"


def _exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _of_offset(name: str) -> str | None:
    """The zone of a constant offset. In these names, the sign counts from there to UTC."""
    offset = _OFFSET.fullmatch(name.strip())
    if offset is None:
        return None
    zone = f"Etc/GMT{'-' if offset[1] == '+' else '+'}{int(offset[2])}"
    return zone if _exists(zone) else None


def _of_a_name_like(name: str) -> str | None:
    wanted = re.sub(r"\s+", "_", name.strip()).lower()
    zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
    for named in ({zone.lower(): zone for zone in zones}, {zone.lower().rpartition("/")[2]: zone for zone in zones}):
        near = get_close_matches(wanted, named, n=1, cutoff=0.75)
        if near:
            return named[near[0]]
    return None
