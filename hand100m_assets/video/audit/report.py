"""The result of the audit of one video."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class FrameDifference:
    """One frame whose JPEG is not what it should be.

    Attributes:
        frame_index: Index of the frame.
        psnr_db: How similar the JPEG is to the picture that it should show, in dB; None if they cannot be compared.
        reason: What is wrong, in words.
    """

    frame_index: int
    psnr_db: float | None
    reason: str


@dataclass(kw_only=True)
class VideoAudit:
    """The result of the audit of one video.

    Attributes:
        video_id: Id of the video.
        decode_mode: How the folder was made, `selective` or `full`; None without a manifest.
        stretch: First index that was decoded, and the index after the last one; None for the latter means the end of
            the file. None if nothing was decoded.
        frames_compared: JPEGs that were compared with an independently decoded picture.
        frames_identical: Those of them that are the same byte for byte.
        frames_alike: Those that were made by other library versions and are nearly the same.
        differences: Everything that does not agree.
        frames_skipped: Reason -> number of JPEGs that could not be compared for this reason. JPEGs that were not drawn
            are not counted.
        complaints: First lines that ffmpeg logged as errors about the stretch, if the manifest says that the video is
            complete. They show damage that selective decoding cannot see: it lies in packets that no wanted frame
            depends on.
        complaint_count: Number of all such lines, up to a thousand.
        why_skipped: Why nothing was compared; None if something was.
        seconds: Wall time.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.audit import audit_video
        >>> audit = audit_video(Path("video.mp4"), Path("absent"), "video", frames_per_video=2, seed=0)
        >>> audit.verdict, audit.why_skipped
        ('skipped', 'no manifest can be read (No such file or directory)')
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
        """`agrees`, `differs`, or `skipped` where nothing was compared."""
        if self.differences:
            return "differs"
        return "agrees" if self.frames_compared else "skipped"

    def to_row(self) -> dict[str, Any]:
        """Return the values as JSON values, with the verdict."""
        return {"video_id": self.video_id, "verdict": self.verdict, **asdict(self)}

    def skip(self, reason: str, frames: int) -> None:
        """Count frames that could not be compared.

        Args:
            reason: Why, in words.
            frames: How many frames.
        """
        if frames:
            self.frames_skipped[reason] = self.frames_skipped.get(reason, 0) + frames
