"""The audit: clean folders pass byte for byte, planted faults are found, and what cannot be compared is said."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from hand100m_assets.layout import MANIFEST_FILE, frame_file_name
from hand100m_assets.video import decode as decode_module
from hand100m_assets.video import independent
from hand100m_assets.video.audit import audit_video, sampled
from hand100m_assets.video.auditplan import JPEGS_BEHIND_DAMAGE, plan_stretch, stretches_around_damage
from hand100m_assets.video.auditreport import VideoAudit
from hand100m_assets.video.bitstream import UnsafeStreamError
from hand100m_assets.video.extract import extract_video, read_manifest
from hand100m_assets.video.ffmpegprocess import FfmpegProcess
from hand100m_assets.video.manifest import ExtractionOptions, Manifest
from hand100m_assets.video.selection import FrameSetSelection, Selection, StrideSelection
from hand100m_assets_tests import media
from hand100m_assets_tests.unit.video.oracle import opencv_frames

EVERY_5TH = StrideSelection(5)
KINDS = [
    "defaults", "open_gop", "vfr", "rotated_90", "rotated_180", "rotated_270", "edit_list", "late_start", "ten_bit",
    "yuv444", "full_range", "bt709", "odd_size", "odd_width", "hevc", "fragmented", "single_frame", "with_audio",
    "vp9", "vp8.webm", "av1", "interlaced", "hevc_ten_bit.mkv", "second_video", "cover_art", "intra_refresh",
    "changed_parameters", "fewer_frames_than_a_stride",
]  # fmt: skip


def id_of(path: Path) -> str:
    return path.name.removesuffix(".mp4").replace(".", "_")


def extract(
    path: Path, out: Path, selection: Selection = EVERY_5TH, options: ExtractionOptions | None = None
) -> Manifest:
    return extract_video(path, out, id_of(path), selection, options or ExtractionOptions())


def audit(path: Path, out: Path, frames: int = 8, seed: int = 1, **kwargs) -> VideoAudit:
    return audit_video(path, out, id_of(path), frames_per_video=frames, seed=seed, **kwargs)


def edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def assert_clean(found: VideoAudit, frames: int) -> None:
    assert (found.verdict, found.differences, found.complaints) == ("agrees", [], []), found
    assert (found.frames_compared, found.frames_identical, found.frames_alike) == (frames, frames, 0)


@pytest.mark.parametrize("rule", ["opencv5", "opencv4"])
@pytest.mark.parametrize("name", KINDS)
def test_a_clean_folder_agrees_byte_for_byte(clip, name: str, rule: str, tmp_path: Path) -> None:
    manifest = extract(clip(name), tmp_path, options=ExtractionOptions(colour_rule=rule, jpeg_quality=80))
    found = audit(clip(name), tmp_path)
    assert_clean(found, min(8, len(manifest.frames)))
    assert (found.decode_mode, found.stretch) == (manifest.decode_mode, (0, None))


@pytest.mark.parametrize("name", ["defaults", "edit_list", "rotated_90"])
def test_a_folder_made_by_a_full_decode_agrees_too(
    clip, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_):
        raise UnsafeStreamError("made up")

    monkeypatch.setattr(decode_module, "SelectiveDecode", refuse)
    assert extract(clip(name), tmp_path).decode_mode == "full"
    assert_clean(audit(clip(name), tmp_path), 8)


def test_real_footage_agrees(real_clip: Path, tmp_path: Path) -> None:
    extract(real_clip, tmp_path)
    assert_clean(audit(real_clip, tmp_path), 8)


class OffByOne(decode_module.SelectiveDecode):
    """Counts one too far."""

    def run(self, should_stop):
        for frame in super().run(should_stop):
            yield replace(frame, frame_index=frame.frame_index + 1)


@pytest.mark.parametrize("source", ["pattern", "real"])
def test_a_folder_that_is_off_by_one_is_caught_and_the_true_frame_is_named(
    clip, real_clip: Path, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = real_clip if source == "real" else clip("defaults")
    with monkeypatch.context() as patch:
        patch.setattr(decode_module, "SelectiveDecode", OffByOne)
        extract(path, tmp_path)
    found = audit(path, tmp_path)
    assert (found.verdict, found.frames_identical, len(found.differences)) == ("differs", 0, 8)
    assert all(d.reason == f"the JPEG shows frame {d.frame_index - 1}" for d in found.differences)


def test_one_swapped_jpeg_is_caught_and_no_other(clip, tmp_path: Path) -> None:
    extract(clip("defaults"), tmp_path)
    folder = tmp_path / "defaults"
    shutil.copy(folder / frame_file_name(80), folder / frame_file_name(20))
    found = audit(clip("defaults"), tmp_path, frames=20)
    (difference,) = found.differences
    assert (found.frames_compared, found.frames_identical) == (20, 19)
    assert difference.frame_index == 20
    assert difference.psnr_db < 35
    assert "another picture" in difference.reason


def of_impossible_size(jpeg: bytes) -> bytes:
    """The same with a size in its header that OpenCV refuses to read."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + b"\xff\xdc\xff\xdc" + jpeg[place + 4 :]


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: path.unlink(), "gone"),
        (lambda path: path.write_bytes(path.read_bytes()[:9] + b"nonsense"), "broken"),
        (lambda path: path.write_bytes(b""), "broken"),
        (lambda path: path.write_bytes(of_impossible_size(path.read_bytes())), "broken"),
        (lambda path: cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (160, 120))), "another size"),
        (lambda path: cv2.imwrite(str(path), cv2.imread(str(path))), "not as it was made"),
    ],
    ids=["gone", "broken", "empty", "impossible size", "size", "encoded again"],
)
def test_a_jpeg_that_was_tampered_with_is_caught(clip, tmp_path: Path, harm, words: str) -> None:
    extract(clip("defaults"), tmp_path, StrideSelection(30))
    harm(tmp_path / "defaults" / frame_file_name(60))
    found = audit(clip("defaults"), tmp_path)
    assert [d.frame_index for d in found.differences] == [60]
    assert words in found.differences[0].reason


