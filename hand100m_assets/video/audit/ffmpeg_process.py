"""One run of the ffmpeg program: the errors that it logs, its time limit, and its end when the caller ends."""

from __future__ import annotations

import re
import subprocess
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any, Final

import imageio_ffmpeg

from hand100m_assets.interrupts import running

MAX_WORDS_KEPT: Final = 1_000
_ADDRESS: Final = re.compile(rb" @ 0x[0-9a-f]+")
_LONGEST_LINE_BYTES: Final = 500


@dataclass
class FfmpegProcess:
    """A running ffmpeg. Leaving the context ends it, whatever it is doing.

    Attributes:
        node: Output node of ffmpeg-python that writes to `pipe:`.
        time_limit_s: Number of seconds after which the process is killed.
        complaints: The first lines that it logged as errors, without addresses.
        ran_out_of_time: Whether it was killed because of its time limit.
    """

    node: Any
    time_limit_s: float
    complaints: list[str] = field(default_factory=list)
    ran_out_of_time: bool = False

    def __enter__(self) -> FfmpegProcess:
        # `-copyts` is for frames that are identified by their timestamps; it changes nothing for others.
        told = self.node.global_args("-nostdin", "-loglevel", "repeat+error", "-copyts")
        self._process: subprocess.Popen[bytes] = told.run_async(
            cmd=imageio_ffmpeg.get_ffmpeg_exe(), pipe_stdout=True, pipe_stderr=True
        )
        self._running = running(self._process)
        self._running.__enter__()
        self._timer = threading.Timer(self.time_limit_s, self._end_for_time)
        self._timer.daemon = True
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._timer.start()
        self._listener.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.wait()
        self._running.__exit__(None, None, None)
        self._listener.join(timeout=5)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    @property
    def output(self) -> IO[bytes]:
        """What it writes to `pipe:`."""
        assert self._process.stdout is not None
        return self._process.stdout

    def finish(self) -> int:
        """Wait until the process ends, after its output was read to the end; return its exit status."""
        status = self._process.wait()
        self._listener.join(timeout=5)
        return status

    def _end_for_time(self) -> None:
        self.ran_out_of_time = True
        self._process.kill()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in iter(self._readline, b""):
            words = _ADDRESS.sub(b"", line).strip().decode("utf-8", "replace")
            if words and len(self.complaints) < MAX_WORDS_KEPT:
                self.complaints.append(words)

    def _readline(self) -> bytes:
        assert self._process.stderr is not None
        return self._process.stderr.readline(_LONGEST_LINE_BYTES)
