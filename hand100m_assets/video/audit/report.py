"""What an audit found of one video."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class FrameDifference:
    """One frame that is not what it should be.

    Attributes:
        frame_index: Which.
        psnr_db: How near the JPEG is to the picture it should show; None where there is nothing to compare.
        reason: What is wrong, in words.
    """

    frame_index: int
    psnr_db: float | None
    reason: str


@dataclass(kw_only=True)
class VideoAudit:
    """What one audit of one video found.

    Attributes:
        video_id: Which video.
        decode_mode: How the folder was made, `selective` or `full`; None without a manifest.
        stretch: First index decoded, and the one after the last; None goes to the end of the file.
        frames_compared: JPEGs held against an independent picture.
        frames_identical: Of these, the same byte for byte.
        frames_alike: Made by other library versions and nearly the same.
        differences: Everything that does not agree.
        frames_skipped: Reason -> JPEGs of the folder that were not compared for it, those not drawn left out.
        complaints: First lines that ffmpeg wrote about the stretch, where the manifest says that the video is whole:
            damage that the selective way cannot see, as it lies in packets that no wanted frame depends on.
        complaint_count: All such lines, up to a thousand.
        why_skipped: Why nothing was compared; None when something was.
        seconds: Wall time.
    """

    video_id: str
    decode_mode: str | None = None
    stretch: tuple[int, int | None] | None = None
    frames_compared: int = 0
    frames_identical: int = 0
    frames_alike: int = 0
    differences: list[FrameDifference] = field(default_factory=list)
    frames_skipped: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    complaint_count: int = 0
    why_skipped: str | None = None
    seconds: float = 0.0

    @property
    def verdict(self) -> Literal["agrees", "differs", "skipped"]:
        """In one word; a video that nothing was compared of is `skipped`."""
        if self.differences:
            return "differs"
        return "agrees" if self.frames_compared else "skipped"

    def to_row(self) -> dict[str, Any]:
        """JSON values."""
        return {"video_id": self.video_id, "verdict": self.verdict, **asdict(self)}

    def skip(self, reason: str, frames: int) -> None:
        """Count frames that are not compared."""
        if frames:
            self.frames_skipped[reason] = self.frames_skipped.get(reason, 0) + frames
