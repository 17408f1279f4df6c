"""The way of docs/training.md to a training set without a frame on disk."""

from __future__ import annotations

import dagster as dg

from hand100m_assets.dataset import HandPairs
from hand100m_assets.sources import DOH
from hand100m_assets_tests.defs.conftest import TinyWorkspace, hand, image

ONE, SET = "aaaaaaaaaaa", "simhand-50k"
TRAINING_SET = dg.AssetKey([DOH.name, "training_set"])


def test_tables_and_an_empty_catalog_are_enough_to_cut_from_videos(tiny: TinyWorkspace) -> None:
    tiny = tiny.reconfigured(training_set_from="videos")
    tiny.add_video(ONE)
    tiny.add_annotations([hand(1, 1, 2), hand(2, 2, 1)], [image(ONE, 0, 1), image(ONE, 30, 2)])
    for _ in range(2):
        tiny.tick("100doh_new_annotation_files")
    assert tiny.ingest().success
    assert tiny.execute("100doh_catalog").success
    requests = tiny.tick("100doh_pictures_follow").run_requests
    assert SET in {request.partition_key for request in requests if TRAINING_SET in request.asset_selection}
    assert tiny.draw().success
    assert len(HandPairs(tiny.place.output.base_dir, SET, tensors=False)) == 2
    assert not list(tiny.place.output.base_dir.rglob("frame_*.jpg"))
