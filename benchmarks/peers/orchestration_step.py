"""One thing the daemon does, for both sources: `main(env_file, step, facts_file)`; what was seen goes to the file."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import dagster as dg

from benchmarks.work import cpu_s
from hand100m_assets.defs.jobs import frames_job_name
from hand100m_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, known_keys, video_partitions
from hand100m_assets.defs.plain_log import PLAIN
from hand100m_assets.headless.catch_up import CatchUp, evaluate_sensor
from hand100m_assets.settings import load_settings
from hand100m_assets.sources import DOH, SOURCES
from hand100m_assets.video.downloads import read_known_files, write_known_files
from hand100m_assets.video.frames.job import extract_one
from hand100m_assets.workspace import SourceWorkspace, outstanding_videos


def main(env_file: str, step: str, facts_file: str) -> None:
    """Do one step; `look_again` looks once before the clock starts, as a daemon that runs for days has."""
    os.environ["HAND100M_ENV_FILE"] = env_file
    settings = load_settings()
    facts = Path(facts_file)
    places = [SourceWorkspace(settings, source) for source in SOURCES]
    with dg.DagsterInstance.get() as instance:
        work = CatchUp(settings, instance, settle_s=0)
        said: dict[str, object] = {}
        if step == "look_again":
            for place in places:
                _look(work, place, facts)
        before_cpu_s, before_s = cpu_s(), time.perf_counter()
        for place in places:
            if step in ("look", "look_again"):
                said.setdefault("cursors", {}).update(_look(work, place, facts))  # type: ignore[attr-defined]
            elif step == "settle":
                # As if all later ticks had recorded their share: each does what the one measured did.
                known = read_known_files(place.output.known_videos_file)
                known.looks.update(dict.fromkeys(known.stamps, 1))
                write_known_files(known, place.output.known_videos_file)
            elif step == "nightly":
                registered = known_keys(instance, video_partitions(place.source))
                said[place.source.name] = len(outstanding_videos(place, registered).wanted)
            elif step == "inventory":
                place.downloads.inventory(place.downloads.video_list()).write_parquet(
                    place.output.table_file("inventory")
                )
            elif place.source is DOH:
                _extract(work, place, step)
        said |= {"cpu_s": cpu_s() - before_cpu_s, "wall_s": time.perf_counter() - before_s}
        kept = json.loads(facts.read_text()) if facts.exists() else {}
        facts.write_text(json.dumps(kept | said))


def _look(work: CatchUp, place: SourceWorkspace, facts: Path) -> dict[str, str | None]:
    name = f"{place.source.name}_new_videos"
    cursors = json.loads(facts.read_text()).get("cursors", {}) if facts.exists() else {}
    data = evaluate_sensor(work.defs, work.instance, work.settings, name, cursors.get(name))
    return {name: data.cursor or cursors.get(name)}


def _extract(work: CatchUp, place: SourceWorkspace, step: str) -> None:
    registered, count = known_keys(work.instance, video_partitions(place.source)), work.settings.videos_per_run
    if step == "alone":
        for job in place.extraction_jobs(registered[count : 2 * count]):
            extract_one(job)
        return
    tags = {RANGE_START_TAG: registered[0], RANGE_END_TAG: registered[count - 1]}
    job = work.defs.resolve_job_def(frames_job_name(place.source))
    if not job.execute_in_process(instance=work.instance, tags=tags, run_config=PLAIN).success:
        raise SystemExit("the batch failed")
