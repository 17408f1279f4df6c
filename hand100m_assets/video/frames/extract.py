"""Extracts exact frames of a video file into a folder of JPEGs with a manifest; it can be stopped and continued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hand100m_assets.amounts import counted
from hand100m_assets.errors import RetryableError, VideoUnreadableError
from hand100m_assets.files import FileStamp
from hand100m_assets.layout import MANIFEST_FILE, check_video_id, frame_file_name
from hand100m_assets.video.container import stamp_video
from hand100m_assets.video.decode import (
    DecodeAgainError,
    DecodeReport,
    FrameSetSelection,
    RemainingSelection,
    Selection,
    UnionSelection,
    decode_frames,
    widen_description,
)
from hand100m_assets.video.frames.failures import (
    FailureRecord,
    clear_failure,
    failed_for_good,
    read_failures,
    record_failure,
    stamp_of,
)
from hand100m_assets.video.frames.limits import UNLIMITED, Limits, Watch
from hand100m_assets.video.frames.manifest import (
    DECODING_RULES,
    ExtractionOptions,
    FrameRecord,
    Manifest,
    ManifestError,
    decoding_facts,
    file_sizes,
    is_done,
    library_versions,
    read_manifest,
)
from hand100m_assets.video.frames.work_folder import WorkFolder
from hand100m_assets.video.pictures import encode_jpeg

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


class ExtractionStoppedError(RetryableError):
    """The caller asked to stop. The next run continues from the JPEGs that are there."""


def extract_video(
    video_path: Path,
    frames_dir: Path,
    video_id: str,
    selection: Selection,
    options: ExtractionOptions,
    *,
    should_stop: Callable[[], bool] | None = None,
    limits: Limits = UNLIMITED,
) -> Manifest:
    """Extract the wanted frames of one video as JPEGs into `<frames_dir>/<video_id>/`, with a manifest.

    Frames that an earlier call made with the same file and options are kept. Frames of an earlier selection stay, and
    the manifest lists both. Of a damaged video, the undamaged frames are published with status `damaged`. Until all
    frames are there, the folder is built in `<frames_dir>/.in_progress/`.

    Args:
        video_path: The video file.
        frames_dir: The folder that holds one frame folder per video. It is created when absent.
        video_id: Name of the frame folder: letters, digits, `_` and `-`, at most 200 of them.
        selection: Which frame indices are wanted, for instance `StrideSelection(30)`.
        options: JPEG quality and colour rule. A folder that was made with other options is made anew.
        should_stop: Called before each packet. When it returns True, the extraction stops and can be continued later.
        limits: How long the video and the work on it may be.

    Returns:
        The manifest of the finished folder, as it is stored in its `manifest.json`.

    Raises:
        UnsafeIdError: The video id cannot be a folder name. Use another id.
        VideoUnreadableError: The file is not a video or is too long, or no wanted frame can be decoded. Nothing is
            published. Download the video again; the message says more.
        OutputUnwritableError: The output disk is full, read-only, or you may not write to it. The message says what to
            do; finished frames stay.
        ExtractionStoppedError: `should_stop` returned True. Run again to continue.
        TimeLimitError: The work took longer than `limits` allow. Raise the limit; the next run continues.
        RetryableError: The file cannot be read now, changed while it was read, or another process extracts it. Run
            again later.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection, extract_video
        >>> manifest = extract_video(
        ...     Path("video.mp4"), Path("extracted"), "video", StrideSelection(30), ExtractionOptions()
        ... )
        >>> manifest.status, [frame.frame_index for frame in manifest.frames]
        ('complete', [0, 30, 60])
        >>> sorted(path.name for path in Path("extracted/video").iterdir())
        ['frame_000000.jpg', 'frame_000030.jpg', 'frame_000060.jpg', 'manifest.json']
    """
    check_video_id(video_id)
    done = is_done(frames_dir, video_path, selection, options, video_id=video_id)
    if done is None:
        work = _Extraction(video_path, frames_dir, video_id, selection, options, stamp_video(video_path), limits)
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
    limits: Limits = UNLIMITED
    report: DecodeReport = field(default_factory=DecodeReport)
    _watch: Watch = field(init=False)

    def run(self, should_stop: Callable[[], bool] | None) -> Manifest:
        self._watch = Watch(self.limits, self.video_path)
        work = WorkFolder(self.frames_dir, self.video_id)
        order = {
            "size_bytes": self.stamp.size_bytes,
            "mtime_ns": self.stamp.mtime_ns,
            "options": self.options.model_dump(),
            "decoding_rules": DECODING_RULES,
            "libraries": library_versions(),
        }
        with work.held(order):
            before = self._manifest_to_widen()
            if before is not None and before.is_outdated:
                self._want_all_of(before)
                before = None
            try:
                manifest = self._manifest(before, self._all_frames(work, before, should_stop))
                self._insist_on_something_whole(manifest)
            except VideoUnreadableError:
                work.discard()
                self._insist_on_same_file()  # a file that is still being written has not failed for good
                raise
            work.publish(manifest, widens=before is not None)
        return manifest

    def _all_frames(
        self, work: WorkFolder, before: Manifest | None, should_stop: Callable[[], bool] | None
    ) -> dict[int, FrameRecord]:
        """Decode, a second time if the first pass raised a doubt, and check that the file did not change meanwhile."""
        try:
            frames = self._frames(work, before, should_stop)
        except DecodeAgainError as doubt:
            work.start_again(doubt.reason)
            self.report = DecodeReport()
            frames = self._frames(work, before, should_stop)
        self._insist_on_same_file()
        return frames

    def _manifest_to_widen(self) -> Manifest | None:
        """Manifest of an existing folder whose JPEGs are of the same file and options, even if they are outdated."""
        try:
            before = read_manifest(self.frames_dir / self.video_id / MANIFEST_FILE)
        except ManifestError:
            return None
        return before if before.video_id == self.video_id and before.is_of(self.stamp, self.options) else None

    def _want_all_of(self, outdated: Manifest) -> None:
        """Want whatever an older version was asked for as well: all of it is made again."""
        asked = [*(frame.frame_index for frame in outdated.frames), *outdated.missing_frames, *outdated.past_end]
        more = [index for index in asked if not self.selection.wants(index)]
        if more:
            self.selection = UnionSelection((self.selection, FrameSetSelection(more)))

    def _whole_frames(self, before: Manifest | None) -> dict[int, FrameRecord]:
        """Records of an earlier manifest whose files are there with the recorded size."""
        if before is None:
            return {}
        sizes = file_sizes(self.frames_dir / self.video_id)
        return {
            frame.frame_index: frame
            for frame in before.frames
            if sizes.get(frame_file_name(frame.frame_index)) == frame.size_bytes
        }

    def _frames(
        self, work: WorkFolder, before: Manifest | None, should_stop: Callable[[], bool] | None
    ) -> dict[int, FrameRecord]:
        """Records of the frames that are already there and of those made now."""
        why_full = work.why_full
        if why_full and before is not None and before.decode_mode == "selective":
            kept = {}  # they were made the selective way, which this stream has turned out not to allow
        else:
            kept = self._whole_frames(before)
            why_full = why_full or _known_doubt(before)
        selection = self._wanted(before, kept)
        kept |= {index: record for index, record in work.made().items() if selection.wants(index)}
        wanted = RemainingSelection(selection, frozenset(kept))
        return kept | self._make_frames(work, wanted, why_full, should_stop)

    def _make_frames(
        self, work: WorkFolder, wanted: Selection, why_full: str | None, should_stop: Callable[[], bool] | None
    ) -> dict[int, FrameRecord]:
        made: dict[int, FrameRecord] = {}
        is_stopped = False

        def asked_to_stop() -> bool:
            nonlocal is_stopped
            self._watch.check(self.report)
            is_stopped = should_stop is not None and should_stop()
            return is_stopped

        for picked in decode_frames(self.video_path, wanted, self.report, asked_to_stop, why_full=why_full):
            self._watch.check(self.report, picked.time_s)
            jpeg = encode_jpeg(picked, self.options.jpeg_quality, self.options.colour_rule)
            made[picked.frame_index] = work.add_jpeg(picked.frame_index, picked.pts, picked.time_s, jpeg)
        if is_stopped:
            raise ExtractionStoppedError("stopped when asked to", where=self.video_path, fix="Run again to go on.")
        return made

    def _wanted(self, before: Manifest | None, kept: dict[int, FrameRecord]) -> Selection:
        """The selection, and all frames of an earlier manifest that cannot be kept."""
        lost = [f.frame_index for f in (before.frames if before else ()) if f.frame_index not in kept]
        return UnionSelection((self.selection, FrameSetSelection(lost))) if lost else self.selection

    def _insist_on_same_file(self) -> None:
        if stamp_of(self.video_path) != self.stamp:
            raise RetryableError(
                "the video file changed while it was read",
                where=self.video_path,
                fix="Wait until its download is finished, then run again.",
            )

    def _manifest(self, before: Manifest | None, frames: dict[int, FrameRecord]) -> Manifest:
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
            colour_rule=self.options.colour_rule,
            decoding_rules=DECODING_RULES,
            libraries=library_versions(),
            video=self.report.video.to_row() if self.report.video else {},
            notes=self._notes(before),
            frames=[frames[i] for i in sorted(frames)],
            missing_frames=sorted(asked - frames.keys()),
            past_end=past_end,
            **facts,
        )

    def _decoding_facts(self, before: Manifest | None) -> dict[str, Any]:
        """Manifest fields about the decoding: of this pass, or of an earlier one that read more of the file."""
        if before is not None and self.report.stopped_early and before.frame_count is not None:
            return before.model_dump(include=set(decoding_facts(self.report)))
        return decoding_facts(self.report)

    def _notes(self, before: Manifest | None) -> list[str]:
        """Notes of this pass, and of earlier passes whose pictures stay."""
        on_tracks = self.report.video.note_on_tracks if self.report.video else None
        found = [*(before.notes if before else []), on_tracks, *self.report.converter.notes(self.options.colour_rule)]
        return list(dict.fromkeys(note for note in found if note))

    def _insist_on_something_whole(self, manifest: Manifest) -> None:
        if manifest.frames or (not manifest.frames_expected and manifest.frame_count != 0):
            return
        if manifest.status == "complete":  # all that it holds is hidden by an edit list, or is no picture
            raise VideoUnreadableError(
                "it is whole, and shows no picture",
                where=self.video_path,
                fix="Leave it out, or put another in its place.",
            )
        words = f"; the decoder says: {manifest.decoder_errors[0].words}" if manifest.decoder_errors else ""
        raise VideoUnreadableError(
            f"none of its {counted(manifest.frames_expected, 'wanted frame')} can be decoded whole{words}",
            where=self.video_path,
            fix="Download it again, or leave it out where that brings the same file.",
        )


def _known_doubt(before: Manifest | None) -> str | None:
    """Why an earlier pass decoded everything. A selective pass now would not see the damage that it found."""
    if before is None:
        return None
    return before.why_full or ("an earlier pass found damage" if before.status == "damaged" else None)
