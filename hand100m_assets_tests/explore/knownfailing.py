"""Kinds that do not reach their goals yet. To be emptied: what stands here is left out of the unit tests."""

from __future__ import annotations

KNOWN_FAILING: dict[str, str] = {
    "h264 varying rate ts": "called damaged",
    "h264 begins within a group ts": "called damaged",
    "hevc begins within a group ts": "called damaged",
    "h264 two files ts": "called damaged",
    "hevc two files ts": "called damaged",
    "mpeg2 two files ts": "called damaged",
}
"""Kind -> what fails."""
