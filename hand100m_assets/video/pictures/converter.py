"""Converts the samples of a decoded frame to blue, green and red as OpenCV's capture does, in the size that it gives.

OpenCV 5 gives each frame, with all that the stream says about its colours, to FFmpeg's scaler, and asks for the size in
the headers. OpenCV 4 gives the scaler only the samples and, once, the size of the first picture; it cuts what exceeds
the size in the headers. If one of these versions gives no real picture (uninitialised memory, or the previous picture),
there is nothing to reproduce. Then the most similar real picture is made, and a note says so.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import av.error
import av.filter
import av.video.frame
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Colorspace, VideoReformatter

ColourRule: TypeAlias = Literal["opencv5", "opencv4"]
"""`opencv5` uses all that the stream says about its colours; `opencv4` always converts by BT.601, as OpenCV 4 does."""

_ImageBgr: TypeAlias = "npt.NDArray[np.uint8]"

_BT709: Final = 1
_UNSPECIFIED: Final = 2
_KEPT_PRIMARIES: Final = frozenset({1, 4, 5, 6, 7})
"""Primaries so similar to a screen's that the scaler does not convert them. Source: FFmpeg, libswscale/format.c."""
_REPLACED_TRANSFERS: Final = frozenset({_UNSPECIFIED, 16, 18})
"""Unspecified, PQ, HLG: for these the scaler takes BT.709's curve. Source: as above."""
_MAX_SIZES_KEPT: Final = 100
_AS_BARE_SAMPLES: Final = "field_mode=prog:chroma_location=unspecified:color_primaries=unknown:color_trc=unknown"
"""What OpenCV 4 does not know of a frame: fields, the place of colour samples, and what its primaries are."""


@dataclass(frozen=True)
class PictureSize:
    """From a certain frame on, the decoder gave pictures of this size.

    Attributes:
        frame_index: The first frame of this size.
        width_px: Width of the decoded pictures.
        height_px: Height of the decoded pictures.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import FrameSetSelection, pick_frames
        >>> _, report = pick_frames(Path("video.mp4"), FrameSetSelection([0]))
        >>> report.converter.sizes
        [PictureSize(frame_index=0, width_px=320, height_px=240)]
    """

    frame_index: int
    width_px: int
    height_px: int


class _Scalers(threading.local):
    """One scaler per rule, kept by the process: for wide-gamut colours a scaler needs seconds to make its tables."""

    def __init__(self) -> None:
        self._kept: dict[ColourRule, VideoReformatter] = {}

    def of(self, colour_rule: ColourRule) -> VideoReformatter:
        """Return the scaler of this thread."""
        return self._kept.setdefault(colour_rule, VideoReformatter())


_SCALERS: Final = _Scalers()


