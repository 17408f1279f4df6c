"""Decodes the frames at chosen indices, exactly as a full decode counts them, and reports what was lost."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
