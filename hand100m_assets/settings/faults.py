"""What is wrong with the value of a setting, in our words: the library's speak of inputs, strings and dictionaries."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from hand100m_assets import wrong_values
from hand100m_assets.wrong_values import what_is_needed

_SHOWN_CHARACTERS: Final = 60

_AS_WRITTEN: Final = {"string": "a text in quotes", "path": "a path in quotes", "finite": "a number"}
"""What is expected in the words of a settings file, by how the name of a fault begins."""


def in_words(fault: ErrorDetails, field: FieldInfo | None) -> str:
    """What is wrong with one value, and how it is written.

    Args:
        fault: As the library gives it.
        field: The setting; None if several are at fault together.
    """
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing" or kind.startswith(("too_", "tuple_")):
        return f"must have another number of values{written_like(field)}"
    if kind in ("dict_type", "list_type"):
        return (
            f"must be {'{...}' if kind == 'dict_type' else '[...]'}, not {_shown(fault['input'])}{written_like(field)}"
        )
    expected = _AS_WRITTEN.get(kind.partition("_")[0]) or what_is_needed(kind, context)
    return wrong_values.in_words(fault) if expected is None else f"must be {expected}, not {_shown(fault['input'])}"


def no_json(error: BaseException | None, field: FieldInfo | None) -> str:
    """What is wrong with a value that should be JSON."""
    place = f" (character {error.pos + 1} does not fit)" if isinstance(error, json.JSONDecodeError) else ""
    return f"must be JSON{written_like(field)}{place}"


def named(location: Iterable[int | str], variable: str) -> str:
    """The variable, and the place in its value: `HAND100M_EXPECTED_TOTALS["ego4d/x"][0]`."""
    return variable + "".join(f"[{json.dumps(step, ensure_ascii=False)}]" for step in location)


def written_like(field: FieldInfo | None) -> str:
    """An example of the setting, where it has one."""
    examples = field.examples if field is not None else None
    return f", such as {json.dumps(examples[0], ensure_ascii=False)}" if examples else ""


def _shown(value: object) -> str:
    if value == "":
        return "empty"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
