from __future__ import annotations

import json
from pathlib import Path

import pytest

from hand100m_assets.errors import VideoListError
from hand100m_assets.sources import DOH
from hand100m_assets.video.container.probe import probe_video
from hand100m_assets.video.downloads.inventory import build_inventory, missing_videos
from hand100m_assets.video.downloads.listing import list_videos
from hand100m_assets.video.downloads.official_metadata import OFFICIAL_METADATA_SCHEMA, read_official_metadata
from hand100m_assets_tests import media

EGO4D_JSON = {
    "videos": [
        {
            "video_uid": "vid",
            "duration_sec": 4.5,
            "is_stereo": True,
            "redacted_intervals": [{"start_sec": 1.0, "end_sec": 2.5}, {"start_sec": 3, "end_sec": 4}],
            "video_metadata": {
                "fps": 30.0,
                "num_frames": 135,
                "display_resolution_width": 1440,
                "display_resolution_height": 1080,
            },
        },
        {"video_uid": "bare"},
        {"video_uid": "../out"},
    ]
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    videos = tmp_path / "v1" / "full_scale"
    videos.mkdir(parents=True)
    (videos.parent / "ego4d.json").write_text(json.dumps(EGO4D_JSON))
    (videos / "manifest.csv").write_text("video_uid,size_bytes\nvid,1000000\nother,\n")
    return videos


def test_what_the_ego4d_files_say_stands_in_columns_named_by_where_it_comes_from(folder: Path) -> None:
    table = read_official_metadata(folder)
    assert table.schema == OFFICIAL_METADATA_SCHEMA
    assert table["video_id"].to_list() == ["bare", "other", "vid"]  # an id that leads out of the folder is left out
    assert table.rows()[2] == ("vid", 1_000_000, 135, 30.0, 4.5, 1440, 1080, True, "1.0-2.5; 3-4")
    assert all(value is None for value in table.rows()[1][1:])


def test_the_100doh_metadata_is_read_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "meta_100DOH_video.txt").write_text(
        "video_id genre link resolution frame_rate\nabc diy url 1280x720 30000/1001\nshifted two words url 1x1 9/1\n"
    )
    (row,) = read_official_metadata(tmp_path / "videos", tmp_path).to_dicts()
    assert (row["video_id"], row["width_px_in_metadata"], row["height_px_in_metadata"]) == ("abc", 1280, 720)
    assert row["frame_rate_fps_in_metadata"] == pytest.approx(29.97, abs=1e-3)


def test_absent_files_are_allowed(tmp_path: Path) -> None:
    assert read_official_metadata(tmp_path / "nowhere", tmp_path).is_empty()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.csv", "a,b\n1,2\n"),
        ("manifest.csv", "video_uid,size_bytes\n" + "x" * 200_000),
        ("ego4d.json", "[" * 200_000),
        ("ego4d.json", "not json"),
        ("ego4d.json", "[]"),
        ("ego4d.json", "{}"),
        ("ego4d.json", '{"videos": [1]}'),
        ("meta_100DOH_video.txt", "no header\n"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_one_clear_error(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(VideoListError, match=f"not the {name}"):
        read_official_metadata(tmp_path, tmp_path)


def test_figures_that_cannot_be_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(f"video_uid,size_bytes\na,{10**30}\nb,-1\nc,7\nd,٧\n", encoding="utf-8")
    video = {"video_uid": "a", "is_stereo": "perhaps", "video_metadata": {"num_frames": 10**30, "width": 10**12}}
    (tmp_path / "ego4d.json").write_text(json.dumps({"videos": [video]}))
    table = read_official_metadata(tmp_path)
    assert table["size_bytes_in_manifest"].to_list() == [None, None, 7, None]
    assert table.drop("video_id", "size_bytes_in_manifest").null_count().row(0) == (4,) * (table.width - 2)


def test_the_size_in_the_manifest_decides_whether_a_file_is_whole(clip, folder: Path) -> None:
    info = probe_video(media.copy_clip(clip("defaults"), folder, "vid"))
    listing = list_videos(folder, DOH)
    table = build_inventory(None, listing, {"vid": info}, metadata=read_official_metadata(folder))
    assert table["video_id"].to_list() == ["vid"]
    assert table["frame_count_in_metadata"].to_list() == [135]
    assert missing_videos(table)["reason_kind"].to_list() == ["incomplete"]
