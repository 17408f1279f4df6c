"""Members of a tar file as bytes: header, data, padding. A shard is the members of its videos and an end mark.

Source: POSIX.1-1988 ustar, as the standard library's `tarfile` and the WebDataset readers take it.
"""

from __future__ import annotations

import tarfile
from typing import Final

BLOCK_BYTES: Final = tarfile.BLOCKSIZE
END: Final = bytes(2 * BLOCK_BYTES)


def member(name: str, data: bytes) -> bytes:
    """One file of the archive; the same name and data give the same bytes. The data begin after one block."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % BLOCK_BYTES)