def test_other_library_versions_may_differ_a_little_but_not_show_a_neighbour(clip, tmp_path: Path) -> None:
    extract(clip("defaults"), tmp_path, StrideSelection(30))
    folder = tmp_path / "defaults"
    edit_manifest(folder, libraries={"av": "1.0", "opencv-python-headless": "3.0"})
    shown = opencv_frames(clip("defaults"))
    for index in (0, 30):  # another converter's rounding
        cv2.imwrite(str(folder / frame_file_name(index)), cv2.add(shown[index], (1, 1, 1, 0)))
    extract(clip("defaults"), tmp_path / "all", FrameSetSelection([61]))
    shutil.copy(tmp_path / "all" / "defaults" / frame_file_name(61), folder / frame_file_name(60))
    found = audit(clip("defaults"), tmp_path)
    assert (found.frames_compared, found.frames_identical, found.frames_alike) == (4, 1, 2)
    assert [(d.frame_index, d.reason) for d in found.differences] == [(60, "the JPEG shows frame 61")]


@pytest.mark.parametrize(("claimed", "words"), [(99, "ffmpeg shows more"), (101, "ffmpeg shows fewer")])
def test_a_wrong_frame_count_is_caught(clip, tmp_path: Path, claimed: int, words: str) -> None:
    extract(clip("defaults"), tmp_path)
    edit_manifest(tmp_path / "defaults", frame_count=claimed)
    (difference,) = audit(clip("defaults"), tmp_path).differences
    assert words in difference.reason


def packets(path: Path) -> list[tuple[int, int, int]]:
    """(position, size, pts) in decoding order."""
    with decode_module.open_video(path)[0] as container:
        return [(p.pos, p.size, p.pts) for p in container.demux(video=0) if p.size]


def with_damage_unseen(clip, folder: Path) -> Path:
    """A clip with a broken packet that no wanted frame depends on."""
    path = media.copy_clip(clip("keyint30_no_b"), folder, "vid")
    position, size, _ = packets(path)[45]
    data = bytearray(path.read_bytes())
    for offset in range(60, size, 7):
        data[position + offset] ^= 0x55
    path.write_bytes(data)
    return path


def test_damage_in_packets_that_were_never_decoded_is_reported(clip, tmp_path: Path) -> None:
    path = with_damage_unseen(clip, tmp_path / "videos")
    manifest = extract(path, tmp_path, StrideSelection(30))
    assert (manifest.status, manifest.decode_mode) == ("complete", "selective"), "its known blind spot"
    found = audit(path, tmp_path)
    assert found.complaint_count >= len(found.complaints) > 0
    assert "[h264]" in found.complaints[0] and "0x" not in found.complaints[0]
    assert (found.verdict, found.frames_identical) == ("agrees", 4)


