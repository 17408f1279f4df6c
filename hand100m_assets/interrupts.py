"""The first Ctrl-C or SIGTERM ends a command: one line, exit status 130 or 143, and no process left behind.

Only the standard library is imported here: a command listens before its imports, which take seconds. Dagster puts
handlers of its own in place while it executes a run, and goes on to the next run afterwards, so the signals are also
read from the descriptor that Python writes each of them to.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

GRACE_S: Final = 10.0
"""So long a command may take to end its work in order; after that, or at a second signal, the process just ends."""

_ONCE_S: Final = 1.0
"""Signals within so long are one: `timeout` sends its signal to the process and to its group."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_LINE: Final = "Stopped. What is finished stays; give the same command again to go on."


class _Listener:
    """Signals of this process, noticed whatever handler is in place."""

    def __init__(self) -> None:
        self.is_starting = True
        self.may_raise = True
        self.came = threading.Event()
        self._first: int | None = None
        self._first_s = 0.0
        self._stderr = os.dup(2)
        self._lock = threading.RLock()  # a handler may run while its own thread holds it
        self._reading, writing = os.pipe()
        for end in (self._reading, writing):
            os.set_blocking(end, False)
        self._heeded = {number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
        for number in self._heeded:
            signal.signal(number, self._handle)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, daemon=True).start()

    def told(self) -> int | None:
        """Number of the first signal so far."""
        with self._lock:
            with suppress(BlockingIOError):
                for number in os.read(self._reading, 64):
                    if number in self._heeded:
                        self._take(number)
            return self._first

    def _take(self, number: int) -> None:
        if self._first is None:
            self._first, self._first_s = number, time.monotonic()
            os.write(self._stderr, f"\n{_LINE}\n".encode())
            self.came.set()
            timer = threading.Timer(GRACE_S, _end_now, [number])
            timer.daemon = True
            with suppress(RuntimeError):  # the interpreter is ending anyhow
                timer.start()
        elif time.monotonic() > self._first_s + _ONCE_S:
            _end_now(self._first)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        told = self.told() or number
        if self.is_starting:
            _end_now(told)
        if self.may_raise:
            self.may_raise = False
            raise SystemExit(128 + told)

    def _watch(self) -> None:
        while True:
            select.select([self._reading], [], [])
            self.told()


_listener: _Listener | None = None


def listen() -> None:
    """Heed signals from now on, in the main thread of a command; until `ending_when_told` they end it at once."""
    global _listener  # noqa: PLW0603 - signals are the process's
    _listener = _listener or _Listener()


@contextmanager
def ending_when_told(*, anywhere: bool = True) -> Iterator[None]:
    """Do the work of a command that listens; what a signal leads to in it becomes the exit status of that signal.

    Args:
        anywhere: Whether the work may be interrupted between any two statements. If not, it asks `end_if_told` now and
            then: libraries that log whatever is raised in their cleaning up would print it and go on.
    """
    if _listener is not None:
        _listener.may_raise, _listener.is_starting = anywhere, False
    try:
        yield
    except BaseException:
        end_if_told()
        raise
    end_if_told()


def pause(seconds: float) -> None:
    """Sleep, but not beyond a signal.

    Raises:
        SystemExit: One came.
    """
    if _listener is None:
        time.sleep(seconds)
    else:
        _listener.came.wait(seconds)
    end_if_told()


def end_if_told() -> None:
    """Go no further when a signal came that somebody else's handler took.

    Raises:
        SystemExit: One came.
    """
    told = _listener.told() if _listener else None
    if told is not None:
        raise SystemExit(128 + told) from None


def _end_now(told: int) -> None:
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing else ():
        child.kill()
    os._exit(128 + told)
