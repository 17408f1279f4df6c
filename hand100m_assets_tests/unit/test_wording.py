"""The check of words finds what a reader would stumble over, and nothing else."""

from __future__ import annotations

import pytest

from hand100m_assets_tests.wording import faults_of_code, faults_of_page

WRONG = {
    "count": (
        'f"{number} files are not whole videos"',
        'f"{len(found):,} finished videos"',
        'f"{found} of {hands} hands"',
        'f"{hours:.0f} hours"',
        '"{count} boxes lie outside".format(count=count)',
        '"There are 1 whole videos here."',
        'f"{a} cells empty, {b:.1f} MB"',
    ),
    "per": (
        '"Neighbours a hand."',
        '"A grid a set."',
        '"one a core"',
        '"It is read once a file."',
        'f"{pace:.1f} frames a second"',
        'def one():\n    """One row a video."""',
        '"One word a thing"',
    ),
    "library": (
        '"Input should be an object"',
        '"List should have at least 63 items after validation, not 3"',
        'error["msg"]',
        'f"Value error, {what}"',
    ),
    "long": (
        'click.echo("word " * 3 + "word")\nclick.echo("' + 25 * "word " + '")',
        'log.info(f"' + 30 * "{a} or" + '")',
    ),
}

RIGHT = (
    'counted(number, "file is", "files are")',
    "f\"{counted(number, 'file')} in {folder}\"",
    'f"{hours:.1f} hours"',
    'f"{name} is a file of {source} that has no frames"',
    'f"{place}: the frames of it"',
    'f"{width_px} x {height_px} px"',
    '"Registers each file as a set."',
    '"a second list, and half a second later"',
    '"one annotation file is a set"',
    '"The first 1 s of it"',
    'f"{speed_mb_s:.1f} MB per second"',
    '"what the input is, and the value of it"',
    'error["type"]',
    'click.echo("' + 23 * "word " + '")',
    'click.echo(f"' + 23 * "word " + '{name!r:>40}")',
)


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in WRONG.items() for code in codes])
def test_a_fault_is_found_with_its_line_and_with_what_to_write(kind: str, code: str) -> None:
    found = list(faults_of_code("room/module.py", f"\n{code}\n"))
    assert {fault.kind for fault in found} == {kind}
    assert all(fault.where == "room/module.py" and fault.line >= 2 and fault.words and fault.fix for fault in found)


@pytest.mark.parametrize("code", RIGHT)
def test_plain_english_is_no_fault(code: str) -> None:
    assert not list(faults_of_code("room/module.py", code))


def test_a_fault_in_a_docstring_has_the_line_of_its_paragraph() -> None:
    source = 'def first():\n    """Take it.\n\n    It is read once a file.\n    """\n'
    assert [fault.line for fault in faults_of_code("module.py", source)] == [4]


def test_both_numbers_of_a_string_are_named() -> None:
    assert [fault.words for fault in faults_of_code("module.py", 'f"{a} hands in {b} videos"')] == [
        "{} hands",
        "{} videos",
    ]


def test_a_page_may_show_code_and_long_tables_and_addresses_but_no_other_long_line() -> None:
    long = 25 * "words "
    page = f"{long}\n| {long} |\n[{long}](there.md)\nhttps://there/{long}\n```\nonce a file\n```\nonce a file\n"
    assert [(fault.line, fault.kind) for fault in faults_of_page("page.md", page)] == [(1, "long"), (8, "per")]
