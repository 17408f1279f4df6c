"""Every n-th frame with torchcodec in its exact mode: `video_torchcodec CLIP OUT [STRIDE]`."""

from pathlib import Path

import cv2
import torch
from torchcodec.decoders import VideoDecoder

torch.set_num_threads(1)


def main(clip: str, out: str, stride: str = "30") -> None:
    decoder = VideoDecoder(clip, dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact")
    for index in range(0, len(decoder), int(stride)):
        frame = cv2.cvtColor(decoder[index].numpy(), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(Path(out) / f"frame_{index:06d}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
