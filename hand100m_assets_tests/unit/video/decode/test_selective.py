"""The selective way gives what the full way gives, bit for bit, wherever it is used; or it is not used."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import av
import pytest

from hand100m_assets.video.container import probe as probe_module
from hand100m_assets.video.decode import sample_index
from hand100m_assets.video.decode import selective as selective_module
from hand100m_assets.video.decode.picking import DecodeAgainError, decode_frames, pick_frames
from hand100m_assets.video.decode.report import DecodeReport
from hand100m_assets.video.decode.selection import FrameSetSelection, Selection, StrideSelection
from hand100m_assets.video.pictures.picture import PickedFrame
from hand100m_assets_tests import media
from hand100m_assets_tests.unit.video.oracle import planes_of

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
    monkeypatch.setattr(sample_index, "MIN_JUMP_BYTES", 1)
    monkeypatch.setattr(sample_index, "MIN_FRAMES_PER_WANTED", 1)


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
    whole = sample_index.SampleIndex.landing

    def elsewhere(*args):
        landing = whole(*args)
        return landing and landing._replace(position=landing.position + 1)

    monkeypatch.setattr(sample_index.SampleIndex, "landing", elsewhere)
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


def with_zeros_in_packet_45(clip, folder: Path, *, before_its_end: int) -> Path:
    with av.open(str(clip("keyint30_no_b"))) as container:
        packet = list(container.demux(video=0))[45]
    data = bytearray(clip("keyint30_no_b").read_bytes())
    assert packet.pos is not None
    end = packet.pos + packet.size - before_its_end
    data[end - 40 : end] = bytes(40)
    (folder / "hole.mp4").write_bytes(data)
    return folder / "hole.mp4"


def test_a_hole_inside_one_packet_is_found_even_where_nothing_is_wanted(clip, tmp_path: Path) -> None:
    _, report = pick_frames(with_zeros_in_packet_45(clip, tmp_path, before_its_end=40), StrideSelection(30))
    assert (report.mode, report.why_full) == ("full", "bytes that no coded picture holds (a hole in the file)")
    assert report.damaged_indices[0] == 45


def test_zeros_at_a_packets_end_look_like_padding_until_the_packet_is_decoded(clip, tmp_path: Path) -> None:
    path = with_zeros_in_packet_45(clip, tmp_path, before_its_end=0)
    frames, report = pick_frames(path, StrideSelection(30))
    whole, _ = pick_frames(clip("keyint30_no_b"), StrideSelection(30))
    assert (report.mode, report.is_damaged) == ("selective", False)
    assert [planes_of(frame) for frame in frames] == [planes_of(frame) for frame in whole]
    for selection in (StrideSelection(1), StrideSelection(5), FrameSetSelection([45])):
        assert pick_frames(path, selection)[1].damaged_indices[0] == 45


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
