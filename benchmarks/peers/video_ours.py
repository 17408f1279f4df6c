"""Every n-th frame with this project: `video_ours CLIP OUT [STRIDE]`."""

from pathlib import Path

from hand100m_assets.video.extract import ExtractionOptions, extract_video
from hand100m_assets.video.selection import StrideSelection


def main(clip: str, out: str, stride: str = "30") -> None:
    extract_video(Path(clip), Path(out), "clip", StrideSelection(int(stride)), ExtractionOptions())
