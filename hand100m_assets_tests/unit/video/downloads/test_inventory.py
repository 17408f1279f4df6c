from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from hand100m_assets.amounts import sized
from hand100m_assets.errors import OutputUnwritableError, VideoUnreadableError
from hand100m_assets.files import FileStamp
from hand100m_assets.sources import DOH, EGO4D
from hand100m_assets.video.container.probe import VideoInfo, probe_video
from hand100m_assets.video.downloads.inventory import (
    INVENTORY_SCHEMA,
    MISSING_SCHEMA,
    build_inventory,
    missing_videos,
    remembered_probes,
    write_missing_list,
)
from hand100m_assets.video.downloads.listing import Listing, list_videos
from hand100m_assets.video.downloads.video_list import VIDEO_LIST_SCHEMA, read_video_list
from hand100m_assets_tests import media
from hand100m_assets_tests.unit.video.downloads.test_video_list import reference_list


def probe_all(folder: Path, listing: Listing) -> dict[str, VideoInfo | VideoUnreadableError]:
    probes: dict[str, VideoInfo | VideoUnreadableError] = {}
    for video_id in listing.complete_names:
        try:
            probes[video_id] = probe_video(folder / f"{video_id}.mp4")
        except VideoUnreadableError as error:  # noqa: PERF203
            probes[video_id] = error
    return probes


def listed_as(info: VideoInfo, **changes: object) -> pl.DataFrame:
    """A list of one video that says what the file says, but for the changes."""
    row = {
        "video_id": "vid",
        "size_bytes_listed": info.size_bytes,
        "length_s_listed": info.duration_from_header_s,
        "width_px_listed": info.width_px,
        "height_px_listed": info.height_px,
        "frame_count_listed": info.frame_count_from_header,
        "frame_rate_num_listed": 30,
        "frame_rate_den_listed": 1,
    }
    return pl.DataFrame([row | changes], schema=VIDEO_LIST_SCHEMA)


def drift_of(clip, name: str, tmp_path: Path, **changes: object) -> tuple[str | None, str | None]:
    video = media.copy_clip(clip(name), tmp_path, "vid")
    listing = list_videos(tmp_path, DOH)
    table = build_inventory(listed_as(probe_video(video), **changes), listing, probe_all(tmp_path, listing))
    return table["drift"][0], table["drift_severity"][0]


@pytest.fixture
def folder(clip, tmp_path: Path) -> Path:
    """One of everything that can be in a download folder."""
    videos = tmp_path / "videos"
    for video_id, name in {
        "whole": "defaults",
        "extra": "vfr",
        "turned": "rotated_90",
        "noindex": "cut_without_index",
        "cut": "cut_with_index",
        "zero": "zero_bytes",
    }.items():
        media.copy_clip(clip(name), videos, video_id)
    (videos / "coming.mp4.part").write_bytes(b"x")
    (videos / "not an id.mp4").write_bytes(b"x")
    return videos


def test_every_video_on_disk_or_listed_has_one_row_with_its_state(folder: Path) -> None:
    listing = list_videos(folder, DOH)
    listed = pl.DataFrame({"video_id": ["whole", "absent", "coming", "cut"]}).with_columns(
        pl.lit(None, kind).alias(name) for name, kind in VIDEO_LIST_SCHEMA.items() if name != "video_id"
    )
    table = build_inventory(listed, listing, probe_all(folder, listing))
    assert table.schema == INVENTORY_SCHEMA
    assert dict(table.select("video_id", "state").iter_rows()) == {
        "absent": "missing",
        "coming": "in_progress",
        "cut": "unreadable",
        "extra": "complete",
        "noindex": "unreadable",
        "turned": "complete",
        "whole": "complete",
        "zero": "unreadable",
    }
    rows = {row["video_id"]: row for row in table.iter_rows(named=True)}
    assert all((row["reason"] is None) == (row["state"] == "complete") for row in rows.values())
    assert "too short: the download was cut" in rows["cut"]["reason"]
    assert "moov" in rows["noindex"]["reason"]
    assert (rows["turned"]["width_px"], rows["turned"]["height_px"], rows["turned"]["rotation_deg"]) == (240, 320, 90)
    assert rows["whole"]["frame_count_from_header"] == media.FRAME_COUNT
    assert (rows["extra"]["frame_rate_num_from_header"], rows["extra"]["frame_rate_den_from_header"]) == (117, 5)


def test_without_a_list_nothing_is_missing_and_nothing_drifts(folder: Path) -> None:
    listing = list_videos(folder, DOH)
    table = build_inventory(None, listing, probe_all(folder, listing))
    assert "missing" not in table["state"].to_list()
    assert table["drift"].null_count() == table.height


@pytest.mark.parametrize(
    ("changes", "words", "severity"),
    [
        ({}, None, None),
        ({"width_px_listed": 640}, "resolution: 320x240, listed 640x240", "error"),
        ({"width_px_listed": 240, "height_px_listed": 320}, "rotation: 320x240, listed 240x320", "error"),
        ({"frame_rate_num_listed": 30000, "frame_rate_den_listed": 1001}, "30 fps, listed 30000/1001 fps", "error"),
        ({"frame_count_listed": 101}, "frame count: 100, listed 101", "error"),
        ({"size_bytes_listed": 1}, "listed 1", "warning"),
        ({"length_s_listed": 9.0}, "length: 3.33 s, listed 9.00 s", "warning"),
        ({"length_s_listed": 3.4, "frame_rate_num_listed": 30001, "frame_rate_den_listed": 1000}, None, None),
        ({"frame_count_listed": 101, "size_bytes_listed": 1}, "frame count: 100, listed 101; size", "error"),
    ],
)
def test_drift_is_an_error_where_labels_would_be_wrong_and_a_warning_elsewhere(
    clip, tmp_path: Path, changes: dict[str, object], words: str | None, severity: str | None
) -> None:
    drift, found = drift_of(clip, "defaults", tmp_path, **changes)
    assert found == severity
    assert drift is None if words is None else words in (drift or "")


