"""Stores the results of earlier looks at a folder of downloads in a table, because they are too large for a cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import polars as pl

from hand100m_assets.amounts import sized
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
"""One row per file and state; a file that is gone keeps its row of state `known`. `look` is the number of the look that
recorded the state; it is null while the file waits for its turn.
"""


@dataclass(frozen=True)
class KnownFiles:
    """The result of all looks so far.

    Attributes:
        pending: Files that were seen, and were not yet the same in two looks.
        stamps: Registered files -> size and time when they were registered or last replaced; `NO_FILE` if never seen.
        looks: Registered file -> number of the look that recorded it; absent while it waits for that.
        gone: Registered files that the last look did not find.
        reported: Those of `gone` that were reported -> number of the look that reported them.
    """

    pending: dict[str, FileStamp] = field(default_factory=dict)
    stamps: dict[str, FileStamp] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    reported: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """What is to be done after one look at a folder of downloads.

    Attributes:
        number: Number of this look, counting looks that recorded something. Pass it to the next look as `concluded`
            when its events and requests have been taken over.
        new: Files to register, sorted.
        replaced: Registered files whose content changed, sorted.
        due: Files to record and process now, sorted: new, replaced, or left over from an earlier look.
        vanished: Deleted files to report now, sorted.
        waiting: Number of files that later looks will record or report.
        put_off: Files that are due but cannot be read now -> why. Every look tries them again.
        unsettled: Number of files that have not been the same in two looks.
        short: Files smaller than their official size -> how much of it is here.
        headers: Headers of the due files that are videos, by video id.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import FileStamp
        >>> from hand100m_assets.video.downloads import Listing, read_known_files, take_look
        >>> listing = Listing({"video_a": FileStamp(size_bytes=1000, mtime_ns=0)})
        >>> known = read_known_files(Path("absent.parquet"))
        >>> look, known = take_look(listing, [], known, concluded=None, limit=100)
        >>> look.new, look.unsettled
        ([], 1)
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
    """Compare a listing with all earlier ones, and decide which files are to be registered, processed or reported now.

    Args:
        listing: The listing just made.
        registered: Files that have a partition. A file that is not in `known` is accepted as it is, as if recorded long
            ago.
        known: The result of the earlier looks, from `read_known_files` or the last call.
        concluded: Number of the last look whose events and requests were certainly accepted. Requests of later looks
            are repeated under the same number. None if not known: then `known` is trusted.
        limit: At most this many files are recorded or reported at once.
        official_bytes: Video id -> official size. A smaller file is not complete, even if it does not change.
        read_headers: Called for each file whose turn it is; returns None for what is not a video. If it raises a
            RetryableError, the file is put off and the next file takes its turn.

    Returns:
        What is to be done now, and the result of all looks including this one, for `write_known_files`.

    Example:
        A file is taken when it was the same in two looks:

        >>> from pathlib import Path
        >>> from hand100m_assets.files import FileStamp
        >>> from hand100m_assets.video.downloads import Listing, read_known_files, take_look
        >>> listing = Listing({"video_a": FileStamp(size_bytes=1000, mtime_ns=0)})
        >>> known = read_known_files(Path("absent.parquet"))
        >>> first, known = take_look(listing, [], known, concluded=None, limit=100)
        >>> second, known = take_look(listing, [], known, concluded=first.number, limit=100)
        >>> first.new, second.new
        ([], ['video_a'])
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
    """Return the first files that can be read now, their headers, and those that were put off, with the reason."""
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
    """Find the files under their final name that are smaller than their official size.

    Args:
        listing: One listing of the folder.
        official_bytes: Video id -> official size in bytes; a video without one is never short.

    Returns:
        Video id -> how much of it is here, in words.

    Example:
        >>> from hand100m_assets.files import FileStamp
        >>> from hand100m_assets.video.downloads import Listing, short_files
        >>> listing = Listing({"video_a": FileStamp(size_bytes=1000, mtime_ns=0)})
        >>> short_files(listing, {"video_a": 4000})
        {'video_a': 'still to come: 3.0 kB of 4.0 kB'}
    """
    return {
        video_id: f"still to come: {sized(official - stamp.size_bytes)} of {sized(official)}"
        for video_id, stamp in listing.complete_names.items()
        if stamp.size_bytes < (official := official_bytes.get(video_id, 0))
    }


def read_known_files(path: Path) -> KnownFiles:
    """Read the result of earlier looks.

    Args:
        path: The Parquet file that `write_known_files` wrote.

    Returns:
        The result; an empty one where the file is absent, broken or older, so that looking starts anew.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.video.downloads import read_known_files
        >>> read_known_files(Path("absent.parquet")).stamps
        {}
    """
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
    """Store the result of all looks, in place of the one before.

    Args:
        known: The result, as `take_look` returns it.
        path: The Parquet file. Its folder is created when absent.

    Raises:
        OutputUnwritableError: The output disk is full, read-only, or you may not write to it. The message says what to
            do.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.files import FileStamp
        >>> from hand100m_assets.video.downloads import Listing, read_known_files, take_look, write_known_files
        >>> listing = Listing({"video_a": FileStamp(size_bytes=1000, mtime_ns=0)})
        >>> known = read_known_files(Path("known_videos.parquet"))
        >>> _, known = take_look(listing, [], known, concluded=None, limit=100)
        >>> write_known_files(known, Path("known_videos.parquet"))
        >>> read_known_files(Path("known_videos.parquet")) == known
        True
    """
    rows: list[tuple[str, str, int, int, int | None]]
    rows = [(v, "pending", s.size_bytes, s.mtime_ns, None) for v, s in known.pending.items()]
    rows += [(v, "known", s.size_bytes, s.mtime_ns, known.looks.get(v)) for v, s in known.stamps.items()]
    rows += [(v, "gone", *known.stamps[v], known.reported.get(v)) for v in known.gone]
    table = pl.DataFrame(rows, schema=KNOWN_FILES_SCHEMA, orient="row").sort("video_id", "state")
    with table_output_errors(path), file_in_place_of(path) as file:
        table.write_parquet(file, compression="zstd")
