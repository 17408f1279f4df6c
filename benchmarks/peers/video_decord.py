"""Every n-th frame with decord, which seeks to the key frame before it: `video_decord CLIP OUT [STRIDE]`."""

from pathlib import Path

import cv2
import decord


def main(clip: str, out: str, stride: str = "30") -> None:
    reader = decord.VideoReader(clip, ctx=decord.cpu(0), num_threads=1)
    for index in range(0, len(reader), int(stride)):
        frame = cv2.cvtColor(reader[index].asnumpy(), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(Path(out) / f"frame_{index:06d}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
