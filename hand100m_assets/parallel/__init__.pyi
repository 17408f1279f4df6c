from .dask_cluster import DaskCluster, DaskQueue, connected
from .worker_processes import kill_pool, start_pool

__all__ = [
    "DaskCluster",
    "DaskQueue",
    "connected",
    "kill_pool",
    "start_pool",
]
