"""What a source of videos is, and the two that are built in: Ego4D and 100DOH."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, kw_only=True)
class Source:
    """One video dataset: everything that differs between Ego4D and 100DOH is a value here.

    Attributes:
        name: Asset key prefix and output folder.
        title: The dataset's own spelling, as in annotation file names and console lines.
        videos_dir: Folder of the mp4 files, relative to the data root.
        list_file: The official list, relative to the data root.
        list_format: Which of the two list layouts the file has.
        video_id: Full-match pattern of an official video id.
        annotations_dir: Folder of the annotation JSON files, relative to the data root.
    """

    name: str
    title: str
    videos_dir: str
    list_file: str
    list_format: Literal["ego4d", "100doh"]
    video_id: re.Pattern[str]
    annotations_dir: str


EGO4D: Final = Source(
    name="ego4d",
    title="Ego4D",
    videos_dir="ego4d/v1/full_scale",
    list_file="ego4d_name_list.txt",
    list_format="ego4d",
    video_id=re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    annotations_dir="annotations/Ego4D",
)

DOH: Final = Source(
    name="100doh",
    title="100DOH",
    videos_dir="100DOH/videos",
    list_file="100doh_valid_name_list.txt",
    list_format="100doh",
    video_id=re.compile(r"[A-Za-z0-9_-]{11}"),
    annotations_dir="annotations/100DOH",
)

SOURCES: Final = (EGO4D, DOH)
