from .html import Tone, bars, figures, heading, html_page, paragraph, picture, section, side_by_side, table

__all__ = [
    "Tone",
    "bars",
    "figures",
    "heading",
    "html_page",
    "paragraph",
    "picture",
    "section",
    "side_by_side",
    "table",
]
