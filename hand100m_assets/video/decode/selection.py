"""Which frame indices to take: every N-th, or a given set. Pure; indices count shown frames from 0."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol

MAX_DESCRIBED_RANGES: Final = 500
"""Longer frame sets are described by count and digest only, so that a manifest stays small."""

MAX_FRAME_INDEX: Final = 10**9
"""About a year at 30 frames a second: anything above is a typing error, not a frame."""


class Selection(Protocol):
    """What every selection can answer."""

    @property
    def last_wanted(self) -> int | None:
        """Largest wanted index, None when there is no end."""
        ...

    def wants(self, frame_index: int) -> bool:
        """Whether this frame is to be taken."""
        ...

    def expected(self, frame_count: int) -> list[int]:
        """Wanted indices of a video with so many frames, ascending."""
        ...

    def describe(self) -> dict[str, Any]:
        """JSON value, the same for equal selections."""
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
    """Every `stride`-th frame from 0, as the original scripts take them with 30."""

    stride: int

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise ValueError(f"stride must be 1 or more, not {self.stride}")

    @property
    def last_wanted(self) -> int | None:
        """None: there is always a next one."""
        return None

    def wants(self, frame_index: int) -> bool:
        """Whether the index is a multiple of the stride."""
        return frame_index % self.stride == 0

    def expected(self, frame_count: int) -> list[int]:
        """Multiples of the stride below the frame count: ceil(frame_count / stride) of them."""
        return list(range(0, frame_count, self.stride))

    def describe(self) -> dict[str, Any]:
        """JSON value, the same for equal selections."""
        return {"kind": "stride", "stride": self.stride}


@dataclass(frozen=True)
class FrameSetSelection(_Missing):
    """A given set of frames, kept sorted and unique whatever order it is given in."""

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
        """The same as calling the class; reads better with a table's column."""
        return cls(indices)

    @property
    def last_wanted(self) -> int | None:
        """Largest index; -1 for the empty set, so that nothing need be decoded."""
        return self.indices[-1] if self.indices else -1

    def wants(self, frame_index: int) -> bool:
        """Whether the index is in the set."""
        return frame_index in self._lookup

    def expected(self, frame_count: int) -> list[int]:
        """Members below the frame count."""
        return list(self.indices[: bisect_left(self.indices, frame_count)])

    @cached_property
    def _ranges(self) -> list[tuple[int, int]]:
        return to_ranges(self.indices)

    def describe(self) -> dict[str, Any]:
        """JSON value, the same for equal selections; lists the frames unless there are very many runs of them."""
        digest = hashlib.sha256(",".join(map(str, self.indices)).encode()).hexdigest()[:16]
        described: dict[str, Any] = {"kind": "frames", "count": len(self.indices), "digest": digest}
        if len(self._ranges) <= MAX_DESCRIBED_RANGES:
            described["frames"] = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in self._ranges)
        return described


@dataclass(frozen=True)
class UnionSelection(_Missing):
    """Whatever any of its parts wants."""

    parts: tuple[Selection, ...]

    @property
    def last_wanted(self) -> int | None:
        """Largest of the parts', None when one of them has no end."""
        lasts = [part.last_wanted for part in self.parts]
        return None if None in lasts else max((i for i in lasts if i is not None), default=-1)

    def wants(self, frame_index: int) -> bool:
        """Whether any part wants it."""
        return any(part.wants(frame_index) for part in self.parts)

    def expected(self, frame_count: int) -> list[int]:
        """Wanted indices of a video with so many frames, ascending."""
        return sorted({i for part in self.parts for i in part.expected(frame_count)})

    def describe(self) -> dict[str, Any]:
        """JSON value, the same for equal selections."""
        return {"kind": "union", "of": [part.describe() for part in self.parts]}


@dataclass(frozen=True)
class RemainingSelection(_Missing):
    """What a selection wants, less the frames that are there already; it ends where the whole of it ends."""

    whole: Selection
    done: frozenset[int]

    @property
    def last_wanted(self) -> int | None:
        """Of the whole selection, so that as much of the video is seen."""
        return self.whole.last_wanted

    def wants(self, frame_index: int) -> bool:
        """Whether it is wanted and not there."""
        return frame_index not in self.done and self.whole.wants(frame_index)

    def expected(self, frame_count: int) -> list[int]:
        """Remaining indices of a video with so many frames, ascending."""
        return self.whole.missing_from(self.done, frame_count)

    def describe(self) -> dict[str, Any]:
        """JSON value, the same for equal selections."""
        done = FrameSetSelection(self.done).describe()
        return {"kind": "remaining", "of": self.whole.describe(), "done": done}


def from_description(description: Mapping[str, Any]) -> Selection:
    """Rebuild a selection from `describe()`.

    Raises:
        ValueError: The description is malformed, or gives only the digest of a big frame set.
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
    """Description of a folder that holds what either selection wants; parts are named once, oldest first."""
    parts: list[Any] = []
    for description in (old, new):
        for part in description["of"] if description.get("kind") == "union" else [dict(description)]:
            if part not in parts:
                parts.append(part)
    return parts[0] if len(parts) == 1 else {"kind": "union", "of": parts}


def parse_frame_list(text: str) -> FrameSetSelection:
    """Read `0,30,60-90` (ranges include both ends) as typed on a command line.

    Raises:
        ValueError: A part is not a number or range, or a range runs backwards; the message names the part.
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
    """Runs of consecutive numbers as (first, last), both included; the input must ascend."""
    runs: list[tuple[int, int]] = []
    for i in indices:
        if runs and i == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    return runs
