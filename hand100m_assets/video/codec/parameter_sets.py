"""Parameter sets of H.264 and HEVC as containers store them, and what they say about the whole stream."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_H264_SPS, _H264_PPS = 7, 8
_HEVC_SPS, _HEVC_PPS = 33, 34
_PROFILES_WITH_CHROMA: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_PROFILES_WITH_LAYERS: Final = frozenset({83, 86, 118, 128, 138, 139, 134, 135})
"""Scalable and multiview profiles. Source: ITU-T H.264, annexes F to H (formerly G to I)."""
_MAX_GOLOMB_ZEROS = 32


class ParameterSetError(ValueError):
    """Parameter sets cannot be read.

    Example:
        >>> from hand100m_assets.video.codec import ParameterSetError, bits_of
        >>> try:
        ...     bits_of(b"").take(1)
        ... except ParameterSetError as error:
        ...     print(error)
        a cut parameter set
    """


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
    """Take `count` units, each after its length in two bytes; return them and where they end."""
    units = []
    for _ in range(count):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if not start < position <= len(data):
            raise ParameterSetError("cut parameter sets")
        units.append(data[start:position])
    return units, position


class Sequence(NamedTuple):
    """What a sequence parameter set says.

    Attributes:
        fault: Why such a stream cannot be decoded selectively; None if it can.
        frame_number_bits: Width of `frame_num` (H.264 only).
        order_kind: How the stream gives the order of pictures (H.264): 0 for a number in each slice, 2 for the decoding
            order.
        order_bits: Width of that number.
        has_colour_planes: Whether each slice names its colour plane.
    """

    fault: str | None
    frame_number_bits: int
    order_kind: int
    order_bits: int
    has_colour_planes: bool


class SliceLayout(NamedTuple):
    """What a slice's header holds before and around its place in the order of pictures.

    Attributes:
        sequence: What its sequence parameter set says.
        has_bottom_order: H.264: whether the second field's order follows.
        extra_bits: HEVC: number of bits of later versions of the standard.
        has_output_flag: HEVC: whether the header says that the picture is shown.
    """

    sequence: Sequence
    has_bottom_order: bool = False
    extra_bits: int = 0
    has_output_flag: bool = False


def h264_sps_fault(unit: bytes) -> str | None:
    """Why a stream with this sequence parameter set cannot be decoded selectively; None if it can.

    Raises:
        ParameterSetError: It cannot be read.
    """
    return _h264_sequence(bits_of(unit[1:]))[1].fault if unit[0] & 31 == _H264_SPS else None


def h264_slice_layouts(units: frozenset[bytes]) -> dict[int, SliceLayout]:
    """Return the layouts by picture parameter set. Source: ITU-T H.264, 7.3.2.2.

    Raises:
        ParameterSetError: They cannot be read, or one is missing.
    """
    sequences = dict(_h264_sequence(bits_of(unit[1:])) for unit in units if unit[0] & 31 == _H264_SPS)
    layouts = {}
    for unit in units:
        if unit[0] & 31 == _H264_PPS:
            bits = bits_of(unit[1:])
            number, sequence = bits.golomb(), _known(sequences, bits.golomb())
            bits.take(1)  # entropy_coding_mode_flag
            layouts[number] = SliceLayout(sequence, has_bottom_order=bool(bits.take(1)))
    return layouts


def hevc_slice_layouts(units: frozenset[bytes]) -> dict[int, SliceLayout]:
    """Return the layouts by picture parameter set. Source: ITU-T H.265, 7.3.2.3.

    Raises:
        ParameterSetError: They cannot be read, or one is missing.
    """
    sequences = dict(_hevc_sequence(bits_of(unit[2:])) for unit in units if unit[0] >> 1 == _HEVC_SPS)
    layouts = {}
    for unit in units:
        if unit[0] >> 1 == _HEVC_PPS:
            bits = bits_of(unit[2:])
            number, sequence = bits.golomb(), _known(sequences, bits.golomb())
            bits.take(1)  # dependent_slice_segments_enabled_flag
            has_output_flag = bool(bits.take(1))
            layouts[number] = SliceLayout(sequence, has_output_flag=has_output_flag, extra_bits=bits.take(3))
    return layouts


def _known(sequences: dict[int, Sequence], number: int) -> Sequence:
    if number not in sequences:
        raise ParameterSetError("a picture parameter set without its sequence parameter set")
    return sequences[number]


def _h264_sequence(bits: Bits) -> tuple[int, Sequence]:
    """Its number and what it says. Source: ITU-T H.264, 7.3.2.1.1."""
    profile = bits.take(8)
    bits.take(16)  # constraints, level
    number = bits.golomb()
    if profile in _PROFILES_WITH_LAYERS:
        return number, Sequence("H.264 with layers or views", 0, 0, 0, has_colour_planes=False)
    has_colour_planes = _skip_chroma(bits) if profile in _PROFILES_WITH_CHROMA else False
    frame_number_bits = bits.golomb() + 4
    order_kind = bits.golomb()
    order_bits = _picture_order_bits(bits, order_kind)
    bits.golomb()  # max_num_ref_frames
    fault = None
    if bits.take(1):
        fault = "H.264 that may leave out reference pictures"
    bits.golomb()  # width
    bits.golomb()  # height
    if not bits.take(1):
        fault = fault or "interlaced H.264"
    return number, Sequence(fault, frame_number_bits, order_kind, order_bits, has_colour_planes)


def _hevc_sequence(bits: Bits) -> tuple[int, Sequence]:
    """Its number and what it says. Source: ITU-T H.265, 7.3.2.2.1, 7.3.3."""
    bits.take(4)  # sps_video_parameter_set_id
    layers = bits.take(3)  # sps_max_sub_layers_minus1
    bits.take(1 + 96)  # nesting, profile, tier, level
    sublayers = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    bits.take(2 * (8 - layers) if layers else 0)
    for has_profile, has_level in sublayers:
        bits.take(88 * has_profile + 8 * has_level)
    number = bits.golomb()
    has_colour_planes = bits.golomb() == 3 and bool(bits.take(1))
    bits.golomb()  # width
    bits.golomb()  # height
    if bits.take(1):  # conformance window
        for _ in range(4):
            bits.golomb()
    bits.golomb()  # luma depth
    bits.golomb()  # chroma depth
    return number, Sequence(None, 0, 0, bits.golomb() + 4, has_colour_planes)


def _skip_chroma(bits: Bits) -> bool:
    """Whether the colour planes are coded separately."""
    chroma_format = bits.golomb()
    has_colour_planes = chroma_format == 3 and bool(bits.take(1))
    bits.golomb()  # luma depth
    bits.golomb()  # chroma depth
    bits.take(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.take(1):
        for matrix in range(12 if chroma_format == 3 else 8):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if matrix < 6 else 64)
    return has_colour_planes


def _skip_scaling_list(bits: Bits, size: int) -> None:
    """Source: ITU-T H.264, 7.3.2.1.1.1."""
    last = 8
    for _ in range(size):
        last = (last + bits.signed_golomb()) % 256
        if last == 0:  # the rest repeats what went before
            return


def _picture_order_bits(bits: Bits, kind: int) -> int:
    """Width of the number that gives a picture's place in the order; 0 if there is none."""
    if kind == 0:
        return bits.golomb() + 4
    if kind == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()
    return 0


