"""Every 30th frame of several videos with this project's worker processes: `video_many FOLDER OUT WORKERS`."""

from pathlib import Path

from hand100m_assets.video.decode import StrideSelection
from hand100m_assets.video.frames import ExtractionJob, ExtractionOptions, extract_many


def main(folder: str, out: str, workers: str) -> None:
    jobs = [
        ExtractionJob(
            video_path=clip,
            frames_dir=Path(out),
            video_id=clip.stem,
            selection=StrideSelection(30),
            options=ExtractionOptions(),
        )
        for clip in sorted(Path(folder).glob("*.mp4"))
    ]
    for outcome in extract_many(jobs, int(workers)):
        if outcome.error:
            raise outcome.error
