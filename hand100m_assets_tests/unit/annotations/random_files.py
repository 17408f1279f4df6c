"""Annotation files as nobody would write them, from a seed, with the text and the place of every record."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import zstandard

from hand100m_assets.annotations.reading.batches import SECTIONS, Section
from hand100m_assets.annotations.reading.reader import CHUNK_BYTES
from hand100m_assets_tests.unit.annotations.odd_records import HAND_KINDS, IMAGE_KINDS
from hand100m_assets_tests.unit.annotations.records import Raw, hand, image

_STRINGS: Final = (
    "",
    "a:b",
    "}, {",
    '"',
    "\\",
    '\\\\"',
    '{"images": [',
    "]",
    "é",
    "\u2028",
    "\U0001f590",
    "NaN",
    "\x7f",
)
_OTHER_MEMBERS: Final = (
    ("info", {"images": [{"id": 1}], "annotations": []}),
    ("licenses", []),
    ("images.item", "}, {"),
    ("", None),
    ("categories", [{"id": 1, "name": "hand", "annotations": [7]}]),
    ("note", "NaN"),
)


@dataclass
class RandomFile:
    """One file.

    Attributes:
        content: Its bytes, packed.
        text: The same, unpacked.
        records: Text of every record.
        offsets: First byte of each of them in the unpacked text.
        chunk_sizes: Two to read it with.
        what: What was drawn, for whoever looks at a failure.
    """

    content: bytes = b""
    text: bytes = b""
    records: dict[Section, list[bytes]] = field(default_factory=dict)
    offsets: dict[Section, list[int]] = field(default_factory=dict)
    chunk_sizes: tuple[int, int] = (CHUNK_BYTES, 1)
    what: str = ""


class _Writer:
    """JSON in one style, which a record may still depart from."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.spaces = rng.choice([("",), (" ",), ("\n    ",), ("\r\n\t",), ("", " ", "\n", "\r\n", "\t", "   ")])
        self.shuffled = rng.random() < 0.5
        self.repeated = rng.choice([0, 0, 0, 0.02, 0.3])
        self.escaped = rng.choice([0, 0, 0.05, 1])
        self.numbers_spelled = rng.choice([0, 0, 0.1])

    def space(self) -> str:
        return self.rng.choice(self.spaces)

    def string(self, text: str) -> str:
        if text and self.rng.random() < self.escaped:
            place = self.rng.randrange(len(text))
            if ord(text[place]) < 0x10000:
                parts = (json.dumps(text[:place])[1:-1], json.dumps(text[place + 1 :])[1:-1])
                return f'"{parts[0]}\\u{ord(text[place]):04x}{parts[1]}"'
        return json.dumps(text, ensure_ascii=self.rng.random() < 0.5)

    def number(self, value: float | None) -> str:
        if value is None or isinstance(value, bool) or self.rng.random() >= self.numbers_spelled:
            return json.dumps(value)
        if isinstance(value, float):
            return self.rng.choice([f"{value!r}", f"{value:.17e}", f"{value:.25f}", f"{value:.3E}"])
        return str(value)

    def value(self, value: Any, *, is_record: bool = False) -> str:
        if isinstance(value, dict):
            members = list(value.items())
            if is_record and self.shuffled:
                self.rng.shuffle(members)
            if is_record and members and self.rng.random() < self.repeated:
                members.insert(0, (self.rng.choice(members)[0], self.rng.choice([None, "}, {", 7, [], {"a:": 1}])))
            inner = [f"{self.space()}{self.string(k)}{self.space()}:{self.space()}{self.value(v)}" for k, v in members]
            return f"{{{','.join(inner)}{self.space()}}}"
        if isinstance(value, list):
            return f"[{self.space()}{f',{self.space()}'.join(self.value(item) for item in value)}{self.space()}]"
        return self.string(value) if isinstance(value, str) else self.number(value)


def random_file(seed: int) -> RandomFile:
    """The file of this seed."""
    rng = random.Random(seed)
    made, writer = RandomFile(), _Writer(rng)
    bad_share = rng.choice([0, 0.01, 0.05, 0.3, 1])
    hands = rng.choice([0, 1, 15, 17, 40, 90])
    images = rng.choice([0, 1, 20, 60])
    kinds = rng.choice([None, None, rng.choice(list(HAND_KINDS))])
    made.records = {
        "images": [_image(n, writer, bad_share) for n in range(images)],
        "annotations": [_hand(n, max(images, 1), writer, bad_share, kinds) for n in range(hands)],
    }
    _write_document(made, writer)
    made.content, packing = _packed(made.text, rng)
    made.chunk_sizes = (rng.choice([CHUNK_BYTES, 100_000, 20_000]), rng.choice([7000, 2500, 700, 61]))
    made.what = f"seed {seed}: {images} images, {hands} hands, {bad_share} bad ({kinds}), {packing}, {made.chunk_sizes}"
    return made


