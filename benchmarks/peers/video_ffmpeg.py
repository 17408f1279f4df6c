"""Every 30th frame with ffmpeg's command line through ffmpeg-python: `video_ffmpeg CLIP OUT`."""

import sys
from pathlib import Path

import ffmpeg
import imageio_ffmpeg


def main(clip: str, out: str) -> None:
    chosen = ffmpeg.input(clip, threads=1).filter("select", "not(mod(n,30))")
    named = chosen.filter("settb", "1/1000").filter("setpts", "N*30")
    target = str(Path(out) / "frame_%06d.jpg")
    options = {"fps_mode": "passthrough", "enc_time_base": "1:1000", "frame_pts": 1, "q:v": 2}
    named.output(target, threads=1, **options).run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True)


if len(sys.argv) > 1:
    main(*sys.argv[1:])
