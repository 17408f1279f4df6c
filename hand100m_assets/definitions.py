"""The code location: `build_defs` for tests and notebooks, `defs` for Dagster."""

import warnings

import dagster as dg

from hand100m_assets.defs.annotation_sets.annotation_checks import build_annotation_checks
from hand100m_assets.defs.annotation_sets.annotations import build_annotation_assets
from hand100m_assets.defs.annotation_sets.mining import build_mining_assets
from hand100m_assets.defs.annotation_sets.mining_checks import build_mining_checks
from hand100m_assets.defs.annotation_sets.pair_checks import build_grid_checks, build_pair_checks
from hand100m_assets.defs.annotation_sets.pairs import build_pair_assets
from hand100m_assets.defs.annotation_sets.pictures import build_picture_assets
from hand100m_assets.defs.annotation_sets.set_checks import build_set_checks
from hand100m_assets.defs.annotation_sets.training import build_training_assets
from hand100m_assets.defs.annotation_sets.training_checks import build_training_checks
from hand100m_assets.defs.automation.schedules import build_schedules
from hand100m_assets.defs.automation.sensors import build_sensors
from hand100m_assets.defs.descriptions.labels import with_labels
from hand100m_assets.defs.jobs import build_jobs
from hand100m_assets.defs.plain_log import plain
from hand100m_assets.defs.resources import ParquetTables, Workspace
from hand100m_assets.defs.videos.audit_check import build_audit_check
from hand100m_assets.defs.videos.frame_checks import build_frame_checks
from hand100m_assets.defs.videos.frames import build_frame_assets
from hand100m_assets.defs.videos.list_checks import build_video_checks
from hand100m_assets.defs.videos.lists import build_video_assets
from hand100m_assets.defs.videos.look_check import build_look_check
from hand100m_assets.settings import Settings, load_settings
from hand100m_assets.sources import SOURCES, Source

# Backfill policies and automation conditions are marked beta; a user cannot act on being told at every start.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


def build_defs(settings: Settings | None = None) -> dg.Definitions:
    """The definitions of both sources for these settings; by default they are read from `.env` and the environment."""
    chosen = settings or load_settings()
    shared = dg.Definitions(
        resources={"workspace": Workspace.of(chosen), "io_manager": _tables(chosen)},
        # A run's steps follow each other; what is worth several processes starts them itself. A process a step would
        # cost seconds of start-up each, and is not allowed below Celery.
        executor=dg.in_process_executor,
        loggers={"console": dg.colored_console_logger, "plain": plain},
    )
    return dg.Definitions.merge(shared, *(_of_source(source, chosen) for source in SOURCES))


def _tables(settings: Settings) -> dg.IOManagerDefinition:
    return dg.IOManagerDefinition.hardcoded_io_manager(
        ParquetTables(settings.output_root),
        description="Tables as Parquet files below the output folder: `<source>/<asset>[/<partition>].parquet`.",
    )


def _of_source(source: Source, settings: Settings) -> dg.Definitions:
    jobs = build_jobs(source)
    return dg.Definitions(
        assets=with_labels(_assets(source, settings), source, settings),
        asset_checks=build_checks(source),
        jobs=jobs,
        sensors=build_sensors(source, settings, jobs),
        schedules=build_schedules(source, settings),
    )


def _assets(source: Source, settings: Settings) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    return [
        *build_video_assets(source),
        *build_annotation_assets(source),
        *build_frame_assets(source, settings),
        *build_pair_assets(source),
        *build_picture_assets(source),
        *build_mining_assets(source),
        *build_training_assets(source),
    ]


def build_checks(source: Source) -> list[dg.AssetChecksDefinition]:
    """Every check of one source, on the files on disk: errors if training would go wrong, otherwise warnings."""
    return [
        *build_video_checks(source),
        build_look_check(source),
        *build_frame_checks(source),
        build_audit_check(source),
        *build_set_checks(source),
        *build_annotation_checks(source),
        *build_pair_checks(source),
        *build_mining_checks(source),
        *build_grid_checks(source),
        *build_training_checks(source),
    ]


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that Dagster loads. This is a function, so wrong settings do not break an import of this file."""
    return build_defs()
