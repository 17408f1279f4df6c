"""What each room offers: a name that is added, renamed or taken away shows here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

import hand100m_assets

FACES = {
    "hand100m_assets.annotations": """
        AnnotationListing Exported FrameFiles HandRow HandTable IngestSummary build_lookup coverage
        export_coco export_json find_annotation_file frames_named frames_on_disk image_path ingest_file
        list_annotation_files pairable_hands read_summary
    """,
    "hand100m_assets.annotations.export": """
        Exported export_coco export_json
    """,
    "hand100m_assets.annotations.ingest": """
        ingest_file
    """,
    "hand100m_assets.annotations.lookup": """
        HandRow HandTable build_lookup stamp_of_tables
    """,
    "hand100m_assets.annotations.reading": """
        Batch CHUNK_BYTES FileFault KeyCount LoneRecord MAX_RECORD_BYTES RecordReader Section
        may_repeat_keys
    """,
    "hand100m_assets.annotations.rules": """
        RULES Rule RuleResult RuleTables apply_rules
    """,
    "hand100m_assets.dataset": """
        BuildReport CODECS Codec CropOptions CutFrom HandPairs INDEX_FILE TrainingSetJob build_training_set
        samples_per_second
    """,
    "hand100m_assets.dataset.building": """
        BuildReport Fault NO_SAMPLE PixelAudit TrainingSetJob audit_pixels build_training_set count_faults
        faults_table images_again keypoint_faults left_out_hands left_out_share pair_faults shard_faults
    """,
    "hand100m_assets.files": """
        FileStamp NO_FILE PART_SUFFIX away_since file_in_place_of last_look_s note_away note_look
        note_renewed output_errors refuse_emptied table_output_errors write_whole
    """,
    "hand100m_assets.imaging": """
        Box CROP_SIZE_PX CropRegion FINGER_NAMES ImageBgr JointOrder Keypoints METADATA_MAX_BYTES
        NOT_ON_DISK crop_hand crop_region finger_joints have_crops image_markdown image_size_px
        jpeg_markdown jpeg_size_px jpeg_under keypoints_in_image_px mirror_keypoints read_image
        thumbnail_markdown write_jpeg
    """,
    "hand100m_assets.pairs": """
        COUNTED_HANDS EmbeddingOptions Engine ExactSearch MINED_SCHEMA MOST_NEIGHBOURS MiningReport Progress
        SURE_RANKS embed_hands export_mined_json export_temporal_json measure_agreement mine_pairs
        reasons_against resolve_pairs summarise_agreement write_temporal_pairs
    """,
    "hand100m_assets.parallel": """
        DaskCluster DaskPool DaskQueue Outcome Task TimeLimitError WorkerDiedError connected work_through
    """,
    "hand100m_assets.render": """
        GridPictures choose_anchor_rows distance_chart draw_grids draw_ladder draw_skeleton keypoint_chart
        pose_map
    """,
    "hand100m_assets.render.charts": """
        GOOD_STATES WAITING_STATES agreement_chart coverage_chart distance_chart hands_per_video_chart
        inventory_chart keypoint_chart png_markdown pose_map progress_chart
    """,
    "hand100m_assets.render.grids": """
        AnchorChoice End GRID_PAIRS GRID_SIZE_PX GridPictures ImagePath LADDER_ROWS RANKS Sheet
        choose_anchor_rows choose_extreme_pairs draw_extreme_pairs draw_grids draw_ladder frames_preview
        frames_preview_markdown is_published labels_preview_markdown ordinal short_id
    """,
    "hand100m_assets.render.report": """
        Tone bars figures heading html_page paragraph picture section side_by_side table
    """,
    "hand100m_assets.sample": """
        make_sample
    """,
    "hand100m_assets.sample.hands": """
        ANGLE_COUNT Array CLOTH Flesh GESTURES HandShape KIND_PALM POSES Plane PosedHand Side Surface
        pose_hand trace_surface
    """,
    "hand100m_assets.sample.scenes": """
        FRAME_STRIDE ProjectedHand SampleScale VideoPlan cast_videos film_all
    """,
    "hand100m_assets.sample.workspace": """
        make_sample planted_fault_lines
    """,
    "hand100m_assets.settings": """
        DEFAULT_EXPORT_PREFIX Settings SourceFolders installation load_settings settings_file
    """,
    "hand100m_assets.video": """
        DecodeReport ExtractionJob ExtractionOptions FrameSetSelection Manifest PickedFrame StrideSelection
        VideoInfo extract_many extract_video frame_catalog list_videos pick_frames probe_video read_manifest
    """,
    "hand100m_assets.video.audit": """
        VideoAudit audit_video sampled
    """,
    "hand100m_assets.video.codec": """
        Av1Bitstream Bitstream ByteStreamOrder Data H264Bitstream HOLE HevcBitstream HoleWatch Mpeg4Frames
        OrderGaps PacketNature ParameterSetError Placed PresentationOrder SLICE_HEAD_BYTES SpliceWatch TailWatch
        UnsafeStreamError Vp9Bitstream bits_of h264_kind hevc_kind length_bytes_of picture_is_the_same_without_notes
        picture_order_of plain_units
    """,
    "hand100m_assets.video.container": """
        AviChunks FlvTags MAX_PIXELS MatroskaBlocks Pace Start TransportPackets VideoInfo describe_video
        duration_shortfall is_tag_of_key_frame open_video outline_of packets_promised probe_video stamp_video
    """,
    "hand100m_assets.video.container.mp4": """
        Mp4Outline edit_count read_outline refuse_impossible_tables
    """,
    "hand100m_assets.video.decode": """
        DecodeAgainError DecodeReport DecoderError FrameSetSelection HARMLESS RemainingSelection Selection
        StrideSelection UnionSelection decode_frames parse_frame_list pick_frames to_ranges
        widen_description
    """,
    "hand100m_assets.video.downloads": """
        EMPTY_VIDEO_LIST Listing Look Probe build_inventory files_in find_changes list_videos missing_videos
        partial_video_id read_forgotten read_known_files read_official_metadata read_video_list
        remembered_probes short_files take_look video_id_in video_sizes write_forgotten write_known_files
        write_missing_list
    """,
    "hand100m_assets.video.frames": """
        DaskPool ExtractionJob ExtractionOptions ExtractionOutcome Limits MADE_BY_OLDER_RULES
        MANIFEST_VERSION Manifest ManifestError Progress UNLIMITED Watch catalogued_videos
        extract_many extract_video frame_catalog frame_files_at_fault frame_states library_versions
        read_failures read_manifest remembered_videos stamp_of sweep_deleted
    """,
    "hand100m_assets.video.pictures": """
        ColourRule PickedFrame PictureConverter PictureLook PictureSize encode_jpeg frame_time_s
    """,
    "hand100m_assets.workspace": """
        CHARTS Outstanding SHEETS SetPictures SourceWorkspace audit_of claim_output console_lines_of
        findings finished_videos forget_videos image_finder in_words other_owner outstanding_videos
        read_set_name sample_of seed_of_today survey videos_to_audit write_report
    """,
}


@pytest.mark.parametrize("face", FACES)
def test_a_room_offers_these_names_and_each_can_be_imported(face: str) -> None:
    room = import_module(face)
    assert sorted(room.__all__) == sorted(FACES[face].split())
    assert all(hasattr(room, name) for name in room.__all__)


def test_each_room_with_a_face_is_listed() -> None:
    package = Path(hand100m_assets.__file__).parent
    folders = [path.parent.relative_to(package) for path in package.rglob("__init__.pyi")]
    found = {".".join((package.name, *folder.parts)) for folder in folders}
    assert found == set(FACES)