def _image(n: int, writer: _Writer, bad_share: float) -> bytes:
    rng = writer.rng
    raw = image(n, f"video_{n % 5}", width=rng.choice([None, 1440, 1440.0]), score=rng.random())
    raw["id"] = _id(n, rng)
    if rng.random() < bad_share:
        return rng.choice(list(IMAGE_KINDS.values()))(raw)
    return writer.value(raw | _more(rng), is_record=True).encode()


def _hand(n: int, images: int, writer: _Writer, bad_share: float, kind: str | None) -> bytes:
    rng = writer.rng
    pose = [round(rng.uniform(-0.2, 1.2), rng.choice([1, 4, 16])) for _ in range(63)]
    box: Any = [rng.choice([rng.randint(-10, 900), round(rng.uniform(0, 900), 3)]) for _ in range(4)]
    raw = hand(
        n,
        _id(rng.randrange(images + 1), rng),
        hand_id=_id(n, rng),
        boxes=rng.choice([box, json.dumps(box), f" {json.dumps(box)} "]),
        keypoint_25d=rng.choice([pose, [pose[joint : joint + 3] for joint in range(0, 63, 3)]]),
        left_right=rng.choice(
            ["Left", "Right", "Left", "Right", "left", " RIGHT "] if bad_share else ["Left", "Right"]
        ),
        positive_sample=[_id(rng.randrange(100), rng) for _ in range(rng.choice([0, 1, 1, 3]))],
        distance=[rng.choice([0, 0.5, 1e-9]) for _ in range(rng.choice([0, 1, 1, 3]))],
    )
    if rng.random() < bad_share:
        return HAND_KINDS[kind or rng.choice(list(HAND_KINDS))](raw)
    return writer.value(raw | _more(rng), is_record=True).encode()


def _id(n: int, rng: random.Random) -> Any:
    return rng.choice([n, n, str(n), str(n), float(n)])


def _more(rng: random.Random) -> Raw:
    if rng.random() < 0.8:
        return {}
    return {rng.choice(_STRINGS): rng.choice([rng.choice(_STRINGS), {"boxes": [{}], "a:b": None}, [[]], 10**30, 1e300])}


def _write_document(made: RandomFile, writer: _Writer) -> None:
    rng = writer.rng
    members: list[Any] = [*SECTIONS, *rng.sample(_OTHER_MEMBERS, rng.choice([0, 0, 1, 3]))]
    rng.shuffle(members)
    text = rng.choice([b"", b"", b"\xef\xbb\xbf"]) + writer.space().encode() + b"{"
    for number, member in enumerate(members):
        text += b"," if number else b""
        name = member if isinstance(member, str) else member[0]
        text += f"{writer.space()}{writer.string(name)}{writer.space()}:{writer.space()}".encode()
        if isinstance(member, str):
            text = _with_array(text, member, made, writer)
        else:
            text += writer.value(member[1]).encode()
    made.text = text + writer.space().encode() + b"}" + writer.space().encode()


def _with_array(text: bytes, section: Section, made: RandomFile, writer: _Writer) -> bytes:
    parts, length = [text, b"["], len(text) + 1
    offsets = made.offsets[section] = []
    for number, record in enumerate(made.records[section]):
        lead = (b"," if number else b"") + writer.space().encode()
        offsets.append(length + len(lead))
        parts += [lead, record, tail := writer.space().encode()]
        length += len(lead) + len(record) + len(tail)
    return b"".join([*parts, writer.space().encode(), b"]"])


def _packed(text: bytes, rng: random.Random) -> tuple[bytes, str]:
    packers: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress, "none": bytes}
    name = rng.choice(["none", "none", "gzip", "zstd"])
    cuts = sorted(rng.randrange(len(text) + 1) for _ in range(rng.choice([0, 0, 3])))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    skip = b"\x5a\x2a\x4d\x18\x02\0\0\0ab" if name == "zstd" and rng.random() < 0.5 else b""
    return b"".join(skip + packers[name](piece) for piece in pieces) + (skip and bytes(7)), name
