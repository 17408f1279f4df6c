"""The files beside the shards: the video of each crop, the missing hands with reasons, and the digests of shards.

`shard-00000-1a2b3c4d.tar` is finished when its `.json` exists. Because of the digest in the name, no other shard of the
same name replaces it while a job runs. `index.json` is written last and names the files of the set.
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
"""File that describes a training set and names its files; written last."""
MISSING_FILE: Final = "missing.parquet"
READER_FILE: Final = "hand_pairs.py"
"""A copy of `reader.py` beside each set, for machines where the package cannot be installed."""

CutFrom: TypeAlias = Literal["frames", "videos"]
"""Where crops come from: extracted frames on disk, or the videos themselves."""


class Member(NamedTuple):
    """One stored crop; `row` is its row of `hands.parquet`, and the last four are the rule's region inside the crop."""

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
    """The crops of one video.

    Attributes:
        video_id: Which.
        token: Fingerprint of what it was cut from; it changes with the pixels.
        members: Its crops.
        missing: Row -> why there is no crop.
        for_good: Whether a new try is useless until the token changes.
    """

    model_config = ConfigDict(frozen=True)

    video_id: str
    token: str
    members: list[Member] = []
    missing: dict[int, str] = {}
    for_good: bool = False


class CutOrder(BaseModel):
    """What all crops of a set have in common. Crops of another order are made again."""

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    tables_stamp: str
    options: CropOptions


class ShardEntry(BaseModel):
    """A tar file; `sha256` is the digest of the whole file."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    size_bytes: int


class ShardRecord(BaseModel):
    """The `.json` beside a tar file; `digest` is that of its other content, empty in earlier versions."""

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
        samples: Number of samples.
        samples_file: File with one record per sample, in the order of `hands.parquet`.
        samples_sha256: Digest of that file.
        shards: The shards, in the order in which the records number them.
        hands: Number of rows of `hands.parquet`.
        left_out: Reason -> number of hands that are not samples; `missing.parquet` lists these hands.
        files: Name -> sha256 of the other files; empty in indices of earlier versions.
        digest: Digest of all other fields; empty in indices of earlier versions.
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
        """Size of all shards."""
        return sum(shard.size_bytes for shard in self.shards)


def sha256_of(path: Path) -> str:
    """Digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def sealed(record: ShardRecord | TrainingIndex) -> bytes:
    """JSON with a digest of its own content, so that a changed byte is found."""
    return record.model_copy(update={"digest": _digest(record)}).model_dump_json(indent=1).encode()


def is_intact(record: ShardRecord | TrainingIndex) -> bool:
    """Whether the content still agrees with the digest."""
    return record.digest in ("", _digest(record))


def _digest(record: ShardRecord | TrainingIndex) -> str:
    return hashlib.sha256(record.model_dump_json(exclude={"digest"}).encode()).hexdigest()


def read_index(folder: Path) -> TrainingIndex:
    """Read the index of a finished training set.

    Raises:
        TrainingSetError: There is no index, or it has another version; build the training set.
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
