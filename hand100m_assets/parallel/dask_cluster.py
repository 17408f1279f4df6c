"""Connects to a Dask cluster: one that already runs, or one whose workers a batch system starts."""

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
"""Batch systems that dask-jobqueue supports; `local` starts its jobs as processes of this machine."""

_CONNECT_S: Final = 30
_ONE_JOB: Final[dict[str, Any]] = {"cores": 1, "processes": 1, "memory": "2GB"}
"""One worker per job, one video at a time. Source: at most 400 MB are used at 2560 x 1920 px, imports included."""


@dataclass(frozen=True, kw_only=True)
class DaskCluster:
    """Which Dask cluster to use: one that already runs, or one whose workers a batch system starts.

    Attributes:
        scheduler: Address or scheduler file (`.json`) of a running cluster; unused with a queue.
        queue: Batch system that starts the workers; their scheduler runs in this process. None uses `scheduler`.
        queue_jobs: Number of jobs that the batch system is asked for.
        queue_options: Arguments of dask-jobqueue's class, such as `walltime`.

    Example:
        >>> from hand100m_assets.parallel import DaskCluster
        >>> cluster = DaskCluster(queue="slurm", queue_jobs=20, queue_options={"walltime": "08:00:00"})
        >>> cluster.queue_jobs
        20
    """

    scheduler: str = ""
    queue: DaskQueue | None = None
    queue_jobs: int = 1
    queue_options: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def connected(cluster: DaskCluster) -> Iterator[Client]:
    """Connect to a Dask cluster, and start its workers where a batch system is to do so.

    Args:
        cluster: Which cluster.

    Yields:
        A connected client. At the end of the block it is closed, and workers that were started for it end.

    Raises:
        SettingsError: Packages are missing, or the batch system does not take the options. The message says what to
            install or to correct.
        RetryableError: The scheduler does not answer within 30 s. Start it or correct the address.

    Example:
        >>> from distributed import LocalCluster
        >>> from hand100m_assets.parallel import DaskCluster, connected
        >>> with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as running:
        ...     with connected(DaskCluster(scheduler=running.scheduler_address)) as client:
        ...         client.submit(sum, [1, 2]).result()
        3
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
    """Silence the client's loggers, which show tracebacks when a scheduler is gone. We report it in our own words."""
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
    place = "scheduler_file" if isinstance(target, str) and target.endswith(".json") else "address"
    try:
        return kind(**{place: target}, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RetryableError(
            f"the Dask scheduler does not answer ({error})",
            where=f"HAND100M_DASK_SCHEDULER={target}",
            fix="Start it (`dask scheduler`), or correct the address.",
        ) from error


@contextmanager
def _queued(cluster: DaskCluster) -> Iterator[Any]:
    """Start a scheduler in this process, and jobs with workers in the batch system."""
    assert cluster.queue is not None
    module, prefix = (
        ("dask_jobqueue.local", "Local") if cluster.queue == "local" else ("dask_jobqueue", cluster.queue.upper())
    )
    name = f"{prefix}Cluster"
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
