"""Reads a training set with only NumPy and OpenCV, on Python 3.8 and later, if hand100m_assets is not installed.

The folder of each training set contains a copy, `hand_pairs.py`. It imports nothing from the package and uses nothing
newer than Python 3.8, because the original training code requires that version.
"""

from __future__ import annotations

import errno
import hashlib
import importlib
import importlib.util
import json
import mmap
import operator
import os
import resource
import tokenize
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Iterator, List, NamedTuple, Tuple  # noqa: UP035 - as Python 3.8 has it

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

VERSION = 1
"""Version of the files of a training set."""

INDEX_FILE = "index.json"
TRAINING_SET_DIR = "training_set"
FRAMES_DIR = "frames"
CROP_SIZE_PX = 224

_ENOUGH_FILES = 1 << 16
"""More shards than any set has; Linux maps at most this number of files."""

_COPY_AGAIN = "Copy the training set again, or build it again: only what is damaged is cut anew."


class DamagedSetError(Exception):
    """A training set is missing, is damaged, or is another one than was expected."""

    def __init__(self, what: str, *, where: object, fix: str) -> None:
        super().__init__(f"{where}: {what}. {fix}")


class Shard(NamedTuple):
    """A tar file of the set."""

    name: str
    sha256: str
    size_bytes: int


class Index(NamedTuple):
    """The parts of `index.json` that reading needs."""

    samples: int
    samples_file: str
    samples_sha256: str
    shards: List[Shard]  # noqa: UP006 - evaluated, on Python 3.8, too


Region = Tuple[int, int, int, int]  # noqa: UP006
"""x1 y1 x2 y2 in a stored crop, end exclusive."""


def sample_dtype(video_id_bytes: int) -> np.dtype[Any]:
    """One sample.

    `positive` is the position of its positive; `offset` is the byte of the shard at which the picture begins; `region`
    is the region of the crop rule inside the picture; keypoints are as in the tables, before mirroring.
    """
    return np.dtype(
        [
            ("hand_id", "<i8"),
            ("positive_hand_id", "<i8"),
            ("offset", "<i8"),
            ("distance", "<f8"),
            ("box_px", "<f8", (4,)),
            ("row_index", "<u4"),
            ("positive", "<u4"),
            ("shard", "<u4"),
            ("size_bytes", "<u4"),
            ("frame_index", "<i4"),
            ("region", "<u2", (4,)),
            ("picture_px", "<u2", (2,)),
            ("keypoints", "<f4", (21, 3)),
            ("is_left", "?"),
            ("video_id", f"S{max(video_id_bytes, 1)}"),
        ]
    )


