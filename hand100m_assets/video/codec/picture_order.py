"""Reads from the pictures themselves in which order a decoder shows them. Timestamps of containers may be wrong.

VP9 and AV1 show one picture with each packet. In H.264 and HEVC, every slice holds the low bits of a number that counts
pictures since the last restart. The high bits follow from the pictures before.
"""

from __future__ import annotations

from typing import Final, Protocol

import av.video.stream

from hand100m_assets.video.codec.bitstream import PacketNature, UnsafeStreamError
from hand100m_assets.video.codec.parameter_sets import (
    Bits,
    ParameterSetError,
    SliceLayout,
    avcc_sets,
    bits_of,
    h264_slice_layouts,
    hevc_slice_layouts,
    hvcc_sets,
)

_H264_IDR: Final = 5
_HEVC_IDR: Final = frozenset({19, 20})
_HEVC_LEADING: Final = frozenset({6, 7, 8, 9})
"""RADL and RASL: the numbers of later pictures do not depend on theirs."""


class PictureOrder(Protocol):
    """Tells the order of a stream's pictures. Ask it about every packet, in decoding order."""

    def shown_as(self, nature: PacketNature) -> tuple[int, ...]:
        """Return a key that increases from each shown picture to the next.

        Raises:
            UnsafeStreamError: The packet does not contain its place. Decode the whole stream.
        """
        ...


class DecodingOrder:
    """Pictures are shown as they are decoded."""

    def __init__(self) -> None:
        self._number = 0

    def shown_as(self, nature: PacketNature) -> tuple[int, ...]:
        """As `PictureOrder.shown_as`."""
        self._number += 1
        return (self._number,)


class CountedOrder:
    """Pictures of H.264 or HEVC. Source: ITU-T H.264, 8.2.1.1; ITU-T H.265, 8.3.1.

    Args:
        layouts: Layout of a slice's header, by the number of its picture parameter set.
        is_hevc: Whether it is HEVC; otherwise it is H.264.
    """

    def __init__(self, layouts: dict[int, SliceLayout], *, is_hevc: bool) -> None:
        self._layouts = layouts
        self._read = self._read_hevc if is_hevc else self._read_h264
        self._restarts = 0
        self._anchor = 0
        """Number of the last picture that the next ones' high bits follow from."""
        self._is_anchor = True

    def shown_as(self, nature: PacketNature) -> tuple[int, ...]:
        """As `PictureOrder.shown_as`."""
        self._is_anchor = not nature.is_disposable
        if nature.is_restart:
            self._restarts += 1
            self._anchor = 0
        try:
            return self._restarts, self._read(nature.picture_head)
        except ParameterSetError as error:
            raise UnsafeStreamError("a malformed slice header") from error

    def _read_h264(self, head: bytes) -> int:
        bits, layout, _ = _h264_head(head, self._layouts)
        sequence = layout.sequence
        if head[0] & 31 == _H264_IDR:
            bits.golomb()  # idr_pic_id
        number = self._whole(bits.take(sequence.order_bits), sequence.order_bits)
        # A frame stands where the earlier one of its fields does.
        return number + min(0, bits.signed_golomb()) if layout.has_bottom_order else number

    def _read_hevc(self, head: bytes) -> int:
        """Source: ITU-T H.265, 7.3.6.1."""
        kind = head[0] >> 1
        bits = bits_of(head[2:])
        bits.take(2 if kind >= 16 else 1)  # first_slice_segment_in_pic_flag, no_output_of_prior_pics_flag
        layout = _layout_of(bits, self._layouts)
        bits.take(layout.extra_bits)
        bits.golomb()  # slice_type
        if layout.has_output_flag and not bits.take(1):
            raise UnsafeStreamError("a picture that is not shown")
        if kind in _HEVC_IDR:
            return 0
        bits.take(2 * layout.sequence.has_colour_planes)
        self._is_anchor = self._is_anchor and kind not in _HEVC_LEADING
        return self._whole(bits.take(layout.sequence.order_bits), layout.sequence.order_bits)

    def _whole(self, low: int, width: int) -> int:
        """Return the number nearest to the anchor's that has these low bits."""
        half = 1 << width >> 1
        number = self._anchor + (low - self._anchor + half) % (2 * half) - half
        if self._is_anchor:
            self._anchor = number
        return number


