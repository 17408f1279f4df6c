from .boxes import Mp4Outline, read_outline
from .tables import edit_count, refuse_impossible_tables

__all__ = [
    "Mp4Outline",
    "edit_count",
    "read_outline",
    "refuse_impossible_tables",
]
