"""Chooses the finished videos that an audit compares, and describes what it found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from hand100m_assets.amounts import counted
from hand100m_assets.errors import FolderUnreadableError, SettingsError
from hand100m_assets.video.audit import VideoAudit, audit_video, sampled
from hand100m_assets.workspace.workspace import SourceWorkspace


def seed_of_today() -> int:
    """Make a seed from the date (UTC), so that the sample changes each day and stays the same all day.

    Returns:
        The date as a number, such as 20260131.

    Example:
        >>> from hand100m_assets.workspace import seed_of_today
        >>> seed_of_today() > 20260101
        True
    """
    return int(datetime.now(timezone.utc).strftime("%Y%m%d"))


def finished_videos(place: SourceWorkspace) -> list[str]:
    """List the videos whose frame folder has a manifest.

    Args:
        place: The source and the settings.

    Returns:
        Video ids, sorted.

    Raises:
        FolderUnreadableError: The frames folder exists but cannot be read; mount it or give permission.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.video import extract_video
        >>> from hand100m_assets.workspace import SourceWorkspace, finished_videos
        >>> workspace = SourceWorkspace(load_settings(), DOH)
        >>> [job] = workspace.extraction_jobs(["video_00001"])
        >>> manifest = extract_video(job.video_path, job.frames_dir, job.video_id, job.selection, job.options)
        >>> finished_videos(workspace)
        ['video_00001']
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
    """Draw some finished videos whose file is still on disk.

    Args:
        place: The source and the settings.
        finished: Video ids, such as `finished_videos` lists.
        count: Maximum number of videos.
        seed: Seed for the sample.

    Returns:
        Video ids.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.workspace import SourceWorkspace, sample_of
        >>> sample_of(SourceWorkspace(load_settings(), DOH), ["video_00001", "video_00002"], count=2, seed=0)
        ['video_00001']
    """
    return sampled(finished, lambda video_id: place.video_file(video_id).exists(), count, seed)


def videos_to_audit(
    places: Sequence[SourceWorkspace], video_ids: Sequence[str], count: int, seed: int
) -> list[tuple[SourceWorkspace, str]]:
    """Choose the videos to audit: the named ones, or a sample of each source.

    Args:
        places: The sources, each with the settings.
        video_ids: Named videos; empty for a sample.
        count: Number of videos per source in the sample.
        seed: Seed of the sample.

    Returns:
        Video ids, each with its source.

    Raises:
        SettingsError: A named video has no finished frame folder, or there are no finished videos at all; extract
            frames first.
        FolderUnreadableError: A frames folder cannot be read; mount it or give permission.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.video import extract_video
        >>> from hand100m_assets.workspace import SourceWorkspace, videos_to_audit
        >>> workspace = SourceWorkspace(load_settings(), DOH)
        >>> [job] = workspace.extraction_jobs(["video_00001"])
        >>> manifest = extract_video(job.video_path, job.frames_dir, job.video_id, job.selection, job.options)
        >>> [video_id for _, video_id in videos_to_audit([workspace], [], count=5, seed=0)]
        ['video_00001']
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
    """Compare some extracted frames of one video with the pictures that another decoder gives for them.

    Args:
        place: The source and the settings.
        video_id: A video with a finished frame folder.
        frames_per_video: Maximum number of frames to compare.
        seed: Seed of the choice of frames.

    Returns:
        What was compared and what differs; `in_words` says it in one line.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import DOH
        >>> from hand100m_assets.video import extract_video
        >>> from hand100m_assets.workspace import SourceWorkspace, audit_of
        >>> workspace = SourceWorkspace(load_settings(), DOH)
        >>> [job] = workspace.extraction_jobs(["video_00001"])
        >>> manifest = extract_video(job.video_path, job.frames_dir, job.video_id, job.selection, job.options)
        >>> audit_of(workspace, "video_00001", frames_per_video=2, seed=0).differences
        []
    """
    return audit_video(
        place.video_file(video_id), place.output.frames_dir, video_id, frames_per_video=frames_per_video, seed=seed
    )


def in_words(audit: VideoAudit) -> str:
    """Describe in one line what an audit found.

    Args:
        audit: The audit of one video.

    Returns:
        One line of text.

    Example:
        >>> from hand100m_assets.video.audit import VideoAudit
        >>> from hand100m_assets.workspace import in_words
        >>> in_words(VideoAudit(video_id="video_00001", frames_compared=3, frames_identical=3))
        '3 frames compared, 3 identical'
    """
    if audit.why_skipped is not None:
        return f"skipped: {audit.why_skipped}"
    words = f"{counted(audit.frames_compared, 'frame')} compared, {audit.frames_identical} identical"
    if audit.frames_alike:
        words += f", {audit.frames_alike} alike"
    if audit.differences:
        first = audit.differences[0]
        words += f", {len(audit.differences)} differ; frame {first.frame_index}: {first.reason}"
    skipped = "".join(f"; {frames} not compared: {reason}" for reason, frames in audit.frames_skipped.items())
    unseen = (
        f"; ffmpeg complains {counted(audit.complaint_count, 'time')}: {audit.complaints[0]}"
        if audit.complaints
        else ""
    )
    return words + skipped + unseen
