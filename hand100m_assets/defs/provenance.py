"""Records the inputs of results in Dagster's own tags, so that a partition is shown as stale if they change.

Dagster itself writes these tags only on what a step returns. Frames are recorded one by one while the step runs
(docs/adr/0003), and pictures set by set, so the tags are written here.
"""

from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Final

import dagster as dg

from hand100m_assets.defs.internals import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    NULL_EVENT_POINTER,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
    latest_storage_ids,
)
from hand100m_assets.video.frames import MANIFEST_VERSION, Manifest

FRAMES_CODE_VERSION: Final = f"manifest-{MANIFEST_VERSION}"
"""Version of the code of `frames`: frames with manifests of another version are shown as stale."""

_BLOCK_BYTES: Final = 1 << 20

_RECORDS: Final = (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION)


def version_of(*contents: Path | str) -> dg.DataVersion:
    """Data version of files, by their bytes, and of texts: the same content has the same version."""
    digest = blake2b(digest_size=16)
    for content in contents:
        if isinstance(content, str):
            digest.update(content.encode())
            continue
        with content.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    return dg.DataVersion(digest.hexdigest())


def version_of_file(size_bytes: int, mtime_ns: int) -> dict[str, str]:
    """Tag of an event that records a video file in this state."""
    return {DATA_VERSION_TAG: f"{size_bytes}-{mtime_ns}"}


def frames_provenance(
    instance: dg.DagsterInstance, inputs: Collection[dg.AssetKey], video_ids: Collection[str]
) -> Callable[[Manifest], dict[str, str]]:
    """Find the present records of the inputs, before the inputs are read.

    Args:
        instance: Where they are recorded.
        inputs: The videos, which have the same partitions as the frames, and inputs that are read as a whole.
        video_ids: The partitions.

    Returns:
        A function: manifest -> tags for its materialization.
    """
    latest = {key: _latest_records(instance, key, set(video_ids) if _is_videos(key) else None) for key in inputs}

    def tags(manifest: Manifest) -> dict[str, str]:
        said = {CODE_VERSION_TAG: FRAMES_CODE_VERSION, DATA_VERSION_TAG: manifest.digest}
        for key, records in latest.items():
            last = records.get(manifest.video_id) if _is_videos(key) else max(records.values(), default=None)
            said[get_input_event_pointer_tag(key)] = NULL_EVENT_POINTER if last is None else str(last)
            said[get_input_data_version_tag(key)] = (
                f"{manifest.size_bytes}-{manifest.mtime_ns}" if _is_videos(key) else str(last)
            )
        return said

    return tags


def _is_videos(key: dg.AssetKey) -> bool:
    return key.path[-1] == "videos"


def _latest_records(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: set[str] | None) -> Mapping[str, int]:
    """Partition -> storage id of the last event that recorded it."""
    found = [latest_storage_ids(instance, key, kind, partitions) for kind in _RECORDS]
    return {p: max(ids.get(p, 0) for ids in found) for p in set().union(*found)}
