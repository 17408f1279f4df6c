"""Every n-th frame with OpenCV, as the original does: `video_opencv CLIP OUT [STRIDE]`."""

from pathlib import Path

import cv2


def main(clip: str, out: str, stride: str = "30") -> None:
    capture = cv2.VideoCapture(clip)
    index = 0
    while True:
        whole, frame = capture.read()
        if not whole:
            break
        if index % int(stride) == 0:
            cv2.imwrite(str(Path(out) / f"frame_{index:06d}.jpg"), frame)
        index += 1
