"""A disk of a few hundred kilobytes, in memory; root alone may mount one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size_kib: int) -> Iterator[Path]:
    folder.mkdir(parents=True)
    mounted = os.geteuid() == 0 and _mount("-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(folder))
    if not mounted:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def grow(folder: Path, size_kib: int) -> None:
    assert _mount("-o", f"remount,size={size_kib}k", str(folder))


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0
