"""Every asset on a tiny real workspace: what it makes, what it says, how it fails."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import dagster as dg
import numpy as np
import polars as pl
import pytest

from hand100m_assets.annotations.lookup import HandTable
from hand100m_assets.dataset import HandPairs
from hand100m_assets.defs.descriptions.columns import COLUMNS
from hand100m_assets.defs.internals import DATA_VERSION_TAG
from hand100m_assets.errors import Hand100mError, OutputUnwritableError, VideoUnreadableError
from hand100m_assets.video.frames import read_manifest, stamp_of
from hand100m_assets.video.frames.failures import record_failure
from hand100m_assets.workspace import CHARTS, SHEETS
from hand100m_assets_tests.defs.conftest import TinyWorkspace, failure, hand, image, tiny_workspace
from hand100m_assets_tests.original_reader import OriginalSet, read_coco

GOOD, OTHER, CUT, NO_INDEX, TEXT = "aaaaaaaaaaa", "-bbbbbbbbbb", "ccccccccccc", "ddddddddddd", "eeeeeeeeeee"


def frame_indices(tiny: TinyWorkspace, video_id: str) -> list[int]:
    names = sorted(path.name for path in tiny.place.output.frame_dir(video_id).glob("*.jpg"))
    return [int(name[6:12]) for name in names]


def written_at(tiny: TinyWorkspace) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in tiny.place.output.frames_dir.rglob("frame_*.jpg")}


def with_batch(tiny: TinyWorkspace) -> TinyWorkspace:
    """Two sound videos, one cut with its index in front, one without index, one web page."""
    tiny.add_video(GOOD)
    tiny.add_video(OTHER, "defaults")
    tiny.add_video(CUT, "cut_with_index")
    tiny.add_video(NO_INDEX, "cut_without_index")
    tiny.add_video(TEXT, "text")
    tiny.register(GOOD, OTHER, CUT, NO_INDEX, TEXT)
    return tiny


def with_annotations(tiny: TinyWorkspace) -> TinyWorkspace:
    """A set that names two frames of one video, none of the other, and a positive across videos."""
    tiny.add_annotations(
        [hand(11, 1, 12), hand(12, 2, 11), hand(13, 3, 11)],
        [image(GOOD, 30, 1), image(GOOD, 33, 2), image(CUT, 0, 3)],
    )
    tiny.notice()
    return tiny


@pytest.fixture
def batch(tiny: TinyWorkspace) -> TinyWorkspace:
    return with_batch(tiny)


@pytest.fixture
def annotated(batch: TinyWorkspace) -> TinyWorkspace:
    return with_annotations(batch)


def test_in_one_run_good_videos_finish_and_bad_ones_fail_by_name(batch: TinyWorkspace) -> None:
    result = batch.extract(OTHER, TEXT)
    assert not result.success
    assert batch.status("frames") == {
        OTHER: "MATERIALIZED",
        GOOD: "MATERIALIZED",
        CUT: "MATERIALIZED",
        NO_INDEX: "FAILED",
        TEXT: "FAILED",
    }
    lines = failure(result).splitlines()
    assert lines[0] == "2 of 5 videos failed; the others are finished and recorded."
    assert [line.split(":")[0] for line in lines[1:]] == [f"- {NO_INDEX}", f"- {TEXT}"]
    assert all(f"{video_id}.mp4" in line for video_id, line in zip((NO_INDEX, TEXT), lines[1:], strict=True))
    told = [event.asset_observation_data.asset_observation for event in result.get_asset_observation_events()]
    assert {f"- {said.partition}: {said.metadata['reason'].value}" for said in told} == set(lines[1:])
    assert frame_indices(batch, GOOD) == frame_indices(batch, OTHER) == list(range(0, 100, 10))


def test_a_cut_video_keeps_its_whole_frames_and_says_that_it_is_damaged(batch: TinyWorkspace) -> None:
    assert batch.extract(CUT).success
    metadata = batch.metadata("frames", CUT)
    kept = frame_indices(batch, CUT)
    assert metadata["status"] == "damaged"
    assert metadata["frames"] == len(kept) < 10
    assert kept == list(range(0, 10 * len(kept), 10))


def test_a_materialization_shows_figures_and_a_small_preview(batch: TinyWorkspace) -> None:
    batch.extract(GOOD)
    metadata = batch.metadata("frames", GOOD)
    manifest = read_manifest(batch.place.output.manifest_file(GOOD))
    assert (metadata["frames"], manifest.frame_count) == (10, 100)
    assert 10 <= metadata["frame_count_decoded"] == manifest.frame_count_decoded <= 100
    assert (metadata["status"], metadata["selection"]) == ("complete", {"kind": "stride", "stride": 10})
    assert metadata["folder"] == str(batch.place.output.frame_dir(GOOD))
    assert metadata["preview"].startswith("![") and "data:image/jpeg;base64," in metadata["preview"]
    assert len(metadata["preview"]) <= 100_000


def test_a_rerun_decodes_nothing_anew(batch: TinyWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    batch.extract(OTHER, GOOD)
    before = written_at(batch)

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("hand100m_assets.video.frames.extract.decode_frames", refuse)
    assert batch.extract(OTHER, GOOD).success
    assert batch.metadata("frames", GOOD)["reused"] is True
    assert written_at(batch) == before


def test_going_on_from_failure_asks_for_the_failed_ones_only(batch: TinyWorkspace) -> None:
    batch.extract(OTHER, TEXT)
    batch.add_video(NO_INDEX)
    result = batch.extract(NO_INDEX, TEXT)
    assert "1 of 2 videos failed" in failure(result)
    assert batch.status("frames")[NO_INDEX] == "MATERIALIZED"
    materialized = [event.partition for event in result.all_events if event.is_step_materialization]
    assert materialized == [NO_INDEX]


def test_a_narrower_stride_adds_only_what_is_missing(batch: TinyWorkspace) -> None:
    batch.reconfigured(frame_stride=20).extract(GOOD)
    before = written_at(batch)
    assert frame_indices(batch, GOOD) == list(range(0, 100, 20))
    assert batch.extract(GOOD).success
    assert frame_indices(batch, GOOD) == list(range(0, 100, 10))
    assert before.items() <= written_at(batch).items()


def test_another_quality_makes_every_frame_anew(batch: TinyWorkspace) -> None:
    batch.extract(GOOD)
    before = {path: path.read_bytes() for path in written_at(batch)}
    assert batch.reconfigured(jpeg_quality=60).extract(GOOD).success
    assert before.keys() == written_at(batch).keys()
    assert all(len(path.read_bytes()) < len(data) for path, data in before.items())
    assert read_manifest(batch.place.output.manifest_file(GOOD)).jpeg_quality == 60


def test_a_replaced_video_is_extracted_anew(batch: TinyWorkspace) -> None:
    batch.extract(CUT)
    batch.add_video(CUT)
    assert batch.extract(CUT).success
    assert batch.metadata("frames", CUT)["status"] == "complete"
    assert frame_indices(batch, CUT) == list(range(0, 100, 10))


def test_a_video_that_is_gone_fails_by_name_and_leaves_the_others_alone(batch: TinyWorkspace) -> None:
    batch.place.video_file(GOOD).unlink()
    result = batch.extract(OTHER, GOOD)
    assert str(batch.place.video_file(GOOD)) in failure(result)
    assert batch.status("frames") == {OTHER: "MATERIALIZED", GOOD: "FAILED"}


def test_the_annotated_selection_takes_the_named_frames_and_nothing_of_other_videos(annotated: TinyWorkspace) -> None:
    assert annotated.ingest().success
    chosen = annotated.reconfigured(frame_selection="annotated")
    assert chosen.extract(OTHER, CUT).success
    assert frame_indices(chosen, GOOD) == [30, 33]
    assert frame_indices(chosen, CUT) == [0]
    assert frame_indices(chosen, OTHER) == []
    assert (chosen.metadata("frames", OTHER)["frames"], chosen.metadata("frames", OTHER)["status"]) == (0, "complete")


def test_annotated_without_any_tables_fails_instead_of_finishing_with_no_frame(annotated: TinyWorkspace) -> None:
    result = annotated.reconfigured(frame_selection="annotated").extract(OTHER, CUT)
    assert failure(result).startswith("HAND100M_FRAME_SELECTION=annotated: no annotation set of 100DOH has tables yet")
    assert set(annotated.status("frames").values()) == {"FAILED"}
    assert not annotated.place.output.frames_dir.exists()


def test_annotated_by_a_set_that_is_not_there_names_it(annotated: TinyWorkspace) -> None:
    annotated.ingest()
    result = annotated.reconfigured(frame_selection="annotated", annotated_sets=["topk-1m"]).extract(GOOD)
    assert "topk-1m" in failure(result) and "HAND100M_ANNOTATED_SETS" in failure(result)


def disk_full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_clear_line_and_leaves_no_finished_folder(
    batch: TinyWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "write_bytes", disk_full)
    assert "disk is full: free some space" in failure(batch.extract(GOOD))
    assert not list(batch.place.output.frames_dir.glob("[!.]*"))
    monkeypatch.undo()
    assert batch.extract(GOOD).success


def test_a_disk_that_refuses_a_table_is_one_clear_line_and_keeps_the_old_table(
    batch: TinyWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.add_list(GOOD)
    batch.execute("100doh_catalog")
    before = batch.table("video_list")
    batch.add_list(GOOD, OTHER)

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "replace", refuse)
    message = failure(batch.execute("100doh_catalog"), "100doh__video_list")
    assert "video_list.parquet" in message and "mounted read-only" in message
    assert batch.table("video_list").equals(before)
    assert not list(batch.place.output.base_dir.glob(".*"))


def test_an_output_root_that_cannot_be_made_is_one_clear_line(tiny: TinyWorkspace) -> None:
    tiny.settings.output_root.write_text("a file stands here")
    message = failure(tiny.execute("100doh_catalog"), "100doh__video_list")
    assert str(tiny.settings.output_root) in message and "choose another output folder" in message


def test_the_catalog_job_makes_list_inventory_report_and_catalog(batch: TinyWorkspace) -> None:
    batch.add_list(GOOD, OTHER, CUT, NO_INDEX, "absent_____")
    batch.extract(OTHER, GOOD)
    result = batch.execute("100doh_catalog")
    assert result.success
    assert batch.table("video_list").height == 5
    states = dict(batch.table("inventory").select("video_id", "state").iter_rows())
    assert states == {
        GOOD: "complete",
        OTHER: "complete",
        CUT: "unreadable",
        NO_INDEX: "unreadable",
        TEXT: "unreadable",
        "absent_____": "missing",
    }
    assert batch.metadata("inventory")["states"] == {"complete": 2, "missing": 1, "unreadable": 3}
    names = batch.place.output.missing_videos_file.read_text().splitlines()
    assert names == ["absent_____.mp4", f"{CUT}.mp4", f"{NO_INDEX}.mp4", f"{TEXT}.mp4"]
    assert batch.metadata("missing_videos")["report"] == str(batch.place.output.missing_videos_file)
    assert batch.table("frame_catalog").height == batch.metadata("frame_catalog")["dagster/row_count"] == 20
    assert batch.metadata("frame_catalog")["videos"] == 2


def test_without_a_list_the_inventory_is_what_is_on_disk(batch: TinyWorkspace) -> None:
    result = batch.execute("100doh_catalog")
    assert result.success
    assert batch.table("video_list").is_empty()
    assert batch.table("inventory").height == 5
    assert any("missing videos are not noticed" in line for line in log_lines(batch, result))


def log_lines(tiny: TinyWorkspace, result: dg.ExecuteInProcessResult) -> list[str]:
    return [entry.user_message for entry in tiny.instance.all_logs(result.run_id)]


def test_a_list_with_wrong_columns_fails_by_name_and_the_rest_goes_on(batch: TinyWorkspace) -> None:
    path = batch.add_list(text="id;size\naaaaaaaaaaa;12\n")
    batch.extract(GOOD)
    result = batch.execute("100doh_catalog")
    assert failure(result).startswith(f"{path}, row 1: neither a header with a video name nor a row of the 100DOH list")
    made = {key.path[-1] for event in result.get_asset_materialization_events() if (key := event.asset_key)}
    assert made == {"frame_catalog"}


def test_an_unmounted_video_folder_fails_the_inventory_and_empties_nothing(batch: TinyWorkspace) -> None:
    batch.execute("100doh_catalog")
    folder = batch.place.folders.videos_dir
    folder.rename(folder.with_name("elsewhere"))
    result = batch.execute("100doh_catalog")
    assert str(folder) in failure(result) and "Mount" in failure(result)
    assert batch.table("inventory").height == 5


def test_annotations_count_their_rejects(annotated: TinyWorkspace) -> None:
    annotated.add_annotations([hand(11, 1, None), hand(12, 1, None, boxes="[1, 2]")], [image(GOOD, 30, 1)])
    assert annotated.ingest().success
    metadata = annotated.metadata("annotations", "simhand-50k")
    assert (metadata["hands_read"], metadata["hands_kept"], metadata["rejects"]) == (2, 1, 1)
    assert metadata["complete"] is True


@pytest.mark.parametrize(
    ("text", "words"),
    [("[1, 2]", "not an object with images and annotations"), ("", "zero bytes"), ('{"a": 1}', "annotations")],
    ids=str,
)
def test_a_file_of_another_shape_is_one_clear_line_and_publishes_nothing(
    annotated: TinyWorkspace, text: str, words: str
) -> None:
    path = annotated.add_annotations([], [])
    path.write_text(text)
    message = failure(annotated.ingest())
    assert words in message and str(path.parent) in message
    assert not (annotated.place.output.annotation_dir("simhand-50k") / "summary.json").exists()


def test_an_annotation_file_that_is_gone_is_one_clear_line(annotated: TinyWorkspace) -> None:
    next(annotated.place.folders.annotations_dir.iterdir()).unlink()
    assert "no annotation file gives the set 'simhand-50k'" in failure(annotated.ingest())


@pytest.mark.parametrize("step", ["100doh__pictures", "100doh__export"])
def test_what_has_no_input_yet_says_so(annotated: TinyWorkspace, step: str) -> None:
    assert "has not been materialized yet" in failure(annotated.draw(), step)


@pytest.mark.parametrize("name", ["grid", "sheets", "report"])
def test_pictures_of_a_set_without_tables_say_what_to_do(annotated: TinyWorkspace, name: str) -> None:
    selection = [dg.AssetKey(["100doh", name])]
    result = annotated.execute("100doh_pictures", partition_key="simhand-50k", asset_selection=selection)
    assert "no finished tables" in failure(result)


def test_pictures_need_only_tables_and_say_why_their_cells_are_empty(annotated: TinyWorkspace) -> None:
    assert annotated.execute(
        "100doh_annotations", partition_key="simhand-50k", asset_selection=[dg.AssetKey(["100doh", "annotations"])]
    ).success
    selection = [dg.AssetKey(["100doh", name]) for name in ("grid", "sheets", "report")]
    assert annotated.execute("100doh_pictures", partition_key="simhand-50k", asset_selection=selection).success
    assert set(annotated.table("grid", "simhand-50k")["reason"]) == {"image not on disk"}
    page = Path(annotated.metadata("report", "simhand-50k")["file"]).read_text()
    assert "Not known yet: coverage was not materialized." in page


def test_pairs_without_tables_say_what_to_do(annotated: TinyWorkspace) -> None:
    selection = [dg.AssetKey(["100doh", "pairs"])]
    result = annotated.execute("100doh_annotations", partition_key="simhand-50k", asset_selection=selection)
    assert "Ingest the annotation file first" in failure(result)


Drawn = tuple[TinyWorkspace, dg.ExecuteInProcessResult]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Iterator[Drawn]:
    """Everything materialized once; read only."""
    with tiny_workspace(tmp_path_factory.mktemp("drawn"), clips) as tiny:
        with_annotations(with_batch(tiny))
        assert tiny.ingest().success
        tiny.extract(OTHER, TEXT)
        assert tiny.execute("100doh_catalog").success
        result = tiny.draw()
        assert result.success
        yield tiny, result


def test_coverage_says_why_an_image_is_not_there(drawn: Drawn) -> None:
    tiny, _ = drawn
    rows = tiny.table("coverage", "simhand-50k").select("video_id", "frame_index", "exists", "reason").rows()
    assert rows == [(GOOD, 30, True, None), (GOOD, 33, False, "not on the selection"), (CUT, 0, True, None)]
    metadata = tiny.metadata("coverage", "simhand-50k")
    assert metadata["images"] == {"not on the selection": 1, "on disk": 2}
    assert "data:image/png;base64," in metadata["chart"] and len(metadata["chart"]) <= 100_000


def test_an_image_behind_a_mapped_prefix_is_on_disk_for_coverage_and_picture_alike(
    annotated: TinyWorkspace, tmp_path: Path
) -> None:
    annotated.ingest()
    annotated.execute("100doh_catalog")
    names = pl.read_parquet(annotated.place.output.annotation_dir("simhand-50k") / "images.parquet")["file_name"]
    elsewhere = tmp_path / "elsewhere"
    there = elsewhere / names[1]
    there.parent.mkdir(parents=True)
    cv2.imwrite(str(there), np.full((240, 320, 3), 128, np.uint8))
    chosen = annotated.reconfigured(image_prefixes={"": elsewhere})
    selection = [dg.AssetKey(["100doh", "coverage"])]
    assert chosen.execute("100doh_pictures", partition_key="simhand-50k", asset_selection=selection).success
    counts = chosen.metadata("coverage", "simhand-50k")["images"]
    assert counts == {"on disk": 1, "not where its prefix leads": 2}
    assert "labels over pixels" in str(chosen.metadata("coverage", "simhand-50k")["labels_over_pixels"])


def test_the_export_is_what_the_original_loaders_and_coco_tools_read(drawn: Drawn) -> None:
    tiny, _ = drawn
    metadata = tiny.metadata("export", "simhand-50k")
    # One frame is not on the stride, and both other hands lead to its hand.
    left_out = {"image not on disk": 1, "positive is left out itself": 2}
    assert (metadata["original: hands"], metadata["original: left out"]) == (0, left_out)
    assert Path(metadata["original"]) == tiny.place.output.export_dir / "Hand100M_100DOH_50k_v1-1.json"
    file_names = [image["file_name"] for image in json.loads(Path(metadata["original"]).read_text())["images"]]
    assert file_names == [f"100doh/frames/{GOOD}/frame_000030.jpg", f"100doh/frames/{CUT}/frame_000000.jpg"]
    # The annotation file gives no sizes: they are those of the inventory.
    content = read_coco(Path(metadata["coco"]))
    assert {(image["width"], image["height"]) for image in content["images"]} == {(320, 240)}
    assert metadata["coco: hands"] == len(content["annotations"]) == 3


def test_only_the_formats_of_the_settings_are_exported(annotated: TinyWorkspace) -> None:
    annotated.ingest()
    annotated.execute("100doh_catalog")
    chosen = annotated.reconfigured(export_formats=["coco"], export_prefix="/frames of {source}")
    selection = [dg.AssetKey(["100doh", "export"])]
    assert chosen.execute("100doh_pictures", partition_key="simhand-50k", asset_selection=selection).success
    (file,) = chosen.place.output.export_dir.iterdir()
    assert read_coco(file)["images"][0]["file_name"] == f"/frames of 100doh/{GOOD}/frame_000030.jpg"


def test_ingested_hands_are_found_by_row_and_by_id(drawn: Drawn) -> None:
    tiny, _ = drawn
    with HandTable(tiny.place.output.annotation_dir("simhand-50k")) as table:
        assert table[table.row_of(13)].positives == (11,)
    assert tiny.metadata("annotations", "simhand-50k")["hands_not_found_by_id"] == 0


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(OutputUnwritableError, "extraction to be retried"), (VideoUnreadableError, "extraction failed")],
)
def test_coverage_tells_a_passing_failure_from_a_final_one(
    annotated: TinyWorkspace, kind: type[Hand100mError], reason: str
) -> None:
    annotated.ingest()
    frames, video = annotated.place.output.frames_dir, annotated.place.video_file(GOOD)
    record_failure(frames, GOOD, kind("no space" if kind is OutputUnwritableError else "no video"), stamp_of(video))
    annotated.execute("100doh_catalog")
    selection = [dg.AssetKey(["100doh", "coverage"])]
    assert annotated.execute("100doh_pictures", partition_key="simhand-50k", asset_selection=selection).success
    reasons = dict(annotated.table("coverage", "simhand-50k").select("frame_index", "reason").rows())
    assert (reasons[30], reasons[33]) == (reason, "not on the selection")
    # Once the file is another one, the failure is no longer final.
    video.touch()
    assert annotated.place.extraction_failures() == {GOOD: False}


def test_coverage_of_a_wider_selection_says_what_is_still_to_come(annotated: TinyWorkspace) -> None:
    annotated.ingest()
    annotated.extract(GOOD)
    annotated.execute("100doh_catalog")
    for changes, reason in (
        ({"frame_selection": "annotated"}, "not extracted yet"),
        ({"frame_stride": 11}, "not extracted yet"),
        ({"frame_selection": "annotated", "annotated_sets": ["topk-1m"]}, "not on the selection"),
        ({}, "not on the selection"),
    ):
        chosen, selection = annotated.reconfigured(**changes), [dg.AssetKey(["100doh", "coverage"])]
        chosen.execute("100doh_pictures", partition_key="simhand-50k", asset_selection=selection)
        reasons = dict(chosen.table("coverage", "simhand-50k").select("frame_index", "reason").rows())
        assert reasons[33] == reason, changes


def test_pairs_name_each_hands_positive(drawn: Drawn) -> None:
    tiny, _ = drawn
    columns = ["hand_id", "positive_hand_id", "positive_row_index", "same_video", "reason"]
    assert tiny.table("pairs", "simhand-50k").select(columns).rows() == [
        (11, 12, 1, True, None),
        (12, 11, 0, True, None),
        (13, 11, 0, False, None),
    ]
    assert tiny.metadata("pairs", "simhand-50k")["hands_by_reason"] == {"resolved": 3}


def test_mining_names_the_nearest_of_other_videos_and_says_what_it_did(drawn: Drawn) -> None:
    tiny, _ = drawn
    table = tiny.table("mined_pairs", "simhand-50k")
    assert table.select("hand_id", "neighbour_hand_ids").rows() == [(11, [13]), (12, [13]), (13, [11, 12])]
    metadata = tiny.metadata("mined_pairs", "simhand-50k")
    assert (metadata["dagster/row_count"], metadata["neighbours"], metadata["hands_rejected"]) == (3, 4, 0)
    assert (metadata["engine"], metadata["recall"]) == ("exact", 1.0)


def test_mined_pairs_are_an_annotation_file_that_the_original_loaders_read(drawn: Drawn) -> None:
    tiny, _ = drawn
    metadata = tiny.metadata("export", "simhand-50k")
    file = tiny.place.output.mined_annotations_file("simhand-50k")
    assert (metadata["mined"], metadata["mined: hands"]) == (str(file), 2)
    loaded, table = OriginalSet(file), tiny.table("mined_pairs", "simhand-50k")
    assert metadata["mined: left out"] == {"image not on disk": 1}
    table = table.filter(pl.col("hand_id") != 12)
    nearest = list(zip(table["hand_id"], table["neighbour_hand_ids"].list.first(), strict=True))
    assert [(sample.hand_id, sample.positive_id) for sample in loaded.samples] == nearest == [(11, 13), (13, 11)]
    distances = table["distances"].list.first().to_list()
    assert [sample.distance for sample in loaded.samples] == pytest.approx(distances, rel=1e-6)
    assert loaded.samples[0].file_name == f"100doh/frames/{GOOD}/frame_000030.jpg"


def test_no_annotation_file_of_older_pairs_stays_where_none_is_wanted(annotated: TinyWorkspace) -> None:
    annotated.ingest()
    annotated.execute("100doh_catalog")
    selection = [dg.AssetKey(["100doh", "export"])]
    assert annotated.execute("100doh_pictures", partition_key="simhand-50k", asset_selection=selection).success
    file = annotated.place.output.mined_annotations_file("simhand-50k")
    assert file.exists()
    chosen = annotated.reconfigured(mine_annotations=False)
    assert chosen.execute("100doh_pictures", partition_key="simhand-50k", asset_selection=selection).success
    assert [path.name for path in file.parent.iterdir()] == ["simhand-50k.parquet"]
    assert "mined" not in chosen.metadata("export", "simhand-50k")


def test_agreement_ranks_the_shipped_positives_and_shows_a_chart(drawn: Drawn) -> None:
    tiny, _ = drawn
    table = tiny.table("agreement", "simhand-50k")
    same = "positive is from the same video"
    assert table.select("hand_id", "rank", "reason").rows() == [(11, None, same), (12, None, same), (13, 1, None)]
    metadata = tiny.metadata("agreement", "simhand-50k")
    assert (metadata["comparable"], metadata["nearest"]) == (1, 1)
    assert "](data:image/png;base64," in metadata["chart"]


def test_both_grids_are_drawn_whole_with_previews_that_need_no_network(drawn: Drawn) -> None:
    tiny, _ = drawn
    metadata = tiny.metadata("grid", "simhand-50k")
    for labelled, name in ((False, "plain"), (True, "labelled")):
        path = tiny.place.output.grid_file("simhand-50k", labelled=labelled)
        assert cv2.imread(str(path)).shape == (2240, 2240, 3)
        assert metadata[name] == str(path)
        preview = metadata[f"{name}_preview"]
        assert "](data:image/jpeg;base64," in preview and len(preview) <= 100_000
    cells = tiny.table("grid", "simhand-50k")
    assert (cells.height, metadata["cells_empty"]) == (6, cells["reason"].len() - cells["reason"].null_count())
    assert set(cells["reason"].drop_nulls()) == {"not on the selection"}


def test_sheets_and_charts_are_whole_files_with_previews_that_need_no_network(drawn: Drawn) -> None:
    tiny, _ = drawn
    metadata = tiny.metadata("sheets", "simhand-50k")
    for name in (*SHEETS, *CHARTS):
        path = Path(metadata[f"{name}_file"])
        assert path.parent == tiny.place.output.base_dir / "sheets" / "simhand-50k"
        assert cv2.imread(str(path)) is not None
        assert "](data:image/" in metadata[name] and len(metadata[name]) <= 100_000
    cells = tiny.table("sheets", "simhand-50k")
    assert set(cells["sheet"]) <= set(SHEETS)
    assert metadata["cells_empty"] == cells["reason"].len() - cells["reason"].null_count() > 0


def test_the_report_is_a_page_with_a_link_and_all_pictures_inside(drawn: Drawn) -> None:
    tiny, _ = drawn
    metadata, file = tiny.metadata("report", "simhand-50k"), tiny.place.output.report_file("simhand-50k")
    assert (metadata["report"], metadata["file"]) == (file.resolve().as_uri(), str(file))
    page = file.read_text()
    assert page.count("data:image/") == metadata["pictures"] == 8
    assert "not on the selection" in page
    served = tiny.reconfigured(output_url="http://shelf:8000/hands/")
    selection = [dg.AssetKey(["100doh", "report"])]
    assert served.execute("100doh_pictures", partition_key="simhand-50k", asset_selection=selection).success
    assert served.metadata("report", "simhand-50k")["report"] == (
        "http://shelf:8000/hands/100doh/report/simhand-50k.html"
    )


def test_the_run_log_says_the_three_lines_with_what_was_really_read(drawn: Drawn) -> None:
    tiny, result = drawn
    lines = log_lines(tiny, result)
    first = lines.index("100DOH 50k JSON file loaded successfully.")
    assert lines[first + 1 : first + 3] == ["A total of 3 images were read.", "A total of 3 data items were read."]


def test_a_training_set_counts_crops_that_wait_for_their_positive_s_frame(drawn: Drawn) -> None:
    tiny, _ = drawn
    metadata = tiny.metadata("training_set", "simhand-50k")
    pairs = HandPairs(tiny.place.output.base_dir, "simhand-50k", tensors=False)
    assert (metadata["crops_cut_now"], metadata["dagster/row_count"], len(pairs)) == (2, 0, 0)
    assert metadata["hands_left_out"] == {"image not on disk": 1, "positive is left out itself": 2}
    assert metadata["folder"] == str(pairs.folder)


TABLES = ("video_list", "inventory", "missing_videos", "frame_catalog")
TABLES_OF_SETS = ("annotations", "coverage", "pairs", "mined_pairs", "agreement", "grid", "sheets")
PLAIN_TYPE = re.compile(r"(?:list of |[0-9 x]+)?(?:text|(?:whole )?number)s?|true or false")


def about_columns(tiny: TinyWorkspace, asset: str) -> tuple[dg.TableSchema, dict[str, list[dg.TableColumnDep]]]:
    metadata = tiny.metadata(asset, "simhand-50k" if asset in TABLES_OF_SETS else None)
    lineage = metadata.get("dagster/column_lineage")
    assert isinstance(metadata["dagster/column_schema"], dg.TableSchema)
    return metadata["dagster/column_schema"], dict(lineage.deps_by_column) if lineage else {}


@pytest.mark.parametrize("asset", [*TABLES, *TABLES_OF_SETS])
def test_each_column_of_each_table_has_a_description_and_a_plain_type(drawn: Drawn, asset: str) -> None:
    tiny, _ = drawn
    schema, _ = about_columns(tiny, asset)
    assert [column.name for column in schema.columns] == list(COLUMNS[asset]) or asset == "annotations"
    assert {column.name for column in schema.columns} == COLUMNS[asset].keys()
    for column in schema.columns:
        assert column.description, column.name
        assert column.description.endswith("."), column.description
        assert PLAIN_TYPE.fullmatch(column.type), column.type


def test_the_values_of_a_column_that_has_few_are_listed(drawn: Drawn) -> None:
    tiny, _ = drawn
    schema, _ = about_columns(tiny, "missing_videos")
    (kind,) = (column for column in schema.columns if column.name == "reason_kind")
    assert (kind.type, kind.description.partition(" One of: ")[2]) == (
        "text",
        "absent, incomplete, unreadable, drifted.",
    )


@pytest.mark.parametrize("asset", [*TABLES, *TABLES_OF_SETS])
def test_where_a_column_comes_from_there_is_one_and_that_asset_is_an_input(drawn: Drawn, asset: str) -> None:
    tiny, _ = drawn
    _, origins = about_columns(tiny, asset)
    graph = tiny.defs.get_repository_def().asset_graph
    inputs = {key.path[-1] for key in graph.get(dg.AssetKey(["100doh", asset])).parent_keys}
    tables = inputs & {*TABLES, *TABLES_OF_SETS}
    of_the_positive = {"agreement": {"mined_pairs", "pairs", "annotations"}}
    assert {dep.asset_key.path[-1] for deps in origins.values() for dep in deps} == of_the_positive.get(asset, tables)
    for deps in origins.values():
        for dep in deps:
            there, _ = about_columns(tiny, dep.asset_key.path[-1])
            assert dep.column_name in {column.name for column in there.columns}, dep


CURVES = {
    "video_list": {"videos"},
    "inventory": {"videos", "complete", "missing", "unreadable", "refused", "in_progress", "drifted", "bytes"},
    "missing_videos": {"to_ask_for", "absent", "incomplete", "unreadable", "drifted"},
    "frame_catalog": {"videos", "frames", "bytes"},
    "annotations": {"hands", "hands_kept", "rejects", "bytes"},
    "coverage": {"hands", "frames", "missing"},
    "pairs": {"hands", "resolved", "unresolved"},
    "mined_pairs": {"hands", "neighbours", "recall", "bytes"},
    "grid": {"cells_empty"},
    "sheets": {"cells_empty"},
    "export": {"bytes"},
    "report": {"bytes", "pictures"},
    "training_set": {"hands", "missing", "bytes", "shards"},
}


@pytest.mark.parametrize("asset", CURVES)
def test_the_ui_draws_a_curve_of_each_count(drawn: Drawn, asset: str) -> None:
    tiny, _ = drawn
    by_set = tiny.defs.get_repository_def().asset_graph.get(dg.AssetKey(["100doh", asset])).partitions_def
    metadata = tiny.metadata(asset, "simhand-50k" if by_set else None)
    assert {name: type(metadata[name]) for name in CURVES[asset]} == {
        name: float if name == "recall" else int for name in CURVES[asset]
    }


def test_frames_count_themselves_and_their_bytes(drawn: Drawn) -> None:
    tiny, _ = drawn
    metadata = tiny.metadata("frames", GOOD)
    files = list(tiny.place.output.frame_dir(GOOD).glob("*.jpg"))
    assert (metadata["frames"], metadata["bytes"]) == (len(files), sum(path.stat().st_size for path in files))


def test_the_inventory_counts_its_states(drawn: Drawn) -> None:
    tiny, _ = drawn
    metadata = tiny.metadata("inventory")
    assert {name: metadata[name] for name in ("complete", "missing", "unreadable", "in_progress")} == {
        "complete": 2,
        "missing": 0,
        "unreadable": 3,
        "in_progress": 0,
    }


def test_what_is_made_again_of_the_same_is_the_same_version(drawn: Drawn) -> None:
    tiny, _ = drawn
    versions = {}
    for round_ in range(2):
        if round_:
            assert tiny.draw().success
        for asset in ("export", "training_set"):
            (record,) = tiny.instance.fetch_materializations(dg.AssetKey(["100doh", asset]), limit=1).records
            versions.setdefault(asset, set()).add(record.asset_materialization.tags[DATA_VERSION_TAG])
    assert {asset: len(found) for asset, found in versions.items()} == {"export": 1, "training_set": 1}
