"""What happened while a file was decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import av.video.frame

from hand100m_assets.video.container import VideoInfo
from hand100m_assets.video.pictures import PictureConverter

MAX_ERRORS_KEPT: Final = 100


class DecoderError(NamedTuple):
    """One complaint of the demuxer or decoder, and how many frames had been placed by then."""

    frame_index_at: int
    words: str


@dataclass
class DecodeReport:
    """Filled in as the decoding goes, final once the frames are used up.

    Attributes:
        video: What the headers say; None before the file is opened.
        converter: Makes the pictures, and knows what is to be said of them.
        mode: Which way was taken: `full` decodes every packet, `selective` only what wanted frames depend on.
        why_full: Why the selective way was not taken, or was given up; None when it was.
        packet_count: Packets read, those not shown included.
        packet_count_decoded: Packets given to the decoder.
        packet_count_skipped: Packets that were not even read, as the file's index allowed.
        discarded_count: Packets that an edit list hides; they have no index.
        frame_count_decoded: Frames that came out of the decoder.
        frame_count: Length of the index: frames decoded and frames lost to damage; None after an early stop.
        expected_from_header: Frames that the index of the file promises; None where no header knows.
        errors: The first complaints; `error_count` has them all.
        error_count: Complaints of the demuxer and the decoder.
        corrupt_indices: Frames that the decoder itself marked.
        damaged_indices: Frames that are missing, marked, or built on such ones; ascending.
        distrust: Why frames were counted rather than placed by their timestamps; None in the usual case.
        packets_lost: The reader passed over what it did not understand, in a file where no header counts packets: no
            frame from there on can be numbered.
        stopped_early: Decoding ended after the last wanted frame, so nothing is known of the rest.
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
        """Count a frame that came out, and note its size."""
        self.frame_count_decoded += 1
        self.converter.saw(frame_index, frame)

    def add_error(self, frame_index_at: int, words: str) -> None:
        """Count a complaint and keep its words unless there are very many."""
        self.error_count += 1
        if len(self.errors) < MAX_ERRORS_KEPT:
            self.errors.append(DecoderError(frame_index_at, words))

    @property
    def is_damaged(self) -> bool:
        """Whether anything is not as the file promises."""
        return bool(self.error_count or self.damaged_indices)
