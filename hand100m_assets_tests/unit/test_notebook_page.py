"""The blocks of docs/notebook.md run one after the other, in a folder such as `make demo` leaves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hand100m_assets.video import ExtractionOptions, StrideSelection, extract_video
from hand100m_assets_tests import media
from hand100m_assets_tests.conftest import REPO
from hand100m_assets_tests.unit.dataset.scene import Scene, ring

PAGE = REPO / "docs" / "notebook.md"
VIDEOS = ("video_a", "video_b")


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def fill(home: Path) -> None:
    """Two videos, their frames, a set of hands in them, and its training set, where a demo has them."""
    folder, scene = home / "demo/data/ego4d/v1/full_scale", Scene(home / "demo/output/ego4d")
    folder.mkdir(parents=True)
    for video_id in VIDEOS:
        path = media.encode(folder / f"{video_id}.mp4", frames=90)
        extract_video(path, scene.frames_dir, video_id, StrideSelection(30), ExtractionOptions())
    ring(scene, VIDEOS, (0, 30, 60), draw=False).build()


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every name that the page gives a value, at its end; `shown` holds what each block shows."""
    home = tmp_path_factory.mktemp("clone")
    fill(home)
    names: dict[str, Any] = {"shown": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for block in blocks():
            *before, last = re.split(r"\n(?=\S)", block.rstrip())
            exec("\n".join(before), names)
            try:
                names["shown"].append(eval(last, names))
            except SyntaxError:
                exec(last, names)
    return names


def test_the_frames_are_those_of_the_extraction(names: dict[str, Any]) -> None:
    assert [frame.frame_index for frame in names["frames"]] == [0, 30, 60]
    assert [frame.frame_index for frame in names["manifest"].frames] == [0, 30, 60]
    assert names["manifest"].status == "complete"


def test_the_crop_is_that_of_the_hand_with_its_skeleton_on_it(names: dict[str, Any]) -> None:
    assert names["crop"].shape == (224, 224, 3)
    plain = names["crop_hand"](names["whole"], names["hand"].box_px, names["hand"].handedness)
    assert not np.array_equal(plain, names["crop"])


def test_each_hand_has_its_positive_and_its_neighbours_of_the_other_video(names: dict[str, Any]) -> None:
    assert names["pairs"]["reason"].null_count() == names["hands"].height == 6
    assert all(len(found) == 3 for found in names["mined"]["neighbour_hand_ids"])
    assert names["grid"].missing.is_empty()


def test_a_sample_and_its_positive_are_shown(names: dict[str, Any]) -> None:
    picture = names["shown"][-1]
    assert isinstance(picture, Image.Image) and picture.size == (448, 224)
