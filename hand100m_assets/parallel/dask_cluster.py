"""A connection to a Dask cluster: one that runs, or one whose workers a batch system starts for us."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal

from hand100m_assets.errors import RetryableError, SettingsError
from hand100m_assets.extras import install_command

if TYPE_CHECKING:
    from distributed import Client

DaskQueue = Literal["slurm", "pbs", "sge", "lsf", "oar", "local"]
"""Batch systems that dask-jobqueue speaks to; `local` starts its jobs as processes of this machine."""

_CONNECT_S: Final = 30
_CLUSTERS: Final[dict[DaskQueue, tuple[str, str]]] = {
    "slurm": ("dask_jobqueue", "SLURMCluster"),
    "pbs": ("dask_jobqueue", "PBSCluster"),
    "sge": ("dask_jobqueue", "SGECluster"),
    "lsf": ("dask_jobqueue", "LSFCluster"),
    "oar": ("dask_jobqueue", "OARCluster"),
    "local": ("dask_jobqueue.local", "LocalCluster"),
}
_ONE_JOB: Final[dict[str, Any]] = {"cores": 1, "processes": 1, "memory": "2GB"}
"""One worker a job, one video at a time. Source: at most 400 MB are used at 2560 x 1920 px, imports included."""


@dataclass(frozen=True, kw_only=True)
class DaskCluster:
    """Which cluster: one that runs, or one to be started.

    Attributes:
        scheduler: Address or scheduler file of one that runs; unused with a queue.
        queue: Batch system that starts workers for a scheduler in this process.
        queue_jobs: How many jobs are asked of it.
        queue_options: Arguments of dask-jobqueue's class.
    """

    scheduler: str = ""
    queue: DaskQueue | None = None
    queue_jobs: int = 1
    queue_options: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def connected(cluster: DaskCluster) -> Iterator[Client]:
    """A client of the cluster, closed afterwards, with the workers that were started for it.

    Raises:
        SettingsError: Packages are missing, or the batch system does not take the options.
        RetryableError: The scheduler does not answer.
    """
    try:
        kind = import_module("distributed").Client
    except ImportError as error:
        raise SettingsError("Dask is not installed", where="HAND100M_EXECUTION=dask", fix=_how_to_install()) from error
    with _without_tracebacks():
        if cluster.queue is None:
            with _reached(kind, cluster.scheduler) as client:
                yield client
            return
        with _queued(cluster) as started, _reached(kind, started) as client:
            yield client


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    """Say in our own words that a scheduler is gone: the client's loggers show it as tracebacks of their own."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    # The client gives some of its loggers a level, which then does not follow their parent's.
    loggers += [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("distributed.")]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)


def _reached(kind: type[Client], target: Any) -> Client:  # noqa: ANN401 - an address, or one of many cluster classes
    is_file = isinstance(target, str) and target.endswith(".json")
    try:
        if is_file:
            return kind(scheduler_file=target, timeout=_CONNECT_S, set_as_default=False)
        return kind(target, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RetryableError(
            f"the Dask scheduler does not answer ({error})",
            where=f"HAND100M_DASK_SCHEDULER={target}",
            fix="Start it (`dask scheduler`), or correct the address.",
        ) from error


@contextmanager
def _queued(cluster: DaskCluster) -> Iterator[Any]:
    """A scheduler in this process, and jobs of workers in the batch system."""
    assert cluster.queue is not None
    module, name = _CLUSTERS[cluster.queue]
    try:
        kind = getattr(import_module(module), name)
    except ImportError as error:
        raise SettingsError(
            "dask-jobqueue is not installed", where=f"HAND100M_DASK_QUEUE={cluster.queue}", fix=_how_to_install()
        ) from error
    try:
        started = kind(**{**_ONE_JOB, **cluster.queue_options})
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"{name} does not take these options: {error}",
            where="HAND100M_DASK_QUEUE_OPTIONS",
            fix="See the arguments of this class in dask-jobqueue's documentation.",
        ) from error
    with started:
        started.scale(jobs=cluster.queue_jobs)
        yield started


def _how_to_install() -> str:
    return f"Run on every machine of the cluster: {install_command('dask')}"
