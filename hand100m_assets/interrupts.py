"""The first Ctrl-C or SIGTERM ends a command: one line, exit status 130 or 143, and no process left behind.

The work of a command runs in a thread of its own, and the main thread does nothing but wait for it: Dagster puts
handlers of its own in place while it executes a run in the main thread, fails that run and goes on to the next one,
and what a handler raises there may end in a library's log. Only the standard library is imported here, as a command
listens before its imports, which take seconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

GRACE_S: Final = 5.0
"""So long a command may take to end its work in order; after that, or at a second signal, the process just ends."""

_AGAIN_S: Final = 2.0
"""An interrupt that the work swallowed is repeated after so long."""

_ONCE_S: Final = 1.0
"""Signals within so long are one: `timeout` sends its signal to the process and to its group."""

_LINE: Final = "\nStopped. What is finished stays; give the same command again to go on.\n"
_DONE: Final = 0
_NO_LEAK_REPORT: Final = "ignore:resource_tracker:UserWarning"
"""Python's tracker of semaphores outlives the command, cleans up after it, and would report that below our line."""


_half_made: set[Path] = set()
_programs: set[subprocess.Popen[bytes]] = set()


@contextmanager
def half_made(path: Path) -> Iterator[None]:
    """What is filled here, a file or a folder, is removed where the process ends before the work could do so."""
    _half_made.add(path)
    try:
        yield
    finally:
        _half_made.discard(path)


@contextmanager
def running(program: subprocess.Popen[bytes]) -> Iterator[None]:
    """A program that is ended with this process; whoever waits for its output goes on then."""
    _programs.add(program)
    try:
        yield
    finally:
        _programs.discard(program)


class _Signals:
    """What this process is told, read from where Python writes each signal to, whichever thread the system gave it."""

    def __init__(self) -> None:
        self.is_working = False
        self._reading, self._writing = os.pipe()
        for end in (self._reading, self._writing):
            os.set_blocking(end, False)
        # One that is ignored, as `nohup` and `&` in a script leave it, stays ignored.
        self._heeded = {n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN}
        for number in self._heeded:
            signal.signal(number, self._handle)
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if not self.is_working:
            say()
            end(number)

    def work_is_done(self) -> None:
        """Told by the thread that works."""
        os.write(self._writing, bytes([_DONE]))

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Number of the next signal, 0 when the work is done, None if neither comes in time."""
        ready, _, _ = select.select([self._reading], [], [], timeout_s)
        came = os.read(self._reading, 1)[0] if ready else None
        return came if came is None or came == _DONE or came in self._heeded else self.wait(timeout_s)


_signals: _Signals | None = None


def listen() -> None:
    """Heed signals from now on, in the main thread of a command; until `work_until_told` they end it at once."""
    global _signals  # noqa: PLW0603 - signals are the process's
    sys.warnoptions.append(_NO_LEAK_REPORT)  # handed on to the processes that this one starts
    _signals = _signals or _Signals()


def work_until_told(work: Callable[[], None]) -> None:
    """Do the work of a command, and end the process with the signal's status when one comes.

    Raises:
        BaseException: What the work raises, as it is.
    """
    if _signals is None:  # called by somebody who heeds signals himself
        work()
        return
    signals, raised = _signals, list[BaseException]()

    def body() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below
            raised.append(error)
        finally:
            signals.work_is_done()

    thread = threading.Thread(target=body, name="work", daemon=True)
    signals.is_working = True
    thread.start()
    told = signals.wait()
    if told:
        say()
        _interrupt(thread, signals)
        end(told)
    signals.is_working = False
    if raised:
        raise raised[0]


def _interrupt(thread: threading.Thread, signals: _Signals) -> None:
    """Have the work end in order, if it can: its pools are gone, and it is interrupted wherever it is."""
    told_s = time.monotonic()
    while (left_s := told_s + GRACE_S - time.monotonic()) > 0:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt)
        )
        kill_children()
        came = signals.wait(min(left_s, _AGAIN_S))
        if came == _DONE or (came and time.monotonic() > told_s + _ONCE_S):
            return


def say() -> None:
    """Say the one line; nobody says anything after it."""
    with suppress(OSError):
        os.write(2, _LINE.encode())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def end(told: int) -> NoReturn:
    """End this process with its children, without the interpreter's tidying up, which waits for others."""
    kill_children()
    for path in [*_half_made]:
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    os._exit(128 + told)


def kill_children() -> None:
    """End worker processes and programs."""
    for program in [*_programs]:
        program.kill()
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing else ():
        child.kill()
