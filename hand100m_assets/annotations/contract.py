"""The contract: what every raw image record and hand record of an annotation file must satisfy.

A record that violates it is rejected and listed, because nothing can use it. A record that is valid but doubtful is
kept; `rules.py` finds it, together with faults that only whole tables show. Field names in errors are those of the
file.
"""

from __future__ import annotations

import json
from itertools import dropwhile
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from hand100m_assets.amounts import counted
from hand100m_assets.errors import UnsafeIdError
from hand100m_assets.layout import FRAME_FILE_PATTERN, check_video_id

KEYPOINT_COUNT: Final = 21
"""Keypoints of a hand. Source: the original loaders."""
MAX_KEYPOINT: Final = 1000.0
"""Largest coordinate, in crop sides; a larger one is not a position. It keeps every value finite in float32."""

MAX_PIXEL: Final = 100_000
MAX_DISTANCE: Final = 1e9
"""Far larger than anything real: a larger value is a broken number, and would overflow later."""

MAX_FRAME_DIGITS: Final = 9
"""Digits of a frame number, without leading zeros. A billion frames are a year of video; the index has 32 bits."""

MAX_INT64: Final = 2**63 - 1
_MAX_INT64_DIGITS: Final = 19
MAX_WHOLE_FLOAT: Final = 2.0**53
"""From this value on, one float can stand for several integers."""

MAX_ITEMS: Final = 1000
"""Items of one list: files have far fewer positives, and naming each bad item takes a kilobyte of memory."""


class Note(NamedTuple):
    """A warning about a record that the contract accepts.

    Attributes:
        field: Name of the field in the file.
        rule: `respelled` if the value was read as another one, `left_out` if it was not used.
        words: What was done with the value.
        value: The value in the file.
    """

    field: str
    rule: Literal["respelled", "left_out"]
    words: str
    value: Any


def _note(info: ValidationInfo, note: Note) -> None:
    """Add a note to the list that the caller gave as context, if there is one."""
    if info.context is not None:
        info.context.append(note)


def _without_fraction(value: Any) -> Any:  # noqa: ANN401 - raw JSON
    """The integer that a float such as `1698.0` is equal to; any other value unchanged."""
    is_whole = isinstance(value, float) and abs(value) < MAX_WHOLE_FLOAT and value.is_integer()
    return int(value) if is_whole else value


def _as_id_text(value: Any) -> str:  # noqa: ANN401 - raw JSON
    """An id as text, whether the file has it as a string, an integer or a float equal to one."""
    value = _without_fraction(value)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise ValueError("not an id: a non-empty string or an integer is needed")
    text = str(value)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half a character, which no text can hold")
    return text


def _as_hand_id(value: Any) -> int:  # noqa: ANN401 - raw JSON
    """A hand id as an integer: the original casts the string with `int`."""
    text = _as_id_text(value).strip()
    if not text.removeprefix("-").isdecimal() or not text.isascii():
        raise ValueError("not castable to an integer")
    digits = text.removeprefix("-").lstrip("0") or "0"
    number = int(digits) if len(digits) <= _MAX_INT64_DIGITS else MAX_INT64 + 1
    if number > MAX_INT64 or (text.startswith("-") and number):
        raise ValueError("outside 0 to 2^63 - 1")
    return number


