"""A folder that is suddenly empty is not mounted: nobody calls its files deleted, and all is right when it is back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.errors import FolderUnreadableError, SettingsError
from hand100m_assets.files.presence import away_since, last_look_s, note_look, note_renewed
from hand100m_assets.layout import IN_PROGRESS_DIR
from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH
from hand100m_assets.video.downloads import missing_videos, write_missing_list
from hand100m_assets.video.frames.job import extract_one
from hand100m_assets.workspace import (
    SourceWorkspace,
    findings,
    finished_videos,
    forget_videos,
    outstanding_videos,
    survey,
)
from hand100m_assets_tests.media import copy_clip, make_clip

ONE, TWO, ABSENT = "aaaaaaaaaaa", "bbbbbbbbbbb", "ccccccccccc"
SET = '{"images": [{"id": 1, "file_name": "x/aaaaaaaaaaa/frame_000030.jpg"}], "annotations": []}'


@pytest.fixture
def place(tmp_path: Path) -> SourceWorkspace:
    """Two videos, both looked at and one extracted, an absent one, and one annotation set with its tables."""
    settings = Settings(_env_file=None, data_root=tmp_path / "data", output_root=tmp_path / "out", frame_stride=10)
    place = SourceWorkspace(settings, DOH)
    clip = make_clip("keyint30_no_b", tmp_path)
    for video_id in (ONE, TWO):
        copy_clip(clip, place.folders.videos_dir, video_id)
    place.folders.list_file.write_text("".join(f"{v} g l 320x240 30/1\n" for v in (ONE, TWO, ABSENT)))
    place.folders.annotations_dir.mkdir(parents=True)
    file = place.folders.annotations_dir / "Hand100M_100DOH_50k_v1-1.json"
    file.write_text(SET)
    ingest_file(file, place.output.annotation_dir("simhand-50k"))
    (job,) = place.extraction_jobs([ONE])
    assert extract_one(job).error is None
    outstanding_videos(place, [ONE, TWO])
    look(place)
    return place


def look(place: SourceWorkspace) -> None:
    """What the sensor and the catalog run leave."""
    for _ in range(2):
        place.downloads.look_at_videos([ONE, TWO], None)
    inventory = place.downloads.inventory(place.downloads.video_list())
    inventory.write_parquet(place.output.table_file("inventory"))
    write_missing_list(missing_videos(inventory), place.output.missing_videos_file, DOH)
    note_renewed(place.output.videos_away_file)


@contextmanager
def unmounted(folder: Path, *, leaves: bool) -> Iterator[None]:
    """The mount point stays as an empty folder, or goes as well."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    if leaves:
        folder.mkdir()
    yield
    if leaves:
        folder.rmdir()
    aside.rename(folder)


READERS: dict[str, Callable[[SourceWorkspace], object]] = {
    "sensor": lambda place: place.downloads.look_at_videos([ONE, TWO], None),
    "inventory": lambda place: place.downloads.inventory(place.downloads.video_list()),
    "nightly": lambda place: outstanding_videos(place, [ONE, TWO]),
    "status": survey,
}


@pytest.mark.parametrize("leaves", [True, False], ids=["empty", "gone"])
@pytest.mark.parametrize("reader", READERS)
def test_no_reader_believes_that_all_videos_were_deleted(reader: str, leaves: bool, place: SourceWorkspace) -> None:
    missing_before = place.output.missing_videos_file.read_text()
    assert missing_before == f"{ABSENT}.mp4\n"
    with unmounted(place.folders.videos_dir, leaves=leaves):
        with pytest.raises(FolderUnreadableError) as refused:
            READERS[reader](place)
        assert str(place.folders.videos_dir) in str(refused.value)
        errors = [f for f in findings(place) if f.severity == "error" and f.source == "100doh"]
        assert [str(place.folders.videos_dir) in error.what for error in errors] == [True]
        assert away_since(place.output.videos_away_file)
    READERS[reader](place)
    look(place)
    assert place.output.missing_videos_file.read_text() == missing_before


def test_without_any_look_before_an_empty_folder_is_an_empty_folder(place: SourceWorkspace) -> None:
    fresh = SourceWorkspace(place.settings.model_copy(update={"output_root": place.settings.output_root / "new"}), DOH)
    with unmounted(place.folders.videos_dir, leaves=True):
        assert survey(fresh).videos_missing == 3


def test_an_inventory_alone_tells_what_was_here(place: SourceWorkspace) -> None:
    place.output.known_videos_file.unlink()
    with unmounted(place.folders.videos_dir, leaves=True), pytest.raises(FolderUnreadableError, match="2 videos"):
        survey(place)


def test_links_onto_a_disk_that_is_away_are_neither_missing_nor_deleted(place: SourceWorkspace) -> None:
    disk = place.folders.videos_dir.with_name("disk")
    disk.mkdir()
    for file in list(place.folders.videos_dir.iterdir()):
        file.rename(disk / file.name)
        file.symlink_to(disk / file.name)
    look(place)
    with unmounted(disk, leaves=True):
        inventory = place.downloads.inventory(place.downloads.video_list())
        assert dict(inventory.select("video_id", "state").iter_rows()) == {
            ONE: "refused",
            TWO: "refused",
            ABSENT: "missing",
        }
        assert missing_videos(inventory)["video_id"].to_list() == [ABSENT]
        assert not place.downloads.look_at_videos([ONE, TWO], None).vanished


