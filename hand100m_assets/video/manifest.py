"""What a finished frame folder holds and how it came about; its presence means done."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hand100m_assets.errors import RetryableError
from hand100m_assets.layout import MANIFEST_FILE, check_video_id, frame_file_name
from hand100m_assets.video.decode import ColourRule, DecodeReport, DecoderError
from hand100m_assets.video.inbox import FileStamp
from hand100m_assets.video.pictureconverter import PictureSize
from hand100m_assets.video.selection import Selection, to_ranges

MANIFEST_VERSION: Final = 1
DECODING_RULES: Final = 1
"""Grows when some file gives other pictures, or the same under other numbers, than it gave before."""


class ManifestError(RetryableError):
    """A manifest is absent or broken: the folder counts as not done, and extracting again mends it."""


class ExtractionOptions(BaseModel):
    """What changes the bytes of a JPEG; a folder made with other options is built anew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jpeg_quality: int = Field(95, ge=1, le=100)
    colour_rule: ColourRule = "opencv5"


class FrameRecord(BaseModel):
    """One JPEG: where its frame stood in the video, and how big the file is."""

    model_config = ConfigDict(frozen=True)

    frame_index: int
    pts: int | None
    time_s: float | None
    size_bytes: int


class Manifest(BaseModel):
    """A finished frame folder.

    Attributes:
        version: Layout of this file.
        video_id: Name of the folder.
        video_file: Name of the source file.
        size_bytes: Its size when it was decoded: with `mtime_ns` its fingerprint.
        mtime_ns: Its modification time then.
        selection: Which frames were asked for, as `Selection.describe` gives it.
        jpeg_quality: OpenCV's JPEG quality.
        colour_rule: Whether all that the stream says of its colours counted (`opencv5`), or BT.601 always (`opencv4`).
        decoding_rules: Version of the rules that numbered frames and made pictures; 0 before they were counted.
        libraries: Versions of what decoded and encoded.
        video: Header figures of the source, as `VideoInfo.to_row` gives them.
        frames: The JPEGs in this folder, ascending.
        picture_sizes: What the decoder gave, before it was made one size: the first size, and each that came after it.
        notes: What else a reader of these pictures should know, in sentences.
        frame_count_decoded: Frames that came out of the decoder in the last pass over the file.
        frame_count: Length of the video in frames, lost ones included; None if decoding stopped after the last wanted.
        frame_count_expected: What the file's index promises, less what an edit list hides; None when unknown.
        damaged_ranges: First and last index of each damaged stretch, wanted or not.
        missing_frames: Frames that were asked for and are damaged, so not here.
        past_end: Frames that were asked for and that the video does not have.
        decoder_errors: (frames placed by then, words) of the first complaints.
        decoder_error_count: All complaints.
        decode_mode: Which way was taken: `selective`, or `full`.
        why_full: Why it was the full way; None when it was not.
        status: `complete`, or `damaged` when anything that was read or decoded was not as the file promises.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = MANIFEST_VERSION
    video_id: str
    video_file: str
    size_bytes: int
    mtime_ns: int
    selection: dict[str, Any]
    jpeg_quality: int
    colour_rule: ColourRule = "opencv5"
    decoding_rules: int = 0
    libraries: dict[str, str]
    video: dict[str, Any]
    frames: list[FrameRecord]
    picture_sizes: list[PictureSize] = []
    notes: list[str] = []
    frame_count_decoded: int
    frame_count: int | None
    frame_count_expected: int | None
    damaged_ranges: list[tuple[int, int]]
    missing_frames: list[int]
    past_end: list[int]
    decoder_errors: list[DecoderError]
    decoder_error_count: int
    decode_mode: str
    why_full: str | None = None
    status: Literal["complete", "damaged"]

    @property
    def stamp(self) -> FileStamp:
        """Fingerprint of the source file."""
        return FileStamp(self.size_bytes, self.mtime_ns)

    @property
    def digest(self) -> str:
        """The same for manifests that say the same, and so for the same JPEGs."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @property
    def frames_expected(self) -> int:
        """JPEGs that there would be if nothing were damaged."""
        return len(self.frames) + len(self.missing_frames)

    def is_damaged_at(self, frame_index: int) -> bool:
        """Whether this frame lies in a damaged stretch."""
        return any(first <= frame_index <= last for first, last in self.damaged_ranges)

    @property
    def is_outdated(self) -> bool:
        """Whether a version made it whose frames may be other ones than this version's."""
        return self.decoding_rules < DECODING_RULES

    def agrees_with(self, stamp: FileStamp | None, options: ExtractionOptions) -> bool:
        """Whether these JPEGs are what this file and these options give; None for a file that is gone.

        What cannot be made again is not outdated.
        """
        return self.is_of(stamp, options) and (stamp is None or not self.is_outdated)

    def is_of(self, stamp: FileStamp | None, options: ExtractionOptions) -> bool:
        """The same of JPEGs made by any rules."""
        made_with = ExtractionOptions(jpeg_quality=self.jpeg_quality, colour_rule=self.colour_rule)
        return stamp in (None, self.stamp) and made_with == options

    def covers(self, selection: Selection) -> bool:
        """Whether every frame the selection wants is here, or known to be damaged or past the end."""
        if self.frame_count is not None:
            end = self.frame_count
        elif selection.last_wanted is not None:
            end = selection.last_wanted + 1
        else:
            return False  # decoding stopped early, so nobody knows how many frames there are
        here = {frame.frame_index for frame in self.frames}
        return all(self.is_damaged_at(i) for i in selection.missing_from(here, end))


