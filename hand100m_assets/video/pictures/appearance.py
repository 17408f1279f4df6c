"""Filters of the ffmpeg program that turn a track's samples into the pictures that OpenCV gives; for audits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hand100m_assets.video.pictures.converter import ColourRule

_TRANSPOSITIONS: Final = {90: ("cclock",), 180: ("clock", "clock"), 270: ("clock",)}
_WIDE_PRIMARIES: Final = frozenset({8, 9, 10, 11, 12, 22})
"""Film, BT.2020, XYZ, both P3, EBU 3213: OpenCV 5 brings these, and no others, to a screen's primaries."""
_HDR_TRANSFERS: Final = frozenset({16, 18})
"""PQ and HLG."""


@dataclass(frozen=True, kw_only=True)
class PictureLook:
    """How the samples of a track become pictures.

    Attributes:
        colour_rule: As in the extraction.
        size_px: Width and height that the headers give.
        rotation_deg: Counter-clockwise turn that the container asks for.
        primaries: What the stream's headers say of its colours, by number. Source: ITU-T H.273.
        transfer: The same.
        has_left_samples: Colour samples lie at the left of their blocks, as H.264 and HEVC have them.
    """

    colour_rule: ColourRule
    size_px: tuple[int, int]
    rotation_deg: int
    primaries: int
    transfer: int
    has_left_samples: bool

    def applied_to(self, picture: Any) -> Any:  # noqa: ANN401 - ffmpeg-python is untyped
        """The filters."""
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
