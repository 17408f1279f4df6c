"""Decodes frames in an independent way: with the ffmpeg program and its `select` filter, without any of our decoding.

A frame is identified by ffmpeg's own count of the pictures from the beginning. In the middle of a long video it is
identified by its timestamp: its index is then the number of shown packets with smaller timestamps in a listing of the
whole file.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Final

import av
import av.error
import ffmpeg
import numpy as np
import numpy.typing as npt

from hand100m_assets.video.audit.ffmpeg_process import FfmpegProcess
from hand100m_assets.video.container import MAX_PIXELS
from hand100m_assets.video.decode import HARMLESS, to_ranges
from hand100m_assets.video.pictures import PictureLook

_LEAD_S: Final = 10.0
"""Seconds by which decoding starts before a stretch in the middle, so that all pictures exist that it depends on."""
_DISCARD_FLAG: Final = 4
"""Flag of packets that an edit list hides. Source: libavcodec, AV_PKT_FLAG_DISCARD."""

_FLAGS: Final = frozenset({"noaccurate_seek", "noautorotate"})
_AS_CODED: Final = {"noautorotate": None, "reinit_filter": 0}
"""Without these options, ffmpeg rotates by other angles than OpenCV, and counts anew if the picture size changes."""

ImageBgr = npt.NDArray[np.uint8]


class CannotCompareError(Exception):
    """The independent way gives nothing to compare with; the message says why."""


@dataclass(frozen=True)
class PacketTimes:
    """Timestamps of all shown packets, ascending: the position is the frame index."""

    shown_pts: Sequence[int]
    time_base: Fraction


@dataclass(kw_only=True)
class IndependentDecode:
    """Decodes one stretch of a video with the ffmpeg program.

    Attributes:
        path: The video file.
        stream_index: Index of its picture track.
        look: How the pictures are to be converted.
        time_limit_s: Limit for each run of ffmpeg, in seconds.
        complaints: Lines that ffmpeg logged as errors in all runs, without those that are known to concern no picture.
            The number of lines is limited.
    """

    path: Path
    stream_index: int
    look: PictureLook
    time_limit_s: float
    complaints: list[str] = field(default_factory=list)

    def by_count(self, wanted: Sequence[int], end: int | None) -> Iterator[tuple[int, ImageBgr]]:
        """Yield (index, picture) of wanted frames, counted by ffmpeg from the file's beginning.

        Args:
            wanted: Frame indices, ascending.
            end: Decode up to this index, exclusive; None decodes to the end of the file.

        Raises:
            CannotCompareError: ffmpeg failed or took too long.
        """
        picture = self._input(**_AS_CODED)
        if end is not None:
            picture = picture.filter("trim", end_frame=end)
        picture = picture.filter("settb", "1/1000").filter("setpts", "N").filter("select", _among("n", wanted))
        yield from self._pictures(picture, Fraction(1, 1000))

    def by_time(
        self, wanted: Sequence[int], first: int, end: int, times: PacketTimes
    ) -> Iterator[tuple[int, ImageBgr]]:
        """Yield the same for a stretch in the middle, from `first` up to `end`, by timestamp. Raises as `by_count`."""
        index_by_pts = {times.shown_pts[index]: index for index in wanted}
        entry_s = float(times.shown_pts[first] * times.time_base) - _LEAD_S
        begins_inside = entry_s > float(times.shown_pts[0] * times.time_base)
        seek = {"ss": f"{entry_s:.3f}", "seek_timestamp": 1, "noaccurate_seek": None} if begins_inside else {}
        picture = whole = self._input(**_AS_CODED, **seek)
        if end < len(times.shown_pts):
            picture = whole.filter("trim", end_pts=times.shown_pts[end])
        picture = picture.filter("select", _among("pts", sorted(index_by_pts)))
        for pts, image in self._pictures(picture, times.time_base):
            yield index_by_pts[pts], image
        if seek and self.complaints:
            self._forgive_entry(whole.filter("trim", end_pts=times.shown_pts[first]).filter("select", "0"))

    def _forgive_entry(self, lead: Any) -> None:  # noqa: ANN401 - ffmpeg-python is untyped
        """Remove the lines that a decoder logs only because decoding begins at a key frame in the middle."""
        complaints = Counter(self.complaints)
        self.complaints = []
        for _ in self._pictures(lead, Fraction(1, 1000)):
            pass
        self.complaints = list((complaints - Counter(self.complaints)).elements())

    def packet_times(self) -> PacketTimes:
        """List the packets of the whole file without decoding any.

        Raises:
            CannotCompareError: ffmpeg failed or took too long, or packets have no timestamps or share one.
        """
        listing = self._input(threads=None).output("pipe:", format="framecrc", c="copy", copyinkf=None)
        process = FfmpegProcess(listing, self.time_limit_s)
        with process:
            shown, time_base = _read_listing(process.output)
            self._insist(process)
        shown.sort()
        if time_base is None or any(earlier == later for earlier, later in pairwise(shown)):
            raise CannotCompareError("its packets cannot be told apart by their timestamps")
        return PacketTimes(shown, time_base)

    def _input(self, **options: Any) -> Any:  # noqa: ANN401 - ffmpeg-python is untyped
        defaults = {"threads": 1, "max_pixels": MAX_PIXELS, "protocol_whitelist": "file,pipe"}
        given = {name: value for name, value in (defaults | options).items() if value is not None or name in _FLAGS}
        return ffmpeg.input(f"file:{self.path.absolute()}", **given)[str(self.stream_index)]

    def _pictures(self, picture: Any, time_base: Fraction) -> Iterator[tuple[int, ImageBgr]]:  # noqa: ANN401
        out = self.look.applied_to(picture).output(
            "pipe:",
            format="nut",
            vcodec="rawvideo",
            fps_mode="passthrough",
            enc_time_base=f"{time_base.numerator}:{time_base.denominator}",
        )
        process = FfmpegProcess(out, self.time_limit_s)
        with process:
            yield from _raw_pictures(process.output, time_base)
            self._insist(process)

    def _insist(self, process: FfmpegProcess) -> None:
        status = process.finish()
        self.complaints += [line for line in process.complaints if not HARMLESS.search(line)]
        if process.ran_out_of_time:
            raise CannotCompareError(f"ffmpeg was ended after {self.time_limit_s:g} s")
        if status != 0:
            words = process.complaints[-1] if process.complaints else f"exit status {status}"
            raise CannotCompareError(f"ffmpeg gave up: {words}")


def _among(variable: str, ascending: Sequence[int]) -> str:
    runs = to_ranges(ascending)
    return "+".join(f"between({variable},{first},{last})" for first, last in runs) or "0"


def _raw_pictures(output: IO[bytes], time_base: Fraction) -> Iterator[tuple[int, ImageBgr]]:
    """Yield (timestamp, picture), one in memory at a time."""
    try:
        container = av.open(output, "r", format="nut")
    except (av.error.EOFError, av.error.InvalidDataError):
        return  # not one picture was selected
    with container:
        stream = container.streams.video[0]
        shape = (stream.codec_context.height, stream.codec_context.width, 3)
        for packet in container.demux(stream):
            if packet.pts is None or packet.time_base is None or packet.size != math.prod(shape):
                continue
            yield (
                round(packet.pts * packet.time_base / time_base),
                np.frombuffer(memoryview(packet), np.uint8).reshape(shape),
            )


def _read_listing(output: IO[bytes]) -> tuple[list[int], Fraction | None]:
    """Return timestamps of shown packets in file order, and their unit, from ffmpeg's framecrc format."""
    shown: list[int] = []
    time_base: Fraction | None = None
    for line in output:
        if line.startswith(b"#tb 0:"):
            time_base = Fraction(line[6:].strip().decode())
        elif not line.startswith(b"#"):
            fields = line.split(b",")
            flags = int(fields[-1].split(b"=")[1], 16) if b"F=" in fields[-1] else 0
            if flags & _DISCARD_FLAG:
                continue
            try:
                shown.append(int(fields[2]))
            except ValueError as error:
                raise CannotCompareError("a packet has no timestamp") from error
    return shown, time_base
