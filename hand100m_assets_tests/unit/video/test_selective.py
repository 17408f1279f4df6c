"""The selective way gives what the full way gives, bit for bit, wherever it is used; or it is not used."""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import av
import pytest

from hand100m_assets.errors import Hand100mError
from hand100m_assets.video import probe as probe_module
from hand100m_assets.video import sampleindex
from hand100m_assets.video import selective as selective_module
from hand100m_assets.video.decode import DecodeAgainError, DecodeReport, PickedFrame, decode_frames, pick_frames
from hand100m_assets.video.selection import FrameSetSelection, Selection, StrideSelection
from hand100m_assets_tests import media
from hand100m_assets_tests.unit.video.oracle import every_frame, planes_of

HEALTHY = [*media.HEALTHY, *media.STREAMS]
REFUSED = {
    "changed_parameters": "parameter sets that change",
    "changed_parameters.mkv": "parameter sets that change",
    "fake_interlaced": "interlaced",
    "h264.avi": "Annex B",
    "h264.ts": "Annex B",
    "hevc.ts": "Annex B",
    "hevc_temporal_layers": "temporal layers",
    "interlaced": "interlaced",
    "interlaced_top_first.mkv": "interlaced",
    "mpeg2.ts": "codec mpeg2video",
    "mpeg4": "codec mpeg4",
    "mpeg4.avi": "codec mpeg4",
    "open_gop_cut": "no clean key frame at the start",
    "open_gop_cut.mkv": "timestamps that do not increase",
    "vp8.webm": "codec vp8",
}
"""Kinds that must not be decoded selectively, and what is said of them. All others must be."""


def some_selections(frame_count: int, seed: str) -> list[Selection]:
    rng = random.Random(seed)
    few = rng.sample(range(frame_count), min(4, frame_count))
    return [StrideSelection(30), StrideSelection(1), StrideSelection(7), FrameSetSelection(few), FrameSetSelection([0])]


READ_THROUGH = {name for name in HEALTHY if name.endswith((".mkv", ".webm", ".flv"))} | {
    *("fragmented", "fragmented_b_frames"),
    # One group of pictures only, or no second one that can be entered:
    *("defaults", "ten_bit", "yuv444", "full_range", "bt709", "odd_size", "odd_width", "hevc", "with_audio"),
    *("single_frame", "fewer_frames_than_a_stride", "open_gop", "hevc_open_gop", "hevc_b_pyramid"),
    *("intra_refresh", "hevc_intra_refresh"),
}
"""Kinds that are decoded selectively and in which nothing can be jumped over. In all others something must be."""


class Truth(NamedTuple):
    """What a full decode gives."""

    frames: list[tuple[int, int | None, float | None, str]]
    report: DecodeReport


def digest_of(frame: PickedFrame) -> tuple[int, int | None, float | None, str]:
    samples = hashlib.sha256(b"".join(planes_of(frame))).hexdigest()
    return frame.frame_index, frame.pts, frame.time_s, samples


@pytest.fixture(scope="session")
def truth_of(clip) -> Callable[[str], Truth]:
    @cache
    def decode(name: str) -> Truth:
        frames, report = pick_frames(clip(name), StrideSelection(1), why_full="to compare with")
        assert report.mode == "full"
        assert not report.is_damaged
        assert report.frame_count == len(frames)
        return Truth([digest_of(frame) for frame in frames], report)

    return decode


@pytest.mark.parametrize("name", HEALTHY)
def test_selective_and_full_decoding_give_the_same_samples(clip, truth_of, name: str) -> None:
    everything, truth = truth_of(name)
    for selection in some_selections(len(everything), name):
        frames, report = pick_frames(clip(name), selection)
        assert [digest_of(f) for f in frames] == [everything[i] for i in selection.expected(len(everything))]
        if name in REFUSED and not report.stopped_early:
            assert report.mode == "full"
            assert REFUSED[name] in str(report.why_full)
        elif name in REFUSED:
            assert report.mode == "full" or name.startswith("changed_parameters"), "it changes later on"
        else:
            assert (report.mode, report.why_full) == ("selective", None)
        if not report.stopped_early:
            assert report.frame_count == len(everything)
            assert report.packet_count == truth.packet_count
        assert not report.is_damaged


