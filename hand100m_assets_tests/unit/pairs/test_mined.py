"""Mined pairs as a table, as an annotation file, beside the shipped positives, and by another engine."""

from __future__ import annotations

import builtins
import errno
import json
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand100m_assets.annotations.ingest import ingest_file
from hand100m_assets.errors import OutputUnwritableError, SettingsError
from hand100m_assets.imaging import mirror_keypoints
from hand100m_assets.pairs.agreement import AGREEMENT_SCHEMA, measure_agreement, summarise_agreement
from hand100m_assets.pairs.approximate import ApproximateSearch
from hand100m_assets.pairs.embed import EmbeddingOptions, embed_hands
from hand100m_assets.pairs.mine import ExactSearch
from hand100m_assets.pairs.mined import MINED_SCHEMA, measured_recall, mine_pairs
from hand100m_assets.pairs.positives_export import export_mined_json
from hand100m_assets.pairs.resolve import resolve_pairs
from hand100m_assets.render.charts import agreement_chart
from hand100m_assets.sample.scenes import SampleScale, cast_videos
from hand100m_assets.sample.workspace.annotation_files import annotation_files
from hand100m_assets.sample.workspace.truth import HandTruth, hands_of
from hand100m_assets.sources import DOH, EGO4D, SOURCES
from hand100m_assets_tests.unit.pairs.hands import Array, brute_force, hands_table

CLEAN_SET = {EGO4D: "simhand-50k", DOH: "simhand-100k"}
RAW = EmbeddingOptions(centre="crop", remove_scale=False, components=0)


def some_hands(count: int = 40, videos: int = 4, **more: object) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    names: list[str | None] = [f"video{n}" for n in rng.integers(0, videos, count)]
    return hands_table(rng.normal(0.5, 0.2, (count, 21, 3)), names, **more)


def mined(hands: pl.DataFrame, folder: Path, **how: object) -> pl.DataFrame:
    mine_pairs(hands, folder / "mined.parquet", **how)  # type: ignore[arg-type]
    return pl.read_parquet(folder / "mined.parquet")


