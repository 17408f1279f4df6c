"""What one packet says of itself: can decoding begin here, does anything refer to it? Read from headers only.

Nothing is taken from the container's word. A reader knows every unit in a packet, or it refuses the stream.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar

from hand100m_assets.video.parametersets import ParameterSetError, avcc_sets, h264_sps_fault, hvcc_sets

Data: TypeAlias = "bytes | memoryview"
_Parsed = TypeVar("_Parsed")


class UnsafeStreamError(Exception):
    """This stream cannot be shown to be safe for selective decoding; decode all of it.

    Attributes:
        reason: Half a sentence, as it goes into the manifest.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


HOLE: Final = "bytes that no coded picture holds (a hole in the file)"
"""What is said of overwritten blocks."""


class PacketNature(NamedTuple):
    """What a packet means for the packets around it.

    Attributes:
        is_restart: Neither this packet nor any after it refers to anything before it.
        is_disposable: No other packet refers to it.
        picture_head: First bytes of the picture's first slice, where a codec shows pictures in another order than it
            decodes them; empty where it does not.
    """

    is_restart: bool
    is_disposable: bool
    picture_head: bytes = b""


RESTART: Final = PacketNature(is_restart=True, is_disposable=False)
REFERENCE: Final = PacketNature(is_restart=False, is_disposable=False)

SLICE_HEAD_BYTES: Final = 32
"""So far into a slice its place in the order of pictures is told, whatever the widths of the fields before it."""


class Bitstream(Protocol):
    """Reader of one stream's packets."""

    def nature(self, data: Data) -> PacketNature:
        """Classify one packet and make sure that it holds exactly one shown picture.

        Raises:
            UnsafeStreamError: It holds anything that this reader does not vouch for.
        """
        ...


_UNESCAPED: Final = re.compile(rb"\0\0(?:[\0-\x02]|\x03[^\0-\x03]|\Z)")
"""No unit of H.264 or HEVC holds this: overwritten blocks show by it even in packets that nobody decodes.

Source: ITU-T H.264, 7.4.1; ITU-T H.265, 7.4.2.
"""

_START_CODE: Final = re.compile(rb"\0\0\x01")
_NO_START_CODE: Final = re.compile(rb"\0\0(?:\0+[^\0\x01]|\x02)")
_ERASED: Final = b"\xff" * 64
"""Flash memory that was erased and never written. No entropy coder writes so many."""
H264_BY_THE_WAY: Final = frozenset({6, 9, 12})
"""SEI, access unit delimiter, filler: no sample of a picture depends on them."""
HEVC_BY_THE_WAY: Final = frozenset({35, 38, 39, 40})
"""Access unit delimiter, filler, SEI."""


def units_hold_hole(data: Data, length_bytes: int, kind_of: Callable[[int], int], by_the_way: frozenset[int]) -> bool:
    """Whether a packet of H.264 or HEVC with length prefixes holds what no encoder wrote.

    More lenient than the readers below, which need not understand what they can refuse.
    """
    units = plain_units(data, length_bytes)
    return any(
        start < end and kind_of(data[start]) not in by_the_way and holds_hole(data, start, end) for start, end in units
    )


def holds_hole(data: Data, start: int, end: int) -> bool:
    """The same for one unit. Zeros at its end are not looked at: encoders write them to fill up to a constant rate."""
    unit = bytes(data[start:end]).rstrip(b"\0")
    return _UNESCAPED.search(unit) is not None or _ERASED in unit


def h264_kind(header: int) -> int:
    """Kind of a unit of H.264 by its first byte. Source: ITU-T H.264, 7.3.1."""
    return header & 31


def hevc_kind(header: int) -> int:
    """Kind of a unit of HEVC by its first byte. Source: ITU-T H.265, 7.3.1.2."""
    return header >> 1


def holds_idr(data: Data, length_bytes: int) -> bool:
    """Whether a packet of H.264 with length prefixes begins anew, without anything before it."""
    return any(end > start and h264_kind(data[start]) == 5 for start, end in plain_units(data, length_bytes))


