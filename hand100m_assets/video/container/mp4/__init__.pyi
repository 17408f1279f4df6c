from .boxes import Mp4Outline, read_outline
from .tables import refuse_impossible_tables

__all__ = [
    "Mp4Outline",
    "read_outline",
    "refuse_impossible_tables",
]
