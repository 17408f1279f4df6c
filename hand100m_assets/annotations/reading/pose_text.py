"""The text of hands -> their values, with poses as float32 arrays that never were Python numbers.

Of 1.6 kB of a hand, 1.3 are the 63 numbers of its pose, and making Python objects of them is most of reading. A
compiled loop takes them out of the text first and leaves a mark in the place of each; the rest is parsed as any JSON. A
mark stands where the text `"keypoint_25d":` was followed by a list of such numbers. If what is left is JSON, that text
is a key: neither of its quotes is escaped, so the second would have ended a string around it, and nothing but a colon,
a comma or a bracket follows the end of a string. So the whole was JSON, too, and means the same.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

_KEY: Final = "keypoint_25d"
_FIRST_MARK: Final = 918_273_645_000_000_000
_MARK_PREFIX: Final = b"918273645"
_BYTES_A_POSE: Final = 256
"""Key and numbers are hardly ever less; where they are, the last hands of a text keep their poses in it."""


class LiftedText(NamedTuple):
    """A text without its poses.

    Attributes:
        text: With a mark in the place of each pose that was taken.
        poses: (n, 63) float32, in the order of the text.
    """

    text: bytes
    poses: NDArray[np.float32]

    def values(self) -> list[Any] | None:
        """What the hands hold; poses that were taken are (63,) float32 arrays, which nothing else can be.

        Returns:
            None where a pose was taken from deeper inside a hand, or from a key that the hand gives again.

        Raises:
            orjson.JSONDecodeError: The text is no JSON.
        """
        values: list[Any] = orjson.loads(b"".join((b"[", self.text, b"]")))
        poses, found = list(self.poses), 0
        for value in values:
            mark = value.get(_KEY) if type(value) is dict else None
            if type(mark) is int and 0 <= mark - _FIRST_MARK < len(poses):
                value[_KEY] = poses[mark - _FIRST_MARK]
                found += 1
        return values if found == len(poses) else None


def lift_poses(text: bytes) -> LiftedText | None:
    """Take the poses out of hands that follow each other; None where a number in the text could pass for a mark."""
    # Here and not above: importing numba takes half a second, which small files need not wait for.
    from hand100m_assets.annotations.reading.pose_kernel import MARK_DIGITS, POSE_NUMBERS, lift  # noqa: PLC0415

    lean = np.empty(len(text) + MARK_DIGITS, np.uint8)
    poses = np.empty((len(text) // _BYTES_A_POSE + 1, POSE_NUMBERS), np.float32)
    length, taken = lift(np.frombuffer(text + b"\0", np.uint8), _FIRST_MARK, lean, poses)
    left = lean[:length].tobytes()
    return LiftedText(left, poses[:taken]) if left.count(_MARK_PREFIX) == taken else None
