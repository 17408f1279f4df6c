"""The truth about a finished sample, for tests, and for users who want to verify the results of the checks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final

from hand100m_assets.sample.scenes import SampleScale

SAMPLE_VERSION: Final = 1
"""It is increased when the same seed gives other bytes."""

REPORT_FILE: Final = "sample_report.json"


@dataclass(frozen=True)
class VideoTruth:
    """One healthy video.

    Attributes:
        frame_count: Number of shown frames.
        fps: Frames per second as a fraction, such as `30000/1001`.
        width_px: Width of the pictures.
        height_px: Height of the pictures.
        size_bytes: Size of the file.
        encoding: What is special about its compression.
    """

    frame_count: int
    fps: str
    width_px: int
    height_px: int
    size_bytes: int
    encoding: str

    @property
    def rate_fps(self) -> Fraction:
        """The frame rate as a number."""
        return Fraction(self.fps)


@dataclass(frozen=True)
class BadRecord:
    """One planted fault.

    Attributes:
        section: `images` or `annotations`.
        record: Position in this array of the file.
        field: Name of the JSON field at fault.
        fault: What is wrong with it, one of the keys of `faults.FAULTS`.
    """

    section: str
    record: int
    field: str
    fault: str


@dataclass(frozen=True)
class AnnotationTruth:
    """One annotation file.

    Attributes:
        file_name: Path below the annotation folder of the source.
        images: Number of records in its `images`, with invalid ones.
        annotations: Number of records in its `annotations`, with invalid ones.
        valid_hands: Number of records in its `annotations` without a planted fault.
        bad_records: The planted faults.
        absent_frames: `<video_id>/<frame_index>` of valid images whose frame cannot be extracted, sorted.
    """

    file_name: str
    images: int
    annotations: int
    valid_hands: int
    bad_records: tuple[BadRecord, ...]
    absent_frames: tuple[str, ...]


@dataclass(frozen=True)
class SourceTruth:
    """One source.

    Attributes:
        healthy: Video id -> facts about the video.
        missing: Videos that are listed, but have no file.
        truncated: Videos whose file has its final name, but was cut before its index.
        downloading: Videos whose file is named `<id>.mp4.part`.
        annotation_files: Set key such as `simhand-50k` -> facts about its file.
    """

    healthy: dict[str, VideoTruth]
    missing: tuple[str, ...]
    truncated: tuple[str, ...]
    downloading: tuple[str, ...]
    annotation_files: dict[str, AnnotationTruth]

    @property
    def listed(self) -> tuple[str, ...]:
        """Every video that the official list names."""
        return (*self.healthy, *self.missing, *self.truncated, *self.downloading)


@dataclass(frozen=True)
class SampleReport:
    """The whole sample; `sources` has the keys `ego4d` and `100doh`."""

    version: int
    seed: int
    scale: SampleScale
    sources: dict[str, SourceTruth]

    def to_dict(self) -> dict[str, Any]:
        """JSON value."""
        return asdict(self)

    def to_json(self) -> str:
        """The content of the report file."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SampleReport:
        """Read the report file's content back.

        Raises:
            ValueError: It is not the report of a sample of this version.
        """
        try:
            raw = json.loads(text)
            if raw["version"] != SAMPLE_VERSION:
                raise ValueError(f"sample version {raw['version']}, not {SAMPLE_VERSION}")
            sources = {name: _source_truth(value) for name, value in raw["sources"].items()}
            return cls(raw["version"], raw["seed"], SampleScale(**raw["scale"]), sources)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a sample report: {error}") from error


def _source_truth(raw: dict[str, Any]) -> SourceTruth:
    return SourceTruth(
        healthy={video_id: VideoTruth(**value) for video_id, value in raw["healthy"].items()},
        missing=tuple(raw["missing"]),
        truncated=tuple(raw["truncated"]),
        downloading=tuple(raw["downloading"]),
        annotation_files={key: _annotation_truth(value) for key, value in raw["annotation_files"].items()},
    )


def _annotation_truth(raw: dict[str, Any]) -> AnnotationTruth:
    return AnnotationTruth(
        file_name=raw["file_name"],
        images=raw["images"],
        annotations=raw["annotations"],
        valid_hands=raw["valid_hands"],
        bad_records=tuple(BadRecord(**value) for value in raw["bad_records"]),
        absent_frames=tuple(raw["absent_frames"]),
    )
