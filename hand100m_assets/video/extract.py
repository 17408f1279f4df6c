"""A video file -> a folder of JPEGs and its manifest: exact, resumable, and never half finished to the eye."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2

from hand100m_assets.errors import RetryableError, VideoUnreadableError
from hand100m_assets.layout import MANIFEST_FILE, check_video_id, frame_file_name
from hand100m_assets.video.decode import DecodeReport, PickedFrame, decode_frames
from hand100m_assets.video.failures import (
    FailureRecord,
    clear_failure,
    failed_for_good,
    read_failures,
    record_failure,
)
from hand100m_assets.video.inbox import FileStamp
from hand100m_assets.video.manifest import (
    ExtractionOptions,
    FrameRecord,
    Manifest,
    ManifestError,
    is_done,
    library_versions,
    read_manifest,
)
from hand100m_assets.video.probe import probe_video, stamp_video
from hand100m_assets.video.selection import FrameSetSelection, Selection, UnionSelection, to_ranges, widen_description
from hand100m_assets.video.workfolder import WorkFolder

__all__ = [
    "ExtractionOptions",
    "ExtractionStoppedError",
    "FailureRecord",
    "Manifest",
    "ManifestError",
    "extract_video",
    "failed_for_good",
    "is_done",
    "read_failures",
    "read_manifest",
    "record_failure",
]

_DECODING_FACTS: Final = (
    "frame_count_decoded",
    "frame_count",
    "frame_count_expected",
    "damaged_ranges",
    "decoder_errors",
    "decoder_error_count",
    "decode_mode",
    "status",
)


class ExtractionStoppedError(RetryableError):
    """The caller asked to stop; the next run goes on with the JPEGs that are there."""


def extract_video(
    video_path: Path,
    frames_dir: Path,
    video_id: str,
    selection: Selection,
    options: ExtractionOptions,
    *,
    should_stop: Callable[[], bool] | None = None,
) -> Manifest:
    """Make `<frames_dir>/<video_id>/` hold the wanted frames; what is there already is not made again.

    A damaged video publishes the frames that are whole, with status `damaged`.

    Raises:
        UnsafeIdError: The id cannot name a folder.
        VideoUnreadableError: Not a video, or no wanted frame is whole; nothing is published. Download it again.
        OutputUnwritableError: The output disk is full, read-only or not permitted.
        ExtractionStoppedError: `should_stop` said yes.
        RetryableError: The file cannot be read now, changed meanwhile, or another process works on it.
    """
    check_video_id(video_id)
    done = is_done(frames_dir, video_path, selection, options, video_id=video_id)
    if done is None:
        work = _Extraction(video_path, frames_dir, video_id, selection, options, stamp_video(video_path))
        done = work.run(should_stop)
    else:
        WorkFolder(frames_dir, video_id).sweep()
    clear_failure(frames_dir, video_id)
    return done


@dataclass
class _Extraction:
    """One video's work, from opening the file to publishing the folder."""

    video_path: Path
    frames_dir: Path
    video_id: str
    selection: Selection
    options: ExtractionOptions
    stamp: FileStamp
    report: DecodeReport = field(default_factory=DecodeReport)

    def run(self, should_stop: Callable[[], bool] | None) -> Manifest:
        info = probe_video(self.video_path).to_row()
        work = WorkFolder(self.frames_dir, self.video_id)
        order = {
            "size_bytes": self.stamp.size_bytes,
            "mtime_ns": self.stamp.mtime_ns,
            "options": self.options.model_dump(),
            "libraries": library_versions(),
        }
        with work.held(order):
            before = self._manifest_to_widen()
            kept = self._whole_frames(before)
            made = self._make_frames(work, self._wanted(before, kept), kept, should_stop)
            self._insist_on_same_file()
            manifest = self._manifest(before, kept | made, info)
            if not manifest.frames and (manifest.frames_expected or manifest.frame_count == 0):
                work.discard()
                raise self._nothing_whole(manifest)
            work.publish(manifest, widens=before is not None)
        return manifest

    def _manifest_to_widen(self) -> Manifest | None:
        """Manifest of a folder whose JPEGs are of the same file and options."""
        try:
            before = read_manifest(self.frames_dir / self.video_id / MANIFEST_FILE)
        except ManifestError:
            return None
        return before if before.video_id == self.video_id and before.agrees_with(self.stamp, self.options) else None

    def _whole_frames(self, before: Manifest | None) -> dict[int, FrameRecord]:
        """Records of an earlier manifest whose files are there with the size it says."""
        folder = self.frames_dir / self.video_id
        sizes: dict[str, int] = {}
        if before is not None:
            sizes = {entry.name: entry.stat().st_size for entry in folder.iterdir()}
        return {
            frame.frame_index: frame
            for frame in (before.frames if before else ())
            if sizes.get(frame_file_name(frame.frame_index)) == frame.size_bytes
        }

    def _make_frames(
        self,
        work: WorkFolder,
        wanted: Selection,
        kept: dict[int, FrameRecord],
        should_stop: Callable[[], bool] | None,
    ) -> dict[int, FrameRecord]:
        made: dict[int, FrameRecord] = {}
        is_stopped = False

        def asked_to_stop() -> bool:
            nonlocal is_stopped
            is_stopped = should_stop is not None and should_stop()
            return is_stopped

        for picked in decode_frames(self.video_path, wanted, self.report, asked_to_stop):
            if picked.frame_index in kept:
                continue
            size_bytes = work.leftover_size_bytes(picked.frame_index)
            if size_bytes is None:
                size_bytes = work.add_jpeg(picked.frame_index, encode_jpeg(picked, self.options.jpeg_quality))
            made[picked.frame_index] = FrameRecord(
                frame_index=picked.frame_index, pts=picked.pts, time_s=picked.time_s, size_bytes=size_bytes
            )
        if is_stopped:
            raise ExtractionStoppedError("stopped when asked to", where=self.video_path, fix="Run again to go on.")
        return made

    def _wanted(self, before: Manifest | None, kept: dict[int, FrameRecord]) -> Selection:
        """What to decode for: the selection, and whatever an earlier manifest lists that has got lost."""
        lost = [f.frame_index for f in (before.frames if before else ()) if f.frame_index not in kept]
        return UnionSelection((self.selection, FrameSetSelection(lost))) if lost else self.selection

    def _insist_on_same_file(self) -> None:
        if stamp_video(self.video_path) != self.stamp:
            raise RetryableError(
                "the video file changed while it was read",
                where=self.video_path,
                fix="Wait until its download is finished, then run again.",
            )

    def _manifest(self, before: Manifest | None, frames: dict[int, FrameRecord], video: dict[str, Any]) -> Manifest:
        facts = self._decoding_facts(before)
        frame_count = facts["frame_count"]
        last = self.selection.last_wanted
        asked = set(self.selection.expected(frame_count if frame_count is not None else (last or 0) + 1))
        past_end = [] if last is None else self.selection.missing_from(asked, last + 1)
        description = self.selection.describe()
        if before is not None:
            earlier = {frame.frame_index for frame in before.frames} | set(before.missing_frames)
            if not earlier <= asked:
                description = before.selection if asked <= earlier else widen_description(before.selection, description)
            asked |= earlier
            past_end = sorted({*past_end, *before.past_end})
        return Manifest(
            video_id=self.video_id,
            video_file=self.video_path.name,
            size_bytes=self.stamp.size_bytes,
            mtime_ns=self.stamp.mtime_ns,
            selection=description,
            jpeg_quality=self.options.jpeg_quality,
            libraries=library_versions(),
            video=video,
            frames=[frames[i] for i in sorted(frames)],
            missing_frames=sorted(asked - frames.keys()),
            past_end=past_end,
            **facts,
        )

    def _decoding_facts(self, before: Manifest | None) -> dict[str, Any]:
        """Manifest fields about the decoding: of this pass, or of an earlier one that saw more of the file."""
        report = self.report
        if before is not None and report.stopped_early and before.frame_count is not None:
            return {name: getattr(before, name) for name in _DECODING_FACTS}
        expected = report.expected_from_header
        return {
            "frame_count_decoded": report.frame_count_decoded,
            "frame_count": report.frame_count,
            "frame_count_expected": None if expected is None else expected - report.discarded_count,
            "damaged_ranges": to_ranges(report.damaged_indices),
            "decoder_errors": report.errors,
            "decoder_error_count": report.error_count,
            "decode_mode": report.mode,
            "status": "damaged" if report.is_damaged else "complete",
        }

    def _nothing_whole(self, manifest: Manifest) -> VideoUnreadableError:
        words = f"; the decoder says: {manifest.decoder_errors[0].words}" if manifest.decoder_errors else ""
        return VideoUnreadableError(
            f"none of its {manifest.frames_expected} wanted frames can be decoded whole{words}",
            where=self.video_path,
            fix="Download it again.",
        )


def encode_jpeg(picked: PickedFrame, quality: int) -> bytes:
    """JPEG file of one frame, byte for byte what OpenCV's `imwrite` of its own capture gives."""
    _, jpeg = cv2.imencode(".jpg", picked.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return jpeg.tobytes()
