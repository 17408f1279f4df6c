"""Parses the text of one record with Python's own JSON reader, which decides about all text that is not plain.

If a record has a key twice, the last value counts, as in `json.load`, and the name of the key is returned. NaN and
Infinity, which `json.load` accepts, are not JSON: they are refused, or marked if the record is useful without them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final, NamedTuple

_NO_NUMBER: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?Infinity|NaN', re.DOTALL)


class RecordTextError(Exception):
    """The text of one record is not JSON.

    Attributes:
        rule: Name of the rule that was broken.
        place: Position of the fault, in bytes from the beginning of the record.
        words: What is wrong.
    """

    def __init__(self, rule: str, place: int, words: str) -> None:
        super().__init__(words)
        self.rule, self.place, self.words = rule, place, words


class NoNumber(float):
    """A NaN or an Infinity in the text of a record.

    Attributes:
        name: Its text.
        place: Its position, in bytes from the beginning of the record.
    """

    def __init__(self, name: str) -> None:
        self.name, self.place = name, 0

    @property
    def words(self) -> str:
        """What is wrong, in words."""
        return f"{self.name}, which is not JSON"


class ParsedRecord(NamedTuple):
    """One parsed record.

    Attributes:
        value: An object, or any other JSON value if the record is wrong.
        repeated_keys: Keys that the record has more than once.
        has_no_numbers: Whether the text has a `NoNumber`; the value may lack it, if its key comes again.
    """

    value: Any
    repeated_keys: tuple[str, ...]
    has_no_numbers: bool = False


def parse_record(raw: bytes) -> ParsedRecord:
    """Parse one record.

    Raises:
        RecordTextError: It is not JSON.
    """
    no_numbers: list[NoNumber] = []
    parsed = _parsed(raw, no_numbers)
    if no_numbers:
        raise RecordTextError("nan", no_numbers[0].place, no_numbers[0].words)
    return parsed


def parse_record_with_no_numbers(raw: bytes) -> ParsedRecord:
    """Parse one record, and turn every NaN and Infinity into a `NoNumber`.

    Raises:
        RecordTextError: It is not JSON for another reason.
    """
    return _parsed(raw, [])


def no_number_in(value: object) -> NoNumber | None:
    """A `NoNumber` that the value is or contains, at any depth; None if there is none."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, NoNumber):
            return found
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
    return None


def _parsed(raw: bytes, no_numbers: list[NoNumber]) -> ParsedRecord:
    repeated: tuple[str, ...] = ()

    def as_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        # The last call is for the outermost object, whose keys are the fields.
        repeated = () if len(found) == len(pairs) else _repeated(pairs)
        return found

    def keep(name: str) -> NoNumber:
        no_numbers.append(NoNumber(name))
        return no_numbers[-1]

    try:
        text = raw.decode()
        value = json.loads(text, object_pairs_hook=as_dict, parse_constant=keep)
    except UnicodeDecodeError as error:
        raise RecordTextError("not_utf8", error.start, "bytes that are no UTF-8") from error
    except json.JSONDecodeError as error:
        place = len(text[: error.pos].encode())
        raise RecordTextError("not_json", place, f"not JSON: {error.msg.lower()}") from error
    except RecursionError as error:
        raise RecordTextError("nested_too_deep", 0, "nested too deep to be read") from error
    except ValueError as error:
        raise RecordTextError("not_json", 0, "a number too long to be read") from error
    for no_number, place in zip(no_numbers, _places_of_no_numbers(raw) if no_numbers else (), strict=True):
        no_number.place = place
    return ParsedRecord(value, repeated if isinstance(value, dict) else (), bool(no_numbers))


def _repeated(pairs: list[tuple[str, Any]]) -> tuple[str, ...]:
    return tuple(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)


def _places_of_no_numbers(raw: bytes) -> list[int]:
    """Positions of NaN and Infinity in a text that Python's reader accepts."""
    return [match.start() for match in _NO_NUMBER.finditer(raw) if not match[0].startswith(b'"')]
