"""The graph as a reviewer sees it: whatever is added, renamed or rewired shows here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from hand100m_assets.annotations.rules import RULES
from hand100m_assets.definitions import build_defs
from hand100m_assets.defs.automation.following import RULES as FOLLOWS
from hand100m_assets.defs.descriptions import code
from hand100m_assets.defs.descriptions.code import CODE_METADATA
from hand100m_assets.defs.keys import GROUPS
from hand100m_assets.defs.videos.frames import EXTRACTION_POOL
from hand100m_assets.settings import Settings
from hand100m_assets.sources import DOH, EGO4D, SOURCES, Source
from hand100m_assets_tests.conftest import REPO

NOWHERE = Settings(_env_file=None, data_root=Path("/nowhere/data"), output_root=Path("/nowhere/output"))
GRAPH = """
agreement       by annotation_sets  from annotations mined_pairs pairs
annotations     by annotation_sets  from -
coverage        by annotation_sets  from annotations frame_catalog inventory
export          by annotation_sets  from annotations frame_catalog inventory mined_pairs
frame_catalog   by -                from frames
frames          by videos           from videos
grid            by annotation_sets  from annotations coverage mined_pairs pairs
inventory       by -                from video_list videos
mined_pairs     by annotation_sets  from annotations
missing_videos  by -                from inventory
pairs           by annotation_sets  from annotations
report          by annotation_sets  from agreement annotations coverage grid pairs sheets
sheets          by annotation_sets  from annotations coverage mined_pairs pairs
training_set    by annotation_sets  from annotations frame_catalog
video_list      by -                from -
videos          by videos           from -
"""
CHECKS = {
    "agreement": {"shipped_positives_are_near"},
    "annotations": {"tables_are_of_the_file_that_is_here", *(rule.name for rule in RULES)},
    "coverage": {"annotated_images_exist"},
    "frames": {
        "frame_files_match_manifests",
        "frames_agree_with_independent_decode",
        "frames_are_complete",
        "frames_are_extracted",
    },
    "grid": {"grid_cells_are_filled", "grids_have_full_size"},
    "mined_pairs": {"all_sound_hands_are_mined", "neighbours_are_from_other_videos"},
    "pairs": {"distances_are_finite", "positives_are_resolved"},
    "sheets": {"sheet_cells_are_filled"},
    "training_set": {
        "training_counts_add_up",
        "training_hands_are_samples",
        "training_keypoints_are_inside",
        "training_pixels_are_those_of_the_frames",
        "training_positives_are_in_range",
        "training_shards_are_whole",
    },
    "video_list": {"list_is_here"},
    "videos": {
        "downloads_are_whole",
        "downloads_can_be_taken",
        "downloads_were_looked_at",
        "listed_videos_are_here",
        "output_has_one_owner",
        "sizes_and_lengths_match_the_list",
        "videos_match_the_list",
    },
}
for _asset in ("agreement", "annotations", "coverage", "grid", "mined_pairs", "pairs", "sheets", "training_set"):
    CHECKS[_asset].add(f"every_set_has_{_asset}")
JOBS = {
    "annotations": ["agreement", "annotations", "mined_pairs", "pairs"],
    "catalog": ["frame_catalog", "inventory", "missing_videos", "video_list"],
    "checks": [],
    "frames": ["frames"],
    "pictures": ["coverage", "export", "grid", "report", "sheets", "training_set"],
}
JOB_CHECKS = {"annotations": [], "catalog": ["frames", "video_list", "videos"], "checks": sorted(CHECKS)}
EACH_SOURCE = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    """Roots that do not exist: loading looks at no folder."""
    return build_defs(NOWHERE).get_repository_def()


def described(repository: dg.RepositoryDefinition, source: Source) -> str:
    lines = []
    for key in sorted(repository.asset_graph.get_all_asset_keys()):
        node = repository.asset_graph.get(key)
        if key.path[0] == source.name:
            partitions = getattr(node.partitions_def, "name", None)
            parents = " ".join(sorted(parent.path[1] for parent in node.parent_keys if parent.path[0] == source.name))
            by = (partitions or "-").removeprefix(f"{source.name}_")
            lines.append(f"{key.path[1]:16}by {by:17}from {parents or '-'}")
    return "\n".join(["", *lines, ""])


@EACH_SOURCE
def test_the_assets_of_each_source_are_these(repository: dg.RepositoryDefinition, source: Source) -> None:
    assert described(repository, source) == GRAPH


def test_frames_follow_the_annotations_only_where_these_choose_them() -> None:
    chosen = build_defs(NOWHERE.model_copy(update={"frame_selection": "annotated"})).get_repository_def()
    by_sets = GRAPH.replace("by videos           from videos\n", "by videos           from annotations videos\n")
    assert described(chosen, SOURCES[0]) == by_sets


def test_no_asset_depends_on_the_other_source_and_each_is_described(repository: dg.RepositoryDefinition) -> None:
    for key in repository.asset_graph.get_all_asset_keys():
        node = repository.asset_graph.get(key)
        assert {parent.path[0] for parent in node.parent_keys} <= {key.path[0]}
        assert node.description


@EACH_SOURCE
def test_each_asset_is_in_one_group_of_its_source(repository: dg.RepositoryDefinition, source: Source) -> None:
    found: dict[str, set[str]] = {}
    for key in repository.asset_graph.get_all_asset_keys():
        if key.path[0] == source.name:
            group = repository.asset_graph.get(key).group_name
            found.setdefault(group, set()).add(key.path[1])
    assert found == {f"{source.name}_{group}": set(assets) for group, assets in GROUPS.items()}


@EACH_SOURCE
def test_the_checks_of_each_source_are_these(repository: dg.RepositoryDefinition, source: Source) -> None:
    found: dict[str, set[str]] = {}
    for check in repository.asset_graph.asset_check_keys:
        if check.asset_key.path[0] == source.name:
            found.setdefault(check.asset_key.path[1], set()).add(check.name)
            assert repository.asset_graph.get(check).description
    assert found == CHECKS


def test_nothing_that_the_ui_lists_is_without_a_description(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    listed = {
        **{key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()},
        **{key.to_user_string(): graph.get(key) for key in graph.asset_check_keys},
        **{job.name: job for job in repository.get_all_jobs() if not job.name.startswith("__")},
        **{each.name: each for each in (*repository.sensor_defs, *repository.schedule_defs)},
        **repository.get_top_level_resources(),
    }
    assert len(listed) > 100
    assert [name for name, each in listed.items() if not each.description] == []


def test_each_field_that_a_person_can_configure_is_described(repository: dg.RepositoryDefinition) -> None:
    ours = {name: each for name, each in repository.get_top_level_resources().items() if name != "io_manager"}
    fields = {f"{name}.{field}": told for name, each in ours.items() for field, told in fields_of(each).items()}
    assert fields.keys() == {"workspace.settings"}
    assert [name for name, field in fields.items() if not field.description] == []
    bodies = [node for job in repository.get_all_jobs() for node in job.all_node_defs]
    assert {node.name for node in bodies if fields_of(node)} == set()
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def fields_of(definition: Any) -> dict[str, Any]:
    return getattr(getattr(definition.config_schema, "config_type", None), "fields", {})


def test_assets_have_the_owners_and_tags_of_the_settings_and_a_tag_of_their_source() -> None:
    chosen = NOWHERE.model_copy(
        update={"asset_owners": ["ada@example.org", "team:hands"], "asset_tags": {"project": "pretraining"}}
    )
    for settings, owners, tags in (
        (NOWHERE, ["team:hand100m"], {"dataset": "hand100m"}),
        (chosen, ["ada@example.org", "team:hands"], {"project": "pretraining"}),
    ):
        graph = build_defs(settings).get_repository_def().asset_graph
        for key in graph.get_all_asset_keys():
            asset = graph.get(key)
            shown = {name: value for name, value in asset.tags.items() if not name.startswith("dagster/")}
            assert (asset.owners, shown) == (owners, {**tags, "hand100m/source": key.path[0]})


def links(settings: Settings) -> dict[str, Any]:
    graph = build_defs(settings).get_repository_def().asset_graph
    keys = [key for key in graph.get_all_asset_keys() if key.path[0] == EGO4D.name]
    return {key.path[1]: graph.get(key).metadata[CODE_METADATA].code_references for key in keys}


def test_each_asset_is_linked_with_the_line_of_the_function_that_makes_it() -> None:
    found = links(NOWHERE)
    assert len(found) == len(GRAPH.split("\n")) - 2
    for asset, (reference,) in found.items():
        lines = Path(reference.file_path).read_text().splitlines()[reference.line_number - 1 :]
        head = next(line for line in lines if line.strip().startswith("def "))
        assert f"def {asset}(" in head.replace("_spec", "").replace("def _", "def "), (asset, head)


def test_links_lead_to_the_commit_on_the_web_where_an_address_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "commit_checked_out", lambda: "abc123")
    for url, tree in (
        ("https://github.com/somebody/hands", "https://github.com/somebody/hands/tree/abc123"),
        ("https://gitlab.example.org/hands", "https://gitlab.example.org/hands/-/tree/abc123"),
    ):
        found = links(NOWHERE.model_copy(update={"code_url": url}))
        assert {len(references) for references in found.values()} == {1}
        assert found["pairs"][0].url.startswith(f"{tree}/hand100m_assets/defs/annotation_sets/pairs.py#L")
        assert found["videos"][0].url.startswith(f"{tree}/hand100m_assets/defs/videos/lists.py#L")


def test_links_stay_local_where_the_code_is_no_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "commit_checked_out", lambda: None)
    assert links(NOWHERE.model_copy(update={"code_url": "https://github.com/somebody/hands"})) == links(NOWHERE)


def test_the_commit_is_that_of_the_clone_that_knows_this_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        run = subprocess.run(["git", "-C", tmp_path, *names, *arguments], check=True, capture_output=True, text=True)
        return run.stdout.strip()

    file = tmp_path / "package" / "__init__.py"
    file.parent.mkdir()
    file.touch()
    monkeypatch.setattr(code, "_PACKAGE", file)
    read = code.commit_checked_out.__wrapped__
    assert read() is None
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "Begin")
    assert read() is None  # a clone of something else, in which the package was installed
    git("add", ".")
    git("commit", "-q", "-m", "Add")
    assert read() == git("rev-parse", "HEAD")


def test_each_asset_that_is_made_has_a_version_of_its_code(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    assert {key.path[1] for key in graph.get_all_asset_keys() if not graph.get(key).code_version} == {"videos"}


def test_importing_the_definitions_draws_and_compiles_nothing() -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import hand100m_assets.definitions"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in told.stderr.splitlines()}
    assert {"dagster", "hand100m_assets"} <= imported
    assert not imported & {"matplotlib", "numba", "torch", "scipy", "sklearn", "PIL", "jinja2"}


@EACH_SOURCE
def test_the_jobs_of_each_source_take_these_assets_and_checks(
    repository: dg.RepositoryDefinition, source: Source
) -> None:
    names = {f"{source.name}_{name}": name for name in JOBS}
    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == {
        f"{each.name}_{name}" for each in SOURCES for name in JOBS
    }
    for job_name, name in names.items():
        layer = repository.get_job(job_name).asset_layer
        assert sorted(key.path[1] for key in layer.executable_asset_keys) == JOBS[name]
        checked = {check.asset_key.path[1] for check in layer.asset_graph.asset_check_keys}
        assert sorted(checked) == JOB_CHECKS.get(name, [])


@EACH_SOURCE
def test_sensors_and_schedules_are_these_and_off(repository: dg.RepositoryDefinition, source: Source) -> None:
    sensors = {s.name: s for s in repository.sensor_defs if s.name.startswith(source.name)}
    assert sorted(sensors) == [
        f"{source.name}_{name}" for name in ("frames_finished", "new_annotation_files", "new_videos", "pictures_follow")
    ]
    assert {s.default_status for s in sensors.values()} == {dg.DefaultSensorStatus.STOPPED}
    schedules = {s.name: s for s in repository.schedule_defs if s.name.startswith(source.name)}
    assert {name: schedule.cron_schedule for name, schedule in schedules.items()} == {
        f"{source.name}_nightly_backfill": "0 2 * * *",
        f"{source.name}_morning_report": "0 6 * * *",
    }
    assert {s.default_status for s in schedules.values()} == {dg.DefaultScheduleStatus.STOPPED}


@EACH_SOURCE
def test_what_is_by_video_is_batched_and_the_batches_of_both_sources_share_a_pool(
    repository: dg.RepositoryDefinition, source: Source
) -> None:
    frames = repository.asset_graph.get(dg.AssetKey([source.name, "frames"]))
    assert frames.backfill_policy == dg.BackfillPolicy.multi_run(NOWHERE.videos_per_run)
    assert frames.pools == {"extraction"}


@EACH_SOURCE
def test_whatever_is_made_of_annotation_sets_follows_its_inputs_by_itself(
    repository: dg.RepositoryDefinition, source: Source
) -> None:
    graph = repository.asset_graph
    inputs = {
        key.path[1]: {parent.path[1] for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
        if key.path[0] == source.name and getattr(graph.get(key).partitions_def, "name", "").endswith("annotation_sets")
    }
    assert inputs.pop("annotations") == set()
    assert {asset: set(rule.inputs) for asset, rule in FOLLOWS.items()} == inputs
    assert not any(graph.get(key).automation_condition for key in graph.get_all_asset_keys())


@EACH_SOURCE
def test_frames_go_before_all_else_and_the_catalog_runs_alone(
    repository: dg.RepositoryDefinition, source: Source
) -> None:
    tags = {name: repository.get_job(f"{source.name}_{name}").tags for name in JOBS}
    priority = {name: int(of_job.get("dagster/priority", "0")) for name, of_job in tags.items()}
    assert max(priority.values()) == priority.pop("frames") > max(priority.values())
    assert {name for name, of_job in tags.items() if "hand100m/leaves_room" not in of_job} == {"frames"}
    assert tags["catalog"]["hand100m/alone"] == f"{source.name}_catalog"


@pytest.mark.parametrize(
    "file",
    [
        REPO / "hand100m_assets" / "templates" / "dagster.yaml",
        *sorted((REPO / "deploy" / "server").glob("dagster*.yaml")),
    ],
    ids=lambda file: file.name,
)
def test_every_instance_leaves_a_place_to_frames_and_runs_one_catalog_at_a_time(file: Path) -> None:
    runs = yaml.safe_load(file.read_text())["concurrency"]["runs"]
    limits = {limit["key"]: limit for limit in runs["tag_concurrency_limits"]}
    assert limits["hand100m/leaves_room"]["limit"] == runs["max_concurrent_runs"] - 1
    assert limits["hand100m/alone"] == {
        "key": "hand100m/alone",
        "value": {"applyLimitPerUniqueValue": True},
        "limit": 1,
    }


def test_an_instance_of_the_template_extracts_one_batch_at_a_time_until_told_otherwise(tmp_path: Path) -> None:
    shutil.copy(REPO / "hand100m_assets" / "templates" / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
        storage = instance.event_log_storage
        assert storage.initialize_concurrency_limit_to_default(EXTRACTION_POOL)
        assert storage.get_concurrency_info(EXTRACTION_POOL).slot_count == 1
        storage.set_concurrency_slots(EXTRACTION_POOL, 2)
        assert storage.get_concurrency_info(EXTRACTION_POOL).slot_count == 2


def test_both_sources_have_the_same_shape(repository: dg.RepositoryDefinition) -> None:
    assert described(repository, EGO4D) == described(repository, DOH)


def test_the_definitions_load_strictly_where_no_root_exists() -> None:
    dg.Definitions.validate_loadable(build_defs(NOWHERE))
    assert not NOWHERE.output_root.exists()
