"""Names in annotation files to files on disk."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.annotations.paths import are_at_mapped_places, image_path
from hand100m_assets.errors import UnsafeIdError

FRAMES = Path("/frames")
OURS = FRAMES / "v" / "frame_000030.jpg"
NAME = "Hand2M/ego4d/v/frame_000030.png"


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        ({}, OURS),
        ({"hand100m": Path("/h")}, OURS),
        ({"Hand2M": Path("/h")}, Path("/h/ego4d/v/frame_000030.png")),
        ({"Hand2M/": Path("/h"), "Hand2M/ego4d/": Path("/e")}, Path("/e/v/frame_000030.png")),
        ({"Hand2M/ego": Path("/wrong")}, OURS),
        ({"": Path("/all")}, Path("/all") / NAME),
        ({"/": Path("/wrong")}, OURS),
    ],
)
def test_the_longest_prefix_of_whole_folders_wins(prefixes: dict[str, Path], expected: Path) -> None:
    assert image_path(NAME, "v", 30, FRAMES, prefixes) == expected


def test_an_image_is_looked_for_where_its_prefix_leads_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "frame_000030.png").write_bytes(b"")
    names = [NAME, "Hand2M/ego4d/v/frame_000060.png", "else/v/frame_000030.png", "Hand2M/ego4d/../v/frame_000030.png"]
    images = pl.LazyFrame({"file_name": names})
    found = are_at_mapped_places(images, {"Hand2M/ego4d": tmp_path})
    assert found is not None and found.to_list() == [True, False, None, False]
    assert are_at_mapped_places(images, {}) is None


def test_an_absolute_name_can_be_mapped(tmp_path: Path) -> None:
    assert (
        image_path("/data/x/v/frame_000030.jpg", "v", 30, FRAMES, {"/data": tmp_path})
        == tmp_path / "x/v/frame_000030.jpg"
    )


def test_a_name_that_is_not_known_falls_back_on_our_frames() -> None:
    assert image_path("", "v", 30, FRAMES, {"": Path("/all")}) == OURS


@given(
    parts=st.lists(st.sampled_from(["a", "..", ".", "", "b", "\\.."]), max_size=6),
    prefix=st.sampled_from(["a", "", "a/b"]),
)
def test_no_name_leads_out_of_the_mapped_folder(parts: list[str], prefix: str) -> None:
    name = "/".join([*parts, "v", "frame_000030.jpg"])
    root = Path("/mapped")
    try:
        path = image_path(name, "v", 30, FRAMES, {prefix: root})
    except UnsafeIdError:
        assert ".." in name
    else:
        assert ".." not in path.parts
        assert path == OURS or path.is_relative_to(root)


def test_an_unsafe_id_is_refused() -> None:
    with pytest.raises(UnsafeIdError):
        image_path("x", "../v", 30, FRAMES, {})
