"""The report of what happened while a file was decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import av.video.frame

from hand100m_assets.video.container import VideoInfo
from hand100m_assets.video.pictures import PictureConverter

MAX_ERRORS_KEPT: Final = 100
"""Number of error messages whose text is kept; all messages are counted."""


class DecoderError(NamedTuple):
    """One error message of the demuxer or decoder.

    Attributes:
        frame_index_at: How many frames had been placed before it.
        words: The message.

    Example:
        >>> from hand100m_assets.video.decode import DecodeReport
        >>> report = DecodeReport()
        >>> report.add_error(12, "error while decoding MB 3 4")
        >>> report.errors
        [DecoderError(frame_index_at=12, words='error while decoding MB 3 4')]
    """

    frame_index_at: int
    words: str


@dataclass
class DecodeReport:
    """What happened while a file was decoded. It is filled in during the iteration and complete after the last frame.

    Attributes:
        video: What the headers say; None before the file is opened.
        converter: Makes the pictures and collects notes on them.
        mode: `full` (every packet is decoded) or `selective` (only what the wanted frames depend on).
        why_full: Why the selective way was not taken, or was given up; None if it was taken.
        packet_count: Packets that were read, those that are not shown included.
        packet_count_decoded: Packets that were given to the decoder.
        packet_count_skipped: Packets that were not even read, because the file's index allowed it.
        discarded_count: Packets that an edit list hides; they have no frame index.
        frame_count_decoded: Frames that came out of the decoder.
        frame_count: Length of the video in frames, those lost to damage included; None after an early stop.
        expected_from_header: Frames that the file's index promises; None if no header says it.
        errors: The first error messages; `error_count` counts all of them.
        error_count: Number of error messages of the demuxer and the decoder.
        corrupt_indices: Frames that the decoder itself marked as corrupt.
        damaged_indices: Frames that are missing, marked, or depend on such frames; ascending.
        distrust: Why frames were counted instead of placed by their timestamps; None in the usual case.
        packets_lost: Whether the reader skipped data in a file where no header counts packets. From there on no frame
            can be numbered.
        stopped_early: Whether decoding ended after the last wanted frame, so that nothing is known of the rest.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import FrameSetSelection, pick_frames
        >>> _, report = pick_frames(Path("video.mp4"), FrameSetSelection([45]))
        >>> report.mode, report.stopped_early, report.damaged_indices
        ('selective', True, [])
    """

    video: VideoInfo | None = None
    converter: PictureConverter = field(default_factory=PictureConverter)
    mode: Literal["selective", "full"] = "full"
    why_full: str | None = None
    packet_count: int = 0
    packet_count_decoded: int = 0
    packet_count_skipped: int = 0
    discarded_count: int = 0
    frame_count_decoded: int = 0
    frame_count: int | None = None
    expected_from_header: int | None = None
    errors: list[DecoderError] = field(default_factory=list)
    error_count: int = 0
    corrupt_indices: list[int] = field(default_factory=list)
    damaged_indices: list[int] = field(default_factory=list)
    distrust: str | None = None
    packets_lost: bool = False
    stopped_early: bool = False

    def saw(self, frame_index: int, frame: av.video.frame.VideoFrame) -> None:
        """Count a frame that came out of the decoder, and note its size."""
        self.frame_count_decoded += 1
        self.converter.saw(frame_index, frame)

    def add_error(self, frame_index_at: int, words: str) -> None:
        """Count an error message, and keep its words unless there are very many.

        Args:
            frame_index_at: How many frames had been placed before it.
            words: The message.
        """
        self.error_count += 1
        if len(self.errors) < MAX_ERRORS_KEPT:
            self.errors.append(DecoderError(frame_index_at, words))

    @property
    def is_damaged(self) -> bool:
        """Whether there was any error message or any damaged frame."""
        return bool(self.error_count or self.damaged_indices)
