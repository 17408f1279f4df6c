"""A whole, tiny sample: its tree, its files, its report; made twice, made over something, made on a bad disk."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import pytest

from hand100m_assets.errors import Hand100mError, OutputUnwritableError, PermanentError, RetryableError
from hand100m_assets.sample.scenes.cast import SampleScale
from hand100m_assets.sample.scenes.filming import film
from hand100m_assets.sample.scenes.frame_strip import read_frame_number
from hand100m_assets.sample.workspace import workspace
from hand100m_assets.sample.workspace.report import SampleReport
from hand100m_assets.sample.workspace.workspace import make_sample
from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH, EGO4D, SOURCES
from hand100m_assets_tests.conftest import REPO
from hand100m_assets_tests.unit.sample.conftest import TINY, TinySample


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_bytes_however_many_workers(tiny: TinySample, tmp_path: Path) -> None:
    again = make_sample(tmp_path / "again", seed=5, workers=1, scale=TINY)
    assert again == tiny.report
    assert digests(tmp_path / "again" / "data") == digests(tiny.data)


def test_another_seed_gives_other_videos(tiny: TinySample) -> None:
    plans = workspace.cast_videos(EGO4D, 6, TINY)
    assert not {plan.video_id for plan in plans} & set(tiny.report.sources["ego4d"].listed)


def test_the_tree_is_that_of_the_real_data(tiny: TinySample) -> None:
    report = tiny.report
    ego4d, doh = report.sources["ego4d"], report.sources["100doh"]
    expected = {"ego4d_name_list.txt", "100doh_valid_name_list.txt"}
    for truth, videos in ((ego4d, "ego4d/v1/full_scale"), (doh, "100DOH/videos")):
        expected |= {f"{videos}/{video_id}.mp4" for video_id in (*truth.healthy, *truth.truncated)}
        expected |= {f"{videos}/{video_id}.mp4.part" for video_id in truth.downloading}
    expected |= {f"annotations/Ego4D/Hand100M_Ego4D_{scale}_v1-1.json" for scale in ("50k", "100k")}
    expected |= {f"annotations/Ego4D/Hand100M_Ego4D_{kind}_50k_v1-1.json" for kind in ("TopK_5", "TempCLR")}
    expected |= {f"annotations/100DOH/Hand100M_100DOH_{scale}_v1-1.json" for scale in ("50k", "100k")}
    assert set(digests(tiny.data)) == expected
    assert {path.name for path in tiny.folder.iterdir()} == {"data", ".env", "sample_report.json"}
    assert all(EGO4D.video_id.fullmatch(video_id) for video_id in ego4d.listed)
    assert all(DOH.video_id.fullmatch(video_id) for video_id in doh.listed)
    assert {video_id[0] for video_id in doh.healthy} >= {"-", "_"}
    assert all(len(fate) == 1 for t in (ego4d, doh) for fate in (t.missing, t.truncated, t.downloading))


def test_healthy_videos_decode_to_the_reported_frames_each_with_its_number(tiny: TinySample) -> None:
    for source in SOURCES:
        for video_id, truth in tiny.report.sources[source.name].healthy.items():
            path = tiny.data / source.videos_dir / f"{video_id}.mp4"
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                assert stream.average_rate == truth.rate_fps
                frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)]
            assert [read_frame_number(frame) for frame in frames] == list(range(truth.frame_count))
            assert frames[0].shape == (truth.height_px, truth.width_px, 3)
            assert path.stat().st_size == truth.size_bytes


def test_a_truncated_download_cannot_be_opened(tiny: TinySample) -> None:
    for source in SOURCES:
        path = tiny.data / source.videos_dir / f"{tiny.report.sources[source.name].truncated[0]}.mp4"
        assert path.stat().st_size > 5000
        with pytest.raises(av.error.InvalidDataError):
            av.open(str(path))


def test_the_ego4d_list_is_true_of_every_video(tiny: TinySample) -> None:
    truth = tiny.report.sources["ego4d"]
    header, *rows = (tiny.data / "ego4d_name_list.txt").read_text().splitlines()
    names = header.split(" ")
    assert names[:6] == ["Number", "Name", "Size", "Length", "Width", "Height"]
    table = {row.split(" ")[1].removesuffix(".mp4"): dict(zip(names, row.split(" "), strict=True)) for row in rows}
    assert set(table) == set(truth.listed)
    assert [row["Number"] for row in table.values()] == [str(i) for i in range(len(rows))]
    for video_id, video in truth.healthy.items():
        row = table[video_id]
        assert (int(row["Width"]), int(row["Height"])) == (video.width_px, video.height_px)
        assert (int(row["Size"]), int(row["OriginalFrameCount"])) == (video.size_bytes, video.frame_count)
        assert int(row["SettingFrameCount"]) == video.frame_count // 30
        assert (row["OriginalFrameRate"], row["SettingFrameRate"]) == ("30.0", "1.0")
        assert float(row["Length"]) == pytest.approx(video.frame_count / 30, abs=0.01)
    on_disk = (tiny.data / EGO4D.videos_dir / f"{truth.truncated[0]}.mp4").stat().st_size
    assert on_disk < int(table[truth.truncated[0]]["Size"])


def test_the_100doh_list_is_true_of_every_video(tiny: TinySample) -> None:
    truth = tiny.report.sources["100doh"]
    rows = [line.split() for line in (tiny.data / "100doh_valid_name_list.txt").read_text().splitlines()]
    assert {row[0] for row in rows} == set(truth.listed)
    for row in rows:
        video = truth.healthy.get(row[0])
        if video is not None:
            assert row[3] == f"{video.width_px}x{video.height_px}"
            assert Fraction(row[4]) == video.rate_fps


def test_the_settings_file_points_at_the_sample(tiny: TinySample) -> None:
    settings = Settings(_env_file=tiny.folder / ".env")
    assert settings.data_root == tiny.data.absolute()
    assert settings.output_root == (tiny.folder / "output").absolute()
    file = tiny.data / "annotations/Ego4D/Hand100M_Ego4D_50k_v1-1.json"
    document = json.loads(file.read_text())
    totals = (len(document["images"]), len(document["annotations"]))
    assert settings.expected_totals == {"ego4d/simhand-50k": totals}


def test_the_report_file_says_what_was_returned(tiny: TinySample) -> None:
    text = (tiny.folder / "sample_report.json").read_text()
    assert SampleReport.from_json(text) == tiny.report
    assert json.loads(text) == json.loads(json.dumps(tiny.report.to_dict()))


def test_a_finished_sample_is_reported_at_once_and_left_alone(
    tiny: TinySample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "film_all", lambda *_: pytest.fail("filmed again"))
    (tiny.folder / "output").mkdir()
    try:
        assert make_sample(tiny.folder, seed=5, scale=TINY) == tiny.report
    finally:
        (tiny.folder / "output").rmdir()


def test_a_sample_of_another_seed_is_refused(tiny: TinySample) -> None:
    with pytest.raises(PermanentError, match="seed 5"):
        make_sample(tiny.folder, seed=6, scale=TINY)


@pytest.mark.parametrize("report", [None, "{}", "not json", '{"version": -1}', "[]"])
def test_a_folder_of_other_things_is_refused_and_untouched(report: str | None, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    if report is not None:
        (tmp_path / "sample_report.json").write_text(report)
    before = digests(tmp_path)
    with pytest.raises(Hand100mError, match="not a finished sample"):
        make_sample(tmp_path, scale=TINY)
    assert digests(tmp_path) == before


def test_somebody_elses_folder_in_the_way_is_refused_and_untouched(tmp_path: Path) -> None:
    other = tmp_path / "demo.in_progress"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    with pytest.raises(PermanentError, match="in_progress"):
        make_sample(tmp_path / "demo", scale=TINY)
    assert (other / "thesis.tex").exists()


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(Hand100mError, match="demo"):
        make_sample(tmp_path / "demo", scale=TINY)


def test_nothing_is_left_of_a_sample_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workspace, "annotation_files", fail)
    monkeypatch.setattr(workspace, "film_all", lambda *_: iter(()))
    with pytest.raises(KeyboardInterrupt):
        make_sample(tmp_path / "demo", scale=TINY)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_sample_left_is_swept_away(tiny: TinySample, tmp_path: Path) -> None:
    left = tmp_path / "demo.in_progress"
    shutil.copytree(tiny.folder, left)
    (left / ".hand100m_sample").touch()
    (left / "stale").touch()
    with workspace._work_folder(tmp_path / "demo") as work:
        assert work == left
        assert [path.name for path in work.iterdir()] == [".hand100m_sample"]
    assert (tmp_path / "demo").is_dir()
    assert not left.exists()


def test_two_processes_do_not_make_the_same_sample(tmp_path: Path) -> None:
    with workspace._work_folder(tmp_path / "demo") as work:
        (work / "half").touch()
        with pytest.raises(RetryableError, match="another process"), workspace._work_folder(tmp_path / "demo"):
            pytest.fail("both were let in")
        assert (work / "half").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_a_killed_sample(how: signal.Signals, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from hand100m_assets.sample.workspace.workspace import make_sample\n"
        "if __name__ == '__main__': make_sample(Path(sys.argv[1]), workers=2, progress=print)"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    with subprocess.Popen([sys.executable, str(script), str(tmp_path / "demo")], cwd=REPO) as process:
        left = tmp_path / "demo.in_progress" / "data"
        # Not "exactly two": on a busy machine that moment may be over between two looks.
        assert eventually(lambda: any(left.rglob("*.mp4"))), "workers are filming"
        workers = children(process.pid)
        assert len(workers) >= 2
        process.send_signal(how)
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert not (tmp_path / "demo").exists()


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # Processes come and go while one looks.
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def eventually(condition: Callable[[], bool]) -> bool:
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_an_unwritable_place_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError, match="cannot be written"):
        make_sample(tmp_path / "file" / "demo", scale=TINY)


def test_a_refusing_encoder_is_one_clear_error(tmp_path: Path) -> None:
    plan = workspace.cast_videos(EGO4D, 0, TINY)[0]
    with pytest.raises(OutputUnwritableError, match="ffmpeg gave up"):
        film(plan, tmp_path / "no such folder")


def test_a_scale_without_other_videos_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 2 videos or more"):
        SampleScale(videos_per_source=1)


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="seed"):
        make_sample(tmp_path / "demo", seed=-1, scale=TINY)
