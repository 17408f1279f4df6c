"""Packet readers against packets of real encoders, and against every kind of nonsense."""

from __future__ import annotations

from contextlib import suppress

import av.video.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.video.bitstream import H264Bitstream, HevcBitstream, UnsafeStreamError, byte_stream_units
from hand100m_assets.video.keyframes import Av1Bitstream, Vp9Bitstream
from hand100m_assets.video.parametersets import ParameterSetError, avcc_sets, h264_sps_fault, hvcc_sets
from hand100m_assets.video.probe import open_video
from hand100m_assets.video.selective import bitstream_of

AVCC = bytes.fromhex("01640014ffe1000967640014acd94141fb01000568ebe3cb22")


def natures(path):
    """Nature and picture type of every packet, the types by a full decode."""
    container, stream = open_video(path)
    with container:
        reader, found, kinds = bitstream_of(stream), {}, {}
        for packet in container.demux(stream):
            if packet.size:
                found[packet.pts] = (reader.nature(bytes(packet)), packet.is_keyframe, packet.is_disposable)
            for frame in packet.decode():
                kinds[frame.pts] = frame.pict_type
    return found, kinds


@pytest.mark.parametrize("name", ["defaults", "keyint15", "open_gop", "hevc_closed_gop", "h264.mkv", "slices", "vfr"])
def test_natures_agree_with_the_demuxer_and_the_decoder(clip, name: str) -> None:
    found, kinds = natures(clip(name))
    restarts = [pts for pts, (nature, _, _) in found.items() if nature.is_restart]
    assert restarts
    for pts, (nature, is_key, is_disposable) in found.items():
        assert nature.is_disposable == is_disposable or not is_disposable
        assert is_key or not nature.is_restart
        if nature.is_restart:
            assert kinds[pts] == av.video.frame.PictureType.I
        if nature.is_disposable:
            assert kinds[pts] != av.video.frame.PictureType.I


def test_an_open_group_is_no_clean_restart(clip) -> None:
    for name in ("open_gop", "hevc_open_gop"):
        found, _ = natures(clip(name))
        key_frames = sum(is_key for _, is_key, _ in found.values())
        restarts = sum(nature.is_restart for nature, _, _ in found.values())
        assert restarts == 1
        assert key_frames == 5, "players may begin there, with pictures missing"


@pytest.mark.parametrize(
    ("name", "restarts"), [("vp9.webm", 3), ("vp9_profile_1", 3), ("av1", 4), ("av1_libaom.webm", 4)]
)
def test_key_frames_of_vp9_and_av1_are_restarts_and_nothing_is_disposable(clip, name: str, restarts: int) -> None:
    found, _ = natures(clip(name))
    assert sum(nature.is_restart for nature, _, _ in found.values()) == restarts
    assert not any(nature.is_disposable for nature, _, _ in found.values())


@pytest.mark.parametrize("name", ["defaults", "hevc", "av1", "vp9"])
def test_no_single_wrong_or_lacking_byte_leads_to_anything_but_a_nature_or_a_refusal(clip, name: str) -> None:
    container, stream = open_video(clip(name))
    with container:
        reader = bitstream_of(stream)
        packet = bytes(next(container.demux(stream)))
    assert reader.nature(packet).is_restart
    for position in range(min(len(packet), 400)):
        for wrong in (packet[:position], packet[:position] + bytes([packet[position] ^ 0xFF]) + packet[position + 1 :]):
            with suppress(UnsafeStreamError):
                reader.nature(wrong)


@given(st.binary(max_size=200))
def test_noise_is_classified_or_refused_but_never_an_accident(noise: bytes) -> None:
    readers = [H264Bitstream(AVCC), Vp9Bitstream(), Av1Bitstream()]
    for reader in readers:
        with suppress(UnsafeStreamError):
            assert not (reader.nature(noise).is_restart and reader.nature(noise).is_disposable)


@given(st.binary(max_size=80))
def test_noise_as_parameter_sets_is_parsed_or_refused(noise: bytes) -> None:
    for parse, prefix in (
        (avcc_sets, b"\1\x64\0\x14\xff\xe1"),
        (hvcc_sets, bytes(22) + b"\1"),
        (h264_sps_fault, b"\x67"),
    ):
        with suppress(ParameterSetError):
            parse(prefix + noise)
    for kind in (H264Bitstream, HevcBitstream):
        with suppress(UnsafeStreamError):
            kind(b"\1" + noise)


