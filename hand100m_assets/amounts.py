"""Counts and sizes as a person reads them: `1 file is`, `2 files are`, `6.5 MB`."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """Say how many there are of something, with a comma between thousands.

    Args:
        number: How many.
        one: The words behind 1, with the verb where one follows, such as `file is`.
        many: The words behind every other number; by default `one` with an s.

    Example:
        >>> from hand100m_assets.amounts import counted
        >>> counted(1, "file is", "files are"), counted(0, "hand"), counted(2, "box", "boxes"), counted(49930, "image")
        ('1 file is', '0 hands', '2 boxes', '49,930 images')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def sized(size_bytes: int) -> str:
    """Say how large something is, in the largest unit of which there is one.

    Args:
        size_bytes: Size in bytes. A MB is a million of them, as on the label of a disk.

    Example:
        >>> from hand100m_assets.amounts import sized
        >>> sized(1), sized(812), sized(6_531_840), sized(7_701_000_000_000)
        ('1 byte', '812 bytes', '6.5 MB', '7.7 TB')
    """
    size, units = size_bytes / 1000, ["kB", "MB", "GB", "TB"]
    if size < 1:
        return counted(size_bytes, "byte")
    # 999.95 kB would be shown as 1,000.0 kB.
    while size >= 999.95 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:,.1f} {units[0]}"
