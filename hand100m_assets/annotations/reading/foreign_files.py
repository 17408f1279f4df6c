"""What a file is that is no annotation file, by its first bytes, and what the user can do."""

from __future__ import annotations

import json
import re
import tarfile
from typing import Final, NamedTuple

HEAD_BYTES: Final = 1024
"""First bytes of a file: enough for the title of most web pages; a tar archive needs 512."""

_SHOWN_CHARS: Final = 60
_SHOWN_BYTES: Final = 16


class ForeignFile(NamedTuple):
    """A file that is no annotation file.

    Attributes:
        words: What the file is.
        fix: What the user can do.
    """

    words: str
    fix: str


_AGAIN: Final = "Download the file itself again, and look at what comes."
_UNPACK: Final = "Unpack it and put the JSON file that is in it here; of packed files, gzip and zstd are read."
_UTF8: Final = "Save it as UTF-8, for instance with: iconv -f {} -t UTF-8 OLD.json > NEW.json"
_OTHER: Final = "Put the original annotation file here, or move this one elsewhere."
_PAGE_FIX: Final = (
    "The link led to a page (a login, a warning or an error) and not to the file: open it in a browser, then "
    "download the file itself."
)

_KINDS: Final[tuple[tuple[bytes, ForeignFile], ...]] = (
    (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", ForeignFile("a zip archive", _UNPACK)),
    (rb"BZh[1-9]", ForeignFile("bzip2 data", _UNPACK)),
    (rb"\xfd7zXZ\0", ForeignFile("xz data", _UNPACK)),
    (rb"\x5d\0\0", ForeignFile("lzma data", _UNPACK)),
    (rb"7z\xbc\xaf\x27\x1c", ForeignFile("a 7-Zip archive", _UNPACK)),
    (rb"Rar!", ForeignFile("a RAR archive", _UNPACK)),
    (rb"\x04\x22\x4d\x18", ForeignFile("lz4 data", _UNPACK)),
    (rb"\x1f\x9d", ForeignFile("data of the program compress", _UNPACK)),
    (rb"\x78[\x01\x9c\xda]", ForeignFile("zlib data", _UNPACK)),
    (rb"\x1f\x8b|\x28\xb5\x2f\xfd", ForeignFile("packed data inside packed data", "Unpack it once.")),
    (rb"\x37\xa4\x30\xec", ForeignFile("a zstd dictionary", _OTHER)),
    (
        rb"version https://(?:git-lfs|hawser)\.github\.com/spec/",
        ForeignFile("a Git LFS pointer, which stands for the file", "Run `git lfs pull` where it comes from."),
    ),
    (
        rb"(?:\.\./)*(?:\.git)?/?annex/objects/",
        ForeignFile("a git-annex pointer, which stands for the file", "Run `git annex get` where it comes from."),
    ),
    (rb"HTTP/[0-9.]+ [0-9]{3}", ForeignFile("an answer of a web server with its header", _AGAIN)),
    (rb"d[0-9]+:(?:announce|created|comment|info)", ForeignFile("a torrent", "Download what it names.")),
    (rb"\[InternetShortcut\]", ForeignFile("a link to a web page", _AGAIN)),
    (rb"%PDF-", ForeignFile("a PDF document", _OTHER)),
    (rb"PAR1", ForeignFile("a Parquet table", _OTHER)),
    (rb"ARROW1", ForeignFile("an Arrow table", _OTHER)),
    (rb"\x89HDF", ForeignFile("an HDF5 file", _OTHER)),
    (rb"\x93NUMPY", ForeignFile("a NumPy array", _OTHER)),
    (rb"\x80[\x02-\x05]", ForeignFile("a Python pickle", _OTHER)),
    (rb"SQLite format 3", ForeignFile("an SQLite database", _OTHER)),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP", ForeignFile("a picture", _OTHER)),
    (rb"\0...ftyp|\x1a\x45\xdf\xa3|RIFF....AVI ", ForeignFile("a video", _OTHER)),
    # Before UTF-16, because the mark of UTF-32 LE begins with that of UTF-16 LE.
    (rb"\xff\xfe\0\0|\0\0\xfe\xff|[\s{\[]\0\0\0|\0\0\0[\s{\[]", ForeignFile("UTF-32 text", _UTF8.format("UTF-32"))),
    (rb"\xff\xfe|[\s{\[]\0", ForeignFile("UTF-16 text", _UTF8.format("UTF-16LE"))),
    (rb"\xfe\xff|\0[\s{\[]", ForeignFile("UTF-16 text", _UTF8.format("UTF-16BE"))),
    (
        rb"\0{16}",
        ForeignFile(
            "zero bytes at first, as in a file that a download has not filled yet",
            "Let it finish, or download it again.",
        ),
    ),
)
_COMPILED: Final = tuple((re.compile(pattern, re.DOTALL), kind) for pattern, kind in _KINDS)
_PAGE: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|script|meta|div|!--)", re.IGNORECASE)
_TITLE: Final = re.compile(rb"<title[^>]*>\s*([^<]*[^<\s])", re.IGNORECASE)
_XML: Final = re.compile(rb"<(?:\?xml|Error|[A-Za-z][\w.:-]*[\s>])")
_XML_ANSWER: Final = re.compile(rb"<(?:Code|Message)>([^<]*)<")


def foreign_file(head: bytes) -> ForeignFile | None:
    """What a file with these first bytes is; None if it may be JSON, or is not known.

    Args:
        head: Up to `HEAD_BYTES` of the unpacked file, without a byte order mark.
    """
    known = next((kind for pattern, kind in _COMPILED if pattern.match(head)), None)
    if known is not None:
        return known
    text = head.lstrip()
    if text.startswith((b"{", b"[", b'"')) or not text:
        return None
    if _PAGE.match(text):
        return ForeignFile(f"a web page{_quoted(_TITLE.findall(head))}", _PAGE_FIX)
    if _XML.match(text):
        answer = _XML_ANSWER.findall(head)
        words = f"an error answer of a storage server{_quoted(answer)}" if answer else "an XML document"
        return ForeignFile(words, "Get a new link or permission, then download the file itself." if answer else _OTHER)
    return ForeignFile("a tar archive", _UNPACK) if _is_tar(head) else None


def beginning(head: bytes) -> str:
    """The first bytes in a form that a person can read."""
    text = head[:_SHOWN_CHARS].decode("utf-8", "replace")
    if text.replace("\ufffd", "").translate({9: None, 10: None, 13: None}).isprintable() and "\ufffd" not in text[:-1]:
        return f"it begins with {json.dumps(text.rstrip(chr(0xFFFD)), ensure_ascii=False)}"
    return f"it begins with the bytes {head[:_SHOWN_BYTES].hex(' ')}"


def _quoted(found: list[bytes]) -> str:
    words = ": ".join(part.decode("utf-8", "replace").strip() for part in found[:2])
    return f' ("{" ".join(words.split())[:120]}")' if words else ""


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
