"""Every n-th frame with OpenCV, converting only those that are kept: `video_grab CLIP OUT [STRIDE]`."""

from pathlib import Path

import cv2


def main(clip: str, out: str, stride: str = "30") -> None:
    capture = cv2.VideoCapture(clip)
    index = 0
    while capture.grab():
        if index % int(stride) == 0:
            _, frame = capture.retrieve()
            cv2.imwrite(str(Path(out) / f"frame_{index:06d}.jpg"), frame)
        index += 1