def _as_box(value: Any) -> Any:  # noqa: ANN401 - raw JSON
    """The four numbers of a box, from a JSON string, as in the released files, or from a list."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError("a string that is not a JSON list") from error
    return value


def _of_bounded_length(value: Any) -> Any:  # noqa: ANN401 - raw JSON
    """The value, if it is not too long; its items are checked later."""
    if isinstance(value, list) and len(value) > MAX_ITEMS:
        raise ValueError(f"{counted(len(value), 'item')}; no list has more than {MAX_ITEMS:,}")
    return value


def _as_flat(value: Any) -> Any:  # noqa: ANN401 - raw JSON
    """63 numbers, from a flat list or from 21 lists of three."""
    if isinstance(value, list) and len(value) == KEYPOINT_COUNT:
        if all(isinstance(joint, list) and len(joint) == 3 for joint in value):
            return [number for joint in value for number in joint]
        raise ValueError("21 items, but not all of them are lists of three")
    return value


def _as_handedness(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - raw JSON
    if not isinstance(value, str):
        return value
    side = value.strip().capitalize()
    if side != value and side in ("Left", "Right"):
        _note(info, Note("left_right", "respelled", f"taken for {side!r}", value))
    return side


def _as_side(value: Any, info: ValidationInfo) -> int | None:  # noqa: ANN401 - raw JSON
    """Pixels; an impossible size is left out, so that no image is lost because of an optional value."""
    side = _without_fraction(value)
    if side is None or (type(side) is int and 0 < side <= MAX_PIXEL):
        return side
    field = str(info.field_name).removesuffix("_px")
    _note(info, Note(field, "left_out", f"no whole number of 1 to {MAX_PIXEL:,} pixels; left out", value))
    return None


Bounded: Final = BeforeValidator(_of_bounded_length)
IdText = Annotated[str, BeforeValidator(_as_id_text)]
HandId = Annotated[int, BeforeValidator(_as_hand_id)]
Pixel = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-MAX_PIXEL, le=MAX_PIXEL)]
Distance = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-MAX_DISTANCE, le=MAX_DISTANCE)]
Keypoint = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-MAX_KEYPOINT, le=MAX_KEYPOINT)]
Side = Annotated[int | None, BeforeValidator(_as_side)]


def named_frame(file_name: str) -> tuple[str, int]:
    """Video id and frame index, from the last two parts of a file name.

    Raises:
        ValueError: The last two parts give no video and frame, or the name would lead out of its folder.
    """
    parts = file_name.replace("\\", "/").split("/")
    match = FRAME_FILE_PATTERN.fullmatch(parts[-1])
    if match is None or len(parts) < 2:
        raise ValueError("does not end in <video id>/frame_NNNNNN.jpg")
    if len(match["frame_index"].lstrip("0")) > MAX_FRAME_DIGITS:
        raise ValueError("a frame number beyond any video")
    if "\0" in file_name:
        raise ValueError("a zero character, which no file name has")
    if ".." in list(dropwhile(lambda part: part in ("..", "."), parts)):
        # Leading ones only say where the data root is.
        raise ValueError("a '..' behind the name of a folder")
    try:
        return check_video_id(parts[-2]), int(match["frame_index"])
    except UnsafeIdError as error:
        raise ValueError(error.what) from error


def _as_naming_a_frame(file_name: str) -> str:
    named_frame(file_name)
    return file_name


_LOADERS: Final = "Source: the original loaders"


class ImageRecord(BaseModel):
    """One entry of `images`. The last two parts of its `file_name` give video and frame."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    image_id: IdText = Field(alias="id", description=f"Unique, referred to by hands; no unit. {_LOADERS}.")
    file_name: Annotated[str, AfterValidator(_as_naming_a_frame)] = Field(
        strict=True,
        min_length=1,
        max_length=4096,
        description="Path relative to some data root, ending in <video id>/frame_NNNNNN.<ext>, where NNNNNN counts "
        f"decoded frames from 0. {_LOADERS} and extraction scripts.",
    )
    width_px: Side = Field(
        None, alias="width", description="Image width in pixels; often absent. Source: the file; no loader reads it."
    )
    height_px: Side = Field(
        None, alias="height", description="Image height in pixels; often absent. Source: the file; no loader reads it."
    )


class HandRecord(BaseModel):
    """One entry of `annotations`, in the units of the file."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    hand_id: HandId = Field(description=f"Unique in the file, not the row index; no unit. {_LOADERS}, by `int`.")
    image_id: IdText = Field(description=f"`id` of the image that shows the hand; no unit. {_LOADERS}.")
    box_px: Annotated[list[Pixel], Bounded, BeforeValidator(_as_box), Field(min_length=4, max_length=4)] = Field(
        alias="boxes", description=f"x1, y1, x2, y2 in image pixels; the files hold a JSON string of it. {_LOADERS}."
    )
    keypoints: Annotated[list[Keypoint], Bounded, BeforeValidator(_as_flat), Field(min_length=63, max_length=63)] = (
        Field(
            alias="keypoint_25d",
            description="x, y in crop sides, [0, 1] of the unmirrored 224 px crop, z relative; (21, 3) row by row. "
            f"{_LOADERS}; the numbers are said to be MediaPipe's.",
        )
    )
    handedness: Annotated[Literal["Left", "Right"], BeforeValidator(_as_handedness)] = Field(
        alias="left_right",
        description=f"The person's real side, as measured on the published grid; no unit. {_LOADERS} flip `Left`.",
    )
    positives: Annotated[list[HandId], Bounded] = Field(
        alias="positive_sample",
        description=f"Hand ids of similar hands, best first; no unit. {_LOADERS}, which use the first only.",
    )
    distances: Annotated[list[Distance], Bounded] = Field(
        alias="distance",
        description=f"Mining distance to each positive, in the miner's unit; parallel to the positives. {_LOADERS}.",
    )
