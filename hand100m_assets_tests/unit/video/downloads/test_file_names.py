"""Names that downloaders, cameras and people give to videos."""

from __future__ import annotations

import pytest

from hand100m_assets.sources import DOH, EGO4D, Source
from hand100m_assets.video.downloads.file_names import video_id_in, why_not_taken

UUID = "0a1b2c3d-0000-4000-8000-00000000000f"


@pytest.mark.parametrize(
    ("name", "source", "video_id"),
    [
        ("How to fold paper [abcdefghij1].mp4", DOH, "abcdefghij1"),
        ("[abcdefghij1].webm", DOH, "abcdefghij1"),
        ("Two [ab] brackets [-_cdefghij1].f137.mkv", DOH, "-_cdefghij1"),
        ("Old style title-abcdefghij1.mp4", DOH, "abcdefghij1"),
        ("abcdefghij1 (1).mp4", DOH, "abcdefghij1"),
        ("abcdefghij1(2).mp4", DOH, "abcdefghij1"),
        ("abcdefghij1.MP4", DOH, "abcdefghij1"),
        (f"{UUID}.MP4", EGO4D, UUID),
        (f"{UUID.upper()}.mp4", EGO4D, UUID),
        (f"ego4d_{UUID} (1).mov", EGO4D, UUID),
        ("holiday.mp4", DOH, None),
        ("Title [abc].mp4", DOH, None),
        (f"{UUID}0.mp4", EGO4D, None),
        ("How to fold paper [abcdefghij1].mp4", EGO4D, None),
    ],
)
def test_the_id_is_found_where_the_name_tells_it(name: str, source: Source, video_id: str | None) -> None:
    assert video_id_in(name, source) == video_id


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("How to fold paper [abcdefghij1].mp4", "rename it to abcdefghij1.mp4"),
        ("GX010012aaa.MP4", "rename it to GX010012aaa.mp4"),
        ("GX010012.MP4", "rename it to GX010012.mp4"),
        ("clip.webm", "rename it to clip.mp4"),
        ("my holiday.mov", "rename it to <video id>.mp4, or move it away"),
        ("my holiday.mp4", "may hold only letters, digits"),
    ],
)
def test_each_name_is_told_what_to_do(name: str, words: str) -> None:
    assert words in why_not_taken(name, DOH)