def decoding_facts(report: DecodeReport) -> dict[str, Any]:
    """Manifest fields about one decoding pass."""
    expected = report.expected_from_header
    return {
        "picture_sizes": report.converter.sizes,
        "frame_count_decoded": report.frame_count_decoded,
        "frame_count": report.frame_count,
        "frame_count_expected": None if expected is None else expected - report.discarded_count,
        "damaged_ranges": to_ranges(report.damaged_indices),
        "decoder_errors": report.errors,
        "decoder_error_count": report.error_count,
        "decode_mode": report.mode,
        "why_full": report.why_full,
        "status": "damaged" if report.is_damaged else "complete",
    }


@cache
def library_versions() -> dict[str, str]:
    """Versions of the libraries whose change may change a JPEG's bytes."""
    return {name: importlib.metadata.version(name) for name in ("av", "opencv-python-headless")}


def read_manifest(path: Path) -> Manifest:
    """Read a manifest file.

    Raises:
        ManifestError: Absent, cut, or not a manifest of this version; extract the video again.
    """
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        what = f"no manifest can be read ({error.strerror or error})"
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "file"
        what = f"not a manifest: {field}: {first['msg']}"
    raise ManifestError(what, where=path, fix="Extract this video's frames again.")


def file_sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file of a frame folder but its manifest, by name. Raises OSError as listing does."""
    with os.scandir(folder) as entries:
        return {entry.name: entry.stat().st_size for entry in entries if entry.name != MANIFEST_FILE}


def finished_manifest(frames_dir: Path, video_id: str) -> Manifest | None:
    """Manifest of a folder whose JPEGs are all there, in full, and no others; None when it is not finished.

    A power failure can leave the names and not the bytes: asking for sizes costs less than syncing every file.
    """
    folder = frames_dir / check_video_id(video_id)
    try:
        manifest = read_manifest(folder / MANIFEST_FILE)
        found = file_sizes(folder)
    except (ManifestError, OSError):
        return None
    listed = {frame_file_name(frame.frame_index): frame.size_bytes for frame in manifest.frames}
    return manifest if manifest.video_id == video_id and found == listed else None


def is_done(
    frames_dir: Path,
    video_path: Path,
    selection: Selection,
    options: ExtractionOptions,
    *,
    video_id: str | None = None,
) -> Manifest | None:
    """The manifest, if this work is finished and agrees with file, selection and options; takes milliseconds.

    A folder that holds more than the selection wants is done. A video that was deleted after its frames were made
    contradicts nothing. `video_id` is the file's name without suffix unless given.
    """
    manifest = finished_manifest(frames_dir, video_id or video_path.stem)
    if manifest is None:
        return None
    try:
        stamp: FileStamp | None = FileStamp.of(video_path)
    except FileNotFoundError:
        stamp = None
    except OSError:
        return None
    return manifest if manifest.agrees_with(stamp, options) and manifest.covers(selection) else None
