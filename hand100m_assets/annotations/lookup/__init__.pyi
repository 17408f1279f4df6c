from .build import build_lookup
from .format import stamp_of_tables
from .hand_table import HandRow, HandTable

__all__ = [
    "HandRow",
    "HandTable",
    "build_lookup",
    "stamp_of_tables",
]
