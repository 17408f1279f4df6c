from .planted import planted_fault_lines
from .workspace import make_sample

__all__ = [
    "make_sample",
    "planted_fault_lines",
]
