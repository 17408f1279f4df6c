from .workspace import make_sample

__all__ = [
    "make_sample",
]
