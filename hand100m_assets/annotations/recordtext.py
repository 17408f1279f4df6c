"""The text of one record -> its value by Python's own JSON reader: the authority on whatever is not plain.

Of equal keys in a record the last counts, as in `json.load`, and their names are told. NaN and Infinity, which
`json.load` lets through, are refused: they are not JSON, and no field of a record can be one.
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
        rule: What was broken.
        place: The first byte at fault, from the beginning of the record.
        words: What is wrong.
    """

    def __init__(self, rule: str, place: int, words: str) -> None:
        super().__init__(words)
        self.rule, self.place, self.words = rule, place, words


class ParsedRecord(NamedTuple):
    """One record as JSON gives it.

    Attributes:
        value: Anything may stand where an object should.
        repeated_keys: Keys that the record gives more than once.
    """

    value: Any
    repeated_keys: tuple[str, ...]


class _Infinite(ValueError):  # noqa: N818 - caught below
    pass


def parse_record(raw: bytes) -> ParsedRecord:
    """Parse one record.

    Raises:
        RecordTextError: It is no JSON.
    """
    repeated: tuple[str, ...] = ()

    def as_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        # Called last for the outermost object, whose keys are the fields.
        repeated = () if len(found) == len(pairs) else _repeated(pairs)
        return found

    def refuse(name: str) -> None:
        raise _Infinite(name)

    try:
        text = raw.decode()
        value = json.loads(text, object_pairs_hook=as_dict, parse_constant=refuse)
    except UnicodeDecodeError as error:
        raise RecordTextError("not_utf8", error.start, "bytes that are no UTF-8") from error
    except _Infinite as error:
        raise RecordTextError("nan", _place_of_no_number(raw), f"{error}, which is not JSON") from error
    except json.JSONDecodeError as error:
        place = len(text[: error.pos].encode())
        raise RecordTextError("not_json", place, f"not JSON: {error.msg.lower()}") from error
    except RecursionError as error:
        raise RecordTextError("nested_too_deep", 0, "nested too deep to be read") from error
    except ValueError as error:
        raise RecordTextError("not_json", 0, "a number too long to be read") from error
    return ParsedRecord(value, repeated if isinstance(value, dict) else ())


def _repeated(pairs: list[tuple[str, Any]]) -> tuple[str, ...]:
    return tuple(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)


def _place_of_no_number(raw: bytes) -> int:
    matches = _NO_NUMBER.finditer(raw)
    return next((match.start() for match in matches if not match[0].startswith(b'"')), 0)
