"""Follows the chain of chunks of an AVI file, to find out whether every packet of a track was read, in its place.

When ffmpeg's reader loses its place, it continues at the next bytes that look like a chunk, and numbers what it finds.
The index proves nothing: a recorder that was switched off leaves none, a repair may leave a wrong one, and pictures can
be read without it. But each chunk gives its length, so a complete chunk leads to the next one. If there is no chunk at
that place, something was lost.
"""

from __future__ import annotations

import re
import struct
from math import inf
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

HEADER_BYTES: Final = 8
_LIST_BYTES: Final = 12
_OPENED_LISTS: Final = frozenset({b"movi", b"rec "})
_MAX_HEADERS_BYTES: Final = 2**22
"""At most so many bytes of the header list are searched for the places of OpenDML's indexes."""
_SUPER_INDEX_ENTRY_BYTES: Final = 16
_SUPER_INDEX: Final = re.compile(rb"indx.{4}\x04\0\0\0(.{4})\d\d[ -~]{2}\0{12}", re.DOTALL)
_MAX_PARTS: Final = 1024
_STREAM_KIND: Final = re.compile(rb"strh.{4}(vids|auds|mids|txts|iavs)", re.DOTALL)
_SUFFIXES: Final = {b"dc": b"vids", b"db": b"vids", b"wb": b"auds"}
"""What the last two letters of a chunk's kind say of its track."""
_KNOWN_KINDS: Final = re.compile(rb"\d\d[ -~]{2}|ix\d\d|JUNK|LIST|RIFF|idx1")
_INDEX_ENTRY_BYTES: Final = 16
_UNKNOWN_SIZES: Final = frozenset({0, 0xFFFFFFFF})
"""List sizes that mean "unknown", in a file that was written to a pipe or whose recorder was switched off."""

MISSING: Final = "packets are missing: the file's chunks do not follow each other here"
CUT: Final = "packets are missing: the file ends before its chunks do"


class _Chunk(NamedTuple):
    kind: bytes
    at: int
    size_bytes: int

    def is_of(self, track: int) -> bool:
        """Whether it holds a packet of this track, and not its palette or its index."""
        suffix = self.kind[2:]
        return self.size_bytes > 0 and self.kind[:2] == b"%02d" % track and suffix not in (b"pc", b"ix")


