"""Checks with an independent decoder whether the JPEGs of a frame folder show the frames in their names.

A JPEG agrees when the independently decoded picture, encoded in the same way, is the same file byte for byte. It may
differ a little only if the folder was made by other library versions, and then no neighbouring frame may be more
similar. What cannot be compared is counted with its reason, and never as agreeing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av.video.stream
import cv2
import numpy as np

from hand100m_assets.amounts import counted
from hand100m_assets.errors import Hand100mError
from hand100m_assets.layout import MANIFEST_FILE, frame_file_name
from hand100m_assets.video.audit.independent_decode import (
    CannotCompareError,
    ImageBgr,
    IndependentDecode,
    PacketTimes,
)
from hand100m_assets.video.audit.plan import (
    MAX_DECODED_FRAMES,
    NEIGHBOURS,
    Stretch,
    first_damaged_of,
    plan_stretch,
    stretches_around_damage,
)
from hand100m_assets.video.audit.report import FrameDifference, VideoAudit
from hand100m_assets.video.container import open_video
from hand100m_assets.video.frames import Manifest, library_versions, read_manifest, stamp_of
from hand100m_assets.video.pictures import PictureLook

ALIKE_PSNR_DB: Final = 35.0
"""JPEGs of one frame made by other versions of decoder and encoder are at least this similar. Another converter's
rounding gives 38 dB.
"""
TIME_LIMIT_S: Final = 600.0
"""Time limit in seconds of one run of ffmpeg over one stretch."""
MAX_COMPLAINTS_SHOWN: Final = 20
"""Number of lines of ffmpeg that are kept in the result."""
_BEYOND_DAMAGE: Final = "at or after the first damage, where counts may differ"


def sampled(candidates: Iterable[str], is_auditable: Callable[[str], bool], count: int, seed: int) -> list[str]:
    """Choose videos to audit, at random but reproducibly.

    Args:
        candidates: Video ids, in any order.
        is_auditable: Called with a video id until enough are found; returns whether the video can be audited.
        count: How many videos to choose.
        seed: The same seed and candidates give the same choice.

    Returns:
        At most `count` auditable video ids, sorted.

    Example:
        >>> from hand100m_assets.video.audit import sampled
        >>> sampled(["video_c", "video_a", "video_b"], lambda video_id: video_id != "video_b", count=2, seed=0)
        ['video_a', 'video_c']
    """
    shuffled = sorted(candidates)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - a sample, not a secret
    chosen: list[str] = []
    for video_id in shuffled:
        if len(chosen) == count:
            break
        if is_auditable(video_id):
            chosen.append(video_id)
    return sorted(chosen)


def audit_video(
    video_path: Path,
    frames_dir: Path,
    video_id: str,
    *,
    frames_per_video: int,
    seed: int,
    max_decoded_frames: int = MAX_DECODED_FRAMES,
    time_limit_s: float = TIME_LIMIT_S,
) -> VideoAudit:
    """Compare some JPEGs of a finished frame folder with pictures that the ffmpeg program decodes.

    Faults of the folder or the video raise no errors; the result describes them.

    Args:
        video_path: The video file.
        frames_dir: The folder that holds one frame folder per video.
        video_id: Name of the frame folder.
        frames_per_video: How many JPEGs are compared.
        seed: The same seed and video id draw the same JPEGs.
        max_decoded_frames: Length of the decoded stretch, which limits the time however long the video is.
        time_limit_s: Limit for each run of ffmpeg, in seconds.

    Returns:
        How many JPEGs were compared, and every difference; or why nothing could be compared.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video import ExtractionOptions, StrideSelection, extract_video
        >>> from hand100m_assets.video.audit import audit_video
        >>> frames_dir = Path("extracted")
        >>> _ = extract_video(Path("video.mp4"), frames_dir, "video", StrideSelection(30), ExtractionOptions())
        >>> audit = audit_video(Path("video.mp4"), frames_dir, "video", frames_per_video=2, seed=0)
        >>> audit.verdict, audit.frames_compared, audit.frames_identical
        ('agrees', 2, 2)
    """
    started_s = time.monotonic()
    found = VideoAudit(video_id=video_id)
    try:
        _audit(found, video_path, frames_dir / video_id, (frames_per_video, seed, max_decoded_frames, time_limit_s))
    except CannotCompareError as reason:
        found.why_skipped = str(reason)
    except Hand100mError as error:
        found.why_skipped = error.what
    found.seconds = time.monotonic() - started_s
    return found


def _audit(found: VideoAudit, video_path: Path, folder: Path, how: tuple[int, int, int, float]) -> None:
    frames_per_video, seed, max_decoded_frames, time_limit_s = how
    manifest = read_manifest(folder / MANIFEST_FILE)
    found.decode_mode = manifest.decode_mode
    stamp = stamp_of(video_path)
    if stamp is None:
        raise CannotCompareError("its video cannot be read now")
    if stamp != manifest.stamp:
        raise CannotCompareError("its video changed after the frames were made")
    dice = random.Random(f"{seed}:{found.video_id}")  # noqa: S311 - a sample, not a secret
    stretch = plan_stretch(manifest, frames_per_video, dice, max_decoded_frames)
    found.stretch = (stretch.first, stretch.end)
    around = stretches_around_damage(manifest, stretch.chosen, max_decoded_frames)
    if not (stretch.chosen or around):
        found.skip(_BEYOND_DAMAGE, stretch.frames_beyond_damage)
        raise CannotCompareError("it has no frame that can be compared")
    container, stream = open_video(video_path)
    with container:
        look = _look(stream, manifest)
        stream_index = stream.index
    decode = IndependentDecode(path=video_path, stream_index=stream_index, look=look, time_limit_s=time_limit_s)
    if stretch.chosen:
        _Comparison(found, folder, manifest, stretch, decode).run()
    if manifest.status == "damaged":
        compared = _audit_around_damage(found, folder, manifest, around, decode)
        first_damaged = first_damaged_of(manifest)
        beyond = [index for index in compared if first_damaged is not None and index >= first_damaged]
        found.skip(_BEYOND_DAMAGE, stretch.frames_beyond_damage - len(beyond))
    if not (stretch.chosen or found.frames_compared):
        raise CannotCompareError("it has no frame that can be compared")


def _audit_around_damage(
    found: VideoAudit, folder: Path, manifest: Manifest, stretches: Sequence[Stretch], decode: IndependentDecode
) -> list[int]:
    """Compare JPEGs with pictures of the same time, and their numbers with a listing of the file's packets.

    Frames that have another number in the listing are left out: it may list packets that gave no frame.

    Returns:
        The frames that were compared.
    """
    compared: list[int] = []
    if not stretches:
        return compared
    pts = {frame.frame_index: frame.pts for frame in manifest.frames}
    with suppress(CannotCompareError):
        times = decode.packet_times()
        count = len(times.shown_pts)
        for stretch in stretches:
            there = [i for i in stretch.chosen if i < count and times.shown_pts[i] == pts[i]]
            if there:
                end = min(stretch.end or count, count)
                part = Stretch(first=stretch.first, end=end, chosen=there)
                _Comparison(found, folder, manifest, part, decode, times).compare()
                compared += there
    return compared


def _look(stream: av.video.stream.VideoStream, manifest: Manifest) -> PictureLook:
    context = stream.codec_context
    size_px = (context.width, context.height)
    sizes = manifest.picture_sizes
    is_cut = bool(sizes) and (sizes[0].width_px, sizes[0].height_px) != size_px
    if is_cut and (len(sizes) == 1 or manifest.colour_rule == "opencv4"):
        raise CannotCompareError("its pictures are cut at their edges, which ffmpeg does in another way than OpenCV")
    return PictureLook(
        colour_rule=manifest.colour_rule,
        size_px=size_px,
        rotation_deg=manifest.video.get("rotation_deg") or 0,
        primaries=context.color_primaries,
        transfer=context.color_trc,
        has_left_samples=context.name in ("h264", "hevc"),
    )


@dataclass
class _Comparison:
    """Compares the JPEGs of one folder with the pictures of one stretch."""

    found: VideoAudit
    folder: Path
    manifest: Manifest
    stretch: Stretch
    decode: IndependentDecode
    times: PacketTimes | None = None
    shown: set[int] = field(default_factory=set)

    def run(self) -> None:
        if self.stretch.is_inside:
            self.times = self._times()
        doubtful = self._differing(self.stretch.chosen, self._end_marks())
        if self.manifest.status == "complete":
            self.found.complaints = self.decode.complaints[:MAX_COMPLAINTS_SHOWN]
            self.found.complaint_count = len(self.decode.complaints)
        if doubtful and self.decode.complaints and self.times is None:
            doubtful = self._again_by_time(doubtful)
        if doubtful:
            self._explain(doubtful)
        if not self.decode.complaints:
            self._check_frame_count()

    def compare(self) -> None:
        """The same where the times are known, and damage in the video too."""
        doubtful = self._differing(self.stretch.chosen)
        if doubtful:
            self._explain(doubtful)

    def _times(self) -> PacketTimes:
        times, count = self.decode.packet_times(), self.manifest.frame_count
        shown = len(times.shown_pts)
        if count is not None and shown != count:
            self._differs(
                count,
                None,
                f"the manifest counts {counted(count, 'frame')}, a listing of the file {counted(shown, 'packet')}",
            )
        if shown <= self.stretch.chosen[-1]:
            raise CannotCompareError(f"a listing of the file has only {counted(shown, 'packet')}")
        return times

    def _pictures(self, wanted: Sequence[int]) -> Iterator[tuple[int, ImageBgr]]:
        if self.times is None:
            return self.decode.by_count(wanted, self.stretch.end)
        end = self.stretch.end or len(self.times.shown_pts)
        return self.decode.by_time(wanted, self.stretch.first, end, self.times)

    def _differing(self, wanted: Sequence[int], end_marks: Sequence[int] = ()) -> list[int]:
        """Return those whose JPEG is not identical to the independently decoded picture; count the others."""
        identical = set()
        for index, image in self._pictures(sorted({*wanted, *end_marks})):
            self.shown.add(index)
            if index in wanted and self._encoded(image) == self._jpeg(index):
                identical.add(index)
        self.found.frames_compared += len(identical)
        self.found.frames_identical += len(identical)
        return [index for index in wanted if index not in identical]

    def _end_marks(self) -> list[int]:
        """If the whole video is decoded: its last frame, which must come, and the next index, which must not."""
        count = self.manifest.frame_count
        return [count - 1, count] if self.stretch.end is None and count else []

    def _again_by_time(self, doubtful: list[int]) -> list[int]:
        """Compare by timestamp: if ffmpeg logged errors, it may have lost frames, so its count may be wrong."""
        try:
            self.times = self._times()
        except CannotCompareError as reason:
            self.found.skip(f"ffmpeg complained, and its count cannot be checked: {reason}", len(doubtful))
            return []
        return self._differing(doubtful)

    def _explain(self, doubtful: list[int]) -> None:
        """Compare each JPEG with its own picture and with its neighbours'."""
        nearness: dict[int, dict[int, float | None]] = {index: {} for index in doubtful}
        last = self._last_index()
        around = {index + step for index in doubtful for step in range(-NEIGHBOURS, NEIGHBOURS + 1)}
        for index, image in self._pictures(sorted(i for i in around if self.stretch.first <= i <= last)):
            encoded = self._encoded(image)
            for each in doubtful:
                if abs(each - index) <= NEIGHBOURS:
                    nearness[each][index] = self._psnr_db(each, encoded)
        for index, by_index in nearness.items():
            self._judge(index, by_index)

    def _last_index(self) -> int:
        """Last frame of this stretch that may be asked for."""
        if self.stretch.end is not None:
            return self.stretch.end - 1
        return len(self.times.shown_pts) - 1 if self.times else self.stretch.chosen[-1] + NEIGHBOURS

    def _judge(self, index: int, by_index: dict[int, float | None]) -> None:
        self.found.frames_compared += 1
        own = by_index.get(index)
        jpeg = self._jpeg(index)
        best = max(by_index, key=lambda i: by_index[i] or 0.0, default=index)
        best_db = by_index.get(best) or 0.0
        if jpeg is None:
            self._differs(index, None, "the JPEG is gone or cannot be read")
        elif index not in by_index:
            self._differs(index, None, "ffmpeg shows no such frame")
        elif own is None:
            self._differs(index, None, "the JPEG is broken, or of another size than the video's picture")
        elif best_db > own and best_db > ALIKE_PSNR_DB:
            self._differs(index, own, f"the JPEG shows frame {best}")
        elif own >= ALIKE_PSNR_DB and self.manifest.libraries != library_versions():
            self.found.frames_alike += 1
        else:
            self._differs(index, own, "the JPEG shows another picture, or is not as it was made")

    def _differs(self, index: int, psnr_db: float | None, reason: str) -> None:
        rounded = None if psnr_db is None else round(psnr_db, 2)
        self.found.differences.append(FrameDifference(frame_index=index, psnr_db=rounded, reason=reason))

    def _check_frame_count(self) -> None:
        marks = self._end_marks()
        if marks and (marks[0] not in self.shown or marks[1] in self.shown):
            words = "more" if marks[1] in self.shown else "fewer"
            self._differs(marks[1], None, f"the manifest counts {counted(marks[1], 'frame')}, ffmpeg shows {words}")

    def _encoded(self, image: ImageBgr) -> bytes:
        _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.manifest.jpeg_quality])
        return jpeg.tobytes()

    def _jpeg(self, index: int) -> bytes | None:
        with suppress(OSError):
            return (self.folder / frame_file_name(index)).read_bytes()
        return None

    def _psnr_db(self, index: int, encoded: bytes) -> float | None:
        """How similar the JPEG is to another, in dB; None if it is not a JPEG of that size."""
        jpeg = self._jpeg(index)
        if not jpeg:
            return None
        try:
            here = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:  # the header states a size that OpenCV never reads
            return None
        there = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
        if here is None or there is None or here.shape != there.shape:
            return None
        return float(cv2.PSNR(here, there))
