"""What is put in the place of an annotation file is called by its name, with what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
import zstandard

from hand100m_assets.annotations.reading.foreign_files import foreign_file
from hand100m_assets.annotations.reading.reader import RecordReader
from hand100m_assets.errors import AnnotationFileError
from hand100m_assets_tests.unit.annotations.records import sound_set

TEXT = json.dumps(sound_set(3))


def zip_archive() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("set.json", TEXT)
    return held.getvalue()


def tar_archive(tar_format: int) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tar_format) as archive:
        info = tarfile.TarInfo("set.json")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT.encode()))
    return held.getvalue()


def database() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table hands (hand_id integer)")
        connection.commit()
        return connection.serialize() if hasattr(connection, "serialize") else b"SQLite format 3\0" + bytes(84)


def written(save: Callable[[io.BytesIO], object]) -> bytes:
    held = io.BytesIO()
    save(held)
    return held.getvalue()


BUCKET = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Request has expired</Message><RequestId>7</RequestId></Error>"""

FILES: dict[str, tuple[bytes, str, str]] = {
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 83\n",
        "a Git LFS pointer",
        "git lfs pull",
    ),
    "lfs, old": (
        b"version https://hawser.github.com/spec/v1\noid sha256:4d\nsize 83\n",
        "a Git LFS pointer",
        "git lfs pull",
    ),
    "annex": (b"../../.git/annex/objects/3q/Zv/MD5E-s83.json/MD5E-s83.json\n", "git-annex pointer", "git annex get"),
    "annex short": (b"/annex/objects/MD5E-s83--4d.json\n", "git-annex pointer", "git annex get"),
    "page": (b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>", 'a web page ("Sign in")', "browser"),
    "page, bare": (b"\r\n  <HTML lang=en><BODY>404 Not Found", "a web page", "browser"),
    "page, commented": (b"<!-- quota exceeded --><html>", "a web page", "browser"),
    "page, with mark": (b"\xef\xbb\xbf<html>", "a web page", "browser"),
    "bucket": (BUCKET.encode(), 'a storage server ("AccessDenied: Request has expired")', "permission"),
    "bucket, bare": (BUCKET.partition("\n")[2].encode(), '("AccessDenied: Request has expired")', "permission"),
    "xml": (b'<?xml version="1.0"?><svg xmlns="x"/>', "an XML document", "annotation file"),
    "xml, bare": (b"<annotation><folder>VOC</folder></annotation>", "an XML document", "annotation file"),
    "http": (b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html>", "answer of a web server", "again"),
    "zip": (zip_archive(), "a zip archive", "Unpack"),
    "zip, empty": (b"PK\x05\x06" + bytes(18), "a zip archive", "Unpack"),
    "bzip2": (bz2.compress(TEXT.encode()), "bzip2 data", "Unpack"),
    "xz": (lzma.compress(TEXT.encode()), "xz data", "Unpack"),
    "lzma": (lzma.compress(TEXT.encode(), format=lzma.FORMAT_ALONE), "lzma data", "Unpack"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7-Zip archive", "Unpack"),
    "rar": (b"Rar!\x1a\x07\x01\0", "a RAR archive", "Unpack"),
    "lz4": (b"\x04\x22\x4d\x18\x64\x40\xa7", "lz4 data", "Unpack"),
    "compress": (b"\x1f\x9d\x90{\x44", "program compress", "Unpack"),
    "zlib": (zlib.compress(TEXT.encode()), "zlib data", "Unpack"),
    "null": (b"null", "its top level is null", "annotation file"),
    "a word": (b"false\n", "its top level is a boolean", "annotation file"),
    "a number": (b"42", "its top level is a number", "annotation file"),
    "gzip twice": (gzip.compress(gzip.compress(TEXT.encode())), "packed data inside packed data", "once"),
    "gzip in zstd": (zstandard.compress(gzip.compress(TEXT.encode())), "packed data inside packed data", "once"),
    "zstd dictionary": (b"\x37\xa4\x30\xec\x67\x12\0\0", "a zstd dictionary", "annotation file"),
    "tar": (tar_archive(tarfile.USTAR_FORMAT), "a tar archive", "Unpack"),
    "tar, pax": (tar_archive(tarfile.PAX_FORMAT), "a tar archive", "Unpack"),
    "tar, old": (tar_archive(tarfile.GNU_FORMAT), "a tar archive", "Unpack"),
    "tar.gz": (gzip.compress(tar_archive(tarfile.GNU_FORMAT)), "a tar archive", "Unpack"),
    "page in gzip": (gzip.compress(b"<html><title>Busy</title>"), 'a web page ("Busy")', "browser"),
    "utf-16": (TEXT.encode("utf-16"), "UTF-16 text", "iconv -f UTF-16LE"),
    "utf-16, big": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "UTF-16 text", "iconv -f UTF-16BE"),
    "utf-16, no mark": (TEXT.encode("utf-16-le"), "UTF-16 text", "iconv -f UTF-16LE"),
    "utf-16, big, no mark": (TEXT.encode("utf-16-be"), "UTF-16 text", "iconv -f UTF-16BE"),
    "utf-16, new line": (f"\r\n{TEXT}".encode("utf-16-le"), "UTF-16 text", "iconv -f UTF-16LE"),
    "utf-32": (TEXT.encode("utf-32"), "UTF-32 text", "iconv -f UTF-32"),
    "utf-32, no mark": (TEXT.encode("utf-32-be"), "UTF-32 text", "iconv -f UTF-32"),
    "utf-16 in gzip": (gzip.compress(TEXT.encode("utf-16")), "UTF-16 text", "iconv"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document", "annotation file"),
    "parquet": (written(pl.DataFrame({"a": [1]}).write_parquet), "a Parquet table", "annotation file"),
    "arrow": (written(pl.DataFrame({"a": [1]}).write_ipc), "an Arrow table", "annotation file"),
    "numpy": (written(lambda held: np.save(held, np.zeros(3))), "a NumPy array", "annotation file"),
    "pickle": (pickle.dumps(sound_set(1)), "a Python pickle", "annotation file"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "annotation file"),
    "sqlite": (database(), "an SQLite database", "annotation file"),
    "jpeg": (cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes(), "a picture", "annotation file"),
    "png": (cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes(), "a picture", "annotation file"),
    "mp4": (b"\0\0\0\x20ftypisom\0\0\x02\0", "a video", "annotation file"),
    "torrent": (b"d8:announce35:udp://tracker", "a torrent", "Download"),
    "link": (b"[InternetShortcut]\r\nURL=https://example.org/\r\n", "a link to a web page", "again"),
    "zeros": (bytes(5000), "zero bytes", "finish"),
    "word": (b"Not Found", 'it begins with "Not Found"', "annotation file"),
    "csv": (b"hand_id,image_id\n1,2\n", 'it begins with "hand_id,image_id', "annotation file"),
    "python": (b"{'images': [], 'annotations': []}", "it begins with \"{'images'", "annotation file"),
    "random": (b"\x81\x02\xfe" * 30, "it begins with the bytes 81 02 fe", "annotation file"),
    "json lines": (b'{"hand_id": "1"}\n{"hand_id": "2"}\n', 'it begins with "{\\"hand_id', "annotation file"),
    "json error": (b'{"message": "Not Found"}', 'it begins with "{\\"message\\": \\"Not Found', "annotation file"),
    "coco list": (b'[{"image_id": 1, "bbox": []}]', "its top level is an array", "annotation file"),
    "empty": (b"", "the file is empty", "Download"),
    "spaces": (b"  \r\n\t\n", "the file is empty", "Download"),
    "mark alone": (b"\xef\xbb\xbf", "the file is empty", "Download"),
    "empty gzip": (gzip.compress(b""), "the packed data is whole, and empty", "Download"),
    "empty zstd": (zstandard.compress(b""), "the packed data is whole, and empty", "Download"),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("chunk_bytes", [1, 4 << 20])
def test_another_kind_of_file_is_called_by_its_name_with_what_to_do(
    tmp_path: Path, kind: str, chunk_bytes: int
) -> None:
    content, words, fix = FILES[kind]
    path = tmp_path / "Hand100M_Ego4D_50k_v1-1.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationFileError) as caught:
        list(RecordReader(path, chunk_bytes=chunk_bytes).records())
    assert words in caught.value.what
    assert fix in str(caught.value.fix)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert "it begins with" in caught.value.what or "empty" in caught.value.what or "nothing" in caught.value.what


@pytest.mark.parametrize("lead", ["", " ", "\n", "\r\n\t ", " " * 2000])
@pytest.mark.parametrize("text", ["{", '{"images": [', '{"a": "<html>"', "[", '"PK', '{ "ustar": 1', '{"ftyp": 1'])
def test_what_begins_as_json_is_left_to_the_reader_of_json(lead: str, text: str) -> None:
    assert foreign_file((lead + text).encode()[:1024]) is None
