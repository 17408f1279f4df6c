"""Reads VP9 and AV1 packets: a shown key frame resets everything, and all other packets are assumed to matter.

A VP9 picture that no other picture uses may still change the probabilities with which the next one is read, so no
packet is disposable. For AV1 this was not examined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hand100m_assets.video.codec.bitstream import HOLE, REFERENCE, RESTART, Data, PacketNature, UnsafeStreamError

_MALFORMED = "a malformed packet"
_VP9_RUN = re.compile(rb"\0{64}|\xff{32}")
_AV1_RUN = re.compile(rb"\0{48}|\xff{48}")
"""An arithmetic coder hardly ever writes so many equal bytes; an overwritten block of a file mostly has more.

VP9's coder writes zeros as long as each of its choices is the first of two: up to 56 in small pictures of a low rate.
"""
_AV1_BY_THE_WAY = frozenset({5, 15})
"""Metadata and padding."""


def vp9_holds_hole(data: Data) -> bool:
    """Whether a packet of VP9 holds bytes that no encoder wrote. Zeros at its end may be padding."""
    return _VP9_RUN.search(bytes(data).rstrip(b"\0")) is not None


def av1_holds_hole(data: Data) -> bool:
    """Whether a packet of AV1 holds bytes that no encoder wrote. Units may end in zeros; padding may hold anything."""
    try:
        places = [(start, end) for kind, start, end in _av1_units(data) if kind not in _AV1_BY_THE_WAY]
    except UnsafeStreamError:
        places = [(0, len(data))]
    return any(_AV1_RUN.search(bytes(data[start:end]).rstrip(b"\0")) for start, end in places)


class Vp9Bitstream:
    """Reads packets of VP9, which may be superframes.

    Source: VP9 Bitstream & Decoding Process Specification v0.7, 6.2, annex B.

    Example:
        The first bytes of a key frame:

        >>> from hand100m_assets.video.codec import Vp9Bitstream
        >>> Vp9Bitstream().nature(bytes.fromhex("8249834200")).is_restart
        True
    """

    def nature(self, data: Data) -> PacketNature:
        """Classify one packet, as `Bitstream.nature`."""
        if vp9_holds_hole(data):
            raise UnsafeStreamError(HOLE)
        headers = [_vp9_header(data[start:end]) for start, end in _vp9_frames(data)]
        if sum(is_shown for _, is_shown in headers) != 1:
            raise UnsafeStreamError("a packet that does not hold exactly one shown picture")
        return RESTART if headers[0][0] else REFERENCE


def _vp9_frames(data: Data) -> Iterator[tuple[int, int]]:
    """Yield where each frame of a packet begins and ends, hidden frames included."""
    size = len(data)
    marker = data[size - 1] if size else 0
    count, length_bytes = (marker & 7) + 1, ((marker >> 3) & 3) + 1
    index_start = size - (2 + count * length_bytes)
    if marker & 0xE0 != 0xC0 or index_start < 0 or data[index_start] != marker:
        yield 0, size
        return
    start = 0
    for number in range(count):
        position = index_start + 1 + number * length_bytes
        end = start + int.from_bytes(data[position : position + length_bytes], "little")
        if end > index_start:
            raise UnsafeStreamError(_MALFORMED)
        yield start, end
        start = end


def _vp9_header(frame: Data) -> tuple[bool, bool]:
    """Whether it is a key frame, and whether it is shown."""
    if not len(frame) or frame[0] >> 6 != 2:
        raise UnsafeStreamError(_MALFORMED)
    bits = frame[0] << 8 | (frame[1] if len(frame) > 1 else 0)
    position = 11 if bits >> 12 & 3 != 3 else 10  # below the two profile bits; profile 3 has one more, reserved
    if bits >> position & 1:  # show_existing_frame
        return False, True
    return not bits >> (position - 1) & 1, bool(bits >> (position - 2) & 1)


class Av1Bitstream:
    """Reads packets of AV1: temporal units of one layer.

    Source: AV1 Bitstream & Decoding Process Specification, 5.3 to 5.9.

    Example:
        A temporal delimiter, a sequence header and the beginning of a shown key frame:

        >>> from hand100m_assets.video.codec import Av1Bitstream
        >>> Av1Bitstream().nature(bytes.fromhex("1200 0a0100 320110")).is_restart
        True
    """

    _SEQUENCE_HEADER = 1
    _FRAME_HEADERS = frozenset({3, 6})
    _HARMLESS = frozenset({2, 4, 5, 15})
    """Temporal delimiter, tile group, metadata, padding."""

    def __init__(self) -> None:
        # The container's copy is not used: some encoders write a different one there.
        self._sequence_header: bytes | None = None

    def nature(self, data: Data) -> PacketNature:
        """Classify one packet, as `Bitstream.nature`."""
        if av1_holds_hole(data):
            raise UnsafeStreamError(HOLE)
        shown_count, first_is_key, has_sequence_header = 0, None, False
        for kind, start, end in _av1_units(data):
            if kind in self._FRAME_HEADERS:
                is_key, is_shown = _av1_header(data[start:end])
                shown_count += is_shown
                first_is_key = is_key and is_shown if first_is_key is None else first_is_key
            elif kind == self._SEQUENCE_HEADER:
                self._check_sequence(bytes(data[start:end]))
                has_sequence_header = True
            elif kind not in self._HARMLESS:
                raise UnsafeStreamError(f"AV1 units of type {kind}")
        if shown_count != 1:
            raise UnsafeStreamError("a packet that does not hold exactly one shown picture")
        return RESTART if first_is_key and has_sequence_header else REFERENCE

    def _check_sequence(self, header: bytes) -> None:
        if not header or header[0] & 0x18:  # still_picture, reduced_still_picture_header
            raise UnsafeStreamError("AV1 still pictures")
        if self._sequence_header not in (None, header):
            raise UnsafeStreamError("an AV1 sequence header that changes within the stream")
        self._sequence_header = header


def _av1_units(data: Data) -> Iterator[tuple[int, int, int]]:
    """Yield the type of each unit, and where its payload begins and ends."""
    position, size = 0, len(data)
    while position < size:
        header = data[position]
        if header & 0x85:  # forbidden bit, extension (layers), reserved bit
            raise UnsafeStreamError("AV1 with layers, or a malformed packet")
        start, end = position + 1, size
        if header & 2:
            length, start = _leb128(data, start)
            end = start + length
        if end > size:
            raise UnsafeStreamError(_MALFORMED)
        yield header >> 3, start, end
        position = end


def _leb128(data: Data, position: int) -> tuple[int, int]:
    """Return a number in groups of seven bits, and where it ends."""
    value = 0
    for shift in range(0, 56, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise UnsafeStreamError(_MALFORMED)


def _av1_header(payload: Data) -> tuple[bool, bool]:
    """Whether it is a key frame coded here, and whether it is shown."""
    if not len(payload):
        raise UnsafeStreamError(_MALFORMED)
    if payload[0] & 0x80:  # show_existing_frame
        return False, True
    return payload[0] >> 5 & 3 == 0, bool(payload[0] & 0x10)
