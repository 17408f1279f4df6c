"""The manifest of a finished frame folder: its frames and how they were made. If it exists, the folder is finished."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hand100m_assets.errors import RetryableError
from hand100m_assets.files import FileStamp
from hand100m_assets.layout import MANIFEST_FILE, check_video_id, frame_file_name
from hand100m_assets.video.decode import DecodeReport, DecoderError, Selection, to_ranges
from hand100m_assets.video.pictures import ColourRule, PictureSize
from hand100m_assets.wrong_values import in_words

MANIFEST_VERSION: Final = 1
"""Version of the layout of `manifest.json`; a manifest of another version is not read."""

DECODING_RULES: Final = 1
"""It is increased when any file gives other pictures, or other frame numbers, than before."""


class ManifestError(RetryableError):
    """A manifest is absent or broken, so its frame folder counts as not done. Extract the video again.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import read_manifest
        >>> from hand100m_assets.video.frames import ManifestError
        >>> try:
        ...     read_manifest(Path("absent/manifest.json"))
        ... except ManifestError as error:
        ...     print(error.fix)
        Extract this video's frames again.
    """


class ExtractionOptions(BaseModel):
    """The options that change the bytes of a JPEG. A frame folder that was made with other options is made anew.

    Attributes:
        jpeg_quality: OpenCV's JPEG quality, 1 to 100; 95 is OpenCV's default, which the original scripts use.
        colour_rule: `opencv5` uses all that the stream says about its colours; `opencv4` always converts by BT.601.

    Raises:
        pydantic.ValidationError: A value is out of range, or a name is not known. The message says which.

    Example:
        >>> from hand100m_assets.video import ExtractionOptions
        >>> ExtractionOptions(jpeg_quality=90)
        ExtractionOptions(jpeg_quality=90, colour_rule='opencv5')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    jpeg_quality: int = Field(95, ge=1, le=100)
    colour_rule: ColourRule = "opencv5"


class FrameRecord(BaseModel):
    """One JPEG: its frame's place and time in the video, and the size of the file.

    Attributes:
        frame_index: Index of the frame among all shown frames of the video, from 0.
        pts: Presentation timestamp in the stream's time base; None if the stream has none.
        time_s: The same in seconds; None if the stream has none.
        size_bytes: Size of the JPEG file.
    """

    model_config = ConfigDict(frozen=True)

    frame_index: int
    pts: int | None
    time_s: float | None
    size_bytes: int


