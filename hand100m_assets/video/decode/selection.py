"""Which frame indices to take: every N-th one, or a given set. Frame indices count the shown frames from 0."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol

MAX_DESCRIBED_RANGES: Final = 500
"""Frame sets of more ranges are described by count and digest only, so that a manifest stays small."""

MAX_FRAME_INDEX: Final = 10**9
"""About a year at 30 frames per second: a larger number is a typing error, not a frame."""


class Selection(Protocol):
    """Which frame indices are wanted of a video. `StrideSelection` and `FrameSetSelection` are the usual ones.

    Example:
        A selection of your own has these five members. This one takes the frames from 40 on:

        >>> from pathlib import Path
        >>> from hand100m_assets.video import pick_frames
        >>> class From40:
        ...     last_wanted = None
        ...     def wants(self, frame_index):
        ...         return frame_index >= 40
        ...     def expected(self, frame_count):
        ...         return list(range(40, frame_count))
        ...     def describe(self):
        ...         return {"kind": "from", "first": 40}
        ...     def missing_from(self, done_indices, frame_count):
        ...         return [i for i in self.expected(frame_count) if i not in set(done_indices)]
        >>> frames, _ = pick_frames(Path("video.mp4"), From40())
        >>> len(frames), frames[0].frame_index
        (50, 40)
    """

    @property
    def last_wanted(self) -> int | None:
        """Largest wanted index; None if the selection has no end."""
        ...

    def wants(self, frame_index: int) -> bool:
        """Whether this frame is wanted."""
        ...

    def expected(self, frame_count: int) -> list[int]:
        """Wanted indices of a video with so many frames, ascending."""
        ...

    def describe(self) -> dict[str, Any]:
        """Description as a JSON value; equal for equal selections."""
        ...

    def missing_from(self, done_indices: Collection[int], frame_count: int) -> list[int]:
        """Wanted indices that are not among the done ones, ascending."""
        ...


class _Missing:
    def expected(self, frame_count: int) -> list[int]:
        raise NotImplementedError

    def missing_from(self, done_indices: Collection[int], frame_count: int) -> list[int]:
        """Wanted indices that are not among the done ones, ascending."""
        done = done_indices if isinstance(done_indices, (set, frozenset, dict)) else set(done_indices)
        return [i for i in self.expected(frame_count) if i not in done]


@dataclass(frozen=True)
class StrideSelection(_Missing):
    """Every `stride`-th frame from 0 on. The original scripts take every 30th.

    Attributes:
        stride: Distance between two wanted frames, 1 or more.

    Raises:
        ValueError: The stride is less than 1.

    Example:
        >>> from hand100m_assets.video import StrideSelection
        >>> StrideSelection(30).expected(frame_count=90)
        [0, 30, 60]
    """

    stride: int

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise ValueError(f"stride must be 1 or more, not {self.stride}")

    @property
    def last_wanted(self) -> int | None:
        """None: a stride has no end."""
        return None

    def wants(self, frame_index: int) -> bool:
        """Whether the index is a multiple of the stride."""
        return frame_index % self.stride == 0

    def expected(self, frame_count: int) -> list[int]:
        """Multiples of the stride below the frame count: ceil(frame_count / stride) of them."""
        return list(range(0, frame_count, self.stride))

    def describe(self) -> dict[str, Any]:
        """Description as a JSON value; equal for equal selections."""
        return {"kind": "stride", "stride": self.stride}


@dataclass(frozen=True)
class FrameSetSelection(_Missing):
    """A given set of frame indices, in any order.

    Attributes:
        indices: The wanted indices, sorted and each once.

    Raises:
        ValueError: An index is negative.

    Example:
        >>> from hand100m_assets.video import FrameSetSelection
        >>> selection = FrameSetSelection([60, 0, 60])
        >>> selection.indices, selection.wants(30)
        ((0, 60), False)
    """

    indices: tuple[int, ...]
    _lookup: frozenset[int] = field(init=False, repr=False, compare=False)

    def __init__(self, indices: Iterable[int]) -> None:
        lookup = frozenset(int(i) for i in indices)
        if lookup and min(lookup) < 0:
            raise ValueError(f"frame indices start at 0, not {min(lookup)}")
        object.__setattr__(self, "indices", tuple(sorted(lookup)))
        object.__setattr__(self, "_lookup", lookup)

    @classmethod
    def of(cls, indices: Iterable[int]) -> FrameSetSelection:
        """Make one; the same as calling the class."""
        return cls(indices)

    @property
    def last_wanted(self) -> int | None:
        """Largest index; -1 for the empty set, so that nothing is decoded."""
        return self.indices[-1] if self.indices else -1

    def wants(self, frame_index: int) -> bool:
        """Whether the index is in the set."""
        return frame_index in self._lookup

    def expected(self, frame_count: int) -> list[int]:
        """Indices of the set below the frame count."""
        return list(self.indices[: bisect_left(self.indices, frame_count)])

    @cached_property
    def _ranges(self) -> list[tuple[int, int]]:
        return to_ranges(self.indices)

    def describe(self) -> dict[str, Any]:
        """Description as a JSON value; equal for equal selections. Up to 500 ranges of frames are listed."""
        digest = hashlib.sha256(",".join(map(str, self.indices)).encode()).hexdigest()[:16]
        described: dict[str, Any] = {"kind": "frames", "count": len(self.indices), "digest": digest}
        if len(self._ranges) <= MAX_DESCRIBED_RANGES:
            described["frames"] = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in self._ranges)
        return described


@dataclass(frozen=True)
class UnionSelection(_Missing):
    """The frames that any of several selections wants.

    Attributes:
        parts: The selections.

    Example:
        >>> from hand100m_assets.video import FrameSetSelection, StrideSelection
        >>> from hand100m_assets.video.decode import UnionSelection
        >>> UnionSelection((StrideSelection(30), FrameSetSelection([45]))).expected(frame_count=90)
        [0, 30, 45, 60]
    """

    parts: tuple[Selection, ...]

    @property
    def last_wanted(self) -> int | None:
        """Largest last index of the parts; None if one of them has no end."""
        lasts = [part.last_wanted for part in self.parts]
        return None if None in lasts else max((i for i in lasts if i is not None), default=-1)

    def wants(self, frame_index: int) -> bool:
        """Whether any part wants it."""
        return any(part.wants(frame_index) for part in self.parts)

    def expected(self, frame_count: int) -> list[int]:
        """Wanted indices of a video with so many frames, ascending."""
        return sorted({i for part in self.parts for i in part.expected(frame_count)})

    def describe(self) -> dict[str, Any]:
        """Description as a JSON value; equal for equal selections."""
        return {"kind": "union", "of": [part.describe() for part in self.parts]}


@dataclass(frozen=True)
class RemainingSelection(_Missing):
    """The frames that a selection wants and that are not there yet.

    Its last wanted frame is that of the whole selection, so that the same part of the video is read.

    Attributes:
        whole: The whole selection.
        done: Indices of the frames that are there already.

    Example:
        >>> from hand100m_assets.video import StrideSelection
        >>> from hand100m_assets.video.decode import RemainingSelection
        >>> RemainingSelection(StrideSelection(30), frozenset({30})).expected(frame_count=90)
        [0, 60]
    """

    whole: Selection
    done: frozenset[int]

    @property
    def last_wanted(self) -> int | None:
        """Largest wanted index of the whole selection; None if it has no end."""
        return self.whole.last_wanted

    def wants(self, frame_index: int) -> bool:
        """Whether the frame is wanted and not there yet."""
        return frame_index not in self.done and self.whole.wants(frame_index)

    def expected(self, frame_count: int) -> list[int]:
        """Remaining indices of a video with so many frames, ascending."""
        return self.whole.missing_from(self.done, frame_count)

    def describe(self) -> dict[str, Any]:
        """Description as a JSON value; equal for equal selections."""
        done = FrameSetSelection(self.done).describe()
        return {"kind": "remaining", "of": self.whole.describe(), "done": done}


def from_description(description: Mapping[str, Any]) -> Selection:
    """Rebuild a selection from what its `describe()` returned.

    Raises:
        ValueError: The description is malformed, or gives only the digest of a large frame set.
    """
    kind = description.get("kind")
    if kind == "stride" and isinstance(description.get("stride"), int):
        return StrideSelection(description["stride"])
    if kind == "frames" and isinstance(description.get("frames"), str):
        text = description["frames"]
        return parse_frame_list(text) if text else FrameSetSelection(())
    if kind == "union" and isinstance(description.get("of"), list):
        return UnionSelection(tuple(from_description(part) for part in description["of"]))
    raise ValueError(f"no selection can be rebuilt from {dict(description)!r}")


def widen_description(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Combine two descriptions into that of a frame folder that holds what either selection wants.

    Args:
        old: What `Selection.describe` returned for the frames that are there.
        new: What it returned for the frames that are added.

    Returns:
        A JSON value. Each part is listed once, the oldest first.

    Example:
        >>> from hand100m_assets.video import FrameSetSelection, StrideSelection
        >>> from hand100m_assets.video.decode import widen_description
        >>> wider = widen_description(StrideSelection(30).describe(), FrameSetSelection([45]).describe())
        >>> wider["kind"], [part["kind"] for part in wider["of"]]
        ('union', ['stride', 'frames'])
    """
    parts: list[Any] = []
    for description in (old, new):
        for part in description["of"] if description.get("kind") == "union" else [dict(description)]:
            if part not in parts:
                parts.append(part)
    return parts[0] if len(parts) == 1 else {"kind": "union", "of": parts}


