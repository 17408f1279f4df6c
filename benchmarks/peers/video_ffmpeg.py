"""Every n-th frame with ffmpeg's command line through ffmpeg-python: `video_ffmpeg CLIP OUT [STRIDE]`."""

from pathlib import Path

import ffmpeg
import imageio_ffmpeg


def main(clip: str, out: str, stride: str = "30") -> None:
    chosen = ffmpeg.input(clip, threads=1).filter("select", f"not(mod(n,{stride}))")
    named = chosen.filter("settb", "1/1000").filter("setpts", f"N*{stride}")
    target = str(Path(out) / "frame_%06d.jpg")
    options = {"fps_mode": "passthrough", "enc_time_base": "1:1000", "frame_pts": 1, "q:v": 2}
    named.output(target, threads=1, **options).run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True)
