"""Parameter sets of H.264 and HEVC as containers store them, and what an H.264 one says about the whole stream."""

from __future__ import annotations

import struct
from typing import Final

_H264_SPS = 7
_PROFILES_WITH_CHROMA: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_PROFILES_WITH_LAYERS: Final = frozenset({83, 86, 118, 128, 138, 139, 134, 135})
"""Scalable and multiview profiles. Source: ITU-T H.264, annexes F to H (formerly G to I)."""
_MAX_GOLOMB_ZEROS = 32


class ParameterSetError(ValueError):
    """Parameter sets that do not parse."""


def avcc_sets(extradata: bytes) -> frozenset[bytes]:
    """Sequence and picture parameter sets of an `avcC` box. Source: ISO/IEC 14496-15, 5.3.3.1.

    Raises:
        ParameterSetError: The box is cut or empty.
    """
    sequences, position = _take_sets(extradata, 6, extradata[5] & 31)
    if position >= len(extradata):
        raise ParameterSetError("no picture parameter sets")
    pictures, _ = _take_sets(extradata, position + 1, extradata[position])
    if not sequences or not pictures:
        raise ParameterSetError("no parameter sets")
    return frozenset(sequences + pictures)


def hvcc_sets(extradata: bytes) -> frozenset[bytes]:
    """Parameter sets of an `hvcC` box. Source: ISO/IEC 14496-15, 8.3.3.1.

    Raises:
        ParameterSetError: The box is cut or empty.
    """
    found: list[bytes] = []
    position = 23
    for _ in range(extradata[22]):
        if position + 3 > len(extradata):
            raise ParameterSetError("cut parameter sets")
        (count,) = struct.unpack_from(">H", extradata, position + 1)
        units, position = _take_sets(extradata, position + 3, count)
        found += units
    if not found:
        raise ParameterSetError("no parameter sets")
    return frozenset(found)


def _take_sets(data: bytes, position: int, count: int) -> tuple[list[bytes], int]:
    """Take `count` units, each after its length in two bytes; returns them and where they end."""
    units = []
    for _ in range(count):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if not start < position <= len(data):
            raise ParameterSetError("cut parameter sets")
        units.append(data[start:position])
    return units, position


def h264_sps_fault(unit: bytes) -> str | None:
    """Why a stream with this sequence parameter set cannot be decoded selectively; None when it can.

    Source: ITU-T H.264, 7.3.2.1.1.

    Raises:
        ParameterSetError: It does not parse.
    """
    if unit[0] & 31 != _H264_SPS:
        return None
    bits = _Bits(unit[1:].replace(b"\0\0\3", b"\0\0"))
    profile = bits.take(8)
    bits.take(16)  # constraints, level
    bits.golomb()  # id
    if profile in _PROFILES_WITH_LAYERS:
        return "H.264 with layers or views"
    if profile in _PROFILES_WITH_CHROMA:
        _skip_chroma(bits)
    bits.golomb()  # log2_max_frame_num_minus4
    _skip_picture_order(bits)
    bits.golomb()  # max_num_ref_frames
    if bits.take(1):
        return "H.264 that may leave out reference pictures"
    bits.golomb()  # width
    bits.golomb()  # height
    return None if bits.take(1) else "interlaced H.264"


def _skip_chroma(bits: _Bits) -> None:
    chroma_format = bits.golomb()
    if chroma_format == 3:
        bits.take(1)  # separate_colour_plane_flag
    bits.golomb()  # luma depth
    bits.golomb()  # chroma depth
    bits.take(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.take(1):
        for matrix in range(12 if chroma_format == 3 else 8):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if matrix < 6 else 64)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    """Source: ITU-T H.264, 7.3.2.1.1.1."""
    last = 8
    for _ in range(size):
        last = (last + bits.signed_golomb()) % 256
        if last == 0:  # the rest repeats what went before
            return


def _skip_picture_order(bits: _Bits) -> None:
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()


class _Bits:
    """Reader of single bits and Exp-Golomb numbers."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        """The next bits as a number."""
        if count > self._left:
            raise ParameterSetError("a cut parameter set")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number. Source: ITU-T H.264, 9.1."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _MAX_GOLOMB_ZEROS:
                raise ParameterSetError("a malformed parameter set")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        """A signed Exp-Golomb number. Source: ITU-T H.264, 9.1.1."""
        code = self.golomb()
        return (code + 1) // 2 if code & 1 else -(code // 2)