def parse_frame_list(text: str) -> FrameSetSelection:
    """Read a list of frame indices such as `0,30,60-90`, as typed on a command line.

    Args:
        text: Numbers and ranges, separated by commas. A range includes both ends; spaces are allowed.

    Returns:
        The selection of these frames.

    Raises:
        ValueError: A part is not a number or range, is a range that runs backwards or is very long, or is beyond any
            video's length. The message names the part; correct it.

    Example:
        >>> from hand100m_assets.video.decode import parse_frame_list
        >>> parse_frame_list("0, 30, 60-62").indices
        (0, 30, 60, 61, 62)
    """
    indices: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*)?", part)
        if match is None:
            raise ValueError(f"{part.strip()!r} is neither a frame number nor a range such as 60-90")
        first = int(match[1])
        last = first if match[2] is None else int(match[2])
        if last < first:
            raise ValueError(f"{part.strip()!r} runs backwards")
        if last > MAX_FRAME_INDEX:
            raise ValueError(f"{part.strip()!r} is beyond any video's last frame")
        if last - first > 10_000_000:
            raise ValueError(f"{part.strip()!r} is too long a range; take every N-th frame instead")
        indices.update(range(first, last + 1))
    return FrameSetSelection(indices)


def to_ranges(indices: Iterable[int]) -> list[tuple[int, int]]:
    """Combine consecutive numbers into ranges.

    Args:
        indices: Numbers in ascending order.

    Returns:
        (first, last) of each range, both included.

    Example:
        >>> from hand100m_assets.video.decode import to_ranges
        >>> to_ranges([1, 2, 3, 7])
        [(1, 3), (7, 7)]
    """
    runs: list[tuple[int, int]] = []
    for i in indices:
        if runs and i == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    return runs
