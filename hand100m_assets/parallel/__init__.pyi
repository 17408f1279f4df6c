from .batch import work_through
from .dask_cluster import DaskCluster, DaskQueue, connected
from .dask_pool import DaskPool
from .task import Outcome, Task, TimeLimitError, WorkerDiedError

__all__ = [
    "DaskCluster",
    "DaskPool",
    "DaskQueue",
    "Outcome",
    "Task",
    "TimeLimitError",
    "WorkerDiedError",
    "connected",
    "work_through",
]
