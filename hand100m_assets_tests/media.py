"""Awkward clips, made by ffmpeg: every kind of video the extraction must get right, or must report.

Each maker is deterministic and small. `make_clip(name, folder)` writes `<folder>/<name>.mp4`, or with the suffix that
its container has, and returns its path.
"""

from __future__ import annotations

import shutil
import struct
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
    settings: dict[str, Any] = {"vcodec": "libx264", "pix_fmt": "yuv420p", "threads": 1, "frames:v": frames}
    if options.get("vcodec", "libx264") in ("libx264", "libx265"):
        settings["preset"] = "veryfast"
    settings |= {"fflags": "+bitexact", **options}
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


def _trimmed(first: int, count: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        """An editor's cut without encoding: the edit list drops whole groups of pictures, and no byte is moved."""
        encode(path, g=15, keyint_min=15, sc_threshold=0, bf=2)
        data = bytearray(path.read_bytes())
        entry = data.index(b"elst") + 12  # length in ms, first tick shown (512 a frame)
        first_tick = struct.unpack_from(">I", data, entry + 4)[0]
        struct.pack_into(">II", data, entry, count * 1000 // RATE_FPS, first_tick + 512 * first)
        path.write_bytes(data)

    return make


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


def with_sound(clip: Path, path: Path) -> Path:
    """A copy of a clip beside a sound track."""
    tone = ffmpeg.input("sine=frequency=440:sample_rate=44100", f="lavfi", t=2)
    _run(ffmpeg.output(ffmpeg.input(str(clip)), tone, str(path), vcodec="copy", acodec="aac"))
    return path


def moved(clip: Path, path: Path, seconds: float) -> Path:
    """A copy of a clip that begins later."""
    _run(ffmpeg.input(str(clip), itsoffset=seconds).output(str(path), c="copy"))
    return path


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


def _small(path: Path, **options: Any) -> Path:
    return encode(path, **{"size": "192x144", **options})


def _x264(parameters: str, **options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        _small(path, **{"x264-params": parameters, **options})

    return make


def _x265(parameters: str, **options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        quiet = f"log-level=error:pools=none:{parameters}"
        tag = {} if path.suffix == ".ts" else {"tag:v": "hvc1"}
        _small(path, vcodec="libx265", **{"preset": "ultrafast", "x265-params": quiet, **tag, **options})

    return make


def _vp9(**options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        # Two passes' worth of look-ahead makes hidden frames, packed together with shown ones.
        settings = {"deadline": "good", "cpu-used": 5, "lag-in-frames": 16, "auto-alt-ref": 1, "b:v": "200k", "g": 40}
        _small(path, vcodec="libvpx-vp9", **settings | options)

    return make


def _av1(path: Path) -> None:
    _small(path, vcodec="libsvtav1", preset=12, g=32, **{"svtav1-params": "lp=1"})


def _av1_libaom(path: Path) -> None:
    settings = {"usage": "realtime", "cpu-used": 8, "g": 30, "b:v": "200k", "lag-in-frames": 0}
    _small(path, vcodec="libaom-av1", **settings)


def _cover_art(path: Path) -> None:
    """A music player's picture beside the video, as its own picture track."""
    plain = encode(path.with_name(path.stem + "_plain.mp4"), g=30)
    cover = path.with_name(path.stem + "_cover.jpg")
    _run(_pattern("640x480", 1).output(str(cover), **{"frames:v": 1}))
    both = ffmpeg.output(
        ffmpeg.input(str(plain)), ffmpeg.input(str(cover)), str(path), c="copy", **{"disposition:v:1": "attached_pic"}
    )
    _run(both)
    plain.unlink()
    cover.unlink()


def _second_video(path: Path) -> None:
    """Two picture tracks, the larger one second, which is the one that some players take."""
    options = {"vcodec": "libx264", "preset": "veryfast", "pix_fmt": "yuv420p", "threads": 1, "g": 30}
    _run(ffmpeg.output(_pattern("160x120"), _pattern("320x240", rate=25), str(path), **options))


def _open_gop_cut(path: Path) -> None:
    """A stream copy that begins at a key frame whose leading pictures look back to what was cut off."""
    plain = encode(
        path.with_name(path.stem + "_plain.mkv"), bf=3, **{"x264-params": "open-gop=1:keyint=24:min-keyint=24"}
    )
    _copied(path, plain, {"ss": 1.0}, avoid_negative_ts="make_zero")


def _changed_parameters(path: Path) -> None:
    """Two encodings one after the other in one track; the second one's parameter sets come within the stream."""
    parts = [path.with_name(f"{path.stem}_{name}.ts") for name in "ab"]
    encode(parts[0], frames=40, g=20, bf=0)
    encode(parts[1], frames=60, g=20, bf=2, **{"x264-params": "cabac=0:ref=1:weightp=0"})
    joined = path.with_name(path.stem + ".joined.ts")
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    _copied(path, joined, {"fflags": "+genpts"}, **({"tag:v": "avc3"} if path.suffix == ".mp4" else {}))


def copy_with(path: Path, source: Path, in_options: dict[str, Any] | None = None, **out_options: Any) -> Path:
    """The same packets in another file; `out_options` are ffmpeg output options, such as a bitstream filter."""
    _run(ffmpeg.input(str(source), **(in_options or {})).output(str(path), c="copy", **out_options))
    return path


def join(path: Path, parts: list[Path], **out_options: Any) -> Path:
    """The packets of several files one after the other, as `ffmpeg -f concat -c copy` joins them."""
    listing = path.with_suffix(".txt")
    listing.write_text("".join(f"file '{part}'\n" for part in parts))
    return copy_with(path, listing, {"f": "concat", "safe": 0}, **out_options)


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
    "head_trimmed": _trimmed(40, 60),
    "tail_trimmed": _trimmed(0, 45),
    "both_ends_trimmed": _trimmed(33, 30),
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

_INTERLACED: Final = {"vf": "interlace", "flags": "+ilme+ildct"}

STREAMS: Final[dict[str, Callable[[Path], None]]] = {
    "hevc_b_pyramid": _x265("bframes=4:b-pyramid=1:keyint=60:b-adapt=2", preset="medium"),
    "hevc_closed_gop": _x265("keyint=30:min-keyint=30:open-gop=0:scenecut=0:bframes=2"),
    "hevc_radl": _x265("keyint=30:min-keyint=30:open-gop=0:radl=2:bframes=3:scenecut=0"),
    "hevc_open_gop": _x265("keyint=24:min-keyint=24:open-gop=1:bframes=3:scenecut=0"),
    "hevc_temporal_layers": _x265("keyint=30:temporal-layers=2:b-adapt=0:bframes=3"),
    "hevc_repeated_headers": _x265("keyint=20:repeat-headers=1:open-gop=0"),
    "hevc_intra_refresh": _x265("intra-refresh=1:keyint=30:bframes=0"),
    "hevc_ten_bit.mkv": _x265("keyint=30", pix_fmt="yuv420p10le"),
    "hevc.ts": _x265("keyint=30"),
    "vp9": _vp9(),
    "vp9.webm": _vp9(),
    "vp9_error_resilient.webm": _vp9(**{"error-resilient": 1, "lag-in-frames": 0, "auto-alt-ref": 0}),
    "vp9_profile_1": _vp9(pix_fmt="yuv444p"),
    "vp8.webm": lambda path: _small(path, vcodec="libvpx", deadline="realtime", g=30),
    "av1": _av1,
    "av1.mkv": _av1,
    "av1_libaom.webm": _av1_libaom,
    "mpeg4": lambda path: _small(path, vcodec="mpeg4", bf=2, g=15),
    "mpeg4.avi": lambda path: _small(path, vcodec="mpeg4", g=15),
    "mpeg2.ts": lambda path: _small(path, vcodec="mpeg2video", bf=2, g=15),
    "h264.mkv": lambda path: _small(path, g=30),
    "h264.mov": lambda path: _small(path, g=30),
    "h264.avi": lambda path: _small(path, g=30, bf=0),
    "h264.ts": lambda path: _small(path, g=30),
    "h264.flv": lambda path: _small(path, g=30),
    "interlaced": lambda path: _small(path, **_INTERLACED),
    "interlaced_top_first.mkv": lambda path: _small(path, **_INTERLACED, **{"x264-params": "tff=1:keyint=20"}),
    "fake_interlaced": _x264("fake-interlaced=1:keyint=20"),
    "intra_refresh": _x264("intra-refresh=1:keyint=30:bframes=0"),
    "intra_only": _x264("keyint=1"),
    "repeated_headers": _x264("repeat-headers=1:keyint=15"),
    "slices": _x264("slices=4:keyint=30"),
    "no_pyramid": _x264("b-pyramid=none:bframes=5:b-adapt=0:keyint=50"),
    "strict_pyramid": _x264("b-pyramid=strict:bframes=7:b-adapt=0:keyint=50"),
    "baseline": lambda path: _small(path, g=30, **{"profile:v": "baseline"}),
    "random_key_frames": lambda path: _small(path, bf=3, force_key_frames="expr:eq(mod(n*n,37),1)"),
    "scaling_lists": _x264("cqm=jvt:keyint=30"),
    "lossless": _x264("qp=0:keyint=30"),
    "high_422": lambda path: _small(path, pix_fmt="yuv422p", g=30),
    "grey": lambda path: _small(path, pix_fmt="gray", g=30),
    "stereo_size": lambda path: _small(path, size="640x240", g=30),
    "tall": lambda path: _small(path, size="240x480", g=30),
    "ntsc_rate.mkv": lambda path: _small(path, g=30, r="30000/1001"),
    "fewer_frames_than_a_stride": lambda path: _small(path, frames=7),
    "fragmented_b_frames": lambda path: _small(path, g=30, bf=3, movflags="frag_every_frame+empty_moov"),
    "index_in_front": lambda path: _small(path, g=30, movflags="+faststart"),
    "cover_art": _cover_art,
    "second_video": _second_video,
    "open_gop_cut": _open_gop_cut,
    "open_gop_cut.mkv": _open_gop_cut,
    "changed_parameters": _changed_parameters,
    "changed_parameters.mkv": _changed_parameters,
}
"""More kinds of stream, undamaged: of these a full decode is the oracle, as OpenCV cannot read them all."""

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

_MAKERS = HEALTHY | STREAMS | DAMAGED | UNREADABLE


def make_clip(name: str, folder: Path) -> Path:
    """Write one named clip into the folder, which is made when absent."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name if "." in name else f"{name}.mp4")
    _MAKERS[name](path)
    return path


def copy_clip(clip: Path, folder: Path, video_id: str) -> Path:
    """Copy a clip under the name of a video id."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(clip, folder / f"{video_id}.mp4"))