def unit(*data: int) -> bytes:
    return len(data).to_bytes(4, "big") + bytes(data)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (unit(0x65, 0x80) + unit(0x41, 0x80), "exactly one picture"),
        (unit(0x41, 0x80) + unit(0x41, 0x80), "exactly one picture"),
        (unit(0x41, 0x40), "exactly one picture"),
        (unit(0x09, 0x10), "exactly one picture"),
        (b"", "exactly one picture"),
        (unit(0xC1, 0x80), "malformed"),
        (unit(0x41, 0x80)[:-1], "malformed"),
        (unit(0x41, 0x80) + b"\0\0", "malformed"),
        (unit(0x41, 0x80, 0, 0, 1), "no coded picture holds"),
        (unit(0x41, 0x80, 0, 0, 0, 0, 9), "no coded picture holds"),
        (unit(0x41, 0x80, *[0xFF] * 64), "no coded picture holds"),
        (unit(0x41, 0x80, 0, 0, 3, 4), "no coded picture holds"),
        (unit(0x74, 0x80), "type 20"),
        (unit(0x6E, 0x80), "type 14"),
        (unit(0x42, 0x80), "type 2"),
        (unit(0x67, 0x80) + unit(0x65, 0x80), "parameter sets that change"),
    ],
)
def test_h264_packets_that_are_not_understood_are_refused(packet: bytes, reason: str) -> None:
    with pytest.raises(UnsafeStreamError, match=reason):
        H264Bitstream(AVCC).nature(packet)


def test_h264_packets_that_are() -> None:
    reader = H264Bitstream(AVCC)
    assert reader.nature(unit(0x06, 5, 1) + unit(0x65, 0x88) + unit(0x65, 0x40)).is_restart
    assert reader.nature(unit(0x01, 0x9A)).is_disposable
    reference = reader.nature(unit(0x41, 0x9A))
    assert not reference.is_restart
    assert not reference.is_disposable
    assert reader.nature(unit(0x01, 0x9A, 0, 0, 3, 1, 0, 0, 9, 0, 0, 3)).is_disposable
    for zeros in (2, 3, 500):  # an encoder that fills up to a constant rate
        assert reader.nature(unit(0x06, 5, *[0] * 9, 7) + unit(0x01, 0x9A, *[0] * zeros)).is_disposable
    assert reader.nature(unit(0x01, 0x9A) + unit(0x0C, *[0xFF] * 99, 0x80)).is_disposable
    known = bytes.fromhex("68ebe3cb22")
    assert reader.nature(unit(*known) + unit(0x01, 0x9A)).is_disposable


@pytest.mark.parametrize("extradata", [None, b"", b"\0\0\0\1\x67", AVCC[:12], AVCC[:20]])
def test_h264_without_whole_parameter_sets_is_refused(extradata: bytes | None) -> None:
    with pytest.raises(UnsafeStreamError):
        H264Bitstream(extradata)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"\x82", "exactly one shown"),
        (b"\x00\x00", "malformed"),
        (b"", "malformed"),
        (b"\x82\x86\x01\x00\xc9\x01\x00\x01\x00\xc9", "exactly one shown"),
        (b"\x82\xc9\xff\xff\x01\x00\xc9", "malformed"),
    ],
)
def test_vp9_packets_that_are_not_one_shown_picture_are_refused(packet: bytes, reason: str) -> None:
    if packet == b"\x82":  # key frame, shown: the simplest whole one
        assert Vp9Bitstream().nature(packet).is_restart
        return
    with pytest.raises(UnsafeStreamError, match=reason):
        Vp9Bitstream().nature(packet)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"\x36\x02\x00\x00", "layers"),
        (b"\x0a\x01\x18\x32\x01\x10", "still"),
        (b"\x32\x01\x00", "exactly one shown"),
        (b"\x42\x01\x00", "type 8"),
        (b"\x32\x7f\x10", "malformed"),
        (b"\x32\xff\xff\xff\xff\xff\xff\xff\xff\x01", "malformed"),
        (b"\x0a\x01\x00\x0a\x01\x01\x32\x01\x10", "changes"),
    ],
)
def test_av1_packets_that_are_not_understood_are_refused(packet: bytes, reason: str) -> None:
    with pytest.raises(UnsafeStreamError, match=reason):
        Av1Bitstream().nature(packet)


def test_an_av1_key_frame_is_a_restart_only_with_its_sequence_header() -> None:
    assert Av1Bitstream().nature(b"\x0a\x01\x00\x32\x01\x10").is_restart
    assert not Av1Bitstream().nature(b"\x32\x01\x10").is_restart


@pytest.mark.parametrize(
    ("data", "units"),
    [
        (b"", []),
        (b"no start code", []),
        (b"\0\0\0\x01", []),
        (b"\0\0\0\x01ab\0\0\x01c\0\0\0\0\x01d", [b"ab", b"c", b"d"]),
    ],
)
def test_units_are_found_behind_their_start_codes(data: bytes, units: list[bytes]) -> None:
    assert list(byte_stream_units(data)) == units
