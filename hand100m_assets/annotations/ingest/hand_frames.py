"""Adds video and frame of its image to each hand, while hands stream from the part files into the table.

This takes 16 bytes of memory per image if its id is a plain integer, as in the released files; else it takes 24 bytes
and the text of the id. A join of the tables would take ten times as much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from hand100m_assets.annotations.tables import HANDS_SCHEMA


def hands_with_frames(hands: Sequence[Path], images: Sequence[Path]) -> pl.LazyFrame:
    """Hands with `video_id` and `frame_index`, in their order; if several images have one id, the first counts.

    Args:
        hands: Part files (Arrow) of hands, without these two columns.
        images: Part files (Arrow) of images.
    """
    lookup = _Lookup.of(images)

    def read(
        columns: list[str] | None, predicate: pl.Expr | None, row_count: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        # The table is always written whole, so that nothing is selected.
        assert predicate is None
        assert row_count is None
        for part in hands:
            yield lookup.added_to(pl.read_ipc(part)).select(columns or list(HANDS_SCHEMA))

    return register_io_source(read, schema=HANDS_SCHEMA)


@dataclass(frozen=True)
class _Lookup:
    """Images in the order of their ids, numbers before texts.

    Attributes:
        numbers: Ids that are plain integers, ascending; equal ones are in the order of the file.
        texts: All other ids, in the same way.
        video: Position of the video of each image in `video_ids`.
        frame_index: Frame index of each image.
        video_ids: All video ids, each once.
    """

    numbers: pl.Series
    texts: pl.Series
    video: NDArray[np.uint32]
    frame_index: NDArray[np.int32]
    video_ids: pl.Series

    @classmethod
    def of(cls, parts: Sequence[Path]) -> _Lookup:
        """Read the images."""
        numbers, texts, order = _sorted_ids(parts)
        video_ids = pl.concat([pl.read_ipc(part, columns=["video_id"])["video_id"].unique() for part in parts]).unique()
        codes = pl.Enum(video_ids)
        videos = [pl.read_ipc(part, columns=["video_id"])["video_id"].cast(codes).to_physical() for part in parts]
        frames = [pl.read_ipc(part, columns=["frame_index"])["frame_index"].to_numpy() for part in parts]
        return cls(
            numbers=numbers,
            texts=texts,
            video=np.concatenate([found.to_numpy() for found in videos]).astype(np.uint32)[order],
            frame_index=np.concatenate(frames)[order],
            video_ids=video_ids,
        )

    def added_to(self, hands: pl.DataFrame) -> pl.DataFrame:
        """The hands with the two columns, which are null if there is no image with that id."""
        if not len(self.video):
            return hands.with_columns(video_id=pl.lit(None, pl.String), frame_index=pl.lit(None, pl.Int32))
        places = self._places(hands["image_id"])
        is_known = pl.Series(places >= 0)
        video_id = self.video_ids.gather(pl.Series(self.video[places]))
        frame_index = pl.Series(self.frame_index[places])
        return hands.with_columns(
            video_id=pl.when(is_known).then(video_id), frame_index=pl.when(is_known).then(frame_index)
        )

    def _places(self, image_ids: pl.Series) -> NDArray[np.int64]:
        """Positions of these images; -1 if there is none."""
        numbers = _numbers(image_ids)
        is_number = numbers.is_not_null()
        places = np.empty(len(image_ids), dtype=np.int64)
        places[is_number.to_numpy()] = _found(self.numbers, numbers.drop_nulls())
        of_texts = _found(self.texts, image_ids.filter(~is_number))
        places[~is_number.to_numpy()] = np.where(of_texts < 0, -1, of_texts + len(self.numbers))
        return places


def _sorted_ids(parts: Sequence[Path]) -> tuple[pl.Series, pl.Series, NDArray[np.int64]]:
    """Ids that are numbers, ids that are not, and the rows of all of them."""
    of_parts: list[pl.Series] = []
    others: list[pl.Series] = []
    for part in parts:
        ids = pl.read_ipc(part, columns=["image_id"])["image_id"]
        of_parts.append(_numbers(ids))
        others.append(ids.filter(of_parts[-1].is_null()))
    numbers = pl.concat(of_parts)
    del of_parts
    texts = pl.DataFrame({"id": pl.concat(others), "row": numbers.is_null().arg_true()})
    texts = texts.sort("id", maintain_order=True)
    rows, numbers = numbers.is_not_null().arg_true(), numbers.drop_nulls()
    order = np.argsort(numbers.to_numpy(), kind="stable")
    return numbers.gather(order), texts["id"], np.concatenate([rows.to_numpy()[order], texts["row"].to_numpy()])


def _numbers(ids: pl.Series) -> pl.Series:
    """Ids as integers; null if Python would write the integer in another way, because `7` and `07` are two ids."""
    numbers = ids.cast(pl.Int64, strict=False)
    return ids.to_frame("id").select(pl.when(numbers.cast(pl.String) == pl.col("id")).then(numbers)).to_series()


def _found(ids: pl.Series, wanted: pl.Series) -> NDArray[np.int64]:
    """First position of each wanted id among ascending ids; -1 if it is absent."""
    if ids.is_empty() or wanted.is_empty():
        return np.full(len(wanted), -1)
    places = np.minimum(ids.search_sorted(wanted, side="left").to_numpy(), len(ids) - 1)
    return np.where((ids.gather(places) == wanted).to_numpy(), places.astype(np.int64), -1)
