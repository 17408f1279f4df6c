"""The text of a settings file, held to lines that mean something: whatever else is in it would be passed over."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dotenv.parser import parse_stream

from hand100m_assets.errors import SettingsError

ENCODING: Final = "utf-8-sig"
"""UTF-8, with or without the mark that Windows programs put in front."""

_OTHER_MARKS: Final = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_SAVE_AS: Final = "Save it as UTF-8 (in an editor, or with `iconv -t UTF-8`)."


def insist_on_settings(path: Path) -> None:
    """Refuse a settings file of which some line would do nothing; one that is not there is as good as an empty one.

    Raises:
        SettingsError: It cannot be read, is not UTF-8, or a line is not NAME=value; the message says which.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise SettingsError(
            f"cannot be read ({error.strerror or error})", where=path, fix="Give read permission, or name another file."
        ) from error
    faults = list(_faults(_text(data, path)))
    if faults:
        raise SettingsError("; ".join(faults), where=path, fix="Write NAME=value, one in a line; # begins a comment.")


def _text(data: bytes, path: Path) -> str:
    mark = next((name for bom, name in _OTHER_MARKS.items() if data.startswith(bom)), None)
    if mark is None and b"\0" in data:
        mark = "UTF-16 or binary"
    if mark is not None:
        raise SettingsError(f"is {mark}, not UTF-8 text", where=path, fix=_SAVE_AS)
    try:
        return data.decode(ENCODING)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        what = f"is not UTF-8 text: line {line} has the byte 0x{data[error.start]:02x}"
        raise SettingsError(what, where=path, fix=_SAVE_AS) from error


def _faults(text: str) -> Iterator[str]:
    for binding in parse_stream(io.StringIO(text)):
        said = binding.original.string.strip()
        is_setting = binding.value is not None and re.fullmatch(r"\w+", binding.key or "", re.ASCII)
        if said and (binding.error or (binding.key is not None and not is_setting)):
            line = _first_line(binding.original.line, binding.original.string)
            yield f"line {line}: {said.splitlines()[0][:80]!r} is not NAME=value"


def _first_line(line: int, said: str) -> int:
    """Lines before the binding that belong to it are empty."""
    return line + said[: len(said) - len(said.lstrip())].count("\n")
