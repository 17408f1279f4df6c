"""What a kind makes: a file, and what is to be expected of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

OpenCv: TypeAlias = Literal["same", "first frames", "count only", "not asked"]
"""How far OpenCV's loop is an oracle for a kind: wholly; for the frames before its first error, where it ends; for the
number of frames, as it converts them wrongly; not at all."""

Maker: TypeAlias = Callable[[random.Random, Path], Path]


@dataclass(frozen=True)
class Kind:
    """A kind of healthy stream.

    Attributes:
        name: As the table shows it.
        make: Writes one file into a folder.
        opencv: How far OpenCV is an oracle.
        why: The reason where that is not `same`.
        is_selective: Files of this kind are ordinary ones, most of which must be decoded selectively.
    """

    name: str
    make: Maker
    opencv: OpenCv = "same"
    why: str = ""
    is_selective: bool = False
