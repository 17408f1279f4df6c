"""Encodes frames as an H.264 mp4 with ffmpeg-python and the ffmpeg binary of imageio-ffmpeg."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import ffmpeg
import imageio_ffmpeg

from hand100m_assets.errors import OutputUnwritableError
from hand100m_assets.imaging import ImageBgr


@dataclass(frozen=True)
class Encoding:
    """How a video is compressed.

    Attributes:
        name: Short description.
        options: ffmpeg output options.
    """

    name: str
    options: dict[str, str | int] = field(default_factory=dict)


ENCODINGS: Final = (
    Encoding("GOP 250, B-frames"),
    Encoding("keyint 30, no B-frames", {"g": 30, "keyint_min": 30, "bf": 0, "sc_threshold": 0}),
    Encoding("keyint 15, B-frames", {"g": 15, "keyint_min": 15, "bf": 2}),
    Encoding("open GOP 48", {"g": 48, "bf": 3, "x264-params": "open-gop=1:b-pyramid=normal"}),
    Encoding("baseline profile, keyint 60", {"g": 60, "profile:v": "baseline"}),
    Encoding("keyint 24, many B-frames", {"g": 24, "bf": 5, "x264-params": "b-adapt=0:b-pyramid=none"}),
)

_COMMON: Final[dict[str, str | int]] = {
    "vcodec": "libx264",
    "preset": "veryfast",
    # The scenes move little: a coarse motion search finds as much for two thirds of the time.
    "subq": 1,
    "motion-est": "dia",
    "crf": 21,
    "pix_fmt": "yuv420p",
    "threads": 1,
    # Nothing of time or machine may enter the file: the same frames give the same bytes.
    "fflags": "+bitexact",
    "flags:v": "+bitexact",
    "map_metadata": -1,
}


def write_video(
    path: Path, frames_bgr: Iterable[ImageBgr], *, width_px: int, height_px: int, fps: Fraction, encoding: Encoding
) -> None:
    """Encode the frames; sides must be even.

    Raises:
        OutputUnwritableError: ffmpeg failed, for instance on a full disk; the error contains its message.
    """
    raw = {"format": "rawvideo", "pix_fmt": "yuv420p", "s": f"{width_px}x{height_px}", "r": str(fps)}
    process = (
        ffmpeg.input("pipe:", **raw)
        .output(f"file:{path.absolute()}", **_COMMON, **encoding.options)
        .global_args("-nostdin", "-loglevel", "error")
        .overwrite_output()
        .run_async(cmd=imageio_ffmpeg.get_ffmpeg_exe(), pipe_stdin=True, pipe_stderr=True)
    )
    try:
        for frame in frames_bgr:
            process.stdin.write(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes())
        process.stdin.close()
    except BrokenPipeError:
        pass  # ffmpeg died: its exit status and words are read below
    except BaseException:
        process.kill()
        process.wait()
        raise
    words = process.stderr.read().decode("utf-8", "replace").strip()
    if process.wait() != 0:
        raise OutputUnwritableError(
            f"ffmpeg gave up: {words[-300:] or f'exit status {process.returncode}'}",
            where=path,
            fix="Check that the disk has room and can be written, then run again.",
        )
