"""Filters of the ffmpeg program that convert a track's samples into the pictures that OpenCV gives; audits use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hand100m_assets.video.pictures.converter import ColourRule

_TRANSPOSITIONS: Final = {90: ("cclock",), 180: ("clock", "clock"), 270: ("clock",)}
_WIDE_PRIMARIES: Final = frozenset({8, 9, 10, 11, 12, 22})
"""Film, BT.2020, XYZ, both P3, EBU 3213: only these are converted by OpenCV 5 to a screen's primaries."""
_HDR_TRANSFERS: Final = frozenset({16, 18})
"""PQ and HLG."""


@dataclass(frozen=True, kw_only=True)
class PictureLook:
    """How the ffmpeg program must convert the samples of a track, to give the pictures that OpenCV gives.

    Attributes:
        colour_rule: The rule of the extraction, `opencv5` or `opencv4`.
        size_px: Width and height that the headers give.
        rotation_deg: Counter-clockwise rotation that the container asks for, 0 to 359.
        primaries: Number of the colour primaries in the stream's headers. Source: ITU-T H.273.
        transfer: Number of the transfer characteristics in the stream's headers. Source: ITU-T H.273.
        has_left_samples: Whether colour samples lie at the left of their blocks, as in H.264 and HEVC.

    Example:
        >>> import ffmpeg
        >>> from hand100m_assets.video.pictures import PictureLook
        >>> look = PictureLook(
        ...     colour_rule="opencv5",
        ...     size_px=(320, 240),
        ...     rotation_deg=0,
        ...     primaries=2,
        ...     transfer=2,
        ...     has_left_samples=True,
        ... )
        >>> shown = look.applied_to(ffmpeg.input("video.mp4").video)
        >>> "format=bgr24" in " ".join(ffmpeg.get_args(shown.output("frame_%06d.png")))
        True
    """

    colour_rule: ColourRule
    size_px: tuple[int, int]
    rotation_deg: int
    primaries: int
    transfer: int
    has_left_samples: bool

    def applied_to(self, picture: Any) -> Any:  # noqa: ANN401 - ffmpeg-python is untyped
        """Add the filters to a picture stream.

        Args:
            picture: A stream of ffmpeg-python.

        Returns:
            The stream after the filters.
        """
        shown = self._as_opencv5(picture) if self.colour_rule == "opencv5" else self._as_opencv4(picture)
        for direction in _TRANSPOSITIONS.get(self.rotation_deg, ()):
            shown = shown.filter("transpose", direction)
        return shown

    def _as_opencv5(self, picture: Any) -> Any:  # noqa: ANN401
        # Bicubic, and by fields where interlaced.
        width_px, height_px = self.size_px
        settings: dict[str, Any] = {"in_chroma_loc": "left"} if self.has_left_samples else {}
        if self.primaries in _WIDE_PRIMARIES:
            settings["out_primaries"] = "bt709"
        if self.transfer in _HDR_TRANSFERS:
            settings["out_transfer"] = "bt709"
        scaled = picture.filter("scale", width_px, height_px, flags="bicubic", interl=-1, **settings)
        return scaled.filter("format", "bgr24")

    def _as_opencv4(self, picture: Any) -> Any:  # noqa: ANN401
        told = {"field_mode": "prog", "chroma_location": "unspecified", "colorspace": "smpte170m"}
        bare = picture.filter("setparams", **told, color_primaries="unknown", color_trc="unknown")
        scaled = bare.filter("scale", *self.size_px, flags="bicubic", in_color_matrix="bt601")
        return scaled.filter("format", "bgr24")