def test_a_figure_that_either_side_lacks_is_no_drift(clip, tmp_path: Path) -> None:
    nothing = dict.fromkeys(name for name in VIDEO_LIST_SCHEMA if name != "video_id")
    assert drift_of(clip, "defaults", tmp_path, **nothing) == (None, None)
    assert drift_of(clip, "fragmented", tmp_path, frame_count_listed=7) == (None, None)


def test_the_missing_report_names_each_with_its_kind_of_reason(clip, folder: Path, tmp_path: Path) -> None:
    listing = list_videos(folder, DOH)
    probes = probe_all(folder, listing)
    wrong = listed_as(probes["whole"], video_id="whole", frame_count_listed=5)
    absent = listed_as(probes["whole"], video_id="absent")
    missing = missing_videos(build_inventory(pl.concat([wrong, absent]), listing, probes))
    assert missing.schema == MISSING_SCHEMA
    assert list(missing.select("video_id", "reason_kind").iter_rows()) == [
        ("absent", "absent"),
        ("coming", "incomplete"),
        ("cut", "unreadable"),
        ("noindex", "unreadable"),
        ("whole", "drifted"),
        ("zero", "unreadable"),
    ]
    assert missing["reason"].null_count() == 0
    target = tmp_path / "reports" / "missing_videos.txt"
    write_missing_list(missing, target, DOH)
    assert target.read_text() == "absent.mp4\ncoming.mp4\ncut.mp4\nnoindex.mp4\nwhole.mp4\nzero.mp4\n"
    note = target.with_name("missing_videos_note.txt")
    assert note.read_text().startswith("missing_videos.txt names 6 videos of 100DOH that are missing")
    assert "README in the folder Hand100M" in note.read_text()
    write_missing_list(missing.head(1), target, EGO4D)
    assert note.read_text().startswith("missing_videos.txt names 1 video of Ego4D that is missing")
    assert "ego4d command" in note.read_text()
    write_missing_list(missing.clear(), target, DOH)
    assert target.read_text() == ""
    assert note.read_text() == "missing_videos.txt is empty: no video of 100DOH is missing.\n"


def test_a_report_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError):
        write_missing_list(pl.DataFrame(schema=MISSING_SCHEMA), tmp_path / "file" / "missing.txt", DOH)


def test_half_of_the_real_list_absent_is_reported_exactly(clip) -> None:
    path = reference_list()
    if path is None:
        pytest.skip("the real Ego4D list is not here; name its folder in HAND100M_REFERENCE_DIR")
    listed = read_video_list(path, EGO4D)
    template = probe_video(clip("defaults"))
    here = listed.gather_every(2)
    probes: dict[str, VideoInfo | VideoUnreadableError] = {
        row["video_id"]: replace(
            template,
            size_bytes=row["size_bytes_listed"],
            width_px=row["width_px_listed"],
            height_px=row["height_px_listed"],
            frame_count_from_header=row["frame_count_listed"],
            frame_rate_fps=Fraction(row["frame_rate_num_listed"], row["frame_rate_den_listed"]),
            duration_from_header_s=row["length_s_listed"],
        )
        for row in here.iter_rows(named=True)
    }
    listing = Listing({video_id: info_stamp(info) for video_id, info in probes.items() if isinstance(info, VideoInfo)})
    missing = missing_videos(build_inventory(listed, listing, probes))
    assert set(missing["video_id"]) == set(listed["video_id"]) - set(here["video_id"])
    assert set(missing["reason_kind"]) == {"absent"}


def info_stamp(info: VideoInfo) -> FileStamp:
    return FileStamp(info.size_bytes, info.mtime_ns)


def test_a_file_below_its_official_size_counts_as_still_coming(clip, tmp_path: Path) -> None:
    info = probe_video(media.copy_clip(clip("defaults"), tmp_path, "vid"))
    listing = list_videos(tmp_path, DOH)
    listed = listed_as(info, size_bytes_listed=info.size_bytes + 1)
    missing = missing_videos(build_inventory(listed, listing, {"vid": info}))
    assert missing["reason_kind"].to_list() == ["incomplete"]
    assert f"still to come: 1 byte of {sized(info.size_bytes + 1)}" in missing["reason"][0]


def test_headers_of_files_that_did_not_change_come_from_the_table_before(folder: Path, tmp_path: Path) -> None:
    listing, file = list_videos(folder, DOH), tmp_path / "inventory.parquet"
    assert remembered_probes(file, listing) == {}
    before = build_inventory(None, listing, probe_all(folder, listing))
    before.write_parquet(file)
    remembered = remembered_probes(file, listing)
    assert remembered.keys() == {"whole", "extra", "turned", "cut"}  # the others gave no header to remember
    rest = {v: probe for v, probe in probe_all(folder, listing).items() if v not in remembered}
    assert build_inventory(None, listing, remembered | rest).equals(before)
    (folder / "whole.mp4").write_bytes((folder / "extra.mp4").read_bytes())
    assert "whole" not in remembered_probes(file, list_videos(folder, DOH))
