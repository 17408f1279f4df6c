"""Where the pictures of H.264 and HEVC stand in the decoder's order, read from streams with start codes (Annex B).

A picture that is not understood has no place.
"""

from __future__ import annotations

from typing import Final

from hand100m_assets.video.codec.bitstream import (
    SLICE_HEAD_BYTES,
    Data,
    PacketNature,
    UnsafeStreamError,
    byte_stream_units,
    h264_kind,
    hevc_kind,
)
from hand100m_assets.video.codec.parameter_sets import (
    ParameterSetError,
    SliceLayout,
    h264_slice_layouts,
    hevc_slice_layouts,
)
from hand100m_assets.video.codec.picture_order import CountedOrder, FrameNumberOrder, PictureOrder, frame_number_of

_H264_SETS: Final = frozenset({7, 8})
_HEVC_SETS: Final = frozenset({33, 34})
_HEVC_IDR_AND_LEADING: Final = 19
"""It is not known how many pictures are shown before it but decoded after it."""
_HEVC_IDR: Final = frozenset({_HEVC_IDR_AND_LEADING, 20})


class ByteStreamOrder:
    """Tells where each picture of a track stands in the decoder's order. Show it every packet, in decoding order.

    Args:
        codec: `h264` or `hevc`, as FFmpeg names them.
        extradata: Parameter sets that the container holds, behind start codes; None if it holds none.
        only_whole_frames: Whether fields, which may share a number, and streams that leave out numbers have no places.

    Attributes:
        skips_references: Whether the last packet's picture follows on one that was not there, as the encoder numbered
            them. Known of H.264 only.
        encoding_count: How many different parameter sets came so far. Each may number its pictures in other steps.

    Example:
        >>> import av
        >>> from hand100m_assets.video.codec import ByteStreamOrder
        >>> with av.open("video.ts") as container:
        ...     stream = container.streams.video[0]
        ...     order = ByteStreamOrder("h264", stream.codec_context.extradata)
        ...     places = [order.place_of(bytes(packet)) for packet in container.demux(stream) if packet.size]
        >>> len(places), len(set(places))
        (90, 90)
    """

    def __init__(self, codec: str, extradata: bytes | None, *, only_whole_frames: bool = False) -> None:
        self._only_whole_frames = only_whole_frames
        self._is_hevc = codec == "hevc"
        self._sets: frozenset[bytes] = frozenset()
        self._order: PictureOrder | None = None
        self._restarts = 0
        self.encoding_count = 0
        self.skips_references = False
        self._layouts: dict[int, SliceLayout] = {}
        self._last_reference: int | None = None
        self._learn([unit for unit in byte_stream_units(extradata or b"") if self._is_set(unit)])

    @property
    def step(self) -> int | None:
        """The largest distance between two pictures shown one after the other; None where each encoder has its own."""
        return FrameNumberOrder.STEP if isinstance(self._order, FrameNumberOrder) else None

    def place_of(self, data: Data) -> tuple[int, int] | None:
        """Return where the picture of a packet stands among the pictures that are shown.

        Args:
            data: The packet's bytes.

        Returns:
            How often the order restarted so far, and a number that rises from each shown picture to the next; None
            when the stream does not tell them.
        """
        sets = []
        for unit in byte_stream_units(data):
            if self._is_set(unit):
                sets.append(unit)
                continue
            nature = self._nature(unit)
            if nature is not None:
                self._learn(sets)
                self.skips_references = not self._is_hevc and self._skips_references(nature)
                return self._place(nature)
        return None

    def _skips_references(self, nature: PacketNature) -> bool:
        """Source: ITU-T H.264, 7.4.3, `frame_num`."""
        try:
            number, period = frame_number_of(nature, self._layouts)
        except UnsafeStreamError:
            self._last_reference = None
            return False
        last = number if self._last_reference is None or nature.is_restart else self._last_reference
        if not nature.is_disposable:
            self._last_reference = number
        return number not in (last, (last + 1) % period)

    def _place(self, nature: PacketNature) -> tuple[int, int] | None:
        self._restarts += nature.is_restart
        if self._order is None:
            return None
        try:
            number = self._order.shown_as(nature)[-1]
        except UnsafeStreamError:
            return None
        has_leading = self._is_hevc and nature.is_restart and hevc_kind(nature.picture_head[0]) == _HEVC_IDR_AND_LEADING
        return None if has_leading else (self._restarts, number)

    def _is_set(self, unit: bytes) -> bool:
        return hevc_kind(unit[0]) in _HEVC_SETS if self._is_hevc else h264_kind(unit[0]) in _H264_SETS

    def _nature(self, unit: bytes) -> PacketNature | None:
        """Of a picture by its first slice; None for any other unit."""
        head = unit[:SLICE_HEAD_BYTES]
        if self._is_hevc:
            kind = hevc_kind(unit[0])
            return PacketNature(kind in _HEVC_IDR, kind < 16 and kind & 1 == 0, head) if kind < 32 else None
        kind = h264_kind(unit[0])
        return PacketNature(kind == 5, unit[0] & 0x60 == 0, head) if kind in (1, 5) else None

    def _learn(self, units: list[bytes]) -> None:
        sets = frozenset(units)
        if not sets or sets == self._sets:
            return
        self._sets = sets
        self.encoding_count += 1
        try:
            layouts = hevc_slice_layouts(sets) if self._is_hevc else h264_slice_layouts(sets)
        except ParameterSetError:
            layouts = {}
        is_plain = not any(layout.sequence.fault for layout in layouts.values())
        self._layouts = layouts if is_plain and not self._is_hevc else {}
        kinds = {layout.sequence.order_kind for layout in layouts.values()}
        self._order = None
        if kinds == {0} and (is_plain or not self._only_whole_frames):
            self._order = CountedOrder(layouts, is_hevc=self._is_hevc)
        elif kinds == {2} and is_plain:
            self._order = FrameNumberOrder(layouts)
