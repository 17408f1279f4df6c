"""Whole files -> spoilt ones, as disks, downloads, card readers and networks spoil them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import av

from hand100m_assets_tests.explore import mp4edit

TS_PACKET_BYTES = 188


class NothingToSpoilError(Exception):
    """The file has no such place."""


@dataclass(frozen=True)
class Target:
    """A whole file, and where its picture packets stand."""

    path: Path
    data: bytes
    packets: list[tuple[int, int]]
    """Position and size of each, in decoding order; of transport streams the position of its first cell."""
    other: bytes
    """Bytes of another video."""

    @property
    def is_ts(self) -> bool:
        return self.path.suffix == ".ts"

    @property
    def media(self) -> tuple[int, int]:
        """Where the pictures begin and end."""
        if self.is_ts:
            return 3 * TS_PACKET_BYTES, len(self.data)  # behind the tables
        return self.packets[0][0], max(place + size for place, size in self.packets)


def target(path: Path, other: bytes) -> Target:
    """Look where the packets are."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [(p.pos, p.size) for p in container.demux(stream) if p.size and p.pos is not None]
    if not packets:
        raise NothingToSpoilError(f"no packet of {path.name} has a place")
    return Target(path, path.read_bytes(), packets, other)


Spoiler: TypeAlias = Callable[[random.Random, Target], bytes]


def _somewhere(rng: random.Random, whole: Target) -> int:
    """A byte of the pictures; now and then any byte."""
    first, end = whole.media
    return rng.randrange(first, end) if rng.random() < 0.9 else rng.randrange(len(whole.data))


def _over(data: bytes, place: int, block: bytes) -> bytes:
    end = min(len(data), place + len(block))
    return data[:place] + block[: end - place] + data[end:]


def head_flips(rng: random.Random, whole: Target) -> bytes:
    """One wrong bit in what stands before a packet (its name, length, track, time), or in the packet's first bytes."""
    data = bytearray(whole.data)
    place, _ = rng.choice(whole.packets[1:] or whole.packets)
    data[min(len(data) - 1, max(0, place + rng.randrange(-12, 16)))] ^= 1 << rng.randrange(8)
    return bytes(data)


def zeros(*lengths: int, in_places: tuple[int, ...] = (1, 1, 2)) -> Spoiler:
    """Blocks of zeros, as a download or a disk leaves holes."""

    def spoil(rng: random.Random, whole: Target) -> bytes:
        data = whole.data
        for _ in range(rng.choice(in_places)):
            data = _over(data, _somewhere(rng, whole), bytes(rng.choice(lengths)))
        return data

    return spoil


def zeros_in_first_packets(rng: random.Random, whole: Target) -> bytes:
    """Zeros in both of the first two packets."""
    data = whole.data
    for place, size in whole.packets[:2]:
        length = rng.randint(max(1, size // 4), max(1, size))
        start = place + rng.randint(0, size - length)
        data = _over(data, start, bytes(length)[: size if not whole.is_ts else None])
    return data


def ones(rng: random.Random, whole: Target) -> bytes:
    """A block of 0xFF, as erased flash memory reads."""
    return _over(whole.data, _in_media(rng, whole), b"\xff" * rng.choice([64, 512, 512, 4096]))


def noise(rng: random.Random, whole: Target) -> bytes:
    """Up to 512 random bytes."""
    return _over(whole.data, _in_media(rng, whole), rng.randbytes(rng.choice([1, 4, 16, 64, 512])))


def foreign(rng: random.Random, whole: Target) -> bytes:
    """A block of another video."""
    length = min(rng.choice([64, 512, 512, 4096]), len(whole.other) - 1)
    start = rng.randrange(len(whole.other) - length)
    return _over(whole.data, _in_media(rng, whole), whole.other[start : start + length])


def repeated(rng: random.Random, whole: Target) -> bytes:
    """A block that stands a second time in the place of another."""
    length = rng.choice([64, 512, 2048])
    source = _in_media(rng, whole)
    return _over(whole.data, _in_media(rng, whole), whole.data[source : source + length])


def flips(rng: random.Random, whole: Target) -> bytes:
    """Single wrong bits within pictures."""
    data = bytearray(whole.data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        data[_in_packet(rng, whole)] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut(rng: random.Random, whole: Target) -> bytes:
    """The file ends too early."""
    first, end = whole.media
    return whole.data[: rng.randrange(first + (end - first) // 10, len(whole.data))]


def shuffled(rng: random.Random, whole: Target) -> bytes:
    """Two blocks that have changed places."""
    first, end = whole.media
    length = min(rng.choice([188, 512, 1024]), (end - first) // 3)
    places = sorted(rng.sample(range((end - first) // length), 2))
    (a, b), data = (first + place * length for place in places), whole.data
    return _over(_over(data, a, data[b : b + length]), b, data[a : a + length])


def lost_packets(rng: random.Random, whole: Target) -> bytes:
    """Cells of a transport stream, or chunks of an AVI, that never came."""
    data = whole.data
    if whole.is_ts:
        cells = len(data) // TS_PACKET_BYTES
        count = rng.choice([1, 1, 3, 20])
        first = rng.randrange(3, max(4, cells - count))
        return data[: first * TS_PACKET_BYTES] + data[(first + count) * TS_PACKET_BYTES :]
    place, size = whole.packets[rng.randrange(1, len(whole.packets))]
    return data[: place - 8] + data[place + size + size % 2 :]


def broken_index(rng: random.Random, whole: Target) -> bytes:
    """An AVI's index that ends early, is full of zeros or wrong, or is not there."""
    place = whole.data.rindex(b"idx1")
    size = int.from_bytes(whole.data[place + 4 : place + 8], "little")
    entries = size // 16
    kept = rng.randrange(1, entries) * 16
    start, data = place + 8, bytearray(whole.data)
    how = rng.choice(["short", "cut", "zeros", "gone", "wrong", "noise"])
    if how == "short":
        data[place + 4 : place + 8] = kept.to_bytes(4, "little")
    elif how == "cut":
        del data[start + kept :]
    elif how == "zeros":
        data[start + kept : start + size] = bytes(size - kept)
    elif how == "gone":
        data[place : place + 4] = b"JUNK"
    elif how == "wrong":
        at = start + kept + rng.choice([8, 12])
        data[at : at + 2] = rng.randbytes(2)
    else:
        data[start + kept : start + size] = rng.randbytes(size - kept)
    return bytes(data)


def lost_fragment(rng: random.Random, whole: Target) -> bytes:
    """A fragment of an mp4 that is not there, stands twice, or has lost its end."""
    data, places = whole.data, mp4edit.box_places(whole.data, b"moof")
    if len(places) < 3:
        raise NothingToSpoilError("too few fragments")
    ends = [*places[1:], data.rindex(b"mfra") - 4 if b"mfra" in data else len(data)]
    number = rng.randrange(1, len(places))
    first, end = places[number], ends[number]
    how = rng.choice(["gone", "gone", "twice", "cut"])
    if how == "gone":
        return data[:first] + data[end:]
    if how == "twice":
        return data[:end] + data[first:end] + data[end:]
    return data[: rng.randrange(first + 1, end)] + data[end:]


def _in_media(rng: random.Random, whole: Target) -> int:
    return rng.randrange(*whole.media)


def _in_packet(rng: random.Random, whole: Target) -> int:
    if whole.is_ts:
        return _in_media(rng, whole)
    place, size = rng.choice(whole.packets)
    return place + rng.randrange(size)
