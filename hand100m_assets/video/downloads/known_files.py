"""What earlier looks at a folder of downloads found: a small table beside the outputs, too much for a cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import polars as pl

from hand100m_assets.errors import RetryableError
from hand100m_assets.files import NO_FILE, FileStamp, file_in_place_of, table_output_errors
from hand100m_assets.video.container import VideoInfo
from hand100m_assets.video.downloads.listing import Listing, find_changes

KNOWN_FILES_SCHEMA: Final = pl.Schema(
    {
        "video_id": pl.String(),
        "state": pl.Enum(["pending", "known", "gone"]),
        "size_bytes": pl.Int64(),
        "mtime_ns": pl.Int64(),
        "look": pl.Int64(),
    }
)
"""One row a file and state; a file that is gone stays known. `look` is the number of the look that recorded the state,
null while that waits for its turn."""


@dataclass(frozen=True)
class KnownFiles:
    """Outcome of all looks so far.

    Attributes:
        pending: Seen, and not yet the same in two looks.
        stamps: Registered files as they were when they were registered, or last replaced; `NO_FILE` if never seen.
        looks: Registered file -> number of the look that recorded it; absent while it waits for that.
        gone: Registered files that the last look did not find.
        reported: Those among them that were reported -> number of the look that did.
    """

    pending: dict[str, FileStamp] = field(default_factory=dict)
    stamps: dict[str, FileStamp] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    reported: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """What one look asks for.

    Attributes:
        number: Counts looks that recorded something; the next look is told it, and so knows that this one concluded.
        new: Files to register, sorted.
        replaced: Registered files with other content than before, sorted.
        due: Files to record and work on now, sorted: new, replaced, or left over by an earlier look.
        vanished: Deleted files to report now, sorted.
        waiting: How many more are to be recorded or reported by later looks.
        put_off: Files whose turn it was, but which cannot be read now -> why; their turn comes with every look.
        unsettled: How many files have not been the same in two looks.
        short: Files below their official size -> how much of it is here.
        headers: What the due files say of themselves, in so far as they are videos.
    """

    number: int
    new: list[str]
    replaced: list[str]
    due: list[str]
    vanished: list[str]
    waiting: int
    put_off: dict[str, str]
    unsettled: int
    short: dict[str, str]
    headers: dict[str, VideoInfo]


def take_look(
    listing: Listing,
    registered: Iterable[str],
    known: KnownFiles,
    *,
    concluded: int | None,
    limit: int,
    official_bytes: Mapping[str, int] | None = None,
    read_headers: Callable[[str], VideoInfo | None] = lambda _: None,
) -> tuple[Look, KnownFiles]:
    """Compare a look with all earlier ones.

    Args:
        listing: The look just taken.
        registered: Files that have a partition. One that is not in `known` is taken as it is, as long recorded.
        known: Outcome of the earlier looks.
        concluded: Number of the last look whose events and requests are known to have been taken over: what a later
            one asked for is asked for again, under the same number. None where nobody knows, which trusts `known`.
        limit: At most this many files are recorded or reported at once.
        official_bytes: Video id -> size; a smaller file is not complete, however long it stays the same.
        read_headers: Asked of each file whose turn it is: None of what is no video. Its RetryableError puts the file
            off, and the next one takes the turn.
    """
    short = short_files(listing, official_bytes or {})
    whole = {v: stamp for v, stamp in listing.complete_names.items() if v not in short}
    here = replace(listing, complete_names=whole, in_progress=[*listing.in_progress, *short])
    registered = set(registered)
    unseen = registered - known.stamps.keys()
    adopted = {v: whole[v] for v in unseen & whole.keys()}
    stamps = {v: stamp for v, stamp in known.stamps.items() if v in registered}
    stamps |= {**dict.fromkeys(unseen, NO_FILE), **adopted}
    changes = find_changes(here, stamps, known.pending)
    gone = frozenset(changes.vanished)
    before = max([0, *known.looks.values(), *known.reported.values()]) if concluded is None else concluded
    looks = {v: n for v, n in known.looks.items() if v in stamps and n <= before} | dict.fromkeys(adopted, 0)
    reported = {v: n for v, n in known.reported.items() if v in gone and n <= before}
    for video_id in (*changes.ready, *changes.replaced):
        stamps[video_id] = whole[video_id]
        looks.pop(video_id, None)
    to_record = sorted(stamps.keys() & whole.keys() - looks.keys() - changes.pending.keys())
    to_report = sorted(gone - reported.keys())
    due, headers, put_off = _take_turns(to_record, limit, read_headers)
    vanished = to_report[: limit - len(due)]
    number = before + 1 if due or vanished else before
    look = Look(
        number=number,
        new=changes.ready,
        replaced=changes.replaced,
        due=due,
        vanished=vanished,
        waiting=len(to_record) + len(to_report) - len(due) - len(vanished) - len(put_off),
        put_off=put_off,
        unsettled=len(changes.pending),
        short=short,
        headers=headers,
    )
    looks |= dict.fromkeys(due, number)
    return look, KnownFiles(changes.pending, stamps, looks, gone, reported | dict.fromkeys(vanished, number))


def _take_turns(
    waiting: Sequence[str], limit: int, read_headers: Callable[[str], VideoInfo | None]
) -> tuple[list[str], dict[str, VideoInfo], dict[str, str]]:
    """The first of these files that can be read now, their headers, and those that were put off, with the reason."""
    due: list[str] = []
    headers: dict[str, VideoInfo] = {}
    put_off: dict[str, str] = {}
    for video_id in waiting:
        if len(due) == limit:
            break
        try:
            found = read_headers(video_id)
        except RetryableError as error:
            put_off[video_id] = error.what
            continue
        due.append(video_id)
        if found is not None:
            headers[video_id] = found
    return due, headers, put_off


def short_files(listing: Listing, official_bytes: Mapping[str, int]) -> dict[str, str]:
    """Files under their final name that are smaller than the official size -> how much is here."""
    return {
        video_id: f"{stamp.size_bytes:,} of {official_bytes[video_id]:,} bytes"
        for video_id, stamp in listing.complete_names.items()
        if stamp.size_bytes < official_bytes.get(video_id, 0)
    }


def read_known_files(path: Path) -> KnownFiles:
    """Outcome of earlier looks; nothing where there was none. A broken table is as good as none: looks start anew."""
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError):
        return KnownFiles()
    if table.schema != KNOWN_FILES_SCHEMA:
        return KnownFiles()
    known, gone = KnownFiles(), set()
    for video_id, state, size_bytes, mtime_ns, look in table.iter_rows():
        (known.pending if state == "pending" else known.stamps)[video_id] = FileStamp(size_bytes, mtime_ns)
        if state == "gone":
            gone.add(video_id)
        if look is not None:
            (known.reported if state == "gone" else known.looks)[video_id] = look
    return replace(known, gone=frozenset(gone))


def write_known_files(known: KnownFiles, path: Path) -> None:
    """Put the table in place of the one before.

    Raises:
        OutputUnwritableError: The output disk is full, read-only or not permitted.
    """
    rows: list[tuple[str, str, int, int, int | None]]
    rows = [(v, "pending", s.size_bytes, s.mtime_ns, None) for v, s in known.pending.items()]
    rows += [(v, "known", s.size_bytes, s.mtime_ns, known.looks.get(v)) for v, s in known.stamps.items()]
    rows += [(v, "gone", *known.stamps[v], known.reported.get(v)) for v in known.gone]
    table = pl.DataFrame(rows, schema=KNOWN_FILES_SCHEMA, orient="row").sort("video_id", "state")
    with table_output_errors(path), file_in_place_of(path) as file:
        table.write_parquet(file, compression="zstd")
