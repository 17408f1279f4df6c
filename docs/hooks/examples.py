"""Shows the part `Example:` of a docstring as code: griffe knows only `Examples:`, though Google's style has both."""

from __future__ import annotations

import re
from typing import Final

from griffe import Extension, Object

_ONE: Final = re.compile(r"^Example:$", re.MULTILINE)


class Examples(Extension):
    """Names the part as griffe knows it, before anything is read from the docstring."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """Change the docstring of one module, class, function or constant."""
        if obj.docstring is not None:
            obj.docstring.value = _ONE.sub("Examples:", obj.docstring.value)