def plain_units(data: Data, length_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield where each unit of a packet with length prefixes starts and ends, however broken it is."""
    position, size = 0, len(data)
    while position < size:
        start = position + length_bytes
        position = start + int.from_bytes(data[position:start], "big")
        yield start, min(position, size)


def byte_stream_units(data: Data, within_bytes: int = 2**16) -> Iterator[bytes]:
    """Yield each unit behind a start code (Annex B) in the first bytes of a packet, without zeros behind it."""
    head = bytes(data[:within_bytes])
    starts = [code.end() for code in _START_CODE.finditer(head)]
    for start, end in pairwise([*starts, len(head) + 3]):
        unit = head[start : end - 3].rstrip(b"\0")  # the next start code has three bytes
        if unit:
            yield unit


def byte_stream_holds_hole(data: Data) -> bool:
    """The same for units behind start codes (Annex B), between which there may be any number of zeros."""
    return _NO_START_CODE.search(data) is not None


class _Slices:
    """Tally of one packet's slices."""

    __slots__ = ("count", "first_count", "head", "idr_count", "is_reference")

    def __init__(self) -> None:
        self.count = self.first_count = self.idr_count = 0
        self.is_reference = False
        self.head = b""

    def nature(self) -> PacketNature:
        if self.first_count != 1 or self.idr_count not in (0, self.count):
            raise UnsafeStreamError("a packet that does not hold exactly one picture")
        if self.idr_count:
            return PacketNature(True, False, self.head)
        return PacketNature(False, not self.is_reference, self.head)


class _NalBitstream:
    """What H.264 and HEVC have in common: units after their length, parameter sets that never change."""

    _parameter_sets: frozenset[int]
    _by_the_way: frozenset[int]
    _kind_of: Callable[[int], int]

    def __init__(self, length_bytes: int, known_sets: frozenset[bytes]) -> None:
        self._length_bytes = length_bytes
        self._known_sets = known_sets

    def _units(self, data: Data, least_bytes: int) -> Iterator[tuple[int, int]]:
        """Yield where each unit starts and ends."""
        position, end = 0, len(data)
        while position < end:
            start = position + self._length_bytes
            position = start + int.from_bytes(data[position:start], "big")
            if not start + least_bytes <= position <= end:
                raise UnsafeStreamError("a malformed packet")
            if type(self)._kind_of(data[start]) not in self._by_the_way and holds_hole(data, start, position):
                raise UnsafeStreamError(HOLE)
            yield start, position

    def _insist_on_known(self, kind: int, unit: Data) -> None:
        if kind not in self._parameter_sets:
            raise UnsafeStreamError(f"units of type {kind} in a packet (layers, views, partitions, or damage)")
        if bytes(unit) not in self._known_sets:
            # A packet that nobody decodes may carry the sets that later ones need.
            raise UnsafeStreamError("parameter sets that change within the stream")


class H264Bitstream(_NalBitstream):
    """H.264 with length prefixes, as mp4 and mkv carry it. Source: ITU-T H.264, 7.3.1, 7.4.1; ISO/IEC 14496-15."""

    _parameter_sets = frozenset({7, 8})
    _by_the_way = H264_BY_THE_WAY
    _kind_of = staticmethod(h264_kind)
    _IDR = 5

    def __init__(self, extradata: bytes | None) -> None:
        if not extradata or len(extradata) < 7 or extradata[0] != 1:
            raise UnsafeStreamError("H.264 without length prefixes (Annex B)")
        known_sets = _parsed(avcc_sets, extradata)
        fault = next(filter(None, (_parsed(h264_sps_fault, unit) for unit in sorted(known_sets))), None)
        if fault:
            raise UnsafeStreamError(fault)
        super().__init__((extradata[4] & 3) + 1, known_sets)

    def nature(self, data: Data) -> PacketNature:
        """As `Bitstream.nature`."""
        slices = _Slices()
        for start, end in self._units(data, least_bytes=2):
            header = data[start]
            kind = h264_kind(header)
            if header & 0x80:
                raise UnsafeStreamError("a malformed packet")
            if kind in (1, self._IDR):
                slices.count += 1
                slices.head = slices.head or bytes(data[start : min(end, start + SLICE_HEAD_BYTES)])
                slices.first_count += data[start + 1] >> 7  # first_mb_in_slice, where 0 is a single set bit
                slices.idr_count += kind == self._IDR
                slices.is_reference |= header & 0x60 != 0
            elif kind not in self._by_the_way:
                self._insist_on_known(kind, data[start:end])
        return slices.nature()


class HevcBitstream(_NalBitstream):
    """HEVC with length prefixes, one layer. Source: ITU-T H.265, 7.3.1, 7.4.2.2; ISO/IEC 14496-15."""

    _parameter_sets = frozenset({32, 33, 34})
    _by_the_way = HEVC_BY_THE_WAY
    _kind_of = staticmethod(hevc_kind)
    _PICTURES = frozenset({*range(10), 19, 20, 21})
    """Trailing, TSA, STSA, RADL, RASL, IDR, CRA. Not BLA: for its sake the decoder withholds pictures."""
    _IDR = frozenset({19, 20})

    def __init__(self, extradata: bytes | None) -> None:
        if not extradata or len(extradata) < 23 or extradata[0] != 1:
            raise UnsafeStreamError("HEVC without length prefixes (Annex B)")
        if (extradata[21] >> 3) & 7 > 1:
            raise UnsafeStreamError("HEVC with temporal layers")
        super().__init__((extradata[21] & 3) + 1, _parsed(hvcc_sets, extradata))

    def nature(self, data: Data) -> PacketNature:
        """As `Bitstream.nature`."""
        slices = _Slices()
        for start, end in self._units(data, least_bytes=3):
            kind = hevc_kind(data[start])
            if data[start] & 0x81 or data[start + 1] != 1:
                raise UnsafeStreamError("HEVC with layers, or a malformed packet")
            if kind in self._PICTURES:
                slices.count += 1
                slices.head = slices.head or bytes(data[start : min(end, start + SLICE_HEAD_BYTES)])
                slices.first_count += data[start + 2] >> 7  # first_slice_segment_in_pic_flag
                slices.idr_count += kind in self._IDR
                slices.is_reference |= kind >= 16 or kind & 1 == 1
                if kind >= 16 and data[start + 2] & 0x40:
                    raise UnsafeStreamError("a key frame that cancels the pictures before it")
            elif kind not in self._by_the_way:
                self._insist_on_known(kind, data[start:end])
        return slices.nature()


def _parsed(parse: Callable[[bytes], _Parsed], data: bytes) -> _Parsed:
    try:
        return parse(data)
    except ParameterSetError as error:
        raise UnsafeStreamError(str(error)) from error