class Manifest(BaseModel):
    """What a finished frame folder holds, and how it was made.

    Attributes:
        version: Version of this layout.
        video_id: Name of the folder.
        video_file: Name of the video file.
        size_bytes: Size of the video file when it was decoded. Together with `mtime_ns` it identifies the file's state.
        mtime_ns: Its modification time then, in nanoseconds since 1970.
        selection: Which frames were asked for, as `Selection.describe` returns it.
        jpeg_quality: OpenCV's JPEG quality, 1 to 100.
        colour_rule: `opencv5` uses all that the stream says about its colours; `opencv4` always converts by BT.601.
        decoding_rules: Version of the rules that numbered the frames and made the pictures; 0 before they were counted.
        libraries: Versions of the libraries that decoded and encoded.
        video: Header values of the video file, as `VideoInfo.to_row` returns them.
        frames: The JPEGs in this folder, by ascending frame index.
        picture_sizes: Sizes that the decoder gave, before scaling to one size: the first one, and each change.
        notes: What else a user of these pictures should know, in sentences.
        frame_count_decoded: Frames that came out of the decoder in the last pass over the file.
        frame_count: Length of the video in frames, lost ones included; None if decoding stopped after the last wanted.
        frame_count_expected: Frames that the file's index promises, without those that an edit list hides; None if
            unknown.
        damaged_ranges: First and last frame index of each damaged stretch, whether wanted or not.
        missing_frames: Frames that were asked for but are damaged, so that they are not here.
        past_end: Frames that were asked for but lie beyond the end of the video.
        decoder_errors: The first error messages of the decoder, each with the number of frames placed before it.
        decoder_error_count: Number of all error messages.
        decode_mode: `selective` (only what the wanted frames depend on was decoded) or `full` (everything was).
        why_full: Why everything was decoded; None if it was not.
        status: `complete`, or `damaged` when anything that was read or decoded is not as the file promises.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection, extract_video, read_manifest
        >>> _ = extract_video(Path("video.mp4"), Path("extracted"), "video", StrideSelection(30), ExtractionOptions())
        >>> manifest = read_manifest(Path("extracted/video/manifest.json"))
        >>> manifest.status, manifest.frames_expected, manifest.frames[1].time_s
        ('complete', 3, 1.0)
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
        """Size and modification time of the video file when it was decoded."""
        return FileStamp(self.size_bytes, self.mtime_ns)

    @property
    def digest(self) -> str:
        """Short hash of the manifest: equal for equal manifests, and so for equal JPEGs."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @property
    def frames_expected(self) -> int:
        """Number of JPEGs that there would be if nothing were damaged."""
        return len(self.frames) + len(self.missing_frames)

    def is_damaged_at(self, frame_index: int) -> bool:
        """Whether this frame lies in a damaged stretch."""
        return any(first <= frame_index <= last for first, last in self.damaged_ranges)

    @property
    def is_outdated(self) -> bool:
        """Whether an older version made it, whose frames may differ from those of this version."""
        return self.decoding_rules < DECODING_RULES

    def agrees_with(self, stamp: FileStamp | None, options: ExtractionOptions) -> bool:
        """Whether these JPEGs are what this file and these options give today.

        JPEGs of a deleted video cannot be made again and are not outdated.

        Args:
            stamp: Size and time of the video file now; None if it was deleted, which contradicts nothing.
            options: The options that are wanted.
        """
        return self.is_of(stamp, options) and (stamp is None or not self.is_outdated)

    def is_of(self, stamp: FileStamp | None, options: ExtractionOptions) -> bool:
        """The same of JPEGs made by any rules."""
        made_with = ExtractionOptions(jpeg_quality=self.jpeg_quality, colour_rule=self.colour_rule)
        return stamp in (None, self.stamp) and made_with == options

    def covers(self, selection: Selection) -> bool:
        """Whether every frame that the selection wants is here, or is known to be damaged or past the end."""
        if self.frame_count is not None:
            end = self.frame_count
        elif selection.last_wanted is not None:
            end = selection.last_wanted + 1
        else:
            return False  # decoding stopped early, so nobody knows how many frames there are
        here = {frame.frame_index for frame in self.frames}
        return all(self.is_damaged_at(i) for i in selection.missing_from(here, end))


def decoding_facts(report: DecodeReport) -> dict[str, Any]:
    """The manifest fields that describe one decoding pass."""
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
    """Return the versions of the libraries whose change may change a JPEG's bytes.

    Returns:
        Distribution name -> installed version, of PyAV and OpenCV.

    Example:
        >>> from hand100m_assets.video.frames import library_versions
        >>> sorted(library_versions())
        ['av', 'opencv-python-headless']
    """
    return {name: importlib.metadata.version(name) for name in ("av", "opencv-python-headless")}


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of a frame folder.

    Args:
        path: The file `<frames_dir>/<video_id>/manifest.json`.

    Returns:
        The manifest: which frames the folder holds, how they were made, and what is damaged.

    Raises:
        ManifestError: The file is absent, cut, or not a manifest of this version. Extract the video again.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection, extract_video, read_manifest
        >>> _ = extract_video(Path("video.mp4"), Path("extracted"), "video", StrideSelection(30), ExtractionOptions())
        >>> manifest = read_manifest(Path("extracted/video/manifest.json"))
        >>> [(frame.frame_index, frame.time_s) for frame in manifest.frames]
        [(0, 0.0), (30, 1.0), (60, 2.0)]
    """
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        what = f"no manifest can be read ({error.strerror or error})"
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "file"
        what = f"not a manifest: {field} {in_words(first)}"
    raise ManifestError(what, where=path, fix="Extract this video's frames again.")


def file_sizes(folder: Path) -> dict[str, int]:
    """Size in bytes of each file of a frame folder except its manifest, by name. Raises OSError as listing does."""
    with os.scandir(folder) as entries:
        return {entry.name: entry.stat().st_size for entry in entries if entry.name != MANIFEST_FILE}


def finished_manifest(frames_dir: Path, video_id: str) -> Manifest | None:
    """Return the manifest of a folder that holds exactly its JPEGs in their full sizes; None if it is not finished.

    After a power failure a file may exist without its bytes. Comparing sizes costs less than syncing every file to the
    disk when it is written.
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
    """Return the manifest if the work is finished and agrees with file, selection and options. Takes milliseconds.

    A folder that holds more than the selection wants is done. A video that was deleted after its frames were made
    contradicts nothing. `video_id` is the file's name without its suffix unless given.
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
