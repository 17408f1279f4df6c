"""Chooses where the videos of a batch are processed: in processes of this machine, or on a Dask cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hand100m_assets.parallel import DaskPool, connected
from hand100m_assets.settings import Settings


@contextmanager
def chosen_workers(settings: Settings, say: Callable[[str], None]) -> Iterator[int | DaskPool]:
    """The workers for `extract_many`, by the settings.

    Args:
        settings: `execution` decides.
        say: Called with a sentence about the cluster, if one is used.

    Raises:
        SettingsError: The cluster's packages are not installed, or its options do not fit.
        RetryableError: The cluster cannot be reached.
    """
    if settings.execution == "local":
        yield settings.worker_count
        return

    with connected(settings.dask_cluster) as client:
        say(
            f"videos are processed by the Dask cluster at {client.scheduler.address}; dashboard {client.dashboard_link}"
        )
        yield DaskPool(client)