class FrameNumberOrder:
    """Pictures of H.264 that are shown as they are decoded, numbered by the encoder. Source: ITU-T H.264, 8.2.1.3.

    A picture that is left out leaves a gap.

    Args:
        layouts: Layout of a slice's header, by the number of its picture parameter set.
    """

    STEP: Final = 2
    """From one reference picture to the next. A picture between them that nothing refers to has a step of 1."""

    def __init__(self, layouts: dict[int, SliceLayout]) -> None:
        self._layouts = layouts
        self._last = self._offset = 0

    def shown_as(self, nature: PacketNature) -> tuple[int, ...]:
        """As `PictureOrder.shown_as`."""
        number, period = frame_number_of(nature, self._layouts)
        if nature.is_restart:
            self._offset = 0
        elif number < self._last:
            self._offset += period
        self._last = number
        return (self.STEP * (self._offset + number) - nature.is_disposable,)


def frame_number_of(nature: PacketNature, layouts: dict[int, SliceLayout]) -> tuple[int, int]:
    """Return H.264's `frame_num` of a picture, and after how many it begins anew. Source: ITU-T H.264, 7.3.3.

    Raises:
        UnsafeStreamError: The slice header cannot be read.
    """
    try:
        _, layout, number = _h264_head(nature.picture_head, layouts)
    except ParameterSetError as error:
        raise UnsafeStreamError("a malformed slice header") from error
    return number, 1 << layout.sequence.frame_number_bits


def _h264_head(head: bytes, layouts: dict[int, SliceLayout]) -> tuple[Bits, SliceLayout, int]:
    """What follows `frame_num` in a slice, its layout, and `frame_num`. Source: ITU-T H.264, 7.3.3."""
    bits = bits_of(head[1:])
    bits.golomb()  # first_mb_in_slice
    bits.golomb()  # slice_type
    layout = _layout_of(bits, layouts)
    bits.take(2 * layout.sequence.has_colour_planes)
    return bits, layout, bits.take(layout.sequence.frame_number_bits)


def _layout_of(bits: Bits, layouts: dict[int, SliceLayout]) -> SliceLayout:
    layout = layouts.get(bits.golomb())
    if layout is None:
        raise UnsafeStreamError("a picture without its parameter set")
    return layout


def picture_order_of(stream: av.video.stream.VideoStream) -> PictureOrder:
    """Return an object that gives the order in which the pictures of a stream are shown.

    Args:
        stream: The picture track, from `open_video`.

    Returns:
        An object whose `shown_as(nature)` returns a key that increases from each shown picture to the next. Call it for
        every packet in decoding order.

    Raises:
        UnsafeStreamError: The parameter sets, or the way in which the stream gives the order, are not known. Decode the
            whole stream.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.codec import H264Bitstream, picture_order_of
        >>> from hand100m_assets.video.container import open_video
        >>> container, stream = open_video(Path("video.mp4"))
        >>> with container:
        ...     reader, order = H264Bitstream(stream.codec_context.extradata), picture_order_of(stream)
        ...     packets = [packet for packet in container.demux(stream) if packet.size]
        >>> keys = [order.shown_as(reader.nature(bytes(packet))) for packet in packets]
        >>> by_pts = [key for _, key in sorted(zip([packet.pts for packet in packets], keys))]
        >>> by_pts == sorted(keys)
        True
    """
    codec, extradata = stream.codec_context.name, stream.codec_context.extradata or b""
    try:
        if codec == "hevc":
            return CountedOrder(hevc_slice_layouts(hvcc_sets(extradata)), is_hevc=True)
        if codec != "h264":
            return DecodingOrder()
        layouts = h264_slice_layouts(avcc_sets(extradata))
    except ParameterSetError as error:
        raise UnsafeStreamError(str(error)) from error
    kinds = {layout.sequence.order_kind for layout in layouts.values()}
    if kinds == {0}:
        return CountedOrder(layouts, is_hevc=False)
    if kinds == {2}:
        return DecodingOrder()
    raise UnsafeStreamError("H.264 whose order of pictures follows from a cycle")
