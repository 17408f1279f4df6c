from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av.error
import pytest

from hand100m_assets.errors import RetryableError, VideoUnreadableError
from hand100m_assets.video import probe
from hand100m_assets.video.mp4boxes import read_outline
from hand100m_assets.video.probe import probe_video
from hand100m_assets_tests import media


def test_headers_are_read_with_their_provenance(clip) -> None:
    info = probe_video(clip("with_audio"))
    assert (info.width_px, info.height_px, info.rotation_deg) == (320, 240, 0)
    assert info.frame_rate_fps == Fraction(30)
    assert info.frame_count_from_header == media.FRAME_COUNT
    assert info.duration_from_header_s == pytest.approx(media.FRAME_COUNT / media.RATE_FPS, abs=0.05)
    assert (info.codec, info.pixel_format, info.has_audio, info.missing_bytes) == ("h264", "yuv420p", True, 0)
    assert info.size_bytes == clip("with_audio").stat().st_size


@pytest.mark.parametrize(("name", "degrees"), [("rotated_90", 90), ("rotated_180", 180), ("rotated_270", 270)])
def test_the_size_is_the_one_shown_after_rotation(clip, name: str, degrees: int) -> None:
    info = probe_video(clip(name))
    assert info.rotation_deg == degrees
    assert (info.coded_width_px, info.coded_height_px) == (320, 240)
    assert (info.width_px, info.height_px) == ((320, 240) if degrees == 180 else (240, 320))


def test_pictures_too_large_to_hold_are_refused(clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "MAX_PIXELS", 320 * 240 - 1)
    with pytest.raises(VideoUnreadableError, match="pictures of 320 x 240 pixels"):
        probe_video(clip("defaults"))


def test_the_decoder_knows_the_limit_too(clip) -> None:
    # A stream may grow behind its header's back.
    container, stream = probe.open_video(clip("defaults"))
    with container:
        assert stream.codec_context.options == {"max_pixels": str(probe.MAX_PIXELS)}
        stream.codec_context.options = {"max_pixels": "76799"}
        with pytest.raises(av.error.FFmpegError):
            for packet in container.demux(stream):
                packet.decode()


def test_a_fragmented_file_has_no_trustworthy_frame_count(clip) -> None:
    assert probe_video(clip("fragmented")).frame_count_from_header is None


def test_a_late_picture_track_shows_in_the_start_time(clip) -> None:
    assert probe_video(clip("late_start")).start_time_s == pytest.approx(0.4)


def test_a_row_is_flat_json(clip) -> None:
    row = probe_video(clip("defaults")).to_row()
    assert json.loads(json.dumps(row)) == row
    assert (row["frame_rate_num_from_header"], row["frame_rate_den_from_header"]) == (30, 1)


def test_a_cut_file_with_its_index_says_how_much_is_missing(clip, tmp_path: Path) -> None:
    path = clip("cut_with_index")
    missing = probe_video(path).missing_bytes
    whole = tmp_path / "whole.mp4"
    media.encode(whole, movflags="+faststart", g=30)
    assert missing == whole.stat().st_size - path.stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("zero_bytes", "zero bytes"),
        ("text", "a text file, not a video; it begins with '<html>"),
        ("audio_only", "no picture track"),
        ("cut_without_index", "the index (moov) is missing: the download was cut"),
    ],
)
def test_what_is_no_video_is_refused_in_plain_words(clip, name: str, words: str) -> None:
    with pytest.raises(VideoUnreadableError) as caught:
        probe_video(clip(name))
    assert words in caught.value.what
    assert caught.value.where == str(clip(name))
    assert ("ownload it again" in str(caught.value)) == (name != "audio_only")


def test_a_video_in_a_format_that_is_not_read_is_to_be_repacked(tmp_path: Path) -> None:
    made = media.encode(tmp_path / "strange.nut", frames=3, size="96x64").rename(tmp_path / "strange.mp4")
    with pytest.raises(VideoUnreadableError, match="not a video in a format that is read here") as caught:
        probe_video(made)
    assert "ffmpeg -i VIDEO -c copy NEW.mkv" in str(caught.value)
    assert "Invalid argument" not in str(caught.value)


@pytest.mark.parametrize("begin_s", [5, 90_000])
def test_a_length_begins_with_the_pictures(tmp_path: Path, begin_s: int) -> None:
    plain = media.encode(tmp_path / "plain.mp4", frames=60, size="96x64")
    for suffix in (".mkv", ".mp4", ".flv"):
        late = media.copy_with(tmp_path / f"late{suffix}", plain, output_ts_offset=begin_s)
        info = probe_video(late)
        assert info.duration_from_header_s == pytest.approx(2, abs=0.2)
        assert info.start_time_s == pytest.approx(begin_s, abs=0.2)


def test_an_absent_file_is_worth_another_try(tmp_path: Path) -> None:
    with pytest.raises(RetryableError, match="No such file"):
        probe_video(tmp_path / "absent.mp4")


def test_random_bytes_and_a_cut_index_are_refused(clip, tmp_path: Path) -> None:
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(VideoUnreadableError, match="not a video"):
        probe_video(noise)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip("defaults").read_bytes()[:-800])
    with pytest.raises(VideoUnreadableError, match=r"too short: the download was cut"):
        probe_video(cut)


def test_a_codec_that_no_decoder_knows_is_refused(clip, tmp_path: Path) -> None:
    strange = tmp_path / "strange.mp4"
    strange.write_bytes(clip("defaults").read_bytes().replace(b"avc1\0\0\0\0", b"zzzz\0\0\0\0"))
    with pytest.raises(VideoUnreadableError, match="no decoder here knows the codec") as raised:
        probe_video(strange)
    assert "ownload" not in str(raised.value)


def test_a_playlist_renamed_to_mp4_opens_nothing_else(clip, tmp_path: Path) -> None:
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{clip('defaults')}\n#EXT-X-ENDLIST\n")
    with pytest.raises(VideoUnreadableError):
        probe_video(playlist)


def test_a_name_that_looks_like_an_option_or_an_address_is_just_a_name(
    clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-i.mp4", "http:x.mp4"):
        Path(name).write_bytes(clip("single_frame").read_bytes())
        assert probe_video(Path(name)).frame_count_from_header == 1


@pytest.mark.parametrize("cut_at", [0, 1, 7, 8, 15, 16, 40])
def test_an_outline_of_the_first_bytes_alone_is_never_an_accident(clip, tmp_path: Path, cut_at: int) -> None:
    path = tmp_path / "head.mp4"
    path.write_bytes(clip("defaults").read_bytes()[:cut_at])
    outline = read_outline(path)
    assert not outline.has_index
    assert outline.is_mp4 == (cut_at >= 8)


def test_the_outline_of_a_whole_file_names_its_boxes(clip) -> None:
    assert read_outline(clip("defaults")).kinds == ("ftyp", "free", "mdat", "moov")
    assert read_outline(clip("fragmented")).is_fragmented
