"""Decides which index a decoded frame has and whether it is undamaged: bookkeeping between packets and frames.

The index is the position among shown frames in presentation order. If nothing is damaged, this is the count of frames
that a full decode gives. Packets that are lost to damage keep their indices, so that later frames are not shifted.
Damage spreads: a decoder continues to show pictures that are built on a broken one, mostly without an error. So
everything decoded from a fault to the next key frame counts as damaged. So do that key frame's leading pictures, which
depend on pictures before it.

Timestamps place frames only as long as they agree with the decoder. If a packet gives no frame in its turn and has no
fault, it is lost; or its timestamp is wrong and its frame comes later, for example if a container gives the decoding
time in both timestamps. So the packet is suspected as long as a decoder may keep a picture back, and later frames wait.
If its frame comes, or if anything else shows that the timestamps prove nothing, frames are counted as they come out.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import Final

from hand100m_assets.video.decode.faulty_times import FaultyTimes
from hand100m_assets.video.decode.owed import OwedFrames

NO_TIMES: Final = "a packet has no timestamp"
_GROUPS_KEPT = 64
LOOK_BACK_FRAMES = 32
"""Without timestamps a fault may lie this many frames back, and a frame may come this late. No codec reorders more
than 16.
"""

_MEMORY_PACKETS = 64
"""After so many whole packets, nothing broken is left among the pictures (16 at most) that a decoder keeps."""


@dataclass
class _Group:
    """A key frame and the packets that are decoded after it, up to the next key frame."""

    key_pts: int
    damaged_from: int | None = None


@dataclass(order=True)
class _Packet:
    pts: int
    position: int
    group: int
    latest_pts: int
    """Largest timestamp up to here in decoding order. Once it is shown, no earlier packet is awaited."""
    is_restart: bool = True
    may_be_dropped: bool = False


@dataclass
class _Placed:
    packet: _Packet | None
    is_damaged: bool
    frame_number: int | None = None
    is_suspected: bool = False
    """No frame came out of its packet so far, and nothing else indicates damage."""


@dataclass(frozen=True)
class Verdict:
    """The final decision on one frame index. Verdicts are given in ascending order.

    Attributes:
        frame_index: The frame index.
        is_whole: Whether its frame is as it was encoded.
        frame_number: How many frames had come out before its frame; None if it has no frame.
    """

    frame_index: int
    is_whole: bool
    frame_number: int | None = None


class Timeline:
    """Takes packets and frames in the decoder's order, and gives a verdict on each index when it is certain.

    Args:
        is_one_frame_each: Whether every packet of an undamaged stream of this kind gives a frame, except for leading
            pictures.
        are_times_beside: Whether the time of a packet is beside it in the file, so that one fault may break both.

    Attributes:
        suspected_count: Packets that are taken as lost, and may turn out to have no index of their own.
        packets_passed_over: Packets that should have given a frame but did not, without a fault that explains it.
        packets_without_frame: Packets that gave no picture although nothing was wrong, so that they have no index.
        decided_count: Indices whose verdict has been given.
        distrust: Why timestamps are not used to place frames; None while they are.
    """

    def __init__(self, *, is_one_frame_each: bool = False, are_times_beside: bool = False) -> None:
        self._faulty_times = FaultyTimes() if are_times_beside else None
        self.is_one_frame_each = is_one_frame_each
        self.suspected_count = 0
        self.packets_passed_over = 0
        self.packets_without_frame = 0
        self.decided_count = 0
        self.distrust: str | None = None
        self._awaited: list[_Packet] = []
        self._groups: dict[int, _Group] = {}
        self._group = self._group_before = -1
        self._first_key_pts: int | None = None
        self._position = -1
        self._latest_pts: int | None = None
        self._shown_pts: int | None = None
        self._undecided: deque[_Placed] = deque()
        self._frames_out = 0
        self._owed = OwedFrames(LOOK_BACK_FRAMES)
        """What the decoder owes, when frames are only counted."""
        self._any_damage = False
        self._any_evidence = False
        """Whether there was evidence of damage, other than that a packet gave no frame."""
        self._faults: deque[int] = deque(maxlen=4 * _MEMORY_PACKETS)
        self._any_unexplained = False
        """Whether a packet gave no frame for no known reason."""
        self._is_lost = False
        self._reached_dts: int | None = None
        """All packets that follow are shown at this time or later; None if that is not known."""
        self._cut_dts: int | None = None

    @property
    def frame_count(self) -> int:
        """Number of indices so far, those of lost and of suspected frames included."""
        return self.decided_count + len(self._undecided)

    def add_packet(
        self,
        pts: int | None,
        dts: int | None = None,
        *,
        is_key: bool,
        is_discard: bool,
        is_restart: bool = True,
        may_be_dropped: bool = False,
    ) -> None:
        """Add a packet that is about to be decoded.

        Args:
            pts: Its presentation timestamp.
            dts: Its decoding timestamp; no packet is shown before it is decoded.
            is_key: Whether it is marked as a key frame.
            is_discard: Whether it is decoded but not shown (edit lists).
            is_restart: Whether it clears, as a key frame, the decoder's memory of earlier pictures.
            may_be_dropped: Whether what it depends on may not be in the file, because a recording began or was joined
                here. If it is a leading picture, the decoder then drops it.
        """
        self._position += 1
        self._group_before = self._group
        self._reached_dts = dts if pts is not None and dts is not None and dts <= pts else None
        if pts is None:
            self._stop_trusting(NO_TIMES)
            return
        if self._faulty_times is not None and self._faulty_times.add(pts):
            self.lose_count()
        if is_key or self._group < 0:
            self._group += 1
            self._groups[self._group] = _Group(pts)
            self._first_key_pts = pts if self._first_key_pts is None else self._first_key_pts
            self._groups.pop(self._group - _GROUPS_KEPT, None)
        if is_discard:
            return
        if not self.distrust and self._shown_pts is not None and pts <= self._shown_pts:
            self._stop_trusting("a packet comes after frames that are shown later")
        if self.distrust:
            self._owe([(pts, self._group)])
            return
        self._latest_pts = pts if self._latest_pts is None else max(pts, self._latest_pts)
        packet = _Packet(pts, self._position, self._group, self._latest_pts, is_restart, may_be_dropped)
        heapq.heappush(self._awaited, packet)

    def packet_failed(self, *, reaches_back: bool = False) -> None:
        """Note that the packet added last is broken. The same fault may have broken the end of the packet before."""
        self._damage(self._group, self._position)
        if self._faulty_times is not None and self._faulty_times.break_last():
            self.lose_count()
        if reaches_back and self._position > 0:
            self._damage(self._group_before, self._position - 1)

    def lose_count(self) -> None:
        """Note that an unknown number of packets is missing before the next: from here on nothing can be numbered."""
        self._is_lost = True

    def add_frame(self, pts: int | None, *, is_corrupt: bool, is_intra: bool) -> int:
        """Add a frame that came out; return its index, or a larger number while packets are suspected.

        The index is then at most `suspected_count` smaller than that number.
        """
        packet = self._match(pts)
        if self.distrust:
            self._owed.pay(pts)
            self._notice_overdue()
        if packet is None:
            if is_corrupt:
                self._damage(self._group, self._position)
        elif is_corrupt:
            self._damage(packet.group, packet.position)
        elif self._is_key(packet) and not self._heals(packet, is_intra=is_intra):
            self._groups[packet.group].damaged_from = packet.position
        self._undecided.append(_Placed(packet, is_corrupt, self._frames_out))
        self._frames_out += 1
        return self.frame_count - 1

    def finish(self, packets_missing: int = 0, *, is_tail_numbered: bool = True) -> None:
        """Note that the stream is over.

        Args:
            packets_missing: Number of packets that were promised and never came.
            is_tail_numbered: Whether packets after the last frame are taken as lost ones, with an index each.
        """
        if self._faulty_times is not None and self._faulty_times.is_wrong_at_end():
            self.lose_count()
        while self._awaited and is_tail_numbered:
            self._give_up(heapq.heappop(self._awaited))
        self._notice_overdue(is_over=True)
        if packets_missing:
            self._cut_dts = self._reached_dts
        for _ in range(packets_missing):
            self._undecided.append(_Placed(None, is_damaged=True))

    def verdicts(self, *, is_over: bool = False) -> list[Verdict]:
        """Return the verdicts that have become certain since the last call."""
        decided: list[Verdict] = []
        while self._undecided and (is_over or self._is_certain(self._undecided[0])):
            placed = self._undecided.popleft()
            if placed.is_suspected:
                self.suspected_count -= 1
                self.packets_passed_over += 1
                self._any_evidence = True
            decided.append(Verdict(self.decided_count, not self._is_broken(placed), placed.frame_number))
            self.decided_count += 1
        return decided

    def _match(self, pts: int | None) -> _Packet | None:
        if self.distrust:
            return None
        while self._awaited and pts is not None and self._awaited[0].pts < pts:
            self._give_up(heapq.heappop(self._awaited))
        if not self._awaited or self._awaited[0].pts != pts:
            self._stop_trusting("a frame came out that belongs to no packet")
            return None
        packet = heapq.heappop(self._awaited)
        self._shown_pts = packet.pts
        if self._awaited and self._awaited[0].pts == pts:
            self._stop_trusting("two packets have the same timestamp")
        return packet

    def _give_up(self, packet: _Packet) -> None:
        """No frame came out for this packet."""
        is_suspected = not self._is_broken(_Placed(packet, is_damaged=False))
        if is_suspected:
            if self._shown_pts is None or (packet.may_be_dropped and self._is_leading(packet)):
                # This is as it should be at a start that was cut. After damage, the reason cannot be known.
                self.packets_without_frame += 1
                self._is_lost = self._is_lost or self._any_damage
                return
            if not self.is_one_frame_each:
                self.packets_without_frame += 1
                # Some streams are made like that. Once there is damage, it cannot be known whether it is the reason.
                self._any_unexplained = True
                self._is_lost = self._is_lost or self._any_damage
                return
            self._spread(packet.group, packet.position)
        is_suspected = is_suspected or not self._any_evidence
        self.suspected_count += is_suspected
        self._undecided.append(_Placed(packet, is_damaged=True, is_suspected=is_suspected))

    def _is_certain(self, placed: _Placed) -> bool:
        """Whether the verdict on the first undecided frame is certain."""
        if placed.packet is None or self.distrust or placed.is_suspected:
            return len(self._undecided) > LOOK_BACK_FRAMES
        if self._faulty_times is not None and self._faulty_times.is_behind(self._shown_pts):
            return False
        if placed.packet.position == self._position:
            return False  # a fault in the next packet may reach back into this one
        if self._reached_dts is not None and placed.packet.pts > self._reached_dts:
            return False  # a packet that never comes may be shown before it
        return self._shown_pts is not None and placed.packet.latest_pts <= self._shown_pts

    def _is_broken(self, placed: _Placed) -> bool:
        if placed.is_damaged or self._is_lost:
            return True
        packet = placed.packet
        if packet is None:
            return False
        if self._cut_dts is not None and packet.pts > self._cut_dts:
            return True  # what was cut off may belong before it
        group = self._groups.get(packet.group)
        if group is None:
            return True  # nothing was shown for very many key frames
        if self._is_leading(packet) and self._is_damaged(packet.group - 1):
            return True
        return group.damaged_from is not None and packet.position >= group.damaged_from

    def _is_key(self, packet: _Packet) -> bool:
        return packet.group in self._groups and self._groups[packet.group].key_pts == packet.pts

    def _heals(self, key: _Packet, *, is_intra: bool) -> bool:
        """Whether damage before a key frame does not matter for it and what follows."""
        if not is_intra:  # of predicted pictures: periodic intra refresh
            return not self._is_damaged(key.group - 1)
        return key.is_restart or not any(
            key.position - _MEMORY_PACKETS <= fault < key.position for fault in self._faults
        )

    def _is_leading(self, packet: _Packet) -> bool:
        """Whether it is decoded after its group's key frame and shown before it."""
        return packet.group in self._groups and packet.pts < self._groups[packet.group].key_pts

    def _is_damaged(self, group: int) -> bool:
        return group in self._groups and self._groups[group].damaged_from is not None

    def _damage(self, group: int, position: int) -> None:
        self._any_evidence = True
        self._spread(group, position)

    def _spread(self, group: int, position: int) -> None:
        self._any_damage = True
        self._faults.append(position)
        if self.distrust or self._any_unexplained or group not in self._groups:
            self._is_lost = True
            return
        known = self._groups[group].damaged_from
        self._groups[group].damaged_from = position if known is None else min(known, position)

    def _stop_trusting(self, reason: str) -> None:
        """Continue by counting frames. If there is damage, counting cannot place any frame for certain."""
        if self.distrust is not None:
            return
        self.distrust = reason
        late = [placed.packet for placed in self._undecided if placed.is_suspected and placed.packet is not None]
        self._owe([(packet.pts, packet.group) for packet in (*late, *sorted(self._awaited))])
        self._awaited.clear()
        if self._any_evidence:
            self._is_lost = True
            return
        self._undecided = deque(placed for placed in self._undecided if not placed.is_suspected)
        self.suspected_count = 0
        self._any_damage = self._is_lost
        self._faults.clear()
        for group in self._groups.values():
            group.damaged_from = None

    def _owe(self, packets: list[tuple[int, int]]) -> None:
        """Note the (timestamp, group) of packets. A start that was cut lacks what its leading pictures depend on."""
        first = self._first_key_pts
        if self.is_one_frame_each and first is not None:
            self._owed.owe(pts for pts, group in packets if group > 0 or pts >= first)

    def _notice_overdue(self, *, is_over: bool = False) -> None:
        while self.is_one_frame_each and self._owed.is_overdue(is_over=is_over):
            self.packets_passed_over += 1
            self._any_evidence = self._any_damage = self._is_lost = True