def test_frames_that_ffmpeg_lost_do_not_shift_the_others(clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = with_damage_unseen(clip, tmp_path / "videos")
    extract(path, tmp_path, StrideSelection(30))
    by_count = independent.IndependentDecode.by_count

    def counting_one_less(self, wanted, end):
        shifted = {index - 1 if index > 45 else index: index for index in wanted}
        for index, image in by_count(self, sorted(index + 1 if index > 45 else index for index in wanted), end):
            yield index - 1 if index - 1 in shifted and index > 45 else index, image

    monkeypatch.setattr(independent.IndependentDecode, "by_count", counting_one_less)
    found = audit(path, tmp_path)
    assert (found.verdict, found.frames_identical, found.differences) == ("agrees", 4, [])
    assert found.complaints


@pytest.mark.parametrize("name", media.DAMAGED)
def test_of_a_damaged_video_what_stands_before_the_damage_and_right_behind_it_is_compared(
    clip, name: str, tmp_path: Path
) -> None:
    manifest = extract(clip(name), tmp_path, StrideSelection(1))
    found = audit(clip(name), tmp_path, frames=200)
    assert (found.verdict, found.differences) == ("agrees", [])
    here = [f.frame_index for f in manifest.frames]
    before = [index for index in here if index < manifest.damaged_ranges[0][0]]
    around = {index for first, _ in manifest.damaged_ranges for index in [i for i in here if i < first][-1:]}
    for _, last in manifest.damaged_ranges:
        around |= set([index for index in here if index > last][:JPEGS_BEHIND_DAMAGE])
    assert bool(around - set(before)) == (name != "cut_with_index")
    assert found.frames_compared == found.frames_identical == len(around | set(before)) > 10
    skipped = len(manifest.frames) - found.frames_compared
    assert sum(found.frames_skipped.values()) == skipped
    assert found.complaints == [], "the manifest says so itself"


@pytest.mark.parametrize("name", ["zeroed_blocks", "flipped_bits"])
def test_a_wrong_jpeg_behind_damage_is_caught_whatever_is_drawn(clip, name: str, tmp_path: Path) -> None:
    manifest = extract(clip(name), tmp_path, StrideSelection(1))
    last_damaged = manifest.damaged_ranges[0][1]
    behind = [f.frame_index for f in manifest.frames if f.frame_index > last_damaged]
    wrong, other = (tmp_path / name / frame_file_name(index) for index in behind[:2])
    wrong.write_bytes(other.read_bytes())
    for seed in range(3):
        found = audit(clip(name), tmp_path, frames=1, seed=seed)
        assert [d.frame_index for d in found.differences] == [behind[0]]


def test_every_place_of_damage_gets_a_stretch_as_far_as_the_frames_reach(clip, tmp_path: Path) -> None:
    made = extract(clip("defaults"), tmp_path, StrideSelection(1))
    frames = [made.frames[0].model_copy(update={"frame_index": i}) for i in range(0, 9000, 10)]
    damaged = made.model_copy(
        update={"status": "damaged", "frames": frames, "damaged_ranges": [(95, 104), (4000, 4009), (8000, 8003)]}
    )
    stretches = stretches_around_damage(damaged, [90], 3000)
    assert [s.chosen for s in stretches] == [[110, 120, 130], [3990, 4010, 4020, 4030], [7990, 8010, 8020, 8030]]
    assert [s.chosen[0] for s in stretches_around_damage(damaged, [], 700)] == [90, 3990]


@pytest.fixture(scope="module")
def long_clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clips that are long beside the stretches taken here; open groups, which no decoder likes to be let into."""
    folder = tmp_path_factory.mktemp("long")
    kinds = {
        "plain": {},
        "open": {"bf": 7, "x264-params": "b-pyramid=strict:open-gop=1:keyint=50:ref=5"},
        "late": {"g": 30, "output_ts_offset": 5},
    }
    return {n: media.encode(folder / f"{n}.mp4", size="192x144", frames=600, **o) for n, o in kinds.items()}


@pytest.mark.parametrize("kind", ["plain", "open", "late"])
def test_a_stretch_inside_a_long_video_is_named_as_from_its_beginning(
    long_clips: dict[str, Path], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(independent, "_LEAD_S", 2.0)
    extract(long_clips[kind], tmp_path)
    begins = set()
    for seed in range(6):
        found = audit(long_clips[kind], tmp_path, seed=seed, max_decoded_frames=60)
        assert_clean(found, 8)
        assert found.stretch[1] - found.stretch[0] == 60
        begins.add(found.stretch[0])
    assert len(begins) > 3
    assert max(begins) > 300


def test_an_off_by_one_inside_a_long_video_is_caught(
    long_clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(independent, "_LEAD_S", 2.0)
    with monkeypatch.context() as patch:
        patch.setattr(decode_module, "SelectiveDecode", OffByOne)
        extract(long_clips["open"], tmp_path)
    found = audit(long_clips["open"], tmp_path, seed=3, max_decoded_frames=60)
    assert found.stretch[0] > 60
    # A frame at the stretch's very beginning has its true picture outside, and is just another picture.
    assert len(found.differences) == 8
    assert sum(d.reason == f"the JPEG shows frame {d.frame_index - 1}" for d in found.differences) >= 7


def test_damage_in_a_long_video_is_reported_from_inside_it(
    long_clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(independent, "_LEAD_S", 2.0)
    path = media.copy_clip(long_clips["late"], tmp_path / "videos", "vid")
    manifest_of = extract(path, tmp_path, StrideSelection(30))
    seed = next(s for s in range(20) if plan(manifest_of, s).first > 60)
    stretch = plan(manifest_of, seed)
    data = bytearray(path.read_bytes())
    order = sorted(packets(path), key=lambda p: p[2])
    position, size, _ = order[stretch.first + 25]
    for offset in range(30, size, 5):
        data[position + offset] ^= 0x55
    path.write_bytes(data)
    assert extract(path, tmp_path, StrideSelection(30)).status == "complete"
    found = audit(path, tmp_path, seed=seed, max_decoded_frames=60)
    assert (found.verdict, found.differences) == ("agrees", [])
    assert found.complaints


def plan(manifest: Manifest, seed: int):
    return plan_stretch(manifest, 8, random.Random(f"{seed}:{manifest.video_id}"), 60)


def test_a_long_video_that_was_decoded_fully_is_looked_at_from_its_beginning(long_clips, tmp_path: Path) -> None:
    manifest = extract(long_clips["plain"], tmp_path).model_copy(update={"decode_mode": "full"})
    assert {(s.first, s.end) for s in (plan(manifest, seed) for seed in range(5))} == {(0, 60)}


def test_a_set_of_frames_is_audited_up_to_its_last(clip, tmp_path: Path) -> None:
    extract(clip("defaults"), tmp_path, FrameSetSelection([3, 17, 40]))
    found = audit(clip("defaults"), tmp_path)
    assert_clean(found, 3)
    assert found.stretch == (0, 41)


def test_the_same_seed_draws_the_same_and_another_draws_others(clip, tmp_path: Path) -> None:
    manifest = extract(clip("defaults"), tmp_path)
    draws = [tuple(plan(manifest, seed).chosen) for seed in (1, 1, 2, 3)]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 3
    names = [f"v{n:03}" for n in range(100)]
    assert sampled(names, lambda _: True, 5, 7) == sampled(reversed(names), lambda _: True, 5, 7)
    assert sampled(names, lambda _: True, 5, 7) != sampled(names, lambda _: True, 5, 8)
    assert sampled(names, lambda name: name > "v097", 5, 7) == ["v098", "v099"]


@pytest.mark.parametrize("what", ["no manifest", "no video", "other video", "no frames", "no video track"])
def test_what_cannot_be_compared_is_skipped_with_its_reason(clip, tmp_path: Path, what: str) -> None:
    path = media.copy_clip(clip("defaults"), tmp_path / "videos", "vid")
    extract(path, tmp_path, FrameSetSelection([] if what == "no frames" else [5]))
    if what == "no manifest":
        (tmp_path / "vid" / MANIFEST_FILE).unlink()
    elif what == "no video":
        path.unlink()
    elif what == "other video":
        os.utime(path, (1, 1))
    elif what == "no video track":
        stat = media.copy_clip(clip("audio_only"), tmp_path / "videos", "vid").stat()
        edit_manifest(tmp_path / "vid", size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns)
    found = audit(path, tmp_path)
    reasons = {
        "no manifest": "no manifest can be read (No such file or directory)",
        "no video": "its video cannot be read now",
        "other video": "its video changed after the frames were made",
        "no frames": "it has no frame that can be compared",
        "no video track": "no picture track: it holds only sound or data",
    }
    assert (found.verdict, found.why_skipped, found.frames_compared) == ("skipped", reasons[what], 0)


def test_an_ffmpeg_that_takes_too_long_is_ended_and_said_so(clip, tmp_path: Path) -> None:
    extract(clip("defaults"), tmp_path)
    found = audit(clip("defaults"), tmp_path, time_limit_s=0.001)
    assert (found.verdict, found.why_skipped) == ("skipped", "ffmpeg was ended after 0.001 s")


def test_an_interrupt_leaves_no_ffmpeg_behind(clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract(clip("defaults"), tmp_path)
    begun: list[subprocess.Popen] = []
    enter = FfmpegProcess.__enter__

    def noting(self):
        begun.append(enter(self)._process)
        return self

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(FfmpegProcess, "__enter__", noting)
    monkeypatch.setattr(cv2, "imencode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        audit(clip("defaults"), tmp_path)
    (process,) = begun
    assert process.poll() is not None


def test_the_manifest_is_only_read(clip, tmp_path: Path) -> None:
    before = extract(clip("defaults"), tmp_path)
    audit(clip("defaults"), tmp_path)
    assert read_manifest(tmp_path / "defaults" / MANIFEST_FILE) == before
