"""What stands beside the shards: which video each crop came from, what is missing and why, what a shard must hash to.

`shard-00000-1a2b3c4d.tar` with its `.json` are finished once the latter is there; the digest in the name makes that a
shard is never replaced by another of the same name under a running job. `index.json` is written last and names what
belongs to the set.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from hand100m_assets.dataset import reader
from hand100m_assets.dataset.stored_crop import CropOptions
from hand100m_assets.errors import TrainingSetError

VERSION: Final = reader.VERSION
INDEX_FILE: Final = reader.INDEX_FILE
"""What a training set is and which files belong to it; written last."""
MISSING_FILE: Final = "missing.parquet"
READER_FILE: Final = "hand_pairs.py"
"""A copy of `reader.py` beside each set, for machines where the package cannot be installed."""

CutFrom: TypeAlias = Literal["frames", "videos"]
"""Where crops come from: extracted frames on disk, or the videos themselves."""


class Member(NamedTuple):
    """One stored crop; `row` is that of `hands.parquet`, the last four are the rule's region inside the crop."""

    row: int
    offset: int
    size_bytes: int
    width_px: int
    height_px: int
    x1: int
    y1: int
    x2: int
    y2: int


class VideoCut(BaseModel):
    """What one video gave.

    Attributes:
        video_id: Which.
        token: Fingerprint of what it was cut from; other pixels have another one.
        members: Its crops.
        missing: Row -> why there is no crop.
        for_good: Trying again is useless until the token changes.
    """

    model_config = ConfigDict(frozen=True)

    video_id: str
    token: str
    members: list[Member] = []
    missing: dict[int, str] = {}
    for_good: bool = False


class CutOrder(BaseModel):
    """What all crops of a set have in common: those of another order are made anew."""

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    tables_stamp: str
    options: CropOptions


class ShardEntry(BaseModel):
    """A tar file; `sha256` is that of the whole file."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    size_bytes: int


class ShardRecord(BaseModel):
    """The `.json` beside a tar file; `digest` is that of the rest, empty in records of earlier versions."""

    model_config = ConfigDict(frozen=True)

    order: CutOrder
    shard: ShardEntry
    videos: list[VideoCut]
    digest: str = ""


class TrainingIndex(BaseModel):
    """A finished training set.

    Attributes:
        order: Of which tables, with which options.
        set_key: The annotation set.
        samples: How many there are.
        samples_file: One record each, in the order of `hands.parquet`.
        samples_sha256: Of that file.
        shards: In the order that the records number them.
        hands: Rows of `hands.parquet`.
        left_out: Reason -> count of the hands that are no samples; `missing.parquet` has them one by one.
        files: Name -> sha256 of what else lies there; empty in indices of earlier versions.
        digest: Of all the rest; empty in indices of earlier versions.
    """

    model_config = ConfigDict(frozen=True)

    order: CutOrder
    set_key: str
    samples: int
    samples_file: str
    samples_sha256: str
    shards: list[ShardEntry]
    hands: int
    left_out: dict[str, int]
    files: dict[str, str] = {}
    digest: str = ""

    @property
    def size_bytes(self) -> int:
        """Of all shards."""
        return sum(shard.size_bytes for shard in self.shards)


def sha256_of(path: Path) -> str:
    """Digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def sealed(record: ShardRecord | TrainingIndex) -> bytes:
    """JSON with the digest of its own content, by which a changed byte is seen."""
    return record.model_copy(update={"digest": _digest(record)}).model_dump_json(indent=1).encode()


def is_intact(record: ShardRecord | TrainingIndex) -> bool:
    """Whether the content is still that which the digest was made of."""
    return record.digest in ("", _digest(record))


def _digest(record: ShardRecord | TrainingIndex) -> str:
    return hashlib.sha256(record.model_dump_json(exclude={"digest"}).encode()).hexdigest()


def read_index(folder: Path) -> TrainingIndex:
    """Index of a finished training set.

    Raises:
        TrainingSetError: There is none here, or not of this version; build the training set.
    """
    path = folder / INDEX_FILE
    build = "Build it: materialize training_set, or `hand100m training-set`."
    try:
        index = TrainingIndex.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise TrainingSetError("no finished training set", where=folder, fix=build) from error
    except OSError as error:
        raise TrainingSetError(f"cannot be read ({error.strerror or error})", where=path, fix="Mount it.") from error
    except ValidationError as error:
        raise TrainingSetError("not the index of a training set", where=path, fix=build) from error
    if index.order.version != VERSION:
        raise TrainingSetError(f"is of version {index.order.version}, not {VERSION}", where=path, fix=build)
    return index
