"""Awkward clips, made by ffmpeg: every kind of video the extraction must get right, or must report.

Each maker is deterministic and small. `make_clip(name, folder)` writes `<folder>/<name>.mp4` and returns its path.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import ffmpeg
import imageio_ffmpeg

FRAME_COUNT: Final = 100
RATE_FPS: Final = 30


def _run(stream: Any) -> None:
    try:
        stream.global_args("-loglevel", "error", "-nostdin").overwrite_output().run(
            cmd=imageio_ffmpeg.get_ffmpeg_exe(), capture_stdout=True, capture_stderr=True
        )
    except ffmpeg.Error as error:
        raise RuntimeError(error.stderr.decode(errors="replace")) from error


def _pattern(size: str = "320x240", frames: int = FRAME_COUNT, rate: int = RATE_FPS) -> Any:
    """Moving test picture with a running counter, `frames` long."""
    return ffmpeg.input(f"testsrc2=size={size}:rate={rate}", f="lavfi", t=frames / rate)


def encode(
    path: Path, *, size: str = "320x240", frames: int = FRAME_COUNT, rate: int = RATE_FPS, **options: Any
) -> Path:
    """One H.264 clip in mp4; `options` are ffmpeg output options (a value of None makes a bare flag)."""
    settings: dict[str, Any] = {"vcodec": "libx264", "preset": "veryfast", "pix_fmt": "yuv420p", "threads": 1}
    settings |= {"frames:v": frames, "fflags": "+bitexact", **options}
    _run(_pattern(size, frames, rate).output(str(path), **settings))
    return path


def _copied(path: Path, source: Path, in_options: dict[str, Any], **out_options: Any) -> Path:
    _run(ffmpeg.input(str(source), **in_options).output(str(path), c="copy", **out_options))
    source.unlink()
    return path


def _defaults(path: Path) -> None:
    encode(path)


def _keyint30_no_b(path: Path) -> None:
    encode(path, g=30, keyint_min=30, sc_threshold=0, bf=0)


def _keyint15(path: Path) -> None:
    encode(path, g=15, keyint_min=15, sc_threshold=0, bf=2)


def _open_gop(path: Path) -> None:
    encode(path, g=24, bf=3, **{"x264-params": "open-gop=1:keyint=24:min-keyint=24:scenecut=0"})


def _vfr(path: Path) -> None:
    encode(path, vf="select='not(eq(mod(n,7),3))*not(eq(mod(n,11),5))'", fps_mode="vfr", g=30)


def _rotated(degrees: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        plain = encode(path.with_name(path.stem + "_plain.mp4"), g=30)
        _copied(path, plain, {"display_rotation": degrees})

    return make


def _edit_list(path: Path) -> None:
    # A stream copy from the middle of a group of pictures: the frames before the cut are kept but not shown.
    plain = encode(path.with_name(path.stem + "_plain.mp4"), g=30, keyint_min=30, sc_threshold=0)
    _copied(path, plain, {"ss": 0.5})


def _late_start(path: Path) -> None:
    plain = encode(path.with_name(path.stem + "_plain.mp4"), g=30)
    _copied(path, plain, {"itsoffset": 0.4})


def _ten_bit(path: Path) -> None:
    encode(path, pix_fmt="yuv420p10le")


def _yuv444(path: Path) -> None:
    encode(path, pix_fmt="yuv444p")


def _full_range(path: Path) -> None:
    encode(path, vf="scale=out_range=full", color_range="pc")


def _bt709(path: Path) -> None:
    encode(path, colorspace="bt709", color_primaries="bt709", color_trc="bt709")


def _odd_size(path: Path) -> None:
    encode(path, size="340x260", vf="crop=321:243:exact=1", pix_fmt="yuv444p")


def _odd_width(path: Path) -> None:
    encode(path, size="322x246", pix_fmt="yuv420p")


def _hevc(path: Path) -> None:
    encode(path, vcodec="libx265", **{"x265-params": "log-level=error:pools=none", "tag:v": "hvc1"})


def _fragmented(path: Path) -> None:
    encode(path, g=30, movflags="frag_keyframe+empty_moov")


def _single_frame(path: Path) -> None:
    encode(path, frames=1)


def _with_audio(path: Path) -> None:
    tone = ffmpeg.input("sine=frequency=440:sample_rate=44100", f="lavfi", t=FRAME_COUNT / RATE_FPS)
    options = {"vcodec": "libx264", "preset": "veryfast", "acodec": "aac", "pix_fmt": "yuv420p", "threads": 1}
    _run(ffmpeg.output(_pattern(), tone, str(path), **options))


def _audio_only(path: Path) -> None:
    tone = ffmpeg.input("sine=frequency=440:sample_rate=44100", f="lavfi", t=2)
    _run(tone.output(str(path), acodec="aac"))


def _cut_without_index(path: Path) -> None:
    """Download cut short; the index (moov) stood at the end."""
    encode(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])


def _cut_with_index(path: Path) -> None:
    """Download cut short; the index stands at the front, so the file opens and promises frames it lacks."""
    encode(path, movflags="+faststart", g=30)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])


def _zeroed_blocks(path: Path) -> None:
    """A hole of zeros in the middle of the media data, as a broken resume leaves it."""
    encode(path, g=30, bf=0)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    middle = start + (data.rindex(b"moov") - start) // 2
    data[middle : middle + 8192] = bytes(8192)
    path.write_bytes(data)


def _flipped_bits(path: Path) -> None:
    """Single wrong bits spread over the media data."""
    encode(path, g=30, bf=0)
    data = bytearray(path.read_bytes())
    start, end = data.index(b"mdat") + 4, data.rindex(b"moov")
    for position in range(start + (end - start) // 3, end, (end - start) // 5):
        data[position] ^= 0x10
    path.write_bytes(data)


def _zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("<html><body>403 Forbidden: your licence has expired</body></html>\n" * 40)


HEALTHY: Final[dict[str, Callable[[Path], None]]] = {
    "defaults": _defaults,
    "keyint30_no_b": _keyint30_no_b,
    "keyint15": _keyint15,
    "open_gop": _open_gop,
    "vfr": _vfr,
    "rotated_90": _rotated(90),
    "rotated_180": _rotated(180),
    "rotated_270": _rotated(270),
    "edit_list": _edit_list,
    "late_start": _late_start,
    "ten_bit": _ten_bit,
    "yuv444": _yuv444,
    "full_range": _full_range,
    "bt709": _bt709,
    "odd_size": _odd_size,
    "odd_width": _odd_width,
    "hevc": _hevc,
    "fragmented": _fragmented,
    "single_frame": _single_frame,
    "with_audio": _with_audio,
}
"""Clips that decode to their end without a complaint."""

DAMAGED: Final[dict[str, Callable[[Path], None]]] = {
    "cut_with_index": _cut_with_index,
    "zeroed_blocks": _zeroed_blocks,
    "flipped_bits": _flipped_bits,
}
"""Clips that open, but do not decode to the end their index promises."""

UNREADABLE: Final[dict[str, Callable[[Path], None]]] = {
    "cut_without_index": _cut_without_index,
    "audio_only": _audio_only,
    "zero_bytes": _zero_bytes,
    "text": _text,
}
"""Files that cannot be opened as a video at all."""

_MAKERS = HEALTHY | DAMAGED | UNREADABLE


def make_clip(name: str, folder: Path) -> Path:
    """Write one named clip into the folder, which is made when absent."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.mp4"
    _MAKERS[name](path)
    return path


def copy_clip(clip: Path, folder: Path, video_id: str) -> Path:
    """Copy a clip under the name of a video id."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(clip, folder / f"{video_id}.mp4"))
