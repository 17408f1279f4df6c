"""The runs that should make the tables of annotation files, and the sets for which such a run failed."""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from hand100m_assets.defs.automation.attempts import History, history_of, in_words
from hand100m_assets.defs.jobs import annotations_job_name
from hand100m_assets.errors import FolderUnreadableError
from hand100m_assets.files import FileStamp
from hand100m_assets.sources import Source
from hand100m_assets.workspace import SourceWorkspace


def ingest_of(set_key: str, stamp: FileStamp) -> str:
    """Text that identifies what a run reads: an annotation file in one state."""
    return f"{set_key}:{stamp.size_bytes}:{stamp.mtime_ns}"


def ingest_history(instance: dg.DagsterInstance, source: Source, set_key: str, stamp: FileStamp) -> History:
    """The runs that read the file in this state."""
    return history_of(instance, annotations_job_name(source), ingest_of(set_key, stamp))


@dataclass(frozen=True)
class FailedIngest:
    """The last run that should have read a file and failed.

    Attributes:
        at_s: Time of the failure, in seconds since 1970.
        reason: What failed, when, why, and when it is tried again.
    """

    at_s: float
    reason: str


def failed_ingests(instance: dg.DagsterInstance, place: SourceWorkspace) -> Mapping[str, FailedIngest]:
    """Key of a set -> the failed run, if the run that read its present file failed."""
    try:
        outdated = place.outdated_sets()
    except FolderUnreadableError:
        return {}
    found = {}
    for key, stamp in outdated.items():
        history = ingest_history(instance, place.source, key, stamp)
        if history.last is not None and not history.is_under_way:
            found[key] = FailedIngest(history.ended_at_s, in_words(instance, history))
    return found
