"""One HTML page that needs nothing else: pictures inside, no script, nobody to ask, light or dark as is liked."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final, Literal, TypeAlias

from hand100m_assets.render.report.style import STYLE

Tone: TypeAlias = Literal["good", "waiting", "wrong", "quiet"]
"""What the colour of a figure or bar says."""

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Whatever a text from an annotation file may hold: a browser runs nothing of it and asks nobody."""


def html_page(title: str, body: Iterable[str]) -> str:
    """The whole document. What `body` holds must come from the functions below, which escape all text."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
            *body,
            "</main>\n</body>\n</html>\n",
        ]
    )


def heading(title: str, subtitle: str) -> str:
    """The first lines of the page."""
    return f'<h1>{escape(title)}</h1>\n<p class="quiet">{escape(subtitle)}</p>'


def section(title: str, parts: Iterable[str]) -> str:
    """A titled block of parts."""
    return "\n".join([f"<section>\n<h2>{escape(title)}</h2>", *parts, "</section>"])


def paragraph(text: str, tone: Tone | None = None) -> str:
    """One paragraph of plain text."""
    return f"<p{_class(tone)}>{escape(text)}</p>"


def figures(named: Sequence[tuple[str, str, Tone | None]]) -> str:
    """The figures that matter most, large: name, value, tone."""
    tiles = (f'<div><b{_class(tone)}>{escape(value)}</b><span class="quiet">{escape(name)}</span></div>'
             for name, value, tone in named)  # fmt: skip
    return f'<div class="figures">{"".join(tiles)}</div>'


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows of values; numbers stand right-aligned, with thousands separators."""
    body = [list(row) for row in rows]
    numeric = [bool(body) and all(isinstance(row[i], int | float) for row in body) for i in range(len(columns))]
    head = "".join(
        _cell("th", name.replace("_", " "), is_number) for name, is_number in zip(columns, numeric, strict=True)
    )
    lines = ("".join(_cell("td", v, is_number) for v, is_number in zip(row, numeric, strict=True)) for row in body)
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(f"<tr>{line}</tr>" for line in lines)}</table></div>'


def _cell(tag: str, value: object, is_number: bool) -> str:
    text = (
        "" if value is None else f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    )
    return f"<{tag}{_class('number') if is_number else ''}>{escape(text)}</{tag}>"


def bars(counts: Mapping[str, int], tones: Mapping[str, Tone], other: Tone = "wrong") -> str:
    """Counts with a bar each, as long as its share of the largest."""
    total, largest = sum(counts.values()), max(counts.values(), default=0)
    rows = []
    for name, count in counts.items():
        width = 100 * count / largest if largest else 0
        bar = f'<div class="bar {tones.get(name, other)}" style="width: {width:.2f}%"></div>'
        share = f"{count / total:.1%}" if total else ""
        numbers = "".join(_cell("td", value, is_number=True) for value in (count, share))
        rows.append(f'<tr>{_cell("td", name, is_number=False)}{numbers}<td class="bars">{bar}</td></tr>')
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'


def picture(data: bytes, media_type: str, alt: str, caption: str) -> str:
    """A compressed picture inside the page, with a line above."""
    source = f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
    return f'<figure><figcaption>{escape(caption)}</figcaption><img alt="{escape(alt)}" src="{source}"></figure>'


def side_by_side(parts: Iterable[str]) -> str:
    """Parts beside each other where the window is wide enough."""
    return f'<div class="pair">{"".join(parts)}</div>'


def _class(name: str | None) -> str:
    return f' class="{name}"' if name else ""