@dataclass
class PictureConverter:
    """Converts the frames of one picture track.

    Attributes:
        size_px: Width and height that the headers give, which are also OpenCV's; None takes each frame's own.
        rotation_deg: Counter-clockwise rotation that the container asks for, 0 to 359.
        sizes: Sizes that the decoder gave, the first one and each change; at most 100 are kept.
        has_unknown_colours: Whether a frame named colours that the scaler does not know.
        has_fields: Whether a frame was interlaced.

    Example:
        >>> import av
        >>> from hand100m_assets.video.pictures import PictureConverter
        >>> with av.open("video.mp4") as container:
        ...     frame = next(container.decode(video=0))
        >>> image_bgr = PictureConverter().to_bgr(frame, "opencv5")
        >>> image_bgr.shape, image_bgr.dtype
        ((240, 320, 3), dtype('uint8'))
    """

    size_px: tuple[int, int] | None = None
    rotation_deg: int = 0
    sizes: list[PictureSize] = field(default_factory=list)
    has_unknown_colours: bool = False
    has_fields: bool = False
    _stripper: _Stripper | None = field(default=None, repr=False)

    def saw(self, frame_index: int, frame: av.video.frame.VideoFrame) -> None:
        """Note the size of a frame. Call it for every frame that the decoder gives, wanted or not, by ascending index.

        Args:
            frame_index: Index of the frame.
            frame: The frame.
        """
        self.has_fields = self.has_fields or frame.interlaced_frame
        last = self.sizes[-1] if self.sizes else None
        is_new = last is None or (last.width_px, last.height_px) != (frame.width, frame.height)
        if is_new and len(self.sizes) < _MAX_SIZES_KEPT:
            self.sizes.append(PictureSize(frame_index, frame.width, frame.height))

    def to_bgr(self, frame: av.video.frame.VideoFrame, colour_rule: ColourRule) -> _ImageBgr:
        """Convert one frame, without rotating it.

        Args:
            frame: The decoded frame.
            colour_rule: `opencv5` or `opencv4`.

        Returns:
            (height, width, 3) uint8, blue first.
        """
        if colour_rule == "opencv5":
            try:
                return self._as_opencv5(frame)
            except av.error.OSError:
                self.has_unknown_colours = True
        return self._as_opencv4(frame)

    def notes(self, colour_rule: ColourRule) -> list[str]:
        """Return what a user of these pictures should know, in sentences; none for a usual video.

        Args:
            colour_rule: The rule by which the pictures were converted.
        """
        return [*self._notes_on_sizes(colour_rule), *self._notes_on_colours(colour_rule)]

    def _as_opencv5(self, frame: av.video.frame.VideoFrame) -> _ImageBgr:
        primaries = frame.color_primaries if frame.color_primaries in _KEPT_PRIMARIES else _BT709
        transfer = _BT709 if frame.color_trc in _REPLACED_TRANSFERS else frame.color_trc
        width_px, height_px = self.size_px or (frame.width, frame.height)
        return self._scaled(
            "opencv5", frame, width_px, height_px, dst_color_primaries=primaries, dst_color_trc=transfer
        )

    def _as_opencv4(self, frame: av.video.frame.VideoFrame) -> _ImageBgr:
        kind = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range)
        if self._stripper is None or self._stripper.kind != kind:
            self._stripper = _Stripper(kind)
        bare = self._stripper.stripped(frame)
        first = self.sizes[0] if self.sizes else PictureSize(0, frame.width, frame.height)
        picture = self._scaled("opencv4", bare, first.width_px, first.height_px, src_colorspace=Colorspace.ITU601)
        width_px, height_px = self.size_px or (first.width_px, first.height_px)
        if width_px > first.width_px or height_px > first.height_px:
            return self._scaled("opencv4", bare, width_px, height_px, src_colorspace=Colorspace.ITU601)
        return np.ascontiguousarray(picture[:height_px, :width_px])

    def _scaled(
        self,
        colour_rule: ColourRule,
        frame: av.video.frame.VideoFrame,
        width_px: int,
        height_px: int,
        *,
        src_colorspace: int | None = None,
        dst_color_primaries: int | None = None,
        dst_color_trc: int | None = None,
    ) -> _ImageBgr:
        converted = _SCALERS.of(colour_rule).reformat(
            frame,
            width_px,
            height_px,
            format="bgr24",
            interpolation="BICUBIC",
            src_colorspace=src_colorspace,
            dst_color_primaries=dst_color_primaries,
            dst_color_trc=dst_color_trc,
            # By default the scaler starts a thread per core.
            threads=1,
        )
        return np.asarray(converted.to_ndarray(), dtype=np.uint8)

    def _notes_on_sizes(self, colour_rule: ColourRule) -> list[str]:
        if not self.sizes:
            return []
        first = self.sizes[0]
        width_px, height_px = self.size_px or (first.width_px, first.height_px)
        if len(self.sizes) > 1:
            listed = ", ".join(f"{s.width_px} x {s.height_px} from frame {s.frame_index} on" for s in self.sizes[:5])
            return [
                f"The size of the pictures changes ({listed}{', and more' if len(self.sizes) > 5 else ''}); "
                f"all are scaled to {width_px} x {height_px} pixels, as OpenCV 5 does."
            ]
        if (first.width_px, first.height_px) == (width_px, height_px):
            return []
        return [
            f"The decoder gives pictures of {first.width_px} x {first.height_px} pixels; "
            f"they are {'scaled' if colour_rule == 'opencv5' else 'cut'} to {width_px} x {height_px} pixels, "
            "as OpenCV does."
        ]

    def _notes_on_colours(self, colour_rule: ColourRule) -> list[str]:
        notes = []
        if self.has_unknown_colours:
            notes.append(
                "The stream names colours that FFmpeg's scaler does not know; its pictures are converted by BT.601, "
                "as OpenCV 4 does. OpenCV 5 gives no picture of it."
            )
        if self.has_fields and colour_rule == "opencv5":
            notes.append(
                "The video is interlaced: its pictures are converted field by field. OpenCV 5 gives no picture of it."
            )
        return notes


class _Stripper:
    """Removes from frames of one kind all that is known about them except their samples, which are not copied."""

    def __init__(self, kind: tuple[int, int, str, int, int]) -> None:
        self.kind = kind
        width_px, height_px, pixel_format, colour_space, colour_range = kind
        graph = av.filter.Graph()
        source = graph.add(
            "buffer",
            f"video_size={width_px}x{height_px}:pix_fmt={pixel_format}:time_base=1/1:pixel_aspect=1/1"
            f":colorspace={colour_space}:range={colour_range}",
        )
        stripping = graph.add("setparams", _AS_BARE_SAMPLES)
        sink = graph.add("buffersink")
        source.link_to(stripping)
        stripping.link_to(sink)
        graph.configure()
        self._graph, self._source, self._sink = graph, source, sink

    def stripped(self, frame: av.video.frame.VideoFrame) -> av.video.frame.VideoFrame:
        """Return the same samples as a frame about which nothing else is known."""
        self._source.push(frame)
        bare = self._sink.pull()
        assert isinstance(bare, av.video.frame.VideoFrame)
        return bare
