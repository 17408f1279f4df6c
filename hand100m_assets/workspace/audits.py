"""Which finished videos of a source an audit looks into, and what it found, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from hand100m_assets.errors import FolderUnreadableError, SettingsError
from hand100m_assets.video.audit import VideoAudit, audit_video, sampled
from hand100m_assets.workspace.workspace import SourceWorkspace


def seed_of_today() -> int:
    """Another sample each day, and the same all day (UTC): 20260131 on the last day of that January."""
    return int(datetime.now(timezone.utc).strftime("%Y%m%d"))


def finished_videos(place: SourceWorkspace) -> list[str]:
    """Ids of frame folders that have a manifest, sorted.

    Raises:
        FolderUnreadableError: The frames folder is there but cannot be read; mount it or give permission.
    """
    folder = place.output.frames_dir
    place.insist_on_frames()
    try:
        return sorted(entry.parent.name for entry in folder.glob("[!.]*/manifest.json"))
    except OSError as error:
        raise FolderUnreadableError(
            f"the frames folder cannot be read ({error.strerror or error})",
            where=folder,
            fix="Mount it or give read permission.",
        ) from error


def sample_of(place: SourceWorkspace, finished: Sequence[str], count: int, seed: int) -> list[str]:
    """Some finished videos whose file is still here, drawn by the seed."""
    return sampled(finished, lambda video_id: place.video_file(video_id).exists(), count, seed)


def videos_to_audit(
    places: Sequence[SourceWorkspace], video_ids: Sequence[str], count: int, seed: int
) -> list[tuple[SourceWorkspace, str]]:
    """The named videos, or a sample of so many of each source, each with its source.

    Raises:
        SettingsError: A named video has no finished frame folder, or there is none at all.
        FolderUnreadableError: A frames folder cannot be read.
    """
    finished = [(place, finished_videos(place)) for place in places]
    unknown = set(video_ids).difference(*(ids for _, ids in finished))
    if unknown:
        raise SettingsError(
            f"no finished frame folder of {', '.join(sorted(unknown))}", fix="Extract its frames first, or correct it."
        )
    if not any(ids for _, ids in finished):
        raise SettingsError(
            "no video's frames are finished yet", where="HAND100M_OUTPUT_ROOT", fix="Extract some, or correct it."
        )
    if video_ids:
        return [(place, video_id) for place, ids in finished for video_id in ids if video_id in video_ids]
    return [(place, video_id) for place, ids in finished for video_id in sample_of(place, ids, count, seed)]


def audit_of(place: SourceWorkspace, video_id: str, *, frames_per_video: int, seed: int) -> VideoAudit:
    """Audit one video of a source."""
    return audit_video(
        place.video_file(video_id), place.output.frames_dir, video_id, frames_per_video=frames_per_video, seed=seed
    )


def in_words(audit: VideoAudit) -> str:
    """What was found of one video, in one line."""
    if audit.why_skipped is not None:
        return f"skipped: {audit.why_skipped}"
    words = f"{audit.frames_compared} frames compared, {audit.frames_identical} identical"
    if audit.frames_alike:
        words += f", {audit.frames_alike} alike"
    if audit.differences:
        first = audit.differences[0]
        words += f", {len(audit.differences)} differ; frame {first.frame_index}: {first.reason}"
    skipped = "".join(f"; {frames} not compared: {reason}" for reason, frames in audit.frames_skipped.items())
    unseen = f"; ffmpeg complains {audit.complaint_count} times: {audit.complaints[0]}" if audit.complaints else ""
    return words + skipped + unseen
