"""Where a batch's videos are worked on: processes of this machine, or a Dask cluster; chosen by the settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hand100m_assets.parallel import DaskPool, connected
from hand100m_assets.settings import Settings


@contextmanager
def chosen_workers(settings: Settings, say: Callable[[str], None]) -> Iterator[int | DaskPool]:
    """What `extract_many` is to work with.

    Args:
        settings: `execution` decides.
        say: Told where the work goes, when that is not this machine.

    Raises:
        SettingsError: The cluster's packages are not installed, or its options do not fit.
        RetryableError: The cluster cannot be reached.
    """
    if settings.execution == "local":
        yield settings.worker_count
        return

    with connected(settings.dask_cluster) as client:
        say(
            f"videos are worked on by the Dask cluster at {client.scheduler.address}; dashboard {client.dashboard_link}"
        )
        yield DaskPool(client)
