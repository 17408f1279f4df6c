"""The compiled loop that reads poses out of the text of hands. Importing it imports numba.

It takes a pose only where every number is what Python's reader would make of it, then rounded to float32, and leaves
the text alone everywhere else: a reader that knows all of JSON follows.
"""
# mypy: disallow-untyped-decorators=False, warn-return-any=False
# ruff: noqa: PLR0911, C901, PLR0912
# Compiled functions take many plain arguments, and a grammar is read as a chain of small decisions.

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from hand100m_assets.annotations.contract import KEYPOINT_COUNT, MAX_KEYPOINT
from hand100m_assets.compiled import compiled, kept_on_disk

Bytes = npt.NDArray[np.uint8]
Poses = npt.NDArray[np.float32]

POSE_NUMBERS: Final = 3 * KEYPOINT_COUNT
MARK_DIGITS: Final = 18
_NOTHING: Final = -1
_MAX_DIGITS: Final = 19
"""So many fit into 64 bits."""
_MAX_POWER: Final = 40
_POWERS_OF_TEN: Final = np.array([float(f"1e{power}") for power in range(_MAX_POWER + 1)])

# A product or quotient of two correctly rounded numbers is off by less than 2**-51 of itself. Rounding is monotone:
# where both ends of twice that range round to one float32, so does the number itself, and so does the double that
# Python's reader makes of it. The others, one in thirty million, are left to that reader.
_BELOW: Final = 1 - 2.0**-50
_ABOVE: Final = 1 + 2.0**-50

_TAB, _LINE_FEED, _RETURN, _SPACE = 9, 10, 13, 32
_QUOTE, _PLUS, _COMMA, _MINUS, _POINT, _ZERO, _COLON = 34, 43, 44, 45, 46, 48, 58
_OPENING, _BACKSLASH, _CLOSING = 91, 92, 93
_EXPONENTS = (69, 101)
_ZERO_DIGIT, _NINE, _TEN = np.uint64(_ZERO), np.uint64(9), np.uint64(10)
_KEY: Final = np.frombuffer(b'"keypoint_25d"', np.uint8)


@kept_on_disk
def lift(text: Bytes, first_mark: int, lean: Bytes, poses: Poses) -> tuple[int, int]:
    """Copy a text, with marks, which are integers of `MARK_DIGITS` digits, in place of the poses that were taken.

    Args:
        text: (n,) ends with a zero byte, which no JSON holds.
        first_mark: The others count on from it.
        lean: (n + `MARK_DIGITS`,) receives the text, without the zero.
        poses: (p, `POSE_NUMBERS`) receives poses; when it is full, no more are taken.

    Returns:
        Bytes of `lean`, rows of `poses`.
    """
    end, copied, length, taken, at = len(text) - 1, 0, 0, 0, 0
    last = end - len(_KEY)
    while at < last and taken < len(poses):
        if text[at] != _QUOTE or not _is_key(text, at):
            at += 1
            continue
        at = _past_space(text, at + len(_KEY))
        if text[at] != _COLON:
            continue
        at += 1
        behind = _read_pose(text, _past_space(text, at), poses[taken])
        if behind == _NOTHING:
            continue
        length = _copy(text, copied, at, lean, length)
        length = _write_mark(first_mark + taken, lean, length)
        taken += 1
        at = copied = behind
    return _copy(text, copied, end, lean, length), taken


@compiled
def _is_key(text: Bytes, at: int) -> bool:
    """Whether the key stands here. Behind a backslash the quote may be a letter of a string."""
    if at > 0 and text[at - 1] == _BACKSLASH:
        return False
    for place in range(1, len(_KEY)):  # noqa: SIM110 - generators are not compiled
        if text[at + place] != _KEY[place]:
            return False
    return True


@compiled
def _past_space(text: Bytes, at: int) -> int:
    while text[at] == _SPACE or text[at] == _LINE_FEED or text[at] == _RETURN or text[at] == _TAB:
        at += 1
    return at


@compiled
def _read_pose(text: Bytes, at: int, pose: Poses) -> int:
    """Read 63 numbers in one list, or 21 lists of three; where the list ends, or nothing."""
    if text[at] != _OPENING:
        return _NOTHING
    at = _past_space(text, at + 1)
    is_nested = text[at] == _OPENING
    for number in range(POSE_NUMBERS):
        if number > 0:
            if text[at] != _COMMA:
                return _NOTHING
            at = _past_space(text, at + 1)
        if is_nested and number % 3 == 0:
            if text[at] != _OPENING:
                return _NOTHING
            at = _past_space(text, at + 1)
        at = _read_number(text, at, pose, number)
        if at == _NOTHING:
            return _NOTHING
        at = _past_space(text, at)
        if is_nested and number % 3 == 2:
            if text[at] != _CLOSING:
                return _NOTHING
            at = _past_space(text, at + 1)
    return at + 1 if text[at] == _CLOSING else _NOTHING


@compiled
def _read_number(text: Bytes, at: int, pose: Poses, place: int) -> int:
    """Read one JSON number within the contract's limits; where it ends, or nothing."""
    is_negative = text[at] == _MINUS
    if is_negative:
        at += 1
    digit = np.uint64(text[at]) - _ZERO_DIGIT  # beyond nine where the byte is no digit
    if digit > _NINE:
        return _NOTHING
    value, digits, power = digit, 0, 0
    at += 1
    if digit > 0:
        digits, start = 1, at
        digit = np.uint64(text[at]) - _ZERO_DIGIT
        while digit <= _NINE:
            value = value * _TEN + digit
            at += 1
            digit = np.uint64(text[at]) - _ZERO_DIGIT
        digits += at - start
    if text[at] == _POINT:
        at += 1
        start = at
        if value == 0:
            while text[at] == _ZERO:
                at += 1
        first = at
        digit = np.uint64(text[at]) - _ZERO_DIGIT
        while digit <= _NINE:
            value = value * _TEN + digit
            at += 1
            digit = np.uint64(text[at]) - _ZERO_DIGIT
        if at == start:
            return _NOTHING
        digits += at - first
        power = start - at
    if digits > _MAX_DIGITS:
        return _NOTHING
    if text[at] in _EXPONENTS:
        at += 1
        is_below = text[at] == _MINUS
        if is_below or text[at] == _PLUS:
            at += 1
        start, exponent = at, 0
        while text[at] >= _ZERO and text[at] - _ZERO <= _NINE and at - start < 4:
            exponent = 10 * exponent + (text[at] - _ZERO)
            at += 1
        if at == start:
            return _NOTHING
        power += -exponent if is_below else exponent
    if not -_MAX_POWER <= power <= _MAX_POWER:
        return _NOTHING
    if is_negative and value == 0:  # zero as an integer has no sign, as a fraction it has
        return _NOTHING
    size = np.float64(value)
    size = size / _POWERS_OF_TEN[-power] if power < 0 else size * _POWERS_OF_TEN[power]
    rounded = np.float32(size * _BELOW)
    if not size * _ABOVE <= MAX_KEYPOINT or rounded != np.float32(size * _ABOVE):
        return _NOTHING
    pose[place] = -rounded if is_negative else rounded
    return at


@compiled
def _copy(text: Bytes, start: int, end: int, lean: Bytes, length: int) -> int:
    for place in range(end - start):
        lean[length + place] = text[start + place]
    return length + end - start


@compiled
def _write_mark(mark: int, lean: Bytes, length: int) -> int:
    for place in range(MARK_DIGITS - 1, -1, -1):
        lean[length + place] = _ZERO + mark % 10
        mark //= 10
    return length + MARK_DIGITS