def test_the_table_has_a_row_for_each_hand_and_lists_in_step(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(0.5, 0.2, (6, 21, 3))
    points[2, 0, 0] = np.nan
    hands = hands_table(points, ["a", "a", "b", "b", "c", "c"])
    report = mine_pairs(hands, tmp_path / "new" / "mined.parquet", count=4)
    table = pl.read_parquet(tmp_path / "new" / "mined.parquet")
    assert table.schema == MINED_SCHEMA
    assert table["row_index"].to_list() == [0, 2, 6, 8, 10]
    assert report.rejected["row_index"].to_list() == [4]
    assert (report.hands, report.neighbours, report.without_neighbour, report.recall) == (5, 16, 0, 1.0)
    vectors = embed_hands(hands)
    rows, squares = brute_force(vectors.vectors, vectors.videos, 4)
    for place, row in enumerate(table.iter_rows(named=True)):
        known = rows[place] >= 0
        assert row["neighbour_rows"] == vectors.row_index[rows[place][known]].tolist()
        assert row["neighbour_hand_ids"] == vectors.hand_ids[rows[place][known]].tolist()
        assert row["distances"] == np.sqrt(squares[place][known]).tolist()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mined.parquet"]


def test_one_video_alone_and_no_hand_at_all_are_empty_lists_and_an_empty_table(tmp_path: Path) -> None:
    table = mined(some_hands(5, videos=1), tmp_path)
    assert table["neighbour_rows"].to_list() == table["distances"].to_list() == [[]] * 5
    assert mined(some_hands(0), tmp_path).schema == MINED_SCHEMA


def test_several_chunks_are_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hands = some_hands()
    whole = mined(hands, tmp_path)
    monkeypatch.setattr("hand100m_assets.pairs.mine.CHUNK_HANDS", 7)
    assert mined(hands, tmp_path).equals(whole)


def test_a_disk_that_refuses_is_one_clear_error_and_leaves_the_old_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mined(some_hands(8), tmp_path)

    def full(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    with pytest.raises(OutputUnwritableError, match="disk is full"):
        mined(some_hands(9), tmp_path)
    monkeypatch.undo()
    assert pl.read_parquet(tmp_path / "mined.parquet").equals(before)
    assert [path.name for path in tmp_path.iterdir()] == ["mined.parquet"]


@pytest.mark.parametrize("count", [0, 101])
def test_impossible_counts_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        mine_pairs(some_hands(3), tmp_path / "x.parquet", count=count)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(1, 14), st.integers(0, 99))
def test_the_rank_of_a_positive_is_its_place_among_all_hands_of_other_videos(
    tmp_path_factory: pytest.TempPathFactory, count: int, videos: int, asked: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(0.5, 0.2, (count, 21, 3)).astype(np.float32)
    points[count // 2 :] = points[: count - count // 2]  # equal hands: ranks go by row
    names: list[str | None] = [f"v{n}" for n in rng.integers(0, videos, count)]
    positives = [[int(1000 + p)] for p in rng.integers(0, count + 1, count)]
    hands = hands_table(points, names, positives=positives, distances=[[0.1]] * count)
    pairs, table = resolve_pairs(hands), mined(hands, tmp_path_factory.mktemp("x"), count=asked)
    found = measure_agreement(pairs, table, hands)
    assert found.schema == AGREEMENT_SCHEMA and found.height == count
    made = embed_hands(hands)
    every, _ = brute_force(made.vectors, made.videos, count)
    for place, row in enumerate(found.iter_rows(named=True)):
        positive, pair = positives[place][0] - 1000, pairs.row(place, named=True)
        if pair["reason"] or pair["same_video"]:
            assert row["rank"] is None and row["reason"] == (pair["reason"] or "positive is from the same video")
        else:
            assert row["rank"] == row["rank_at_least"] == 1 + every[place].tolist().index(positive)
    uncounted = measure_agreement(pairs, table, hands, counted_hands=0)
    known = max(asked, 10)
    beyond = found.filter(pl.col("rank") > known)["row_index"]
    assert uncounted.filter(pl.col("row_index").is_in(beyond.implode()))["rank"].null_count() == len(beyond)
    assert set(uncounted.filter(pl.col("row_index").is_in(beyond.implode()))["rank_at_least"]) <= {known + 1}
    near = found.filter(pl.col("rank") <= known)
    assert uncounted.filter(pl.col("row_index").is_in(near["row_index"].implode())).equals(near)


def with_positives_of_rank(hands: pl.DataFrame, ranks: Array) -> pl.DataFrame:
    """The same hands, each with the positive that has this rank among the hands of other videos."""
    made = embed_hands(hands)
    nearest = ExactSearch(made.vectors, made.videos).nearest(np.arange(hands.height), int(ranks.max())).rows
    positives = made.hand_ids[nearest[np.arange(hands.height), ranks - 1]]
    return hands.with_columns(positives=pl.Series(positives[:, None].tolist(), dtype=pl.List(pl.Int64)))


@pytest.mark.parametrize("asked", [1, 5])
def test_the_nearest_ten_are_known_of_every_hand_though_fewer_were_mined(
    tmp_path: Path, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hand100m_assets.pairs.agreement._SLICE_HANDS", 70)
    ranks = np.arange(300) % 20 + 1
    hands = with_positives_of_rank(some_hands(300, videos=30), ranks)
    found = measure_agreement(resolve_pairs(hands), mined(hands, tmp_path, count=asked), hands, counted_hands=0)
    assert found["rank"].to_list() == [int(rank) if rank <= 10 else None for rank in ranks]
    assert found["rank_at_least"].to_list() == np.minimum(ranks, 11).tolist()
    assert summarise_agreement(found).within_10 == (ranks <= 10).sum() == 150


def test_ranks_are_exact_though_the_mined_neighbours_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr("hand100m_assets.pairs.approximate._SMALLEST_LISTED", 1000)
    monkeypatch.setattr("hand100m_assets.pairs.mined.ApproximateSearch", partial(ApproximateSearch, probed_lists=1))
    ranks = np.arange(2_000) % 14 + 1
    hands = with_positives_of_rank(some_hands(2_000, videos=50), ranks)
    near, exact = mined(hands, tmp_path, count=12, engine="faiss"), mined(hands, tmp_path)
    wrong = near["neighbour_rows"].list.head(10) != exact["neighbour_rows"]
    assert wrong.sum() > 500, "so that it matters"
    found = measure_agreement(resolve_pairs(hands), near, hands, engine="faiss", counted_hands=0)
    assert found["rank_at_least"].to_list() == np.minimum(ranks, 11).tolist()
    assert found["rank"].drop_nulls().to_list() == ranks[ranks <= 10].tolist()
    assert found["nearest_distance"].to_list() == exact["distances"].list.first().to_list()


def test_the_summary_counts_and_the_chart_is_a_picture_even_of_nothing(tmp_path: Path) -> None:
    hands = some_hands(30, positives=[[1000 + (n + 1) % 30] for n in range(30)], distances=[[0.1]] * 30)
    table = measure_agreement(resolve_pairs(hands), mined(hands, tmp_path), hands)
    summary = summarise_agreement(table)
    assert summary.hands == 30 == summary.comparable + sum(summary.reasons.values())
    assert summary.nearest <= summary.within_10 <= summary.ranked == summary.comparable
    nobody = some_hands(0)
    assert measure_agreement(resolve_pairs(nobody), mined(nobody, tmp_path), nobody).schema == AGREEMENT_SCHEMA
    for shown in (table, table.head(0)):
        assert agreement_chart(shown).startswith(b"\x89PNG")
    assert agreement_chart(table) == agreement_chart(table)


@pytest.fixture(scope="module", params=SOURCES, ids=lambda source: source.name)
def sample_set(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[HandTruth]]:
    """A clean sample set's tables, and every true hand of the source."""
    folder, plans = tmp_path_factory.mktemp("sample"), cast_videos(request.param, 0, SampleScale())
    files = {file.set_key: file for file in annotation_files(request.param, plans, 0)}
    (folder / "set.json").write_text(files[CLEAN_SET[request.param]].text)
    ingest_file(folder / "set.json", folder / "tables")
    return folder / "tables", [hand for plan in plans for hand in hands_of(plan)]


def true_hands(hands: pl.DataFrame, truths: list[HandTruth]) -> list[HandTruth]:
    box_of = {(t.video.video_id, t.frame_index, t.box_px): t for t in truths}
    return [box_of[row["video_id"], row["frame_index"], tuple(row["box_px"])] for row in hands.iter_rows(named=True)]


def test_on_the_sample_the_mined_nearest_is_the_true_nearest_of_every_hand(
    sample_set: tuple[Path, list[HandTruth]], tmp_path: Path
) -> None:
    tables, truths = sample_set
    hands = pl.read_parquet(tables / "hands.parquet")
    table = mined(hands, tmp_path, options=RAW, count=1)
    true = true_hands(hands, truths)
    poses = np.array([mirror_keypoints(t.keypoints, t.side)[:, :2].ravel() for t in true])
    distances = np.linalg.norm(poses[:, None] - poses[None], axis=2)
    same = np.array([[a.video.video_id == b.video.video_id for a in true] for b in true])
    nearest = np.where(same, np.inf, distances).argmin(axis=1)
    assert table.height == hands.height > 60
    assert table["neighbour_rows"].list.first().to_list() == hands["row_index"].gather(nearest).to_list()


def embedded_by_the_book(truths: list[HandTruth]) -> Array:
    """The default embedding, one documented step after the other in float64: (n, 14)."""
    flat = np.empty((len(truths), 42))
    for row, truth in enumerate(truths):
        pose = truth.keypoints[:, :2].astype(float)
        if truth.side == "Left":
            pose[:, 0] = 1 - pose[:, 0]
        from_mean = pose - pose.mean(axis=0)
        flat[row] = ((pose - 0.5) / np.sqrt((from_mean**2).sum() / 21)).ravel()
    flat -= flat.mean(axis=0)
    return flat @ np.linalg.svd(flat, full_matrices=False)[2][:14].T


def test_on_the_sample_the_defaults_mine_what_their_documented_steps_say_of_every_hand(
    sample_set: tuple[Path, list[HandTruth]], tmp_path: Path
) -> None:
    tables, truths = sample_set
    hands = pl.read_parquet(tables / "hands.parquet")
    true = true_hands(hands, truths)
    vectors = embedded_by_the_book(true)
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    distances[[[a.video.video_id == b.video.video_id for a in true] for b in true]] = np.inf
    nearest = distances.argsort(axis=1, kind="stable")[:, :10]
    table = mined(hands, tmp_path)
    assert table["row_index"].to_list() == hands["row_index"].to_list()
    assert table["neighbour_rows"].to_list() == hands["row_index"].to_numpy()[nearest].tolist()
    np.testing.assert_allclose(
        np.array(table["distances"].to_list()), np.take_along_axis(distances, nearest, 1), rtol=1e-4
    )


def test_on_the_sample_the_shipped_positives_are_nearly_all_among_our_ten(
    sample_set: tuple[Path, list[HandTruth]], tmp_path: Path
) -> None:
    hands = pl.read_parquet(sample_set[0] / "hands.parquet")
    summary = summarise_agreement(measure_agreement(resolve_pairs(hands), mined(hands, tmp_path), hands))
    assert summary.ranked == summary.comparable >= hands.height - 3
    assert summary.nearest >= 0.8 * summary.comparable and summary.within_10 >= 0.97 * summary.comparable


def test_the_annotation_file_has_the_original_schema_with_mined_positives(
    sample_set: tuple[Path, list[HandTruth]], tmp_path: Path
) -> None:
    tables, _ = sample_set
    table = mined(pl.read_parquet(tables / "hands.parquet"), tmp_path, count=5)
    by_id = {row["hand_id"]: row for row in table.iter_rows(named=True)}
    for rank, count in ((1, 1), (5, 1), (2, 3)):
        out = tmp_path / "out" / "Hand100M.json"
        made = export_mined_json(
            tables, tmp_path / "mined.parquet", out, frames_prefix="frames", first_rank=rank, count=count
        )
        records = json.loads(out.read_text())["annotations"]
        assert len(records) == made.hands == table.height
        part = slice(rank - 1, rank - 1 + count)
        for record in records:
            own = by_id[int(record["hand_id"])]
            assert record["positive_sample"] == [str(i) for i in own["neighbour_hand_ids"][part]]
            np.testing.assert_allclose(record["distance"], own["distances"][part], rtol=1e-6)
        assert [path.name for path in out.parent.iterdir()] == [out.name]
        assert ingest_file(out, tmp_path / "again").hands_kept == made.hands
    made = export_mined_json(tables, tmp_path / "mined.parquet", out, frames_prefix="", first_rank=6)
    assert made.hands == 0 and made.left_out == {"no positive": table.height}


def test_faiss_keeps_the_rule_and_finds_everything_where_it_looks_everywhere() -> None:
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(600, 14)).astype(np.float32)
    videos = np.repeat(np.arange(3, dtype=np.int32), (590, 5, 5))  # one video drowns what is over-fetched
    found = ApproximateSearch(vectors, videos).nearest(np.arange(600), 8, workers=2)
    exact = ExactSearch(vectors, videos).nearest(np.arange(600), 8)
    np.testing.assert_array_equal(found.rows, exact.rows)
    np.testing.assert_array_equal(found.distances, exact.distances)


def test_the_recall_of_faiss_is_measured_not_believed(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    hands = some_hands(10_050, videos=50)
    report = mine_pairs(hands, tmp_path / "m.parquet", count=5, engine="faiss", workers=2)
    embedding = embed_hands(hands)
    few_lists = ApproximateSearch(embedding.vectors, embedding.videos, probed_lists=1)
    assert measured_recall(few_lists, embedding, 5) < report.recall <= 1.0
    table = pl.read_parquet(tmp_path / "m.parquet").explode("neighbour_rows")
    video_of = dict(hands.select("row_index", "video_id").iter_rows())
    assert all(video_of[n] != v for n, v in table.select("neighbour_rows", "video_id").drop_nulls().iter_rows())


def test_without_faiss_the_engine_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_faiss(name: str, *rest: object, **more: object) -> object:
        if name == "faiss":
            raise ImportError(name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", no_faiss)
    with pytest.raises(SettingsError, match="not installed"):
        mine_pairs(some_hands(3), tmp_path / "x.parquet", engine="faiss")
