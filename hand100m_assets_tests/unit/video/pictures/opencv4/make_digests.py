"""Makes the clips of this folder and writes down what OpenCV 4 shows of them.

    python make_digests.py PYTHON_WITH_OPENCV_4

That Python needs opencv-python-headless 4.10 alone. Run it again only to add a clip: the tests compare with what is
written down.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import imageio_ffmpeg

FOLDER: Final = Path(__file__).parent
_COUNT_AND_HASH: Final = """
import cv2, hashlib, json, sys
found = {}
for path in sys.argv[1:]:
    capture, digests = cv2.VideoCapture(path, cv2.CAP_FFMPEG), []
    while True:
        is_read, picture = capture.read()
        if not is_read:
            break
        digests.append([*picture.shape[:2], hashlib.sha256(picture.tobytes()).hexdigest()[:16]])
    found[path] = digests
print(json.dumps({"opencv": cv2.__version__, "pictures": found}))
"""
_INTERLACED: Final = ("-vf", "interlace", "-flags", "+ilme+ildct")
_CLIPS: Final = {
    "interlaced.mp4": (*_INTERLACED, "-c:v", "libx264"),
    "interlaced_mpeg2.ts": (*_INTERLACED, "-c:v", "mpeg2video"),
    "ten_bit.mp4": ("-c:v", "libx264", "-pix_fmt", "yuv420p10le"),
    "hlg_ten_bit.mp4": (
        *("-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020"),
        *("-color_trc", "arib-std-b67", "-colorspace", "bt2020nc"),
    ),
    "bt709.mp4": ("-c:v", "libx264", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
    "ycgco.mp4": ("-c:v", "libx264", "-bsf:v", "h264_metadata=matrix_coefficients=8"),
    "cropped_left.mp4": ("-c:v", "libx264", "-bsf:v", "h264_metadata=crop_left=6"),
    "odd_size.webm": ("-vf", "crop=95:63:exact=1", "-c:v", "libvpx-vp9"),
}


def main(python: str) -> None:
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    for name, options in _CLIPS.items():
        source = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=30", "-frames:v", "2")
        pixels = () if "-pix_fmt" in options else ("-pix_fmt", "yuv420p")
        clip = str(FOLDER / name)
        subprocess.run([ffmpeg, "-y", "-v", "error", *source, *pixels, *options, "-threads", "1", clip], check=True)
    asked = [python, "-c", _COUNT_AND_HASH, *_CLIPS]
    said = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=FOLDER).stdout
    (FOLDER / "digests.json").write_text(json.dumps(json.loads(said), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
