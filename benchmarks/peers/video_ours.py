"""Every n-th frame with this project: `video_ours CLIP OUT [STRIDE]`."""

from pathlib import Path

from hand100m_assets.video.decode import StrideSelection
from hand100m_assets.video.frames import ExtractionOptions, extract_video


def main(clip: str, out: str, stride: str = "30") -> None:
    extract_video(Path(clip), Path(out), "clip", StrideSelection(int(stride)), ExtractionOptions())
