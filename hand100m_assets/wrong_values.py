"""What is wrong with a value that a model refused, in our words: the library's speak of inputs and validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hand100m_assets.amounts import counted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_NEEDED: Final = {
    "bool": "true or false",
    "dict": "an object",
    "finite": "a finite number",
    "float": "a number",
    "int": "a whole number",
    "json": "JSON",
    "list": "a list",
    "model": "an object",
    "named": "an object",
    "path": "a path",
    "string": "a string",
    "tuple": "a list",
}
"""What is needed, by how the name of a fault begins."""

_LIMITS: Final = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}

_FOUND: Final[dict[type, str]] = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def in_words(fault: ErrorDetails) -> str:
    """Say what is wrong with one value.

    Args:
        fault: One of `ValidationError.errors()`, with its context.

    Example:
        >>> from pydantic import TypeAdapter, ValidationError
        >>> from hand100m_assets.wrong_values import in_words
        >>> try:
        ...     TypeAdapter(list[int]).validate_python("0, 30")
        ... except ValidationError as error:
        ...     in_words(error.errors()[0])
        'must be a list, not a string'
    """
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in ("missing", "missing_argument"):
        return "is missing"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return "is not known"
    if kind in ("too_short", "too_long"):
        return _length("item", context, len(fault["input"]))
    if kind in ("string_too_short", "string_too_long"):
        return _length("character", context, len(fault["input"]))
    found = f", not {_FOUND.get(type(fault['input']), 'something else')}" if kind.endswith("_type") else ""
    needed = what_is_needed(kind, context)
    return "has a value that is not allowed" if needed is None else f"must be {needed}{found}"


def what_is_needed(kind: str, context: dict[str, Any]) -> str | None:
    """Say what a value has to be, such as `a number` or `at least 1`; None for a kind of fault that has no words.

    Args:
        kind: Name of the fault, as the library calls it.
        context: Its details.

    Example:
        >>> from hand100m_assets.wrong_values import what_is_needed
        >>> what_is_needed("less_than_equal", {"le": 100})
        'at most 100'
    """
    if kind in _LIMITS:
        words, name = _LIMITS[kind]
        limit = context[name]
        return f"{words} {int(limit) if limit == int(limit) else limit:,}"
    if kind == "literal_error":
        return str(context["expected"])
    return _NEEDED.get(kind.partition("_")[0])


def _length(unit: str, context: dict[str, Any], found: int) -> str:
    if "min_length" in context:
        return f"must have at least {counted(context['min_length'], unit)}, not {found:,}"
    return f"must have at most {counted(context['max_length'], unit)}, not {found:,}"
