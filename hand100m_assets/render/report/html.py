"""The parts of an HTML page that contains its pictures, has no script, makes no request, and can be light or dark."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined

Tone: TypeAlias = Literal["good", "waiting", "wrong", "quiet"]
"""The meaning of the colour of a figure or bar."""

_TEMPLATES: Final = Environment(
    loader=PackageLoader("hand100m_assets.render.report", ""), autoescape=True, undefined=StrictUndefined
)
_PARTS: Final = _TEMPLATES.get_template("page.html.jinja").module


def _part(macro: str, *values: object) -> str:
    """A finished part. Jinja knows it as HTML (`markupsafe.Markup`) and does not escape it once more."""
    part: str = getattr(_PARTS, macro)(*values)
    return part


def html_page(title: str, body: Iterable[str]) -> str:
    """Build the whole document.

    Args:
        title: Title of the browser's tab.
        body: The parts, each made by a function of this room. Any other text is escaped.

    Returns:
        The document, with its style inside.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.render.report import heading, html_page, paragraph
        >>> page = html_page("My set", [heading("My set", "made today"), paragraph("All is well.", "good")])
        >>> Path("my_set.html").write_text(page) > 1000
        True
    """
    return _part("page", title, body)


def heading(title: str, subtitle: str) -> str:
    """Write the first lines of the page.

    Args:
        title: First line, large.
        subtitle: Second line, small.

    Returns:
        A part of the page.

    Example:
        >>> from hand100m_assets.render.report import heading
        >>> print(heading("Hands & frames", "made today"))
        <h1>Hands &amp; frames</h1>
        <p class="quiet">made today</p>
    """
    return _part("heading", title, subtitle)


def section(title: str, parts: Iterable[str]) -> str:
    """Put parts under a title.

    Args:
        title: Title of the section.
        parts: The content of the section, each part made by a function of this room. Any other text is escaped.

    Returns:
        A part of the page.

    Example:
        >>> from hand100m_assets.render.report import paragraph, section
        >>> print(section("Rules", [paragraph("All kept.")]))
        <section>
        <h2>Rules</h2>
        <p>All kept.</p>
        </section>
    """
    return _part("section", title, parts)


def paragraph(text: str, tone: Tone | None = None) -> str:
    """Write one paragraph.

    Args:
        text: Plain text; it is escaped.
        tone: Its colour; None for the colour of text.

    Returns:
        A part of the page.

    Example:
        >>> from hand100m_assets.render.report import paragraph
        >>> print(paragraph("3 < 5", "good"))
        <p class="good">3 &lt; 5</p>
    """
    return _part("paragraph", text, tone)


def figures(named: Sequence[tuple[str, str, Tone | None]]) -> str:
    """Show the most important figures, large.

    Args:
        named: Name, value and tone of each figure; the tone None is the colour of text.

    Returns:
        A part of the page.

    Example:
        >>> from hand100m_assets.render.report import figures
        >>> print(figures([("hands", "1,204", None)]))
        <div class="figures"><div><b>1,204</b><span class="quiet">hands</span></div></div>
    """
    return _part("figures", named)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Show rows of values. A column of numbers only is aligned right; whole numbers get thousands separators.

    Args:
        columns: Names of the columns; an underscore is shown as a space.
        rows: As many values per row as there are columns; None becomes an empty cell.

    Returns:
        A part of the page.

    Example:
        >>> from hand100m_assets.render.report import table
        >>> print(table(["video_id", "frames"], [("video_a", 6531)]))
        <div class="scroll"><table><tr><th>video id</th><th class="number">frames</th></tr><tr><td>video_a</td><td
        class="number">6,531</td></tr></table></div>
    """
    body = [list(row) for row in rows]
    numeric = [bool(body) and all(isinstance(row[i], int | float) for row in body) for i in range(len(columns))]
    return _part("table", columns, numeric, body)


def bars(counts: Mapping[str, int], tones: Mapping[str, Tone], other: Tone = "wrong") -> str:
    """Show counts, each with its share of all and with a bar as long as its share of the largest count.

    Args:
        counts: Name and count of each bar, from top to bottom.
        tones: Colours by name.
        other: Colour of names that are not in `tones`.

    Returns:
        A part of the page.

    Example:
        >>> from hand100m_assets.render.report import bars
        >>> print(bars({"on disk": 30}, {"on disk": "good"}))
        <div ...><td>on disk</td><td class="number">30</td><td class="number">100.0%</td>...
    """
    return _part("bars", counts, tones, other)


def picture(data: bytes, media_type: str, alt: str, caption: str) -> str:
    """Put a picture into the page.

    Args:
        data: The compressed picture, such as the content of a JPEG file.
        media_type: Its kind, such as `image/jpeg`.
        alt: What the picture shows, for readers who do not see it.
        caption: Line above the picture.

    Returns:
        A part of the page that holds the whole picture.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.render.report import picture
        >>> jpeg = Path("frames/video_a/frame_000030.jpg").read_bytes()
        >>> print(picture(jpeg, "image/jpeg", "a frame", "Frame 30"))
        <figure><figcaption>Frame 30</figcaption><img alt="a frame" src="data:image/jpeg;base64,..."></figure>
    """
    source = f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
    return _part("picture", source, alt, caption)


def side_by_side(parts: Iterable[str]) -> str:
    """Put parts beside each other if the window is wide enough.

    Args:
        parts: Each made by a function of this room. Any other text is escaped.

    Returns:
        A part of the page.

    Example:
        >>> from hand100m_assets.render.report import paragraph, side_by_side
        >>> print(side_by_side([paragraph("left"), paragraph("right")]))
        <div class="pair"><p>left</p><p>right</p></div>
    """
    return _part("side_by_side", parts)