def test_most_kinds_of_clip_are_decoded_selectively() -> None:
    assert len(HEALTHY) >= 70
    assert len(HEALTHY) - len(REFUSED) >= 55, "or the comparison says little"
    assert len(set(HEALTHY) - REFUSED.keys() - READ_THROUGH) >= 30


@pytest.fixture
def jumps_are_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampleindex, "MIN_JUMP_BYTES", 1)
    monkeypatch.setattr(sampleindex, "MIN_FRAMES_PER_WANTED", 1)


@pytest.mark.usefixtures("jumps_are_cheap")
@pytest.mark.parametrize("name", HEALTHY)
def test_jumping_over_what_nobody_wants_gives_the_same_samples(clip, truth_of, name: str) -> None:
    everything, truth = truth_of(name)
    last = len(everything) - 1
    few = sorted({0, last // 3, 2 * last // 3 + 1, last})
    skipped_count = 0
    for selection in (*some_selections(len(everything), name), FrameSetSelection(few), FrameSetSelection([last])):
        frames, report = pick_frames(clip(name), selection)
        assert [digest_of(f) for f in frames] == [everything[i] for i in selection.expected(len(everything))]
        skipped_count += report.packet_count_skipped
        if report.mode == "selective" and not report.stopped_early:
            assert report.packet_count + report.packet_count_skipped == truth.packet_count
            assert report.discarded_count == truth.discarded_count
            assert report.frame_count == len(everything)
    assert (skipped_count > 0) is (name not in READ_THROUGH and name not in REFUSED)


def test_the_bytes_read_follow_the_need(tmp_path: Path) -> None:
    path = media.encode(
        tmp_path / "long.mp4", size="480x360", frames=600, g=30, keyint_min=30, sc_threshold=0, bf=0, qp=8
    )
    counts = []
    for selection in (FrameSetSelection([0, 300, 590]), StrideSelection(1)):
        before = bytes_read()
        frames, report = pick_frames(path, selection)
        counts.append(bytes_read() - before)
        assert report.mode == "selective"
        assert len(frames) == len(selection.expected(600))
    assert path.stat().st_size > 4_000_000
    assert counts[0] * 3 < counts[1]
    assert report.packet_count_skipped == 0


def bytes_read() -> int:
    try:
        text = Path("/proc/self/io").read_text()
    except OSError:
        pytest.skip("no /proc/self/io here")
    return int(text.split("rchar:")[1].split()[0])


@pytest.mark.usefixtures("jumps_are_cheap")
def test_an_index_that_points_elsewhere_is_not_followed(clip, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sampleindex.SampleIndex.landing

    def elsewhere(*args):
        landing = whole(*args)
        return landing and landing._replace(position=landing.position + 1)

    monkeypatch.setattr(sampleindex.SampleIndex, "landing", elsewhere)
    frames, report = pick_frames(clip("keyint15"), FrameSetSelection([50]))
    assert (report.mode, report.why_full) == ("full", "a packet that is not where the file's index says")
    assert [f.frame_index for f in frames] == [50]


@pytest.mark.parametrize(
    ("name", "at_most"), [("keyint30_no_b", 4), ("keyint15", 4), ("defaults", 60), ("hevc", 50), ("vp9", 70)]
)
def test_only_a_part_of_the_packets_is_decoded(clip, name: str, at_most: int) -> None:
    _, report = pick_frames(clip(name), StrideSelection(30))
    assert report.packet_count == media.FRAME_COUNT
    assert report.packet_count_decoded <= at_most
    assert report.frame_count_decoded <= at_most


def test_real_footage_is_decoded_selectively_and_alike(real_clip: Path) -> None:
    everything, _ = pick_frames(real_clip, StrideSelection(1), why_full="to compare with")
    frames, report = pick_frames(real_clip, StrideSelection(30))
    assert report.mode == "selective"
    assert [f.frame_index for f in frames] == list(range(0, len(everything), 30))
    assert all(planes_of(f) == planes_of(everything[f.frame_index]) for f in frames)


def test_a_cut_file_is_decoded_fully_and_says_why(clip) -> None:
    frames, report = pick_frames(clip("cut_with_index"), StrideSelection(30))
    assert (report.mode, report.is_damaged) == ("full", True)
    assert "too short" in str(report.why_full)
    assert [f.frame_index for f in frames] == [0, 30]


def test_a_hole_in_the_packets_is_found_even_where_nothing_is_wanted(clip) -> None:
    _, report = pick_frames(clip("zeroed_blocks"), StrideSelection(30))
    assert (report.mode, report.why_full) == ("full", "bytes that no coded picture holds (a hole in the file)")
    assert report.damaged_indices


def test_a_hole_inside_one_packet_is_found_even_where_nothing_is_wanted(clip, tmp_path: Path) -> None:
    with av.open(str(clip("keyint30_no_b"))) as container:
        packet = list(container.demux(video=0))[45]
    data = bytearray(clip("keyint30_no_b").read_bytes())
    assert packet.pos is not None
    data[packet.pos + packet.size - 40 : packet.pos + packet.size] = bytes(40)
    (tmp_path / "hole.mp4").write_bytes(data)
    _, report = pick_frames(tmp_path / "hole.mp4", StrideSelection(30))
    assert (report.mode, report.why_full) == ("full", "bytes that no coded picture holds (a hole in the file)")
    assert report.damaged_indices[0] == 45


def test_a_cut_mkv_is_decoded_fully_as_its_time_falls_short(tmp_path: Path) -> None:
    whole = media.encode(tmp_path / "whole.mkv", frames=200, g=30)
    assert pick_frames(whole, StrideSelection(30))[1].mode == "selective"
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    _, report = pick_frames(path, StrideSelection(30))
    assert report.mode == "full"
    assert report.is_damaged


def test_fewer_packets_than_the_header_promises_call_for_a_full_decode(clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "frame_count_from_header", lambda *_: media.FRAME_COUNT + 2)
    frames, report = pick_frames(clip("defaults"), StrideSelection(30))
    assert (report.mode, report.why_full) == ("full", "100 packets where the header promises 102")
    # 98 and 99 are shown after the last packet was decoded: what is missing may belong before them.
    assert report.damaged_indices == [98, 99, 100, 101]
    assert [f.frame_index for f in frames] == [0, 30, 60, 90]


def test_a_doubt_after_frames_were_given_out_calls_them_all_back(clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "frame_count_from_header", lambda *_: media.FRAME_COUNT + 2)
    given = []
    with pytest.raises(DecodeAgainError) as caught:
        given.extend(f.frame_index for f in decode_frames(clip("defaults"), StrideSelection(30), DecodeReport()))
    assert given == [0, 30, 60, 90]
    assert caught.value.reason == "100 packets where the header promises 102"


def test_waiting_packets_are_bounded_and_decoded_on_suspicion(clip, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, _ = pick_frames(clip("hevc_intra_refresh"), FrameSetSelection([95]), why_full="to compare with")
    monkeypatch.setattr(selective_module, "MAX_WAITING_BYTES", 1000)
    frames, report = pick_frames(clip("hevc_intra_refresh"), FrameSetSelection([95]))
    assert report.mode == "selective"
    assert planes_of(frames[0]) == planes_of(truth[0])


@pytest.mark.parametrize("wanted", [95, 99])
def test_a_long_wait_for_one_frame_can_be_stopped(clip, wanted: int) -> None:
    # Packets that must be decoded before a wanted one are many where key frames are rare.
    report = DecodeReport()
    selection = FrameSetSelection([wanted, 200])
    frames = list(decode_frames(clip("defaults"), selection, report, lambda: report.packet_count_decoded >= 10))
    assert frames == []
    assert (report.mode, report.stopped_early, report.frame_count) == ("selective", True, None)
    assert report.packet_count_decoded <= 16


RANDOM_FRAMES = 60
CONTAINERS = {
    "h264": ["whole.mp4"] * 8 + ["whole.mkv", "whole.ts", "whole.avi", "pieces.mp4"],
    "hevc": ["whole.mp4"] * 8 + ["whole.mkv", "whole.ts", "pieces.mp4", "pieces.mp4"],
    "vp9": ["whole.mp4", "whole.webm", "pieces.mp4"],
    "av1": ["whole.mp4", "whole.mkv", "pieces.mp4"],
}
"""Names that clips of each codec are given, as often as they stand here."""


def random_stream(rng: random.Random, folder: Path) -> Path:
    """A small clip with a group structure that nobody chose."""
    codec = rng.choices(list(CONTAINERS), [12, 3, 2, 1])[0]
    options = RANDOM_OPTIONS[codec](rng)
    path = folder / rng.choice(CONTAINERS[codec])
    if rng.random() < 0.3 and path.suffix not in (".ts", ".avi"):
        options |= {"vf": "select='not(eq(mod(n,5),2))'", "fps_mode": "vfr"}
    if path.stem == "pieces":
        options |= {"movflags": rng.choice(["frag_keyframe", "frag_every_frame"]) + "+empty_moov"}
    if path.suffix == ".ts":
        options.pop("tag:v", None)
    for name in ("x264-params", "x265-params"):
        if path.suffix in (".ts", ".avi") and name in options:
            options[name] += ":repeat-headers=1"  # these have no other place for them
    return media.encode(path, size="128x96", frames=RANDOM_FRAMES, **options)


def _random_h264(rng: random.Random) -> dict[str, Any]:
    keyint = rng.choice([1, 3, 8, 15, 25, 250])
    parameters = {
        "keyint": keyint,
        "min-keyint": rng.randint(1, keyint),
        "bframes": rng.choice([0, 0, 1, 2, 3, 6, 16]),
        "b-pyramid": rng.choice(["none", "strict", "normal"]),
        "b-adapt": rng.choice([0, 1, 2]),
        "ref": rng.choice([1, 2, 4, 8, 16]),
        "open-gop": rng.randint(0, 1),
        "weightp": rng.randint(0, 2),
        "slices": rng.choice([1, 1, 3]),
        "scenecut": rng.choice([0, 40]),
        "cabac": rng.randint(0, 1),
        "intra-refresh": int(rng.random() < 0.1),
        "repeat-headers": int(rng.random() < 0.3),
        "aud": rng.randint(0, 1),
    }
    return {"preset": "veryfast", "x264-params": _joined(parameters)}


def _random_hevc(rng: random.Random) -> dict[str, Any]:
    keyint = rng.choice([1, 8, 15, 25, 250])
    parameters = {
        "keyint": keyint,
        "min-keyint": rng.randint(1, keyint),
        "bframes": rng.choice([0, 1, 3, 6]),
        "b-pyramid": rng.randint(0, 1),
        "b-adapt": rng.choice([0, 1]),
        "ref": rng.choice([1, 2, 4]),
        "open-gop": rng.randint(0, 1),
        "scenecut": rng.choice([0, 40]),
        "ctu": rng.choice([16, 32]),
        "repeat-headers": int(rng.random() < 0.3),
        "log-level": "error",
        "pools": "none",
    }
    return {"vcodec": "libx265", "preset": "ultrafast", "x265-params": _joined(parameters), "tag:v": "hvc1"}


def _random_vp9(rng: random.Random) -> dict[str, Any]:
    return {
        "vcodec": "libvpx-vp9",
        "g": rng.choice([1, 8, 25, 250]),
        "deadline": "realtime",
        "cpu-used": 8,
        "lag-in-frames": rng.choice([0, 10]),
        "auto-alt-ref": rng.choice([0, 1]),
        "error-resilient": rng.choice([0, 0, 1]),
        "b:v": "300k",
    }


def _random_av1(rng: random.Random) -> dict[str, Any]:
    parameters = {"lp": 1, "pred-struct": rng.choice([1, 2])}
    keyint = rng.choice([8, 16, 64])
    return {"vcodec": "libsvtav1", "preset": 12, "g": keyint, "svtav1-params": _joined(parameters)}


RANDOM_OPTIONS = {"h264": _random_h264, "hevc": _random_hevc, "vp9": _random_vp9, "av1": _random_av1}


def _joined(parameters: dict[str, Any]) -> str:
    return ":".join(f"{name}={value}" for name, value in parameters.items())


def random_selection(rng: random.Random) -> Selection:
    if rng.random() < 0.4:
        return StrideSelection(rng.randint(2, 40))
    return FrameSetSelection(rng.sample(range(RANDOM_FRAMES + 10), rng.randint(1, 8)))


class Damage(NamedTuple):
    """A spoilt copy of a clip, and what was done to it."""

    path: Path
    is_cut: bool
    is_holes: bool
    """Zeros only, as a broken download leaves them; bits that are merely wrong may make another valid stream."""
    is_in_pictures: bool
    """The tables of a plain mp4 are whole."""
    has_headers_in_reach: bool
    """The tables of a plain mp4 may be hit, or Matroska's headers, which stand everywhere."""

    @property
    def may_hide_frames(self) -> bool:
        """Wrong bits in the tables of an mp4 or the element headers of Matroska can make other valid ones."""
        return self.has_headers_in_reach and not self.is_holes

    @property
    def is_provable(self) -> bool:
        """Lost frames cannot but be noticed."""
        return not self.has_headers_in_reach and (self.is_in_pictures or not self.is_cut)


def damaged_copy(rng: random.Random, clip: Path) -> Damage:
    """Wrong bits, holes, repetitions or a cut: in the media data mostly, sometimes anywhere."""
    data = bytearray(clip.read_bytes())
    first, last = 0, len(data)
    is_in_pictures = clip.name == "whole.mp4" and rng.random() < 0.85
    if is_in_pictures:
        first, last = data.index(b"mdat") + 4, data.rindex(b"moov") - 4
    elif clip.stem == "pieces":
        first = data.index(b"moof") - 4
    elif clip.suffix == ".ts":
        first = len(data) // 6  # before that nobody knows at which pace frames come
    is_holes = rng.random() < 0.3
    if clip.stem == "pieces" and not is_holes:  # wrong bits in its tables make other tables
        first = rng.choice([place.end() for place in re.finditer(b"mdat", data)])
        last = first + int.from_bytes(data[first - 8 : first - 4], "big") - 8
    for _ in range(rng.choice([1, 1, 2, 5])):
        position, length = rng.randrange(first, last), rng.choice([64, 500, 2000] if is_holes else [1, 1, 4, 64, 2000])
        kind = "zero" if is_holes else rng.choice(["flip", "zero", "noise", "repeat"])
        end = min(position + length, last)
        if kind == "flip":
            data[position] ^= 1 << rng.randrange(8)
        elif kind == "zero":
            data[position:end] = bytes(end - position)
        elif kind == "noise":
            data[position:end] = rng.randbytes(end - position)
        else:
            data[position:end] = data[first : first + end - position]
    is_cut = rng.random() < 0.1
    if is_cut:
        del data[rng.randrange(len(data)) :]
    path = clip.with_stem("damaged")
    path.write_bytes(data)
    is_in_headers = clip.suffix in (".mkv", ".webm") or (clip.name == "whole.mp4" and not is_in_pictures)
    return Damage(path, is_cut, is_holes, is_in_pictures, is_in_headers)


class Original(NamedTuple):
    """The frames of the whole clip, as a full decode gives them."""

    path: Path
    samples: list[list[bytes]]
    index_by_pts: dict[int | None, int]


def test_random_streams_and_random_damage_never_give_a_wrong_frame(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadline_s = time.monotonic() + request.config.getoption("--fuzz-seconds")
    seed = request.config.getoption("--fuzz-seed")
    ways = Counter[str]()
    while time.monotonic() < deadline_s or ways["selective"] < 10:
        print(f"seed {seed}")  # noqa: T201 - pytest shows it when anything goes wrong
        rng = random.Random(seed)
        seed += 1
        monkeypatch.setattr(sampleindex, "MIN_JUMP_BYTES", rng.choice([1, 1, 5000, 256 * 2**10]))
        monkeypatch.setattr(sampleindex, "MIN_FRAMES_PER_WANTED", rng.choice([1, 1, 50]))
        try:
            whole = random_stream(rng, tmp_path)
        except RuntimeError:  # some settings crash x265
            continue
        everything, full = pick_frames(whole, StrideSelection(1), why_full="to compare with")
        assert not full.is_damaged, full.errors
        original = Original(whole, [planes_of(f) for f in everything], {f.pts: f.frame_index for f in everything})
        for _ in range(3):
            selection = random_selection(rng)
            frames, report = pick_frames(whole, selection)
            assert [f.frame_index for f in frames] == selection.expected(len(everything))
            assert all(planes_of(f) == original.samples[f.frame_index] for f in frames)
            assert all(original.index_by_pts[f.pts] == f.frame_index for f in frames)
            assert not report.is_damaged
            ways[f"never {report.mode}" if whole.suffix in (".ts", ".avi") else report.mode] += 1
            ways["jumps"] += report.packet_count_skipped > 0
        for _ in range(3):
            ways[check_damaged(rng, original)] += 1
    print(ways)  # noqa: T201
    assert ways["selective"] > 5 * ways["full"], ways
    assert ways["never selective"] == 0, ways
    assert ways["jumps"] >= 1, ways
    assert ways["damaged selective"] >= 1, ways
    assert ways["damaged full"] >= 1, ways


def check_damaged(rng: random.Random, original: Original) -> str:
    """Every frame is the true one of its number; and where frames are missing, that is said.

    A frame that has its number may be spoilt by wrong bits in such a way that no decoder notices. Not always in the
    same way: HEVC's decoder leaves parts of a broken picture unwritten, so that it shows what memory held before, and
    H.264's, once it met an error, has other references for the pictures after it.
    """
    damage = damaged_copy(rng, original.path)
    selection = random_selection(rng)
    try:
        frames, report = pick_frames(damage.path, selection)
    except Hand100mError:
        return "unreadable"
    shown = every_frame(damage.path)
    for frame in frames:
        check_frame(frame, original, damage, shown)
    if damage.is_provable and not report.is_damaged:
        assert [f.frame_index for f in frames] == selection.expected(len(original.samples)), "a silent loss"
        assert report.frame_count in (None, len(original.samples))
    return f"damaged {report.mode}"


def check_frame(frame: PickedFrame, original: Original, damage: Damage, shown: dict[int, list[bytes]]) -> None:
    samples = planes_of(frame)
    if frame.frame_index < len(original.samples) and samples == original.samples[frame.frame_index]:
        return
    if damage.path.suffix == ".avi":  # which has no timestamps: it numbers what it finds
        assert samples not in original.samples, "a frame under another one's number"
    else:
        true = samples_at(original, frame.pts)
        assert samples == true or shown.get(frame.pts) not in (None, true), "spoilt by us"
        number = original.index_by_pts.get(frame.pts, frame.frame_index)
        assert number == frame.frame_index or damage.may_hide_frames, "a wrong number"
    assert not damage.is_holes or damage.is_cut, "a hole in a picture"  # a cut may hide where the hole went on


def samples_at(original: Original, pts: int | None) -> list[bytes] | None:
    index = original.index_by_pts.get(pts)
    return None if index is None else original.samples[index]
