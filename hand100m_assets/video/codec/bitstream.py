"""Reads from a packet's headers whether decoding can begin with it, and whether other packets depend on it.

Nothing that the container says is used. A reader must know every unit of a packet; otherwise it refuses the stream.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar

from hand100m_assets.video.codec.parameter_sets import ParameterSetError, avcc_sets, h264_sps_fault, hvcc_sets

Data: TypeAlias = "bytes | memoryview"
"""The bytes of a packet."""
_Parsed = TypeVar("_Parsed")


class UnsafeStreamError(Exception):
    """It is not proved that this stream may be decoded selectively. Decode all of it.

    Attributes:
        reason: Why, as half a sentence; it goes into the manifest.

    Example:
        >>> from hand100m_assets.video.codec import H264Bitstream, UnsafeStreamError
        >>> try:
        ...     H264Bitstream(None)
        ... except UnsafeStreamError as error:
        ...     print(error.reason)
        H.264 without length prefixes (Annex B)
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


HOLE: Final = "bytes that no coded picture holds (a hole in the file)"
"""The reason given for overwritten blocks of a file."""


class PacketNature(NamedTuple):
    """How a packet depends on the packets around it.

    Attributes:
        is_restart: Neither this packet nor any packet after it depends on a packet before it.
        is_disposable: No other packet depends on it.
        picture_head: First bytes of the picture's first slice, for codecs that show pictures in another order than they
            decode them; empty for others.

    Example:
        >>> from hand100m_assets.video.codec import Vp9Bitstream
        >>> Vp9Bitstream().nature(bytes.fromhex("8249834200"))
        PacketNature(is_restart=True, is_disposable=False, picture_head=b'')
    """

    is_restart: bool
    is_disposable: bool
    picture_head: bytes = b""


RESTART: Final = PacketNature(is_restart=True, is_disposable=False)
"""A packet with which decoding can begin."""
REFERENCE: Final = PacketNature(is_restart=False, is_disposable=False)
"""A packet that depends on earlier ones, and on which later ones may depend."""

SLICE_HEAD_BYTES: Final = 32
"""Number of bytes that contain the place of a slice in the order of pictures, for any widths of the fields before
it."""


class Bitstream(Protocol):
    """A reader of one stream's packets: `H264Bitstream`, `HevcBitstream`, `Vp9Bitstream` or `Av1Bitstream`.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.codec import Bitstream, H264Bitstream
        >>> from hand100m_assets.video.container import open_video
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     reader: Bitstream = H264Bitstream(stream.codec_context.extradata)
        ...     natures = [reader.nature(bytes(packet)) for packet in container.demux(stream) if packet.size]
        >>> len(natures), natures[0].is_restart
        (90, True)
    """

    def nature(self, data: Data) -> PacketNature:
        """Classify one packet, and make sure that it holds exactly one shown picture.

        Args:
            data: The bytes of the packet.

        Raises:
            UnsafeStreamError: The packet holds anything that this reader does not know. Decode the whole stream.
        """
        ...


_UNESCAPED: Final = re.compile(rb"\0\0(?:[\0-\x02]|\x03[^\0-\x03]|\Z)")
"""Bytes that no unit of H.264 or HEVC holds. They reveal overwritten blocks, also in packets that nobody decodes.

Source: ITU-T H.264, 7.4.1; ITU-T H.265, 7.4.2.
"""

_START_CODE: Final = re.compile(rb"\0\0\x01")
_NO_START_CODE: Final = re.compile(rb"\0\0(?:\0+[^\0\x01]|\x02)")
_ERASED: Final = b"\xff" * 64
"""Flash memory that was erased and never written. No entropy coder writes so many equal bytes."""
H264_BY_THE_WAY: Final = frozenset({6, 9, 12})
"""Kinds of units on which no picture depends: SEI, access unit delimiter, filler."""
HEVC_BY_THE_WAY: Final = frozenset({35, 38, 39, 40})
"""Kinds of units on which no picture depends: access unit delimiter, filler, SEI."""


def units_hold_hole(data: Data, length_bytes: int, kind_of: Callable[[int], int], by_the_way: frozenset[int]) -> bool:
    """Whether a packet of H.264 or HEVC with length prefixes holds bytes that no encoder wrote.

    It is less strict than the readers below, which refuse whatever they do not know.
    """
    units = plain_units(data, length_bytes)
    return any(
        start < end and kind_of(data[start]) not in by_the_way and holds_hole(data, start, end) for start, end in units
    )