def bits_of(payload: bytes) -> Bits:
    """Return a reader of a unit's bits.

    Args:
        payload: The bytes of the unit. Bytes that only keep start codes out of it are left out here.

    Returns:
        A reader that begins at the first bit.

    Example:
        >>> from hand100m_assets.video.codec import bits_of
        >>> bits_of(bytes([0b10100000])).take(3)
        5
    """
    return Bits(payload.replace(b"\0\0\3", b"\0\0"))


class Bits:
    """Reads single bits and Exp-Golomb numbers."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        """Read the next bits as a number."""
        if count > self._left:
            raise ParameterSetError("a cut parameter set")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def golomb(self) -> int:
        """Read an unsigned Exp-Golomb number. Source: ITU-T H.264, 9.1."""
        zeros = self._left - (self._value & ((1 << self._left) - 1)).bit_length()
        if zeros == self._left:
            raise ParameterSetError("a cut parameter set")
        if zeros > _MAX_GOLOMB_ZEROS:
            raise ParameterSetError("a malformed parameter set")
        return self.take(2 * zeros + 1) - 1

    def signed_golomb(self) -> int:
        """Read a signed Exp-Golomb number. Source: ITU-T H.264, 9.1.1."""
        code = self.golomb()
        return (code + 1) // 2 if code & 1 else -(code // 2)