def decode(data: bytes | npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | None:
    """Decode a compressed picture.

    Args:
        data: The bytes of a JPEG, PNG or WebP.

    Returns:
        (height, width, 3) uint8, BGR; None if these bytes are not a picture.
    """
    array = np.frombuffer(data, dtype=np.uint8) if isinstance(data, bytes) else data
    try:
        image = cv2.imdecode(array, cv2.IMREAD_COLOR) if array.size else None
    except cv2.error:  # the header states a size that OpenCV never reads
        image = None
    return None if image is None else np.asarray(image, dtype=np.uint8)


def crop_of_stored(image_bgr: npt.NDArray[np.uint8], region: Region, handedness: str) -> npt.NDArray[np.uint8]:
    """Make the picture of the crop rule from a stored crop.

    Args:
        image_bgr: The stored crop, (height, width, 3) uint8, BGR.
        region: x1 y1 x2 y2 of the rule's region inside it, end exclusive.
        handedness: `Left` or `Right`; a left hand is flipped.

    Returns:
        (224, 224, 3) uint8, BGR.
    """
    x1, y1, x2, y2 = region
    crop = cv2.resize(image_bgr[y1:y2, x1:x2], (CROP_SIZE_PX, CROP_SIZE_PX), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.flip(crop, 1) if handedness == "Left" else crop, dtype=np.uint8)


class HandPairs:
    """The samples of one training set, in the order of the annotation file.

    Opening costs milliseconds. Records (`records`, one array) and shards are mapped from the disk, so all workers of a
    machine share their pages, and each worker has at most one picture in its own memory. The object keeps working in
    forked processes. It is opened again when it is unpickled (spawned workers), which fails if another set has replaced
    this one. It closes itself.

    A sample has the keys, shapes, dtypes and values of the original loaders: `image` (224, 224, 3) uint8 RGB, a left
    hand flipped; `joints3D` (21, 3) float32 in pixels of it, z = 1; `joints_raw` (21, 3) float32, x and y in [0, 1], z
    relative; `K` (3, 3) and `joints_valid` (21, 1), constant as in the original; `positive_sample_idx`, an index into
    this data set; `positive_sample`, `distance` (NaN if the file gives none), `hand_id`, `image_name`. Source: the
    original loaders.
    """

    error: ClassVar[Any] = DamagedSetError
    """The error for a training set that is missing or incomplete."""

    def __init__(
        self,
        root: str | os.PathLike[str],
        set_key: str,
        *,
        frames_dir: str | os.PathLike[str] | None = None,
        tensors: bool | None = None,
    ) -> None:
        """Open a finished training set.

        Args:
            root: Output folder of a source, such as `output/ego4d`.
            set_key: Such as `simhand-50k`.
            frames_dir: Folder of frame folders, for `image_name`; `<root>/frames` when None.
            tensors: Whether keypoints and `K` are PyTorch tensors, as in the original, or arrays; None means tensors if
                PyTorch is installed. The image is always an array.

        Raises:
            DamagedSetError: There is no finished training set, or its records are damaged; copy it again.
        """
        self.root, self.set_key = Path(root), set_key
        self.folder = self.root / TRAINING_SET_DIR / set_key
        self.frames_dir = self.root / FRAMES_DIR if frames_dir is None else Path(frames_dir)
        self.index: Any = self._read_index()
        self.records = self._open_records()
        self._maps: dict[int, mmap.mmap] = {}
        _all_pairs.add(self)
        has_torch = importlib.util.find_spec("torch") is not None
        self._tensors = has_torch if tensors is None else tensors
        self._from_numpy: Any = importlib.import_module("torch").from_numpy if self._tensors else _unchanged

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever has `__index__`
        """One sample, counted from 0; from the end when negative."""
        record = self._record(index)
        is_left = bool(record["is_left"])
        image = self._crop(record, "Left" if is_left else "Right")
        raw = record["keypoints"].copy()
        joints = raw.copy()
        joints[:, :2] *= CROP_SIZE_PX
        if is_left:
            joints[:, 0] = CROP_SIZE_PX - joints[:, 0]
            raw[:, 0] = 1 - raw[:, 0]
        joints[:, 2] = 1.0
        return {
            "image": cv2.cvtColor(image, cv2.COLOR_BGR2RGB),
            "image_name": str(self._frame_path(record)),
            "hand_id": int(record["hand_id"]),
            "K": self._from_numpy(np.eye(3, dtype=np.float32)),
            "joints3D": self._from_numpy(joints),
            "joints_valid": self._from_numpy(np.zeros((len(joints), 1), dtype=np.float32)),
            "joints_raw": self._from_numpy(raw),
            "positive_sample": str(record["positive_hand_id"]),
            "positive_sample_idx": int(record["positive"]),
            "distance": float(record["distance"]),
        }

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self.__getitem__, range(len(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        count = len(self.index.shards)
        return _opened_again, (type(self), self._arguments(), count, self._identity(count))

    def _arguments(self) -> dict[str, Any]:
        """The arguments that open the same set in the same way."""
        how = {"frames_dir": self.frames_dir, "tensors": self._tensors}
        return {"root": self.root, "set_key": self.set_key, **how}

    def _identity(self, shards: int) -> str:
        """Digest of the records and of the first shards; later builds may add shards that no record needs."""
        digests = [self.index.samples_sha256, *(shard.sha256 for shard in self.index.shards[:shards])]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    def _read_index(self) -> Any:  # noqa: ANN401 - a subclass reads more of it
        path = self.folder / INDEX_FILE
        try:
            content = json.loads(path.read_bytes())
            version, shards = content["order"]["version"], content["shards"]
            index = Index(
                content["samples"],
                content["samples_file"],
                content["samples_sha256"],
                [Shard(one["name"], one["sha256"], one["size_bytes"]) for one in shards],
            )
        except OSError as error:
            what = f"no finished training set can be read ({error.strerror or error})"
            raise self.error(what, where=path, fix="Copy or mount it there.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise self.error("not the index of a training set", where=path, fix=_COPY_AGAIN) from error
        if version != VERSION:
            fix = "Take the hand_pairs.py that lies beside it."
            raise self.error(f"is of version {version}, not {VERSION}", where=path, fix=fix)
        return index

    def _open_records(self) -> npt.NDArray[Any]:
        """Map the records; only their header is read."""
        path, count = self.folder / self.index.samples_file, self.index.samples
        try:
            # An empty file cannot be mapped.
            records = np.load(path, mmap_mode="r" if count else None)
            names = records.dtype.names or ()
            is_sound = "video_id" in names and records.dtype == sample_dtype(records.dtype["video_id"].itemsize)
        except (OSError, ValueError, SyntaxError, TypeError, KeyError, tokenize.TokenError) as error:
            raise self.error(f"cannot be read ({error})", where=path, fix=_COPY_AGAIN) from error
        if records.shape != (count,) or not is_sound:
            what = (
                f"holds an array {records.shape} of {records.dtype.names or records.dtype}, "
                f"not {count:,} sample{'' if count == 1 else 's'}"
            )
            raise self.error(what, where=path, fix=_COPY_AGAIN)
        return np.asarray(records)

    def _record(self, index: Any) -> Any:  # noqa: ANN401 - numpy's record scalar
        try:
            place = operator.index(index)
        except TypeError:
            kind = type(index).__name__
            raise TypeError(f"a sample is asked for by an integer, not by {index!r} of type {kind}") from None
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.records[place]

    def _crop(self, record: Any, side: str) -> npt.NDArray[np.uint8]:  # noqa: ANN401
        return crop_of_stored(self._stored(record), self._region(record), side)

    def _stored(self, record: Any) -> npt.NDArray[np.uint8]:  # noqa: ANN401
        shard, offset, size_bytes = int(record["shard"]), int(record["offset"]), int(record["size_bytes"])
        if shard >= len(self.index.shards) or not 0 <= offset <= self.index.shards[shard].size_bytes - size_bytes:
            raise self._bad_record(record)
        image = decode(np.frombuffer(self._mapped(shard), np.uint8, size_bytes, offset))
        if image is None or image.shape[1::-1] != tuple(record["picture_px"]):
            path = self.folder / self.index.shards[shard].name
            raise self.error(f"the picture of hand {record['hand_id']} is damaged", where=path, fix=self._rebuild())
        return image

    def _region(self, record: Any) -> Region:  # noqa: ANN401
        x1, y1, x2, y2 = record["region"].tolist()
        width_px, height_px = record["picture_px"].tolist()
        if not (x1 < x2 <= width_px and y1 < y2 <= height_px):
            raise self._bad_record(record)
        return x1, y1, x2, y2

    def _bad_record(self, record: Any) -> Exception:  # noqa: ANN401
        what = f"the record of hand {record['hand_id']} is damaged"
        error: Exception = self.error(what, where=self.folder / self.index.samples_file, fix=self._rebuild())
        return error

    @staticmethod
    def _rebuild() -> str:
        return "Copy it again, or delete it and build the training set: only its crops are cut anew."

    def _mapped(self, shard: int) -> mmap.mmap:
        mapped = self._maps.get(shard)
        if mapped is None:
            if len(self._maps) >= _most_open():
                self._close_all()  # each map holds a file open
            mapped = self._map(shard)
            self._maps[shard] = mapped
        return mapped

    def _close_all(self) -> None:
        """Drop all maps. If another thread uses one, that map ends with its work."""
        self._maps = {}

    def _map(self, shard: int) -> mmap.mmap:
        entry = self.index.shards[shard]
        path = self.folder / entry.name
        try:
            mapped = self._opened(path)
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.EMFILE:
                what, fix = "this process has too many files open", "Allow it more (ulimit -n), or let it close some."
            else:
                what, fix = f"cannot be read ({error}); was the training set built anew meanwhile?", "Open it anew."
            raise self.error(what, where=path, fix=fix) from error
        if len(mapped) != entry.size_bytes:
            what = f"its size is {len(mapped):,} B, not {entry.size_bytes:,} B"
            raise self.error(what, where=path, fix=self._rebuild())
        if hasattr(mmap, "MADV_RANDOM") and hasattr(mapped, "madvise"):
            # Otherwise each picture would pull its neighbours from the disk, too.
            mapped.madvise(mmap.MADV_RANDOM)
        return mapped

    @staticmethod
    def _opened(path: Path) -> mmap.mmap:
        try:
            return _map_file(path)
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
        for pairs in list(_all_pairs):
            pairs._close_all()
        return _map_file(path)

    def _frame_path(self, record: Any) -> Path:  # noqa: ANN401
        try:
            video_id = record["video_id"].decode("ascii")
        except UnicodeDecodeError:
            raise self._bad_record(record) from None
        return Path(self.frames_dir / video_id / f"frame_{int(record['frame_index']):06d}.jpg")


_all_pairs: weakref.WeakSet[HandPairs] = weakref.WeakSet()


def _opened_again(kind: type[HandPairs], arguments: dict[str, Any], shards: int, identity: str) -> HandPairs:
    pairs = kind(**arguments)
    if pairs._identity(shards) != identity:
        raise pairs.error(
            "the training set was built anew since it was opened, and its samples are others now",
            where=pairs.folder,
            fix="Open it anew in the process that starts the workers, too.",
        )
    return pairs


def _most_open() -> int:
    """Number of shards that a process may have open: a quarter of its limit of open files, as other code needs some."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max((_ENOUGH_FILES if soft < 0 else min(soft, _ENOUGH_FILES)) // 4, 1)


def _map_file(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _unchanged(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array