class AviChunks:
    """Walks over the chunks of an AVI file in step with the packets of a reader, and reports packets that are missing.

    Source: Microsoft, AVI RIFF File Reference; OpenDML AVI File Format Extensions 1.02.

    Args:
        path: The AVI file.
        track: Index of the track in the file.

    Example:
        >>> from pathlib import Path
        >>> import av
        >>> from hand100m_assets.video.container import AviChunks
        >>> chunks = AviChunks(Path("video.avi"), track=0)
        >>> with av.open("video.avi") as container:
        ...     losses = [chunks.loss_before(packet.pos) for packet in container.demux(video=0) if packet.size]
        >>> any(losses), chunks.loss_at_end()
        (False, None)
    """

    def __init__(self, path: Path, track: int) -> None:
        self._file: BinaryIO = path.open("rb")
        self._size_bytes = path.stat().st_size
        self._track = track
        self._at = 0
        self._is_after_odd = False
        self._promised_end = 0
        self._needed_end = 0
        """Where the last chunk ends that is needed; an index is not."""
        self._list_end = 0
        self._loss_at: float = inf
        self._track_kinds: list[bytes] = []
        self._is_over = False

    def promises_end(self) -> bool:
        """Whether anything before the first packet says where the pictures end. Call nothing else afterwards."""
        while self._promised_end == 0 and (chunk := self._next()) is not None:
            if chunk.kind[:2].isdigit():
                break
        self._stop()
        return self._promised_end > 0

    def loss_before(self, position: int | None) -> str | None:
        """Tell what is missing before a packet. Call it for every packet of the track, in order.

        Args:
            position: Byte at which the packet begins; None if the reader does not know it, which ends the watch.

        Returns:
            Words for what is missing, once; None if nothing is.
        """
        if self._is_over or position is None or position < 0:
            self._stop()  # tracks that the reader takes apart by itself (DV) have no places
            return None
        chunk = self._next_of_track()
        if chunk is not None and chunk.at + HEADER_BYTES == position and chunk.at < self._loss_at:
            return None
        self._stop()
        return MISSING

    def loss_at_end(self) -> str | None:
        """Tell what is missing after the last packet: words, or None if nothing is."""
        if self._is_over:
            return None
        is_another_there = self._next_of_track() is not None
        self._stop()
        if is_another_there or self._loss_at < inf or self._at < min(self._promised_end or inf, self._size_bytes):
            return MISSING
        return CUT if max(self._promised_end, self._needed_end) > self._size_bytes else None

    def look_ahead(self) -> None:
        """Find out whether complete chunks are missing. Call it before the first packet.

        The list is then shorter than its length says, and the index shows where chunks are missing. This reads the
        header of every chunk, and then goes back to the first.
        """
        own: list[_Chunk] = []
        while (chunk := self._next()) is not None:
            if chunk.is_of(self._track):
                own.append(chunk)
            is_behind_list = chunk.kind in (b"idx1", b"RIFF") and self._list_end > 0
            if is_behind_list and own and chunk.at < self._list_end - 1:
                self._loss_at = min(self._loss_at, self._first_unlike_index(own, chunk))
        self._at, self._is_after_odd = 0, False
        self._promised_end = self._list_end = 0

    def _first_unlike_index(self, own: list[_Chunk], index: _Chunk) -> float:
        """Where the first chunk is that the index has elsewhere; where the first of all is if there is no index.

        If the index has all chunks in their places, only the list's length is wrong and nothing is missing.
        """
        if index.kind != b"idx1":
            return own[0].at
        self._file.seek(index.at + HEADER_BYTES)
        body = self._file.read(index.size_bytes // _INDEX_ENTRY_BYTES * _INDEX_ENTRY_BYTES)
        whole = body[: len(body) // _INDEX_ENTRY_BYTES * _INDEX_ENTRY_BYTES]
        entries = [
            (place, size)
            for kind, _, place, size in struct.iter_unpack("<4sIII", whole)
            if _Chunk(kind, place, size).is_of(self._track)
        ]
        shift = own[0].at - entries[0][0] if entries else 0
        for chunk, entry in zip(own, entries, strict=False):
            if (chunk.at - shift, chunk.size_bytes) != entry:
                return chunk.at
        if len(entries) < len(own):
            return own[len(entries)].at
        return index.at if len(entries) > len(own) else inf

    def _stop(self) -> None:
        self._is_over = True
        self._file.close()

    def _next_of_track(self) -> _Chunk | None:
        while (chunk := self._next()) is not None:
            if chunk.is_of(self._track):
                return chunk
        return None

    def _next(self) -> _Chunk | None:
        """The next chunk, of any track; None if there is none: at the end, or after a loss."""
        unpadded = self._read_header(self._at - 1) if self._is_after_odd else None
        chunk = unpadded if unpadded and _KNOWN_KINDS.fullmatch(unpadded.kind) else self._read_header(self._at)
        if chunk is None:
            return None
        if chunk.kind in (b"RIFF", b"LIST"):
            return self._open_list(chunk)
        if self._is_of_no_track(chunk.kind):
            return None
        self._go_past(chunk)
        return chunk

    def _is_of_no_track(self, kind: bytes) -> bool:
        """Whether a chunk looks like a packet of a track that is not there: its first letters are damaged."""
        wanted = _SUFFIXES.get(kind[2:])
        if wanted is None or not self._track_kinds:
            return False
        track = int(kind[:2]) if kind[:2].isdigit() else len(self._track_kinds)
        return track >= len(self._track_kinds) or self._track_kinds[track] not in (wanted, b"iavs")

    def _go_past(self, chunk: _Chunk) -> None:
        """Some writers leave out the padding byte after a chunk of odd length."""
        if chunk.kind != b"idx1":
            self._needed_end = chunk.at + HEADER_BYTES + chunk.size_bytes
        self._is_after_odd = chunk.size_bytes & 1 == 1
        self._at = chunk.at + HEADER_BYTES + chunk.size_bytes + self._is_after_odd

    def _read_header(self, at: int) -> _Chunk | None:
        self._file.seek(at)
        header = self._file.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES or not all(32 <= letter < 127 for letter in header[:4]):
            return None
        kind, size_bytes = struct.unpack("<4sI", header)
        return _Chunk(kind, at, size_bytes)

    def _open_list(self, chunk: _Chunk) -> _Chunk:
        """Enter a list of chunks, or go past a list of headers."""
        self._file.seek(chunk.at + HEADER_BYTES)
        kind = self._file.read(4)
        end = chunk.at + HEADER_BYTES + chunk.size_bytes
        if kind == b"movi" and chunk.size_bytes not in _UNKNOWN_SIZES:
            self._promised_end, self._list_end = max(self._promised_end, end), end
        if chunk.kind == b"RIFF" or kind in _OPENED_LISTS:
            self._at, self._is_after_odd = chunk.at + _LIST_BYTES, False
        else:
            self._go_past(chunk)
        if kind == b"hdrl":
            headers = self._file.read(min(chunk.size_bytes, _MAX_HEADERS_BYTES))
            self._track_kinds = [found[1] for found in _STREAM_KIND.finditer(headers)]
            self._note_indexes(headers)
        return chunk._replace(size_bytes=0)

    def _note_indexes(self, headers: bytes) -> None:
        """OpenDML's index of indexes has an entry for each part of the file. The last part lies behind the others."""
        for found in _SUPER_INDEX.finditer(headers):
            count = int.from_bytes(found[1], "little")
            entries = headers[found.end() : found.end() + _SUPER_INDEX_ENTRY_BYTES * min(count, _MAX_PARTS)]
            places = [place for place, _, _ in struct.iter_unpack("<QII", entries[: len(entries) // 16 * 16])]
            if count <= _MAX_PARTS and places == sorted(set(places)):
                self._promised_end = max(self._promised_end, *places, 0)


def avi_promises_end(path: Path) -> bool:
    """Whether an AVI file says where its pictures end. One that was written to a pipe does not."""
    return AviChunks(path, 0).promises_end()
