"""Works through the items of a batch, in this process or with a pool. A fault in one never stops the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Final

from hand100m_assets.errors import DiskFullError
from hand100m_assets.parallel.dask_pool import DaskPool
from hand100m_assets.parallel.local_pool import LocalPool
from hand100m_assets.parallel.task import Item, Order, Outcome, Task, Value, WorkerDiedError

_AHEAD: Final = 16
"""Items per worker that may be in hand where outcomes come in order: a long item would leave other workers idle."""


def work_through(
    items: Iterable[Item],
    task: Task[Item, Value],
    workers: int | DaskPool,
    should_stop: Callable[[], bool] | None = None,
    *,
    watch: Callable[[Collection[Item]], None] | None = None,
    in_order: bool = False,
) -> Generator[Outcome[Item, Value], None, None]:
    """Do something with many items, and yield each outcome when its item is finished.

    A failed item gives an outcome with an error and does not stop the others. An item whose worker process dies, for
    instance because the system killed it for memory, is tried once more while no other item is worked on, and fails if
    the worker dies again. If you close the iterator, if an exception is raised or if you press Ctrl-C, the workers end
    at once.

    Args:
        items: Taken one after the other, as workers become free.
        task: What is done with each item.
        workers: Number of worker processes on this machine, with one thread each; 0 works in this process, for
            notebooks and debuggers. Or a `DaskPool`; it is ended with the work.
        should_stop: Called about twice per second. When it returns True, no further outcome follows.
        watch: Called as often with the items that are being worked on, for a progress display.
        in_order: Whether outcomes come in the order of the items. At most 16 items per worker are then in hand.

    Yields:
        One outcome per item.

    Raises:
        DiskFullError: The output disk is full, so the following items would fail, too. Free some space and run again;
            the outcomes before it stay valid.
        RetryableError: The cluster is lost or has no workers. Start it, then run again.
        SettingsError: The task names no folder, and the work goes to a cluster. Set `Task.folder`.

    Example:
        >>> from hand100m_assets.parallel import Task, work_through
        >>> def length(word, should_stop):
        ...     return len(word)
        >>> for outcome in work_through(["hand", "keypoint"], Task(work=length), workers=0):
        ...     print(outcome.item, outcome.error or outcome.value)
        hand 4
        keypoint 8
    """
    is_stopped = False

    def stop(running: Collection[Item]) -> bool:
        nonlocal is_stopped
        if watch is not None:
            watch(running)
        is_stopped = is_stopped or (should_stop is not None and should_stop())
        return is_stopped

    orders = (
        Order(number=number, work=task.work, item=item, where=str(task.name(item)), limit_s=task.limit_s(item))
        for number, item in enumerate(items)
    )
    pool = LocalPool(workers) if isinstance(workers, int) else workers
    outcomes = _in_this_process(orders, stop) if workers == 0 else _with_pool(orders, pool, stop, in_order)
    try:
        pool.start(task.folder)
        for outcome in outcomes:
            if isinstance(outcome.error, DiskFullError):
                raise outcome.error
            yield outcome
    finally:
        pool.kill()


def _in_this_process(orders: Iterator[Order], stop: Callable[[Collection[Any]], bool]) -> Iterator[Outcome[Any, Any]]:
    for order in orders:
        should_stop = partial(stop, [order.item])
        if should_stop():
            return
        outcome = order.attempt(should_stop)
        if should_stop():
            return
        yield replace(outcome, item=order.item)


def _with_pool(
    orders: Iterator[Order], pool: LocalPool | DaskPool, stop: Callable[[Collection[Any]], bool], in_order: bool
) -> Iterator[Outcome[Any, Any]]:
    in_hand, ended = dict[int, Order](), dict[int, Outcome[Any, Any]]()
    suspects, died, given = deque[Order](), set[int](), 0
    while not stop([order.item for order in in_hand.values()]):
        room = pool.size * (_AHEAD if in_order else 1) - len(in_hand) - len(ended)
        # An item over which a worker died is tried again alone: perhaps memory was short for all of them together.
        room = 0 if suspects or died & in_hand.keys() else max(0, room)
        begun = [suspects.popleft()] if suspects and not in_hand else islice(orders, room)
        for order in begun:
            in_hand[order.number] = order
            pool.submit(order)
        if not in_hand:
            return
        for number, outcome in pool.collect():
            order = in_hand.pop(number)
            if isinstance(outcome.error, WorkerDiedError) and number not in died:
                died.add(number)
                suspects.append(order)
            else:
                ended[number] = replace(outcome, item=order.item)
        while ended and (not in_order or given in ended):
            yield ended.pop(given if in_order else next(iter(ended)))
            given += 1