def test_an_annotation_folder_that_is_suddenly_empty_is_refused(place: SourceWorkspace) -> None:
    with unmounted(place.folders.annotations_dir, leaves=True):
        with pytest.raises(FolderUnreadableError, match="1 annotation set of it is known"):
            place.annotation_files()
        assert survey(place).annotation_files is None
        assert any("annotation folder is empty" in finding.what for finding in findings(place))
    assert survey(place).annotation_files == 1


@pytest.mark.parametrize("leaves", [True, False], ids=["empty", "gone"])
def test_a_folder_of_frames_that_is_suddenly_empty_is_not_filled_anew(leaves: bool, place: SourceWorkspace) -> None:
    with unmounted(place.output.frames_dir, leaves=leaves):
        for reader in (
            lambda: outstanding_videos(place, [ONE, TWO]),
            lambda: place.extraction_jobs([ONE]),
            lambda: finished_videos(place),
        ):
            with pytest.raises(FolderUnreadableError, match="1 finished video of it is known"):
                reader()
    assert outstanding_videos(place, [ONE, TWO]).done == [ONE]


def test_frames_that_were_deleted_on_purpose_are_made_again_once_that_is_said(place: SourceWorkspace) -> None:
    with unmounted(place.output.frames_dir, leaves=True):
        told = ""
        try:
            place.extraction_jobs([ONE])
        except FolderUnreadableError as error:
            told = error.fix or ""
        said = place.output.frames_dir / IN_PROGRESS_DIR
        assert f"mkdir -p {said}" in told
        said.mkdir()
        assert outstanding_videos(place, [ONE, TWO]).wanted == [ONE, TWO]
        said.rmdir()


# Forgetting.


def states(place: SourceWorkspace) -> dict[str, str]:
    table = place.downloads.inventory(place.downloads.video_list())
    return dict(table.select("video_id", "state").iter_rows())


def test_a_video_deleted_on_purpose_is_forgotten_by_every_reader_and_can_be_asked_for_again(
    place: SourceWorkspace,
) -> None:
    aside = place.video_file(TWO).rename(place.settings.data_root / "aside")
    look(place)
    assert place.output.missing_videos_file.read_text() == f"{TWO}.mp4\n{ABSENT}.mp4\n"
    assert forget_videos(place.downloads, [TWO], undo=False) == ({TWO}, {TWO})
    assert place.output.missing_videos_file.read_text() == f"{ABSENT}.mp4\n"
    assert states(place)[TWO] == "forgotten"
    row = survey(place)
    assert (row.videos_missing, row.videos_forgotten) == (1, 1)
    assert forget_videos(place.downloads, [TWO], undo=True) == ({TWO}, set())
    assert place.output.missing_videos_file.read_text() == f"{TWO}.mp4\n{ABSENT}.mp4\n"
    forget_videos(place.downloads, [TWO], undo=False)
    aside.rename(place.video_file(TWO))
    assert states(place)[TWO] == "complete", "a file that is here counts"


def test_a_folder_emptied_on_purpose_is_believed_once_its_videos_are_forgotten(place: SourceWorkspace) -> None:
    for file in place.folders.videos_dir.iterdir():
        file.unlink()
    with pytest.raises(FolderUnreadableError, match="hand100m forget"):
        survey(place)
    changed, forgotten = forget_videos(place.downloads, None, undo=False)
    assert changed == forgotten == {ONE, TWO, ABSENT}
    assert survey(place).videos_forgotten == 3
    assert forget_videos(place.downloads, None, undo=True) == (forgotten, set())


@pytest.mark.parametrize("undo", [True, False])
def test_an_id_that_nobody_knows_is_refused_and_nothing_is_written(undo: bool, place: SourceWorkspace) -> None:
    with pytest.raises(SettingsError, match="zzz"):
        forget_videos(place.downloads, ["zzz"], undo=undo)
    assert not place.output.forgotten_videos_file.exists()


# Permission.


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_whole_file_that_may_not_be_read_is_named_and_not_to_be_downloaded_again(
    place: SourceWorkspace, tmp_path: Path
) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        with suppress(PermissionError):
            folder.chmod(folder.stat().st_mode | 0o755)
    place.output.table_file("inventory").unlink()
    place.video_file(ONE).chmod(0)
    with as_nobody():
        found = list(findings(place))
        inventory = place.downloads.inventory(place.downloads.video_list())
    place.video_file(ONE).chmod(0o644)
    (named,) = [f for f in found if str(place.video_file(ONE)) in f.what]
    assert "Permission denied" in named.what and "ermission" in named.what
    assert not any("Download" in f.fix or "ownload" in f.what for f in found if f is named)
    assert not any("not whole videos" in f.what for f in found)
    assert missing_videos(inventory)["video_id"].to_list() == [ABSENT]


def test_the_last_look_is_told_and_what_is_no_time_is_none(tmp_path: Path) -> None:
    mark = tmp_path / "output" / ".looked_at"
    assert last_look_s(mark) is None
    before_s = time.time()
    note_look(mark)
    told_s = last_look_s(mark)
    assert told_s is not None
    assert before_s - 0.01 <= told_s <= time.time()
    mark.write_text("yesterday")
    assert last_look_s(mark) is None
    note_look(mark / "below a file")  # nothing can be written there
