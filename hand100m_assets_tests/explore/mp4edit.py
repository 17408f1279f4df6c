"""Changes to the boxes of a plain mp4 whose index stands behind the pictures, so that no offset moves."""

from __future__ import annotations

import math
import random
import struct

_INTO = {b"moov": 8, b"trak": 8, b"edts": 8, b"mdia": 8, b"minf": 8, b"stbl": 8}


def box_places(data: bytes, kind: bytes) -> list[int]:
    """Where boxes of a kind begin, at any depth."""
    places: list[int] = []

    def walk(start: int, end: int) -> None:
        while start + 8 <= end:
            size = int.from_bytes(data[start : start + 4], "big")
            name = data[start + 4 : start + 8]
            if size == 1:
                size = int.from_bytes(data[start + 8 : start + 16], "big")
            if size < 8:
                return
            if name == kind:
                places.append(start)
            if name in _INTO:
                walk(start + 8, start + size)
            start += size

    walk(0, len(data))
    return places


def with_box(data: bytes, place: int, payload: bytes) -> bytes:
    """Another payload for the box at `place`; the boxes around it grow along."""
    size = int.from_bytes(data[place : place + 4], "big")
    growth = 8 + len(payload) - size
    changed = bytearray(data)
    changed[place : place + size] = struct.pack(">I", 8 + len(payload)) + data[place + 4 : place + 8] + payload
    for kind in _INTO:
        for around in box_places(data, kind):
            outer = int.from_bytes(data[around : around + 4], "big")
            if around < place < around + outer:
                struct.pack_into(">I", changed, around, outer + growth)
    return bytes(changed)


def without_box(data: bytes, kind: bytes) -> bytes:
    """The same with the boxes of a kind renamed, so that no reader knows them."""
    changed = bytearray(data)
    for place in box_places(data, kind):
        changed[place + 4 : place + 8] = b"free"
    return bytes(changed)


def rotated(data: bytes, degrees: float) -> bytes:
    """The same with a matrix in its first track that turns the picture clockwise."""
    place = box_places(data, b"tkhd")[0]
    matrix = place + (60 if data[place + 8] else 48)
    turn = math.radians(degrees)
    a, b = round(math.cos(turn) * 65536), round(math.sin(turn) * 65536)
    changed = bytearray(data)
    struct.pack_into(">9i", changed, matrix, a, b, 0, -b, a, 0, 0, 0, 1 << 30)
    return bytes(changed)


def with_edits(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    """The same with an edit list of these (duration in the movie's clock, first tick shown) in its first track."""
    entries = b"".join(struct.pack(">IiI", duration, start, 1 << 16) for duration, start in edits)
    return with_box(data, box_places(data, b"elst")[0], struct.pack(">II", 0, len(edits)) + entries)


def first_edit(data: bytes) -> tuple[int, int]:
    """Duration and first tick of the first edit of the first track."""
    duration, start = struct.unpack_from(">Ii", data, box_places(data, b"elst")[0] + 16)
    return duration, start


def composition_offsets(data: bytes) -> tuple[int, list[int]]:
    """Where the offsets of the first track's table stand (every second word from there), and what they are."""
    place = box_places(data, b"ctts")[0]
    count = int.from_bytes(data[place + 12 : place + 16], "big")
    return place + 20, [struct.unpack_from(">i", data, place + 20 + 8 * n)[0] for n in range(count)]


def with_offsets(data: bytes, rng: random.Random, how: str) -> bytes:
    """The same with composition offsets that are all alike, or alike from somewhere on, or in places."""
    first, offsets = composition_offsets(data)
    changed = bytearray(data)
    begin = rng.randrange(len(offsets)) if how == "half" else 0
    end = rng.randrange(begin, len(offsets)) + 1 if how == "half" and rng.random() < 0.5 else len(offsets)
    alike = offsets[0]
    for number in range(begin, end):
        struct.pack_into(">i", changed, first + 8 * number, alike)
    return bytes(changed)


def with_notes_first(data: bytes) -> bytes:
    """The same with what is told of the whole film (a cover, too) before its tracks."""
    moov, udta, trak = box_places(data, b"moov")[0], box_places(data, b"udta")[-1], box_places(data, b"trak")[0]
    end = udta + int.from_bytes(data[udta : udta + 4], "big")
    assert moov < trak < udta
    return data[:trak] + data[udta:end] + data[trak:udta] + data[end:]