def holds_hole(data: Data, start: int, end: int) -> bool:
    """Whether one unit holds bytes that no encoder wrote.

    Zeros at its end are ignored: encoders write them to reach a constant rate.
    """
    unit = bytes(data[start:end]).rstrip(b"\0")
    return _UNESCAPED.search(unit) is not None or _ERASED in unit


def h264_kind(header: int) -> int:
    """Return the kind of a unit of H.264. Source: ITU-T H.264, 7.3.1.

    Args:
        header: First byte of the unit.

    Returns:
        `nal_unit_type`, 0 to 31; 5 is a slice of a key frame.

    Example:
        >>> from hand100m_assets.video.codec import h264_kind
        >>> h264_kind(0x65)
        5
    """
    return header & 31


def hevc_kind(header: int) -> int:
    """Return the kind of a unit of HEVC. Source: ITU-T H.265, 7.3.1.2.

    Args:
        header: First byte of the unit.

    Returns:
        `nal_unit_type`, 0 to 63; 19 and 20 are slices of key frames.

    Example:
        >>> from hand100m_assets.video.codec import hevc_kind
        >>> hevc_kind(0x26)
        19
    """
    return header >> 1


def holds_idr(data: Data, length_bytes: int) -> bool:
    """Whether a packet of H.264 with length prefixes holds a key frame that depends on nothing before it."""
    return any(end > start and h264_kind(data[start]) == 5 for start, end in plain_units(data, length_bytes))


def plain_units(data: Data, length_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield where each unit of a packet with length prefixes begins and ends, even of a broken packet.

    Args:
        data: The packet's bytes.
        length_bytes: Size of the prefix, 1 to 4 bytes.

    Yields:
        Positions in bytes of the unit's begin and end, without its prefix.

    Example:
        >>> from hand100m_assets.video.codec import plain_units
        >>> list(plain_units(bytes([0, 2, 7, 7, 0, 1, 9]), length_bytes=2))
        [(2, 4), (6, 7)]
    """
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
    """The same as `units_hold_hole` for units after start codes (Annex B), with any number of zeros between them."""
    return _NO_START_CODE.search(data) is not None


class _Slices:
    """Counts the slices of one packet."""

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
    """What H.264 and HEVC share: units with length prefixes, and parameter sets that never change."""

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
    """Reads packets of H.264 with length prefixes, as mp4 and mkv files hold them.

    Source: ITU-T H.264, 7.3.1, 7.4.1; ISO/IEC 14496-15.

    Args:
        extradata: The stream's parameter sets, as `codec_context.extradata` holds them; None for a stream without.

    Raises:
        UnsafeStreamError: The stream has no length prefixes, or a feature that this reader does not know.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.codec import H264Bitstream
        >>> from hand100m_assets.video.container import open_video
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     reader = H264Bitstream(stream.codec_context.extradata)
        ...     first = next(container.demux(stream))
        >>> nature = reader.nature(bytes(first))
        >>> nature.is_restart, nature.is_disposable
        (True, False)
    """

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
        """Classify one packet, as `Bitstream.nature`."""
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
    """Reads packets of HEVC with length prefixes and one layer.

    Source: ITU-T H.265, 7.3.1, 7.4.2.2; ISO/IEC 14496-15.

    Args:
        extradata: The stream's parameter sets, as `codec_context.extradata` holds them; None for a stream without.

    Raises:
        UnsafeStreamError: The stream has no length prefixes, or a feature that this reader does not know.

    Example:
        >>> from hand100m_assets.video.codec import HevcBitstream, UnsafeStreamError
        >>> try:
        ...     HevcBitstream(None)
        ... except UnsafeStreamError as error:
        ...     print(error.reason)
        HEVC without length prefixes (Annex B)
    """

    _parameter_sets = frozenset({32, 33, 34})
    _by_the_way = HEVC_BY_THE_WAY
    _kind_of = staticmethod(hevc_kind)
    _PICTURES = frozenset({*range(10), 19, 20, 21})
    """Trailing, TSA, STSA, RADL, RASL, IDR, CRA. Not BLA: the decoder withholds pictures because of it."""
    _IDR = frozenset({19, 20})

    def __init__(self, extradata: bytes | None) -> None:
        if not extradata or len(extradata) < 23 or extradata[0] != 1:
            raise UnsafeStreamError("HEVC without length prefixes (Annex B)")
        if (extradata[21] >> 3) & 7 > 1:
            raise UnsafeStreamError("HEVC with temporal layers")
        super().__init__((extradata[21] & 3) + 1, _parsed(hvcc_sets, extradata))

    def nature(self, data: Data) -> PacketNature:
        """Classify one packet, as `Bitstream.nature`."""
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
