"""A sample small enough for unit tests, made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from hand100m_assets.sample.scenes.cast import SampleScale
from hand100m_assets.sample.workspace.report import SampleReport
from hand100m_assets.sample.workspace.workspace import make_sample

TINY = SampleScale(videos_per_source=2, shortest_s=1.1, longest_s=1.7)


@dataclass(frozen=True)
class TinySample:
    folder: Path
    report: SampleReport

    @property
    def data(self) -> Path:
        return self.folder / "data"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinySample:
    folder = tmp_path_factory.mktemp("tiny") / "a folder's name"
    return TinySample(folder, make_sample(folder, seed=5, workers=2, scale=TINY))
