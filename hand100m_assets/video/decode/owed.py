"""Counts the frames that a decoder still has to return for its packets, if frames are only counted."""

from __future__ import annotations

from collections.abc import Iterable


class OwedFrames:
    """Takes packets and frames, and reports when a packet must have been skipped.

    A decoder passes a packet's timestamp on to its frame. So even timestamps that prove nothing about the order show to
    which packet a frame belongs.

    Args:
        patience_frames: How many more frames a decoder may give before one that it keeps back.
    """

    def __init__(self, patience_frames: int) -> None:
        self._patience_frames = patience_frames
        self._frames_out = 0
        self._due: dict[int, list[int]] = {}
        """By timestamp, how many frames had come out when each packet was decoded; the longest owed come first."""

    def owe(self, timestamps: Iterable[int]) -> None:
        """Note that packets with these timestamps are decoded, and should give a frame each."""
        for pts in timestamps:
            self._due.setdefault(pts, []).append(self._frames_out)

    def pay(self, pts: int | None) -> None:
        """Note that a frame came out."""
        self._frames_out += 1
        if pts in self._due:
            self._due[pts].pop(0)
            if not self._due[pts]:
                del self._due[pts]

    def is_overdue(self, *, is_over: bool = False) -> bool:
        """Whether a packet gave no frame. Each packet is reported once."""
        for pts, since in self._due.items():
            if not is_over and self._frames_out - since[0] <= self._patience_frames:
                return False
            del self._due[pts]
            return True
        return False
