"""Checks that the fragments of an mp4 follow each other, by their numbers and the decoding times of their samples."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from hand100m_assets.video.container.mp4.box_walker import boxes_between
from hand100m_assets.video.container.mp4.fragments import boxes_of_fragment

_TFRA_HEAD_BYTES: Final = 16
_DURATION, _SIZE, _FLAGS, _OFFSET = 0x100, 0x200, 0x400, 0x800


@dataclass
class FragmentChain:
    """Takes the fragments of a file in their order.

    A number that is left out or repeated is a fault only if no track's time continues either: some writers number in
    their own way, and a track may pause where the numbers are right.
    """

    _number: int | None = None
    _is_numbered: bool = True
    """Each fragment so far had the next number."""
    _ends: dict[int, int | None] = field(default_factory=dict)
    """Track -> when its next sample is decoded; None if its fragments do not say how long they are."""

    def begin(self) -> None:
        """Begin a new movie: another file was appended here."""
        self._number, self._is_numbered, self._ends = None, True, {}

    def takes(self, body: bytes) -> bool:
        """Take the next fragment, which must be whole; return whether it may come here."""
        boxes = boxes_of_fragment(body)
        number = next((int.from_bytes(box[4:8], "big") for kind, box, _ in boxes if kind == b"mfhd"), None)
        is_next = None in (number, self._number) or number == (self._number or 0) + 1
        self._number = number
        goes_on = [self._goes_on(runs) for kind, _, runs in boxes if kind == b"traf"]
        is_sound = is_next or not goes_on or any(goes_on)
        self._is_numbered = self._is_numbered and (is_next or not is_sound)
        return is_sound or not self._is_numbered

    def _goes_on(self, boxes: list[tuple[bytes, bytes]]) -> bool:
        """Whether a track's part begins where its last one ended, or does not say."""
        head = next((box for kind, box in boxes if kind == b"tfhd"), b"")
        track, default = _track_and_duration(head)
        begin = next((_decode_time(box) for kind, box in boxes if kind == b"tfdt"), None)
        expected = self._ends.get(track)
        lengths = [_run_length(box, default) for kind, box in boxes if kind == b"trun"]
        known = [length for length in lengths if length is not None]
        self._ends[track] = begin + sum(known) if begin is not None and known and len(known) == len(lengths) else None
        return expected is None or begin is None or begin == expected


def _decode_time(body: bytes) -> int:
    return int.from_bytes(body[4 : 12 if body[:1] == b"\x01" else 8], "big")


def _track_and_duration(body: bytes) -> tuple[int, int | None]:
    """Track and default duration of its samples, None if the fragment gives none. ISO/IEC 14496-12, 8.8.7."""
    flags, track = struct.unpack_from(">II", body.ljust(8, b"\0"))
    at = 8 + 8 * bool(flags & 0x1) + 4 * bool(flags & 0x2)
    return track, int.from_bytes(body[at : at + 4], "big") if flags & 0x8 else None


def _run_length(body: bytes, default: int | None) -> int | None:
    """Duration of all samples of a run; None if one is not given here, or is 0. ISO/IEC 14496-12, 8.8.8."""
    flags, count = struct.unpack_from(">II", body.ljust(8, b"\0"))
    if not flags & _DURATION:
        return default * count if default else None
    start = 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4)
    step = 4 * sum(bool(flags & field) for field in (_DURATION, _SIZE, _FLAGS, _OFFSET))
    lengths = [int.from_bytes(body[start + step * n : start + step * n + 4], "big") for n in range(count)]
    return sum(lengths) if all(lengths) else None


def last_fragment_listed(body: bytes) -> int:
    """Where the last fragment begins that the index of all fragments (mfra) lists; -1 if it lists none.

    Source: ISO/IEC 14496-12, sections 8.8.9 to 8.8.11.
    """
    last, file = -1, BytesIO(body)
    for box in boxes_between(file, 0, len(body)):
        table = box.read(file, len(body))
        if box.kind == b"tfra" and len(table) >= _TFRA_HEAD_BYTES:
            version, _, sizes, count = struct.unpack_from(">IIII", table)
            width = 8 if version >> 24 else 4
            step = 2 * width + sum((sizes >> shift & 3) + 1 for shift in (4, 2, 0))
            entry = _TFRA_HEAD_BYTES + step * (count - 1) + width
            last = max(last, int.from_bytes(table[entry : entry + width], "big") if count else -1)
    return last
