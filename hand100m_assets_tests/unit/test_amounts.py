"""Counts and sizes are English."""

from __future__ import annotations

import doctest

import pytest

from hand100m_assets import amounts
from hand100m_assets.amounts import counted, sized


def test_its_examples_run() -> None:
    assert doctest.testmod(amounts) == (0, 4)


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 files are"), (1, "1 file is"), (2, "2 files are"), (1001, "1,001 files are")]
)
def test_one_is_singular_and_every_other_number_is_plural(number: int, said: str) -> None:
    assert counted(number, "file is", "files are") == said


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (999_950_000_000, "1.0 TB"),
        (3_000_000_000_000_000, "3,000.0 TB"),
    ],
)
def test_a_size_has_the_largest_unit_that_it_fills(size_bytes: int, said: str) -> None:
    assert sized(size_bytes) == said
