"""Files that are whole or not there, and one clear error when the disk refuses."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import polars as pl
import pytest

from hand100m_assets.errors import OutputUnwritableError
from hand100m_assets.files.output_files import output_errors, write_whole
from hand100m_assets.files.output_tables import table_output_errors

ALWAYS_FULL = Path("/dev/full")


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "write permission")],
)
def test_each_refusal_of_the_disk_says_what_to_do(number: int, advice: str) -> None:
    with pytest.raises(OutputUnwritableError, match=advice), output_errors(Path("out")):
        raise OSError(number, os.strerror(number))


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def refuse(_path: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# Written to, never renamed or removed: with a root's rights that would hit the device itself.
@pytest.mark.skipif(not ALWAYS_FULL.is_char_device(), reason="this system has no device that is always full")
@pytest.mark.parametrize("rows", [0, 100_000])
def test_a_full_disk_is_the_same_clear_error_when_polars_meets_it(rows: int) -> None:
    table = pl.DataFrame({"number": range(rows)}, schema={"number": pl.Int64})
    with (
        pytest.raises(OutputUnwritableError, match=r"catalog\.parquet: .*No space left.*free some space"),
        table_output_errors(Path("catalog.parquet")),
    ):
        table.write_parquet(ALWAYS_FULL)


def test_a_folder_that_is_not_there_is_a_clear_error_too(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "table.parquet"
    with pytest.raises(OutputUnwritableError, match="No such file"), table_output_errors(path):
        pl.DataFrame({"a": [1]}).write_parquet(path)


def test_a_fault_of_ours_is_not_taken_for_one_of_the_disk() -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError), table_output_errors(Path("out")):
        pl.DataFrame({"a": [1]}).select("b")
