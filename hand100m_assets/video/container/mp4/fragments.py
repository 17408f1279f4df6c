"""Checks that the table of an mp4 fragment (moof) is complete. ffmpeg reads a broken one without an error."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Final

import numpy as np

from hand100m_assets.video.container.mp4.box_walker import boxes_between

_FRAGMENT_BOXES: Final = frozenset({b"mfhd", b"traf", b"pssh", b"meta", b"uuid", b"free", b"skip"})
_TRACK_BOXES: Final = frozenset(
    {*(b"tfhd", b"tfdt", b"trun", b"sbgp", b"sgpd", b"subs", b"saiz", b"saio", b"senc", b"sdtp"), *_FRAGMENT_BOXES}
)
_TRACK_RUN_FIELDS: Final = (0x100, 0x200, 0x400, 0x800)
"""Flags of the values that are given for each sample: duration, size, flags, composition offset."""


def is_whole_fragment(body: bytes) -> bool:
    """Whether all boxes in a `moof` are known and fill it, and no sample is empty.

    Source: ISO/IEC 14496-12, sections 8.8.4 to 8.8.8.
    """
    tracks = _children(body, _FRAGMENT_BOXES)
    if tracks is None:
        return False
    for kind, track in tracks:
        runs = _children(track, _TRACK_BOXES) if kind == b"traf" else []
        if runs is None or not all(_is_whole_run(run) for kind, run in runs if kind == b"trun"):
            return False
    return any(kind == b"traf" for kind, _ in tracks)


def boxes_of_fragment(body: bytes) -> list[tuple[bytes, bytes, list[tuple[bytes, bytes]]]]:
    """Kind and body of every box in a whole `moof`, and for a track's part its inner boxes."""
    boxes = _children(body, _FRAGMENT_BOXES) or []
    return [(kind, box, (_children(box, _TRACK_BOXES) or []) if kind == b"traf" else []) for kind, box in boxes]


def _children(body: bytes, known: frozenset[bytes]) -> list[tuple[bytes, bytes]] | None:
    """Kind and body of every box; None when a kind is not known or the boxes do not fill the place exactly."""
    file = BytesIO(body)
    boxes = list(boxes_between(file, 0, len(body)))
    if (boxes[-1].end if boxes else 0) != len(body) or any(b.is_endless or b.kind not in known for b in boxes):
        return None
    return [(box.kind, box.read(file, len(body))) for box in boxes]


def _is_whole_run(body: bytes) -> bool:
    if len(body) < 8:
        return False
    flags, count = struct.unpack_from(">II", body)
    start = 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4)  # offset of the data, flags of the first sample
    fields = [flag for flag in _TRACK_RUN_FIELDS if flags & flag]
    if len(body) != start + 4 * len(fields) * count:
        return False
    if 0x200 not in fields:
        return True
    samples = np.frombuffer(body, ">u4", offset=start).reshape(count, len(fields))
    return bool((samples[:, fields.index(0x200)] > 0).all())
