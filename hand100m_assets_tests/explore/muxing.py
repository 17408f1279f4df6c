"""Tracks of coded packets -> a file of any container."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import av
from av.bitstream import BitStreamFilterContext

from hand100m_assets_tests.explore.coded import Coded, Unit

FORMATS = {
    ".mp4": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".ts": "mpegts",
    ".avi": "avi",
    ".flv": "flv",
    ".mpg": "mpeg",
    ".h264": "h264",
    ".h265": "hevc",
}


class _Pipe:
    """A file that cannot be sought in, as seen from a muxer."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)


class _Waiting(NamedTuple):
    """A packet and when it is due; sorts by that."""

    due: Fraction
    track: int
    number: int
    unit: Unit


def write(
    path: Path,
    *tracks: Coded,
    options: dict[str, str] | None = None,
    tag: str | None = None,
    dispositions: Sequence[int] = (),
    is_piped: bool = False,
    bit_filter: str | None = None,
) -> Path:
    """Write a file by the suffix of its path, packets of all tracks in order of time.

    `bit_filter` is one of FFmpeg's bitstream filters for the first track.
    """
    name = FORMATS[path.suffix]
    if path.suffix == ".avi" and tracks[0].codec in ("h264", "hevc"):
        bit_filter = f"{tracks[0].codec}_mp4toannexb"
    with path.open("wb") as file:
        sink: Any = _Pipe(file) if is_piped else str(path)
        # Bit exact, so that the same seed makes the same file.
        with av.open(sink, "w", format=name, options={"fflags": "+bitexact", **(options or {})}) as out:
            streams = [_stream_of(out, track) for track in tracks]
            for stream, disposition in zip(streams, dispositions, strict=False):
                stream.disposition = disposition
            if tag:
                streams[0].codec_context.codec_tag = tag
            through = BitStreamFilterContext(bit_filter, tracks[0].template, streams[0]) if bit_filter else None
            for waiting in heapq.merge(*(_queue(number, track) for number, track in enumerate(tracks))):
                stream, track = streams[waiting.track], tracks[waiting.track]
                packet = _packet(waiting.unit, track.time_base)
                for piece in through.filter(packet) if through and not waiting.track else [packet]:
                    piece.stream, piece.time_base = stream, track.time_base
                    out.mux(piece)
    return path


def _stream_of(out: Any, track: Coded) -> Any:
    if track.template is not None:
        return out.add_stream_from_template(track.template)
    return out.add_data_stream(track.codec) if track.codec == "bin_data" else out.add_mux_stream(track.codec)


def _queue(number: int, track: Coded) -> list[_Waiting]:
    queue, last = [], Fraction(-(10**9))
    for place, unit in enumerate(track.units):
        time = unit.dts if unit.dts is not None else unit.pts
        last = max(last, Fraction(time) * track.time_base) if time is not None else last
        queue.append(_Waiting(last, number, place, unit))
    return queue


def _packet(unit: Unit, time_base: Fraction) -> av.Packet[Any]:
    packet: av.Packet[Any] = av.Packet(unit.data)
    packet.pts, packet.dts, packet.time_base, packet.duration = unit.pts, unit.dts, time_base, unit.duration
    packet.is_keyframe = unit.is_key
    return packet
