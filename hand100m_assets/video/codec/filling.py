"""Tells whether zeros at the end of a coded HEVC picture are an encoder's padding, or replaced its last bytes.

Both look the same if the zeros end with the picture. But bytes after the end of a picture's data change nothing in it,
and bytes in the place of lost data do. So the picture is decoded with other bytes in the place of the zeros. The
pictures that it depends on are not needed: which bytes are read does not depend on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import av.codec.context
import av.error
import av.logging
import av.packet
import av.video.codeccontext
import av.video.frame
import av.video.stream
import numpy as np

from hand100m_assets.video.codec.bitstream import Data, hevc_kind, plain_units

_OTHER_BYTES: Final = (b"\0", b"\xff", b"\x55")
_LEAST_BYTES: Final = 8
"""Fewer zeros prove nothing."""
_START_CODE: Final = re.compile(rb"\0\0\x01")
_RASL: Final = frozenset({8, 9})
"""A decoder leaves these pictures out where it begins. Their ordinary kinds, whose numbers are 8 less, it decodes."""
_MAX_PROOFS: Final = 16
"""Number of padded pictures after which the habit of the encoder is known."""


class FillingWatch:
    """Tells padding from lost data in the packets of one track. It says nothing about codecs other than HEVC."""

    def __init__(self, stream: av.video.stream.VideoStream, length_bytes: int | None) -> None:
        self._extradata, self._length_bytes = stream.codec_context.extradata, length_bytes
        self._proofs_left = _MAX_PROOFS if stream.codec_context.name == "hevc" else 0

    def is_lost(self, data: Data) -> bool:
        """Whether zeros stand in the place of the last bytes of this packet's picture."""
        tails = [tail for tail in self._tails(data) if tail[1] - tail[0] >= _LEAST_BYTES] if self._proofs_left else []
        if not tails:
            return False
        self._proofs_left -= 1
        pictures = [self._decoded(self._changed(data, tails, other)) for other in _OTHER_BYTES]
        return any(picture != pictures[0] for picture in pictures)

    def _tails(self, data: Data) -> Iterator[tuple[int, int]]:
        """Where the zeros at the end of each unit begin and end; in Annex B only those of the last unit."""
        units = [(0, len(data))] if self._length_bytes is None else plain_units(data, self._length_bytes)
        for start, end in units:
            if bytes(data[max(start, end - _LEAST_BYTES) : end]) == bytes(_LEAST_BYTES):
                yield start + len(bytes(data[start:end]).rstrip(b"\0")), end

    def _changed(self, data: Data, tails: list[tuple[int, int]], other: bytes) -> bytes:
        changed = bytearray(data)
        for start in self._unit_starts(data):
            if start < len(changed) and hevc_kind(changed[start]) in _RASL:
                changed[start] -= 8 << 1
        for start, end in tails:
            changed[start:end] = other * (end - start)
        return bytes(changed)

    def _unit_starts(self, data: Data) -> list[int]:
        if self._length_bytes is None:
            return [code.end() for code in _START_CODE.finditer(data)]
        return [start for start, _ in plain_units(data, self._length_bytes)]

    def _decoded(self, data: bytes) -> list[bytes]:
        """Samples of the pictures that a new decoder gives for it."""
        context = av.video.codeccontext.VideoCodecContext.create("hevc", "r")
        context.extradata = self._extradata
        context.thread_type, context.thread_count = "NONE", 1
        context.flags |= av.codec.context.Flags.output_corrupt
        try:
            with av.logging.Capture():
                frames = [*context.decode(av.packet.Packet(data)), *context.decode(None)]
        except av.error.FFmpegError:
            return []
        return [_samples(frame) for frame in frames]


def _samples(frame: av.video.frame.VideoFrame) -> bytes:
    """All samples of a picture, without the bytes between its rows in memory."""
    sample_bytes = (frame.format.components[0].bits + 7) // 8
    rows = [np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size) for plane in frame.planes]
    return b"".join(
        row[: plane.height, : plane.width * sample_bytes].tobytes()
        for row, plane in zip(rows, frame.planes, strict=True)
    )
