"""Annotation sets whose tables are not of the file that is here, and what became of the runs that should make them."""

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
    """What a run that reads an annotation file in this state is about."""
    return f"{set_key}:{stamp.size_bytes}:{stamp.mtime_ns}"


def ingest_history(instance: dg.DagsterInstance, source: Source, set_key: str, stamp: FileStamp) -> History:
    """The runs that read the file in this state."""
    return history_of(instance, annotations_job_name(source), ingest_of(set_key, stamp))


@dataclass(frozen=True)
class FailedIngest:
    """The last run that should have read a file, and failed.

    Attributes:
        at_s: When, in seconds since 1970.
        reason: What failed, when, why, and when it is tried again.
    """

    at_s: float
    reason: str


def failed_ingests(instance: dg.DagsterInstance, place: SourceWorkspace) -> Mapping[str, FailedIngest]:
    """Sets whose present file was read by a run that failed, by key."""
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
