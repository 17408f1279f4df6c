"""Video and frame of every hand, by its image id, while hands stream from their parts into the table.

Where every image id is a plain integer, as in the released files, 16 bytes an image are held; a join of the tables,
which any other ids get, takes ten times as much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from hand100m_assets.annotations.tables import HANDS_SCHEMA, join_image_columns


def hands_with_frames(hands: Sequence[Path], images: Sequence[Path]) -> pl.LazyFrame:
    """Hands with `video_id` and `frame_index`, in their order; of equal image ids the first image counts.

    Args:
        hands: Part files (Arrow) of hands, without these two columns.
        images: Part files of images.
    """
    lookup = _Lookup.of(images)
    if lookup is None:
        return join_image_columns(pl.scan_ipc(list(hands)), pl.scan_ipc(list(images)))

    def read(
        columns: list[str] | None, predicate: pl.Expr | None, row_count: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        # The table is written whole: nothing is selected.
        assert predicate is None
        assert row_count is None
        for part in hands:
            yield lookup.added_to(pl.read_ipc(part)).select(columns or list(HANDS_SCHEMA))

    return register_io_source(read, schema=HANDS_SCHEMA)


@dataclass(frozen=True)
class _Lookup:
    """Images in the order of their ids.

    Attributes:
        image_ids: Ascending; of equal ones the first in the file comes first.
        video: Position in `video_ids`.
        frame_index: In the same order as the ids.
        video_ids: Each once.
    """

    image_ids: NDArray[np.int64]
    video: NDArray[np.uint32]
    frame_index: NDArray[np.int32]
    video_ids: pl.Series

    @classmethod
    def of(cls, parts: Sequence[Path]) -> _Lookup | None:
        """None where an id is no plain integer."""
        numbers = [_numbers(pl.read_ipc(part, columns=["image_id"])["image_id"]) for part in parts]
        if any(found.null_count() for found in numbers):
            return None
        video_ids = pl.concat([pl.read_ipc(part, columns=["video_id"])["video_id"].unique() for part in parts]).unique()
        codes = pl.Enum(video_ids)
        ids = np.concatenate([found.to_numpy() for found in numbers])
        del numbers
        order = np.argsort(ids, kind="stable")
        videos = [pl.read_ipc(part, columns=["video_id"])["video_id"].cast(codes).to_physical() for part in parts]
        frames = [pl.read_ipc(part, columns=["frame_index"])["frame_index"].to_numpy() for part in parts]
        return cls(
            image_ids=ids[order],
            video=np.concatenate([found.to_numpy() for found in videos]).astype(np.uint32)[order],
            frame_index=np.concatenate(frames)[order],
            video_ids=video_ids,
        )

    def added_to(self, hands: pl.DataFrame) -> pl.DataFrame:
        """The hands with the two columns, null where there is no such image."""
        if not len(self.image_ids):
            return hands.with_columns(video_id=pl.lit(None, pl.String), frame_index=pl.lit(None, pl.Int32))
        wanted = _numbers(hands["image_id"])
        ids = wanted.fill_null(0).to_numpy()
        places = np.minimum(np.searchsorted(self.image_ids, ids), len(self.image_ids) - 1)
        is_known = pl.Series((self.image_ids[places] == ids) & wanted.is_not_null().to_numpy())
        video_id = self.video_ids.gather(pl.Series(self.video[places]))
        frame_index = pl.Series(self.frame_index[places])
        return hands.with_columns(
            video_id=pl.when(is_known).then(video_id), frame_index=pl.when(is_known).then(frame_index)
        )


def _numbers(ids: pl.Series) -> pl.Series:
    """Ids as integers, null where their text is not just how Python writes one: `7` and `07` are two ids."""
    numbers = ids.cast(pl.Int64, strict=False)
    return ids.to_frame("id").select(pl.when(numbers.cast(pl.String) == pl.col("id")).then(numbers)).to_series()
